"""Wrong solutions of `convnet` that must lose points, and other right ones that must not."""
from ..manifest import Fault, Honest

LOOPS, POOLING = "layers/kernels/loops.py", "layers/pooling.py"

FAULTS = [
    Fault("the kernel is turned round", f"{LOOPS}:convolve", "w[c, i, a, b]", "w[c, i, -1 - a, -1 - b]"),
    Fault("stride of the other axis", f"{LOOPS}:pixel", "r * stride[0]", "r * stride[1]"),
]

HONEST = [
    Honest("taps outermost", {f"{LOOPS}:convolve": '''
@njit(cache=True)
def convolve(x, w, y, stride, padding, dilation, groups, taps):
    per_group, members = w.shape[0] // groups, w.shape[1]
    for a, b in taps:
        for n, c, i, r, q in np.ndindex(x.shape[0], w.shape[0], members, y.shape[2], y.shape[3]):
            u, v = pixel(r, q, a, b, stride, padding, dilation)
            if u >= 0 and v >= 0 and u < x.shape[2] and v < x.shape[3]:
                y[n, c, r, q] += w[c, i, a, b] * x[n, c // per_group * members + i, u, v]
'''}),
]
