"""PixelCNN: an image is drawn pixel by pixel in raster order, each from a distribution that depends on those before it,

    p(x) = product over i of p(x_i | x_1 ... x_{i-1}).

One stack of masked convolutions computes all factors at once: no output sees its own pixel or a later one.
Source: A. van den Oord, N. Kalchbrenner and K. Kavukcuoglu, Pixel Recurrent Neural Networks, ICML 2016.
"""
import numpy as np
from layers import Conv2d, Embedding, MaskedConv2d, ModuleList, Parameter
from layers.functional import conv2d, cross_entropy, relu
from minigrad import no_grad, tensor, zeros
from minigrad.random import inverse_cdf
from .model import Model


class PixelCNN(Model):
    """The simplified PixelCNN of Aalto's homework: a masked convolution of type A, residual ones of type B, a softmax.

    A grey level enters as a learned vector, not as a number: 0 and 1 mean background and the edge of a stroke, and are
    further from each other than 1 and 9.  On MNIST this is worth 0.12 bits per dimension.  A second learned vector tells
    each pixel where it is.  Without it the network knows what is near but not where on the page: samples then begin a
    second digit below the first (the "fragmentation" of Fleuret's lecture 10.2).

    shape       (1, height, width) of the images
    levels      how many grey levels they have
    embedding   the size of these vectors
    channels    the width of the network
    layers      how many residual convolutions follow the first one
    first_kernel_size, kernel_size      of the first convolution and of the others
    """

    def __init__(self, shape, levels=256, embedding=32, channels=32, layers=5, first_kernel_size=7, kernel_size=5):
        super().__init__(shape=shape, levels=levels, embedding=embedding, channels=channels, layers=layers,
                         first_kernel_size=first_kernel_size, kernel_size=kernel_size)
        if len(shape) != 3 or shape[0] != 1:
            raise ValueError(f"PixelCNN: takes images of one channel, (1, height, width), not {tuple(shape)}")
        self.embedding = Embedding(levels, embedding)
        self.position = Parameter(zeros(embedding, *shape[1:]))
        self.first = MaskedConv2d("A", embedding, channels, first_kernel_size, padding="same")
        self.blocks = ModuleList(MaskedConv2d("B", channels, channels, kernel_size, padding="same")
                                 for _ in range(layers))
        self.head = Conv2d(channels, levels, 1)

    def forward(self, x):
        """The logits of each pixel's distribution over the levels: (N, 1, H, W) -> (N, levels, H, W)"""
        return self.head(self.features(self.embed(x)))

    def embed(self, x):
        """The vector of each pixel's grey level plus that of its position: (N, 1, H, W) -> (N, embedding, H, W)"""
        return self.embedding(tensor(x[:, 0].astype(np.int64))).permute(0, 3, 1, 2) + self.position

    def features(self, e):
        """What the network knows of the pixels before each one: (N, embedding, H, W) -> (N, channels, H, W)"""
        h = self.first(e)
        for block in self.blocks:
            h = h + block(relu(h))
        return relu(h)

    def log_prob(self, x):
        """The sum over the pixels of the log of their softmax, exact."""
        self.check(x)
        return -cross_entropy(self(x), tensor(x[:, 0].astype(np.int64)), reduction="none").sum((1, 2))

    def inpaint(self, x, known, generator, progress=None):
        """Pixel by pixel in raster order; at each, every layer computes its output at that position only.

        Masked convolutions see nothing that comes later, so what they gave at earlier positions stays as it is, and is
        kept.  Known pixels that come later are not foreseen: completions are exact where the known ones come first.
        """
        x = np.array(x)
        self.check(x)
        known = np.broadcast_to(known, self.shape)[0]
        vectors, position = self.embedding.weight.data, self.position.data
        convolutions = [self.first, *self.blocks]
        inputs = [np.zeros((len(x), conv.in_channels, known.shape[0] + height - 1, known.shape[1] + width - 1),
                           vectors.dtype)
                  for conv in convolutions for height, width in [conv.kernel_size]]      # padded; filled in as it goes
        pixels = list(np.ndindex(known.shape))
        for row, column in pixels if progress is None else progress(pixels):
            with no_grad():
                h = 0
                for conv, seen in zip(convolutions, inputs):
                    height, width = conv.kernel_size
                    if conv is not self.first:
                        seen[:, :, row + height // 2, column + width // 2] = relu(h).data[:, :, 0, 0]
                    window = tensor(seen[:, :, row:row + height, column:column + width])
                    h = h + conv2d(window, conv.weight, conv.bias, taps=conv.taps)
                if not known[row, column]:
                    x[:, 0, row, column] = self.draw(self.head(relu(h)).data[:, :, 0, 0], generator)
            height, width = self.first.kernel_size
            inputs[0][:, :, row + height // 2, column + width // 2] = vectors[x[:, 0, row, column]] + position[:, row, column]
        return x

    def draw(self, logits, generator):
        """A level for each row of logits: (N, levels) -> (N,)"""
        logits = logits.astype(np.float64)
        return inverse_cdf(np.exp(logits - logits.max(1, keepdims=True)), 1, generator)[:, 0]
