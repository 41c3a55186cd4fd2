"""What the cases of `convnet` share: makers of inputs, each a function of a generator."""
import numpy as np


def geometry(size, kernel, stride=(1, 1), padding=(0, 0, 0, 0), dilation=(1, 1), groups=1, taps=None):
    """The settings of a convolution, in the order of the probes."""
    return size, kernel, stride, padding, dilation, groups, taps


def arrays(settings, output, batch, members, outputs, dtype=np.float64):
    """x, w and y of a convolution, and its settings: `members` input and `outputs` output channels in each group, and
    outputs of the size `output`, (OH, OW).  Each of the three operations adds to one of the three arrays."""
    size, kernel, groups = settings[0], settings[1], settings[5]
    shapes = ((batch, groups * members, *size), (groups * outputs, members, *kernel),
              (batch, groups * outputs, *output))
    return lambda rng: (*(rng.normal(size=shape).astype(dtype) for shape in shapes), *settings)


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
