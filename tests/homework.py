"""What proves a homework's cases right: the engine passes, the skeleton doesn't, faults fail, honest solutions pass.

All of it runs in this process: a solution takes the place of the engine's function by its code object, so that whoever
has imported the function calls the solution.  (The grader runs each case in a process of its own; see its tests.)
"""
import importlib
import textwrap
from contextlib import contextmanager
import numpy as np
from assignments.cut import find
from assignments.manifest import load
from assignments.solutions import faulty
from minigrad.tensor import enable_grad

SEED = "homework"
ENDLESS = "reachable finds tensors twice"  # 2^60 steps: the grader's clock ends it, this process would not


class Homework:
    """An assignment, with the values that the engine gives for each of its cases."""

    def __init__(self, id):
        self.assignment = load(id)
        self.probes, self.faults = self.assignment.module("probes"), self.assignment.module("faults")
        self.public = list(self.assignment.module("public").PUBLIC)
        self.hidden = list(self.assignment.module("hidden").HIDDEN)
        self.cases = self.public + self.hidden
        self.holes = {hole: task.number for task in self.assignment.tasks for hole in task.holes}
        self.expected = {(case.name, call): self.values(case, call)
                         for case in self.cases for call in range(case.calls)}

    def values(self, case, call, seed=SEED):
        """What the probe gives; an exception is a value, too."""
        try:
            with np.errstate(all="ignore"):
                return getattr(self.probes, case.probe)(*case.arguments(seed, call))
        except Exception as error:
            return error

    def wrong(self, case, seed=SEED):
        """What is wrong with the values now, a line, or None."""
        for call in range(case.calls):
            values = self.values(case, call, seed)
            if isinstance(values, Exception):
                return f"{type(values).__name__}: {values}"
            if case.check:
                complaint = case.check(case.arguments(seed, call), values)
            else:
                complaint = difference(values, self.expected[case.name, call], case)
            if complaint:
                return complaint
        return None

    def failed(self, first=None, only_one=False):
        """The cases whose values are wrong now.

        first       the number of the task whose cases come first
        only_one    stop at the first one
        """
        found = []
        for case in sorted(self.cases, key=lambda case: case.task != first):
            if self.wrong(case):
                found.append(case)
                if only_one:
                    break
        return found

    def survivors(self):
        """The names of the planted faults that no case finds."""
        missed = []
        for fault in self.faults.FAULTS:
            with enable_grad(), replaced({fault.hole: self.planted(fault)}):   # a fault may leave recording off
                if fault.name != ENDLESS and not self.failed(self.holes[fault.hole], only_one=True):
                    missed.append(fault.name)
        return missed

    def denied(self):
        """What is wrong, the cases say, with honest solutions of their tasks: [(solution, case)]"""
        found = []
        for honest in self.faults.HONEST:
            tasks = {self.holes[hole] for hole in honest.sources}
            with replaced(honest.sources):
                found += [(honest.name, case.name) for case in self.cases if case.task in tasks and self.wrong(case)]
        return found

    def planted(self, fault):
        """The function with the fault in it."""
        path, _, name = fault.hole.partition(":")
        text = faulty(self.assignment, fault)[path].decode()
        node = find(text, name)
        return textwrap.dedent("\n".join(text.splitlines()[node.lineno - 1:node.end_lineno]))

    def leaning(self):
        """The cases that fail although all tasks up to theirs are done: [(last task that is done, case)]"""
        found = []
        for task in self.assignment.tasks:
            later = {hole: stub(hole) for hole, number in self.holes.items() if int(number) > int(task.number)}
            with replaced(later):
                found += [(task.number, case.name) for case in self.cases
                          if case.task == task.number and self.wrong(case)]
        return found

    def passed_by_the_skeleton(self):
        """The names of the cases that pass although no hole is filled, and of those that fail for another reason."""
        with replaced({hole: stub(hole) for hole in self.holes}):
            complaints = {case.name: self.wrong(case) for case in self.cases}
        return [name for name, complaint in complaints.items() if not complaint or "not implemented" not in complaint]


def difference(values, expected, case):
    """How values differ from the expected ones, a line, or None."""
    values, expected = flat(values), flat(expected)
    if len(values) != len(expected):
        return f"{len(values)} values, not {len(expected)}"
    for value, wanted in zip(values, expected):
        if value.shape != wanted.shape or wanted.ndim and value.dtype != wanted.dtype:
            return f"{value.dtype} {value.shape}, not {wanted.dtype} {wanted.shape}"
        if "U" in (value.dtype.kind, wanted.dtype.kind):
            if str(value) != str(wanted):
                return f"{value}, not {wanted}"
            continue
        allowed = 0
        if wanted.dtype.kind == "f":
            allowed = case.atol + case.rtol * np.abs(wanted[np.isfinite(wanted)]).max(initial=0)
        if not np.allclose(value, wanted, rtol=0, atol=allowed, equal_nan=True):
            return "other numbers"
    return None


def flat(values):
    """Nested tuples as a list of arrays."""
    return [array for item in values for array in flat(item)] if isinstance(values, tuple) else [np.asarray(values)]


# ---------------------------------------------------------------------------------------------------------------------
# Solutions in place of the engine's functions

def function(hole):
    """The function that a hole names."""
    path, _, name = hole.partition(":")
    found = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    for part in name.split("."):
        found = getattr(found, part)
    return found


def stub(hole):
    """A function that only says that it is not implemented."""
    return f"def {hole.split(':')[1].split('.')[-1]}(*_, **__):\n    raise NotImplementedError('not implemented')\n"


@contextmanager
def replaced(sources):
    """Functions of the engine, by their holes, with the code of other ones; afterwards with their own again."""
    before = {}
    try:
        for hole, text in sources.items():
            old, namespace = function(hole), {}
            exec(compile(textwrap.dedent(text), f"<{hole}>", "exec"), namespace)
            new = namespace[hole.split(":")[1].split(".")[-1]]
            assert (new.__code__.co_flags & 12) or new.__code__.co_argcount == old.__code__.co_argcount, hole
            before[old] = old.__code__
            old.__code__ = new.__code__
        yield
    finally:
        for old, code in before.items():
            old.__code__ = code
