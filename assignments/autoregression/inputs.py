"""What the cases of `autoregression` share: makers of inputs, each a function of a generator, and checks of values."""
import numpy as np


def each(probe, *makers):
    """The arguments of the probe `each`: those that the makers give, one after the other."""
    return lambda rng: (probe, *(make(rng) for make in makers))


def seed(rng):
    """Of a generator."""
    return int(rng.integers(1 << 30))


# ---------------------------------------------------------------------------------------------------------------------
# Tasks 1 and 2

LECTURE = np.array([[1.0, 6, 3, 9, 1], [4, 8, 2, 2, 9]])                       # (2, 5)


def margins(shape, *amounts, value=0):
    """The arguments of `padded`: an array of that shape, and margins."""
    return lambda rng: (rng.standard_normal(shape), amounts, value)


def turned(shape, *amounts):
    """The arguments of `pad_cotangent`."""
    return lambda rng: (rng.standard_normal(shape), amounts)


def convolved(channels, outputs, kernel, length, dilation, shift, batch=2):
    """The arguments of `causal`."""
    shapes = (batch, channels, length), (outputs, channels, kernel), outputs
    return lambda rng: (*map(rng.standard_normal, shapes), dilation, shift)


# ---------------------------------------------------------------------------------------------------------------------
# Task 3

def connections(inputs, outputs, top):
    """Degrees of inputs and outputs, up to `top`, many of them equal, and some outputs that see nothing."""
    return lambda rng: (rng.integers(1, top + 1, inputs), rng.integers(0, top + 1, outputs))


def layer(number, inputs, outputs, top, sort=False, gradient=False):
    """The arguments of `masked` or, if `gradient`, of `masked_gradient`."""
    def make(rng):
        sources, targets = connections(inputs, outputs, top)(rng)
        if sort:
            sources, targets = np.sort(sources), np.sort(targets)
        x, w, g = (rng.standard_normal(shape) for shape in ((number, inputs), (outputs, inputs), (number, outputs)))
        return (g, x, sources, targets) if gradient else (x, w, sources, targets)
    return make


def network(rng, size, *hidden):
    """Ranks of entries in a random order, and degrees for the hidden layers."""
    return rng.permutation(size) + 1, tuple(rng.integers(1, size, n) for n in hidden)


def fair_degrees(arguments, values):
    """The degrees of each layer lie between the least of the layer before and D - 1, and all of them occur."""
    size, hidden, _ = arguments
    if len(values) != 2 * len(hidden):
        return f"draw_degrees must give {len(hidden)} layers, one array each"
    for start in (0, len(hidden)):
        least = 1
        for units, degrees in zip(hidden, values[start:start + len(hidden)]):
            if getattr(degrees, "shape", None) != (units,) or degrees.dtype.kind not in "iu":
                return f"the degrees of {units} hidden units must be an array of so many integers"
            found = set(degrees.tolist())
            if not found <= set(range(least, max(size, 2))):
                return (f"degrees must lie between {least} and {max(size - 1, 1)} here, "
                        f"and they go from {min(found)} to {max(found)}")
            if found != set(range(least, max(size, 2))):
                return f"among {units} units, some degree from {least} to {max(size - 1, 1)} never occurs"
            least = min(found)
    if size > 2 and all(np.array_equal(a, b) for a, b in zip(values, values[len(hidden):])):
        return "another generator must give other degrees"
    return None


def sums_to_one(arguments, values):
    """The probabilities of all examples are not all alike, and add up to 1."""
    p = values[0] if isinstance(values, tuple) else values
    if not (isinstance(p, np.ndarray) and p.dtype.kind == "f" and np.all(p >= 0)):
        return "probabilities must be numbers from 0 on"
    if np.ptp(p) < 1e-3 / p.size:
        return "all examples are equally probable, though the weights are not zero"
    if not abs(p.sum() - 1) < 1e-9:
        return f"the probabilities of all {p.size} examples add up to {p.sum():.9g}, not to 1: some entry sees too much"
    return None


# ---------------------------------------------------------------------------------------------------------------------
# Tasks 4 and 5

def one_layer(rng, shape, levels):
    """b and W of probes.OneLayer: each entry sees those before it, in the order of the flattened example."""
    size = int(np.prod(shape))
    return rng.standard_normal((levels, size)), np.tril(rng.standard_normal((levels, size, size)), -1)


def examples(number, shape, levels):
    """Examples, and b and W."""
    return lambda rng: (rng.integers(0, levels, (number, *shape)), *one_layer(rng, shape, levels))


def filling(shape, levels, share, number=6, shuffle=False):
    """The arguments of `filled`: a share of the entries is known; the others hold numbers that nobody may look at."""
    def make(rng):
        x, b, w = examples(number, shape, levels)(rng)
        order = rng.permutation(x[0].size) if shuffle else np.arange(x[0].size)
        known = np.argsort(rng.permutation(x[0].size)).reshape(shape) < share * x[0].size
        return x, known, order, b, np.abs(w) + w + w[:, ::-1, ::-1], seed(rng)
    return make


def logits(number, levels, scale=2.0, offset=0.0):
    """The arguments of `drawn`."""
    return lambda rng: (scale * rng.standard_normal((number, levels)) + offset, seed(rng))


def weights(rng):
    """The arguments of `indices`: weights that do not add up to 1, some of them 0."""
    p = rng.uniform(0.2, 3, (40, 5))
    p[::3, 0] = p[1::3, 2] = p[2::3, 4] = 0
    return p, 3, seed(rng)


def prefix(shape, levels, known, number=8):
    """The arguments of `completed`: the first `known` entries are known."""
    def make(rng):
        x, b, w = examples(number, shape, levels)(rng)
        return x, (np.arange(x[0].size) < known).reshape(shape), b, w, seed(rng)
    return make
