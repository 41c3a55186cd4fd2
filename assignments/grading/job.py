"""A process of `grade`: takes submissions as lines of JSON on its standard input, and answers each with its row."""
import ctypes
import json
import os
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from . import batch, expected, report
from .. import manifest
from .limits import Limits
from .results import replace
from .session import Session

DEATH_SIGNAL = 1           # of prctl


def main():
    """Grade until there are no more submissions."""
    if sys.platform == "linux":            # not to outlive `grade`, even if that is killed
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)
    settings = json.loads(sys.stdin.readline())
    assignment, out = manifest.load(settings["id"]), Path(settings["out"])
    tempfile.tempdir = settings["work"]
    with tempfile.TemporaryDirectory() as cache, expected.Engine(assignment, manifest.FOLDER.parent, cache) as engine:
        session = Session(assignment, engine, settings["seed"], Limits(), settings["isolation"])
        for line in sys.stdin:
            message = json.loads(line)
            path = os.fsdecode(bytes.fromhex(message["path"]))
            print(json.dumps(grade(session, message["name"], path, out / message["name"])), flush=True)


def grade(session, name, path, folder):
    """Grade one submission into its folder.   Returns its row of the table."""
    folder.mkdir(exist_ok=True)
    mark = batch.fingerprint(path)
    results, staff = session.grade(path, folder / "results.json")
    replace(folder / "staff.txt", "\n".join([*staff, ""]))
    replace(folder / "report.html", report.page(session.assignment, name, results.contents()))
    tasks = Counter()
    for number, test in results.tests.items():
        tasks[number.partition(".")[0]] += test["score"]
    row = {"name": name, "score": results.score, "points": sum(test["max_score"] for test in results.tests.values()),
           "tasks": tasks, "flags": results.flags, "failed": results.failure is not None, "fingerprint": mark}
    replace(folder / batch.ROW, json.dumps(row))           # from now on it counts as graded
    return row


if __name__ == "__main__":
    main()
