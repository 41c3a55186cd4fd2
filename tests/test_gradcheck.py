"""The gradient checks, tried on right rules and on deliberately wrong ones."""
import numpy as np
import pytest
import minigrad
from minigrad import Tensor, gradcheck, gradgradcheck, operation
from minigrad.broadcasting import sum_to
from minigrad.gradcheck import GradientError, KinkError


def normal(*shape, seed=0):
    return Tensor(np.asarray(np.random.default_rng(seed).standard_normal(shape)), requires_grad=True)


def softmax_array(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


# Right rules pass

@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 4), (7, 50)])
def test_right_rules_pass(shape):
    def f(x):
        return minigrad.sin(x) * minigrad.exp(x)
    assert gradcheck(f, normal(*shape), analytic=True) is True
    assert gradgradcheck(f, normal(*shape)) is True


def test_many_arguments_outputs_and_constants():
    def f(a, scale, b, index):
        return a * scale + b, (a * b).sum(), index, a > b
    inputs = (normal(3, 4), 2.5, normal(4, seed=1), Tensor(np.arange(3)))
    assert gradcheck(f, inputs) and gradgradcheck(f, inputs)


def test_an_output_that_does_not_depend_on_an_input():
    for check in (gradcheck, gradgradcheck):
        assert check(lambda a, b: a * 2, (normal(3), normal(3)))
    assert gradcheck(lambda a: Tensor(np.ones(3)), normal(2))


def test_inputs_are_left_alone():
    x = normal(3, 4)
    before = x.data.copy()
    gradcheck(lambda x: x.clone().mul_(2), x)
    assert np.array_equal(x.data, before) and x.grad is None and x.rule is None


def test_the_same_seed_gives_the_same_message():
    def message(seed):
        with pytest.raises(GradientError) as error:
            gradcheck(operation(lambda x: x ** 2, lambda g, y, x: g * x, name="half"), normal(3), seed=seed)
        return str(error.value)
    assert message(1) == message(1) != message(2)


# Wrong rules are caught.  Each comes with a right twin that passes, so it is the fault that is seen.

def square(factor):
    return operation(lambda x: x ** 2, lambda g, y, x: g * 2 * x * factor, name="square")


def softmax(rule):
    return operation(softmax_array, rule, name="softmax")


def mixed(matrix):
    weights = np.random.default_rng(3).standard_normal((4, 4))
    return operation(lambda x: x @ weights, lambda g, y, x: g @ (weights.T if matrix == "transposed" else weights),
                     name="mixed")


def scaled(rule):
    return operation(lambda x, s: x * s, rule, name="scaled")


def one_sign(wrong):
    signs = np.ones((40, 50))
    if wrong:
        signs[17, 33] = -1
    return operation(lambda x: np.sin(x), lambda g, y, x: g * minigrad.cos(x) * signs, name="waves")


FAULTS = {
    "off by 0.1 %": (square(1), square(1.001), (normal(3),)),
    "off by 0.1 %, large": (square(1), square(1.001), (normal(40, 50),)),
    "blind to sums": (softmax(lambda g, y, x: y * (g - (g * y).sum(-1).reshape(-1, 1))), softmax(lambda g, y, x: g * 0),
                      (normal(3, 4),)),
    "no gradient": (square(1), operation(lambda x: x ** 2, lambda g, y, x: None, name="square"), (normal(3),)),
    "NaN": (square(1), square(np.nan), (normal(3),)),
    "transposed Jacobian": (mixed("transposed"), mixed("as it is"), (normal(2, 4),)),
    "broadcasting not undone": (
        scaled(lambda g, y, x, s: (sum_to(g * s, x.shape), sum_to(g * x, s.shape))),
        scaled(lambda g, y, x, s: (sum_to(g * s, x.shape), (g * x)[:1])), (normal(5, 3), normal(1, 3))),
    "one sign in 2000": (one_sign(False), one_sign(True), (normal(40, 50),)),
    "wrong for the second argument only": (
        scaled(lambda g, y, x, s: (g * s, g * x)), scaled(lambda g, y, x, s: (g * s, g * s)),
        (normal(3), normal(3, seed=1))),
}


@pytest.mark.parametrize("right, wrong, inputs", FAULTS.values(), ids=FAULTS)
def test_wrong_rules_are_caught(right, wrong, inputs):
    assert gradcheck(right, inputs)
    with pytest.raises(GradientError):
        gradcheck(wrong, inputs)


def test_a_sum_would_not_have_seen_it():
    """The reason for the random cotangent: with ones, the rule that gives zeros is right about softmax(x).sum()."""
    blind = softmax(lambda g, y, x: g * 0)
    assert gradcheck(lambda x: blind(x).sum(), normal(3, 4))


def test_a_rule_that_keeps_an_array_is_right_first_and_wrong_second():
    kept = {}

    def forward(x):
        kept["x"] = x
        return x ** 3
    cube = operation(forward, lambda g, y, x: g * 3 * kept["x"] ** 2, name="cube")
    assert gradcheck(cube, normal(4))
    with pytest.raises(GradientError, match="gradgradcheck: the gradient of cube, argument 0"):
        gradgradcheck(cube, normal(4))
    assert gradgradcheck(operation(lambda x: x ** 3, lambda g, y, x: g * 3 * x ** 2, name="cube"), normal(4))


def test_a_wrong_rule_in_the_rule_is_caught_at_second_order():
    """d sin = cos, right; but this cosine's own rule has the wrong sign."""
    cosine = operation(np.cos, lambda g, y, x: g * minigrad.sin(x), name="cosine")
    sine = operation(np.sin, lambda g, y, x: g * cosine(x), name="sine")
    assert gradcheck(sine, normal(4))
    with pytest.raises(GradientError):
        gradgradcheck(sine, normal(4))


# Messages

def test_the_message_names_operation_argument_index_and_both_numbers():
    with pytest.raises(GradientError) as error:
        gradcheck(scaled(lambda g, y, x, s: (g * s, g * s)), (normal(3), normal(3, seed=1)))
    words = str(error.value)
    assert "gradcheck: scaled, argument 1, index (0,)" in words
    v = np.random.default_rng(0).standard_normal(3)
    assert f"the rule gives {v[0] * normal(3, seed=1).data[0]:.6g}"[:-1] in words
    assert f"finite differences give {v[0] * normal(3).data[0]:.6g}"[:-1] in words


def test_bisection_finds_the_entry():
    with pytest.raises(GradientError, match=r"gradcheck: waves, argument 0, index \(17, 33\)"):
        gradcheck(one_sign(True), normal(40, 50))


def test_a_function_is_named_beside_its_last_operation():
    def model(x):
        return square(1.01)(x)
    with pytest.raises(GradientError, match=r"model \(square\)"):
        gradcheck(model, normal(3))


def test_the_complex_step_is_an_oracle_of_its_own():
    """It sees an error of 1e-7, which is far below what finite differences are trusted with."""
    nearly = square(1 + 1e-7)
    assert gradcheck(nearly, normal(3))
    with pytest.raises(GradientError, match="the complex step gives"):
        gradcheck(nearly, normal(3), analytic=True)
    assert gradcheck(square(1), normal(3), analytic=True)


# Kinks

@pytest.mark.parametrize("function, x", [(minigrad.relu, [1.0, 0.0]), (minigrad.floor, [0.5, 2.0])])
def test_a_kink_is_no_mysterious_failure(function, x):
    with pytest.raises(KinkError, match=r"index \(1,\).*kink"):
        gradcheck(function, Tensor(np.array(x), requires_grad=True))


def test_a_kink_in_a_large_input_is_found():
    x = normal(30, 30)
    x.data[4, 5] = 0
    with pytest.raises(KinkError, match=r"index \(4, 5\)"):
        gradcheck(minigrad.relu, x)


def test_beside_a_kink_all_is_well_and_wrong_rules_are_wrong():
    x = Tensor(np.array([1e-3, -1e-3]), requires_grad=True)
    assert gradcheck(minigrad.relu, x) and gradcheck(minigrad.abs, x)
    with pytest.raises(GradientError):
        gradcheck(operation(lambda x: np.maximum(x, 0), lambda g, y, x: g, name="straight"), x)


def test_strong_curvature_is_no_kink():
    with pytest.raises(GradientError):
        gradcheck(operation(lambda x: np.exp(5 * x), lambda g, y, x: g * 4.9 * y, name="steep"), normal(3))


# Bad input

def test_float32_is_refused():
    with pytest.raises(TypeError, match="argument 1 is float32"):
        gradcheck(lambda a, b: a * b, (normal(2), Tensor(np.ones(2, np.float32), requires_grad=True)))
    with pytest.raises(TypeError, match="output of shape .* is float32"):
        gradcheck(lambda a: a.float(), normal(2))
    with pytest.raises(TypeError, match="gradgradcheck: argument 0 is float32"):
        gradgradcheck(minigrad.exp, Tensor(np.ones(2, np.float32), requires_grad=True))


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_nothing_to_check_is_refused(check):
    with pytest.raises(ValueError, match="nothing to check"):
        check(minigrad.exp, (Tensor(np.ones(2)), np.ones(2)))
