"""The Gated PixelCNN is an exact distribution, given a label too, sees all of its window, and nothing else."""
import numpy as np
import pytest
import minigrad
from exactness import all_images, cache_error, samples_agree, seen, total_probability
from layers import Conv2d
from minigrad import no_grad
from minigrad.optim import Adam
from models.gated import GatedLayer, GatedPixelCNN


def small(shape=(1, 3, 3), levels=2, seed=0, scale=3, **config):
    """A small network, with weights (those of the labels too) that make the distribution far from uniform."""
    minigrad.manual_seed(seed)
    model = GatedPixelCNN(shape, **{"levels": levels, "embedding": 4, "channels": 4, "layers": 2,
                                    "first_kernel_size": 3, **config})
    for parameter in model.parameters():
        parameter.data *= scale
    if model.classes is not None:
        model.labels.data[...] = np.random.default_rng(0).standard_normal(model.labels.shape)
    return model


def unmask(model):
    """Plant a fault: a first layer of type B, whose horizontal stack sees the pixel that it predicts."""
    model.layers[0] = GatedLayer("B", model.config["embedding"], model.config["channels"], 3)
    return model


def look_ahead(model):
    """Plant a fault: the vertical stack sees its own row, as if its input were not moved (its padding undoes that)."""
    conv = model.layers[0].vertical
    model.layers[0].vertical = Conv2d(conv.in_channels, conv.out_channels, (2, 3), padding=((0, 1), (1, 1)))
    return model


@pytest.mark.parametrize("shape, layers", [((1, 3, 3), 2), ((1, 2, 5), 1), ((1, 5, 2), 0)])
def test_all_binary_images_sum_to_one(shape, layers):
    assert total_probability(small(shape, layers=layers)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_all_binary_images_of_a_class_sum_to_one(label):
    assert total_probability(small(classes=3), label) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("fault", [unmask, look_ahead])
def test_seeing_too_much_does_not_sum_to_one(fault):
    assert abs(total_probability(fault(small())) - 1) > 1e-4


def test_the_distribution_is_not_trivial():
    with no_grad():
        log_p = [small(classes=2).log_prob(all_images((1, 3, 3)), y=np.full(512, label)).data for label in (0, 1)]
    assert log_p[0].std() > 0.3 and np.abs(log_p[0] - log_p[1]).mean() > 0.3


def test_a_pixel_sees_a_rectangle_above_and_a_run_to_the_left():
    """With kernels of 5, 3 and 3: 1 + 2 + 1 + 1 rows, 2 + 1 + 1 columns to either side.  There is no blind spot."""
    model = small((1, 8, 11), first_kernel_size=5)
    for row, column in np.ndindex(8, 11):
        expected = np.zeros((1, 8, 11), bool)
        expected[0, max(0, row - 5):row, max(0, column - 4):column + 5] = True
        expected[0, row, max(0, column - 4):column] = True
        assert np.array_equal(seen(model, (0, row, column)), expected), (row, column)
    for fault in (unmask, look_ahead):                                                   # the check would notice
        assert seen(fault(small((1, 8, 11))), (0, 4, 4))[0, 4, 4]


@pytest.mark.parametrize("classes, label", [(None, None), (3, 2)])
def test_the_cache_gives_what_the_whole_network_gives(classes, label):
    model = small((1, 6, 7), levels=3, classes=classes, first_kernel_size=5)
    assert cache_error(model, label) < 1e-5 and samples_agree(model, label)
    assert cache_error(model.double(), label) < 1e-11 and samples_agree(model, label)


def test_inpainting_keeps_what_is_known():
    model = small((1, 4, 4), levels=3, classes=2)
    x, y = np.random.default_rng(0).integers(0, 3, (5, 1, 4, 4)).astype(np.uint8), np.array([0, 1, 0, 1, 1], np.uint8)
    known = np.zeros((1, 4, 4), bool)
    known[:, :2] = True
    fast, slow = (model.inpaint(x, known, np.random.default_rng(1), cached=cached, y=y) for cached in (True, False))
    assert np.array_equal(fast, slow) and np.array_equal(fast[:, :, :2], x[:, :, :2]) and not np.array_equal(fast, x)


def test_it_learns_what_the_labels_say():
    """Vertical or horizontal stripes of random phase: a label is worth a bit, and samples obey it."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 256)
    axis = np.stack((np.indices((6, 6))[1], np.indices((6, 6))[0]))[y]
    x = ((axis + rng.integers(0, 2, (256, 1, 1))) % 2).astype(np.uint8)[:, None]
    minigrad.manual_seed(0)
    model = GatedPixelCNN((1, 6, 6), levels=2, classes=2, embedding=4, channels=8, layers=1, first_kernel_size=3)
    optimizer = Adam(model.parameters(), lr=1e-2)
    for i in range(80):
        loss = model.loss(x[i % 4::4], None, y=y[i % 4::4])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert np.log(2) - 0.1 < float(loss.data) < 1.2 < 2 * np.log(2)        # the phase alone is left; guessing: 36 log 2
    wrong = model.loss(x, None, y=1 - y)
    assert float(wrong.data) > 5
    samples = model.sample(8, np.random.default_rng(0), y=np.array([0, 1] * 4))[:, 0]
    assert (samples[0::2] == samples[0::2, :1]).mean() > 0.9 and (samples[1::2] == samples[1::2, :, :1]).mean() > 0.9


@pytest.mark.parametrize("shape, config, message", [
    ((3, 8, 8), {}, r"GatedPixelCNN: takes images of one channel.*not examples of shape \(3, 8, 8\)"),
    ((1, 8, 8), {"kernel_size": 4}, "kernel's sizes must be odd"),
    ((1, 8, 8), {"layers": -1}, "GatedPixelCNN: layers must be 0 or more, not -1"),
    ((1, 8, 8), {"classes": 0}, "GatedPixelCNN: classes must be 1 or more, not 0"),
    ((1, 8, 8), {"levels": None}, "GatedPixelCNN: takes integers .* not None"),
])
def test_bad_arguments(shape, config, message):
    with pytest.raises(ValueError, match=message):
        GatedPixelCNN(shape, **{"levels": 2, **config})


@pytest.mark.parametrize("classes, x, y, message", [
    (None, 0, np.array([0]), "without classes, and takes no labels"),
    (2, 0, None, "for 2 classes, and needs the labels"),
    (2, 0, np.array([2]), "y takes values from 0 to 1, and these go from 2 to 2"),
    (None, 2, None, "values from 0 to 1, and these go from 2 to 2"),
])
def test_bad_input(classes, x, y, message):
    model = small(classes=classes)
    with pytest.raises(ValueError, match=message):
        model.log_prob(np.full((1, 1, 3, 3), x, np.uint8), **({} if y is None else {"y": y}))
