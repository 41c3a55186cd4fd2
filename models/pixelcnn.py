"""PixelCNN: an image is drawn pixel by pixel in raster order, each from a distribution that depends on those before it,

    p(x) = product over i of p(x_i | x_1 ... x_{i-1}),      x_i = R, G, B:  p(R | ...) p(G | R, ...) p(B | R, G, ...).

One stack of masked convolutions computes all factors at once: no output sees its own pixel or a later one.
Source: A. van den Oord, N. Kalchbrenner and K. Kavukcuoglu, Pixel Recurrent Neural Networks, ICML 2016 (81.30 nats on
binarised MNIST, with 15 residual blocks).
"""
import numpy as np
from layers import Embedding, MaskedConv2d, ModuleList, Parameter
from layers.functional import relu
from minigrad import zeros
from .autoregressive import Autoregressive
from .windows import ConvCache, pointwise


class PixelCNN(Autoregressive):
    """The simplified PixelCNN of Aalto's homework: a masked convolution of type A, residual ones of type B, a softmax.

    A grey level enters as a learned vector, not as a number: 0 and 1 mean background and the edge of a stroke, and are
    further from each other than 1 and 9.  On MNIST this is worth 0.12 bits per dimension.  A second learned vector
    tells each pixel where it is.  Without it the network knows what is near but not where on the page: samples then
    begin a second digit below the first (the "fragmentation" of Fleuret's lecture 10.2).

    The colours of a pixel are drawn one after the other.  Each has its own run of channels in every layer, and the
    masks let the run of a colour see, in the pixel itself, those of the colours before it.

    Stacked masks have a blind spot: to the right of the pixel, the rows above are seen only within a triangle.  Two
    stacks mend that, see `two_stack` and `gated`.

    shape       (colours, height, width) of the images; 1 colour for grey ones
    levels      how many values each colour of a pixel can take
    embedding   the size of these vectors, for each colour
    channels    the width of the network, for each colour
    layers      how many residual convolutions follow the first one
    first_kernel_size, kernel_size      of the first convolution and of the others, odd
    """

    def __init__(self, shape, levels=256, embedding=32, channels=32, layers=5, first_kernel_size=7, kernel_size=5):
        super().__init__(shape=shape, levels=levels, embedding=embedding, channels=channels, layers=layers,
                         first_kernel_size=first_kernel_size, kernel_size=kernel_size)
        if len(shape) != 3:
            raise ValueError(f"PixelCNN: takes images, (colours, height, width), not examples of shape {tuple(shape)}")
        self.at_least(1, "embedding", "channels")
        self.at_least(0, "layers")
        colours = self.shape[0]
        self.embedding = Embedding(colours * levels, embedding)
        self.position = Parameter(zeros(colours * embedding, *self.shape[1:]))
        self.first = MaskedConv2d("A", colours * embedding, colours * channels, first_kernel_size, colours=colours)
        self.blocks = ModuleList(MaskedConv2d("B", colours * channels, colours * channels, kernel_size, colours=colours)
                                 for _ in range(layers))
        self.head = MaskedConv2d("B", colours * channels, colours * levels, 1, colours=colours)

    def embed(self, x):
        """The vectors of each pixel's values plus that of its position: (N, colours, H, W) -> (N, colours * E, H, W)"""
        colours, height, width = self.shape
        rows = x + self.levels * np.arange(colours)[:, None, None]     # each colour has its own vectors
        vectors = self.embedding(self.integers(rows)).permute(0, 1, 4, 2, 3)
        return vectors.reshape(len(x), -1, height, width) + self.position

    def forward(self, e):
        """Embedded images (N, colours * E, H, W) -> the logits of each value: (N, levels, colours, H, W)

            h_0 = first(e),     h_i = h_(i-1) + block_i(relu(h_(i-1))),     logits = head(relu(h_layers))

        The head gives each colour a run of `levels` channels, (N, colours * levels, H, W).
        """
        h = self.first(e)
        for block in self.blocks:
            h = h + block(relu(h))
        logits = self.head(relu(h))
        return logits.reshape(len(e), self.shape[0], self.levels, *self.shape[1:]).transpose(1, 2)

    def logits(self, x):
        """All conditionals at once: (N, colours, H, W) -> (N, levels, colours, H, W)"""
        return self(self.embed(x))

    def cache(self, x):
        """At each pixel every layer computes its output at that position only."""
        return PixelCNNCache(self, len(x))


class PixelCNNCache:
    """What the layers of a PixelCNN gave at the pixels so far, for N images that are drawn together."""

    def __init__(self, model, number):
        self.model, size = model, model.shape[1:]
        self.first, *self.blocks = (ConvCache(conv, number, size) for conv in (model.first, *model.blocks))
        positions = model.position.data
        self.vectors = np.zeros((len(positions), number), positions.dtype, like=positions)  # of the pixel being drawn

    def logits(self, position):
        """The conditional of one colour of a pixel: the array (N, levels), as in `forward` but at that pixel only.

        A layer's input at the pixel, an array (channels, N), is told to its ConvCache by `write` before `output` gives
        what the layer makes of it and of what it was told at earlier pixels.  The first layer does not see the pixel,
        and the head sees nothing else: it is `pointwise`.
        All colours are computed.  Those that come later are not right yet: nothing looks at them before they are.

        position    (colour, row, column)
        """
        colour, *pixel = position
        h = self.first.output(pixel)
        for block in self.blocks:
            block.write(pixel, relu(h))
            h = h + block.output(pixel)
        logits = pointwise(self.model.head, relu(h))
        return logits.reshape(self.model.shape[0], self.model.levels, -1)[colour].T

    def write(self, position, values):
        """Take on the values of that colour of the pixel: (N,)"""
        colour, row, column = position
        of_values = self.model.embedding.weight.data[values.astype(np.int64) + self.model.levels * colour].T
        run = slice(colour * len(of_values), (colour + 1) * len(of_values))
        self.vectors[run] = of_values + self.model.position.data[run, row, column, None]
        self.first.write((row, column), self.vectors)
