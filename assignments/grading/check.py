"""The student's command: run the public cases, and say what is wrong."""
import tempfile
from pathlib import Path
from . import expected
from .. import manifest
from .grader import Grader, plan
from .limits import Limits
from .workers import best_isolation


def command(options):
    """python -m assignments check [ID] [TASK] [--path DIR].   Returns 0 if all cases pass, 1 if not."""
    assignment = manifest.load(options.id or only())
    engine = manifest.FOLDER.parent
    tree = Path(options.path or engine).resolve()
    public = assignment.module("public").PUBLIC
    chosen = [planned for planned in plan(assignment, public) if options.task in (None, planned.case.task)]
    print(f"{assignment.title}: the public cases, on {tree}")
    isolation, reason = best_isolation()
    if isolation == "process":
        print(f"isolation: process only; your files run with your own rights here ({reason})")
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = (Path(folder, name) for name in ("ours", "theirs"))     # what one compiles, the other never reads
        ours.mkdir(), theirs.mkdir()
        with reference(assignment, engine, public, ours) as right:
            grader = Grader(assignment, tree, right, manifest.PUBLIC_SEED, Limits(), theirs, isolation)
            score = 0
            for planned in chosen:
                outcome = grader.outcome(planned)
                score += outcome.score
                print(line(outcome), flush=True)
    total = sum(planned.case.points for planned in chosen)
    print(f"public: {score:g} of {total:g} points")
    return 0 if score == total else 1


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
