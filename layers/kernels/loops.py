"""The textbook loops: the three operations as their definitions read.  Slow, short, and the judge of the fast kernels.

With the pixel (u, v) of the output position (r, q) and tap (a, b) as in `geometry`, all three are one trilinear form

    sum over n, c, i, r, q, (a, b) of   y[n, c, r, q]  w[c, i, a, b]  x[n, i', u, v]

differentiated with respect to one of its three arguments, where i' is the i-th input channel of c's group.
"""
import numpy as np
from minigrad.compiled import njit


def forward(x, w, b, geometry):
    """The convolution y = w * x + b.   x (N, I, H, W), w (C, I / groups, KH, KW), b (C,) or None -> y (N, C, OH, OW)"""
    y = filled((x.shape[0], w.shape[0], *geometry.output_size), b, x.dtype)
    convolve(x, w, y, *numbers(geometry))
    return y


def input_gradient(y, w, b, geometry):
    """The transposed convolution: the gradient of <w * x, y> in x, plus b.   y (N, C, OH, OW), w as above, b (I,) or
    None -> x (N, I, H, W)"""
    x = filled((y.shape[0], w.shape[1] * geometry.groups, *geometry.size), b, y.dtype)
    convolve_transposed(x, w, y, *numbers(geometry))
    return x


def weight_gradient(x, y, geometry):
    """The gradient of <w * x, y> in w.   x (N, I, H, W), y (N, C, OH, OW) -> (C, I / groups, KH, KW)"""
    w = np.zeros((y.shape[1], x.shape[1] // geometry.groups, *geometry.kernel), x.dtype)
    correlate(x, w, y, *numbers(geometry))
    return w


def filled(shape, b, dtype):
    """A new array of the shape (N, C, H, W) and the dtype: the bias b[c] everywhere in channel c, or 0 if b is None."""
    array = np.zeros(shape, dtype)
    if b is not None:
        array += b[:, None, None]
    return array


def numbers(geometry):
    """What the loops need of a geometry."""
    taps = np.array(geometry.taps, np.int64).reshape(-1, 2)
    return geometry.stride, geometry.padding, geometry.dilation, geometry.groups, taps


@njit(cache=True)
def pixel(r, q, a, b, stride, padding, dilation):
    """The pixel (u, v) that the output position (r, q) sees at the tap (a, b); it may lie outside the image, in the
    padding.   stride (down, right), padding (top, bottom, left, right), dilation (down, right)"""
    return r * stride[0] + a * dilation[0] - padding[0], q * stride[1] + b * dilation[1] - padding[2]


@njit(cache=True)
def convolve(x, w, y, stride, padding, dilation, groups, taps):
    """y += w * x:  every output gathers the pixels under its window.

        y[n, c, r, q]  gets the sum over i, (a, b) of   w[c, i, a, b]  x[n, i', u, v]

    x (N, I, H, W), w (C, I / groups, KH, KW), y (N, C, OH, OW); each row of taps (T, 2) is a tap (a, b).  (u, v) is the
    `pixel` of (r, q) at (a, b), and only counts if it lies inside the image; i' is the i-th input channel of c's group:
    the first C / groups output channels are one group with the first I / groups input channels, and so on.
    """
    N, I, H, W = x.shape
    C, members = w.shape[:2]
    for n in range(N):
        for c in range(C):
            first = c // (C // groups) * members           # the first input channel of c's group
            for r in range(y.shape[2]):
                for q in range(y.shape[3]):
                    for i in range(members):
                        for a, b in taps:
                            u, v = pixel(r, q, a, b, stride, padding, dilation)
                            if 0 <= u < H and 0 <= v < W:
                                y[n, c, r, q] += w[c, i, a, b] * x[n, first + i, u, v]


@njit(cache=True)
def convolve_transposed(x, w, y, stride, padding, dilation, groups, taps):
    """x += the transposed convolution of y:  every y spreads a translated kernel over the pixels of its window.

        x[n, i', u, v]  gets  w[c, i, a, b]  y[n, c, r, q]    for all n, c, i, r, q and taps (a, b)

    Shapes and names are those of `convolve`, whose adjoint in x this is.
    """
    N, I, H, W = x.shape
    C, members = w.shape[:2]
    for n in range(N):
        for c in range(C):
            first = c // (C // groups) * members
            for r in range(y.shape[2]):
                for q in range(y.shape[3]):
                    for i in range(members):
                        for a, b in taps:
                            u, v = pixel(r, q, a, b, stride, padding, dilation)
                            if 0 <= u < H and 0 <= v < W:
                                x[n, first + i, u, v] += w[c, i, a, b] * y[n, c, r, q]


@njit(cache=True)
def correlate(x, w, y, stride, padding, dilation, groups, taps):
    """w += the weight gradient:  every weight collects the products of the pixels and outputs that it connects.

        w[c, i, a, b]  gets the sum over n, r, q of   y[n, c, r, q]  x[n, i', u, v]    for all c, i and taps (a, b)

    Shapes and names are those of `convolve`, whose adjoint in w this is.
    """
    N, I, H, W = x.shape
    C, members = w.shape[:2]
    for n in range(N):
        for c in range(C):
            first = c // (C // groups) * members
            for r in range(y.shape[2]):
                for q in range(y.shape[3]):
                    for i in range(members):
                        for a, b in taps:
                            u, v = pixel(r, q, a, b, stride, padding, dilation)
                            if 0 <= u < H and 0 <= v < W:
                                w[c, i, a, b] += y[n, c, r, q] * x[n, first + i, u, v]
