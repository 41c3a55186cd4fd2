"""Releasing: the zip that students get, the zip that Gradescope gets, and the report that the first gives nothing away.

Both zips are lists of files, put together here: nothing else gets in, and the same engine gives the same bytes.
"""
import io
import zipfile
from importlib.metadata import version
from pathlib import Path
import numpy as np
from . import leaks
from .cut import OF_STUDENTS, ROOT, engine, modules, skeleton
from .grading.limits import NEEDED
from .manifest import PUBLIC_SEED, load

COMMON = ("LICENSE", "pyproject.toml", "setup.cfg")
OF_STAFF = ("hidden.py", "faults.py", "honest.py")                             # of an assignment's folder
STAFF_ONLY = ("release.py", "leaks.py", "selftest.py", "solutions.py", "grading/batch.py", "grading/job.py",
              "grading/report.py", "grading/results.py", "grading/session.py", "grading/submission.py",
              "grading/gradescope.py")                                         # of the package assignments
MOMENT = (2020, 1, 1, 0, 0, 0)             # when all files were written, if you ask a zip


def command(options):
    """python -m assignments release ID --out DIR.   Returns 0."""
    for path in release(options.id, options.out):
        print(path)
    return 0


def release(id, out):
    """Write ID.zip, ID-grader.zip and ID-leaks.txt into a folder.   Returns their paths.

    Raises ValueError if the hand-out gives anything away; then no zip is written.
    """
    assignment, out = load(id), Path(out)
    student = handout(assignment)
    report = leaks.report(assignment, student)
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"{id}-leaks.txt", out / f"{id}.zip", out / f"{id}-grader.zip"]
    paths[0].write_text(report.text)
    if report.leaks:
        raise ValueError(f"the hand-out of {id} gives something away, see {paths[0]}: {report.leaks[0]}")
    paths[1].write_bytes(zipped({f"{id}/{name}": data for name, data in student.items()}))
    paths[2].write_bytes(zipped(grader(assignment)))
    return paths


def handout(assignment):
    """The files that students get: path -> bytes."""
    files = {name: (ROOT / name).read_bytes() for name in COMMON}
    files |= skeleton(assignment)
    files |= {name: data for name, data in package().items() if name.removeprefix("assignments/") not in STAFF_ONLY}
    files |= {name: (ROOT / name).read_bytes() for name in modules(assignment, (*OF_STUDENTS, "handout.md"))}
    files["README.md"] = files[f"assignments/{assignment.id}/handout.md"]
    files[f"assignments/{assignment.id}/public.npz"] = public_values(assignment)
    return files


def grader(assignment):
    """The files that Gradescope gets: path -> bytes."""
    files = {name: (ROOT / name).read_bytes() for name in COMMON}
    files |= engine() | package()
    everything = (*OF_STUDENTS, *OF_STAFF, "handout.md")
    files |= {name: (ROOT / name).read_bytes() for name in modules(assignment, everything)}
    files["README.md"] = files[f"assignments/{assignment.id}/handout.md"]
    files |= {path.name: path.read_bytes() for path in sorted((ROOT / "assignments" / "container").iterdir())}
    files["requirements.txt"] = "".join(f"{name}=={version(name)}\n" for name in NEEDED).encode()
    return files


def package():
    """The modules that all assignments share, and the grader's: path -> bytes."""
    folder = ROOT / "assignments"
    return {path.relative_to(ROOT).as_posix(): path.read_bytes()
            for path in sorted((*folder.glob("*.py"), *(folder / "grading").glob("*.py")))}


def public_values(assignment):
    """public.npz: the expected values of the public cases, and how many hidden cases there are."""
    values, probes = {"count": np.array(len(assignment.module("hidden").HIDDEN))}, assignment.module("probes")
    for k, case in enumerate(assignment.module("public").PUBLIC):
        if case.check is None:
            for call in range(case.calls):
                result = getattr(probes, case.probe)(*case.arguments(PUBLIC_SEED, call))
                for j, value in enumerate(result if isinstance(result, tuple) else (result,)):
                    values[f"{k}.{call}.{j}"] = np.asarray(value)
    members = {}
    for name, array in values.items():
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, array, allow_pickle=False)
        members[f"{name}.npy"] = buffer.getvalue()
    return zipped(members)


def zipped(files):
    """A zip of files, path -> bytes: the same bytes for the same files, whatever machine, user and time it is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.create_system = 3                        # Unix, so that modes count
            entry.external_attr = (0o100755 if name in ("setup.sh", "run_autograder") else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return buffer.getvalue()
