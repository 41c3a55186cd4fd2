"""Activation functions as modules.  What they compute is in minigrad's operations of the same names."""
from minigrad import elu, gelu, leaky_relu, log_softmax, logsigmoid, relu, sigmoid, silu, softmax, softplus, tanh
from .module import Module


class ReLU(Module):
    """max(x, 0)"""

    def forward(self, x):
        return relu(x)


class LeakyReLU(Module):
    """x where it is positive, negative_slope * x elsewhere."""

    def __init__(self, negative_slope=0.01):
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x):
        return leaky_relu(x, self.negative_slope)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}"


class ELU(Module):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere (Clevert et al., 2015)."""

    def __init__(self, alpha=1.0):
        super().__init__()
        self.alpha = alpha

    def forward(self, x):
        return elu(x, self.alpha)

    def extra_repr(self):
        return f"alpha={self.alpha}"


class GELU(Module):
    """x * P(Z <= x), Z standard normal (Hendrycks and Gimpel, 2016); approximate="tanh" for the faster formula."""

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, x):
        return gelu(x, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x * sigmoid(x)"""

    def forward(self, x):
        return silu(x)


class Tanh(Module):
    """tanh(x)"""

    def forward(self, x):
        return tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x))"""

    def forward(self, x):
        return sigmoid(x)


class Softplus(Module):
    """log(1 + exp(x))"""

    def forward(self, x):
        return softplus(x)


class LogSigmoid(Module):
    """log(sigmoid(x))"""

    def forward(self, x):
        return logsigmoid(x)


class Softmax(Module):
    """exp(x) / sum(exp(x)) along dim."""

    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        return softmax(x, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """log(softmax(x)) along dim."""

    def forward(self, x):
        return log_softmax(x, self.dim)
