"""Layers and losses on the device against the CPU: values and gradients."""
import numpy as np
import pytest
import minigrad
from minigrad import tensor
from minigrad.autograd import grad
from minigrad.devices import on_cpu
from layers import (AvgPool1d, AvgPool2d, BatchNorm1d, BatchNorm2d, CausalConv1d, Conv1d, Conv2d, ConvTranspose1d,
                    ConvTranspose2d, ELU, Embedding, GELU, LayerNorm, LeakyReLU, Linear, LogSigmoid, LogSoftmax,
                    MaskedConv2d, MaxPool1d, MaxPool2d, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh)
from layers import functional as F
from layers.kernels import cross_entropy_cuda
from tests.on_device import equal, there

ROWS, LINES, IMAGES = (3, 4), (2, 2, 5), (2, 2, 3, 4)
LAYERS = {                                 # how each is made, and the shape of its input
    "Linear": (lambda: Linear(4, 3), (2, 3, 4)),
    "Linear without bias": (lambda: Linear(4, 2, bias=False), ROWS),
    "Conv1d": (lambda: Conv1d(2, 1, 2, stride=2, padding=1), LINES),
    "Conv2d": (lambda: Conv2d(2, 2, (2, 3), padding=1, groups=2), IMAGES),
    "ConvTranspose1d": (lambda: ConvTranspose1d(2, 1, 2, stride=2), LINES),
    "ConvTranspose2d": (lambda: ConvTranspose2d(2, 1, 2, stride=(1, 2), bias=False), (1, 2, 2, 2)),
    "MaskedConv2d": (lambda: MaskedConv2d("B", 2, 2, 3, colours=2), (1, 2, 3, 3)),
    "CausalConv1d": (lambda: CausalConv1d(2, 1, 2, dilation=2, shift=True), LINES),
    "LayerNorm": (lambda: LayerNorm((3, 4)), IMAGES),
    "BatchNorm1d": (lambda: BatchNorm1d(4), ROWS),
    "BatchNorm2d": (lambda: BatchNorm2d(2), IMAGES),
    "BatchNorm2d in evaluation": (lambda: BatchNorm2d(2).eval(), IMAGES),
    "MaxPool1d": (lambda: MaxPool1d(2), LINES),
    "MaxPool2d": (lambda: MaxPool2d(2, stride=1, padding=1), IMAGES),
    "AvgPool1d": (lambda: AvgPool1d(2, stride=1), LINES),
    "AvgPool2d": (lambda: AvgPool2d(2, padding=1), IMAGES),
    **{kind.__name__: (kind, ROWS) for kind in (ReLU, LeakyReLU, ELU, GELU, SiLU, Tanh, Sigmoid, Softplus, LogSigmoid)},
    "Softmax": (lambda: Softmax(1), ROWS),
    "LogSoftmax": (lambda: LogSoftmax(0), ROWS),
}


def results(function, inputs, device):
    """The output of a function of tensors and the gradients of <output, v>, v random, in the inputs that can have one."""
    leaves = [tensor(x, device=device, requires_grad=x.dtype.kind == "f") for x in inputs]
    y = function(*leaves)
    assert y.device == device
    v = np.random.default_rng(9).normal(size=y.shape).astype(y.dtype)
    y.backward(tensor(v, device=device))
    return [y, *(x.grad for x in leaves if x.requires_grad)]


def agree(on_device, on_host):
    """Whether tensors on the device are those on the CPU."""
    assert all(y.is_cuda for y in on_device) and len(on_device) == len(on_host)
    return all(equal(a.data, on_cpu(b)) for a, b in zip(on_device, on_host))


def both(function, *inputs):
    """Whether a function of tensors, and its gradients, are the same on both devices."""
    return agree(*(results(function, inputs, device) for device in ("cuda", "cpu")))


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    """In float32."""
    check_layer(name, "float32")


@pytest.mark.parametrize("name", ["Linear", "Conv2d", "ConvTranspose1d", "LayerNorm", "MaxPool2d", "Softmax"])
def test_layers_in_float64(name):
    """In float64, more exactly."""
    check_layer(name, "float64")


def check_layer(name, dtype):
    """A layer's output, the gradients in its input and its parameters, and its buffers afterwards."""
    make, shape = LAYERS[name]
    x, found = np.random.default_rng(1).normal(size=shape).astype(dtype), {}
    for device in ("cuda", "cpu"):
        minigrad.manual_seed(2)
        layer = make().to(device, np.dtype(dtype))
        found[device] = results(layer, [x], device) + [p.grad for p in layer.parameters()] + list(layer.buffers())
    assert agree(found["cuda"], found["cpu"])


def test_embedding_and_dropout():
    """What is read twice gets two gradients; and dropout draws the same numbers on both devices."""
    indices = np.array([[0, 2], [2, 1]])
    weight = np.random.default_rng(0).normal(size=(3, 2)).astype("f")
    assert both(F.embedding, indices, weight)
    assert both(lambda x: F.dropout(x, 0.4, generator=np.random.default_rng(3)), weight)
    minigrad.manual_seed(0)
    table = Embedding(3, 2).to("cuda")
    assert equal(table(tensor(indices, device="cuda")).data, on_cpu(table.weight)[indices])


# ---------------------------------------------------------------------------------------------------------------------
# Losses

SHAPES = [(3, 9), (5, 1), (2, 3, 5), (2, 4, 2, 2), (1, 2, 3), (4,)]       # of logits: around the blocks' 4 threads


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropy(shape, dtype):
    """Each loss and the gradient, for classes that lie side by side or apart, and logits of any size."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=shape) * 20).astype(dtype)
    classes, others = (shape[0], ()) if len(shape) == 1 else (shape[1], (shape[0], *shape[2:]))
    target = rng.integers(0, classes, others)
    assert both(lambda x, t: F.cross_entropy(x, t, reduction="none"), x, target)
    assert both(F.cross_entropy, x, target.astype(np.uint8))


def test_cross_entropy_of_views_and_infinities():
    """Logits whose axes were exchanged; a class that is impossible; and a second derivative, through tensors."""
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(2, 5, 3)), rng.integers(0, 3, (2, 5))
    assert both(lambda x, t: F.cross_entropy(x.transpose(1, 2), t, reduction="none"), x, target)
    x[0, 0, :] = -np.inf, -np.inf, 1
    assert both(lambda x, t: F.cross_entropy(x.transpose(1, 2), t, reduction="none"), x, np.full((2, 5), 2))
    assert both(lambda x, t: F.cross_entropy(x, t, reduction="none"), x[0], np.full(5, 2))

    def slope(x, t):
        g, = grad(F.cross_entropy(x, t), x, create_graph=True)
        return (g ** 2).sum()
    assert both(slope, rng.normal(size=(2, 4)), np.array([3, 0]))


def test_a_wrong_kernel_is_found(monkeypatch):
    """Losses of other labels are not taken for the right ones, nor is a gradient without them."""
    x, target = np.random.default_rng(0).normal(size=(2, 3, 2)).astype("f"), np.array([[0, 1], [2, 1]])
    right = cross_entropy_cuda.forward, cross_entropy_cuda.gradient
    monkeypatch.setattr(cross_entropy_cuda, "forward", lambda x, t: right[0](x, 2 - t))
    assert not both(F.cross_entropy, x, target)
    monkeypatch.setattr(cross_entropy_cuda, "forward", right[0])
    assert both(F.cross_entropy, x, target)
    monkeypatch.setattr(cross_entropy_cuda, "gradient", lambda g, y, x, t: right[1](g, y, x, 0 * t))
    assert not both(F.cross_entropy, x, target)


def test_other_losses():
    """They are compositions."""
    rng = np.random.default_rng(0)
    x, p, target = rng.normal(size=ROWS), rng.uniform(0.1, 0.9, ROWS), rng.uniform(size=ROWS)
    for loss in (F.mse_loss, F.l1_loss, F.binary_cross_entropy_with_logits):
        assert both(lambda x, loss=loss: loss(x, tensor(target, device=x.device)), x)
    assert both(lambda p: F.binary_cross_entropy(p, tensor(target, device=p.device)), p)
    assert both(lambda x, t: F.nll_loss(x, t), x, np.array([3, 0, 2]))


# ---------------------------------------------------------------------------------------------------------------------
# What is refused

def test_labels_out_of_range():
    """They are found without waiting for the device: the error comes with the next number that is looked at."""
    loss = F.cross_entropy(tensor(np.zeros((2, 3), "f"), device="cuda"), tensor(np.array([0, 3]), device="cuda"))
    with pytest.raises(IndexError, match="cross_entropy: label 3 is out of range for 3 classes, 0 to 2"):
        loss.item()
    F.embedding(tensor(np.array([-1]), device="cuda"), tensor(np.zeros((2, 3), "f"), device="cuda"))
    with pytest.raises(IndexError, match="embedding: index -1 is out of range for 2 rows"):
        there(np.zeros(1)).numpy()
    assert there(np.zeros(1)).numpy() == 0


def test_two_devices():
    """One line names the function, the shapes and the devices."""
    x, weight = tensor(np.zeros((1, 1, 3, 3), "f")), np.zeros((1, 1, 2, 2), "f")
    with pytest.raises(TypeError, match=r"conv2d: .*\(1, 1, 3, 3\) on cpu.*\(1, 1, 2, 2\) on cuda"):
        F.conv2d(x, tensor(weight, device="cuda"))
    with pytest.raises(TypeError, match="cross_entropy: .* on different devices"):
        F.cross_entropy(tensor(np.zeros((2, 3), "f"), device="cuda"), tensor(np.array([0, 1])))
