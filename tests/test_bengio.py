"""Bengio and Bengio's network is an exact distribution."""
import json
import math
import numpy as np
import pytest
import minigrad
from dense import ORDERS, before, depends, doubled, misfit, strong, train
from exactness import all_images, cache_error, samples_agree, total_probability
from minigrad import no_grad
from models.bengio import Bengio


def probabilities(model):
    """Those of all examples."""
    with no_grad():
        return np.exp(model.log_prob(all_images(model.shape, model.levels)).data)


@pytest.mark.parametrize("shape, levels", [((2, 3), 2), ((6,), 3)])
@pytest.mark.parametrize("order", ORDERS)
def test_all_examples_sum_to_one(shape, levels, order):
    model = strong(Bengio(shape, levels, order=order))
    assert total_probability(model) == pytest.approx(1, abs=1e-6) and np.log(probabilities(model)).std() > 0.3


@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("order", ORDERS)
def test_each_entry_depends_on_exactly_those_before_it(levels, order):
    model = strong(Bengio((2, 3), levels, group=2, order=order))
    assert np.array_equal(depends(model), before(model))


@pytest.mark.parametrize("which", [0, 1])
def test_planted_faults(which):
    """Group j sees entry j + 1, or output i sees group i: either way, an entry sees itself."""
    model = strong(Bengio((6,)))
    wiring = list(model.wiring())
    layer, sources, targets = wiring[which]
    wiring[which] = layer, sources, targets + 1
    model.wiring = lambda: wiring
    assert abs(total_probability(model) - 1) > 1e-3 and not np.array_equal(depends(model), before(model))


def test_a_reversed_order_is_noticed():
    model = strong(Bengio((6,), order="random"))
    right = model.positions()
    model.positions = lambda: right[::-1]
    assert not np.array_equal(depends(model), before(model))


def test_logits_are_those_of_the_formula():
    model = strong(Bengio((4,), group=2, order=[2, 0, 3, 1]))
    x = np.array([1, 0, 1, 1])
    drawn, (c, b) = x[[2, 0, 3, 1]], (model.hidden.bias.data, model.head.bias.data)
    h = [np.tanh(c[j:j + 2] + model.hidden.weight.data[j:j + 2, :j // 2 + 1] @ drawn[:j // 2 + 1]) for j in (0, 2, 4)]
    a = [b[i] + sum(model.head.weight.data[i, 2 * j:2 * j + 2] @ h[j] for j in range(i)) for i in range(4)]
    assert model.logits(x[None]).data[0, 1, [2, 0, 3, 1]] == pytest.approx(np.array(a), abs=1e-12)


@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("order", ORDERS)
def test_the_cached_sampler(levels, order):
    model = strong(Bengio((2, 3), levels, order=order))
    assert cache_error(model) < 1e-10 and samples_agree(model)


def test_the_cached_sampler_in_float32():
    minigrad.manual_seed(0)
    assert cache_error(Bengio((1, 9, 9), order="random")) < 1e-5


def test_samples_follow_the_distribution():
    model = strong(Bengio((4,), order=[2, 0, 3, 1]))
    x = model.sample(4000, np.random.default_rng(0))
    assert misfit(x, probabilities(model)) < 37.7 < misfit(x, np.full(16, 1 / 16))     # 0.1 % of 15 degrees of freedom


def test_inpainting_keeps_what_is_known():
    model = strong(Bengio((6,), 3))
    x = np.random.default_rng(0).integers(0, 3, (50, 6)).astype(np.uint8)
    known = np.arange(6) < 3
    a, b = (model.inpaint(x, known, np.random.default_rng(1), cached=cached) for cached in (True, False))
    assert np.array_equal(a[:, :3], x[:, :3]) and not np.array_equal(a, x) and np.array_equal(a, b)


@pytest.mark.parametrize("levels, bound", [(2, 3.3), (4, 6.5)])
def test_it_learns(levels, bound):
    """Against the uniform distribution; at best 4 log(levels), half of that."""
    minigrad.manual_seed(0)
    assert train(Bengio((8,), levels, group=8), doubled(1000, levels=levels)) < bound < 8 * math.log(levels)


def test_config_builds_the_same_model():
    model = Bengio((1, 2, 3), order=np.array([4, 1, 5, 0, 2, 3]))
    again = Bengio.from_config(json.loads(json.dumps(model.config)))
    again.load_state_dict(model.state_dict())
    x = all_images((1, 2, 3))
    assert again.config == model.config and np.array_equal(again.log_prob(x).data, model.log_prob(x).data)


@pytest.mark.parametrize("shape, config, message", [
    ((3,), {"levels": None}, "Bengio: takes integers .* not None"),
    ((3,), {"group": 0}, "Bengio: group must be 1 or more, not 0"),
    ((1,), {}, r"two or more entries, not of shape \(1,\)"),
    ((3,), {"order": [0, 1, 1]}, "Bengio: order must be a permutation of the 3 entries"),
])
def test_what_it_is_not_built_for(shape, config, message):
    with pytest.raises(ValueError, match=message):
        Bengio(shape, **config)


@pytest.mark.parametrize("x, kind, message", [
    (np.zeros((1, 4), np.uint8), ValueError, r"Bengio: .*shape \(3,\), and gets \(4,\)"),
    (np.full((1, 3), 2, np.uint8), ValueError, "values from 0 to 1, and these go from 2 to 2"),
    (np.zeros((1, 3)), TypeError, "integers from 0 to 1, not float64"),
])
def test_bad_input(x, kind, message):
    with pytest.raises(kind, match=message):
        Bengio((3,)).log_prob(x)
