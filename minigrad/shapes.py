"""Operations that move entries about without computing with them: reshape, permute, flip, pad, cat, split.

Each is linear, and its rule moves the cotangent's entries back.  As in PyTorch, `reshape` (where it can), `view`,
`permute`, `transpose`, `squeeze`, `unsqueeze`, `split`, `chunk`, `unbind`, `narrow`, `select` and `expand` give views:
they share memory with their input.  The others copy.
"""
import math
import numpy as np
from . import shares
from .broadcasting import expand
from .dtypes import check_together, promoted
from .reductions import axes, axis, sum
from .tensor import ARRAYS, Tensor, array_of, raw, record

LARGE = 1 << 14        # entries from which on a compiled loop is faster than NumPy


def sizes(given):
    """A tuple of sizes, whether they were given one by one or in one tuple or list."""
    return tuple(given[0]) if len(given) == 1 and isinstance(given[0], (tuple, list)) else given


# ---------------------------------------------------------------------------------------------------------------------
# The same entries, in the same order, under another shape

def reshape(x, *shape):
    """x under another shape: a view where the memory's layout allows it, else a copy.

    shape       sizes, or one tuple of them; one may be -1: what is left of x's entries.
    Raises ValueError where the numbers of entries differ.
    """
    return record(reshaped("reshape", raw(x), sizes(shape)), reshape_rule, x)


def reshape_rule(g, y, x):
    """The cotangent, under x's shape."""
    return reshape(g, x.shape)


def reshaped(name, array, shape):
    """The array under another shape."""
    try:
        return array.reshape(shape)
    except ValueError:
        raise ValueError(f"{name}: shape {array.shape}, of {array.size} entries, can't become {shape}") from None


def view(x, *shape):
    """x under another shape, sharing its memory.

    shape       sizes, or one tuple of them; one may be -1: what is left of x's entries.
    Raises ValueError where the numbers of entries differ, RuntimeError where only a copy could have this shape.
    """
    array = raw(x)
    data = reshaped("view", array, sizes(shape))
    if not np.may_share_memory(data, array) and array.size:
        raise RuntimeError(f"view: entries of shape {array.shape} with strides {array.strides} are too scattered to be "
                           f"seen as {data.shape} without a copy; use reshape(), or contiguous() first")
    return record(data, view_rule, x)


def view_rule(g, y, x):
    """The cotangent, under x's shape."""
    return reshape(g, x.shape)


def flatten(x, start_dim=0, end_dim=-1):
    """x with the axes from start_dim to end_dim made one."""
    shape = raw(x).shape
    if not shape:
        return reshape(x, 1)
    first, last = axis("flatten", start_dim, len(shape)), axis("flatten", end_dim, len(shape))
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim} in shape {shape}")
    return reshape(x, *shape[:first], math.prod(shape[first:last + 1]), *shape[last + 1:])


def squeeze(x, dim=None):
    """x without its axes of size 1: without all of them, or those of `dim` (an axis or a tuple) that have size 1."""
    shape = raw(x).shape
    dims = () if isinstance(dim, tuple) and not dim else axes("squeeze", dim, len(shape))
    return reshape(x, tuple(n for d, n in enumerate(shape) if n != 1 or d not in dims))


def unsqueeze(x, dim):
    """x with a new axis of size 1, which becomes axis `dim` of the result."""
    shape = raw(x).shape
    dim = axis("unsqueeze", dim, len(shape) + 1)
    return reshape(x, *shape[:dim], 1, *shape[dim:])


# ---------------------------------------------------------------------------------------------------------------------
# Axes in another order

def permute(x, *dims):
    """x with its axes in the order `dims`: axis i of the result is axis dims[i] of x.  A view."""
    array, dims = raw(x), sizes(dims)
    if len(dims) != array.ndim:
        raise ValueError(f"permute: dims {dims} must name each of the {array.ndim} axes of shape {array.shape} once")
    axes("permute", dims, array.ndim)      # complains about axes out of range or named twice
    dims = tuple(d % array.ndim for d in dims)
    return record(array.transpose(dims), permute_rule, x, dims=dims)


def permute_rule(g, y, x, dims):
    """The cotangent, with its axes put back."""
    return permute(g, tuple(dims.index(d) for d in range(len(dims))))


def transpose(x, dim0, dim1):
    """x with two axes exchanged.  A view."""
    array = raw(x)
    if array.ndim == 0:
        return reshape(x, ())
    dim0, dim1 = axis("transpose", dim0, array.ndim), axis("transpose", dim1, array.ndim)
    return record(array.swapaxes(dim0, dim1), transpose_rule, x, dim0=dim0, dim1=dim1)


def transpose_rule(g, y, x, dim0, dim1):
    """The cotangent, with the two axes exchanged again."""
    return transpose(g, dim0, dim1)


def t(x):
    """The transposed matrix, as a view.  Raises ValueError for more than two axes."""
    ndim = raw(x).ndim
    if ndim > 2:
        raise ValueError(f"t: shape {raw(x).shape} is no matrix; say which axes to exchange, by transpose()")
    return transpose(x, 0, ndim - 1) if ndim else transpose(x, 0, 0)


def movedim(x, source, destination):
    """x with the axis `source` (or several) moved to `destination`; the others keep their order.  A view."""
    ndim = raw(x).ndim
    source, destination = (d if isinstance(d, (tuple, list)) else (d,) for d in (source, destination))
    if len(source) != len(destination):
        raise ValueError(f"movedim: source {source} and destination {destination} must name as many axes")
    for dims in (source, destination):
        axes("movedim", dims, ndim)
    source, destination = ([d % max(ndim, 1) for d in dims] for dims in (source, destination))
    rest = (d for d in range(ndim) if d not in source)
    come_from = dict(zip(destination, source))
    return permute(x, tuple(come_from[d] if d in come_from else next(rest) for d in range(ndim)))


# ---------------------------------------------------------------------------------------------------------------------
# Repeating, reversing, rotating, padding, cutting out a triangle

def expand_as(x, other):
    """x repeated (as a view) to the shape of `other`."""
    return expand(x, raw(other).shape)


def broadcast_to(x, shape):
    """x repeated (as a view) to `shape`: `expand`, with the shape in a tuple."""
    return expand(x, tuple(shape))


def repeat(x, *repeats):
    """x laid out side by side, repeats[i] times along axis i.  New axes come first, as many as `repeats` has more."""
    array, repeats = raw(x), sizes(repeats)
    if len(repeats) < array.ndim or any(n < 0 for n in repeats):
        raise ValueError(f"repeat: {repeats} must give a number of copies, at least 0, "
                         f"for each of the {array.ndim} axes of shape {array.shape}")
    return record(np.tile(array, repeats), repeat_rule, x, repeats=repeats)


def repeat_rule(g, y, x, repeats):
    """An entry gets the sum of its copies' cotangents."""
    shape = (1,) * (len(repeats) - x.ndim) + x.shape
    apart = [n for pair in zip(repeats, shape) for n in pair]              # (copies, size) for each axis
    return reshape(sum(reshape(g, apart), dim=tuple(range(0, len(apart), 2))) if apart else g, x.shape)


def flip(x, *dims):
    """x with the entries along the axes `dims` in reverse order.  A copy."""
    array = raw(x)
    dims = axes("flip", sizes(dims), array.ndim) if sizes(dims) else ()
    return record(np.flip(array, dims).copy(), flip_rule, x, dims=dims)


def flip_rule(g, y, x, dims):
    """The cotangent, reversed in the same way."""
    return flip(g, dims)


def roll(x, shifts, dims=None):
    """x with the entries moved on by `shifts` along `dims` (both integers or tuples); what falls off comes in again.

    Without dims, the flattened entries are rolled, and the shape is kept.
    """
    array = raw(x)
    if dims is not None:
        shifts, dims = (n if isinstance(n, (tuple, list)) else (n,) for n in (shifts, dims))
        if len(shifts) != len(dims):
            raise ValueError(f"roll: shifts {shifts} and dims {dims} must have the same length")
        dims = tuple(axis("roll", d, array.ndim) for d in dims)
    elif isinstance(shifts, (tuple, list)):
        raise ValueError(f"roll: shifts {shifts} need dims, as many; without dims, shifts is one number")
    return record(np.roll(array, shifts, dims), roll_rule, x, shifts=shifts, dims=dims)


def roll_rule(g, y, x, shifts, dims):
    """The cotangent, moved back."""
    return roll(g, tuple(-n for n in shifts) if dims is not None else -shifts, dims)


def pad(x, pad, mode="constant", value=0):
    """x with entries of `value` added around it, or its margins cut off.

    pad         how many entries to add at both ends of the last axis, then of the one before it, and so on:
                (left, right, top, bottom, ...).  Negative numbers cut entries off
    mode        "constant" is the only one
    value       the number to fill with; it is no input, so no gradient flows to it
    Raises ValueError for another mode, and for margins that do not fit the axes or cut off more than there is.
    """
    array, pad = raw(x), tuple(pad)
    if mode != "constant":
        raise ValueError(f'pad: mode {mode!r} is unknown; "constant" is the only one')
    if len(pad) % 2 or len(pad) > 2 * array.ndim:
        raise ValueError(f"pad: {pad} must hold two numbers per axis, last axis first, and shape {array.shape} has "
                         f"{array.ndim} axes")
    before = [0] * (array.ndim - len(pad) // 2) + list(pad[-2::-2])
    after = [0] * (array.ndim - len(pad) // 2) + list(pad[-1::-2])
    shape = tuple(n + b + a for n, b, a in zip(array.shape, before, after))
    if any(n < 0 for n in shape):
        raise ValueError(f"pad: {pad} cuts more from shape {array.shape} than there is")
    if in_planes(array, before, after):
        from .margins import pad_planes    # the same, faster; here, for Numba takes a while to be imported
        return record(pad_planes(array, before, shape, value), pad_rule, x, amounts=pad)
    target = tuple(slice(max(b, 0), max(n - max(a, 0), 0)) for n, b, a in zip(shape, before, after))
    kept = tuple(slice(max(-b, 0), max(n - max(-a, 0), 0)) for n, b, a in zip(array.shape, before, after))
    if all(n <= 0 for n in pad):           # nothing to fill
        return record(array[kept].copy(), pad_rule, x, amounts=pad)
    data = np.full(shape, value, array.dtype, like=array)
    data[target] = array[kept]
    return record(data, pad_rule, x, amounts=pad)


def pad_rule(g, y, x, amounts):
    """What was added is cut off, and what was cut off is added, with zeros."""
    return pad(g, tuple(-n for n in amounts))


def in_planes(array, before, after):
    """Whether a compiled loop pads the array: a large one of floats, in C order, at its last two axes only."""
    return (isinstance(array, np.ndarray) and array.size >= LARGE and array.ndim > 1 and array.flags.c_contiguous
            and array.dtype.char in "fd" and not any(before[:-2]) and not any(after[:-2]))


def tril(x, diagonal=0):
    """x with zeros above a diagonal of its last two axes: 0 is the main one, 1 the next above, -1 the next below."""
    return record(triangle("tril", np.tril, x, diagonal), tril_rule, x, diagonal=diagonal)


def tril_rule(g, y, x, diagonal):
    """Only what was kept gets a cotangent."""
    return tril(g, diagonal)


def triu(x, diagonal=0):
    """x with zeros below a diagonal of its last two axes: 0 is the main one, 1 the next above, -1 the next below."""
    return record(triangle("triu", np.triu, x, diagonal), triu_rule, x, diagonal=diagonal)


def triu_rule(g, y, x, diagonal):
    """Only what was kept gets a cotangent."""
    return triu(g, diagonal)


def triangle(name, function, x, diagonal):
    """The triangle that np.tril or np.triu cuts out."""
    array = raw(x)
    if array.ndim < 2:
        raise ValueError(f"{name}: shape {array.shape} has no rows and columns")
    return function(array, diagonal)


# ---------------------------------------------------------------------------------------------------------------------
# Putting together and taking apart

def cat(tensors, dim=0):
    """The tensors, joined along an axis that they have; their other sizes must agree.  Mixed types promote."""
    arrays = together("cat", tensors)
    dim = axis("cat", dim, arrays[0].ndim)
    try:
        data = joined(arrays, dim)
    except ValueError:
        raise ValueError(f"cat: shapes {listed(arrays)} must be equal but along dim {dim}, "
                         "and have at least one axis") from None
    return record(data, cat_rule, *tensors, dim=dim)


def joined(arrays, dim):
    """The arrays, one behind the other along an axis; large ones by all threads, each with a part of the examples."""
    first = arrays[0]
    others = {(*a.shape[:dim], *a.shape[dim + 1:]) for a in arrays}        # sizes
    if dim == 0 or len(others) > 1 or first.size < shares.LARGE or not isinstance(first, np.ndarray):
        return np.concatenate(arrays, axis=dim)
    length = np.sum([a.shape[dim] for a in arrays])
    whole = np.empty((*first.shape[:dim], length, *first.shape[dim + 1:]), first.dtype)
    shares.each_share(len(first), lambda share: np.concatenate([a[share] for a in arrays], dim, out=whole[share]))
    return whole


def cat_rule(g, y, *tensors, dim):
    """Each tensor gets its own part of the cotangent."""
    def part(start, length):
        return lambda: narrow(g, dim, start, length)

    parts, start = [], 0
    for x in tensors:
        parts.append(part(start, x.shape[dim]))
        start += x.shape[dim]
    return tuple(parts)


def stack(tensors, dim=0):
    """The tensors, all of one shape, joined along a new axis, `dim` of the result.  Mixed types promote."""
    arrays = together("stack", tensors)
    if any(a.shape != arrays[0].shape for a in arrays):
        raise ValueError(f"stack: shapes {listed(arrays)} must be equal")
    dim = axis("stack", dim, arrays[0].ndim + 1)
    return record(np.stack(arrays, axis=dim), stack_rule, *tensors, dim=dim)


def stack_rule(g, y, *tensors, dim):
    """Each tensor gets its own slice of the cotangent."""
    def part(i):
        return lambda: select(g, dim, i)
    return tuple(part(i) for i in range(len(tensors)))


def together(name, tensors):
    """The arrays of a sequence of tensors, in the type that their combination has."""
    if isinstance(tensors, (Tensor, *ARRAYS)):
        raise TypeError(f"{name}: give the tensors in a tuple or list")
    arrays = [array_of(x) for x in tensors]
    if not arrays:
        raise ValueError(f"{name}: there must be at least one tensor")
    if any(type(a) is not type(arrays[0]) for a in arrays):
        check_together(name, *arrays)
    return alike(arrays)


def alike(arrays):
    """The arrays, cast to the type that their combination has."""
    dtype = arrays[0].dtype
    for a in arrays[1:]:
        if a.dtype != dtype:               # of equal dimensions: here it is the kinds that decide
            dtype = promoted(np.empty(1, dtype), np.empty(1, a.dtype))
    return [a.astype(dtype, copy=False) for a in arrays]


def listed(arrays):
    """The arrays' shapes, for an error message."""
    return ", ".join(str(a.shape) for a in arrays)


def narrow(x, dim, start, length):
    """The entries from `start` on, `length` of them, along one axis.  A view."""
    shape = raw(x).shape
    dim = axis("narrow", dim, len(shape))
    first = start + shape[dim] if start < 0 else start
    if not 0 <= first <= first + length <= shape[dim]:
        raise IndexError(f"narrow: start {start} and length {length} do not fit size {shape[dim]} "
                         f"of dim {dim} of shape {shape}")
    return x[(slice(None),) * dim + (slice(first, first + length),)]


def select(x, dim, index):
    """The entry at `index` along one axis, which goes away.  A view."""
    dim = axis("select", dim, raw(x).ndim)
    return x[(slice(None),) * dim + (index, ...)]


def split(x, split_size_or_sections, dim=0):
    """x cut along one axis: into pieces of one size (the last may be smaller), or of the sizes in a list.

    Returns a tuple of views.  Raises ValueError where the sizes do not add up.
    """
    shape = raw(x).shape
    dim = axis("split", dim, len(shape))
    pieces = split_size_or_sections
    if not isinstance(pieces, (tuple, list)):
        if pieces < 1:
            raise ValueError(f"split: pieces of size {pieces} can't make up shape {shape}")
        pieces = [min(pieces, shape[dim] - start) for start in range(0, max(shape[dim], 1), pieces)]
    if math.fsum(pieces) != shape[dim] or min(pieces) < 0:
        raise ValueError(f"split: sizes {pieces} must add up to {shape[dim]}, the size of dim {dim} of shape {shape}")
    starts = np.cumsum([0, *pieces]).tolist()
    return tuple(narrow(x, dim, start, length) for start, length in zip(starts, pieces))


def chunk(x, chunks, dim=0):
    """x cut along one axis into at most `chunks` pieces of equal size; the last may be smaller.  A tuple of views."""
    if chunks < 1:
        raise ValueError(f"chunk: the number of pieces must be at least 1, not {chunks}")
    size = raw(x).shape[axis("chunk", dim, raw(x).ndim)]
    return split(x, max(-(-size // chunks), 1), dim)


def unbind(x, dim=0):
    """All slices along one axis, which goes away: a tuple of views."""
    dim = axis("unbind", dim, raw(x).ndim)
    return tuple(select(x, dim, i) for i in range(raw(x).shape[dim]))


for function in (reshape, view, flatten, squeeze, unsqueeze, permute, transpose, t, movedim, expand, expand_as,
                 broadcast_to, repeat, flip, roll, tril, triu, narrow, select, split, chunk, unbind):
    setattr(Tensor, function.__name__, function)
