"""How the grader starts a worker's process, and ends it: a fork of the nursery on Linux, a new Python elsewhere."""
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from functools import cache
from pathlib import Path
from .limits import packages

PID = struct.Struct("=q")  # as in nursery.py
HERE = Path(__file__).parent
ENDING = 10                # seconds for a keeper to clear away


def base():
    """The environment variables that every process of a worker has."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}        # Windows needs it
    return {**kept, "PATH": os.defpath, "LANG": "C.UTF-8", "MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1"}


def python(name, **settings):
    """A new Python with nothing but the installed packages that a tree needs, on a file of this folder."""
    return subprocess.Popen([sys.executable, "-I", "-S", str(HERE / name), *packages()[0]], env=base(), cwd=HERE,
                            start_new_session=True, **settings)


class Spawned:
    """A worker in a Python of its own, without a keeper."""

    def __init__(self):
        self.process = python("worker.py", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.pid = self.process.pid
        self.stdin, self.stdout, self.stderr = self.process.stdin, self.process.stdout, self.process.stderr

    def code(self, seconds):
        """The exit code, 128 + the signal's number for one that was killed; None if it runs on for so many seconds."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return 128 - code if code < 0 else code

    def end(self):
        """Kill it, and close the pipes."""
        self.process.kill()
        self.process.wait()
        close(self.stdin, self.stdout)


class Forked:
    """A worker from the nursery, with a keeper, whose process id is `pid`."""

    def __init__(self):
        pipes = [os.pipe() for _ in range(4)]
        theirs = [pipes[0][0], *(end[1] for end in pipes[1:])]
        requests = nursery()
        socket.send_fds(requests, [b"+"], theirs)
        self.pid, = PID.unpack(requests.recv(PID.size))
        for end in theirs:
            os.close(end)
        self.stdin, self.stdout = os.fdopen(pipes[0][1], "wb"), os.fdopen(pipes[1][0], "rb")
        self.stderr, self.status = os.fdopen(pipes[2][0], "rb"), os.fdopen(pipes[3][0], "rb", buffering=0)
        self.ended = None

    def code(self, seconds):
        """As that of Spawned.   When it is known, the keeper has cleared away everything."""
        if self.ended is None and select.select([self.status], [], [], seconds)[0]:
            self.ended = int(self.status.read() or 128 + signal.SIGKILL)
        return self.ended

    def end(self):
        """Let the keeper kill the worker and all that it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.code(0) is None:
                os.kill(self.pid, number)
                self.code(ENDING)
        close(self.stdin, self.stdout, self.status)


def close(*streams):
    """Close pipes, whether or not the other end is still there."""
    for stream in streams:
        try:
            stream.close()
        except OSError:                    # what was left to be sent has no reader any more
            pass


@cache
def nursery():
    """The socket of this process's nursery, which ends with this process."""
    ours, theirs = socket.socketpair()
    with theirs:
        python("nursery.py", stdin=theirs, stdout=subprocess.DEVNULL)
    return ours
