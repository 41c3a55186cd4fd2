"""The trace: its gradients and totals are those of backward, bit by bit; lines, layers, errors."""
import subprocess
import sys
import numpy as np
import pytest
import layers as nn
import minigrad
from minigrad import Tensor, autograd, operation, trace
from minigrad.trace import steps as stepping


def leaf(*values):
    return Tensor(np.array(values[0] if len(values) == 1 else values, np.float64), requires_grad=True)


def diamond():
    a = leaf(2.0)
    b = a + a
    c = b + b
    return a, b, c, c * b


def random_graph(seed):
    """Leaves, and a scalar computed from them through operations chosen at random, many values used several times."""
    rng = np.random.default_rng(seed)
    leaves = [leaf(rng.standard_normal((3, 4))) for _ in range(3)]
    pool = list(leaves)
    for _ in range(25):
        x, y = (pool[i] for i in rng.integers(len(pool), size=2))
        choices = (lambda: x + y, lambda: x * y, lambda: x.tanh(), lambda: x - 2 * y, lambda: x.sigmoid(),
                   lambda: (x @ y.T).tanh() @ x, lambda: x.mean(0) + y, lambda: x[:, [0, 0, 1, 2]])
        pool.append(choices[rng.integers(len(choices))]())
    return leaves, (pool[-1] * pool[-2] + pool[-3]).mean()


def final_totals(steps):
    """What each tensor has got in the end, as a dict."""
    last = list(steps)[-1]
    return {x: last.total(x) for x in last.totals.history}


# Against backward

@pytest.mark.parametrize("seed", range(8))
def test_gradients_are_those_of_backward_to_the_last_bit(seed):
    leaves, loss = random_graph(seed)
    found = final_totals(trace.backward(loss))
    loss.backward(retain_graph=True)
    for x in leaves:
        if x.grad is None:
            assert x not in found
        else:
            assert found[x].tobytes() == x.grad.data.tobytes()
    inner = [x for x in found if x.rule is not None and x is not loss]
    for x, g in zip(inner, autograd.grad(loss, inner, retain_graph=True)):
        assert found[x].tobytes() == g.data.tobytes()


@pytest.mark.parametrize("seed", range(8))
def test_the_order_is_that_in_which_backward_calls_the_rules(seed, monkeypatch):
    _, loss = random_graph(seed)
    called, pulled_back = [], autograd.pulled_back

    def watched(y, *others):
        called.append(y)
        return pulled_back(y, *others)

    monkeypatch.setattr(autograd, "pulled_back", watched)
    loss.backward(retain_graph=True)
    expected, called[:] = list(called), []
    assert [step.output for step in trace.backward(loss)] == expected == called


def test_a_given_gradient():
    x = leaf(1.0, 2.0)
    y = x * x
    found = final_totals(trace.backward(y, minigrad.tensor([1.0, 10.0], dtype=minigrad.float64)))
    assert found[x].tolist() == [2, 40]
    with pytest.raises(RuntimeError, match=r"trace.backward: an output of shape \(2,\) is not a scalar"):
        trace.backward(y)


def test_what_has_come_together_after_each_step_of_a_diamond():
    a, b, c, d = diamond()
    steps = list(trace.backward(d))
    assert [step.output for step in steps] == [d, c, b]
    assert [[step.total(x) for x in (d, c, b, a)] for step in steps] == [
        [1, 4, 8, None], [1, 4, 16, None], [1, 4, 16, 32]]
    assert [(x, g) for _, x, g in steps[1].leaving] == [(b, 4), (b, 4)]
    assert steps[1].arriving == {c: 4}


def test_a_wrong_total_would_be_seen(monkeypatch):
    """The comparison above is no tautology: a total that is overwritten, not added to, differs from backward's."""
    monkeypatch.setattr(stepping.Totals, "add", lambda self, x, g, number: self.history.update({x: [(number, g, g)]}))
    a, *_, d = diamond()
    found = final_totals(trace.backward(d))
    d.backward()
    assert found[a] == 16 and a.grad.data == 32


def careless_order(outputs, reachable=autograd.reachable):
    """A wrong order for the diamond: b has its turn before c."""
    a, b, c, d = reachable(outputs)
    return [a, c, b, d]


def test_a_walk_in_the_wrong_order_is_shown_as_it_is(monkeypatch):
    """As it may be written in a homework."""
    a, b, c, d = diamond()
    monkeypatch.setattr(autograd, "reachable", careless_order)
    steps = list(trace.backward(d))
    assert [step.output for step in steps] == [d, b, c]
    assert steps[1].arriving == {b: 8} and "g = 8\n" in str(steps[1])
    assert steps[2].total(a) == 16 and "gives     nothing" in str(steps[2])        # b has had its turn
    d.backward()
    assert a.grad.item() == 16


def overwriting(outputs, cotangents, wanted, retain_graph, create_graph):
    """A walk that forgets to add."""
    pending = dict(zip(outputs, cotangents))
    for y in reversed(autograd.reachable(outputs)):
        if y.rule is not None:
            pending.update(autograd.pulled_back(y, pending[y], pending.keys() | set(y.inputs), create_graph))
    return pending


def test_a_walk_that_loses_cotangents_is_told_so(monkeypatch):
    a, b, c, d = diamond()
    monkeypatch.setattr(autograd, "propagate", overwriting)
    words = str(list(trace.backward(d))[2])
    assert "arrives   g = 4\n            but b was given 16 = 8 + 4 + 4: the walk is wrong" in words


def test_writes_in_place():
    x = leaf(1.0, 2.0)
    y = x * 2
    y += x
    y *= x
    z = y.sum()
    found = final_totals(trace.backward(z))
    assert [step.name.split(" #")[0] for step in trace.forward(z)] == ["mul", "add", "mul", "sum"]
    z.backward(retain_graph=True)
    assert found[x].tolist() == x.grad.data.tolist() == [6, 12]
    w = x * 3
    squares = (w * w).sum()
    w += 1
    steps = trace.backward(squares)
    assert next(steps).name.startswith("sum")
    with pytest.raises(RuntimeError, match="was overwritten by add_"):
        next(steps)


def test_the_graph_of_a_gradient():
    x = leaf(1.0, 2.0)
    with trace.record():
        g, = autograd.grad((x ** 3).sum(), x, create_graph=True)
    found = final_totals(trace.backward(g.sum()))
    assert found[x].tolist() == [6, 12]
    assert all(step.place.part.startswith("autograd.grad(") or "x ** 3" in step.place.part for step in trace.forward(g))


def test_nothing_is_loaded_until_it_is_asked_for():
    program = "import sys, minigrad, layers, models; print([m for m in sys.modules if 'trace' in m.split('.')])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"


def test_nothing_is_changed():
    a, _, _, d = diamond()
    a.grad = None
    list(trace.forward(d)), list(trace.backward(d)), list(trace.backward(d))
    assert a.grad is None and minigrad.is_grad_enabled()
    for step in trace.backward(d):
        assert minigrad.is_grad_enabled()
        assert (a * 2).requires_grad
    d.backward()
    assert a.grad.item() == 32


def test_later_steps_do_not_change_what_an_earlier_one_knows():
    x = leaf(1.0, 2.0)
    y = x * 3
    steps, kept = [], []
    for step in trace.backward((y + y + y * y).sum()):
        steps.append(step)
        kept.append(None if step.total(y) is None else step.total(y).copy())
    assert [g if g is None else g.tolist() for g in kept] == [None, None, [6, 12], [8, 14], [8, 14]]
    assert all(g is None and step.total(y) is None or np.array_equal(step.total(y), g) for step, g in zip(steps, kept))


def test_a_chain_of_100000_operations():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y * 1.00001
    count = 0
    for step in trace.backward(y):
        count += 1
    assert count == 100_000
    y.backward()
    assert step.total(x) == x.grad.data


# What a step knows

def test_forward_steps_come_in_creation_order_with_names_values_and_formulas():
    a, b, c, d = diamond()
    steps = list(trace.forward(d))
    assert [step.output for step in steps] == [b, c, d]
    assert steps[2].name == f"mul #{d.serial}" and steps[2].box.title == f"d = mul #{d.serial}"
    assert steps[2].inputs == [("a", c), ("b", b)]
    assert steps[2].formula == "a * b, entry by entry" and steps[2].rule == "dy = b da + a db"
    assert steps[2].place is None


def test_lines_and_parts_of_lines():
    with trace.record():
        x = leaf(1.0, 2.0)
        y = x * 3 + x
        z = (y.exp()
             .sum())
        z += 1
    steps = list(trace.forward(z))
    assert [step.place.part for step in steps][:3] == ["x * 3", "x * 3 + x", "y.exp()"]
    assert [step.place.text.strip() for step in steps] == [
        "y = x * 3 + x", "y = x * 3 + x", "z = (y.exp()", ".sum())", "z += 1"]
    assert [step.place.variable for step in steps] == [None, "y", None, None, None]
    first = test_lines_and_parts_of_lines.__code__.co_firstlineno
    assert [step.place.line - first for step in steps] == [3, 3, 4, 5, 6]
    assert str(steps[0].place) == f"test_trace.py:{first + 3}"
    code, below = str(steps[0]).splitlines()[1:3]
    assert code.endswith(f"test_trace.py:{first + 3}:  y = x * 3 + x")
    assert code[below.index("^"):][:below.count("^")] == "x * 3"


def test_lines_inside_functions_and_layers_are_those_of_the_code_that_calls_the_engine():
    net = nn.Linear(3, 2)

    def error(x):
        return (net(x) ** 2).mean()

    with trace.record():
        loss = error(minigrad.ones(4, 3))
    steps = list(trace.forward(loss, opened=True))
    assert [step.place.part for step in steps] == ["net(x)", "net(x) ** 2", "(net(x) ** 2).mean()"]


def test_recording_leaves_no_trace_behind():
    before = autograd.core.tick
    with trace.record():
        assert autograd.core.tick is not before
        with pytest.raises(ZeroDivisionError), trace.record():
            1 / 0
    assert autograd.core.tick is before


def test_names_come_from_the_variables_of_the_caller_or_are_given():
    def hidden():
        return diamond()
    found = hidden()
    assert [step.box.name for step in trace.forward(found[3])] == [None] * 3
    assert [step.box.name for step in trace.forward(found[3], variables={"top": found[3]})] == [None, None, "top"]
    result = found[3]
    assert list(trace.forward(result))[-1].box.name == "result"


def test_operations_of_ones_own_and_of_several_inputs():
    cube = operation(lambda x: x ** 3, lambda g, y, x: g * 3 * x ** 2, name="cube")
    x = leaf(2.0)
    y = minigrad.cat([minigrad.stack([cube(x), x]), minigrad.einsum("i,i->i", leaf(1.0, 2.0), leaf(3.0, 4.0))]).sum()
    steps = {step.name.split()[0]: step for step in trace.forward(y)}
    assert steps["cube"].inputs == [("x", x)] and steps["cube"].formula is None and steps["cube"].rule is None
    assert [name for name, _ in steps["einsum"].inputs] == ["x1", "x2"]
    assert all(str(step) for step in steps.values()) and all(str(step) for step in trace.backward(y))


def test_values_of_all_kinds_in_words():
    x = leaf(np.arange(12.0))
    empty = Tensor(np.zeros((0, 3)), requires_grad=True)
    y = minigrad.where(x > 4, x, 0.5)[minigrad.tensor([3, 1])].sum() + (x * np.arange(12)).mean() + empty.sum()
    with np.errstate(all="ignore"):
        y = y + (x.clamp(min=2) / (x - 3)).sum() * minigrad.tensor(float("nan"))
        steps = [*trace.forward(y), *trace.backward(y)]
    words = "\n".join(map(str, steps))
    for expected in ("7 of 12 True", "(12,) float64, 0 to 11", "(12,) int64, 0 to 11", "b: 0.5", "x: empty = []",
                     "min: 2", "1 of 12 NaN or infinite", "nan"):
        assert expected in words
    assert all(step.draw() for step in steps[:3])


# Layers

def net_and_loss():
    net = nn.Sequential(nn.Linear(4, 5), nn.Sequential(nn.Tanh(), nn.Linear(5, 5)), nn.Tanh(), nn.Linear(5, 2))
    with trace.record():
        loss = (net(minigrad.ones(3, 4)) ** 2).mean()
    return net, loss


def test_layers_are_one_step_each_until_they_are_opened():
    net, loss = net_and_loss()
    assert [step.box.title.split(" #")[0] for step in trace.forward(loss)] == [
        "net.0: Linear", "net.1: Sequential", "net.2: Tanh", "net.3: Linear", "pow", "loss = mean"]
    assert [step.box.title.split(" #")[0] for step in trace.forward(loss, opened=["net.1"])] == [
        "net.0: Linear", "net.1.0: Tanh", "net.1.1: Linear", "net.2: Tanh", "net.3: Linear", "pow", "loss = mean"]
    assert [step.name.split()[0] for step in trace.forward(loss, opened=True)] == [
        "linear", "tanh", "linear", "tanh", "linear", "pow", "mean"]
    assert [len(step.box.parameters) for step in trace.forward(loss)] == [2, 2, 0, 2, 0, 0]


@pytest.mark.parametrize("opened", [(), ["net.1"], True])
def test_gradients_do_not_depend_on_which_layers_are_open(opened):
    net, loss = net_and_loss()
    found = final_totals(trace.backward(loss, opened=opened))
    loss.backward()
    for parameter in net.parameters():
        assert found[parameter].tobytes() == parameter.grad.data.tobytes()


def test_what_arrives_at_a_layer_is_the_gradient_of_its_output():
    net, loss = net_and_loss()
    step = [step for step in trace.backward(loss) if step.box.name == "net.1"][0]
    output = step.box.tensors[-1]
    g, = autograd.grad(loss, output)
    assert list(step.arriving) == [output] and np.array_equal(step.arriving[output], g.data)
    text = str(step)
    assert "inside    tanh, linear" in text and "learns    1.weight (5, 5), 1.bias (5,)" in text
    assert text.count("gives") == 3


# Errors

def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="no record to step through"):
        trace.forward(leaf(1.0))
    with pytest.raises(ValueError, match="no record to step through"):
        trace.backward(3.0)
    *_, d = diamond()
    d.backward()
    with pytest.raises(RuntimeError, match="freed by an earlier backward.*retain_graph=True"):
        trace.backward(d)


def test_modules_that_were_not_recorded_cannot_be_opened():
    net, loss = net_and_loss()
    with pytest.raises(ValueError, match="no module called 'net.7' was recorded; there are net.0, net.1, net.1.0"):
        trace.forward(loss, opened="net.7")
    with pytest.raises(ValueError, match="compute it inside `with trace.record"):
        trace.forward(diamond()[3], opened=["net.0"])


def test_a_wrong_rule_is_met_at_its_step():
    bad = operation(lambda x: x * 2, lambda g, y, x: (g, g), name="bad")
    y = bad(leaf(1.0)) * 3
    steps = trace.backward(y)
    with pytest.raises(ValueError, match="the rule of bad #.* gave 2 cotangents for 1 inputs"):
        for step in steps:
            assert step.name.startswith("mul")
