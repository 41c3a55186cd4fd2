"""A toy engine with a homework of two tasks, made anew in a folder, for the tests of the grader."""
import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = 0.5              # of a case of the toy

ENGINE = {
    "minigrad/__init__.py": "",
    "models/__init__.py": "",
    "layers/__init__.py": "",
    "layers/toy.py": '''"""The file to hand in."""
import numpy as np


def square(x):
    """x * x for each entry."""
    return x * x


def total(x, y):
    """The sum of the products of two vectors."""
    return (x * y).sum()
''',
    "layers/answer.py": '''"""What gives the answer away."""


def total(x, y):
    return (x * y).sum()
''',
    "assignments/toy/handout.md": "# Toy\n",
    "assignments/toy/__init__.py": '''from ..manifest import Assignment, Task

ASSIGNMENT = Assignment("toy", "A toy", (Task("1", "Squares", ("layers/toy.py:square",)),
                                         Task("2", "Products", ("layers/toy.py:total",))),
                        left_out=("layers/answer.py",), compiling=0.9, loading=1.0)
''',
    "assignments/toy/probes.py": '''import numpy as np
from layers import toy


def square(x):
    return toy.square(x)


def total(x, y):
    return toy.total(x, y)
''',
    "assignments/toy/public.py": f'''from ..manifest import Case

PUBLIC = [Case("1", "a few squares", "square", lambda rng: (rng.normal(size=(2, 3)),), 2, "each entry times itself",
               seconds={SECONDS}),
          Case("2", "a product", "total", lambda rng: (rng.normal(size=4), rng.normal(size=4)), 3,
               "the sum of the products", seconds={SECONDS})]
''',
    "assignments/toy/hidden.py": f'''from ..manifest import Case


def near(arguments, values):
    x, y = arguments
    return None if abs(values - (x * y).sum()) < 1e-9 else "far from the sum"


HIDDEN = [Case("1", "single precision", "square", lambda rng: (rng.normal(size=(3, 1)).astype(np.float32),), 2,
               "the dtype is that of x", rtol=1e-6, seconds={SECONDS}),
          Case("2", "two calls", "total", lambda rng: (rng.normal(size=5), rng.normal(size=5)), 3,
               "it must be computed anew each time", calls=2, seconds={SECONDS}),
          Case("2", "a check", "total", lambda rng: (rng.normal(size=5), rng.normal(size=5)), 1, "near the sum",
               check=near, seconds={SECONDS})]
'''.replace("from ..manifest", "import numpy as np\nfrom ..manifest"),
}
POINTS = 11
RIGHT = ENGINE["layers/toy.py"]


def make(root, **changed):
    """Write the toy engine, with this repository's grader, to a folder; `changed` files, {name: text}, instead."""
    for name, text in {**ENGINE, **changed}.items():
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in (ROOT / "assignments").glob("*.py"):
        shutil.copy(path, Path(root, "assignments"))
    shutil.copytree(ROOT / "assignments" / "grading", Path(root, "assignments", "grading"),
                    ignore=shutil.ignore_patterns("__pycache__"))


def command(root, *arguments, timeout=300):
    """Run `python -m assignments` in a toy engine.   Returns the finished process."""
    return subprocess.run([sys.executable, "-m", "assignments", *map(str, arguments)], cwd=root, timeout=timeout,
                          capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(root)})


def results(out, name):
    """What a run of `grade` says of one submission."""
    return json.loads(Path(out, name, "results.json").read_text())


def scores(found):
    """{number: score} of the tests in a results.json."""
    return {test["number"]: test["score"] for test in found["tests"] if "number" in test}


def rows(out):
    """The table of a run, by name."""
    with open(Path(out, "grades.csv"), newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def survivors(root):
    """The processes that a grader of this toy engine has started and not ended: all have its nursery's command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if entry.name.isdecimal() and str(root) in line and int(entry.name) != os.getpid():
            found.append(f"{entry.name} {line}")
    return found
