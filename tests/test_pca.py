"""PCA is the best affine reconstruction of a given rank."""
from types import SimpleNamespace
import numpy as np
import pytest
import minigrad
from models.pca import PCA


def data_of(x):
    """What `begin` and `finish` look at."""
    return SimpleNamespace(train=x, batch=lambda numbers, generator: x[numbers])


def examples(n=200, shape=(2, 3)):
    """Real numbers of very different variances, correlated, and far from zero."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((6, 6)) * [3, 2, 1, 0.5, 0.2, 0.1]
    return (rng.standard_normal((n, 6)) @ mixing.T + rng.standard_normal(6) * 5).reshape(n, *shape)


def fitted(latent=2, kind=PCA, x=None):
    """A PCA of the examples, in float64."""
    x = examples() if x is None else x
    model = kind(x.shape[1:], levels=None, latent=latent).double()
    model.begin(data_of(x))
    model.finish(data_of(x))
    return model


def best_error(x, rank):
    """The least squared error of an affine reconstruction of that rank: the singular values that are left out."""
    flat = x.reshape(len(x), -1)
    return (np.linalg.svd(flat - flat.mean(0), compute_uv=False)[rank:] ** 2).sum() / len(x)


def error(model, x):
    """The mean squared error of the model."""
    return model.nats(x, None).data.mean()


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_it_is_the_best_reconstruction_of_its_rank(rank):
    x = examples()
    model = fitted(rank)
    flat = x.reshape(len(x), -1)
    u, s, vt = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    best = (u[:, :rank] * s[:rank]) @ vt[:rank] + flat.mean(0)
    assert model.reconstruct(x).reshape(len(x), -1) == pytest.approx(best, abs=1e-9)
    assert error(model, x) == pytest.approx(best_error(x, rank))


def test_with_all_components_nothing_is_lost():
    assert error(fitted(6), examples()) < 1e-20


class Uncentred(PCA):
    """The main directions of what is not centred, with no mean."""
    def begin(self, data):
        super().begin(data_of(np.concatenate([data.train, -data.train])))


class Smallest(PCA):
    """The eigenvectors from the wrong end."""
    def begin(self, data):
        whole = PCA(self.shape, None, 6).double()
        whole.begin(data)
        self.mean.data[...], self.components.data[...] = whole.mean.data, whole.components.data[-self.latent:]


@pytest.mark.parametrize("fault", [Uncentred, Smallest])
def test_planted_faults_are_noticed(fault):
    assert error(fitted(2, fault), examples()) > 1.2 * best_error(examples(), 2)


def test_codes_are_uncorrelated_and_their_gaussian_is_sampled():
    x = examples(2000)
    model = fitted(3, x=x)
    codes = model.codes(x)
    covariance = codes.T @ codes / len(x)
    assert covariance == pytest.approx(np.diag(np.diag(covariance)), abs=1e-9)
    assert (np.diff(np.diag(covariance)) < 0).all()                        # the largest first
    assert model.code_mean.data == pytest.approx(0, abs=1e-9)
    assert model.code_std.data ** 2 == pytest.approx(np.diag(covariance))
    samples = model.sample(20_000, np.random.default_rng(0)).reshape(-1, 6)
    V = model.components.data
    assert samples.mean(0) == pytest.approx(x.reshape(-1, 6).mean(0), abs=0.2)
    assert np.cov(samples.T) == pytest.approx(V.T @ covariance @ V, abs=0.05 * covariance.max())


def test_images_are_scaled_to_one_and_come_back_as_images():
    x = np.random.default_rng(0).integers(0, 256, (50, 1, 4, 4)).astype(np.uint8)
    model = PCA((1, 4, 4), latent=16)
    model.begin(data_of(x))
    assert model.reconstruct(x).dtype == np.uint8 and np.array_equal(model.reconstruct(x), x)
    small = PCA((1, 4, 4), latent=3)
    small.begin(data_of(x))
    assert error(small, x) == pytest.approx(best_error(x / 255, 3), rel=1e-4)
    assert small.sample(7, np.random.default_rng(0)).shape == (7, 1, 4, 4)
    assert small.num_parameters() == 0


def test_large_sets_are_seen_in_parts(monkeypatch):
    whole = fitted(2)
    monkeypatch.setattr("models.pca.AT_ONCE", 7)
    parts = fitted(2)
    assert parts.mean.data == pytest.approx(whole.mean.data)
    assert error(parts, examples()) == pytest.approx(error(whole, examples()))


def test_its_state_is_all_there_is():
    model = fitted(2)
    again = PCA.from_config(model.config).double()
    again.load_state_dict(model.state_dict())
    assert np.array_equal(again.reconstruct(examples()), model.reconstruct(examples()))
    assert np.array_equal(again.sample(3, np.random.default_rng(0)), model.sample(3, np.random.default_rng(0)))


@pytest.mark.parametrize("config, message", [
    ({"shape": (1, 2, 2), "latent": 5}, r"PCA: examples of shape \(1, 2, 2\) have 4 components, not latent=5"),
    ({"shape": (3,), "latent": 0}, "PCA: latent must be 1 or more, not 0"),
    ({"shape": (3,), "levels": 1, "latent": 2}, "PCA: entries need at least 2 levels, not 1"),
])
def test_bad_settings(config, message):
    with pytest.raises(ValueError, match=message):
        PCA(**config)


def test_bad_input():
    with pytest.raises(ValueError, match="PCA: takes values from 0 to 1"):
        PCA((3,), levels=2, latent=1).nats(np.full((2, 3), 2, np.uint8), None)
    with pytest.raises(ValueError, match=r"shape \(2, 3\), and gets \(3,\)"):
        fitted().reconstruct(np.zeros((1, 3)))
    assert isinstance(fitted().nats(examples(), None), minigrad.Tensor)
