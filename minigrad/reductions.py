"""Operations that put the entries along some axes together: sums, means, extremes, softmax, running sums.

`dim` is an axis, several in a tuple, or None for all; negative ones count from the end.  `keepdim` leaves axes of size
1 in their place.  `sum` (add up along axes) and `spread` (repeat along them) are each other's adjoint, and the other
rules are written with the two.

`sum`, `max`, `min`, `any` and `all` hide Python's own functions in this file.
"""
import math
from collections import namedtuple
import numpy as np
from . import dtypes
from .broadcasting import expand, total
from .dtypes import cast, floating
from .elementwise import constant, exp, isfinite, where
from .tensor import Tensor, array_of, raw, record

ValuesIndices = namedtuple("ValuesIndices", "values indices")


def axes(name, dim, ndim):
    """The axes that `dim` names, as a sorted tuple of numbers from 0 on; None and () name all.

    name        the operation, for its error messages
    Raises TypeError for what is no integer, IndexError out of range, ValueError for an axis named twice.
    """
    given = dim if isinstance(dim, (tuple, list)) else (dim,)
    if dim is None or not given:
        return tuple(range(ndim))
    found = set()
    for d in given:
        d = axis(name, d, ndim)
        if d in found:
            raise ValueError(f"{name}: dim {dim} names axis {d} twice")
        found.add(d)
    return tuple(sorted(found)) if ndim else ()


def axis(name, d, ndim):
    """One axis, as a number from 0 on.  A tensor without axes counts as having one, as in PyTorch."""
    if isinstance(d, (bool, np.bool_)) or not isinstance(d, (int, np.integer)):
        raise TypeError(f"{name}: dim must be an integer, not {d!r}")
    size = ndim or 1
    if not -size <= d < size:
        raise IndexError(f"{name}: dim {d} is out of range: {ndim} dimensions allow {-size} to {size - 1}")
    return int(d) % size


def count(shape, dim):
    """How many entries a reduction of this shape over these axes puts into one."""
    return math.prod(shape[d] for d in dim)


# ---------------------------------------------------------------------------------------------------------------------
# Sums and moments

def sum(x, dim=None, keepdim=False):
    """The sum along `dim`.  Integers and Booleans add up to int64; the sum of nothing is 0."""
    array = raw(x)
    dim = axes("sum", dim, array.ndim)
    dtype = dtypes.int64 if array.dtype.kind in "biu" else None
    return record(total(array, dim, keepdim, dtype), sum_rule, x, dim=dim)


def sum_rule(g, y, x, dim):
    """Each summand gets the sum's cotangent: dy = sum dx."""
    return spread(g, x.shape, dim)


def spread(x, shape, dim):
    """x, the result of a reduction of `shape` over the axes `dim`, repeated along them to `shape`, as a view.

    Whether the reduction kept its axes (`keepdim`) shows in x's number of dimensions.
    """
    array = raw(x)
    if array.ndim != len(shape):
        array = np.expand_dims(array, dim)
    return record(np.broadcast_to(array, shape), spread_rule, x, dim=dim)


def spread_rule(g, y, x, dim):
    """A repeated entry gets the sum of its copies' cotangents."""
    return sum(g, dim, keepdim=x.ndim == g.ndim) if dim else g


def mean(x, dim=None, keepdim=False):
    """The mean along `dim`; NaN of nothing.  Raises TypeError for integers, as PyTorch does."""
    array = raw(x)
    require_floating("mean", array)
    dim = axes("mean", dim, array.ndim)
    n = count(array.shape, dim)
    return record(total(array, dim, keepdim) / (n or math.nan), mean_rule, x, dim=dim)


def mean_rule(g, y, x, dim):
    """dy = sum dx / n.  Where n is 0, no entry is there to get anything."""
    return spread(g / (count(x.shape, dim) or 1), x.shape, dim)


def require_floating(name, array):
    """Refuse integers, whose mean would need another type."""
    if array.dtype.kind not in "fc":
        raise TypeError(f"{name}: {array.dtype} has no fractions; turn it into a floating type first, by x.float() say")


def var(x, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """The variance along `dim`: the sum of squared distances from the mean, divided by n - correction.

    unbiased        False means correction=0, True means correction=1
    Where n <= correction, NaN.
    """
    correction = int(unbiased) if correction is None else correction
    array = raw(x)
    require_floating("var", array)
    dim = axes("var", dim, array.ndim)
    return record(variance(array, dim, keepdim, correction), var_rule, x, dim=dim, correction=correction)


def variance(array, dim, keepdim, correction):
    """The variance of an array along axes."""
    centred = array - mean(array, dim, keepdim=True)
    return total(np.square(centred), dim, keepdim) / degrees(array.shape, dim, correction)


def degrees(shape, dim, correction):
    """The degrees of freedom that are left: n - correction; NaN where there are none."""
    n = count(shape, dim) - correction
    return n if n > 0 else math.nan


def var_rule(g, y, x, dim, correction):
    """dy = sum 2 (x - mean) dx / (n - correction)."""
    return spread(g * (2 / degrees(x.shape, dim, correction)), x.shape, dim) * (x - mean(x, dim, keepdim=True))


def std(x, dim=None, unbiased=True, keepdim=False, *, correction=None):
    """The standard deviation along `dim`: the square root of `var`, with the same settings."""
    correction = int(unbiased) if correction is None else correction
    array = raw(x)
    require_floating("std", array)
    dim = axes("std", dim, array.ndim)
    return record(np.sqrt(variance(array, dim, keepdim, correction)), std_rule, x, dim=dim, correction=correction)


def std_rule(g, y, x, dim, correction):
    """dy = sum (x - mean) dx / ((n - correction) y), and 0 where the deviation y is 0."""
    scale = where(y == 0, 0, g / where(y == 0, 1, y)) / degrees(x.shape, dim, correction)
    return spread(scale, x.shape, dim) * (x - mean(x, dim, keepdim=True))


def prod(x, dim=None, keepdim=False):
    """The product along `dim`.  Integers and Booleans give int64; the product of nothing is 1."""
    array = raw(x)
    dim = axes("prod", dim, array.ndim)
    dtype = dtypes.int64 if array.dtype.kind in "biu" else None
    return record(array.prod(axis=dim, keepdims=keepdim, dtype=dtype), prod_rule, x, dim=dim)


def prod_rule(g, y, x, dim):
    """dy = sum_i (product of the others) dx_i.

    Without zeros, the product of the others is y / x_i.  With zeros it is multiplied out: n products of n - 1 factors.
    """
    if np.all(raw(x) != 0):
        return spread(g * y, x.shape, dim) / x
    n = count(x.shape, dim)
    one = np.eye(n, dtype=bool, like=raw(x)).reshape(n, *(size if d in dim else 1 for d, size in enumerate(x.shape)))
    copies = (n, *x.shape)                 # copy i, along a new first axis, leaves out factor i
    behind = tuple(d + 1 for d in dim)
    others = prod(where(one, 1, expand(x, copies)), behind, keepdim=g.ndim == x.ndim)
    return sum(where(one, spread(g * others, copies, behind), 0), 0)


# ---------------------------------------------------------------------------------------------------------------------
# Extremes

def amax(x, dim=None, keepdim=False):
    """The largest entry along `dim`.  Its gradient is shared equally among ties."""
    return extreme("amax", np.max, amax_rule, x, dim, keepdim)


def amin(x, dim=None, keepdim=False):
    """The smallest entry along `dim`.  Its gradient is shared equally among ties."""
    return extreme("amin", np.min, amin_rule, x, dim, keepdim)


def extreme(name, function, rule, x, dim, keepdim):
    """The largest or smallest entry along axes.  Raises ValueError where there are no entries."""
    array = raw(x)
    dim = axes(name, dim, array.ndim)
    require_entries(name, array.shape, dim)
    return record(function(array, axis=dim, keepdims=keepdim), rule, x, dim=dim)


def require_entries(name, shape, dim):
    """Refuse to look for the largest or smallest of nothing."""
    if count(shape, dim) == 0:
        raise ValueError(f"{name}: shape {shape} has no entries along dim {dim} to choose from")


def amax_rule(g, y, x, dim):
    """dy = the mean of dx over the entries that equal y."""
    chosen = cast(x == spread(y, x.shape, dim), g.dtype)
    return chosen * spread(g / sum(chosen, dim, keepdim=g.ndim == x.ndim), x.shape, dim)


def amin_rule(g, y, x, dim):
    """dy = the mean of dx over the entries that equal y."""
    return amax_rule(g, y, x, dim)


def max(x, dim=None, keepdim=False):
    """The largest entry of all, or along one axis.

    Returns without `dim` a tensor without axes (its gradient is shared equally among ties); with `dim` the named tuple
    (values, indices) of the first largest entries, which get the gradient.  Raises ValueError where there are none.
    """
    if dim is None:
        return extreme("max", np.max, max_rule, x, None, False)
    return chosen_along("max", argmax, max_along_rule, x, dim, keepdim)


def max_rule(g, y, x, dim):
    """dy = the mean of dx over the entries that equal y."""
    return amax_rule(g, y, x, dim)


def min(x, dim=None, keepdim=False):
    """The smallest entry of all, or along one axis: as `max`."""
    if dim is None:
        return extreme("min", np.min, min_rule, x, None, False)
    return chosen_along("min", argmin, min_along_rule, x, dim, keepdim)


def min_rule(g, y, x, dim):
    """dy = the mean of dx over the entries that equal y."""
    return amax_rule(g, y, x, dim)


def chosen_along(name, choose, rule, x, dim, keepdim):
    """The entries, and their indices, that `choose` picks along one axis."""
    array = raw(x)
    dim = axis(name, dim, array.ndim)
    indices = array_of(choose(array, dim, keepdim=True))
    values = np.take_along_axis(array, indices, dim) if array.ndim else array.copy()
    if not keepdim and array.ndim:
        values, indices = values.squeeze(dim), indices.squeeze(dim)
    return ValuesIndices(record(values, rule, x, dim=dim), constant(indices, x))


def max_along_rule(g, y, x, dim):
    """dy = dx at the first largest entry."""
    return at_index(g, argmax(x, dim, keepdim=True), x.shape, dim)


def min_along_rule(g, y, x, dim):
    """dy = dx at the first smallest entry."""
    return at_index(g, argmin(x, dim, keepdim=True), x.shape, dim)


def at_index(g, index, shape, dim):
    """An array of `shape` that is g at one index along `dim`, and 0 elsewhere."""
    if not shape:
        return g
    positions = np.arange(shape[dim], like=raw(index)).reshape(-1, *[1] * (len(shape) - dim - 1))
    return spread(g, shape, (dim,)) * (index == positions)


def argmax(x, dim=None, keepdim=False):
    """The index of the first largest entry: along one axis, or in the flattened tensor.  int64, a constant."""
    return argument("argmax", np.argmax, x, dim, keepdim)


def argmin(x, dim=None, keepdim=False):
    """The index of the first smallest entry: along one axis, or in the flattened tensor.  int64, a constant."""
    return argument("argmin", np.argmin, x, dim, keepdim)


def argument(name, function, x, dim, keepdim):
    """The index that np.argmax or np.argmin finds.  Raises ValueError where there are no entries."""
    array = raw(x)
    if dim is not None:
        dim = axis(name, dim, array.ndim)
    require_entries(name, array.shape, axes(name, dim, array.ndim))
    if array.ndim == 0:
        return constant(np.zeros((), dtypes.int64, like=array_of(array)), x)
    return constant(function(array, axis=dim, keepdims=keepdim), x)


# ---------------------------------------------------------------------------------------------------------------------
# Softmax and its kin.  The largest entry is subtracted first, so that no exponential overflows.

def logsumexp(x, dim=None, keepdim=False):
    """log(sum(exp(x))) along `dim`; of nothing, or of -inf alone, -inf."""
    array = floating(x)
    dim = axes("logsumexp", dim, array.ndim)
    top = np.max(array, axis=dim, keepdims=True, initial=-math.inf)
    top = np.where(np.isfinite(top), top, array.dtype.type(0))
    with np.errstate(divide="ignore"):     # log 0 = -inf is right
        data = np.log(total(np.exp(array - top), dim, True)) + top
    return record(data if keepdim else data.squeeze(dim), logsumexp_rule, x, dim=dim)


def logsumexp_rule(g, y, x, dim):
    """dy = sum exp(x - y) dx."""
    return spread(g, x.shape, dim) * exp(x - spread(where(isfinite(y), y, 0), x.shape, dim))


def softmax(x, dim):
    """exp(x) / sum(exp(x)) along one axis."""
    array = floating(x)
    dim = axis("softmax", dim, array.ndim)
    powers, total = shifted_exp(array, dim)[1:]
    powers /= total
    return record(powers, softmax_rule, x, dim=dim)


def shifted_exp(array, dim):
    """x - max(x), its exponential, and the sum of that, along one axis."""
    along = axes("softmax", dim, array.ndim)
    shifted = array - np.max(array, axis=along, keepdims=True, initial=-math.inf)
    powers = np.exp(shifted)
    return shifted, powers, total(powers, along, True)


def softmax_rule(g, y, x, dim):
    """dy = y (dx - sum(y dx)): the Jacobian diag(y) - y y' is symmetric."""
    return y * (g - sum(y * g, dim, keepdim=True))


def log_softmax(x, dim):
    """x - logsumexp(x) along one axis: the logarithm of softmax, without its rounding."""
    array = floating(x)
    dim = axis("log_softmax", dim, array.ndim)
    shifted, _, total = shifted_exp(array, dim)
    return record(shifted - np.log(total), log_softmax_rule, x, dim=dim)


def log_softmax_rule(g, y, x, dim):
    """dx gets g - softmax(x) sum(g)."""
    return g - exp(y) * sum(g, dim, keepdim=True)


def cumsum(x, dim):
    """The running sum along one axis.  Integers and Booleans give int64."""
    array = raw(x)
    dim = axis("cumsum", dim, array.ndim)
    dtype = dtypes.int64 if array.dtype.kind in "biu" else None
    data = np.cumsum(array, axis=dim, dtype=dtype)
    return record(data.reshape(array.shape), cumsum_rule, x, dim=dim)


def cumsum_rule(g, y, x, dim):
    """An entry is part of its own sum and all later ones: the running sum of g from the end."""
    if not g.ndim:
        return g
    backwards = (slice(None),) * dim + (slice(None, None, -1),)
    return cumsum(g[backwards], dim)[backwards]


# ---------------------------------------------------------------------------------------------------------------------
# Logic: Boolean constants

def any(x, dim=None, keepdim=False):
    """Whether any entry along `dim` is non-zero; of nothing, False."""
    array = raw(x)
    return constant(np.any(array, axis=axes("any", dim, array.ndim), keepdims=keepdim), x)


def all(x, dim=None, keepdim=False):
    """Whether all entries along `dim` are non-zero; of nothing, True."""
    array = raw(x)
    return constant(np.all(array, axis=axes("all", dim, array.ndim), keepdims=keepdim), x)


for function in (sum, mean, var, std, prod, amax, amin, max, min, argmax, argmin, logsumexp, softmax, log_softmax,
                 cumsum, any, all):
    setattr(Tensor, function.__name__, function)
