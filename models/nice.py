"""NICE, non-linear independent components estimation: coupling layers that only shift, and one scaling at the end,

    y = x + (1 - b) m(b x)   with   log |det| = 0,      z = x exp(s)   with   log |det| = sum of s.

The shifts preserve volume, and the noise has independent logistic entries, p(z) = e^z / (1 + e^z)^2.
Source: L. Dinh, D. Krueger and Y. Bengio, NICE, ICLR 2015 workshop.  On MNIST they report log p = 1980.50 of the
dequantised images in [0, 1]^784, which is 4.36 bits per dimension of the 8-bit ones.  (A lecture says that flows with
determinant 0 preserve volume, RealNVP among them.  It takes |det| = 1, log |det| = 0; and RealNVP's varies.)
"""
import math
import numpy as np
from layers import Module, ModuleList, Parameter, ReLU
from minigrad import exp, full, softplus, tensor
from .flow import Flow, Reshape, StandardiseLayer, entries
from .nvp import check_mask, perceptron


class NICE(Flow):
    """Images or vectors, of two or more entries; each coupling layer keeps every other entry, the next one the others.

    depth           how many coupling layers there are
    hidden, hidden_layers       the width and number of the ReLU layers in each of their networks
    """

    def __init__(self, shape, levels=None, depth=4, hidden=1000, hidden_layers=5):
        super().__init__(shape=shape, levels=levels, depth=depth, hidden=hidden, hidden_layers=hidden_layers)
        size = math.prod(shape)
        if size < 2:
            raise ValueError(f"NICE: takes examples of two or more entries, not of shape {tuple(shape)}")
        self.at_least(1, "depth", "hidden")
        self.at_least(0, "hidden_layers")
        self.layers = ModuleList([Reshape(shape, (size,)), StandardiseLayer((size,))])
        for i in range(depth):
            mask = (np.arange(size) + i) % 2
            self.layers.append(AdditiveCoupling(mask, perceptron(ReLU, size, *[hidden] * hidden_layers, size)))
        self.layers.extend([Scaling(size), Reshape((size,), shape)])

    def base_log_prob(self, z):
        """The log-density of independent standard logistic numbers: (N, *shape) -> (N,)"""
        return (z - 2 * softplus(z)).sum(entries(z))

    def base_sample(self, n, generator):
        return generator.logistic(size=(n, *self.shape))


class AdditiveCoupling(Module):
    """y = x + (1 - b) m(b x).

    mask        b, an array of zeros and ones of an example's shape; both must occur
    network     m, from (N, D) to (N, D)
    """

    def __init__(self, mask, network):
        super().__init__()
        mask = check_mask(mask)
        self.network = network
        self.register_buffer("kept", tensor(mask))
        self.register_buffer("moved", tensor(1 - mask))

    def forward(self, x):
        return x + self.moved * self.network(self.kept * x), 0

    def inverse(self, y):
        return y - self.moved * self.network(self.kept * y)


class Scaling(Module):
    """z = x exp(s) with a learned s for each entry.

    It starts by giving entries of standard deviation 1, which it gets, that of the logistic noise, pi / sqrt(3).
    """

    def __init__(self, size):
        super().__init__()
        self.log_scale = Parameter(full((size,), math.log(math.pi / math.sqrt(3))))

    def forward(self, x):
        return x * exp(self.log_scale), self.log_scale.sum()

    def inverse(self, z):
        return z * exp(-self.log_scale)
