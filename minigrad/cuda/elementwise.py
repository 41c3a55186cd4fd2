"""Functions of NumPy's that work entry by entry: one kernel for all, and each function in a line.

A thread computes some entries of the result, each from the entries of the operands at the same place.  There are two
kernels.  Where all operands lie in memory in the same order, without gaps, entry i of the result is made of the entries
number i.  Otherwise (something is broadcast, or a view) the thread works out where its entry is: a number i names, from
the last axis on, the place i % size on an axis, and i // size on those before it.
"""
import functools
import numpy as np
from .array import Array, empty
from .launch import Kernel, cuda, device, functions, spread

# ---------------------------------------------------------------------------------------------------------------------
# The functions, written for a single entry

INFINITY = np.inf


def larger(a, b):
    """The larger one; NaN if either is."""
    return a if a > b or a != a else b


def smaller(a, b):
    """The smaller one; NaN if either is."""
    return a if a < b or a != a else b


def sign(a):
    """-1, 0 or 1; what is neither above nor below 0 stays: 0 and NaN."""
    return 1 if a > 0 else -1 if a < 0 else a


def floor(a):
    """Rounded down; infinities stay."""
    return a - a % 1 if a - a == 0 else a


def ceil(a):
    """Rounded up; infinities stay."""
    return a + -a % 1 if a - a == 0 else a


def nearest(a):
    """Rounded to the nearest integer, of two the even one; infinities stay."""
    low = a - a % 1
    up = a - low > 0.5 or (a - low == 0.5 and low % 2 == 1)
    return (low + 1 if up else low) if a - a == 0 else a


def whole_power(a, b):
    """An integer to the power of an integer that is not negative."""
    y = 1
    while b > 0:
        if b & 1:
            y *= a
        a *= a
        b >>= 1
    return y


def chosen(c, a, b):
    """np.where."""
    return a if c else b


FUNCTIONS = {
    np.add: lambda a, b: a + b,
    np.subtract: lambda a, b: a - b,
    np.multiply: lambda a, b: a * b,
    np.divide: lambda a, b: a / b,
    np.floor_divide: lambda a, b: a // b,
    np.remainder: lambda a, b: a % b,
    np.power: lambda a, b: a ** b,
    np.negative: lambda a: -a,
    np.positive: lambda a: a,
    np.square: lambda a: a * a,
    np.absolute: lambda a: abs(a),
    np.sign: sign,
    np.floor: floor, np.ceil: ceil, np.rint: nearest,
    np.maximum: larger, np.minimum: smaller,
    np.exp: lambda a: functions.exp(a),
    np.log: lambda a: functions.log(a),
    np.log1p: lambda a: functions.log1p(a),
    np.expm1: lambda a: functions.expm1(a),
    np.sqrt: lambda a: functions.sqrt(a),
    np.sin: lambda a: functions.sin(a),
    np.cos: lambda a: functions.cos(a),
    np.tanh: lambda a: functions.tanh(a),
    np.equal: lambda a, b: a == b, np.not_equal: lambda a, b: a != b,
    np.less: lambda a, b: a < b, np.less_equal: lambda a, b: a <= b,
    np.greater: lambda a, b: a > b, np.greater_equal: lambda a, b: a >= b,
    np.logical_and: lambda a, b: a != 0 and b != 0, np.logical_or: lambda a, b: a != 0 or b != 0,
    np.logical_not: lambda a: a == 0,
    np.bitwise_and: lambda a, b: a & b, np.bitwise_or: lambda a, b: a | b, np.bitwise_xor: lambda a, b: a ^ b,
    np.invert: lambda a: ~a,
    np.isnan: lambda a: a != a,
    np.isinf: lambda a: a == INFINITY or a == -INFINITY,
    np.isfinite: lambda a: a == a and a != INFINITY and a != -INFINITY,
}


# ---------------------------------------------------------------------------------------------------------------------
# Applying one

def apply(function, types, result, operands, out=None):
    """The array of function(*entries).

    function    a function of single entries, at module level or in FUNCTIONS
    types       the NumPy types that the entries are turned into before
    result      the type of the result
    operands    Arrays that broadcast, and numbers
    out         an Array of the right shape, for the result to be written to; it may be of another type
    """
    if out is None:
        out = empty(common_shape(operands), result)
    n = out.size
    if not n:
        return out
    isarrays, simple = [], out.contiguous
    for x in operands:
        isarrays.append(type(x) is Array)
        if type(x) is Array and not (x.contiguous and x.size == n):
            simple = False
    values = [x if isarray else t.type(x) for x, t, isarray in zip(operands, types, isarrays)]
    if simple:
        flat_kernel(function, types, tuple(isarrays), out.dtype)(*spread(n), n, out, *values)
        return out
    if n >= 1 << 32:
        raise ValueError(f"cuda: views and broadcast arrays can't have more than 4 billion entries, and shape {out.shape} "
                         f"has {n}; make them contiguous()")
    shape, *places = collapsed((out.shape, out.steps, *(spread_steps(x, out.shape) for x in operands)))
    starts = [out.start] + [x.start if isarray else 0 for x, isarray in zip(operands, isarrays)]
    kernel = strided_kernel(function, types, tuple(isarrays), out.dtype, len(shape))
    kernel(*spread(n), n, shape, *(part for pair in zip(starts, places) for part in pair), out, *values)
    return out


def common_shape(operands):
    """The shape that the operands broadcast to."""
    shapes = {x.shape for x in operands if type(x) is Array}
    return shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes)


def spread_steps(x, shape):
    """The steps of x, an Array or a number, broadcast to a shape: 0 where it is repeated."""
    if type(x) is not Array:
        return (0,) * len(shape)
    if x.shape == shape:
        return x.steps
    lead = len(shape) - x.ndim
    return (0,) * lead + tuple(0 if m == 1 else s for m, s in zip(x.shape, x.steps))


@functools.lru_cache(4096)
def collapsed(axes):
    """(shape, steps, steps ...) with as few axes as can be.

    An axis of size 1 goes; and two neighbours become one where, in every array, a step along the first is as far as all
    steps along the second.
    """
    shape, *steps = axes
    kept = []                              # of each axis: its size, and the step along it in every array
    for n, *along in zip(shape, *steps):
        if n == 1:
            continue
        if kept and all(a == n * b for a, b in zip(kept[-1][1:], along)):
            kept[-1] = (kept[-1][0] * n, *along)
        else:
            kept.append((n, *along))
    return tuple(zip(*(kept or [(1, *(0 for _ in steps))])))


def take(a, i):
    """The entry of an array."""
    return a[i]


def itself(a, i):
    """A number, at every place."""
    return a


@functools.cache
def loaders(types, isarrays):
    """For each operand, the function that gives its entry, in the type to compute with."""
    def loader(get, cast):
        get = device(get)
        return device(lambda a, i: cast(get(a, i)))
    return tuple(loader(take if isarray else itself, t.type) for t, isarray in zip(types, isarrays))


@functools.cache
def flat_kernel(function, types, isarrays, result):
    """The kernel for operands that all lie alike."""
    f, load, result = device(function), loaders(types, isarrays), result.type
    if len(types) == 1:
        one, = load

        def kernel(n, out, a):
            for i in range(cuda.grid(1), n, cuda.gridsize(1)):
                out[i] = result(f(one(a, i)))
    elif len(types) == 2:
        one, two = load

        def kernel(n, out, a, b):
            for i in range(cuda.grid(1), n, cuda.gridsize(1)):
                out[i] = result(f(one(a, i), two(b, i)))
    else:
        one, two, three = load

        def kernel(n, out, a, b, c):
            for i in range(cuda.grid(1), n, cuda.gridsize(1)):
                out[i] = result(f(one(a, i), two(b, i), three(c, i)))
    return Kernel(kernel)


@functools.cache
def placer(ndim):
    """The function that gives the place in memory of entry number i, in C order, of an array with so many axes."""
    @device
    def place(i, shape, start, steps):
        i = np.uint32(i)                   # a division of 64 bits takes some hundred instructions, one of 32 some twenty
        for d in range(ndim - 1, 0, -1):
            above = i // np.uint32(shape[d])
            start += np.int64(i - above * np.uint32(shape[d])) * steps[d]
            i = above
        return start + np.int64(i) * steps[0]
    return place


@functools.cache
def strided_kernel(function, types, isarrays, result, ndim):
    """The kernel for operands that lie in any way.

    `shape` is the result's, and each operand has a start and steps: its entry for the place (i, j, ...) in the result
    is at start + i * steps[0] + j * steps[1] + ...
    """
    f, load, place, result = device(function), loaders(types, isarrays), placer(ndim), result.type
    if len(types) == 1:
        one, = load

        def kernel(n, shape, out_start, out_steps, a_start, a_steps, out, a):
            for i in range(cuda.grid(1), n, cuda.gridsize(1)):
                out[place(i, shape, out_start, out_steps)] = result(f(one(a, place(i, shape, a_start, a_steps))))
    elif len(types) == 2:
        one, two = load

        def kernel(n, shape, out_start, out_steps, a_start, a_steps, b_start, b_steps, out, a, b):
            for i in range(cuda.grid(1), n, cuda.gridsize(1)):
                out[place(i, shape, out_start, out_steps)] = result(f(
                    one(a, place(i, shape, a_start, a_steps)), two(b, place(i, shape, b_start, b_steps))))
    else:
        one, two, three = load

        def kernel(n, shape, out_start, out_steps, a_start, a_steps, b_start, b_steps, c_start, c_steps, out, a, b, c):
            for i in range(cuda.grid(1), n, cuda.gridsize(1)):
                out[place(i, shape, out_start, out_steps)] = result(f(
                    one(a, place(i, shape, a_start, a_steps)), two(b, place(i, shape, b_start, b_steps)),
                    three(c, place(i, shape, c_start, c_steps))))
    return Kernel(kernel)


# ---------------------------------------------------------------------------------------------------------------------
# As NumPy calls them

def ufunc(function, inputs, out=None):
    """What NumPy's `function` gives for Arrays and numbers.  Raises TypeError where they are not on the same device."""
    operands = [x if type(x) in PLAIN else operand(function.__name__, x) for x in inputs]
    kinds = tuple([x.dtype if isinstance(x, (Array, np.generic)) else type(x) for x in operands])
    entrywise, types, result = resolved(function, kinds)
    if function is np.power and type(operands[1]) in (int, float) and operands[1] in POWERS:
        entrywise, types, operands = FUNCTIONS[POWERS[operands[1]]], types[:1], operands[:1]
    return apply(entrywise, types, result, operands, out)


PLAIN = {Array, int, float, bool}          # the types of most operands
ROUNDING = np.floor, np.ceil, np.rint      # which leave integers as they are
POWERS = {1: np.positive, 2: np.square, 0.5: np.sqrt}      # powers that are simpler than others


@functools.lru_cache(4096)
def resolved(function, kinds):
    """Of NumPy's function: what it does to an entry, the types that it computes with, and the result's.

    kinds       of the operands: the dtype of an array or a NumPy number, or int, float or bool for a Python number
    Raises TypeError for a function that is not in the table.
    """
    if function not in FUNCTIONS:
        raise missing(function)
    *types, result = function.resolve_dtypes((*(np.dtype(bool) if kind is bool else kind for kind in kinds), None))
    entrywise = FUNCTIONS[function]
    if function in ROUNDING and result.kind != "f":
        entrywise = FUNCTIONS[np.positive]
    elif function is np.invert and result.kind == "b":
        entrywise = FUNCTIONS[np.logical_not]
    elif function is np.power and result.kind in "iu":
        entrywise = whole_power
    return entrywise, tuple(types), result


def operand(name, x):
    """An operand as the kernels take it: an Array or a number.  A NumPy array with axes is on another device."""
    if isinstance(x, Array) or type(x) in (int, float, bool):
        return x
    if isinstance(x, np.generic):
        return x
    if isinstance(x, np.ndarray) and x.ndim == 0:
        return x[()]
    raise mixed(name, x)


def missing(function):
    """The error for a function of NumPy's that the device has no kernel for."""
    return TypeError(f"cuda: np.{function.__name__} is not there for arrays on the device; copy them to the host, by "
                     "x.cpu()")


def mixed(name, x):
    """The error for an operand that is not on the device."""
    what = f"an array of shape {x.shape} on the CPU" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
    return TypeError(f"{name}: one operand is on the device, and another is {what}; bring both to one place, by "
                     'x.to("cuda") or x.cpu()')


def same(a):
    """The entry itself: for copies."""
    return a


def copy_to(out, source):
    """Write an Array or a number, which may be broadcast and of another type, over `out`."""
    source = operand("copy", source)
    if isinstance(source, Array) and source.shape != out.shape:
        layout = source.layout
        while layout.ndim > out.ndim and len(layout) == 1:                 # as NumPy does
            layout = layout[0]
        source = source.view(np.broadcast_to(layout, out.shape))
    apply(same, (out.dtype,), out.dtype, (source,), out)
