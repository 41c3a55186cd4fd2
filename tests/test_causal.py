"""Causal models are exact distributions: each entry is predicted from the lags that the lecture says, and no others."""
import math
import numpy as np
import pytest
import minigrad
from layers import CausalConv1d
from layers.functional import conv1d, pad
from minigrad import tensor
from minigrad.optim import Adam
from exactness import cache_error, far_from_uniform, probabilities, samples_agree
from models.causal import CausalToy, DilatedToy
from models.windows import ConvCache

MODELS = {"causal": (CausalToy, {}), "dilated": (DilatedToy, {}),
          "dilated as printed": (DilatedToy, {"variant": "lecture"})}


def small(kind, length=10, levels=2, seed=0, **config):
    """A small network in float64."""
    minigrad.manual_seed(seed)
    cls, usual = MODELS[kind]
    model = cls((length,), levels, **{"channels": 8, **usual, **config}).double()
    return far_from_uniform(model)


class WrongShift(CausalConv1d):
    """A planted fault: a first layer whose input is moved to the left, so that it sees the next entry."""

    def forward(self, x):
        return conv1d(pad(x, (-1, 1)), self.weight, self.bias, self.stride, self.padding, self.dilation)


def plant(model, fault):
    """Replace the first layer by a faulty one with the same weights: "shift left", or "no shift" """
    right = model.layers[0]
    cls = WrongShift if fault == "shift left" else CausalConv1d
    model.layers[0] = cls(right.in_channels, right.out_channels, right.kernel_size, shift=False).double()
    model.layers[0].load_state_dict(right.state_dict())
    return model


def lags(model, t):
    """The lags that the logits of entry t depend on, by their gradients; 0 is the entry itself, -1 the next one."""
    rng = np.random.default_rng(3)
    x = tensor(rng.standard_normal((64, 1, *model.shape)), requires_grad=True)     # many: a ReLU may hide what is seen
    (model(x)[:, :, t] * tensor(rng.standard_normal(model.levels))).sum().backward()
    return {int(t - seen) for seen in np.flatnonzero(np.abs(x.grad.data).max((0, 1)))}


# ---------------------------------------------------------------------------------------------------------------------
# Exactness

@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("seed", [0, 1])
def test_all_sequences_sum_to_one(kind, seed):
    p = probabilities(small(kind, seed=seed))
    assert p.sum() == pytest.approx(1, abs=1e-6) and np.log(p).std() > 0.3


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("fault", ["no shift", "shift left"])
def test_planted_faults_do_not_sum_to_one(kind, fault):
    assert abs(probabilities(plant(small(kind), fault)).sum() - 1) > 1e-3


@pytest.mark.parametrize("kind, expected", [
    ("causal", range(1, 6)), ("dilated", range(1, 33)), ("dilated as printed", range(1, 32, 2))])
def test_the_lags_that_an_entry_sees(kind, expected):
    """Five; all up to 32; and, with dilations 2, 4, 8, 16 after a kernel of 1, the odd ones only."""
    model = small(kind, length=40, levels=5)
    for t in (0, 1, 2, 7, 20, 38, 39):
        assert lags(model, t) == {lag for lag in expected if lag <= t}, t
    assert 0 in lags(plant(small(kind, length=40), "no shift"), 20)                # the check would notice
    assert -1 in lags(plant(small(kind, length=40), "shift left"), 20)


def test_other_dilations_and_kernels():
    assert lags(small("dilated", 40, dilations=(1, 2, 4, 8)), 39) == set(range(1, 18))
    assert lags(small("dilated as printed", 40, dilations=(1, 2, 4, 8)), 39) == set(range(1, 17))
    assert lags(small("causal", 40, kernel_size=3), 39) == set(range(1, 10))


@pytest.mark.parametrize("kind", MODELS)
def test_the_future_does_not_matter(kind):
    """The lecture's definition: f_{t+1}(x_1 ... x_t, alpha) = f_{t+1}(x_1 ... x_t, beta), to the last bit."""
    model, rng = small(kind, length=20, levels=6), np.random.default_rng(0)
    x = rng.integers(0, 6, (8, 20))
    logits = model.logits(x).data
    for t in range(20):
        other = np.concatenate((x[:, :t], rng.integers(0, 6, (8, 20 - t))), 1)
        assert np.array_equal(model.logits(other).data[:, :, :t + 1], logits[:, :, :t + 1])


@pytest.mark.parametrize("kind", MODELS)
def test_logits_are_those_of_the_lectures_recursion(kind):
    """Layer by layer and entry by entry, as the lecture draws it, in plain loops."""
    model, length = small(kind, length=12, levels=4), 12
    x = np.random.default_rng(0).integers(0, 4, length)
    h = np.concatenate(([0], model.scale(x).data[:-1]))[None]                      # the first layer hides the present
    for layer in [*model.layers, model.head]:
        weight, bias, (dilation,) = layer.weight.data, layer.bias.data, layer.dilation
        out = np.zeros((len(weight), length))
        for t in range(length):
            out[:, t] = bias
            for k in range(weight.shape[2]):
                lag = dilation * (weight.shape[2] - 1 - k)
                if lag <= t:
                    out[:, t] += weight[:, :, k] @ h[:, t - lag]
        h = out if layer is model.head else np.maximum(out, 0)
    assert model.logits(x[None]).data[0] == pytest.approx(h, abs=1e-10)
    log_p = h - np.log(np.exp(h).sum(0))
    assert model.log_prob(x[None]).data == pytest.approx([log_p[x, range(length)].sum()], rel=1e-10)


def test_the_first_layer_moves_its_input_to_the_right():
    """The lecture's rows, through a kernel of 1 and weight 1."""
    layer = CausalConv1d(1, 1, 1, shift=True, bias=False)
    layer.weight.data[...] = 1
    x = tensor([[[1.0, 6, 3, 9, 1]], [[4, 8, 2, 2, 9]]])
    assert np.array_equal(layer(x).data[:, 0], [[0, 1, 6, 3, 9], [0, 4, 8, 2, 2]])


# ---------------------------------------------------------------------------------------------------------------------
# Sampling

@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_cached_sampler_equals_the_full_network(kind, dtype):
    model = small(kind, length=40, levels=7).to(np.dtype(dtype))
    assert cache_error(model) < 1e-5 and samples_agree(model)
    assert len(np.unique(model.sample(20, np.random.default_rng(0)))) == 7


def test_a_cache_that_forgets_the_shift_is_noticed():
    model = small("dilated", length=40, levels=7)
    cache = model.cache(np.zeros((4, 40), np.uint8))
    cache.caches[0] = ConvCache(model.layers[0], 4, (40,), before=(1,))            # 2 with the shift
    model.cache = lambda x: cache
    assert cache_error(model) > 1e-2


@pytest.mark.parametrize("length", [10, 100])
def test_a_new_entry_costs_one_output_of_each_layer(monkeypatch, length):
    """However long the sequence: the whole network never runs."""
    model, outputs, output = small("dilated", length), [], ConvCache.output
    monkeypatch.setattr(ConvCache, "output", lambda cache, at: outputs.append(at) or output(cache, at))
    model.forward = None
    model.sample(3, np.random.default_rng(0))
    assert outputs == [(t,) for t in range(length) for _ in model.layers]


def test_samples_follow_the_distribution():
    """Frequencies of all 16 binary sequences of four among 4000 samples: a chi-squared test."""
    model = small("dilated", length=4, seed=2)
    p = probabilities(model)
    counts = np.bincount(model.sample(4000, np.random.default_rng(0)) @ [8, 4, 2, 1], minlength=16)
    assert ((counts - 4000 * p) ** 2 / (4000 * p)).sum() < 37.7                    # 0.1 % of 15 degrees of freedom
    assert ((counts - 250) ** 2 / 250).sum() > 37.7                                # and they are not just uniform


@pytest.mark.parametrize("kind", MODELS)
def test_inpainting_keeps_what_is_known(kind):
    model = small(kind, length=12, levels=5)
    x = np.random.default_rng(0).integers(0, 5, (30, 12)).astype(np.uint8)
    known, before = np.arange(12) < 5, x.copy()
    a, b = (model.inpaint(x, known, np.random.default_rng(1), cached=cached) for cached in (True, False))
    assert np.array_equal(x, before) and np.array_equal(a, b)
    assert np.array_equal(a[:, :5], x[:, :5]) and not np.array_equal(a[:, 5:], x[:, 5:])


# ---------------------------------------------------------------------------------------------------------------------
# Learning, and the rest

def test_they_learn_what_their_lags_let_them():
    """Each entry is the one six before it, plus 0 or 1: within reach of the dilated network, and out of that of the
    other, for which the entries stay uniform."""
    rng = np.random.default_rng(0)
    x = np.concatenate((rng.integers(0, 8, (2000, 6)), np.zeros((2000, 18), np.int64)), 1)
    for t in range(6, 24):
        x[:, t] = (x[:, t - 6] + rng.integers(0, 2, 2000)) % 8
    costs = {}
    for kind in ("dilated", "causal"):
        model = small(kind, length=24, levels=8, channels=16).float()
        optimizer = Adam(model.parameters(), lr=1e-2)
        for _ in range(100):
            optimizer.zero_grad()
            model.loss(x[rng.integers(0, 2000, 32)], None).backward()
            optimizer.step()
        costs[kind] = -float(model.log_prob(x).data.mean())
    uniform, best = 24 * math.log(8), 6 * math.log(8) + 18 * math.log(2)
    assert best < costs["dilated"] < 0.6 * uniform
    assert costs["causal"] > 0.98 * uniform


def test_begin_measures_the_training_examples():
    class Data:
        train = np.array([[0, 0, 0, 4, 4, 4, 4]] * 3, np.uint8)

    model = small("causal", length=7, levels=5)
    model.begin(Data)
    assert model.scale(np.array([0, 4])).data == pytest.approx(np.array([-(4 / 3) ** 0.5, (3 / 4) ** 0.5]))
    again = small("causal", length=7, levels=5, seed=1)
    again.load_state_dict(model.state_dict())
    assert np.array_equal(again.log_prob(Data.train).data, model.log_prob(Data.train).data)


@pytest.mark.parametrize("kind", MODELS)
def test_config_builds_the_same_model(kind):
    model = small(kind)
    again = type(model).from_config(model.config).double()
    again.load_state_dict(model.state_dict())
    assert again.config == model.config and np.array_equal(probabilities(again), probabilities(model))


@pytest.mark.parametrize("build, message", [
    (lambda: CausalToy((1, 28, 28), 256), r"CausalToy: takes sequences, \(T,\), not .* \(1, 28, 28\)"),
    (lambda: DilatedToy((1, 28, 28), 256), r"DilatedToy: takes sequences, \(T,\), not .* \(1, 28, 28\)"),
    (lambda: CausalToy((32,), None), "CausalToy: takes integers .* levels=None"),
    (lambda: DilatedToy((32,), 64, variant="fixed"), "variant must be 'repaired' or 'lecture', not 'fixed'"),
])
def test_what_they_are_not_built_for(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("x, kind, message", [
    (np.zeros((1, 8), np.uint8), ValueError, r"CausalToy: .*shape \(10,\), and gets \(8,\)"),
    (np.full((1, 10), 2, np.uint8), ValueError, "values from 0 to 1, and these go from 2 to 2"),
    (np.zeros((1, 10)), TypeError, "integers from 0 to 1, not float64"),
])
def test_bad_input(x, kind, message):
    with pytest.raises(kind, match=message):
        small("causal").log_prob(x)
