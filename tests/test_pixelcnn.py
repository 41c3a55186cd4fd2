"""The PixelCNN is an exact distribution: its probabilities sum to one, and no pixel sees itself or a later one."""
import itertools
import math
import numpy as np
import pytest
import minigrad
from minigrad import no_grad, tensor
from models.likelihood import bits_per_dim, evaluate, perplexity
from models.pixelcnn import PixelCNN


def small(shape=(1, 3, 3), levels=2, seed=0, **config):
    """A small network, with weights large enough to make the distribution far from uniform."""
    minigrad.manual_seed(seed)
    model = PixelCNN(**{"shape": shape, "levels": levels, "channels": 6, "layers": 2, "first_kernel_size": 3,
                        "kernel_size": 3, **config})
    for parameter in model.parameters():
        parameter.data *= 3
    return model


def unmask(model):
    """Plant the usual fault: a first convolution of type B, which sees the pixel that it predicts."""
    right = model.first
    model.first = type(right)("B", right.in_channels, right.out_channels, right.kernel_size, padding="same")
    model.first.weight.data *= 3
    return model


def total_probability(model):
    """The sum of p(x) over all binary images, in float64."""
    model.double()
    images = np.array(list(itertools.product((0, 1), repeat=math.prod(model.shape))), np.uint8)
    with no_grad():
        return np.exp(model.log_prob(images.reshape(-1, *model.shape)).data.astype(np.float64)).sum()


def influence(model, row, column):
    """|d logits(row, column) / d vector of a pixel|, largest entry, for a random combination of the logits: (H, W)"""
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((16, model.first.in_channels, *model.shape[1:])).astype(np.float32)
    vectors = tensor(vectors, requires_grad=True)          # sixteen images: in one, a ReLU may hide what is seen
    weights = tensor(rng.standard_normal(model.levels).astype(np.float32))
    (model.head(model.features(vectors))[:, :, row, column] * weights).sum().backward()
    return np.abs(vectors.grad.data).max((0, 1))


def visible(model, row, column):
    """The pixels that the masks let the output at (row, column) see, layer by layer, the blind spot left out: (H, W)"""
    places = {(row, column)}
    for conv in reversed([model.first, *model.blocks]):
        centre = conv.kernel_size[0] // 2
        places = {(r + a - centre, c + b - centre) for r, c in places for a, b in conv.taps}
    seen = np.zeros(model.shape[1:], bool)
    for r, c in places:
        if 0 <= r < seen.shape[0] and 0 <= c < seen.shape[1]:
            seen[r, c] = True
    return seen


@pytest.mark.parametrize("seed", [0, 1])
def test_all_binary_images_sum_to_one(seed):
    assert total_probability(small(seed=seed)) == pytest.approx(1, abs=1e-6)


def test_a_mask_of_the_wrong_type_does_not_sum_to_one():
    assert abs(total_probability(unmask(small())) - 1) > 1e-3


def test_the_distribution_is_not_trivial():
    model = small()
    images = np.array(list(itertools.product((0, 1), repeat=9)), np.uint8).reshape(-1, 1, 3, 3)
    with no_grad():
        log_p = model.log_prob(images).data
    assert log_p.std() > 0.3


def test_each_pixel_depends_on_exactly_those_before_it():
    model = small((1, 5, 6), levels=4)
    for row, column in itertools.product(range(5), range(6)):
        seen = visible(model, row, column)
        assert not seen.reshape(-1)[row * 6 + column:].any()
        assert np.array_equal(influence(model, row, column) != 0, seen), (row, column)       # exactly
    assert influence(unmask(model), 2, 2)[2, 2] > 0        # the check would notice


def test_log_prob_is_the_sum_of_the_log_softmax():
    model = small((1, 4, 3), levels=5)
    x = np.random.default_rng(0).integers(0, 5, (2, 1, 4, 3)).astype(np.uint8)
    logits = model(x).data.astype(np.float64)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = [sum(log_p[n, x[n, 0, i, j], i, j] for i in range(4) for j in range(3)) for n in range(2)]
    assert model.log_prob(x).data == pytest.approx(np.array(expected), rel=1e-5)
    assert float(model.loss(x, None).data) == pytest.approx(-np.mean(expected), rel=1e-5)


def test_samples_follow_the_distribution():
    """Frequencies of all 16 binary 2x2 images among 4000 samples, against their probabilities: a chi-squared test."""
    model = small((1, 2, 2), seed=2)
    images = np.array(list(itertools.product((0, 1), repeat=4)), np.uint8).reshape(-1, 1, 2, 2)
    with no_grad():
        p = np.exp(model.log_prob(images).data.astype(np.float64))
    x = model.sample(4000, np.random.default_rng(0))
    counts = np.bincount(x.reshape(4000, 4) @ [8, 4, 2, 1], minlength=16)
    assert ((counts - 4000 * p) ** 2 / (4000 * p)).sum() < 37.7            # 0.1 % of 15 degrees of freedom
    assert ((counts - 250) ** 2 / 250).sum() > 37.7                        # and they are not just uniform


def test_the_sampler_draws_from_what_the_whole_network_gives():
    """The sampler computes one position at a time.  The full forward gives the same."""
    model = small((1, 9, 5), levels=3, layers=2, first_kernel_size=5)
    x = model.sample(4, np.random.default_rng(5))
    with no_grad():
        p = np.exp(model(x).data.astype(np.float64))
    p /= p.sum(1, keepdims=True)
    u = np.random.default_rng(5)
    for row, column in itertools.product(range(9), range(5)):
        cdf = np.cumsum(p[:, :, row, column], 1)
        assert np.array_equal((cdf <= u.random((4, 1))).sum(1), x[:, 0, row, column]), (row, column)


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


def test_images_of_several_channels_are_refused():
    with pytest.raises(ValueError, match=r"one channel.*not \(3, 8, 8\)"):
        PixelCNN((3, 8, 8))
