"""`two_moons`: two half circles of radius 1 that reach into each other, with Gaussian noise of deviation 0.1.

    x = (cos t, sin t) + noise   or   (1 - cos t, 1/2 - sin t) + noise,   half each,   t uniform on [0, pi]

So scaled, the entropy is 1.008 nats.  (With deviation 0.05 it would be 0.289.)
"""
import numpy as np
from . import toy

DEVIATION = 0.1
ENTROPY = 1.007584835                      # by quadrature
NODES = 128                                # of the integral over t: closer together than the noise is wide


def draw(n, rng):
    """n points: (n, 2)"""
    t, upper = rng.uniform(0, np.pi, n), rng.random(n) < 0.5
    moon = np.stack([np.where(upper, np.cos(t), 1 - np.cos(t)), np.where(upper, np.sin(t), 0.5 - np.sin(t))], 1)
    return moon + DEVIATION * rng.standard_normal((n, 2))


def log_density(x):
    """log p(x) of each point, by Gauss and Legendre's rule over t: (N, 2) to (N,)"""
    t, weights = np.polynomial.legendre.leggauss(NODES)                        # on the interval from -1 to 1
    t = np.pi * (t + 1) / 2
    upper, lower = np.stack([np.cos(t), np.sin(t)], 1), np.stack([1 - np.cos(t), 0.5 - np.sin(t)], 1)
    means = np.concatenate([upper, lower])
    return toy.log_mixture(np.tile(weights / 4, 2), np.stack([toy.log_gaussian(x, m, DEVIATION) for m in means]))


def load():
    """The data set."""
    return toy.points("two_moons", draw, ENTROPY)
