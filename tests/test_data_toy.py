"""The data sets drawn on the spot: what is drawn has the density written down, and that has the entropy stated."""
import itertools
import numpy as np
import pytest
from models.data import (banana, checkerboard, eight_gaussians, lecture_1d, load, rings, toy, toy_sequences, two_moons)

# A box that holds all but nothing of the mass, and how many nodes in each direction resolve the density
GRIDS = {two_moons: ((-1.6, 2.6), (-1.2, 1.7), 160), eight_gaussians: ((-6, 6), (-6, 6), 160),
         checkerboard: ((-4, 4), (-4, 4), 160), banana: ((-9, 311), (-35, 35), 480),
         rings: ((-3.8, 3.8), (-3.8, 3.8), 160), lecture_1d: ((-2.5, 2.5), 480)}
CELLS = 8                                  # per direction, for counting


def short(module):
    return module.__name__.rsplit(".", 1)[-1]


@pytest.fixture(scope="module", params=GRIDS, ids=short)
def integrated(request):
    """A module, its box, and on a grid of midpoints the log density and the probability of a node's cell."""
    *box, nodes = GRIDS[request.param]
    axes = [low + (np.arange(nodes) + 0.5) * (high - low) / nodes for low, high in box]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(box))
    log_p = request.param.log_density(grid).reshape([nodes] * len(box))
    return request.param, box, log_p, np.exp(log_p) * np.prod([(high - low) / nodes for low, high in box])


def test_density_integrates_to_one_and_has_the_stated_entropy(integrated):
    module, _, log_p, p = integrated
    assert abs(p.sum() - 1) < 1e-6
    entropy = -(p * np.where(p > 0, log_p, 0)).sum()
    assert abs(entropy - module.ENTROPY) < 1e-6


def test_points_are_as_many_everywhere_as_the_density_says(integrated):
    """A chi-squared test on a coarse grid."""
    module, box, _, p = integrated
    x = load(short(module)).train
    expected = p.reshape([CELLS, p.shape[0] // CELLS] * len(box)).sum(tuple(range(1, 2 * len(box), 2))) * len(x)
    counts, _ = np.histogramdd(x, CELLS, box)
    assert counts.sum() >= len(x) - 5
    likely = expected > 5
    assert likely.sum() >= 4
    squares = ((counts - expected)[likely] ** 2 / expected[likely]).sum()
    assert squares < likely.sum() + 5 * np.sqrt(2 * likely.sum())
    wrong = np.roll(counts, 1, 0)          # the test would see it if something were elsewhere
    assert ((wrong - expected)[likely] ** 2 / expected[likely]).sum() > 10 * likely.sum()


@pytest.mark.parametrize("module", GRIDS, ids=short)
def test_points_cost_the_entropy_on_average(module):
    data = load(short(module))
    assert data.entropy == module.ENTROPY and data.levels is None and data.valid is None and data.train_labels is None
    assert data.train.shape == (50_000, len(GRIDS[module]) - 1) and len(data.test) == 20_000
    assert data.train.dtype == data.test.dtype == np.float32
    nats = -module.log_density(data.test.astype(np.float64))
    assert np.isfinite(nats).all()         # on the board, no point has been rounded off its square
    assert abs(nats.mean() - module.ENTROPY) <= 4 * nats.std() / np.sqrt(len(nats)) + 1e-12
    assert np.array_equal(data.train, load(short(module)).train)
    assert not np.isin(data.train[:9], data.test).all(1).any()             # the test's points are new ones


def test_the_entropies_are_the_published_ones():
    entropies = {two_moons: 1.008, eight_gaussians: 2.832, checkerboard: 3.466, banana: 4.224}
    assert {module: round(module.ENTROPY, 3) for module in entropies} == entropies


@pytest.mark.parametrize("module", [two_moons, eight_gaussians, banana, rings, lecture_1d], ids=short)
def test_another_noise_is_noticed(module):
    """Ten per cent more noise than the density has: the mean cost shows it."""
    x = module.draw(20_000, np.random.default_rng(0))
    deviation = module.DEVIATION / (4 if module is banana else 1)          # there it is that of x2; x1 has 1
    nats = -module.log_density(x + np.sqrt(0.21) * deviation * np.random.default_rng(1).standard_normal(x.shape))
    assert nats.mean() - module.ENTROPY > 4 * nats.std() / np.sqrt(len(nats))


@pytest.mark.parametrize("module", [two_moons, rings], ids=short)
def test_the_integral_in_a_density_is_fine_enough(module, monkeypatch):
    x = np.random.default_rng(0).uniform(-4, 4, (500, 2))
    before = module.log_density(x)
    monkeypatch.setattr(module, "NODES", 2 * module.NODES)
    assert np.isfinite(before).all() and np.abs(module.log_density(x) - before).max() < 1e-9
    monkeypatch.setattr(module, "NODES", 20)
    assert np.abs(module.log_density(x) - before).max() > 1e-3


def test_rings_density_is_that_of_a_turned_gaussian():
    """At the origin all of a ring is equally far away, so the density needs no integral."""
    r, s = rings.RADII, rings.DEVIATION
    nearest = np.exp(-(r ** 2 - r[0] ** 2) / (2 * s ** 2)).mean()
    expected = np.log(nearest / (2 * np.pi * s ** 2)) - r[0] ** 2 / (2 * s ** 2)
    assert abs(rings.log_density(np.zeros((1, 2)))[0] - expected) < 1e-9


def test_banana_and_humps_have_their_moments():
    x1, x2 = load("banana").train.T
    slope, height = np.polyfit(x2.astype(np.float64) ** 2, x1, 1)
    assert abs(slope - 0.25) < 0.001 and abs(height) < 0.03
    x = load("lecture_1d").train
    assert abs((x > 0).mean() - 0.7) < 0.01 and abs(x.mean() - 0.2) < 0.01


def test_log_mixture_does_not_underflow():
    far = np.array([[-2000.0, 0.0], [-2001.0, -np.inf]])
    assert np.allclose(toy.log_mixture(np.array([0.5, 0.5]), far), [-2000 + np.log((1 + np.exp(-1)) / 2), np.log(0.5)])


# ---------------------------------------------------------------------------------------------------------------------
# Sequences

def test_sequences():
    data = load("toy_sequences")
    assert data.train.shape == (20_000, 32) and data.test.shape == (5_000, 32) and data.train.dtype == np.uint8
    assert data.levels == 64 and data.train.min() == 1 and data.train.max() == 63 and np.all(data.train[:, 0] == 32)
    jumps = np.abs(np.diff(data.train.astype(int), axis=1)) > 1
    assert np.all(jumps.sum(1) <= 1) and jumps.any(1).mean() > 0.7         # one moment; both lines have slopes up to 1
    assert np.array_equal(np.unique(jumps.nonzero()[1]), np.arange(1, 31))      # never at once: |b| <= 1
    assert np.array_equal(data.test, load("toy_sequences").test)


def test_sequences_cost_the_entropy_on_average():
    nats = -toy_sequences.log_density(toy_sequences.draw(100_000, np.random.default_rng(1)))
    assert abs(nats.mean() - toy_sequences.ENTROPY) <= 4 * nats.std() / np.sqrt(len(nats)) < 0.03
    data = load("toy_sequences")
    assert data.entropy == toy_sequences.ENTROPY and np.isfinite(toy_sequences.log_density(data.train)).all()


def test_all_short_sequences_together_have_probability_one(monkeypatch):
    monkeypatch.setattr(toy_sequences, "LENGTH", 5)
    x = np.array(list(itertools.product([5], *[range(10)] * 4)))
    p = np.exp(toy_sequences.log_density(x))
    assert abs(p.sum() - 1) < 1e-12
    drawn = toy_sequences.draw(200_000, np.random.default_rng(0)).astype(int)
    numbers = drawn[:, 1:] @ [1000, 100, 10, 1]
    frequency = np.bincount(numbers, minlength=10_000) / len(drawn)
    assert np.all(np.abs(frequency - p) <= 5 * np.sqrt(p / len(drawn)))    # and none where p is 0
    assert 50 < np.count_nonzero(p) < 500
    assert toy_sequences.log_density(np.array([[4, 5, 5, 5, 5]]))[0] == -np.inf
