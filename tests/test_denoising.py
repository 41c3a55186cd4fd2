"""The denoising autoencoder: the three noises, and what the error compares."""
from types import SimpleNamespace
import numpy as np
import pytest
import minigrad
from minigrad import no_grad, optim, tensor
from models.denoising import DenoisingAutoencoder


def small(seed=0, **config):
    """A small one, for images of 6x6."""
    minigrad.manual_seed(seed)
    return DenoisingAutoencoder(**{"shape": (1, 6, 6), "latent": 20, **config})


def stripes(n, seed=0):
    """Images of horizontal or vertical stripes: a pixel can be told from the others of its line."""
    rng = np.random.default_rng(seed)
    lines = rng.integers(0, 2, (n, 6)) * 255
    x = np.where(rng.integers(0, 2, (n, 1, 1)) == 0, lines[:, :, None], lines[:, None, :])
    return np.broadcast_to(x, (n, 6, 6))[:, None].astype(np.uint8)


def grey(n=500):
    """Values none of which is 0 or 1."""
    return tensor(np.random.default_rng(0).uniform(0.2, 0.8, (n, 1, 6, 6)).astype(np.float32))


def noisy(values, **config):
    """The values with noise, and which of them have changed."""
    before = values.data.copy()
    damaged = small(**config).corrupt(values, np.random.default_rng(1))
    assert np.array_equal(values.data, before) and damaged.dtype == values.dtype and not damaged.requires_grad
    return damaged.data, damaged.data != before


@pytest.mark.parametrize("amount", [None, 0.2])
def test_gaussian_noise(amount):
    values = grey()
    difference = noisy(values, noise="gaussian", amount=amount)[0] - values.data
    assert difference.std() == pytest.approx(amount or 0.5, rel=0.02) and abs(difference.mean()) < 0.02
    assert abs(np.corrcoef(difference.ravel(), values.data.ravel())[0, 1]) < 0.03


@pytest.mark.parametrize("amount", [None, 0.3])
def test_salt_and_pepper(amount):
    damaged, changed = noisy(grey(), noise="salt_and_pepper", amount=amount)
    assert changed.mean() == pytest.approx(amount or 0.1, rel=0.06)
    assert set(np.unique(damaged[changed])) == {0, 1} and damaged[changed].mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("amount", [None, 0.3])
def test_masking(amount):
    damaged, changed = noisy(grey(), noise="masking", amount=amount)
    assert changed.mean() == pytest.approx(amount or 0.55, rel=0.03)
    assert not damaged[changed].any()


def test_every_image_has_its_own_noise_and_the_generator_decides():
    model, values = small(), grey(2)
    a = model.corrupt(values, np.random.default_rng(0)).data
    assert not np.array_equal(a[0] == 0, a[1] == 0)
    assert np.array_equal(a, model.corrupt(values, np.random.default_rng(0)).data)
    assert not np.array_equal(a, model.corrupt(values, np.random.default_rng(1)).data)


def test_the_error_compares_with_the_whole_example():
    """... not with the damaged one: that would reward the identity."""
    model, x = small().double(), stripes(5)
    values = x / 255.0
    with no_grad():
        damaged = model.corrupt(tensor(values), np.random.default_rng(3))
        output = model(damaged).data
    error = ((output - values) ** 2).sum((1, 2, 3))
    wrong = ((output - damaged.data) ** 2).sum((1, 2, 3))
    assert model.nats(x, np.random.default_rng(3)).data == pytest.approx(error)
    assert np.abs(error - wrong).min() > 0.1
    assert float(model.loss(x, np.random.default_rng(3)).data) == pytest.approx(error.mean())
    assert model.measure == "squared_error" and not model.exact


def test_the_weights_are_tied():
    model, x = small().double(), stripes(4)
    W, b, c = model.encoder.weight.data, model.encoder.bias.data, model.bias.data
    h = 1 / (1 + np.exp(-(x.reshape(4, -1) / 255 @ W.T + b)))
    assert model.codes(x) == pytest.approx(h)
    assert model.decode(tensor(h)).data.reshape(4, -1) == pytest.approx(h @ W + c)
    assert model.filters().shape == (20, 1, 6, 6) and np.array_equal(model.filters().reshape(20, -1), W)


def test_it_learns_to_restore():
    """Much better than the mean image, and than leaving the damage as it is."""
    x, unseen = stripes(1000), stripes(300, seed=1)
    model = small(latent=60, noise="masking", amount=0.3)
    optimizer, rng = optim.Adam(model.parameters(), lr=1e-2), np.random.default_rng(0)
    for _ in range(600):
        optimizer.zero_grad()
        model.loss(x[rng.integers(0, len(x), 64)], rng).backward()
        optimizer.step()
    constant = (((unseen - x.mean(0)) / 255) ** 2).sum((1, 2, 3)).mean()
    untouched = 0.3 * (unseen / 255.0).sum((1, 2, 3)).mean()
    assert model.nats(unseen, np.random.default_rng(0)).data.mean() < 0.6 * min(constant, untouched)


def test_samples_come_from_the_gaussian_of_the_codes():
    model, x = small(), stripes(50)
    model.finish(SimpleNamespace(train=x, batch=lambda numbers, generator: x[numbers]))
    assert model.code_mean.data == pytest.approx(model.codes(x).mean(0), abs=1e-5)
    assert model.sample(3, np.random.default_rng(0)).shape == (3, 1, 6, 6)


def test_real_numbers():
    model = small(shape=(4,), levels=None, noise="gaussian")
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    assert model.nats(x, np.random.default_rng(0)).shape == (3,)


@pytest.mark.parametrize("config, message", [
    ({"noise": "pepper"}, "unknown noise 'pepper'; there are gaussian, salt_and_pepper, masking"),
    ({"noise": "masking", "amount": 1.5}, "amount=1.5 is no part of the entries, from 0 to 1"),
    ({"noise": "gaussian", "amount": -1}, "amount=-1 is no standard deviation"),
    ({"noise": "salt_and_pepper", "levels": None}, "real numbers have no smallest and largest value"),
])
def test_bad_settings(config, message):
    with pytest.raises(ValueError, match=f"DenoisingAutoencoder: .*{message}"):
        small(**config)
