"""Workers as the grader sees them: started, asked, timed, and ended with all that they left behind."""
import os
import queue
import signal
import socket
import sys
import threading
from functools import cache as remember
from pathlib import Path
from . import limits as needs
from . import protocol
from .clock import Clock, family, peak
from .folders import folder_size, give, new_folder, temporary_folder
from .processes import Forked, Spawned, base

KINDS = ("namespaces", "user", "process")
TRUSTED = "trusted"
OUTPUT_LIMIT = 16_384      # bytes that are kept of what the student's code prints
PENDING = object()
PATIENCE = 0.02            # seconds between two looks at the clock
STARTING = 60              # seconds for Python, NumPy and the isolation to start, on a slow machine
USERS = range(50_000, 60_000)              # ids for the workers of root, one each


class Failed(Exception):
    """A worker gave no values.

    `reason` is for the student; `error` has the texts of an error in the student's code.
    """

    def __init__(self, reason, error=None):
        super().__init__(reason)
        self.reason, self.error = reason, error


class OutOfTime(Failed):
    """A worker took too long."""


class NotIsolated(OSError):
    """A worker could not be kept apart as asked."""


class Worker:
    """A process that loads a tree and calls its probes.   Use it in a `with` block: at its end nothing of it is left.

    assignment  whose probes
    tree        the folder to load
    cache       the only folder that it can write to
    limits      a Limits
    isolation   one of KINDS; TRUSTED for the engine itself, whose compiled kernels lie where they always do
    jit         whether Numba compiles
    """

    def __init__(self, assignment, tree, cache, limits, isolation, jit=True):
        self.limits, self.cache, self.output, self.seconds = limits, Path(cache), bytearray(), 0.0
        self.root = new_folder() if isolation == "namespaces" else None
        self.user, self.lock = own_user() if isolation in KINDS[:2] and os.getuid() == 0 else (None, None)
        if self.user is not None:
            give(self.cache, self.user)
        self.process = (Forked if sys.platform == "linux" else Spawned)()
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()
        variables = environment(cache, limits, jit)
        if isolation == TRUSTED:
            del variables["NUMBA_CACHE_DIR"]
        settings = {"id": assignment and assignment.id, "tree": str(tree), "files": assignment and assignment.files,
                    "cache": str(cache), "environment": variables, "root": self.root, "isolation": isolation,
                    "user": self.user, "readable": needs.readable(), "limits": limits.of_system(self.user is not None)}
        try:
            self.isolation = self.begin(settings)
        except BaseException:
            self.end()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def begin(self, settings):
        """Send the settings, and wait until nothing but the student's code is to come.   Raises NotIsolated."""
        header = self.talk(settings, None, STARTING, "start")[0]
        if "failed" in header:
            raise NotIsolated(header["failed"])
        return header["isolation"]

    def end(self):
        """Kill the worker and whatever it started, and give its user id back."""
        self.process.end()
        self.listener.join(1)              # for the last words; nobody can write any more
        if self.root:
            os.rmdir(self.root)
            self.root = None
        if self.lock:
            self.lock.close()

    def listen(self):
        """Read what the student's code prints, to the end, and keep its beginning."""
        with self.process.stderr as stream:
            while piece := stream.read1(65536):
                self.output += piece[:OUTPUT_LIMIT - len(self.output)]

    def load(self, seconds):
        """Let it load its tree.   Raises Failed."""
        self.checked(self.receive_only(seconds, "load the engine with your files"))

    def call(self, probe, arguments, seconds):
        """The values that a probe returns.   Raises Failed."""
        return self.checked(self.talk({"probe": probe}, arguments, seconds, "answer"))

    def measured(self, probe, arguments, seconds, repeat=1):
        """(values, bytes of memory at most beyond those in use before, seconds) of a call, or of several in a row.

        The arguments are there before, and the values are sent after what is measured.   Raises Failed.
        """
        self.talk({"probe": probe, "steps": True, "repeat": repeat}, arguments, seconds, "answer")
        pid = family(self.process.pid)[-1]
        before, _ = peak(pid, reset=True)
        self.talk({}, None, seconds, "answer")
        passed, (_, most) = self.passed, peak(pid)
        values = self.checked(self.talk({}, None, seconds, "answer"))
        return values, max(0, most - before), passed / repeat

    def checked(self, answer):
        """The values of an answer.   Raises Failed if it is an error's."""
        header, values = answer
        if "error" in header:
            raise Failed(*describe(header["error"]))
        return values

    def receive_only(self, seconds, what):
        """The next message."""
        return self.await_answer(lambda: None, seconds, what)

    def talk(self, header, values, seconds, what):
        """Send a message, and return the answer, (header, values).   Raises Failed if there is none in time."""
        return self.await_answer(lambda: protocol.write(self.process.stdin, header, values), seconds, what)

    def await_answer(self, send, seconds, what):
        """Send something and read a message, in a thread of its own, since either may take for ever."""
        answers = queue.SimpleQueue()
        threading.Thread(target=self.exchange, args=(send, answers), daemon=True).start()
        clock, answer = Clock(self.process.pid), PENDING
        while answer is PENDING:
            try:
                answer = answers.get(timeout=PATIENCE)
            except queue.Empty:
                self.watch(clock)
            self.seconds, self.passed = clock.read(), clock.passed()
            if self.seconds > seconds:
                raise OutOfTime(f"it did not {what} in time")
        if isinstance(answer, protocol.BadMessage):
            raise Failed(f"it answered with {answer}")
        if answer is None:
            raise Failed(self.last_words())
        return answer

    def exchange(self, send, answers):
        """Send, read one message, and put it into a queue."""
        try:
            send()
            answers.put(protocol.read(self.process.stdout))
        except protocol.BadMessage as error:
            answers.put(error)
        except (OSError, ValueError):                   # the pipe was closed
            answers.put(None)

    def watch(self, clock):
        """Raise Failed if the worker uses too much memory or disk."""
        used = clock.memory()
        if used > self.limits.memory:
            raise Failed(f"it used more than {self.limits.memory >> 20} MB of memory")
        if folder_size(self.cache) > self.limits.disk:
            raise Failed(f"it wrote more than {self.limits.disk >> 20} MB, or too many folders, to its folder")

    def last_words(self):
        """How a process ended that should not have."""
        code = self.process.code(1)
        if code is None:
            return "it closed its pipe to the grader"
        if code > 128:
            return f"the process was ended by signal {code - 128} ({signal_name(code - 128)})"
        return f"the process ended, with exit code {code}"


def environment(cache, limits, jit):
    """The only environment variables that a worker has."""
    folders = dict.fromkeys(("HOME", "TMPDIR", "NUMBA_CACHE_DIR", "MPLCONFIGDIR"), str(cache))
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": str(limits.threads),
               "NUMBA_NUM_THREADS": str(limits.threads)}
    return {**base(), **folders, **threads, "NUMBA_DISABLE_JIT": "0" if jit else "1"}


def own_user():
    """(a user id that nobody has, a socket that keeps others from taking it while it is open)"""
    for user in USERS:
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0minigrad-worker-{user}")
            return user, lock
        except OSError:
            lock.close()
    raise OSError(f"all user ids from {USERS.start} on are in use by other graders")


def signal_name(number):
    """The name of a signal, "SIGKILL"; "unknown" if it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def describe(error):
    """(a line, the error as a dict of texts) for what a worker says of an error, whoever wrote it."""
    known = error if isinstance(error, dict) else {}
    error = {key: known.get(key) if isinstance(known.get(key), str) else "" for key in ("type", "text", "where")}
    place = f", at {error['where']}" if error["where"] else ""
    return f"{error['type']}: {error['text']}{place}", error


@remember
def best_isolation():
    """(the best of KINDS that can be had here, why not a better one)"""
    reasons = []
    kinds = KINDS if sys.platform == "linux" else KINDS[-1:]
    for kind in kinds:
        if kind == "user" and os.getuid() != 0:
            continue
        with temporary_folder() as folder:
            inner = Path(folder, "cache")
            inner.mkdir()
            try:
                with Worker(None, folder, inner, needs.Limits(), kind):
                    return kind, "; ".join(reasons)
            except (NotIsolated, Failed) as error:
                reasons.append(f"{kind}: {error}")
    raise OSError(f"no worker can be started: {'; '.join(reasons)}")
