"""Which inputs an output sees: what the steps say is where the engine's gradient is not zero."""
import numpy as np
import pytest
from layers import CausalConv1d, Conv1d, Conv2d, ConvTranspose2d, MaskedConv2d, ReLU, steps
from layers.kernels.geometry import Geometry
from layers.steps import reach
from minigrad import tensor
from models.causal import CausalToy, DilatedToy
from models.figures.lags import LENGTH, reached
from test_steps_convolution import drawn


def by_gradient(layers, size, position):
    """Where the gradient is not zero, all weights being positive: which inputs an output depends on."""
    for layer in layers:
        layer.weight.data[...] = abs(layer.weight.data) + (0.1 if not isinstance(layer, MaskedConv2d) else 0)
    x = tensor(np.ones((1, 1, *size), np.float32), requires_grad=True)
    y = x
    for layer in layers:
        y = layer(y)
    y[0, 0, *position].backward()
    return x.grad.data[0, 0] != 0


STACKS = {"strides": ([Conv2d(1, 1, 3, stride=2, padding=1), Conv2d(1, 1, (2, 3), dilation=2)], (9, 11), (1, 0)),
          "asymmetric": ([Conv2d(1, 1, (2, 3), padding=((2, 0), (0, 1)))], (4, 5), (1, 3)),
          "1-D": ([Conv1d(1, 1, 3, stride=2, dilation=2, padding=1), Conv1d(1, 1, 2)], (12,), (2,)),
          "causal": ([CausalConv1d(1, 1, 2, shift=True), CausalConv1d(1, 1, 3, dilation=2)], (9,), (7,)),
          "at the edge": ([CausalConv1d(1, 1, 2, shift=True), CausalConv1d(1, 1, 3, dilation=2)], (9,), (0,)),
          "masked": ([MaskedConv2d("A", 1, 1, 5), MaskedConv2d("B", 1, 1, 3)], (6, 7), (3, 2))}


@pytest.mark.parametrize("stack", STACKS)
def test_what_is_seen_is_where_the_gradient_is(stack):
    layers, size, position = STACKS[stack]
    *_, step = steps.inputs(layers, size, position)
    assert step.number == 0 and np.array_equal(step.seen, by_gradient(layers, size, position))


@pytest.mark.parametrize("model", [CausalToy((LENGTH,), 2, channels=8), DilatedToy((LENGTH,), 2, channels=8),
                                   DilatedToy((LENGTH,), 2, channels=8, variant="lecture")])
def test_every_layer_of_the_causal_models(model):
    masks = reached(model)[::-1]                           # by gradients, the last layer first
    found = [*steps.inputs(model.layers, LENGTH, LENGTH - 1)]
    assert len(found) == len(model.layers) == len(masks) - 1
    for step, mask in zip(found, masks[1:]):
        assert np.array_equal(step.seen, mask)


def test_the_lectures_dilated_net_sees_odd_lags_only():
    def lags(variant):
        return [*steps.inputs(DilatedToy((40,), 2, channels=2, variant=variant).layers, 40, 35)][-1].lags
    assert reach.listed(lags("lecture")) == "1, 3, 5 ... 31" and reach.listed([1, 2, 4]) == "1, 2, 4"
    assert lags("lecture") == list(range(1, 32, 2)) and lags("repaired") == list(range(1, 33))


def test_the_blind_spot():
    """Three masked 3 x 3 layers: of the letters a ... y, q is drawn without j, n and o."""
    layers = [MaskedConv2d("A" if i == 0 else "B", 1, 1, 3) for i in range(3)]
    found = [*steps.inputs(layers, (5, 5), (3, 1))]
    letters = np.array(list("abcdefghijklmnopqrstuvwxy")).reshape(5, 5)
    assert "".join(letters[found[-1].missed]) == "jno"
    assert [bool(step.seen[3, 1]) for step in found] == [True, True, False]                # A hides the own pixel
    assert str(found[-1]) == """\
layer 1 (kernel 3 x 3, type A): sees 13 inputs
  x x x x x
  x x x x o
  x x x o o
  x # . . .
  . . . . .
  x seen, o earlier and not seen, # the output's own place, not seen"""


def test_a_wrong_dilation_or_a_leaking_mask_is_noticed(monkeypatch):
    layers, size, position = STACKS["causal"]
    right = reach.geometry
    monkeypatch.setattr(reach, "geometry", lambda layer, size: right(layer, size)._replace(dilation=(1, 1)))
    assert not np.array_equal([*steps.inputs(layers, size, position)][-1].seen, by_gradient(layers, size, position))
    monkeypatch.setattr(reach, "geometry", lambda layer, size: Geometry(*right(layer, size)[:-1], ((0, 0), (2, 2))))
    layers, size, position = STACKS["masked"]
    assert not np.array_equal([*steps.inputs(layers, size, position)][-1].seen, by_gradient(layers, size, position))


@pytest.mark.parametrize("stack", ["1-D", "masked", "strides"])
def test_pictures(stack):
    drawn(steps.strip(steps.inputs(*STACKS[stack]), columns=1))


@pytest.mark.parametrize("arguments, message", [
    (([], 5, 0), "there are no layers"), (([ReLU()], 5, 0), "takes convolutions, not ReLU"),
    (([ConvTranspose2d(1, 1, 3)], (5, 5), (0, 0)), "takes convolutions, not ConvTranspose2d"),
    (([Conv1d(1, 1, 3)], 5, 3), "the output has size .3,., and no position .3,.")])
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        [*steps.inputs(*arguments)]
