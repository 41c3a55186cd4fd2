"""Arithmetic that would take many launches, in one: on the device, what minigrad/fused.py is on the CPU.

Adam's formula, written in NumPy, starts a dozen kernels for each parameter, and a launch takes longer than most of
them run for.
"""
import math
from .elementwise import apply
from .launch import Kernel, cuda, functions, spread


def adam(p, g, m, v, rate, b1, b2, root, eps):
    """m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  p <- p - rate m / (sqrt(v) / root + eps).

    p, g, m, v  contiguous Arrays of one shape and type; all but g are overwritten
    rate, root  lr / (1 - b1^k) and sqrt(1 - b2^k) in the k-th step
    """
    if p.size:
        numbers = (p.dtype.type(n) for n in (rate, b1, 1 - b1, b2, 1 - b2, root, eps))
        adam_kernel(*spread(p.size), p.size, p, g, m, v, *numbers)


@Kernel
def adam_kernel(n, p, g, m, v, rate, b1, c1, b2, c2, root, eps):
    """The update, entry by entry."""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        m[i] = b1 * m[i] + c1 * g[i]
        v[i] = b2 * v[i] + c2 * g[i] * g[i]
        p[i] -= rate * m[i] / (functions.sqrt(v[i]) / root + eps)


def error_function(x):
    """The error function of an Array."""
    return apply(of_entry, (x.dtype,), x.dtype, (x,))


def of_entry(x):
    """That of one entry."""
    return math.erf(x)


def gate(g, y):
    """g, but 0 where y <= 0.   g, y Arrays of one type."""
    return apply(gated, (g.dtype, y.dtype), g.dtype, (g, y))


def gated(g, y):
    """The choice for one entry."""
    return g * 0 if y <= 0 else g
