"""The staff's command: grade a folder of submissions, several at a time; what is finished is not graded again."""
import csv
import ctypes
import hashlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.parse import quote
from . import report
from .folders import new_folder, remove
from .grader import plan
from .results import replace
from .workers import best_isolation
from .. import manifest

ROW, RUN, TABLE = "row.json", "run.json", "grades.csv"
FORMULA = "=+-@\t\r"       # how a text begins that a spreadsheet would compute


def command(options):
    """python -m assignments grade ID SUBMISSIONS --out DIR [--jobs N] [--seed S] [--isolation process].

    Returns 0, or 1 if the grader failed on a submission.   Raises ValueError where workers can't be isolated as wanted.
    """
    hide_arguments()
    assignment, out = manifest.load(options.id), Path(options.out)
    isolation, reason = best_isolation() if options.isolation is None else (options.isolation, "")
    if isolation == "process" and options.isolation is None:
        raise ValueError(f"workers can be kept apart neither by namespaces nor by a user of their own, so submissions "
                         f"could read and change each other's grades ({reason}); --isolation process grades all the "
                         f"same")
    submissions = find(options.submissions)
    settings, rows, waiting = begin(out, options, isolation), {}, []
    try:
        for name, path in submissions.items():
            rows[name] = finished(out / name, path)
            if rows[name] is None:
                waiting.append((name, path))
        print(f"{len(submissions)} submissions, {len(submissions) - len(waiting)} of them graded before; "
              f"isolation: {isolation}", flush=True)
        for name, row in grade_all(waiting, settings, options.jobs):
            rows[name] = row
            look = "  needs a human look" if row["flags"] else ""
            print(f"{name}: {row['score']:g} of {row['points']:g}{look}", flush=True)
    finally:                               # also when it was stopped, by Ctrl-C or SIGTERM
        remove(settings["work"])
    table(out, assignment, rows)
    failed = [name for name, row in rows.items() if row["failed"]]
    if failed:
        print(f"the grader failed on {len(failed)}, see their reports: {', '.join(failed[:5])}", file=sys.stderr)
    return 1 if failed else 0


def hide_arguments():
    """Wipe what other users' processes can read of our command line: a seed may stand in it.   On Linux only."""
    if sys.platform == "linux":
        with open("/proc/self/stat") as file:
            facts = file.read().rpartition(")")[2].split()                 # from the third on
        start, end = int(facts[45]), int(facts[46])        # where the arguments are in memory: arg_start, arg_end
        ctypes.memset(start, 0, end - start)


def find(folder):
    """The submissions in a folder: a name that any file system takes -> path.   Raises ValueError if there are none."""
    if not os.path.isdir(folder):
        raise ValueError(f"there is no folder {folder}")
    names = sorted(name for name in os.listdir(folder) if not name.startswith((".", "__")))
    if not names:
        raise ValueError(f"there is no submission in {folder}")
    return {quote(os.fsencode(name), safe=" @+,=()"): os.path.join(folder, name) for name in names}


def begin(out, options, isolation):
    """The settings of the run in a folder, which is made if it is new, with a new folder for all temporary files.

    What a run that was killed has left of those is removed.   Raises ValueError if another run is in the folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    os.chmod(out, 0o700)
    file = out / RUN
    run = json.loads(file.read_text()) if file.exists() else {"id": options.id, "work": None,
                                                              "seed": options.seed or secrets.token_hex(16)}
    if run["id"] != options.id or options.seed not in (None, run["seed"]):
        raise ValueError(f"{out} holds a run of {run['id']} with another seed; choose a new folder")
    if run["work"]:
        remove(run["work"])
    run["work"] = new_folder()
    replace(file, json.dumps(run))
    return {**run, "out": str(out.resolve()), "isolation": isolation}


def fingerprint(path):
    """A text that changes when a submission does: of the names, sizes and times of its files."""
    digest = hashlib.sha256()
    paths = [path] + [os.path.join(where, name) for where, _, names in os.walk(path) for name in names]
    for name in sorted(paths):
        status = os.lstat(name)
        digest.update(os.fsencode(name) + f"/{status.st_size}/{status.st_mtime_ns}/".encode())
    return digest.hexdigest()


def finished(folder, path):
    """The row of a submission that has been graded and has not changed since, else None."""
    try:
        row = json.loads((folder / ROW).read_text())
    except (OSError, ValueError):
        return None
    return row if row["fingerprint"] == fingerprint(path) and not row["failed"] else None


def grade_all(waiting, settings, jobs):
    """Grade submissions in `jobs` processes: yields (name, row) as they are finished.  Stopped before, it ends them.

    There is no lock here: a signal could stop this thread just when it holds one.
    """
    todo, done, running = SimpleQueue(), SimpleQueue(), []
    for item in waiting:
        todo.put(item)

    def serve():
        job = None
        for name, path in drained(todo):
            if job is None:
                job = Job(settings)
                running.append(job)
            row = job.grade(name, path)
            if row is None:                # the process died
                job, row = job.end(), lost(name, path, settings)
            done.put((name, row))
        if job:
            job.end()

    threads = [threading.Thread(target=serve, daemon=True) for _ in range(min(jobs, len(waiting)))]
    try:
        for thread in threads:
            thread.start()
        for _ in waiting:
            yield done.get()
    except BaseException:                  # nothing more begins, and what runs, or is just starting, is ended
        list(drained(todo))
        while any(thread.is_alive() for thread in threads):
            for job in running:
                job.process.kill()
            time.sleep(0.05)
        raise
    for thread in threads:
        thread.join()


def drained(queue):
    """What is in a queue, until it is empty."""
    while True:
        try:
            yield queue.get_nowait()
        except Empty:
            return


class Job:
    """A process that grades submissions one after another, see `job`."""

    def __init__(self, settings):
        self.process = subprocess.Popen([sys.executable, "-m", f"{__package__}.job"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, cwd=manifest.FOLDER.parent)
        self.send(settings)

    def send(self, message):
        """Write a message, a line of JSON."""
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
        except OSError:                    # it has died: the answer will be empty
            pass

    def grade(self, name, path):
        """The row of a submission, or None if the process died."""
        self.send({"name": name, "path": os.fsencode(os.path.abspath(path)).hex()})
        answer = self.process.stdout.readline()
        return json.loads(answer) if answer else None

    def end(self):
        """Close its input, at which it ends, and wait for that."""
        try:
            self.process.stdin.close()
        except OSError:
            pass
        self.process.wait()


def lost(name, path, settings):
    """The row of a submission whose grading process died."""
    assignment = manifest.load(settings["id"])
    points = sum(item.case.points for item in plan(assignment, assignment.module("public").PUBLIC,
                                                   assignment.module("hidden").HIDDEN))
    return {"name": name, "score": 0.0, "points": points, "tasks": {}, "flags": [], "failed": True,
            "fingerprint": fingerprint(path)}


def table(out, assignment, rows):
    """Write grades.csv and the page that leads to all reports."""
    tasks = [task.number for task in assignment.tasks]
    lines = [["name", "score", "points", *(f"task {number}" for number in tasks), "needs a human look",
              "grader failed"]]
    for name, row in sorted(rows.items()):
        shown = f"'{name}" if name.startswith(tuple(FORMULA)) else name
        lines.append([shown, f"{row['score']:g}", f"{row['points']:g}",
                      *(f"{row['tasks'].get(number, 0):g}" for number in tasks), " | ".join(row["flags"]),
                      "yes" if row["failed"] else ""])
    temporary = out / f"{TABLE}.new"
    with open(temporary, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)
    os.replace(temporary, out / TABLE)
    replace(out / "index.html", report.index(assignment, lines[0], lines[1:], sorted(rows)))
