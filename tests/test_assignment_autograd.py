"""The homework on automatic differentiation: what its cases are made of.  See also test_homework.py."""
from homework import Homework, replaced


def test_a_sum_of_ones_sees_no_wrong_softmax():
    """Why `random_cotangents` is a task: with ones, the rule that gives zeros passes."""
    homework = Homework("autograd")
    case, = (case for case in homework.cases if "softmax" in case.name and case.task == "5")
    hole = "minigrad/gradcheck.py:random_cotangents"
    ones = "def random_cotangents(outputs, rng):\n    return [np.ones(raw(y).shape) for y in outputs]\n"
    assert homework.values(case, 0) == ("it passes", "GradientError")
    with replaced({hole: ones}):
        assert homework.values(case, 0) == ("it passes", "it passes")
