"""Random tensors.

Every function takes `generator=`, a `numpy.random.Generator`; without one it draws from the module's own, which
`manual_seed` starts anew.  float32 numbers are drawn as float32, so they differ from the rounded float64 ones.

Numbers are drawn on the CPU, and then moved where they are to be: they are the same on each device.
"""
import numpy as np
from . import dtypes
from .creation import leaf, shape_of
from .devices import CPU, CUDA, device_of, on_cpu

own = np.random.default_rng()              # where numbers come from when no generator is given


def manual_seed(seed):
    """Start the module's own generator anew, so that what follows is repeatable.  Returns that generator."""
    global own
    own = np.random.default_rng(seed)
    return own


def generator(given=None):
    """The generator to draw from: the one given, or the module's own."""
    if given is None:
        return own
    if not isinstance(given, np.random.Generator):
        raise TypeError(f"generator: needs a numpy.random.Generator, not {type(given).__name__}; "
                        "make one with numpy.random.default_rng(seed)")
    return given


def get_rng_state():
    """The state of the module's own generator: nested dicts of numbers and strings, which JSON can hold."""
    return own.bit_generator.state


def set_rng_state(state):
    """Put the module's own generator into a state from get_rng_state: the same numbers follow again."""
    try:
        own.bit_generator.state = state
    except (TypeError, ValueError, KeyError):
        raise ValueError("set_rng_state: this is no state from get_rng_state()") from None


def draw(method, shape, dtype):
    """The array method(shape) in the floating type `dtype`, drawn directly in it if NumPy can."""
    dtype = np.dtype(dtype or dtypes.default)
    if dtype.kind != "f":
        raise TypeError(f"numbers of a continuous distribution can't be {dtype}; use a floating-point dtype")
    direct = dtype if dtype == np.float64 else np.float32
    return method(shape, dtype=direct).astype(dtype, copy=False)


# ---------------------------------------------------------------------------------------------------------------------
# With given sizes.  `size` is sizes or one tuple of them: randn(2, 3), randn((2, 3)).

def randn(*size, dtype=None, device=None, requires_grad=False, generator=None):
    """Standard normal numbers: mean 0, variance 1."""
    return leaf(draw(chosen(generator).standard_normal, shape_of(size), dtype), requires_grad, device)


def rand(*size, dtype=None, device=None, requires_grad=False, generator=None):
    """Uniform numbers in [0, 1)."""
    return leaf(draw(chosen(generator).random, shape_of(size), dtype), requires_grad, device)


def randn_like(x, dtype=None, device=None, requires_grad=False, generator=None):
    """Standard normal numbers in x's shape, and by default its type and on its device."""
    return randn(x.shape, dtype=dtype or x.dtype, device=device or device_of(x), requires_grad=requires_grad,
                 generator=generator)


def rand_like(x, dtype=None, device=None, requires_grad=False, generator=None):
    """Uniform numbers in [0, 1) in x's shape, and by default its type and on its device."""
    return rand(x.shape, dtype=dtype or x.dtype, device=device or device_of(x), requires_grad=requires_grad,
                generator=generator)


def randint(low, high, size=None, dtype=None, device=None, generator=None):
    """Integers from low to high - 1, each as likely: randint(low, high, size), or randint(high, size) from 0 on."""
    low, high, size = (0, low, high) if size is None else (low, high, size)
    if low >= high:
        raise ValueError(f"randint: there is no integer from {low} to below {high}")
    numbers = chosen(generator).integers(low, high, shape_of((size,))).astype(dtype or dtypes.int64, copy=False)
    return leaf(numbers, False, device)


def randperm(n, device=None, generator=None):
    """The integers 0 ... n - 1 in random order."""
    return leaf(chosen(generator).permutation(n).astype(np.int64, copy=False), False, device)


# ---------------------------------------------------------------------------------------------------------------------
# With given parameters: the numbers are where these are

def normal(mean, std, size=None, generator=None):
    """Normal numbers of the given means and standard deviations: tensors, or numbers with a size.  A constant."""
    place = next((device_of(x) for x in (mean, std) if device_of(x) == CUDA), CPU)
    mean, std = on_cpu(mean), on_cpu(std)
    if np.any(np.asarray(std) < 0):
        raise ValueError(f"normal: a standard deviation can't be negative, and the least is {np.min(std)}")
    shape = np.broadcast_shapes(np.shape(mean), np.shape(std)) if size is None else shape_of((size,))
    dtype = next((x.dtype for x in (mean, std) if np.ndim(x)), dtypes.default)
    numbers = (mean + std * draw(chosen(generator).standard_normal, shape, dtype)).astype(dtype, copy=False)
    return leaf(numbers, False, place)


def bernoulli(probs, generator=None):
    """1 with probability probs, else 0: in the shape and type of probs.  A constant."""
    p = on_cpu(probs)
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError(f"bernoulli: probabilities must lie in [0, 1], and these go from {p.min()} to {p.max()}")
    return leaf((chosen(generator).random(p.shape) < p).astype(p.dtype), False, device_of(probs))


def multinomial(probs, num_samples, replacement=False, generator=None):
    """Indices drawn with probabilities proportional to `probs`: int64.

    probs           (K,), for a result of shape (num_samples,), or (N, K), for (N, num_samples)
    replacement     whether an index can be drawn again.  If not, no more than the non-zero probs can be drawn
    Raises ValueError for negative or non-finite probs, a row of zeros, too many samples.
    """
    p, place = np.asarray(on_cpu(probs), np.float64), device_of(probs)
    if p.ndim not in (1, 2):
        raise ValueError(f"multinomial: probs must be (K,) or (N, K), not {p.shape}")
    if not np.all(np.isfinite(p) & (p >= 0)) or not np.all(p.sum(-1) > 0):
        raise ValueError("multinomial: probs must be finite, not negative, and not all zero in a row")
    if replacement:
        return leaf(inverse_cdf(p, num_samples, chosen(generator)), False, place)
    possible = np.min(np.count_nonzero(p, -1))
    if num_samples > possible:
        raise ValueError(f"multinomial: {num_samples} samples without replacement, but only {possible} possible ones")
    # A race: exponential waiting times with rates p.  Who comes in first, second ... is a draw without replacement.
    with np.errstate(divide="ignore"):
        arrival = chosen(generator).standard_exponential(p.shape) / p
    return leaf(np.argsort(arrival, -1)[..., :num_samples].copy(), False, place)


def inverse_cdf(p, num_samples, rng):
    """num_samples indices per row of p: how many steps of the cumulative distribution lie at or below u ~ U[0, 1).

    p               weights (..., K), not negative, that need not sum to 1
    rng             a numpy.random.Generator, of which rng.random((..., num_samples)) gives the u
    Returns integers (..., num_samples), in 0 ... K - 1; no index whose weight is 0 is ever drawn.
    """
    cdf = np.cumsum(p, -1)
    cdf /= cdf[..., -1:]                   # the last step is exactly 1, which no u reaches
    u = rng.random((*p.shape[:-1], num_samples))
    indices = np.empty(u.shape, np.int64)
    for k in range(num_samples):
        indices[..., k] = (cdf <= u[..., k:k + 1]).sum(-1)
    return indices


chosen = generator                         # `generator` under a name that the parameters above don't hide
