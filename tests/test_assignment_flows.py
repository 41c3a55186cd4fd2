"""The homework on flows: its cases tell right solutions from wrong ones."""
import pytest
from homework import Homework


@pytest.fixture(scope="module")
def homework():
    return Homework("flows")


def test_points(homework):
    assert sum(case.points for case in homework.cases) == 100


def test_the_engine_passes(homework):
    assert homework.failed() == []


def test_the_skeleton_passes_nothing(homework):
    assert homework.passed_by_the_skeleton() == []


def test_no_task_needs_a_later_one(homework):
    assert homework.leaning() == []


def test_every_planted_fault_is_found(homework):
    assert homework.survivors() == []


def test_honest_solutions_pass(homework):
    assert homework.denied() == []


def test_the_handout_gives_nothing_away(homework):
    assert homework.given_away() == []
