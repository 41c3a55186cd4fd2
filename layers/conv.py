"""Convolutional modules: plain, transposed, masked and causal."""
import math
import numpy as np
from minigrad import empty, pad, tensor
from . import init
from .convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d, numbers
from .module import Module, Parameter


class Convolution(Module):
    """What the convolutional modules share: their settings, their parameters, how these are drawn, how they print.

    Weight and bias are drawn from U(-k, k), k = 1 / sqrt(fan_in), fan_in being the numbers that one output adds up.
    """
    axes, transposed = 2, False

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
                 fan_in=None):
        super().__init__()
        name = type(self).__name__
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = numbers(name, "kernel_size", kernel_size, self.axes)
        self.stride = numbers(name, "stride", stride, self.axes)
        self.dilation = numbers(name, "dilation", dilation, self.axes)
        self.padding = padding
        if min(in_channels, out_channels) < 1:
            raise ValueError(f"{name}: channels must be positive, not {in_channels} and {out_channels}")
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(f"{name}: groups={groups} must divide the {in_channels} input channels and the "
                             f"{out_channels} output channels")
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = Parameter(empty(first, second // groups, *self.kernel_size))
        if bias:
            self.bias = Parameter(empty(out_channels))
        else:
            self.register_parameter("bias", None)
        bound = 1 / math.sqrt(fan_in or self.weight.shape[1] * math.prod(self.kernel_size))
        init.uniform_(self.weight, -bound, bound)
        if bias:
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        for setting, usual in (("stride", (1,) * self.axes), ("padding", 0), ("dilation", (1,) * self.axes),
                               ("groups", 1)):
            if getattr(self, setting) != usual:
                text += f", {setting}={getattr(self, setting)!r}"
        return text + (", bias=False" if self.bias is None else "")


class Conv2d(Convolution):
    """2-D convolution with learned weight (out_channels, in_channels / groups, KH, KW); see functional.conv2d."""

    def forward(self, x):
        return conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv1d(Convolution):
    """1-D convolution with learned weight (out_channels, in_channels / groups, K); see functional.conv1d."""
    axes = 1

    def forward(self, x):
        return conv1d(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class TransposedConvolution(Convolution):
    """What the transposed modules share."""
    transposed = True

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1,
                 bias=True, dilation=1):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.output_padding = numbers(type(self).__name__, "output_padding", output_padding, self.axes, least=0)

    def extra_repr(self):
        extra = f", output_padding={self.output_padding}" if any(self.output_padding) else ""
        return super().extra_repr() + extra


class ConvTranspose2d(TransposedConvolution):
    """2-D transposed convolution with weight (in_channels, out_channels / groups, KH, KW); see
    functional.conv_transpose2d."""

    def forward(self, x):
        return conv_transpose2d(x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups,
                                self.dilation)


class ConvTranspose1d(TransposedConvolution):
    """1-D transposed convolution, weight (in_channels, out_channels / groups, K); see functional.conv_transpose1d."""
    axes = 1

    def forward(self, x):
        return conv_transpose1d(x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups,
                                self.dilation)


class MaskedConv2d(Convolution):
    """A convolution that sees only the pixels before its own in raster order (van den Oord et al., 2016, PixelRNN).

    mask_type   "A": the own pixel is hidden, for the first layer; "B": it is seen, for all later ones
    kernel_size odd, so that there is a centre
    padding     "same" keeps the size
    colours     for images of several channels, which are generated one after the other: input and output channels are
                cut into so many equal runs, one per colour, and in the centre pixel an output of colour k sees the
                inputs of the colours before k (type A), or up to k (type B): p(R) p(G | R) p(B | R, G)

    The mask of a 5 x 5 kernel:     1 1 1 1 1
                                    1 1 1 1 1
                                    1 1 m 0 0       m = 0 for type A, 1 for type B
                                    0 0 0 0 0
                                    0 0 0 0 0
    Hidden taps are not multiplied by zero but left out: half of the work is never done.
    """

    def __init__(self, mask_type, in_channels, out_channels, kernel_size, stride=1, padding="same", dilation=1,
                 bias=True, colours=1):
        if mask_type not in ("A", "B"):
            raise ValueError(f'MaskedConv2d: mask_type must be "A" or "B", not {mask_type!r}')
        kernel_size = numbers("MaskedConv2d", "kernel_size", kernel_size, 2)
        if any(k % 2 == 0 for k in kernel_size):
            raise ValueError(f"MaskedConv2d: the kernel's sizes must be odd, not {kernel_size}: it needs a centre")
        if in_channels % colours or out_channels % colours:
            raise ValueError(f"MaskedConv2d: colours={colours} must divide the {in_channels} input channels and the "
                             f"{out_channels} output channels")
        mask = raster_mask(mask_type, in_channels, out_channels, kernel_size, colours)
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, 1, bias,
                         fan_in=mask.sum((1, 2, 3)).max(initial=1))
        self.mask_type, self.colours = mask_type, colours
        self.taps = tuple((int(a), int(b)) for a, b in np.argwhere(mask.any((0, 1))))
        self.register_buffer("mask", tensor(mask), persistent=False)
        self.weight.data *= mask                           # hidden weights are zero, and stay so

    def forward(self, x):
        """The convolution of x by the weights that the mask shows: (N, in_channels, H, W) -> (N, out_channels, H', W')

        Stride, padding and dilation are the module's.  Hidden weights, whatever they are, change nothing and get no
        gradient.  Taps that are hidden for all channels can be left out: `taps` names the others to conv2d.
        """
        weight = self.weight * self.mask if self.colours > 1 else self.weight
        return conv2d(x, weight, self.bias, stride=self.stride, padding=self.padding, dilation=self.dilation,
                      taps=self.taps)

    def extra_repr(self):
        return f"{self.mask_type!r}, {super().extra_repr()}" + (f", colours={self.colours}" if self.colours > 1 else "")


def raster_mask(mask_type, in_channels, out_channels, kernel_size, colours=1):
    """The mask of a MaskedConv2d: an array (out_channels, in_channels, KH, KW) of 0 and 1, float32.

    1 in all rows above the centre and, in the centre's row, left of it.  In the centre itself 1 where the output
    channel may see the input channel.  With one colour that is for all of them in type B, for none in type A.  With
    several, the channels of each side are cut into `colours` equal runs, the first run being the first colour's, and
    an output of colour k sees inputs of the colours j < k in type A, j <= k in type B.

    kernel_size     (KH, KW), both odd
    """
    KH, KW = kernel_size
    mask = np.zeros((out_channels, in_channels, KH, KW), np.float32)
    mask[:, :, :KH // 2] = 1
    mask[:, :, KH // 2, :KW // 2] = 1
    of_input = np.arange(in_channels) * colours // in_channels
    of_output = np.arange(out_channels)[:, None] * colours // out_channels
    mask[:, :, KH // 2, KW // 2] = of_input < of_output if mask_type == "A" else of_input <= of_output
    return mask


class CausalConv1d(Convolution):
    """A 1-D convolution whose output at t sees the inputs t, t - dilation, t - 2 dilation ... and no later one.

    shift       hide the present too, by moving the input one step to the right: t - 1, t - 1 - dilation ...  The first
                layer of an autoregressive network needs it; the later ones must not have it
    Input (N, in_channels, L), output (N, out_channels, L).
    """
    axes = 1

    def __init__(self, in_channels, out_channels, kernel_size, dilation=1, shift=False, bias=True):
        super().__init__(in_channels, out_channels, kernel_size, 1, "causal", dilation, 1, bias)
        self.shift = shift

    def forward(self, x):
        """(N, in_channels, L) -> (N, out_channels, L), by conv1d, with zeros in front; shifted first if asked for"""
        x = pad(x, (1, -1)) if self.shift else x
        return conv1d(x, self.weight, bias=self.bias, padding="causal", dilation=self.dilation)

    def extra_repr(self):
        return super().extra_repr() + (", shift=True" if self.shift else "")
