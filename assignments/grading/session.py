"""One submission, from what was handed in to results.json and what the staff reads."""
import platform
import traceback
from importlib import metadata
from pathlib import Path
from . import submission as handed_in
from . import tree
from .feedback import clean
from .folders import temporary_folder
from .grader import Grader, plan
from .results import Results


class Session:
    """Grades submissions of one assignment, one after another, with the same engine and seed."""

    def __init__(self, assignment, reference, seed, limits, isolation):
        self.assignment, self.reference, self.seed = assignment, reference, seed
        self.limits, self.isolation = limits, isolation
        self.planned = plan(assignment, assignment.module("public").PUBLIC, assignment.module("hidden").HIDDEN)

    def grade(self, path, results_path):
        """Grade the submission at `path`.

        Returns (Results, lines for the staff): whatever happens, both are complete.
        """
        results, staff = Results(results_path, self.planned, [versions(self.isolation)]), []
        try:
            submission = handed_in.read(path, self.assignment)
            results.header += submission.notes
            results.write()
            with temporary_folder() as folder:
                for outcome in self.outcomes(submission, folder):
                    results.add(outcome)
                    staff += lines_for_staff(outcome)
        except Exception:
            results.fail(traceback.format_exc())
            staff.append(traceback.format_exc())
        return results, staff

    def outcomes(self, submission, folder):
        """The outcome of each case, one after the other.

        The tree, and what the workers write, lie in an empty folder.
        """
        tree_folder, cache = Path(folder, "tree"), Path(folder, "cache")
        tree_folder.mkdir(), cache.mkdir()
        tree.build(tree_folder, self.assignment, submission.files)
        grader = Grader(self.assignment, tree_folder, self.reference, self.seed, self.limits, cache, self.isolation)
        for item in self.planned:
            yield grader.outcome(item)


def versions(isolation):
    """A line on what the grader ran on."""
    names = "  ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "numba"))
    return (f"Python {platform.python_version()}  {names}  {platform.system()} {platform.machine()}  "
            f"isolation: {isolation}")


def lines_for_staff(outcome):
    """What only the staff reads of an outcome: in a hidden case, what is wrong; what the student's code printed."""
    lines = []
    if outcome.detail or outcome.flag or outcome.printed:
        lines.append(f"{outcome.planned.number}  {outcome.planned.case.name}")
    lines += [f"    {line}" for line in outcome.detail.splitlines()]
    lines += [f"    flag: {outcome.flag}"] if outcome.flag else []
    lines += [f"    printed: {line}" for line in clean(outcome.printed).splitlines()]
    return lines
