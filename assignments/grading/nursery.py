"""Where workers come from on Linux: `python -I -S nursery.py FOLDERS`, a process that forks one whenever it is told to.

It has loaded NumPy and Numba, which takes most of the time that a worker needs to start, and never loads anything of a
student's.  A request, on the socket that is its standard input, comes with four files: the worker's standard input,
output and error, and one for its exit code.  The answer is the process id of the worker's keeper.  At the end of the
requests the nursery ends, and so do the keepers and workers.
"""
import os
import signal
import socket
import struct
import sys

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]
import worker                              # it puts FOLDERS on the path
import numba
del sys.path[0]

PID = struct.Struct("=q")


def main():
    """Fork workers until the grader closes the socket."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)          # nobody waits for them here
    served = 0
    with socket.socket(fileno=os.dup(0)) as requests:
        while True:
            message, files, _, _ = socket.recv_fds(requests, 1, 4)
            if not message:
                break
            served += 1
            if served == 2:                # the first compilation loads a lot, which all workers from now on have then
                numba.njit(lambda x: x + 1)(1)
            pid = os.fork()
            if pid == 0:
                requests.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                become_worker(*files)
            for file in files:
                os.close(file)
            requests.sendall(PID.pack(pid))


def become_worker(*files):
    """Take the files of a request for the standard ones, and never return."""
    code = 1
    try:
        for number, file in enumerate(files[:3]):
            os.dup2(file, number)
            os.close(file)
        os.setsid()
        worker.main(status=files[3])
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
