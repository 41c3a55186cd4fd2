"""Data sets: images of whole grey levels, with labels, cut into a training and a test part.

    data = load("mnist")
    data.train.shape, data.train.dtype, data.levels      # (60000, 1, 28, 28), uint8, 256
"""
import importlib
import os
from dataclasses import dataclass
import numpy as np
from ..registry import DATA


@dataclass(frozen=True)
class DataSet:
    """Examples to learn from, and others to be judged by.

    train, test                 arrays of the integers 0 ... levels - 1, (N, channels, height, width), uint8
    train_labels, test_labels   the class of each example, (N,), uint8
    levels                      how many values a pixel can take
    """
    name: str
    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    levels: int = 256

    @property
    def shape(self):
        """The shape of one example."""
        return self.train.shape[1:]


def load(name):
    """The data set of that name.

    Raises ValueError for an unknown name or a damaged file, FileNotFoundError for a file that can't be had.
    """
    if name not in DATA:
        raise ValueError(f"unknown data set {name!r}; there are {', '.join(DATA)}")
    return importlib.import_module(f".{DATA[name].module}", __name__).load()


def folder():
    """Where data files are kept: $MINIGRAD_DATA, or `minigrad` in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.environ.get("MINIGRAD_DATA") or os.path.join(cache, "minigrad")
