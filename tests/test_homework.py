"""What holds for every homework without compiled holes: its cases tell right solutions from wrong ones.

(The holes of convnet are compiled; `test_assignment_convnet.py` takes them to the grader.)
"""
import pytest
from homework import Homework
from minigrad import is_grad_enabled


@pytest.fixture(scope="module", params=["autograd", "autoencoders", "autoregression", "flows", "pixelcnn"])
def homework(request):
    return Homework(request.param)


def test_points(homework):
    assert sum(case.points for case in homework.cases) == 100


def test_the_engine_passes(homework):
    assert homework.failed() == []


def test_the_skeleton_passes_nothing(homework):
    assert homework.passed_by_the_skeleton() == []


def test_no_task_needs_a_later_one(homework):
    assert homework.leaning() == []


def test_every_planted_fault_is_found(homework):
    assert homework.survivors() == [] and is_grad_enabled()


def test_honest_solutions_pass(homework):
    assert homework.denied() == []
