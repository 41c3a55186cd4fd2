"""The cases of `autograd` that only the grader has."""
import numpy as np
from ..manifest import Case
from .inputs import (along, any_graph, away, both_repeated, choice, corners, each, entries, positive, product,
                     random_graph, reduced, second_of, seed, some_outputs, spoiled, two_shapes, unary)

EDGES = (((2, 3), ()), ((2, 3), (1, 1)), ((0, 3), (1, 3)), ((1, 4), (4,)), ((3, 1, 2), (1, 1, 2)), ((2, 0), (2, 1)),
         ((2, 3), (2, 3)))


def edge(shape, smaller):
    """A cotangent, and the shape that it is summed to."""
    return lambda rng: (rng.standard_normal(shape), smaller)


def to_and_from(rng):
    """The arguments of `cotangents` for sum_to and expand, between the same two shapes."""
    first, _, shape = two_shapes(rng)
    x, g = rng.standard_normal(first), rng.standard_normal(shape)
    return "cotangents", ("expand", g, (x,), (shape,)), ("sum_to", x, (g,), (first,))


def with_numbers(rng):
    """The arguments of `cotangents` for an array and a number, in either order."""
    x, n, g = positive(rng, 3), float(rng.uniform(1.5, 3)), rng.standard_normal(3)
    return "cotangents", *((name, g, pair) for name in ("add", "sub", "div", "pow") for pair in ((x, n), (n, x)))


def powers(rng):
    """Bases and exponents of which some are 0, and negative bases with whole exponents."""
    a = np.array([0.0, 0.0, 0.0, -1.5, 2.0, -0.5, 0.0, 1.0])
    b = np.array([0.0, 2.0, 1.0, 3.0, 0.0, -2.0, 0.5, -1.0])
    chosen = rng.permutation(8)
    return "pow", rng.standard_normal(8), (a[chosen], b[chosen])


def power_numbers(rng):
    """An array to powers that are numbers, whole or not, at 0 as well; and numbers to the powers in an array."""
    x, g = np.append(positive(rng, 3), 0.0), rng.standard_normal(4)
    bases = [("pow", g, (x, n)) for n in (0, 1, 2, 3, 4.0)] + [("pow", g, (x + 1, n)) for n in (-1, -2, 0.5, 2.5)]
    return "cotangents", *bases, *(("pow", g, (n, x)) for n in (2, 0.5, 1.0, 0.0))


def large(name):
    """An operation at numbers where a careless formula overflows, or cancels."""
    return lambda rng: (name, rng.standard_normal(6), (rng.permutation([-800.0, -40.0, -1.0, 1.0, 40.0, 800.0]),))


def at_zero(rng):
    """relu, at zeros of either sign, too."""
    return "relu", rng.standard_normal(6), (rng.permutation([0.0, -0.0, 1e-300, -1e-300, 1.0, -1.0]),)


def ties(dim, keepdim):
    """amax where several entries are the largest."""
    return reduced("amax", (3, 4, 2), dim, keepdim, lambda rng, *shape: rng.integers(0, 3, shape).astype(float))


def extreme(rng):
    """logsumexp of rows of huge numbers, and of rows that hold -inf, alone or beside others."""
    x = away(rng, 4, 3)
    x[0] += 1000
    x[1] -= 1000
    x[2, 1] = -np.inf
    x[3] = -np.inf
    return "logsumexp", rng.standard_normal(4), (x,), (1, False)


def mask(rng):
    """A mask of some of 4 x 3 entries."""
    return rng.permutation(12).reshape(4, 3) < 5


def few(rng):
    """An index array in which positions occur twice."""
    return rng.integers(0, 2, 5)


def two_outputs(rng):
    """A random graph, two of its tensors, and leaves that are constants."""
    return *random_graph(rng), (28, int(rng.integers(10, 28))), (1, 2)


def some_of(*numbers):
    """Draws these numbers, in any order."""
    return lambda rng, *shape: rng.permutation(numbers)


def single(rng, *shape):
    """float32."""
    return away(rng, *shape).astype(np.float32)


CHOICES = ((3, 1), (4,), (2, 3, 1)), ((4,), (3, 4), (1, 4))
SQUARES = product((3, 3), (3, 3))
SHAPES = (product((3,), (3,)), product((2, 3), (3,)), product((3,), (3, 2)), product((2, 4, 3), (3,)),
          product((3,), (2, 3, 4)))
STACKS = (product((2, 3, 4), (4, 5)), product((2, 3, 4), (2, 4, 3)), product((2, 1, 3, 4), (3, 4, 2)),
          product((3, 4), (2, 4, 3)), SQUARES)
KEYS = (entries((4, 3), mask), entries((2, 3, 4), "...", None, ("slice", None, None, -2)),
        entries((3, 4), -1, ("slice", 0, 4, 3)), entries((4, 5), few, ("slice", 1, None, 2)), entries((3, 3), few, few))

HIDDEN = [
    Case("1", "sum_to of shapes at the edge", "each", each("summed", *(edge(*shapes) for shapes in EDGES)), 3,
         "sum_to is wrong for a shape without axes, without entries, or of ones only"),
    Case("1", "rules of sum_to and expand, both ways", "each", to_and_from, 2,
         "the rule of sum_to or of expand is wrong for other shapes", calls=2),

    Case("2", "add and sub of two operands that are both repeated", "each",
         each("cotangents", both_repeated("add"), both_repeated("sub")), 1,
         "the rule of add or of sub is wrong where both operands are repeated"),
    Case("2", "div of two operands that are both repeated", "cotangents", both_repeated("div"), 1,
         "the rule of div is wrong where both operands are repeated", calls=2),
    Case("2", "an operand that is a number", "each", with_numbers, 2,
         "the rule of add, sub, div or pow is wrong where one operand is a Python number"),
    Case("2", "pow at zero, and of negative bases", "cotangents", powers, 2,
         "the rule of pow is wrong where the base or the exponent is 0, or the base negative"),
    Case("2", "pow with one number", "each", power_numbers, 1,
         "the rule of pow is wrong where the base or the exponent is a Python number, for instance 0"),
    Case("2", "large numbers", "each", each("cotangents", large("sigmoid"), large("tanh")), 1,
         "the rule of sigmoid or of tanh is not finite, or not exact, at large numbers"),
    Case("2", "relu at zero", "cotangents", at_zero, 1, "the rule of relu is wrong at or near 0; at 0 it gives 0"),
    Case("2", "where with broadcasting", "each",
         each("cotangents", *(choice(shapes) for shapes in CHOICES)), 1,
         "the rule of where is wrong where operands are repeated"),

    Case("3", "sum over several axes, all axes, and with keepdim", "each",
         each("cotangents", reduced("sum", (2, 3, 4), (0, 2)), reduced("sum", (2, 3), None), reduced("sum", (3, 3), 0),
              reduced("sum", (2, 3, 2), (1, -1), True)), 2,
         "the rule of sum is wrong for several axes, for all, or with keepdim"),
    Case("3", "amax where entries are equal", "each",
         each("cotangents", ties(1, False), ties((0, 2), True), ties(None, False), ties(-1, True)), 2,
         "the rule of amax is wrong where several entries are the largest: they share the cotangent equally"),
    Case("3", "logsumexp of huge and infinite numbers", "cotangents", extreme, 1,
         "the rule of logsumexp is wrong where numbers are huge or -inf"),
    Case("3", "logsumexp over several axes, and with keepdim", "each",
         each("cotangents", reduced("logsumexp", (3, 3), 0), reduced("logsumexp", (2, 3, 4), (0, 2), True),
              reduced("logsumexp", (2, 3), None)), 1,
         "the rule of logsumexp is wrong for the first axis, for several axes, or with keepdim"),
    Case("3", "softmax along another axis", "each",
         each("cotangents", along("softmax", (4, 4), 0), along("softmax", (2, 3, 4), 1)), 1,
         "the rule of softmax is wrong along an axis that is not the last one"),
    Case("3", "matmul with vectors", "each", each("cotangents", *SHAPES), 2,
         "the rule of matmul is wrong where an operand is a vector"),
    Case("3", "matmul of stacks", "each", each("cotangents", *STACKS), 2,
         "the rule of matmul is wrong for stacks of matrices, or for square ones"),
    Case("3", "other keys", "each", each("cotangents", *KEYS), 1,
         "the rule of getitem is wrong for masks, steps, new axes, or several index arrays"),

    Case("4", "random graphs", "backward", any_graph, 3, "backward is wrong on larger graphs", calls=5),
    Case("4", "order in random graphs", "order", two_outputs, 1, "reachable is wrong on larger graphs", calls=3),
    Case("4", "a ladder of sixty diamonds", "ladder", lambda rng: (rng.uniform(-2, 2, 3), 60), 1,
         "in a graph with very many paths, each rule must run once, and be given the whole cotangent", seconds=10),
    Case("4", "several outputs, any wanted tensors", "gradients", some_outputs, 2,
         "grad is wrong for several outputs, for one that is there twice, or for wanted tensors that are no leaves",
         calls=3),
    Case("4", "what nobody needs", "spared", lambda rng: (away(rng, 2, 3), rng.standard_normal(3)), 1,
         "rules run that no wanted tensor needs"),
    Case("4", "arrays that are somebody else's", "untouched", lambda rng: (away(rng, 2, 3), rng.standard_normal(3)), 1,
         "a cotangent is changed in place, though somebody else still uses its array"),
    Case("4", "freeing the graph, or keeping it", "freed", lambda rng: (away(rng, 3), rng.standard_normal(3)), 1,
         "retain_graph is not obeyed"),
    Case("4", "the recording switch", "switch", lambda rng: (away(rng, 3),), 1,
         "rules must run with `core.recording` as create_graph says, and it must be put back, also after an error"),
    Case("4", "second derivatives of other operations", "each", each("second", *map(second_of, (
        both_repeated("div"), both_repeated("pow", positive), unary("sigmoid"), unary("exp"), unary("log", positive),
        reduced("logsumexp", (3, 4), 1), along("softmax", (3, 4), 1), product((2, 3, 4), (4, 2)),
        product((3,), (3, 2))))), 1, "a second derivative is wrong, though the first may be right"),

    Case("5", "one wrong entry among two thousand", "blamed",
         lambda rng: ("one entry", int(rng.integers(2000)) + 1, seed(rng), (away(rng, 40, 50),)), 1,
         "a large input with one wrong entry passes, or another entry is named, or a right rule does not pass",
         calls=3),
    Case("5", "cotangents that are missing, NaN, or exchanged", "each",
         each("verdicts", spoiled("nothing", 0, 1), spoiled("NaN", 0, 1), spoiled("exchanged", 0, 1)), 2,
         "a rule passes that gives nothing, NaN, or two entries in each other's place"),
    Case("5", "the second argument", "each",
         each("verdicts", spoiled("product", 0, 1, shapes=((3,), (3,))),
              spoiled("matrix", 0, 1, shapes=((2, 4), (4, 4)))), 1,
         "a rule passes that is wrong for one of two arguments"),
    Case("5", "several outputs", "verdicts", spoiled("outputs", 0, 0.01, shapes=((2, 3),)), 1,
         "a function passes whose second output has a wrong rule"),
    Case("5", "at a kink and beside it", "each",
         each("verdicts", spoiled("gate", 0, 1, draw=some_of(0.0, 1.0, 2.0)),
              spoiled("gate", 0, 1, draw=some_of(1e-3, -1e-3, -1.0)),
              spoiled("steep", 0, 0.1, draw=some_of(-0.4, 0.3, 1.0))), 1,
         "a kink, a right rule beside one, or a wrong rule of a strongly curved function is not told apart", calls=2),
    Case("5", "kinks in other functions' places", "kinks", corners, 1, "has_kink is wrong at other points", calls=3),
    Case("5", "the complex step", "verdicts", spoiled("square", 0, 1e-7, analytic=True), 1,
         "with analytic=True, an error of 1e-7 must be seen"),
    Case("5", "float32, and points without axes or entries", "each",
         each("verdicts", spoiled("square", 0, draw=single), spoiled("square", 0, 0.5, shapes=((),)),
              spoiled("square", 0, shapes=((0,),))), 1,
         "float32 must be refused, and inputs of any shape be checked"),
    Case("5", "second derivatives", "verdicts_of_second", lambda rng: ((0, 1), seed(rng), away(rng, 3)), 1,
         "gradgradcheck does not see that a rule is not differentiable"),
]
