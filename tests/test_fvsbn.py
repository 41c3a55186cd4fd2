"""The fully visible sigmoid belief network, and the orders of drawing that it shares with NADE, MADE and Bengio."""
import json
import math
import numpy as np
import pytest
import models.fvsbn
from dense import ORDERS, before, depends, doubled, misfit, strong, train
from exactness import all_images, cache_error, samples_agree, total_probability
from minigrad import no_grad, tril
from models.fvsbn import FVSBN
from models.orderings import ordering


@pytest.mark.parametrize("order", ORDERS)
def test_all_examples_sum_to_one(order):
    model = strong(FVSBN((2, 3), order=order))
    assert total_probability(model) == pytest.approx(1, abs=1e-6)
    with no_grad():
        assert model.log_prob(all_images((2, 3))).data.std() > 0.3


@pytest.mark.parametrize("order", ORDERS)
def test_each_entry_depends_on_exactly_those_before_it(order):
    model = strong(FVSBN((6,), order=order))
    assert np.array_equal(depends(model), before(model))
    assert [entry for entry, in model.positions()] == list(model.order)


def test_planted_faults(monkeypatch):
    model = strong(FVSBN((6,), order="random"))
    right = model.positions()
    model.positions = lambda: right[::-1]                  # drawn in reverse
    assert not np.array_equal(depends(model), before(model))
    monkeypatch.setattr(models.fvsbn, "tril", lambda weight, diagonal: tril(weight, diagonal + 1))
    model = strong(FVSBN((6,)))                            # an entry sees itself
    assert abs(total_probability(model) - 1) > 1e-3 and not np.array_equal(depends(model), before(model))


def test_it_is_a_logistic_regression_of_each_entry():
    model = strong(FVSBN((3,), order=[2, 0, 1]))
    w, b = model.weight.data, model.bias.data
    x = np.array([[1, 0, 1]], np.uint8)                    # drawn: 1, 1, 0
    a = np.array([b[0], b[1] + w[1, 0], b[2] + w[2, 0] + w[2, 1]])
    expected = -np.log1p(np.exp(-a[0])) - np.log1p(np.exp(-a[1])) - np.log1p(np.exp(a[2]))
    assert model.log_prob(x).data[0] == pytest.approx(expected, rel=1e-12)
    assert model.logits(x).data[0, 1] == pytest.approx(a[[1, 2, 0]]) and not model.logits(x).data[0, 0].any()
    assert float(model.loss(x, None).data) == pytest.approx(-expected)


@pytest.mark.parametrize("order", ORDERS)
def test_the_cached_sampler(order):
    model = strong(FVSBN((2, 3), order=order))
    assert cache_error(model) < 1e-10 and samples_agree(model)
    model.float()
    assert cache_error(model) < 1e-5


def test_samples_follow_the_distribution():
    model = strong(FVSBN((4,), order=[2, 0, 3, 1]))
    with no_grad():
        p = np.exp(model.log_prob(all_images((4,))).data)
    x = model.sample(4000, np.random.default_rng(0))
    assert misfit(x, p) < 37.7 < misfit(x, np.full(16, 1 / 16))            # 0.1 % of 15 degrees of freedom


def test_inpainting_keeps_what_is_known():
    model = strong(FVSBN((6,), order=[5, 4, 3, 2, 1, 0]))
    x = np.random.default_rng(0).integers(0, 2, (50, 6)).astype(np.uint8)
    known = np.arange(6) >= 3
    other = x ^ np.array([0, 0, 0, 1, 0, 0], np.uint8)
    a, b = (model.inpaint(given, known, np.random.default_rng(1)) for given in (x, other))
    assert np.array_equal(a[:, 3:], x[:, 3:]) and not np.array_equal(a, x) and not np.array_equal(a[:, :3], b[:, :3])


def test_it_learns():
    x = doubled(1000)
    assert train(FVSBN((8,)), x, lr=5e-2) < 3.6 < 8 * math.log(2)          # 2.77 at best


def test_config_builds_the_same_model():
    model = FVSBN((1, 2, 3), order=np.array([4, 1, 5, 0, 2, 3]))
    again = FVSBN.from_config(json.loads(json.dumps(model.config)))
    assert again.config == model.config and np.array_equal(again.order, model.order)
    seeds = [FVSBN((50,), order="random", seed=seed).order for seed in (1, 1, 2)]
    assert np.array_equal(seeds[0], seeds[1]) and not np.array_equal(seeds[0], seeds[2])


def test_orderings():
    assert np.array_equal(ordering("M", "natural", 4, None), range(4))
    assert sorted(ordering("M", "random", 20, np.random.default_rng(0))) == list(range(20))


@pytest.mark.parametrize("order, message", [
    ("reversed", "FVSBN: order must be \"natural\", \"random\" or a permutation, not 'reversed'"),
    ([0, 1, 1], "must be a permutation of the 3 entries, every number from 0 to 2 once, and 2 is missing"),
    ([1, 2, 3], "permutation of the 3 entries, .* 0 is missing"),
    ([0, 1], r"permutation of the 3 entries, as many integers, not numbers of shape \(2,\) and type int64"),
    ([0.0, 1.5, 2.0], r"not numbers of shape \(3,\) and type float64"),
    ([[0, 1, 2]], r"not numbers of shape \(1, 3\)"),
])
def test_an_ordering_that_is_no_permutation(order, message):
    with pytest.raises(ValueError, match=message):
        FVSBN((3,), order=order)


@pytest.mark.parametrize("levels, message", [
    (256, "FVSBN: takes binary examples, levels=2, not levels=256"), (None, "FVSBN: takes integers .* not None"),
    (1, "at least 2, not 1")])
def test_levels_that_it_cannot_take(levels, message):
    with pytest.raises(ValueError, match=message):
        FVSBN((3,), levels)


@pytest.mark.parametrize("x, kind, message", [
    (np.zeros((1, 4), np.uint8), ValueError, r"FVSBN: .*shape \(3,\), and gets \(4,\)"),
    (np.full((1, 3), 2, np.uint8), ValueError, "values from 0 to 1, and these go from 2 to 2"),
    (np.zeros((1, 3)), TypeError, "integers from 0 to 1, not float64"),
])
def test_bad_input(x, kind, message):
    with pytest.raises(kind, match=message):
        FVSBN((3,)).log_prob(x)
    with pytest.raises(kind, match=message):
        FVSBN((3,)).loss(x, np.random.default_rng(0))
