"""Tensors out of nothing: from Python's numbers and lists, from arrays, and filled by a rule.

Where no `dtype` is given, Python's floats become float32, its integers int64, its truth values bool.  `device` says
where they are to be: "cpu", by default, or "cuda".
"""
import numpy as np
from . import dtypes
from .devices import converted, moved
from .tensor import ARRAYS, Tensor, array_of, raw


# ---------------------------------------------------------------------------------------------------------------------
# From data

def tensor(data, dtype=None, device=None, requires_grad=False):
    """A new tensor with a copy of `data`: a number, a NumPy array, or nested lists of numbers, arrays and tensors.

    dtype           by default, that of arrays as it is; float32, int64 or bool for Python's numbers
    device          by default, where `data` is
    requires_grad   whether gradients are wanted for it; only floating-point tensors can have them
    Raises ValueError if nested lists are ragged, TypeError if something in them is no number, RuntimeError if integers
    are to require a gradient.
    """
    return leaf(as_array(data, dtype).copy(), requires_grad, device)


def as_tensor(data, dtype=None, device=None):
    """`data` as a tensor, copied only if need be: a tensor as it is, an array by sharing memory, the rest anew."""
    if isinstance(data, Tensor):
        return converted(data, device, dtype)
    return leaf(as_array(data, dtype), False, device)


def from_numpy(array):
    """A tensor that shares the memory of a NumPy array: what is written to one is seen in the other."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: needs a NumPy array, not {type(array).__name__}; use tensor() or as_tensor()")
    return Tensor(as_array(array, None))


def leaf(array, requires_grad, device=None):
    """A tensor that begins a graph, with its array on a device; by default, where it is."""
    if requires_grad and array.dtype.kind != "f":
        raise RuntimeError(f"only floating-point tensors can require gradients, and this one is {array.dtype}; "
                           "give it a floating-point dtype")
    return Tensor(array if device is None else moved(array, device), requires_grad)


def as_array(data, dtype):
    """The array of `data`, in `dtype` or in the type that its numbers have by themselves."""
    data = unwrapped(data)
    try:
        array = data if isinstance(data, ARRAYS) else np.asarray(data)
    except ValueError:
        raise ValueError(f"tensor: the nested lists are ragged: {raggedness(data)}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"tensor: can't make numbers of {type(data).__name__} {str(data)[:40]}")
    return array.astype(natural(data, array) if dtype is None else dtype, copy=False)


def unwrapped(data):
    """Nested lists with the arrays of the tensors in them."""
    return [unwrapped(x) for x in data] if isinstance(data, (list, tuple)) else raw(data)


def natural(data, array):
    """The type of `data`, whose array is `array`: arrays in it keep theirs, Python's floats follow or are float32."""
    if array.dtype.kind != "f":
        return array.dtype
    types = {x.dtype for x in leaves(data) if hasattr(x, "dtype") and x.dtype.kind == "f"}
    return np.result_type(*types) if types else dtypes.default


def leaves(data):
    """The numbers and arrays of nested lists, one by one."""
    if isinstance(data, list):
        for x in data:
            yield from leaves(x)
    else:
        yield data


def raggedness(data, where=""):
    """The first place where members of a nested list differ in shape, in words."""
    shapes = []
    for i, x in enumerate(data):
        try:
            shapes.append(np.shape(x))
        except ValueError:
            return raggedness(x, f"{where}[{i}]")
        if shapes[i] != shapes[0]:
            return f"data{where}[0] has shape {shapes[0]}, data{where}[{i}] has shape {shapes[i]}"


# ---------------------------------------------------------------------------------------------------------------------
# Filled.  `size` is sizes or one tuple of them: zeros(2, 3), zeros((2, 3)).

def shape_of(size):
    """The shape that a call like zeros(2, 3) or zeros((2, 3)) asks for; raises for what is no size."""
    size = size[0] if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    for n in size:
        if not isinstance(n, (int, np.integer)):
            raise TypeError(f"sizes must be integers, not {type(n).__name__} {n!r}")
        if n < 0:
            raise ValueError(f"sizes can't be negative: {tuple(size)}")
    return tuple(map(int, size))


def zeros(*size, dtype=None, device=None, requires_grad=False):
    """All 0, float32 by default."""
    return leaf(np.zeros(shape_of(size), dtype or dtypes.default), requires_grad, device)


def ones(*size, dtype=None, device=None, requires_grad=False):
    """All 1, float32 by default."""
    return leaf(np.ones(shape_of(size), dtype or dtypes.default), requires_grad, device)


def empty(*size, dtype=None, device=None, requires_grad=False):
    """Whatever the memory held, float32 by default: to be overwritten."""
    return leaf(np.empty(shape_of(size), dtype or dtypes.default), requires_grad, device)


def full(size, fill_value, dtype=None, device=None, requires_grad=False):
    """All fill_value, by default in the type that tensor(fill_value) has."""
    value = as_array(fill_value, dtype)
    return leaf(np.full(shape_of((size,)), value, value.dtype, like=value), requires_grad, device)


def eye(n, m=None, dtype=None, device=None, requires_grad=False):
    """The n x m (by default n x n) matrix with 1 on the diagonal and 0 elsewhere."""
    return leaf(np.eye(n, m, dtype=dtype or dtypes.default), requires_grad, device)


def arange(start, end=None, step=1, dtype=None, device=None, requires_grad=False):
    """start, start + step, ... as far as it stays below end; arange(n) is 0 ... n - 1.  int64 if all are integers."""
    start, end, step = (x.item() if hasattr(x, "item") else x for x in ((0, start) if end is None else (start, end))
                        + (step,))
    if step == 0 or (end - start) / step < 0:
        raise ValueError(f"arange: from {start} to {end} in steps of {step} leads nowhere")
    whole = all(isinstance(x, int) for x in (start, end, step))
    dtype = dtype or (dtypes.int64 if whole else dtypes.default)
    return leaf(np.arange(start, end, step).astype(dtype), requires_grad, device)


def linspace(start, end, steps, dtype=None, device=None, requires_grad=False):
    """`steps` numbers at equal distances from start to end, both included."""
    return leaf(np.linspace(start, end, steps).astype(dtype or dtypes.default), requires_grad, device)


def zeros_like(x, dtype=None, device=None, requires_grad=False):
    """All 0, in x's shape, and by default its type and on its device."""
    return leaf(np.zeros(x.shape, dtype or x.dtype, like=array_of(x)), requires_grad, device)


def ones_like(x, dtype=None, device=None, requires_grad=False):
    """All 1, in x's shape, and by default its type and on its device."""
    return leaf(np.ones(x.shape, dtype or x.dtype, like=array_of(x)), requires_grad, device)


def empty_like(x, dtype=None, device=None, requires_grad=False):
    """Whatever the memory held, in x's shape, and by default its type and on its device."""
    return leaf(np.empty(x.shape, dtype or x.dtype, like=array_of(x)), requires_grad, device)


def full_like(x, fill_value, dtype=None, device=None, requires_grad=False):
    """All fill_value, in x's shape, and by default its type and on its device."""
    return leaf(np.full(x.shape, raw(fill_value), dtype or x.dtype, like=array_of(x)), requires_grad, device)
