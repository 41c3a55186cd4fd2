"""Linear algebra on matrices, or stacks of them along leading axes: determinants, inverses, systems, norms.

A singular matrix has no inverse, so `inv`, `solve`, and the gradients of `det` and `slogdet` raise ValueError for it.
"""
from collections import namedtuple
import numpy as np
from .broadcasting import sum_to, total
from .dtypes import floating
from .elementwise import constant, where
from .products import matmul, turned
from .reductions import axes, spread
from .shapes import unsqueeze
from .tensor import Tensor, record

Slogdet = namedtuple("Slogdet", "sign logabsdet")


def square(name, x):
    """The floating-point array of x, whose last two axes must be those of square matrices."""
    array = floating(x)
    if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        raise ValueError(f"{name}: shape {array.shape} must end in two equal sizes, those of square matrices")
    return array


def regular(name, function, a, *others):
    """function(a, *others) of NumPy, with singular matrices reported in one way."""
    try:
        return function(a, *others)
    except np.linalg.LinAlgError:
        raise ValueError(f"{name}: a matrix of shape {a.shape} is singular, so it has no inverse") from None


def slogdet(x):
    """The determinant of square matrices as the named tuple (sign, logabsdet): det = sign * exp(logabsdet).

    Unlike `det` it can neither overflow nor underflow; of a singular matrix it is (0, -inf).  The sign is a constant.
    """
    sign, logabsdet = np.linalg.slogdet(square("slogdet", x))
    return Slogdet(constant(sign, x), record(logabsdet, slogdet_rule, x))


def slogdet_rule(g, y, x):
    """d log|det X| = trace(X^-1 dX)."""
    return matrices(g) * turned(inv(x))


def matrices(x):
    """x with two axes of size 1 behind the others: a number for each matrix of a stack."""
    return unsqueeze(unsqueeze(x, -1), -1)


def det(x):
    """The determinant of square matrices."""
    return record(np.linalg.det(square("det", x)), det_rule, x)


def det_rule(g, y, x):
    """d det X = det X trace(X^-1 dX), for a regular X."""
    return matrices(g * y) * turned(inv(x))


def inv(x):
    """The inverse of square matrices.  Raises ValueError for a singular one."""
    return record(regular("inv", np.linalg.inv, square("inv", x)), inv_rule, x)


def inv_rule(g, y, x):
    """d X^-1 = -X^-1 dX X^-1."""
    return -matmul(matmul(turned(y), g), turned(y))


def solve(A, B):
    """The solution X of A X = B for square matrices A.

    B           matrices of shape (..., n, k); or vectors: of shape (n,), or of A's shape without its last axis
    Stacks broadcast.  Raises ValueError for shapes that do not fit and for a singular A.
    """
    a, b = square("solve", A), floating(B)
    vectors = b.ndim == 1 or b.shape == a.shape[:-1]
    if not solvable(a.shape, b.shape + (1,) * vectors):
        raise ValueError(f"solve: A {a.shape} and B {b.shape} do not fit: B needs {a.shape[-1]} rows, "
                         "and the axes before the matrices' must broadcast")
    if vectors:
        return solve(A, unsqueeze(B, -1))[..., 0]
    return record(regular("solve", np.linalg.solve, a, b), solve_rule, A, B)


def solvable(a, b):
    """Whether matrices of shape `a` and right-hand sides of shape `b` make linear systems."""
    try:
        return len(b) > 1 and b[-2] == a[-1] and np.broadcast_shapes(a[:-2], b[:-2]) is not None
    except ValueError:
        return False


def solve_rule(g, y, A, B):
    """dX = A^-1 (dB - dA X)."""
    for_B = solve(turned(A), g)
    return lambda: sum_to(-matmul(for_B, turned(y)), A.shape), lambda: sum_to(for_B, B.shape)


def norm(x, p=2, dim=None, keepdim=False):
    """The Euclidean norm sqrt(sum(x^2)) along `dim`: an axis, several, or None for all.  Its gradient at 0 is 0.

    p           2 is the only one
    """
    if p not in (2, "fro"):
        raise ValueError(f"norm: p={p!r} is unknown; 2 is the only one")
    array = floating(x)
    dim = axes("norm", dim, array.ndim)
    return record(np.sqrt(total(np.square(array), dim, keepdim)), norm_rule, x, dim=dim)


def norm_rule(g, y, x, dim):
    """dy = sum x dx / y, and 0 where the norm y is 0."""
    return spread(where(y == 0, 0, g / where(y == 0, 1, y)), x.shape, dim) * x


for function in (slogdet, det, norm):
    setattr(Tensor, function.__name__, function)
Tensor.inverse = inv
