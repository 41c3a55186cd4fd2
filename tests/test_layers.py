"""Linear, activations, dropout, embedding, normalisation: formulas in NumPy written out, gradients of both orders."""
import numpy as np
import pytest
import layers as nn
import layers.functional as F
import minigrad
from contract import Case, check, name
from layers import normalization
from minigrad import tensor


def normal(*shapes):
    """Normal inputs of these shapes."""
    return lambda rng: [rng.standard_normal(shape) for shape in shapes]


def normalized(x, dim, eps):
    """x minus its mean, over its deviation, along axes."""
    return (x - x.mean(dim, keepdims=True)) / np.sqrt(x.var(dim, keepdims=True) + eps)


def channels(v):
    """(C,) against (N, C, H, W)."""
    return v[:, None, None]


def batch_in_evaluation(x, mean, deviation, weight, bias):
    """With deviation^2 as variance, so that it is positive."""
    return F.batch_norm(x, mean, deviation * deviation, weight, bias)


CASES = [
    Case("linear", F.linear, normal((4, 3), (2, 3), (2,)), lambda x, w, b: np.einsum("ni,oi->no", x, w) + b,
         analytic=True),
    Case("linear, no bias", F.linear, normal((2, 4, 3), (2, 3)), lambda x, w: np.einsum("nti,oi->nto", x, w)),
    Case("linear, one", F.linear, normal((3,), (2, 3), (2,)), lambda x, w, b: np.einsum("i,oi->o", x, w) + b),
    Case("embedding", F.embedding, lambda rng: [np.array([[0, 3, 3], [1, 0, 3]]), rng.standard_normal((4, 2))],
         lambda i, w: np.stack([np.stack([w[k] for k in row]) for row in i])),
    Case("dropout", lambda x: F.dropout(x, 0.4, generator=np.random.default_rng(1)), normal((5, 6))),
    Case("layer_norm", lambda x, w, b: F.layer_norm(x, 4, w, b), normal((3, 4), (4,), (4,)),
         lambda x, w, b: normalized(x, 1, 1e-5) * w + b, analytic=True),
    Case("layer_norm, two axes", lambda x: F.layer_norm(x, (3, 4), eps=0.1), normal((2, 3, 4)),
         lambda x: normalized(x, (1, 2), 0.1)),
    Case("batch_norm, vectors", lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
         normal((5, 3), (3,), (3,)), lambda x, w, b: normalized(x, 0, 1e-5) * w + b),
    Case("batch_norm, images", lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
         normal((2, 3, 2, 3), (3,), (3,)), lambda x, w, b: normalized(x, (0, 2, 3), 1e-5) * channels(w) + channels(b)),
    Case("batch_norm, evaluation", batch_in_evaluation, normal((2, 3, 2, 2), (3,), (3,), (3,), (3,)),
         lambda x, m, d, w, b: (x - channels(m)) / np.sqrt(channels(d) ** 2 + 1e-5) * channels(w) + channels(b)),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_contract(case):
    check(case)


right_rule = normalization.normalize_along_rule


@pytest.mark.parametrize("rule", [
    lambda g, y, x, dim, eps: (g - minigrad.mean(g, dim, keepdim=True)) * minigrad.rsqrt(
        minigrad.var(x, dim, keepdim=True, correction=0) + eps),
    lambda g, y, x, dim, eps: right_rule(g, y.detach() if isinstance(y, minigrad.Tensor) else y, x, dim, eps),
    lambda g, y, x, dim, eps: right_rule(g, y, x, dim, 2 * eps)],
    ids=["the variance is taken for constant", "wrong at second order only", "another eps"])
def test_wrong_rules_of_the_normalisation_are_caught(monkeypatch, rule):
    monkeypatch.setattr(normalization, "normalize_along_rule", rule)
    rule.__name__ = "normalize_along_rule"
    with pytest.raises(AssertionError, match="normalize_along|layer_norm"):
        check(CASES[6])


# ---------------------------------------------------------------------------------------------------------------------
# Modules

MODULES = [
    (nn.Linear(3, 2), (4, 3)), (nn.Flatten(), (2, 3, 2)), (nn.ReLU(), (2, 3)), (nn.LeakyReLU(0.2), (2, 3)),
    (nn.ELU(0.7), (2, 3)), (nn.GELU(), (2, 3)), (nn.GELU("tanh"), (2, 3)), (nn.SiLU(), (2, 3)), (nn.Sigmoid(), (2, 3)),
    (nn.Tanh(), (2, 3)), (nn.Softplus(), (2, 3)), (nn.LogSigmoid(), (2, 3)), (nn.Softmax(1), (2, 3)),
    (nn.LogSoftmax(0), (2, 3)), (nn.LayerNorm(3), (2, 3)), (nn.BatchNorm1d(3), (4, 3)), (nn.BatchNorm1d(2), (3, 2, 4)),
    (nn.BatchNorm2d(2), (3, 2, 2, 2)), (nn.BatchNorm2d(2).eval(), (3, 2, 2, 2)), (nn.Identity(), (2,))]


@pytest.mark.parametrize("module, shape", MODULES, ids=lambda value: repr(value))
def test_modules_differentiate_in_input_and_parameters(module, shape):
    """On tensors with random entries, none of them at a kink."""
    module = module.double()
    rng = np.random.default_rng(7)
    names = [name for name, _ in module.named_parameters()]

    def function(x, *values):
        for name, value in zip(names, values):
            object.__setattr__(module, name, value)
        return module(x)
    inputs = [tensor(rng.standard_normal(shape), requires_grad=True)]
    inputs += [tensor(rng.standard_normal(p.shape), requires_grad=True) for p in list(module.parameters())]
    assert minigrad.gradcheck(function, inputs) and minigrad.gradgradcheck(function, inputs)


X = np.array([[-2.0, -0.5, 0.25], [1.0, 3.0, -1.5]])


@pytest.mark.parametrize("module, expected", [
    (nn.ReLU(), np.maximum(X, 0)), (nn.LeakyReLU(), np.where(X > 0, X, 0.01 * X)),
    (nn.ELU(0.5), np.where(X > 0, X, 0.5 * (np.exp(X) - 1))), (nn.SiLU(), X / (1 + np.exp(-X))),
    (nn.GELU("tanh"), 0.5 * X * (1 + np.tanh(np.sqrt(2 / np.pi) * (X + 0.044715 * X ** 3)))),
    (nn.Sigmoid(), 1 / (1 + np.exp(-X))), (nn.Tanh(), np.tanh(X)), (nn.Softplus(), np.log(1 + np.exp(X))),
    (nn.LogSigmoid(), -np.log(1 + np.exp(-X))), (nn.Softmax(0), np.exp(X) / np.exp(X).sum(0)),
    (nn.LogSoftmax(-1), X - np.log(np.exp(X).sum(1, keepdims=True))), (nn.Flatten(0), X.ravel())], ids=repr)
def test_modules_compute_their_formula(module, expected):
    assert np.allclose(module(tensor(X)).data, expected, rtol=1e-12)


# ---------------------------------------------------------------------------------------------------------------------
# Batch normalisation's memory

def test_running_statistics():
    rng = np.random.default_rng(0)
    norm, mean, var = nn.BatchNorm2d(3, momentum=0.2), np.zeros(3), np.ones(3)
    for step in range(3):
        x = rng.normal(5, 2, (4, 3, 2, 5)).astype(np.float32)
        norm(tensor(x))
        mean = 0.8 * mean + 0.2 * x.mean((0, 2, 3))
        var = 0.8 * var + 0.2 * x.var((0, 2, 3), ddof=1)   # unbiased
    assert np.allclose(norm.running_mean.data, mean, rtol=1e-5) and np.allclose(norm.running_var.data, var, rtol=1e-5)
    assert norm.num_batches_tracked.item() == 3 and norm.running_mean.dtype == np.float32
    before = {name: x.data.copy() for name, x in norm.state_dict().items()}
    y = norm.eval()(tensor(x))
    expected = (x - channels(mean)) / np.sqrt(channels(var) + 1e-5)
    assert np.allclose(y.data, expected, atol=1e-5) and y.dtype == np.float32
    assert all(np.array_equal(before[name], x.data) for name, x in norm.state_dict().items())


def test_cumulative_statistics():
    rng, norm = np.random.default_rng(0), nn.BatchNorm1d(2, momentum=None)
    batches = rng.standard_normal((4, 6, 2)).astype(np.float32)
    for x in batches:
        norm(tensor(x))
    assert np.allclose(norm.running_mean.data, batches.mean((0, 1)), atol=1e-6)
    assert np.allclose(norm.running_var.data, batches.var(1, ddof=1).mean(0), atol=1e-6)


def test_running_statistics_carry_no_graph():
    norm = nn.BatchNorm1d(2)
    x = minigrad.randn(4, 2, requires_grad=True)
    (norm(x) + norm(x)).sum().backward()                   # twice: the first pass needs nothing that the second moved
    assert not norm.running_mean.requires_grad and x.grad is not None
    assert list(norm.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert list(nn.BatchNorm1d(2, affine=False).parameters()) == []


# ---------------------------------------------------------------------------------------------------------------------
# Dropout and embedding

def test_dropout_statistics():
    y = F.dropout(minigrad.ones(200, 500), 0.3, generator=np.random.default_rng(0)).data
    assert np.allclose(np.unique(y), [0, 1 / 0.7]) and y.dtype == np.float32
    assert abs((y == 0).mean() - 0.3) < 0.01 and abs(y.mean() - 1) < 0.01
    assert not F.dropout(minigrad.ones(5), 1.0).data.any()


def test_dropout_is_repeatable_and_off_in_evaluation():
    x, module = minigrad.ones(50), nn.Dropout(0.5)
    minigrad.manual_seed(1)
    first, second = module(x), module(x)
    minigrad.manual_seed(1)
    assert np.array_equal(first.data, module(x).data) and not np.array_equal(first.data, second.data)
    assert module.eval()(x) is x and F.dropout(x, 0.5, training=False) is x and F.dropout(x, 0) is x


def test_dropout_hides_the_same_entries_backward():
    x = minigrad.ones(100, requires_grad=True)
    y = F.dropout(x, 0.5)
    y.sum().backward()
    assert np.array_equal(x.grad.data, y.data)


def test_embedding():
    table = nn.Embedding(5, 3)
    x = tensor([[4, 0], [4, 4]])
    y = table(x)
    assert y.shape == (2, 2, 3) and np.array_equal(y.data, table.weight.data[x.data])
    y.sum().backward()
    assert table.weight.grad.data[:, 0].tolist() == [1, 0, 0, 0, 3]


# ---------------------------------------------------------------------------------------------------------------------

zeros = minigrad.zeros


def test_the_gradient_of_a_linear_weight_lies_in_memory_as_the_weight_does():
    """So that the optimiser's pass over both is a straight one."""
    layer = nn.Linear(5, 3)
    layer(minigrad.randn(2, 4, 5)).sum().backward()
    assert layer.weight.grad.data.flags.c_contiguous and not layer.weight.grad.data.T.flags.c_contiguous


@pytest.mark.parametrize("call, error, message", [
    (lambda: nn.Linear(3, 2)(zeros(4, 5)), ValueError,
     r"linear: weight \(2, 3\) expects inputs \(..., 3\), not \(4, 5\)"),
    (lambda: F.linear(zeros(4, 3), zeros(2, 3), zeros(3)), ValueError, r"needs a bias of shape \(2,\), not \(3,\)"),
    (lambda: F.linear(zeros(4, 3), zeros(3)), ValueError, "the weight must have 2 axes"),
    (lambda: nn.Linear(0, 2), ValueError, "features must be positive, not 0 and 2"),
    (lambda: nn.Embedding(5, 3)(tensor([0, 5])), IndexError, "index 5 is out of range for 5 rows, 0 to 4"),
    (lambda: nn.Embedding(5, 3)(tensor([-1])), IndexError, "index -1 is out of range"),
    (lambda: nn.Embedding(5, 3)(zeros(2)), TypeError, "the input must hold integers, not float32"),
    (lambda: F.dropout(zeros(2), 1.5), ValueError, "p must be a probability, from 0 to 1, not 1.5"),
    (lambda: nn.Dropout(-1), ValueError, "p must be a probability"),
    (lambda: F.layer_norm(zeros(2, 3), 4), ValueError,
     r"normalized_shape \(4,\) does not fit the last axes of x \(2, 3\)"),
    (lambda: F.layer_norm(zeros(2, 3), 3, zeros(2)), ValueError, r"the weight must have the shape \(3,\), not \(2,\)"),
    (lambda: nn.BatchNorm1d(3)(zeros(1, 3)), ValueError, r"more than one value per channel, x \(1, 3\) has 1"),
    (lambda: nn.BatchNorm1d(3)(zeros(2, 4)), ValueError,
     r"must be \(N, C\) or \(N, C, L\) with 3 channels; its shape is \(2, 4\)"),
    (lambda: nn.BatchNorm2d(3)(zeros(2, 3)), ValueError, r"must be \(N, C, H, W\) with 3 channels"),
    (lambda: F.batch_norm(zeros(2, 3), zeros(2), zeros(3)), ValueError,
     r"has 3 channels, running_mean has shape \(2,\)"),
    (lambda: F.batch_norm(zeros(2, 3), None, None), ValueError, "evaluation needs running_mean and running_var")])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
