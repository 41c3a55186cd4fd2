"""Products of matrices on the device, einsum and linear algebra, against NumPy's."""
import numpy as np
import pytest
from minigrad.cuda import driver, products
from tests.on_device import equal, there
from tests.test_cuda_elementwise import numbers

SHAPES = [((3, 5), (5, 4)), ((9, 7), (7, 11)), ((2, 2), (2, 2)), ((3, 20), (20, 3)), ((1, 40), (40, 1)),
          ((4, 0), (0, 2)), ((0, 3), (3, 2)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 3)), ((2, 3, 4), (4, 5)),
          ((2, 1, 3, 4), (3, 4, 2)), ((2, 3), (5, 3, 2)), ((0, 2, 3), (3, 2))]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_matmul(shapes):
    """Around the sizes of tiles, long sums, vectors, stacks that broadcast."""
    for dtype in "fdl":
        a, b = (numbers(shape, dtype) for shape in shapes)
        assert equal(np.matmul(*there(a, b)), np.matmul(a, b))


def test_every_tile_and_parts():
    """Large, medium and small tiles, each with every order of its operands in memory, and sums cut into parts."""
    sizes = {products.LARGE: (129, 130, 9), products.MEDIUM: (20, 33, 5), products.SMALL: (5, 3, 33)}
    if driver.simulated:
        sizes = {products.LARGE: (7, 6, 3), products.MEDIUM: (3, 5, 4), products.SMALL: (2, 5, 3)}
    for tile, (M, N, K) in sizes.items():
        matrices = 1 if tile != products.LARGE or driver.simulated else products.BUSY
        assert products.chosen(M, N, matrices)[0] == tile
        for a in (numbers((matrices, M, K), "f"), numbers((matrices, K, M), "f").swapaxes(1, 2)):
            for b in (numbers((K, N), "f"), numbers((N, K), "f").T):
                A, B = there(a.swapaxes(1, 2)).swapaxes(1, 2), there(b.T).T
                assert A.strides[1] < A.strides[2] or 1 in a.shape[1:]
                for x in (A, there(a)):
                    for y in (B, there(b)):
                        assert equal(np.matmul(x, y), np.matmul(a, b))
    K = 6 * products.SHORTEST + 1
    for shapes in (((3, K), (K, 3)), ((2, 1, K), (2, K, 2))):
        a, b = (numbers(shape, "d") for shape in shapes)
        assert equal(np.matmul(*there(a, b)), np.matmul(a, b))


def test_views_types_and_out():
    """Operands that lie in no order, backwards, repeated; of two types; a result that is written to a view."""
    a, b = numbers((4, 6, 10), "f"), numbers((5, 6), "f")
    A, B = there(a, b)
    assert equal(np.matmul(A[::2, ::-2, 3::3], B[2::-1, ::-1]), np.matmul(a[::2, ::-2, 3::3], b[2::-1, ::-1]))
    assert equal(np.matmul(np.broadcast_to(B[:1], (3, 6)), A[0]), np.matmul(np.broadcast_to(b[:1], (3, 6)), a[0]))
    assert equal(np.matmul(B.astype("d"), A[0]), np.matmul(b.astype("d"), a[0]))
    assert equal(np.matmul(B > 0, A[0] > 0), np.matmul(b > 0, a[0] > 0))
    out = there(np.zeros((10, 5), "f"))
    target = out.T
    assert np.matmul(B, A[0], out=target) is target and equal(target, np.matmul(b, a[0]))
    assert equal(B @ A[0], b @ a[0])


def test_what_does_not_multiply():
    """Sizes that do not fit, numbers, arrays on the host."""
    a = np.ones((2, 3), "f")
    A = there(a)
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 3\)"):
        A @ A
    with pytest.raises(ValueError, match="number"):
        np.matmul(A, 2)
    with pytest.raises(TypeError, match="on the CPU"):
        np.matmul(A, a.T)
    with pytest.raises(ValueError):
        np.matmul(there(np.ones((2, 2, 3), "f")), there(np.ones((3, 3, 2), "f")))


EQUATIONS = {"ij,jk->ik": ((2, 3), (3, 4)), "ij,kj->ki": ((2, 3), (4, 3)), "bij,bjk->ibk": ((2, 3, 4), (2, 4, 2)),
             "i,j->ji": ((3,), (4,)), "ij->ji": ((2, 3),), "ij->j": ((2, 3),), "ii->i": ((3, 3),), "ii->": ((3, 3),),
             "iji,jk->k": ((2, 3, 2), (3, 2)), "i,i,i->i": ((3,), (3,), (3,)), "ij,jk,kl->il": ((2, 3), (3, 2), (2, 4)),
             "ij,ij->": ((2, 3), (1, 3)), "ij,ij->ij": ((2, 1), (1, 3)), "aij,bj->ab": ((2, 2, 3), (2, 1)),
             "ij,kl->": ((2, 3), (2, 2)), "ij,j->ij": ((2, 0), (0,)), "ij,jk->ki": ((2, 0), (0, 3))}


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum(equation):
    """Matrix products, outer ones, diagonals, sums, three operands, sizes that are repeated, and nothing."""
    arrays = [numbers(shape, "d") for shape in EQUATIONS[equation]]
    assert equal(np.einsum(equation, *map(there, arrays)), np.einsum(equation, *arrays))


def test_linear_algebra():
    """Determinants, inverses and solutions, of single matrices and stacks."""
    rng = np.random.default_rng(1)
    for dtype in "fd":
        for shape in ((3, 3), (2, 4, 4)):
            a, b = (rng.normal(size=shape) + 3 * np.eye(shape[-1])).astype(dtype), rng.normal(size=shape).astype(dtype)
            A, B = there(a, b)
            for found, expected in ((np.linalg.det(A), np.linalg.det(a)), (np.linalg.inv(A), np.linalg.inv(a)),
                                    (np.linalg.solve(A, B), np.linalg.solve(a, b)),
                                    *zip(np.linalg.slogdet(A), np.linalg.slogdet(a))):
                assert equal(found, expected)
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.inv(there(np.zeros((2, 2))))
