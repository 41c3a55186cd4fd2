"""From a case to its outcome.   Everything is decided here, from values that came over a pipe."""
import os
from collections import Counter
from dataclasses import dataclass
from . import feedback, method
from .folders import folder_size, remove
from .workers import Failed, OutOfTime, Worker
from ..manifest import Method

PATIENCE = 2               # times that a tree may not load in time before that is believed


@dataclass(frozen=True)
class Planned:
    """A case in its place: number "2.3" is the third one of task 2.

    A hidden case's title is only that of its task.
    """
    number: str
    case: object
    hidden: bool
    title: str


@dataclass(frozen=True)
class Outcome:
    """What came out of a case.

    score       points received
    text        what the student reads: in a hidden case the case's one line, which says nothing of inputs and values
    detail      what the staff reads, beside it
    printed     what the student's code printed
    flag        why a person should have a look, or None
    seconds     that the case took
    """
    planned: Planned
    score: float
    text: str
    detail: str = ""
    printed: str = ""
    flag: str | None = None
    seconds: float = 0.0

    @property
    def passed(self):
        """Whether all points were received."""
        return self.score == self.planned.case.points


def plan(assignment, public, hidden=()):
    """All cases with their numbers, in the order in which they run: the hidden ones after the public ones, so that
    nothing that a student's code saw in a hidden case can show in a public one."""
    counts, planned = Counter(), []
    titles = {task.number: task.title for task in assignment.tasks}
    for hidden_now, cases in ((False, public), (True, hidden)):
        for case in sorted(cases, key=lambda case: list(titles).index(case.task)):
            counts[case.task] += 1
            title = f"{titles[case.task]}: {'hidden' if hidden_now else case.name}"
            planned.append(Planned(f"{case.task}.{counts[case.task]}", case, hidden_now, title))
    return planned


class Grader:
    """Runs cases on one tree.

    tree        the folder with the student's files
    reference   an expected.Engine or expected.File
    seed        a text: what the cases' inputs come from
    cache       a folder for what Numba compiles, of this submission only
    isolation   one of workers.KINDS
    """

    def __init__(self, assignment, tree, reference, seed, limits, cache, isolation):
        self.assignment, self.tree, self.reference = assignment, tree, reference
        self.seed, self.limits, self.cache, self.isolation = seed, limits, cache, isolation
        self.compiling, self.hung = assignment.compiling, 0

    def outcome(self, planned):
        """Run one case, in a process of its own."""
        case, seconds, flag = planned.case, 0.0, None
        if self.hung == PATIENCE:
            return Outcome(planned, 0.0, f"not run: your files did not load in time in {PATIENCE} other tests")
        worker = Worker(self.assignment, self.tree, self.cache, self.limits, self.isolation)
        try:
            with worker:
                self.load(worker)
                for call in range(case.calls):
                    wrong = self.objection(worker, case, call)
                    seconds += worker.seconds
                    if wrong:
                        break
                if isinstance(case, Method) and not wrong:
                    wrong, flag = method.verdict(self, worker, case)
        except Failed as failed:
            wrong = self.explain(failed)
        printed = worker.output.decode("utf-8", "replace")
        if folder_size(self.cache) > self.limits.disk / 2:
            remove(self.cache)             # so that the next case has room
            os.mkdir(self.cache)
        text, detail = self.told(planned, wrong)
        return Outcome(planned, 0.0 if wrong else case.points, text, detail, printed, flag, seconds)

    def objection(self, worker, case, call):
        """None if the values of one call are right, else a line on what is wrong."""
        arguments = case.arguments(self.seed, call)
        expected = None if case.check else self.reference.values(case, call, arguments)
        return self.judged(case, call, self.call(worker, case, arguments), expected)

    def judged(self, case, call, values, expected):
        """None if values are right, else a line on what is wrong."""
        if case.check is None:
            return feedback.difference(values, expected, case.rtol, case.atol)
        try:
            return case.check(case.arguments(self.seed, call), values)
        except Exception as error:         # a check may meet values of any type and shape
            return f"the values could not be checked: {type(error).__name__}: {error}"

    def load(self, worker):
        """Let a worker load the tree.   Raises Failed."""
        try:
            worker.load(self.assignment.loading)
        except OutOfTime:
            self.hung += 1
            raise

    def call(self, worker, case, arguments):
        """The values of a probe.   What it takes longer than the case's time counts as compiling.   Raises Failed."""
        try:
            return worker.call(case.probe, arguments, case.seconds + min(self.compiling, self.assignment.compiling / 3))
        except OutOfTime:
            raise Failed(f"it took more than {case.seconds:g} seconds, compiling apart") from None
        finally:
            self.compiling = max(0.0, self.compiling - max(0.0, worker.seconds - case.seconds))

    def explain(self, failed):
        """Why there are no values, for the student."""
        error, start = failed.error, f"{self.assignment.id}, task "
        if error and error["type"] == "NotImplementedError" and error["text"].startswith(start):
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
