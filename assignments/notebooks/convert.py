"""From percent files to notebooks.  A percent file is a Python script whose cells begin with a line `# %%`:

    # %% [markdown]
    # Text, in comments.

    # %%
    print("code")

The notebook has no outputs, and its cell ids depend on the cells alone: the same file always gives the same bytes.
"""
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
MARKS = {"# %% [markdown]": "markdown", "# %%": "code"}


@dataclass(frozen=True)
class Cell:
    """A cell.

    kind    "markdown" or "code"
    source  its text, without the comment signs of the percent file
    line    the number of its first line, that with the mark, in the percent file
    """
    kind: str
    source: str
    line: int


def sources():
    """The paths of all percent files, in order."""
    return sorted(FOLDER.glob("[0-9][0-9]_*.py"))


def cells(path):
    """The cells of a percent file.   Raises ValueError, with file and line, where it is none."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("# %%"):
            if line not in MARKS:
                raise ValueError(f"{path.name}, line {number}: a cell begins with {' or '.join(MARKS)}, not {line!r}")
            found.append((MARKS[line], number, []))
        elif found:
            kind, _, lines = found[-1]
            lines.append(line if kind == "code" else uncommented(path, number, line))
        elif line:
            raise ValueError(f"{path.name}, line {number}: text before the first cell")
    return [Cell(kind, "\n".join(lines).strip("\n"), number) for kind, number, lines in found]


def uncommented(path, number, line):
    """A line of a markdown cell without its comment sign."""
    if line and line != "#" and not line.startswith("# "):
        raise ValueError(f"{path.name}, line {number}: a line of a markdown cell begins with '# ', not {line!r}")
    return line[2:]


def notebook(found):
    """The cells as a notebook: the JSON text that Jupyter reads, format 4.5."""
    return json.dumps({
        "cells": [as_json(cell, name) for cell, name in zip(found, names(found))],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                     "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def names(found):
    """An id for each cell, from its text, so that a new cell leaves the others' ids alone."""
    seen = {}
    for cell in found:
        digest = hashlib.sha256(f"{cell.kind}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        yield f"{digest}-{seen[digest]}"


def as_json(cell, name):
    """One cell as Jupyter stores it."""
    made = {"cell_type": cell.kind, "id": name, "metadata": {}, "source": cell.source.splitlines(keepends=True)}
    return made if cell.kind == "markdown" else {**made, "execution_count": None, "outputs": []}


def write(path):
    """Write a percent file's notebook beside it.   Returns its path"""
    made = path.with_suffix(".ipynb")
    made.write_text(notebook(cells(path)), encoding="utf-8")
    return made
