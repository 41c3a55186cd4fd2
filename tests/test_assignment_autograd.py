"""The homework on automatic differentiation: its cases tell right solutions from wrong ones."""
import pytest
from homework import Homework, replaced
from minigrad import is_grad_enabled
from minigrad.tensor import enable_grad

ENDLESS = "reachable finds tensors twice"  # 2^60 steps: the grader's clock ends it, this process would not


@pytest.fixture(scope="module")
def homework():
    return Homework("autograd")


def test_points(homework):
    assert sum(case.points for case in homework.cases) == 100


def test_the_engine_passes(homework):
    assert homework.failed() == []


def test_the_skeleton_passes_nothing(homework):
    assert homework.passed_by_the_skeleton() == []


def test_no_task_needs_a_later_one(homework):
    assert homework.leaning() == []


def test_every_planted_fault_is_found(homework):
    missed = []
    for fault in homework.faults.FAULTS:
        with enable_grad(), replaced({fault.hole: homework.planted(fault)}):   # a fault may leave recording off
            if fault.name != ENDLESS and not homework.failed(homework.holes[fault.hole], only_one=True):
                missed.append(fault.name)
    assert missed == [] and is_grad_enabled()


def test_honest_solutions_pass(homework):
    assert homework.denied() == []


def test_a_sum_of_ones_sees_no_wrong_softmax(homework):
    """Why `random_cotangents` is a task: with ones, the rule that gives zeros passes."""
    case, = (case for case in homework.cases if "softmax" in case.name and case.task == "5")
    hole = "minigrad/gradcheck.py:random_cotangents"
    ones = "def random_cotangents(outputs, rng):\n    return [np.ones(raw(y).shape) for y in outputs]\n"
    assert homework.values(case, 0) == ("it passes", "GradientError")
    with replaced({hole: ones}):
        assert homework.values(case, 0) == ("it passes", "it passes")
