"""What every assignment must be."""
import ast
import re
import numpy as np
import pytest
from assignments import manifest
from assignments.cut import engine, holes, skeleton
from assignments.leaks import report
from assignments.manifest import Method
from assignments.release import handout, public_values
from assignments.solutions import alternative, faulty, reference

EVERY = manifest.every()


def cases(assignment):
    """All cases, public ones first."""
    return [*assignment.module("public").PUBLIC, *assignment.module("hidden").HIDDEN]


@pytest.fixture(params=EVERY)
def assignment(request):
    return manifest.load(request.param)


def test_the_manifest_fits_the_engine(assignment):
    """Every hole can be cut, what is left out is there, tasks are numbered from 1."""
    files = skeleton(assignment)
    assert [task.number for task in assignment.tasks] == [str(k + 1) for k in range(len(assignment.tasks))]
    assert set(assignment.files) <= set(files) <= set(engine())
    for path, texts in holes(assignment).items():
        ast.parse(files[path])
        for text in texts.values():
            assert files[path].count(f'raise NotImplementedError("{text}")'.encode()) == 1


def test_cases_are_told_apart(assignment):
    """By their names; each belongs to a task, calls a probe, says something, and is worth something."""
    everything, probes = cases(assignment), assignment.module("probes")
    assert len({case.name for case in everything}) == len(everything)
    for case in everything:
        assert case.task in [task.number for task in assignment.tasks] and callable(getattr(probes, case.probe))
        assert case.points > 0 and case.message and "\n" not in case.message
        assert not isinstance(case, Method) or case.judge or case.scan


def test_hidden_cases_say_no_values(assignment):
    """A hidden message is one written line: no numbers but sizes of types, no paths."""
    for case in assignment.module("hidden").HIDDEN:
        assert "/" not in case.message and not re.search(r"\d\.\d", case.message)


def test_arguments_come_from_the_seed(assignment):
    """The same seed and call give the same arguments, others other ones, at least where there is anything random."""
    def same(a, b):
        return all(np.array_equal(u, v, equal_nan=isinstance(u, np.ndarray) and u.dtype.kind == "f")
                   for u, v in zip(a, b) if isinstance(u, np.ndarray))

    changing, arrays = 0, 0
    for case in cases(assignment):
        first, again, other = case.arguments("a"), case.arguments("a"), case.arguments("b")
        assert same(first, again), case.name
        if any(isinstance(value, np.ndarray) and value.size > 8 for value in first):
            arrays, changing = arrays + 1, changing + (not same(first, other))
    assert changing > arrays / 2


def test_faults_and_other_solutions_are_python(assignment):
    """Each is another file than the reference's; there are enough of them."""
    faults, files = assignment.module("faults"), reference(assignment)
    assert len(faults.FAULTS) >= 30 and len(faults.HONEST) >= 5
    assert len({fault.name for fault in faults.FAULTS}) == len(faults.FAULTS)
    for other in [*(faulty(assignment, fault) for fault in faults.FAULTS),
                  *(alternative(assignment, honest) for honest in faults.HONEST)]:
        changed = [path for path in files if other[path] != files[path]]
        assert changed and set(other) == set(files) and all(ast.parse(other[path]) for path in changed)


def test_a_hand_out_gives_nothing_away(assignment):
    """And its public values come out the same again."""
    files = handout(assignment)
    assert report(assignment, files).leaks == []
    assert files[f"assignments/{assignment.id}/public.npz"] == public_values(assignment)
