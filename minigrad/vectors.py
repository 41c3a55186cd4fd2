"""A vector type for Numba: `load`, `store`, `broadcast`, `fma` and the like on registers full of numbers.

LLVM keeps running sums in registers only where it sees them as values.  Plain loops over arrays hide that from it once
sixteen sums are alive at the same time, which is what a fast convolution needs.  So here a Numba type *is* an LLVM
vector: a variable of this type is a register.  `LANES[dtype]` numbers fit into it: 16 float32 or 8 float64 where the
processor has AVX-512, half as many with AVX, a quarter elsewhere.
"""
import numpy as np
from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model


FEATURES = binding.get_host_cpu_features()
BYTES = 64 if FEATURES.get("avx512f") else 32 if FEATURES.get("avx") else 16       # of a register
FEW = 4                # rows that `interleave_few` and `separate_few` take, where a register has more lanes
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


def read(context, builder, array_type, array, index):
    """The register array.flat[index : index + lanes]."""
    vector = Vector(array_type.dtype)
    value = builder.load(address(context, builder, array_type, array, index), typ=vector.llvm)
    value.align = size(vector)
    return value


def write(context, builder, array_type, array, index, value):
    """array.flat[index : index + lanes] = value"""
    place = address(context, builder, array_type, array, index)
    builder.store(value, place).align = size(Vector(array_type.dtype))


@intrinsic
def load(typingctx, array, index):
    """array[index : index + lanes] of a contiguous array, seen as one-dimensional.  Nothing checks the bounds."""
    vector = Vector(array.dtype)

    def codegen(context, builder, signature, arguments):
        return read(context, builder, array, *arguments)
    return vector(array, types.intp), codegen


@intrinsic
def store(typingctx, array, index, value):
    """array[index : index + lanes] = value."""
    def codegen(context, builder, signature, arguments):
        write(context, builder, array, *arguments)
        return context.get_dummy_value()
    return types.void(array, types.intp, value), codegen


def everywhere(builder, vector, number):
    """A register with `number` in every lane."""
    undefined = ir.Constant(vector.llvm, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), vector.lanes), None))


@intrinsic
def broadcast(typingctx, number):
    """A register with `number` in every lane."""
    vector = Vector(number)

    def codegen(context, builder, signature, arguments):
        return everywhere(builder, vector, *arguments)
    return vector(number), codegen


def product_sum(builder, vector, a, b, c):
    """a * b + c, lane by lane, rounded once."""
    kind = ir.FunctionType(vector.llvm, [vector.llvm] * 3)
    name = f"llvm.fma.v{vector.lanes}f{vector.scalar.bitwidth}"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [a, b, c])


@intrinsic
def fma(typingctx, a, b, c):
    """a * b + c, lane by lane, rounded once."""
    def codegen(context, builder, signature, arguments):
        return product_sum(builder, a, *arguments)
    return a(a, a, a), codegen


def pairwise_sums(builder, vector, a, b):
    """a[0] + a[1], a[2] + a[3] ..., b[0] + b[1], b[2] + b[3] ...: half of the way to the totals of a and of b."""
    even, odd = (ir.Constant(ir.VectorType(ir.IntType(32), vector.lanes), list(range(start, 2 * vector.lanes, 2)))
                 for start in (0, 1))
    return builder.fadd(builder.shuffle_vector(a, b, even), builder.shuffle_vector(a, b, odd))


@intrinsic
def lanes(typingctx, array):
    """How many of the array's numbers fit into a register: a constant of the compiled code."""
    def codegen(context, builder, signature, arguments):
        return context.get_constant(types.intp, Vector(array.dtype).lanes)
    return types.intp(array), codegen


# ---------------------------------------------------------------------------------------------------------------------
# Rows of numbers into columns, and back

def shuffle(builder, a, b, numbers):
    """The chosen numbers of the registers a and b laid end to end."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(numbers)), numbers))


def zipped(builder, vectors, lanes):
    """Registers with a row each become the same numbers column by column.

    Zipping row i with row i + R / 2, for all i, halves the distance between the numbers of a column; after log2 R
    rounds they are neighbours.
    """
    low, high = ([half + i // 2 + i % 2 * lanes for i in range(lanes)] for half in (0, lanes // 2))
    for _ in range(len(vectors).bit_length() - 1):
        pairs = zip(vectors[:len(vectors) // 2], vectors[len(vectors) // 2:])
        vectors = [shuffle(builder, a, b, half) for a, b in pairs for half in (low, high)]
    return vectors


def unzipped(builder, vectors, lanes):
    """What undoes `zipped`."""
    even, odd = (list(range(start, 2 * lanes, 2)) for start in (0, 1))
    for _ in range(len(vectors).bit_length() - 1):
        pairs = list(zip(vectors[::2], vectors[1::2]))
        vectors = [shuffle(builder, a, b, every) for every in (even, odd) for a, b in pairs]
    return vectors


def interleaver(most):
    """The intrinsic `interleave` for as many rows as a register has lanes, but at most `most`."""
    @intrinsic
    def interleave(typingctx, source, at, apart, target, to, columns, first, count):
        """target[to + columns[first + v] + m] = source[at + m * apart + v] for all rows m, and for v < count.

        With fewer rows than lanes a register takes several columns, which must be neighbours, and count all lanes.
        """
        vector = Vector(source.dtype)
        rows = min(most, vector.lanes)

        def codegen(context, builder, signature, arguments):
            source_at, at, apart, target_at, to, columns_at, first, count = arguments
            vectors = []
            for m in range(rows):
                place = builder.add(at, builder.mul(apart, ir.Constant(apart.type, m)))
                vectors.append(read(context, builder, source, source_at, place))
            table = context.make_array(columns)(context, builder, columns_at).data
            for j, value in enumerate(zipped(builder, vectors, vector.lanes)):
                v = ir.Constant(first.type, j * vector.lanes // rows)
                with builder.if_then(builder.icmp_signed("<", v, count)):
                    place = builder.add(to, builder.load(builder.gep(table, [builder.add(first, v)])))
                    write(context, builder, target, target_at, place, value)
            return context.get_dummy_value()
        return types.void(source, *[types.intp] * 2, target, types.intp, columns, *[types.intp] * 2), codegen
    return interleave


def separator(most):
    """The intrinsic `separate` for as many rows as a register has lanes, but at most `most`."""
    @intrinsic
    def separate(typingctx, source, at, target, to, apart):
        """target[to + m * apart + v] = source[at + v * rows + m] for all rows m and all lanes v."""
        vector = Vector(source.dtype)
        rows = min(most, vector.lanes)

        def codegen(context, builder, signature, arguments):
            source_at, at, target_at, to, apart = arguments
            vectors = []
            for j in range(rows):
                place = builder.add(at, ir.Constant(at.type, j * vector.lanes))
                vectors.append(read(context, builder, source, source_at, place))
            for m, value in enumerate(unzipped(builder, vectors, vector.lanes)):
                place = builder.add(to, builder.mul(apart, ir.Constant(apart.type, m)))
                write(context, builder, target, target_at, place, value)
            return context.get_dummy_value()
        return types.void(source, types.intp, target, *[types.intp] * 2), codegen
    return separate


interleave, interleave_few = interleaver(BYTES), interleaver(FEW)
separate, separate_few = separator(BYTES), separator(FEW)

if config.DISABLE_JIT:                     # nothing is compiled: the same functions on arrays
    from .uncompiled import (                                              # noqa: F811
        broadcast, fma, interleave, interleave_few, lanes, load, separate, separate_few, store)
