"""`eight_gaussians`: eight equal Gaussians in a circle.

    p(x) = 1/8 sum_k N(x; r (cos(k pi/4), sin(k pi/4)), s^2 I),   r = 4 / sqrt(2),   s = 0.5 / sqrt(2)

The scaling is that of W. Grathwohl, R. Chen, J. Bettencourt, I. Sutskever and D. Duvenaud, FFJORD: free-form continuous
dynamics for scalable reversible generative models, ICLR 2019.
"""
import numpy as np
from . import toy

RADIUS, DEVIATION = 4 / np.sqrt(2), 0.5 / np.sqrt(2)
ENTROPY = 2.831578361                      # by quadrature


def centres():
    """The Gaussians' means: (8, 2)"""
    t = np.arange(8) * np.pi / 4
    return RADIUS * np.stack([np.cos(t), np.sin(t)], 1)


def draw(n, rng):
    """n points: (n, 2)"""
    return centres()[rng.integers(0, 8, n)] + DEVIATION * rng.standard_normal((n, 2))


def log_density(x):
    """log p(x) of each point: (N, 2) to (N,)"""
    return toy.log_mixture(np.full(8, 1 / 8), np.stack([toy.log_gaussian(x, c, DEVIATION) for c in centres()]))


def load():
    """The data set."""
    return toy.points("eight_gaussians", draw, ENTROPY)
