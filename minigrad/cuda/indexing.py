"""x[key] and x[key] = value where the key has arrays in it, and np.add.at, for Arrays.

A key is turned into a *Selection*: a view of the entries that it would name if all its index arrays on the device held 0,
and those index arrays.  Index k of such an array means k steps along its axis further on in memory.  So

    x[:, [2, 4, 6], i]      the view starts at x[0, 2, 0], has the shape of the result, and a step of 2 rows along its
                            axis 1; the index array i, on the device, is added by the kernel

and a thread finds its entry at: the start + its place along each axis * the view's steps + k * the axis's step.  Lists,
NumPy's arrays and integers that go up or down evenly need no memory: they are such steps, as np.arange(n) in
x[np.arange(n), labels].

Index arrays from the host are checked at once, those on the device by the kernels; see faults.py.  A mask on the device is
copied to the host, since the size of the result depends on it.
"""
import functools
import math
from collections import namedtuple
import numpy as np
from .array import SPACE, Array, asarray, empty
from .elementwise import apply, chosen, collapsed, operand, placer, spread_steps
from .faults import note, watch
from .functions import full, implements
from .launch import Kernel, cuda, device, spread
from .scatter import sums

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


# ---------------------------------------------------------------------------------------------------------------------
# Reading and writing

def read(array, key):
    """The entries at a key: a copy."""
    where = selection(array, key)
    if not where.indices:
        return where.view.copy()
    out = empty(where.view.shape, array.dtype)
    launch("x[index]", reading, where, out)
    return out


def write(array, key, value):
    """array[key] = value; where the key names an entry twice, the last value stays."""
    value = operand("x[index] = value", value if isinstance(value, Array) else np.asarray(value)[()])
    if isinstance(key, Array) and key.dtype.kind == "b" and key.ndim and not isinstance(value, Array):
        mask = key[(..., *(None,) * (array.ndim - key.ndim))]              # needs no positions, so no copy to the host
        apply(chosen, (mask.dtype, array.dtype, array.dtype), array.dtype, (mask, value, array), array)
        return
    where = selection(array, key)
    if not where.indices:
        where.view[...] = value
        return
    value = fitting(value, where.view, array)
    if where.unique:
        launch("x[index] = value", writing(replaced, array.dtype), where, value)
    else:
        last = full((where.array.span,), -1, np.int64)
        launch("x[index] = value", claiming, where, value, last)
        launch("x[index] = value", writing_last(array.dtype), where, value, last)


def add_at(array, key, value):
    """Add `value` to the entries at a key; what goes to one entry twice is added twice, always in the same order."""
    where = selection(array, key)
    value = fitting(operand("add.at", value), where.view, array)
    if not where.indices:
        np.add(where.view, value, out=where.view)
    elif where.unique:
        launch("add.at", writing(added, array.dtype), where, value)
    elif where.view.size:
        add_rows(where, value)


def add_rows(where, value):
    """Add up what goes to the same places first.

    The places on all indexed axes together get one number, so that the values are rows of a matrix, each with the number of
    the place that it goes to.
    """
    given, kept = ([d for d, p in enumerate(where.parts) if (p is None) == none] for none in (False, True))
    sizes = [where.array.shape[d] for d in given]
    steps = [math.prod(sizes[i + 1:]) for i in range(len(sizes))]
    numbers = joined("add.at", [Index(np.broadcast_to(asarray(where.parts[d]), where.indexed), size, step)
                                for d, size, step in zip(given, sizes, steps)], where.indexed).reshape(-1)
    axes = range(where.lead, where.lead + len(where.indexed))
    values = np.moveaxis(value, axes, range(len(axes))).reshape(numbers.size, -1)
    table = sums(numbers, values.astype(where.array.dtype, copy=False), math.prod(sizes))
    target = where.array.transpose(given + kept)
    np.add(target, table.reshape(target.shape), out=target)


def fitting(value, view, array):
    """An operand as an Array that is broadcast to the view's shape, and shares no memory with the array."""
    value = value if isinstance(value, Array) else full((), value, array.dtype)
    return np.broadcast_to(value.copy() if value.block is array.block else value, view.shape)


# ---------------------------------------------------------------------------------------------------------------------
# The kernels.  All take: the shape that the threads go over; the view's start and steps; the index array, in that shape, and
# the axis that it indexes; where to note an index out of range; the memory; another array in that shape.

def launch(name, kernel, where, other, *more):
    """Run a kernel over the entries of a Selection.   kernel: number of axes -> Kernel; more: its further arguments"""
    view, index = single(name, where)
    n, memory = view.size, where.array
    if n:
        axes = collapsed((view.shape, view.steps, index.array.steps, other.steps))
        shape, view_steps, index_steps, other_steps = axes
        start = memory.start + (view.first - memory.first) // view.itemsize
        notes = watch(f"{name}: index {{}} is out of range for size {index.size}")
        kernel(len(shape))(*spread(n), n, shape, start, view_steps, index.array.start, index_steps, index.array, index.size,
                           index.step, *notes, memory, other.start, other_steps, other, *more)


@functools.cache
def finder(ndim):
    """The function that gives where in memory the entry number i is, and -1 if its index is out of range."""
    place = placer(ndim)

    @device
    def find(i, shape, start, steps, index_start, index_steps, index, size, step, notes, number):
        k = np.int64(index[place(i, shape, index_start, index_steps)])
        if k < -size or k >= size:
            note(notes, number, k)
            return np.int64(-1)
        return place(i, shape, start, steps) + (k + size if k < 0 else k) * step
    return find


@functools.cache
def reading(ndim):
    """The kernel that copies the entries to `out`."""
    find, place = finder(ndim), placer(ndim)

    def kernel(n, shape, start, steps, index_start, index_steps, index, size, step, notes, number, x, out_start, out_steps, out):
        for i in range(cuda.grid(1), n, cuda.gridsize(1)):
            at = find(i, shape, start, steps, index_start, index_steps, index, size, step, notes, number)
            if at >= 0:
                out[place(i, shape, out_start, out_steps)] = x[at]
    return Kernel(kernel)


def replaced(old, new):
    """x[key] = value"""
    return new


def added(old, new):
    """x[key] += value"""
    return old + new


@functools.cache
def writing(change, dtype):
    """The kernel that changes entries which are named once, to change(entry, value)."""
    change, T = device(change), dtype.type

    @functools.cache
    def for_axes(ndim):
        find, place = finder(ndim), placer(ndim)

        def kernel(n, shape, start, steps, index_start, index_steps, index, size, step, notes, number, x, value_start,
                   value_steps, value):
            for i in range(cuda.grid(1), n, cuda.gridsize(1)):
                at = find(i, shape, start, steps, index_start, index_steps, index, size, step, notes, number)
                if at >= 0:
                    x[at] = change(x[at], T(value[place(i, shape, value_start, value_steps)]))
        return Kernel(kernel)
    return for_axes


@functools.cache
def claiming(ndim):
    """The kernel that finds out which value is the last to go to an entry: the one with the largest number."""
    find = finder(ndim)

    def kernel(n, shape, start, steps, index_start, index_steps, index, size, step, notes, number, x, value_start,
               value_steps, value, last):
        for i in range(cuda.grid(1), n, cuda.gridsize(1)):
            at = find(i, shape, start, steps, index_start, index_steps, index, size, step, notes, number)
            if at >= 0:
                cuda.atomic.max(last, at, np.int64(i))
    return Kernel(kernel)


@functools.cache
def writing_last(dtype):
    """The kernel that writes the values that `claiming` has found to be the last ones."""
    T = dtype.type

    @functools.cache
    def for_axes(ndim):
        find, place = finder(ndim), placer(ndim)

        def kernel(n, shape, start, steps, index_start, index_steps, index, size, step, notes, number, x, value_start,
                   value_steps, value, last):
            for i in range(cuda.grid(1), n, cuda.gridsize(1)):
                at = find(i, shape, start, steps, index_start, index_steps, index, size, step, notes, number)
                if at >= 0 and last[at] == i:
                    x[at] = T(value[place(i, shape, value_start, value_steps)])
        return Kernel(kernel)
    return for_axes


# ---------------------------------------------------------------------------------------------------------------------
# Along one axis

def beside(array, indices, axis):
    """The key that means `indices` along an axis, and each entry's own place along the others."""
    own = np.ogrid[tuple(slice(n) for n in array.shape)]
    return tuple(indices if d == axis % array.ndim else place for d, place in enumerate(own))


@implements(np.take_along_axis)
def take_along_axis(array, indices, axis):
    """For each entry of `indices`, the array's entry at that position along the axis."""
    return read(array, beside(array, indices, axis))


@implements(np.put_along_axis)
def put_along_axis(array, indices, values, axis):
    """Write values at the positions along an axis that `indices` gives."""
    write(array, beside(array, indices, axis), values)
