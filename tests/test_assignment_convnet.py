"""The homework on convolutional networks: its cases tell right from wrong, its witnesses what is allowed."""
import re
import pytest
from assignments import manifest
from assignments.convnet import hidden
from assignments.convnet.scan import suspicious
from assignments.manifest import Measurement, Method
from assignments.selftest import proving, untouched, verdicts
from assignments.solutions import alternative, faulty, reference

ASSIGNMENT = manifest.load("convnet")
PUBLIC, HIDDEN = ASSIGNMENT.module("public").PUBLIC, hidden.HIDDEN
FAULTS, HONEST = ASSIGNMENT.module("faults").FAULTS, ASSIGNMENT.module("faults").HONEST


def test_points_are_those_of_the_hand_out():
    text = (manifest.FOLDER / "convnet" / "handout.md").read_text()
    for task in ASSIGNMENT.tasks:
        cases, method = re.search(rf"\| {task.number} {task.title} \| (\d+) \| (\d*) ?\|", text).groups()
        mine = [case for case in (*PUBLIC, *HIDDEN) if case.task == task.number]
        assert sum(case.points for case in mine if not isinstance(case, Method)) == int(cases)
        assert sum(case.points for case in mine if isinstance(case, Method)) == int(method or 0)
    assert sum(case.points for case in (*PUBLIC, *HIDDEN)) == 100
    assert f"worth {sum(case.points for case in PUBLIC)} points" in text


# ---------------------------------------------------------------------------------------------------------------------
# Whole solutions, by the grader

@pytest.fixture(scope="module")
def bench():
    with proving(ASSIGNMENT, "tests") as made:
        yield made


def test_the_skeleton_gets_nothing(bench):
    line, fine = untouched(bench)
    assert fine and line == "the skeleton: 0 points"


def test_the_reference_gets_everything(bench):
    outcomes = list(bench.outcomes(reference(ASSIGNMENT), 2, 0))
    assert [(o.planned.case.name, o.text, o.detail, o.flag) for o in outcomes if not o.passed or o.flag] == []
    assert sum(outcome.score for outcome in outcomes) == 100


@pytest.mark.parametrize("fault", FAULTS[3::10], ids=lambda fault: fault.name)
def test_faults_lose_points(bench, fault):
    """A sample; `python -m assignments selftest convnet` has all."""
    outcomes = bench.outcomes(faulty(ASSIGNMENT, fault), 1, 0, fault.hole)
    lost = next(outcome for outcome in outcomes if not outcome.passed)
    task = next(task for task in ASSIGNMENT.tasks if task.number == lost.planned.case.task)
    assert fault.hole in task.holes


@pytest.mark.parametrize("honest", HONEST[3:4], ids=lambda honest: honest.name)
def test_other_solutions_keep_their_points(bench, monkeypatch, honest):
    """A sample of solutions and cases."""
    monkeypatch.setattr(bench, "planned", bench.planned[::4])
    outcomes = bench.outcomes(alternative(ASSIGNMENT, honest), 2, 0)
    assert [(o.planned.case.name, o.text, o.detail, o.flag) for o in outcomes if not o.passed or o.flag] == []


def test_the_selftest_says_what_is_wrong(bench, monkeypatch):
    """A fault that is none, and a right solution that is wrong, are reported."""
    monkeypatch.setattr(bench, "outcomes", lambda files, *_: [])
    module = ASSIGNMENT.module("faults")
    monkeypatch.setattr(module, "FAULTS", FAULTS[:1])
    monkeypatch.setattr(module, "HONEST", [])
    *_, (line, fine) = verdicts(bench, 1)
    assert not fine and line == f"fault: {FAULTS[0].name}: keeps all 100 points"


# ---------------------------------------------------------------------------------------------------------------------
# Method

def sources(files):
    return tuple(files[path].decode() for path in ASSIGNMENT.files)


def test_nothing_is_suspicious_in_right_solutions():
    scan = ASSIGNMENT.module("probes").scan
    assert scan(sources(reference(ASSIGNMENT))) == ()
    for honest in HONEST:
        assert scan(sources(alternative(ASSIGNMENT, honest))) == ()


@pytest.mark.parametrize("source, what", [
    ("x = a @ b", "the matrix product @"), ("a @= b", "the matrix product @"), ("np.dot(a, b)", "np.dot"),
    ("a.dot(b)", "a.dot"), ("np.tensordot(a, b)", "np.tensordot"), ("np.einsum('ij,jk', a, b)", "np.einsum"),
    *[("from numpy.lib.stride_tricks import sliding_window_view",) * 2],
    ("np.lib.stride_tricks.as_strided(x)", "np.lib.stride_tricks.as_strided"), ("np.fft.rfft2(x)", "np.fft"),
    ("numpy.correlate(a, b)", "numpy.correlate"), ("def im2col(x): pass", "the name im2col"),
    ("my_toeplitz = 1", "the name my_toeplitz"), ("import scipy.signal", "import scipy.signal"),
    ("from torch.nn import functional", "from torch.nn import ..."), ("import os", "import os"),
    ("exec('x')", "exec"), ("getattr(np, 'd' + 'ot')(a, b)", "getattr"), ("convolve.py_func(x)", "convolve.py_func"),
    ("def convolve(x): return [v for v in x]", "a loop of Python in convolve"), ("open('x')", "open"),
    ("with numba.objmode(): pass", "numba.objmode"), ("x = (", "no Python that can be read")])
def test_suspicious_lines(source, what):
    assert suspicious(("a.py", "b.py"), ("x = 1\n", source), ASSIGNMENT.imports) == (f"b.py:1: {what}",)


MATRIX = """
from numpy.lib.stride_tricks import sliding_window_view

def convolve(x, w, y, stride, padding, dilation, groups, taps):
    windows = sliding_window_view(x, w.shape[2:], (2, 3))
    y += np.tensordot(windows, w, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
"""

COLUMNS = """
@njit
def convolve(x, w, y, stride, padding, dilation, groups, taps):
    N, I, H, W = x.shape
    C, T = len(w), len(taps)
    columns = np.empty((I * T, y.shape[2] * y.shape[3]))
    for n in range(N):
        for i in range(I):
            for t in range(T):
                for r in range(y.shape[2]):
                    for q in range(y.shape[3]):
                        columns[i * T + t, r * y.shape[3] + q] = x[n, i, r + taps[t, 0], q + taps[t, 1]]
        for c in range(C):
            for k in range(I * T):
                for p in range(columns.shape[1]):
                    weight = w[c, k // T, taps[k % T, 0], taps[k % T, 1]]
                    y[n, c, p // y.shape[3], p % y.shape[3]] += weight * columns[k, p]
"""

PYTHON = """
def convolve(x, w, y, stride, padding, dilation, groups, taps):
    for a, b in taps:
        for i in range(w.shape[1]):
            y += w[:, i, a, b, None, None] * x[:, i, None, a:a + y.shape[2], b:b + y.shape[3]]
"""


@pytest.mark.parametrize("source, lean, compiled", [(MATRIX, "lost", "lost"), (COLUMNS, "flagged", "fine"),
                                                    (PYTHON, "flagged", "lost")],
                         ids=["a matrix product", "a Toeplitz matrix in compiled loops", "whole shifted images"])
def test_methods_that_are_not_allowed(bench, monkeypatch, source, lean, compiled):
    """All give the right values.   Where measurement and source disagree, points are kept and a person is asked.

    A loop of Python over whole shifted images needs little memory, and is fast.
    """
    planned = [p for p in bench.planned if isinstance(p.case, Method) and p.case.task == "2"]
    monkeypatch.setattr(bench, "planned", planned)
    files = alternative(ASSIGNMENT, manifest.Honest("", {"layers/kernels/loops.py:convolve": source}))
    found = ["lost" if o.score == 0 else "flagged" if o.flag else "fine" for o in bench.outcomes(files, 2, 0)]
    assert found == [lean, compiled]


def measured(case, **numbers):
    """A Measurement of a Method that nothing can be said against, but for the numbers."""
    fine = {"peak": 0, "seconds": 0.1, "reference": 0.1, "without_jit": 50.0}
    return Measurement(arguments=case.arguments("tests"), **{**fine, **numbers})


def test_judges():
    """At their limits: 3 times the 2.2 MB of input and output, and 4 MB."""
    lean, compiled = [case for case in HIDDEN if isinstance(case, Method)][:2]
    x, _, y = lean.arguments("tests")[:3]
    limit = 3 * (x.nbytes + y.nbytes) + 4 * 2 ** 20
    im2col = 4 * 7 * 7 * 154 * 154 * 8
    assert limit < im2col / 2
    assert lean.judge(measured(lean, peak=limit, seconds=1.5)) is None
    assert lean.judge(measured(lean, reference=None)) is None
    assert re.match("memory beside the arrays: 35.5 MB, and at most 10.7 MB", lean.judge(measured(lean, peak=im2col)))
    assert lean.judge(measured(lean, seconds=1.6)) == "16 times the time of the plain loops, and at most 15 are allowed"
    assert compiled.judge(measured(compiled, without_jit=2.0)) is None
    assert "1.0 times as fast as without" in compiled.judge(measured(compiled, without_jit=0.1))
