"""Determinants, inverses, linear systems, norms."""
import numpy as np
import pytest
from minigrad import Tensor, linalg
from minigrad.autograd import grad
from minigrad.gradcheck import GradientError, gradcheck
from minigrad.tensor import record
from contract import Case, check, name


def regular(*shapes):
    """Matrices with a dominant diagonal, of either sign of the determinant, and others as they come."""
    def inputs(rng):
        arrays = []
        for shape in shapes:
            x = rng.standard_normal(shape)
            if len(shape) > 1 and shape[-1] == shape[-2]:
                x += 3 * np.eye(shape[-1]) * rng.choice([-1, 1], (*shape[:-1], 1))
            arrays.append(x)
        return arrays
    return inputs


def each(function, A, b):
    """function on each matrix of a stack, with its own right-hand side."""
    return np.stack([function(m, v) for m, v in zip(A, b)])


CASES = [
    Case("slogdet", linalg.slogdet, regular((3, 3)), lambda x: tuple(np.asarray(y) for y in np.linalg.slogdet(x))),
    Case("slogdet of a stack", linalg.slogdet, regular((2, 2, 3, 3)), lambda x: tuple(np.linalg.slogdet(x))),
    Case("slogdet of nothing", linalg.slogdet, regular((0, 2, 2)), lambda x: tuple(np.linalg.slogdet(x))),
    Case("det", linalg.det, regular((3, 3)), lambda x: np.asarray(np.linalg.det(x))),
    Case("det of a stack", linalg.det, regular((2, 2, 2)), lambda x: x[:, 0, 0] * x[:, 1, 1] - x[:, 0, 1] * x[:, 1, 0]),
    Case("inv", linalg.inv, regular((3, 3)), lambda x: np.linalg.solve(x, np.eye(3))),
    Case("inv of a stack", linalg.inv, regular((2, 3, 3)), np.linalg.inv),
    Case("inv of a number", linalg.inv, regular((1, 1)), lambda x: 1 / x),
    Case("solve vector", linalg.solve, regular((3, 3), (3,)), lambda A, b: np.linalg.inv(A) @ b, rtol=1e-10),
    Case("solve matrix", linalg.solve, regular((3, 3), (3, 2)), lambda A, B: np.linalg.inv(A) @ B, rtol=1e-10),
    Case("solve stacks", linalg.solve, regular((2, 3, 3), (2, 3, 4)), lambda A, B: np.linalg.inv(A) @ B, rtol=1e-10),
    Case("solve stack of vectors", linalg.solve, regular((2, 3, 3), (2, 3)),
         lambda A, b: each(np.linalg.solve, A, b), rtol=1e-10),
    Case("solve stack, one vector", linalg.solve, regular((2, 3, 3), (3,)), lambda A, b: np.linalg.inv(A) @ b,
         rtol=1e-10),
    Case("solve, broadcast A", linalg.solve, regular((3, 3), (2, 3, 1)), lambda A, B: np.linalg.inv(A) @ B, rtol=1e-10),
    Case("solve, broadcast B", linalg.solve, regular((2, 3, 3), (3, 2)), lambda A, B: np.linalg.inv(A) @ B, rtol=1e-10),
    Case("norm", linalg.norm, regular((2, 3)), lambda x: np.asarray(np.linalg.norm(x))),
    Case("norm dim", lambda x: linalg.norm(x, dim=1), regular((2, 3)), lambda x: np.linalg.norm(x, axis=1)),
    Case("norm dims, kept", lambda x: linalg.norm(x, 2, (0, -1), keepdim=True), regular((2, 4, 3)),
         lambda x: np.sqrt(np.sum(x * x, (0, 2), keepdims=True))),
    Case("norm 0-d", linalg.norm, regular(()), np.abs),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_contract(case):
    check(case)


def test_slogdet_neither_overflows_nor_underflows():
    for scale in (1e-30, 1e30):
        x = Tensor(np.eye(30, dtype=np.float32) * np.float32(-scale), requires_grad=True)
        sign, logabsdet = x.slogdet()
        np.testing.assert_allclose(logabsdet.data, 30 * np.log(scale), rtol=1e-5)
        assert sign.item() == 1 and not sign.requires_grad and logabsdet.requires_grad and logabsdet.dtype == np.float32
        np.testing.assert_allclose(grad(logabsdet, x)[0].data, np.eye(30) / -scale, rtol=1e-5)


def test_singular_matrices():
    x = Tensor(np.ones((2, 2)), requires_grad=True)
    sign, logabsdet = linalg.slogdet(x)
    assert sign.item() == 0 and logabsdet.item() == -np.inf and linalg.det(x).item() == 0
    for function in (linalg.inv, lambda x: linalg.solve(x, np.ones(2)), lambda x: grad(linalg.det(x), x)):
        with pytest.raises(ValueError, match=r"(inv|solve): a matrix of shape \(2, 2\) is singular"):
            function(x)


def test_norm_at_zero_has_gradient_zero():
    x = Tensor(np.array([[0., 0], [3, 4]]), requires_grad=True)
    y = x.norm(dim=1)
    np.testing.assert_array_equal(y.data, [0, 5])
    np.testing.assert_allclose(grad(y.sum(), x)[0].data, [[0, 0], [0.6, 0.8]])


def test_integers_become_float32():
    n = Tensor(np.array([[2, 0], [0, 4]]))
    for y in (linalg.inv(n), linalg.det(n), linalg.norm(n), linalg.slogdet(n).logabsdet, linalg.solve(n, n)):
        assert y.dtype == np.float32


@pytest.mark.parametrize("message, function", [
    (r"inv: shape \(2, 3\) must end in two equal sizes", lambda: linalg.inv(Tensor(np.ones((2, 3))))),
    (r"slogdet: shape \(3,\) must end in two equal sizes", lambda: linalg.slogdet(Tensor(np.ones(3)))),
    (r"det: shape \(1, 2\)", lambda: linalg.det(Tensor(np.ones((1, 2))))),
    (r"solve: A \(2, 2\) and B \(3, 1\) do not fit: B needs 2 rows",
     lambda: linalg.solve(Tensor(np.eye(2)), Tensor(np.ones((3, 1))))),
    (r"solve: A \(2, 2\) and B \(3,\) do not fit", lambda: linalg.solve(Tensor(np.eye(2)), Tensor(np.ones(3)))),
    (r"solve: A \(2, 2, 2\) and B \(3, 2, 1\) do not fit",
     lambda: linalg.solve(Tensor(np.stack([np.eye(2)] * 2)), Tensor(np.ones((3, 2, 1))))),
    ("norm: p=1 is unknown", lambda: linalg.norm(Tensor(np.ones(3)), 1)),
])
def test_errors(message, function):
    with pytest.raises(ValueError, match=message):
        function()


def test_planted_faults_are_caught():
    def logdet(x):
        return record(np.linalg.slogdet(x.data)[1], logdet_rule, x)

    def logdet_rule(g, y, x):
        return g * linalg.inv(x)           # not transposed

    with pytest.raises(GradientError):
        gradcheck(logdet, Tensor(np.random.default_rng(0).standard_normal((3, 3)), requires_grad=True))
