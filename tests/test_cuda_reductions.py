"""Reductions on the device: sums, extremes, their places, any, all, running sums, against NumPy's."""
import itertools
import numpy as np
import pytest
from minigrad.broadcasting import BLOCK, total
from minigrad.cuda import driver, reductions
from tests.on_device import equal, there
from tests.test_cuda_elementwise import numbers

REDUCTIONS = {np.sum: "fi?", np.prod: "l", np.mean: "fl", np.max: "f?", np.min: "B", np.any: "f", np.all: "l",
              np.count_nonzero: "?"}
SHAPES = [(17,), (5, 2, 3), ()]            # around blocks of 4 threads, which take 4 entries at once


def all_axes(ndim):
    """None, every axis, every pair of axes ..."""
    return [None, *(c for k in range(1, ndim + 1) for c in itertools.combinations(range(-ndim, 0), k))]


@pytest.mark.parametrize("function", REDUCTIONS, ids=lambda f: f.__name__)
def test_each_reduction(function):
    """Along every combination of axes, of some types each; and in float64 from a view that lies in no order."""
    for shape in SHAPES:
        for dtype in REDUCTIONS[function]:
            a = numbers(shape, dtype)
            A = there(a)
            for axis in all_axes(a.ndim):
                assert equal(function(A, axis=axis), function(a, axis=axis))
    a = numbers((3, 9, 4), "d")
    view = lambda x: np.swapaxes(x[:, ::-2, 1:], 0, 2)
    for axis in all_axes(3):
        found = function(view(there(a)), axis=axis, keepdims=True)
        assert equal(found, function(view(a), axis=axis, keepdims=True))
    repeated = lambda x: np.broadcast_to(x[:1, :1], (2, 3, 4))
    assert equal(function(repeated(there(a)), axis=1), function(repeated(a), axis=1))


@pytest.mark.parametrize("function", (np.argmax, np.argmin))
def test_places(function):
    """The first one of equal entries, and NaN before all others."""
    for shape in SHAPES[:-1]:
        for dtype in "fl":
            a = numbers(shape, dtype)                      # with many that are equal
            for axis in (None, *range(-a.ndim, a.ndim)):
                assert equal(function(there(a), axis=axis), function(a, axis=axis))
    a = np.array([[1, np.nan, 3, np.nan], [-np.inf, -np.inf, np.inf, np.inf], [-np.inf] * 4, [np.inf] * 4])
    for axis in (None, 0, 1):
        assert equal(function(there(a), axis=axis), function(a, axis=axis))
    assert equal(function(there(a.T)[:, ::-1], axis=0, keepdims=True), function(a.T[:, ::-1], axis=0, keepdims=True))
    assert equal(there(a)[1].argmax(), a[1].argmax()) and equal(there(a)[1].argmin(0), a[1].argmin(0))


def test_empty_axes():
    """Of nothing, the sum is 0, the product 1, the mean NaN; a largest entry needs an initial value."""
    a = np.zeros((3, 0, 2), "f")
    A = there(a)
    functions = np.sum, np.prod, np.any, np.all, np.count_nonzero, np.cumsum
    for function, axis in itertools.product(functions, (None, 1, 2)):
        assert equal(function(A, axis=axis), function(a, axis=axis))
    assert np.isnan(np.mean(A, axis=1).numpy()).all() and np.mean(A, axis=2).shape == (3, 0)
    for function in (np.max, np.min, np.argmax, np.argmin):
        assert equal(function(A, axis=2), function(a, axis=2))
        with pytest.raises(ValueError, match=r"\(3, 0, 2\) has no entries"):
            function(A, axis=1)
    assert equal(np.max(A, axis=1, initial=-np.inf), np.max(a, axis=1, initial=-np.inf))


def test_initial_value_and_nan():
    """An initial value takes part; NaN wins, wherever it is."""
    a = numbers((5, 7), "f")
    assert equal(np.max(there(a), axis=1, initial=2), np.max(a, axis=1, initial=2))
    assert equal(np.min(there(a), initial=-9), np.min(a, initial=-9))
    for place in (0, 16, 34):
        b = a.copy()
        b.reshape(-1)[place] = np.nan
        for function, axis in itertools.product((np.max, np.min, np.sum), (None, 0, 1)):
            assert equal(function(there(b), axis=axis), function(b, axis=axis))


def test_methods_and_types():
    """As the array's methods; a sum in a type that is asked for."""
    a = numbers((4, 6), "f")
    A = there(a)
    for f in (lambda x: x.sum(), lambda x: x.sum((0, 1), keepdims=True), lambda x: x.mean(1), lambda x: x.prod(0),
              lambda x: x.max(1), lambda x: x.min(), lambda x: x.any(0), lambda x: (x != 0).all(1),
              lambda x: x.cumsum(1), lambda x: x.sum(dtype=np.float64), lambda x: x.astype("l").mean(0),
              lambda x: (x > 0).sum(1),
              lambda x: np.sum(x, 0, np.float64), lambda x: np.mean(x, 1, dtype=np.float64)):
        assert equal(f(A), f(a))


@pytest.mark.parametrize("dtype", "fdl?")
def test_running_sums(dtype):
    """Along each axis, forwards and backwards, of lines shorter and longer than a block."""
    for shape in ((17,), (3, 5), (9, 6), (2, 6, 3), (1,), ()):
        a = numbers(shape, dtype)
        A = there(a)
        for axis in (None, *range(a.ndim)):
            assert equal(np.cumsum(A, axis=axis), np.cumsum(a, axis=axis))
        if a.ndim > 1:
            assert equal(np.cumsum(A[::-1, 1:].T, axis=1), np.cumsum(a[::-1, 1:].T, axis=1))


def test_long_sums_have_little_rounding():
    """Every way to go through the entries: along neighbours, across, in parts."""
    n = 400 if driver.simulated else 1_000_000
    for shape, axis in (((n,), 0), ((n, 1), 0), ((n // 4, 4), 0), ((4, n // 4), 1), ((n // 40, 40), None)):
        a = np.full(shape, 0.1, "f")
        exact = a.sum(axis, dtype=np.float64)
        found = np.sum(there(a), axis=axis)
        assert found.dtype == np.float32 and np.allclose(found.numpy(), exact, rtol=1e-6)


def test_the_core_leaves_sums_to_the_device():
    """What the core does for NumPy's long sums is not done to Arrays."""
    a = numbers((2, BLOCK + 3), "f")
    assert equal(total(there(a), (1,)), total(a, (1,)))


def test_an_entry_counted_twice_is_seen(monkeypatch):
    """What these tests compare is not blind: with this fault planted, a sum is wrong."""
    a = numbers((17,), "l") + 10
    assert equal(np.sum(there(a)), np.sum(a))
    twice = reductions.SUM._replace(entry=lambda x, top, j: x + x * (j == 3))
    monkeypatch.setattr(reductions, "SUM", twice)
    assert not equal(np.sum(there(a)), np.sum(a))
