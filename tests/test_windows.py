"""A convolution at one position is what the whole convolution gives there."""
import numpy as np
import pytest
import layers as nn
from minigrad import no_grad, pad, tensor
from models.windows import ConvCache, pointwise

PLAIN = [                                              # a layer, and the size of its input
    (lambda: nn.Conv2d(3, 4, 3), (6, 5)),                                          # no padding: the output is smaller
    (lambda: nn.Conv2d(3, 4, (2, 3), padding=((1, 0), (1, 1)), bias=False), (5, 6)),
    (lambda: nn.Conv2d(3, 4, 3, padding="same", dilation=2), (6, 7)),
    (lambda: nn.Conv1d(3, 4, 3, padding=1), (7,)),
]
SEES_ITSELF = [
    (lambda: nn.MaskedConv2d("B", 3, 6, 3, colours=3), (4, 5)),
    (lambda: nn.CausalConv1d(3, 4, 3, dilation=2), (9,)),
]
HIDES_ITSELF = [
    (lambda: nn.MaskedConv2d("A", 3, 4, (3, 5)), (5, 6)),
    (lambda: nn.MaskedConv2d("A", 2, 4, 1), (3, 3)),                               # sees nothing: the bias alone
    (lambda: nn.CausalConv1d(3, 4, 2, dilation=4, shift=True), (12,)),
    (lambda: nn.CausalConv1d(3, 4, 1, shift=True), (5,)),
]


def example(make, size):
    """The layer in float64, two random inputs, and its outputs.  Weights that a mask hides hold numbers too."""
    rng = np.random.default_rng(1)
    conv = make().double()
    conv.weight.data[...] = rng.standard_normal(conv.weight.shape)
    x = rng.standard_normal((2, conv.in_channels, *size))
    with no_grad():
        return conv, x, conv(tensor(x)).data


def same(found, y, position):
    """Assert that these are the outputs at a position."""
    np.testing.assert_allclose(found.T, y[:, :, *position], rtol=0, atol=1e-12)


@pytest.mark.parametrize("make, size", PLAIN + SEES_ITSELF + HIDES_ITSELF)
def test_all_positions_of_a_known_input(make, size):
    conv, x, y = example(make, size)
    cache = ConvCache(conv, 2, size)
    for position in np.ndindex(size):
        cache.write(position, x[:, :, *position].T)
    for position in np.ndindex(y.shape[2:]):
        same(cache.output(position), y, position)


@pytest.mark.parametrize("make, size", SEES_ITSELF + HIDES_ITSELF)
def test_causal_layers_need_only_what_came_before(make, size):
    conv, x, y = example(make, size)
    cache = ConvCache(conv, 2, size)
    for position in np.ndindex(size):
        if (make, size) in HIDES_ITSELF:
            same(cache.output(position), y, position)
        cache.write(position, x[:, :, *position].T)
        same(cache.output(position), y, position)


def test_input_that_the_network_pads_itself():
    conv, x, _ = example(lambda: nn.Conv2d(3, 4, (2, 3)), (5, 4))
    with no_grad():
        y = conv(pad(tensor(x), (1, 1, 2, -1))).data       # moved down by a row, and padded by another
    right, wrong = (ConvCache(conv, 2, (5, 4), before=before) for before in ((2, 1), (1, 1)))
    for position in np.ndindex(5, 4):
        same(right.output(position), y, position)
        for cache in (right, wrong):
            cache.write(position, x[:, :, *position].T)
    assert not np.allclose(wrong.output((2, 2)).T, y[:, :, 2, 2])


def test_the_cost_of_a_position_does_not_depend_on_the_size():
    """What is read and multiplied at a position has the same size in small and in large images."""
    conv = nn.MaskedConv2d("B", 3, 4, 5)
    small, large = (ConvCache(conv, 2, size) for size in ((8, 8), (80, 80)))
    assert small.weight.shape == large.weight.shape == (4, 13 * 3)
    assert [len(offsets) for offsets in large.offsets] == [13, 13]


@pytest.mark.parametrize("make", [lambda: nn.Conv2d(3, 6, 1), lambda: nn.Conv1d(3, 6, 1, bias=False),
                                  lambda: nn.MaskedConv2d("B", 3, 6, 1, colours=3)])
def test_pointwise(make):
    conv, x, y = example(make, (2, 2) if not isinstance(make(), nn.Conv1d) else (2,))
    position = (1,) * (x.ndim - 2)
    same(pointwise(conv, x[:, :, *position].T), y, position)


@pytest.mark.parametrize("make", [lambda: nn.Conv2d(4, 4, 3, stride=2), lambda: nn.Conv1d(4, 4, 3, groups=2)])
def test_layers_that_it_cannot_take(make):
    with pytest.raises(ValueError, match=r"ConvCache: takes convolutions of stride 1 without groups, not Conv.d\(4, 4"):
        ConvCache(make(), 1, (5, 5))
