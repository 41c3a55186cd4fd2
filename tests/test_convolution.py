"""Convolutions as operations and modules: derivatives, PyTorch's conventions, masks, causality, and bad input."""
import numpy as np
import pytest
import minigrad
from minigrad import gradcheck, gradgradcheck, tensor
from minigrad.autograd import grad
import layers as nn
import layers.functional as F
from layers import kernels


def random(*shape, seed=0):
    """A standard normal float64 array."""
    return np.random.default_rng((seed, *shape)).normal(size=shape)


def parameters(*shapes):
    """Random tensors that require gradients."""
    return [tensor(random(*shape), requires_grad=True) for shape in shapes]


SETTINGS = [
    dict(),
    dict(stride=2, padding=1),
    dict(stride=(2, 1), padding=((1, 0), (0, 2)), dilation=(1, 2)),
    dict(padding="same", dilation=2),
    dict(groups=2, padding=1),
    dict(padding=1, taps=((0, 0), (0, 1), (1, 0))),
]


@pytest.mark.parametrize("kernel_set", kernels.SETS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_conv2d_derivatives(settings, kernel_set):
    before = kernels.use(kernel_set)
    try:
        inputs = parameters((2, 4, 5, 4), (4, 4 // settings.get("groups", 1), 2, 2), (4,))
        function = lambda x, w, b: F.conv2d(x, w, b, **settings)
        assert gradcheck(function, inputs) and gradgradcheck(function, inputs)
    finally:
        kernels.use(before)


@pytest.mark.parametrize("settings", [dict(), dict(stride=2, padding=1, output_padding=1), dict(groups=2, dilation=2),
                                      dict(stride=(1, 3), padding=(0, 1), output_padding=(0, 2)),
                                      dict(stride=(1, 2), padding=1, dilation=(2, 4), output_padding=(1, 3))])
def test_conv_transpose2d_derivatives(settings):
    inputs = parameters((2, 4, 3, 2), (4, 4 // settings.get("groups", 1), 2, 3), (4,))
    function = lambda x, w, b: F.conv_transpose2d(x, w, b, **settings)
    assert gradcheck(function, inputs) and gradgradcheck(function, inputs)


@pytest.mark.parametrize("function, weight, settings", [
    (F.conv1d, (4, 3, 2), dict(padding="causal", dilation=2)),
    (F.conv1d, (4, 3, 3), dict(stride=2, padding=((2, 0),))),
    (F.conv_transpose1d, (3, 4, 3), dict(stride=2, padding=1, output_padding=1)),
    (F.conv_transpose1d, (3, 4, 3), dict(padding=1, dilation=3, output_padding=2)),
])
def test_1d_derivatives(function, weight, settings):
    inputs = parameters((2, 3, 7), weight, (4,))
    call = lambda x, w, b: function(x, w, b, **settings)
    assert gradcheck(call, inputs) and gradgradcheck(call, inputs)


def test_weight_gradient_to_third_order():
    """grad of grad of grad: the three operations are closed under differentiation."""
    x, w = parameters((1, 2, 4, 4), (2, 2, 3, 3))
    y = F.conv2d(x, w, padding=1)
    first, = grad((y * y * y).sum(), [w], create_graph=True)
    second, = grad((first * first).sum(), [x], create_graph=True)
    direction, step = random(2, 2, 3, 3, seed=1), 1e-5
    third, = grad((second * second).sum(), [w])

    def value(w):
        w = tensor(w, requires_grad=True)
        y = F.conv2d(x, w, padding=1)
        first, = grad((y * y * y).sum(), [w], create_graph=True)
        second, = grad((first * first).sum(), [x])
        return (second.data ** 2).sum()
    slope = (value(w.data + step * direction) - value(w.data - step * direction)) / (2 * step)
    np.testing.assert_allclose((third.data * direction).sum(), slope, rtol=1e-6)


def test_lecture_examples():
    """The 1-D examples of the lectures on convolution and transposed convolution."""
    y = F.conv1d(tensor([[[0., 0, 1, 0, 0, 0, 0]]]), tensor([[[1., 2, 3]]]))
    assert y.tolist() == [[[3, 2, 1, 0, 0]]]
    y = F.conv_transpose1d(tensor([[[2., 3, 0, -1]]]), tensor([[[1., 2, -1]]]))
    assert y.tolist() == [[[2, 7, 4, -4, -2, 1]]]


def test_the_lectures_autoencoder_sizes():
    """28, 24, 20, 9, 4, 1 on the way down, and the same numbers back up."""
    x = tensor(random(1, 1, 28, 28).astype(np.float32))
    sizes = [28]
    down = [nn.Conv2d(1, 2, 5), nn.Conv2d(2, 2, 5), nn.Conv2d(2, 2, 4, stride=2), nn.Conv2d(2, 2, 3, stride=2),
            nn.Conv2d(2, 2, 4)]
    up = [nn.ConvTranspose2d(2, 2, 4), nn.ConvTranspose2d(2, 2, 3, stride=2), nn.ConvTranspose2d(2, 2, 4, stride=2),
          nn.ConvTranspose2d(2, 2, 5), nn.ConvTranspose2d(2, 1, 5)]
    for module in down + up:
        x = module(x)
        sizes.append(x.shape[-1])
    assert sizes == [28, 24, 20, 9, 4, 1, 4, 9, 20, 24, 28]


def test_unbatched_input_and_same_padding():
    x, w = tensor(random(3, 6, 5)), tensor(random(4, 3, 4, 2))
    one, many = F.conv2d(x, w, padding="same"), F.conv2d(x.reshape(1, 3, 6, 5), w, padding="same")
    assert one.shape == (4, 6, 5) and np.array_equal(one.data, many.data[0])
    padded = F.conv2d(F.pad(x, (0, 1, 1, 2)), w)           # the odd zero goes to the end, as in PyTorch
    np.testing.assert_allclose(one.data, padded.data, rtol=1e-12)


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("mask_type", ["A", "B"])
def test_masked_convolution_sees_exactly_the_past(mask_type, colours):
    """d output / d input is non-zero exactly where raster order, then the order of the colours, allows it."""
    conv = nn.MaskedConv2d(mask_type, 3 * colours, 6, 5, colours=colours)
    conv.weight.data[:] = 1 + np.random.default_rng(0).random(conv.weight.shape)
    x = minigrad.ones(1, 3 * colours, 5, 5, requires_grad=True)
    for c in range(6):
        g, = grad([conv(x)[0, c, 2, 2]], [x])
        for i in range(3 * colours):
            seen = np.zeros((5, 5), bool)
            seen[:2], seen[2, :2] = True, True
            mine, other = c * colours // 6, i * colours // (3 * colours)
            seen[2, 2] = other < mine if mask_type == "A" else other <= mine
            assert np.array_equal(g.data[0, i] != 0, seen), (c, i)


def test_hidden_weights_are_zero_and_do_no_work():
    conv = nn.MaskedConv2d("A", 2, 3, 5)
    assert len(conv.taps) == 12 and np.all(conv.weight.data[:, :, conv.mask.data[0, 0] == 0] == 0)
    assert np.abs(conv.weight.data).max() <= 1 / np.sqrt(2 * 12)
    conv(minigrad.ones(1, 2, 5, 5)).sum().backward()
    assert np.all(conv.weight.grad.data[conv.mask.data == 0] == 0)


@pytest.mark.parametrize("shift", [False, True])
def test_causal_convolution_sees_exactly_its_lags(shift):
    conv = nn.CausalConv1d(1, 1, 3, dilation=2, shift=shift)
    x = minigrad.zeros(1, 1, 12, requires_grad=True)
    assert conv(x).shape == (1, 1, 12)
    g, = grad([conv(x)[0, 0, 9]], [x])
    assert np.flatnonzero(g.data).tolist() == ([4, 6, 8] if shift else [5, 7, 9])


def test_module_parameters_and_repr():
    conv = nn.Conv2d(4, 6, (3, 5), stride=2, padding=1, groups=2, bias=False)
    assert conv.weight.shape == (6, 2, 3, 5) and conv.bias is None
    assert repr(conv) == "Conv2d(4, 6, kernel_size=(3, 5), stride=(2, 2), padding=1, groups=2, bias=False)"
    assert nn.ConvTranspose2d(4, 6, 3, groups=2).weight.shape == (4, 3, 3, 3)
    assert repr(nn.MaskedConv2d("A", 1, 8, 7)) == "MaskedConv2d('A', 1, 8, kernel_size=(7, 7), padding='same')"
    bound = 1 / np.sqrt(2 * 15)
    assert 0.8 * bound < np.abs(conv.weight.data).max() <= bound


@pytest.mark.parametrize("call, error, message", [
    (lambda: F.conv2d(tensor(random(2, 4, 9, 9)), tensor(random(8, 3, 3, 3)), groups=2), ValueError,
     r"conv2d: weight \(8, 3, 3, 3\) with groups=2 expects 6 input channels, x \(2, 4, 9, 9\) has 4"),
    (lambda: F.conv2d(tensor(random(2, 4, 3, 9)), tensor(random(8, 4, 5, 3))), ValueError,
     r"the kernel \(5, 3\) with dilation \(1, 1\) reaches over \(5, 3\), more than the padded input's \(3, 9\)"),
    (lambda: F.conv2d(tensor(random(2, 3, 9, 9)), tensor(random(4, 1, 3, 3)), groups=3), ValueError,
     "groups=3 must divide the 3 input channels and the 4"),
    (lambda: F.conv1d(tensor(random(2, 3)), tensor(random(4, 2, 3)), stride=0), ValueError, "stride must be a whole"),
    (lambda: F.conv1d(tensor(random(3)), tensor(random(4, 2, 3))), ValueError, "conv1d: the input must be"),
    (lambda: F.conv2d(tensor(random(1, 1, 9, 9)), tensor(random(1, 1, 3, 3)), stride=2, padding="same"), ValueError,
     'padding "same" goes with stride 1'),
    (lambda: F.conv2d(tensor(random(1, 1, 9, 9)), tensor(random(1, 1, 3, 3)), padding="causal"), ValueError, '"valid"'),
    (lambda: F.conv2d(tensor(random(1, 1, 9, 9)), tensor(random(1, 1, 3, 3).astype(np.float32))), TypeError,
     "float64 and float32"),
    (lambda: F.conv2d(minigrad.ones(1, 1, 9, 9, dtype=minigrad.int64), minigrad.ones(1, 1, 3, 3, dtype=minigrad.int64)),
     TypeError, "must both be float32 or both float64"),
    (lambda: F.conv2d(tensor(random(1, 1, 9, 9)), tensor(random(2, 1, 3, 3)), tensor(random(3))), ValueError,
     r"the bias must have shape \(2,\)"),
    (lambda: F.conv_transpose2d(tensor(random(1, 2, 3, 3)), tensor(random(2, 1, 3, 3)), stride=2, output_padding=2),
     ValueError, "must be smaller than the stride"),
    (lambda: nn.Conv2d(4, 6, 3, groups=4), ValueError, "groups=4 must divide the 4 input channels and the 6"),
    (lambda: nn.MaskedConv2d("C", 1, 1, 3), ValueError, 'mask_type must be "A" or "B", not \'C\''),
    (lambda: nn.MaskedConv2d("A", 1, 1, 4), ValueError, "must be odd"),
    (lambda: nn.MaskedConv2d("A", 4, 6, 3, colours=3), ValueError, "colours=3 must divide the 4"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
