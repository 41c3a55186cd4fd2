"""`lecture_1d`: numbers with two humps of unequal height, a target for a flow from the line to the line.

    p(x) = 0.3 N(x; -0.5, 0.2^2) + 0.7 N(x; 0.5, 0.2^2)

The lecture on normalizing flows shows its target as a picture, without a formula; this is one of that kind.
"""
import numpy as np
from . import toy

WEIGHTS, MEANS, DEVIATION = np.array([0.3, 0.7]), np.array([-0.5, 0.5]), 0.2
ENTROPY = 0.404739666                      # by quadrature


def draw(n, rng):
    """n numbers: (n, 1)"""
    hump = (rng.random((n, 1)) < WEIGHTS[1]).astype(int)
    return MEANS[hump] + DEVIATION * rng.standard_normal((n, 1))


def log_density(x):
    """log p(x) of each number: (N, 1) to (N,)"""
    return toy.log_mixture(WEIGHTS, np.stack([toy.log_gaussian(x, mean, DEVIATION) for mean in MEANS]))


def load():
    """The data set."""
    return toy.points("lecture_1d", draw, ENTROPY)
