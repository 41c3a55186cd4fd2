"""The cases of `convnet` that students have, too."""
from ..manifest import Case
from .inputs import arrays, digits, distinct, geometry

PLAIN = geometry((6, 6), (3, 3))                                               # 4 x 4 outputs
STRIDED = geometry((7, 8), (3, 2), (2, 3), (1, 1, 1, 1))                       # 4 x 3


def positions(rng):
    """Some output positions and taps, and the settings that say which pixels they meet in."""
    return rng.integers(0, 5, (6, 4)), (2, 3), (1, 1, 2, 2), (1, 1)


PUBLIC = [
    Case("1", "output size with stride and padding", "output_size", lambda rng: STRIDED, 2,
         "the number of outputs along each axis: floor((H + top + bottom - ((KH - 1) * dilation + 1)) / stride) + 1"),
    Case("1", "pixel with stride and padding", "pixels", positions, 2,
         "the pixel under a tap: r * stride + a * dilation - the padding above, or on the left"),

    Case("2", "convolution, one channel", "convolve", arrays(PLAIN, (4, 4), 1, 1, 1), 3,
         "each output is the sum of the pixels under its window times the kernel, which is not turned round"),
    Case("2", "convolution, several channels, stride and padding", "convolve", arrays(STRIDED, (4, 3), 2, 3, 4), 3,
         "an output sums over all input channels; pixels outside of the image count as zero"),

    Case("3", "transposed convolution, one channel", "convolve_transposed", arrays(PLAIN, (4, 4), 1, 1, 1), 3,
         "each y[r, q] adds the kernel times y[r, q] to the pixels of its window"),
    Case("3", "transposed convolution, several channels, stride and padding", "convolve_transposed",
         arrays(STRIDED, (4, 3), 2, 3, 4), 3, "a pixel sums over all output channels; what falls outside is dropped"),

    Case("4", "weight gradient, one channel", "correlate", arrays(PLAIN, (4, 4), 1, 1, 1), 3,
         "each weight sums the pixels that it was multiplied by times the y that it went into"),
    Case("4", "weight gradient, several channels, stride and padding", "correlate",
         arrays(STRIDED, (4, 3), 2, 3, 4), 3, "a weight sums over all images and positions"),

    Case("5", "bias", "filled", lambda rng: ((2, 3, 4, 5), rng.normal(size=3)), 2,
         "b[c] is added to every entry of channel c"),
    Case("5", "gradient of the bias", "bias_gradient", lambda rng: (rng.normal(size=(2, 3, 4, 5)),), 2,
         "the gradient of b[c] is the sum of everything that b[c] was added to"),

    Case("6", "max-pooling, windows of 2 x 2", "max_pool", lambda rng: (distinct(rng, (2, 2, 4, 6)), 2), 3,
         "the largest entry of each window"),
    Case("6", "gradient of max-pooling, windows of 2 x 2", "max_pool_gradient",
         lambda rng: (distinct(rng, (2, 2, 4, 6)), rng.normal(size=(2, 2, 2, 3)), 2), 3,
         "a window's gradient goes to its largest entry"),

    Case("7", "a classifier of digits learns", "train", digits(30, 0.01), 5,
         "the losses while training, and the logits at the end", rtol=1e-6, seconds=20),
]
