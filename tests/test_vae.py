"""The variational autoencoders: small ones whose likelihood can be computed by integrating over the code."""
import itertools
import math
from types import SimpleNamespace
import numpy as np
import pytest
import minigrad
from minigrad import no_grad, optim, tensor
from models import vae
from models.latent import log_normal
from models.vae import VAE, ToyVAE

GRID = np.linspace(-8, 8, 1601)            # of codes, for integrals
BITS = np.array(list(itertools.product((0, 1), repeat=4)), np.uint8)


def binary(seed=0, **config):
    """A VAE of four bits with a code of one number, far from uniform, in float64."""
    minigrad.manual_seed(seed)
    model = VAE(**{"shape": (4,), "levels": 2, "latent": 1, "hidden": [8], **config}).double()
    for parameter in model.decoder.parameters():
        parameter.data *= 5
    return model


def grey(kind=VAE, levels=5, variance=0.02, **config):
    """A VAE of two entries of a few levels, with a Gaussian decoder, in float64."""
    minigrad.manual_seed(1)
    model = kind((2,), levels, latent=1, hidden=[8], variance=variance, **config).double()
    for parameter in model.decoder.parameters():
        parameter.data *= 2
    return model


def all_grey(levels=5):
    """All examples of two entries."""
    return np.array(list(itertools.product(range(levels), repeat=2)), np.uint8)


def integral(log_p_given_z):
    """log of the integral of p(x | z) N(z; 0, 1) dz, from an array (examples, len(GRID)); by the trapezoidal rule"""
    log_terms = log_p_given_z - 0.5 * GRID ** 2 - 0.5 * math.log(2 * math.pi) + math.log(GRID[1] - GRID[0])
    most = log_terms.max(1, keepdims=True)
    return most[:, 0] + np.log(np.exp(log_terms - most).sum(1))


def integrated(model, x):
    """The log of the integral of the model's own p(x | z): what importance weighting estimates, without its noise."""
    with no_grad():
        values = model.values(np.repeat(x, len(GRID), 0))
        log_p = model.log_likelihood(values, tensor(np.tile(GRID[:, None], (len(x), 1)))).data
    return integral(log_p.reshape(len(x), len(GRID)))


def exact_bits(model, x):
    """log P(x) of bits: the Bernoulli probabilities come straight from the definition."""
    with no_grad():
        p = model.decode(tensor(GRID[:, None])).data       # (codes, entries)
    return integral(np.log(np.where(x[:, None] == 1, p, 1 - p)).sum(2))


def exact_grey(model, x):
    """log P(x) of grey levels: for each entry, the integral of the decoder's Gaussian over the level's cell."""
    with no_grad():
        mean = model.decode(tensor(GRID[:, None])).data
    steps, std = model.levels - 1, math.sqrt(model.variance)
    below = np.vectorize(lambda u: 0.5 * math.erfc(-u / math.sqrt(2)))
    cells = [below((x[:, None] + edge) / steps / std - mean / std) for edge in (-0.5, 0.5)]
    return integral(np.log(cells[1] - cells[0] + 1e-300).sum(2))


def mean_elbo(model, x, draws=3000):
    """The ELBO of each example, as the mean of many estimates."""
    return model.elbo(np.repeat(x, draws, 0), np.random.default_rng(2)).data.reshape(len(x), draws).mean(1)


def importance(model, x, samples=5000):
    """The importance-weighted bound."""
    return model.importance_log_prob(x, samples, np.random.default_rng(3)).data


def data_of(x):
    """What `begin` looks at."""
    return SimpleNamespace(train=x, batch=lambda numbers, generator: x[numbers])


def trained(model, x, steps, lr, batch_size=50):
    """The model after some steps of Adam."""
    optimizer, rng = optim.Adam(model.parameters(), lr=lr), np.random.default_rng(0)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(x[rng.integers(0, len(x), batch_size)], rng).backward()
        optimizer.step()
    return model


# ---------------------------------------------------------------------------------------------------------------------
# Bits

def test_the_bounds_of_bits_are_in_order():
    model = binary()
    exact = exact_bits(model, BITS)
    assert np.exp(exact).sum() == pytest.approx(1, abs=1e-9)
    assert integrated(model, BITS) == pytest.approx(exact, abs=1e-9)
    few = np.mean([model.importance_log_prob(BITS, 5, np.random.default_rng(s)).data for s in range(300)], 0)
    assert (mean_elbo(model, BITS) < few).all() and (few < exact).all()
    assert importance(model, BITS) == pytest.approx(exact, abs=0.05)


def test_training_closes_the_gap():
    """After training, the ELBO is nearer to the likelihood, and the likelihood is near its best, the data's entropy."""
    p = np.array([0.4, 0.4, 0.1, 0.1])
    x = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1], [1, 0, 0, 1]], np.uint8)
    data = x[np.random.default_rng(0).choice(4, 2000, p=p)]
    model = binary(hidden=[20])
    before = (p * (exact_bits(model, x) - mean_elbo(model, x))).sum()
    trained(model, data, 600, 1e-2)
    after = (p * (exact_bits(model, x) - mean_elbo(model, x))).sum()
    entropy = -(p * np.log(p)).sum()
    assert after < 0.5 * before
    assert entropy < -(p * exact_bits(model, x)).sum() < entropy + 0.35 < 2.6      # independent bits cost 2.6 nats


def test_samples_follow_the_distribution():
    """Frequencies of the sixteen examples among 8000 samples, against their probabilities: a chi-squared test."""
    model = binary()
    p = np.exp(exact_bits(model, BITS))
    x = model.sample(8000, np.random.default_rng(0))
    assert x.shape == (8000, 4) and x.dtype == np.uint8
    counts = np.bincount(x @ [8, 4, 2, 1], minlength=16)
    assert ((counts - 8000 * p) ** 2 / (8000 * p)).sum() < 37.7            # 0.1 % of 15 degrees of freedom
    assert ((counts - 500) ** 2 / 500).sum() > 37.7                        # and they are not just uniform
    assert model.means(8000, np.random.default_rng(0)).mean(0) == pytest.approx(x.mean(0), abs=0.03)


# ---------------------------------------------------------------------------------------------------------------------
# Grey levels: a Gaussian's probability of a cell

def test_the_bounds_of_grey_levels_are_in_order():
    model, x = grey(), all_grey()
    exact, bound = exact_grey(model, x), integrated(model, x)
    assert np.exp(exact).sum() < 1 + 1e-9                  # the Gaussians' tails lie outside
    assert (bound < exact).all()
    assert importance(model, x) == pytest.approx(bound, abs=0.1)
    assert (mean_elbo(model, x) < bound).all()


def test_the_bound_on_a_cell_is_close_where_the_cell_is_small():
    """Width 1/63 and standard deviation 0.14: Jensen loses next to nothing."""
    model = grey(levels=64)
    x = np.random.default_rng(0).integers(0, 64, (30, 2)).astype(np.uint8)
    loss = exact_grey(model, x) - integrated(model, x)
    assert (loss > 0).all() and (loss < 0.02).all()


class Density(VAE):
    """Planted fault: the density of the value is taken for the probability of the level."""

    def log_likelihood(self, values, z):
        width = 1 / (self.levels - 1)
        return super().log_likelihood(values, z) - math.prod(self.shape) * (
            math.log(width) - width ** 2 / (24 * self.variance))


class CellOnly(VAE):
    """Planted fault: the width of the cell is in, the spread over it is not.  No bound where cells are wide."""

    def log_likelihood(self, values, z):
        width = 1 / (self.levels - 1)
        return super().log_likelihood(values, z) + math.prod(self.shape) * width ** 2 / (24 * self.variance)


@pytest.mark.parametrize("fault, variance", [(Density, 0.02), (CellOnly, 0.004)])
def test_a_wrong_correction_is_noticed(fault, variance):
    model, x = grey(fault, variance=variance), all_grey()
    assert (integrated(model, x) > exact_grey(model, x) + 0.1).any()
    assert (integrated(grey(VAE, variance=variance), x) < exact_grey(model, x)).all()


def test_real_numbers_have_a_density():
    """... which integrates to one."""
    model = grey(levels=None, variance=0.1)
    side = np.linspace(-2, 3, 21)
    x = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    assert np.exp(integrated(model, x)).sum() * 0.25 ** 2 == pytest.approx(1, abs=2e-3)


def test_samples_of_grey_levels():
    model = grey()
    x = model.sample(5000, np.random.default_rng(0))
    assert x.dtype == np.uint8 and x.max() <= 4
    means = model.means(5000, np.random.default_rng(0))
    assert x.mean(0) / 4 == pytest.approx(means.clip(0, 1).mean(0), abs=0.05)
    assert x.std(0).min() / 4 > 0.9 * math.sqrt(0.02)      # the decoder's noise is in them


# ---------------------------------------------------------------------------------------------------------------------
# The loss

def test_beta_is_the_only_departure_from_the_elbo():
    x = all_grey()
    losses = [float(grey(beta=beta).loss(x, np.random.default_rng(0)).data) for beta in (0, 1, 4)]
    nats = [grey(beta=beta).nats(x, np.random.default_rng(0)).data for beta in (0, 1, 4)]
    assert losses[1] == pytest.approx(nats[1].mean()) and np.array_equal(nats[0], nats[2])
    assert losses[1] - losses[0] > 0 and losses[2] - losses[0] == pytest.approx(4 * (losses[1] - losses[0]))


def test_the_variance_sets_the_weight_of_the_reconstruction():
    """log N in full: squared errors over 2 sigma^2, and the logarithm of sigma, for every entry."""
    values, z = tensor(np.array([[0.25, 1.0], [0.0, 0.5]])), tensor(np.array([[0.3], [-1.0]]))
    for variance in (0.01, 1.0):
        model = grey(levels=None, variance=variance)
        squares = ((values.data - model.decode(z).data) ** 2).sum(1)
        expected = -squares / (2 * variance) - math.log(2 * math.pi * variance)        # 2 entries, half each
        assert model.log_likelihood(values, z).data == pytest.approx(expected)


@pytest.mark.parametrize("network", ["dense", "convolutional"])
@pytest.mark.parametrize("levels", [2, 256])
def test_it_learns(network, levels):
    """Images of a square in one of many places: better than what is best without a code, and the square is found."""
    rng = np.random.default_rng(0)
    x = np.zeros((400, 1, 16, 16), np.uint8)
    for image in x:
        row, column = rng.integers(0, 11, 2)
        image[0, row:row + 6, column:column + 6] = levels - 1
    minigrad.manual_seed(0)
    model = VAE((1, 16, 16), levels, latent=4, network=network, hidden=[60], channels=6, variance=0.05)
    model.begin(data_of(x))
    mean = x.mean(0) / (levels - 1)
    if levels == 2:
        p = np.clip(mean, 1e-3, 1 - 1e-3)
        trivial = -np.log(np.where(x == 1, p, 1 - p)).sum((1, 2, 3)).mean()
    else:                                                  # the decoder always says the mean image
        squares = ((x / 255 - mean) ** 2).sum((1, 2, 3)).mean()
        trivial = squares / 0.1 + 256 * (0.5 * math.log(2 * math.pi * 0.05) + math.log(255))
    trained(model, x, 200, 5e-3, 24)
    assert model.nats(x, np.random.default_rng(1)).data.mean() < trivial - 20
    assert model.reconstruct(x[:3]).shape == (3, 1, 16, 16) and model.reconstruct(x[:3]).dtype == np.uint8
    assert model.sample(2, rng).shape == model.means(2, rng).shape == (2, 1, 16, 16)
    with no_grad():
        decoded = model.decode(tensor(model.codes(x))).data
    values = x / (levels - 1)
    assert ((decoded - values) ** 2).mean() < 0.8 * ((mean - values) ** 2).mean()


@pytest.mark.parametrize("network", ["dense", "convolutional"])
@pytest.mark.parametrize("levels", [2, 256])
def test_it_begins_with_the_mean(network, levels):
    """With nothing said by the code, entries have the mean that they have in the training set, as far as the network
    can tell entries apart."""
    x = (np.random.default_rng(0).random((500, 1, 16, 16)) < np.linspace(0.1, 0.8, 16)).astype(np.uint8) * (levels - 1)
    model = VAE((1, 16, 16), levels, latent=4, network=network, hidden=[60], channels=8)
    model.begin(data_of(x))
    model.decoder[-1].weight.data[...] = 0
    mean = x.mean(0) / (levels - 1)
    expected = mean if network == "dense" else np.full_like(mean, mean.mean())
    assert model.means(1, np.random.default_rng(0))[0] == pytest.approx(expected, abs=1e-5)


def test_the_network_of_the_published_figure():
    model = VAE((1, 28, 28), 2)
    sizes = [layer.weight.shape for layer in (*model.encoder, *model.decoder) if hasattr(layer, "weight")]
    assert sizes == [(200, 784), (200, 200), (100, 200), (200, 50), (200, 200), (784, 200)]
    deeper = VAE((10,), 2, hidden=[8, 6], latent=3)
    assert deeper.decoder[2].weight.shape == (8, 6)        # the sizes are turned round


def test_config_builds_the_same_model():
    model = binary()
    again = VAE.from_config(model.config).double()
    again.load_state_dict(model.state_dict())
    a, b = (each.elbo(BITS, np.random.default_rng(0)).data for each in (model, again))
    assert np.array_equal(a, b)


@pytest.mark.parametrize("config, message", [
    ({"network": "deep"}, 'network must be "dense" or "convolutional", not \'deep\''),
    ({"variance": 0}, "needs variance > 0 and beta >= 0, not 0 and 1"),
    ({"beta": -1}, "needs variance > 0 and beta >= 0, not 0.01 and -1"),
    ({"network": "convolutional", "shape": (1, 30, 28)}, r"multiples of 4, 16 at least; not \(1, 30, 28\)"),
    ({"latent": 0}, "latent must be 1 or more, not 0"),
    ({"variance": math.nan}, "needs variance > 0"),
    ({"hidden": 200}, "hidden must be a list of sizes, not 200"),
])
def test_bad_settings(config, message):
    with pytest.raises(ValueError, match=f"VAE: .*{message}"):
        VAE(**{"shape": (1, 28, 28), "levels": 2, **config})


def test_bad_input():
    with pytest.raises(ValueError, match="VAE: takes values from 0 to 1, and these go from 0 to 255"):
        binary().elbo(np.array([[0, 255, 1, 1]], np.uint8), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"VAE: was built for examples of shape \(4,\), and gets \(5,\)"):
        binary().importance_log_prob(np.zeros((1, 5), np.uint8), 3, np.random.default_rng(0))


# ---------------------------------------------------------------------------------------------------------------------
# The toy

def crescent(n, seed=0):
    """Points along half a circle, with noise; of another scale, and away from zero."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, math.pi, n)
    points = np.stack([np.cos(angle), np.sin(angle)], 1) + 0.1 * rng.standard_normal((n, 2))
    return (points * [20, 3] + [100, -5]).astype(np.float32)


def toy(points=None, **config):
    """A toy VAE that has seen the points."""
    minigrad.manual_seed(0)
    model = ToyVAE(**{"shape": (2,), "latent": 1, "hidden": 40, **config})
    points = crescent(1000) if points is None else points
    model.begin(data_of(points))
    return model


def exact_points(model, x):
    """log p(x) of points, from the definition: in the units they were given in."""
    with no_grad():
        mean, logvar = (t.data for t in model.decoder(tensor(GRID[:, None])).chunk(2, 1))
    mean, variance = mean * model.scale.std.data + model.scale.mean.data, np.exp(logvar) * model.scale.std.data ** 2
    return integral(-0.5 * ((x[:, None] - mean) ** 2 / variance + np.log(2 * math.pi * variance)).sum(2))


def test_the_toys_density():
    model = trained(toy(), crescent(1000), 100, 1e-2).double()
    x = crescent(40, seed=1).astype(float)
    assert integrated(model, x) == pytest.approx(exact_points(model, x), abs=1e-6)
    assert importance(model, x, 2000) == pytest.approx(exact_points(model, x), abs=0.15)
    assert mean_elbo(model, x, 300).mean() < importance(model, x, 2000).mean()
    everywhere = np.stack(np.meshgrid(np.linspace(20, 180, 41), np.linspace(-18, 12, 41)), -1).reshape(-1, 2)
    assert np.exp(exact_points(model, everywhere)).sum() * 4 * 0.75 == pytest.approx(1, abs=0.01)


def without_log_sigma(x, mean, logvar):
    return log_normal(x, mean, logvar) + 0.5 * logvar.sum(1)


def with_one_log_two_pi(x, mean, logvar):
    return log_normal(x, mean, logvar) + (x.shape[1] - 1) * 0.5 * math.log(2 * math.pi)


def test_planted_faults_of_the_toys_density_are_noticed(monkeypatch):
    model = trained(toy(), crescent(1000), 50, 1e-2).double()
    x = crescent(20, seed=1).astype(float)
    for fault in (without_log_sigma, with_one_log_two_pi):
        monkeypatch.setattr(vae, "log_normal", fault)
        assert np.abs(integrated(model, x) - exact_points(model, x)).max() > 0.1
    monkeypatch.setattr(vae, "log_normal", log_normal)
    right = model.log_likelihood
    model.log_likelihood = lambda values, z: right(values, z) + model.scale.std.log().sum()    # forgets the units
    assert np.abs(integrated(model, x) - exact_points(model, x)).min() > 1


def test_the_toy_learns():
    """Better than the best single Gaussian, which knows nothing of the bend."""
    x, unseen = crescent(2000), crescent(1000, seed=1)
    covariance = np.cov(unseen.T)
    gaussian = 0.5 * np.linalg.slogdet(2 * math.pi * math.e * covariance)[1]
    model = trained(toy(x, latent=2), x, 600, 1e-2)
    assert -importance(model, unseen[:200], 200).mean() < gaussian - 0.3
    assert model.nats(unseen, np.random.default_rng(0)).data.mean() < gaussian - 0.2
    samples = model.sample(4000, np.random.default_rng(0))
    assert samples.shape == (4000, 2) and samples.dtype == np.float32
    assert samples.mean(0) == pytest.approx(x.mean(0), abs=2) and samples.std(0) == pytest.approx(x.std(0), rel=0.15)
    away = np.abs(model.reconstruct(unseen) - unseen) / x.std(0)
    assert away.mean() < 0.35


@pytest.mark.parametrize("config", [{"shape": (2, 2)}, {"levels": 2}])
def test_the_toy_takes_points_only(config):
    with pytest.raises(ValueError, match=r"ToyVAE: takes vectors \(D,\) of real numbers, levels=None; not"):
        ToyVAE(**{"shape": (2,), **config})


def test_points_must_be_finite_numbers():
    with pytest.raises(ValueError, match="ToyVAE: takes finite numbers"):
        toy().elbo(np.array([[1.0, np.nan]]), np.random.default_rng(0))
    with pytest.raises(TypeError, match="ToyVAE: takes real numbers"):
        toy().elbo(np.zeros((1, 2), int), np.random.default_rng(0))
