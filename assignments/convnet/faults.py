"""Wrong solutions of `convnet` that must lose points, and other right ones that must not."""
from ..manifest import Fault
from .honest import HONEST

LOOPS, POOLING = "layers/kernels/loops.py", "layers/pooling.py"
SIZE, PIXEL = "layers/kernels/geometry.py:Geometry.output_size", f"{LOOPS}:pixel"
CONVOLVE, TRANSPOSED, CORRELATE = f"{LOOPS}:convolve", f"{LOOPS}:convolve_transposed", f"{LOOPS}:correlate"
FILLED, BIAS = f"{LOOPS}:filled", "layers/convolution.py:bias_gradient"
WINDOWS, LARGEST = f"{POOLING}:output_size", f"{POOLING}:largest"
FIRST, SPREAD = f"{POOLING}:first_largest", f"{POOLING}:spread"

CALL = "pixel(r, q, a, b, stride, padding, dilation)"
ALL_TAPS = "for a, b in np.ndindex(w.shape[2], w.shape[3]):"

FAULTS = [
    # Task 1
    Fault("padding on one side only", SIZE, "n + before + after", "n + before"),
    Fault("no dilation in the size", SIZE, "(k - 1) * d", "(k - 1)"),
    Fault("sizes rounded up", SIZE, "- 1) // s", "- 2 + s) // s"),
    Fault("one output too few", SIZE, "// s + 1", "// s"),
    Fault("no stride in the size", SIZE, "// s + 1", "// 1 + 1"),
    Fault("paddings in another order", SIZE, "(top, left), (bottom, right)", "(top, bottom), (left, right)"),
    Fault("sizes with fractions", SIZE, "// s + 1", "/ s + 1"),
    Fault("the padding below for that on the left", PIXEL, "padding[2]", "padding[1]"),
    Fault("the stride of the other axis", PIXEL, "r * stride[0]", "r * stride[1]"),
    Fault("the dilation of the other axis", PIXEL, "b * dilation[1]", "b * dilation[0]"),
    Fault("no dilation", PIXEL, "a * dilation[0]", "a"),
    Fault("padding the wrong way", PIXEL, "- padding[0]", "+ padding[0]"),
    Fault("dilation of the position as well", PIXEL, "r * stride[0]", "r * stride[0] * dilation[0]"),
    # Task 2
    Fault("the kernel turned round", CONVOLVE, "w[c, i, a, b]", "w[c, i, -1 - a, -1 - b]"),
    Fault("the kernel upside down", CONVOLVE, "w[c, i, a, b]", "w[c, i, -1 - a, b]"),
    Fault("only the last product is kept", CONVOLVE, "] += w", "] = w"),
    Fault("the first group for all", CONVOLVE, "first + i, u", "i, u"),
    Fault("groups dealt out in turn", CONVOLVE, "c // (C // groups) * members", "c % groups * members"),
    Fault("the first row does not count", CONVOLVE, "0 <= u < H", "0 < u < H"),
    Fault("the last column does not count", CONVOLVE, "0 <= v < W", "0 <= v < W - 1"),
    Fault("square images", CONVOLVE, "0 <= v < W", "0 <= v < min(H, W)"),
    Fault("the first image only", CONVOLVE, "for n in range(N)", "for n in range(1)"),
    Fault("the first channel only", CONVOLVE, "for i in range(members)", "for i in range(1)"),
    Fault("the mask of taps ignored", CONVOLVE, "for a, b in taps:", ALL_TAPS),
    Fault("stride 1", CONVOLVE, CALL, "pixel(r, q, a, b, (1, 1), padding, dilation)"),
    Fault("padding on the other sides", CONVOLVE, CALL,
          "pixel(r, q, a, b, stride, (padding[1], padding[0], padding[3], padding[2]), dilation)"),
    Fault("the image mirrored at its border", CONVOLVE, "if 0 <= u < H and 0 <= v < W:",
          "u, v = abs(u) if u < H else 2 * H - 2 - u, abs(v) if v < W else 2 * W - 2 - v\n" + 28 * " " +
          "if 0 <= u < H and 0 <= v < W:"),
    Fault("the last row of outputs left out", CONVOLVE, "range(y.shape[2])", "range(y.shape[2] - 1)"),
    Fault("square outputs", CONVOLVE, "range(y.shape[3])", "range(min(y.shape[2], y.shape[3]))"),
    Fault("the input changed", CONVOLVE, "C, members = w.shape[:2]", "C, members = w.shape[:2]\n    x[0, 0, 0, 0] = 0"),
    Fault("products in float32", CONVOLVE, "w[c, i, a, b] *", "np.float32(w[c, i, a, b]) *"),
    Fault("the mean over channels", CONVOLVE, "w[c, i, a, b] *", "w[c, i, a, b] / members *"),
    # Task 3
    Fault("the kernel turned round in the transposed convolution", TRANSPOSED, "w[c, i, a, b]",
          "w[c, i, -1 - a, -1 - b]"),
    Fault("the last y for all", TRANSPOSED, "] += w", "] = w"),
    Fault("the first output channel only", TRANSPOSED, "for c in range(C)", "for c in range(1)"),
    Fault("the last image only", TRANSPOSED, "for n in range(N)", "for n in range(N - 1, N)"),
    Fault("the first group gets everything", TRANSPOSED, "first + i, u", "i, u"),
    Fault("stride 1 in the transposed convolution", TRANSPOSED, CALL, "pixel(r, q, a, b, (1, 1), padding, dilation)"),
    Fault("no padding in the transposed convolution", TRANSPOSED, CALL,
          "pixel(r, q, a, b, stride, (0, 0, 0, 0), dilation)"),
    Fault("no dilation in the transposed convolution", TRANSPOSED, CALL, "pixel(r, q, a, b, stride, padding, (1, 1))"),
    Fault("the last row gets nothing", TRANSPOSED, "0 <= u < H", "0 <= u < H - 1"),
    Fault("all taps in the transposed convolution", TRANSPOSED, "for a, b in taps:", ALL_TAPS),
    Fault("the weight of the next channel", TRANSPOSED, "w[c, i, a, b]", "w[c, (i + 1) % members, a, b]"),
    Fault("the convolution in place of its transpose", TRANSPOSED,
          "x[n, first + i, u, v] += w[c, i, a, b] * y[n, c, r, q]",
          "y[n, c, r, q] += w[c, i, a, b] * x[n, first + i, u, v]"),
    # Task 4
    Fault("the first image only, in the weight gradient", CORRELATE, "for n in range(N)", "for n in range(1)"),
    Fault("the weight gradient turned round", CORRELATE, "w[c, i, a, b] +=", "w[c, i, -1 - a, -1 - b] +="),
    Fault("the mean over images", CORRELATE, "+= y[n, c, r, q]", "+= y[n, c, r, q] / N"),
    Fault("the first group in all weights", CORRELATE, "first + i, u", "i, u"),
    Fault("weights outside the mask learn", CORRELATE, "for a, b in taps:", ALL_TAPS),
    Fault("stride 1 in the weight gradient", CORRELATE, CALL, "pixel(r, q, a, b, (1, 1), padding, dilation)"),
    Fault("no padding in the weight gradient", CORRELATE, CALL, "pixel(r, q, a, b, stride, (0, 0, 0, 0), dilation)"),
    Fault("the last product only", CORRELATE, "] += y", "] = y"),
    Fault("the first column of outputs left out", CORRELATE, "for q in range(y.shape[3])",
          "for q in range(1, y.shape[3])"),
    # Task 5
    Fault("the bias along the rows", FILLED, "b[:, None, None]", "b[:shape[2], None]"),
    Fault("the bias along the columns", FILLED, "b[:, None, None]", "b"),
    Fault("no bias", FILLED, "if b is not None", "if b is not None and b.size == 0"),
    Fault("the bias twice", FILLED, "array += b", "array += 2 * b"),
    Fault("the bias makes float64 of float32", FILLED, "np.zeros(shape, dtype)", "np.zeros(shape)"),
    Fault("the bias of the first image only", FILLED, "array +=", "array[0] +="),
    Fault("the mean of the gradient", BIAS, "sum(g,", "sum(g / g.shape[0],"),
    Fault("rows not summed up", BIAS, "axis != 1", "axis not in (1, 2)"),
    Fault("channels summed up", BIAS, "axis != 1", "axis != 0"),
    # Task 6
    Fault("padding on one side of the windows", WINDOWS, "n + 2 * p", "n + p"),
    Fault("no dilation of the windows", WINDOWS, "d * (k - 1)", "(k - 1)"),
    Fault("padding with zeros", LARGEST, "-np.inf", "0"),
    Fault("the smallest", LARGEST, "np.maximum", "np.minimum"),
    Fault("NaN passed over", LARGEST, "np.maximum", "np.fmax"),
    Fault("the maximum in place of the input", LARGEST, "tap.copy()", "tap"),
    Fault("the last maximum gets the gradient", FIRST, "for tap in earlier:\n        before &= tap != y\n"
          "        chosen += before\n",
          "for number, tap in enumerate([*earlier, _]):\n        chosen[tap == y] = number\n"),
    Fault("the first tap gets the gradient", FIRST, "chosen += before", "chosen += 0"),
    Fault("all that are not larger get counted", FIRST, "before &= tap != y", "before = tap != y"),
    Fault("overlapping windows overwrite each other", SPREAD, "tap += part", "tap[...] = part"),
    Fault("dilated windows overwrite each other", SPREAD, "d * (k - 1) < s", "k - 1 < s"),
    Fault("all taps after the first maximum", SPREAD, "chosen == number", "chosen <= number"),
    Fault("the padding not cut off where it should be", SPREAD, "slice(p, p + n)", "slice(0, n)"),
    Fault("the gradient of average pooling to the last tap", SPREAD, "1 if chosen is None",
          "number + 1 == np.prod(windows.kernel) if chosen is None"),
]
