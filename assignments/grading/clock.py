"""The time and the memory that a worker takes, as the grader measures them from outside."""
import os
import time

TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def family(pid):
    """A process and all that it started, by /proc; the process only where the system does not tell."""
    found = [pid]
    for parent in found:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children") as file:
                    found += [int(child) for child in file.read().split()]
        except OSError:
            pass
    return found


class Clock:
    """Seconds since it was made that a process and its children computed, or slept.

    Those in which they waited for a processor do not count.
    """

    def __init__(self, pid):
        self.pid = pid
        self.start, (self.used, self.waited) = time.monotonic(), self.look()

    def look(self):
        """(seconds of processor time, seconds of waiting for a processor) so far; zeros where they are not known."""
        used = waited = 0.0
        for pid in family(self.pid):
            try:
                with open(f"/proc/{pid}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                used += (int(fields[11]) + int(fields[12])) / TICKS
                with open(f"/proc/{pid}/schedstat", "rb") as file:
                    waited += int(file.read().split()[1]) / 1e9            # of its first thread
            except (OSError, IndexError, ValueError):
                pass
        return used, waited

    def read(self):
        """The larger one of the processor time and the time that passed without waiting for a processor."""
        used, waited = self.look()
        return max(used - self.used, self.passed(waited))

    def passed(self, waited=None):
        """The time that passed without waiting for a processor."""
        waited = (self.look()[1] if waited is None else waited) - self.waited
        passed = time.monotonic() - self.start
        return passed - max(0.0, min(waited, 0.75 * passed))

    def memory(self):
        """Bytes in use by what the process, a keeper, has started; by itself where it has no children."""
        pages, processes = 0, family(self.pid)
        for pid in processes[1:] or processes:
            try:
                with open(f"/proc/{pid}/statm", "rb") as file:
                    pages += int(file.read().split()[1])
            except (OSError, IndexError, ValueError):
                pass
        return pages * PAGE


def peak(pid, reset=False):
    """(bytes in use, the most that were in use since the last reset) of a process; zeros where they are not known."""
    try:
        if reset:
            with open(f"/proc/{pid}/clear_refs", "w") as file:
                file.write("5")
        with open(f"/proc/{pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        return tuple(int(fields[name].split()[0]) << 10 for name in ("VmRSS", "VmHWM"))
    except (OSError, KeyError, ValueError):
        return 0, 0
