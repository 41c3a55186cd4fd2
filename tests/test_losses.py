"""Losses, against their formulas in NumPy, and the fused kernels against the plain composition."""
import subprocess
import sys
import numpy as np
import pytest
import layers as nn
import layers.functional as F
import minigrad
from contract import Case, check, name
from layers import losses
from minigrad import log_softmax, tensor


def picked(log_p, target):
    """-log_p[target] along the second axis, position by position."""
    y = np.empty(target.shape)
    for index in np.ndindex(target.shape):
        y[index] = -log_p[(index[0], target[index], *index[1:])]
    return y


def log_probabilities(x):
    """log softmax along the second axis."""
    return x - np.log(np.exp(x).sum(1, keepdims=True))


def logits(*shape):
    """Logits of a shape, and labels that fit."""
    def inputs(rng):
        return [2 * rng.standard_normal(shape), rng.integers(0, shape[1], (shape[0], *shape[2:]))]
    return inputs


def probabilities(rng):
    return [rng.uniform(0.05, 0.95, (3, 4)), rng.uniform(0, 1, (3, 4))]


def pairs(rng):
    return [rng.standard_normal((3, 4)), rng.standard_normal((3, 4))]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def bce(p, t):
    return -(t * np.log(p) + (1 - t) * np.log(1 - p))


CASES = [Case(f"cross_entropy {shape}", lambda x, t: F.cross_entropy(x, t, reduction="none"), logits(*shape),
              lambda x, t: picked(log_probabilities(x), t))
         for shape in [(4, 3), (2, 5, 3), (2, 3, 2, 4), (3, 1), (0, 3)]]
CASES += [
    Case("cross_entropy, mean", F.cross_entropy, logits(2, 3, 4), lambda x, t: picked(log_probabilities(x), t).mean()),
    Case("cross_entropy, sum", lambda x, t: F.cross_entropy(x, t, reduction="sum"), logits(5, 3),
         lambda x, t: picked(log_probabilities(x), t).sum()),
    Case("cross_entropy, one", F.cross_entropy, lambda rng: [rng.standard_normal(4), np.array(2)],
         lambda x, t: np.log(np.exp(x).sum()) - x[2]),
    Case("nll_loss", lambda x, t: F.nll_loss(x, t, reduction="none"), logits(2, 3, 4), picked),
    Case("nll_loss, one", F.nll_loss, lambda rng: [rng.standard_normal(4), np.array(2)], lambda x, t: -x[2]),
    Case("mse_loss", F.mse_loss, pairs, lambda x, t: ((x - t) ** 2).mean(), analytic=True),
    Case("mse_loss, none", lambda x, t: F.mse_loss(x, t, reduction="none"), pairs, lambda x, t: (x - t) ** 2),
    Case("l1_loss, sum", lambda x, t: F.l1_loss(x, t, reduction="sum"), pairs, lambda x, t: abs(x - t).sum()),
    Case("binary_cross_entropy", F.binary_cross_entropy, probabilities, lambda p, t: bce(p, t).mean()),
    Case("binary_cross_entropy, none", lambda p, t: F.binary_cross_entropy(p, t, reduction="none"), probabilities, bce),
    Case("binary_cross_entropy_with_logits", lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction="none"),
         pairs, lambda x, t: bce(sigmoid(x), t)),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_contract(case):
    check(case)


# ---------------------------------------------------------------------------------------------------------------------
# Extreme values

def test_cross_entropy_of_huge_logits():
    x = tensor([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [-np.inf, 0.0, 0.0]], requires_grad=True)
    loss = F.cross_entropy(x, tensor([1, 0, 2]), reduction="none")
    assert np.allclose(loss.data, [2e4, np.log(3), np.log(2)])
    loss.sum().backward()
    assert np.allclose(x.grad.data, [[1, -1, 0], [-2 / 3, 1 / 3, 1 / 3], [0, 0.5, -0.5]])


def test_binary_cross_entropy_at_the_ends():
    p = tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    loss = F.binary_cross_entropy(p, tensor([0.0, 1.0, 1.0, 0.0]), reduction="none")
    assert loss.tolist() == [0, 0, 100, 100]
    loss.sum().backward()
    assert p.grad.tolist()[:2] == [0, 0] and np.isfinite(p.grad.data).all()


@pytest.mark.parametrize("kind", [bool, np.int64, np.uint8, np.float32])
def test_binary_cross_entropy_of_any_targets_stays_float32(kind):
    target = np.array([0, 1, 1, 0])
    x = tensor([0.25, 0.5, 0.75, 0.5], requires_grad=True)
    for function in (F.binary_cross_entropy, F.binary_cross_entropy_with_logits):
        loss = function(x, tensor(target.astype(kind)), reduction="none")
        assert loss.dtype == np.float32
        np.testing.assert_array_equal(loss.data, function(x, tensor(target.astype(np.float32)), reduction="none").data)
        loss.sum().backward()


def test_binary_cross_entropy_with_huge_logits():
    x = tensor([1000.0, -1000.0, 1000.0, -1000.0, 20.0, -20.0], requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, tensor([1.0, 0.0, 0.0, 1.0, 1.0, 0.0]), reduction="none")
    assert np.allclose(loss.data, [0, 0, 1000, 1000, np.exp(-20), np.exp(-20)], rtol=1e-5, atol=0)
    loss.sum().backward()
    assert np.allclose(x.grad.data[:4], [0, 0, 1, -1])


# ---------------------------------------------------------------------------------------------------------------------
# The fused kernels

def large(shape=(3, 40, 29, 31), scale=4):
    """float32 logits that the kernels take, labels, and cotangents."""
    rng = np.random.default_rng(2)
    x = (scale * rng.standard_normal(shape)).astype(np.float32)
    t = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    return x, t, rng.standard_normal(t.shape).astype(np.float32)


def run(x, t, g):
    """Losses and their gradient."""
    x = tensor(x, requires_grad=True)
    y = F.cross_entropy(x, tensor(t), reduction="none")
    y.backward(tensor(g))
    return y.data, x.grad.data


@pytest.mark.parametrize("shape", [(3, 40, 29, 31), (1, 300, 257), (70, 10, 100), (2, 1, 40000),
                                   (2001, 40), (300, 257), (100, 1000), (70000, 1)])
def test_fused_cross_entropy_is_the_composition(shape):
    x, t, g = large(shape)
    assert losses.fused(x)
    y, dx = run(x, t, g)
    x64 = tensor(x.astype(np.float64), requires_grad=True)
    y64 = F.nll_loss(log_softmax(x64, 1), tensor(t), reduction="none")
    y64.backward(tensor(g.astype(np.float64)))
    assert y.dtype == dx.dtype == np.float32
    assert abs(y - y64.data).max() < 5e-6 and abs(dx - x64.grad.data).max() < 5e-6


def test_fused_cross_entropy_of_any_layout():
    x, t, g = large()
    y, dx = run(x, t, g)
    strided = np.ascontiguousarray(x.transpose(2, 3, 0, 1)).transpose(2, 3, 0, 1)
    y_, dx_ = run(strided, t.astype(np.int32), np.asfortranarray(g))
    assert np.array_equal(y, y_) and np.array_equal(dx, dx_)
    _, constant = run(x, t, np.broadcast_to(np.float32(2), t.shape))
    assert np.allclose(constant, 2 * run(x, t, np.ones_like(g))[1], atol=1e-6)


def test_fused_cross_entropy_of_strange_logits():
    x, t, g = large()
    x[0, :, 0, 0] = 1e4 * np.arange(40)
    x[0, 5, 0, 1] = -np.inf
    t[0, 0, :2] = 3
    y, dx = run(x, t, g)
    assert y[0, 0, 0] == 36e4 and dx[0, 3, 0, 0] == -g[0, 0, 0] and dx[0, 39, 0, 0] == g[0, 0, 0]
    assert dx[0, 5, 0, 1] == 0 and np.isfinite(y).all() and np.isfinite(dx).all()
    for place in (0, 7, 39):
        x[1, place, 2, 2] = np.nan
        y, dx = run(x, t, g)
        assert np.isnan(y[1, 2, 2]) and np.isnan(y).sum() == 1 and np.isnan(dx[1, :, 2, 2]).any()
        x[1, place, 2, 2] = 0


def test_fused_cross_entropy_of_rows_is_that_of_images():
    """(N, C) has loops of its own: strange logits must fare alike."""
    x, t, g = large()
    x[0, :, 0, 0] = 1e4 * np.arange(40)
    x[0, 5, 0, 1], x[1, 7, 2, 2] = -np.inf, np.nan
    t[0, 0, :2] = 3
    y, dx = run(x, t, g)
    rows = np.moveaxis(x, 1, 3)
    for layout in (np.ascontiguousarray, np.asfortranarray):
        y_, dx_ = run(layout(rows.reshape(-1, 40)), t.reshape(-1).astype(np.int32), g.reshape(-1))
        np.testing.assert_allclose(y_, y.reshape(-1), rtol=1e-6, atol=1e-6)
        known = np.isfinite(dx_)           # NaN spreads over its row
        assert known.all(1).sum() == len(known) - 1 and known.sum() >= known.size - 40
        np.testing.assert_allclose(dx_[known], np.moveaxis(dx, 1, 3).reshape(-1, 40)[known], rtol=1e-5, atol=2e-6)


def test_fused_cross_entropy_of_far_logits():
    """Adding one number to all logits changes nothing, to the last bit where the sums are exact."""
    x, t, g = large()
    x = np.round(64 * x) / np.float32(64)
    for near, far in zip(run(x, t, g), run(x + np.float32(4096), t, g)):
        assert np.array_equal(near, far)


def test_fused_cross_entropy_second_derivative():
    """Under create_graph the rule runs on tensors; on a small scale it is checked by CASES, here by a direction."""
    x, t, g = large((2, 40, 30, 30), 1)
    x, t, g = tensor(x, requires_grad=True), tensor(t), tensor(g)
    dx, = minigrad.autograd.grad(F.cross_entropy(x, t, reduction="none"), [x], [g], create_graph=True)
    bare, = minigrad.autograd.grad(F.cross_entropy(x, t, reduction="none"), [x], [g])
    assert np.allclose(dx.data, bare.data, atol=2e-6)
    v = np.random.default_rng(4).standard_normal(x.shape)
    hv, = minigrad.autograd.grad(dx, [x], [tensor(v.astype(np.float32))])
    p = np.exp(log_probabilities(x.data.astype(np.float64)))
    expected = g.data[:, None] * p * (v - (p * v).sum(1, keepdims=True))
    assert abs(hv.data - expected).max() < 1e-5


def test_results_do_not_depend_on_the_number_of_threads():
    from numba import config, get_num_threads, set_num_threads
    before, results = get_num_threads(), []
    try:
        for threads in range(1, config.NUMBA_NUM_THREADS + 1):
            set_num_threads(threads)
            results.append([*run(*large()), *run(*large((2001, 40)))])
    finally:
        set_num_threads(before)
    for given in results[1:]:
        assert all(map(np.array_equal, given, results[0]))


def test_small_losses_do_not_load_numba():
    code = ("import sys, minigrad, layers, layers.functional as F; "
            "F.cross_entropy(minigrad.zeros(2, 3), minigrad.tensor([0, 1])); assert 'numba' not in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------------------------------------------------------------
# Faults, and bad input

@pytest.mark.parametrize("rule", [
    lambda g, y, x, t: (minigrad.softmax(x, 1) * minigrad.unsqueeze(g, 1), None),
    lambda g, y, x, t: (minigrad.Tensor(0 * x.data) if isinstance(x, minigrad.Tensor) else 0 * x, None)],
    ids=["the label is forgotten", "blind to sums"])
def test_wrong_rules_are_caught(monkeypatch, rule):
    rule.__name__ = "cross_entropy_rule"
    monkeypatch.setattr(losses, "cross_entropy_rule", rule)
    with pytest.raises(AssertionError, match="cross_entropy"):
        check(CASES[0])


def test_overwritten_labels_are_noticed():
    x, t = minigrad.randn(2, 3, requires_grad=True), tensor([0, 1])
    loss = F.cross_entropy(x, t)
    t.zero_()
    with pytest.raises(RuntimeError, match="cross_entropy.* was overwritten by zero_"):
        loss.backward()


X = minigrad.zeros(2, 3)


@pytest.mark.parametrize("call, error, message", [
    (lambda: F.cross_entropy(X, tensor([0, 3])), IndexError,
     "cross_entropy: label 3 is out of range for 3 classes, 0 to 2"),
    (lambda: F.nll_loss(X, tensor([-1, 0])), IndexError, "nll_loss: label -1 is out of range for 3 classes"),
    (lambda: F.cross_entropy(X, tensor([0.0, 1.0])), TypeError,
     "must hold the classes' numbers, integers, not float32"),
    (lambda: F.cross_entropy(X.long(), tensor([0, 1])), TypeError, "the input must be floating-point, not int64"),
    (lambda: F.cross_entropy(X, tensor([0, 1, 2])), ValueError,
     r"an input of shape \(2, 3\) needs a target of shape \(2,\), not \(3,\)"),
    (lambda: F.cross_entropy(X, tensor([[0], [1]])), ValueError, r"needs a target of shape \(2,\), not \(2, 1\)"),
    (lambda: F.cross_entropy(tensor(1.0), tensor(0)), ValueError, "not a single number"),
    (lambda: F.cross_entropy(X, tensor([0, 1]), reduction="avg"), ValueError, "reduction must be .* not 'avg'"),
    (lambda: F.mse_loss(X, minigrad.zeros(3)), ValueError, r"the input has shape \(2, 3\) and the target \(3,\)"),
    (lambda: F.l1_loss(X, X[:1]), ValueError, "l1_loss: the input has shape"),
    (lambda: F.binary_cross_entropy(X - 0.5, X), ValueError, "must be probabilities, and these go from -0.5 to -0.5"),
    (lambda: F.binary_cross_entropy_with_logits(X, X[0]), ValueError, "the input has shape"),
    (lambda: nn.MSELoss("avg"), ValueError, "MSELoss: reduction must be")])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_modules():
    rng = np.random.default_rng(1)
    x, t, labels = (tensor(a) for a in (rng.uniform(0.1, 0.9, (2, 3)), rng.uniform(0, 1, (2, 3)), np.array([2, 0])))
    for module, function, target in ((nn.CrossEntropyLoss, F.cross_entropy, labels), (nn.NLLLoss, F.nll_loss, labels),
                                     (nn.MSELoss, F.mse_loss, t), (nn.L1Loss, F.l1_loss, t),
                                     (nn.BCELoss, F.binary_cross_entropy, t),
                                     (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits, t)):
        assert module()(x, target).item() == function(x, target).item()
        for reduction in ("sum", "none"):
            expected = function(x, target, reduction=reduction)
            assert np.array_equal(module(reduction=reduction)(x, target).data, expected.data)
