"""What all autoregressive models share, on a model small enough to be seen through."""
import itertools
import numpy as np
import pytest
import minigrad
from layers import Parameter
from minigrad import no_grad, tensor
from models.autoregressive import Autoregressive, FullPass, draw
from models.model import Model


class Chain(Autoregressive):
    """Logits that are linear in the one-hot entries before one's own, in raster order or a given one.

    leak    plants a fault: the own entry is seen too
    """

    def __init__(self, shape, levels=2, order=None, classes=None, leak=False):
        super().__init__(shape=shape, levels=levels, order=order, classes=classes, leak=leak)
        self.size = int(np.prod(shape))
        rng, n = np.random.default_rng(0), self.size
        place = np.empty(n, int)
        place[[np.ravel_multi_index(position, self.shape) for position in self.positions()]] = np.arange(n)
        before = place[:, None] >= place if leak else place[:, None] > place
        self.mask = before[:, None, :, None]
        self.weight = Parameter(rng.standard_normal((n, levels, n, levels)).astype(np.float32) * self.mask)
        self.bias = Parameter(rng.standard_normal((classes or 1, n, levels)).astype(np.float32))

    def positions(self):
        positions = super().positions()
        return [positions[i] for i in self.config["order"] or range(self.size)]

    def logits(self, x, y=None):
        one_hot = np.eye(self.levels, dtype=self.dtype)[x.reshape(len(x), -1)]
        out = minigrad.einsum("ikjl,njl->nik", self.weight, tensor(one_hot))
        out = out + self.bias[np.zeros(len(x), int) if y is None else y]
        return out.permute(0, 2, 1).reshape(len(x), self.levels, *self.shape)

    def cache(self, x, y=None):
        return Sums(self, len(x), y)


class Sums:
    """The cache of a Chain: the sums so far, to which each entry adds its part."""

    def __init__(self, model, n, y):
        self.model = model
        self.sums = model.bias.data[np.zeros(n, int) if y is None else y].copy()
        self.asked = []

    def logits(self, position):
        self.asked.append(position)
        return self.sums[:, np.ravel_multi_index(position, self.model.shape)]

    def write(self, position, values):
        assert self.asked[-1] == position                  # the promise: asked first, then told
        weight = self.model.weight.data[:, :, np.ravel_multi_index(position, self.model.shape)]
        self.sums += weight[:, :, values].transpose(2, 0, 1)


def everything(shape, levels):
    """All examples of that shape."""
    n = int(np.prod(shape))
    return np.array(list(itertools.product(range(levels), repeat=n)), np.uint8).reshape(-1, *shape)


def total_probability(model, **labels):
    """The sum of p(x) over all examples, in float64."""
    model.double()
    with no_grad():
        return np.exp(model.log_prob(everything(model.shape, model.levels), **labels).data).sum()


MODELS = {"raster": lambda: Chain((2, 2, 2)), "order": lambda: Chain((6,), order=[3, 0, 5, 1, 4, 2]),
          "levels": lambda: Chain((4,), levels=3), "no image": lambda: Chain((2, 3))}


@pytest.mark.parametrize("name", MODELS)
def test_all_examples_sum_to_one(name):
    assert total_probability(MODELS[name]()) == pytest.approx(1, abs=1e-9)


def test_a_leak_would_be_noticed():
    assert abs(total_probability(Chain((6,), leak=True)) - 1) > 1e-2


@pytest.mark.parametrize("name", MODELS)
def test_cached_and_uncached_samples_are_equal(name):
    model = MODELS[name]()
    cached, uncached = (model.sample(50, np.random.default_rng(1), cached=cached) for cached in (True, False))
    assert cached.shape == (50, *model.shape) and cached.dtype == np.uint8
    assert np.array_equal(cached, uncached) and len(np.unique(cached.reshape(50, -1), axis=0)) > 5
    assert not np.array_equal(cached, model.sample(50, np.random.default_rng(2)))


@pytest.mark.parametrize("name", MODELS)
def test_the_cache_gives_the_full_networks_logits(name):
    model = MODELS[name]()
    x = model.sample(7, np.random.default_rng(3))
    cache, full = model.cache(x), model.logits(x).data
    for position in model.positions():
        assert cache.logits(position) == pytest.approx(full[:, :, *position], abs=1e-5)
        cache.write(position, x[:, *position])


def test_a_wrong_cache_would_be_noticed():
    """One that forgets to be told gives other samples."""
    model = Chain((6,))

    class Forgetful(Sums):
        def write(self, position, values):
            pass
    model.cache = lambda x: Forgetful(model, len(x), None)
    assert not np.array_equal(model.sample(50, np.random.default_rng(1)),
                              model.sample(50, np.random.default_rng(1), cached=False))


def test_samples_follow_the_distribution():
    model = Chain((2, 2))
    with no_grad():
        p = np.exp(model.log_prob(everything((2, 2), 2)).data.astype(np.float64))
    counts = np.bincount(model.sample(4000, np.random.default_rng(0)).reshape(4000, 4) @ [8, 4, 2, 1], minlength=16)
    assert ((counts - 4000 * p) ** 2 / (4000 * p)).sum() < 37.7            # 0.1 % of 15 degrees of freedom
    assert ((counts - 250) ** 2 / 250).sum() > 37.7                        # and they are not just uniform


@pytest.mark.parametrize("cached", [True, False])
def test_known_entries_are_kept_and_condition_what_follows(cached):
    model = Chain((4,), levels=3, order=[2, 0, 3, 1])
    x = np.tile(np.array([1, 0, 2, 0], np.uint8), (3000, 1))
    before, known = x.copy(), np.array([True, False, True, False])         # the first two in the order of drawing
    completed = model.inpaint(x, known, np.random.default_rng(0), cached=cached)
    assert np.array_equal(x, before) and np.all(completed[:, [0, 2]] == [1, 2])
    pairs = everything((2,), 3)
    whole = np.tile(x[:1], (9, 1))
    whole[:, [1, 3]] = pairs
    with no_grad():
        p = np.exp(model.log_prob(whole).data.astype(np.float64))
    counts = np.bincount(completed[:, [1, 3]] @ [3, 1], minlength=9)
    expected = 3000 * p / p.sum()
    assert ((counts - expected) ** 2 / expected).sum() < 26.1              # 0.1 % of 8 degrees of freedom


def test_the_order_is_respected():
    """Each position is asked for, then told, known or not; with an order, in that order; channels innermost."""
    model, asked = Chain((6,), order=[3, 0, 5, 1, 4, 2]), []
    cache = Sums(model, 2, None)
    model.cache = lambda x: cache
    known = np.array([True, False] * 3)
    model.inpaint(np.zeros((2, 6), np.uint8), known, np.random.default_rng(0),
                  lambda positions: asked.extend(positions) or positions)
    assert cache.asked == asked == [(3,), (0,), (5,), (1,), (4,), (2,)]
    assert Chain((2, 1, 2)).positions() == [(0, 0, 0), (1, 0, 0), (0, 0, 1), (1, 0, 1)]
    assert Chain((2, 2)).positions() == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_full_pass_sees_nothing_that_is_to_come():
    model = Chain((4,))
    x = np.ones((3, 4), np.uint8)
    slow = FullPass(model, x)
    assert np.array_equal(slow.x, np.zeros((3, 4))) and np.array_equal(x, np.ones((3, 4)))
    slow.write((1,), np.array([1, 0, 1]))
    assert np.array_equal(slow.x[:, 1], [1, 0, 1])
    assert np.array_equal(slow.logits((2,)), model.logits(slow.x).data[:, :, 2])


def test_drawing_is_by_inverse_cdf_of_the_softmax():
    logits = np.log(np.tile([0.2, 0.3, 0.5], (1000, 1))).astype(np.float32) + 1000
    u = np.random.default_rng(4).random(1000)
    assert np.array_equal(draw(logits, np.random.default_rng(4)), np.digitize(u, [0.2, 0.5]))


def test_many_levels_need_a_wider_type():
    assert Chain((2,), levels=300).sample(1, np.random.default_rng(0)).dtype == np.int64


# ---------------------------------------------------------------------------------------------------------------------
# Classes

def test_class_conditional_models():
    model, rng = Chain((4,), classes=3), np.random.default_rng(0)
    for label in range(3):
        assert total_probability(model, y=np.full(16, label)) == pytest.approx(1, abs=1e-9)
    y = np.arange(30) % 3
    a, b = (model.sample(30, np.random.default_rng(1), cached=cached, y=y) for cached in (True, False))
    assert np.array_equal(a, b) and not np.array_equal(a, model.sample(30, np.random.default_rng(1), y=y[::-1].copy()))
    log_p = model.log_prob(a, y=y).data
    assert np.array_equal(-model.nats(a, rng, y=y).data, log_p)
    assert float(model.loss(a, rng, y=y).data) == pytest.approx(-log_p.mean())
    assert not np.array_equal(log_p, model.log_prob(a, y=(y + 1) % 3).data)


@pytest.mark.parametrize("y, kind, message", [
    (None, ValueError, "Chain: was built for 3 classes, and needs the labels y"),
    (np.zeros(5, int), ValueError, r"the labels must have shape \(2,\), one for each example, not \(5,\)"),
    (np.zeros(2), TypeError, "Chain: y takes integers from 0 to 2, not float64"),
    (np.array([0, 3]), ValueError, "Chain: y takes values from 0 to 2, and these go from 0 to 3"),
])
def test_bad_labels(y, kind, message):
    with pytest.raises(kind, match=message):
        Chain((4,), classes=3).log_prob(np.zeros((2, 4), np.uint8), y=y)


def test_labels_without_classes():
    with pytest.raises(ValueError, match="Chain: was built without classes, and takes no labels y"):
        Chain((4,)).log_prob(np.zeros((2, 4), np.uint8), y=np.zeros(2, int))


# ---------------------------------------------------------------------------------------------------------------------
# Bad input

@pytest.mark.parametrize("x, kind, message", [
    (np.zeros((1, 5), np.uint8), ValueError, r"Chain: was built for examples of shape \(4,\), and gets \(5,\)"),
    (np.full((1, 4), 2, np.uint8), ValueError, "Chain: takes values from 0 to 1, and these go from 2 to 2"),
    (np.full((1, 4), -1), ValueError, "these go from -1 to -1"),
    (np.zeros((1, 4)), TypeError, "Chain: takes integers from 0 to 1, not float64"),
])
def test_bad_input(x, kind, message):
    model = Chain((4,))
    for method in (model.log_prob, lambda x: model.inpaint(x, np.zeros(4, bool), np.random.default_rng(0))):
        with pytest.raises(kind, match=message):
            method(x)


@pytest.mark.parametrize("x, kind, message", [
    (np.zeros((2, 3), int), TypeError, "Model: takes real numbers .floats., not int64"),
    (np.array([[0, np.nan, np.inf]]), ValueError, "Model: takes finite numbers, and there are 2 others"),
    (np.zeros((2, 4)), ValueError, r"shape \(3,\), and gets \(4,\)"),
])
def test_bad_real_input(x, kind, message):
    with pytest.raises(kind, match=message):
        Model(shape=(3,), levels=None).check(x)


def test_what_a_model_does_not_define_it_says():
    model, rng = Model(shape=(3,), levels=2), np.random.default_rng(0)
    for call, message in ((lambda: model.log_prob(None), "Model has no exact log_prob"),
                          (lambda: model.sample(1, rng), "Model can't draw samples"),
                          (lambda: model.inpaint(None, None, rng), "Model can't complete examples"),
                          (lambda: Autoregressive(shape=(3,), levels=2).logits(None), "must define logits")):
        with pytest.raises(NotImplementedError, match=message):
            call()
