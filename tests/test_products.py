"""Products: matmul and its special cases, outer, einsum."""
import numpy as np
import pytest
from minigrad import Tensor
from minigrad import products
from minigrad.autograd import grad
from minigrad.gradcheck import GradientError, gradcheck
from minigrad.tensor import record
from contract import Case, check, name


def normal(*shapes):
    return lambda rng: [rng.standard_normal(shape) for shape in shapes]


MATMULS = [((3,), (3,)), ((2, 3), (3, 4)), ((2, 3), (3,)), ((3,), (3, 4)), ((5, 2, 3), (3, 4)), ((5, 2, 3), (3,)),
           ((3,), (5, 3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((5, 2, 3), (1, 3, 4)),
           ((2, 1, 2, 3), (3, 3, 2)), ((2, 2, 2, 3), (3, 1)), ((2, 0), (0, 3)), ((4, 0, 3), (3, 2)), ((0,), (0,)),
           ((0, 2, 3), (0, 3, 1)), ((2, 2, 0), (0, 3)), ((2, 2, 3), (3, 0)), ((1, 1), (1, 1)), ((2, 3, 0), (0,))]


@pytest.mark.parametrize("a, b", MATMULS, ids=str)
def test_matmul(a, b):
    check(Case("matmul", products.matmul, normal(a, b), np.matmul, analytic=True, rtol=1e-11))


CASES = [
    Case("mm", products.mm, normal((2, 3), (3, 4)), np.matmul, analytic=True),
    Case("bmm", products.bmm, normal((2, 2, 3), (2, 3, 4)), np.matmul, analytic=True),
    Case("mv", products.mv, normal((2, 3), (3,)), np.matmul, analytic=True),
    Case("dot", products.dot, normal((3,), (3,)), np.dot, analytic=True),
    Case("outer", products.outer, normal((2,), (3,)), np.outer, analytic=True),
    Case("square of a matrix", lambda x: products.matmul(x, x), normal((3, 3)), lambda x: x @ x),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_contract(case):
    check(case)


EINSUMS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("bij,bjk->bik", (2, 2, 3), (2, 3, 4)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 2), (2, 2, 4, 2)), ("ij->ji", (2, 3)), ("ba", (2, 3)), ("ij->", (2, 3)),
    ("ij->j", (2, 3)), ("i,i->", (3,), (3,)), ("i,j->ij", (2,), (3,)), ("i,j->ji", (2,), (3,)), ("i,j->", (2,), (3,)),
    ("ii->", (3, 3)), ("ii->i", (3, 3)), ("ii", (3, 3)), ("iji->j", (2, 3, 2)), ("iii->i", (3, 3, 3)),
    ("ii,i->i", (3, 3), (3,)), ("ij,ij->ij", (2, 3), (2, 3)), ("ij,jk,kl->il", (2, 3), (3, 2), (2, 4)),
    ("i,ij,j->", (2,), (2, 3), (3,)), ("...ij,...jk->...ik", (2, 2, 3), (2, 3, 4)), ("...ij,jk", (2, 2, 3), (3, 4)),
    ("...ij,...jk->...ik", (5, 1, 2, 3), (2, 3, 4)), ("...i->...", (2, 3)), ("i...->i...", (2, 3)),
    ("...ii->...i", (2, 3, 3)), ("...,...->...", (2, 3), (3,)), ("ij,ij->i", (2, 3), (1, 3)),
    ("ij , jk -> ki", (2, 3), (3, 2)), ("ab,c->ac", (2, 3), (2,)), (",i->i", (), (3,)), ("->", ()),
    ("ij,jk->ik", (2, 0), (0, 3)), ("ij,jk->k", (2, 3), (3, 4)),
    ("bij,jk,bk->bi", (2, 2, 3), (3, 4), (2, 4)), ("Aa,ab->Ab", (2, 3), (3, 2)),
]


@pytest.mark.parametrize("equation, shapes", [(e[0], e[1:]) for e in EINSUMS], ids=str)
def test_einsum(equation, shapes):
    case = Case("einsum", lambda *xs: products.einsum(equation, *xs), normal(*shapes),
                lambda *xs: np.asarray(np.einsum(equation, *xs)), rtol=1e-11)
    check(case)


def test_einsum_of_a_tensor_with_itself():
    case = Case("einsum", lambda x: products.einsum("ij,ik->jk", x, x), normal((3, 2)), lambda x: x.T @ x)
    check(case)


def test_the_gradient_of_a_layer_is_two_products(monkeypatch):
    """A stack of inputs times one weight is one 2-D product forward, and one more for each of the gradients."""
    calls = []
    product = products.product
    monkeypatch.setattr(products, "product", lambda a, b: calls.append((a.shape, b.shape)) or product(a, b))
    for shape in ((6, 4), (2, 3, 4)):
        calls.clear()
        x = Tensor(np.ones(shape), requires_grad=True)
        w = Tensor(np.ones((4, 5)), requires_grad=True)
        grad((x @ w).sum(), [x, w])
        assert calls == [(shape, (4, 5)), (shape[:-1] + (5,), (5, 4)), ((4, 6), (6, 5))]


def test_operators_and_types():
    a, b = np.ones((2, 3), np.float32), np.ones((3, 2), np.int64)
    for y in (Tensor(a) @ Tensor(b), a @ Tensor(b), Tensor(a) @ b, products.einsum("ij,jk", Tensor(a), b)):
        assert type(y) is Tensor and y.dtype == np.float32 and np.all(y.data == 3)
    assert (Tensor(b) @ Tensor(b.T)).dtype == np.int64
    assert (Tensor(a[0]) @ Tensor(a[0])).shape == () and type((Tensor(a[0]) @ Tensor(a[0])).data) is np.ndarray


def test_the_rule_of_einsum_computes_in_the_cotangents_type():
    x, g = np.ones((3, 3), np.float32), np.ones(3, np.float32)
    for term, result in (("ii", "i"), ("ij", "i")):
        cotangent, = products.einsum_rule(g, None, x, terms=[term], result=result)
        assert cotangent().dtype == np.float32


def test_large_products_match_numpy():
    rng = np.random.default_rng(0)
    for equation, shapes in (("bhqd,bhkd->bhqk", [(2, 3, 17, 8), (2, 3, 19, 8)]),
                             ("nij,jk->nik", [(5, 31, 12), (12, 9)]),
                             ("abc,dc,be->aed", [(4, 5, 6), (7, 6), (5, 3)])):
        arrays = [rng.standard_normal(shape) for shape in shapes]
        expected = np.einsum(equation, *arrays)
        np.testing.assert_allclose(products.einsum(equation, *arrays), expected, rtol=1e-10, atol=1e-12)


def T(*shape):
    return Tensor(np.zeros(shape))


@pytest.mark.parametrize("message, function", [
    (r"matmul: shapes \(2, 3\) and \(2, 3\) don't multiply", lambda: T(2, 3) @ T(2, 3)),
    (r"matmul: shapes \(5, 2, 3\) and \(2, 3\) don't multiply", lambda: T(5, 2, 3) @ T(2, 3)),
    (r"matmul: shapes \(2, 1, 3\) and \(3, 3, 2\) don't multiply", lambda: T(2, 1, 3) @ T(3, 3, 2)),
    (r"matmul: shapes \(\) and \(3,\) don't multiply", lambda: T() @ T(3)),
    (r"matmul: shapes \(3,\) and \(\) don't multiply", lambda: T(3) @ 2.0),
    (r"mm: shapes \(3,\) and \(3, 2\) must have 2 and 2 axes", lambda: T(3).mm(T(3, 2))),
    (r"bmm: \(2, 2, 3\) and \(1, 3, 2\) are stacks of different sizes", lambda: T(2, 2, 3).bmm(T(1, 3, 2))),
    (r"mv: shapes", lambda: T(2, 3).mv(T(3, 2))),
    (r"dot: shapes", lambda: T(2, 3).dot(T(3))),
    (r"outer: shapes \(2, 3\) and \(3,\)", lambda: T(2, 3).outer(T(3))),
    (r"einsum: 'ij,jk' gives one letter to axes of sizes 3 and 4 in shapes \(2, 3\), \(4, 2\)",
     lambda: products.einsum("ij,jk", T(2, 3), T(4, 2))),
    (r"einsum: 'ij,jk' does not fit shapes \(2, 3\)", lambda: products.einsum("ij,jk", T(2, 3))),
    (r"einsum: 'ij' does not fit shapes \(2, 3, 4\)", lambda: products.einsum("ij", T(2, 3, 4))),
    (r"einsum: '...ijk' does not fit shapes \(2, 3\)", lambda: products.einsum("...ijk", T(2, 3))),
    (r"einsum: 'i1' in 'i1->i'", lambda: products.einsum("i1->i", T(2, 3))),
    (r"einsum: in 'ij->ii'", lambda: products.einsum("ij->ii", T(2, 3))),
    (r"einsum: in 'ij->k'", lambda: products.einsum("ij->k", T(2, 3))),
    (r"einsum: 'i' does not fit shapes of no tensors", lambda: products.einsum("i")),
])
def test_errors(message, function):
    with pytest.raises(ValueError, match=message):
        function()


def test_planted_faults_are_caught():
    def product(a, b):
        return record(a.data @ b.data, product_rule, a, b)

    def product_rule(g, y, a, b):
        return g @ b, a.T @ g              # g @ b.T is right

    def scaled_trace(x):
        return record(np.einsum("ii->i", x.data), scaled_trace_rule, x)

    def scaled_trace_rule(g, y, x):
        return np.outer(g, np.ones(len(g)))                            # spreads over the rows, not the diagonal

    a, b = (Tensor(np.random.default_rng(k).standard_normal((3, 3)), requires_grad=True) for k in range(2))
    with pytest.raises(GradientError):
        gradcheck(product, [a, b])
    with pytest.raises(GradientError):
        gradcheck(scaled_trace, a)
