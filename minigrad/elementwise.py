"""Operations that work entry by entry: arithmetic, comparisons, exponentials, activations.

Where a rule chooses between g and 0, it multiplies g by a Boolean mask: NumPy does that ten times as fast as np.where,
whose branches no processor can predict.

Those of two operands broadcast, and combine types, as PyTorch does (`broadcasting.elementwise`); their rules end in
`sum_to`, which undoes the broadcasting.  Integers that go into `exp`, `sqrt` or `/` become float32.  What has no useful
derivative (comparisons, `sign`, `floor`) gives constants: tensors that require no gradient.
"""
import math
import numpy as np
from . import dtypes
from .broadcasting import elementwise, sum_to
from .dtypes import cast, check_together, floating, operands
from .order import in_order
from .tensor import ARRAYS, DeviceArray, Tensor, array_of, raw, record

LARGE = 1 << 16        # entries from which on it pays to load Numba for relu


def constant(data, *inputs):
    """The result of an operation that no gradient flows through: a tensor if any input is one, else the bare result."""
    for x in inputs:
        if isinstance(x, Tensor):
            return Tensor(array_of(data))
    return data


# ---------------------------------------------------------------------------------------------------------------------
# Arithmetic

def add(a, b):
    """a + b."""
    return record(elementwise("add", np.add, a, b), add_rule, a, b)


def add_rule(g, y, a, b):
    """dy = da + db."""
    return lambda: sum_to(g, a.shape), lambda: sum_to(g, b.shape)


def sub(a, b):
    """a - b."""
    return record(elementwise("sub", np.subtract, a, b), sub_rule, a, b)


def sub_rule(g, y, a, b):
    """dy = da - db."""
    return lambda: sum_to(g, a.shape), lambda: sum_to(-g, b.shape)


def mul(a, b):
    """a * b, entry by entry."""
    return record(elementwise("mul", np.multiply, a, b), mul_rule, a, b)


def mul_rule(g, y, a, b):
    """dy = b da + a db."""
    return lambda: sum_to(g * b, a.shape), lambda: sum_to(g * a, b.shape)


def div(a, b):
    """a / b, the true quotient: integers become float32."""
    return record(elementwise("div", divide, a, b), div_rule, a, b)


def divide(x, y):
    """The quotient of two arrays, or of an array and a number."""
    if (x if isinstance(x, ARRAYS) else array_of(y)).dtype.kind in "biu":
        x, y = floating(x), floating(y)
    return np.divide(x, y)


def div_rule(g, y, a, b):
    """dy = da / b - (y / b) db."""
    return lambda: sum_to(g / b, a.shape), lambda: sum_to(-g * y / b, b.shape)


def neg(x):
    """-x."""
    return record(np.negative(raw(x)), neg_rule, x)


def neg_rule(g, y, x):
    """dy = -dx."""
    return -g


def pow(a, b):
    """a to the power b; either may be a number.  Raises TypeError for integers to a negative integer power."""
    return record(elementwise("pow", power, a, b), pow_rule, a, b)


def power(x, y):
    """The power of two arrays or numbers.

    NumPy's operator knows x ** 2 as x * x, but takes thirty times as long for x ** 3.  So small whole powers are
    multiplied out: x^7 = (x^3)^2 x, x^3 = x^2 x.
    """
    if isinstance(y, (int, float)) and y in range(3, 33):
        root = power(x, y // 2)
        return root * root * x if y % 2 else root * root
    if np.result_type(x, y).kind in "iu" and np.any(np.less(y, 0)):
        raise TypeError("pow: an integer has no negative integer power; make it floating-point first")
    return x ** y


def pow_rule(g, y, a, b):
    """dy = b a^(b-1) da + log(a) y db, with 0 for the undefined 0 * 0^-1 and 0^b log 0.

    a or b may be a Python number, which has no shape: nobody asks for its cotangent.
    """
    def for_base():
        if not isinstance(b, (Tensor, *ARRAYS)):
            slope = 2 * a if b == 2 else b * pow(a, b - 1 if b != 0 else 1)
        else:
            slope = b * pow(a, where((a == 0) & (b == 0), 1, b - 1))
        return sum_to(g * slope, a.shape)

    def for_exponent():
        if isinstance(a, (Tensor, *ARRAYS)):
            rate = log(where((a == 0) & (b >= 0), 1, a))
        else:
            rate = math.log(a) if a > 0 else where(b >= 0, 0.0, math.nan) if a == 0 else math.nan
        return sum_to(g * y * rate, b.shape)
    return for_base, for_exponent


def floor_divide(a, b):
    """The quotient rounded down (towards minus infinity).  A constant."""
    return constant(elementwise("floor_divide", np.floor_divide, a, b), a, b)


def remainder(a, b):
    """a - b floor(a / b): it has the sign of b."""
    return record(elementwise("remainder", np.remainder, a, b), remainder_rule, a, b)


def remainder_rule(g, y, a, b):
    """dy = da - floor(a / b) db."""
    return lambda: sum_to(g, a.shape), lambda: sum_to(-g * floor_divide(a, b), b.shape)


# ---------------------------------------------------------------------------------------------------------------------
# Comparisons and logic: Boolean results, constants

def eq(a, b):
    """Where a == b."""
    return constant(elementwise("eq", np.equal, a, b), a, b)


def ne(a, b):
    """Where a != b."""
    return constant(elementwise("ne", np.not_equal, a, b), a, b)


def lt(a, b):
    """Where a < b."""
    return constant(elementwise("lt", np.less, a, b), a, b)


def le(a, b):
    """Where a <= b."""
    return constant(elementwise("le", np.less_equal, a, b), a, b)


def gt(a, b):
    """Where a > b."""
    return constant(elementwise("gt", np.greater, a, b), a, b)


def ge(a, b):
    """Where a >= b."""
    return constant(elementwise("ge", np.greater_equal, a, b), a, b)


def logical_not(x):
    """Where x is zero or False."""
    return constant(np.logical_not(raw(x)), x)


def logical_and(a, b):
    """Where both a and b are non-zero."""
    return constant(elementwise("logical_and", np.logical_and, a, b), a, b)


def logical_or(a, b):
    """Where a or b is non-zero."""
    return constant(elementwise("logical_or", np.logical_or, a, b), a, b)


def isnan(x):
    """Where x is not a number."""
    return constant(np.isnan(raw(x)), x)


def isinf(x):
    """Where x is plus or minus infinity."""
    return constant(np.isinf(raw(x)), x)


def isfinite(x):
    """Where x is neither infinite nor NaN."""
    return constant(np.isfinite(raw(x)), x)


# ---------------------------------------------------------------------------------------------------------------------
# Rounding and sign: constants almost everywhere, so their gradient is zero and they give constants

def sign(x):
    """-1, 0 or 1."""
    return constant(np.sign(raw(x)), x)


def floor(x):
    """The largest integer not above x, in x's type."""
    return constant(np.floor(raw(x)), x)


def ceil(x):
    """The smallest integer not below x, in x's type."""
    return constant(np.ceil(raw(x)), x)


def round(x):
    """The nearest integer, in x's type; of two equally near, the even one."""
    return constant(np.round(raw(x)), x)


# ---------------------------------------------------------------------------------------------------------------------
# Exponentials and their kin

def exp(x):
    """e^x."""
    return record(np.exp(floating(x)), exp_rule, x)


def exp_rule(g, y, x):
    """dy = e^x dx."""
    return g * y


def log(x):
    """The natural logarithm."""
    return record(np.log(floating(x)), log_rule, x)


def log_rule(g, y, x):
    """dy = dx / x."""
    return g / x


def log1p(x):
    """log(1 + x), exact for small x."""
    return record(np.log1p(floating(x)), log1p_rule, x)


def log1p_rule(g, y, x):
    """dy = dx / (1 + x)."""
    return g / (1 + x)


def expm1(x):
    """e^x - 1, exact for small x."""
    return record(np.expm1(floating(x)), expm1_rule, x)


def expm1_rule(g, y, x):
    """dy = e^x dx = (y + 1) dx."""
    return g * (y + 1)


def sqrt(x):
    """The square root."""
    return record(np.sqrt(floating(x)), sqrt_rule, x)


def sqrt_rule(g, y, x):
    """dy = dx / (2 sqrt(x))."""
    return g / (2 * y)


def rsqrt(x):
    """1 / sqrt(x)."""
    return record(1 / np.sqrt(floating(x)), rsqrt_rule, x)


def rsqrt_rule(g, y, x):
    """dy = -x^(-3/2) dx / 2."""
    return g * y * y * y * -0.5


def sin(x):
    """The sine of x radians."""
    return record(np.sin(floating(x)), sin_rule, x)


def sin_rule(g, y, x):
    """dy = cos(x) dx."""
    return g * cos(x)


def cos(x):
    """The cosine of x radians."""
    return record(np.cos(floating(x)), cos_rule, x)


def cos_rule(g, y, x):
    """dy = -sin(x) dx."""
    return -g * sin(x)


def tanh(x):
    """The hyperbolic tangent."""
    return record(np.tanh(floating(x)), tanh_rule, x)


def tanh_rule(g, y, x):
    """dy = (1 - tanh(x)^2) dx."""
    return g * (1 - y * y)


# erf(x) / x is an even function, so a quotient P(u) / Q(u) of polynomials in u = x^2 fits it, up to the x where erf(x)
# rounds to 1.  The coefficients make the largest relative error small (iterated weighted least squares, in 60 digits):
# 2.5e-8 for the short pair, 4e-17 for the long one.  All are positive, so nothing cancels.  The constant comes first.
ERF_SHORT = (
    3.93,
    (1.128379139, 0.1915907369, 0.05289714273, 0.003813888795, 0.0002855162002, 2.035141493e-06),
    (1, 0.5031254574, 0.1145910826, 0.01506660668, 0.001173379524, 3.79699149e-05))
ERF_LONG = (
    5.93,
    (1.1283791670955126, 0.22026069061116921, 0.06613800307616502, 0.0068945478518329809,
     0.00085614561263640471, 5.7003802637093355e-05, 3.9040003790238753e-06, 1.6971631046109591e-07,
     6.7679889328893707e-09, 1.7225661541820274e-10, 3.3386860164024692e-12, 2.2253688550011195e-14,
     1.5688509815982918e-17),
    (1, 0.52853428797176782, 0.13479137511240405, 0.021996687328061794, 0.0025663509766769665,
     0.00022627610933683993, 1.5513766829289244e-05, 8.3598313254605771e-07, 3.5201273221012505e-08,
     1.1261346487721951e-09, 2.5528423002271834e-11, 3.318950115100584e-13, 8.8406866091029789e-16))


def erf(x):
    """The error function: 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x."""
    array = floating(x)
    if isinstance(array, DeviceArray):
        from .cuda.fused import error_function
        return record(error_function(array), erf_rule, x)
    if array.dtype == dtypes.float16:      # too coarse for the coefficients
        return cast(erf(cast(x, dtypes.float32)), dtypes.float16)
    limit, above, below = ERF_SHORT if array.dtype == dtypes.float32 else ERF_LONG
    array = np.clip(array, -limit, limit)
    square = array * array
    return record(np.clip(array * polynomial(above, square) / polynomial(below, square), -1, 1), erf_rule, x)


def polynomial(coefficients, x):
    """The sum of c_k x^k, by Horner's scheme, overwriting its own intermediate results."""
    y = x * coefficients[-1]
    y += coefficients[-2]
    for c in coefficients[-3::-1]:
        y *= x
        y += c
    return y


def erf_rule(g, y, x):
    """dy = 2 / sqrt(pi) exp(-x^2) dx."""
    return g * exp(-x * x) * (2 / math.sqrt(math.pi))


# ---------------------------------------------------------------------------------------------------------------------
# Absolute value, bounds and choice

def abs(x):
    """|x|."""
    return record(np.abs(raw(x)), abs_rule, x)


def abs_rule(g, y, x):
    """dy = sign(x) dx; 0 at 0."""
    return g * sign(x)


def maximum(a, b):
    """The larger of a and b; NaN where either is."""
    return record(elementwise("maximum", np.maximum, a, b), maximum_rule, a, b)


def maximum_rule(g, y, a, b):
    """dy = da where a > b, db where b > a, and half of each where they are equal."""
    return lambda: sum_to(to_winner(g, a, b), a.shape), lambda: sum_to(to_winner(g, b, a), b.shape)


def minimum(a, b):
    """The smaller of a and b; NaN where either is."""
    return record(elementwise("minimum", np.minimum, a, b), minimum_rule, a, b)


def minimum_rule(g, y, a, b):
    """dy = da where a < b, db where b < a, and half of each where they are equal."""
    return lambda: sum_to(to_winner(g, b, a), a.shape), lambda: sum_to(to_winner(g, a, b), b.shape)


def to_winner(g, a, b):
    """g where a > b, half of it where they are equal, 0 where a < b."""
    return where(a == b, g * 0.5, where(a > b, g, 0))


def clamp(x, min=None, max=None):
    """x kept between min and max, which are numbers or tensors or None (no bound).  max wins where max < min.

    Raises ValueError if there is no bound at all.
    """
    if min is None and max is None:
        raise ValueError("clamp: give min, max or both")
    data = raw(x)
    if min is not None:
        data = elementwise("clamp", np.maximum, data, min)
        data = np.asarray(data) if isinstance(data, np.generic) else data     # a scalar would lose its type next
    if max is not None:
        data = elementwise("clamp", np.minimum, data, max)
    return record(data, clamp_rule, x, min, max)


def clamp_rule(g, y, x, min, max):
    """dy = dx where x lies within the bounds or on them; dmin or dmax where the bound holds."""
    low = -math.inf if min is None else min
    high = math.inf if max is None else max
    return (lambda: sum_to(g * ((x >= low) & (x <= high)), x.shape),
            lambda: sum_to(g * ((x < low) & (low <= high)), min.shape),
            lambda: sum_to(g * ((x > high) | (low > high)), max.shape))


def where(condition, a, b):
    """a where the Boolean condition holds, b elsewhere.  Raises TypeError if the condition is not Boolean."""
    choice = raw(condition)
    kind = getattr(choice, "dtype", type(choice))
    if kind != dtypes.bool or kind is type(choice):
        raise TypeError(f"where: the condition must be a Boolean tensor, not {kind}; compare with something first")
    x, y = operands("where", *(np.asarray(v) if isinstance(v, np.generic) else v for v in (a, b)))
    if not isinstance(x, ARRAYS) and not isinstance(y, ARRAYS):
        x = np.asarray(x, dtypes.default if float in (type(x), type(y)) else None)
    try:
        data = np.where(choice, x, y)
    except TypeError:
        check_together("where", choice, x, y)
        raise
    except ValueError:
        raise ValueError(f"where: shapes {choice.shape}, {np.shape(x)} and {np.shape(y)} can't be broadcast together: "
                         "from the last axis on, sizes must be equal or 1") from None
    return record(data, where_rule, condition, a, b)


def where_rule(g, y, condition, a, b):
    """dy = da where the condition holds, db elsewhere."""
    return None, lambda: sum_to(where(condition, g, 0), a.shape), lambda: sum_to(where(condition, 0, g), b.shape)


# ---------------------------------------------------------------------------------------------------------------------
# Activations

def sigmoid(x):
    """1 / (1 + e^-x)."""
    with np.errstate(over="ignore"):       # where e^-x overflows, 1 / infinity = 0 is right
        return record(1 / (1 + np.exp(-floating(x))), sigmoid_rule, x)


def sigmoid_rule(g, y, x):
    """dy = y (1 - y) dx."""
    return g * y * (1 - y)


def softplus(x):
    """log(1 + e^x), written so that e^x can't overflow."""
    x_ = floating(x)
    return record(np.maximum(x_, 0) + np.log1p(np.exp(-np.abs(x_))), softplus_rule, x)


def softplus_rule(g, y, x):
    """dy = sigmoid(x) dx."""
    return g * sigmoid(x)


def logsigmoid(x):
    """log(sigmoid(x)) = -softplus(-x)."""
    x_ = floating(x)
    return record(np.minimum(x_, 0) - np.log1p(np.exp(-np.abs(x_))), logsigmoid_rule, x)


def logsigmoid_rule(g, y, x):
    """dy = sigmoid(-x) dx."""
    return g * sigmoid(-x)


def relu(x):
    """max(x, 0)."""
    array = raw(x)
    return record(gated(array, array) if fused(array, array) else np.maximum(array, 0), relu_rule, x)


def relu_rule(g, y, x):
    """dy = dx where x > 0; 0 at 0."""
    return gated(g, y) if fused(g, y) else g * (y > 0)


def fused(g, y):
    """Whether one loop takes these two: bare floating-point arrays, alike, and on the CPU y in order and large."""
    if type(g) is type(y) is np.ndarray:
        fit = g.size >= LARGE and y.flags.c_contiguous
    else:
        fit = isinstance(g, DeviceArray) and isinstance(y, DeviceArray)
    return fit and g.dtype == y.dtype and g.dtype.char in "fd"


def gated(g, y):
    """g where y is positive, else 0, in one loop."""
    if isinstance(g, DeviceArray):
        from .cuda.fused import gate
    else:
        from .fused import gate
        g = in_order(g)
    return gate(g, y)


def leaky_relu(x, negative_slope=0.01):
    """x where x > 0, negative_slope * x elsewhere."""
    array = floating(x)
    return record(np.maximum(array, 0) + negative_slope * np.minimum(array, 0), leaky_relu_rule, x,
                  negative_slope=negative_slope)


def leaky_relu_rule(g, y, x, negative_slope):
    """dy = dx where x > 0, negative_slope dx elsewhere."""
    return g * (x > 0) + (g * negative_slope) * (x <= 0)


def elu(x, alpha=1.0):
    """x where x > 0, alpha (e^x - 1) elsewhere."""
    array = floating(x)
    return record(np.maximum(array, 0) + alpha * np.expm1(np.minimum(array, 0)), elu_rule, x, alpha=alpha)


def elu_rule(g, y, x, alpha):
    """dy = dx where x > 0, alpha e^x dx = (y + alpha) dx elsewhere."""
    return g * (x > 0) + (g * (minimum(y, 0) + alpha)) * (x <= 0)


def silu(x):
    """x sigmoid(x), also called swish."""
    array = floating(x)
    return record(array * sigmoid(array), silu_rule, x)


def silu_rule(g, y, x):
    """dy = s (1 + x (1 - s)) dx with s = sigmoid(x)."""
    s = sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


def gelu(x, approximate="none"):
    """x Phi(x), with Phi the normal distribution function (Hendrycks and Gimpel, 2016, arXiv:1606.08415).

    approximate     "none", or "tanh" for x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f'gelu: approximate must be "none" or "tanh", not {approximate!r}')
    array = floating(x)
    if approximate == "tanh":
        return record(array * gelu_gate(array), gelu_tanh_rule, x)
    return record(array * normal_cdf(array), gelu_rule, x)


def normal_cdf(x):
    """The probability that a standard normal variable is below x."""
    return (1 + erf(x * math.sqrt(0.5))) * 0.5


def gelu_rule(g, y, x):
    """dy = (Phi(x) + x phi(x)) dx, with phi the normal density."""
    return g * (normal_cdf(x) + x * exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi)))


def gelu_gate(x):
    """What the tanh approximation of gelu multiplies x with."""
    return (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))) * 0.5


def gelu_tanh_rule(g, y, x):
    """dy = (q + x q') dx, with the gate q = (1 + tanh u) / 2 and q' = 2 q (1 - q) u'."""
    q = gelu_gate(x)
    return g * (q + x * 2 * q * (1 - q) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x))


# ---------------------------------------------------------------------------------------------------------------------
# As methods and operators of Tensor

def swapped(operation):
    """The operation with its operands exchanged, for `2 - x`."""
    return lambda x, other: operation(other, x)


def comparable(comparison):
    """== and != for anything: what is no number is just not equal, as Python has it."""
    def compare(x, other):
        number = isinstance(other, (Tensor, *ARRAYS, np.generic, int, float))
        return comparison(x, other) if number else NotImplemented
    return compare


def boolean(operation, symbol):
    """An operator of Booleans: `~`, `&`, `|`.  Raises TypeError for other types."""
    def checked(*operands):
        for x in operands:
            kind = getattr(raw(x), "dtype", type(x))
            if kind != dtypes.bool:
                raise TypeError(f"{symbol}: operands must be Boolean, not {kind}")
        return operation(*operands)
    return checked


for function in (add, sub, mul, div, neg, pow, floor_divide, remainder, eq, ne, lt, le, gt, ge,
                 logical_not, logical_and, logical_or, isnan, isinf, isfinite, sign, floor, ceil, round,
                 exp, log, log1p, expm1, sqrt, rsqrt, sin, cos, tanh, erf, abs, maximum, minimum, clamp,
                 sigmoid, relu):
    setattr(Tensor, function.__name__, function)


def where_self(x, condition, other):
    """x where the Boolean condition holds, other elsewhere."""
    return where(condition, x, other)


Tensor.where = where_self

Tensor.__neg__, Tensor.__abs__, Tensor.__pos__ = neg, abs, lambda x: x
Tensor.__add__, Tensor.__radd__ = add, swapped(add)
Tensor.__sub__, Tensor.__rsub__ = sub, swapped(sub)
Tensor.__mul__, Tensor.__rmul__ = mul, swapped(mul)
Tensor.__truediv__, Tensor.__rtruediv__ = div, swapped(div)
Tensor.__pow__, Tensor.__rpow__ = pow, swapped(pow)
Tensor.__floordiv__, Tensor.__rfloordiv__ = floor_divide, swapped(floor_divide)
Tensor.__mod__, Tensor.__rmod__ = remainder, swapped(remainder)
Tensor.__lt__, Tensor.__le__, Tensor.__gt__, Tensor.__ge__ = lt, le, gt, ge
Tensor.__eq__, Tensor.__ne__ = comparable(eq), comparable(ne)
Tensor.__invert__ = boolean(logical_not, "~")
Tensor.__and__, Tensor.__rand__ = boolean(logical_and, "&"), boolean(logical_and, "&")
Tensor.__or__, Tensor.__ror__ = boolean(logical_or, "|"), boolean(logical_or, "|")
