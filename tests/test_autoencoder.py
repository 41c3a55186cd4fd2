"""The convolutional autoencoder: its sizes, its error, its codes."""
from types import SimpleNamespace
import numpy as np
import pytest
import minigrad
from minigrad import no_grad, optim, zeros
from models.autoencoder import Autoencoder


def data_of(x):
    """What `begin` and `finish` look at."""
    return SimpleNamespace(train=x, batch=lambda numbers, generator: x[numbers])


def bars(n=64, size=16, seed=0):
    """Images of one bright square on a dark ground, whose place and grey are random."""
    rng = np.random.default_rng(seed)
    x = np.zeros((n, 1, size, size), np.uint8)
    for image in x:
        row, column = rng.integers(0, size - 6, 2)
        image[0, row:row + 6, column:column + 6] = rng.integers(150, 256)
    return x


def small(seed=0, **config):
    """A small autoencoder."""
    minigrad.manual_seed(seed)
    return Autoencoder(**{"shape": (1, 16, 16), "latent": 3, "channels": 6, **config})


def sizes(network, x):
    """The heights of the maps that the convolutions of a network give."""
    found = []
    with no_grad():
        for layer in network:
            x = layer(x)
            if hasattr(layer, "weight"):
                assert x.shape[2] == x.shape[3]
                found.append(x.shape[2])
    return found


def test_the_sizes_of_the_lecture():
    model = Autoencoder((1, 28, 28), latent=8)
    assert [28] + sizes(model.encoder, zeros(1, 1, 28, 28)) == [28, 24, 20, 9, 4, 1]
    assert [1] + sizes(model.decoder, zeros(1, 8, 1, 1)) == [1, 4, 9, 20, 24, 28]
    assert [layer.out_channels for layer in model.encoder if hasattr(layer, "weight")] == [32, 32, 32, 32, 8]
    assert [layer.out_channels for layer in model.decoder if hasattr(layer, "weight")] == [32, 32, 32, 32, 1]


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 20, 16), (1, 32, 28)])
def test_images_come_back_in_their_size(shape):
    model = Autoencoder(shape, latent=2, channels=4)
    x = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype(np.uint8)
    assert model.codes(x).shape == (3, 2)
    assert model.reconstruct(x).shape == x.shape and model.reconstruct(x).dtype == np.uint8


def test_the_error_is_the_squared_distance_of_values_from_0_to_1():
    model, x = small().double(), bars(4)
    with no_grad():
        output = model(minigrad.tensor(x / 255.0)).data
    expected = ((output - x / 255.0) ** 2).sum((1, 2, 3))
    assert model.measure == "squared_error"
    assert model.nats(x, None).data == pytest.approx(expected)
    assert float(model.loss(x, None).data) == pytest.approx(expected.mean())
    real = small(levels=None).double()
    assert real.nats(x / 255.0, None).data == pytest.approx(expected)      # real numbers are taken as they are


def test_it_learns():
    """Better than the best constant, the mean image, by far."""
    x, unseen = bars(400), bars(100, seed=1)
    model = small(channels=8, latent=6)
    optimizer, rng = optim.Adam(model.parameters(), lr=3e-3), np.random.default_rng(0)
    for _ in range(200):
        optimizer.zero_grad()
        model.loss(x[rng.integers(0, len(x), 32)], rng).backward()
        optimizer.step()
    constant = (((unseen - x.mean(0)) / 255) ** 2).sum((1, 2, 3)).mean()
    assert model.nats(unseen, None).data.mean() < 0.5 * constant


def test_the_gaussian_of_the_codes():
    model, x = small(), bars(150)
    model.finish(data_of(x))
    codes = model.codes(x)
    assert model.code_mean.data == pytest.approx(codes.mean(0), abs=1e-5)
    assert model.code_std.data == pytest.approx(codes.std(0), abs=1e-5)
    rng = np.random.default_rng(7)
    z = model.code_mean.data + model.code_std.data * rng.standard_normal((5, 3), np.float32)
    samples = model.sample(5, np.random.default_rng(7))
    assert samples.shape == (5, 1, 16, 16) and np.array_equal(samples, model.decoded(z))
    assert set(model.state_dict()) >= {"code_mean", "code_std"}            # so that a saved model can sample


def test_interpolation_goes_from_one_reconstruction_to_the_other():
    model, x = small(), bars(4)
    line = model.interpolate(x[:2], x[2:], 6)
    assert line.shape == (2, 6, 1, 16, 16)
    for step, image in ((0, x[:2]), (5, x[2:])):
        assert np.abs(line[:, step].astype(int) - model.reconstruct(image)).max() <= 1     # but for rounding
    code = 0.6 * model.codes(x[:2]) + 0.4 * model.codes(x[2:])
    assert np.abs(line[:, 2].astype(int) - model.decoded(code)).max() <= 1


def test_config_builds_the_same_model():
    model, x = small(), bars(2)
    again = Autoencoder.from_config(model.config)
    again.load_state_dict(model.state_dict())
    assert np.array_equal(again.reconstruct(x), model.reconstruct(x))


@pytest.mark.parametrize("shape", [(1, 12, 16), (1, 28, 27), (1, 30, 28), (28, 28), (5,)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="Autoencoder: takes images .* multiples of 4, 16 at least; not"):
        Autoencoder(shape)


def test_bad_input():
    with pytest.raises(ValueError, match="values from 0 to 3, and these go from 0 to 255"):
        small(levels=4).nats(np.resize(np.array([0, 255], np.uint8), (1, 1, 16, 16)), None)
    with pytest.raises(TypeError, match="integers from 0 to 255"):
        small().reconstruct(np.zeros((1, 1, 16, 16)))
    with pytest.raises(ValueError, match="latent must be 1 or more, not 0"):
        small(latent=0)
