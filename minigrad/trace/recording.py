"""Which line of the student's code made a tensor, and inside which modules: noted while `with record():` is active.

The core keeps no such notes, and pays nothing for them.  But every new tensor asks it for a creation number, so that is
the place to listen: `Listener` puts a function of its own in place of `tensor.tick`, which looks at who is calling.
"""
import linecache
import os
import re
import sys
from functools import cached_property, lru_cache
from ..autograd import core             # the module: `minigrad.tensor` is by now the function of that name
from ..tensor import Tensor

HOUSE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ENGINE = tuple(os.path.join(HOUSE, room) + os.sep for room in ("minigrad", "layers"))
notes = {}                                 # of the last recording: creation number -> Note


class Listener:
    """A context in which `made(serial, frame)` is called for each new creation number.

    frame       of the function that asks: `Tensor.__init__`, or `stamp` for a write in place
    """

    def __enter__(self):
        self.base = sys._getframe(1)       # nothing outside of the function that listens is looked at
        self.before, core.tick = core.tick, self.tick
        return self

    def __exit__(self, *_):
        core.tick = self.before
        del self.base

    def tick(self):
        """The next creation number."""
        serial = self.before()
        frame = sys._getframe(1)
        while frame.f_code is Listener.tick.__code__:      # of a listener inside this one
            frame = frame.f_back
        self.made(serial, frame)
        return serial

    def made(self, serial, frame):
        """What to do about a new tensor."""
        raise NotImplementedError


class record(Listener):
    """`with record():` notes for each tensor that is made the line of code and the modules that made it.

    The notes are kept until the next recording begins.
    """

    def __enter__(self):
        notes.clear()
        super().__enter__()
        self.base = sys._getframe(1)
        return self

    def made(self, serial, frame):
        notes[serial] = note(frame, self.base)


class Note:
    """Where a tensor was made.

    where       the code object and the instruction in it, of the student's function; or None
    modules     the modules whose methods were running, the outermost first: a tuple
    """
    __slots__ = ("where", "modules")

    def __init__(self, where, modules):
        self.where, self.modules = where, modules

    @property
    def place(self):
        """The Place in the student's code, or None."""
        return self.where and place_of(*self.where)


class Place:
    """A part of a line of code: that of one operation in an expression.

    file, line      where it stands
    """

    def __init__(self, code, instruction):
        """code, instruction    of a frame: its `f_code` and `f_lasti`"""
        self.file = code.co_filename
        self.line, self.last_line, self.begin, self.end = list(code.co_positions())[instruction // 2]

    @property
    def text(self):
        """The line of code."""
        return linecache.getline(self.file, self.line).rstrip()

    @cached_property
    def part(self):
        """The operation's part of the line; all of it where that isn't known."""
        if self.begin is None or self.last_line != self.line:
            return self.text.strip()
        return self.text.encode()[self.begin:self.end].decode()            # columns are counted in bytes

    @cached_property
    def variable(self):
        """The variable that the line gives the operation's result to: `b` in `b = a + a`; else None."""
        found = re.fullmatch(r"\s*(\w+)\s*=\s*(.*?)(\s*#.*)?", self.text)
        return found[1] if found and found[2] == self.part else None

    def __str__(self):
        name = os.path.basename(self.file)
        return f"line {self.line}" if name.startswith("<") or "ipykernel" in self.file else f"{name}:{self.line}"


@lru_cache(maxsize=10_000)
def place_of(code, instruction):
    """The Place, found out once only: loops come to the same place again and again."""
    return Place(code, instruction)


def note(frame, base):
    """The Note for a tensor that is being made in a frame below the frame `base`."""
    where, modules = None, []
    while frame is not None:
        code = frame.f_code
        if where is None and not code.co_filename.startswith(ENGINE):
            where = code, frame.f_lasti
        if code.co_argcount and code.co_varnames[0] == "self":
            owner = frame.f_locals.get("self")
            if hasattr(type(owner), "named_modules") and not (modules and modules[-1] is owner):
                modules.append(owner)
        if frame is base:
            break
        frame = frame.f_back
    return Note(where, tuple(reversed(modules)))


def names_in(variables):
    """What the student calls things: a dict from tensors and modules to names.

    variables       a dict from names to anything; of a module, its parameters and the modules inside are named as well
    """
    names = {}
    for name, value in variables.items():
        if name.startswith("_"):
            continue
        if isinstance(value, Tensor):
            names.setdefault(value, name)
        elif hasattr(type(value), "named_modules"):
            for inside, module in value.named_modules(name):
                names.setdefault(module, inside)
            for inside, parameter in value.named_parameters(name):
                names.setdefault(parameter, inside)
    return names


def variables_of_caller():
    """The variables of the function that called the function which calls this one."""
    frame = sys._getframe(2)
    return {**frame.f_globals, **frame.f_locals}
