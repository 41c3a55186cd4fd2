"""Cross-entropy of logits (N, C, ...) on a GPU: a pass over them for the losses, and one for the gradient.

Neighbouring threads must read neighbouring memory.  Where positions lie side by side, (N, C, P), each thread has a
position, and goes through its classes.  In (N, C) the classes lie side by side, and a block shares an example.

The largest logit m is subtracted before exp, so that nothing overflows.  To read the logits only once, m is found on
the way: s is the sum of exp(x - m) so far, and when a larger logit x comes, all that was added is rescaled,

    s <- s exp(m - x) + 1,   m <- x.
"""
import functools
import numpy as np
from minigrad.cuda.array import empty
from minigrad.cuda.launch import THREADS, Kernel, cuda, device, functions, scalar, spread
from minigrad.order import in_order

SHARED = 1 << 16       # where there are fewer positions, several threads share the classes of one in the gradient


def forward(x, target):
    """log(sum(exp(x))) - x[target] along the second axis.   x (N, C, ...), target (N, ...) integers -> (N, ...)

    A label that is no class gets the loss NaN.
    """
    losses = empty(target.shape, x.dtype)
    if losses.size:
        positions = losses.size // x.shape[0]
        if positions == 1:
            losses_of_rows(x.dtype)(losses.size, THREADS, x.shape[1], in_order(x), labels(target), losses)
        else:
            losses_of_positions(x.dtype)(*spread(losses.size), losses.size, x.shape[1], positions, in_order(x),
                                         labels(target), losses)
    return losses


def gradient(g, y, x, target):
    """(softmax(x) - one_hot(target)) * g, the losses y being known.   g, y (N, ...) -> like x

    With y = log(sum(exp(x))) - x[target], the softmax is exp((x - x[target]) - y): nothing is summed up again.
    """
    dx = empty(x.shape, x.dtype)
    if dx.size:
        positions = target.size // x.shape[0]
        shares = min(x.shape[1], -(-SHARED // target.size))
        n = target.size * shares
        gradient_kernel(x.dtype)(*spread(n), n, x.shape[1], positions, shares, in_order(g), in_order(y), in_order(x),
                                 labels(target), dx)
    return dx


def labels(target):
    """The classes' numbers as int64, in C order."""
    return in_order(target.astype(np.int64, copy=False))


@functools.cache
def accumulator(dtype):
    """The function (m, s) -> (m, s) that takes on a term of the sum s exp(m): here `more` times exp(x)."""
    T = dtype.type

    @device
    def add(m, s, x, more):
        if x > m:
            return x, T(s * functions.exp(m - x) + more)
        return m, T(s + more * functions.exp(x - m))
    return add


@functools.cache
def losses_of_positions(dtype):
    """The kernel for (N, C, P): a thread for each position."""
    T, add, lowest = dtype.type, accumulator(dtype), dtype.type(np.finfo(dtype).min)

    def kernel(n, classes, positions, x, target, losses):
        for i in range(cuda.grid(1), n, cuda.gridsize(1)):
            first = i // positions * classes * positions + i % positions
            m, s = lowest, T(0)
            for c in range(classes):
                m, s = add(m, s, x[first + c * positions], T(1))
            t = target[i]
            losses[i] = functions.log(s) + (m - x[first + t * positions]) if 0 <= t < classes else T(np.nan)
    return Kernel(kernel)


@functools.cache
def losses_of_rows(dtype):
    """The kernel for (N, C): a block for each example.

    A thread adds up every THREADS-th class; then, in a tree, each thread of the first half takes on the sum of one of
    the second half, until there is one.
    """
    T, kind, add, lowest = dtype.type, scalar(dtype), accumulator(dtype), dtype.type(np.finfo(dtype).min)

    def kernel(classes, x, target, losses):
        tops = cuda.shared.array(THREADS, kind)
        sums = cuda.shared.array(THREADS, kind)
        n, k = cuda.blockIdx.x, cuda.threadIdx.x
        m, s = lowest, T(0)
        for c in range(k, classes, THREADS):
            m, s = add(m, s, x[n * classes + c], T(1))
        tops[k], sums[k] = m, s
        half = THREADS // 2
        while half:
            cuda.syncthreads()
            if k < half:
                m, s = add(m, s, tops[k + half], sums[k + half])
                tops[k], sums[k] = m, s
            half //= 2
        if k == 0:
            t = target[n]
            losses[n] = functions.log(s) + (m - x[n * classes + t]) if 0 <= t < classes else T(np.nan)
    return Kernel(kernel)


@functools.cache
def gradient_kernel(dtype):
    """The kernel for both: `shares` threads for each position, which take its classes in turn."""
    T = dtype.type

    def kernel(n, classes, positions, shares, g, y, x, target, dx):
        for i in range(cuda.grid(1), n, cuda.gridsize(1)):
            p, rest = i % positions, i // positions
            share, example = rest % shares, rest // shares
            at, first = example * positions + p, example * classes * positions + p
            t, loss, factor = target[at], y[at], g[at]
            true = x[first + t * positions] if 0 <= t < classes else T(0)
            for c in range(share, classes, shares):
                probability = functions.exp((x[first + c * positions] - true) - loss)
                dx[first + c * positions] = (probability - T(c == t)) * factor
    return Kernel(kernel)
