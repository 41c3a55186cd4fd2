"""What a homework is made of, as declarations.

An assignment is a folder of this package, with

    __init__.py     ASSIGNMENT = Assignment(...): the manifest
    handout.md      the text that students read: what, why, the mathematics, the tasks, how it is graded
    probes.py       functions of arrays that give arrays, by calling what the student wrote; they run in the worker
    public.py       PUBLIC: the cases that students have, too
    hidden.py       HIDDEN: the cases that only the grader has
    faults.py       FAULTS and HONEST: wrong solutions that must lose points, and other right ones that must not

A *hole* is a function of the engine whose body the student writes: "layers/kernels/loops.py:convolve", or
"models/made.py:MADE.draw_degrees" for a method.  Its docstring is the task's text.

What a case compares never comes from the worker, in whose process the student's code runs.  The expected values are
those of the same probe, run on the complete engine; or the case's `check` judges the values by a property.

A hand-out has no hidden.py, no faults.py and no complete engine.  In their place it has public.npz: the expected values
of the public cases, value j of call c of PUBLIC[k] under the name "k.c.j", and the number of hidden cases, "count".
"""
import hashlib
import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable
import numpy as np

FOLDER = Path(__file__).parent
PUBLIC_SEED = "public"                     # of the public cases, whose arguments are the same for everybody


@dataclass(frozen=True)
class Case:
    """One thing that is tested: a probe, inputs for it, and what to say where its values are wrong.

    task        the number of the Task that it belongs to
    name        in a few words; the same in every run, and of no other case of the assignment
    probe       the name of a function in probes.py
    make        generator -> the probe's arguments, a tuple of arrays, numbers, strings, None, and tuples of those
    points      what it is worth
    message     one line that says what is wrong if the values are: what a student reads, in a hidden case the only one
    rtol, atol  how far values may be from those expected: atol + rtol * the largest expected one
    check       (arguments, values) -> None if the values are right, else a line that says what is not; in place of
                expected values, where a property decides
    seconds     of processor time a call, beside what loading and compiling take
    calls       how often the probe is called in one process, each time with new inputs from `make`: with 2, nothing
                that is kept from a call to the next (a result, by its inputs' shape or id) passes for an answer
    """
    task: str
    name: str
    probe: str
    make: Callable
    points: float
    message: str
    rtol: float = 1e-9
    atol: float = 1e-12
    check: Callable | None = None
    seconds: float = 5.0
    calls: int = 1

    def arguments(self, seed, call=0):
        """The probe's arguments: the same for the same seed, a text, and call, whatever other cases there are."""
        digest = hashlib.sha256(f"{seed}/{call}/{self.name}".encode()).digest()
        return self.make(np.random.default_rng(int.from_bytes(digest, "little")))


@dataclass(frozen=True)
class Measurement:
    """What the grader measures of a call, from outside the process that makes it.   All after a first call to warm up.

    arguments           what the probe was given
    peak                bytes of memory beyond those in use before the call, at most; 0 where the system does not tell
    seconds             of the call
    reference           seconds of the same call on the complete engine, in the same minute; None in a hand-out
    without_jit         seconds of the same call with Numba's compiler off; None unless the Method asks for it
    """
    arguments: tuple
    peak: int
    seconds: float
    reference: float | None
    without_jit: float | None


@dataclass(frozen=True)
class Method(Case):
    """A case on how the values are computed, not only on what they are.

    Two witnesses are heard: `judge`, who sees what was measured, and `scan`, who reads the source.  Points are lost
    where the values are wrong, or where both object.  Where only one objects, the points are kept, and the submission
    is flagged for a person to look at.

    judge           Measurement -> None, or a line that states the rule and the number that breaks it
    scan            the name of a function in probes.py: the sources of the handed-in files, a tuple of strings in the
                    order of Assignment.files -> a tuple of lines, "layers/kernels/loops.py:41: np.dot", empty if
                    nothing is suspicious.  It never runs in the process that runs those sources.
    without_jit     whether the call is also timed with NUMBA_DISABLE_JIT=1
    """
    judge: Callable | None = None
    scan: str | None = None
    without_jit: bool = False


@dataclass(frozen=True)
class Task:
    """A step of a homework.

    number      "1", "2" ..., as in the hand-out
    title       in a few words
    holes       what the student writes for it; none, where a task puts earlier ones to use
    """
    number: str
    title: str
    holes: tuple[str, ...]


@dataclass(frozen=True)
class Assignment:
    """A homework.

    id, title   its folder's name, and what the hand-out is headed with
    tasks       in the order in which they build on one another
    left_out    files and folders of the engine that would give the answers away, beside the bodies of the holes
    imports     the modules that the files to hand in may import, beside the engine's own
    rules       what a hand-in must not do, a line each, as the hand-out says it
    compiling   seconds of processor time that a submission may take for compiling, in all cases together and beside
                theirs; one case gets at most a third of it
    loading     seconds of processor time for loading the engine with the files of a submission
    """
    id: str
    title: str
    tasks: tuple[Task, ...]
    left_out: tuple[str, ...] = ()
    imports: tuple[str, ...] = ("numpy", "numba", "math", "itertools", "collections", "functools", "operator", "typing")
    rules: tuple[str, ...] = ()
    compiling: float = 45.0
    loading: float = 20.0

    @property
    def files(self):
        """The files to hand in: those that have holes, in the order of the tasks."""
        return tuple(dict.fromkeys(hole.partition(":")[0] for task in self.tasks for hole in task.holes))

    def module(self, name):
        """A module of this assignment's folder: "public", "hidden", "probes", "faults"."""
        return importlib.import_module(f"{__package__}.{self.id}.{name}")


@dataclass(frozen=True)
class Fault:
    """A wrong solution: the complete engine with `old` replaced by `new`, once, in the function `hole`.

    name        what is wrong, in a few words
    """
    name: str
    hole: str
    old: str
    new: str


@dataclass(frozen=True)
class Honest:
    """Another right solution: for some holes, the whole source of a function to take the engine's place."""
    name: str
    sources: dict[str, str] = field(default_factory=dict)


def every():
    """The ids of all assignments."""
    return sorted(path.parent.name for path in FOLDER.glob("*/handout.md"))


def load(id):
    """The Assignment of that id.   Raises ValueError if there is none."""
    if id not in every():
        raise ValueError(f"there is no assignment {id!r}; there are {', '.join(every())}")
    return importlib.import_module(f"{__package__}.{id}").ASSIGNMENT
