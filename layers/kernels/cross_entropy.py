"""Cross-entropy of large float32 logits (N, C) or (N, C, positions), in one pass over the memory and with no array of
their size but the gradient.

A block of positions is worked on at a time: all its classes fit into the cache, so the maximum, the sum of exponentials
and the gradient read the logits from memory only once.  In (N, C, positions) a register holds a class of neighbouring
positions; in (N, C) it holds neighbouring classes of one example.  What does not fill a register is copied to where it
does.  Blocks are independent of each other: threads share them, and the results are the same for any number of threads.
"""
import numpy as np
from minigrad.compiled import njit
from minigrad.exponential import exponential, larger, largest, minus, number, plus, times, total
from minigrad.machine_code import MachineCode, on_all_threads
from minigrad.order import in_order
from minigrad.vectors import broadcast, lanes, load, store

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
# Registers of positions, class by class.  A panel is a part of a block that fills registers: `size` positions from `at`
# on, each class `apart` from the one before.  What is kept for each position lies from `to` on.

def losses_of_block(job, x, target, losses):
    """One block of losses (N, P).   x (N, C, P), target (N, P)   Returns 0"""
    n, first, size, whole = place(job, x)
    tops, sums = np.empty(BLOCK, x.dtype), np.empty(BLOCK, x.dtype)
    add_up(x.reshape(-1), n * x.shape[1] * x.shape[2] + first, x.shape[2], x.shape[1], whole, tops, sums, 0)
    if whole < size:
        add_up(rest(x, n, first + whole, size - whole), 0, lanes(x), x.shape[1], lanes(x), tops, sums, whole)
    for k in range(size):
        p = first + k
        losses[n, p] = np.log(sums[k]) + (tops[k] - x[n, target[n, p], p])
    return 0


def gradient_of_block(job, g, y, x, target, dx):
    """One block of dx (N, C, P).   g, y, target (N, P), x (N, C, P)   Returns 0"""
    n, first, size, whole = place(job, x)
    C, P, start = x.shape[1], x.shape[2], n * x.shape[1] * x.shape[2] + first
    tops, log_totals, factors = np.empty(BLOCK, x.dtype), np.zeros(BLOCK, x.dtype), np.zeros(BLOCK, x.dtype)
    remaining = rest(x, n, first + whole, size - whole)
    find_largest(x.reshape(-1), start, P, C, whole, tops, 0)
    if whole < size:
        find_largest(remaining, 0, lanes(x), C, lanes(x), tops, whole)
    for k in range(size):                  # relative to the maximum, so that little is lost to rounding
        p = first + k
        log_totals[k], factors[k] = y[n, p] + (x[n, target[n, p], p] - tops[k]), g[n, p]
    write_gradient(x.reshape(-1), start, P, C, whole, tops, log_totals, factors, 0, dx.reshape(-1))
    if whole < size:
        write_gradient(remaining, 0, lanes(x), C, lanes(x), tops, log_totals, factors, whole, remaining)
        for c in range(C):
            for k in range(size - whole):
                dx[n, c, first + whole + k] = remaining[c * lanes(x) + k]
    for p in range(first, first + size):
        dx[n, target[n, p], p] -= g[n, p]
    return 0


@njit(cache=True)
def place(job, x):
    """(example, first position, how many positions, how many of them fill registers) of a block."""
    n, first = job // blocks(x.shape[2]), job % blocks(x.shape[2]) * BLOCK
    size = min(BLOCK, x.shape[2] - first)
    return n, first, size, size // lanes(x) * lanes(x)


@njit(cache=True)
def rest(x, n, first, size):
    """The logits of the positions from `first` on, fewer than fill a register, class by class in rows that do."""
    width = lanes(x)
    rows = np.zeros(x.shape[1] * width if size else 0, x.dtype)
    for c in range(x.shape[1]):
        for k in range(size):
            rows[c * width + k] = x[n, c, first + k]
    return rows


@njit(cache=True)
def find_largest(x, at, apart, classes, size, tops, to):
    """tops = the largest logit at each position of a panel.  (A NaN may be passed over; it makes the sums NaN.)"""
    for p in range(0, size, lanes(x)):
        store(tops, to + p, load(x, at + p))
    for c in range(1, classes):
        for p in range(0, size, lanes(x)):
            store(tops, to + p, larger(load(tops, to + p), load(x, at + c * apart + p)))


@njit(cache=True)
def add_up(x, at, apart, classes, size, tops, sums, to):
    """tops, and sums = the sum of exp(logit - top) at each position of a panel."""
    find_largest(x, at, apart, classes, size, tops, to)
    for p in range(0, size, lanes(x)):
        store(sums, to + p, number(0))
    for c in range(classes):
        for p in range(0, size, lanes(x)):
            made = exponential(minus(load(x, at + c * apart + p), load(tops, to + p)))
            store(sums, to + p, plus(load(sums, to + p), made))


@njit(cache=True)
def write_gradient(x, at, apart, classes, size, tops, log_totals, factors, to, out):
    """out = exp(logit - top - log_total) * factor at each position of a panel, which lies in `out` as in x."""
    for c in range(classes):
        for p in range(0, size, lanes(x)):
            log_p = minus(minus(load(x, at + c * apart + p), load(tops, to + p)), load(log_totals, to + p))
            store(out, at + c * apart + p, times(exponential(log_p), load(factors, to + p)))


# ---------------------------------------------------------------------------------------------------------------------
# Registers of classes, example by example

def losses_of_rows(job, x, target, losses):
    """losses (N,) of BLOCK examples.   x (N, C), target (N,)   Returns 0"""
    first, C, width = job * BLOCK, x.shape[1], lanes(x)
    flat, spare, whole = x.reshape(-1), np.empty(width, x.dtype), C // width * width
    for n in range(first, min(first + BLOCK, x.shape[0])):
        ending = behind(flat, n * C + whole, C - whole, spare)
        highest = largest_of_row(flat, n * C, whole, ending)
        top, summed = broadcast(highest), number(0)
        for c in range(0, whole, width):
            summed = plus(summed, exponential(minus(load(flat, n * C + c), top)))
        if whole < C:
            summed = plus(summed, exponential(minus(ending, top)))
        losses[n] = np.log(total(summed)) + (highest - x[n, target[n]])
    return 0


def gradient_of_rows(job, g, y, x, target, dx):
    """dx (N, C) of BLOCK examples.   g, y, target (N,), x (N, C)   Returns 0"""
    first, C, width = job * BLOCK, x.shape[1], lanes(x)
    flat, written, spare, whole = x.reshape(-1), dx.reshape(-1), np.empty(width, x.dtype), C // width * width
    for n in range(first, min(first + BLOCK, x.shape[0])):
        ending = behind(flat, n * C + whole, C - whole, spare)
        highest = largest_of_row(flat, n * C, whole, ending)
        top, log_total = broadcast(highest), broadcast(y[n] + (x[n, target[n]] - highest))
        factor = broadcast(g[n])
        for c in range(0, whole, width):
            row = times(exponential(minus(minus(load(flat, n * C + c), top), log_total)), factor)
            store(written, n * C + c, row)
        if whole < C:
            store(spare, 0, times(exponential(minus(minus(ending, top), log_total)), factor))
            dx[n, whole:] = spare[:C - whole]
        dx[n, target[n]] -= g[n]
    return 0


@njit(cache=True)
def behind(x, at, count, spare):
    """A register with the `count` logits from `at` on, and then -infinity, whose exponential is 0."""
    for k in range(lanes(x)):
        spare[k] = x[at + k] if k < count else -np.inf
    return load(spare, 0)


@njit(cache=True)
def largest_of_row(x, at, whole, ending):
    """The largest logit of a row: of `whole` ones from `at` on, and those in the register `ending`."""
    for c in range(0, whole, lanes(x)):
        ending = larger(ending, load(x, at + c))
    return largest(ending)


LOSSES, GRADIENT = MachineCode(losses_of_block), MachineCode(gradient_of_block)
LOSSES_OF_ROWS, GRADIENT_OF_ROWS = MachineCode(losses_of_rows), MachineCode(gradient_of_rows)
