"""Masked-input models are exact distributions: no entry is predicted from itself or from one that comes later."""
import math
import numpy as np
import pytest
import minigrad
from minigrad import no_grad, tensor
from minigrad.optim import Adam
from exactness import cache_error, far_from_uniform, probabilities, samples_agree
from models.masked_input import MaskedLeNet, MaskedSequence, event

TINY = {"sequence": (MaskedSequence, {"shape": (7,), "levels": 2, "channels": 4, "kernel_size": 2, "hidden": 8}),
        "image": (MaskedLeNet, {"shape": (1, 4, 2), "levels": 2, "channels": 4, "kernel_sizes": (1, 1), "hidden": 8})}


class Position:
    """In place of a generator: always the same random position."""

    def __init__(self, t):
        self.t = t

    def integers(self, entries, size):
        assert 0 <= self.t < entries
        return np.full(size, self.t)


def tiny(kind, seed=0, **config):
    """A small network in float64."""
    minigrad.manual_seed(seed)
    cls, usual = TINY[kind]
    model = cls(**{**usual, **config}).double()
    return far_from_uniform(model)


def show_the_present(model):
    """Plant a fault: entry t is predicted with t itself unmasked."""
    hidden = model.conditional
    model.conditional = lambda values, t: hidden(values, t + 1)
    return model


# ---------------------------------------------------------------------------------------------------------------------
# The events of the lecture

def test_the_lectures_table_of_events():
    for conditions, mask, values in [
            ({2: 3}, [0, 1, 0, 0, 0], [0, 3, 0, 0, 0]),
            ({1: 1, 2: 2, 3: 3, 4: 4, 5: 5}, [1, 1, 1, 1, 1], [1, 2, 3, 4, 5]),
            ({5: 50, 2: 20}, [0, 1, 0, 0, 1], [0, 20, 0, 0, 50])]:
        x, known = tensor([7.0] * 5), np.zeros(5, bool)
        for t, value in conditions.items():
            x[t - 1], known[t - 1] = value, True
        for got, wanted in zip(event(known, x), (mask, values)):
            assert got.dtype == np.float32 and np.array_equal(got.data, wanted)


def test_raster_masks_of_images():
    """The lecture's sixteen masks of 6 x 6 images, as the network gets them, and the values under them."""
    model = tiny("image", shape=(1, 6, 6), kernel_sizes=(3, 2))
    values = tensor(np.random.default_rng(0).standard_normal((16, 1, 6, 6)))
    inputs = []
    model.forward = lambda input: inputs.append(input.data)
    model.conditional(values, np.arange(16))
    expected = np.arange(36) < np.arange(16)[:, None]
    assert np.array_equal(inputs[0][:, 0].reshape(16, 36), expected)
    assert np.array_equal(inputs[0][:, 1], np.where(inputs[0][:, 0], values.data[:, 0], 0))
    model.conditional(values, 15)
    assert np.array_equal(inputs[1][:, 0].reshape(16, 36), np.broadcast_to(expected[15], (16, 36)))


# ---------------------------------------------------------------------------------------------------------------------
# Exactness

@pytest.mark.parametrize("kind", TINY)
@pytest.mark.parametrize("seed", [0, 1])
def test_all_examples_sum_to_one(kind, seed):
    p = probabilities(tiny(kind, seed))
    assert p.sum() == pytest.approx(1, abs=1e-6) and np.log(p).std() > 0.3


@pytest.mark.parametrize("kind", TINY)
def test_a_visible_present_does_not_sum_to_one(kind):
    assert abs(probabilities(show_the_present(tiny(kind))).sum() - 1) > 1e-3


def influence(model, t):
    """|d logits of entry t / d x|, the largest over examples, for a random combination of the logits: (entries,)"""
    rng = np.random.default_rng(3)
    values = tensor(rng.standard_normal((64, *model.shape)), requires_grad=True)
    (model.conditional(values, t) * tensor(rng.standard_normal(model.levels))).sum().backward()
    return np.abs(values.grad.data).max(0).reshape(-1)


@pytest.mark.parametrize("model", [tiny("sequence", shape=(32,), kernel_size=5, levels=4),
                                   tiny("image", shape=(1, 13, 12), kernel_sizes=(3, 5), levels=4)],
                         ids=["sequence", "image"])
def test_each_entry_depends_on_exactly_those_before_it(model):
    for t in (0, 1, 5, 12, 13, model.entries - 2, model.entries - 1):
        depends = influence(model, t) != 0
        assert not depends[t:].any(), t
        # The pooling drops the last of an odd number, here of the 11 rows after the first convolution: what the input's
        # last row holds is lost.  The lecture's own sizes, 32 and 28 x 28, lose nothing.
        lost = 12 * 12 if model.size == (13, 12) else model.entries
        assert depends[:min(t, lost)].all(), t
    assert influence(show_the_present(model), 5)[5] > 0          # the check would notice


@pytest.mark.parametrize("kind", TINY)
def test_log_prob_is_the_sum_of_the_log_softmax(kind):
    model = tiny(kind, levels=5)
    x = np.random.default_rng(0).integers(0, 5, (3, *model.shape))
    values, expected = model.scale(x), 0
    for t in range(model.entries):
        p = np.exp(model.conditional(values, t).data)
        expected = expected + np.log(p[range(3), x.reshape(3, -1)[:, t]] / p.sum(1))
    assert model.log_prob(x).data == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("kind", TINY)
def test_the_cost_at_a_random_entry_estimates_that_of_the_example(kind):
    """The mean over all positions is -log p(x): the factor T and the targets are right."""
    model = tiny(kind, levels=3)
    x = np.random.default_rng(0).integers(0, 3, (4, *model.shape)).astype(np.uint8)
    mean = np.mean([model.nats(x, Position(t)).data for t in range(model.entries)], 0)
    assert mean == pytest.approx(-model.log_prob(x).data, rel=1e-10)
    assert not type(model).exact
    conditional, asked = model.conditional, []
    model.conditional = lambda values, t: asked.extend(t) or conditional(values, t)
    many = model.nats(np.repeat(x[:1], 4000, 0), np.random.default_rng(1)).data
    assert abs(many.mean() - mean[0]) < 4 * many.std() / 4000 ** 0.5
    assert np.bincount(asked, minlength=model.entries).min() > 0.8 * 4000 / model.entries


# ---------------------------------------------------------------------------------------------------------------------
# Sampling

@pytest.mark.parametrize("kind", TINY)
def test_one_pass_for_each_position_gives_what_all_passes_give(kind):
    model = tiny(kind, levels=3)
    assert cache_error(model) < 1e-10 and samples_agree(model)
    assert len(np.unique(model.sample(100, np.random.default_rng(0)))) == 3


@pytest.mark.parametrize("kind", TINY)
def test_inpainting_looks_at_known_entries_before_and_not_behind(kind):
    model = tiny(kind, levels=3)
    x = np.random.default_rng(0).integers(0, 3, (500, *model.shape)).astype(np.uint8)
    known = (np.arange(model.entries) % 3 == 2).reshape(model.shape)
    other = x.copy()
    other.reshape(500, -1)[:, 5] = (x.reshape(500, -1)[:, 5] + 1) % 3              # a known entry in the middle
    a, b = (model.inpaint(given, known, np.random.default_rng(1)) for given in (x, other))
    assert np.array_equal(a[:, known], x[:, known]) and not np.array_equal(a, x)
    a, b = a.reshape(500, -1), b.reshape(500, -1)
    assert np.array_equal(a[:, :5], b[:, :5]) and not np.array_equal(a[:, 6:], b[:, 6:])


# ---------------------------------------------------------------------------------------------------------------------
# Learning, and the rest

def train(model, x):
    """Train on examples for 200 steps; returns the mean of -log p(x) over the first 100."""
    rng = np.random.default_rng(0)
    optimizer = Adam(model.parameters(), lr=5e-3)
    for _ in range(200):
        optimizer.zero_grad()
        model.loss(x[rng.integers(0, len(x), 64)], rng).backward()
        optimizer.step()
    with no_grad():
        return -float(model.log_prob(x[:100]).data.mean())


def test_it_learns_sequences():
    """One random value in the first half, another in the second.  Each entry alone, they are uniform."""
    x = np.repeat(np.random.default_rng(0).integers(0, 4, (1000, 2)), 8, 1)
    minigrad.manual_seed(0)
    assert train(MaskedSequence((16,), 4, channels=16, hidden=64), x) < 0.4 * 16 * math.log(4)


def test_it_learns_images():
    """One random grey on the left, another on the right.  Each pixel alone, they are uniform."""
    x = np.repeat(np.repeat(np.random.default_rng(0).integers(0, 4, (1000, 1, 1, 2)), 7, 3), 14, 2)
    minigrad.manual_seed(0)
    assert train(MaskedLeNet((1, 14, 14), 4, channels=8, hidden=64), x) < 0.75 * 196 * math.log(4)


def test_begin_measures_the_training_examples():
    class Data:
        train = np.array([[0, 0, 0, 4, 4, 4, 4]] * 3, np.uint8)

    model = tiny("sequence", levels=5)
    assert model.scale(np.arange(5)).data == pytest.approx((np.arange(5) - 2) / 2 ** 0.5)        # levels equally likely
    model.begin(Data)
    assert model.scale(np.array([0, 4])).data == pytest.approx(np.array([-(4 / 3) ** 0.5, (3 / 4) ** 0.5]))
    again = tiny("sequence", levels=5, seed=1)
    again.load_state_dict(model.state_dict())
    assert np.array_equal(again.log_prob(Data.train).data, model.log_prob(Data.train).data)
    Data.train = np.full((3, 7), 2, np.uint8)
    model.begin(Data)
    assert np.array_equal(model.scale(Data.train).data, np.zeros((3, 7)))          # all entries equal: no 0 / 0


@pytest.mark.parametrize("kind", TINY)
def test_config_builds_the_same_model(kind):
    model = tiny(kind)
    again = type(model).from_config(model.config)
    again.double().load_state_dict(model.state_dict())
    assert again.config == model.config and np.array_equal(probabilities(again), probabilities(model))


@pytest.mark.parametrize("build, message", [
    (lambda: MaskedSequence((1, 28, 28), 256), r"MaskedSequence: takes sequences, \(T,\), not .* \(1, 28, 28\)"),
    (lambda: MaskedSequence((15,), 4), "sequences of 15 are too short .* need 16"),
    (lambda: MaskedSequence((32,), None), "MaskedSequence: takes integers .* levels=None"),
    (lambda: MaskedLeNet((32,)), r"MaskedLeNet: takes images of one channel, .* not \(32,\)"),
    (lambda: MaskedLeNet((3, 28, 28)), r"one channel, .* not \(3, 28, 28\)"),
    (lambda: MaskedLeNet((1, 28, 11)), "images of 28 x 11 are too small .* need 12"),
    (lambda: MaskedLeNet((1, 28, 28), levels=None), "MaskedLeNet: takes integers .* levels=None"),
])
def test_what_they_are_not_built_for(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("method", ["log_prob", "nats"])
@pytest.mark.parametrize("x, kind, message", [
    (np.zeros((1, 8), np.uint8), ValueError, r"MaskedSequence: .*shape \(7,\), and gets \(8,\)"),
    (np.full((1, 7), 2, np.uint8), ValueError, "values from 0 to 1, and these go from 2 to 2"),
    (np.zeros((1, 7)), TypeError, "integers from 0 to 1, not float64"),
])
def test_bad_input(method, x, kind, message):
    generator = [np.random.default_rng(0)] if method == "nats" else []
    with pytest.raises(kind, match=message):
        getattr(tiny("sequence"), method)(x, *generator)
