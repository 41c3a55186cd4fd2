"""A tile for Numba: the running sums of a convolution, some rows and columns of registers, as one variable.

A step of a convolution multiplies a few weights by a few registers of the image, all by all:

                b0                  b1                  b2              parts of the image
    w[k]        s00 += w[k] b0      s01 += w[k] b1      s02 += w[k] b2
    w[k + 1]    s10 += w[k+1] b0    s11 += w[k+1] b1    s12 += w[k+1] b2
    ...

The more sums, the fewer loads for each product, but all sums must stay in registers.  Where the processor has 32 of
them, 24 are sums, and parts of the image and weights take the rest; where it has 16, there is room for 12 sums.

A tile *is* an LLVM array of vectors, which LLVM takes apart into registers.  How many rows and columns it has is part
of its type, as the length of a tuple is of a tuple's: the functions take tuples with an entry for each row or column.
"""
import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic, models, register_model
from .vectors import FEATURES, LANES, Vector, everywhere, pairwise_sums, product_sum, read, write

MANY = FEATURES.get("avx512f") or FEATURES.get("neon")     # 32 registers rather than 16
FEW = 4                                # rows: where there are few channels or registers, and of a weight gradient
ROWS, COLUMNS = (8, 3) if MANY else (FEW, 3)                   # of a convolution
PAIRS = 6 if MANY else 3               # columns of a weight gradient


class Tile(types.Type):
    """The Numba type of rows x columns registers of numbers of the scalar type `scalar`."""

    def __init__(self, scalar, rows, columns):
        self.scalar, self.rows, self.columns, self.vector = scalar, rows, columns, Vector(scalar)
        super().__init__(name=f"tile({rows} x {columns} x {self.vector.name})")

    @property
    def llvm(self):
        return ir.ArrayType(self.vector.llvm, self.rows * self.columns)

    def places(self):
        """(row, column, number among all) of each register."""
        return [(r, j, self.columns * r + j) for r in range(self.rows) for j in range(self.columns)]


@register_model(Tile)
class TileModel(models.PrimitiveModel):
    def __init__(self, manager, tile):
        super().__init__(manager, tile, tile.llvm)


def further(builder, at, count):
    """at + count"""
    return builder.add(at, ir.Constant(at.type, count))


def places(builder, at, apart, count):
    """at, at + apart, at + 2 apart ..."""
    return [builder.add(at, builder.mul(apart, ir.Constant(apart.type, r))) for r in range(count)]


def filled(context, builder, vector, array_type, array, at, count):
    """Registers: everywhere in one is array.flat[at], everywhere in the next array.flat[at + 1], and so on."""
    base = context.make_array(array_type)(context, builder, array).data
    numbers = [builder.load(builder.gep(base, [further(builder, at, r)])) for r in range(count)]
    return [everywhere(builder, vector, number) for number in numbers]


def shifted(context, builder, array_type, array, at, starts):
    """The registers array.flat[at + start : ...], for each number in the tuple `starts`."""
    count = starts.type.count
    return [read(context, builder, array_type, array, builder.add(at, builder.extract_value(starts, j)))
            for j in range(count)]


def add_outer(builder, tile, value, a, b):
    """The tile `value`, with a[r] * b[j] added in row r and column j, lane by lane."""
    for r, j, n in tile.places():
        total = product_sum(builder, tile.vector, a[r], b[j], builder.extract_value(value, n))
        value = builder.insert_value(value, total, n)
    return value


# ---------------------------------------------------------------------------------------------------------------------
# What kernels call.   rows, columns, starts: tuples with an entry for each row, or column, of a tile

@intrinsic
def zero_tile(typingctx, rows, columns, array):
    """A tile of zeros, of the array's type."""
    tile = Tile(array.dtype, len(rows), len(columns))

    def codegen(context, builder, signature, arguments):
        return ir.Constant(tile.llvm, None)
    return tile(rows, columns, array), codegen


@intrinsic
def filled_tile(typingctx, rows, columns, array, at):
    """A tile with array.flat[at + r] everywhere in row r."""
    tile = Tile(array.dtype, len(rows), len(columns))

    def codegen(context, builder, signature, arguments):
        value = ir.Constant(tile.llvm, ir.Undefined)
        numbers = filled(context, builder, tile.vector, array, *arguments[2:], tile.rows)
        for r, _, n in tile.places():
            value = builder.insert_value(value, numbers[r], n)
        return value
    return tile(rows, columns, array, types.intp), codegen


@intrinsic
def load_tile(typingctx, rows, columns, array, at, apart):
    """The tile with array.flat[at + r * apart : ...] as row r, one register after the other."""
    tile = Tile(array.dtype, len(rows), len(columns))

    def codegen(context, builder, signature, arguments):
        numbers, at, apart = arguments[2:]
        value, firsts = ir.Constant(tile.llvm, ir.Undefined), places(builder, at, apart, tile.rows)
        for r, j, n in tile.places():
            place = further(builder, firsts[r], j * tile.vector.lanes)
            value = builder.insert_value(value, read(context, builder, array, numbers, place), n)
        return value
    return tile(rows, columns, array, types.intp, types.intp), codegen


@intrinsic
def store_tile(typingctx, array, at, apart, tile):
    """array.flat[at + r * apart : ...] = row r"""
    def codegen(context, builder, signature, arguments):
        numbers, at, apart, value = arguments
        firsts = places(builder, at, apart, tile.rows)
        for r, j, n in tile.places():
            place = further(builder, firsts[r], j * tile.vector.lanes)
            write(context, builder, array, numbers, place, builder.extract_value(value, n))
        return context.get_dummy_value()
    return types.void(array, types.intp, types.intp, tile), codegen


@intrinsic
def add_products(typingctx, tile, w, k, x, at, starts):
    """The tile, with w.flat[k + r] * x.flat[at + starts[j] : ...] added in row r and column j."""
    def codegen(context, builder, signature, arguments):
        value, weights, k, numbers, at, starts = arguments
        a = filled(context, builder, tile.vector, w, weights, k, tile.rows)
        return add_outer(builder, tile, value, a, shifted(context, builder, x, numbers, at, starts))
    return tile(tile, w, types.intp, x, types.intp, starts), codegen


@intrinsic
def add_row_products(typingctx, tile, y, at, apart, x, start, starts):
    """The tile, with y.flat[at + r * apart : ...] * x.flat[start + starts[j] : ...] added in row r and column j."""
    def codegen(context, builder, signature, arguments):
        value, rows, at, apart, numbers, start, starts = arguments
        a = [read(context, builder, y, rows, place) for place in places(builder, at, apart, tile.rows)]
        return add_outer(builder, tile, value, a, shifted(context, builder, x, numbers, start, starts))
    return tile(tile, y, types.intp, types.intp, x, types.intp, starts), codegen


def number_of_totals(registers, dtype):
    """How many numbers `add_totals` adds to: one for each of a tile's registers, rounded up to whole registers."""
    lanes = LANES[np.dtype(dtype)]
    return -(-registers // lanes) * lanes


@intrinsic
def add_totals(typingctx, array, at, tile):
    """array.flat[at + k] += the sum of the lanes of register k, counted row by row.

    (Some zeros are added behind, to fill the last register.)
    """
    def codegen(context, builder, signature, arguments):
        numbers, at, value = arguments
        vector = tile.vector
        parts = [builder.extract_value(value, n) for _, _, n in tile.places()]
        while len(parts) % vector.lanes:
            parts.append(ir.Constant(vector.llvm, None))
        for _ in range(vector.lanes.bit_length() - 1):     # then each lane is one total
            parts = [pairwise_sums(builder, vector, a, b) for a, b in zip(parts[::2], parts[1::2])]
        for k, part in enumerate(parts):
            place = further(builder, at, k * vector.lanes)
            total = builder.fadd(read(context, builder, array, numbers, place), part)
            write(context, builder, array, numbers, place, total)
        return context.get_dummy_value()
    return types.void(array, types.intp, tile), codegen


@intrinsic
def take(typingctx, array, at, columns):
    """The numbers array.flat[at], array.flat[at + 1] ... as a tuple, as long as `columns`."""
    taken = types.UniTuple(array.dtype, len(columns))

    def codegen(context, builder, signature, arguments):
        base = context.make_array(array)(context, builder, arguments[0]).data
        numbers = [builder.load(builder.gep(base, [further(builder, arguments[1], j)])) for j in range(len(columns))]
        return context.make_tuple(builder, taken, numbers)
    return taken(array, types.intp, columns), codegen


if config.DISABLE_JIT:                     # nothing is compiled: the same functions on arrays
    from .uncompiled import (                                              # noqa: F811
        add_products, add_row_products, add_totals, filled_tile, load_tile, store_tile, take, zero_tile)
