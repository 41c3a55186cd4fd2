"""The two-stack PixelCNN: one stack of convolutions for the rows above, one for the pixels to the left; no blind spot,

    p(x_i | x_1 ... x_{i-1}) = softmax f(rows above, pixels to the left in the same row).

Each stack is made causal by moving its input, by one row or by one pixel, and by padding on one side only.
Source: F. Fleuret, Deep learning, lecture 10.2; the idea of two stacks is that of A. van den Oord et al., Conditional
Image Generation with PixelCNN Decoders, NIPS 2016.
"""
import numpy as np
from layers import Conv2d, ModuleList
from layers.functional import relu
from minigrad import cat, pad, tensor
from .autoregressive import Autoregressive
from .scaling import Standardise
from .windows import ConvCache, pointwise


class TwoStackPixelCNN(Autoregressive):
    """The lecture's PixelCNN.  A pixel sees, with kernels of 5, the five rows above it in nine columns, and the five
    pixels to its left.

    The lecture calls the stack of the rows above `h` and the other one `v`, the paper the other way round; here they
    are `above` and `left`.  (And the lecture's `return` stands outside of its function.)

    Without the positional encoding the network can't tell where on the page it is, and its samples are right locally
    but fragmented.  The lecture blames that alone; the narrow view has its part in it.

    shape       (1, height, width) of the images
    levels      how many grey levels they have
    channels    of the first convolution of each stack; the second has twice as many, what joins them four times
    kernel_size odd
    positional  whether the bits of row and column are given as further input channels, 5 + 5 of them for 28 x 28
    """

    def __init__(self, shape, levels=256, channels=32, kernel_size=5, positional=True):
        super().__init__(shape=shape, levels=levels, channels=channels, kernel_size=kernel_size, positional=positional)
        if len(shape) != 3 or shape[0] != 1:
            raise ValueError("TwoStackPixelCNN: takes images of one channel, (1, height, width), not examples of shape "
                             f"{tuple(shape)}")
        if kernel_size % 2 == 0:
            raise ValueError(f"TwoStackPixelCNN: kernel_size must be odd, not {kernel_size}: it needs a centre")
        half = kernel_size // 2
        self.scale = Standardise(levels=levels)
        bits = position_bits(*self.shape[1:]) if positional else np.zeros((0, *self.shape[1:]), np.float32)
        self.register_buffer("bits", tensor(bits), persistent=False)
        sizes = [1 + len(bits), channels, 2 * channels]
        self.above = ModuleList(Conv2d(i, o, (half + 1, kernel_size), padding=((half, 0), (half, half)))
                                for i, o in zip(sizes, sizes[1:]))
        self.left = ModuleList(Conv2d(i, o, (1, half + 1), padding=((0, 0), (half, 0)))
                               for i, o in zip(sizes, sizes[1:]))
        self.joint = Conv2d(4 * channels, 4 * channels, 1)
        self.head = Conv2d(4 * channels, levels, 1)

    def begin(self, data):
        """Take mean and standard deviation of the pixels from the training examples."""
        self.scale.fit(data.train)

    def embed(self, x):
        """The network's input: standardised pixels, and the bits of their positions, (N, 1 + bits, H, W)"""
        values = self.scale(x)
        return cat((values, self.bits + values.new_zeros(len(x), 1, 1, 1)), 1)

    def forward(self, e):
        """Embedded images -> the logits of each pixel, given those before it: (N, levels, 1, H, W)"""
        above, left = pad(e, (0, 0, 1, -1)), pad(e, (1, -1))           # a row down, a pixel to the right
        for conv_above, conv_left in zip(self.above, self.left):
            above, left = relu(conv_above(above)), relu(conv_left(left))
        return self.head(relu(self.joint(cat((above, left), 1)))).unsqueeze(2)

    def logits(self, x):
        """All conditionals at once: (N, 1, H, W) -> (N, levels, 1, H, W)"""
        return self(self.embed(x))

    def cache(self, x):
        """At each pixel the layers compute their outputs there only, or in its row."""
        return TwoStackCache(self, len(x))


class TwoStackCache:
    """What the layers of a TwoStackPixelCNN gave at the pixels so far, for N images that are drawn together.

    The stack of the rows above looks to the right as well, so that it can't go pixel by pixel.  But all it sees is
    there when a row begins: it computes the whole row then.
    """

    def __init__(self, model, number):
        self.model, size = model, model.shape[1:]
        self.columns, half = size[1], model.config["kernel_size"] // 2
        self.above = [ConvCache(model.above[0], number, size, before=(half + 1, half)),
                      ConvCache(model.above[1], number, size)]
        self.left = [ConvCache(model.left[0], number, size, before=(0, half + 1)),
                     ConvCache(model.left[1], number, size)]

    def logits(self, position):
        """The conditional of a pixel: (N, levels)"""
        _, row, column = position
        if column == 0:
            pixels = [(row, c) for c in range(self.columns)]
            self.row_above = self.stack(self.above, pixels)
        left, = self.stack(self.left, [(row, column)])
        joint = pointwise(self.model.joint, np.concatenate((self.row_above[column], left)))
        return pointwise(self.model.head, relu(joint)).T

    def stack(self, convolutions, pixels):
        """What a stack gives at these pixels: a list of arrays (channels, N)"""
        first, second = convolutions
        for pixel in pixels:
            second.write(pixel, relu(first.output(pixel)))
        return [relu(second.output(pixel)) for pixel in pixels]

    def write(self, position, values):
        """Take on the values of a pixel: (N,)"""
        _, row, column = position
        bits = self.model.bits.data[:, row, column, None]
        e = np.concatenate((self.model.scale(values[None]).data, np.broadcast_to(bits, (len(bits), len(values)))))
        for first in (self.above[0], self.left[0]):
            first.write((row, column), e)


def position_bits(height, width):
    """The binary digits of each pixel's row and column, the lowest first: 0 or 1, (bits, height, width), float32"""
    row, column = np.mgrid[:height, :width]
    bits = [row >> i & 1 for i in range((height - 1).bit_length())]
    bits += [column >> i & 1 for i in range((width - 1).bit_length())]
    return np.array(bits, np.float32).reshape(-1, height, width)
