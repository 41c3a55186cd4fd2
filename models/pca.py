"""Principal component analysis: the best linear autoencoder, in closed form.

With the training mean m, and the eigenvectors of the covariance with the d largest eigenvalues as the rows of V,

    f(x) = V (x - m),     g(z) = V' z + m.

No affine map of rank d gives back the training examples with a smaller squared error.  A linear autoencoder that is
trained to the end finds the same reconstructions if it has biases or the data are centred, but its code is V (x - m)
only up to an invertible matrix: the directions themselves are not found.
Source: F. Fleuret, EE-559, lecture 9, where it is compared with the convolutional autoencoder.
"""
import math
import numpy as np
from minigrad import zeros
from minigrad.devices import on_cpu
from .autoencoder import Autocoder

AT_ONCE = 5000         # examples that are held in double precision


class PCA(Autocoder):
    """The principal components.  It learns in `begin`, and has nothing to be trained.

    shape       of the examples: any
    levels      how many values an entry can take, or None for real numbers
    latent      how many components are kept
    """

    def __init__(self, shape, levels=256, latent=8):
        super().__init__(shape=shape, levels=levels, latent=latent)
        entries = math.prod(self.shape)
        if latent > entries:
            raise ValueError(f"PCA: examples of shape {self.shape} have {entries} components, not latent={latent}")
        self.register_buffer("mean", zeros(entries))
        self.register_buffer("components", zeros(latent, entries))

    @property
    def dtype(self):
        """The type of the components, there being no parameters."""
        return self.components.dtype

    def begin(self, data):
        """Find the mean of the training examples and the main eigenvectors of their covariance.

        In double precision, on the CPU, wherever the model is.
        """
        mean = sum(x.sum(0) for x in self.batches(data)) / len(data.train)
        covariance = sum((x - mean).T @ (x - mean) for x in self.batches(data)) / len(data.train)
        _, vectors = np.linalg.eigh(covariance)            # in the order of growing eigenvalues
        self.mean.data[...] = mean
        self.components.data[...] = vectors[:, :-self.latent - 1:-1].T

    def batches(self, data):
        """The training examples' values as rows of float64, some at a time; the same ones at each call."""
        generator = np.random.default_rng(0)
        for start in range(0, len(data.train), AT_ONCE):
            numbers = np.arange(start, min(start + AT_ONCE, len(data.train)))
            yield on_cpu(self.values(data.batch(numbers, generator))).reshape(len(numbers), -1).astype(np.float64)

    def encode(self, values):
        """V (x - m): (N, *shape) -> (N, latent)"""
        return (values.flatten(1) - self.mean) @ self.components.T

    def decode(self, z):
        """V' z + m: (N, latent) -> (N, *shape)"""
        return (z @ self.components + self.mean).reshape(len(z), *self.shape)
