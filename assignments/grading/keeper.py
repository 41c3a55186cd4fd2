"""The process between the grader and the worker: it is never the student's, and ends all that the worker started."""
import os
import signal
import subprocess
import sandbox

DEATH_SIGNAL, SUBREAPER = 1, 36            # of prctl
WRITABLE_BY_ALL = ("/tmp", "/var/tmp", "/dev/shm")


def separate(settings, channel, status):
    """Go on in a new process, the worker, with the isolation of the settings; the process so far becomes its keeper.

    Where that fails, the worker ends with a line on why.
    """
    if status is None:
        return
    waited = {signal.SIGCHLD, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    sandbox.libc.prctl(DEATH_SIGNAL, signal.SIGTERM)       # sent when the grader dies, even if it is killed
    sandbox.libc.prctl(SUBREAPER, 1)                       # orphans become children of the keeper
    if settings["isolation"] == "namespaces":
        sandbox.divide(settings)
    worker = os.fork()
    if worker == 0:
        sandbox.libc.prctl(DEATH_SIGNAL, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, waited)
        if settings["isolation"] == "namespaces":
            sandbox.move(settings)
        os.close(status)
        return
    for stream in channel:
        os.close(stream.fileno())
    keep(worker, settings, status)


def keep(worker, settings, file):
    """Wait until the worker ends, or the grader wants an end, and leave nothing behind."""
    code = None
    while code is None:
        if signal.sigwait({signal.SIGCHLD, signal.SIGTERM}) == signal.SIGTERM:
            break
        pid, status = os.waitpid(worker, os.WNOHANG)
        code = status if pid else None
    sweep(worker if code is None else None, settings)
    os.write(file, str(0 if code is None else exit_code(code)).encode())
    os._exit(0)


def exit_code(status):
    """As shells have it: 128 + the signal's number where a signal ended a process."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def sweep(worker, settings):
    """Kill the worker, whatever it started, and take away the files that it left outside of its folder."""
    if worker is not None:
        os.kill(worker, signal.SIGKILL)
    if settings["isolation"] == "user":
        kill_all(settings["user"])
    while True:                                            # the first process of a namespace ends after all others
        try:
            for child in children():
                os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)
        except ProcessLookupError:
            continue
        except ChildProcessError:
            break
    if settings["isolation"] == "user" and not sandbox.syscalls.can_restrict_files():
        for folder in filter(os.path.isdir, WRITABLE_BY_ALL):
            remove_files(folder, settings["user"])


def children():
    """The pids of this process's children."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def kill_all(user):
    """Kill every process of a user at once: no fork can get away."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(user, user, user)
            os.kill(-1, signal.SIGKILL)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def remove_files(folder, user):
    """Remove what a user has put into a folder that everybody can write to."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        try:
            if os.lstat(path).st_uid == user:
                subprocess.run(["rm", "-rf", "--", path], stderr=subprocess.DEVNULL)
        except OSError:                    # it is gone already
            pass
