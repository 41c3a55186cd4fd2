"""The graph: order, memory, accumulation, in-place safety, derivatives of every order, user-made operations."""
import gc
import tracemalloc
import weakref
import numpy as np
import pytest
import minigrad
from minigrad import Tensor, autograd, enable_grad, is_grad_enabled, no_grad, operation
from minigrad.tensor import made_by


def leaf(*values, dtype=np.float64):
    return Tensor(np.array(values, dtype), requires_grad=True)


def normal(*shape, seed=0):
    return Tensor(np.asarray(np.random.default_rng(seed).standard_normal(shape)), requires_grad=True)


# Long chains and memory

def test_a_chain_of_100000_operations():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.00001
    y.backward()
    assert np.allclose(x.grad.data, 1.00001 ** 100_000)


def test_the_memory_of_a_long_chain_goes_away_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        tracemalloc.start()
        x = leaf(1.0)
        y = x
        for _ in range(100_000):
            y = y + 1.0
        first = weakref.ref(y)
        used = tracemalloc.get_traced_memory()[0]
        y.backward()
        y = None
        left = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert first() is None
    assert left < 0.01 * used


def test_a_long_chain_that_is_never_differentiated_goes_away():
    y = leaf(1.0)
    for _ in range(100_000):
        y = y + 1.0
    last = weakref.ref(y)
    del y
    assert last() is None


@pytest.mark.parametrize("retain_graph", [False, True])
def test_intermediate_values_go_away_without_the_garbage_collector(retain_graph):
    gc.disable()
    try:
        x = normal(3)
        middle = x * 2
        y = (middle ** 2).sum()
        seen = weakref.ref(middle)
        del middle
        y.backward(retain_graph=retain_graph)
        assert (seen() is not None) == retain_graph
        del y
        assert seen() is None
    finally:
        gc.enable()


# Accumulation

def test_diamonds():
    a = leaf(3.0)
    b = a + a
    c = b + b
    c.backward()
    assert a.grad.item() == 4
    x = leaf(2.0)
    y = x * x
    z = y * x + y
    assert autograd.grad(z, x)[0].item() == 3 * 4 + 2 * 2


def test_many_paths():
    """2^40 paths, each edge walked once."""
    x = leaf(1.0)
    y = x
    for _ in range(40):
        y = y + y
    y.backward()
    assert x.grad.item() == 2 ** 40


def test_gradients_accumulate_over_calls():
    x = leaf(1.0, 2.0)
    for expected in (2, 4, 6):
        (x * 2).sum().backward()
        assert np.array_equal(x.grad.data, [expected] * 2)
    before = x.grad.data
    kept = before.copy()
    x.grad = None
    (x * 3).sum().backward()
    assert np.array_equal(before, kept)


def test_grad_leaves_dot_grad_alone_and_gives_intermediate_gradients():
    x = leaf(1.0, 2.0)
    y = x * 3
    z = (y * y).sum()
    gy, gx = autograd.grad(z, (y, x))
    assert np.array_equal(gy.data, [6, 12]) and np.array_equal(gx.data, [18, 36]) and x.grad is None


def test_several_outputs_and_grad_outputs():
    x = leaf(1.0, 2.0)
    ga, gb = np.array([1.0, 10.0]), np.array([5.0, 7.0])
    g, = autograd.grad((x * 2, x ** 2), x, (Tensor(ga), gb))
    assert np.array_equal(g.data, 2 * ga + 2 * x.data * gb)
    total, = autograd.grad([(x * 2).sum(), (x ** 2).sum()], x, [None, Tensor(np.array(3.0))])
    assert np.array_equal(total.data, 2 + 6 * x.data)


def test_an_output_can_be_an_input_of_another_output():
    x = leaf(2.0)
    y = x * x
    z = y * 3
    assert autograd.grad((y, z), x)[0].item() == 4 + 12
    y = x * x
    assert autograd.grad(y, y)[0].item() == 1


def test_unused_inputs():
    x, unused = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="do not depend on input 1"):
        autograd.grad(x * 2, (x, unused))
    g, none = autograd.grad(x * 2, (x, unused), allow_unused=True)
    assert g.item() == 2 and none is None


def test_no_two_gradients_share_memory():
    a, b, c = normal(3), normal(3), normal(3)
    g = np.ones(3)
    (a + b + c).backward(Tensor(g))
    arrays = [a.grad.data, b.grad.data, c.grad.data, g]
    for i in range(4):
        for j in range(i):
            assert not np.shares_memory(arrays[i], arrays[j])
    given = autograd.grad(a + b, (a, b), Tensor(g), create_graph=True)
    assert not np.shares_memory(given[0].data, given[1].data) and not np.shares_memory(given[0].data, g)
    view, = autograd.grad(a.reshape(3, 1), a, np.ones((3, 1)))
    assert view.data.flags.owndata


def test_gradients_have_their_tensors_type():
    a, b = leaf(1.0, 2.0, dtype=np.float32), leaf(3.0, 4.0, dtype=np.float64)
    y = a * b
    assert y.dtype == np.float64
    y.sum().backward()
    assert a.grad.dtype == np.float32 and b.grad.dtype == np.float64
    assert np.array_equal(a.grad.data, [3, 4]) and np.array_equal(b.grad.data, [1, 2])
    half = leaf(1.0, dtype=np.float16)
    (half * a).sum().backward()
    assert half.grad.dtype == np.float16


# retain_graph and errors

def test_backward_twice():
    x = leaf(1.0)
    y = (x * 2) * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8
    with pytest.raises(RuntimeError, match=r"inputs of mul #\d+ were freed.*retain_graph=True"):
        y.backward()


def test_a_freed_part_is_noticed_from_elsewhere():
    x = leaf(1.0)
    shared = x * 2
    (shared * 3).backward()
    with pytest.raises(RuntimeError, match="mul #.*freed"):
        (shared * 4).backward()


def test_what_backward_frees_and_what_it_keeps():
    x = leaf(1.0)
    y = x * 2
    g, = autograd.grad(y, x, create_graph=True)       # keeps the graph by default
    y.backward()
    assert y.inputs is None and g.item() == x.grad.item() == 2


@pytest.mark.parametrize("call, error, words", [
    (lambda x: (x * 2).backward(), RuntimeError, r"shape \(2,\) is not a scalar"),
    (lambda x: Tensor(np.ones(())).backward(), RuntimeError, "does not require a gradient"),
    (lambda x: (x * 2).backward(Tensor(np.ones(3))), ValueError, r"gradient of shape \(3,\) does not fit.*\(2,\)"),
    (lambda x: autograd.grad((x * 2).sum(), Tensor(np.ones(2))), RuntimeError, "input 0.*requires_grad_"),
    (lambda x: autograd.grad([x.sum(), x.sum()], x, [None]), ValueError, "2 outputs need as many"),
    (lambda x: autograd.grad(x.detach().sum(), x), RuntimeError, "does not require a gradient"),
])
def test_errors(call, error, words):
    with pytest.raises(error, match=words):
        call(leaf(1.0, 2.0))


@pytest.mark.parametrize("use", [lambda n: n * 2, lambda n: n * 2.5])
def test_no_gradients_of_integers(use):
    n = Tensor(np.array(3))
    n.requires_grad = True
    with pytest.raises(RuntimeError, match=r"leaf #\d+, of shape \(\), requires a gradient, .* not int64"):
        use(n).backward()
    with pytest.raises(RuntimeError, match="not int64"):
        autograd.grad(use(n), n)
    assert n.grad is None


def test_an_error_in_a_rule_leaves_recording_as_it_was():
    def failing_rule(g, y, x):
        raise ZeroDivisionError
    failing = operation(lambda x: x, failing_rule, name="failing")
    with pytest.raises(ZeroDivisionError):
        failing(leaf(1.0)).backward()
    assert is_grad_enabled()


def test_forward_must_give_an_array():
    with pytest.raises(TypeError, match="^total: forward must give an array, not a float"):
        operation(lambda x: float(x.sum()), lambda g, y, x: g, name="total")(leaf(1.0, 2.0))


# In-place safety

def test_a_forward_that_gives_its_input_shares_memory_visibly():
    reverse = operation(lambda x: x, lambda g, y, x: -g, name="reverse")
    x = leaf(1.0, 2.0)
    assert autograd.grad(reverse(x).sum(), x)[0].tolist() == [-1, -1]
    y = x * 1
    z = (y * y).sum()
    with no_grad():
        reverse(y).add_(1)
    with pytest.raises(RuntimeError, match="overwritten by add_"):
        z.backward()


def test_a_value_overwritten_after_its_use_is_refused():
    x = leaf(1.0, 2.0)
    y = x * 1
    z = (y * y).sum()
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"input of shape \(2,\) that mul #\d+ needs was overwritten by add_"):
        z.backward()


def test_a_write_through_a_view_is_seen():
    x, w = leaf(1.0, 2.0, 3.0), Tensor(np.ones(3))
    part = w[1:]
    y = (x * w).sum()
    part.mul_(5)
    with pytest.raises(RuntimeError, match="needs was overwritten by mul_"):
        y.backward()


def test_a_write_to_the_base_is_seen_through_views():
    w = Tensor(np.ones(4))
    x = leaf(1.0, 2.0)
    y = (x * w.reshape(2, 2)[0]).sum()
    w.zero_()
    with pytest.raises(RuntimeError, match="overwritten by zero_"):
        y.backward()


def test_an_overwritten_result_is_refused():
    x = leaf(1.0, 2.0)
    y = minigrad.exp(x)
    view = y.detach()
    view.zero_()
    with pytest.raises(RuntimeError, match="result of shape .* that exp #.* overwritten by zero_"):
        y.sum().backward()


def test_a_write_before_the_use_is_right():
    x = leaf(1.0, 2.0)
    y = x * 1
    y.mul_(3)
    (y * y).sum().backward()
    assert np.array_equal(x.grad.data, 18 * x.data)


def test_a_leaf_that_requires_a_gradient_is_written_only_without_recording():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="leaf that requires a gradient"):
        x.add_(1)
    with no_grad():
        x.add_(1)
    assert x.item() == 2 and x.rule is None


# Rules are not asked for what nobody needs

def test_thunks_are_called_only_for_inputs_that_need_a_gradient():
    calls = []

    def both_rule(g, y, a, b):
        return lambda: calls.append("a") or g * b, lambda: calls.append("b") or g * a
    both = operation(lambda a, b: a * b, both_rule, name="both")
    a, b, constant = leaf(2.0), leaf(3.0), Tensor(np.array([4.0]))
    both(a, constant).backward()
    assert calls == ["a"]
    both(5.0, b).backward()
    assert calls == ["a", "b"]
    autograd.grad(both(a, b), b)
    assert calls == ["a", "b", "b"]


def test_rules_off_the_path_to_the_wanted_inputs_are_not_run():
    ran = []
    note = operation(lambda x: x, lambda g, y, x: ran.append(1) or g, name="note")
    a, b = leaf(1.0), leaf(2.0)
    autograd.grad(note(a) * b, b)
    assert not ran
    autograd.grad(note(a) * b, a)
    assert ran == [1]


# Recording

def test_no_grad_and_enable_grad():
    x = leaf(1.0)
    with no_grad():
        assert not is_grad_enabled() and not (x * 2).requires_grad
        with enable_grad():
            assert is_grad_enabled() and (x * 2).requires_grad
        assert not is_grad_enabled()
    assert is_grad_enabled() and (x * 2).rule is not None


def test_no_grad_as_a_decorator_that_can_call_itself():
    @no_grad()
    def countdown(n):
        """Counts."""
        assert not is_grad_enabled()
        return [n, *countdown(n - 1)] if n else [n]
    assert countdown(3) == [3, 2, 1, 0] and is_grad_enabled()
    assert countdown.__name__ == "countdown" and countdown.__doc__ == "Counts."

    @enable_grad()
    def recorded(x):
        return x * 2
    with no_grad():
        assert recorded(leaf(1.0)).requires_grad


def test_recording_is_restored_after_an_error():
    with pytest.raises(ValueError):
        with no_grad():
            raise ValueError
    assert is_grad_enabled()


def test_first_order_backward_records_nothing():
    x = leaf(1.0)
    (x ** 3).backward()
    assert not x.grad.requires_grad and x.grad.rule is None


# Higher orders

def test_third_order_against_the_closed_form():
    x = leaf(0.3, -1.2)
    y = minigrad.sin(x * x)
    u = x.data
    expected = [2 * u * np.cos(u ** 2), 2 * np.cos(u ** 2) - 4 * u ** 2 * np.sin(u ** 2),
                -12 * u * np.sin(u ** 2) - 8 * u ** 3 * np.cos(u ** 2)]
    for e in expected:
        y, = autograd.grad(y.sum(), x, create_graph=True)
        assert np.allclose(y.data, e, rtol=1e-12)


def test_backward_with_create_graph_and_a_gradient_penalty():
    w, x = leaf(2.0), leaf(3.0)
    g, = autograd.grad(w * w * x * x, x, create_graph=True)
    (g ** 2).backward()                                          # (2 w^2 x)^2, d/dw = 16 w^3 x^2
    assert np.isclose(w.grad.item(), 16 * 8 * 9)


def test_gradients_flow_to_grad_outputs():
    """The vector-Jacobian product is linear in the cotangent, and its derivative is the Jacobian."""
    x, v = leaf(1.0, 2.0), leaf(1.0, 1.0)
    g, = autograd.grad(x ** 2, x, v, create_graph=True)
    jv, = autograd.grad(g.sum(), v)
    assert np.array_equal(jv.data, 2 * x.data)


# jacobian, hessian, vjp, jvp

MATRIX = np.random.default_rng(5).standard_normal((3, 2))


def linear(x):
    return minigrad.sin(Tensor(MATRIX) @ x)


def test_jacobian():
    x = np.array([0.5, -1.0])
    expected = np.cos(MATRIX @ x)[:, None] * MATRIX
    j = autograd.jacobian(linear, Tensor(x))
    assert j.shape == (3, 2) and np.allclose(j.data, expected) and not j.requires_grad


def test_the_shapes_that_jacobian_returns():
    a, b = normal(2, 3), normal(3, seed=1)
    pair = autograd.jacobian(lambda a, b: (a * b).sum(1), (a, b))
    assert [j.shape for j in pair] == [(2, 2, 3), (2, 3)]
    expected = np.zeros((2, 2, 3))
    expected[[0, 1], [0, 1]] = b.data
    assert np.allclose(pair[0].data, expected) and np.allclose(pair[1].data, a.data)
    table = autograd.jacobian(lambda a, b: (a.sum(), b * b), (a, b))
    assert [[j.shape for j in row] for row in table] == [[(2, 3), (3,)], [(3, 2, 3), (3, 3)]]
    assert not table[0][1].data.any() and np.allclose(table[1][1].data, np.diag(2 * b.data))
    column = autograd.jacobian(lambda a: (a.sum(), a[0]), a)
    assert [j.shape for j in column] == [(2, 3), (3, 2, 3)]
    assert autograd.jacobian(lambda a: a[:0], b).shape == (0, 3)


def test_hessian():
    x = Tensor(np.array([1.0, 2.0, 3.0]))
    h = autograd.hessian(lambda x: (x ** 3).sum() + x[0] * x[1], x)
    expected = np.diag(6 * x.data)
    expected[0, 1] = expected[1, 0] = 1
    assert np.allclose(h.data, expected)
    a, b = normal(2), normal(3)
    table = autograd.hessian(lambda a, b: a.sum() * b.sum(), (a, b))
    assert [[t.shape for t in row] for row in table] == [[(2, 2), (2, 3)], [(3, 2), (3, 3)]]
    assert (table[0][1].data == 1).all() and not table[0][0].data.any()
    with pytest.raises(RuntimeError, match=r"one element, not \(3,\)"):
        autograd.hessian(lambda x: x * x, x)


def test_vjp_and_jvp_are_adjoint_and_agree_with_the_jacobian():
    x, v, u = (np.random.default_rng(7).standard_normal(n) for n in (2, 3, 2))
    j = autograd.jacobian(linear, Tensor(x)).data
    y, back = autograd.vjp(linear, Tensor(x), Tensor(v))
    same, ahead = autograd.jvp(linear, Tensor(x), Tensor(u))
    assert np.array_equal(y.data, same.data) and np.allclose(y.data, np.sin(MATRIX @ x))
    assert np.allclose(back.data, v @ j) and np.allclose(ahead.data, j @ u)
    assert np.isclose(v @ ahead.data, back.data @ u)


def test_vjp_and_jvp_of_several():
    a, b = normal(2), normal(2, seed=1)
    ys, gs = autograd.vjp(lambda a, b: (a * b, a.sum()), (a, b), (Tensor(np.array([1.0, 2.0])), Tensor(np.array(3.0))))
    assert len(ys) == len(gs) == 2
    assert np.allclose(gs[0].data, b.data * [1, 2] + 3) and np.allclose(gs[1].data, a.data * [1, 2])
    _, (t, s) = autograd.jvp(lambda a, b: (a * b, a.sum()), (a, b), (Tensor(np.ones(2)), Tensor(np.zeros(2))))
    assert np.allclose(t.data, b.data) and np.isclose(s.item(), 2)
    assert autograd.vjp(lambda x: x.sum(), a)[1].shape == (2,)
    assert not autograd.jvp(lambda x: Tensor(np.ones(3)), a, a)[1].data.any()


def test_create_graph_of_the_functional_calls():
    x = leaf(1.0, 2.0)
    j = autograd.jacobian(lambda x: x ** 2, x * 1, create_graph=True)
    assert np.allclose(autograd.grad(j.sum(), x)[0].data, 2)
    h = autograd.hessian(lambda x: (x ** 3).sum(), x, create_graph=True)
    assert np.allclose(autograd.grad(h.sum(), x)[0].data, 6)
    _, t = autograd.jvp(lambda x: x ** 3, x, Tensor(np.ones(2)), create_graph=True)
    assert np.allclose(autograd.grad(t.sum(), x)[0].data, 6 * x.data)


def test_functional_calls_inside_no_grad_and_bad_input():
    with no_grad():
        assert np.allclose(autograd.jacobian(lambda x: x ** 2, leaf(3.0)).data, 6)
    with pytest.raises(TypeError, match="input 0 must be a floating-point tensor, not int64"):
        autograd.jacobian(lambda x: x, Tensor(np.arange(3)))
    with pytest.raises(TypeError, match="output 0 is a ndarray"):
        autograd.vjp(lambda x: [x.data], leaf(1.0))
    with pytest.raises(ValueError, match=r"v has shapes \[\(3,\)\], and the inputs have \[\(2,\)\]"):
        autograd.jvp(lambda x: x, leaf(1.0, 2.0), Tensor(np.ones(3)))
    with pytest.raises(RuntimeError, match="v can be left out"):
        autograd.vjp(lambda x: x, leaf(1.0, 2.0))


# NaN

@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_first_nonfinite_names_the_operation():
    x = leaf(1.0, 0.0)
    y = minigrad.log(x)
    z = (y * 0).sum()
    found = autograd.first_nonfinite(z)
    assert found is y and made_by(found).startswith("log #")
    assert autograd.first_nonfinite((x * 2).sum()) is None
    assert autograd.first_nonfinite((Tensor(np.array([np.inf, 1.0])) * x).sum()).rule is None
    poisoned = leaf(np.nan)
    assert autograd.first_nonfinite(minigrad.exp(poisoned)) is poisoned


# Operations made by users

def test_an_operation_of_ones_own_with_parameters():
    def power(x, exponent=2):
        """x to some power."""
        return x ** exponent

    def rule(g, y, x, exponent=2):
        return g * exponent * x ** (exponent - 1)
    op = operation(power, rule)
    x = leaf(2.0, 3.0)
    assert np.array_equal(op(x).data, [4, 9]) and np.array_equal(op(x.data, exponent=3), [8, 27])
    y = op(x, exponent=3)
    g, = autograd.grad(y.sum(), x, create_graph=True)
    h, = autograd.grad(g.sum(), x)
    assert np.array_equal(g.data, 3 * x.data ** 2) and np.array_equal(h.data, 6 * x.data)
    assert op.__name__ == "power" and op.__doc__ == "x to some power." and made_by(y).startswith("power #")
    assert minigrad.gradcheck(lambda x: op(x, exponent=4), x) and minigrad.gradgradcheck(lambda x: op(x, exponent=4), x)


def test_wrong_numbers_and_shapes_of_cotangents():
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    one = operation(lambda a, b: a * b, lambda g, y, a, b: g * b, name="one")
    with pytest.raises(ValueError, match=r"rule of one #\d+ gave 1 cotangents for 2 inputs"):
        one(a, b).sum().backward()
    bad = operation(lambda a, b: a * b, lambda g, y, a, b: (g * b, lambda: (g * a).sum()), name="bad")
    with pytest.raises(ValueError, match=r"bad #\d+ gave a cotangent of shape \(\) for an input of shape \(2,\)"):
        bad(a, b).sum().backward()
    bare = operation(lambda a: a * 2, lambda g, y, a: 2.0, name="bare")
    with pytest.raises(ValueError, match=r"bare #\d+ gave 2.0, which is no array, for an input of shape \(2,\)"):
        bare(a).sum().backward()


def test_none_stands_for_zero():
    a, b = leaf(1.0), leaf(2.0)
    first = operation(lambda a, b: a * 1, lambda g, y, a, b: (g, None), name="first")
    assert autograd.grad(first(a, b), (a, b), allow_unused=True)[1] is None
