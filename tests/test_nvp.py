"""NVP: coupling layers on vectors."""
import math
import numpy as np
import pytest
import minigrad
from flows import by_autograd, inversion_error, log_det_error, mass, shaken, train
from minigrad import no_grad, tensor
from models.data import load
from models.nvp import NVP, Coupling, perceptron
from layers import Tanh


def flow(size=2, seed=0, shake=0.4, **config):
    minigrad.manual_seed(seed)
    return shaken(NVP((size,), **{"depth": 4, "hidden": 8, **config}), shake, seed)


@pytest.mark.parametrize("size, layers, activation", [(2, 1, "tanh"), (3, 2, "tanh"), (6, 1, "tanh"), (2, 2, "relu")])
def test_the_log_determinant_is_that_of_the_jacobian(size, layers, activation):
    x = np.random.default_rng(1).standard_normal((3, size))
    assert log_det_error(flow(size, hidden_layers=layers, activation=activation).double(), x) < 1e-6


@pytest.mark.parametrize("size", [2, 5])
def test_the_inverse_inverts(size):
    x = np.random.default_rng(1).standard_normal((500, size)).astype(np.float32)
    model = flow(size, shake=0.25)
    assert inversion_error(model, x) < 1e-5
    with no_grad():
        z, _ = model(tensor(x))
    assert np.abs(z.data - x).max() > 0.5                  # and it is not the identity


def test_the_jacobian_has_the_blocks_of_the_lecture():
    """Identity and zeros for what is kept; a full block and a diagonal exp(s) for what moves."""
    minigrad.manual_seed(0)
    mask = np.repeat([1, 0], 3)
    layer = shaken(Coupling(mask, perceptron(Tanh, 6, 6, 12), 2.0)).double()
    x = np.random.default_rng(0).standard_normal(6)
    matrix = by_autograd(layer, x)
    assert np.array_equal(matrix[:3], np.eye(6)[:3]) and (matrix[3:, :3] != 0).all()
    s, _ = layer.scale_and_shift(tensor(x[None]))
    assert np.array_equal(s.data[0, :3], np.zeros(3))
    np.testing.assert_allclose(matrix[3:, 3:], np.diag(np.exp(s.data[0, 3:])), rtol=1e-12)
    assert log_det_error(layer, x[None]) < 1e-6


def test_the_masks_keep_halves_and_alternate():
    for size in (2, 3, 6):
        masks = [layer.kept.data for layer in flow(size, depth=8).layers if isinstance(layer, Coupling)]
        for i, (before, after) in enumerate(zip(masks, masks[1:])):
            assert not np.array_equal(before, after)
            assert i % 2 or np.array_equal(before + after, np.ones(size))
    assert [mask.tolist() for mask in masks[::2]] != [masks[0].tolist()] * 4       # random halves


@pytest.mark.parametrize("seed", [0, 1])
def test_the_density_integrates_to_one(seed):
    assert mass(flow(seed=seed, bound=0.5).double(), -20, 20, 500) == pytest.approx(1, abs=1e-3)


def test_log_prob_of_the_identity_is_the_normal_density():
    x = np.array([[0, 0], [1, 2]], np.float32)
    assert NVP((2,)).log_prob(x).data == pytest.approx([-math.log(2 * math.pi), -math.log(2 * math.pi) - 2.5])


def test_far_away_points_give_finite_numbers():
    x = np.array([[1e8, -1e8], [1e8, 0], [-1e8, 1e-8]], np.float32)
    assert np.isfinite(flow(depth=8).log_prob(x).data).all()


def test_samples_follow_the_density():
    """The mean of -log p over samples is the entropy that a grid gives."""
    model = flow(seed=3, bound=0.5).double()
    x = model.sample(20000, np.random.default_rng(0))
    line = -20 + 40 * (np.arange(400) + 0.5) / 400
    points = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    with no_grad():
        log_p = model.log_prob(points).data
        costs = model.nats(x, None).data
    entropy = -(np.exp(log_p) * log_p).sum() * (40 / 400) ** 2
    assert costs.mean() == pytest.approx(entropy, abs=4 * costs.std() / math.sqrt(20000) + 0.01)


def test_it_learns_two_moons():
    """The entropy is 1.008 nats; a Gaussian, which is what the untrained flow is, costs over 1.8."""
    minigrad.manual_seed(0)
    data, model = load("two_moons"), NVP((2,), depth=4, hidden=32)
    before, after = train(model, data.train, 400, 5e-3)
    assert before > 1.8 and data.entropy - 0.05 < after < 1.55
    assert inversion_error(model, data.test) < 1e-5
    assert mass(model.double(), -8, 8, 500) == pytest.approx(1, abs=0.01)


def test_bad_shapes_and_masks():
    for shape in ((1,), (1, 4, 4)):
        with pytest.raises(ValueError, match="NVP: takes vectors of two or more entries"):
            NVP(shape)
    with pytest.raises(ValueError, match="activation must be tanh or relu, not 'gelu'"):
        NVP((2,), activation="gelu")
    for mask in ([1, 1], [0, 0], [0.5, 1]):
        with pytest.raises(ValueError, match="mask must hold zeros and ones, both"):
            Coupling(mask, None, 2.0)


@pytest.mark.parametrize("config, message", [({"depth": 0}, "depth must be 1 or more, not 0"),
                                             ({"hidden_layers": -1}, "hidden_layers must be 0 or more, not -1"),
                                             ({"bound": math.nan}, "bound must be a number from 0 on, not nan")])
def test_what_it_is_not_built_for(config, message):
    with pytest.raises(ValueError, match=message):
        NVP((2,), **config)
