"""Broadcasting, and how it is undone.

When (3, 1) meets (2, 3, 4), its entries are repeated along the first and the last axis.  A repeated entry's gradient is
the sum over its copies.  So `expand` (repeat) and `sum_to` (add up the copies) are each other's adjoint, and every
elementwise rule ends in `sum_to`: broadcasting is undone here and nowhere else.
"""
import math
import numpy as np
from numpy import ndarray
from .dtypes import operands
from .tensor import Tensor, raw, record

BLOCK = 1024           # so many numbers are added one to the next; more are cut into blocks
LARGE = 1 << 18        # entries from which on threads share the rows of a sum


def sum_to(g, shape):
    """Sum g over the axes along which `shape` was broadcast to g's shape."""
    if g.shape == shape:
        return g
    array = raw(g)
    lead = array.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1 and array.shape[lead + i] != 1)
    return record(total(array, axes).reshape(shape), sum_to_rule, g, shape=shape)


def sum_to_rule(g, y, x, shape):
    """Each summand gets the sum's cotangent."""
    return expand(g, x.shape)


def total(array, axes, keepdims=False, dtype=None):
    """The sum of an array along the axes in a tuple, with little rounding however long they are.

    NumPy adds up pairwise where the numbers lie side by side in memory.  Along any other axis it adds one to the next:
    a million float32 of 0.1 give 1 % too much.  So such an axis, if it is long, is cut into blocks, which are added up
    first, and then their sums.  Arrays on another device add up pairwise along all axes.
    """
    if type(array) is ndarray and array.size >= 2 * BLOCK and axes:
        run = short_rows(array, axes)
        if run and dtype is None:
            sums = row_sums(array, run)
            sums = total(sums, axes[:-run], keepdims) if axes[:-run] else sums
            return sums.reshape(sums.shape + (1,) * run) if keepdims else sums
        d = max(axes, key=lambda axis: array.shape[axis])
        blocks = array.shape[d] // BLOCK
        if blocks > 1 and array.strides[d] != array.itemsize:
            along = (slice(None),) * d
            whole = array[(*along, slice(blocks * BLOCK))]
            whole = whole.reshape(*array.shape[:d], blocks, BLOCK, *array.shape[d + 1:])
            rest = array[(*along, slice(blocks * BLOCK, None))].sum(d, keepdims=True, dtype=dtype)
            return total(np.concatenate((whole.sum(d + 1, dtype=dtype), rest), d), axes, keepdims, dtype)
    return array.sum(axes, keepdims=keepdims, dtype=dtype)


def short_rows(array, axes):
    """How many of the axes (sorted) are the array's last ones, if their entries make short rows in memory; else 0."""
    run = 0
    while run < len(axes) and axes[-1 - run] == array.ndim - 1 - run:
        run += 1
    short = 1 < math.prod(array.shape[array.ndim - run:]) < 2 * BLOCK
    return run if short and array.flags.c_contiguous and array.dtype.char in "fd" else 0


def row_sums(array, run):
    """The sums over the last `run` axes.

    np.einsum adds 8 numbers at once, and is 4 times as fast as np.sum.  But its rounding errors grow with the length of
    a row, so rows must be short.  Of large arrays the threads share the rows.
    """
    lead = array.shape[:array.ndim - run]
    if array.size >= LARGE:
        from .fused import row_sums
        return row_sums(array.reshape(math.prod(lead), -1)).reshape(lead)
    return np.einsum("...i->...", array.reshape(*lead, -1))


def expand(x, *shape):
    """x repeated (as a view, nothing is copied) along axes of size 1 and new leading axes, to `shape`.

    shape       sizes, or one tuple of them; -1 keeps a size
    """
    shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    array = raw(x)
    lead = len(shape) - array.ndim
    try:
        full = tuple(array.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(shape))
        data = np.broadcast_to(array, full)
    except ValueError:
        raise ValueError(f"expand: shape {array.shape} can't be repeated to {tuple(shape)}: only axes of size 1 and "
                         "new leading axes can grow") from None
    return record(data, expand_rule, x)


def expand_rule(g, y, x):
    """A repeated entry gets the sum of its copies' cotangents."""
    return sum_to(g, x.shape)


def elementwise(name, function, a, b):
    """The array function(a, b) of two broadcast operands, in PyTorch's type for their combination.

    name        the operation, for the error message
    """
    x = a.data if isinstance(a, Tensor) else a             # what `operands` does, for the usual case written out:
    y = b.data if isinstance(b, Tensor) else b             # arithmetic on small tensors is mostly overhead
    if not (type(x) is type(y) is ndarray and x.dtype is y.dtype):
        x, y = operands(name, x, y)
    try:
        return function(x, y)
    except ValueError:
        raise ValueError(f"{name}: shapes {np.shape(x)} and {np.shape(y)} can't be broadcast together: "
                         "from the last axis on, sizes must be equal or 1") from None
