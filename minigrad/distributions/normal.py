"""The normal (Gaussian) distribution of a number."""
import math
import numpy as np
from ..broadcasting import expand
from ..elementwise import log
from ..random import randn
from ..tensor import raw
from .distribution import Distribution, as_value, parameter

LOG_ROOT_TWO_PI = 0.5 * math.log(2 * math.pi)


class Normal(Distribution):
    """The normal distribution with mean `loc` and standard deviation `scale`, which broadcast to batch_shape."""

    def __init__(self, loc, scale):
        loc, scale = parameter(loc), parameter(scale)
        try:
            super().__init__(np.broadcast_shapes(loc.shape, scale.shape))
        except ValueError:
            raise ValueError(f"Normal: loc {loc.shape} and scale {scale.shape} can't be broadcast together") from None
        self.require(~np.isnan(raw(loc)), loc, "loc must be numbers")
        self.require(raw(scale) > 0, scale, "scale must be positive")
        self.loc, self.scale = (expand(x, self.batch_shape) for x in (loc, scale))

    def log_prob(self, value):
        """The logarithm of the density at `value`: -(value - loc)^2 / (2 scale^2) - log scale - log sqrt(2 pi)."""
        value = as_value(value)
        self.require(~np.isnan(raw(value)), value, "a value must be a number")
        return -0.5 * ((value - self.loc) / self.scale) ** 2 - log(self.scale) - LOG_ROOT_TWO_PI

    def sample(self, sample_shape=(), generator=None):
        """A draw of shape sample_shape + batch_shape: a constant, no gradient flows to the parameters."""
        return self.rsample(sample_shape, generator).detach()

    def rsample(self, sample_shape=(), generator=None):
        """A draw loc + scale * eps with standard normal eps, through which gradients flow to the parameters."""
        eps = randn(self.full_shape(sample_shape), dtype=self.dtype, device=self.loc.device, generator=generator)
        return self.loc + self.scale * eps

    def entropy(self):
        """1/2 + log sqrt(2 pi) + log scale, in nats."""
        return 0.5 + LOG_ROOT_TWO_PI + log(self.scale)

    @property
    def dtype(self):
        """The type that loc and scale have together."""
        return np.result_type(self.loc.dtype, self.scale.dtype)

    @property
    def mean(self):
        """loc."""
        return self.loc

    @property
    def stddev(self):
        """scale."""
        return self.scale

    @property
    def variance(self):
        """scale squared."""
        return self.scale ** 2
