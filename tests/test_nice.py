"""NICE: coupling layers that preserve volume, a scaling, logistic noise."""
import math
import numpy as np
import pytest
import minigrad
from flows import inversion_error, log_det_error, mass, shaken, train
from minigrad import tensor
from minigrad.autograd import jacobian
from models.nice import NICE, AdditiveCoupling, Scaling


def flow(shape, seed=0, **config):
    minigrad.manual_seed(seed)
    return shaken(NICE(shape, **{"hidden": 8, "hidden_layers": 2, **config}), 0.15, seed)


@pytest.mark.parametrize("shape", [(2,), (5,), (1, 3, 2)])
def test_the_log_determinant_is_that_of_the_jacobian(shape):
    x = np.random.default_rng(1).standard_normal((3, *shape))
    assert log_det_error(flow(shape).double(), x) < 1e-6


@pytest.mark.parametrize("shape", [(2,), (5,), (3, 4, 4)])
def test_the_inverse_inverts(shape):
    x = np.random.default_rng(1).standard_normal((200, *shape)).astype(np.float32)
    assert inversion_error(flow(shape), x) < 1e-5


def test_its_layers():
    x = np.random.default_rng(0).standard_normal((3, 6))
    model = flow((6,)).double()
    for layer in model.layers:
        assert log_det_error(layer, x) < 1e-6 and inversion_error(layer, x) < 1e-12
    couplings = [layer for layer in model.layers if isinstance(layer, AdditiveCoupling)]
    assert [layer.kept.data.tolist() for layer in couplings[:2]] == [[0, 1, 0, 1, 0, 1], [1, 0, 1, 0, 1, 0]]
    assert all(layer(tensor(x))[1] == 0 for layer in couplings)


def test_each_entry_depends_on_every_other():
    """Three coupling layers are enough; that is why there are four."""
    matrix = jacobian(lambda x: flow((4,)).double()(x)[0], tensor(np.random.default_rng(0).standard_normal((1, 4))))
    assert (matrix.data != 0).all()


def test_the_noise_is_logistic():
    """p(z) = e^z / (1 + e^z)^2, of variance pi^2 / 3; finite far out."""
    model = NICE((2,), hidden=4).double()
    z = np.array([[0.0, 0.0], [2.0, -3.0], [1e4, -1e4]])
    expected = [2 * math.log(0.25), sum(t - 2 * math.log1p(math.exp(t)) for t in (2, -3)), -2e4]
    assert model.base_log_prob(tensor(z)).data == pytest.approx(np.array(expected))
    noise = model.base_sample(100000, np.random.default_rng(0))
    assert noise.var() == pytest.approx(math.pi ** 2 / 3, rel=0.02)
    assert -float(model.base_log_prob(tensor(noise)).data.mean()) == pytest.approx(4, rel=0.01)    # the entropy: 2 each


def test_the_scaling_starts_with_the_deviation_of_the_noise():
    y, log_det = Scaling(3)(tensor(np.eye(3)))
    assert np.diag(y.data) == pytest.approx(math.pi / math.sqrt(3)) and float(log_det.data) == pytest.approx(
        3 * math.log(math.pi / math.sqrt(3)))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_density_integrates_to_one(seed):
    assert mass(flow((2,), seed, depth=3).double(), -30, 30, 500) == pytest.approx(1, abs=1e-3)


def test_it_learns():
    """x_2 = x_1^2 + noise: independent logistic entries, the start, cost much more."""
    minigrad.manual_seed(0)
    x = np.random.default_rng(0).standard_normal((4000, 2)).astype(np.float32)
    x[:, 1] = 0.3 * x[:, 1] + x[:, 0] ** 2
    before, after = train(NICE((2,), hidden=32, hidden_layers=2), x, 300, 5e-3)
    entropy = math.log(2 * math.pi * math.e) + math.log(0.3)
    assert before > 2.8 and entropy < after < entropy + 0.3


def test_it_learns_dequantised_vectors():
    """Two bits that are equal: one bit in all, and two for who takes them as independent."""
    minigrad.manual_seed(0)
    x = np.repeat(np.random.default_rng(0).integers(0, 2, (4000, 1)), 2, 1).astype(np.uint8)
    before, after = train(NICE((2,), 2, hidden=32, hidden_layers=2), x, 300, 5e-3)
    assert before > 2 * math.log(2) and math.log(2) < after < 2 * math.log(2) - 0.2


def test_bad_shapes():
    with pytest.raises(ValueError, match=r"NICE: takes examples of two or more entries, not of shape \(1,\)"):
        NICE((1,))
