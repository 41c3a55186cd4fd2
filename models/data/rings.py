"""`rings`: four circles around the origin, equally likely, with Gaussian noise of deviation 0.08.

    x = r (cos t, sin t) + noise,   r one of 0.75, 1.5, 2.25 and 3,   t uniform on [0, 2 pi]

The scaling is that of W. Grathwohl, R. Chen, J. Bettencourt, I. Sutskever and D. Duvenaud, FFJORD: free-form continuous
dynamics for scalable reversible generative models, ICLR 2019.
"""
import numpy as np
from . import toy

RADII, DEVIATION = np.array([0.75, 1.5, 2.25, 3]), 0.08
ENTROPY = 2.623182770                      # by quadrature
NODES = 256                                # of the integral over half a circle: closer together than the noise is wide


def draw(n, rng):
    """n points: (n, 2)"""
    t, radius = rng.uniform(0, 2 * np.pi, (n, 1)), RADII[rng.integers(0, 4, (n, 1))]
    return radius * np.concatenate([np.cos(t), np.sin(t)], 1) + DEVIATION * rng.standard_normal((n, 2))


def log_density(x):
    """log p(x) of each point: (N, 2) to (N,)

    At the distance d from the origin, the ring of radius r has the density

        1 / (2 pi s^2) exp(-(d - r)^2 / (2 s^2)) I(d r / s^2),
        I(k) = 1/pi integral from 0 to pi of exp(k (cos t - 1)) dt

    I is a Bessel function, scaled; equally spaced nodes give it to rounding, since its integrand is periodic.
    """
    distance = np.sqrt((x ** 2).sum(1))
    bend = 1 - np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    rings = [np.log(np.exp(-np.outer(distance * r / DEVIATION ** 2, bend)).mean(1))
             - (distance - r) ** 2 / (2 * DEVIATION ** 2) - np.log(2 * np.pi * DEVIATION ** 2) for r in RADII]
    return toy.log_mixture(np.full(len(RADII), 1 / len(RADII)), np.stack(rings))


def load():
    """The data set."""
    return toy.points("rings", draw, ENTROPY)
