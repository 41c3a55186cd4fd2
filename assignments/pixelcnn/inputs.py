"""What the cases share: tolerances, and makers of the probes' arguments."""
import numpy as np


def rounding(terms, dtype=np.float64):
    """How far sums of so many products of numbers of a type may be apart, relative to the largest, if added in other
    orders: 50 units in the last place for the square root of the number."""
    return 50 * np.finfo(dtype).eps * terms ** 0.5


def seed(rng):
    """A seed for the parameters of a network."""
    return int(rng.integers(1 << 30))


def integers(rng, levels, *shape):
    """Examples: levels from 0 on, uint8."""
    return rng.integers(0, levels, shape).astype(np.uint8)


def convolution(mask_type, colours, in_channels, out_channels, kernel, size, *settings, bias=True, dtype=np.float64):
    """A maker of the arguments of probes.layer: a batch of 2."""
    def make(rng):
        x = rng.standard_normal((2, in_channels, *size)).astype(dtype)
        weight = rng.standard_normal((out_channels, in_channels, *kernel)).astype(dtype)
        b = rng.standard_normal(out_channels).astype(dtype) if bias else None
        return mask_type, colours, x, weight, b, *settings
    return make


def gradients(mask_type, colours, in_channels, out_channels, kernel, size):
    """A maker of the arguments of probes.convolution_gradients."""
    make = convolution(mask_type, colours, in_channels, out_channels, kernel, size)
    return lambda rng: (rng.standard_normal((2, out_channels, *size)), *make(rng))


def network(shape, levels, layers, sizes, number):
    """A maker of the arguments of probes.network_logits: a network and so many images."""
    return lambda rng: (shape, levels, layers, sizes, seed(rng), integers(rng, levels, number, *shape))


def table(shape, levels, number, scale=1.0):
    """A maker of the arguments of probes.log_probabilities, without labels."""
    return lambda rng: (scale * rng.standard_normal((levels, *shape)), integers(rng, levels, number, *shape), None)


def filling(shape, levels, number, known):
    """A maker of the arguments of probes.filling, in raster order.   known: rng -> a mask of that shape"""
    def make(rng):
        positions = np.argwhere(np.ones(shape, bool))
        return (integers(rng, levels, number, *shape), known(rng), positions,
                rng.standard_normal((levels, levels)), seed(rng))
    return make


def first_rows(shape, rows):
    """A mask of the first rows of images."""
    mask = np.zeros(shape, bool)
    mask[..., :rows, :] = True
    return mask
