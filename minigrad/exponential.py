"""The exponential of a register full of float32 (see vectors.py), and what makes one number of a register.

Numba's own loops with np.exp take one number at a time; this takes 16 with AVX-512.
"""
import numpy as np
from llvmlite import ir
from numba import config
from numba.core import cgutils
from numba.extending import intrinsic
from .compiled import njit
from .vectors import broadcast, fma

LOG_2 = 0.693359375, -2.12194440e-4        # in two parts: the first one times a whole number is exact


@njit(cache=True)
def exponential(x):
    """exp(x), lane by lane, with a relative error below 2e-7 from -87.3 to 88.

    exp(x) = 2^n exp(r) with n = round(x / log 2) and |r| <= log(2) / 2; exp(r) by its Taylor series up to r^7 / 7!.
    Below -87.7, where 2^n would be no normal float32, it is 0; above 88 it is exp(88).
    """
    x = larger(smaller(x, number(88)), number(-88))
    n = floor(fma(x, number(1.44269504), number(0.5)))
    r = fma(n, number(-LOG_2[1]), fma(n, number(-LOG_2[0]), x))
    series = fma(number(1 / 5040), r, number(1 / 720))
    series = fma(series, r, number(1 / 120))
    series = fma(series, r, number(1 / 24))
    series = fma(series, r, number(1 / 6))
    series = fma(series, r, number(1 / 2))
    series = fma(series, r, number(1))
    series = fma(series, r, number(1))
    return times(series, two_to(n))


@njit(cache=True)
def sigmoid(x):
    """1 / (1 + exp(-x)), lane by lane."""
    return divided(number(1), plus(exponential(minus(number(0), x)), number(1)))


@njit(cache=True)
def number(n):
    """A register full of a number."""
    return broadcast(np.float32(n))


@njit(cache=True)
def plus(a, b):
    """a + b"""
    return fma(a, number(1), b)


@njit(cache=True)
def minus(a, b):
    """a - b"""
    return fma(b, number(-1), a)


@njit(cache=True)
def times(a, b):
    """a * b"""
    return fma(a, b, number(0))


def take_larger(builder, a, b):
    """The larger one of each lane; that of a if it is NaN."""
    return builder.select(builder.fcmp_ordered("<", a, b), b, a)


def folded(builder, vector, value, combine):
    """A register folded in the middle, again and again, until one number is left."""
    apart = vector.lanes // 2
    while apart:
        turned = ir.Constant(ir.VectorType(ir.IntType(32), vector.lanes),
                             [(lane + apart) % vector.lanes for lane in range(vector.lanes)])
        value = combine(builder, value, builder.shuffle_vector(value, value, turned))
        apart //= 2
    return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))


@intrinsic
def larger(typingctx, a, b):
    """The larger one of a and b, lane by lane; a where that is NaN."""
    def codegen(context, builder, signature, arguments):
        return take_larger(builder, *arguments)
    return a(a, b), codegen


@intrinsic
def smaller(typingctx, a, b):
    """The smaller one of a and b, lane by lane; a where that is NaN."""
    def codegen(context, builder, signature, arguments):
        x, y = arguments
        return builder.select(builder.fcmp_ordered(">", x, y), y, x)
    return a(a, b), codegen


@intrinsic
def divided(typingctx, a, b):
    """a / b, lane by lane."""
    def codegen(context, builder, signature, arguments):
        return builder.fdiv(*arguments)
    return a(a, b), codegen


@intrinsic
def largest(typingctx, a):
    """The largest number in a register."""
    def codegen(context, builder, signature, arguments):
        return folded(builder, a, *arguments, take_larger)
    return a.scalar(a), codegen


@intrinsic
def total(typingctx, a):
    """The sum of the numbers in a register."""
    def codegen(context, builder, signature, arguments):
        return folded(builder, a, *arguments, ir.IRBuilder.fadd)
    return a.scalar(a), codegen


@intrinsic
def floor(typingctx, a):
    """The next whole number, down, lane by lane."""
    def codegen(context, builder, signature, arguments):
        kind, name = ir.FunctionType(a.llvm, [a.llvm]), f"llvm.floor.v{a.lanes}f32"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)
    return a(a), codegen


@intrinsic
def two_to(typingctx, n):
    """2^n for whole numbers n from -126 to 127, and 0 for -127: n + 127 is written where a float32 has its exponent."""
    def codegen(context, builder, signature, arguments):
        whole = ir.VectorType(ir.IntType(32), n.lanes)
        moved = builder.add(builder.fptosi(*arguments, whole), ir.Constant(whole, [127] * n.lanes))
        return builder.bitcast(builder.shl(moved, ir.Constant(whole, [23] * n.lanes)), n.llvm)
    return n(n), codegen


if config.DISABLE_JIT:                     # registers are short arrays, as in uncompiled.py
    def larger(a, b):                                                      # noqa: F811
        """The larger one of a and b, lane by lane; a where that is NaN."""
        return np.where(a < b, b, a)

    def smaller(a, b):                                                     # noqa: F811
        """The smaller one of a and b, lane by lane; a where that is NaN."""
        return np.where(a > b, b, a)

    largest, total, floor, divided = np.max, np.sum, np.floor, np.divide   # noqa: F811

    def two_to(n):                                                         # noqa: F811
        """2^n for whole numbers n from -126 to 127, and 0 for -127."""
        return np.ldexp(np.float32(1), np.nan_to_num(n).astype(int)) * (n > -127)
