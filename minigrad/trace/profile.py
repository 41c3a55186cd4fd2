"""What takes the time, and the memory: a table of operations."""
import sys
import time
from .. import autograd
from ..tensor import raw
from .recording import Listener

clock = time.perf_counter


class Row:
    """The sums over all calls of an operation (forward) or of its rule (backward).

    seconds, bytes  of the computation, and of the arrays that it made; views need no memory
    """

    def __init__(self):
        self.calls = self.seconds = self.bytes = 0

    def add(self, seconds, arrays):
        """One more call."""
        self.calls += 1
        self.seconds += seconds
        self.bytes += sum(array.nbytes for array in arrays if array.base is None)


class profile(Listener):
    """`with profile() as table:` times every operation and every rule; `print(table)` shows them, the slowest first.

    An operation's time is from the call of its function to the moment when its result becomes a tensor.  Python tells
    when functions are called, which costs about a microsecond a call: small operations look slower than they are.  The
    first call of a kernel includes its compilation, so run the computation once before.

    forward, backward   dicts from an operation's name to its Row
    seconds             how long all of it took
    """

    def __enter__(self):
        self.forward, self.backward, self.starts = {}, {}, []
        super().__enter__()
        self.pulled_back, autograd.pulled_back = autograd.pulled_back, self.timed
        self.other, self.seconds = sys.getprofile(), -clock()
        sys.setprofile(self.event)
        return self

    def __exit__(self, *_):
        sys.setprofile(self.other)
        self.seconds += clock()
        autograd.pulled_back = self.pulled_back
        super().__exit__()

    def event(self, frame, kind, argument):
        """Keep the times at which the running functions were called."""
        if kind == "call":
            self.starts.append(clock())
        elif kind == "return" and self.starts:
            self.starts.pop()

    def made(self, serial, frame):
        """A tensor was made: look for the function that called `record`, or `constant`."""
        now, depth, running = clock(), 1, sys._getframe()
        while running is not frame:
            running, depth = running.f_back, depth + 1
        ending = frame.f_back              # Tensor.__init__ is called by `record`, `constant`, or something else
        if ending.f_code.co_name not in ("record", "constant") or depth + 2 > len(self.starts):
            return
        name = ending.f_back.f_code.co_name
        if "rule" in ending.f_locals:
            name = ending.f_locals["rule"].__name__.removesuffix("_rule")
        self.forward.setdefault(name, Row()).add(now - self.starts[-depth - 2], [frame.f_locals["self"].data])

    def timed(self, y, g, needed, create_graph):
        """What `autograd.pulled_back` gives, timed."""
        began = clock()
        given = list(self.pulled_back(y, g, needed, create_graph))
        name = y.rule.__name__.removesuffix("_rule")
        fresh = {id(raw(gx)): raw(gx) for _, gx in given if raw(gx) is not raw(g)}
        self.backward.setdefault(name, Row()).add(clock() - began, fresh.values())
        return given

    def __str__(self):
        none, names = Row(), {*self.forward, *self.backward}
        pairs = {name: (self.forward.get(name, none), self.backward.get(name, none)) for name in names}
        order = sorted(names, key=lambda name: -sum(row.seconds for row in pairs[name]))
        width = max(map(len, [*names, "operation"]))
        lines = [f"{'operation':{width}}{'calls':>7}{'ms':>10}{'us each':>10}{'MB':>9}"
                 f"{'backward':>10}{'ms':>10}{'us each':>10}{'MB':>9}{'share':>8}"]
        for name in order:
            share = sum(row.seconds for row in pairs[name]) / self.seconds
            lines.append(f"{name:{width}}{cells(pairs[name][0], 7)}{cells(pairs[name][1], 10)}{share:8.1%}")
        found = sum(row.seconds for pair in pairs.values() for row in pair)
        lines.append(f"{'elsewhere':{width}}{'':7}{1000 * (self.seconds - found):10.3f}{'':58}"
                     f"{1 - found / self.seconds:8.1%}")
        lines.append(f"{'in all':{width}}{'':7}{1000 * self.seconds:10.3f}")
        return "\n".join(lines)


def cells(row, width):
    """The numbers of a Row; empty where there was no call."""
    if not row.calls:
        return " " * (width + 29)
    return f"{row.calls:{width}}{1e3 * row.seconds:10.3f}{1e6 * row.seconds / row.calls:10.1f}{row.bytes / 1e6:9.3f}"
