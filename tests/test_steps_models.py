"""The steps of MADE and of flows: what they end with is what the model computes, and what they say of connections is
where its gradient is not zero."""
import itertools
import numpy as np
import pytest
import minigrad
from layers import Linear
from minigrad import no_grad, tensor
from minigrad.autograd import jacobian
from models import steps
from models.made import MADE
from models.masked_linear import connected
from models.nice import NICE
from models.nvp import NVP, Coupling
from models.realnvp import RealNVP
from models.steps import couplings, units
from test_steps_convolution import drawn


def strong(model, seed=0):
    """The model in float64, all parameters drawn anew, so that none is zero."""
    minigrad.manual_seed(seed)
    rng = np.random.default_rng(seed)
    for parameter in model.double().parameters():
        parameter.data[...] = rng.normal(scale=0.5, size=parameter.shape)
    return model


MADES = {"one layer": lambda: MADE((4,), hidden=(5,)),
         "two layers": lambda: MADE((4,), hidden=(6, 5), order=(2, 0, 3, 1)),
         "direct": lambda: MADE((5,), hidden=(4,), direct=True, order="random"),
         "three levels": lambda: MADE((1, 3), 3, hidden=(4,), direct=True, order="random")}


def example(model, seed=1):
    return np.random.default_rng(seed).integers(0, model.levels, model.shape)


@pytest.mark.parametrize("kind", MADES)
def test_made_ends_with_the_models_outputs(kind):
    model = strong(MADES[kind]())
    x = example(model)
    found = [*steps.made(model, x)]
    codes = model.codes(model.entries(x[None]))
    assert found[-1].values[-1] == pytest.approx(model.outputs(codes).data[0], abs=1e-12)
    assert len(found) == sum(map(len, found[-1].values[1:])) and not np.isnan(np.concatenate(found[-1].values)).any()
    assert np.isnan(found[0].values[1][1:]).all() and not np.isnan(found[0].values[1][0])


@pytest.mark.parametrize("kind", MADES)
def test_what_a_unit_sees_is_where_its_gradient_is(kind):
    model = strong(MADES[kind]())
    for parameter in model.parameters():                   # no ReLU is off, no path cancels another
        parameter.data[...] = abs(parameter.data) + 0.1
    codes = tensor(np.ones((1, model.size * model.width)))
    gradients = jacobian(model.outputs, codes).data.reshape(codes.shape[1], -1)
    outputs = [step for step in steps.made(model, example(model)) if step.is_output]
    assert [sorted(step.seen) for step in outputs] == [list(np.flatnonzero(row)) for row in gradients]


@pytest.mark.parametrize("fault", ["not strict", "strict everywhere", "transposed degrees"])
def test_a_wrong_mask_is_noticed(fault, monkeypatch):
    model = strong(MADES["two layers"]())
    x = example(model)
    expected = model.outputs(model.codes(model.entries(x[None]))).data[0]
    faults = {"not strict": lambda s, t: connected(s, t + 1), "strict everywhere": lambda s, t: connected(s + 1, t),
              "transposed degrees": lambda s, t: connected(s[::-1], t)}
    monkeypatch.setattr(units, "connected", faults[fault])
    assert abs([*steps.made(model, x)][-1].values[-1] - expected).max() > 1e-3


def test_made_in_words():
    model = strong(MADE((3,), hidden=(2,), order=(1, 2, 0)))
    model.members[0].degrees[0][:] = [1, 2]
    for parameter, values in zip(model.parameters(), ([[1, 9, 9], [2, -1, 9]], [0.5, 1], [[9, 9], [4, 9], [1, -2]],
                                                      [0, 0, 0])):
        parameter.data[...] = values
    texts = [str(step) for step in steps.made(model, np.array([1, 1, 0]))]
    assert texts[1] == """\
h1[1], degree 2: connected to degrees <= 2, sees x[1], x[2]
  bias 1
  + 2 * x[1] 1 = 2    sum 3
  + -1 * x[2] 0 = 0    sum 3
  relu: 3"""
    assert texts[2] == """\
logit of x[1], degree 1: connected to degrees < 1, sees nothing
  bias 0
  p(x[1] = 1) = 0.5"""
    assert texts[4].startswith("logit of x[0], degree 3: connected to degrees < 3, sees x[1], x[2]\n")
    assert texts[4].endswith("  p(x[0] = 1 | x[1], x[2]) = 0.01099")   # sigmoid(1.5 - 6)


def test_an_example_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="MADE: was built for examples of shape .4,., and gets .3,."):
        next(steps.made(MADES["one layer"](), np.zeros(3, np.int64)))


# ---------------------------------------------------------------------------------------------------------------------
# Flows

FLOWS = {"NVP": lambda: NVP((4,), hidden=5), "NICE": lambda: NICE((5,), depth=3, hidden=4, hidden_layers=1),
         "RealNVP": lambda: RealNVP((1, 4, 4), levels=None, scales=2, channels=3, bound=0.5),
         "RealNVP of colours": lambda: RealNVP((2, 4, 2), levels=None, scales=1, channels=3)}


@pytest.mark.parametrize("kind", FLOWS)
def test_a_flow_ends_where_the_model_does_and_comes_back(kind):
    model = strong(FLOWS[kind]())
    x = np.random.default_rng(1).normal(size=model.shape)
    *_, end = steps.through(model.layers, x)
    with no_grad():
        z, log_det = model(tensor(x[None]))
        again = model.inverse(z)
    assert end.output == pytest.approx(z.data[0], abs=1e-12)
    assert end.log_det == pytest.approx(log_det.data[0], abs=1e-12)
    *_, start = steps.back(model.layers, end.output)
    assert start.output == pytest.approx(again.data[0], abs=1e-12) and start.output == pytest.approx(x, abs=1e-7)
    assert start.log_det == pytest.approx(-end.log_det, abs=1e-7) and abs(end.log_det) > 0.01


def coupling():
    """One layer, which keeps the first of three entries."""
    return strong(Coupling(np.array([1, 0, 0]), Linear(3, 6), 2.0))


def test_a_coupling_layer_shows_one_thing_after_the_other():
    layer, x = coupling(), np.array([0.5, -1, 2])
    found = [*steps.through([layer], x)]
    known = [{name for name, row in step.rows if not np.isnan(row).all()} for step in found]
    assert [sorted(new - old) for old, new in zip([set(), *known], known)] == [
        ["b x", "x", "y"], ["s", "t"], ["x exp(s)"], []]
    assert [np.isnan(step.output).tolist() for step in found] == [[False, True, True]] * 3 + [[False] * 3]
    s = dict(found[1].rows)["s"]
    assert [step.log_det for step in found] == pytest.approx([0, 0, 0, np.nansum(s)])
    assert all(step.output[0] == x[0] for step in found)


def test_s_and_t_are_the_same_there_and_back():
    layer = coupling()
    there = [*steps.through([layer], np.array([0.5, -1, 2]))]
    back = [*steps.back([layer], there[-1].output)]
    for name in "st":
        assert np.array_equal(dict(there[-1].rows)[name], dict(back[-1].rows)[name], equal_nan=True)


def test_a_coupling_layer_in_words():
    layer = coupling()
    for parameter in layer.parameters():
        parameter.data[...] = 0
    layer.network.bias.data[...] = [9, np.arctanh(0.5), 0, 9, 3, -1]
    assert str([*steps.through([layer], np.array([0.5, -1, 2]))][-1]) == """\
layer 1, Coupling: plus t; log |det| grows by the sum of s
  x            0.5     -1      2
  b              1      0      0
  b x          0.5      .      .
  s              .      1      0
  t              .      3     -1
  x exp(s)       . -2.718      2
  y            0.5 0.2817      1
  log |det|: +1, so far 1"""


@pytest.mark.parametrize("fault", ["other half", "other bound", "other s"])
def test_a_fault_in_a_coupling_layer_is_noticed(fault, monkeypatch):
    model = strong(FLOWS["NVP"]())
    x = np.random.default_rng(1).normal(size=4)
    with no_grad():
        z, log_det = model(tensor(x[None]))
    right = couplings.scale_and_shift
    wrong = {"other half": lambda layer, half: right(layer, 1 - half),
             "other bound": lambda layer, half: (right(layer, half)[0] / 2, right(layer, half)[1]),
             "other s": lambda layer, half: right(layer, half)[::-1]}
    monkeypatch.setattr(couplings, "scale_and_shift", wrong[fault])
    *_, end = steps.through(model.layers, x)
    assert abs(end.output - z.data[0]).max() > 1e-2 and abs(end.log_det - log_det.data[0]) > 1e-2


# ---------------------------------------------------------------------------------------------------------------------
# Pictures

@pytest.mark.parametrize("case", [*MADES, *FLOWS])
def test_pictures(case):
    if case in MADES:
        model = strong(MADES[case]())
        found = [*itertools.islice(steps.made(model, example(model)), 7, None, 9)]
    else:
        model = strong(FLOWS[case]())
        found = [*itertools.islice(steps.through(model.layers, np.ones(model.shape)), 2, 5, 2)]
    drawn(steps.strip(found[:1]))


def test_a_page(tmp_path):
    model = strong(FLOWS["NVP"]())
    path = steps.page(steps.back(model.layers[-1:], np.ones(4)), tmp_path / "page.html", "A flow")
    assert path.read_text(encoding="utf-8").count("data:image/svg") == 4
