"""The compiled part of `shapes.pad`: each number of the result is written once, by rows.

NumPy fills all of the result first, and then copies row by row, which takes longest where rows are short.
"""
import numpy as np
from .compiled import njit, prange
from .rows import copy, fill

LARGE = 1 << 16        # from here on it pays to wake another thread


def pad_planes(array, before, shape, value):
    """The array with margins around its last two axes; negative ones are cut off.

    before      the margins in front, for each axis
    shape       of the result
    """
    out = np.empty(shape, array.dtype)
    planes = array.reshape(-1, *array.shape[-2:]), out.reshape(-1, *shape[-2:])
    (in_parallel if array.size >= LARGE else in_turn)(*planes, *before[-2:], array.dtype.type(value))
    return out


@njit(cache=True)
def in_turn(x, y, top, left, value):
    """All planes, on this thread."""
    for plane in range(len(x)):
        pad_plane(x, y, top, left, value, plane)


@njit(parallel=True, cache=True)
def in_parallel(x, y, top, left, value):
    """The threads share the planes."""
    for plane in prange(len(x)):
        pad_plane(x, y, top, left, value, plane)


@njit(cache=True)
def pad_plane(x, y, top, left, value, plane):
    """y[r, c] = x[r - top, c - left] where there is such a number, else value, in one plane.

    x, y        (L, H, W), (L, R, C)
    """
    _, height, width = x.shape
    _, rows, columns = y.shape
    start, stop = max(left, 0), min(left + width, columns)                     # of the columns that are copied
    numbers, out = x.reshape(-1), y.reshape(-1)
    for r in range(rows):
        to = (plane * rows + r) * columns
        if 0 <= r - top < height and start < stop:
            fill(out, to, start, value)
            copy(numbers, (plane * height + r - top) * width + start - left, out, to + start, stop - start)
            fill(out, to + stop, columns - stop, value)
        else:
            fill(out, to, columns, value)
