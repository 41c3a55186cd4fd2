"""The cases of `autograd` that students have, too."""
import numpy as np
from ..manifest import Case
from .inputs import (DIAMOND, along, away, binary, broadcast, choice, classifier, corners, diamond, entries, leaves,
                     positive, product, reduced, second_of, seed, slopes, spoiled, unary)


THREE = np.array([(2, 0, 0), (1, 3, 1), (0, 3, 4), (1, 4, 5)])                 # as DIAMOND, but leaf 2 leads nowhere


def summed(rng):
    """A cotangent, and the shape that it is summed to."""
    shape, smaller = broadcast(rng)
    return rng.standard_normal(shape), smaller


def expanded(rng):
    """An expansion, and its cotangent."""
    shape, smaller = broadcast(rng)
    return "expand", rng.standard_normal(shape), (rng.standard_normal(smaller),), (shape,)


def summation(rng):
    """A sum_to, and its cotangent."""
    shape, smaller = broadcast(rng)
    return "sum_to", rng.standard_normal(smaller), (rng.standard_normal(shape),), (smaller,)


PUBLIC = [
    Case("1", "sum_to over new axes and axes of size 1", "summed", summed, 3,
         "sum over the axes that the shape lacks, and over those where it has 1; for a tensor, `record` the result",
         calls=4),
    Case("1", "rule of sum_to", "cotangents", summation, 1, "each summand gets its sum's cotangent", calls=2),
    Case("1", "rule of expand", "cotangents", expanded, 1, "an entry gets the sum of its copies' cotangents", calls=2),

    Case("2", "rule of add", "cotangents", binary("add"), 1, "dy = da + db, and broadcasting undone", calls=2),
    Case("2", "rule of sub", "cotangents", binary("sub"), 1, "dy = da - db, and broadcasting undone", calls=2),
    Case("2", "rule of div", "cotangents", binary("div"), 1, "dy = da / b - (a / b^2) db, and broadcasting undone",
         calls=2),
    Case("2", "rule of remainder", "cotangents", binary("remainder"), 1,
         "dy = da - floor(a / b) db, and broadcasting undone", calls=2),
    Case("2", "rule of pow", "cotangents", binary("pow", positive), 2,
         "dy = b a^(b-1) da + log(a) a^b db, and broadcasting undone", calls=2),
    Case("2", "rule of exp", "cotangents", unary("exp"), 1, "dy = e^x dx"),
    Case("2", "rule of log", "cotangents", unary("log", positive), 1, "dy = dx / x"),
    Case("2", "rule of tanh", "cotangents", unary("tanh"), 1, "dy = (1 - tanh(x)^2) dx"),
    Case("2", "rule of sigmoid", "cotangents", unary("sigmoid"), 1, "dy = y (1 - y) dx"),
    Case("2", "rule of relu", "cotangents", unary("relu"), 1, "dy = dx where x > 0, else 0"),
    Case("2", "rule of where", "cotangents", choice(((3, 4), (3, 4), (3, 4))), 1,
         "dy = da where the condition holds, else db"),

    Case("3", "rule of sum, along one axis", "cotangents", reduced("sum", (2, 3, 4), 1), 1,
         "each summand gets the sum's cotangent"),
    Case("3", "rule of amax, along one axis", "cotangents", reduced("amax", (3, 4), 1), 1,
         "the largest entry gets the cotangent, the others 0"),
    Case("3", "rule of logsumexp, along one axis", "cotangents", reduced("logsumexp", (3, 4), 1), 2,
         "dy = sum of e^(x - y) dx"),
    Case("3", "rule of softmax", "cotangents", along("softmax", (3, 4), 1), 2, "dx gets y (g - sum of g y)", calls=2),
    Case("3", "rule of matmul, two matrices", "cotangents", product((3, 4), (4, 2)), 3,
         "Y = A B: A gets g B', which has A's shape, and B gets A' g", calls=2),
    Case("3", "rule of getitem, a slice and an index", "cotangents", entries((4, 5), ("slice", 1, 3, None), 2), 1,
         "what was read gets its cotangent, all else 0"),
    Case("3", "rule of getitem, an index array", "cotangents",
         entries((5, 2), lambda rng: rng.permutation(5)[[0, 1, 1, 2, 0]]), 2,
         "an entry that is read twice gets the sum of two cotangents"),

    Case("4", "order of the tensors", "order", lambda rng: (leaves(rng, 3), THREE, (5, 6), (1,)), 2,
         "all tensors that lead to the outputs and require gradients, each once, in the order of `serial`"),
    Case("4", "gradients where tensors are used more than once", "backward", diamond, 2,
         "a tensor that is used twice gets the sum of two cotangents, before its own rule runs"),
    Case("4", "gradients of two outputs in chosen tensors", "gradients",
         lambda rng: (leaves(rng, 2), DIAMOND, (6, 4), tuple(rng.standard_normal((2, 3))), (1, 3)), 2,
         "`wanted` tensors that are no leaves get their gradients, too"),
    Case("4", "a chain of 20,000 operations", "chain",
         lambda rng: (rng.uniform(0.9, 1.1, 2), rng.uniform(0.3, 0.6, 2), 20_000), 2,
         "no recursion, and no search through all tensors for each one", seconds=10),
    Case("4", "second derivatives of tanh", "second", second_of(unary("tanh")), 1,
         "under create_graph the rules run on tensors, and what they compute is recorded"),
    Case("4", "second derivatives of matmul", "second", second_of(product((3, 4), (4, 2))), 1,
         "under create_graph the rules run on tensors, and what they compute is recorded"),
    Case("4", "a classifier learns", "train", classifier, 2, "the losses while training, with all rules at work",
         rtol=1e-7, seconds=10),

    Case("5", "central differences", "slope", slopes, 2,
         "(f(x + h d) - f(x - h d)) / 2h, h being step_along(x, d, step)", rtol=1e-8, calls=3),
    Case("5", "kinks", "kinks", corners, 2,
         "the slopes on the two sides must differ, and not only because the function is curved"),
    Case("5", "a rule that is 0.1 % wrong", "verdicts", spoiled("square", 0, 0.001, -0.001), 2,
         "the right rule passes, the wrong ones raise GradientError"),
    Case("5", "a softmax whose rule gives zeros", "verdicts", spoiled("softmax", 0, 1, shapes=((3, 4),)), 2,
         "zeros are right for the sum of the outputs: the cotangent must be random", calls=2),
    Case("5", "the message names the entry", "blamed",
         lambda rng: ("one entry", int(rng.integers(12)) + 1, seed(rng), (away(rng, 3, 4),)), 2,
         "GradientError's message must name the argument and the index of the wrong entry", calls=3),
]
