"""Runs of numbers, copied and filled a register at a time.

A loop over a row of thirty numbers is short: whether rows overlap, and what is left over at their ends, costs as much
as the copying itself if LLVM has to find out.
"""
from .compiled import njit
from .vectors import broadcast, lanes, load, store


@njit(cache=True, inline="always")
def copy(source, at, target, to, count):
    """target[to : to + count] = source[at : at + count], a register at a time.

    The last register overlaps the one before, so that nothing is written past the end.
    """
    n = lanes(source)
    if count < n:
        for k in range(count):
            target[to + k] = source[at + k]
    else:
        for k in range(0, count - n, n):
            store(target, to + k, load(source, at + k))
        store(target, to + count - n, load(source, at + count - n))


@njit(cache=True, inline="always")
def fill(target, to, count, value):
    """target[to : to + count] = value"""
    n = lanes(target)
    if count < n:
        for k in range(to, to + count):
            target[k] = value
    else:
        for k in range(0, count - n, n):
            store(target, to + k, broadcast(value))
        store(target, to + count - n, broadcast(value))
