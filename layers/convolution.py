"""Convolution, its two adjoints, and the functions of torch.nn.functional that are made of them.

The form

    T(w, x, y) = sum over n, c, i, r, q, (a, b) of   y[n, c, r, q]  w[c, i, a, b]  x[n, i, r * s + a * d - p, ...]

is linear in each of its three arguments.  Its gradient in y is the convolution w * x, its gradient in x the transposed
convolution of y, its gradient in w the weight gradient.  So the derivative of each of the three operations is given by
the other two, and they are closed under differentiation: every order works.

1-D runs on the same operations, with images of width 1.  No operation here builds a matrix out of image patches.
"""
import numpy as np
from minigrad import pad, record, reshape, sum
from minigrad.dtypes import check_together
from minigrad.order import in_order
from minigrad.tensor import ARRAYS, raw
from . import kernels
from .kernels.geometry import Geometry, all_taps


# ---------------------------------------------------------------------------------------------------------------------
# The three operations

def convolve(x, w, b, geometry):
    """y = w * x + b.   x (N, I, H, W), w (C, I / groups, KH, KW), b (C,) or None -> y (N, C, OH, OW)

    Or, here and below, all of them without the last axis.
    """
    y = kernels.suited(raw(x)).forward(images(x), images(w), vector(b), geometry)
    return record(like(y, x), convolve_rule, x, w, b, geometry=geometry)


def convolve_rule(g, y, x, w, b, geometry):
    """Gradients of T(w, x, g): in x the transposed convolution, in w the weight gradient; b is added OH * OW times."""
    g = in_order(g) if isinstance(g, ARRAYS) else g    # once, not at each of its uses
    return ((lambda: convolve_transposed(g, w, None, geometry)), (lambda: weight_gradient(x, g, geometry)),
            (lambda: bias_gradient(g)))


def convolve_transposed(y, w, b, geometry):
    """The adjoint of `convolve` in x, plus b.   y (N, C, OH, OW), w as above, b (I,) or None -> x (N, I, H, W)"""
    x = kernels.suited(raw(y)).input_gradient(images(y), images(w), vector(b), geometry)
    return record(like(x, y), convolve_transposed_rule, y, w, b, geometry=geometry)


def convolve_transposed_rule(g, x, y, w, b, geometry):
    """Gradients of T(w, g, y): in y the convolution of g, in w the weight gradient."""
    g = in_order(g) if isinstance(g, ARRAYS) else g    # once, not at each of its uses
    return ((lambda: convolve(g, w, None, geometry)), (lambda: weight_gradient(g, y, geometry)),
            (lambda: bias_gradient(g)))


def weight_gradient(x, y, geometry):
    """The adjoint of `convolve` in w.   x (N, I, H, W), y (N, C, OH, OW) -> w (C, I / groups, KH, KW)"""
    w = kernels.suited(raw(x)).weight_gradient(images(x), images(y), geometry)
    return record(like(w, x), weight_gradient_rule, x, y, geometry=geometry)


def weight_gradient_rule(g, w, x, y, geometry):
    """Gradients of T(g, x, y): in x the transposed convolution with g as weight, in y the convolution with it."""
    return (lambda: convolve_transposed(y, g, None, geometry)), (lambda: convolve(x, g, None, geometry))


def bias_gradient(g):
    """The gradient in b of <y + b, g>, b[c] being added to every entry of channel c.   g (N, C, ...) -> (C,)

    g is an array or a tensor: this is part of two rules.
    """
    return sum(g, dim=[axis for axis in range(len(g.shape)) if axis != 1])


def images(x):
    """The array of x as the kernels take it: in C order, and with four axes."""
    array = in_order(raw(x))
    return array if array.ndim == 4 else array[..., None]


def vector(b):
    """The array of a bias, in C order; or None."""
    return None if b is None else in_order(raw(b))


def like(array, x):
    """A result of the kernels, without its last axis if x has none."""
    return array if len(x.shape) == 4 else array[..., 0]


# ---------------------------------------------------------------------------------------------------------------------
# The functions

def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, taps=None):
    """2-D convolution (cross-correlation, as everywhere in deep learning), torch.nn.functional.conv2d.

    input       (N, in_channels, H, W), or (in_channels, H, W)
    weight      (out_channels, in_channels / groups, KH, KW)
    bias        (out_channels,) or None
    stride, dilation    a number, or one for each axis
    padding     zeros around the image: a number, one for each axis, ((top, bottom), (left, right)), "same" or "valid"
    taps        the kernel positions [(a, b), ...] that take part; None means all.  Others are never computed: their
                weights count as zero, and get zero gradients.  This is how masked convolutions cost what they use
    Returns (N, out_channels, OH, OW) with OH = floor((H + top + bottom - dilation * (KH - 1) - 1) / stride) + 1.
    Raises ValueError when shapes and settings do not fit.
    """
    return convolution("conv2d", input, weight, bias, stride, padding, dilation, groups, taps)


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """1-D convolution, torch.nn.functional.conv1d.

    input (N, in_channels, L) or (in_channels, L), weight (out_channels, in_channels / groups, K), the rest as in
    `conv2d`; padding may also be "causal": dilation * (K - 1) zeros in front, so that no output sees a later input.
    """
    return convolution("conv1d", input, weight, bias, stride, padding, dilation, groups, None)


def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """2-D transposed convolution, torch.nn.functional.conv_transpose2d: the adjoint of `conv2d` with the same weight.

    input       (N, in_channels, H, W), or (in_channels, H, W)
    weight      (in_channels, out_channels / groups, KH, KW)
    padding     is cut off the output; output_padding is added at its lower right, to choose among the sizes that the
                strided convolution maps to the same one
    Returns (N, out_channels, OH, OW), OH = (H - 1) * stride - 2 * padding + dilation * (KH - 1) + output_padding + 1.
    """
    return transposed_convolution("conv_transpose2d", input, weight, bias, stride, padding, output_padding, groups,
                                  dilation)


def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """1-D transposed convolution, torch.nn.functional.conv_transpose1d; see `conv_transpose2d`."""
    return transposed_convolution("conv_transpose1d", input, weight, bias, stride, padding, output_padding, groups,
                                  dilation)


def convolution(name, x, w, b, stride, padding, dilation, groups, taps):
    """conv1d and conv2d: check everything, describe the geometry, run the operation."""
    axes = int(name[-2])
    check_ranks(name, axes, x, w)
    if len(x.shape) == axes + 1:
        y = convolution(name, reshape(x, (1, *x.shape)), w, b, stride, padding, dilation, groups, taps)
        return reshape(y, y.shape[1:])
    return convolve(x, w, b, convolution_geometry(name, x, w, b, stride, padding, dilation, groups, taps))


def convolution_geometry(name, x, w, b, stride, padding, dilation, groups, taps):
    """The Geometry of conv1d or conv2d on a batch x.  Raises ValueError where something does not fit."""
    axes, size, kernel = int(name[-2]), x.shape[2:], w.shape[2:]
    stride, dilation = (numbers(name, *given, axes) for given in (("stride", stride), ("dilation", dilation)))
    check_channels(name, x, w, groups, x.shape[1], w.shape[1] * groups, w.shape[0], "out_channels")
    check_bias(name, b, w.shape[0], x)
    padding = paddings(name, padding, kernel, stride, dilation)
    geometry = describe(size, kernel, stride, padding, dilation, groups, taps)
    if min(geometry.output_size) < 1:
        reach = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation))
        padded = tuple(n + before + after for n, (before, after) in zip(size, padding))
        raise ValueError(f"{name}: the kernel {kernel} with dilation {dilation} reaches over {reach}, more than the "
                         f"padded input's {padded}")
    return geometry


def transposed_convolution(name, y, w, b, stride, padding, output_padding, groups, dilation):
    """conv_transpose1d and conv_transpose2d: check everything, describe the geometry, run the operation."""
    axes = int(name[-2])
    check_ranks(name, axes, y, w)
    if len(y.shape) == axes + 1:
        x = transposed_convolution(name, reshape(y, (1, *y.shape)), w, b, stride, padding, output_padding, groups,
                                   dilation)
        return reshape(x, x.shape[1:])
    geometry = transposed_geometry(name, y, w, b, stride, padding, output_padding, groups, dilation)
    extra = numbers(name, "output_padding", output_padding, axes, least=0)
    whole = [e // s for e, s in zip(extra, geometry.stride)]       # whole strides of output_padding: zeros behind y
    y = pad(y, [n for w in reversed(whole) for n in (0, w)]) if any(whole) else y
    return convolve_transposed(y, w, b, geometry)


def transposed_geometry(name, y, w, b, stride, padding, output_padding, groups, dilation):
    """The Geometry of conv_transpose1d or conv_transpose2d on a batch y.  Raises ValueError where something does not
    fit."""
    axes, kernel = int(name[-2]), w.shape[2:]
    stride, dilation = (numbers(name, *given, axes) for given in (("stride", stride), ("dilation", dilation)))
    extra = numbers(name, "output_padding", output_padding, axes, least=0)
    check_channels(name, y, w, groups, y.shape[1], w.shape[0], w.shape[1] * groups, "out_channels")
    check_bias(name, b, w.shape[1] * groups, y)
    if isinstance(padding, str):
        raise ValueError(f"{name}: padding must be given in numbers, not {padding!r}")
    padding = paddings(name, padding, kernel, stride, dilation)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation)):
        raise ValueError(f"{name}: output_padding {extra} must be smaller than the stride {stride} "
                         f"or the dilation {dilation}")
    size = tuple((n - 1) * s - sum_of(p) + d * (k - 1) + e + 1
                 for n, s, p, d, k, e in zip(y.shape[2:], stride, padding, dilation, kernel, extra))
    if min(size) < 1:
        raise ValueError(f"{name}: padding {padding} leaves an output of size {size}")
    return describe(size, kernel, stride, padding, dilation, groups, None)


def describe(size, kernel, stride, padding, dilation, groups, taps):
    """The Geometry of a 1-D or 2-D convolution; 1-D ones get a second axis of size 1."""
    if len(size) == 1:
        size, kernel, stride, dilation = (*size, 1), (*kernel, 1), (*stride, 1), (*dilation, 1)
        padding = (*padding, (0, 0))
    (top, bottom), (left, right) = padding
    taps = all_taps(kernel) if taps is None else tuple(taps)
    return Geometry(tuple(size), tuple(kernel), stride, (top, bottom, left, right), dilation, groups, taps)


# ---------------------------------------------------------------------------------------------------------------------
# Settings as PyTorch writes them, and what can be wrong with them

def numbers(name, setting, given, axes, least=1):
    """One integer per axis, from a number or a sequence."""
    if type(given) is int and given >= least:              # as nearly always
        return (given,) * axes
    values = (given,) * axes if isinstance(given, (int, np.integer)) else tuple(given)
    if len(values) != axes or any(not isinstance(n, (int, np.integer)) or n < least for n in values):
        raise ValueError(f"{name}: {setting} must be a whole number, at least {least}, "
                         f"or {axes} of them, not {given!r}")
    return tuple(int(n) for n in values)


def paddings(name, given, kernel, stride, dilation):
    """A pair (before, after) per axis."""
    reach = [d * (k - 1) for k, d in zip(kernel, dilation)]
    if given == "valid":
        return tuple((0, 0) for _ in kernel)
    if given == "same":
        if any(s != 1 for s in stride):
            raise ValueError(f'{name}: padding "same" goes with stride 1 only, not {stride}')
        return tuple((n // 2, n - n // 2) for n in reach)
    if given == "causal" and len(kernel) == 1:
        return (causal_zeros(kernel[0], dilation[0]),)
    if isinstance(given, str):
        names = '"same", "valid" or "causal"' if len(kernel) == 1 else '"same" or "valid"'
        raise ValueError(f"{name}: padding must be in numbers, {names}, not {given!r}")
    if isinstance(given, (int, np.integer)) or all(isinstance(n, (int, np.integer)) for n in given):
        return tuple((n, n) for n in numbers(name, "padding", given, len(kernel), least=0))
    pairs = tuple(numbers(name, "padding", pair, 2, least=0) for pair in given)
    if len(pairs) != len(kernel):
        raise ValueError(f"{name}: padding {given!r} must have a pair (before, after) for each of {len(kernel)} axes")
    return pairs


def causal_zeros(kernel, dilation):
    """How many zeros, (before, after), keep a sequence's length so that the output at t sees no later input than t.

    kernel, dilation    K and d: the output at t adds up w[k] x[t - (K - 1 - k) d] over the taps k = 0 ... K - 1
    """
    return dilation * (kernel - 1), 0


def sum_of(pair):
    """before + after.   (`sum` is minigrad's in this file.)"""
    return pair[0] + pair[1]


def check_ranks(name, axes, x, w):
    """Input and weight have the right number of axes, and the same floating type."""
    sizes = "N, channels, L" if axes == 1 else "N, channels, H, W"
    if len(x.shape) not in (axes + 1, axes + 2):
        raise ValueError(f"{name}: the input must be ({sizes}), or the same without N; its shape is {x.shape}")
    if len(w.shape) != axes + 2:
        raise ValueError(f"{name}: the weight must have {axes + 2} axes; its shape is {w.shape}")
    if x.dtype != w.dtype or x.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name}: input and weight must both be float32 or both float64, not {x.dtype} and {w.dtype}; "
                        "convert one with .to(dtype)")
    check_together(name, raw(x), raw(w))


def check_channels(name, x, w, groups, channels, expected, others, others_name):
    """The channels fit together, and the groups divide them."""
    if not isinstance(groups, (int, np.integer)) or groups < 1:
        raise ValueError(f"{name}: groups must be a whole number, at least 1, not {groups!r}")
    if channels != expected:
        raise ValueError(f"{name}: weight {w.shape} with groups={groups} expects {expected} input channels, "
                         f"x {x.shape} has {channels}")
    if channels % groups or others % groups:
        raise ValueError(f"{name}: groups={groups} must divide the {channels} input channels and the {others} "
                         f"{others_name}")
    if 0 in w.shape or channels == 0:
        raise ValueError(f"{name}: no axis of the weight {w.shape} may be empty")


def check_bias(name, b, channels, x):
    """The bias has a number per output channel."""
    if b is not None and (b.shape != (channels,) or b.dtype != x.dtype):
        raise ValueError(f"{name}: the bias must have shape ({channels},) and type {x.dtype}, "
                         f"not {b.shape} and {b.dtype}")
    if b is not None:
        check_together(name, raw(x), raw(b))
