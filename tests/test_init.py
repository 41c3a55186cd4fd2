"""Initialisation: the fans, the gains, the spread of what is drawn."""
import math
import numpy as np
import pytest
import layers as nn
import minigrad
from layers import init
from minigrad import empty


def rng():
    return np.random.default_rng(3)


def test_fans():
    assert init.fans(empty(5, 3)) == (3, 5)
    assert init.fans(empty(8, 4, 3, 5)) == (60, 120)       # a convolution's weight
    with pytest.raises(ValueError, match=r"two axes or more, not shape \(3,\)"):
        init.xavier_uniform_(empty(3))
    with pytest.raises(ValueError, match='mode must be "fan_in" or "fan_out", not 7'):
        init.kaiming_uniform_(empty(3, 3), mode=7)


def test_gains():
    gains = {"linear": 1, "sigmoid": 1, "conv2d": 1, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
    assert all(init.calculate_gain(name) == gain for name, gain in gains.items())
    assert init.calculate_gain("leaky_relu", 0.5) == math.sqrt(2 / 1.25)
    assert init.calculate_gain("leaky_relu") == math.sqrt(2 / 1.0001)
    assert init.calculate_gain("leaky_relu", 0) == math.sqrt(2)
    with pytest.raises(ValueError, match="unknown nonlinearity 'step'"):
        init.calculate_gain("step")


SHAPE = (100, 20, 3, 3)                    # fan-in 180, fan-out 900


@pytest.mark.parametrize("name, options, bound", [
    ("xavier_uniform_", {}, math.sqrt(6 / 1080)), ("xavier_uniform_", {"gain": 2}, 2 * math.sqrt(6 / 1080)),
    ("kaiming_uniform_", {}, math.sqrt(6 / 180)), ("kaiming_uniform_", {"a": math.sqrt(5)}, math.sqrt(1 / 180)),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "tanh"}, 5 / 3 * math.sqrt(3 / 900)),
    ("uniform_", {"a": -0.5, "b": 0.5}, 0.5)])
def test_uniform(name, options, bound):
    w = getattr(init, name)(empty(*SHAPE), **options, generator=rng())
    assert 0.999 * bound < abs(w.data).max() <= bound and w.dtype == np.float32
    assert abs(w.data.mean()) < 0.02 * bound and abs(w.data.std() / (bound / math.sqrt(3)) - 1) < 0.02


@pytest.mark.parametrize("name, options, std", [
    ("xavier_normal_", {"gain": 3}, 3 * math.sqrt(2 / 1080)), ("kaiming_normal_", {}, math.sqrt(2 / 180)),
    ("kaiming_normal_", {"mode": "fan_out"}, math.sqrt(2 / 900)), ("normal_", {"std": 0.3}, 0.3)])
def test_normal(name, options, std):
    w = getattr(init, name)(empty(*SHAPE), **options, generator=rng())
    assert abs(w.data.mean()) < 0.02 * std and abs(w.data.std() / std - 1) < 0.02 and abs(w.data).max() > 3 * std


def test_written_in_place_and_repeatable():
    w = nn.Parameter(empty(3, 2))
    assert init.zeros_(w) is w and not w.data.any() and w.is_leaf and w.requires_grad
    assert (init.ones_(w).data == 1).all() and (init.constant_(w, 2.5).data == 2.5).all()
    a, b = (init.normal_(empty(4), generator=rng()).data for _ in range(2))
    assert np.array_equal(a, b)
    y = (w * w).sum()
    init.ones_(w)
    with pytest.raises(RuntimeError, match="overwritten by fill_"):
        y.backward()


def test_layers_start_as_they_should():
    minigrad.manual_seed(0)
    linear = nn.Linear(400, 300)
    for p in (linear.weight, linear.bias):
        assert 0.97 / 20 < abs(p.data).max() <= 1 / 20
    table = nn.Embedding(100, 50).weight.data
    assert abs(table.std() - 1) < 0.05 and abs(table).max() > 3
    minigrad.manual_seed(0)
    assert np.array_equal(nn.Linear(400, 300).weight.data, linear.weight.data)
