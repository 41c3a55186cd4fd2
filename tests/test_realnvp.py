"""RealNVP: masks, squeezing, scales."""
import math
import numpy as np
import pytest
import minigrad
from flows import by_autograd, inversion_error, log_det_error, shaken, train
from minigrad import no_grad, tensor
from models.realnvp import RealNVP, Scale, Squeeze, alternate, channel_mask, checkerboard


def flow(shape=(1, 4, 4), levels=None, seed=0, size=0.3, **config):
    minigrad.manual_seed(seed)
    return shaken(RealNVP(shape, levels, **{"scales": 2, "channels": 4, **config}), size, seed)


@pytest.mark.parametrize("shape, scales", [((1, 2, 4), 1), ((1, 4, 4), 2), ((3, 4, 4), 2), ((1, 8, 8), 3)])
def test_the_log_determinant_is_that_of_the_jacobian(shape, scales):
    """Through checkerboard and channel masks, squeezing, and what is factored out."""
    x = np.random.default_rng(1).standard_normal((2, *shape))
    assert log_det_error(flow(shape, scales=scales, size=0.15).double(), x) < 1e-6


def test_with_the_logit_of_integers():
    x = np.random.default_rng(1).uniform(0.1, 0.9, (2, 1, 4, 4))
    model = flow(levels=256, size=0.2).double()
    assert log_det_error(model, x) < 1e-6 and inversion_error(model, x) < 1e-9


@pytest.mark.parametrize("shape, levels, scales", [((1, 28, 28), 256, 3), ((3, 8, 8), 256, 2), ((2, 4, 6), None, 2)])
def test_the_inverse_inverts(shape, levels, scales):
    model = flow(shape, levels, scales=scales, size=0.1)
    x = np.random.default_rng(1).random((4, *shape)).astype(np.float32)
    assert inversion_error(model, x) < 1e-5
    with no_grad():
        z, log_det = model(tensor(x))
    assert z.shape == x.shape and log_det.shape == (4,)


def test_squeeze():
    """The 2 x 2 squares of a 4 x 4 image become four channels, as in the paper's figure 3; nothing is lost."""
    image = np.arange(16.0).reshape(1, 1, 4, 4)
    y, log_det = Squeeze()(tensor(image))
    assert y.data[0].tolist() == [[[0, 2], [8, 10]], [[1, 3], [9, 11]], [[4, 6], [12, 14]], [[5, 7], [13, 15]]]
    assert log_det == 0
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 6))
    assert Squeeze()(tensor(x))[0].shape == (2, 12, 2, 3)
    assert inversion_error(Squeeze(), x) == 0 and log_det_error(Squeeze(), x[:, :, :2, :2]) < 1e-6
    squeezed = Squeeze()(tensor(x))[0].data
    assert np.array_equal(squeezed[:, :3], x[:, :, ::2, ::2]) and np.array_equal(squeezed[:, 9:], x[:, :, 1::2, 1::2])


def test_a_wrong_squeeze_is_noticed():
    """Unsqueezing in another order than squeezing keeps the determinant and loses the inverse."""
    class Wrong(Squeeze):
        def inverse(self, y):
            n, c, h, w = y.shape
            return y.reshape(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)

    x = np.random.default_rng(0).standard_normal((2, 2, 4, 4))
    assert inversion_error(Wrong(), x) > 0.1


def test_masks():
    assert checkerboard(2, 4).tolist() == [[[1, 0, 1, 0], [0, 1, 0, 1]]]
    assert channel_mask(4)[:, 0, 0].tolist() == [1, 1, 0, 0]
    first, second, third = alternate(channel_mask(4), 3)
    assert np.array_equal(first, third) and np.array_equal(first + second, np.ones((4, 1, 1)))


def test_the_scales_are_the_papers():
    """Three checkerboards, squeeze, three channel masks, half factored out; four checkerboards last (and no more)."""
    scale, colours, side = flow((3, 8, 8), scales=3).layers[-1], 3, 8
    for last in (False, False, True):
        assert scale.last == last and len(scale.spatial) == (4 if last else 3)
        assert scale.spatial[0].kept.shape == (1, side, side)
        if not last:
            assert len(scale.deep) == 3 and scale.deep[0].kept.shape == (4 * colours, 1, 1)
            scale, colours, side = scale.next, 2 * colours, side // 2
    assert "next" not in vars(scale)


def test_what_is_factored_out_is_not_touched_by_the_next_scale():
    """Half of z, the odd rows here, is independent of the next scale's parameters; the other half depends on them."""
    scale = Scale((1, 4, 4), 2, 3, 1, 2.0)
    shaken(scale)
    x = tensor(np.random.default_rng(0).standard_normal((2, 1, 4, 4)).astype(np.float32))
    before = scale(x)[0].data.copy()
    shaken(scale.next, seed=1)
    changed = (scale(x)[0].data != before).any((0, 1))
    assert changed[::2].any() and not changed[1::2].any()


def test_every_pixel_matters_to_every_other():
    matrix = by_autograd(flow((1, 4, 4), size=0.5).double(), np.random.default_rng(0).standard_normal((1, 4, 4)))
    assert (matrix != 0).mean() > 0.9


def test_all_images_of_two_pixels_squared_sum_to_at_most_one():
    """The 16 probabilities of binary 2 x 2 images, integrals over their cells, are those of a density on the cube."""
    model = flow((1, 2, 2), 2, scales=1, size=0.2).double()
    images = np.array(list(np.ndindex(2, 2, 2, 2)), np.uint8).reshape(16, 1, 2, 2)
    with no_grad():
        p = np.exp(-model.nats(np.repeat(images, 4000, 0), np.random.default_rng(0)).data).reshape(16, -1).mean(1)
        inside = model.inverse(tensor(model.base_sample(40000, np.random.default_rng(1)))).data
    inside = ((inside > 0) & (inside < 1)).all((1, 2, 3)).mean()
    assert 0.3 < inside < 1 and p.sum() == pytest.approx(inside, rel=0.05)


def test_it_learns():
    """Diagonal stripes of two greys, with a noise of 3 bits: each pixel tells others that the Gaussian of the start,
    which takes them as independent, has to pay for."""
    minigrad.manual_seed(0)
    rng = np.random.default_rng(0)
    rows = (np.arange(4)[:, None] + np.arange(4) + rng.integers(0, 4, (1000, 1, 1, 1))) % 4 < 2
    x = (64 + 128 * rows + rng.integers(0, 8, rows.shape)).astype(np.uint8)
    before, after = train(RealNVP((1, 4, 4), 256, scales=2, channels=12), x, 50, 1e-2, 50)
    assert before > 16 * math.log(256) * 0.8 and after < before - 16


@pytest.mark.parametrize("shape, scales, message", [
    ((784,), 3, r"takes images, \(channels, height, width\), not \(784,\)"),
    ((1, 6, 6), 3, "6 x 6 can't be halved 2 times"),
    ((1, 4, 4), 0, "RealNVP: scales must be 1 or more, not 0"),
])
def test_bad_shapes(shape, scales, message):
    with pytest.raises(ValueError, match=message):
        RealNVP(shape, scales=scales)
