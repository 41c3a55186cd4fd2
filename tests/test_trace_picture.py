"""The pictures: boxes and arrows lie where they should, and say what the steps say."""
import numpy as np
import pytest
import layers as nn
import minigrad
from minigrad import Tensor, trace
from minigrad.trace.layout import apart, layout
from minigrad.trace.picture import Drawing, near


def leaf(value):
    return Tensor(np.asarray(value, np.float64), requires_grad=True)


def diamond():
    a = leaf(2.0)
    b = a + a
    c = b + b
    return list(trace.backward(c * b)), list(trace.forward(c * b))


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def random_boxes(seed, count=30):
    """Names of boxes, and their inputs: some of those before."""
    rng = np.random.default_rng(seed)
    boxes = list(range(count))
    inputs = {i: [(int(j), None) for j in rng.integers(max(0, i - 6), i, size=rng.integers(0, 4))] if i else []
              for i in boxes}
    return boxes, inputs, {i: float(rng.uniform(0.5, 2)) for i in boxes}


# Layout

@pytest.mark.parametrize("seed", range(5))
def test_arrows_go_down_and_boxes_do_not_overlap(seed):
    boxes, inputs, width = random_boxes(seed)
    row, x, routes = layout(boxes, inputs, width)
    for box in boxes:
        assert [route[0] for route in routes[box]] == [(x[source], row[source]) for source, _ in inputs[box]]
        for route in routes[box]:
            assert [r for _, r in route] == list(range(route[0][1], row[box] + 1)) and route[-1] == (x[box], row[box])
        for other in boxes:
            if other != box and row[other] == row[box]:
                assert abs(x[other] - x[box]) >= (width[box] + width[other]) / 2
    bends = {point for box in boxes for route in routes[box] for point in route[1:-1]}
    for at, r in bends:
        assert all(abs(at - x[box]) > width[box] / 2 for box in boxes if row[box] == r)


def test_neighbours_move_as_little_as_they_must():
    assert apart([0, 10], [1, 1]) == [0, 10]
    left, right = apart([5, 5], [2, 2])
    assert right - left >= 2 and left + right == 10


# What the pictures say

def test_each_step_lights_its_box_and_shows_totals_and_cotangents():
    backward, _ = diamond()
    words = [texts(step.draw()) for step in backward]
    assert sum("no grad yet" in text for text in words[0]) == 1            # of a; b and c have got something
    assert "so far 8" in words[0] and "grad 4" in words[0] and "grad 1" in words[0]
    assert "grad 16" in words[1] and words[1].count("4") == 2 + 1          # two cotangents, and the value of b
    assert "grad 32" in words[2] and words[2].count("16") == 2


def test_lit_boxes_are_black_done_ones_grey():
    backward, forward = diamond()
    for steps in (backward, forward):
        for step in steps:
            drawing = Drawing(step.graph, True)
            states = [drawing.state(box, step) for box in step.graph.boxes if box.kind == "operation"]
            states = states[::-1] if steps is backward else states
            assert states == ["done"] * (step.number - 1) + ["lit"] + ["waiting"] * (3 - step.number)


def test_values_appear_when_they_are_computed():
    _, forward = diamond()
    assert [texts(step.draw()).count("?") for step in forward] == [2, 1, 0]


def test_leaves_constants_operations_and_layers_look_different():
    net = nn.Sequential(nn.Linear(2, 2))
    x, w = minigrad.ones(1, 2), leaf([[3.0, 4.0]])
    with trace.record():
        y = (net(x) * w * 0.5).sum()
    graph = trace.Graph(y)
    assert [box.kind for box in graph.boxes] == ["constant", "layer", "leaf", "operation", "constant", "operation",
                                                 "operation"]
    patches = [patch for patch in graph.draw().axes[0].patches if hasattr(patch, "get_boxstyle")]
    looks = [(type(patch.get_boxstyle()).__name__, patch.get_linewidth(), patch.get_linestyle() in ("-", "solid"))
             for patch in patches]
    assert looks[0] != looks[3] and len(set(looks)) == 3 and len(patches) == len(graph.boxes) + 1     # a double frame


def test_of_a_large_graph_the_neighbourhood_is_drawn():
    first = y = leaf(1.0)
    for _ in range(3000):
        y = y * 1.001 + first
    step = next(step for step in trace.backward(y) if step.number == 2999)
    shown = near(step, 20)
    assert 41 < len(shown) <= 43 and step.box in shown and all(source in shown for source, _ in step.box.inputs)
    words = texts(step.draw())
    assert any(text.startswith("so far") for text in words) and "..." in words
    assert len(texts(step.draw(around=2))) < len(words)
    with pytest.raises(ValueError, match="a picture of 9,001 boxes can't be read: draw a step"):
        trace.Graph(y).draw()


def test_long_numbers_stay_inside_their_boxes():
    x = leaf([-1.23456e-5, 123456.7, 0.3333333])
    y = (x * 1e-7 * x).sum()
    for step in trace.backward(y):
        figure = step.draw()
        figure.canvas.draw()
        drawing = Drawing(step.graph, True)
        for box in step.graph.boxes:
            for text in figure.axes[0].texts:
                at = text.get_position()
                if text.get_text() and abs(at[0] - drawing.x[box]) < 1e-9 and text.get_zorder() != 5:
                    if abs(at[1] - drawing.y[drawing.row[box]]) <= drawing.height(box) / 2:
                        extent = text.get_window_extent().transformed(figure.axes[0].transData.inverted())
                        assert extent.width <= drawing.widths[box]


def test_a_strip_has_a_panel_for_each_step():
    backward, forward = diamond()
    figure = trace.strip(forward + backward, columns=3)
    assert len(figure.axes) == 6
    assert [text.get_text() for text in figure.texts] == [
        "forward 1", "forward 2", "forward 3", "backward 1", "backward 2", "backward 3"]


def test_a_page(tmp_path):
    backward, _ = diamond()
    path = trace.page(backward, tmp_path / "steps.html", title="a & b")
    text = path.read_text(encoding="utf-8")
    assert text.count("<img") == 3 and "a &amp; b" in text and "backward step 3" in text
