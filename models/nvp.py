"""Non-volume preserving networks: coupling layers keep some entries, and scale and shift the others by functions of
the kept ones,

    y = b x + (1 - b) (x exp(s(b x)) + t(b x)),     log |det dy/dx| = sum of (1 - b) s(b x),

with a mask b of zeros and ones.  The Jacobian is triangular, and the inverse needs no inverse of s or t.
Source: Fleuret's lecture 10.3 (NVPNet); L. Dinh, J. Sohl-Dickstein and S. Bengio, Density estimation using Real NVP,
ICLR 2017.  (The layers of L. Dinh, D. Krueger and Y. Bengio, 2014, which the lecture credits, only shift: see nice.py.)
The lecture adds up |J| where its code rightly adds log |J|, and calls its class with `hidden_dim` for `hdim`.
"""
import math
import numpy as np
from layers import Linear, Module, ModuleList, ReLU, Sequential, Tanh, init
from minigrad import exp, tanh, tensor
from minigrad.random import randperm
from .flow import Flow, StandardiseLayer, entries

ACTIVATIONS = {"tanh": Tanh, "relu": ReLU}


class NVP(Flow):
    """A chain of coupling layers on vectors (D,), D >= 2.  Masks keep random halves, then the other halves.

    depth       how many coupling layers there are
    hidden, hidden_layers       the width and number of the hidden layers in each network.  One network gives both s
                and t; the lecture's two networks with a hidden layer of 2 are a special case of hidden=4
    activation  "tanh", as in the lecture, or "relu", which learns separate clusters sooner
    bound       s = bound tanh(s'): scales lie between exp(-bound) and exp(bound), so nothing overflows
    """

    def __init__(self, shape, levels=None, depth=4, hidden=4, hidden_layers=1, activation="tanh", bound=2.0):
        super().__init__(shape=shape, levels=levels, depth=depth, hidden=hidden, hidden_layers=hidden_layers,
                         activation=activation, bound=bound)
        if len(shape) != 1 or shape[0] < 2:
            raise ValueError(f"NVP: takes vectors of two or more entries, (D,), not {tuple(shape)}")
        self.at_least(1, "depth", "hidden")
        self.at_least(0, "hidden_layers")
        if activation not in ACTIVATIONS:
            raise ValueError(f"NVP: the activation must be {' or '.join(ACTIVATIONS)}, not {activation!r}")
        self.layers = ModuleList([StandardiseLayer(shape)])
        mask = np.zeros(shape[0])
        for i in range(depth):
            mask = 1 - mask if i % 2 else half_mask(shape[0], other_than=mask)
            network = perceptron(ACTIVATIONS[activation], shape[0], *[hidden] * hidden_layers, 2 * shape[0])
            self.layers.append(Coupling(mask, network, bound))


def half_mask(size, other_than):
    """A vector of zeros, with ones at a random half of its entries, and not the one that came before."""
    while True:
        mask = np.zeros(size)
        mask[randperm(size).data[:size // 2]] = 1
        if not np.array_equal(mask, other_than):
            return mask


def perceptron(activation, *sizes):
    """Linear layers of these sizes with the activation, a class, between them.  The last one starts with zeros."""
    layers = []
    for before, after in zip(sizes, sizes[1:]):
        layers += [Linear(before, after), activation()]
    return Sequential(*layers[:-2], zero(layers[-2]))


def zero(layer):
    """The layer, with weight and bias set to zero: a coupling layer that ends so starts as the identity."""
    for parameter in layer.parameters():
        init.zeros_(parameter)
    return layer


class Coupling(Module):
    """The affine coupling layer.

    mask        b, an array of zeros and ones that broadcasts to an example; both must occur
    network     takes b x, (N, C, ...), gives s' and t, one after the other: (N, 2 C, ...)
    bound       s = bound tanh(s'); 0 or more
    """

    def __init__(self, mask, network, bound):
        super().__init__()
        if not 0 <= bound < math.inf:
            raise ValueError(f"Coupling: bound must be a number from 0 on, not {bound}")
        mask = check_mask(mask)
        self.network = network
        self.register_buffer("kept", tensor(mask))
        self.register_buffer("moved", tensor(1 - mask))
        self.register_buffer("limit", tensor(bound * (1 - mask)))

    def scale_and_shift(self, x):
        """s and t of x, each in x's shape, and zero where entries are kept.

        They depend on the kept entries only: the network sees b x.
        """
        s, t = self.network(self.kept * x).chunk(2, 1)
        return self.limit * tanh(s), self.moved * t

    def forward(self, x):
        """y = x exp(s) + t, with s and t of x, and log |det|: (N, C, ...) -> (N, C, ...), (N,)"""
        s, t = self.scale_and_shift(x)
        return x * exp(s) + t, s.sum(entries(s))

    def inverse(self, y):
        """The x of which `forward` makes y: (N, C, ...) -> (N, C, ...)"""
        s, t = self.scale_and_shift(y)     # b y = b x
        return (y - t) * exp(-s)


def check_mask(mask):
    """The mask in float32.  Raises ValueError unless it is made of zeros and ones, with both of them."""
    mask = np.asarray(mask, np.float32)
    if set(np.unique(mask)) != {0, 1}:
        raise ValueError(f"a coupling layer's mask must hold zeros and ones, both, and this one holds "
                         f"{np.unique(mask).tolist()}")
    return mask
