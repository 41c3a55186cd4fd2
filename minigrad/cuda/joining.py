"""Putting together, repeating, cutting out and ordering: NumPy's functions that move entries about, for Arrays.

Each is a few copies of views.  What has to do with order (sorting, the places of what is not 0, searching) is done by
NumPy on the host: the numbers are copied there and the result back, which waits for the device.
"""
import numpy as np
from numpy.lib.array_utils import normalize_axis_index
from .array import Array, asarray, empty
from .elementwise import copy_to, mixed
from .functions import full, implements, where


@implements(np.concatenate)
def concatenate(arrays, axis=0, **_):
    """The arrays, joined along an axis that they have.   Raises ValueError where their other sizes differ."""
    for array in arrays:
        if not isinstance(array, Array):
            raise mixed("concatenate", array)
    first = arrays[0].shape
    axis, start = normalize_axis_index(axis, len(first)), 0
    before, after = first[:axis], first[axis + 1:]
    if any(a.ndim != len(first) or (a.shape[:axis], a.shape[axis + 1:]) != (before, after) for a in arrays):
        raise ValueError(f"concatenate: shapes {[a.shape for a in arrays]} differ not only along axis {axis}")
    size = sum(a.shape[axis] for a in arrays)
    out = empty((*before, size, *after), np.result_type(*(a.dtype for a in arrays)))
    for array in arrays:
        end = start + array.shape[axis]
        copy_to(out[(slice(None),) * axis + (slice(start, end),)], array)
        start = end
    return out


@implements(np.stack)
def stack(arrays, axis=0, **_):
    """The arrays, all of one shape, joined along a new axis."""
    return concatenate([np.expand_dims(a, axis) for a in arrays], axis)


@implements(np.tile)
def tile(array, repeats):
    """The array laid out side by side, repeats[i] times along axis i."""
    repeats = np.atleast_1d(repeats).tolist()
    repeats = [1] * (array.ndim - len(repeats)) + repeats
    shape = (1,) * (len(repeats) - array.ndim) + array.shape
    apart = [n for pair in zip(repeats, shape) for n in pair]              # (copies, size) for each axis
    one = array.reshape([n for size in shape for n in (1, size)])
    return np.broadcast_to(one, apart).copy().reshape([n * m for n, m in zip(repeats, shape)])


@implements(np.repeat)
def repeat(array, number, axis):
    """Each entry along an axis `number` times, one after the other."""
    axis %= array.ndim
    shape = array.shape[:axis + 1] + (number,) + array.shape[axis + 1:]
    copies = np.broadcast_to(np.expand_dims(array, axis + 1), shape).copy()
    return copies.reshape(array.shape[:axis] + (-1,) + array.shape[axis + 1:])


@implements(np.roll)
def roll(array, shift, axis=None):
    """The entries moved on along axes; what falls off comes in again.  Without axes, the flattened entries."""
    if axis is None:
        return roll(array.reshape(-1), shift, 0).reshape(array.shape)
    shifts, axes = np.broadcast_arrays(shift, axis)
    for n, d in zip(shifts.ravel().tolist(), axes.ravel().tolist()):
        size = array.shape[d]
        if size:
            before = (slice(None),) * (d % array.ndim)
            cut = -n % size
            array = concatenate((array[(*before, slice(cut, None))], array[(*before, slice(cut))]), d)
    return array


@implements(np.pad)
def pad(array, margins, mode="constant", constant_values=0):
    """The array with (before, after) entries of one value added along each axis.   mode: "constant" is the only one"""
    margins = np.broadcast_to(np.asarray(margins), (array.ndim, 2)).tolist()
    out = full([n + before + after for n, (before, after) in zip(array.shape, margins)], constant_values, array.dtype)
    out[tuple(slice(before, before + n) for n, (before, _) in zip(array.shape, margins))] = array
    return out


@implements(np.tril)
def tril(array, k=0):
    """With zeros above a diagonal of the last two axes."""
    return where(asarray(np.tri(*array.shape[-2:], k, bool)), array, array.dtype.type(0))


@implements(np.triu)
def triu(array, k=0):
    """With zeros below a diagonal of the last two axes."""
    return where(asarray(np.tri(*array.shape[-2:], k - 1, bool)), array.dtype.type(0), array)


# ---------------------------------------------------------------------------------------------------------------------
# By NumPy, on the host

def by_host(function):
    """NumPy's function, of arrays that are copied to the host; what it gives is copied back."""
    def ours(*args, **kwargs):
        found = function(*(a.numpy() if isinstance(a, Array) else a for a in args), **kwargs)
        return tuple(map(asarray, found)) if isinstance(found, tuple) else asarray(found)
    return ours


for function in (np.sort, np.argsort, np.nonzero, np.flatnonzero, np.argwhere, np.searchsorted, np.unique):
    implements(function)(by_host(function))
