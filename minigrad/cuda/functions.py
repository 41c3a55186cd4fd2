"""NumPy's functions that are no ufuncs, for Arrays: `np.concatenate`, `np.where`, `np.zeros(..., like=array)`.

`@implements(np.squeeze)` puts a function into the table that `Array.__array_function__` looks into.  Views are made by
NumPy on the layouts.
"""
import numpy as np
from .array import Array, asarray, empty
from .elementwise import apply, chosen, copy_to, missing, operand, ufunc

TABLE = {}                                 # NumPy's function -> ours


def implements(*functions):
    """A decorator: this is what NumPy's functions do for Arrays."""
    def enter(ours):
        for function in functions:
            TABLE[function] = ours
        return ours
    return enter


def array_function(self, function, types, args, kwargs):
    """Array.__array_function__: what NumPy's function gives.  Raises TypeError for one that is not in the table."""
    if function not in TABLE:
        raise missing(function)
    return TABLE[function](*args, **kwargs)


def array_ufunc(self, function, method, *inputs, out=None, **settings):
    """Array.__array_ufunc__: what NumPy's function gives."""
    if function is np.add and method == "at":
        from .indexing import add_at
        return add_at(*inputs)
    if method != "__call__" or settings:
        raise TypeError(f"cuda: np.{function.__name__}.{method} with {settings} is not there for arrays on the device")
    out = None if out is None else out[0]
    if function is np.matmul:
        from .products import matmul
        return matmul(*inputs, out)
    return ufunc(function, inputs, out)


# ---------------------------------------------------------------------------------------------------------------------
# Views, made by NumPy

def through_layout(function):
    """NumPy's function of one array that gives a view of it."""
    def ours(array, *args, **kwargs):
        return array.view(function(array.layout, *args, **kwargs))
    return ours


for function in (np.broadcast_to, np.transpose, np.swapaxes, np.moveaxis, np.squeeze, np.expand_dims, np.flip):
    implements(function)(through_layout(function))


@implements(np.reshape)
def reshape(array, shape, **_):
    """The entries under another shape."""
    return array.reshape(shape)


@implements(np.ravel)
def ravel(array):
    """All entries along one axis."""
    return array.reshape(-1)


@implements(np.shape)
def shape(array):
    """The sizes of the axes."""
    return array.shape


@implements(np.ndim)
def ndim(array):
    """The number of axes."""
    return array.ndim


@implements(np.result_type)
def result_type(*operands):
    """The type of what is computed from arrays, types and numbers."""
    return np.result_type(*(x.dtype if isinstance(x, Array) else x for x in operands))


@implements(np.may_share_memory)
def may_share_memory(a, b):
    """Whether two arrays look at one block of memory."""
    return isinstance(a, Array) and isinstance(b, Array) and a.block is b.block


# ---------------------------------------------------------------------------------------------------------------------
# New arrays.  NumPy's own functions call these for `like=array`

@implements(np.empty)
def new_empty(shape, dtype=float, **_):
    """Memory that nothing has been written to."""
    return empty(shape, dtype)


@implements(np.full)
def full(shape, value, dtype=None, **_):
    """One value, repeated."""
    out = empty(shape, np.result_type(value) if dtype is None else dtype)
    copy_to(out, value)
    return out


@implements(np.zeros)
def zeros(shape, dtype=float, **_):
    """All 0."""
    return full(shape, 0, dtype)


@implements(np.ones)
def ones(shape, dtype=float, **_):
    """All 1."""
    return full(shape, 1, dtype)


@implements(np.empty_like)
def empty_like(array, dtype=None, shape=None, **_):
    """Memory for an array like this one."""
    return empty(array.shape if shape is None else shape, dtype or array.dtype)


@implements(np.full_like)
def full_like(array, value, dtype=None, shape=None, **_):
    """One value, in an array like this one."""
    return full(array.shape if shape is None else shape, value, dtype or array.dtype)


@implements(np.zeros_like)
def zeros_like(array, dtype=None, shape=None, **_):
    """All 0, in an array like this one."""
    return full_like(array, 0, dtype, shape)


@implements(np.ones_like)
def ones_like(array, dtype=None, shape=None, **_):
    """All 1, in an array like this one."""
    return full_like(array, 1, dtype, shape)


@implements(np.asarray, np.ascontiguousarray, np.array)
def on_device(array, dtype=None, copy=None, **_):
    """An array on the device, in C order: a NumPy one is copied to it."""
    array = asarray(array)
    if dtype is not None and array.dtype != dtype:
        return array.astype(dtype)
    return array.copy() if copy or not array.flags.c_contiguous else array


@implements(np.copy)
def copy(array, **_):
    """A copy in C order."""
    out = empty(array.shape, array.dtype)
    copy_to(out, array)
    return out


def from_host(function):
    """A small array that NumPy makes on the host, copied to the device."""
    def ours(*args, **kwargs):
        return asarray(function(*args, **kwargs))
    return ours


for function in (np.arange, np.eye):
    implements(function)(from_host(function))


# ---------------------------------------------------------------------------------------------------------------------
# Entry by entry, with more than ufuncs do

def astype(array, dtype, copy=True):
    """The numbers in another type; fractions are cut off for integers."""
    if array.dtype == dtype and not copy:
        return array
    out = empty(array.shape, dtype)
    copy_to(out, array)
    return out


@implements(np.where)
def where(condition, a, b):
    """a where the condition holds, b elsewhere."""
    operands = [operand("where", x) for x in (condition, a, b)]
    dtype = result_type(*operands[1:])
    return apply(chosen, (np.dtype(bool), dtype, dtype), dtype, operands)


@implements(np.clip)
def clip(array, low=None, high=None, **_):
    """Kept between two bounds."""
    array = array if low is None else ufunc(np.maximum, (array, low))
    return array if high is None else ufunc(np.minimum, (array, high))


@implements(np.copyto)
def copyto(out, source, **_):
    """Write `source`, broadcast, over `out`."""
    copy_to(out, source)


@implements(np.round)
def round(array, decimals=0):
    """The nearest integers."""
    return ufunc(np.rint, (array,))


def fill(array, value):
    """Write one value everywhere."""
    copy_to(array, value)


# ---------------------------------------------------------------------------------------------------------------------
# x[key], x[key] = value

def basic(key):
    """Whether a key has no arrays in it: it gives a view."""
    parts = key if isinstance(key, tuple) else (key,)
    return not any(isinstance(p, (list, np.ndarray, Array, bool, np.bool_)) for p in parts)


def getitem(array, key):
    """x[key]: a view, or for a key with arrays a copy."""
    if basic(key):
        found = array.layout[key]
        if not isinstance(found, np.ndarray):              # a single entry: NumPy would give its number
            found = array.layout[(*key, ...) if isinstance(key, tuple) else (key, ...)]
        return array.view(found)
    from .indexing import read
    return read(array, key)


def setitem(array, key, value):
    """x[key] = value.  A NumPy array is copied to the device: it is clear where it is wanted."""
    if basic(key):
        target = getitem(array, key)
        if not isinstance(value, Array):
            value = np.asarray(value, array.dtype)
            copy_to(target, asarray(value) if value.ndim else value[()])
        elif value.block is not array.block:
            copy_to(target, value)
        elif (value.first, value.shape, value.strides) != (target.first, target.shape, target.strides):
            copy_to(target, value.copy())  # as NumPy writes x[1:] = x[:-1]; after x[1:] += 1 there is nothing to copy
    else:
        from .indexing import write
        write(array, key, value)


for name, function in (("__array_function__", array_function), ("__array_ufunc__", array_ufunc), ("astype", astype),
                       ("copy", copy), ("fill", fill), ("__getitem__", getitem), ("__setitem__", setitem)):
    setattr(Array, name, function)
