"""RealNVP: affine coupling layers on images, at several scales.  Each scale is

    coupling layers with checkerboard masks;  squeeze: 2 x 2 pixels become 4 channels;  coupling layers with channel
    masks;  factor out: half of the channels are noise already, the other half goes on to the next scale.

The last scale has checkerboard coupling layers only: the lecture factors out there, too, but nothing comes after it.
Source: L. Dinh, J. Sohl-Dickstein and S. Bengio, Density estimation using Real NVP, ICLR 2017 (CIFAR-10: 3.49 bits per
dimension); Fleuret's lecture 10.3; Ilin's lecture on flows.  The networks here are smaller, and have no batch
normalisation.
"""
import numpy as np
from layers import Conv2d, Module, ModuleList
from minigrad import cat, relu
from .flow import Flow, Logit, StandardiseLayer, back, through
from .nvp import Coupling, zero


class RealNVP(Flow):
    """Images (C, H, W), whose height and width must be multiples of 2^(scales - 1).

    scales      how many scales there are
    channels    the width of the coupling layers' networks
    blocks      how many residual blocks of two convolutions each of them has
    bound       of the scale; see nvp.Coupling
    margin      of the logit that integers go through once they are dequantised; real images go without
    """

    def __init__(self, shape, levels=256, scales=3, channels=24, blocks=1, bound=2.0, margin=0.05):
        super().__init__(shape=shape, levels=levels, scales=scales, channels=channels, blocks=blocks, bound=bound,
                         margin=margin)
        if len(shape) != 3:
            raise ValueError(f"RealNVP: takes images, (channels, height, width), not {tuple(shape)}")
        self.at_least(1, "scales", "channels")
        self.at_least(0, "blocks")
        if any(size % 2 ** (scales - 1) or size < 2 ** scales for size in shape[1:]):
            raise ValueError(f"RealNVP: images of {shape[1]} x {shape[2]} can't be halved {scales - 1} times and still "
                             f"have two rows and columns; choose other scales than {scales}")
        self.layers = ModuleList([Logit(margin)] if levels is not None else [])
        self.layers.extend([StandardiseLayer((shape[0], 1, 1)), Scale(tuple(shape), scales, channels, blocks, bound)])


class Scale(Module):
    """One scale, and inside it the next ones.  What is factored out comes back to its place: z has the image's shape.

    shape       (C, H, W) of what comes in
    scales      how many there are from here on
    """

    def __init__(self, shape, scales, channels, blocks, bound):
        super().__init__()
        colours, height, width = shape

        def couplings(masks, colours):
            return ModuleList(Coupling(mask, ResidualNet(colours, channels, blocks), bound) for mask in masks)

        last = scales == 1
        self.spatial = couplings(alternate(checkerboard(height, width), 4 if last else 3), colours)
        self.last = last
        if not last:
            self.squeeze = Squeeze()
            self.deep = couplings(alternate(channel_mask(4 * colours), 3), 4 * colours)
            self.next = Scale((2 * colours, height // 2, width // 2), scales - 1, channels, blocks, bound)

    def forward(self, x):
        """(N, C, H, W) -> z (N, C, H, W), log |det| (N,)

        The spatial couplings.  At the last scale that is all.  Else squeeze, the deep couplings, and then the channels
        are cut in two: the first half goes through the next scale, the second half is noise already.  The two halves,
        in this order, are put together again, and unsqueezed.
        """
        x, log_det = through(self.spatial, x)
        if self.last:
            return x, log_det
        x, of_deep = through(self.deep, self.squeeze(x)[0])
        x, z = x.chunk(2, 1)               # factor out z
        x, of_next = self.next(x)
        return self.squeeze.inverse(cat((x, z), 1)), log_det + of_deep + of_next

    def inverse(self, z):
        """The x of which `forward` makes z: (N, C, H, W) -> (N, C, H, W)"""
        if not self.last:
            x, z = self.squeeze(z)[0].chunk(2, 1)
            z = self.squeeze.inverse(back(self.deep, cat((self.next.inverse(x), z), 1)))
        return back(self.spatial, z)


def alternate(mask, times):
    """The mask, its opposite, the mask again, ...: so many of them."""
    return [1 - mask if i % 2 else mask for i in range(times)]


def checkerboard(height, width):
    """1 on the fields of one colour, that of the corner above and left, 0 on the others: an array (1, height, width)"""
    return (np.indices((1, height, width)).sum(0) + 1) % 2


def channel_mask(channels):
    """1 for the first half of the channels (rounded down), 0 for the others: an array (channels, 1, 1)"""
    return (np.arange(channels) < channels // 2).reshape(-1, 1, 1)


class Squeeze(Module):
    """(N, C, H, W) -> (N, 4 C, H/2, W/2): each channel becomes four, of the pixels at (0, 0), (0, 1), (1, 0), (1, 1) of
    its 2 x 2 squares.  The C channels of one position stand together.  Nothing is scaled, so log |det| is 0.
    """

    def forward(self, x):
        """The squeezed x, and log |det|"""
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, h // 2, w // 2), 0

    def inverse(self, y):
        """The x of which `forward` makes y: (N, 4 C, H/2, W/2) -> (N, C, H, W)"""
        n, c, h, w = y.shape
        return y.reshape(n, 2, 2, c // 4, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n, c // 4, 2 * h, 2 * w)


class ResidualNet(Module):
    """The network of a coupling layer: (N, colours, H, W) -> (N, 2 colours, H, W).  It starts by giving zeros."""

    def __init__(self, colours, channels, blocks):
        super().__init__()
        self.first = Conv2d(colours, channels, 3, padding=1)
        self.blocks = ModuleList(ModuleList([Conv2d(channels, channels, 3, padding=1),
                                             Conv2d(channels, channels, 3, padding=1)]) for _ in range(blocks))
        self.last = zero(Conv2d(channels, 2 * colours, 1))

    def forward(self, x):
        h = self.first(x)
        for a, b in self.blocks:
            h = h + b(relu(a(relu(h))))
        return self.last(relu(h))
