"""Hostile and broken submissions, graded for real: none raises a score, stops the grader, or leaves anything behind."""
import os
import sys
import time
import pytest
import grading
from grading_attacks import ARCHIVES, SOURCES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="isolation needs Linux")
FOLDERS = ("linked", "of-links", "with-a-pipe", "names", "empty")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """All attacks, graded in one run."""
    root = tmp_path_factory.mktemp("toy")
    grading.make(root / "engine")
    folder = root / "submissions"
    folder.mkdir()
    for name, (source, _) in SOURCES.items():
        (folder / f"{name}.py").write_bytes(source if isinstance(source, bytes) else source.encode())
    for name, (content, _) in ARCHIVES.items():
        (folder / name).write_bytes(content)
    odd_folders(folder)
    before = leftovers()
    run = grading.command(root / "engine", "grade", "toy", folder, "--out", root / "out", "--jobs", 2, "--seed", "s",
                          timeout=1200)
    assert "Traceback" not in run.stderr
    return root, run, before


def odd_folders(folder):
    """Submissions that are folders."""
    for name in FOLDERS:
        (folder / name).mkdir()
    os.symlink("/etc/passwd", folder / "linked" / "toy.py")
    os.symlink("/", folder / "of-links" / "root")
    os.mkfifo(folder / "with-a-pipe" / "toy.py")
    (folder / "names" / "toy.py").write_text(grading.RIGHT)
    with open(os.fsencode(folder / "names") + b"/\xff\xfe\n.txt", "w"):
        pass


def leftovers():
    """What a worker could have left in folders that everybody can write to."""
    return {os.path.join(where, name) for folder in ("/tmp", "/var/tmp", "/dev/shm") if os.path.isdir(folder)
            for where, _, names in [next(os.walk(folder))] for name in names if 50_000 <= os.lstat(
                os.path.join(where, name)).st_uid < 60_000}


@pytest.mark.parametrize("name", [*SOURCES, *ARCHIVES])
def test_an_attack_gets_what_is_honest_in_it(graded, name):
    root, _, _ = graded
    expected = {**SOURCES, **ARCHIVES}[name][1]
    found = grading.results(root / "out", f"{name}.py" if name in SOURCES else name)
    assert len(grading.scores(found)) == 5 and sum(test["max_score"] for test in found["tests"]) == grading.POINTS
    assert all(test["output"] for test in found["tests"] if test["status"] == "failed")
    if expected is not None:
        assert found["score"] == expected, grading.scores(found)


def test_nothing_is_left_behind(graded):
    root, _, before = graded
    assert leftovers() <= before
    deadline = time.monotonic() + 10       # the nurseries end when they see that the graders have ended
    while grading.survivors(root) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert grading.survivors(root) == []
