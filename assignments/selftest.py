"""Proving an assignment: the reference gets all points, the skeleton none, every fault loses some, every other right
solution keeps all.   Everything is graded as a student's files are, by the same grader.
"""
import os
import secrets
import tempfile
from contextlib import contextmanager
from pathlib import Path
from . import manifest
from .cut import ROOT, skeleton
from .grading.expected import Engine
from .grading.grader import Grader, plan
from .grading.limits import Limits
from .grading.tree import build
from .grading.workers import best_isolation
from .solutions import alternative, faulty, reference

THREADS = (1, 2)


def command(options):
    """python -m assignments selftest ID [--runs N].   Returns 0 if everything is as it should be, else 1."""
    assignment = manifest.load(options.id)
    seed, wrong = secrets.token_hex(8), 0
    print(f"{assignment.id}, seed {seed}")
    with proving(assignment, seed) as bench:
        for line, fine in verdicts(bench, options.runs):
            print(f"{'ok   ' if fine else 'WRONG'}  {line}", flush=True)
            wrong += not fine
    print("all as it should be" if wrong == 0 else f"{wrong} not as they should be")
    return 1 if wrong else 0


def verdicts(bench, runs):
    """(what was tried and what came out, whether that is right), one after the other."""
    assignment, total = bench.assignment, sum(planned.case.points for planned in bench.planned)
    faults = assignment.module("faults")
    yield untouched(bench)
    right = {"the reference": reference(assignment)}
    right |= {f"{honest.name}": alternative(assignment, honest) for honest in faults.HONEST}
    for name, files in right.items():
        for threads in THREADS:
            for run in range(runs):
                outcomes = bench.outcomes(files, threads, run)
                lost = [outcome for outcome in outcomes if not outcome.passed or outcome.flag]
                yield f"right, {threads} threads, run {run + 1}: {name}{told(lost)}", not lost
    for fault in faults.FAULTS:
        lost = next((outcome for outcome in bench.outcomes(faulty(assignment, fault), 1, 0, fault.hole)
                     if not outcome.passed), None)
        kept = "" if lost else f": keeps all {total:g} points"
        yield f"fault: {fault.name}{told([lost] if lost else [])}{kept}", lost is not None


def untouched(bench):
    """The skeleton: no points, and "not implemented yet" everywhere."""
    files = {path: data for path, data in skeleton(bench.assignment).items() if path in bench.assignment.files}
    outcomes = list(bench.outcomes(files, 1, 0))
    score = sum(outcome.score for outcome in outcomes)
    silent = [outcome for outcome in outcomes if not outcome.text.startswith("not implemented yet")]
    return f"the skeleton: {score:g} points{told(silent)}", score == 0 and not silent


def told(outcomes):
    """The first of the outcomes that are to be seen, on the same line."""
    if not outcomes:
        return ""
    said = " / ".join((outcomes[0].detail or outcomes[0].text or outcomes[0].flag or "").split("\n"))
    return f": {outcomes[0].planned.number} {outcomes[0].planned.case.name}: {said}"


class Bench:
    """Grades solutions of one assignment, with all its cases.

    engine      the expected values, from the complete engine
    """

    def __init__(self, assignment, seed, engine):
        self.assignment, self.seed, self.engine = assignment, seed, engine
        self.planned = plan(assignment, assignment.module("public").PUBLIC, assignment.module("hidden").HIDDEN)

    def outcomes(self, files, threads, run, hole=None):
        """The outcomes of the handed-in files, one after the other; those of the task of `hole` come first."""
        first = [task.number for task in self.assignment.tasks if hole in task.holes]
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o711)        # a worker may be a user of its own
            tree, cache = Path(folder, "tree"), Path(folder, "cache")
            tree.mkdir(), cache.mkdir()
            build(tree, self.assignment, files)
            grader = Grader(self.assignment, tree, self.engine, f"{self.seed}/{run}", Limits(threads=threads), cache,
                            best_isolation()[0])
            for planned in sorted(self.planned, key=lambda planned: planned.case.task not in first):
                yield grader.outcome(planned)


@contextmanager
def proving(assignment, seed):
    """A Bench, with a worker that knows the expected values."""
    with tempfile.TemporaryDirectory() as cache, Engine(assignment, ROOT, cache) as engine:
        yield Bench(assignment, seed, engine)
