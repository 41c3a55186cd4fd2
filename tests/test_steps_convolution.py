"""The steps of convolutions: their last output is what the engine computes, and their pictures show these numbers."""
import itertools
import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
import layers.functional as F
from layers import CausalConv1d, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Linear, MaskedConv2d, steps
from layers.convolution import weight_gradient
from layers.kernels.geometry import Geometry, all_taps
from layers.steps.form import Form
from minigrad import tensor

ORDERS = {"convolution": ("outputs", "taps", "inputs"), "transposed": ("inputs", "outputs", "taps"),
          "weight": ("taps", "outputs")}


def last(generator):
    """The output of the last step."""
    return [*generator][-1].output


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


@st.composite
def problems(draw):
    """Settings of 1-D and 2-D convolutions of every kind: (batch, channels, outputs, size, settings)."""
    axes = draw(st.integers(1, 2))
    several = st.tuples(*[st.integers(1, 3)] * axes)
    groups = draw(st.integers(1, 2))
    settings = {"stride": draw(several), "dilation": draw(several), "groups": groups,
                "padding": draw(st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * axes))}
    members, outputs = (draw(st.integers(1, 2)) for _ in range(2))
    return (draw(st.integers(1, 2)), groups * members, groups * outputs, draw(st.tuples(*[st.integers(1, 6)] * axes)),
            draw(several), settings)


def fits(size, kernel, settings):
    return all(n + sum(p) >= d * (k - 1) + 1 for n, k, d, p in
               zip(size, kernel, settings["dilation"], settings["padding"]))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(problems())
def test_a_convolution_ends_with_what_the_engine_computes(problem):
    batch, channels, outputs, size, kernel, settings = problem
    assume(fits(size, kernel, settings))
    x, w = normal(0, batch, channels, *size), normal(1, outputs, channels // settings["groups"], *kernel)
    b = normal(2, outputs)
    expected = (F.conv1d if len(size) == 1 else F.conv2d)(tensor(x), tensor(w), tensor(b), **settings).data
    for order in ORDERS["convolution"]:
        assert last(steps.convolution(x, w, b, order=order, **settings)) == pytest.approx(expected, abs=1e-12), order


@settings(max_examples=25, deadline=None, derandomize=True)
@given(problems(), st.booleans())
def test_a_transposed_convolution_ends_with_what_the_engine_computes(problem, extra):
    batch, channels, outputs, size, kernel, settings = problem
    settings["output_padding"] = [s - 1 if extra else 0 for s in settings["stride"]]
    y, w = normal(0, batch, channels, *size), normal(1, channels, outputs // settings["groups"], *kernel)
    b = normal(2, outputs)
    assume(all((n - 1) * s - sum(p) + d * (k - 1) + e + 1 > 0 for n, s, p, d, k, e in
               zip(size, settings["stride"], settings["padding"], settings["dilation"], kernel,
                   settings["output_padding"])))
    function = F.conv_transpose1d if len(size) == 1 else F.conv_transpose2d
    expected = function(tensor(y), tensor(w), tensor(b), **settings).data
    for order in ORDERS["transposed"]:
        found = last(steps.transposed_convolution(y, w, b, order=order, **settings))
        assert found == pytest.approx(expected, abs=1e-12), order


@pytest.mark.parametrize("order", ORDERS["weight"])
def test_a_weight_gradient_ends_with_what_the_engine_computes(order):
    taps = all_taps((3, 2))[1:]
    geometry = Geometry((5, 6), (3, 2), (2, 1), (1, 0, 2, 1), (1, 2), 2, taps)
    x, g = normal(0, 2, 4, 5, 6), normal(1, 2, 2, *geometry.output_size)
    expected = weight_gradient(tensor(x), tensor(g), geometry).data
    found = steps.weight_gradient(x, g, (3, 2), (2, 1), ((1, 0), (2, 1)), (1, 2), 2, taps, order)
    assert last(found) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", ["A", "B"])
@pytest.mark.parametrize("order", ORDERS["convolution"])
def test_masked_convolutions(kind, order):
    conv = MaskedConv2d(kind, 2, 2, 3).double()
    x = tensor(normal(0, 2, 4, 4))
    found = [*steps.layer(conv, x, order=order)]
    assert found[-1].output == pytest.approx(conv(x).data, abs=1e-12)
    if order == "outputs":
        taps = 4 + (kind == "B")
        assert all(len(step.terms) == 2 * taps for step in found)
        for step in found:                 # none looks ahead
            _, _, r, q = step.index
            assert all((u, v) < (r, q) or kind == "B" and (u, v) == (r, q) for _, _, u, v in (t.x for t in step.terms))


LAYERS = {"Conv1d": lambda: Conv1d(2, 3, 3, padding=1, stride=2), "Conv2d": lambda: Conv2d(2, 2, 2, groups=2),
          "colours": lambda: MaskedConv2d("A", 3, 3, 3, colours=3), "causal": lambda: CausalConv1d(2, 1, 2, dilation=2),
          "shifted": lambda: CausalConv1d(1, 2, 2, shift=True, bias=False),
          "ConvTranspose1d": lambda: ConvTranspose1d(2, 1, 3, stride=2, padding=1, output_padding=1),
          "ConvTranspose2d": lambda: ConvTranspose2d(2, 2, (2, 3), dilation=2)}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_end_with_what_they_compute(name):
    module = LAYERS[name]().double()
    x = tensor(normal(3, 2, module.in_channels, *[5] * module.axes))
    assert last(steps.layer(module, x)) == pytest.approx(module(x).data, abs=1e-12)
    assert last(steps.layer(module, x, order="taps")) == pytest.approx(module(x).data, abs=1e-12)


def test_the_lectures_examples():
    assert last(steps.convolution([0, 0, 1, 0, 0, 0, 0], [1, 2, 3])).tolist() == [3, 2, 1, 0, 0]
    for order in ORDERS["transposed"]:
        found = last(steps.transposed_convolution([2, 3, 0, -1], [1, 2, -1], order=order))
        assert found.tolist() == [2, 7, 4, -4, -2, 1]


def test_a_step_holds_its_numbers():
    second = [*steps.convolution([[1, 2, 0], [3, 1, 4]], [[1, -1], [2, 5]], bias=[10], padding=((0, 0), (1, 0)))][1]
    assert second.window.tolist() == [1, 2, 3, 1] and second.weights.tolist() == [1, -1, 2, 5]
    assert second.products.tolist() == [1, -2, 6, 5] and second.sums.tolist() == [11, 9, 15, 20]
    assert second.output.shape == (1, 3) and second.output[0, :2].tolist() == [24, 20]
    assert np.isnan(second.output[0, 2]) and second.form.given("y", second.index) == (0, 1)
    assert str(second) == """\
output[0, 1] gathers 4 products: 20
  input[0, 0] 1 * weight[0, 0]  1 =  1 -> output[0, 1] = 11
  input[0, 1] 2 * weight[0, 1] -1 = -2 -> output[0, 1] = 9
  input[1, 0] 3 * weight[1, 0]  2 =  6 -> output[0, 1] = 15
  input[1, 1] 1 * weight[1, 1]  5 =  5 -> output[0, 1] = 20
output so far
  24 20  ."""


def test_what_falls_outside_is_cut_off():
    first = next(steps.transposed_convolution([2, 3], [1, 4, 5], stride=2, padding=1))
    assert np.isnan(first.sums).tolist() == [True, False, False] and first.output.tolist() == [8, 10, 0]
    assert "-> cut off" in str(first)
    assert "padding" in str(next(steps.convolution([2, 3], [1, 4, 5], padding=1)))


def test_steps_are_made_one_at_a_time():
    """The first steps of a large convolution come at once, and keep their numbers when the next ones are made."""
    steps_of_many = steps.convolution(np.ones((1, 8, 64, 64)), np.ones((8, 8, 5, 5)), padding=2)
    first, second = itertools.islice(steps_of_many, 2)
    assert first.output[0, 0, 0, 0] == 72 and np.isnan(first.output[0, 0, 0, 1])
    assert second.output[0, 0, 0, 1] == 96
    assert str(first).count("\n") < 600 and "... and 160 more" in str(first)


FAULTS = {"flipped kernel": lambda g, r, q, a, b: (r * g.stride[0] + (g.kernel[0] - 1 - a) * g.dilation[0]
                                                   - g.padding[0], q - g.padding[2] + b),
          "wrong side": lambda g, r, q, a, b: (r * g.stride[0] + a * g.dilation[0] - g.padding[1],
                                               q - g.padding[2] + b),
          "no stride": lambda g, r, q, a, b: (r + a * g.dilation[0] - g.padding[0], q - g.padding[2] + b),
          "no dilation": lambda g, r, q, a, b: (r * g.stride[0] + a - g.padding[0], q - g.padding[2] + b)}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_seen(fault, monkeypatch):
    x, w, settings = normal(0, 9), np.array([1.0, 2, -3]), {"stride": 2, "dilation": 2, "padding": [(3, 1)]}
    expected = F.conv1d(tensor(x[None]), tensor(w[None, None]), **settings).data[0]
    back = F.conv_transpose1d(tensor(x[None]), tensor(w[None, None]), **settings).data[0]
    assert last(steps.convolution(x, w, **settings)) == pytest.approx(expected)
    monkeypatch.setattr(Form, "pixel", lambda form, *place: FAULTS[fault](form.geometry, *place))
    assert abs(last(steps.convolution(x, w, **settings)) - expected).max() > 0.1
    assert abs(last(steps.transposed_convolution(x, w, **settings)) - back).max() > 0.1


@pytest.mark.parametrize("call, message", [
    (lambda: steps.convolution([1, 2], [[1]]), "a row and its kernel have one axis each"),
    (lambda: steps.convolution([1, 2], [1], order="rows"), "order must be 'outputs', 'taps', 'inputs', not 'rows'"),
    (lambda: steps.convolution([1, 2], [1, 2, 3]), "conv1d: the kernel .3,. with dilation .1,. reaches over"),
    (lambda: steps.convolution(np.ones((2, 5)), np.ones((1, 3, 2))), "expects 3 input channels"),
    (lambda: steps.layer(Linear(1, 1), [1.0]), "layer: takes a convolution, not Linear"),
    (lambda: steps.weight_gradient([1, 2, 3], [1, 2, 3], 2), "the output of that convolution has shape .2,.")])
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---------------------------------------------------------------------------------------------------------------------
# Pictures

CASES = {"1-D": lambda: steps.convolution([1, 2, 0, 3], [1, 2, -1], padding=1),
         "1-D channels": lambda: steps.convolution(normal(0, 2, 5), normal(1, 2, 2, 3), dilation=2),
         "2-D": lambda: steps.convolution(np.arange(9).reshape(3, 3), np.ones((2, 2)), stride=2, padding=1),
         "taps": lambda: steps.convolution(np.arange(9).reshape(3, 3), np.eye(2), order="taps"),
         "masked": lambda: steps.convolution(np.ones((3, 3)), np.ones((3, 3)), padding=1, taps=all_taps((3, 3))[:4]),
         "transposed": lambda: steps.transposed_convolution([[1, 2], [3, 4]], np.ones((3, 3)), stride=2, padding=1),
         "transposed 1-D": lambda: steps.transposed_convolution([1, 2], [3, 4, 5], stride=2, order="outputs"),
         "weight": lambda: steps.weight_gradient([1, 2, 3], [1, 2], 2),
         "weight 2-D": lambda: steps.weight_gradient(np.ones((3, 3)), np.ones((2, 2)), 2, order="outputs")}


@pytest.mark.parametrize("case", CASES)
def test_pictures_need_no_colour_and_no_more_room(case):
    drawn(steps.strip(itertools.islice(CASES[case](), 2), columns=1))


def drawn(figure):
    """Draw it, and demand that it has no colour, is not empty, and that all its text is inside."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    figure.set_dpi(60)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba()).astype(int)
    assert np.ptp(pixels[..., :3], axis=2).max() == 0 and pixels[..., :3].min() < 100
    width, height = canvas.get_width_height()
    for axes in figure.axes:
        for text in axes.texts:
            box = text.get_window_extent(canvas.get_renderer())
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, text


def test_a_picture_shows_the_numbers():
    """Which squares are lit, which is the step's own, and what stands in them."""
    step = [*steps.convolution([[1, 2, 0], [3, 1, 4], [5, 6, 7]], [[1, -1], [2, 8]], taps=[(0, 0), (1, 1)])][1]
    looks = [look for _, _, look in step.board().squares]
    assert [looks.count(look) for look in ("lit", "own", "hidden", "plain")] == [2 + 2, 1, 2, 7 + 3]
    board = step.board()
    texts, numbers = ([text for _, _, text, *_ in listed] for listed in (board.texts, board.numbers))
    assert "output[0, 1] = 2\u00b71 + 4\u00b78 = 34" in texts and "\u00d78" in texts and "34" in numbers


def test_a_page_of_steps(tmp_path):
    path = steps.page(steps.convolution([1, 2, 3], [1, 2]), tmp_path / "page.html", title="A convolution")
    text = path.read_text(encoding="utf-8")
    assert text.count("<section>") == text.count("data:image/svg") == 2 and "output[1] gathers 2 products: 8" in text


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="there are no steps to draw"):
        steps.strip([])
