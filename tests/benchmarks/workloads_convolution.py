"""Single convolutions: those of the lectures' models, larger ones, and special ones."""
import functools
import math
import numpy as np
from .measure import Timed

# (N, in_channels, H, W), out_channels, kernel, stride, padding
AUTOENCODER = [((100, 1, 28, 28), 32, 5, 1, 0), ((100, 32, 24, 24), 32, 5, 1, 0), ((100, 32, 20, 20), 32, 4, 2, 0),
               ((100, 32, 9, 9), 32, 3, 2, 0), ((100, 32, 4, 4), 8, 4, 1, 0)]
OTHERS = [((64, 64, 28, 28), 64, 3, 1, 1), ((64, 64, 28, 28), 64, 7, 1, 3), ((64, 1, 28, 28), 32, 3, 1, 0),
          ((64, 32, 13, 13), 64, 5, 1, 0), ((64, 128, 28, 28), 128, 1, 1, 0)]
# (N, in_channels, L), out_channels, kernel, dilation
CAUSAL = [((64, 32, 64), 32, 2, 1), ((100, 32, 100), 32, 2, 16), ((8, 64, 4096), 64, 2, 64)]
ANY, MASKED = (1.5, 1.0), (0.7, 0.5)       # limits: what a ratio must be, and what to reach for


def workloads():
    """All of them, each forward and forward + backward."""
    for given in AUTOENCODER + OTHERS:
        yield from plain("conv2d", *given)
    for given in AUTOENCODER:
        yield from plain("conv_transpose2d", *given)
    yield from plain("depthwise", (64, 64, 28, 28), 64, 3, 1, 1, groups=64)
    for kernel in (5, 7):
        yield from masked((64, 64, 28, 28), 64, kernel)
    for given in CAUSAL:
        yield from causal(*given)


def plain(kind, shape, out, kernel, stride, padding, groups=1):
    """A 2-D convolution, or for `conv_transpose2d` its mirror, from the convolution's output back to its input."""
    N, channels, H, W = shape
    w_shape = out, channels // groups, kernel, kernel
    size = tuple((n + 2 * padding - kernel) // stride + 1 for n in (H, W))
    pairs = N * math.prod(size) * math.prod(w_shape)               # of an input and a weight that are multiplied
    mirrored = kind == "conv_transpose2d"
    if mirrored:
        shape, out = (N, out, *size), channels

    def function(engine, w, b):
        convolve = engine.F.conv_transpose2d if mirrored else engine.F.conv2d
        return lambda x: convolve(x, w, b, stride=stride, padding=padding, groups=groups)

    settings = f" s{stride}" * (stride > 1) + f" p{padding}" * (padding > 0)
    return both(f"{kind} {title(shape)}->{out} k{kernel}{settings}", function, shape, w_shape, out, pairs, ANY)


def masked(shape, out, kernel):
    """A masked convolution of type B; PyTorch's is a whole one with a masked weight.  Hidden work is not counted."""
    N, channels, H, W = shape
    pairs = N * H * W * out * channels * (kernel ** 2 // 2 + 1)

    def function(engine, w, b):
        layer = engine.MaskedConv2d("B", channels, out, kernel).to(engine.device)
        layer.weight, layer.bias = w, b
        return layer

    return both(f"masked {title(shape)}->{out} k{kernel}", function, shape, (out, channels, kernel, kernel), out, pairs,
                MASKED)


def causal(shape, out, kernel, dilation):
    """A causal 1-D convolution."""
    N, channels, length = shape

    def function(engine, w, b):
        return lambda x: engine.causal(x, w, b, dilation)

    settings = f" d{dilation}" * (dilation > 1)
    return both(f"causal1d {title(shape)}->{out} k{kernel}{settings}", function, shape, (out, channels, kernel), out,
                N * length * out * channels * kernel, ANY)


def both(name, function, x_shape, w_shape, out, pairs, limits):
    """The two workloads of a convolution.

    function    (engine, w, b) -> a function x -> y
    pairs       how many products an output, and likewise each of the two gradients, adds up
    """
    rng, bound = np.random.default_rng(0), 1 / math.sqrt(math.prod(w_shape[1:]))

    @functools.cache                       # drawn when first used, once for both engines
    def arrays():
        return (rng.standard_normal(x_shape, np.float32), rng.uniform(-bound, bound, w_shape).astype(np.float32),
                rng.uniform(-bound, bound, out).astype(np.float32))

    def made(engine):
        x, w, b = map(engine.tensor, arrays())
        w, b = engine.nn.Parameter(w), engine.nn.Parameter(b)
        return (x.requires_grad_(), w, b), function(engine, w, b)

    def forward(engine):
        (x, _, _), convolve = made(engine)

        def run():
            with engine.torch.no_grad():
                return convolve(x)
        return run, lambda y: [y]

    def forward_backward(engine):
        inputs, convolve = made(engine)
        shape = tuple(convolve(inputs[0]).shape)
        g = engine.tensor(np.random.default_rng(1).standard_normal(shape, np.float32))

        def run():
            y = convolve(inputs[0])
            return y, *engine.torch.autograd.grad(y, inputs, g)
        return run, list

    yield Timed(f"{name} forward", "convolution", forward, *limits, flop=2 * pairs)
    yield Timed(f"{name} forward+backward", "convolution", forward_backward, *limits, flop=6 * pairs)


def title(shape):
    """(100, 1, 28, 28) as 100x1x28x28."""
    return "x".join(map(str, shape))
