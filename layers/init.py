"""How parameters start: each function writes random or fixed numbers over a tensor, in place, and returns it.

`generator` is a numpy.random.Generator; without it minigrad's own is drawn from (see minigrad.manual_seed).

A layer of fan_in inputs adds up fan_in products.  For its output to vary as much as its input, a weight's variance must
be gain^2 / fan_in, where the gain makes up for what the nonlinearity before it takes away.
"""
import math
from minigrad import no_grad

GAINS = {"linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv_transpose1d": 1.0, "conv_transpose2d": 1.0, "sigmoid": 1.0,
         "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}


def calculate_gain(nonlinearity, param=None):
    """The factor by which weights must grow because of a nonlinearity.

    param       the negative slope of "leaky_relu", by default 0.01: sqrt(2 / (1 + slope^2))
    Raises ValueError for an unknown nonlinearity.
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in GAINS:
        raise ValueError(f"calculate_gain: unknown nonlinearity {nonlinearity!r}; there are leaky_relu, "
                         f"{', '.join(GAINS)}")
    return GAINS[nonlinearity]


def fans(tensor):
    """(fan_in, fan_out) of a weight: its second and its first size, times the size of the kernel.

    Raises ValueError for tensors of fewer than two axes.
    """
    if len(tensor.shape) < 2:
        raise ValueError(f"init: fan-in and fan-out need a weight of two axes or more, not shape {tensor.shape}")
    kernel = math.prod(tensor.shape[2:])
    return tensor.shape[1] * kernel, tensor.shape[0] * kernel


def fan(tensor, mode):
    """One of the fans."""
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'init: mode must be "fan_in" or "fan_out", not {mode!r}')
    return fans(tensor)[mode == "fan_out"]


@no_grad()
def uniform_(tensor, a=0.0, b=1.0, generator=None):
    """Uniform numbers from [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(tensor, mean=0.0, std=1.0, generator=None):
    """Normal numbers."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def constant_(tensor, val):
    """One value everywhere."""
    return tensor.fill_(val)


def zeros_(tensor):
    """Zeros."""
    return constant_(tensor, 0.0)


def ones_(tensor):
    """Ones."""
    return constant_(tensor, 1.0)


def xavier_uniform_(tensor, gain=1.0, generator=None):
    """U(-k, k), k = gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    bound = gain * math.sqrt(6 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor, gain=1.0, generator=None):
    """N(0, std^2), std = gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(fans(tensor))), generator)


def kaiming_uniform_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """U(-k, k), k = gain * sqrt(3 / fan) (He et al., 2015).

    a       the negative slope, where the nonlinearity is "leaky_relu"; 0 is ReLU
    mode    "fan_in" keeps the variance of the values, "fan_out" that of the gradients
    """
    bound = calculate_gain(nonlinearity, a) * math.sqrt(3 / fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor, a=0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """N(0, std^2), std = gain / sqrt(fan) (He et al., 2015); a and mode as in `kaiming_uniform_`."""
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(fan(tensor, mode)), generator)
