"""What the data sets drawn from a known density share: their sizes, their seed, and sums of densities."""
import numpy as np
from . import DataSet

TRAIN, TEST, SEED = 50_000, 20_000, 0


def points(name, draw, entropy):
    """A data set of real vectors, float32; the first ones that the seed gives are for training, the next for the test.

    draw        n, generator -> (n, D)
    entropy     of the distribution, in nats
    """
    rng = np.random.default_rng(SEED)
    train, test = draw(TRAIN, rng).astype(np.float32), draw(TEST, rng).astype(np.float32)
    return DataSet(name, train, None, test, None, levels=None, entropy=entropy)


def log_mixture(weights, log_densities):
    """log sum_k weights_k exp(log_densities_k), over the first axis: (K, N) to (N,)"""
    highest = log_densities.max(0)
    return highest + np.log(np.tensordot(weights, np.exp(log_densities - highest), 1))


def log_gaussian(x, mean, deviation):
    """log N(x; mean, deviation^2 I) for points (N, D): (N,)"""
    d = x.shape[1]
    return -((x - mean) ** 2).sum(1) / (2 * deviation ** 2) - d * np.log(deviation * np.sqrt(2 * np.pi))
