"""The values that are right: from the complete engine, or, in a hand-out, from the file public.npz."""
import numpy as np
from .limits import Limits
from .workers import TRUSTED, Failed, Worker

LOADING, CALLING = 120, 120            # seconds, for the engine itself, on a slow machine


class Engine:
    """Expected values from a worker that has loaded the complete engine, once for all cases.

    Use it in a `with` block: at its end the worker is gone.

    hidden      how many hidden cases there are
    """

    def __init__(self, assignment, tree, cache):
        self.start = lambda: Worker(assignment, tree, cache, Limits(memory=8 << 30), TRUSTED)
        self.worker = self.start()
        self.worker.load(LOADING)
        self.hidden = len(assignment.module("hidden").HIDDEN)
        self.scanned = None, ()            # the last sources, and what was found: a submission's cases have the same

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.worker.end()

    def values(self, case, call, arguments):
        """What the case's probe returns for these arguments.   Raises RuntimeError: that is no student's fault."""
        return blamed(case, lambda: self.worker.call(case.probe, arguments, CALLING))

    def seconds(self, case, arguments, repeat):
        """How long the case's probe takes.   Raises RuntimeError as `values` does."""
        return blamed(case, lambda: self.worker.measured(case.probe, arguments, CALLING, repeat))[2]

    def scan(self, case, sources):
        """The suspicious lines in the sources.

        It has a worker of its own, since a source may be too much for Python's parser.
        """
        if self.scanned[0] != (case.scan, sources):
            with self.start() as worker:
                worker.load(LOADING)
                try:
                    found = worker.call(case.scan, (sources,), CALLING)
                except Failed as failed:
                    found = failed
            self.scanned = (case.scan, sources), found
        if isinstance(self.scanned[1], Failed):
            raise self.scanned[1]
        return self.scanned[1]


def blamed(case, action):
    """What an action on the complete engine returns.   Raises RuntimeError if it fails."""
    try:
        return action()
    except Failed as failed:
        raise RuntimeError(f"the engine itself failed on the case {case.name!r}: {failed.reason}") from None


class File:
    """Expected values of public cases, and how many hidden ones there are, from a hand-out's public.npz."""

    def __init__(self, path, public):
        with np.load(path, allow_pickle=False) as file:
            self.arrays = dict(file)
        self.public, self.hidden = list(public), int(self.arrays["count"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def values(self, case, call, arguments):
        """As those of Engine."""
        start = f"{self.public.index(case)}.{call}."
        names = sorted((name for name in self.arrays if name.startswith(start)),
                       key=lambda name: int(name[len(start):]))
        return tuple(self.arrays[name] for name in names)

    def seconds(self, case, arguments, repeat):
        """Not known in a hand-out."""
        return None

    def scan(self, case, sources):
        """Students are not told what the scan looks at."""
        return ()
