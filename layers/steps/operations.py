"""The three operations of `layers/convolution.py`, one step at a time: see form.py."""
import numpy as np
from minigrad.tensor import raw
from ..conv import CausalConv1d, Convolution, MaskedConv2d
from ..convolution import check_ranks, convolution_geometry, transposed_geometry
from .form import Form, walk


def convolution(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1, taps=None, order="outputs"):
    """The steps of y = w * x + bias; the settings are those of functional.conv1d and conv2d.

    x, w        (N, C, L) or (N, C, H, W) and their kernels, or without N; or (L,) and (K,), or (H, W) and (KH, KW)
    order       "outputs": one output at a time gathers the products under its window;
                "taps": one weight at a time multiplies the shifted input;
                "inputs": one input at a time is spread over all outputs whose windows it lies in
    Yields ConvolutionStep.  Raises ValueError where something does not fit, as the functions do.
    """
    x, w, bias, lead = lifted(x, w, bias)
    name = f"conv{x.ndim - 2}d"
    check_ranks(name, x.ndim - 2, x, w)
    geometry = convolution_geometry(name, x, w, bias, stride, padding, dilation, groups, taps)
    size = geometry.output_size[:x.ndim - 2]
    y = started(bias, (x.shape[0], w.shape[0], *size))
    names = dict(x="input", w="weight", y="output")
    form = Form(geometry, square(x), square(w), square(y), "y", names, lead, len(size))
    return walk(form, chosen("convolution", order, outputs="y", taps="w", inputs="x"))


def transposed_convolution(x, w, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1,
                           order="inputs"):
    """The steps of the transposed convolution; the settings are those of functional.conv_transpose1d and 2d.

    order       "inputs": one input at a time adds its translated kernel, times itself, to the output;
                "outputs": one output at a time gathers from the inputs whose windows it lies in: the adjoint of the
                convolution as it stands in the book;
                "taps": one weight at a time multiplies the shifted input
    Yields ConvolutionStep.  Raises ValueError where something does not fit, as the functions do.
    """
    x, w, bias, lead = lifted(x, w, bias)
    name = f"conv_transpose{x.ndim - 2}d"
    check_ranks(name, x.ndim - 2, x, w)
    geometry = transposed_geometry(name, x, w, bias, stride, padding, output_padding, groups, dilation)
    size = geometry.size[:x.ndim - 2]
    y = started(bias, (x.shape[0], w.shape[1] * groups, *size))
    names = dict(x="output", w="weight", y="input")        # the form's x is what the convolution would start from
    form = Form(geometry, square(y), square(w), square(x), "x", names, lead, len(size))
    return walk(form, chosen("transposed_convolution", order, inputs="y", outputs="x", taps="w"))


def layer(module, x, **order):
    """The steps of a convolutional module: of `convolution`, or of `transposed_convolution`.

    module      Conv1d, Conv2d, MaskedConv2d, CausalConv1d, ConvTranspose1d or ConvTranspose2d
    x           (N, C, L) or (N, C, H, W), or without N
    order       order=..., as in these two functions
    Yields ConvolutionStep.  Raises ValueError for other modules.
    """
    if not isinstance(module, Convolution):
        raise ValueError(f"layer: takes a convolution, not {module}")
    settings = {name: getattr(module, name) for name in ("stride", "padding", "dilation", "groups")} | order
    if module.transposed:
        return transposed_convolution(x, module.weight, module.bias, output_padding=module.output_padding, **settings)
    weight = module.weight.data
    if isinstance(module, MaskedConv2d):
        weight, settings["taps"] = weight * module.mask.data, module.taps
    if isinstance(module, CausalConv1d) and module.shift:              # the input, moved one step to the right
        x = np.asarray(raw(x))
        x = np.concatenate([np.zeros_like(x[..., :1]), x[..., :-1]], -1)
    return convolution(x, weight, module.bias, **settings)


def weight_gradient(x, gradient, kernel_size, stride=1, padding=0, dilation=1, groups=1, taps=None, order="taps"):
    """The steps of the gradient in the weight of a convolution, from its input and the gradient in its output.

    order       "taps": one weight at a time gathers the products of all pairs that it connects;
                "outputs": the gradient of one output at a time adds its window, times itself
    Yields ConvolutionStep.  Raises ValueError where something does not fit.
    """
    x, gradient, _, lead = lifted(x, gradient, None)
    if lead == 1:
        gradient = gradient[None]
    sizes = (kernel_size,) * (x.ndim - 2) if isinstance(kernel_size, int) else tuple(kernel_size)
    name = f"conv{x.ndim - 2}d"
    check_ranks(name, x.ndim - 2, x, gradient)
    w = np.zeros((gradient.shape[1], x.shape[1] // groups, *sizes))
    geometry = convolution_geometry(name, x, w, None, stride, padding, dilation, groups, taps)
    expected = (x.shape[0], w.shape[0], *geometry.output_size[:x.ndim - 2])
    if gradient.shape != expected:
        raise ValueError(f"weight_gradient: the output of that convolution has shape {expected[lead:]}, and its "
                         f"gradient {gradient.shape[lead:]}")
    names = dict(x="input", w="weight gradient", y="gradient")
    form = Form(geometry, square(x), square(w), square(gradient), "w", names, lead, len(sizes))
    return walk(form, chosen("weight_gradient", order, taps="w", outputs="y"))


# ---------------------------------------------------------------------------------------------------------------------
# Arrays of any rank as arrays of four axes, and back

def lifted(x, w, bias):
    """x and w in float64 with batch and channels, the bias, and how many leading axes x lacked."""
    x, w = (np.asarray(raw(array), np.float64) for array in (x, w))
    bias = None if bias is None else np.asarray(raw(bias), np.float64).reshape(-1)
    if w.ndim <= 2:
        if x.ndim != w.ndim or x.ndim == 0:
            raise ValueError(f"steps: a row and its kernel have one axis each, an image and its kernel two; the shapes "
                             f"are {x.shape} and {w.shape}")
        return x[None, None], w[None, None], bias, 2
    return (x[None], w, bias, 1) if x.ndim == w.ndim - 1 else (x, w, bias, 0)


def square(array):
    """1-D images as images of width 1."""
    return array if array.ndim == 4 else array[..., None]


def started(bias, shape):
    """What an output is before anything is added: its channel's bias, or 0."""
    start = np.zeros(shape)
    if bias is not None:
        start += bias.reshape(-1, *[1] * (len(shape) - 2))
    return start


def chosen(name, order, **orders):
    """The array whose numbers are taken one at a time."""
    if order not in orders:
        raise ValueError(f"{name}: order must be {', '.join(map(repr, orders))}, not {order!r}")
    return orders[order]
