"""A vector type for Numba: `load`, `store`, `broadcast`, `fma` and `pair_sums` on registers full of numbers.

LLVM keeps running sums in registers only where it sees them as values.  Plain loops over arrays hide that from it once
sixteen sums are alive at the same time, which is what a fast convolution needs.  So here a Numba type *is* an LLVM
vector: a variable of this type is a register.  `LANES[dtype]` numbers fit into it: 16 float32 or 8 float64 where the
processor has AVX-512, half as many with AVX, a quarter elsewhere.
"""
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model


def register_bytes():
    """The size of this processor's vector registers."""
    features = binding.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx") else 16


BYTES = register_bytes()
LANES = {np.dtype("float32"): BYTES // 4, np.dtype("float64"): BYTES // 8}


class Vector(types.Type):
    """The Numba type of a register of `lanes` numbers of the scalar type `scalar`."""

    def __init__(self, scalar):
        self.scalar = scalar
        self.lanes = BYTES * 8 // scalar.bitwidth
        super().__init__(name=f"vector({scalar} x {self.lanes})")

    @property
    def llvm(self):
        return ir.VectorType(ir.FloatType() if self.scalar == types.float32 else ir.DoubleType(), self.lanes)


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector):
        super().__init__(manager, vector, vector.llvm)


def address(context, builder, array_type, array, index):
    """A pointer to the vector that starts at array.flat[index]."""
    base = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(base, [index]), Vector(array_type.dtype).llvm.as_pointer())


def size(vector):
    """The alignment that any element has, in bytes: vectors may start at every one of them."""
    return vector.scalar.bitwidth // 8


@intrinsic
def load(typingctx, array, index):
    """array[index : index + lanes] of a contiguous array, seen as one-dimensional.  Nothing checks the bounds."""
    vector = Vector(array.dtype)

    def codegen(context, builder, signature, arguments):
        value = builder.load(address(context, builder, array, *arguments), typ=vector.llvm)
        value.align = size(vector)
        return value
    return vector(array, types.intp), codegen


@intrinsic
def store(typingctx, array, index, value):
    """array[index : index + lanes] = value."""
    def codegen(context, builder, signature, arguments):
        builder.store(arguments[2], address(context, builder, array, *arguments[:2])).align = size(value)
        return context.get_dummy_value()
    return types.void(array, types.intp, value), codegen


@intrinsic
def broadcast(typingctx, number):
    """A register with `number` in every lane."""
    vector = Vector(number)

    def codegen(context, builder, signature, arguments):
        undefined = ir.Constant(vector.llvm, ir.Undefined)
        first = builder.insert_element(undefined, arguments[0], ir.Constant(ir.IntType(32), 0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), vector.lanes), [0] * vector.lanes)
        return builder.shuffle_vector(first, undefined, lanes)
    return vector(number), codegen


@intrinsic
def fma(typingctx, a, b, c):
    """a * b + c, lane by lane, rounded once."""
    def codegen(context, builder, signature, arguments):
        kind = ir.FunctionType(a.llvm, [a.llvm] * 3)
        name = f"llvm.fma.v{a.lanes}f{a.scalar.bitwidth}"
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)
    return a(a, a, a), codegen


@intrinsic
def pair_sums(typingctx, a, b):
    """a[0] + a[1], a[2] + a[3] ..., b[0] + b[1], b[2] + b[3] ...: half of the way to the totals of a and of b."""
    def codegen(context, builder, signature, arguments):
        even, odd = (ir.Constant(ir.VectorType(ir.IntType(32), a.lanes), list(range(start, 2 * a.lanes, 2)))
                     for start in (0, 1))
        return builder.fadd(builder.shuffle_vector(*arguments, even), builder.shuffle_vector(*arguments, odd))
    return a(a, a), codegen


@intrinsic
def lanes(typingctx, array):
    """How many of the array's numbers fit into a register: a constant of the compiled code."""
    def codegen(context, builder, signature, arguments):
        return context.get_constant(types.intp, Vector(array.dtype).lanes)
    return types.intp(array), codegen
