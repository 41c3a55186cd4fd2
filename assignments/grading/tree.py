"""The folder that a worker loads: the engine as students have it, with one student's files in it."""
import os
import py_compile
import sys
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
    for path in (Path(folder, name) for name in names):
        if path.suffix == ".py":
            py_compile.compile(str(path), str(compiled(path)), doraise=True,
                               invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)


def compiled(path):
    """Where a worker's Python looks for a file's compiled form, whatever the grader's environment says of that."""
    return path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc"
