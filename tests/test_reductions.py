"""Reductions: values, gradients, axes, ties, zeros, infinities and empty axes."""
import math
import warnings
import numpy as np
import pytest
from minigrad import Tensor
from minigrad import reductions as ops
from minigrad.autograd import grad
from minigrad.broadcasting import sum_to
from contract import Case, check, name


def normal(*shape):
    return lambda rng: [rng.standard_normal(shape)]


def distinct(*shape):
    """Numbers whose neighbours in size are far enough apart for finite differences: no ties."""
    return lambda rng: [rng.permutation(int(np.prod(shape))).reshape(shape) * 0.37 - 1]


def away_from_zero(*shape):
    return lambda rng: [rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape)]


def along(function, dim, keepdim):
    return lambda x: function(x, dim, keepdim=keepdim)


def numpy_softmax(x, axis):
    e = np.exp(x)
    return e / e.sum(axis, keepdims=True)


REDUCTIONS = [
    ("sum", ops.sum, normal, lambda x, d, k: np.sum(x, d, keepdims=k), True),
    ("mean", ops.mean, normal, lambda x, d, k: np.mean(x, d, keepdims=k), True),
    ("var", ops.var, normal, lambda x, d, k: np.var(x, d, ddof=1, keepdims=k), True),
    ("std", ops.std, normal, lambda x, d, k: np.std(x, d, ddof=1, keepdims=k), True),
    ("prod", ops.prod, away_from_zero, lambda x, d, k: np.prod(x, d, keepdims=k), False),
    ("amax", ops.amax, distinct, lambda x, d, k: np.max(x, d, keepdims=k), False),
    ("amin", ops.amin, distinct, lambda x, d, k: np.min(x, d, keepdims=k), False),
    ("logsumexp", ops.logsumexp, normal, lambda x, d, k: np.log(np.sum(np.exp(x), d, keepdims=k)), False),
]
CASES = [Case(f"{title} dim={dim} keepdim={keepdim}", along(function, dim, keepdim), kind(2, 3, 2),
              lambda x, reference=reference, dim=dim, keepdim=keepdim: reference(x, dim, keepdim), analytic)
         for title, function, kind, reference, analytic in REDUCTIONS
         for dim, keepdim in [(None, False), (0, False), (-1, True), ((0, 2), False), ((-1, 1), True)]]
CASES += [Case(f"{title} without axes, dim={dim}", along(function, dim, False), kind(),
               lambda x, reference=reference: reference(x, None, False))
          for title, function, kind, reference, _ in REDUCTIONS if title not in ("var", "std") for dim in (None, 0, -1)]
CASES += [Case(f"{title} of size 1", along(function, 1, False), kind(3, 1),
               lambda x, reference=reference: reference(x, 1, False))
          for title, function, kind, reference, _ in REDUCTIONS if title not in ("var", "std")]
CASES += [Case(f"{title} over an empty axis", along(function, 1, False), normal(2, 0),
               lambda x, value=value: np.full(2, value))
          for title, function, value in [("sum", ops.sum, 0), ("prod", ops.prod, 1), ("mean", ops.mean, math.nan),
                                         ("logsumexp", ops.logsumexp, -math.inf)]]
CASES += [Case(f"{title} beside an empty axis", along(function, 1, False), normal(0, 3), lambda x: np.zeros(0))
          for title, function, *_ in REDUCTIONS]
CASES += [
    Case("var, biased", lambda x: ops.var(x, 1, unbiased=False), normal(2, 4), lambda x: np.var(x, 1), True),
    Case("var, correction 2", lambda x: ops.var(x, 0, correction=2), normal(4, 2), lambda x: np.var(x, 0, ddof=2)),
    Case("std, biased", lambda x: ops.std(x, (0, 1), False), normal(2, 4), np.std, True),
    Case("max", ops.max, distinct(3, 4), np.max),
    Case("min", ops.min, distinct(3, 4), np.min),
    Case("softmax", lambda x: ops.softmax(x, 1), normal(2, 3, 2), lambda x: numpy_softmax(x, 1)),
    Case("softmax, last", lambda x: ops.softmax(x, dim=-1), normal(4), lambda x: numpy_softmax(x, 0)),
    Case("softmax without axes", lambda x: ops.softmax(x, 0), normal(), np.ones_like),
    Case("softmax, empty", lambda x: ops.softmax(x, 0), normal(0, 2), lambda x: x),
    Case("log_softmax", lambda x: ops.log_softmax(x, 0), normal(3, 2), lambda x: np.log(numpy_softmax(x, 0))),
    Case("log_softmax without axes", lambda x: ops.log_softmax(x, -1), normal(), np.zeros_like),
    Case("cumsum", lambda x: ops.cumsum(x, 1), normal(2, 4, 2), lambda x: np.cumsum(x, 1), True),
    Case("cumsum, last", lambda x: ops.cumsum(x, -1), normal(5), np.cumsum, True),
    Case("cumsum, empty", lambda x: ops.cumsum(x, 1), normal(2, 0), lambda x: x),
    Case("cumsum without axes", lambda x: ops.cumsum(x, 0), normal(), lambda x: x),
]
CASES += [Case(f"{function.__name__} dim={dim} keepdim={keepdim}", along(function, dim, keepdim), distinct(3, 2, 4),
               lambda x, pick=pick, where=where, dim=dim, keepdim=keepdim:
               (pick(x, dim, keepdims=keepdim), where(x, dim, keepdims=keepdim)))
          for function, pick, where in [(ops.max, np.max, np.argmax), (ops.min, np.min, np.argmin)]
          for dim, keepdim in [(0, False), (1, True), (-1, False)]]
CASES += [Case("max without axes, dim=0", lambda x: ops.max(x, 0), normal(), lambda x: (x, 0))]

ZEROS = {"one zero": [1.5, 0, 2], "two zeros": [0, 0.5, 0], "three zeros": [0, 0, 0], "four factors": [0, 2, 0, 3]}
CASES += [Case(f"prod, {title}", ops.prod, lambda rng, x=x: [np.array(x, float)], np.prod)
          for title, x in ZEROS.items()]
CASES += [Case(f"prod of a table with zeros, dim={dim}", along(ops.prod, dim, keepdim),
               lambda rng: [np.array([[[1.5, 0], [2, 3]], [[0, 0.5], [0, -1]]])],
               lambda x, dim=dim, keepdim=keepdim: np.prod(x, dim, keepdims=keepdim))
          for dim, keepdim in [(0, False), (1, True), ((0, 2), False), ((1, 2), True)]]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_contract(case):
    check(case)


def test_third_derivative_of_a_product_of_zeros():
    x = Tensor(np.zeros(3), requires_grad=True)
    first, = grad(ops.prod(x), x, create_graph=True)
    second, = grad(first[0], x, create_graph=True)
    np.testing.assert_equal(grad(second[1], x)[0].data, [0, 0, 1])


# ---------------------------------------------------------------------------------------------------------------------
# Ties and indices

def test_max_of_all_shares_its_gradient_among_ties():
    x = Tensor(np.array([[1.0, 3], [3, 3]], np.float32), requires_grad=True)
    third = np.float32(1) / 3
    for function in (ops.max, ops.amax, lambda x: -ops.min(-x), lambda x: -ops.amin(-x, (0, 1))):
        g, = grad(function(x), x)
        assert g.dtype == np.float32
        np.testing.assert_equal(g.data, [[0, third], [third, third]])


def test_max_along_an_axis_gives_its_gradient_to_the_index():
    x = Tensor(np.array([[1.0, 3, 3], [2, 0, 0]]), requires_grad=True)
    values, indices = ops.max(x, 1)
    np.testing.assert_equal(values.data, [3, 2])
    np.testing.assert_equal(indices.data, [1, 0])
    assert indices.dtype == np.int64 and not indices.requires_grad
    np.testing.assert_equal(grad(values, x, np.array([5.0, 7.0]))[0].data, [[0, 5, 0], [7, 0, 0]])
    result = ops.min(x, dim=1, keepdim=True)
    np.testing.assert_equal(result.indices.data, [[0], [1]])
    np.testing.assert_equal(grad(result.values, x, np.array([[5.0], [7.0]]))[0].data, [[5, 0, 0], [0, 7, 0]])


def test_argmax_flattens_without_dim():
    x = Tensor(np.array([[1.0, 3, 3], [2, 0, 0]]), requires_grad=True)
    assert x.argmax().item() == 1 and x.argmin().item() == 4
    np.testing.assert_equal(x.argmax(0).data, [1, 0, 0])
    assert x.argmax(1, keepdim=True).shape == (2, 1) and not x.argmax().requires_grad
    assert Tensor(np.array(3.0)).argmax(0).item() == 0


# ---------------------------------------------------------------------------------------------------------------------
# Extremes

@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_and_its_kin_are_stable(dtype):
    rows = np.array([[1e4, -1e4, 1e4], [-1e4, -1e4, -1e4], [0, -np.inf, 0]], dtype)
    x = Tensor(rows, requires_grad=True)
    half, third, log2, log3 = 0.5, 1 / 3, math.log(2), math.log(3)
    probabilities = [[half, 0, half], [third] * 3, [half, 0, half]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(ops.softmax(x, 1).data, probabilities, rtol=1e-6)
        np.testing.assert_allclose(ops.log_softmax(x, 1).data, [[-log2, -2e4 - log2, -log2], [-log3] * 3,
                                                                [-log2, -np.inf, -log2]], rtol=1e-6)
        y = ops.logsumexp(x, 1)
        np.testing.assert_allclose(y.data, [1e4 + log2, -1e4 + log3, log2], rtol=1e-6)
        np.testing.assert_allclose(grad(y, x, np.ones(3, dtype))[0].data, probabilities, rtol=1e-3)
        for function in (ops.softmax, ops.log_softmax):
            g, = grad(function(x, 1), x, np.arange(9, dtype=dtype).reshape(3, 3))
            assert g.dtype == dtype and np.isfinite(g.data).all()


def test_logsumexp_of_minus_infinities():
    x = Tensor(np.full((2, 3), -np.inf), requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = ops.logsumexp(x, 1)
        np.testing.assert_equal(y.data, [-np.inf, -np.inf])
        np.testing.assert_equal(grad(y, x, np.ones(2))[0].data, np.zeros((2, 3)))


def test_std_of_equal_numbers_has_gradient_zero():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    np.testing.assert_equal(grad(ops.std(x, 1), x, np.ones(2))[0].data, np.zeros((2, 3)))


def test_moments_without_degrees_of_freedom_are_nan():
    x = Tensor(np.ones((3, 1), np.float32))
    assert np.isnan(ops.var(x, 1).data).all() and np.isnan(ops.std(x, 1).data).all()
    np.testing.assert_equal(ops.var(x, 1, unbiased=False).data, [0, 0, 0])


# ---------------------------------------------------------------------------------------------------------------------
# Types

def test_integers_and_booleans_add_up_to_int64():
    for dtype in ("bool", "uint8", "int32", "int64"):
        x = Tensor(np.ones((2, 200), dtype))
        for function, value in [(ops.sum, 200), (ops.prod, 1)]:
            y = function(x, 1)
            assert y.dtype == np.int64
            np.testing.assert_equal(y.data, [value, value])
        assert ops.cumsum(x, 1).dtype == np.int64 and ops.cumsum(x, 1).data[0, -1] == 200
        assert ops.max(x).dtype == dtype


def test_means_of_integers_are_refused():
    x = Tensor(np.arange(3))
    for function in (ops.mean, ops.var, ops.std):
        with pytest.raises(TypeError, match=f"{function.__name__}: int64 has no fractions"):
            function(x)


def test_softmax_of_integers_is_float32():
    x = Tensor(np.arange(3))
    assert ops.softmax(x, 0).dtype == ops.log_softmax(x, 0).dtype == ops.logsumexp(x, 0).dtype == np.float32


def test_any_and_all():
    x = Tensor(np.array([[0.0, 2], [0, 0]]), requires_grad=True)
    np.testing.assert_equal(x.any(1).data, [True, False])
    np.testing.assert_equal(x.all(0, keepdim=True).data, [[False, False]])
    assert x.any().item() is True and x.all().item() is False and not x.any().requires_grad
    empty = Tensor(np.zeros((0, 2)))
    assert not empty.any() and empty.all()


# ---------------------------------------------------------------------------------------------------------------------
# Long sums

def long_axes():
    """(shape, axes of a sum) with many numbers along an axis that is not the last in memory."""
    return [((30_001, 2), (0,)), ((2, 30_001, 3), (1,)), ((2, 30_001, 3), (0, 1)), ((30_001, 2, 3), (0, 2)),
            ((4096, 2), (0, 1)), ((300, 5, 30, 31), (0, 2, 3)), ((5, 3001, 31), (1, 2)), ((5, 31, 3001), (0, 2)),
            ((40, 50, 60), (0, 1, 2)), ((40, 50, 60), (2,)), ((3000, 7, 1), (1, 2)), ((3000, 1, 1), (1, 2))]


@pytest.mark.parametrize("shape, dim", long_axes())
@pytest.mark.parametrize("order", ["C", "F"])
def test_long_sums_in_float32_are_exact(shape, dim, order):
    x = np.full(shape, 0.1, np.float32, order)
    n = np.prod([shape[d] for d in dim])
    exact = float(np.float32(0.1))
    assert ops.sum(x, dim).dtype == np.float32
    for keepdim in (False, True):
        given = ops.sum(x, dim, keepdim)
        assert given.shape == x.sum(dim, keepdims=keepdim).shape
        np.testing.assert_allclose(given, n * exact, rtol=2e-5)
        np.testing.assert_allclose(ops.mean(x, dim, keepdim), exact, rtol=2e-5)
    to = tuple(1 if d in dim else size for d, size in enumerate(shape))
    np.testing.assert_allclose(sum_to(x, to), n * exact, rtol=2e-5)


@pytest.mark.parametrize("dtype, error", [(np.float32, 1e-6), (np.float64, 1e-14)])
def test_sums_of_many_rows_are_shared_by_threads(dtype, error, monkeypatch):
    import numba
    from minigrad import broadcasting, fused
    shared = []
    monkeypatch.setattr(fused, "row_sums", lambda rows, right=fused.row_sums: shared.append(rows.shape) or right(rows))
    x = np.random.default_rng(0).standard_normal((4, 300, 301)).astype(dtype)
    right, before, found = x.sum(2, np.longdouble), numba.get_num_threads(), []
    try:
        for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            numba.set_num_threads(threads)
            found.append(ops.sum(x, -1))
    finally:
        numba.set_num_threads(before)
    assert found[0].dtype == dtype and np.abs(found[0] - right).max() < error * np.abs(x).sum(2).max()
    assert all(np.array_equal(each, found[0]) for each in found) and shared == [(1200, 301)] * len(found)
    monkeypatch.setattr(broadcasting, "LARGE", x.size + 1)
    assert np.abs(ops.sum(x, -1) - found[0]).max() < error * np.abs(x).sum(2).max() and len(shared) == len(found)


@pytest.mark.parametrize("shape, dim", long_axes())
def test_long_sums_add_each_number_once(shape, dim):
    x = np.random.default_rng(0).integers(0, 100, shape)
    for array in (x, x[::-1], np.asfortranarray(x), x.astype(np.int16), x % 2 == 0):
        for keepdim in (False, True):
            np.testing.assert_array_equal(ops.sum(array, dim, keepdim), array.sum(dim, np.int64, keepdims=keepdim))


# ---------------------------------------------------------------------------------------------------------------------
# Bad input

@pytest.mark.parametrize("function", [ops.sum, ops.mean, ops.var, ops.std, ops.prod, ops.amax, ops.max, ops.min,
                                      ops.argmax, ops.logsumexp, ops.softmax, ops.log_softmax, ops.cumsum, ops.any])
def test_bad_axes(function):
    x = Tensor(np.ones((2, 3)))
    with pytest.raises(IndexError, match=rf"{function.__name__}: dim 2 is out of range: 2 dimensions allow -2 to 1"):
        function(x, 2)
    with pytest.raises(IndexError, match="dim -3 is out of range"):
        function(x, -3)
    for wrong in (1.0, True, "0"):
        with pytest.raises(TypeError, match="dim must be an integer"):
            function(x, wrong)


def test_axes_in_numpy_integers():
    x = Tensor(np.arange(6.0).reshape(2, 3))
    assert x.sum(np.int64(0)).tolist() == [3, 5, 7] and x.sum((np.int32(-1),)).tolist() == [3, 12]
    assert x.sum(()).item() == x.sum([]).item() == 15
    assert x[:1].squeeze(np.int64(0)).shape == (3,)


def test_repeated_axes():
    with pytest.raises(ValueError, match=r"sum: dim \(0, -2\) names axis 0 twice"):
        ops.sum(Tensor(np.ones((2, 3))), (0, -2))


@pytest.mark.parametrize("function", [ops.max, ops.min, ops.amax, ops.amin, ops.argmax, ops.argmin])
def test_no_extreme_of_nothing(function):
    with pytest.raises(ValueError, match=rf"{function.__name__}.*\(2, 0\) has no entries"):
        function(Tensor(np.ones((2, 0))), 1)
    with pytest.raises(ValueError, match="has no entries"):
        function(Tensor(np.ones((2, 0))))
    assert ops.amax(Tensor(np.ones((0, 3))), 1).shape == (0,)
