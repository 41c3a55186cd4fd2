"""What the cases of `convnet` share: makers of inputs, each a function of a generator."""
import numpy as np


def geometry(size, kernel, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1), groups=1, taps=None):
    """The settings of a convolution, in the order of the probes."""
    return size, kernel, stride, padding, dilation, groups, taps


def xw(settings, batch, members, outputs, dtype=np.float64):
    """x and w of a convolution without bias: `members` input and `outputs` output channels in each group."""
    return lambda rng: (images(rng, settings, batch, members, dtype), weights(rng, settings, members, outputs, dtype),
                        None, *settings)


def yw(settings, output, batch, members, outputs, dtype=np.float64):
    """y, whose images are `output` large, and w of the transposed convolution."""
    return lambda rng: (outputs_of(rng, settings, output, batch, outputs, dtype),
                        weights(rng, settings, members, outputs, dtype), None, *settings)


def xy(settings, output, batch, members, outputs, dtype=np.float64):
    """x and y of the weight gradient."""
    return lambda rng: (images(rng, settings, batch, members, dtype),
                        outputs_of(rng, settings, output, batch, outputs, dtype), *settings)


def xwy(settings, output, batch, members, outputs, dtype=np.float64):
    """x, w and y."""
    return lambda rng: (images(rng, settings, batch, members, dtype), weights(rng, settings, members, outputs, dtype),
                        outputs_of(rng, settings, output, batch, outputs, dtype), *settings)


def images(rng, settings, batch, members, dtype):
    """x (N, groups * members, H, W)"""
    return rng.normal(size=(batch, settings[5] * members, *settings[0])).astype(dtype)


def weights(rng, settings, members, outputs, dtype):
    """w (groups * outputs, members, KH, KW)"""
    return rng.normal(size=(settings[5] * outputs, members, *settings[1])).astype(dtype)


def outputs_of(rng, settings, output, batch, outputs, dtype):
    """y (N, groups * outputs, OH, OW)"""
    return rng.normal(size=(batch, settings[5] * outputs, *output)).astype(dtype)


def distinct(rng, shape):
    """Different numbers, positive and negative, in random order."""
    return rng.permutation(np.prod(shape)).reshape(shape) / 7 - np.prod(shape) / 14 + 0.03


def digits(steps, rate):
    """Images of digits, their labels, and the weights that the classifier of `probes.network` begins with."""
    def make(rng):
        from models.data import digits
        x, labels = digits.images(digits.draw_fonts(), 32, rng)
        shapes = ((6, 1, 5, 5), (6,), (12, 6, 3, 3), (12,), (10, 108), (10,))
        weights = [rng.uniform(-1, 1, shape) / np.sqrt(np.prod(shape[1:])) for shape in shapes]
        return x / 255, labels.astype(np.int64), steps, rate, *weights
    return make
