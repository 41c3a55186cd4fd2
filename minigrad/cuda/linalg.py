"""einsum, which becomes matrix products; and linear algebra, which is done on the host."""
import math
import numpy as np
from .array import Array, asarray
from .functions import implements
from .products import matmul
from .reductions import total


@implements(np.einsum)
def einsum(equation, *arrays, **_):
    """Sums of products, as an equation "ij,jk->ik" says: from the left, the operands are multiplied in one by one."""
    left, _, result = equation.partition("->")
    dtype = np.result_type(*(x.dtype for x in arrays))
    operands = [diagonal(term, x.astype(dtype, copy=False)) for term, x in zip(left.split(","), arrays)]
    size = {}
    for term, x in operands:
        size |= {letter: n for letter, n in zip(term, x.shape) if size.get(letter, 1) == 1}
    operands = [narrowed(term, x, size) for term, x in operands]
    while len(operands) > 1:
        (a_term, a), (b_term, b), *operands = operands
        operands = [pair(a_term, a, b_term, b, set(result).union(*(term for term, _ in operands))), *operands]
    term, x = summed(*operands[0], result)
    return x.transpose([term.index(letter) for letter in result])


def diagonal(term, x):
    """x as a view without letters that occur twice: along its diagonals."""
    once = "".join(dict.fromkeys(term))
    return (once, x) if once == term else (once, x.view(np.einsum(f"{term}->{once}", x.layout)))


def narrowed(term, x, size):
    """x without the axes along which it is repeated: it has size 1 there, and another operand more."""
    repeated = [letter for letter, n in zip(term, x.shape) if n != size[letter]]
    return "".join(letter for letter in term if letter not in repeated), x.squeeze(tuple(map(term.index, repeated)))


def summed(term, x, kept):
    """x, added up along the letters that are not kept."""
    gone = tuple(d for d, letter in enumerate(term) if letter not in kept)
    return "".join(letter for letter in term if letter in kept), total(x, gone, x.dtype) if gone else x


def pair(a_term, a, b_term, b, kept):
    """The product of two operands, added up along the letters that are not kept: a stack of matrix products."""
    a_term, a = summed(a_term, a, kept.union(b_term))
    b_term, b = summed(b_term, b, kept.union(a_term))
    stack = [letter for letter in a_term if letter in b_term and letter in kept]
    inner = [letter for letter in a_term if letter in b_term and letter not in kept]
    rows, columns = [x for x in a_term if x not in b_term], [x for x in b_term if x not in a_term]
    size = dict(zip(a_term + b_term, a.shape + b.shape))
    sizes = lambda letters: tuple(size[letter] for letter in letters)
    a = a.transpose([a_term.index(letter) for letter in stack + rows + inner])
    b = b.transpose([b_term.index(letter) for letter in stack + inner + columns])
    M, K, N = (math.prod(sizes(letters)) for letters in (rows, inner, columns))
    c = matmul(a.reshape(*sizes(stack), M, K), b.reshape(*sizes(stack), K, N))
    return "".join(stack + rows + columns), c.reshape(sizes(stack + rows + columns))


# ---------------------------------------------------------------------------------------------------------------------
# Linear algebra, on the host: matrices that are inverted in these models are small

def on_host(function):
    """NumPy's function of the arrays' copies on the host; the results go to the device."""
    def ours(*arrays):
        found = function(*(x.numpy() if isinstance(x, Array) else x for x in arrays))
        return tuple(map(asarray, found)) if isinstance(found, tuple) else asarray(found)
    return ours


for function in (np.linalg.slogdet, np.linalg.det, np.linalg.inv, np.linalg.solve):
    implements(function)(on_host(function))
