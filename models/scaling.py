"""Numbers of any scale as numbers around zero: what networks are best given."""
import numpy as np
from layers import Module
from minigrad import as_tensor, tensor


class Standardise(Module):
    """(x - mean) / std.  The two are no parameters: `fit` takes them from data.

    shape       of mean and std: that of an example, one of each for every entry; (C, 1, 1), one for each channel of
                images; or (), one for all entries
    levels      where given, mean and std are, until `fit` is called, those of all levels being equally likely; else
                they are 0 and 1
    """

    def __init__(self, shape=(), levels=None):
        super().__init__()
        mean, std = (0, 1) if levels is None else ((levels - 1) / 2, ((levels ** 2 - 1) / 12) ** 0.5)
        self.register_buffer("mean", tensor(np.full(shape, mean, np.float32)))
        self.register_buffer("std", tensor(np.full(shape, std, np.float32)))

    def fit(self, x):
        """Take mean and std from an array of examples.  Numbers that are all the same are only centred.

        Returns the standard deviations, 0 for these.
        """
        own = self.mean.shape
        axes = tuple(axis for axis, size in enumerate((1,) * (x.ndim - len(own)) + own) if size == 1)
        mean, std = (function(x, axes, dtype=np.float64).reshape(own) for function in (np.mean, np.std))
        self.mean.data[...], self.std.data[...] = mean, np.where(std > 0, std, 1)
        return std

    def forward(self, x):
        """An array, of integers too, or a tensor -> a tensor of the buffers' type, where they are, in the same shape"""
        return (as_tensor(x).to(self.mean) - self.mean) / self.std

    def inverse(self, y):
        """From standardised numbers, a tensor, back to those that they were: in the same shape"""
        return y * self.std + self.mean
