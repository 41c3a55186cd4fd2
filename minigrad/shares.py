"""NumPy on several threads: each takes some of the examples.

NumPy computes on one thread, but lets other threads of Python run meanwhile.  An operation that treats examples alike,
in steps of NumPy that take milliseconds, is done in half the time by two threads; for small arrays it isn't worth it.
"""
import os
from functools import lru_cache
import numpy as np

LARGE = 1 << 18        # entries from which on it pays to wake another thread


def in_shares(function, *arrays):
    """function(*arrays), an array with as many examples as they have; of large arrays, each thread takes a part.

    function    treats the entries along the first axis one like the other, and none depends on another
    """
    first = arrays[0]
    if not isinstance(first, np.ndarray) or first.size < LARGE:
        return function(*arrays)
    parts = {}

    def compute(share):
        parts[share.start] = function(*(array[share] for array in arrays))
    each_share(len(first), compute)
    whole = np.empty((len(first), *parts[0].shape[1:]), parts[0].dtype)
    each_share(len(first), lambda share: np.copyto(whole[share], parts[share.start]))
    return whole


def each_share(number, compute):
    """Call compute(share) for as many equal shares as there are threads, each on a thread of its own.

    number      of the examples to be shared; a share is a slice of them
    """
    from .compiled import get_num_threads  # here, for Numba takes a while to be imported
    count = max(1, min(get_num_threads(), number))
    shares = [slice(number * k // count, number * (k + 1) // count) for k in range(count)]
    list(threads(os.getpid(), count).map(compute, shares))             # (raises what was raised in a thread)


@lru_cache(maxsize=1)
def threads(process, count):
    """So many threads.   process: its number, since a process that was forked has none of its parent's threads"""
    from concurrent.futures import ThreadPoolExecutor      # here, for it brings a good part of Python's library with it
    return ThreadPoolExecutor(count)
