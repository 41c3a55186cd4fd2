"""Reading and writing some of a tensor's entries: `x[key]`, `x[key] = value`, gather, scatter, sort.

Reading entries and adding to them are each other's adjoint: `getitem` and `place` (zeros with the entries put in),
`gather` and `scatter_add`, `index_select` and `index_add`.  An entry that is read twice gets the sum of two cotangents.

A key is made of integers, slices, `...`, None (a new axis), and arrays of integers or Booleans.  Without arrays the
result is a view.  With arrays, integers and slices are applied first, then the arrays, as PyTorch does it: in
`x[0, :, [1, 2]]` the new axis stays where the list stands (NumPy would move it to the front).
"""
import math
from collections import namedtuple
import numpy as np
from . import dtypes
from . import tensor as core
from .broadcasting import expand, sum_to
from .elementwise import constant, where
from .reductions import ValuesIndices, axis
from .shapes import narrow, reshape
from .tensor import ARRAYS, DeviceArray, Tensor, array_of, raw, record

Key = namedtuple("Key", "basic arrays")    # what is applied first, giving a view; then arrays and full slices, or None
FULL = slice(None)
INTEGER = int, type(None)


# ---------------------------------------------------------------------------------------------------------------------
# Keys

def parse(name, key, shape):
    """The Key that an expression in brackets means for a tensor of this shape.

    Arrays are copied, so that the key stays what it was when backward needs it.
    Raises IndexError for what can't be a key, or has too many parts for the shape.
    """
    if type(key) is int or type(key) is slice and plain(key):              # the commonest keys go the shortest way
        return Key((key, ...), None)
    parts = [part(name, p, key) for p in (key if isinstance(key, tuple) else (key,))]
    if not any(isinstance(p, ARRAYS) for p in parts):      # the dots make a view of a single entry, too
        return Key(tuple(parts) if any(p is ... for p in parts) else (*parts, ...), None)
    lengths = [axes_taken(p) for p in parts]
    missing = len(shape) - sum(lengths)
    if missing < 0 or sum(p is ... for p in parts) > 1:
        raise IndexError(f"{name}: key {show(key)} has too many parts for shape {shape}")
    if not any(p is ... for p in parts):
        parts.append(...)
    basic, arrays = [], []
    for p in parts:
        if isinstance(p, ARRAYS):
            basic += [FULL] * axes_taken(p)
            arrays.append(p)
        elif p is ...:
            basic += [FULL] * missing
            arrays += [FULL] * missing
        else:
            basic.append(p)
            arrays += [] if isinstance(p, int) else [FULL]
    return Key((*basic, ...), tuple(arrays))


def part(name, p, key):
    """One part of a key: an int, a slice, None, ... or an array, copied."""
    if p is None or p is ... or isinstance(p, int) and not isinstance(p, bool):
        return p
    if isinstance(p, slice):
        if plain(p):
            return p
        return slice(*(None if n is None else int(raw(n)) for n in (p.start, p.stop, p.step)))
    p = raw(p)
    array = p.copy() if isinstance(p, DeviceArray) else np.array(p)        # a copy in any case
    if array.size == 0 and isinstance(p, list):
        array = array.astype(dtypes.int64)
    if array.dtype.kind not in "biu":
        raise IndexError(f"{name}: key {show(key)} must be made of integers, slices, ..., None, "
                         f"and arrays of integers or Booleans, not {array.dtype}")
    if array.dtype == dtypes.uint8:
        raise IndexError(f"{name}: an index of type uint8 could mean positions or a mask; use .long() or .bool()")
    return int(array) if array.ndim == 0 and array.dtype.kind != "b" else array


def plain(p):
    """Whether the bounds of a slice are Python's integers, or left out."""
    return type(p.start) in INTEGER and type(p.stop) in INTEGER and type(p.step) in INTEGER


def axes_taken(p):
    """How many of a tensor's axes a part of a key takes up."""
    if p is None or p is ...:
        return 0
    return p.ndim if isinstance(p, ARRAYS) and p.dtype.kind == "b" else 1


def show(key):
    """A key as error messages show it: arrays by their type and shape."""
    def one(p):
        if isinstance(p, slice):
            parts = (p.start, p.stop) if p.step is None else (p.start, p.stop, p.step)
            return ":".join("" if n is None else str(n) for n in parts)
        p = raw(p)
        return f"{p.dtype}{list(p.shape)}" if isinstance(p, ARRAYS) and p.ndim else "..." if p is ... else str(p)
    return f"[{', '.join(map(one, key if isinstance(key, tuple) else (key,)))}]"


def unrepeated(arrays):
    """Whether the array part of a Key can't name an entry twice: there is none, or it is one mask."""
    return arrays is None or [p.dtype.kind for p in arrays if p is not FULL] == ["b"]


def read(array, key):
    """The entries of an array at a Key."""
    found = array[key.basic]
    return found if key.arrays is None else found[key.arrays]


def write(array, key, value):
    """Set the entries of an array at a Key.  Of several values for one entry the last stays."""
    if key.arrays is None:
        array[key.basic] = value
    else:
        array[key.basic][key.arrays] = value


def add_at(array, arrays, value):
    """Add `value` to the entries of an array at index arrays; what goes to one entry twice is added twice.

    On NumPy's flat arrays, np.add.at has a fast path, seven times as fast as with a key of several axes.
    """
    if isinstance(array, DeviceArray):
        np.add.at(array, arrays, value)
        return
    positions = np.arange(array.size).reshape(array.shape)[arrays]
    total = np.zeros(array.size, array.dtype)
    np.add.at(total, positions.ravel(), np.broadcast_to(value, positions.shape).ravel())
    array += total.reshape(array.shape)


# ---------------------------------------------------------------------------------------------------------------------
# x[key] and x[key] = value

def getitem(x, key):
    """x[key]: a view if the key has no arrays, else a copy.  Raises IndexError for a key that does not fit."""
    array = raw(x)
    key, given = parse("getitem", key, array.shape), key
    try:
        data = read(array, key)
    except IndexError as error:
        raise IndexError(f"getitem: key {show(given)} does not fit shape {array.shape}: {error}") from None
    return record(data, getitem_rule, x, key=key)


def getitem_rule(g, y, x, key):
    """The entries that were read get the cotangent, the others zero."""
    return place(g, x.shape, key)


def place(x, shape, key):
    """Zeros of `shape`, with x added at a Key: the adjoint of getitem.  What goes to one entry twice is added twice."""
    array = array_of(x)
    data = np.zeros(shape, array.dtype, like=array)
    if unrepeated(key.arrays):
        write(data, key, array)
    else:
        add_at(data[key.basic], key.arrays, array)
    return record(data, place_rule, x, key=key)


def place_rule(g, y, x, key):
    """What was put in gets the cotangent of where it went."""
    return record(read(raw(g), key), getitem_rule, g, key=key)


def setitem(x, key, value):
    """x[key] = value, as an in-place write; the value is cast to x's type, fractions are cut off for an integer x.

    Gradients flow through it, to the value and to what is left of x.  Where the key names an entry twice, the last
    value stays and gets the gradient.  Raises IndexError for a key that does not fit, ValueError for a value that
    does not fit, and what `in_place` raises.
    """
    key, given = parse("setitem", key, x.data.shape), key
    core.check_writeable(x, "setitem")
    try:
        if core.recording and (x.requires_grad or isinstance(value, Tensor) and value.requires_grad):
            core.in_place(index_put, x, value, name="setitem", key=key)
        else:
            write(x.data, key, raw(value))
            core.stamp(x, "setitem")
    except IndexError as error:
        raise IndexError(f"setitem: key {show(given)} does not fit shape {x.data.shape}: {error}") from None
    except ValueError:
        raise ValueError(f"setitem: a value of shape {np.shape(raw(value))} does not fit key {show(given)}, "
                         f"which takes shape {read(x.data, key).shape} of {x.data.shape}") from None


def index_put(x, value, key):
    """A copy of x with `value` at a Key."""
    data = array_of(x).copy()
    write(data, key, raw(value))
    return record(data, index_put_rule, x, value, key=key)


def index_put_rule(g, y, x, value, key):
    """x gets the cotangent where it was kept, the value where it went, unless it was overwritten by a later one."""
    def for_value():
        taken = record(read(raw(g), key), getitem_rule, g, key=key)
        if not unrepeated(key.arrays):
            taken = where(stayed(raw(x), key, taken.shape), taken, 0)
        lead = (1,) * (value.ndim - taken.ndim)                            # a value may have further axes of size 1
        return sum_to(reshape(taken, lead + taken.shape), value.shape)
    return lambda: index_put(g, 0, key), for_value


def stayed(array, key, taken):
    """Which of the values that are written into an array at a Key, of shape `taken`, no later one overwrites."""
    number = np.arange(math.prod(taken), like=array).reshape(taken)
    last = np.zeros(array.shape, dtypes.int64, like=array)
    write(last, key, number)
    return read(last, key) == number


# ---------------------------------------------------------------------------------------------------------------------
# Along one axis: gather, scatter, index_select

def gather(x, dim, index):
    """For each entry of `index`, x's entry at that position along `dim`: y[i][j] = x[index[i][j]][j] for dim 0.

    index       integers from 0 to size - 1.  It has x's number of axes, and along the others at most x's sizes
    Raises IndexError for an index out of range, ValueError for shapes that do not fit.
    """
    array = raw(x)
    dim = axis("gather", dim, array.ndim)
    position = positions("gather", array.shape, dim, index)
    return record(array[position], gather_rule, x, index, dim=dim)


def gather_rule(g, y, x, index, dim):
    """The entries that were read get the sum of their readers' cotangents."""
    return scatter_add(np.zeros(x.shape, g.dtype, like=array_of(g)), dim, index, g), None


def scatter(x, dim, index, src):
    """A copy of x with src's entries at the positions along `dim` that `index` gives: y[index[i][j]][j] = src[i][j].

    src         a number, or a tensor that is at least as large as index along every axis.  Of several values for one
                entry the last stays, and gets the gradient
    index, errors: as in `gather`
    """
    array = raw(x)
    dim = axis("scatter", dim, array.ndim)
    position = positions("scatter", array.shape, dim, index)
    if np.ndim(raw(src)):
        src = window("scatter", src, raw(index).shape)
    data = array.copy()
    data[position] = raw(src)
    return record(data, scatter_rule, x, index, src, dim=dim)


def scatter_rule(g, y, x, index, src, dim):
    """x gets the cotangent where it was kept, src where it went, unless it was overwritten by a later entry."""
    def for_src():
        key = Key((...,), positions("scatter", x.shape, dim, index))
        return sum_to(where(stayed(raw(x), key, index.shape), gather(g, dim, index), 0), src.shape)
    return lambda: scatter(g, dim, index, 0), None, for_src


def scatter_add(x, dim, index, src):
    """A copy of x with src's entries added at the positions along `dim` that `index` gives: as `scatter`, but repeated
    positions add up."""
    array = raw(x)
    dim = axis("scatter_add", dim, array.ndim)
    position = positions("scatter_add", array.shape, dim, index)
    src = window("scatter_add", src, raw(index).shape)
    data = array.copy()
    add_at(data, position, raw(src))
    return record(data, scatter_add_rule, x, index, src, dim=dim)


def scatter_add_rule(g, y, x, index, src, dim):
    """x gets the cotangent, src that of where it went."""
    return lambda: g, None, lambda: gather(g, dim, index)


def positions(name, shape, dim, index):
    """The index arrays that mean `index` along `dim` and each entry's own place along the other axes, checked."""
    index = integers(name, index)
    fits = index.ndim == len(shape) and all(n <= m for d, (n, m) in enumerate(zip(index.shape, shape)) if d != dim)
    if not fits:
        raise ValueError(f"{name}: an index of shape {index.shape} does not fit shape {shape}: it must have as many "
                         f"axes, and no larger sizes but along dim {dim}")
    in_range(name, index, shape[dim] if shape else 1, dim)
    own = np.ogrid[tuple(slice(n) for n in index.shape)] if shape else ()
    return tuple(index if d == dim else place for d, place in enumerate(own))


def integers(name, index):
    """The array of an index, which must hold integers."""
    array = array_of(index)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name}: an index must hold integers, not {array.dtype}")
    return array


def in_range(name, index, size, dim):
    """Refuse positions that are negative or beyond an axis's end."""
    within(index, size, f"{name}: index {{}} is out of range for size {size} of dim {dim}")


def within(index, size, message):
    """Refuse integers that are negative, or not below `size`: raise IndexError, or have the device raise it later.

    message     the error's, with {} where the first wrong integer goes
    """
    if isinstance(index, DeviceArray):
        index.require_within(size, message)
        return
    outside = index[(index < 0) | (index >= size)]
    if outside.size:
        raise IndexError(message.format(outside[0]))


def window(name, src, shape):
    """The first entries of src along each axis, so many as `shape` says."""
    given = np.shape(raw(src))
    if given == shape:
        return src
    if len(given) != len(shape) or any(n < m for n, m in zip(given, shape)):
        raise ValueError(f"{name}: src of shape {given} must have as many axes as the index, of shape {shape}, "
                         "and no smaller sizes")
    return getitem(src, tuple(slice(n) for n in shape))


def index_select(x, dim, index):
    """x's slices at the positions along `dim` that the 1-D `index` gives, in its order.  A copy."""
    array = raw(x)
    dim = axis("index_select", dim, array.ndim)
    return record(array[along("index_select", array.shape, dim, index)], index_select_rule, x, index, dim=dim)


def index_select_rule(g, y, x, index, dim):
    """The slices that were read get the sum of their readers' cotangents."""
    return index_add(np.zeros(x.shape, g.dtype, like=array_of(g)), dim, index, g), None


def index_add(x, dim, index, source):
    """A copy of x with source's slices added at the positions along `dim` that the 1-D `index` gives.

    Raises IndexError for an index out of range, ValueError for shapes that do not fit.
    """
    array, added = raw(x), raw(source)
    dim = axis("index_add", dim, array.ndim)
    key = along("index_add", array.shape, dim, index)
    expected = array.shape[:dim] + raw(index).shape + array.shape[dim + 1:]
    if added.shape != expected:
        raise ValueError(f"index_add: source must have shape {expected}, x's {array.shape} with the index's length "
                         f"along dim {dim}, not {added.shape}")
    data = array.copy()
    add_at(data, key, added)
    return record(data, index_add_rule, x, index, source, dim=dim)


def index_add_rule(g, y, x, index, source, dim):
    """x gets the cotangent, source that of where it went."""
    return lambda: g, None, lambda: index_select(g, dim, index)


def along(name, shape, dim, index):
    """The key that means the positions `index` along `dim`, checked."""
    index = integers(name, index)
    if index.ndim != 1 or not shape:
        raise ValueError(f"{name}: the index must have one axis, and x at least one; "
                         f"their shapes are {index.shape} and {shape}")
    in_range(name, index, shape[dim], dim)
    return (FULL,) * dim + (index,)


def take_along_dim(x, indices, dim):
    """`gather`, with the other axes of x and indices broadcast together."""
    shape, taken = list(raw(x).shape), list(raw(indices).shape)
    dim = axis("take_along_dim", dim, len(shape))
    if len(shape) != len(taken):
        raise ValueError(f"take_along_dim: x {tuple(shape)} and indices {tuple(taken)} must have as many axes")
    size, shape[dim], length, taken[dim] = shape[dim], 1, taken[dim], 1
    common = list(np.broadcast_shapes(shape, taken))
    common[dim] = size
    x = expand(x, tuple(common))
    common[dim] = length
    return gather(x, dim, expand(indices, tuple(common)))


# ---------------------------------------------------------------------------------------------------------------------
# Classes and masks

def one_hot(x, num_classes=-1):
    """Integers as unit vectors along a new last axis, of int64: 1 at the integer's position.  A constant.

    num_classes     the vectors' length; -1 means one more than the largest integer.
    Raises IndexError for an integer that is negative or not below num_classes.
    """
    index = integers("one_hot", x)
    if num_classes == -1:
        if not index.size:
            raise ValueError("one_hot: without entries, num_classes must be given")
        num_classes = int(index.max()) + 1
    within(index, num_classes, f"one_hot: {{}} is no class: {num_classes} classes are 0 to {num_classes - 1}")
    return constant((index[..., None] == np.arange(num_classes, like=index)).astype(dtypes.int64), x)


def masked_fill(x, mask, value):
    """x with `value` where the Boolean mask (broadcast to it) is true.  A number is cast to x's type."""
    if not isinstance(value, (Tensor, *ARRAYS)):
        value = raw(x).dtype.type(value).item()
    return where(mask, value, x)


def nonzero(x):
    """The positions of the entries that are not zero, one a row: int64, of shape (how many, x.ndim).  A constant."""
    return constant(np.argwhere(raw(x)).astype(dtypes.int64, copy=False), x)


# ---------------------------------------------------------------------------------------------------------------------
# Order

def sort(x, dim=-1, descending=False, stable=False):
    """x sorted along one axis, and where each entry came from: the named tuple (values, indices).

    Equal entries always keep their order, whatever `stable` says; NaN counts as the largest.
    """
    indices = argsort(x, dim, descending, stable)
    return ValuesIndices(gather(x, dim, indices), indices)


def argsort(x, dim=-1, descending=False, stable=False):
    """The positions along one axis of its entries in order: int64, a constant.  Equal entries keep their order."""
    array = raw(x)
    dim = axis("argsort", dim, array.ndim)
    if not array.ndim:
        return constant(np.zeros((), dtypes.int64, like=array_of(array)), x)
    if not descending:
        return constant(np.argsort(array, axis=dim, kind="stable"), x)
    # sorted backwards and read backwards, equal entries are in order again
    backwards = np.argsort(np.flip(array, dim), axis=dim, kind="stable")
    return constant(array.shape[dim] - 1 - np.flip(backwards, dim), x)


def topk(x, k, dim=-1, largest=True, sorted=True):
    """The k largest (or smallest) entries along one axis, in order: the named tuple (values, indices).

    Raises ValueError where there are fewer than k.
    """
    shape = raw(x).shape
    dim = axis("topk", dim, len(shape))
    if not 0 <= k <= (shape[dim] if shape else 1):
        raise ValueError(f"topk: k={k} does not fit size {shape[dim] if shape else 1} of dim {dim} of shape {shape}")
    indices = argsort(x, dim, descending=largest)
    indices = narrow(indices, dim, 0, k) if shape else indices
    return ValuesIndices(gather(x, dim, indices), indices)


Tensor.__getitem__, Tensor.__setitem__ = getitem, setitem
for function in (gather, scatter, scatter_add, index_select, index_add, take_along_dim, masked_fill, nonzero, sort,
                 argsort, topk):
    setattr(Tensor, function.__name__, function)
