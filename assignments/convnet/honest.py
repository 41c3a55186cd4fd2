"""Other right solutions of `convnet`, which must keep all their points."""
from ..manifest import Honest

LOOPS, POOLING = "layers/kernels/loops.py", "layers/pooling.py"
SIZE, PIXEL = "layers/kernels/geometry.py:Geometry.output_size", f"{LOOPS}:pixel"
CONVOLVE, TRANSPOSED, CORRELATE = f"{LOOPS}:convolve", f"{LOOPS}:convolve_transposed", f"{LOOPS}:correlate"

HONEST = [
    Honest("taps outermost, without pixel", {
        CONVOLVE: '''
@njit
def convolve(x, w, y, stride, padding, dilation, groups, taps):
    per_group, members = w.shape[0] // groups, w.shape[1]
    for t in range(len(taps)):
        a, b = taps[t, 0], taps[t, 1]
        for r in range(y.shape[2]):
            u = r * stride[0] + a * dilation[0] - padding[0]
            if u < 0 or u >= x.shape[2]:
                continue
            for q in range(y.shape[3]):
                v = q * stride[1] + b * dilation[1] - padding[2]
                if v < 0 or v >= x.shape[3]:
                    continue
                for n in range(x.shape[0]):
                    for c in range(w.shape[0]):
                        for i in range(members):
                            y[n, c, r, q] += w[c, i, a, b] * x[n, c // per_group * members + i, u, v]
''',
        TRANSPOSED: '''
@njit
def convolve_transposed(x, w, y, stride, padding, dilation, groups, taps):
    per_group, members = w.shape[0] // groups, w.shape[1]
    for t in range(len(taps)):
        a, b = taps[t, 0], taps[t, 1]
        for n, c, i, r, q in np.ndindex(x.shape[0], w.shape[0], members, y.shape[2], y.shape[3]):
            u, v = r * stride[0] + a * dilation[0] - padding[0], q * stride[1] + b * dilation[1] - padding[2]
            if u >= 0 and v >= 0 and u < x.shape[2] and v < x.shape[3]:
                x[n, c // per_group * members + i, u, v] += y[n, c, r, q] * w[c, i, a, b]
'''}),

    Honest("prange", {
        CONVOLVE: '''
import numba

@numba.njit(parallel=True)
def convolve(x, w, y, stride, padding, dilation, groups, taps):
    N, I, H, W = x.shape
    C, members = w.shape[:2]
    for job in numba.prange(N * C):
        n, c = job // C, job % C
        first = c // (C // groups) * members
        for r in range(y.shape[2]):
            for q in range(y.shape[3]):
                for i in range(members):
                    for k in range(len(taps)):
                        a, b = taps[k, 0], taps[k, 1]
                        u, v = pixel(r, q, a, b, stride, padding, dilation)
                        if 0 <= u < H and 0 <= v < W:
                            y[n, c, r, q] += w[c, i, a, b] * x[n, first + i, u, v]
''',
        TRANSPOSED: '''
@numba.njit(parallel=True)
def convolve_transposed(x, w, y, stride, padding, dilation, groups, taps):
    N, I, H, W = x.shape
    C, members = w.shape[:2]
    for n in numba.prange(N):
        for c in range(C):
            for i in range(members):
                for r in range(y.shape[2]):
                    for q in range(y.shape[3]):
                        for k in range(len(taps)):
                            a, b = taps[k, 0], taps[k, 1]
                            u, v = pixel(r, q, a, b, stride, padding, dilation)
                            if 0 <= u < H and 0 <= v < W:
                                x[n, c // (C // groups) * members + i, u, v] += w[c, i, a, b] * y[n, c, r, q]
''',
        CORRELATE: '''
@numba.njit(parallel=True)
def correlate(x, w, y, stride, padding, dilation, groups, taps):
    N, I, H, W = x.shape
    C, members = w.shape[:2]
    for c in numba.prange(C):
        for i in range(members):
            for k in range(len(taps)):
                a, b = taps[k, 0], taps[k, 1]
                total = w[c, i, a, b]
                for n in range(N):
                    for r in range(y.shape[2]):
                        for q in range(y.shape[3]):
                            u, v = pixel(r, q, a, b, stride, padding, dilation)
                            if 0 <= u < H and 0 <= v < W:
                                total += y[n, c, r, q] * x[n, c // (C // groups) * members + i, u, v]
                w[c, i, a, b] = total
'''}),

    Honest("every pixel gathers; sums in a variable of the arrays' type", {
        CONVOLVE: '''
@njit(cache=True, fastmath=True)
def convolve(x, w, y, stride, padding, dilation, groups, taps):
    per_group, members = w.shape[0] // groups, w.shape[1]
    for n, c, r, q in np.ndindex(y.shape):
        total = y.dtype.type(0)
        for k in range(len(taps)):
            a, b = taps[k]
            u, v = pixel(r, q, a, b, stride, padding, dilation)
            if 0 <= u < x.shape[2] and 0 <= v < x.shape[3]:
                for i in range(members):
                    total += x[n, c // per_group * members + i, u, v] * w[c, i, a, b]
        y[n, c, r, q] += total
''',
        TRANSPOSED: '''
@njit(cache=True, fastmath=True)
def convolve_transposed(x, w, y, stride, padding, dilation, groups, taps):
    per_group, members = w.shape[0] // groups, w.shape[1]
    for n, j, u, v in np.ndindex(x.shape):
        group, total = j // members, x.dtype.type(0)
        for a, b in taps:
            r, q = u + padding[0] - a * dilation[0], v + padding[2] - b * dilation[1]
            if r >= 0 and q >= 0 and r % stride[0] == 0 and q % stride[1] == 0:
                r, q = r // stride[0], q // stride[1]
                if r < y.shape[2] and q < y.shape[3]:
                    for c in range(group * per_group, (group + 1) * per_group):
                        total += w[c, j % members, a, b] * y[n, c, r, q]
        x[n, j, u, v] += total
'''}),

    Honest("a padded copy, sums in float64", {
        CONVOLVE: '''
@njit(cache=True)
def padded_copy(x, padding):
    top, bottom, left, right = padding
    N, I, H, W = x.shape
    padded = np.zeros((N, I, H + top + bottom, W + left + right), x.dtype)
    padded[:, :, top:top + H, left:left + W] = x
    return padded


@njit(cache=True)
def convolve(x, w, y, stride, padding, dilation, groups, taps):
    x = padded_copy(x, padding)
    members, per_group = w.shape[1], w.shape[0] // groups
    for n in range(y.shape[0]):
        for c in range(y.shape[1]):
            for r in range(y.shape[2]):
                for q in range(y.shape[3]):
                    total = np.float64(0)
                    for i in range(members):
                        for a, b in taps:
                            total += np.float64(w[c, i, a, b]) * x[n, c // per_group * members + i,
                                                                   r * stride[0] + a * dilation[0],
                                                                   q * stride[1] + b * dilation[1]]
                    y[n, c, r, q] += total
''',
        TRANSPOSED: '''
@njit(cache=True)
def convolve_transposed(x, w, y, stride, padding, dilation, groups, taps):
    top, bottom, left, right = padding
    N, I, H, W = x.shape
    padded = np.zeros((N, I, H + top + bottom, W + left + right))
    members, per_group = w.shape[1], w.shape[0] // groups
    for n in range(N):
        for c in range(y.shape[1]):
            for i in range(members):
                for a, b in taps:
                    for r in range(y.shape[2]):
                        for q in range(y.shape[3]):
                            padded[n, c // per_group * members + i, r * stride[0] + a * dilation[0],
                                   q * stride[1] + b * dilation[1]] += y[n, c, r, q] * w[c, i, a, b]
    x += padded[:, :, top:top + H, left:left + W].astype(x.dtype)
''',
        CORRELATE: '''
@njit(cache=True)
def correlate(x, w, y, stride, padding, dilation, groups, taps):
    x = padded_copy(x, padding)
    members, per_group = w.shape[1], w.shape[0] // groups
    for c in range(w.shape[0]):
        for i in range(members):
            for a, b in taps:
                total = 0.0
                for n in range(y.shape[0]):
                    for r in range(y.shape[2]):
                        for q in range(y.shape[3]):
                            total += y[n, c, r, q] * x[n, c // per_group * members + i, r * stride[0] + a * dilation[0],
                                                       q * stride[1] + b * dilation[1]]
                w[c, i, a, b] += total
'''}),

    Honest("bounds in place of if", {
        CONVOLVE: '''
@njit(cache=True)
def bounds(a, stride, dilation, before, size, outputs):
    """The outputs r from `low` to `high` whose pixel at tap a lies inside, and the first such pixel."""
    shift = before - a * dilation
    low = max(0, -(-shift // stride))
    high = min(outputs, (size - 1 + shift) // stride + 1)
    return low, max(low, high), low * stride - shift


@njit(cache=True)
def convolve(x, w, y, stride, padding, dilation, groups, taps):
    members, per_group = w.shape[1], w.shape[0] // groups
    for a, b in taps:
        r0, r1, u = bounds(a, stride[0], dilation[0], padding[0], x.shape[2], y.shape[2])
        q0, q1, v = bounds(b, stride[1], dilation[1], padding[2], x.shape[3], y.shape[3])
        for n in range(y.shape[0]):
            for c in range(y.shape[1]):
                for i in range(members):
                    for r in range(r0, r1):
                        for q in range(q0, q1):
                            y[n, c, r, q] += w[c, i, a, b] * x[n, c // per_group * members + i,
                                                               u + (r - r0) * stride[0], v + (q - q0) * stride[1]]
''',
        TRANSPOSED: '''
@njit(cache=True)
def convolve_transposed(x, w, y, stride, padding, dilation, groups, taps):
    members, per_group = w.shape[1], w.shape[0] // groups
    for a, b in taps:
        r0, r1, u = bounds(a, stride[0], dilation[0], padding[0], x.shape[2], y.shape[2])
        q0, q1, v = bounds(b, stride[1], dilation[1], padding[2], x.shape[3], y.shape[3])
        for n in range(y.shape[0]):
            for c in range(y.shape[1]):
                for i in range(members):
                    for r in range(r0, r1):
                        for q in range(q0, q1):
                            x[n, c // per_group * members + i, u + (r - r0) * stride[0], v + (q - q0) * stride[1]] += (
                                w[c, i, a, b] * y[n, c, r, q])
''',
        CORRELATE: '''
@njit(cache=True)
def correlate(x, w, y, stride, padding, dilation, groups, taps):
    members, per_group = w.shape[1], w.shape[0] // groups
    for a, b in taps:
        r0, r1, u = bounds(a, stride[0], dilation[0], padding[0], x.shape[2], y.shape[2])
        q0, q1, v = bounds(b, stride[1], dilation[1], padding[2], x.shape[3], y.shape[3])
        for n in range(y.shape[0]):
            for c in range(y.shape[1]):
                for i in range(members):
                    for r in range(r0, r1):
                        for q in range(q0, q1):
                            w[c, i, a, b] += y[n, c, r, q] * x[n, c // per_group * members + i,
                                                               u + (r - r0) * stride[0], v + (q - q0) * stride[1]]
'''}),

    Honest("tasks 1, 5 and 6 in other words", {
        SIZE: '''
    @property
    def output_size(self):
        reach = [d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation)]
        height = self.size[0] + self.padding[0] + self.padding[1]
        width = self.size[1] + self.padding[2] + self.padding[3]
        return 1 + (height - reach[0]) // self.stride[0], 1 + (width - reach[1]) // self.stride[1]
''',
        PIXEL: '''
@njit
def pixel(r, q, a, b, stride, padding, dilation):
    u = a * dilation[0] + r * stride[0]
    v = b * dilation[1] + q * stride[1]
    return u - padding[0], v - padding[2]
''',
        f"{LOOPS}:filled": '''
def filled(shape, b, dtype):
    if b is None:
        return np.zeros(shape, dtype)
    return np.broadcast_to(b.reshape(1, -1, 1, 1), shape).astype(dtype)
''',
        "layers/convolution.py:bias_gradient": '''
def bias_gradient(g):
    while len(g.shape) > 2:
        g = sum(g, dim=-1)
    return sum(g, dim=0)
''',
        f"{POOLING}:largest": '''
def largest(x, windows):
    return np.stack(list(taps(padded(x, windows, -np.inf), windows))).max(0)
''',
        f"{POOLING}:first_largest": '''
def first_largest(x, y, windows):
    return np.stack(list(taps(padded(x, windows, -np.inf), windows))).argmax(0)
''',
        f"{POOLING}:spread": '''
def spread(y, windows, chosen):
    around = padded(np.zeros((*lead(y, windows), *windows.size), y.dtype), windows, 0)
    for number, tap in enumerate(taps(around, windows)):
        tap += y if chosen is None else np.where(chosen == number, y, 0)
    cut = (slice(p, p + n) for p, n in zip(windows.padding, windows.size))
    return around[(..., *cut)]
'''}),

    Honest("pooling in Numba, window by window", {
        f"{POOLING}:largest": '''
from minigrad.compiled import njit

@njit(cache=True)
def walk(x, kernel, stride, padding, dilation, y, number):
    """The maximum of each window of the images x (M, H, W), and which tap it comes from."""
    for m in range(y.shape[0]):
        for r in range(y.shape[1]):
            for q in range(y.shape[2]):
                best, at = -np.inf, 0
                for a in range(kernel[0]):
                    for b in range(kernel[1]):
                        u = r * stride[0] + a * dilation[0] - padding[0]
                        v = q * stride[1] + b * dilation[1] - padding[1]
                        if 0 <= u < x.shape[1] and 0 <= v < x.shape[2]:
                            if x[m, u, v] > best or np.isnan(x[m, u, v]):
                                best, at = x[m, u, v], a * kernel[1] + b
                y[m, r, q], number[m, r, q] = best, at


def found(x, windows):
    w = windows
    if len(w.size) == 1:
        w = Windows((*w.size, 1), (*w.kernel, 1), (*w.stride, 1), (*w.padding, 0), (*w.dilation, 1))
    shape = (*lead(x, windows), *output_size(windows))
    flat = (int(np.prod(lead(x, windows))), *output_size(w))
    y, number = np.empty(flat, x.dtype), np.empty(flat, np.int64)
    walk(np.ascontiguousarray(x).reshape(flat[0], *w.size), w.kernel, w.stride, w.padding, w.dilation, y, number)
    return y.reshape(shape), number.reshape(shape)


def largest(x, windows):
    return found(x, windows)[0]
''',
        f"{POOLING}:first_largest": '''
def first_largest(x, y, windows):
    return found(x, windows)[1]
'''}),
]
