"""The folder that a worker loads: the engine as students have it, with one student's files in it."""
import os
from pathlib import Path
from .. import cut
from ..manifest import FOLDER

SECRET = ("hidden.py", "faults.py")


def build(folder, assignment, files):
    """Write the skeleton with a student's files, {name: bytes}, in place of its own.   A worker may read all of it."""
    content = {**cut.skeleton(assignment), **modules(assignment), **files}
    for name, data in content.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if name not in files:              # what Numba has compiled of the engine's own files goes by their times
            os.utime(path, (0, 0))
    for where, _, names in os.walk(folder):
        os.chmod(where, 0o755)
        for name in names:
            os.chmod(os.path.join(where, name), 0o644)


def modules(assignment):
    """What probes need of the package `assignments`: path -> bytes."""
    own = [path for path in (FOLDER / assignment.id).glob("*.py") if path.name not in SECRET]
    return {path.relative_to(FOLDER.parent).as_posix(): path.read_bytes()
            for path in (FOLDER / "__init__.py", FOLDER / "manifest.py", *own)}
