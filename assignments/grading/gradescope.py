"""The grader inside Gradescope's container: run_autograder(source, submission, results)."""
import os
import secrets
import sys
import tempfile
import traceback
from pathlib import Path
from . import expected
from .. import manifest
from .check import only
from .grader import plan
from .limits import Limits
from .results import Results
from .session import Session, versions
from .workers import best_isolation


def run_autograder(source, submission, results):
    """Grade what lies in the folder `submission`, and write `results`/results.json.   source: the unpacked grader zip.

    What this prints is for the staff: Gradescope shows it to nobody else.
    """
    path = Path(results, "results.json")
    Path(results).mkdir(parents=True, exist_ok=True)
    assignment = manifest.load(only())
    planned = plan(assignment, assignment.module("public").PUBLIC, assignment.module("hidden").HIDDEN)
    report = Results(path, planned, [versions("not yet known")])
    try:
        for folder in (source, submission, results):
            os.chmod(folder, 0o700)        # the workers are not root
        isolation, reason = best_isolation()
        if isolation == "process":
            raise OSError(f"workers can be kept apart neither by namespaces nor by a user of their own: {reason}")
        with tempfile.TemporaryDirectory() as cache, expected.Engine(assignment, source, cache) as engine:
            session = Session(assignment, engine, secrets.token_hex(16), Limits(), isolation)
            report, staff = session.grade(submission, path)
        print("\n".join(staff))
    except Exception:
        report.fail(traceback.format_exc())
        traceback.print_exc(file=sys.stdout)
