"""Reductions: sums, products, extremes, any, all, means, and the places of extremes.

Every output is made of n entries.  The threads of a block are `lanes` x `lines`: the lanes of one output take its
entries in turn, each combines its own, and then a tree in shared memory combines the lanes:

    entries     0  1  2  3  4  5  6  7  8 ...
    lanes       a  b  c  d  a  b  c  d  a ...          a: 0 4 8 ...  b: 1 5 9 ...  then (a c) (b d), ((a c) (b d))

Neighbouring threads must read neighbouring memory.  So where an output's entries lie side by side, neighbouring threads
are lanes of one output; where those of neighbouring outputs do, neighbouring threads belong to different outputs.  And
where there are few outputs of many entries, the entries are cut into parts, each with a block of its own, and a second
reduction combines the parts.

A thread adds at most some hundred numbers one to the next, and the rest is a tree, so sums have little rounding;
and the order does not depend on chance.
"""
import functools
import math
from collections import namedtuple
import numpy as np
from .array import Array, empty
from .elementwise import collapsed, larger, placer, smaller
from .functions import full, implements
from .launch import BLOCKS, THREADS, Kernel, cuda, device, scalar, simulated

ROWS = (4, 2, 1) if simulated else (256, 32, 4)            # lanes, where an output's entries lie side by side
COLUMNS = 2 if simulated else 8                            # lanes, where those of neighbouring outputs do
CHAIN = 4 if simulated else 512                            # so many entries are combined one to the next, at most

Reduction = namedtuple("Reduction", "entry combine first")
Reduction.__doc__ = """What a reduction does.

entry       entry(x, top, j): what number j of an output's entries contributes; top is a number that the output is given
combine     of two contributions, or results
first       first(dtype): what combines to nothing new
"""


def same(x, top, j):
    """The entry itself."""
    return x


def nonzero(x, top, j):
    """Whether it is not 0."""
    return x != 0


def position(x, top, j):
    """Where the entry is, if it is the largest or the smallest one, which is NaN if any is."""
    return j if x == top or x != x else BEYOND


BEYOND = np.iinfo(np.int64).max


def lowest(dtype):
    """No number of the type is smaller."""
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def highest(dtype):
    """No number of the type is larger."""
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


SUM = Reduction(same, lambda a, b: a + b, lambda dtype: 0)
PRODUCT = Reduction(same, lambda a, b: a * b, lambda dtype: 1)
LARGEST = Reduction(same, larger, lowest)
SMALLEST = Reduction(same, smaller, highest)
ANY = Reduction(nonzero, lambda a, b: a or b, lambda dtype: False)
ALL = Reduction(nonzero, lambda a, b: a and b, lambda dtype: True)
COUNT = Reduction(nonzero, lambda a, b: a + b, lambda dtype: 0)
POSITION = Reduction(position, smaller, highest)


# ---------------------------------------------------------------------------------------------------------------------
# Any of them

def reduce(reduction, array, axis, keepdims, dtype, first=None, tops=None):
    """The array of the reduction's results along axes.

    axis        a number, several in a tuple, or None for all
    dtype       that entries are turned into, and the result's
    first       what each result starts with, in place of the reduction's own; it may be combined more than once
    tops        an Array of the numbers that the outputs are given
    """
    axes = named(axis, array.ndim)
    others = tuple(d for d in range(array.ndim) if d not in axes)
    shape = tuple(array.shape[d] for d in others)
    kept_shape = tuple(1 if d in axes else n for d, n in enumerate(array.shape)) if keepdims else shape
    first = dtype.type(reduction.first(dtype) if first is None else first)
    n = count(array, axes)
    if not n:
        return full(kept_shape, first, dtype)
    out = empty(shape, dtype)
    if out.size:
        steps = array.steps
        if reduction is not POSITION:      # in the order of memory
            axes = sorted(axes, key=lambda d: -abs(steps[d]))
        kept, reduced = (collapsed((tuple(array.shape[d] for d in some), tuple(steps[d] for d in some)))
                         for some in (others, axes))
        launch(reduction, n, kept, reduced, array, tops, first, out)
    return out.reshape(kept_shape)


def named(axis, ndim):
    """The axes that NumPy's argument names, from 0 on, sorted."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(sorted(np.lib.array_utils.normalize_axis_tuple(axis, ndim)))


def count(array, axes):
    """How many entries an output is made of."""
    return math.prod(array.shape[d] for d in axes)


def launch(reduction, n, kept, reduced, x, tops, first, out):
    """Reduce x to `out`.   kept, reduced: (shape, steps) of the axes that stay, and of those that go, of n entries"""
    across = abs(kept[1][-1]) < abs(reduced[1][-1]) and kept[0][-1] > COLUMNS
    lanes = COLUMNS if across else row_lanes(n, out.size)
    lines = THREADS // lanes
    blocks = -(-out.size // lines)
    fill = min(-(-BLOCKS // blocks), -(-n // (4 * lanes)))  # more parts would be of less than 4 entries a thread
    parts = max(fill if blocks < BLOCKS // 2 else 1, -(-n // (lanes * CHAIN)))
    each = -(-n // parts)
    parts = -(-n // each)
    target = out if parts == 1 else empty((out.size, parts), out.dtype)
    kernel = reduction_kernel(reduction, x.dtype, out.dtype, tops is not None, len(kept[0]), len(reduced[0]), lanes,
                              across)
    kernel(blocks * parts, THREADS, out.size, n, parts, each, *kept, *reduced, x.start, first, x,
           x if tops is None else tops, target)
    if parts > 1:
        together = Reduction(same, reduction.combine, reduction.first)
        launch(together, parts, ((out.size,), (parts,)), ((parts,), (1,)), target, None, first, out)


def row_lanes(n, outputs):
    """How many threads share an output: few for short rows, many for long ones or where there are few."""
    many, some, few = ROWS
    if n <= 4 * few:
        return few
    return some if n <= 8 * some or (n <= 64 * some and outputs >= 16 * some) else many


@functools.cache
def reduction_kernel(reduction, given, dtype, has_tops, kept_axes, axes, lanes, across):
    """The kernel that reduces entries of the type `given` to results of the type dtype.

    kept_axes, axes     how many axes stay, and how many go
    across              whether neighbouring threads belong to neighbouring outputs
    """
    entry, combine = device(reduction.entry), device(reduction.combine)
    kept_place, place, T, shared_type = placer(kept_axes), placer(axes), dtype.type, scalar(dtype)
    lines = THREADS // lanes
    lane_step, line_step = (lines, 1) if across else (1, lanes)

    def kernel(outputs, n, parts, each, kept_shape, kept_steps, shape, steps, start, first, x, tops, out):
        """Part p of output o, in block (o // lines) * parts + p, combines its entries from p * each on."""
        results = cuda.shared.array(THREADS, shared_type)
        t = cuda.threadIdx.x
        lane, line = t // lane_step % lanes, t // line_step % lines
        o, part = cuda.blockIdx.x // parts * lines + line, cuda.blockIdx.x % parts
        result = T(first)
        if o < outputs:
            start = kept_place(o, kept_shape, start, kept_steps)
            top = tops[np.uint64(o)] if has_tops else x[np.uint64(start)]
            end = min(n, (part + 1) * each)
            j = part * each + lane
            a = b = c = d = result
            while j + 3 * lanes < end:     # four at once: the device reads them at the same time
                x0 = x[np.uint64(place(j, shape, start, steps))]
                x1 = x[np.uint64(place(j + lanes, shape, start, steps))]
                x2 = x[np.uint64(place(j + 2 * lanes, shape, start, steps))]
                x3 = x[np.uint64(place(j + 3 * lanes, shape, start, steps))]
                a, b = T(combine(a, T(entry(x0, top, j)))), T(combine(b, T(entry(x1, top, j + lanes))))
                c = T(combine(c, T(entry(x2, top, j + 2 * lanes))))
                d = T(combine(d, T(entry(x3, top, j + 3 * lanes))))
                j += 4 * lanes
            while j < end:
                a = T(combine(a, T(entry(x[np.uint64(place(j, shape, start, steps))], top, j))))
                j += lanes
            result = T(combine(T(combine(a, b)), T(combine(c, d))))
        results[t] = result
        cuda.syncthreads()
        half = lanes // 2
        while half > 0:
            if lane < half:
                results[t] = T(combine(results[t], results[t + half * lane_step]))
            cuda.syncthreads()
            half //= 2
        if lane == 0 and o < outputs:
            out[np.uint64(o * parts + part)] = results[t]
    return Kernel(kernel)


# ---------------------------------------------------------------------------------------------------------------------
# As NumPy calls them

@functools.lru_cache(256)
def summed(dtype):
    """The type of a sum, or a product, of numbers of a type: as NumPy has it."""
    return np.ones(1, dtype).sum().dtype


@implements(np.sum)
def total(array, axis=None, dtype=None, keepdims=False):
    """The sum along axes."""
    return reduce(SUM, array, axis, keepdims, np.dtype(dtype) if dtype else summed(array.dtype))


@implements(np.prod)
def product(array, axis=None, dtype=None, keepdims=False):
    """The product along axes."""
    return reduce(PRODUCT, array, axis, keepdims, np.dtype(dtype) if dtype else summed(array.dtype))


@implements(np.mean)
def mean(array, axis=None, dtype=None, keepdims=False):
    """The mean along axes; of integers in float64, as NumPy has it."""
    dtype = np.dtype(dtype or (array.dtype if array.dtype.kind == "f" else np.float64))
    return total(array, axis, dtype, keepdims) / (count(array, named(axis, array.ndim)) or np.nan)


@implements(np.max)
def largest(array, axis=None, keepdims=False, initial=None):
    """The largest entry along axes, NaN if any is.  Raises ValueError for none, unless there is an initial value."""
    return extreme("max", LARGEST, array, axis, keepdims, initial)


@implements(np.min)
def smallest(array, axis=None, keepdims=False, initial=None):
    """The smallest entry along axes, NaN if any is.  Raises ValueError for none, unless there is an initial value."""
    return extreme("min", SMALLEST, array, axis, keepdims, initial)


def extreme(name, reduction, array, axis, keepdims, initial):
    """The largest or the smallest entry."""
    if initial is None:
        require_entries(name, array, axis)
    return reduce(reduction, array, axis, keepdims, array.dtype, initial)


def require_entries(name, array, axis):
    """Refuse to look for the largest or smallest of nothing."""
    if not count(array, named(axis, array.ndim)):
        raise ValueError(f"{name}: shape {array.shape} has no entries along axis {axis} to choose from")


@implements(np.argmax)
def argmax(array, axis=None, keepdims=False):
    """Where the first largest entry is, or the first NaN: along one axis, or in the flattened array."""
    return where_it_is("argmax", LARGEST, array, axis, keepdims)


@implements(np.argmin)
def argmin(array, axis=None, keepdims=False):
    """Where the first smallest entry is, or the first NaN: along one axis, or in the flattened array."""
    return where_it_is("argmin", SMALLEST, array, axis, keepdims)


def where_it_is(name, reduction, array, axis, keepdims):
    """The first place of the entry that a reduction gives: the least of all its places."""
    require_entries(name, array, axis)
    tops = reduce(reduction, array, axis, False, array.dtype)
    return reduce(POSITION, array, axis, keepdims, np.dtype(np.int64), tops=tops)


@implements(np.any)
def whether_any(array, axis=None, keepdims=False):
    """Whether any entry along axes is not 0."""
    return reduce(ANY, array, axis, keepdims, np.dtype(bool))


@implements(np.all)
def whether_all(array, axis=None, keepdims=False):
    """Whether all entries along axes are not 0."""
    return reduce(ALL, array, axis, keepdims, np.dtype(bool))


@implements(np.count_nonzero)
def count_nonzero(array, axis=None, keepdims=False):
    """How many entries along axes are not 0."""
    return reduce(COUNT, array, axis, keepdims, np.dtype(np.int64))


for name, function in (("sum", total), ("prod", product), ("mean", mean), ("max", largest), ("min", smallest),
                       ("argmax", argmax), ("argmin", argmin), ("any", whether_any), ("all", whether_all)):
    setattr(Array, name, function)
