"""Stop where numbers break: at the first operation, forward or backward, that makes a NaN or an infinity."""
import numpy as np
from .. import autograd
from ..devices import CPU, moved
from ..tensor import ARRAYS, Tensor, made_by, raw
from .recording import notes, record
from .text import first_line


class anomaly(record):
    """`with anomaly():` raises FloatingPointError at the first recorded operation that makes a NaN or an infinity.

    Forward, that is an operation whose result isn't finite though its inputs are; Python's traceback ends in its line.
    Backward, it is one that passes on a cotangent that isn't finite though the one that arrived is; the message has the
    line that computed its result.  Every number is looked at, so it takes time: it is for finding a fault.
    """

    def __enter__(self):
        self.quiet = np.errstate(all="ignore")             # NumPy's warnings would come first, and say less
        self.quiet.__enter__()
        self.pulled_back, autograd.pulled_back = autograd.pulled_back, self.watched
        return super().__enter__()

    def __exit__(self, *_):
        super().__exit__()
        autograd.pulled_back = self.pulled_back
        self.quiet.__exit__(None, None, None)

    def made(self, serial, frame):
        """Look at a new tensor: it has all but its number."""
        super().made(serial, frame)
        y = frame.f_locals.get("self")
        if isinstance(y, Tensor) and y.rule is not None and not finite(y.data) and all(map(finite, y.inputs)):
            raise FloatingPointError(f"{operation(y)} #{serial}{line(serial)} makes {first(y.data, y.inputs)}")

    def watched(self, y, g, needed, create_graph):
        """What `autograd.pulled_back` gives, looked at."""
        who = f"backward: {made_by(y)}{line(y.serial)}"
        if not finite(g):
            raise FloatingPointError(f"{who} gets cotangents that add up to {first(g, [])}")
        for x, gx in self.pulled_back(y, g, needed, create_graph):
            if not finite(gx):
                raise FloatingPointError(f"{who} gives its input of shape {x.data.shape} a cotangent of "
                                         f"{first(gx, [x])}; its rule is {first_line(y.rule.__doc__)}")
            yield x, gx


def operation(y):
    """An operation's name."""
    return y.rule.__name__.removesuffix("_rule")


def finite(x):
    """Whether there is no NaN and no infinity in a tensor, array or number; other things have none."""
    x = raw(x)
    return not isinstance(x, (float, *ARRAYS, np.floating)) or bool(np.isfinite(x).all())


def line(serial):
    """Where the tensor with that number was made: ` (loss.py:12: x.log())`; nothing if that isn't known."""
    place = notes[serial].place if serial in notes else None
    return f" ({place}: {place.part})" if place else ""


def first(y, inputs):
    """The first number that isn't finite, where it is, and what the inputs of that shape are there."""
    y = moved(raw(y), CPU)
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(y))[0])
    values = [f"{raw(x)[index]:.6g}" for x in inputs if isinstance(x, Tensor) and x.data.shape == y.shape]
    at = f" at index {index}" if y.shape else ""
    return f"{y[index]}{at}" + (f", where {'its input is' if len(values) == 1 else 'its inputs are'} "
                                f"{' and '.join(values)}" if values else "")
