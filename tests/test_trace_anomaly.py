"""Anomaly mode names the operation that breaks the numbers; the profile counts and times what ran."""
import sys
import time
import numpy as np
import pytest
import layers as nn
import minigrad
from minigrad import Tensor, autograd, operation, trace


def leaf(*values):
    return Tensor(np.array(values, np.float64), requires_grad=True)


def finds(pattern, function):
    """Check that anomaly mode stops function, with a message like that, and that it was on only for that time."""
    before = autograd.core.tick, autograd.pulled_back, np.geterr()
    with pytest.raises(FloatingPointError, match=pattern), trace.anomaly():
        function()
    assert (autograd.core.tick, autograd.pulled_back, np.geterr()) == before


# Forward

def test_the_first_operation_that_makes_an_infinity_is_named_with_its_line_and_the_entry():
    x = leaf(1.0, 0.0)

    def function():
        y = x * 2
        z = y.log() + 1
        return z.exp().sum()
    finds(r"^log #\d+ \(test_trace_anomaly.py:\d+: y.log\(\)\) makes -inf at index \(1,\), where its input is 0$",
          function)


def test_nan_and_operations_of_two_inputs():
    finds(r"^div #.*: x / y\) makes nan at index \(1,\), where its inputs are 0 and 0$",
          lambda x=leaf(1.0, 0.0), y=leaf(1.0, 0.0): x / y)


def test_the_traceback_ends_in_the_line():
    x = leaf(-1.0)
    try:
        with trace.anomaly():
            x.sqrt()                       # this line
        raise AssertionError("nothing was found")
    except FloatingPointError:
        step = sys.exc_info()[2]
        assert step.tb_lineno == test_the_traceback_ends_in_the_line.__code__.co_firstlineno + 4


def test_infinities_that_were_given_are_no_anomaly():
    with trace.anomaly():
        x = Tensor(np.array([-np.inf, 1.0]), requires_grad=True)
        y = x * 2
        (y + 1).detach()
        assert minigrad.softmax(y, 0).data.tolist() == [0, 1]


# Backward

def test_the_first_rule_that_makes_an_infinity_is_named_with_the_line_of_its_operation():
    x = leaf(1.0, 0.0)

    def function():
        y = x * 1
        z = y.sqrt()
        z.sum().backward()
    finds(r"^backward: sqrt #\d+ \(test_trace_anomaly.py:\d+: y.sqrt\(\)\) gives its input of shape \(2,\) "
          r"a cotangent of inf at index \(1,\), where its input is 0; its rule is dy = dx / \(2 sqrt\(x\)\)$", function)


def test_cotangents_whose_sum_overflows():
    huge = operation(lambda x: x * 1, lambda g, y, x: g * 1.5e308, name="huge")
    y = leaf(1.0) * 1
    finds(r"^backward: mul #\d+ gets cotangents that add up to inf at index \(0,\)$",
          lambda: (huge(y) + huge(y)).sum().backward())


def test_a_model_that_is_well_gets_the_gradients_that_it_gets_otherwise():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    x = minigrad.ones(2, 3)
    net(x).mean().backward()
    expected = [p.grad.data.copy() for p in net.parameters()]
    net.zero_grad()
    with trace.anomaly():
        net(x).mean().backward()
    assert all(np.array_equal(p.grad.data, g) for p, g in zip(net.parameters(), expected))


# Profile

def test_the_profile_counts_calls_and_bytes():
    x = minigrad.tensor(np.ones((10, 10)), dtype=minigrad.float64, requires_grad=True)
    with trace.profile() as table:
        y = x * 2
        for _ in range(3):
            y = y.tanh() * x
        (y.reshape(100) > 0).sum()
        y.sum().backward()
    counts = {name: row.calls for name, row in table.forward.items()}
    assert counts == {"mul": 4, "tanh": 3, "reshape": 1, "gt": 1, "sum": 2}
    assert {name: row.calls for name, row in table.backward.items()} == {"mul": 4, "tanh": 3, "sum": 1}
    assert table.forward["mul"].bytes == 4 * 800 and table.forward["reshape"].bytes == 0
    assert table.backward["tanh"].bytes == 3 * 800 and table.backward["sum"].bytes == 0
    assert table.backward["mul"].bytes == 3 * 2 * 800 + 800


def test_the_profile_times_what_takes_long_and_sorts_by_it():
    def pause(seconds):
        time.sleep(seconds)
        return seconds

    slow = operation(lambda x: x * pause(0.02) / 0.02, lambda g, y, x: g * pause(0.01) / 0.01, name="slow")
    x = leaf(1.0)
    before = sys.getprofile(), autograd.core.tick, autograd.pulled_back
    with trace.profile() as table:
        time.sleep(0.03)
        (slow(x * 2) + slow(x)).sum().backward()
    assert (sys.getprofile(), autograd.core.tick, autograd.pulled_back) == before
    assert 0.04 <= table.forward["slow"].seconds and 0.02 <= table.backward["slow"].seconds
    assert table.forward["mul"].seconds < 0.02 and table.seconds >= 0.09       # the pause before is not mul's
    lines = str(table).splitlines()
    assert lines[1].split()[:2] == ["slow", "2"]
    assert lines[-2].startswith("elsewhere") and lines[-1].startswith("in all")


def test_the_profile_of_a_computation_without_gradients():
    x = leaf(1.0)
    with minigrad.no_grad(), trace.profile() as table:
        x * 2 + 1
    assert {name: row.calls for name, row in table.forward.items()} == {"mul": 1, "add": 1} and not table.backward
    assert "mul" in str(table)


def test_listeners_inside_each_other():
    x = leaf(1.0)
    for listeners in ((trace.profile, trace.record, trace.anomaly), (trace.record, trace.anomaly, trace.profile)):
        with listeners[0]() as first, listeners[1](), listeners[2]() as last:
            y = x * 2
            y.backward(retain_graph=True)
        step, = trace.forward(y)
        assert step.place.part == "x * 2"
        table = first if listeners[0] is trace.profile else last
        assert table.forward["mul"].calls == table.backward["mul"].calls == 1
