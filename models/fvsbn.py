"""The fully visible sigmoid belief network: each entry is a logistic regression on those before it,

    p(x_i = 1 | x_1 ... x_{i-1}) = sigmoid(b_i + sum over j < i of W_ij x_j).

The baseline of all autoregressive models: it has no hidden units, and its cost is convex.
Source: R. Neal, Connectionist learning of belief networks, 1992; B. Frey, Graphical models for machine learning and
digital communication, 1998.  Papers that came later give 97.45 nats on binarised MNIST.
"""
import numpy as np
from layers import Parameter
from layers.functional import linear
from minigrad import tril, zeros
from .orderings import Ordered, OrderedCache, check_binary


class FVSBN(Ordered):
    """Logistic regressions, one for each entry.

    shape       of an example, of any number of axes
    levels      2
    order       "natural", "random" (by `seed`) or a permutation of the entries
    """

    def __init__(self, shape, levels=2, order="natural", seed=0):
        super().__init__(shape=shape, levels=levels, order=order, seed=seed)
        check_binary(self)
        self.weight = Parameter(zeros(self.size, self.size))
        self.bias = Parameter(zeros(self.size))

    def outputs(self, codes):
        """The logits of the entries: (N, D) -> (N, D)"""
        return linear(codes, tril(self.weight, -1), self.bias)         # the diagonal would let an entry see itself

    def cache(self, x):
        """At each entry, one scalar product."""
        return FVSBNCache(self, len(x))


class FVSBNCache(OrderedCache):
    """The entries so far."""

    def __init__(self, model, number):
        super().__init__(model, number)
        self.seen = np.zeros((model.size, number), model.dtype, like=model.weight.data)

    def output(self, i):
        """The logit of the i-th entry: (1, N)"""
        model = self.model
        return model.weight.data[i:i + 1, :i] @ self.seen[:i] + model.bias.data[i]

    def take(self, i, code):
        """The i-th entry is known now."""
        self.seen[i] = code
