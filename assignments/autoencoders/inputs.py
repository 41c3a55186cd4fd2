"""What the cases share: tolerances, and makers of the probes' arguments."""
import numpy as np


def rounding(terms, dtype=np.float64):
    """How far sums of so many numbers of a type may be apart, relative to the largest, if added in other orders: 50
    units in the last place for the square root of the number."""
    return 50 * np.finfo(dtype).eps * terms ** 0.5


def seed(rng):
    """A seed for parameters, or for a generator."""
    return int(rng.integers(1 << 30))


def integers(rng, levels, *shape):
    """Examples: levels from 0 on, uint8."""
    return rng.integers(0, levels, shape).astype(np.uint8)


def codes(shape, channels, number, inputs):
    """A maker of the arguments of probes.decoded."""
    return lambda rng: (shape, channels, rng.standard_normal((number, inputs, 1, 1)), seed(rng))


def autoencoder(rng, latent, entries, levels=None):
    """V, W and levels of a linear autoencoder."""
    return rng.standard_normal((latent, entries)), 0.3 * rng.standard_normal((entries, latent)), levels


def gaussians(number, *shape, dtype=np.float64):
    """A maker of arrays: mean and logarithm of the variance, of so many Gaussians."""
    return lambda rng: (rng.standard_normal((number, *shape)).astype(dtype),
                        rng.standard_normal((number, *shape)).astype(dtype))


def points_and_gaussians(number, *shape):
    """A maker of the arguments of probes.log_normal."""
    return lambda rng: (rng.standard_normal((number, *shape)), *gaussians(number, *shape)(rng))


def reparameterised(number, size, dtype=np.float64):
    """A maker of the arguments of probes.reparameterised."""
    return lambda rng: (*gaussians(number, size, dtype=dtype)(rng),
                        rng.standard_normal((number, size)).astype(dtype), seed(rng))


def linear(rng, offset=0.0, stretch=1.0, entries=4):
    """A linear model x = W z + b + noise, W having two orthogonal columns, and how its encoder misses the posterior."""
    directions, _ = np.linalg.qr(rng.standard_normal((entries, 2)))
    return directions * rng.uniform(0.7, 1.5, 2), rng.standard_normal(entries), 0.5, offset, stretch


def examples_and_linear(number, *settings, offset=0.0, stretch=1.0, scale=2.0):
    """A maker: examples, the other settings, a seed, and the linear model."""
    def make(rng):
        x = scale * rng.standard_normal((number, 4))
        return x, *settings, seed(rng), *linear(rng, offset, stretch)
    return make


def image(levels, network, number, *shape):
    """A maker of the arguments of probes.log_likelihood."""
    def make(rng):
        x = rng.random((number, *shape)) if levels is None else integers(rng, levels, number, *shape)
        return shape, levels, network, 0.2, seed(rng), x, rng.standard_normal((number, 2))
    return make
