"""The compiled part of `order.py`: a stack of matrices is transposed block by block, each in registers."""
from .compiled import njit, prange
from .vectors import interleave, lanes

LARGE = 1 << 17        # entries from which on it pays to wake another thread


def transpose(source, target, places):
    """target = each matrix of the stack `source` (L, A, B), transposed.   places: b * A for each b"""
    (in_parallel if source.size >= LARGE else in_turn)(source, target, places)


@njit(cache=True)
def in_turn(source, target, places):
    """All of it, on this thread."""
    bands = -(-source.shape[1] // lanes(source))
    for k in range(source.shape[0] * bands):
        transpose_rows(source, target, places, k // bands, k % bands)


@njit(parallel=True, cache=True)
def in_parallel(source, target, places):
    """The threads share the rows."""
    bands = -(-source.shape[1] // lanes(source))
    for k in prange(source.shape[0] * bands):
        transpose_rows(source, target, places, k // bands, k % bands)


@njit(cache=True)
def transpose_rows(source, target, places, l, band):
    """As many rows of the l-th matrix as a register has lanes.

    The last rows overlap those before, and the last columns, too: the same numbers are written twice.
    """
    n = lanes(source)
    _, height, width = source.shape
    first, a = l * height * width, min(band * n, height - n)
    numbers = source.ravel()
    for j in range(0, width, n):
        b = min(j, width - n)
        interleave(numbers, first + a * width + b, width, target, first + a, places, b, n)
