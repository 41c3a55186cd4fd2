"""The trace of training steps of the models: by layers, opened, in words, in pictures, against backward."""
import numpy as np
import pytest
import minigrad
from minigrad import trace
from models.gated import GatedPixelCNN
from models.nvp import NVP
from models.piecewise_linear import PiecewiseLinear
from models.pixelcnn import PixelCNN
from models.vae import VAE

rng = np.random.default_rng(0)
MODELS = {
    "pixelcnn": lambda: (PixelCNN((1, 5, 5), levels=3, embedding=4, channels=4, layers=2, first_kernel_size=3,
                                  kernel_size=3), rng.integers(3, size=(2, 1, 5, 5)).astype(np.uint8)),
    "gated": lambda: (GatedPixelCNN((1, 4, 4), levels=2, embedding=2, channels=4, layers=2),
                      rng.integers(2, size=(2, 1, 4, 4)).astype(np.uint8)),
    "nvp": lambda: (NVP((2,), depth=3, hidden=4), rng.standard_normal((5, 2)).astype(np.float32)),
    "piecewise_linear": lambda: (PiecewiseLinear((1,)), rng.standard_normal((5, 1)).astype(np.float32)),
    "vae": lambda: (VAE((6,), levels=2, hidden=[5], latent=3), rng.integers(2, size=(4, 6)).astype(np.uint8)),
}


def training_step(name):
    """A model and its loss, recorded."""
    minigrad.manual_seed(0)
    model, x = MODELS[name]()
    with trace.record():
        loss = model.loss(x, np.random.default_rng(0))
    return model, loss


@pytest.mark.parametrize("name", MODELS)
def test_gradients_by_layer_and_by_operation_are_those_of_backward(name):
    model, loss = training_step(name)
    closed, opened = list(trace.backward(loss)), list(trace.backward(loss, opened=True))
    forward = list(trace.forward(loss))
    loss.backward(retain_graph=True)
    for parameter in model.parameters():
        for steps in (closed, opened):
            assert steps[-1].total(parameter).tobytes() == parameter.grad.data.tobytes()
    assert [step.title.split(": ", 1)[1] for step in forward] == [
        step.title.split(": ", 1)[1] for step in closed[::-1]]
    assert [y for step in forward for y in step.box.tensors] == [step.output for step in opened[::-1]]
    assert all(len(line) < 170 for step in closed + opened + forward for line in str(step).splitlines())
    assert all(step.place is not None for step in opened)


def test_a_pixelcnn_by_layer():
    net, loss = training_step("pixelcnn")
    table = str(trace.Graph(loss)).splitlines()
    layers = [line.split()[:2] for line in table if "Conv2d" in line]
    assert layers == [["net.first:", "MaskedConv2d"], ["net.blocks.0:", "MaskedConv2d"],
                      ["net.blocks.1:", "MaskedConv2d"], ["net.head:", "MaskedConv2d"]]
    block = next(line for line in table if line.startswith("net.blocks.0"))
    assert "(2, 4, 5, 5)" in block and f" {4 * 4 * 9 + 4} " in block and block.endswith("h = h + block(relu(h))")


def test_the_layers_of_a_gated_pixelcnn_open_one_by_one():
    model, loss = training_step("gated")
    closed = [step.box for step in trace.forward(loss)]
    layer = next(box for box in closed if box.name == "model.layers.1")
    assert len(layer.tensors) > 5 and len(layer.inputs) == 2 and layer.parameters
    inside = [step.box for step in trace.forward(loss, opened=["model.layers.1"])]
    assert len(inside) > len(closed) and not any(box.name == "model.layers.1" for box in inside)
    assert any(box.kind == "layer" and box.name.startswith("model.layers.1.") for box in inside)


def test_pictures_of_a_training_step():
    model, loss = training_step("gated")
    step = list(trace.backward(loss))[6]
    words = [text.get_text() for text in step.draw().axes[0].texts]
    assert "model.layers.1" in words and any(word.startswith("grad |g| ") for word in words)
