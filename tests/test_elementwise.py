"""Elementwise operations: values, gradients, broadcasting, types and extremes."""
import math
import warnings
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
import minigrad
from minigrad import Tensor, gradcheck, operation
from minigrad import elementwise as ops
from minigrad.autograd import grad
from contract import (Case, check, check_float32, check_gradients, check_layout, check_memory, check_no_grad,
                      check_untouched, name)


def normal(*shape):
    return lambda rng: [rng.standard_normal(shape)]


def positive(*shape):
    return lambda rng: [rng.uniform(0.5, 2, shape)]


def away_from_zero(*shape):
    """Numbers that finite differences do not carry over a kink at 0."""
    return lambda rng: [rng.uniform(0.1, 2, shape) * rng.choice([-1, 1], shape)]


def both(a, b):
    """The inputs of two makers, for binary operations."""
    return lambda rng: a(rng) + b(rng)


erf = np.vectorize(math.erf, otypes=[float])
sigmoid = lambda x: 1 / (1 + np.exp(-x))
SHAPES = [((3, 4), (3, 4)), ((3, 1), (2, 1, 4)), ((), (3,)), ((1, 3), (1, 1)), ((2, 0, 3), (3,)), ((), ()),
          ((1,), (0,))]

UNARY = [
    ("neg", ops.neg, normal, lambda x: -x, True),
    ("exp", ops.exp, normal, np.exp, True),
    ("log", ops.log, positive, np.log, True),
    ("log1p", ops.log1p, positive, np.log1p, True),
    ("expm1", ops.expm1, normal, np.expm1, True),
    ("sqrt", ops.sqrt, positive, np.sqrt, True),
    ("rsqrt", ops.rsqrt, positive, lambda x: 1 / np.sqrt(x), True),
    ("sin", ops.sin, normal, np.sin, True),
    ("cos", ops.cos, normal, np.cos, True),
    ("tanh", ops.tanh, normal, np.tanh, True),
    ("sigmoid", ops.sigmoid, normal, sigmoid, True),
    ("erf", ops.erf, normal, erf, True),
    ("silu", ops.silu, normal, lambda x: x * sigmoid(x), True),
    ("gelu", ops.gelu, normal, lambda x: x * (1 + erf(x / math.sqrt(2))) / 2, True),
    ("gelu, tanh", lambda x: ops.gelu(x, approximate="tanh"), normal,
     lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3))) / 2, True),
    ("softplus", ops.softplus, normal, lambda x: np.log(1 + np.exp(x)), False),
    ("logsigmoid", ops.logsigmoid, normal, lambda x: np.log(sigmoid(x)), False),
    ("abs", ops.abs, away_from_zero, np.abs, False),
    ("relu", ops.relu, away_from_zero, lambda x: x * (x > 0), False),
    ("leaky_relu", ops.leaky_relu, away_from_zero, lambda x: np.where(x > 0, x, 0.01 * x), False),
    ("elu", lambda x: ops.elu(x, 0.7), away_from_zero, lambda x: np.where(x > 0, x, 0.7 * (np.exp(x) - 1)), False),
    ("clamp", lambda x: ops.clamp(x, -0.5, 0.7), normal, lambda x: np.minimum(np.maximum(x, -0.5), 0.7), False),
    ("clamp, min", lambda x: ops.clamp(x, min=0), away_from_zero, lambda x: np.maximum(x, 0), False),
    ("clamp, max", lambda x: ops.clamp(x, max=0), away_from_zero, lambda x: np.minimum(x, 0), False),
    ("x ** 2", lambda x: x ** 2, normal, lambda x: x * x, True),
    ("x ** 3", lambda x: ops.pow(x, 3), normal, lambda x: x * x * x, True),
    ("x ** 7.0", lambda x: ops.pow(x, 7.0), normal, lambda x: x * x * x * x * x * x * x, True),
    ("x ** 0", lambda x: x ** 0, normal, np.ones_like, False),
    ("x ** 1", lambda x: x ** 1, normal, lambda x: x, True),
    ("x ** -1", lambda x: x ** -1, positive, lambda x: 1 / x, True),
    ("x ** 0.5", lambda x: x ** 0.5, positive, np.sqrt, True),
    ("x ** -1.5", lambda x: x ** -1.5, positive, lambda x: np.exp(-1.5 * np.log(x)), True),
    ("2.5 ** x", lambda x: 2.5 ** x, normal, lambda x: np.exp(x * math.log(2.5)), True),
    ("1 + x", lambda x: 1 + x, normal, lambda x: x + 1, True),
    ("1 - x", lambda x: 1 - x, normal, lambda x: -x + 1, True),
    ("x - 1", lambda x: x - 1, normal, lambda x: x + -1, True),
    ("3 * x", lambda x: 3 * x, normal, lambda x: x + x + x, True),
    ("x / 3", lambda x: x / 3, normal, lambda x: x * (1 / 3), True),
    ("3 / x", lambda x: 3 / x, positive, lambda x: 3 * x ** -1.0, True),
]

BINARY = [
    ("add", ops.add, normal, normal, lambda a, b: a + b, True),
    ("sub", ops.sub, normal, normal, lambda a, b: a - b, True),
    ("mul", ops.mul, normal, normal, lambda a, b: a * b, True),
    ("div", ops.div, normal, positive, lambda a, b: a / b, True),
    ("pow", ops.pow, positive, normal, lambda a, b: np.exp(b * np.log(a)), True),
    ("maximum", ops.maximum, normal, normal, lambda a, b: np.where(a > b, a, b), False),
    ("minimum", ops.minimum, normal, normal, lambda a, b: np.where(a < b, a, b), False),
    ("remainder", ops.remainder, normal, positive, lambda a, b: a - b * np.floor(a / b), False),
    ("clamp by tensors", lambda x, low: ops.clamp(x, low, low + 1), normal, normal,
     lambda x, low: np.minimum(np.maximum(x, low), low + 1), False),
]

CASES = [Case(f"{title} {shape}", function, kind(*shape), reference, analytic)
         for title, function, kind, reference, analytic in UNARY
         for shape in [(3, 4), ()] + ([(2, 0, 1)] if title in ("exp", "relu", "erf", "clamp") else [])]
CASES += [Case(f"{title} {a} {b}", function, both(first(*a), second(*b)), reference, analytic)
          for title, function, first, second, reference, analytic in BINARY
          for a, b in SHAPES]
CASES += [Case("where", lambda c, a, b: ops.where(c, a, b),
               lambda rng: [rng.random((3, 1)) < 0.5, rng.standard_normal((2, 1, 4)), rng.standard_normal(4)],
               np.where),
          Case("where, number", lambda c, a: ops.where(c, a, 2.0),
               lambda rng: [rng.random((3, 4)) < 0.5, rng.standard_normal((1, 4))], lambda c, a: np.where(c, a, 2.0)),
          Case("mul of a tensor with itself", lambda a: a * a, normal(3), np.square, True)]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_contract(case):
    check(case)


@st.composite
def broadcast_shapes(draw):
    """Two shapes that broadcast: axes of size 0 to 3, some replaced by 1, some leading ones left out."""
    full = draw(st.lists(st.integers(0, 3), max_size=3))
    shapes = []
    for _ in range(2):
        shape = [draw(st.sampled_from([n, 1])) for n in full]
        shapes.append(tuple(shape[draw(st.integers(0, len(shape))):]))
    return shapes


@pytest.mark.parametrize("function", [ops.add, ops.sub, ops.mul, ops.div, ops.pow, ops.maximum])
@settings(max_examples=12, deadline=None, derandomize=True, database=None)
@given(shapes=broadcast_shapes())
def test_any_shapes_that_broadcast(function, shapes):
    rng = np.random.default_rng(0)
    a, b = (Tensor(rng.uniform(0.5, 2, shape), requires_grad=True) for shape in shapes)
    assert function(a, b).shape == np.broadcast_shapes(*shapes)
    gradcheck(function, [a, b])


# ---------------------------------------------------------------------------------------------------------------------
# The contract catches faults

def contract_of(forward, rule):
    """The case of a binary operation whose inputs broadcast."""
    return Case("planted", operation(forward, rule, name="planted"), both(normal(3, 4), normal(4)), forward)


def test_the_planted_operation_is_right_without_a_fault():
    check(contract_of(np.multiply, ops.mul_rule))


def test_contract_catches_a_slightly_wrong_rule():
    with pytest.raises(AssertionError, match="planted"):
        check(contract_of(np.multiply, lambda g, y, a, b: (g * b * 1.001, lambda: ops.sum_to(g * a, b.shape))))


def test_contract_catches_a_missing_sum_to():
    with pytest.raises(ValueError, match="planted.*shape"):
        check(contract_of(np.multiply, lambda g, y, a, b: (g * b, g * a)))


def test_contract_catches_a_rule_that_keeps_an_array():
    with pytest.raises(AssertionError, match="planted"):
        check_gradients(contract_of(np.multiply, lambda g, y, a, b: (
            lambda: g * minigrad.elementwise.raw(b), lambda: ops.sum_to(g * a, b.shape))))


def test_contract_catches_an_overwritten_input():
    def forward(a, b):
        y = a * b
        b += 1
        return y
    with pytest.raises(AssertionError, match="an input was overwritten"):
        check_untouched(contract_of(forward, ops.mul_rule))


def test_contract_catches_an_overwritten_cotangent():
    def rule(g, y, a, b):
        g *= b
        return g, None
    with pytest.raises(AssertionError, match="the cotangent was overwritten"):
        check_untouched(contract_of(np.multiply, rule))


def test_contract_catches_shared_gradient_memory():
    with pytest.raises(AssertionError, match="shares memory"):
        check_memory(contract_of(np.multiply, lambda g, y, a, b: (a, None)))


def test_contract_catches_a_silent_float64():
    with pytest.raises(AssertionError, match="float32 in, float64 out"):
        check_float32(contract_of(lambda a, b: a * b * np.float64(1), ops.mul_rule))


def test_contract_catches_what_depends_on_the_memory_layout():
    with pytest.raises(AssertionError, match="contiguous inputs' values"):
        check_layout(contract_of(lambda a, b: a.ravel(order="K").reshape(a.shape) * b, ops.mul_rule))


def test_contract_catches_recording_under_no_grad():
    def stubborn(a, b):
        return Tensor(a.data * b.data, requires_grad=True, rule=ops.mul_rule, inputs=(a, b))
    with pytest.raises(AssertionError, match="recorded under no_grad"):
        check_no_grad(Case("stubborn", stubborn, both(normal(3), normal(3))))


# ---------------------------------------------------------------------------------------------------------------------
# Extremes: no warning, no NaN

@pytest.fixture
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoids_are_stable(no_warnings, dtype):
    x = Tensor(np.array([-1000, -80, 0, 80, 1000], dtype), requires_grad=True)
    tiny = math.exp(-80)
    expected = {ops.sigmoid: ([0, tiny, 0.5, 1, 1], [0, tiny, 0.25, 0, 0]),
                ops.softplus: ([0, tiny, math.log(2), 80, 1000], [0, tiny, 0.5, 1, 1]),
                ops.logsigmoid: ([-1000, -80, -math.log(2), -tiny, 0], [1, 1, 0.5, tiny, 0]),
                ops.tanh: ([-1, -1, 0, 1, 1], [0, 0, 1, 0, 0])}
    for function, (values, slopes) in expected.items():
        y = function(x)
        g, = grad(y, x, np.ones_like(x.data), create_graph=True)
        np.testing.assert_allclose(y.data, values, rtol=1e-5)
        np.testing.assert_allclose(g.data, slopes, rtol=1e-5, atol=1e-33)
        assert np.isfinite(grad(g, x, np.ones_like(x.data))[0].data).all()


@pytest.mark.parametrize("function", [ops.silu, ops.gelu, lambda x: ops.gelu(x, "tanh"), ops.elu])
def test_gates_are_stable(no_warnings, function):
    x = Tensor(np.array([-1000, 1000], np.float32), requires_grad=True)
    y = function(x)
    np.testing.assert_allclose(y.data, [-1 if function is ops.elu else 0, 1000])
    np.testing.assert_allclose(grad(y, x, np.ones(2, np.float32))[0].data, [0, 1])


@pytest.mark.parametrize("dtype, tolerance", [("float32", 5e-7), ("float64", 2e-15)])
def test_erf_is_exact_to_the_last_digits(dtype, tolerance):
    x = np.concatenate([np.linspace(-7, 7, 4001), np.logspace(-30, 0, 200)]).astype(dtype)
    y = ops.erf(x)
    assert y.dtype == dtype and np.abs(y).max() == 1
    np.testing.assert_allclose(y, erf(x), rtol=tolerance)
    np.testing.assert_equal(ops.erf(np.array([np.nan, np.inf, -np.inf, 0.0])), [np.nan, 1, -1, 0])


def test_erf_in_float16():
    x = np.linspace(-6, 6, 101).astype(np.float16)
    np.testing.assert_allclose(ops.erf(x), erf(x), rtol=1e-3)
    assert ops.erf(Tensor(x)).dtype == np.float16


def test_log1p_and_expm1_are_exact_near_zero():
    x = np.array([1e-20, -1e-12])
    np.testing.assert_allclose(ops.log1p(x), x)
    np.testing.assert_allclose(ops.expm1(x), x)


def test_whole_powers():
    x = np.array([-1.7, 0.0, 0.3, 2.0])
    for exponent in range(-2, 40):
        with np.errstate(divide="ignore"):
            expected = np.power(x, float(exponent))
            for y in (x, Tensor(x)):
                np.testing.assert_allclose(ops.raw(ops.pow(y, exponent)), expected, rtol=1e-14)
    assert (Tensor(np.array([2, 3])) ** 5).tolist() == [32, 243] and (Tensor(np.array([2])) ** 5).dtype == np.int64


def test_powers_at_zero(no_warnings):
    x = Tensor(np.array([0.0, 2.0]), requires_grad=True)
    for exponent, slopes in [(0, [0, 0]), (1, [1, 1]), (2, [0, 4]), (3, [0, 12]), (1.5, [0, 1.5 * 2 ** 0.5])]:
        np.testing.assert_allclose(grad(x ** exponent, x, np.ones(2))[0].data, slopes)
    b = Tensor(np.array([0.0, 0.0, 2.0]), requires_grad=True)
    a = Tensor(np.array([0.0, 3.0, 0.0]), requires_grad=True)
    for_base, for_exponent = grad(a ** b, [a, b], np.ones(3))
    np.testing.assert_allclose(for_base.data, [0, 0, 0])
    np.testing.assert_allclose(for_exponent.data, [0, math.log(3), 0])
    np.testing.assert_allclose(grad(0.0 ** b, b, np.ones(3))[0].data, [0, 0, 0])


def test_mixed_second_derivative_of_pow_at_exponent_zero():
    a, b = (Tensor(np.array(v), requires_grad=True) for v in (4.0, 0.0))
    for_base, = grad(a ** b, a, create_graph=True)
    assert grad(for_base, b)[0].item() == 0.25


# ---------------------------------------------------------------------------------------------------------------------
# Ties, kinks and bounds: the subgradients are PyTorch's

def test_ties_split_the_gradient():
    a, b = (Tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True) for _ in range(2))
    for function in (ops.maximum, ops.minimum):
        for g in grad(function(a, b), [a, b], np.array([2.0, 4.0, 6.0])):
            np.testing.assert_equal(g.data, [1, 2, 3])


def test_ties_of_infinities_split_the_gradient(no_warnings):
    a, b = (Tensor(np.array([np.inf, -np.inf]), requires_grad=True) for _ in range(2))
    for g in grad(ops.maximum(a, b), [a, b], np.ones(2)):
        np.testing.assert_equal(g.data, [0.5, 0.5])


def test_subgradients_at_kinks():
    x = Tensor(np.zeros(1), requires_grad=True)
    for function, slope in [(ops.relu, 0), (ops.abs, 0), (ops.leaky_relu, 0.01), (lambda x: ops.elu(x, 0.5), 0.5),
                            (lambda x: ops.clamp(x, 0, 1), 1), (lambda x: ops.clamp(x, -1, 0), 1)]:
        assert grad(function(x), x)[0].item() == slope


def test_clamp_gives_bounds_their_gradient():
    x, low, high = (Tensor(np.array(v), requires_grad=True) for v in ([-2., 0, 2, 0], [-1.] * 3 + [3], [1.] * 4))
    y = ops.clamp(x, low, high)
    np.testing.assert_equal(y.data, [-1, 0, 1, 1])
    for g, expected in zip(grad(y, [x, low, high], np.ones(4)), ([0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1])):
        np.testing.assert_equal(g.data, expected)


def test_clamp_needs_a_bound():
    with pytest.raises(ValueError, match="clamp: give min, max or both"):
        ops.clamp(Tensor(np.zeros(2)))


# ---------------------------------------------------------------------------------------------------------------------
# Constants, logic, integers, types

def test_comparisons_are_boolean_constants():
    a, b = Tensor(np.array([1.0, 2, 3]), requires_grad=True), Tensor(np.array([2.0, 2, 2]))
    for result, expected in [(a == b, [0, 1, 0]), (a != b, [1, 0, 1]), (a < b, [1, 0, 0]), (a <= b, [1, 1, 0]),
                             (a > b, [0, 0, 1]), (a >= b, [0, 1, 1]), (2 < a, [0, 0, 1]), (a == 2, [0, 1, 0])]:
        assert result.dtype == bool and not result.requires_grad
        np.testing.assert_equal(result.data, np.array(expected, bool))


def test_equality_with_what_is_no_number():
    x = Tensor(np.zeros(2))
    assert (x == None) is False and (x != None) is True and (x == "x") is False      # noqa: E711


def test_logic():
    p, q = Tensor(np.array([True, True, False])), Tensor(np.array([True, False, False]))
    np.testing.assert_equal((~p).data, [False, False, True])
    np.testing.assert_equal((p & q).data, [True, False, False])
    np.testing.assert_equal((p | q).data, [True, True, False])
    np.testing.assert_equal((q.data & p).data, [True, False, False])
    np.testing.assert_equal(ops.logical_and(Tensor(np.array([0.0, 2.0])), 1).data, [False, True])
    np.testing.assert_equal(ops.logical_not(Tensor(np.array([0, 2]))).data, [True, False])
    with pytest.raises(TypeError, match="&: operands must be Boolean, not float64"):
        p & Tensor(np.ones(3))
    with pytest.raises(TypeError, match="~: operands must be Boolean, not int64"):
        ~Tensor(np.ones(3, np.int64))


def test_rounding_and_sign_are_constants():
    x = Tensor(np.array([-1.5, -0.4, 0.0, 2.5], np.float32), requires_grad=True)
    for function, expected in [(ops.floor, [-2, -1, 0, 2]), (ops.ceil, [-1, 0, 0, 3]), (ops.round, [-2, 0, 0, 2]),
                               (ops.sign, [-1, -1, 0, 1])]:
        y = function(x)
        assert y.dtype == np.float32 and not y.requires_grad
        np.testing.assert_equal(y.data, np.array(expected, np.float32))


def test_infinities_and_nan_are_told_apart():
    x = Tensor(np.array([1.0, np.inf, -np.inf, np.nan]))
    np.testing.assert_equal(x.isnan().data, [False, False, False, True])
    np.testing.assert_equal(x.isinf().data, [False, True, True, False])
    np.testing.assert_equal(x.isfinite().data, [True, False, False, False])


def test_floor_division_rounds_down():
    a, b = Tensor(np.array([7, -7, 7, -7])), Tensor(np.array([2, 2, -2, -2]))
    np.testing.assert_equal((a // b).data, [3, -4, -4, 3])
    np.testing.assert_equal((a % b).data, [1, 1, -1, -1])
    np.testing.assert_equal((7 // b).data, [3, 3, -4, -4])
    np.testing.assert_equal((7 % b).data, [1, 1, -1, -1])


@pytest.mark.parametrize("a, b, expected", [
    ("float32", 2.0, "float32"), ("float32", 2, "float32"), ("float32", True, "float32"), ("float64", 2.0, "float64"),
    ("int64", 2, "int64"), ("int64", 2.5, "float32"), ("bool", 2, "int64"), ("bool", 2.5, "float32"),
    ("float32", "int64", "float32"), ("float32", "float64", "float64"), ("int32", "int64", "int64"),
    ("float32", "0-d float64", "float32"), ("int64", "0-d float32", "float32"), ("float32", np.float64(2), "float32")])
def test_types_of_combinations(a, b, expected):
    x = Tensor(np.ones(3, a))
    if isinstance(b, str):
        b = Tensor(np.ones(() if "0-d" in b else 3, b.split()[-1]))
    assert (x + b).dtype == (b + x).dtype == (x * b).dtype == expected
    if expected.startswith("float"):
        assert (x / b).dtype == (x - b).dtype == ops.maximum(x, b).dtype == (x ** b).dtype == expected


def test_integers_become_float32():
    n = Tensor(np.array([1, 2, 4]))
    for y in (n / 2, n / n, 1 / n, ops.exp(n), ops.sqrt(n), ops.sigmoid(n), ops.gelu(n), ops.erf(n)):
        assert y.dtype == np.float32
    np.testing.assert_allclose((n / 2).data, [0.5, 1, 2])
    assert ops.relu(n).dtype == ops.abs(n).dtype == (n ** 2).dtype == ops.clamp(n, 0, 3).dtype == np.int64
    assert ops.clamp(n, 0.5).dtype == np.float32


def test_where_of_numbers_has_the_default_type():
    condition = Tensor(np.array([True, False]))
    assert ops.where(condition, 1.0, 0.0).dtype == np.float32 and ops.where(condition, 1, 0).dtype == np.int64


def test_zero_dimensional_results_stay_arrays():
    x = Tensor(np.array(2.0, np.float32), requires_grad=True)
    y = ops.exp(x * 2) + 1
    assert type(y.data) is np.ndarray and y.shape == () and y.dtype == np.float32
    assert type(grad(y, x)[0].data) is np.ndarray


def test_arrays_leave_operators_to_tensors():
    array, x = np.ones((2, 3)), Tensor(np.full(3, 2.0))
    for y in (array + x, array - x, array * x, array / x, array ** x, array < x, array == x, array // x):
        assert type(y) is Tensor and y.shape == (2, 3)


# ---------------------------------------------------------------------------------------------------------------------
# The compiled relu

@pytest.mark.parametrize("rows", [300, 1200])              # one thread; several
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_relu_of_large_arrays_is_that_of_small_ones(dtype, rows, monkeypatch):
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal((rows, 301)).astype(dtype) for _ in range(2))
    x[0, :6] = np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-30
    assert ops.fused(x, x) and not ops.fused(x.T, x.T) and not ops.fused(Tensor(g), Tensor(x)) and not ops.fused(2.0, x)
    fused = ops.relu(x)
    slope = ops.relu_rule(g, fused, x)
    monkeypatch.setattr(ops, "LARGE", x.size + 1)
    plain = ops.relu(x)
    assert fused.dtype == slope.dtype == dtype and np.array_equal(fused, plain, equal_nan=True)
    known = ~np.isnan(x)                   # where x is NaN, any gradient will do
    assert np.array_equal(slope[known], ops.relu_rule(g, plain, x)[known])
    monkeypatch.undo()
    part = np.concatenate((g, g), 1)[:, :301]              # a slice, as the gradient of `cat` is
    assert not part.flags.c_contiguous and ops.fused(part, fused)
    assert np.array_equal(ops.relu_rule(part, fused, x)[known], slope[known])


def test_second_derivative_through_a_large_relu():
    x = Tensor(np.random.default_rng(0).standard_normal((300, 301)), requires_grad=True)
    dx, = grad((ops.relu(x) ** 3).sum(), [x], create_graph=True)
    second, = grad(dx.sum(), [x])
    np.testing.assert_allclose(second.data, 6 * np.maximum(x.data, 0), rtol=1e-12)


def test_errors_name_shapes_and_types():
    a, b = Tensor(np.ones((2, 3))), Tensor(np.ones((4,)))
    for function in (ops.add, ops.sub, ops.mul, ops.div, ops.pow, ops.floor_divide, ops.remainder, ops.eq, ops.ne,
                     ops.lt, ops.le, ops.gt, ops.ge, ops.logical_and, ops.logical_or, ops.maximum, ops.minimum,
                     ops.clamp):
        message = rf"^{function.__name__}: shapes \(2, 3\) and \(4,\) can't be broadcast"
        with pytest.raises(ValueError, match=message):
            function(a, b)
    with pytest.raises(ValueError, match=r"where: shapes \(2,\), \(2, 3\) and \(4,\)"):
        ops.where(np.array([True, False]), a, b)
    for condition, kind in [(a, "float64"), (True, "<class 'bool'>")]:
        with pytest.raises(TypeError, match=f"where: the condition must be a Boolean tensor, not {kind}"):
            ops.where(condition, a, a)
    with pytest.raises(TypeError, match="must be a tensor, an array or a number, not list"):
        a + [1, 2, 3]
    with pytest.raises(TypeError, match="no negative integer power"):
        Tensor(np.array([1, 2])) ** -1
    with pytest.raises(ValueError, match='gelu: approximate must be "none" or "tanh"'):
        ops.gelu(a, approximate="fast")
