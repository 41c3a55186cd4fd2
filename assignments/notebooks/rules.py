"""What a teaching notebook must be like, as far as a program can tell.

It opens with a cell of text: a title, what you will be able to do, how long it takes, what to know before.  The first
code cell is SETUP.  Then idea, a few lines of code, a number or a picture, a line on what is seen.  It ends with
questions and a pointer to the homework.
"""
import re

LINES, ALL_LINES = 15, 25                  # of code in a cell; and with comments and blank lines
QUESTIONS = range(3, 6)
ASSERTS = 3                                # at least: what the text claims is asserted in cells
HOMEWORK = ("autograd", "convnet", "autoregression", "pixelcnn", "flows", "autoencoders")
OPENING = ("You will be able to", "Time", "Know before")

SETUP = """\
# Setup, the same in all notebooks.  It installs nothing where minigrad can be imported.
import importlib.util, os, subprocess, sys

if not importlib.util.find_spec("minigrad"):
    if os.path.exists("../../setup.cfg"):              # Jupyter or VS Code, in the project's own folder
        project = "../.."
    elif "google.colab" in sys.modules:                # Colab: asks for the project, as a zip file
        from google.colab import files
        project = next(iter(files.upload()))
    else:
        raise ImportError("minigrad is missing: open this notebook inside its project, or pip install the project")
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", project], check=True)

import matplotlib.pyplot as plt
from models.figures.page import STYLE
plt.rcParams.update(STYLE)
plt.show()                                             # from here on, cells show their figures
FAST = "MINIGRAD_FAST" in os.environ                   # the tests run this notebook on smaller sizes"""


def complaints(found):
    """What is wrong with a notebook's cells: a list of lines, each with the number of a line in the percent file."""
    return [f"line {cell.line}: {text}" for cell, text in (*opening(found), *each(found), *rhythm(found), *end(found))]


def opening(found):
    """Title, promises and setup."""
    first = found[0]
    if first.kind != "markdown" or not first.source.startswith("# "):
        yield first, "the first cell must be text that begins with a title, '# ...'"
    for heading in OPENING:
        if f"**{heading}" not in first.source:
            yield first, f"the first cell must say **{heading}**"
    code = [cell for cell in found if cell.kind == "code"]
    if not code or code[0].source != SETUP:
        yield (code or found)[0], "the first code cell must be SETUP of assignments/notebooks/rules.py, word for word"
    asserts = len(re.findall(r"^\s*assert ", "\n".join(cell.source for cell in code), re.MULTILINE))
    if asserts < ASSERTS:
        yield first, f"the cells must assert what the text claims, at least {ASSERTS} times, not {asserts}"


def each(found):
    """Every cell by itself."""
    for cell in found:
        lines = cell.source.split("\n")
        if not cell.source.strip():
            yield cell, "an empty cell"
        if cell.kind == "code":
            code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
            if len(code) > LINES or len(lines) > ALL_LINES:
                yield cell, (f"a code cell has at most {LINES} lines of code, {ALL_LINES} in all; "
                             f"this one has {len(code)} and {len(lines)}")
        width = 120 if cell.kind == "code" else 118        # and "# " before text
        if max(map(len, lines)) > width:
            yield cell, f"lines of at most {width} characters"


def rhythm(found):
    """Text between any two cells of code."""
    for before, cell in zip(found, found[1:]):
        if before.kind == cell.kind == "code":
            yield cell, "two code cells in a row; say what is seen in the first, and what the second is for"


def end(found):
    """Questions, and what to do next."""
    last = found[-1]
    questions = len(re.findall(r"^\d+\. ", last.source, re.MULTILINE))
    if last.kind != "markdown" or not last.source.startswith("## Questions") or questions not in QUESTIONS:
        yield last, (f"the last cell must be '## Questions' with {QUESTIONS[0]} to {QUESTIONS[-1]} of them, numbered; "
                     f"it has {questions}")
    if not re.search(rf"\*\*Homework\*\*: .*`({'|'.join(HOMEWORK)})`", last.source):
        yield last, f"the last cell must point to the '**Homework**: `...`', one of {', '.join(HOMEWORK)}"
