"""The values that are right: from the complete engine, or, in a hand-out, from the file public.npz."""
import io
import zipfile
import numpy as np
from . import feedback
from ..manifest import PUBLIC_SEED
from .limits import Limits
from .workers import Worker

LOADING, CALLING = 120, 120            # seconds, for the engine itself, on a slow machine


class Engine:
    """Expected values from a worker that has loaded the complete engine, once for all cases.   Use it in a `with` block."""

    def __init__(self, assignment, tree, cache):
        self.worker = Worker(assignment, tree, Limits(), cache)
        self.worker.load(LOADING)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.worker.__exit__()

    def values(self, case, call, arguments):
        """What the case's probe returns for these arguments."""
        return self.worker.call(case.probe, arguments, CALLING)


class File:
    """Expected values of public cases from a file that `write` wrote."""

    def __init__(self, path, public):
        with np.load(path, allow_pickle=False) as file:
            self.arrays = dict(file)
        self.public = list(public)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def values(self, case, call, arguments):
        """As those of Engine."""
        start = f"{self.public.index(case)}.{call}."
        names = sorted((name for name in self.arrays if name.startswith(start)), key=lambda name: int(name[len(start):]))
        return tuple(self.arrays[name] for name in names)


def write(path, public, engine):
    """Write the expected values of public cases, from an Engine, to a file; the same bytes each time."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for number, case in enumerate(public):
            for call in range(0 if case.check else case.calls):
                values = feedback.as_tuple(engine.values(case, call, case.arguments(PUBLIC_SEED, call)))
                for position, value in enumerate(values):
                    content = io.BytesIO()
                    np.lib.format.write_array(content, np.asarray(value), allow_pickle=False)
                    entry = zipfile.ZipInfo(f"{number}.{call}.{position}.npy")       # dated 1980
                    file.writestr(entry, content.getvalue())
