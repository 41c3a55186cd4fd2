"""From a case to its outcome.   Everything is decided here, from values that came over a pipe."""
from collections import Counter
from dataclasses import dataclass
from . import feedback
from .workers import Failed, Worker


@dataclass(frozen=True)
class Planned:
    """A case in its place: number "2.3" is the third one of task 2."""
    number: str
    case: object
    hidden: bool


@dataclass(frozen=True)
class Outcome:
    """What came out of a case.

    score       points received
    text        what the student reads: in a hidden case the case's one line, which says nothing of inputs and values
    detail      what the staff reads, beside it
    flag        why a person should have a look, or None
    seconds     that the case took
    """
    number: str
    title: str
    hidden: bool
    points: float
    score: float
    text: str
    detail: str = ""
    flag: str | None = None
    seconds: float = 0.0

    @property
    def passed(self):
        return self.score == self.points


def plan(assignment, public, hidden=()):
    """All cases with their numbers, in the order in which they run: the hidden ones after the public ones, so that
    nothing that a student's code saw in a hidden case can show in a public one."""
    counts, planned = Counter(), []
    known = [task.number for task in assignment.tasks]
    for is_hidden, cases in ((False, public), (True, hidden)):
        for case in sorted(cases, key=lambda case: known.index(case.task)):
            counts[case.task] += 1
            planned.append(Planned(f"{case.task}.{counts[case.task]}", case, is_hidden))
    return planned


class Grader:
    """Runs cases on one tree.

    tree        the folder with the student's files
    reference   an expected.Engine or expected.File
    seed        a text: what the cases' inputs come from
    cache       a folder for what Numba compiles, of this submission only
    """

    def __init__(self, assignment, tree, reference, seed, limits, cache):
        self.assignment, self.tree, self.reference = assignment, tree, reference
        self.seed, self.limits, self.cache = seed, limits, cache

    def outcome(self, planned):
        """Run one case, in a process of its own."""
        case, seconds, flag, detail = planned.case, 0.0, None, ""
        try:
            with Worker(self.assignment, self.tree, self.limits, self.cache) as worker:
                worker.load(self.limits.loading)
                wrong = None
                for call in range(case.calls):
                    wrong = wrong or self.objection(worker, case, call)
                    seconds += worker.seconds
        except Failed as failed:
            wrong = self.explain(failed, case)
        text, detail = self.told(planned, wrong)
        return Outcome(planned.number, f"{self.task(case).title}: {case.name}", planned.hidden, case.points,
                       0.0 if wrong else case.points, text, detail, flag, seconds)

    def objection(self, worker, case, call):
        """None if the values of one call are right, else a line on what is wrong."""
        arguments = case.arguments(self.seed, call)
        expected = None if case.check else self.reference.values(case, call, arguments)
        values = worker.call(case.probe, arguments, case.seconds + self.limits.compiling)
        if case.check is None:
            return feedback.difference(values, expected, case.rtol, case.atol)
        try:
            return case.check(case.arguments(self.seed, call), values)
        except Exception as error:         # a check may meet values of any type and shape
            return f"the values could not be checked: {type(error).__name__}: {error}"

    def explain(self, failed, case):
        """Why there are no values, for the student."""
        error = failed.error
        if error and error["type"] == "NotImplementedError" and error["text"].startswith(f"{self.assignment.id}, task "):
            return f"not implemented yet: {error['text']}"
        return failed.reason

    def told(self, planned, wrong):
        """(what the student reads, what the staff reads besides)"""
        if wrong is None:
            return "", ""
        wrong = feedback.clean(wrong)
        if planned.hidden:
            return "not implemented yet" if wrong.startswith("not implemented yet") else planned.case.message, wrong
        return wrong if wrong.startswith("not implemented yet") else f"{planned.case.message}\n{wrong}", ""

    def task(self, case):
        return next(task for task in self.assignment.tasks if task.number == case.task)
