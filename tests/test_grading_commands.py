"""The grader's commands from end to end, on a toy homework: `check` in a hand-out, `grade`, Gradescope's container."""
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
import pytest
import grading
from grading_attacks import SOURCES

HANDOUT = """
import sys
from pathlib import Path
from assignments import cut, manifest, release
toy, out = manifest.load("toy"), Path(sys.argv[1])
for name, data in cut.skeleton(toy).items():
    (out / name).write_bytes(data)
(out / "assignments/toy/public.npz").write_bytes(release.public_values(toy))
"""
WITHOUT = ("layers/answer.py", "assignments/toy/hidden.py", "assignments/cut.py", "assignments/release.py",
           "assignments/leaks.py", "assignments/grading/batch.py", "assignments/grading/report.py",
           "assignments/grading/gradescope.py")


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The toy engine, as the staff has it."""
    root = tmp_path_factory.mktemp("engine")
    grading.make(root)
    return root


@pytest.fixture
def handout(engine, tmp_path):
    """The toy's hand-out."""
    root = tmp_path / "handout"
    grading.make(root)
    subprocess.run([sys.executable, "-c", HANDOUT, root], cwd=engine, check=True,
                   env={**os.environ, "PYTHONPATH": str(engine)})
    for name in WITHOUT:
        (root / name).unlink()
    return root


def without_times(found):
    """A results.json without its times."""
    return re.sub(r'"(seconds|execution_time)": [0-9.e-]+', "", json.dumps(found))


# ---------------------------------------------------------------------------------------------------------------------
# check

def test_a_student_reads_fails_fixes_and_passes(handout):
    file = handout / "layers" / "toy.py"
    untouched = grading.command(handout, "check")
    assert untouched.returncode == 1 and untouched.stderr == ""
    assert "not implemented yet: toy, task 1: square" in untouched.stdout
    assert untouched.stdout.endswith("public: 0 of 5 points; 3 hidden tests run after you hand in\n")
    file.write_text(grading.RIGHT.replace("x * x\n", "x * x * x\n"))
    wrong = grading.command(handout, "check")
    assert wrong.returncode == 1
    assert "1.1   FAILED  Squares: a few squares  (0 of 2)\n        each entry times itself\n" in wrong.stdout
    assert "at index (0, 0): expected " in wrong.stdout and "public: 3 of 5 points" in wrong.stdout
    file.write_text(grading.RIGHT.replace("return x * x", "y = x\n    return y * z"))
    assert "NameError: name 'z' is not defined, at layers/toy.py:8" in grading.command(handout, "check", 1).stdout
    file.write_text(grading.RIGHT)
    right = grading.command(handout, "check", "toy")
    assert right.returncode == 0
    assert right.stdout.endswith("public: 5 of 5 points; 3 hidden tests run after you hand in\n")


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_grading_that_is_stopped_leaves_nothing_behind(engine, submissions, tmp_path, number, code):
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-m", "assignments", "grade", "toy", str(submissions), "--out", str(out),
                                "--seed", "hush"], cwd=engine, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env={**os.environ, "PYTHONPATH": str(engine)})
    process.stdout.readline()
    work = json.loads((out / "run.json").read_text())["work"]
    assert os.path.exists(work)
    if sys.platform == "linux":            # a worker of another user could read it
        assert b"hush" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    process.send_signal(number)
    assert process.wait(20) == code
    process.stdout.close()
    assert ended(engine) and not os.path.exists(work)


@pytest.mark.parametrize("arguments, said", [
    (["nonsense", "1"], "there is no assignment 'nonsense'; there are toy"),
    (["toy", "7"], "there is no task '7' in toy; there are 1, 2"),
    (["7"], "there is no task '7' in toy; there are 1, 2"),
    (["--path", "/nowhere"], "/nowhere does not hold the hand-out of toy"),
])
def test_wrong_arguments_of_check_get_one_line(engine, arguments, said):
    run = grading.command(engine, "check", *arguments)
    assert run.returncode == 1 and said in run.stderr and run.stderr.count("\n") == 1 and run.stdout == ""


def test_the_staff_can_check_a_folder(engine, handout):
    run = grading.command(engine, "check", "--path", handout)
    assert run.returncode == 1 and "not implemented yet" in run.stdout and "public: 0 of 5" in run.stdout


# ---------------------------------------------------------------------------------------------------------------------
# grade

@pytest.fixture
def submissions(tmp_path):
    """Three submissions: full marks, less, and none."""
    folder = tmp_path / "submissions"
    folder.mkdir()
    for k, source in enumerate([grading.RIGHT, grading.RIGHT.replace("x * x\n", "x + x\n"), ""]):
        (folder / f"s{k}.py").write_text(source)
    return folder


def test_a_table_reports_and_an_index_are_written(engine, submissions, tmp_path):
    (submissions / "=1+1,<b>.py").write_text(grading.RIGHT)
    run = grading.command(engine, "grade", "toy", submissions, "--out", tmp_path / "out", "--jobs", 2)
    assert run.returncode == 0, run.stderr
    rows = grading.rows(tmp_path / "out")
    assert [rows[f"s{k}.py"]["score"] for k in range(3)] == ["11", "7", "0"]
    assert rows["s1.py"]["task 1"] == "0" and rows["s1.py"]["task 2"] == "7"
    assert "'=1+1,%3Cb%3E.py" in rows                      # no formula
    page = (tmp_path / "out" / "s1.py" / "report.html").read_text()
    assert "7 of 11 points" in page and "each entry times itself" in page
    assert '<a href="s1.py/report.html">' in (tmp_path / "out" / "index.html").read_text()
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700


def test_hidden_cases_say_one_line_and_the_staff_knows_more(engine, submissions, tmp_path):
    out = tmp_path / "out"
    (submissions / "s0.py").write_text(grading.RIGHT.replace("return x * x", "raise ValueError(x, __file__)")
                                       .replace("return (x * y).sum()", "print('seen', x)\n    return x.sum()"))
    grading.command(engine, "grade", "toy", submissions, "--out", out)
    hidden = [test for test in grading.results(out, "s0.py")["tests"] if "hidden" in test["name"]]
    assert [test["output"] for test in hidden] == ["the dtype is that of x", "it must be computed anew each time",
                                                   "near the sum"]
    for secret in ("seen", "toy.py", "single precision", "a check"):
        assert secret not in json.dumps(hidden), secret
    staff = (out / "s0.py" / "staff.txt").read_text()
    assert "1.2  single precision\n    ValueError: (array([[" in staff and "printed: seen" in staff


def test_the_same_seed_gives_the_same_and_another_one_does_not(engine, submissions, tmp_path):
    found = {}
    for out, seed in (("a", ["--seed", "1"]), ("b", ["--seed", "1"]), ("c", [])):
        grading.command(engine, "grade", "toy", submissions, "--out", tmp_path / out, *seed)
        found[out] = [without_times(grading.results(tmp_path / out, f"s{k}.py")) for k in range(3)]
    assert found["a"] == found["b"]
    assert found["a"][1] != found["c"][1] and found["a"][0] == found["c"][0]
    run = grading.command(engine, "grade", "toy", submissions, "--out", tmp_path / "a", "--seed", "2")
    assert run.returncode == 1 and "another seed" in run.stderr


def ended(engine):
    """Whether all processes that grade are gone, now or in a while."""
    deadline = time.monotonic() + 20
    while grading.survivors(engine) and time.monotonic() < deadline:
        time.sleep(0.1)
    return grading.survivors(engine) == []


def test_grading_goes_on_after_it_was_killed(engine, submissions, tmp_path):
    out = tmp_path / "out"
    arguments = [sys.executable, "-m", "assignments", "grade", "toy", str(submissions), "--out", str(out),
                 "--jobs", "2"]
    process = subprocess.Popen(arguments, cwd=engine, stdout=subprocess.PIPE,
                               env={**os.environ, "PYTHONPATH": str(engine)})
    for _ in range(2):                                     # the head, and one submission
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert ended(engine)
    work = json.loads((out / "run.json").read_text())["work"]
    assert os.listdir(work)
    finished = {path.parent.name: path.stat().st_mtime_ns for path in out.glob("*/row.json")}
    assert len(finished) >= 1
    (submissions / "s1.py").write_text(grading.RIGHT)      # handed in anew
    again = grading.command(engine, "grade", "toy", submissions, "--out", out)
    assert not os.path.exists(work)
    assert again.returncode == 0 and f"{len(finished) - ('s1.py' in finished)} of them graded before" in again.stdout
    assert all((out / name / "row.json").stat().st_mtime_ns == moment
               for name, moment in finished.items() if name != "s1.py")
    assert [grading.rows(out)[f"s{k}.py"]["score"] for k in range(3)] == ["11", "11", "0"]


@pytest.mark.parametrize("arguments, said", [
    (["nonsense", ".", "--out", "out"], "there is no assignment 'nonsense'"),
    (["toy", "nowhere", "--out", "out"], "there is no folder nowhere"),
    (["toy", "models", "--out", "out", "--jobs", "0"], "must be a whole number from 1 on, not '0'"),
    (["toy", "models"], "--out"),
])
def test_wrong_arguments_of_grade_get_one_line(engine, arguments, said):
    run = grading.command(engine, "grade", *arguments)
    assert run.returncode in (1, 2) and said in run.stderr and run.stderr.count("\n") == 1


# ---------------------------------------------------------------------------------------------------------------------
# Gradescope

def test_gradescopes_container(tmp_path):
    source, submission, found = (tmp_path / name for name in ("source", "submission", "results"))
    grading.make(source)
    submission.mkdir()
    (submission / "toy.py").write_text(grading.RIGHT.replace("x * x\n", "x + x\n"))
    code = "import sys; from assignments.grading.gradescope import run_autograder; run_autograder(*sys.argv[1:])"
    run = subprocess.run([sys.executable, "-c", code, source, submission, found], cwd=source, capture_output=True,
                         text=True, env={**os.environ, "PYTHONPATH": str(source)}, timeout=120)
    assert run.returncode == 0 and "single precision" in run.stdout, run.stderr
    results = json.loads((found / "results.json").read_text())
    assert results["score"] == 7 and set(grading.scores(results).values()) == {0, 3, 1}
    assert all(test["visibility"] == "visible" for test in results["tests"])
    assert "single precision" not in json.dumps(results)
    assert source.stat().st_mode & 0o777 == 0o700


def test_a_failure_of_the_grader_is_the_staffs(tmp_path):
    source, found = tmp_path / "source", tmp_path / "results"
    grading.make(source, **{"assignments/toy/probes.py": "import nonsense\n"})
    code = "import sys; from assignments.grading.gradescope import run_autograder; run_autograder(*sys.argv[1:])"
    subprocess.run([sys.executable, "-c", code, source, tmp_path, found], cwd=source, check=True, capture_output=True,
                   env={**os.environ, "PYTHONPATH": str(source)}, timeout=120)
    results = json.loads((found / "results.json").read_text())
    assert results["score"] == 0 and len(grading.scores(results)) == 5
    assert results["tests"][-1]["visibility"] == "hidden" and "Traceback" in results["tests"][-1]["output"]
    assert "nonsense" not in json.dumps(results["tests"][:-1]) and "The grader failed" in results["output"]


# ---------------------------------------------------------------------------------------------------------------------
# Without namespaces, as in most containers

def without_namespaces():
    """Give up the capability that namespaces, and mounting, need.   Only root has it."""
    ctypes.CDLL(None).prctl(24, 21, 0, 0, 0)               # PR_CAPBSET_DROP, CAP_SYS_ADMIN


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="needs root on Linux")
def test_an_own_user_isolates_too(tmp_path):
    os.chmod(tmp_path, 0o755)
    toy = "assignments/toy/__init__.py"
    grading.make(tmp_path / "engine", **{toy: grading.ENGINE[toy].replace("compiling=0.9", "compiling=60")})
    folder, out = tmp_path / "submissions", tmp_path / "out"
    folder.mkdir()
    chosen = {name: SOURCES[name] for name in ("exit", "daemon", "process-list", "network", "disk", "answer-by-import")}
    chosen["compiled"] = (grading.RIGHT.replace("import numpy as np", "from numba import njit")
                          .replace("def total", "@njit(cache=True)\ndef total"), grading.POINTS)
    chosen["outside"] = (grading.RIGHT.replace("return x * x", "open('/tmp/minigrad-left', 'w')\n    return x * x"), 7)
    for name, (source, _) in chosen.items():
        (folder / f"{name}.py").write_text(source)
    run = subprocess.run([sys.executable, "-m", "assignments", "grade", "toy", folder, "--out", out], text=True,
                         cwd=tmp_path / "engine", capture_output=True, preexec_fn=without_namespaces,
                         env={**os.environ, "PYTHONPATH": str(tmp_path / "engine")}, timeout=300)
    if "isolation: user" not in run.stdout:
        assert "kept apart" in run.stderr
        pytest.skip("another user can't read this Python's files")
    assert {name: grading.results(out, f"{name}.py")["score"] for name in chosen} == {
        name: points for name, (_, points) in chosen.items()}
    assert not os.path.exists("/tmp/minigrad-left")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a keeper")
def test_what_a_user_left_is_removed(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "file").write_text("x")
    os.symlink("/", tmp_path / "a" / "link")
    code = "import os, sys; import keeper; keeper.remove_files(sys.argv[1], int(sys.argv[2]))"
    for user, left in ((os.getuid() + 1, ["a", "file"]), (os.getuid(), [])):
        subprocess.run([sys.executable, "-c", code, tmp_path, str(user)], check=True,
                       cwd=grading.ROOT / "assignments" / "grading")
        assert sorted(os.listdir(tmp_path)) == left
