"""The homework on autoregression: its numbers are the lecture's, and its checks judge right.

See also test_homework.py.
"""
import numpy as np
import pytest
from assignments.autoregression.hidden import fair_above
from assignments.autoregression.inputs import fair_degrees, sums_to_one
from assignments.manifest import load


def test_the_numbers_are_the_lectures():
    """What the cases compare with is what the slides print, or what is right where they are wrong."""
    probes = load("autoregression").module("probes")
    x = np.array([[1.0, 6, 3, 9, 1], [4, 8, 2, 2, 9]])
    assert probes.padded(x, (-1, 1))[0].tolist() == [[6, 3, 9, 1, 0], [8, 2, 2, 9, 0]]
    assert probes.padded(x, (0, 0, 2, 0))[0].tolist() == [[0] * 5, [0] * 5, *x.tolist()]
    lecture = (("variant", "lecture"),)
    for given, lags in ((("CausalToy", 12, ()), range(1, 6)), (("DilatedToy", 40, lecture), range(1, 32, 2)),
                        (("DilatedToy", 40, ()), range(1, 33))):
        assert probes.lags(*given) == "the lags " + " ".join(map(str, lags))
    assert probes.in_units(784 * np.log(256), (1, 28, 28)) == pytest.approx([8, 256])
    before = np.tril(np.ones((5, 5), bool), -1)
    assert np.array_equal(probes.made_sees(np.arange(1, 6), (np.array([1, 2, 3, 4]),), False), before)


def test_checks_see_what_they_are_for():
    """Each check passes right values, and objects to those that are nearly right."""
    p = np.array([0.1, 0.2, 0.3, 0.4])
    assert sums_to_one((), (p,)) is None
    assert "add up to" in sums_to_one((), (p * (1 + 1e-8),))
    assert "equally probable" in sums_to_one((), (np.full(4, 0.25),))
    assert "from 0 on" in sums_to_one((), (np.array([-0.1, 0.5, 0.6]),))
    every, other = np.array([1, 2, 3, 1]), np.array([3, 2, 1, 1])
    assert fair_degrees((4, (4,), 0), (every, other)) is None
    assert "other degrees" in fair_degrees((4, (4,), 0), (every, every))
    assert "never occurs" in fair_degrees((4, (4,), 0), (np.array([1, 2, 1, 1]), other))
    assert "between 1 and 3" in fair_degrees((4, (4,), 0), (every + 1, other))
    assert "integers" in fair_degrees((4, (4,), 0), (every + 0.0, other))
    assert fair_above((4, (2, 2), 0), (np.array([2, 3]), np.array([3, 2]))) is None
    assert "must occur" in fair_above((4, (2, 2), 0), (np.array([2, 3]), np.array([3, 1])))
    assert "must lie" in fair_above((4, (2, 2), 0), (np.array([2, 4]), np.array([3, 2])))
