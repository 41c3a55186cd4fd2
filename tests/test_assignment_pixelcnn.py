"""The homework on PixelCNN: its cases tell right solutions from wrong ones."""
import pytest
from homework import Homework


@pytest.fixture(scope="module")
def homework():
    return Homework("pixelcnn")


def test_points(homework):
    assert sum(case.points for case in homework.cases) == 100
    assert len({case.name for case in homework.cases}) == len(homework.cases)
    assert {case.task for case in homework.cases} == {task.number for task in homework.assignment.tasks}


def test_the_engine_passes(homework):
    assert homework.failed() == []


def test_the_skeleton_passes_nothing(homework):
    assert homework.passed_by_the_skeleton() == []


def test_every_planted_fault_is_found(homework):
    assert len(homework.faults.FAULTS) >= 30 and homework.survivors() == []


def test_honest_solutions_pass(homework):
    assert len(homework.faults.HONEST) >= 5 and homework.denied() == []


def test_no_task_needs_a_later_one(homework):
    assert homework.leaning() == []
