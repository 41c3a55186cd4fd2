"""The two-stack PixelCNN is an exact distribution, sees all of its window, and nothing else."""
import numpy as np
import pytest
import minigrad
from exactness import cache_error, samples_agree, seen, total_probability
from layers import Conv2d
from minigrad.optim import Adam
from models.two_stack import TwoStackPixelCNN, position_bits


def small(shape=(1, 3, 3), levels=2, seed=0, scale=2, **config):
    """A small network, with weights large enough to make the distribution far from uniform."""
    minigrad.manual_seed(seed)
    model = TwoStackPixelCNN(shape, **{"levels": levels, "channels": 4, "kernel_size": 3, **config})
    for parameter in model.parameters():
        parameter.data *= scale
    return model


def look_ahead(model):
    """Plant a fault: the stack of the left sees its own pixel, as if its input were not moved."""
    half = model.config["kernel_size"] // 2
    conv = model.left[0]
    model.left[0] = Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, padding=((0, 0), (half - 1, 1)))
    return model


@pytest.mark.parametrize("positional", [True, False])
@pytest.mark.parametrize("shape, kernel_size", [((1, 3, 3), 3), ((1, 2, 5), 5)])
def test_all_binary_images_sum_to_one(shape, kernel_size, positional):
    model = small(shape, kernel_size=kernel_size, positional=positional)
    assert total_probability(model) == pytest.approx(1, abs=1e-6)


def test_looking_ahead_does_not_sum_to_one():
    assert abs(total_probability(look_ahead(small())) - 1) > 1e-3


def test_a_pixel_sees_five_rows_in_nine_columns_and_five_pixels_to_the_left():
    model = small((1, 8, 12), kernel_size=5)
    for row, column in np.ndindex(8, 12):
        expected = np.zeros((1, 8, 12), bool)
        expected[0, max(0, row - 5):row, max(0, column - 4):column + 5] = True
        expected[0, row, max(0, column - 5):column] = True
        assert np.array_equal(seen(model, (0, row, column)), expected), (row, column)    # there is no blind spot
    assert seen(look_ahead(model), (0, 4, 4))[0, 4, 4]                                   # the check would notice


@pytest.mark.parametrize("positional", [True, False])
def test_the_cache_gives_what_the_whole_network_gives(positional):
    model = small((1, 6, 7), levels=3, kernel_size=5, positional=positional)
    assert cache_error(model) < 1e-5 and samples_agree(model)
    assert cache_error(model.double()) < 1e-11 and samples_agree(model)


def test_inpainting_keeps_what_is_known():
    model = small((1, 4, 4), levels=3)
    x = np.random.default_rng(0).integers(0, 3, (5, 1, 4, 4)).astype(np.uint8)
    known = np.zeros((1, 4, 4), bool)
    known[:, :2] = True
    fast, slow = (model.inpaint(x, known, np.random.default_rng(1), cached=cached) for cached in (True, False))
    assert np.array_equal(fast, slow) and np.array_equal(fast[:, :, :2], x[:, :, :2]) and not np.array_equal(fast, x)


def test_position_bits():
    """Each pixel of 28 x 28 has its own 5 + 5 bits."""
    bits = position_bits(28, 28)
    assert bits.shape == (10, 28, 28) and bits.dtype == np.float32
    row, column = np.tensordot(2 ** np.arange(5), bits[:5], 1), np.tensordot(2 ** np.arange(5), bits[5:], 1)
    assert np.array_equal(row, np.indices((28, 28))[0]) and np.array_equal(column, np.indices((28, 28))[1])
    assert position_bits(1, 3).shape == (2, 1, 3) and position_bits(1, 1).shape == (0, 1, 1)


def trained_loss(x, positional):
    """The loss after a moment of training on these images."""
    minigrad.manual_seed(0)
    model = TwoStackPixelCNN(x.shape[1:], levels=2, channels=4, kernel_size=3, positional=positional)
    optimizer = Adam(model.parameters(), lr=1e-2)
    for i in range(80):
        loss = model.loss(x[i % 4::4], None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(loss.data)


def test_it_learns_and_the_positional_encoding_helps():
    """Noise in the upper half, nothing in the lower one: only who knows the row can tell where the noise ends."""
    x = np.random.default_rng(0).integers(0, 2, (256, 1, 14, 4)).astype(np.uint8)
    x[:, :, 7:] = 0
    floor = 28 * np.log(2)                                                               # guessing costs twice as much
    assert floor - 1 < trained_loss(x, True) < floor + 1
    assert floor + 2 < trained_loss(x, False) < floor + 8


@pytest.mark.parametrize("shape, config, message", [
    ((3, 8, 8), {}, r"TwoStackPixelCNN: takes images of one channel.*not examples of shape \(3, 8, 8\)"),
    ((8,), {}, r"not examples of shape \(8,\)"),
    ((1, 8, 8), {"kernel_size": 4}, "kernel_size must be odd, not 4"),
    ((1, 8, 8), {"levels": None}, "TwoStackPixelCNN: takes integers .* not None"),
])
def test_bad_arguments(shape, config, message):
    with pytest.raises(ValueError, match=message):
        TwoStackPixelCNN(shape, **{"levels": 2, **config})


def test_values_outside_of_the_levels():
    with pytest.raises(ValueError, match="values from 0 to 1, and these go from 2 to 2"):
        small().log_prob(np.full((1, 1, 3, 3), 2, np.uint8))
