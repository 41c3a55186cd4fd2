"""Convolutions at one position: what makes drawing from a convolutional autoregressive model fast.

Such a model draws one position at a time, and its layers see nothing that comes later.  So what a layer gave at earlier
positions stays as it is: it is computed once, kept, and read by the next layer.  At one position a convolution is a
linear layer on a small window of its input,

    y[:, p] = b + sum over taps t of  w[:, :, t] x[:, p + t],

and its cost does not depend on the size of the image.

Here numbers of one position are arrays (channels, N): the N examples that are drawn together lie side by side, and one
matrix product serves them all.
"""
import numpy as np
from layers import CausalConv1d, MaskedConv2d
from layers.convolution import paddings
from minigrad.order import in_order


class ConvCache:
    """One convolution, computed at one position at a time from what it has been told of its input so far.

        cache = ConvCache(conv, number, size)
        cache.write(position, values)          # the input there: (in_channels, N)
        cache.output(position)                 # what conv gives there: (out_channels, N)

    What was not written counts as zero, as padding does: an output is right once all that it sees was written.

    conv        a Conv1d, Conv2d, CausalConv1d or MaskedConv2d of stride 1, without groups; its weights are copied
    number      N, how many examples are drawn together
    size        of the input, one number for each axis: (T,) or (H, W)
    before      how many zeros lie in front of the input, one number for each axis, (above, left): the output at p sees
                the inputs from p - before on.  By default what the layer's own padding (and shift) says.  To be given
                where the network pads the input itself: pad(x, (1, -1)) before a kernel of 1 is (1,)
    """

    def __init__(self, conv, number, size, before=None):
        if set(conv.stride) != {1} or conv.groups != 1:
            raise ValueError(f"ConvCache: takes convolutions of stride 1 without groups, not {conv}")
        self.before = own_zeros(conv) if before is None else tuple(before)
        weight, taps = conv.weight.data, np.array(list(np.ndindex(conv.kernel_size)))
        if isinstance(conv, MaskedConv2d):
            weight, taps = weight * conv.mask.data, np.array(conv.taps, np.int64).reshape(-1, 2)
        self.offsets = (taps * conv.dilation).T
        windows = weight[:, :, *taps.T].transpose(0, 2, 1)             # (out_channels, taps, in_channels)
        self.weight = in_order(windows.reshape(len(weight), -1))
        self.bias = 0 if conv.bias is None else conv.bias.data[:, None]
        reaches = [dilation * (kernel - 1) for dilation, kernel in zip(conv.dilation, conv.kernel_size)]
        padded = [n + max(reach, zeros) for n, reach, zeros in zip(size, reaches, self.before)]
        self.seen = np.zeros((*padded, conv.in_channels, number), weight.dtype, like=weight)

    def write(self, position, values):
        """Take on the input at a position: (in_channels, N)"""
        self.seen[*(p + zeros for p, zeros in zip(position, self.before))] = values

    def output(self, position):
        """What the convolution gives at a position: (out_channels, N)"""
        window = self.seen[*(p + offsets for p, offsets in zip(position, self.offsets))]
        return self.weight @ window.reshape(-1, window.shape[-1]) + self.bias


def own_zeros(conv):
    """How many zeros a layer itself puts in front of its input, on each axis."""
    zeros = paddings(type(conv).__name__, conv.padding, conv.kernel_size, conv.stride, conv.dilation)
    shift = int(isinstance(conv, CausalConv1d) and conv.shift)
    return tuple(first + shift for first, _ in zeros)


def pointwise(conv, x):
    """A convolution of kernel 1, the same at every position: (in_channels, N) -> (out_channels, N)"""
    weight = conv.weight.data * conv.mask.data if isinstance(conv, MaskedConv2d) else conv.weight.data
    y = weight.reshape(weight.shape[:2]) @ x
    return y if conv.bias is None else y + conv.bias.data[:, None]
