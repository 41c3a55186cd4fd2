"""Planar flows: invertible by construction, as densities of data and as approximations of an energy."""
import math
import numpy as np
import pytest
import minigrad
from flows import inversion_error, log_det_error, mass, shaken, train
from minigrad import no_grad, tensor
from minigrad.optim import Adam
from models.data import load
from models.planar import BOXES, Planar, PlanarLayers, energy, free_energy, log_normaliser, root


def flow(size=2, depth=5, seed=0, shake=0.5):
    minigrad.manual_seed(seed)
    return shaken(Planar((size,), depth=depth), shake, seed)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_log_determinant_is_that_of_the_jacobian(size):
    x = np.random.default_rng(1).standard_normal((4, size))
    assert log_det_error(flow(size).double(), x) < 1e-6


@pytest.mark.parametrize("size, shake", [(2, 0.3), (2, 3.0), (5, 1.0)])
def test_the_inverse_inverts(size, shake):
    x = 3 * np.random.default_rng(1).standard_normal((300, size))
    assert inversion_error(flow(size, shake=shake).double(), x) < 1e-9
    x = np.random.default_rng(1).standard_normal((300, size)).astype(np.float32)
    assert inversion_error(flow(size, shake=0.3), x) < 1e-5


def test_u_is_on_the_invertible_side_whatever_the_parameters():
    """1 + u.w > 0.  With the norm in place of its square, which other code has, it would not be."""
    layers = shaken(PlanarLayers(3, 200), 3.0).double()
    u, stretch = (part.data for part in layers.directions())
    products = (u * layers.w.data).sum(1)
    assert stretch.min() > 0 and products == pytest.approx(stretch - 1)
    v, w = layers.v.data, layers.w.data
    norm = np.sqrt((w * w).sum(1, keepdims=True))
    wrong = v + (stretch - 1 - (w * v).sum(1))[:, None] * w / norm
    assert ((wrong * w).sum(1) < -1).any()


def test_root():
    for m in (-0.999, -0.3, 0, 5, 1e4):
        c = np.linspace(-20, 20, 9)
        p = root(c, m, 0.7)
        assert p + m * np.tanh(p + 0.7) == pytest.approx(c, abs=1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_density_integrates_to_one(seed):
    assert mass(flow(seed=seed).double(), -30, 30, 1000) == pytest.approx(1, abs=2e-3)


def test_a_lost_inverse_is_an_error():
    for name, value, message in (("w", 0.0, r"layer 2 has no inverse: \|w\|\^2 is 0.0"),
                                 ("v", None, r"layer 2 has no inverse: .* 1 \+ u.w is 0.0")):
        model = flow()
        layers = model.layers[1]
        getattr(layers, name).data[2] = -1e4 * layers.w.data[2] if value is None else value
        for use in (lambda: model.log_prob(np.zeros((1, 2), np.float32)),
                    lambda: model.sample(1, np.random.default_rng(0))):
            with pytest.raises(ValueError, match=message):
                use()


def test_far_away_points_give_finite_numbers():
    assert np.isfinite(flow(shake=2.0).log_prob(np.array([[1e8, -1e8], [0, 1e15]], np.float32)).data).all()


def test_it_learns_two_moons():
    minigrad.manual_seed(0)
    data, model = load("two_moons"), Planar((2,), depth=8)
    before, after = train(model, data.train, 300, 2e-2)
    assert before > 1.8 and data.entropy - 0.05 < after < 1.6
    x = model.sample(4000, np.random.default_rng(0))
    assert np.abs(x.mean(0) - data.train.mean(0)).max() < 0.15


# ---------------------------------------------------------------------------------------------------------------------
# Energies

@pytest.mark.parametrize("name, expected", [("U1", 1.8775), ("U2", 2.0826), ("U3", 2.6422), ("U4", 2.6852)])
def test_the_energies_have_the_known_normalisers(name, expected):
    """Inside the box, as computed independently; the wall's outer side adds a few hundredths."""
    half, n = BOXES[name], 800
    line = half * (2 * (np.arange(n) + 0.5) / n - 1)
    points = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    inside = math.log(np.exp(-energy(name, tensor(points)).data).sum() * (2 * half / n) ** 2)
    assert inside == pytest.approx(expected, abs=1e-3)
    assert inside - 1e-6 < log_normaliser(name, 0.03) < inside + 0.05


def test_unknown_energies_are_refused():
    with pytest.raises(ValueError, match="there are U1, U2, U3, U4, not 'U5'"):
        energy("U5", tensor(np.zeros((1, 2))))


def test_it_fits_an_energy():
    """KL(q || p) = E[log q + U] + log Z, exactly: never below 0, and far below that of the standard normal."""
    minigrad.manual_seed(0)
    model, rng = Planar((2,), depth=8), np.random.default_rng(0)
    optimizer, log_z = Adam(model.parameters(), lr=2e-2), log_normaliser("U2", 0.03)

    def divergence(model):
        noise = np.random.default_rng(1).standard_normal((4000, 2)).astype(np.float32)
        with no_grad():
            return float(free_energy(model, "U2", tensor(noise)).data.mean()) + log_z

    before = divergence(model)
    for _ in range(300):
        noise = tensor(rng.standard_normal((200, 2)).astype(np.float32))
        optimizer.zero_grad()
        free_energy(model, "U2", noise).mean().backward()
        optimizer.step()
    assert before > 1.5 and 0 < divergence(model) < before - 1
