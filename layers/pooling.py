"""Pooling: the maximum or the mean of each window of an image.

A window is a few *taps*, each the whole image shifted: tap (a, b) of all windows together is one strided slice of the
image.  So pooling walks over the taps, not over the windows, and looks at every tap with a single NumPy operation.
"""
from collections import namedtuple
from itertools import product
import numpy as np
from minigrad import record
from minigrad.shares import in_shares
from minigrad.tensor import raw
from .convolution import numbers
from .module import Module

# The last axes of the input, and what windows move over them: one number for each axis
Windows = namedtuple("Windows", "size kernel stride padding dilation")


def output_size(windows):
    """How many windows there are along each axis."""
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(*windows))


def taps(array, windows):
    """For each tap, that entry of all windows: slices of `array`, whose padding has been added."""
    counts = output_size(windows)
    for offsets in product(*map(range, windows.kernel)):
        yield array[(..., *(slice(o * d, o * d + s * (n - 1) + 1, s)
                            for o, n, s, d in zip(offsets, counts, windows.stride, windows.dilation)))]


def lead(array, windows):
    """The sizes of the axes in front of those that windows move over: batch and channels."""
    return array.shape[:-len(windows.size)]


def padded(array, windows, value):
    """The array with `value` around its last axes."""
    if not any(windows.padding):
        return array
    around = [(0, 0)] * len(lead(array, windows)) + [(p, p) for p in windows.padding]
    return np.pad(array, around, constant_values=value)


# ---------------------------------------------------------------------------------------------------------------------
# The maximum, and two linear operations that are each other's adjoint

def max_pool(x, windows):
    """The maximum of each window; NaN where there is one in it."""
    return record(in_shares(lambda x: largest(x, windows), raw(x)), max_pool_rule, x, windows=windows)


def largest(x, windows):
    """The maximum of each window of an array; NaN where there is one in it.   (..., H, W) -> (..., OH, OW)"""
    y = None
    for tap in taps(padded(x, windows, -np.inf), windows):
        y = tap.copy() if y is None else np.maximum(y, tap, out=y)
    return y


def max_pool_rule(g, y, x, windows):
    """dy = dx at the first maximum of each window."""
    return distribute(g, windows, in_shares(lambda x, y: first_largest(x, y, windows), raw(x), raw(y)))


def first_largest(x, y, windows):
    """Where in each window of x its maximum y comes first, as the number of a tap: how many taps come before it."""
    *earlier, _ = taps(padded(x, windows, -np.inf), windows)
    before = np.ones(y.shape, bool, like=y)
    chosen = np.zeros(y.shape, np.min_scalar_type(len(earlier)), like=y)  # bytes where they do: less to go over
    for tap in earlier:
        before &= tap != y
        chosen += before
    return chosen


def collect(x, windows, chosen=None):
    """The sum of each window; or, where `chosen` gives the number of a tap for each window, that entry."""
    y = np.zeros((*lead(x, windows), *output_size(windows)), x.dtype, like=raw(x))
    for number, tap in enumerate(taps(padded(raw(x), windows, 0), windows)):
        y += tap if chosen is None else tap * (chosen == number)
    return record(y, collect_rule, x, windows=windows, chosen=chosen)


def collect_rule(g, y, x, windows, chosen):
    """Each entry gets the cotangents of all windows that collected it."""
    return distribute(g, windows, chosen)


def distribute(y, windows, chosen=None):
    """Add each window's value to all entries of the window; or to the one that `chosen` names."""
    if chosen is None:
        x = in_shares(lambda y: spread(y, windows, None), raw(y))
    else:
        x = in_shares(lambda y, chosen: spread(y, windows, chosen), raw(y), chosen)
    return record(x, distribute_rule, y, windows=windows, chosen=chosen)


def spread(y, windows, chosen):
    """`distribute` of an array, the adjoint of `collect`: (..., OH, OW) -> (..., H, W), the padding cut off."""
    x = np.zeros((*lead(y, windows), *(n + 2 * p for n, p in zip(windows.size, windows.padding))), y.dtype,
                 like=y)
    apart = all(d * (k - 1) < s for k, s, d in zip(windows.kernel, windows.stride, windows.dilation))
    for number, tap in enumerate(taps(x, windows)):
        here = 1 if chosen is None else chosen == number
        if apart:                          # then no entry is in two windows
            np.multiply(y, here, out=tap)
        else:
            part = y * here
            tap += part
    return x[(..., *(slice(p, p + n) for n, p in zip(windows.size, windows.padding)))]


def distribute_rule(g, x, y, windows, chosen):
    """Each window gets what it would collect."""
    return collect(g, windows, chosen)


# ---------------------------------------------------------------------------------------------------------------------
# The functions

def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1):
    """The maximum of each window, torch.nn.functional.max_pool2d.   (N, C, H, W) or (C, H, W)

    kernel_size, stride, padding, dilation    a number, or one for each axis; the stride is by default the kernel_size
    Returns (N, C, OH, OW) with OH = floor((H + 2 * padding - dilation * (KH - 1) - 1) / stride) + 1.
    The gradient goes to the first maximum of a window.  Padding is never the maximum.
    Raises ValueError when sizes do not fit.
    """
    return max_pool(input, describe("max_pool2d", input, kernel_size, stride, padding, dilation))


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1):
    """The maximum of each window, (N, C, L) or (C, L); see `max_pool2d`."""
    return max_pool(input, describe("max_pool1d", input, kernel_size, stride, padding, dilation))


def avg_pool2d(input, kernel_size, stride=None, padding=0):
    """The mean of each window, padding zeros included, torch.nn.functional.avg_pool2d; see `max_pool2d`."""
    return average("avg_pool2d", input, kernel_size, stride, padding)


def avg_pool1d(input, kernel_size, stride=None, padding=0):
    """The mean of each window, (N, C, L) or (C, L), padding zeros included; see `max_pool2d`."""
    return average("avg_pool1d", input, kernel_size, stride, padding)


def average(name, input, kernel_size, stride, padding):
    """The sum of each window over the number of its taps."""
    windows = describe(name, input, kernel_size, stride, padding, 1)
    return collect(input, windows) / int(np.prod(windows.kernel))


def describe(name, input, kernel_size, stride, padding, dilation):
    """The Windows of a pooling operation, checked against the input."""
    axes = int(name[-2])
    if len(input.shape) not in (axes + 1, axes + 2):
        sizes = "N, channels, L" if axes == 1 else "N, channels, H, W"
        raise ValueError(f"{name}: the input must be ({sizes}), or the same without N; its shape is {input.shape}")
    if input.dtype.kind not in "fc":
        raise TypeError(f"{name}: the input must be floating-point, not {input.dtype}")
    kernel = numbers(name, "kernel_size", kernel_size, axes)
    windows = Windows(tuple(input.shape[-axes:]), kernel,
                      kernel if stride is None else numbers(name, "stride", stride, axes),
                      numbers(name, "padding", padding, axes, least=0), numbers(name, "dilation", dilation, axes))
    if any(2 * p > k for p, k in zip(windows.padding, kernel)):
        raise ValueError(f"{name}: padding {windows.padding} must be at most half of the kernel {kernel}, "
                         "or windows would see nothing else")
    if min(output_size(windows)) < 1:
        raise ValueError(f"{name}: the kernel {kernel} with dilation {windows.dilation} is larger than the input "
                         f"{windows.size} with padding {windows.padding}")
    return windows


# ---------------------------------------------------------------------------------------------------------------------
# The modules

class Pool(Module):
    """What the pooling modules share: their settings."""

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class DilatedPool(Pool):
    """A Pool whose taps may lie apart."""

    def __init__(self, kernel_size, stride=None, padding=0, dilation=1):
        super().__init__(kernel_size, stride, padding)
        self.dilation = dilation

    def extra_repr(self):
        return f"{super().extra_repr()}, dilation={self.dilation}"


class MaxPool2d(DilatedPool):
    """functional.max_pool2d with fixed settings."""

    def forward(self, x):
        return max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation)


class MaxPool1d(DilatedPool):
    """functional.max_pool1d with fixed settings."""

    def forward(self, x):
        return max_pool1d(x, self.kernel_size, self.stride, self.padding, self.dilation)


class AvgPool2d(Pool):
    """functional.avg_pool2d with fixed settings."""

    def forward(self, x):
        return avg_pool2d(x, self.kernel_size, self.stride, self.padding)


class AvgPool1d(Pool):
    """functional.avg_pool1d with fixed settings."""

    def forward(self, x):
        return avg_pool1d(x, self.kernel_size, self.stride, self.padding)
