"""NADE is an exact distribution, and its kernels compute what its formula says."""
import json
import math
import numpy as np
import pytest
import minigrad
import models.nade
from dense import ORDERS, before, depends, doubled, misfit, strong, train
from exactness import all_images, cache_error, samples_agree, total_probability
from minigrad import cumsum, gradcheck, gradgradcheck, no_grad, sigmoid, tensor, unsqueeze
from minigrad.autograd import grad
from models.nade import NADE, nade_cotangents, nade_sums, recurrence


def parameters(n, size, hidden, seed=0, dtype=np.float64, density=0.4):
    """Binary entries, and W, c, V."""
    rng = np.random.default_rng(seed)
    x = (rng.random((n, size)) < density).astype(dtype)
    return x, *(rng.standard_normal(shape).astype(dtype) for shape in ((size, hidden), (hidden,), (size, hidden)))


@pytest.mark.parametrize("order", ORDERS)
def test_all_examples_sum_to_one(order):
    model = strong(NADE((1, 2, 3), hidden=7, order=order))
    assert total_probability(model) == pytest.approx(1, abs=1e-6)
    with no_grad():
        assert model.log_prob(all_images((1, 2, 3))).data.std() > 0.3


def test_all_examples_sum_to_one_by_the_kernels():
    model = strong(NADE((9,), hidden=130, order="random")).float()
    with no_grad():
        log_p = model.log_prob(all_images((9,))).data.astype(np.float64)
    assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-4)               # float32


@pytest.mark.parametrize("order", ORDERS)
def test_each_entry_depends_on_exactly_those_before_it(order):
    model = strong(NADE((6,), hidden=7, order=order))
    assert np.array_equal(depends(model), before(model))


def test_planted_faults(monkeypatch):
    model = strong(NADE((6,), hidden=7, order="random"))
    right = model.positions()
    model.positions = lambda: right[::-1]                  # drawn in reverse
    assert not np.array_equal(depends(model), before(model))

    def leaking(x, W, c):                                  # the lecture's formula: an entry sees itself
        return sigmoid(c + cumsum(unsqueeze(x, 2) * W, 1))
    monkeypatch.setattr(models.nade, "hidden_layers", leaking)
    assert abs(total_probability(strong(NADE((6,), hidden=7))) - 1) > 1e-3


def test_the_sums_are_those_of_a_loop():
    x, W, c, V = parameters(3, 5, 4)
    expected = np.zeros((3, 5))
    for n in range(3):
        a = c.copy()
        for i in range(5):
            expected[n, i] = V[i] @ (1 / (1 + np.exp(-a)))
            a += x[n, i] * W[i]
    assert nade_sums(x, W, c, V) == pytest.approx(expected, abs=1e-12)


def test_gradients():
    inputs = [tensor(array, requires_grad=True) for array in parameters(3, 4, 2)]
    assert gradcheck(recurrence, inputs) and gradgradcheck(recurrence, inputs)


@pytest.mark.parametrize("hidden", [3, 128, 300])
@pytest.mark.parametrize("density", [0, 0.3, 1])
def test_kernels_agree_with_the_formula(hidden, density):
    arrays = parameters(5, 20, hidden, dtype=np.float32, density=density)
    g = np.random.default_rng(1).standard_normal((5, 20))
    wide = [array.astype(np.float64) for array in arrays]
    assert nade_sums(*arrays) == pytest.approx(nade_sums(*wide), abs=2e-4)
    tensors = [tensor(array, requires_grad=True) for array in arrays]
    found = grad(recurrence(*tensors), tensors, tensor(g.astype(np.float32)))
    for gradient, expected in zip(found, nade_cotangents(g, *wide)):
        assert gradient.dtype == np.float32 and gradient.data == pytest.approx(expected, abs=5e-4)


def test_kernels_take_large_numbers():
    """Hidden units far into saturation on either side: no infinity, no NaN."""
    x, W, c, V = parameters(4, 6, 5, dtype=np.float32)
    arrays = x, 300 * W, 300 * c, V
    wide = [array.astype(np.float64) for array in arrays]
    assert nade_sums(*arrays) == pytest.approx(nade_sums(*wide), abs=1e-4)
    tensors = [tensor(array, requires_grad=True) for array in arrays]
    found = grad(recurrence(*tensors), tensors, tensor(np.ones((4, 6), np.float32)))
    assert all(np.isfinite(gradient.data).all() for gradient in found)


@pytest.mark.parametrize("order", ORDERS)
def test_the_cached_sampler(order):
    model = strong(NADE((2, 3), hidden=7, order=order))
    assert cache_error(model) < 1e-10 and samples_agree(model)


def test_the_cached_sampler_in_float32():
    minigrad.manual_seed(0)
    assert cache_error(NADE((1, 9, 9), hidden=200, order="random")) < 1e-5


def test_samples_follow_the_distribution():
    model = strong(NADE((4,), hidden=5, order=[2, 0, 3, 1]))
    with no_grad():
        p = np.exp(model.log_prob(all_images((4,))).data)
    x = model.sample(4000, np.random.default_rng(0))
    assert misfit(x, p) < 37.7 < misfit(x, np.full(16, 1 / 16))            # 0.1 % of 15 degrees of freedom


def test_inpainting_keeps_what_is_known():
    model = strong(NADE((6,), hidden=7))
    x = np.random.default_rng(0).integers(0, 2, (50, 6)).astype(np.uint8)
    known = np.arange(6) < 3
    a, b = (model.inpaint(x, known, np.random.default_rng(1), cached=cached) for cached in (True, False))
    assert np.array_equal(a[:, :3], x[:, :3]) and not np.array_equal(a, x) and np.array_equal(a, b)


def test_it_learns():
    minigrad.manual_seed(0)
    assert train(NADE((8,), hidden=32), doubled(1000)) < 3.6 < 8 * math.log(2)         # 2.77 at best


def test_config_builds_the_same_model():
    model = NADE((1, 2, 3), hidden=7, order=np.array([4, 1, 5, 0, 2, 3]))
    again = NADE.from_config(json.loads(json.dumps(model.config)))
    again.load_state_dict(model.state_dict())
    x = all_images((1, 2, 3))
    assert again.config == model.config and np.array_equal(again.log_prob(x).data, model.log_prob(x).data)


@pytest.mark.parametrize("config, message", [
    ({"levels": 256}, "NADE: takes binary examples, levels=2, not levels=256"),
    ({"levels": None}, "NADE: takes integers .* not None"),
    ({"hidden": 0}, "NADE: hidden must be 1 or more, not 0"),
    ({"order": [0, 1, 1]}, "NADE: order must be a permutation of the 3 entries"),
])
def test_what_it_is_not_built_for(config, message):
    with pytest.raises(ValueError, match=message):
        NADE((3,), **config)


@pytest.mark.parametrize("x, kind, message", [
    (np.zeros((1, 4), np.uint8), ValueError, r"NADE: .*shape \(3,\), and gets \(4,\)"),
    (np.full((1, 3), 2, np.uint8), ValueError, "values from 0 to 1, and these go from 2 to 2"),
    (np.zeros((1, 3)), TypeError, "integers from 0 to 1, not float64"),
])
def test_bad_input(x, kind, message):
    with pytest.raises(kind, match=message):
        NADE((3,), hidden=4).log_prob(x)
