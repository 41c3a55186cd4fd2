"""MADE is an exact distribution for every ordering and connectivity, and so is the mean over several."""
import json
import math
import numpy as np
import pytest
import minigrad
from dense import ORDERS, before, depends, doubled, misfit, strong, train
from exactness import all_images, cache_error, samples_agree, total_probability
from minigrad import gradcheck, gradgradcheck, no_grad, tensor
from models.likelihood import evaluate
from models.made import MADE
from models.masked_linear import connected, masked_outer, masked_product, outer, product

NETWORKS = {"one layer": {"hidden": (30,)}, "two layers": {"hidden": (30, 20)}, "three": {"hidden": (40, 40, 40)},
            "direct": {"hidden": (20,), "direct": True}}
SEVERAL = {"orderings": {"order": "random", "orderings": 3},
           "connectivities": {"connectivities": 4},
           "both": {"order": "random", "orderings": 3, "connectivities": 2, "hidden": (30, 20)},
           "agnostic": {"order": "random", "orderings": 2, "agnostic": True, "direct": True}}


def small(shape=(6,), levels=2, **config):
    """A small network in float64, far from uniform."""
    return strong(MADE(shape, levels, **{"hidden": (30,), **config}))


def probabilities(model):
    """Those of all examples."""
    with no_grad():
        return np.exp(model.log_prob(all_images(model.shape, model.levels)).data)


def not_strict(model):
    """Plant a fault: the output's mask lets an entry's own degree through."""
    right = model.wiring

    def wiring(member):
        hidden, heads = right(member)
        return hidden, [(layer, sources, targets + 1) for layer, sources, targets in heads]
    model.wiring = wiring
    return model


# ---------------------------------------------------------------------------------------------------------------------
# Products through a mask

def degrees(inputs, outputs, is_sorted, seed=0):
    """Sources from 1 to 9, and targets from 0 to 8."""
    rng = np.random.default_rng(seed)
    sources, targets = rng.integers(1, 10, inputs), rng.integers(0, 9, outputs)
    return (np.sort(sources), np.sort(targets)) if is_sorted else (sources, targets)


@pytest.mark.parametrize("is_sorted", [True, False])
@pytest.mark.parametrize("inputs, outputs", [(5, 7), (1, 1), (90, 300), (300, 90)])
def test_products_through_a_mask(inputs, outputs, is_sorted):
    rng, (sources, targets) = np.random.default_rng(1), degrees(inputs, outputs, is_sorted)
    mask = np.array([[source <= target for source in sources] for target in targets])
    assert np.array_equal(connected(sources, targets), mask)
    x, w, g = (rng.standard_normal(shape) for shape in ((3, inputs), (outputs, inputs), (3, outputs)))
    assert masked_product(x, w, sources, targets) == pytest.approx(x @ (w * mask).T, abs=1e-12)
    assert masked_outer(g, x, sources, targets) == pytest.approx((g.T @ x) * mask, abs=1e-12)
    assert not masked_outer(g, x, sources, targets)[~mask].any()           # exactly zero


@pytest.mark.parametrize("is_sorted", [True, False])
def test_gradients_through_a_mask(is_sorted):
    rng, (sources, targets) = np.random.default_rng(1), degrees(6, 70, is_sorted)
    x, w, g = (tensor(rng.standard_normal(shape), requires_grad=True) for shape in ((3, 6), (70, 6), (3, 70)))

    def forward(x, w):
        return product(x, w, sources=sources, targets=targets)

    def backward(g, x):
        return outer(g, x, sources=sources, targets=targets)
    for function, inputs in ((forward, (x, w)), (backward, (g, x))):
        assert gradcheck(function, inputs) and gradgradcheck(function, inputs)


# ---------------------------------------------------------------------------------------------------------------------
# Exactness

@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("order", ORDERS)
def test_all_examples_sum_to_one(network, order):
    model = small((2, 3), order=order, **NETWORKS[network])
    assert total_probability(model) == pytest.approx(1, abs=1e-6) and np.log(probabilities(model)).std() > 0.3


@pytest.mark.parametrize("several", SEVERAL)
def test_all_examples_sum_to_one_for_several(several):
    model = small(**SEVERAL[several])
    assert total_probability(model) == pytest.approx(1, abs=1e-6) and np.log(probabilities(model)).std() > 0.3


@pytest.mark.parametrize("network", NETWORKS)
def test_all_examples_of_several_levels_sum_to_one(network):
    model = small((1, 2, 2), 3, order="random", **NETWORKS[network])
    assert total_probability(model) == pytest.approx(1, abs=1e-6) and np.log(probabilities(model)).std() > 0.3


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("order", ORDERS)
def test_each_entry_depends_on_exactly_those_before_it(network, levels, order):
    model = small((2, 3), levels, order=order, **NETWORKS[network])
    assert np.array_equal(depends(model), before(model))


@pytest.mark.parametrize("several", SEVERAL)
def test_so_it_does_in_each_ordering(several):
    model = small(**{"hidden": (60,), **SEVERAL[several]})
    rng, seen = np.random.default_rng(0), set()
    new = [model.draw(rng, np.zeros(6, bool)) for _ in range(3)]
    for member in model.members + new:
        model.chosen = member
        assert np.array_equal(depends(model), before(model))
        seen.add((tuple(member.ranks), tuple(member.degrees[0])))
    assert len(seen) == len(model.members) + 3


@pytest.mark.parametrize("network", NETWORKS)
def test_an_inequality_that_is_not_strict_is_noticed(network):
    model = not_strict(small((2, 3), **NETWORKS[network]))
    assert abs(total_probability(model) - 1) > 1e-3 and not np.array_equal(depends(model), before(model))


def test_a_reversed_order_is_noticed():
    model = small(order="random")
    right = model.positions()
    model.positions = lambda: right[::-1]
    assert not np.array_equal(depends(model), before(model))


def test_a_mean_of_logits_is_no_distribution():
    model, x = small(order="random", orderings=3), all_images((6,))
    entries = model.entries(x)
    outputs = sum(model.outputs(model.codes(entries), member) for member in model.members) / 3
    assert abs(np.exp(model.log_likelihood(outputs, entries).data).sum() - 1) > 1e-2


def test_several_orderings_are_averaged_as_probabilities_of_whole_examples():
    model, x = small(order="random", orderings=3), all_images((6,))
    entries, p = model.entries(x), 0
    for member in model.members:
        p = p + np.exp(model.log_likelihood(model.outputs(model.codes(entries), member), entries).data) / 3
    assert probabilities(model) == pytest.approx(p, rel=1e-10)
    losses = {-math.inf}
    for member in model.members:                           # a training step takes one of them
        losses.add(-float(model.log_likelihood(model.outputs(model.codes(entries), member), entries).data.mean()))
    rng = np.random.default_rng(0)
    found = {float(model.loss(x, rng).data) for _ in range(30)}
    assert len(found) == 3 and all(min(abs(one - other) for other in losses) < 1e-10 for one in found)


def test_an_agnostic_model_is_trained_on_new_orderings():
    model, rng = small(order="random", agnostic=True), np.random.default_rng(0)
    assert len({float(model.loss(all_images((6,)), rng).data) for _ in range(30)}) == 30


def test_logits_are_those_of_the_formula():
    """Unit by unit: what a hidden unit sees is said by its degree."""
    model = small((4,), hidden=(9,), order=[2, 0, 3, 1])
    x = np.array([1, 0, 0, 1])
    (sources, (degree,)) = model.members[0]
    drawn, hidden = x[[2, 0, 3, 1]], model.hidden[0]
    h = [max(0, hidden.bias.data[k] + sum(hidden.weight.data[k, j] * drawn[j] for j in range(degree[k])))
         for k in range(9)]
    a = [model.head.bias.data[i] + sum(model.head.weight.data[i, k] * h[k] for k in range(9) if degree[k] <= i)
         for i in range(4)]                                # degrees below i + 1: entry i is the (i + 1)-th
    assert model.logits(x[None]).data[0, 1, [2, 0, 3, 1]] == pytest.approx(np.array(a), abs=1e-12)
    assert np.array_equal(sources, [1, 2, 3, 4]) and set(degree) <= {1, 2, 3}


def test_degrees():
    """From 1 to D - 1, never below the least of the layer before; sorted only where there is one connectivity."""
    model = MADE((10,), hidden=(5, 200, 3))
    first, second, third = model.members[0].degrees
    assert 1 <= first.min() and second.min() >= first.min() and third.min() >= second.min() and second.max() == 9
    assert all(np.array_equal(layer, np.sort(layer)) for layer in (first, second, third))
    a, b = (member.degrees[0] for member in MADE((10,), hidden=(50,), connectivities=2).members)
    assert not np.array_equal(a, b) and not np.array_equal(a, np.sort(a))


# ---------------------------------------------------------------------------------------------------------------------
# Drawing

@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("order", ORDERS)
def test_the_cached_sampler(network, levels, order):
    model = small((2, 3), levels, order=order, **NETWORKS[network])
    assert cache_error(model) < 1e-10 and samples_agree(model)


@pytest.mark.parametrize("several", SEVERAL)
def test_the_cached_sampler_for_several(several):
    model = small(**SEVERAL[several])
    for member in model.members:
        model.chosen = member
        assert cache_error(model) < 1e-10
    model.chosen = model.members[0]
    assert samples_agree(model)


def test_the_cached_sampler_in_float32():
    minigrad.manual_seed(0)
    assert cache_error(MADE((1, 9, 9), hidden=(200, 100), order="random", direct=True)) < 1e-5
    assert cache_error(MADE((5, 5), 4, hidden=(200,), order="random")) < 1e-5


def test_drawing_computes_each_hidden_unit_once():
    model = small(hidden=(30, 20))
    cache, computed = model.cache(np.zeros((7, 6), np.uint8)), 0
    relu = cache.activation

    def counting(a):
        nonlocal computed
        computed += len(a)
        return relu(a)
    cache.activation = counting
    for position in model.positions():
        cache.logits(position)
        cache.write(position, np.ones(7, np.uint8))
    assert computed == 50


@pytest.mark.parametrize("several", ["orderings", "connectivities"])
def test_samples_follow_the_distribution(several):
    model = small((4,), **SEVERAL[several])
    p = probabilities(model)
    x = model.sample(4000, np.random.default_rng(0))
    assert misfit(x, p) < 37.7 < misfit(x, np.full(16, 1 / 16))            # 0.1 % of 15 degrees of freedom


def test_inpainting_keeps_what_is_known():
    for config in ({}, *SEVERAL.values()):
        model = small((2, 3), 3, **config)
        x = np.random.default_rng(0).integers(0, 3, (50, 2, 3)).astype(np.uint8)
        known = np.array([[True], [False]])                # broadcast: the upper row
        a, b = (model.inpaint(x, known, np.random.default_rng(1), cached=cached) for cached in (True, False))
        assert np.array_equal(a[:, 0], x[:, 0]) and not np.array_equal(a, x) and np.array_equal(a, b)
        assert model.chosen is model.members[0]


def test_an_agnostic_model_completes_exactly_whatever_is_known():
    """Known entries in the middle: completions follow the conditional of an ordering that has them first."""
    model = small((4,), order="random", agnostic=True)
    known, x = np.array([False, True, False, True]), np.tile(np.array([0, 1, 0, 0], np.uint8), (4000, 1))
    completed = model.inpaint(x, known, np.random.default_rng(5))
    model.members = [model.draw(np.random.default_rng(5), known)]
    assert set(np.argsort(model.members[0].ranks)[:2]) == set(np.flatnonzero(known[model.order]))
    p = probabilities(model).reshape(2, 2, 2, 2)[:, 1, :, 0].reshape(4)
    assert np.array_equal(completed[:, known], x[:, known])
    assert misfit(completed[:, ~known], p / p.sum()) < 16.3                # 0.1 % of 3 degrees of freedom
    assert misfit(completed[:, ~known], np.full(4, 0.25)) > 16.3


# ---------------------------------------------------------------------------------------------------------------------
# Learning, and the rest

@pytest.mark.parametrize("config, bound", [({}, 3.3), ({"levels": 4, "hidden": (64, 64)}, 6.2),
                                           ({"order": "random", "orderings": 2}, 3.6),
                                           ({"order": "random", "agnostic": True}, 5)])
def test_it_learns(config, bound):
    """Against the uniform distribution; at best 4 log(levels), half of that."""
    minigrad.manual_seed(0)
    model = MADE(**{"shape": (8,), "hidden": (64,), **config})
    assert train(model, doubled(1000, levels=model.levels)) < bound < 8 * math.log(model.levels)


def test_config_builds_the_same_model():
    for config in ({"order": np.array([4, 1, 5, 0, 2, 3])}, *SEVERAL.values()):
        model = MADE((1, 2, 3), **{"hidden": (9,), **config})
        again = MADE.from_config(json.loads(json.dumps(model.config)))
        again.load_state_dict(model.state_dict())
        x = all_images((1, 2, 3))
        assert again.config == model.config and np.array_equal(again.log_prob(x).data, model.log_prob(x).data)


def test_evaluation_is_exact():
    model, x = small(order="random", orderings=3), all_images((6,))
    assert evaluate(model, x, None, batch_size=10) == pytest.approx(-np.log(probabilities(model)).mean())


@pytest.mark.parametrize("config, message", [
    ({"levels": None}, "MADE: takes integers .* not None"),
    ({"hidden": ()}, r"MADE: hidden must hold the sizes of one hidden layer or more, and is \(\)"),
    ({"hidden": (5, 0)}, r"MADE: hidden must hold .* \(5, 0\)"),
    ({"orderings": 0}, "MADE: orderings must be 1 or more, not 0"),
    ({"orderings": 3}, "MADE: several orderings must be random ones, order=\"random\", not 'natural'"),
    ({"agnostic": True}, "MADE: several orderings must be random ones"),
    ({"order": [0, 1, 1]}, "MADE: order must be a permutation of the 3 entries"),
    ({"order": "backwards"}, "MADE: order must be .* not 'backwards'"),
])
def test_what_it_is_not_built_for(config, message):
    with pytest.raises(ValueError, match=message):
        MADE((3,), **config)


@pytest.mark.parametrize("method", ["log_prob", "loss", "inpaint"])
@pytest.mark.parametrize("x, kind, message", [
    (np.zeros((1, 4), np.uint8), ValueError, r"MADE: .*shape \(3,\), and gets \(4,\)"),
    (np.full((1, 3), 2, np.uint8), ValueError, "values from 0 to 1, and these go from 2 to 2"),
    (np.zeros((1, 3)), TypeError, "integers from 0 to 1, not float64"),
])
def test_bad_input(method, x, kind, message):
    rng = np.random.default_rng(0)
    rest = {"log_prob": (), "loss": (rng,), "inpaint": (np.zeros(3, bool), rng)}
    with pytest.raises(kind, match=message):
        getattr(MADE((3,), hidden=(4,)), method)(x, *rest[method])
