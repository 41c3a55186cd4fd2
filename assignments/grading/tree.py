"""The folder that a worker loads: the engine as students have it, with one student's files in it."""
import os
import py_compile
from pathlib import Path
from .folders import readable
from ..cut import tree


def build(folder, assignment, files):
    """Write the skeleton with a student's files, {name: bytes}, in place of its own.   A worker may read all of it."""
    content = {**tree(assignment), **files}
    for name, data in content.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if name not in files:              # what Numba has compiled of the engine's own files goes by their times
            os.utime(path, (0, 0))
    compile_all(folder, content.keys() - files)
    readable(folder)


def compile_all(folder, names):
    """Compile some files of the engine's once, as every worker would do again.   A student's are for workers alone."""
    for name in names:
        if name.endswith(".py"):
            py_compile.compile(str(Path(folder, name)), doraise=True)
