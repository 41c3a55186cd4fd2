"""Number types, with PyTorch's names and PyTorch's promotion: float32 unless something asks for more.

NumPy makes float64 of almost any mixture (int64 + float32, a 0-d float64, 1 / int64).  Here, as in PyTorch, the kind
decides first (bool < integer < floating), then tensors with dimensions before 0-d ones and Python numbers.
"""
import numpy as np
from .tensor import ARRAYS, DeviceArray, Tensor, raw, record

float16, float32, float64 = np.dtype("float16"), np.dtype("float32"), np.dtype("float64")
uint8, int8, int16, int32, int64 = (np.dtype(name) for name in ("uint8", "int8", "int16", "int32", "int64"))
bool = np.dtype("bool")
float, double, half, long, int = float32, float64, float16, int64, int32       # PyTorch's short names

default = float32                          # of everything that is not told otherwise


def is_floating(x):
    """Whether a tensor's, array's or dtype's numbers are floating-point, and so can carry gradients."""
    return np.dtype(getattr(x, "dtype", x)).kind == "f"


def cast(x, dtype):
    """x with its numbers turned into `dtype`.  The cotangent is cast back; integers and Booleans are constants."""
    if raw(x).dtype == dtype:
        return x
    data = raw(x).astype(dtype)
    if data.dtype.kind in "biu" and isinstance(x, Tensor):
        return Tensor(data)
    return record(data, cast_rule, x)


def cast_rule(g, y, x):
    """A cast to a floating type is the identity as far as gradients go."""
    return cast(g, x.dtype)


TYPED = *ARRAYS, np.generic                # what has a type of its own


def floating(x):
    """The array of x, integers and Booleans turned into the default floating type: what exp, mean and / work on."""
    x = raw(x)
    if not isinstance(x, TYPED):
        x = np.asarray(x, default)
    return x if x.dtype.kind in "fc" else x.astype(default)


NUMBERS = type(1), type(1.0)               # int and float have other meanings here
OPERANDS = *ARRAYS, *NUMBERS, type(True), type(1j)


def operands(name, a, b):
    """The arrays (or Python numbers) of two operands, in the type that their combination has.

    name        the operation, for the error messages
    """
    x, y = raw(a), raw(b)
    if type(x) is type(y) and isinstance(x, ARRAYS) and x.dtype is y.dtype:
        return x, y
    if type(y) in NUMBERS and isinstance(x, ARRAYS) and x.dtype.kind == "f":
        return x, y                        # NumPy lets a Python number follow the array
    return promote(name, x, y)


def promote(name, x, y):
    """Turn the array operands x and y into one type, the one that PyTorch gives their combination.

    Raises TypeError for what is no operand, and for arrays on different devices.
    """
    x, y = (v.item() if isinstance(v, np.generic) else v for v in (x, y))
    for v in (x, y):
        if not isinstance(v, OPERANDS):
            raise TypeError(f"{name}: an operand must be a tensor, an array or a number, not {type(v).__name__}")
    arrays = [v for v in (x, y) if isinstance(v, ARRAYS)]
    if len(arrays) < 2:                    # NumPy lets a Python number follow the array, but for float with integers
        if len(arrays) == 1 and arrays[0].dtype.kind in "biu" and isinstance(x if arrays[0] is y else y, type(1.0)):
            return (floating(x), y) if arrays[0] is x else (x, floating(y))
        return x, y
    if type(x) is not type(y):
        check_together(name, x, y)
    dtype = promoted(x, y)
    return x.astype(dtype, copy=False), y.astype(dtype, copy=False)


def promoted(x, y):
    """The type of a combination of two arrays: the higher kind wins; within a kind, one with dimensions."""
    order = "biufc".index
    rank = {"u": order("i")}
    kinds = [rank.get(v.dtype.kind, order(v.dtype.kind)) for v in (x, y)]
    if kinds[0] != kinds[1]:
        return x.dtype if kinds[0] > kinds[1] else y.dtype
    if (x.ndim == 0) != (y.ndim == 0):
        return y.dtype if x.ndim == 0 else x.dtype
    return np.promote_types(x.dtype, y.dtype)


def check_together(name, *arrays):
    """Refuse arrays on different devices.  One without axes may be on the CPU in any case: it is a number."""
    there = [isinstance(a, DeviceArray) for a in arrays]
    if True not in there:                  # as nearly always
        return
    arrays = [a for a, device in zip(arrays, there) if device or np.ndim(a)]
    if len(arrays) > there.count(True):
        found = " and ".join(f"{a.shape} on {'cuda' if isinstance(a, DeviceArray) else 'cpu'}" for a in arrays)
        raise TypeError(f"{name}: shapes {found} are on different devices; bring all to one, by to('cuda') or cpu()")
