"""The PixelCNN is an exact distribution: its probabilities sum to one, and no pixel sees itself or a later one."""
import itertools
import math
import numpy as np
import pytest
import minigrad
from exactness import all_images, cache_error, samples_agree, seen, total_probability
from minigrad import no_grad
from minigrad.optim import Adam
from models.likelihood import bits_per_dim, evaluate, perplexity
from models.pixelcnn import PixelCNN


def small(shape=(1, 3, 3), levels=2, seed=0, scale=3, **config):
    """A small network, with weights large enough to make the distribution far from uniform."""
    minigrad.manual_seed(seed)
    model = PixelCNN(**{"shape": shape, "levels": levels, "channels": 6, "layers": 2, "first_kernel_size": 3,
                        "kernel_size": 3, **config})
    for parameter in model.parameters():
        parameter.data *= scale
    return model


def unmask(model):
    """Plant the usual fault: a first convolution of type B, which sees the pixel that it predicts."""
    right = model.first
    model.first = type(right)("B", right.in_channels, right.out_channels, right.kernel_size, colours=right.colours)
    model.first.weight.data *= 3
    return model


def visible(model, colour, row, column):
    """What the masks let the output at a position see, layer by layer, the blind spot left out: (colours, H, W)"""
    places = {(colour, row, column)}
    for conv in reversed([model.first, *model.blocks]):
        before, places, centre = places, set(), conv.kernel_size[0] // 2
        for (c, i, j), (a, b) in itertools.product(before, conv.taps):
            own_pixel = (a, b) == (centre, centre)
            colours = range(c + (conv.mask_type == "B")) if own_pixel else range(model.shape[0])
            places |= {(other, i + a - centre, j + b - centre) for other in colours}
    expected = np.zeros(model.shape, bool)
    for c, i, j in places:
        if 0 <= i < model.shape[1] and 0 <= j < model.shape[2]:
            expected[c, i, j] = True
    return expected


def letters(mask):
    """The pixels of a 5 x 5 image as the letters a ... y."""
    return {letter for letter, there in zip("abcdefghijklmnopqrstuvwxy", mask.reshape(-1)) if there}


@pytest.mark.parametrize("shape, seed", [((1, 3, 3), 0), ((1, 3, 3), 1), ((3, 2, 2), 0), ((2, 2, 2), 1)])
def test_all_binary_images_sum_to_one(shape, seed):
    assert total_probability(small(shape, seed=seed)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("shape", [(1, 3, 3), (3, 2, 2)])
def test_a_mask_of_the_wrong_type_does_not_sum_to_one(shape):
    assert abs(total_probability(unmask(small(shape))) - 1) > 1e-3


def test_the_distribution_is_not_trivial():
    with no_grad():
        log_p = small().log_prob(all_images((1, 3, 3))).data
    assert log_p.std() > 0.3


@pytest.mark.parametrize("shape", [(1, 5, 6), (3, 3, 4)])
def test_each_value_depends_on_exactly_those_before_it(shape):
    model = small(shape, levels=4)
    order = {position: i for i, position in enumerate(model.positions())}
    for position in order:
        expected = visible(model, *position)
        assert all(order[other] < order[position] for other in zip(*np.nonzero(expected)))
        assert np.array_equal(seen(model, position), expected), position                 # exactly zero elsewhere
    last = tuple(n - 1 for n in shape)
    assert seen(unmask(model), last)[last]                                               # the check would notice


def test_the_blind_spot():
    """The lecture's picture: with masks of 3 x 3 and three layers or more, q on the grid a ... y misses j, n and o."""
    past = set("abcdefghijklmnop")
    for layers in (2, 3, 5):
        assert past - letters(seen(small((1, 5, 5), layers=layers, channels=8), (0, 3, 1))) == set("jno")
    assert past - letters(seen(small((1, 5, 5), layers=1), (0, 3, 1))) == set("abcde" "jno")     # two rows at most


@pytest.mark.parametrize("convolutions, missed, window", [(2, 1, 12), (3, 3, 24), (5, 10, 60)])
def test_the_share_of_the_blind_spot(convolutions, missed, window):
    """Of the window that so many masks of 3 x 3 reach, this much of what came before is never seen."""
    size = 2 * convolutions + 1
    model = small((1, convolutions + 1, size), layers=convolutions - 1)
    reached = convolutions * size + convolutions
    assert reached == window
    assert reached - seen(model, (0, convolutions, convolutions)).sum() == missed


def test_log_prob_is_the_sum_of_the_log_softmax():
    model = small((1, 4, 3), levels=5)
    x = np.random.default_rng(0).integers(0, 5, (2, 1, 4, 3)).astype(np.uint8)
    logits = model.logits(x).data[:, :, 0].astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = [sum(log_p[n, x[n, 0, i, j], i, j] for i in range(4) for j in range(3)) for n in range(2)]
    assert model.log_prob(x).data == pytest.approx(np.array(expected), rel=1e-5)
    assert float(model.loss(x, None).data) == pytest.approx(-np.mean(expected), rel=1e-5)


def test_samples_follow_the_distribution():
    """Frequencies of all 16 binary 2x2 images among 4000 samples, against their probabilities: a chi-squared test."""
    model = small((1, 2, 2), seed=2)
    images = all_images((1, 2, 2))
    with no_grad():
        p = np.exp(model.log_prob(images).data.astype(np.float64))
    x = model.sample(4000, np.random.default_rng(0))
    counts = np.bincount(x.reshape(4000, 4) @ [8, 4, 2, 1], minlength=16)
    assert ((counts - 4000 * p) ** 2 / (4000 * p)).sum() < 37.7            # 0.1 % of 15 degrees of freedom
    assert ((counts - 250) ** 2 / 250).sum() > 37.7                        # and they are not just uniform


@pytest.mark.parametrize("shape", [(1, 9, 5), (3, 4, 3)])
def test_the_cache_gives_what_the_whole_network_gives(shape):
    model = small(shape, levels=3, scale=1, first_kernel_size=5)
    assert cache_error(model) < 1e-5 and samples_agree(model)
    model = small(shape, levels=3, first_kernel_size=5).double()
    assert cache_error(model) < 1e-11 and samples_agree(model)


def test_a_cache_that_forgets_is_noticed():
    model = small((1, 4, 4), levels=3)
    cache = model.cache(np.zeros((4, 1, 4, 4), np.uint8))
    cache.write = lambda position, values: None
    model.cache = lambda x: cache
    assert cache_error(model) > 1e-2 and not samples_agree(model)


def test_it_learns():
    """Colour images of one random colour each: only the first pixel is hard, and costs 3 log 4 nats."""
    minigrad.manual_seed(0)
    rng, model = np.random.default_rng(0), PixelCNN((3, 4, 4), levels=4, embedding=4, channels=4, layers=1,
                                                    first_kernel_size=3, kernel_size=3)
    optimizer = Adam(model.parameters(), lr=1e-2)
    for _ in range(80):
        loss = model.loss(np.broadcast_to(rng.integers(0, 4, (32, 3, 1, 1)).astype(np.uint8), (32, 3, 4, 4)), None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert 3 * math.log(4) - 0.2 < float(loss.data) < 0.15 * 48 * math.log(4)            # guessing costs 48 log 4


def test_inpainting_keeps_what_is_known():
    model = small((1, 4, 4), levels=3)
    x = np.random.default_rng(0).integers(0, 3, (5, 1, 4, 4)).astype(np.uint8)
    known = np.zeros((1, 4, 4), bool)
    known[:, :2] = True
    before = x.copy()
    a, b = (model.inpaint(x, known, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(x, before) and np.array_equal(a, b)
    assert np.array_equal(a[:, :, :2], x[:, :, :2]) and not np.array_equal(a, x) and a.max() < 3


def test_config_builds_the_same_model():
    model = small()
    again = PixelCNN.from_config(model.config)
    again.load_state_dict(model.state_dict())
    x = np.zeros((1, 1, 3, 3), np.uint8)
    assert again.config == model.config and float(again.log_prob(x).data[0]) == float(model.log_prob(x).data[0])


def test_units():
    assert bits_per_dim(784 * math.log(256), (1, 28, 28)) == pytest.approx(8)
    assert perplexity(784 * math.log(256), (1, 28, 28)) == pytest.approx(256)
    model = PixelCNN((1, 4, 4), levels=256, channels=2, layers=0)
    for parameter in model.parameters():
        parameter.data[...] = 0                            # all logits equal: the uniform distribution
    x = np.random.default_rng(0).integers(0, 256, (7, 1, 4, 4)).astype(np.uint8)
    assert bits_per_dim(evaluate(model, x, None, batch_size=3), (1, 4, 4)) == pytest.approx(8, abs=1e-5)


@pytest.mark.parametrize("x, kind, message", [
    (np.zeros((1, 1, 3, 4), np.uint8), ValueError, r"shape \(1, 3, 3\), and gets \(1, 3, 4\)"),
    (np.full((1, 1, 3, 3), 2, np.uint8), ValueError, "values from 0 to 1, and these go from 2 to 2"),
    (np.zeros((1, 1, 3, 3)), TypeError, "integers from 0 to 1, not float64"),
])
def test_bad_input(x, kind, message):
    with pytest.raises(kind, match=message):
        small().log_prob(x)


@pytest.mark.parametrize("shape, config, message", [
    ((8, 8), {}, r"takes images.*not examples of shape \(8, 8\)"),
    ((1, 8, 8), {"levels": None}, "takes integers .* not None; real numbers"),
    ((1, 8, 8), {"layers": -1}, "layers must be 0 or more, not -1"),
    ((1, 8, 8), {"channels": 0}, "channels must be 1 or more, not 0"),
])
def test_what_it_is_not_built_for(shape, config, message):
    with pytest.raises(ValueError, match=f"PixelCNN: {message}"):
        PixelCNN(shape, **config)
