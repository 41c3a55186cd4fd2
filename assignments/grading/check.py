"""The student's command: run the public cases, and say what is wrong."""
import shutil
from pathlib import Path
from . import expected
from .. import manifest
from .folders import readable, temporary_folder
from .grader import Grader, plan
from .limits import Limits
from .workers import best_isolation

PACKAGES = ("minigrad", "layers", "models")


def command(options):
    """python -m assignments check [ID] [TASK] [--path DIR].   Returns 0 if all cases pass, 1 if not."""
    assignment, task = chosen(options.id, options.task)
    engine = manifest.FOLDER.parent
    source = Path(options.path or engine).resolve()
    if not (source / "assignments" / assignment.id).is_dir():
        raise ValueError(f"{source} does not hold the hand-out of {assignment.id}: it has no folder "
                         f"assignments/{assignment.id}")
    public = assignment.module("public").PUBLIC
    planned = [item for item in plan(assignment, public) if task in (None, item.case.task)]
    print(f"{assignment.title}: the public tests, on {source}", flush=True)
    isolation, reason = best_isolation()
    if isolation == "process":
        print(f"isolation: process only, so your files run with your own rights ({reason or 'this is not Linux'})")
    with temporary_folder() as folder:
        ours, theirs, tree = (Path(folder, name) for name in ("ours", "theirs", "tree"))
        ours.mkdir(), theirs.mkdir()       # what one compiles, the other never reads
        copy(source, tree, assignment)
        with reference(assignment, engine, public, ours) as right:
            grader = Grader(assignment, tree, right, manifest.PUBLIC_SEED, Limits(), theirs, isolation)
            score = 0
            for item in planned:
                outcome = grader.outcome(item)
                score += outcome.score
                print(line(outcome), flush=True)
            hidden = right.hidden
    total = sum(item.case.points for item in planned)
    print(f"public: {score:g} of {total:g} points; {hidden} hidden tests run after you hand in")
    return 0 if score == total else 1


def chosen(id, task):
    """(the Assignment, the number of a task or None) for what was typed; the id is not needed where there is only one.
    Raises ValueError."""
    if task is None and id is not None and id not in manifest.every() and len(manifest.every()) == 1:
        id, task = None, id
    assignment = manifest.load(id or only())
    numbers = [known.number for known in assignment.tasks]
    if task not in (None, *numbers):
        raise ValueError(f"there is no task {task!r} in {assignment.id}; there are {', '.join(numbers)}")
    return assignment, task


def copy(source, tree, assignment):
    """Copy the engine, with the student's files in it, to a folder that a worker of any user can read."""
    skipped = shutil.ignore_patterns("__pycache__", "*.py[co]", ".*")
    names = [name for name in PACKAGES if (source / name).is_dir()]
    for name in (*names, f"assignments/{assignment.id}"):
        shutil.copytree(source / name, tree / name, ignore=skipped)
    for name in ("__init__.py", "manifest.py"):
        shutil.copy(source / "assignments" / name, tree / "assignments" / name)
    readable(tree)


def only():
    """The id of the only assignment there is, as in a hand-out.   Raises ValueError if there are several."""
    ids = manifest.every()
    if len(ids) != 1:
        raise ValueError(f"say which assignment: {', '.join(ids)}")
    return ids[0]


def reference(assignment, engine, public, cache):
    """What knows the right values: public.npz in a hand-out, else the complete engine."""
    file = manifest.FOLDER / assignment.id / "public.npz"
    return expected.File(file, public) if file.exists() else expected.Engine(assignment, engine, cache)


def line(outcome):
    """An outcome in the terminal."""
    planned = outcome.planned
    head = (f"{planned.number:5} {'passed' if outcome.passed else 'FAILED'}  {planned.title}  "
            f"({outcome.score:g} of {planned.case.points:g})")
    return "\n".join([head, *(f"        {part}" for part in outcome.text.splitlines())])
