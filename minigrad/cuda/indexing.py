"""x[key] and x[key] = value where the key has arrays in it, and np.add.at, for Arrays.

What a key means says selection.py: a view, and one array of indices that move on from the view's entries.  The kernels
here read, write or add where those lead.
"""
import functools
import math
import numpy as np
from .array import Array, asarray, empty
from .elementwise import apply, chosen, collapsed, operand, placer
from .faults import note, watch
from .functions import full, implements
from .launch import Kernel, cuda, device, spread
from .scatter import sums
from .selection import Index, joined, selection, single


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

    The places on all indexed axes together get one number, so that the values are rows of a matrix, each with the
    number of the place that it goes to.
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
# The kernels.  All take: the shape that the threads go over; the view's start and steps; the index array, in that
# shape, and the axis that it indexes; where to note an index out of range; the memory; another array in that shape.

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

    def kernel(n, shape, start, steps, index_start, index_steps, index, size, step, notes, number, x, out_start,
               out_steps, out):
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
