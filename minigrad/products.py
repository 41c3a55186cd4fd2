"""Products of matrices: `matmul` (the operator @), its special cases, `outer`, and `einsum`."""
import math
import string
import numpy as np
from .broadcasting import sum_to
from .dtypes import operands
from .elementwise import mul
from .shapes import alike, listed, reshape, transpose, unsqueeze
from .tensor import Tensor, array_of, raw, record


# ---------------------------------------------------------------------------------------------------------------------
# matmul

def matmul(a, b):
    """The matrix product a @ b.

    Of two vectors it is a number; a vector counts as a row on the left, and as a column on the right.  Axes before the
    last two hold stacks of matrices, and broadcast.  Raises ValueError for shapes that do not fit.
    """
    return record(product(*operands("matmul", a, b)), matmul_rule, a, b)


def product(a, b):
    """The matrix product of two arrays."""
    shapes = np.shape(a), np.shape(b)
    try:
        if a.ndim > 2 and b.ndim == 2:     # one large product, not one for each matrix of the stack
            out = np.empty(a.shape[:-1] + b.shape[-1:], a.dtype, like=a)
            np.matmul(rows(a), b, out=rows(out))
            return out
        return np.matmul(a, b)
    except (ValueError, AttributeError):
        raise ValueError(f"matmul: shapes {shapes[0]} and {shapes[1]} don't multiply: they need at least one axis "
                         "each, a's last size must equal b's last but one, and the axes before broadcast") from None


def rows(x):
    """A stack of matrices as one matrix, of all their rows."""
    return reshape(x, math.prod(x.shape[:-1]), x.shape[-1])


def turned(x):
    """The matrices of a stack, transposed."""
    return transpose(x, -2, -1)


def matmul_rule(g, y, a, b):
    """dY = dA B + A dB: A gets g B', and B gets A' g, with the sum over whatever was broadcast.

    Where B is one matrix, or a vector, and A a stack, the stack's rows make one matrix: B's is one product, too.
    """
    if a.ndim == b.ndim == 1:
        return lambda: g * b, lambda: g * a
    if b.ndim == 1:
        return lambda: unsqueeze(g, -1) * b, lambda: matmul(reshape(g, math.prod(g.shape)), rows(a))
    if a.ndim == 1:
        return (lambda: sum_to(reshape(matmul(b, unsqueeze(g, -1)), b.shape[:-1]), a.shape),
                lambda: unsqueeze(a, -1) * unsqueeze(g, -2))
    if b.ndim == 2:
        return lambda: matmul(g, turned(b)), lambda: matmul(turned(rows(a)), rows(g))
    return lambda: sum_to(matmul(g, turned(b)), a.shape), lambda: sum_to(matmul(turned(a), g), b.shape)


def mm(a, b):
    """The product of two matrices: `matmul` that refuses anything else."""
    return of_dimensions("mm", a, 2, b, 2)


def bmm(a, b):
    """The products of two stacks of as many matrices: `matmul` of (N, L, M) and (N, M, K), without broadcasting."""
    if len(np.shape(raw(a))) == len(np.shape(raw(b))) == 3 and raw(a).shape[0] != raw(b).shape[0]:
        raise ValueError(f"bmm: {raw(a).shape} and {raw(b).shape} are stacks of different sizes")
    return of_dimensions("bmm", a, 3, b, 3)


def mv(a, b):
    """The product of a matrix and a vector: `matmul` that refuses anything else."""
    return of_dimensions("mv", a, 2, b, 1)


def dot(a, b):
    """The inner product of two vectors: `matmul` that refuses anything else."""
    return of_dimensions("dot", a, 1, b, 1)


def of_dimensions(name, a, a_ndim, b, b_ndim):
    """matmul(a, b), if a and b have these numbers of axes."""
    shapes = np.shape(raw(a)), np.shape(raw(b))
    if (len(shapes[0]), len(shapes[1])) != (a_ndim, b_ndim):
        raise ValueError(f"{name}: shapes {shapes[0]} and {shapes[1]} must have {a_ndim} and {b_ndim} axes; "
                         "matmul takes others")
    return matmul(a, b)


def outer(a, b):
    """The outer product of two vectors: y[i][j] = a[i] b[j]."""
    shapes = np.shape(raw(a)), np.shape(raw(b))
    if (len(shapes[0]), len(shapes[1])) != (1, 1):
        raise ValueError(f"outer: shapes {shapes[0]} and {shapes[1]} must be those of vectors")
    return mul(unsqueeze(a, 1), b)


# ---------------------------------------------------------------------------------------------------------------------
# einsum

def einsum(equation, *tensors):
    """Sums of products, as an equation of indices says: "ij,jk->ik" is y[i][k] = sum_j a[i][j] b[j][k].

    equation    for each tensor one letter per axis, with commas between; then "->" and the result's letters.  A letter
                twice in one tensor means its diagonal; letters that the result does not have are summed over.  "..." is
                for any further axes, which broadcast.  Without "->", the result has the letters that occur once, in
                alphabetical order, after the "..." axes
    Raises ValueError for an equation, or sizes, that do not fit.
    """
    arrays = alike([array_of(x) for x in tensors]) if tensors else []
    terms, result = parse(equation, arrays)
    check_sizes(equation, terms, arrays)
    data = np.einsum(",".join(terms) + "->" + result, *arrays, optimize=len(arrays) > 1)
    return record(data, einsum_rule, *tensors, terms=terms, result=result)


def einsum_rule(g, y, *tensors, terms, result):
    """Each tensor gets the product of the cotangent and the other tensors, summed to its own letters.

    A letter that only it has was summed over: each of its entries gets the same, so a vector of ones supplies the
    letter.  The second of two equal letters becomes a new one, and the identity matrix ties it to the first: what is
    off the diagonal gets zero.
    """
    size = {}
    for term, x in zip(terms, tensors):
        for letter, n in zip(term, x.shape):
            size[letter] = max(n, size.get(letter, n), key=lambda n: n != 1)

    def cotangent(i):
        others = [(term, x) for k, (term, x) in enumerate(zip(terms, tensors)) if k != i]
        factors = [(result, g), *others]
        known, target = set("".join(term for term, _ in factors)), ""
        unused = (letter for letter in string.ascii_letters if letter not in size)
        for letter in terms[i]:
            if letter in target:
                first, letter = letter, next(unused)
                factors.append((first + letter, np.eye(size[first], dtype=g.dtype, like=array_of(g))))
            elif letter not in known:
                factors.append((letter, np.ones(size[letter], g.dtype, like=array_of(g))))
            target += letter
        given = einsum(",".join(term for term, _ in factors) + "->" + target, *(x for _, x in factors))
        return sum_to(given, tensors[i].shape)
    return tuple((lambda i=i: cotangent(i)) for i in range(len(tensors)))


def parse(equation, arrays):
    """The equation's terms, one per array, and its result, with letters in place of "...".

    Raises ValueError for an equation that is none, or that does not fit the arrays' numbers of axes.
    """
    left, arrow, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    for term in (*terms, result):
        if not all(letter in string.ascii_letters for letter in term.replace("...", "", 1)):
            raise ValueError(f"einsum: {term!r} in {equation!r} must be made of letters, and at most one '...'")
    if not arrow:
        once = sorted(letter for letter in set(left) - set(",.") if left.count(letter) == 1)
        result = ("..." if "..." in left else "") + "".join(once)
    named = [term.replace("...", "") for term in terms]
    ndims = [a.ndim for a in arrays]
    fits = len(terms) == len(arrays) and all(
        n >= len(letters) if "..." in term else n == len(letters) for term, letters, n in zip(terms, named, ndims))
    if not fits:
        raise ValueError(f"einsum: {equation!r} does not fit shapes {listed(arrays) or 'of no tensors'}: "
                         "one term per tensor, one letter per axis")
    spare = [letter for letter in string.ascii_letters if letter not in equation]
    further = max((n - len(letters) for letters, n in zip(named, ndims)), default=0)
    spare = "".join(spare[:further])       # the broadcast axes, aligned at the last one
    terms = [term.replace("...", spare[further - n + len(letters):]) for term, letters, n in zip(terms, named, ndims)]
    result = result.replace("...", spare)
    if len(set(result)) < len(result) or not set(result) <= set("".join(terms)):
        raise ValueError(f"einsum: in {equation!r}, each letter after '->' must stand there once, "
                         "and in one of the terms")
    return terms, result


def check_sizes(equation, terms, arrays):
    """Refuse axes of one letter but different sizes (1 is repeated)."""
    size = {}
    for term, array in zip(terms, arrays):
        for letter, n in zip(term, array.shape):
            if n != size.setdefault(letter, n) and 1 not in (n, size[letter]):
                raise ValueError(f"einsum: {equation!r} gives one letter to axes of sizes {size[letter]} and {n} "
                                 f"in shapes {listed(arrays)}")
            size[letter] = n if size[letter] == 1 else size[letter]


Tensor.__matmul__, Tensor.__rmatmul__ = matmul, lambda b, a: matmul(a, b)
for function in (matmul, mm, bmm, mv, dot, outer):
    setattr(Tensor, function.__name__, function)
