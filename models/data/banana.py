"""`banana`: a Gaussian bent along a parabola.

    x2 ~ N(0, 4^2),   x1 ~ N(x2^2 / 4, 1)

Its entropy is that of the two Gaussians together, log(2 pi e) + log 4 = 4.224 nats.  (Deviation 4; the variance is 16.)
Source: G. Papamakarios, T. Pavlakou and I. Murray, Masked autoregressive flow for density estimation, NeurIPS 2017.
"""
import numpy as np
from . import toy

DEVIATION = 4
ENTROPY = float(np.log(2 * np.pi * np.e * DEVIATION))


def draw(n, rng):
    """n points: (n, 2)"""
    x2 = DEVIATION * rng.standard_normal(n)
    return np.stack([x2 ** 2 / 4 + rng.standard_normal(n), x2], 1)


def log_density(x):
    """log p(x) of each point: (N, 2) to (N,)"""
    x1, x2 = x[:, :1], x[:, 1:]
    return toy.log_gaussian(x2, 0, DEVIATION) + toy.log_gaussian(x1, x2 ** 2 / 4, 1)


def load():
    """The data set."""
    return toy.points("banana", draw, ENTROPY)
