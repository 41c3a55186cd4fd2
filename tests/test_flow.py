"""Flows: the change of variables, the layers that all share, and what dequantisation costs."""
import math
import numpy as np
import pytest
import minigrad
from flows import Data, inversion_error, log_det_error, mass, shaken
from layers import ModuleList, Parameter
from minigrad import no_grad, ones, tensor
from models.flow import Flow, Logit, Reshape, StandardiseLayer
from models.likelihood import bits_per_dim
from models.nice import NICE
from models.nvp import NVP, Coupling
from models.realnvp import RealNVP


class Cells(Flow):
    """The density 1 + depth sin(2 pi levels y) of the unit cube's first entry: each cell has the same probability."""

    def __init__(self, shape, levels, depth=0.0):
        super().__init__(shape=shape, levels=levels, depth=depth)
        self.layers, self.depth, self.unused = ModuleList(), depth, Parameter(ones(1))

    def base_log_prob(self, z):
        assert z.data.min() >= 0 and z.data.max() <= 1
        return minigrad.log(1 + self.depth * minigrad.sin(2 * math.pi * self.levels * z.flatten(1)[:, 0]))


class HalfNoise(Cells):
    """Plants a fault that was seen in the wild: noise from [0, 0.5)."""

    def real(self, x, generator):
        return tensor(((x + 0.5 * generator.random(x.shape)) / self.levels).astype(np.float32))


class Uncorrected(Cells):
    """Plants the other one: the density of the dequantised image in place of a probability."""

    def nats(self, x, generator):
        return -self.log_density(self.real(x, generator))


def random_images(shape, levels, n=50, seed=0):
    return np.random.default_rng(seed).integers(0, levels, (n, *shape)).astype(np.uint8)


def probability_of_levels(kind):
    """An estimate of the probabilities of the four levels, E exp(-nats): their sum must be 1."""
    model, draws = kind((1,), 4, depth=0.9), 20000
    x = np.repeat(np.arange(4, dtype=np.uint8), draws)[:, None]
    return np.exp(-model.nats(x, np.random.default_rng(0)).data.reshape(4, draws)).mean(1)


# ---------------------------------------------------------------------------------------------------------------------
# Integers

def test_the_uniform_density_costs_eight_bits_a_dimension():
    x = random_images((1, 4, 4), 256)
    nats = Cells((1, 4, 4), 256).nats(x, np.random.default_rng(0)).data
    assert bits_per_dim(nats, (1, 4, 4)) == pytest.approx(8, rel=1e-6)
    wrong = Uncorrected((1, 4, 4), 256).nats(x, np.random.default_rng(0)).data
    assert abs(bits_per_dim(wrong, (1, 4, 4)) - 8).min() > 1


def test_dequantised_probabilities_sum_to_one():
    assert probability_of_levels(Cells) == pytest.approx(np.full(4, 0.25), rel=0.03)
    assert probability_of_levels(HalfNoise).sum() > 1.5                # a "probability" above 1: no bound at all


def test_the_cost_is_a_bound():
    """A level costs log 4.  What is reported lies above that by Jensen's gap; with the wrong noise it does not."""
    x = np.zeros((20000, 1), np.uint8)
    assert Cells((1,), 4, depth=0.9).nats(x, np.random.default_rng(0)).data.mean() > math.log(4) + 0.1
    assert HalfNoise((1,), 4, depth=0.9).nats(x, np.random.default_rng(0)).data.mean() < math.log(4) - 0.1


def test_the_noise_fills_the_cell_and_depends_on_the_generator_only():
    model, x = Cells((1,), 256), np.full((4000, 1), 255, np.uint8)
    u = model.real(x, np.random.default_rng(0)).data * 256 - 255
    assert 0 <= u.min() < 0.01 and 0.99 < u.max() <= 1 and abs(u.mean() - 0.5) < 0.02
    nats = [NVP((2,), 4).nats(np.ones((3, 2), np.uint8), np.random.default_rng(seed)).data for seed in (0, 0, 1)]
    assert np.array_equal(nats[0], nats[1]) and not np.array_equal(nats[0], nats[2])


def test_a_flow_of_integers_is_the_integral_over_the_cell():
    """Over many draws of u, exp(-nats) is the density's integral over the cell, for a flow that is far from flat."""
    minigrad.manual_seed(1)
    model = shaken(NVP((2,), 3, depth=3, hidden=8), 1.0).double()
    x = np.repeat(np.array([[0, 0], [2, 1]], np.uint8), 40000, 0)
    with no_grad():
        found = np.exp(-model.nats(x, np.random.default_rng(0)).data).reshape(2, -1).mean(1)
    line = (np.arange(200) + 0.5) / 600
    for corner, estimate in zip(((0, 0), (2, 1)), found):
        points = np.stack(np.meshgrid(corner[0] / 3 + line, corner[1] / 3 + line), -1).reshape(-1, 2)
        with no_grad():
            assert estimate == pytest.approx(np.exp(model.log_density(tensor(points)).data).sum() / 600 ** 2, rel=0.02)


def test_integers_have_no_exact_probability():
    model = NICE((2, 2), 4, hidden=4)
    assert not model.exact and NICE((4,), hidden=4).exact
    with pytest.raises(NotImplementedError, match=r"NICE: .* no exact probability for integers; nats\(x, generator\)"):
        model.log_prob(random_images((2, 2), 4))


def test_samples_of_integers_are_levels():
    minigrad.manual_seed(0)
    x = shaken(NICE((3,), 4, hidden=4)).sample(500, np.random.default_rng(0))
    assert x.shape == (500, 3) and x.dtype == np.uint8 and set(np.unique(x)) == {0, 1, 2, 3}


# ---------------------------------------------------------------------------------------------------------------------
# Real numbers

class MissingFactor(NVP):
    """Plants the fault of an autoencoder listing: log 2 pi once instead of D times."""

    def base_log_prob(self, z):
        return -0.5 * ((z * z).sum(1) + math.log(2 * math.pi))


class WrongSign(Coupling):
    """Plants the fault of a recap slide: the log-determinant subtracted."""

    def forward(self, x):
        y, log_det = super().forward(x)
        return y, -log_det


def wrong_sign(model):
    for layer in model.layers:
        if isinstance(layer, Coupling):
            layer.__class__ = WrongSign
    return model


def small(kind=NVP):
    minigrad.manual_seed(0)
    return shaken(kind((2,), depth=4, hidden=6, bound=0.5), 0.5).double()


def test_densities_integrate_to_one():
    assert mass(small(), -20, 20, 500) == pytest.approx(1, abs=1e-4)
    assert mass(small(MissingFactor), -20, 20, 500) == pytest.approx(math.sqrt(2 * math.pi), rel=1e-3)
    assert abs(mass(wrong_sign(small()), -20, 20, 500) - 1) > 0.05


def test_a_wrong_sign_passes_the_inversion_and_fails_the_jacobian():
    model, x = wrong_sign(small()), np.random.default_rng(0).standard_normal((4, 2))
    assert inversion_error(model, x) < 1e-12 and log_det_error(model, x) > 0.1
    assert log_det_error(small(), x) < 1e-6


def test_standardise():
    x = 3 + np.random.default_rng(0).standard_normal((500, 2, 4, 3)) * np.array([1.0, 5.0])[:, None, None]
    for shape in ((2, 4, 3), (2, 1, 1)):
        layer = StandardiseLayer(shape).double()
        layer.fit(x)
        assert len(np.unique(layer.std.data)) == math.prod(shape)
        y = layer(tensor(x))[0].data
        assert abs(y.mean((0, 2, 3))).max() < 1e-6 and abs(y.std((0, 2, 3)) - 1).max() < 1e-2
        assert log_det_error(layer, x[:2]) < 1e-6 and inversion_error(layer, x) < 1e-12


def test_begin_standardises_what_reaches_the_layer():
    x = random_images((1, 8, 8), 16, 400)
    model = RealNVP((1, 8, 8), 16, scales=2, channels=2)
    model.begin(Data(x))
    with no_grad():
        y = model(model.real(x, np.random.default_rng(3)))[0].data     # the couplings start as the identity
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02


def test_a_constant_entry_has_no_density():
    x = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)
    x[:, 1] = 2
    with pytest.raises(ValueError, match=r"entry \[1\] is the same number in all examples"):
        NVP((3,)).begin(Data(x))


def test_logit():
    layer, x = Logit(0.05).double(), np.random.default_rng(0).random((3, 5))
    assert log_det_error(layer, x) < 1e-6 and inversion_error(layer, x) < 1e-12
    assert np.isfinite(layer(tensor([[0.0, 1.0]]))[0].data).all()
    with pytest.raises(ValueError, match="takes numbers from 0 to 1, and these go from 0.5 to 2.0"):
        layer(tensor([[0.5, 2.0]]))
    with pytest.raises(ValueError, match="margin must lie between 0 and 0.5, not 0"):
        Logit(0)


def test_reshape():
    layer, x = Reshape((2, 3), (6,)), np.random.default_rng(0).standard_normal((4, 2, 3))
    assert layer(tensor(x))[0].shape == (4, 6) and log_det_error(layer, x) < 1e-6 and inversion_error(layer, x) == 0


@pytest.mark.parametrize("x, kind, message", [
    (np.zeros((1, 3)), ValueError, r"shape \(2,\), and gets \(3,\)"),
    (np.zeros((1, 2), np.uint8), TypeError, "NVP: takes real numbers"),
    (np.array([[0, np.nan]]), ValueError, "NVP: takes finite numbers"),
])
def test_bad_input(x, kind, message):
    with pytest.raises(kind, match=message):
        NVP((2,)).log_prob(x)


def test_bad_integers():
    with pytest.raises(ValueError, match="from 0 to 3, and these go from 9 to 9"):
        NVP((2,), 4).nats(np.full((1, 2), 9, np.uint8), np.random.default_rng(0))
    with pytest.raises(NotImplementedError, match="NVP can't complete"):
        NVP((2,), 4).inpaint(np.zeros((1, 2), np.uint8), np.zeros(2, bool), np.random.default_rng(0))


@pytest.mark.parametrize("model", [NVP((2,), depth=3, hidden=5), NICE((1, 2, 2), 4, hidden=8),
                                   RealNVP((1, 4, 4), 16, scales=2, channels=3)])
def test_config_builds_the_same_model(model):
    shaken(model)
    again = type(model).from_config(model.config)
    again.load_state_dict(model.state_dict())
    draw = lambda m: m.sample(3, np.random.default_rng(0))
    assert again.config == model.config and np.array_equal(draw(again), draw(model))
