"""How values are computed: what is measured of a call from outside, and what two witnesses make of it."""
import math
from pathlib import Path
from .workers import Failed, Worker
from ..manifest import Measurement

TRIALS = 3                 # of which the fastest counts
LONG = 0.1                 # seconds: shorter calls are timed several in a row, so many that they take as long together
MANY = 20                  # at most


def verdict(grader, worker, case):
    """(why points are lost, why a person should have a look) for a Method whose values were right.

    Each is None if there is no such reason.   Raises Failed.
    """
    measurement, wrong = measure(grader, worker, case)
    if wrong:
        return wrong, None
    said = case.judge(measurement) if case.judge else None
    found = suspicious(grader, case) if case.scan else ()
    lines = "\n".join(([said] if said else []) + list(found))
    if said and (found or not case.scan):
        return lines, None
    return None, lines or None


def measure(grader, worker, case):
    """(a Measurement, what is wrong with the values of the call).   Raises Failed."""
    call = case.calls                      # inputs that the worker has not seen yet
    arguments = case.arguments(grader.seed, call)
    expected = None if case.check else grader.reference.values(case, call, arguments)
    values, peak, seconds = worker.measured(case.probe, arguments, case.seconds)
    wrong = grader.judged(case, call, values, expected)
    repeat = math.ceil(min(max(LONG / max(seconds, 1e-9), 1), MANY))
    ours, theirs, without = [], [], None
    for _ in range(TRIALS):
        ours.append(grader.reference.seconds(case, arguments, repeat))
        theirs.append(worker.measured(case.probe, arguments, case.seconds, repeat)[2])
    if case.without_jit:
        without = slow(grader, case, arguments)
    reference = None if None in ours else min(ours)
    return Measurement(arguments, peak, min(theirs), reference, without), wrong


def slow(grader, case, arguments):
    """Seconds of a call with Numba's compiler off; the limit if it takes longer."""
    with Worker(grader.assignment, grader.tree, grader.cache, grader.limits, grader.isolation, jit=False) as worker:
        worker.load(grader.assignment.loading)
        try:
            return worker.measured(case.probe, arguments, case.seconds)[2]
        except Failed:
            return max(case.seconds, worker.seconds)


def suspicious(grader, case):
    """The lines that the scan names in the files to hand in."""
    sources = tuple(Path(grader.tree, name).read_bytes().decode("utf-8", "replace") for name in grader.assignment.files)
    try:
        return tuple(str(line) for line in grader.reference.scan(case, sources))
    except Failed as failed:
        return (f"the source could not be read: {failed.reason}",)
