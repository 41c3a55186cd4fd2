"""Workers as the grader sees them: started, asked, timed, and ended with all that they left behind."""
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from . import protocol
from .clock import Clock

WORKER = Path(__file__).with_name("worker.py")
OUTPUT_LIMIT = 16_384      # bytes that are kept of what the student's code prints
PATIENCE = 0.02            # seconds between two looks at the clock


class Failed(Exception):
    """A worker gave no values.   `reason` is for the student; `kind` is one of "error", "time", "memory", "end", "reply"."""

    def __init__(self, kind, reason, error=None):
        super().__init__(reason)
        self.kind, self.reason, self.error = kind, reason, error


class Worker:
    """A process that loads a tree and calls its probes.   Use it in a `with` block: at its end nothing of it is left."""

    def __init__(self, assignment, tree, limits, cache, jit=True):
        self.output, self.seconds = bytearray(), 0.0
        environment = {"PATH": os.defpath, "HOME": str(cache), "TMPDIR": str(cache), "LANG": "C.UTF-8",
                       "NUMBA_CACHE_DIR": str(cache), "MPLCONFIGDIR": str(cache), "MPLBACKEND": "Agg",
                       "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": str(limits.threads),
                       "NUMBA_NUM_THREADS": str(limits.threads), "PYTHONHASHSEED": "0"}
        if not jit:
            environment["NUMBA_DISABLE_JIT"] = "1"
        self.process = subprocess.Popen([sys.executable, "-I", str(WORKER)], stdin=subprocess.PIPE, cwd=cache,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                                        start_new_session=True)
        threading.Thread(target=self.listen, daemon=True).start()
        self.settings = {"tree": str(tree), "id": assignment.id, "files": assignment.files, "limits": {}}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def listen(self):
        """Read what the student's code prints, to the end, and keep its beginning."""
        while piece := self.process.stderr.read1(65536):
            self.output += piece[:OUTPUT_LIMIT - len(self.output)]

    def load(self, seconds):
        """Let it load its tree.   Raises Failed."""
        self.talk(self.settings, None, seconds, "load the engine with your files")

    def call(self, probe, arguments, seconds):
        """The values that a probe returns.   Raises Failed."""
        return self.talk({"probe": probe}, arguments, seconds, "answer")

    def talk(self, header, values, seconds, what):
        """Send a message, and return the values of the answer.   Raises Failed if there is none in time."""
        answers = queue.SimpleQueue()
        threading.Thread(target=self.exchange, args=(header, values, answers), daemon=True).start()
        clock = Clock(self.process.pid)
        while True:
            try:
                answer = answers.get(timeout=PATIENCE)
                break
            except queue.Empty:
                if clock.read() > seconds:
                    raise Failed("time", f"it did not {what} within {seconds:g} seconds") from None
        self.seconds = clock.read()
        if isinstance(answer, protocol.BadMessage):
            raise Failed("reply", f"it answered with {answer}")
        if answer is None:
            raise Failed("end", self.last_words())
        header, values = answer
        if "error" in header:
            raise Failed("error", *describe(header["error"]))
        return values

    def exchange(self, header, values, answers):
        """Send one message and read one, in a thread of its own: either may take for ever."""
        try:
            protocol.write(self.process.stdin, header, values)
            answers.put(protocol.read(self.process.stdout))
        except protocol.BadMessage as error:
            answers.put(error)
        except (OSError, ValueError):                   # the pipe was closed
            answers.put(None)

    def last_words(self):
        """How a process ended that should not have."""
        try:
            code = self.process.wait(1)
        except subprocess.TimeoutExpired:
            return "it closed its pipe to the grader"
        return f"the process ended by signal {-code}" if code < 0 else f"the process ended, with exit code {code}"


def describe(error):
    """(a line, the error as a dict of texts) for what a worker says of an error, whoever wrote it."""
    known = error if isinstance(error, dict) else {}
    error = {key: known.get(key) if isinstance(known.get(key), str) else "" for key in ("type", "text", "where")}
    place = f", at {error['where']}" if error["where"] else ""
    return f"{error['type']}: {error['text']}{place}", error
