"""The bounds of latent-variable models, on a linear one whose exact likelihood is known."""
import math
from types import SimpleNamespace
import numpy as np
import pytest
import minigrad
from layers import Parameter
from minigrad import distributions, gradcheck, tensor
from models import latent
from models.latent import Latent, kl_to_standard_normal, log_normal

NOISE = 0.5            # the standard deviation of the linear model's observations


class LinearVAE(Latent):
    """x = W z + b + noise, so that x ~ N(b, W W' + NOISE^2 I).  W's columns are orthogonal, which makes the posterior a
    Gaussian with diagonal covariance; the encoder gives exactly that one, moved by `offset` and widened by `stretch`.
    """

    def __init__(self, offset=0.0, stretch=1.0):
        super().__init__(shape=(4,), levels=None, latent=2)
        directions, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((4, 2)))
        self.W, self.b = Parameter(directions * [1.5, 0.7]), Parameter(np.array([0.3, -1.0, 0.5, 2.0]))
        self.offset, self.stretch = offset, stretch

    def encode(self, values):
        variance = 1 / (1 + (self.W ** 2).sum(0) / NOISE ** 2)
        mean = variance * ((values - self.b) @ self.W) / NOISE ** 2
        return mean + self.offset, (variance * self.stretch).log() + 0 * mean

    def decode(self, z):
        return z @ self.W.T + self.b

    def log_likelihood(self, values, z):
        return latent.log_normal(values, self.decode(z), tensor(np.full(4, 2 * math.log(NOISE))))

    def draw(self, z, generator):
        return self.decode(z).data + NOISE * generator.standard_normal((len(z), 4))

    def exact(self, x):
        """log p(x), from the covariance."""
        W, b = self.W.data, self.b.data
        covariance = W @ W.T + NOISE ** 2 * np.eye(4)
        squares = ((x - b) @ np.linalg.inv(covariance) * (x - b)).sum(1)
        return -0.5 * (squares + np.linalg.slogdet(covariance)[1] + 4 * math.log(2 * math.pi))

    def gap(self):
        """KL(q(z | x) || p(z | x)), how far the ELBO is below log p(x): the same for all x."""
        variance = 1 / (1 + (self.W.data ** 2).sum(0) / NOISE ** 2)
        return 0.5 * (self.stretch - 1 - math.log(self.stretch) + self.offset ** 2 / variance).sum()


def points(n=5):
    """A few examples, none of them typical."""
    return np.random.default_rng(1).standard_normal((n, 4)) * 2


def mean_elbo(model, x, draws=4000):
    """The ELBO, as the mean of many estimates."""
    return model.elbo(np.repeat(x, draws, 0), np.random.default_rng(2)).data.reshape(len(x), draws).mean(1)


def elbo_error(model):
    """How far the ELBO is from log p(x) - KL(q || posterior), what it should be."""
    return np.abs(mean_elbo(model, points()) - (model.exact(points()) - model.gap())).max()


def importance_error(model, samples):
    """How far the importance-weighted estimate is from log p(x)."""
    return np.abs(model.importance_log_prob(points(), samples, np.random.default_rng(3)).data
                  - model.exact(points())).max()


# ---------------------------------------------------------------------------------------------------------------------
# The linear model

@pytest.mark.parametrize("samples", [1, 7])
def test_with_the_exact_posterior_the_importance_weighted_bound_is_the_likelihood(samples):
    assert importance_error(LinearVAE(), samples) < 1e-9


def test_with_the_exact_posterior_the_elbo_is_the_likelihood():
    assert elbo_error(LinearVAE()) < 0.05


def test_the_elbo_lacks_the_divergence_from_the_posterior():
    model = LinearVAE(offset=0.3, stretch=1.5)
    assert model.gap() > 0.4
    assert elbo_error(model) < 0.1


def test_the_bounds_are_in_order_and_close_in():
    model, x = LinearVAE(offset=0.3, stretch=1.5), points()
    few = np.mean([model.importance_log_prob(x, 5, np.random.default_rng(s)).data for s in range(400)], 0)
    exact = model.exact(x)
    assert (mean_elbo(model, x) + 0.1 < few).all() and (few + 0.02 < exact).all()
    assert importance_error(model, 5000) < 0.05


def test_the_loss_of_a_training_step_is_the_mean_of_the_bound():
    model, x = LinearVAE(offset=0.3), points()
    nats = model.nats(x, np.random.default_rng(0)).data
    assert nats == pytest.approx(-model.elbo(x, np.random.default_rng(0)).data)
    assert float(model.loss(x, np.random.default_rng(0)).data) == pytest.approx(nats.mean())
    assert not Latent.exact


def test_memory_is_bounded_and_the_chunks_do_not_show(monkeypatch):
    model, x, seen = LinearVAE(offset=0.3), points(), []
    plain = model.log_likelihood
    model.log_likelihood = lambda values, z: seen.append(len(z)) or plain(values, z)
    whole = model.importance_log_prob(x, 101, np.random.default_rng(0)).data
    assert seen == [505]
    seen.clear()
    monkeypatch.setattr(latent, "ROWS", 52)
    parts = model.importance_log_prob(x, 101, np.random.default_rng(0)).data
    assert seen == [50] * 10 + [5] and parts == pytest.approx(whole, abs=1e-12)
    monkeypatch.setattr(latent, "ROWS", 2)                 # fewer than examples: a code each at a time
    assert model.importance_log_prob(x, 101, np.random.default_rng(0)).data == pytest.approx(whole, abs=1e-12)


@pytest.mark.parametrize("distance", [1e3, 1e5])
def test_what_is_very_unlikely_does_not_underflow(distance):
    model = LinearVAE()
    x = np.full((1, 4), distance)
    assert model.importance_log_prob(x, 20, np.random.default_rng(0)).data == pytest.approx(model.exact(x), rel=1e-6)
    model.float()
    estimate = model.importance_log_prob(x.astype(np.float32), 20, np.random.default_rng(0)).data
    assert estimate == pytest.approx(model.exact(x), rel=1e-3)             # exp(-10^6) would be zero


def test_at_least_one_sample():
    with pytest.raises(ValueError, match="LinearVAE: importance sampling needs at least one sample, not 0"):
        LinearVAE().importance_log_prob(points(), 0, np.random.default_rng(0))


def test_samples_have_the_marginals_moments():
    model = LinearVAE()
    x = model.sample(40_000, np.random.default_rng(0))
    W = model.W.data
    assert x.mean(0) == pytest.approx(model.b.data, abs=0.05)
    assert np.cov(x.T) == pytest.approx(W @ W.T + NOISE ** 2 * np.eye(4), abs=0.06)
    means = model.means(40_000, np.random.default_rng(0))
    assert np.cov(means.T) == pytest.approx(W @ W.T, abs=0.06)             # without the noise


def test_reconstruction_and_interpolation_go_through_the_mean_code():
    model, x = LinearVAE(), points()
    z = model.codes(x)
    assert model.reconstruct(x) == pytest.approx(z @ model.W.data.T + model.b.data)
    line = model.interpolate(x[:2], x[2:4], 5)
    assert line.shape == (2, 5, 4)
    assert line[:, 0] == pytest.approx(model.reconstruct(x[:2]))
    assert line[:, 4] == pytest.approx(model.reconstruct(x[2:4]))
    assert line[:, 1] == pytest.approx(model.decoded(0.75 * z[:2] + 0.25 * z[2:4]))


# ---------------------------------------------------------------------------------------------------------------------
# Planted faults

def kl_of_the_wrong_sign(mean, logvar):
    return -kl_to_standard_normal(mean, logvar)


def kl_without_log_sigma(mean, logvar):
    return kl_to_standard_normal(mean, logvar) + 0.5 * logvar.sum(1)


def log_normal_without_log_sigma(x, mean, logvar):
    return log_normal(x, mean, logvar) + 0.5 * (logvar + 0 * x).sum(1)


def log_normal_with_one_log_two_pi(x, mean, logvar):
    return log_normal(x, mean, logvar) + (x.shape[1] - 1) * 0.5 * math.log(2 * math.pi)


@pytest.mark.parametrize("fault", [kl_of_the_wrong_sign, kl_without_log_sigma])
def test_the_elbo_of_a_wrong_divergence_is_noticed(fault, monkeypatch):
    monkeypatch.setattr(latent, "kl_to_standard_normal", fault)
    assert elbo_error(LinearVAE()) > 0.3


@pytest.mark.parametrize("fault", [log_normal_without_log_sigma, log_normal_with_one_log_two_pi])
def test_a_wrong_density_is_noticed(fault, monkeypatch):
    monkeypatch.setattr(latent, "log_normal", fault)
    assert elbo_error(LinearVAE()) > 0.3 and importance_error(LinearVAE(), 7) > 0.3


def test_a_sum_of_weights_in_place_of_their_mean_is_noticed(monkeypatch):
    log = lambda x: math.log(x) if x == 2 * math.pi else 0                 # no other logarithm is taken: that of K
    monkeypatch.setattr(latent, "math", SimpleNamespace(log=log, pi=math.pi))
    assert importance_error(LinearVAE(), 1) < 1e-9 < 1 < importance_error(LinearVAE(), 7)


def test_a_variance_in_place_of_the_standard_deviation_is_noticed():
    class Wrong(LinearVAE):
        def terms(self, x, generator):
            mean, logvar = self.encode(self.values(x))
            z = mean + logvar.exp() * minigrad.randn_like(mean, generator=generator)
            return self.log_likelihood(self.values(x), z), kl_to_standard_normal(mean, logvar)
    assert elbo_error(Wrong()) > 0.3


# ---------------------------------------------------------------------------------------------------------------------
# The two formulas

def test_the_divergence_equals_its_monte_carlo_estimate():
    rng = np.random.default_rng(0)
    mean, logvar = rng.standard_normal((3, 2)), rng.standard_normal((3, 2))
    std = np.exp(logvar / 2)
    eps = rng.standard_normal((100_000, 3, 2))
    log_q = -0.5 * eps ** 2 - np.log(std)
    log_p = -0.5 * (mean + std * eps) ** 2
    draws = (log_q - log_p).sum(2)
    closed = kl_to_standard_normal(tensor(mean), tensor(logvar)).data
    error = draws.std(0) / math.sqrt(len(draws))
    assert (np.abs(draws.mean(0) - closed) < 4 * error).all() and (closed > 20 * error).all()


def test_the_divergence_is_that_of_the_distributions():
    rng = np.random.default_rng(1)
    mean, logvar = tensor(rng.standard_normal((3, 2))), tensor(rng.standard_normal((3, 2)))
    standard = distributions.Normal(tensor(np.zeros((3, 2))), tensor(np.ones((3, 2))))
    other = distributions.kl_divergence(distributions.Normal(mean, (0.5 * logvar).exp()), standard).sum(1)
    assert kl_to_standard_normal(mean, logvar).data == pytest.approx(other.data)
    zeros = minigrad.zeros(1, 4)
    assert float(kl_to_standard_normal(zeros, zeros).data[0]) == 0


def test_the_density_integrates_to_one():
    grid = np.linspace(-12, 12, 481)
    x = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    p = np.exp(log_normal(tensor(x), tensor(np.array([0.5, -1.0])), tensor(np.array([0.3, -0.8]))).data)
    assert p.sum() * 0.05 ** 2 == pytest.approx(1, abs=1e-9)


def test_gradients():
    rng = np.random.default_rng(0)
    x, mean, logvar = (tensor(rng.standard_normal((2, 3)), requires_grad=True) for _ in range(3))
    assert gradcheck(log_normal, (x, mean, logvar)) and gradcheck(kl_to_standard_normal, (mean, logvar))


def test_gradients_flow_through_the_drawn_code():
    """The derivative of the ELBO, for the same noise, with respect to the weights of encoder and decoder."""
    model, step = LinearVAE(offset=0.3, stretch=1.5), 1e-6

    def elbo():
        return model.elbo(points(), np.random.default_rng(0)).sum()

    elbo().backward()
    direction = np.random.default_rng(4).standard_normal(model.W.shape)
    slope = (model.W.grad.data * direction).sum()
    model.W.data += step * direction
    above = float(elbo().data)
    model.W.data -= 2 * step * direction
    assert slope == pytest.approx((above - float(elbo().data)) / (2 * step), rel=1e-6)
