"""What a key with arrays in it means for an Array.

A key is turned into a *Selection*: a view of the entries that it would name if all its index arrays on the device held
0, and those index arrays.  Index k of such an array means k steps along its axis further on in memory.  So

    x[:, [2, 4, 6], i]      the view starts at x[0, 2, 0], has the shape of the result, and a step of 2 rows along its
                            axis 1; the index array i, on the device, is added by the kernel

and a thread finds its entry at: the start + its place along each axis * the view's steps + k * the axis's step.  Lists,
NumPy's arrays and integers that go up or down evenly need no memory: they are such steps, as np.arange(n) in
x[np.arange(n), labels].

Index arrays from the host are checked at once, those on the device by the kernels; see faults.py.  A mask on the device
is copied to the host, since the size of the result depends on it.
"""
import functools
from collections import namedtuple
import numpy as np
from .array import SPACE, Array, asarray, empty
from .elementwise import collapsed, placer, spread_steps
from .faults import note, watch
from .launch import Kernel, cuda, spread

Selection = namedtuple("Selection", "view indices indexed lead array parts unique")
Selection.__doc__ = """What a key means.

view        of the entries that the key names where all indices are 0, in the shape of the result
indices     an Index for each index array on the device, of the shape `indexed`
lead        the first of the result's axes that the index arrays have brought
array       the array after the key's slices, and None for new axes
parts       for each of its axes, the index array, or None for all entries
unique      whether it is certain that no entry is named twice
"""
Index = namedtuple("Index", "array size step")             # an Array, the size of the axis that it indexes, and the step
FULL = slice(None)
INVALID = np.iinfo(np.int64).min                           # stands for an index out of range


# ---------------------------------------------------------------------------------------------------------------------
# Keys

def selection(array, key):
    """The Selection that a key means.   Raises IndexError for a host's index out of range, or a key that does not fit."""
    array, parts, masked = parted(array, key)
    given = [d for d, p in enumerate(parts) if p is not None]
    kept = [d for d, p in enumerate(parts) if p is None]
    try:
        indexed = np.broadcast_shapes(*(parts[d].shape for d in given))
    except ValueError:
        raise IndexError(f"index arrays of shapes {[parts[d].shape for d in given]} can't be broadcast together") from None
    lead = given[0] if given and given[-1] - given[0] == len(given) - 1 else 0       # where NumPy puts the indexed axes
    first, steps, distinct, indices = array.first, [0] * len(indexed), set(), []
    for d in given:
        index, size, stride = parts[d], array.shape[d], array.strides[d]
        if not isinstance(index, Array):
            index = parts[d] = within(index, size, d)
            even = progression(index)
            if even is not None:
                start, each, axis = even
                first += start * stride
                if each:
                    steps[axis] += each * stride
                    distinct.add(axis)
                continue
            index = asarray(index)
        indices.append(Index(np.broadcast_to(index, indexed), size, stride // array.itemsize))
    shape, strides = [array.shape[d] for d in kept], [array.strides[d] for d in kept]
    shape[lead:lead], strides[lead:lead] = indexed, steps
    view = array.view(np.ndarray(shape, array.dtype, SPACE, first, strides))
    unique = masked or all(n == 1 or d - len(indexed) in distinct for d, n in enumerate(indexed))
    return Selection(view, indices, indexed, lead, array, parts, unique)


def parted(array, key):
    """(array after the slices of a key, for each axis its index array or None, whether one mask is the only array)"""
    key = [np.asarray(p, int if p == [] else None) if isinstance(p, (list, bool, np.bool_)) else p
           for p in (key if isinstance(key, tuple) else (key,))]
    missing = array.ndim - sum(map(axes_taken, key))
    if missing < 0:
        raise IndexError(f"the key has {array.ndim - missing} parts for {array.ndim} axes")
    if not any(p is ... for p in key):
        key.append(...)
    basic, parts = [], []
    for p in key:
        if p is None or isinstance(p, slice):
            basic.append(p)
            parts.append(None)
        elif p is ...:
            basic += [FULL] * missing
            parts += [None] * missing
        elif isinstance(p, (int, np.integer)) or p.dtype.kind in "iu":
            basic.append(FULL)
            parts.append(np.asarray(p) if not isinstance(p, Array) else p)
        elif p.dtype.kind != "b":
            raise IndexError(f"an index array must hold integers or Booleans, not {p.dtype}")
        elif p.ndim:
            axis = sum(b is not None for b in basic)
            if p.shape != array.shape[axis:axis + p.ndim]:
                raise IndexError(f"a mask of shape {p.shape} does not fit axes {axis} on of shape {array.shape}")
            basic += [FULL] * p.ndim
            parts += np.nonzero(on_host(p))
        else:                              # True or False: all entries, or none, along a new axis
            basic.append(None)
            parts.append(np.zeros(int(p), int))
    arrays = [p for p in key if isinstance(p, (np.ndarray, Array))]
    return array[tuple(basic)], parts, len(arrays) == 1 and arrays[0].dtype.kind == "b"


def axes_taken(p):
    """How many axes a part of a key takes up."""
    if p is None or p is ...:
        return 0
    return p.ndim if isinstance(p, (np.ndarray, Array)) and p.dtype.kind == "b" else 1


def on_host(array):
    """The NumPy array, copied if it is on the device."""
    return array.numpy() if isinstance(array, Array) else array


def within(index, size, axis):
    """A NumPy array of indices, counted from the front.  Raises IndexError for one out of range."""
    index = index.astype(np.int64)
    wrong = (index < -size) | (index >= size)
    if wrong.any():
        raise IndexError(f"index {index[wrong][0]} is out of bounds for axis {axis} with size {size}")
    return np.where(index < 0, index + size, index)


def progression(index):
    """(first, step, axis) of a NumPy array that goes up or down evenly along one axis, counted from the last; else None."""
    long = [d for d, n in enumerate(index.shape) if n != 1]
    line = index.ravel()
    if not long:
        return line.item(), 0, None
    steps = np.diff(line)
    if len(long) > 1 or not steps.size or not steps[0] or np.any(steps != steps[0]):
        return None
    return line[0].item(), steps[0].item(), long[0] - index.ndim


# ---------------------------------------------------------------------------------------------------------------------
# Index arrays, put together

def along(array, selection):
    """An array over the indexed axes, as a view in the shape of the whole result."""
    kept = selection.view.ndim - len(selection.indexed)
    return np.broadcast_to(array[(..., *(None,) * (kept - selection.lead))], selection.view.shape)


def single(name, selection):
    """(view, Index): the entries are those of the view, moved on by one index array, in the shape of the result."""
    view, indices = selection.view, selection.indices
    if len(indices) > 1:                   # one array of distances in memory; backwards ones count from the far end
        back = sum((i.size - 1) * i.step for i in indices if i.step < 0)
        reach = sum((i.size - 1) * abs(i.step) for i in indices)
        layout = np.ndarray(view.shape, view.dtype, SPACE, view.first + back * view.itemsize, view.strides)
        view, indices = view.view(layout), [Index(joined(name, indices, selection.indexed, -back), reach + 1, 1)]
    index, = indices
    return view, index._replace(array=along(index.array, selection))


def joined(name, indices, shape, first=0):
    """The Array of first + the sum of each index * its step; INVALID where one is out of range."""
    total = empty(shape, np.int64)
    n, known = total.size, False
    for array, size, step in indices if n else ():
        shape, steps = collapsed((total.shape, spread_steps(array, total.shape)))
        notes = watch(f"{name}: index {{}} is out of range for size {size}")
        joining(len(shape))(*spread(n), n, shape, array.start, steps, array, size, step, first, int(known), total, *notes)
        known = True
    return total


@functools.cache
def joining(ndim):
    """The kernel that adds one index array to the total."""
    place = placer(ndim)

    def kernel(n, shape, start, steps, index, size, step, first, known, total, notes, number):
        for i in range(cuda.grid(1), n, cuda.gridsize(1)):
            k = np.int64(index[place(i, shape, start, steps)])
            before = total[i] if known else first
            if k < -size or k >= size:
                note(notes, number, k)
                total[i] = INVALID
            elif before == INVALID:
                total[i] = INVALID
            else:
                total[i] = before + (k + size if k < 0 else k) * step
    return Kernel(kernel)
