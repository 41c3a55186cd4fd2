"""Copy an array whose axes were permuted into C order, some times faster than NumPy does.

A permutation like that from (N, H, W, C) to (N, C, H, W) is a transposition: of an (H * W, C) matrix for each n.
Copied number by number, either the reads or the writes hop from one line of the cache to the next.  Here a square block
as wide as a register is read by rows, turned round in registers, and written by rows.
"""
import math
import numpy as np
from minigrad.compiled import njit
from .vectors import LANES, interleave, lanes

SMALL = 1 << 14        # entries; smaller arrays are copied fast enough by NumPy


def in_order(array):
    """The array itself if it is in C order, else a copy that is."""
    if array.flags.c_contiguous or array.size < SMALL or array.dtype not in LANES:
        return np.ascontiguousarray(array)
    for lead in range(array.ndim - 1):     # is it a stack of transposed matrices, `lead` axes long?
        for cut in range(lead + 1, array.ndim):
            turned = array.transpose(*range(lead), *range(cut, array.ndim), *range(lead, cut))
            rows, columns = math.prod(array.shape[lead:cut]), math.prod(array.shape[cut:])
            if turned.flags.c_contiguous and min(rows, columns) >= LANES[array.dtype]:
                out = np.empty(array.shape, array.dtype)
                transpose(turned.reshape(-1, columns, rows), out.reshape(-1), np.arange(rows) * columns)
                return out
    return np.ascontiguousarray(array)


@njit(cache=True)
def transpose(source, target, places):
    """target = each matrix of the stack `source` (L, A, B), transposed.   places: b * A for each b

    The last blocks overlap those before them.
    """
    n = lanes(source)
    _, height, width = source.shape
    numbers = source.ravel()
    for matrix in range(0, source.size, height * width):
        for i in range(0, height, n):
            a = min(i, height - n)
            for j in range(0, width, n):
                b = min(j, width - n)
                interleave(numbers, matrix + a * width + b, width, target, matrix + a, places, b, n)
