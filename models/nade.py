"""NADE: one hidden layer, which is updated as each entry becomes known,

    a_1 = c,   a_{i+1} = a_i + W_i x_i,   p(x_i = 1 | x_1 ... x_{i-1}) = sigmoid(b_i + V_i . sigmoid(a_i)).

All hidden layers share W, and each differs from the one before by one column: D entries and H units cost O(D H), not
O(D^2 H).  (The lecture lets the layer of entry i see x_i itself, which would give the answer away.)
Source: H. Larochelle and I. Murray, The neural autoregressive distribution estimator, AISTATS 2011 (88.86 nats on
binarised MNIST); B. Uria et al., Neural autoregressive distribution estimation, JMLR 17, 2016 (88.33).
"""
import math
import numpy as np
from layers import Parameter, init
from minigrad import cumsum, empty, operation, sigmoid, sum, unsqueeze, zeros
from .orderings import Ordered, OrderedCache, check_binary


def hidden_layers(x, W, c):
    """sigmoid(a_i) for all entries at once: (N, D, H).   x (N, D), W (D, H), c (H,)"""
    steps = unsqueeze(x, 2) * W
    return sigmoid(c + cumsum(steps, 1) - steps)       # without the step of the entry itself


def nade_sums(x, W, c, V):
    """V_i . sigmoid(c + sum over j < i of W_j x_j) for each entry: the logits but for b.

    x       the entries in the order of drawing: (N, D)
    W, V    (D, H)
    c       (H,)
    Returns (N, D).
    """
    if fused(x):
        from .nade_recurrence import logits            # it holds one hidden layer at a time instead of all D
        return logits(x, W, c, V)
    return (hidden_layers(x, W, c) * V).sum(2)


def nade_sums_rule(g, y, x, W, c, V):
    """With s_i = g_i V_i h_i (1 - h_i), what a_i gets from its own logit:

    V_i gets g_i h_i, c the sum of all s_j, and W_i and x_i the sum over j > i of s_j, times x_i and times W_i.
    """
    if isinstance(g, np.ndarray) and fused(x):
        from .nade_recurrence import gradients
        dW, dc, dV = gradients(g, x, W, c, V)
        return (lambda: nade_cotangents(g, x, W, c, V)[0]), dW, dc, dV
    return nade_cotangents(g, x, W, c, V)


def nade_cotangents(g, x, W, c, V):
    """Those of x, W, c and V, by the formula above."""
    h, g = hidden_layers(x, W, c), unsqueeze(g, 2)
    s = g * V * h * (1 - h)
    later = sum(s, 1, keepdim=True) - cumsum(s, 1)
    return (W * later).sum(2), (unsqueeze(x, 2) * later).sum(0), s.sum((0, 1)), (g * h).sum(0)


def fused(x):
    """Whether the kernels take these entries: bare float32 arrays."""
    return isinstance(x, np.ndarray) and x.dtype == np.float32


recurrence = operation(nade_sums, nade_sums_rule)


class NADE(Ordered):
    """One hidden layer.

    shape       of an example, of any number of axes
    levels      2
    hidden      the number of hidden units
    order       "natural", "random" (by `seed`) or a permutation of the entries
    """

    def __init__(self, shape, levels=2, hidden=500, order="natural", seed=0):
        super().__init__(shape=shape, levels=levels, hidden=hidden, order=order, seed=seed)
        check_binary(self)
        self.at_least(1, "hidden")
        self.W, self.V = Parameter(empty(self.size, hidden)), Parameter(empty(self.size, hidden))
        self.c, self.b = Parameter(zeros(hidden)), Parameter(zeros(self.size))
        init.uniform_(self.W, -1 / math.sqrt(self.size), 1 / math.sqrt(self.size))
        init.uniform_(self.V, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))

    def outputs(self, codes):
        """The logits of the entries: (N, D) -> (N, D)"""
        return recurrence(codes, self.W, self.c, self.V) + self.b

    def cache(self, x):
        """At each entry, one update of the hidden layer."""
        return NADECache(self, len(x))


class NADECache(OrderedCache):
    """The hidden layer's activation, given the entries so far: (H, N)"""

    def __init__(self, model, number):
        super().__init__(model, number)
        self.a = np.repeat(model.c.data[:, None], number, 1)

    def output(self, i):
        """The logit of the i-th entry: (1, N)"""
        return self.model.V.data[i:i + 1] @ sigmoid(self.a) + self.model.b.data[i]

    def take(self, i, code):
        """The i-th entry is known now."""
        self.a += self.model.W.data[i][:, None] * code
