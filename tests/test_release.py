"""Cutting holes, releasing a hand-out, and proving that it gives nothing away."""
import io
import subprocess
import sys
import zipfile
import numpy as np
import pytest
from assignments import leaks, manifest, release
from assignments.cut import body, cut, engine, holes, skeleton
from assignments.manifest import Fault, Honest
from assignments.solutions import alternative, faulty, reference

SOURCE = '''"""A module."""
import functools                                           # stays


@functools.lru_cache(maxsize=None)
def first(x, *, y=1):                                      # stays
    """What it does.

    On several lines.
    """
    # goes
    z = [x,
         y]                                                # goes
    if z:
        return z
    # goes


class Thing:
    """A class."""

    @property
    def size(self):
        # goes
        return 1                                           # goes

    def other(self):
        """Stays."""
        return 2                                           # stays
'''

CUT = '''"""A module."""
import functools                                           # stays


@functools.lru_cache(maxsize=None)
def first(x, *, y=1):                                      # stays
    """What it does.

    On several lines.
    """
    raise NotImplementedError("one")


class Thing:
    """A class."""

    @property
    def size(self):
        raise NotImplementedError("two")

    def other(self):
        """Stays."""
        return 2                                           # stays
'''


@pytest.fixture(scope="module")
def assignment():
    return manifest.load("convnet")


@pytest.fixture(scope="module")
def handout(assignment):
    return release.handout(assignment)


def test_a_cut_takes_the_body_and_nothing_else():
    assert cut(SOURCE, {"first": "one", "Thing.size": "two"}) == CUT
    assert cut(SOURCE, {}) == SOURCE
    assert body(SOURCE, "Thing.size").split() == ["#", "goes", "return", "1", "#", "goes"]


@pytest.mark.parametrize("name, message", [
    ("second", "there must be one function second, not 0"), ("Thing.first", "one function Thing.first, not 0"),
    ("Thing", "one function Thing"), ("short", "written on one line"), ("empty", "no body that could be taken out")])
def test_what_can_not_be_cut(name, message):
    source = SOURCE + "\n\ndef short(x): return x\n\n\ndef empty():\n    '''Nothing.'''\n"
    with pytest.raises(ValueError, match=message):
        cut(source, {name: "text"})


def test_a_hole_in_a_compiled_function_says_which_task_it_is():
    """Numba compiles the stub, and calls it from compiled code."""
    source = "from numba import njit\n\n\n@njit\ndef hole(x):\n    return x + 1\n"
    source = cut(source, {"hole": "convnet, task 2: hole"})
    namespace = {}
    exec(source + "\n\n@njit\ndef caller(x):\n    hole(x)\n", namespace)
    for function in (namespace["hole"], namespace["caller"]):
        with pytest.raises(NotImplementedError, match="convnet, task 2: hole"):
            function(np.ones(3))


def test_a_skeleton_is_the_engine_with_holes(assignment):
    """Only the files to hand in differ, and only in the lines of their holes."""
    complete, files = engine(), skeleton(assignment)
    gone = set(complete) - set(files)
    assert {path for path in files if files[path] != complete[path]} == set(assignment.files)
    assert gone == {path for path in complete if path.startswith(assignment.left_out)}
    for path in assignment.files:
        kept = [line for line in files[path].splitlines() if b"raise NotImplementedError" not in line]
        lines = iter(complete[path].splitlines())
        assert all(line in lines for line in kept)                             # a subsequence


def test_manifests_that_do_not_fit(assignment):
    from dataclasses import replace
    with pytest.raises(ValueError, match="convnet: there is no file layers/gone.py to leave out"):
        skeleton(replace(assignment, left_out=("layers/gone.py",)))
    with pytest.raises(ValueError, match="convnet: there is no file layers/kernels/taps.py to cut"):
        skeleton(replace(assignment, tasks=(manifest.Task("1", "", ("layers/kernels/taps.py:forward",)),)))


# ---------------------------------------------------------------------------------------------------------------------
# The zips

def test_released_zips(tmp_path, assignment):
    """Twice the same bytes; everything is in its place; nobody's name, no time, no mode of a machine."""
    first, second = release.release("convnet", tmp_path / "a"), release.release("convnet", tmp_path / "b")
    assert [path.name for path in first] == ["convnet-leaks.txt", "convnet.zip", "convnet-grader.zip"]
    for one, other in zip(first, second):
        assert one.read_bytes() == other.read_bytes()
    for path in first[1:]:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                assert entry.date_time == release.MOMENT and entry.create_system == 3
                assert not entry.extra + entry.comment
                assert entry.external_attr >> 16 in (0o100644, 0o100755)
                assert not entry.filename.endswith((".pyc", ".nbi", ".nbc", "/")) and "tests/" not in entry.filename
    with zipfile.ZipFile(first[1]) as student, zipfile.ZipFile(first[2]) as staff:
        assert {name.split("/")[0] for name in student.namelist()} == {"convnet"}
        expected = {"convnet/README.md", "convnet/setup.cfg", "convnet/assignments/convnet/public.npz"}
        assert expected <= set(student.namelist())
        assert {"layers/kernels/taps.py", "assignments/convnet/hidden.py"} <= set(staff.namelist())
    assert "No leak." in first[0].read_text()


def test_a_leak_stops_the_release(tmp_path, monkeypatch):
    monkeypatch.setattr(release, "handout", lambda assignment: {"assignments/convnet/hidden.py": b""})
    with pytest.raises(ValueError, match="gives something away.*a file of the staff"):
        release.release("convnet", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["convnet-leaks.txt"]
    assert "LEAKS" in (tmp_path / "convnet-leaks.txt").read_text()


# ---------------------------------------------------------------------------------------------------------------------
# Leaks

def packed(name, data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


SOLUTION = body(engine()["layers/kernels/loops.py"].decode(), "convolve")
HIDDEN = manifest.load("convnet").module("hidden").HIDDEN[3]
PLANTED = {
    "a solution": ("models/other.py", SOLUTION.encode()),
    "a part of a solution, in a comment": ("README.md", b"#  y[n, c, r, q] +=\n#   w[c, i, a,  b] * x[n, first\n"),
    "a solution, packed": ("data.npz", packed("notes.txt", SOLUTION)),
    "a compiled file": ("layers/kernels/loops.cpython-311.pyc", b"\x00"),
    "a cache of Numba": ("layers/kernels/__pycache__/loops.convolve-54.py311.1.nbc", b"\x00"),
    "a fast kernel": ("layers/kernels/taps.py", b""),
    "steps": ("layers/steps/form.py", b""),
    "hidden cases": ("assignments/convnet/hidden.py", b""),
    "hidden cases under another name": ("assignments/convnet/more.py", f'Case("2", "{HIDDEN.name}", ...)'.encode()),
    "what a hidden case says": ("notes.txt", HIDDEN.message.encode()),
    "faults": ("assignments/convnet/faults.py", b""),
    "the engine's tests": ("tests/test_kernels.py", b""),
}


def test_the_hand_out_is_clean(assignment, handout):
    assert leaks.report(assignment, handout).leaks == []


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_leak_is_found(assignment, handout, what):
    name, data = PLANTED[what]
    found = leaks.report(assignment, {name: data}).leaks
    assert found and all(line.startswith(name) for line in found)


def test_uncut_files_are_leaks(assignment):
    complete = engine()
    for path in assignment.files:
        assert leaks.report(assignment, {path: complete[path]}).leaks


# ---------------------------------------------------------------------------------------------------------------------
# A hand-out at work

PROGRAM = """
import sys
sys.path.insert(0, ".")
import numpy as np, layers.functional as F, layers.kernels, minigrad
assert layers.kernels.SETS == ("loops",), layers.kernels.SETS
import layers as nn, models.pixelcnn, models.registry
minigrad.manual_seed(0)
x = minigrad.randn(2, 1, 6, 6)
net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3))
loss = F.cross_entropy(net(x), minigrad.tensor([0, 2]))
loss.backward()
print(loss.item(), [float(abs(p.grad.data).sum()) for p in net.parameters()])
"""


def written(folder, files):
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def ran(folder):
    return subprocess.run([sys.executable, "-I", "-c", PROGRAM], cwd=folder, capture_output=True, text=True,
                          env={"NUMBA_DISABLE_JIT": "1", "MPLBACKEND": "Agg"})


def test_the_engine_runs_on_what_students_write(tmp_path, assignment, handout):
    """Without the fast kernels; and not at all before."""
    written(tmp_path, handout)
    before = ran(tmp_path)
    assert before.returncode and "NotImplementedError: convnet, task " in before.stderr
    written(tmp_path, reference(assignment))
    after = ran(tmp_path)
    assert after.returncode == 0, after.stderr
    assert float(after.stdout.split()[0]) > 0


# ---------------------------------------------------------------------------------------------------------------------
# Solutions, right and wrong

def test_a_fault_is_planted_in_its_function_only(assignment):
    path = "layers/kernels/loops.py"
    files = faulty(assignment, Fault("", f"{path}:correlate", "range(N)", "range(1)"))
    before, after = reference(assignment)[path].decode(), files[path].decode()
    assert body(after, "correlate") == body(before, "correlate").replace("range(N)", "range(1)")
    assert body(after, "correlate") != body(before, "correlate")
    assert body(after, "convolve") == body(before, "convolve")
    with pytest.raises(ValueError, match="the fault 'x': there is no 'range\\(M\\)' in layers/kernels/loops.py"):
        faulty(assignment, Fault("x", f"{path}:correlate", "range(M)", ""))


def test_another_solution_takes_the_functions_place(assignment):
    path = "layers/kernels/loops.py"
    files = alternative(assignment, Honest("", {f"{path}:pixel": "\ndef pixel(*all):\n    return 0, 0\n"}))
    source = files[path].decode()
    assert body(source, "pixel") == "    return 0, 0\n" and source.count("def pixel") == 1
    assert source.count("@njit") == reference(assignment)[path].decode().count("@njit") - 1
    assert holes(assignment)[path].keys() == {"pixel", "convolve", "convolve_transposed", "correlate", "filled"}
