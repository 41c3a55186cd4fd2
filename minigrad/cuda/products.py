"""Products of matrices.

A block of threads computes a tile of the product, C[m, n] = sum over k of A[m, k] B[k, n], `depth` values of k at a
time.  It brings these columns of A and rows of B into shared memory, where every number is used by many threads:

                                      B  (depth, columns)
                                    +------------------------+
                                    |   n n      n n         |        a thread's `across` columns
                                    +------------------------+
              A  (rows, depth)        |          |
                +-----+             +------------------------+
                |     |             |                        |
                | m   |  ---------> |   C C      C C         |        a thread holds its down x across
                | m   |             |   C C      C C         |        entries of C in registers
                |     |             |                        |
                | m   |  ---------> |   C C      C C         |
                | m   |             |   C C      C C         |
                +-----+             +------------------------+        C  (rows, columns)

For every k a thread reads down + across numbers, and does down x across products with them.  Its rows, and its columns,
are neighbours in groups of `group`, which one instruction reads, and the groups are spread over the tile, so that
neighbouring threads read neighbouring groups.

While the threads multiply, their reads for the next `depth` values of k are under way: they arrive in registers, and go
into the other half of the tiles when all have been sent for.
"""
import functools
import math
from collections import namedtuple
import numpy as np
from .array import Array, empty
from .elementwise import collapsed, operand, placer, spread_steps
from .functions import copy_to, full
from .launch import Kernel, cuda, device, scalar, simulated, unrolled
from .reductions import total


class Tile(namedtuple("Tile", "rows columns down across group depth")):
    """How a block divides its work.

    rows, columns   of C, for a block
    down, across    rows and columns of a thread
    group           of them, so many are neighbours
    depth           values of k that are in shared memory at a time: a power of two
    """
    __slots__ = ()

    @property
    def threads(self):
        """Of a block."""
        return self.rows // self.down * (self.columns // self.across)

    @property
    def group_steps(self):
        """From one group of a thread's rows to the next, and from one group of its columns to the next."""
        return self.rows // self.down * self.group, self.columns // self.across * self.group


LARGE, MEDIUM, SMALL = ((Tile(4, 4, 2, 2, 1, 2), Tile(4, 4, 2, 2, 2, 1), Tile(2, 2, 1, 2, 1, 2)) if simulated else
                        (Tile(128, 128, 8, 8, 4, 8), Tile(64, 64, 4, 4, 4, 16), Tile(16, 16, 2, 2, 2, 16)))
BUSY = 4 if simulated else 128             # so many blocks at least use most of the device
SHORTEST = 4 if simulated else 128         # values of k that a part of a product must have


# ---------------------------------------------------------------------------------------------------------------------
# The kernel

def mover(T, size, tile, neighbours):
    """Functions that bring a part of an operand, `size` rows (or columns) x `depth` values of k, into shared memory.

    neighbours      whether neighbouring threads take neighbouring rows, because these lie side by side in memory; if
                    not, they take neighbouring values of k
    """
    threads, depth = tile.threads, tile.depth
    THREADS, SIZE, DEPTH, MOVED = map(np.uint64, (threads, size, depth, size * depth // threads))
    PITCH, HALF = np.uint64(pitch(size)), np.uint64(pitch(size) * depth)
    ROWS_ON, K_ON = (0, threads // size) if neighbours else (threads // depth, 0)          # to a thread's next number
    ZERO, zero = np.uint64(0), T(0)

    @device
    def row(t, i):
        """Of the number that thread t moves as its number i."""
        return (t + i * THREADS) % SIZE if neighbours else (t + i * THREADS) // DEPTH

    @device
    def k(t, i):
        """Of that number."""
        return (t + i * THREADS) // SIZE if neighbours else (t + i * THREADS) % DEPTH

    @device
    def begin(t, start, step, k_step, first):
        """Where the thread's first number is, when its tile begins with row number `first`."""
        return start + (first + np.int64(row(t, ZERO))) * step + np.int64(k(t, ZERO)) * k_step

    @device
    def fetch(t, x, at, step, k_step, rows, more, numbers):
        """From memory into registers; 0 where the tile has no more rows, or there are no more values of k."""
        stride = ROWS_ON * step + K_ON * k_step
        for i in range(MOVED):
            inside = np.int32(row(t, i)) < rows and np.int32(k(t, i)) < more
            numbers[i] = x[np.uint64(at + np.int64(i) * stride)] if inside else zero

    @device
    def put(t, numbers, held, half):
        """From registers into a half of the shared memory."""
        for i in range(MOVED):
            held[half * HALF + k(t, i) * PITCH + row(t, i)] = numbers[i]

    return begin, fetch, put


def pitch(size):
    """From one k to the next in shared memory.  4 more, or else rows of neighbouring k would lie in the same bank."""
    return size + 4


def multiplier(T, tile):
    """The function multiply(a, at_a, b, at_b, sums) that multiplies the tiles in shared memory.

    at_a, at_b      where the thread's first row and its first column are
    """
    down, across = tile.down, tile.across
    DOWN, ACROSS, GROUP = map(np.uint64, (down, across, tile.group))
    DOWN_STEP, ACROSS_STEP = map(np.uint64, tile.group_steps)

    @device
    def once(a, at_a, b, at_b, sums):
        """For one k:  sums[m, n] += a[m] b[n]"""
        column, row = cuda.local.array(down, T), cuda.local.array(across, T)
        for m in range(DOWN):
            column[m] = a[at_a + m // GROUP * DOWN_STEP + m % GROUP]
        for n in range(ACROSS):
            row[n] = b[at_b + n // GROUP * ACROSS_STEP + n % GROUP]
        for m in range(DOWN):
            for n in range(ACROSS):
                sums[m * ACROSS + n] += column[m] * row[n]

    return unrolled(once, tile.depth, lambda n: map(np.uint64, (n * pitch(tile.rows), n * pitch(tile.columns))))


@functools.cache
def product_kernel(dtype, tile, a_neighbours, b_neighbours, stack_axes):
    """The kernel that multiplies stacks of matrices, with so many axes before the matrices'.

    a_neighbours    whether A is read along its columns, because a column's numbers lie side by side
    b_neighbours    whether B is read along its rows
    """
    place, T = placer(stack_axes), scalar(dtype)
    begin_a, fetch_a, put_a = mover(T, tile.rows, tile, a_neighbours)
    begin_b, fetch_b, put_b = mover(T, tile.columns, tile, b_neighbours)
    multiply = multiplier(T, tile)
    rows, columns, depth, threads = tile.rows, tile.columns, tile.depth, tile.threads
    a_moved, b_moved, sums_size = rows * depth // threads, columns * depth // threads, tile.down * tile.across
    a_size, b_size = 2 * depth * pitch(rows), 2 * depth * pitch(columns)
    A_HALF, B_HALF = np.uint64(depth * pitch(rows)), np.uint64(depth * pitch(columns))
    DOWN, ACROSS, GROUP, BESIDE = map(np.uint64, (tile.down, tile.across, tile.group, columns // tile.across))
    DOWN_STEP, ACROSS_STEP = map(np.uint64, tile.group_steps)
    ONE, zero = np.uint64(1), T(0)

    def kernel(M, N, K, parts, each, shape, a_stack, b_stack, a_start, a_steps, b_start, b_steps, a, b, c):
        """Block number ((matrix * parts + part) * rows of tiles + row) * columns of tiles + column.

        each            values of k that a part has
        shape, a_stack, b_stack     of the axes before the matrices', and the steps along them
        a_steps, b_steps            along M and K, and along N and K
        c               contiguous: (matrices, parts, M, N)
        """
        a_tiles = cuda.shared.array(a_size, T)             # the simulator knows shared arrays by the line they stand in
        b_tiles = cuda.shared.array(b_size, T)
        sums = cuda.local.array(sums_size, T)
        a_numbers, b_numbers = cuda.local.array(a_moved, T), cuda.local.array(b_moved, T)
        t, block = np.uint64(cuda.threadIdx.x), np.int64(cuda.blockIdx.x)
        across, down = -(-N // columns), -(-M // rows)
        first_n, first_m = block % across * columns, block // across % down * rows
        product = block // (across * down)
        matrix, part = product // parts, product % parts
        k, end = part * each, min(K, (part + 1) * each)
        a_step, b_step, a_k, b_k = a_steps[0], b_steps[0], a_steps[1], b_steps[1]
        a_at = begin_a(t, place(matrix, shape, a_start, a_stack) + k * a_k, a_step, a_k, first_m)
        b_at = begin_b(t, place(matrix, shape, b_start, b_stack) + k * b_k, b_step, b_k, first_n)
        left_m, left_n = np.int32(min(M - first_m, rows)), np.int32(min(N - first_n, columns))
        my_m, my_n = t // BESIDE * GROUP, t % BESIDE * GROUP
        for i in range(DOWN * ACROSS):
            sums[i] = zero
        fetch_a(t, a, a_at, a_step, a_k, left_m, np.int32(min(end - k, depth)), a_numbers)
        fetch_b(t, b, b_at, b_step, b_k, left_n, np.int32(min(end - k, depth)), b_numbers)
        half = ONE - ONE
        put_a(t, a_numbers, a_tiles, half)
        put_b(t, b_numbers, b_tiles, half)
        while k < end:
            k += depth
            a_at += depth * a_k
            b_at += depth * b_k
            fetch_a(t, a, a_at, a_step, a_k, left_m, np.int32(min(end - k, depth)), a_numbers)
            fetch_b(t, b, b_at, b_step, b_k, left_n, np.int32(min(end - k, depth)), b_numbers)
            cuda.syncthreads()             # what was put is there, and the compiler can't put off the reads
            multiply(a_tiles, half * A_HALF + my_m, b_tiles, half * B_HALF + my_n, sums)
            half = ONE - half
            put_a(t, a_numbers, a_tiles, half)
            put_b(t, b_numbers, b_tiles, half)
        for i in range(DOWN):
            m = first_m + np.int64(my_m + i // GROUP * DOWN_STEP + i % GROUP)
            for j in range(ACROSS):
                n = first_n + np.int64(my_n + j // GROUP * ACROSS_STEP + j % GROUP)
                if m < M and n < N:
                    c[np.uint64((product * M + m) * N + n)] = sums[i * ACROSS + j]
    # 128 registers a thread: enough for the large tile in float32, and two of its blocks share a multiprocessor
    return Kernel(kernel, bounds=(threads, 65536 // (threads * 128)) if dtype.itemsize == 4 else None)


# ---------------------------------------------------------------------------------------------------------------------
# matmul

def matmul(a, b, out=None):
    """np.matmul: the products of two stacks of matrices, which broadcast; a vector is a row or a column.

    Raises ValueError for shapes that do not fit.
    """
    a, b = operand("matmul", a), operand("matmul", b)
    if not (isinstance(a, Array) and isinstance(b, Array)) or 0 in (a.ndim, b.ndim):
        raise ValueError("matmul: a number is no matrix")
    dtype = np.matmul.resolve_dtypes((a.dtype, b.dtype, None))[-1]
    if dtype == bool:                      # whether any term is True
        c = matmul(a.astype(np.int64), b) != 0
        return c if out is None else copied(c, out)
    a, b, rows, columns = a.astype(dtype, copy=False), b.astype(dtype, copy=False), a.ndim > 1, b.ndim > 1
    a, b = a if rows else a.view(a.layout[None]), b if columns else b.view(b.layout[:, None])
    if a.shape[-1] != b.shape[-2]:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} don't multiply: a's last size must equal b's last "
                         "but one")
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    c = multiplied(a, b, stack, dtype).reshape(*stack, *a.shape[-2:-1] * rows, *b.shape[-1:] * columns)
    return c if out is None else copied(c, out)


def copied(c, out):
    """`out`, with c written to it."""
    copy_to(out, c)
    return out


def multiplied(a, b, stack, dtype):
    """The products of stacks of matrices of one type: an array (matrices, M, N)."""
    (M, K), N, matrices = a.shape[-2:], b.shape[-1], math.prod(stack)
    if not matrices * M * N * K:
        return full((matrices, M, N), 0, dtype)
    tile, blocks = chosen(M, N, matrices)
    parts = min(-(-2 * BUSY // blocks), K // SHORTEST) if blocks < BUSY and K >= 2 * SHORTEST else 1
    each = -(-K // parts)
    c = empty((matrices, parts, M, N), dtype)
    shape, a_stack, b_stack = collapsed((stack, spread_steps(a.view(a.layout[..., 0, 0]), stack),
                                         spread_steps(b.view(b.layout[..., 0, 0]), stack)))
    (*_, a_m, a_k), (*_, b_k, b_n) = a.steps, b.steps
    kernel = product_kernel(dtype, tile, abs(a_m) < abs(a_k), abs(b_n) < abs(b_k), len(shape))
    kernel(blocks * parts, tile.threads, M, N, K, parts, each, shape, a_stack, b_stack,
           a.start, (a_m, a_k), b.start, (b_n, b_k), a, b, c)
    return c.reshape(matrices, M, N) if parts == 1 else total(c, 1)


def chosen(M, N, matrices):
    """The tile for products of M x N, and how many blocks that makes: the largest tile that uses most of the device."""
    for tile in (LARGE, MEDIUM, SMALL):
        blocks = matrices * -(-M // tile.rows) * -(-N // tile.columns)
        fits = min(M, N) > SMALL.rows and (tile is MEDIUM or blocks >= BUSY)
        if fits or tile is SMALL:
            return tile, blocks
