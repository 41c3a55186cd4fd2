"""`toy_sequences`: 32 values on a line from the middle, up to some moment, and on another such line from then on.

    x_t = 32 + round(a t) for t < s,   32 + round(b t) for t >= s,   t = 0 ... 31
    the slopes a, b uniform on [-1, 1], the moment s uniform on 1 ... 31

All values are among 2 * 32 = 64.  Source: F. Fleuret, Deep learning, lecture 10.1: "sequences [...] split in two at a
random position, and are linear in both parts, with slopes ~ U([-1, 1])", "re-centered and discretized into 2T values".
It leaves open where the lines start, and does not say T = 32, but the sizes of its network do.
"""
import numpy as np
from . import DataSet

LENGTH = 32
LEVELS = 2 * LENGTH
ENTROPY = 13.853571143                     # by adding up all 3,131,495 sequences that there can be


def load(train=20_000, test=5_000, seed=0):
    """The data set: the first sequences that the seed gives are for training, the next ones for the test."""
    rng = np.random.default_rng(seed)
    return DataSet("toy_sequences", draw(train, rng), None, draw(test, rng), None, LEVELS, entropy=ENTROPY)


def draw(n, rng):
    """n sequences: (n, LENGTH), uint8"""
    moment, (a, b) = rng.integers(1, LENGTH, (n, 1)), rng.uniform(-1, 1, (2, n, 1))
    t = np.arange(LENGTH)
    return (LENGTH + np.rint(np.where(t < moment, a, b) * t)).astype(np.uint8)


def log_density(x):
    """log p(x) of each sequence, exact, minus infinity for what can't be: (N, LENGTH) to (N,)

    x_t says that the slope is between (x_t - 32.5) / t and (x_t - 31.5) / t.  So what x_0 ... x_{s-1} say together is
    an interval of slopes; half its length is its probability.  Likewise x_s ... x_31.  p(x) is the mean over s.
    """
    t = np.arange(1, LENGTH)
    v = x[:, 1:].astype(np.float64) - LENGTH
    low, high = np.maximum((v - 0.5) / t, -1), np.minimum((v + 0.5) / t, 1)
    before = np.minimum.accumulate(high, 1) - np.maximum.accumulate(low, 1)
    after = np.minimum.accumulate(high[:, ::-1], 1)[:, ::-1] - np.maximum.accumulate(low[:, ::-1], 1)[:, ::-1]
    before = np.concatenate([np.full((len(x), 1), 2.0), before[:, :-1]], 1)    # x_0 alone says nothing on the slope
    p = (before.clip(0) / 2 * after.clip(0) / 2).mean(1)
    with np.errstate(divide="ignore"):
        return np.log(np.where(x[:, 0] == LENGTH, p, 0))
