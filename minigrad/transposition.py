"""The compiled part of `order.py`: a stack of matrices is transposed block by block, each in registers."""
from .compiled import njit
from .vectors import interleave, lanes


@njit(cache=True)
def transpose(source, target, places):
    """target = each matrix of the stack `source` (L, A, B), transposed.   places: b * A for each b

    The last blocks overlap those before them.
    """
    n = lanes(source)
    _, height, width = source.shape
    numbers = source.ravel()
    for matrix in range(0, source.size, height * width):
        for i in range(0, height, n):
            a = min(i, height - n)
            for j in range(0, width, n):
                b = min(j, width - n)
                interleave(numbers, matrix + a * width + b, width, target, matrix + a, places, b, n)
