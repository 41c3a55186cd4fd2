"""The cases of `convnet` that only the grader has."""
import numpy as np
from ..manifest import Case, Method
from .inputs import arrays, digits, distinct, geometry

SKEW = geometry((9, 7), (2, 4), (1, 1), (0, 1, 2, 0))                          # 9 x 6 outputs
FAR = geometry((9, 10), (2, 1), (3, 4))                                        # 3 x 3, and pixels that nobody sees
WIDE = geometry((9, 8), (3, 2), (1, 2), (2, 1, 0, 3), (2, 3))                  # 8 x 4
GROUPS = geometry((5, 8), (3, 2), (1, 1), (1, 1, 1, 0), groups=3)              # 5 x 8, wide
MASKED = geometry((6, 5), (3, 3), (1, 1), (1, 1, 1, 1), taps=((0, 0), (0, 1), (0, 2), (1, 0)))   # 6 x 5


def settings(rng):
    """Any settings of a convolution, and the height and width of its output at which they fit."""
    def pair(low, high):
        return tuple(int(n) for n in rng.integers(low, high, 2))

    kernel, stride, dilation, padding = pair(1, 5), pair(1, 4), pair(1, 4), (*pair(0, 4), *pair(0, 4))
    output, spare = pair(2, 5), [int(rng.integers(0, s)) for s in stride]
    size = tuple(max(1, (o - 1) * s + d * (k - 1) + 1 + e - p - q) for o, s, d, k, e, p, q in
                 zip(output, stride, dilation, kernel, spare, padding[::2], padding[1::2]))
    return geometry(size, kernel, stride, padding, dilation, int(rng.integers(1, 3)))


def adjoint(rng):
    """x, w and a cotangent y for any settings."""
    chosen = settings(rng)
    height, width = ((n + p + q - d * (k - 1) - 1) // s + 1 for n, p, q, d, k, s in
                     zip(chosen[0], chosen[3][::2], chosen[3][1::2], chosen[4], chosen[1], chosen[2]))
    return arrays(chosen, (height, width), 2, 2, 3)(rng)


def equal(arguments, values):
    """The three forms of T(w, x, y) are the same number, which is far from zero."""
    form, *others = values[0] if isinstance(values, tuple) else values
    x, w, y = arguments[:3]
    scale = np.sqrt((x ** 2).sum() * (w ** 2).sum() * (y ** 2).sum()) * 1e-10
    for name, other in zip(("<x, transposed(y)>", "<w, weight gradient(x, y)>"), others):
        if not abs(form - other) <= scale:
            return f"<w * x, y> and {name} differ: one of the two operations is not the adjoint of the other"
    return None


def turned(rng):
    """x, w, b, and a cotangent for conv2d of x with height and width exchanged; the settings of conv2d."""
    return (rng.normal(size=(3, 2, 9, 7)), rng.normal(size=(4, 2, 3, 2)), rng.normal(size=4),
            rng.normal(size=(3, 4, 8, 4)), (2, 1), (1, 0))


def with_bias(rng):
    """As many channels as pixels in a row, so that a bias along the wrong axis would fit."""
    chosen = geometry((5, 4), (3, 1), (1, 1), (1, 1, 0, 0))
    x, w, *_ = arrays(chosen, (5, 4), 2, 4, 4, np.float32)(rng)
    return x, w, rng.normal(size=4).astype(np.float32), *chosen


def ties(rng):
    """Images of three grey levels: most windows have several largest entries."""
    return rng.integers(-1, 2, (2, 2, 7, 8)).astype(float), rng.normal(size=(2, 2, 3, 4)), 3, 2, (0, 1)


def negative(rng):
    """Only negative numbers, and one that is none; padding around them."""
    x = distinct(rng, (1, 3, 5, 6)) - 40
    x[0, 1, 2, 3] = np.nan
    return x, (2, 3), (2, 1), (1, 1), (1, 2)


LARGE = geometry((160, 160), (7, 7))                                           # 154 x 154
SMALL = geometry((24, 24), (5, 5))                                             # 20 x 20
MEGABYTE = 1 << 20


def lean(measured):
    """Little memory, and no more time than loops take."""
    x, _, y = measured.arguments[:3]
    most = 3 * (x.nbytes + y.nbytes) + 4 * MEGABYTE
    if measured.peak > most:
        return (f"memory beside the arrays: {measured.peak / MEGABYTE:.1f} MB, and at most {most / MEGABYTE:.1f} MB "
                "are allowed, 3 x (input + output) + 4 MB")
    if measured.reference is not None and measured.seconds > 15 * measured.reference:
        return (f"{measured.seconds / measured.reference:.0f} times the time of the plain loops, and at most 15 are "
                "allowed")
    return None


def compiled(measured):
    """Numba does the work: without it, all is far slower."""
    if measured.without_jit < 20 * measured.seconds:
        return (f"with Numba's compiler it is {measured.without_jit / measured.seconds:.1f} times as fast as without, "
                "and that must be 20: Numba does not do the work")
    return None


def methods(task, probe, name):
    """How an operation is computed: on one large image with a large kernel, and with Numba's compiler off."""
    return [Method(task, f"{name}: memory and time", probe, arrays(LARGE, (154, 154), 1, 4, 8), 2,
                   f"{name}: too much memory, or too slow, on a large image with a 7 x 7 kernel; no Toeplitz matrix",
                   judge=lean, scan="scan", seconds=20),
            Method(task, f"{name}: compiled by Numba", probe, arrays(SMALL, (20, 20), 2, 3, 4), 2,
                   f"{name}: Numba must do the work", judge=compiled, scan="scan", without_jit=True, seconds=20)]


HIDDEN = [
    Case("1", "output size in general", "output_size", settings, 2, "output_size is wrong for other settings",
         calls=20),
    Case("1", "pixel in general", "pixels", lambda rng: (rng.integers(0, 9, (20, 4)), *settings(rng)[2:5]), 2,
         "pixel is wrong for other settings", calls=5),

    Case("2", "convolution with even kernels and uneven padding", "convolve", arrays(SKEW, (9, 6), 2, 3, 2), 2,
         "the convolution is wrong for a kernel with even sides, or for padding that differs from side to side",
         calls=2),
    Case("2", "convolution with a stride larger than the kernel", "convolve", arrays(FAR, (3, 3), 1, 2, 3), 2,
         "the convolution is wrong where windows lie apart", calls=2),
    Case("2", "convolution with dilation", "convolve", arrays(WIDE, (8, 4), 3, 1, 2), 2,
         "the convolution is wrong with dilation"),
    Case("2", "convolution with groups", "convolve", arrays(GROUPS, (5, 8), 2, 2, 3), 2,
         "the convolution is wrong with groups"),
    Case("2", "convolution with some taps only, float32", "convolve", arrays(MASKED, (6, 5), 2, 2, 3, np.float32), 2,
         "the convolution is wrong in float32, or where only some taps take part", rtol=2e-5),

    Case("3", "transposed convolution with even kernels and uneven padding", "convolve_transposed",
         arrays(SKEW, (9, 6), 2, 3, 2), 2, "the transposed convolution is wrong for a kernel with even sides, or for "
         "padding that differs from side to side", calls=2),
    Case("3", "transposed convolution with a stride larger than the kernel", "convolve_transposed",
         arrays(FAR, (3, 3), 1, 2, 3), 2, "the transposed convolution is wrong where windows lie apart", calls=2),
    Case("3", "transposed convolution with dilation", "convolve_transposed", arrays(WIDE, (8, 4), 3, 1, 2), 2,
         "the transposed convolution is wrong with dilation"),
    Case("3", "transposed convolution with groups", "convolve_transposed", arrays(GROUPS, (5, 8), 2, 2, 3), 2,
         "the transposed convolution is wrong with groups"),
    Case("3", "transposed convolution with some taps only, float32", "convolve_transposed",
         arrays(MASKED, (6, 5), 2, 2, 3, np.float32), 2,
         "the transposed convolution is wrong in float32, or where only some taps take part", rtol=2e-5),

    Case("4", "weight gradient with even kernels and uneven padding", "correlate", arrays(SKEW, (9, 6), 2, 3, 2), 2,
         "the weight gradient is wrong for a kernel with even sides, or for padding that differs from side to side",
         calls=2),
    Case("4", "weight gradient with a stride larger than the kernel", "correlate", arrays(FAR, (3, 3), 1, 2, 3), 1,
         "the weight gradient is wrong where windows lie apart", calls=2),
    Case("4", "weight gradient with dilation", "correlate", arrays(WIDE, (8, 4), 3, 1, 2), 1,
         "the weight gradient is wrong with dilation"),
    Case("4", "weight gradient with groups", "correlate", arrays(GROUPS, (5, 8), 2, 2, 3), 1,
         "the weight gradient is wrong with groups"),
    Case("4", "weight gradient with some taps only, float32", "correlate",
         arrays(MASKED, (6, 5), 2, 2, 3, np.float32), 1,
         "the weight gradient is wrong in float32, or where only some taps take part", rtol=2e-5),
    Case("4", "the three operations are adjoint", "adjoint", adjoint, 3,
         "convolution, transposed convolution and weight gradient do not belong together", check=equal, calls=10),

    Case("5", "convolution with bias, float32", "forward", with_bias, 2,
         "the convolution is wrong with a bias, or in float32", rtol=2e-5, calls=2),
    Case("5", "all gradients of conv2d, of arrays in any order", "gradients", turned, 3,
         "conv2d, or one of its gradients in x, w and b, is wrong by backward", calls=2),

    Case("6", "number of windows", "pool_size", lambda rng: ((9, 8), (3, 2), (2, 3), (1, 0), (2, 1)), 1,
         "the number of pooling windows is wrong for other settings"),
    Case("6", "max-pooling of negative numbers, with padding and dilation", "max_pool", negative, 2,
         "max-pooling is wrong with padding, dilation or NaN: what lies outside is never the largest, NaN always is",
         calls=2),
    Case("6", "gradient where windows overlap, and entries are equal", "max_pool_gradient", ties, 3,
         "the gradient of max-pooling is wrong where windows overlap, or where several entries are the largest: then "
         "the first one gets it", calls=2),
    Case("6", "max-pooling of images whose axes lie in another order", "max_pool_on_its_side",
         lambda rng: (distinct(rng, (2, 3, 7, 5)), rng.normal(size=(2, 3, 3, 2)), 2, 2, 0, 2), 1,
         "max-pooling, or its gradient, is wrong with dilation, or for images that don't lie in C order in memory"),
    Case("6", "gradient of average pooling", "avg_pool_gradient",
         lambda rng: (rng.normal(size=(1, 2, 6, 7)), rng.normal(size=(1, 2, 5, 4)), (2, 3), (1, 2), (0, 1)), 1,
         "spread(y, windows, None) must give every entry of a window the window's value"),

    Case("7", "another classifier of digits learns", "train", digits(40, 0.02), 5,
         "training does not go as it should", rtol=1e-5, seconds=20),

    *methods("2", "convolve", "convolution"),
    *methods("3", "convolve_transposed", "transposed convolution"),
    *methods("4", "correlate", "weight gradient"),
]
