"""The convolutional autoencoder: an encoder f to a few numbers and a decoder g back, trained to give least

    1/N sum over n of ||x_n - g(f(x_n))||^2.

Convolutions with strides make the map smaller, to a single point with `latent` channels, and transposed convolutions
make it larger again.  On 28x28 images the sizes are 28, 24, 20, 9, 4, 1, and back.
Source: F. Fleuret, EE-559, lecture 9.
"""
import numpy as np
from layers import Conv2d, ConvTranspose2d, ReLU, Sequential
from minigrad import ones, randn, zeros
from .latent import Coded, some_of


class Autocoder(Coded):
    """What models have in common that are measured by how well they give back an example, not by a likelihood.

    The squared error is that of an example, summed over its entries; whole numbers are first divided by levels - 1.
    `finish` fits a Gaussian with diagonal covariance to the codes of the training examples, and `sample` draws from it.
    """
    measure = "squared_error"

    def __init__(self, **config):
        super().__init__(**config)
        self.register_buffer("code_mean", zeros(self.latent))
        self.register_buffer("code_std", ones(self.latent))

    def forward(self, values):
        """g(f(x)): (N, *shape) Tensor -> (N, *shape) Tensor"""
        return self.decode(self.encode(values))

    def nats(self, x, generator):
        """||x - g(f(x))||^2 of each example, x being its values, summed over its entries: (N,)"""
        values = self.values(x)
        return ((self(values) - values) ** 2).flatten(1).sum(1)

    def finish(self, data):
        """Fit the Gaussian to the codes of training examples, those that `some_of` chooses.

        The mean of each entry of a code goes into `code_mean.data`; its standard deviation, the root of the mean
        squared distance from that, into `code_std.data`.
        """
        x = some_of(data)
        codes = np.concatenate([self.codes(x[i:i + 100]) for i in range(0, len(x), 100)])
        self.code_mean.data[...] = codes.mean(0)
        self.code_std.data[...] = codes.std(0)

    def sample(self, n, generator, progress=None):
        """n examples, decoded from codes drawn from the fitted Gaussian: (n, *shape) array

        The noise is randn(n, latent) from the generator, in the type of code_mean, and on its device.
        """
        noise = randn(n, self.latent, generator=generator, dtype=self.code_mean.dtype, device=self.device)
        z = self.code_mean + self.code_std * noise
        return self.decoded(z.data)


class Autoencoder(Autocoder):
    """The lecture's autoencoder for MNIST.

    shape       (channels, height, width) of the images; height and width are multiples of 4, 16 at least
    levels      how many values an entry can take, or None for real numbers
    latent      the size of a code
    channels    of the maps in between
    """

    def __init__(self, shape, levels=256, latent=8, channels=32):
        super().__init__(shape=shape, levels=levels, latent=latent, channels=channels)
        check_images("Autoencoder", self.shape)
        self.encoder = convolutions(self.shape, channels, latent)
        self.decoder = transposed_convolutions(self.shape, channels, latent)

    def encode(self, values):
        """f: (N, channels, height, width) -> (N, latent)"""
        return self.encoder(values).flatten(1)

    def decode(self, z):
        """g: (N, latent) -> (N, channels, height, width)"""
        return self.decoder(z.reshape(*z.shape, 1, 1))


def check_images(name, shape):
    """Raise ValueError for a shape that the convolutions below don't take to a single point and back."""
    if len(shape) != 3 or any(size % 4 or size < 16 for size in shape[1:]):
        raise ValueError(f"{name}: takes images (channels, height, width) whose height and width are multiples of 4, "
                         f"16 at least; not {shape}")


def smallest_map(shape):
    """The height and width of what is left of an image before the last convolution below: 4 x 4 of 28 x 28."""
    return shape[1] // 4 - 3, shape[2] // 4 - 3


def convolutions(shape, channels, outputs):
    """Five convolutions from an image to a single point: (N, *shape) -> (N, outputs, 1, 1)"""
    return Sequential(
        Conv2d(shape[0], channels, 5), ReLU(),
        Conv2d(channels, channels, 5), ReLU(),
        Conv2d(channels, channels, 4, stride=2), ReLU(),
        Conv2d(channels, channels, 3, stride=2), ReLU(),
        Conv2d(channels, outputs, smallest_map(shape)))


def transposed_convolutions(shape, channels, inputs):
    """The way back, by transposed convolutions: (N, inputs, 1, 1) -> (N, *shape)

    The mirror image of `convolutions`: each layer undoes the sizes of its counterpart, with the same kernel size and
    stride and the channels exchanged, that of the last one first.  ReLU between them, none after the last one.
    Returns a Sequential.
    """
    return Sequential(
        ConvTranspose2d(inputs, channels, kernel_size=smallest_map(shape)), ReLU(),
        ConvTranspose2d(channels, channels, kernel_size=3, stride=2), ReLU(),
        ConvTranspose2d(channels, channels, kernel_size=4, stride=2), ReLU(),
        ConvTranspose2d(channels, channels, kernel_size=5), ReLU(),
        ConvTranspose2d(channels, shape[0], kernel_size=5))
