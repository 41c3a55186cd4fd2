"""`checkerboard`: uniform on every second square of a 4 x 4 board with squares of side 2.

    p(x) = 1/32 where floor(x1 / 2) + floor(x2 / 2) is even and |x1|, |x2| <= 4, else 0;   the entropy is log 32

The scaling is that of W. Grathwohl, R. Chen, J. Bettencourt, I. Sutskever and D. Duvenaud, FFJORD: free-form continuous
dynamics for scalable reversible generative models, ICLR 2019.
"""
import numpy as np
from . import toy

SIDE, SQUARES = 2, 4
AREA = SIDE ** 2 * SQUARES ** 2 // 2
ENTROPY = float(np.log(AREA))


def draw(n, rng):
    """n points: (n, 2)"""
    column, pair = rng.integers(-2, 2, n), rng.integers(-1, 1, n)
    row = 2 * pair + column % 2                                                # the column's parity, so the sum is even
    return SIDE * (np.stack([column, row], 1) + rng.random((n, 2)))


def log_density(x):
    """log p(x) of each point, minus infinity between the squares: (N, 2) to (N,)"""
    inside = (np.abs(x) <= SIDE * SQUARES / 2).all(1) & (np.floor(x / SIDE).sum(1) % 2 == 0)
    return np.where(inside, -ENTROPY, -np.inf)


def load():
    """The data set."""
    return toy.points("checkerboard", draw, ENTROPY)
