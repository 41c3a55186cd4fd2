"""Copy an array whose axes were permuted into C order, some times faster than NumPy does.

A permutation like that from (N, H, W, C) to (N, C, H, W) is a transposition: of an (H * W, C) matrix for each n.
Copied number by number, either the reads or the writes hop from one line of the cache to the next.  Here a square block
as wide as a register is read by rows, turned round in registers, and written by rows.
"""
import math
import numpy as np
from .tensor import DeviceArray

SMALL = 1 << 14        # entries; smaller arrays are copied fast enough by NumPy
WIDE = 16              # at least as many rows and columns as a register may have lanes


def in_order(array):
    """The array itself if it is in C order, else a copy that is."""
    if array.flags.c_contiguous:
        return array
    if isinstance(array, DeviceArray):
        return array.copy()
    if array.size < SMALL or array.dtype not in (np.float32, np.float64):
        return np.ascontiguousarray(array)
    for lead in range(array.ndim - 1):     # is it a stack of transposed matrices, `lead` axes long?
        for cut in range(lead + 1, array.ndim):
            turned = array.transpose(*range(lead), *range(cut, array.ndim), *range(lead, cut))
            rows, columns = math.prod(array.shape[lead:cut]), math.prod(array.shape[cut:])
            if turned.flags.c_contiguous and min(rows, columns) >= WIDE:
                from .transposition import transpose       # here, for Numba takes a while to be imported
                out = np.empty(array.shape, array.dtype)
                transpose(turned.reshape(-1, columns, rows), out.reshape(-1), np.arange(rows) * columns)
                return out
    return np.ascontiguousarray(array)
