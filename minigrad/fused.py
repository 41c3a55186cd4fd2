"""Arithmetic on large arrays, in one pass over the memory.

The formula of `optim.Adam`, written in NumPy, goes a dozen times through arrays as large as the parameter.  For large
ones that takes longer than the gradients do; all the arithmetic is hidden behind one reading and writing of p, m and v.
`relu` and its rule are short, but there are as many of them as layers, on the largest arrays of all.
Entries do not depend on each other, nor do sums of rows, so threads share them without changing the result.
"""
import numpy as np
from .compiled import config, njit, prange

CHUNK = 1 << 14        # entries that a thread takes at a time


def adam(p, g, m, v, rate, b1, b2, root, eps):
    """m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  p <- p - rate m / (sqrt(v) / root + eps).

    p, g, m, v  contiguous arrays of one shape and type; all but g are overwritten
    rate, root  lr / (1 - b1^k) and sqrt(1 - b2^k) in the k-th step
    """
    numbers = (p.dtype.type(n) for n in (rate, b1, 1 - b1, b2, 1 - b2, root, eps))
    update = adam_parallel if p.size > 4 * CHUNK else adam_chunk
    update(p.reshape(-1), g.reshape(-1), m.reshape(-1), v.reshape(-1), *numbers)


@njit(cache=True, error_model="numpy")
def adam_chunk(p, g, m, v, rate, b1, c1, b2, c2, root, eps):
    """The update of some entries."""
    for i in range(p.size):
        m[i] = b1 * m[i] + c1 * g[i]
        v[i] = b2 * v[i] + c2 * g[i] * g[i]
        p[i] -= rate * m[i] / (np.sqrt(v[i]) / root + eps)


@njit(parallel=True, cache=True, error_model="numpy")
def adam_parallel(p, g, m, v, rate, b1, c1, b2, c2, root, eps):
    """The update, chunk by chunk."""
    for k in prange(-(-p.size // CHUNK)):
        a, b = k * CHUNK, min((k + 1) * CHUNK, p.size)
        adam_chunk(p[a:b], g[a:b], m[a:b], v[a:b], rate, b1, c1, b2, c2, root, eps)


def gate(g, y):
    """g, but 0 where y <= 0.   g, y contiguous arrays of one shape and type."""
    out = np.empty(g.shape, g.dtype)
    update = gate_parallel if g.size > 16 * CHUNK else gate_chunk          # waking a thread takes 50 microseconds
    update(g.reshape(-1), y.reshape(-1), out.reshape(-1))
    return out


@njit(cache=True)
def gate_chunk(g, y, out):
    """The choice for some entries."""
    for i in range(g.size):
        out[i] = 0 if y[i] <= 0 else g[i]


@njit(parallel=True, cache=True)
def gate_parallel(g, y, out):
    """The choice, chunk by chunk."""
    for k in prange(-(-g.size // CHUNK)):
        a, b = k * CHUNK, min((k + 1) * CHUNK, g.size)
        gate_chunk(g[a:b], y[a:b], out[a:b])


def row_sums(rows):
    """The sum of each row.   (N, length) -> (N,)"""
    return rows.sum(1) if config.DISABLE_JIT else row_sums_parallel(rows)


@njit(parallel=True, cache=True, fastmath={"reassoc"})     # as many numbers of a row at once as the processor can add
def row_sums_parallel(rows):
    """The same, row by row."""
    sums = np.empty(len(rows), rows.dtype)
    for k in prange(len(rows)):
        total = rows.dtype.type(0)
        for i in range(rows.shape[1]):
            total += rows[k, i]
        sums[k] = total
    return sums
