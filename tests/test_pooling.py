"""Pooling, against windows written out one by one."""
from itertools import product
import numpy as np
import pytest
import layers as nn
import layers.functional as F
import minigrad
from contract import Case, check, name
from layers import pooling
from minigrad import tensor


def windows_of(x, kernel, stride, padding, dilation, value):
    """(index of the output, the entries of its window) for a 2-D image batch, pair by pair."""
    x = np.pad(x, [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2], constant_values=value)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    for n, c in np.ndindex(x.shape[:2]):
        starts = [range(0, size - length + 1, step) for size, length, step in zip(x.shape[2:], reach, stride)]
        for r, q in product(*starts):
            window = x[n, c, r:r + reach[0]:dilation[0], q:q + reach[1]:dilation[1]]
            yield (n, c, r // stride[0], q // stride[1]), window


def pooled(function, x, kernel, stride, padding, dilation, value):
    """function of each window."""
    found = {index: function(window) for index, window in windows_of(x, kernel, stride, padding, dilation, value)}
    y = np.zeros(np.max(list(found), axis=0) + 1)
    for index, entry in found.items():
        y[index] = entry
    return y


def images(*shape):
    """Different entries, far enough apart that no step of a finite difference changes their order."""
    return lambda rng: [rng.permutation(np.prod(shape)).reshape(shape) / 7 - 3]


SETTINGS = [((2, 2), (2, 2), (0, 0), (1, 1)), ((3, 2), (1, 2), (1, 0), (1, 1)), ((2, 3), (3, 1), (0, 1), (2, 1)),
            ((3, 3), (2, 2), (1, 1), (2, 2)), ((1, 1), (2, 3), (0, 0), (1, 1)), ((6, 5), (1, 1), (0, 0), (1, 1))]
CASES = [Case(f"max_pool2d {s}", lambda x, s=s: F.max_pool2d(x, *s), images(2, 2, 6, 5),
              lambda x, s=s: pooled(np.max, x, *s, -np.inf)) for s in SETTINGS]
CASES += [Case(f"avg_pool2d {s}", lambda x, s=s: F.avg_pool2d(x, *s), images(2, 2, 6, 5),
               lambda x, s=s: pooled(np.mean, x, *s, (1, 1), 0), analytic=True)
          for s in [s[:3] for s in SETTINGS if s[3] == (1, 1)]]
CASES += [
    Case("max_pool1d", lambda x: F.max_pool1d(x, 3, 2, 1, 2), images(2, 3, 9),
         lambda x: pooled(np.max, x[..., None], (3, 1), (2, 1), (1, 0), (2, 1), -np.inf)[..., 0]),
    Case("avg_pool1d", lambda x: F.avg_pool1d(x, 3, 2, 1), images(2, 3, 9),
         lambda x: pooled(np.mean, x[..., None], (3, 1), (2, 1), (1, 0), (1, 1), 0)[..., 0]),
    Case("one image", lambda x: F.max_pool2d(x, 2), images(3, 4, 4),
         lambda x: pooled(np.max, x[None], (2, 2), (2, 2), (0, 0), (1, 1), -np.inf)[0]),
    Case("no image", lambda x: F.avg_pool2d(x, 2) + F.max_pool2d(x, 2), lambda rng: [np.zeros((0, 3, 4, 4))]),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_contract(case):
    check(case)


def test_the_first_maximum_gets_the_gradient():
    x = tensor([[[1.0, 5.0, 5.0, 5.0]]], requires_grad=True)
    F.max_pool1d(x, 2, 1).backward(tensor([[[1.0, 10.0, 100.0]]]))
    assert x.grad.tolist() == [[[0.0, 11.0, 100.0, 0.0]]]
    x = minigrad.zeros(1, 1, 4, 4).requires_grad_()
    F.max_pool2d(x, 3, 1, 1).sum().backward()              # padding is never chosen
    assert x.grad.sum().item() == 16


def test_nan_is_passed_on():
    x = tensor([[[1.0, float("nan"), 3.0, 4.0]]])
    assert np.isnan(F.max_pool1d(x, 2).data).tolist() == [[[True, False]]]


def test_the_two_linear_operations_are_adjoint():
    rng = np.random.default_rng(0)
    windows = pooling.Windows((6, 5), (3, 2), (2, 1), (1, 1), (1, 2))
    size = pooling.output_size(windows)
    x, y = rng.standard_normal((2, 6, 5)), rng.standard_normal((2, *size))
    for chosen in (None, rng.integers(0, 6, y.shape)):
        collected, distributed = pooling.collect(x, windows, chosen), pooling.distribute(y, windows, chosen)
        assert np.isclose((collected * y).sum(), (x * distributed).sum())


def test_a_wrong_choice_is_caught(monkeypatch):
    """The contract must fail when the gradient goes to another entry of the window."""
    right = pooling.distribute
    monkeypatch.setattr(pooling, "distribute", lambda g, windows, chosen: right(g, windows, 3 - chosen))
    with pytest.raises(AssertionError, match="max_pool"):
        check(CASES[0])


def test_modules():
    x = tensor(np.random.default_rng(1).standard_normal((2, 3, 6, 6)))
    row = x[:, :, 0]
    for module, expected in ((nn.MaxPool2d(3, 2, 1), F.max_pool2d(x, 3, 2, 1)),
                             (nn.AvgPool2d((2, 3)), F.avg_pool2d(x, (2, 3))),
                             (nn.MaxPool2d(2, dilation=2), F.max_pool2d(x, 2, 2, 0, 2))):
        assert np.array_equal(module(x).data, expected.data)
    for module, expected in ((nn.MaxPool1d(3, 1), F.max_pool1d(row, 3, 1)),
                             (nn.AvgPool1d(2, 2, 1), F.avg_pool1d(row, 2, 2, 1))):
        assert np.array_equal(module(row).data, expected.data)


@pytest.mark.parametrize("call, error, message", [
    (lambda x: F.max_pool2d(x, 7), ValueError,
     r"max_pool2d: the kernel \(7, 7\) with dilation \(1, 1\) is larger than the input \(4, 5\) with padding \(0, 0\)"),
    (lambda x: F.max_pool2d(x, 3, dilation=3), ValueError, r"with dilation \(3, 3\) is larger than the input \(4, 5\)"),
    (lambda x: F.avg_pool2d(x, 2, padding=2), ValueError,
     r"padding \(2, 2\) must be at most half of the kernel \(2, 2\)"),
    (lambda x: F.avg_pool1d(x, 2), ValueError, r"avg_pool1d: the input must be \(N, channels, L\)"),
    (lambda x: F.max_pool2d(x, 0), ValueError, "kernel_size must be a whole number, at least 1"),
    (lambda x: F.max_pool2d(x.long(), 2), TypeError, "max_pool2d: the input must be floating-point, not int64")])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call(minigrad.zeros(1, 2, 4, 5))
