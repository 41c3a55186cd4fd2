"""The exponential on registers, and the fused cross-entropy that is made of it, at sizes around a register's."""
import numpy as np
import pytest
from layers.kernels import cross_entropy
from minigrad import exponential
from minigrad.compiled import njit
from minigrad.vectors import LANES, load, store
from test_uncompiled import run_uncompiled

WIDTH = LANES[np.dtype(np.float32)]


@njit
def exponentials(x, out):
    for k in range(0, x.size, WIDTH):
        store(out, k, exponential.exponential(load(x, k)))


@njit
def largest_and_total(x):
    return exponential.largest(load(x, 0)), exponential.total(load(x, 0))


def exp(x):
    out = np.empty_like(x)
    exponentials(x, out)
    return out


def test_it_is_the_exponential():
    x = np.concatenate([np.linspace(-87, 88, 64 * 1024), np.linspace(-1, 1, 64 * 1024)]).astype(np.float32)
    right = np.exp(x.astype(np.float64))
    assert np.abs(exp(x) / right - 1).max() < 2e-7


def test_far_away_it_ends_and_nan_stays():
    x = np.zeros(16, np.float32)
    x[:9] = -np.inf, -1e30, -88, -87.8, np.nan, -87.3, 88, 100, np.inf
    found = exp(x)
    assert not found[:4].any() and np.isnan(found[4]) and 0 < found[5] < 2e-38 and (found[9:] == 1).all()
    assert 1.6e38 < found[6] == found[7] == found[8] < np.inf


def test_a_register_becomes_a_number():
    x = np.random.default_rng(0).integers(-99, 99, 16).astype(np.float32)
    assert largest_and_total(x) == (x[:WIDTH].max(), x[:WIDTH].sum())


# ---------------------------------------------------------------------------------------------------------------------
# Cross-entropy

SHAPES = [(3, 1), (2, WIDTH - 1), (70, WIDTH), (1, WIDTH + 1), (65, 2 * WIDTH + 3), (2, 257),
          (2, 3, 1), (1, 2, WIDTH - 1), (2, 5, WIDTH), (2, 3, 63), (1, 4, 64), (2, 3, 65), (2, 2, 64 + WIDTH + 1)]


def operands(shape):
    rng = np.random.default_rng(0)
    places = (shape[0], *shape[2:])
    return (rng.standard_normal(shape) * 5).astype(np.float32), rng.integers(0, shape[1], places), rng.random(places)


def results(shape):
    """Losses and gradient of the kernels."""
    x, target, g = operands(shape)
    losses = cross_entropy.forward(x, target)
    return losses, cross_entropy.gradient(g.astype(np.float32), losses, x, target)


@pytest.mark.parametrize("shape", SHAPES)
def test_losses_and_gradients(shape):
    x, target, g = operands(shape)
    p = np.exp(x - x.max(1, keepdims=True).astype(np.float64))
    p /= p.sum(1, keepdims=True)
    one_hot = np.moveaxis(np.eye(shape[1])[target], -1, 1)
    losses, gradient = results(shape)
    assert losses.shape == target.shape and gradient.shape == shape
    np.testing.assert_allclose(losses, -np.log((p * one_hot).sum(1)), atol=3e-6)
    np.testing.assert_allclose(gradient, (p - one_hot) * np.expand_dims(g, 1), atol=1e-6)


def test_it_runs_uncompiled():
    """Without the compiler, line by line, the same comes out."""
    program = ("import json, sys, test_exponential as t\n"
               "json.dump([[a.tolist() for a in t.results(shape)] for shape in t.SHAPES[::2]], sys.stdout)")
    for shape, found in zip(SHAPES[::2], run_uncompiled(program)):
        for a, b in zip(found, results(shape)):
            np.testing.assert_allclose(np.array(a), b, atol=3e-6)
