"""What the cases of `autograd` share: makers of inputs, each a function of a generator."""
import math
import numpy as np

STEP = 6e-6                # of the central differences, as in minigrad.gradcheck


def away(rng, *shape):
    """Numbers of either sign, not near zero."""
    return np.asarray(rng.uniform(0.2, 2, shape) * rng.choice([-1.0, 1.0], shape))


def positive(rng, *shape):
    """Numbers that have a logarithm."""
    return np.asarray(rng.uniform(0.2, 2, shape))


def each(probe, *makers):
    """The arguments of the probe `each`: those that the makers give, one after the other."""
    return lambda rng: (probe, *(make(rng) for make in makers))


def broadcast(rng, axes=3):
    """A shape, and one that broadcasts to it: some leading axes are missing, some others have size 1."""
    shape = tuple(int(n) for n in rng.integers(2, 5, axes))
    kept = shape[int(rng.integers(0, 2)):]
    once = int(rng.integers(len(kept)))
    return shape, tuple(1 if k == once or rng.random() < 0.3 else n for k, n in enumerate(kept))


def two_shapes(rng):
    """The shapes of two operands that are both repeated, and that of their result."""
    n, m, k = (int(size) for size in rng.integers(2, 5, 3))
    return (n, 1, k), (m, 1), (n, m, k)


def unary(name, draw=away, shape=(3, 4)):
    """The arguments of `cotangents` for an operation of one operand."""
    return lambda rng: (name, rng.standard_normal(shape), (draw(rng, *shape),))


def binary(name, draw=away, other=away):
    """The arguments of `cotangents` for an operation of two operands, the second of which is repeated."""
    def make(rng):
        shape, smaller = broadcast(rng)
        return name, rng.standard_normal(shape), (draw(rng, *shape), other(rng, *smaller))
    return make


def both_repeated(name, draw=away, other=away):
    """As `binary`, but both operands are repeated."""
    def make(rng):
        first, second, shape = two_shapes(rng)
        return name, rng.standard_normal(shape), (draw(rng, *first), other(rng, *second))
    return make


def choice(shapes):
    """The arguments of `cotangents` for `where`, its condition and operands having these shapes."""
    condition, a, b = shapes
    result = np.broadcast_shapes(*shapes)
    return lambda rng: ("where", rng.standard_normal(result),
                        (rng.random(condition) < 0.5, away(rng, *a), away(rng, *b)))


def reduced(name, shape, dim, keepdim=False, draw=away):
    """The arguments of `cotangents` for a reduction."""
    dims = range(len(shape)) if dim is None else [d % len(shape) for d in (dim if isinstance(dim, tuple) else (dim,))]
    result = tuple(1 if d in dims else n for d, n in enumerate(shape) if keepdim or d not in dims)
    return lambda rng: (name, rng.standard_normal(result), (draw(rng, *shape),), (dim, keepdim))


def along(name, shape, dim):
    """The arguments of `cotangents` for an operation along an axis, such as softmax."""
    return lambda rng: (name, rng.standard_normal(shape), (away(rng, *shape),), (dim,))


def product(a, b):
    """The arguments of `cotangents` for a matrix product of these shapes."""
    def make(rng):
        x, y = rng.standard_normal(a), rng.standard_normal(b)
        return "matmul", np.asarray(rng.standard_normal((x @ y).shape)), (x, y)
    return make


def entries(shape, *key):
    """The arguments of `cotangents` for reading entries; a function in the key is called with the generator."""
    def make(rng):
        x, chosen = rng.standard_normal(shape), tuple(p(rng) if callable(p) else p for p in key)
        index = tuple(slice(*p[1:]) if isinstance(p, tuple) else ... if isinstance(p, str) else p for p in chosen)
        return "getitem", np.asarray(rng.standard_normal(x[index].shape)), (x,), chosen
    return make


def second_of(first):
    """The arguments of `second`, made from those of `cotangents`."""
    def make(rng):
        name, v, inputs, *settings = first(rng)
        floats = [x for x in inputs if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
        return name, v, tuple(rng.standard_normal(x.shape) for x in floats), inputs, *settings
    return make


# ---------------------------------------------------------------------------------------------------------------------
# Graphs: each step is (0: plus, 1: times, 2: wave; the numbers of its operands)

DIAMOND = np.array([(2, 0, 0), (1, 2, 1), (0, 2, 3), (1, 3, 4), (1, 5, 2)])       # two leaves, 0 and 1


def leaves(rng, number, size=3):
    """The leaves of a graph."""
    return rng.uniform(0.5, 1.5, (number, size))


def random_graph(rng, number=4, length=25):
    """Leaves, and steps that take any tensors before them, so that most are used more than once."""
    steps = [(rng.choice([0, 1, 2, 2]), *rng.integers(max(0, number + n - 6), number + n, 2)) for n in range(length)]
    return leaves(rng, number), np.array(steps)


def diamond(rng):
    """Leaves, steps and a weight, for `backward`."""
    return leaves(rng, 2), DIAMOND, rng.standard_normal(3)


def any_graph(rng):
    """The same, of a random graph."""
    x, steps = random_graph(rng)
    return x, steps, rng.standard_normal(3)


def some_outputs(rng):
    """A random graph of whose tensors three are outputs, one of them twice, and both leaves and others are wanted."""
    x, steps = random_graph(rng)
    last = len(x) + len(steps) - 1
    outputs = (last, last - 3, last, last - 7)
    return x, steps, outputs, tuple(rng.standard_normal((4, 3))), (0, 1, 9, last - 3, 3, last)


def classifier(rng):
    """Points in two overlapping rings, their labels, a rate, a number of steps, and first weights."""
    labels = np.arange(40) % 3
    angle = rng.uniform(0, 2 * math.pi, 40)
    x = (1 + labels)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.2 * rng.standard_normal((40, 2))
    return (x, labels, 0.3, 30, 0.7 * rng.standard_normal((2, 12)), np.zeros(12), 0.4 * rng.standard_normal((12, 3)),
            np.zeros(3))


# ---------------------------------------------------------------------------------------------------------------------
# Gradient checks

def seed(rng):
    """Of the random numbers in a check."""
    return int(rng.integers(1 << 30))


def spoiled(name, *wrongs, shapes=((3,),), draw=away, **settings):
    """The arguments of `verdicts`."""
    return lambda rng: (name, wrongs, seed(rng), tuple(draw(rng, *shape) for shape in shapes), *settings.values())


def slopes(rng):
    """The arguments of `slope`: a point with large and small entries, in a random direction."""
    x = away(rng, 5) * np.array([1, 10, 100, 1, 0.1])
    d = rng.permutation([-1.0, 1.0, 1.0, -1.0, 0.0])
    return x, d, rng.standard_normal(5), rng.standard_normal(1), STEP


def corners(rng):
    """The arguments of `kinks`: numbers that are not near an integer, and 0."""
    return np.append(rng.uniform(0.2, 0.8, 3) * rng.choice([-1.0, 1.0], 3), 0.0), away(rng, 4), STEP, 1e-6
