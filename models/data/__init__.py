"""Data sets: images, sequences, vectors or points, with labels where there are any, cut into training and test parts.

    data = load("mnist")
    data.train.shape, data.train.dtype, data.levels      # (60000, 1, 28, 28), uint8, 256
    load("two_moons").entropy                            # 1.008: no model can do better, in nats
    load("mine.npz")                                     # one's own: see models/data/own.py
"""
import importlib
import os
from dataclasses import dataclass
import numpy as np
from ..registry import DATA


@dataclass(frozen=True)
class DataSet:
    """Examples to learn from, and others to be judged by.

    train, test, valid      arrays (N, *shape): of the integers 0 ... levels - 1, uint8, or where levels is None of
                            real numbers, float32.  valid, which a run may choose its best weights by, can be None
    ..._labels              the class of each example, integers (N,), or None
    levels                  how many values an entry can take; None for real numbers
    entropy                 that of the distribution which the examples are drawn from, in nats, where it is known:
                            the least that an example can cost on average
    greys                   of a set that is binarised anew in each batch: the training images' grey levels
    """
    name: str
    train: np.ndarray
    train_labels: np.ndarray | None
    test: np.ndarray
    test_labels: np.ndarray | None
    levels: int | None = 256
    valid: np.ndarray | None = None
    valid_labels: np.ndarray | None = None
    entropy: float | None = None
    greys: np.ndarray | None = None

    @property
    def shape(self):
        """The shape of one example."""
        return self.train.shape[1:]

    def batch(self, numbers, generator):
        """The training examples with these numbers, a batch.

        generator   a numpy.random.Generator, for data sets that draw their batches anew; others don't touch it
        """
        return self.train[numbers] if self.greys is None else binarise(self.greys[numbers], generator)


def binarise(greys, generator):
    """Images of zeros and ones: each pixel is 1 with probability grey / 255."""
    drawn = generator.random(greys.shape, np.float32)
    drawn *= 255
    return (drawn < greys).view(np.uint8)


def load(name):
    """The data set of that name, or the one in a file, where the name is a path that ends in .npz.

    Raises ValueError for an unknown name or a damaged file, FileNotFoundError for a file that can't be had.
    """
    if name.endswith(".npz"):
        return importlib.import_module(".own", __name__).load(name)
    if name not in DATA:
        raise ValueError(f"unknown data set {name!r}; there are {', '.join(DATA)}, or give the path of an .npz file")
    return importlib.import_module(f".{DATA[name].module}", __name__).load()


def folder():
    """Where data files are kept: $MINIGRAD_DATA, or `minigrad` in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.environ.get("MINIGRAD_DATA") or os.path.join(cache, "minigrad")
