"""Cross-entropy of large float32 logits (N, C) or (N, C, positions), in one pass over the memory and with no array of
their size but the gradient.

A block of positions is worked on at a time: all its classes fit into the cache, so the maximum, the sum of exponentials
and the gradient read the logits from memory only once.  Inside a block, the innermost loop runs over numbers that lie
side by side, so that the compiler can take many of them at once: over positions, or, in (N, C), over classes.  Blocks
are independent of each other: threads share them, and the results are the same for any number of threads.
"""
import numpy as np
from minigrad.compiled import njit
from minigrad.machine_code import MachineCode, on_all_threads
from minigrad.order import in_order

BLOCK = 64                                 # positions, or examples; with 256 classes, 64 kB


def forward(x, target):
    """log(sum(exp(x))) - x[target] along the second axis.   x (N, C, ...) float32, target (N, ...) -> (N, ...)"""
    losses = np.empty(target.shape, x.dtype)
    if x.ndim == 2:
        share(LOSSES_OF_ROWS, blocks(len(x)), in_order(x), np.ascontiguousarray(target, np.int64), losses)
    else:
        x = logits(x)
        share(LOSSES, len(x) * blocks(x.shape[2]), x, positions(target, np.int64), positions(losses, x.dtype))
    return losses


def gradient(g, y, x, target):
    """(softmax(x) - one_hot(target)) * g, the losses y being known.   g, y (N, ...) -> like x

    log(sum(exp(x))) is not summed up again: it is y + x[target].
    """
    dx = np.empty(x.shape, x.dtype)
    if x.ndim == 2:
        g, y, target = (np.ascontiguousarray(a, t) for a, t in ((g, x.dtype), (y, x.dtype), (target, np.int64)))
        share(GRADIENT_OF_ROWS, blocks(len(x)), g, y, in_order(x), target, dx)
    else:
        x = logits(x)
        share(GRADIENT, len(x) * blocks(x.shape[2]), positions(g, x.dtype), positions(y, x.dtype), x,
              positions(target, np.int64), logits(dx))
    return dx


def share(kernel, jobs, *arguments):
    """Let the threads share the jobs of a kernel."""
    on_all_threads(kernel.address(None, (0, *arguments)), jobs, arguments)


@njit(cache=True, inline="always")
def blocks(size):
    """How many blocks make up so many positions or examples."""
    return -(-size // BLOCK)


def logits(x):
    """(N, C, positions), in C order."""
    return in_order(x).reshape(x.shape[0], x.shape[1], -1)


def positions(x, dtype):
    """(N, positions), in C order."""
    return np.ascontiguousarray(x, dtype).reshape(x.shape[0], -1)


# ---------------------------------------------------------------------------------------------------------------------
# Positions side by side

def losses_of_block(job, x, target, losses):
    """One block of losses (N, P).   x (N, C, P), target (N, P)   Returns 0"""
    n, first = job // blocks(x.shape[2]), job % blocks(x.shape[2]) * BLOCK
    x, target, losses = x[n], target[n], losses[n]
    size = min(BLOCK, x.shape[1] - first)
    top, total = np.empty(BLOCK, x.dtype), np.zeros(BLOCK, x.dtype)
    largest(x, first, size, top)
    for c in range(x.shape[0]):
        add_exponentials(x[c, first:first + size], top, total)
    for k in range(size):
        losses[first + k] = np.log(total[k]) + (top[k] - x[target[first + k], first + k])
    return 0


def gradient_of_block(job, g, y, x, target, dx):
    """One block of dx (N, C, P).   g, y, target (N, P), x (N, C, P)   Returns 0"""
    n, first = job // blocks(x.shape[2]), job % blocks(x.shape[2]) * BLOCK
    g, y, x, target, dx = g[n], y[n], x[n], target[n], dx[n]
    size = min(BLOCK, x.shape[1] - first)
    top, log_total = np.empty(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
    largest(x, first, size, top)
    for k in range(size):                  # relative to the maximum, so that little is lost to rounding
        p = first + k
        log_total[k] = y[p] + (x[target[p], p] - top[k])
    for c in range(x.shape[0]):
        write_probabilities(x[c, first:first + size], top, log_total, g[first:first + size], dx[c, first:first + size])
    for p in range(first, first + size):
        dx[target[p], p] -= g[p]
    return 0


@njit(cache=True)
def largest(x, first, size, top):
    """top = the largest logit at each position of a block.  (A NaN may be passed over; it makes the sums NaN.)"""
    top[:] = -np.inf
    for c in range(x.shape[0]):
        keep_larger(top, x[c, first:first + size])


# ---------------------------------------------------------------------------------------------------------------------
# Classes side by side

def losses_of_rows(job, x, target, losses):
    """losses (N,) of BLOCK examples.   x (N, C), target (N,)   Returns 0"""
    first = job * BLOCK
    top, total = np.empty(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
    for n in range(first, min(first + BLOCK, x.shape[0])):
        largest_of_row(x[n], top)
        total[:] = 0
        for c in range(0, x.shape[1], BLOCK):
            add_exponentials(x[n, c:c + BLOCK], top, total)
        s = x.dtype.type(0)
        for k in range(0, BLOCK, 4):       # four at a time, for an addition waits for the one before
            s += (total[k] + total[k + 1]) + (total[k + 2] + total[k + 3])
        losses[n] = np.log(s) + (top[0] - x[n, target[n]])
    return 0


def gradient_of_rows(job, g, y, x, target, dx):
    """dx (N, C) of BLOCK examples.   g, y, target (N,), x (N, C)   Returns 0"""
    first = job * BLOCK
    top, log_total, factor = np.empty(BLOCK, x.dtype), np.empty(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
    for n in range(first, min(first + BLOCK, x.shape[0])):
        largest_of_row(x[n], top)
        log_total[:] = y[n] + (x[n, target[n]] - top[0])
        factor[:] = g[n]
        for c in range(0, x.shape[1], BLOCK):
            write_probabilities(x[n, c:c + BLOCK], top, log_total, factor, dx[n, c:c + BLOCK])
        dx[n, target[n]] -= g[n]
    return 0


@njit(cache=True)
def largest_of_row(x, top):
    """All of top = the largest logit of a row."""
    top[:] = -np.inf
    for c in range(0, x.size, BLOCK):
        keep_larger(top, x[c:c + BLOCK])
    largest = top[0]
    for k in range(1, min(BLOCK, x.size)):
        largest = largest if largest > top[k] else top[k]
    top[:] = largest


# ---------------------------------------------------------------------------------------------------------------------
# Loops over numbers that lie side by side

@njit(cache=True)
def keep_larger(top, row):
    """top = the larger of top and row."""
    for k in range(row.size):
        top[k] = top[k] if top[k] > row[k] else row[k]


@njit(cache=True)
def add_exponentials(row, top, total):
    """total += exp(row - top)"""
    for k in range(row.size):
        total[k] += exponential(row[k] - top[k])


@njit(cache=True)
def write_probabilities(row, top, log_total, g, out):
    """out = exp(row - top - log_total) * g"""
    for k in range(row.size):
        out[k] = exponential((row[k] - top[k]) - log_total[k]) * g[k]


@njit(inline="always", error_model="numpy")
def exponential(x):
    """exp(x) of a float32 x up to 80, with a relative error below 2e-7, in steps that exist for vectors.

    exp(x) = 2^n exp(r) with n = round(x / log 2) and |r| <= log(2) / 2; exp(r) by its Taylor series up to r^7 / 7!, and
    2^n by writing n into the exponent of a float32.  Below -87, where 2^n would be denormal, it is 0.
    """
    f = np.float32
    n = np.floor(x * f(1.44269504) + f(0.5))
    r = (x - n * f(0.693359375)) + n * f(2.12194440e-4)    # log 2 in two parts: the first times n is exact
    series = f(1 / 5040)
    for coefficient in (1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0):
        series = series * r + f(coefficient)
    power = np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    return f(0) if x < f(-87) else series * power


LOSSES, GRADIENT = MachineCode(losses_of_block), MachineCode(gradient_of_block)
LOSSES_OF_ROWS, GRADIENT_OF_ROWS = MachineCode(losses_of_rows), MachineCode(gradient_of_rows)
