"""The teaching notebooks: made from their percent files, written by the rules, and run from top to bottom."""
import importlib.util
import json
import re
import subprocess
import sys
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import matplotlib
import nbclient
import nbformat
import pytest
from assignments.notebooks import convert, rules
from models.__main__ import THREAD_VARIABLES

ROOT = Path(__file__).parent.parent
NOTEBOOKS = convert.sources()
RUNS = "test_the_notebook_runs_from_top_to_bottom"
SECONDS = 300                              # until a cell counts as hanging; whole notebooks take a few

GOOD = f"""\
# %% [markdown]
# # Title
#
# **You will be able to** add. **Time**: 1 minute. **Know before**: numbers.

# %%
{rules.SETUP}

# %% [markdown]
# Sums.

# %%
assert 1 + 1 == 2
assert 2 + 2 == 4
assert 3 + 3 == 6

# %% [markdown]
# ## Questions
#
# 1. Why?
# 2. What?
# 3. Who?
#
# **Homework**: `autograd`. Do it.
"""


def test_there_are_twelve_and_each_has_its_notebook():
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(1, 13)]
    assert {path.stem for path in NOTEBOOKS} == {path.stem for path in convert.FOLDER.glob("*.ipynb")}


# ---------------------------------------------------------------------------------------------------------------------
# Conversion

@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_is_that_of_its_percent_file(path):
    made = path.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert made == convert.notebook(convert.cells(path)), "run: python -m assignments.notebooks"


def written(folder, text):
    """A percent file with that text."""
    path = folder / "01_sums.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_conversion_keeps_text_and_code(tmp_path):
    text = "# %% [markdown]\n# # Täxt\n#\n#     indented\n\n# %%\n\nif x:\n\n    # comment\n    y\n\n\n# %%\n"
    path = written(tmp_path, text)
    first, second, third = found = convert.cells(path)
    assert (first.kind, first.source, first.line) == ("markdown", "# Täxt\n\n    indented", 1)
    assert (second.kind, second.source, second.line) == ("code", "if x:\n\n    # comment\n    y", 6)
    assert (third.kind, third.source) == ("code", "")
    made = json.loads(convert.write(path).read_text(encoding="utf-8"))
    assert ["".join(cell["source"]) for cell in made["cells"]] == [cell.source for cell in found]
    assert made["cells"][1]["outputs"] == [] and made["cells"][1]["execution_count"] is None


def test_the_notebook_is_valid(tmp_path):
    nbformat.validate(nbformat.read(convert.write(written(tmp_path, GOOD)), as_version=4))


def test_ids_are_unique_and_stay():
    cells = [convert.Cell("code", text, 1) for text in ("a", "b", "a")]
    names = list(convert.names(cells))
    assert len(set(names)) == 3
    assert list(convert.names([convert.Cell("code", "new", 1)] + cells))[1:] == names


@pytest.mark.parametrize("text, message", [
    ("x = 1\n# %%\n", "line 1: text before"),
    ("# %%\n# %% [raw]\n", "line 2: a cell begins with"),
    ("# %% [markdown]\n# a\nx = 1\n", "line 3: a line of a markdown cell"),
    ("# %% [markdown]\n#a\n", "line 2: a line of a markdown cell"),
])
def test_a_file_that_is_no_percent_file_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=f"01_sums.py, {message}"):
        convert.cells(written(tmp_path, text))


# ---------------------------------------------------------------------------------------------------------------------
# Rules

@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_follows_the_rules(path):
    assert rules.complaints(convert.cells(path)) == []


@pytest.mark.parametrize("old, new, complaint", [
    ("# # Title", "# Title", "line 1: .*title"),
    ("**Time**", "Time", "line 1: .*Time"),
    ("find_spec", "find_it", "line 6: .*SETUP"),
    ("assert 1 + 1 == 2\n", "", "line 1: .*assert"),
    ("# %% [markdown]\n# Sums.\n", "", "two code cells in a row"),
    ("assert 1", "x = 1\n" * 13 + "assert 1", "15 lines of code"),
    ("assert 1", "# so\n" * 23 + "assert 1", "25 in all"),
    ("# Sums.", "# " + "so " * 50, "118 characters"),
    ("# Sums.\n", "", "an empty cell"),
    ("# 3. Who?\n", "", "it has 2"),
    ("# ## Questions", "# ## End", "Questions"),
    ("**Homework**: `autograd`", "Homework", "Homework"),
    ("**Homework**: `autograd`", "**Homework**: `knitting`", "Homework"),
])
def test_each_rule_is_enforced(tmp_path, old, new, complaint):
    assert rules.complaints(convert.cells(written(tmp_path, GOOD))) == []
    assert old in GOOD
    found = rules.complaints(convert.cells(written(tmp_path, GOOD.replace(old, new, 1))))
    assert len(found) == 1 and re.search(complaint, found[0]), found


# ---------------------------------------------------------------------------------------------------------------------
# Setup: what it does where minigrad can't be imported

def run_setup(monkeypatch, folder, colab=False):
    """Run the setup cell in a folder as if minigrad were missing.   Returns what pip is asked to install"""
    asked = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda command, check: asked.append(command))
    monkeypatch.chdir(folder)
    if colab:
        files = types.SimpleNamespace(upload=lambda: {"minigrad.zip": b""})
        monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
        monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(files=files))
    with matplotlib.rc_context():
        exec(rules.SETUP, {})
    assert [command[:4] for command in asked] == [[sys.executable, "-m", "pip", "install"]]
    return asked[0][-1]


def test_setup_installs_the_project_around_it(monkeypatch):
    project = run_setup(monkeypatch, convert.FOLDER)
    assert (convert.FOLDER / project).resolve() == ROOT


def test_setup_asks_for_the_project_on_colab(monkeypatch, tmp_path):
    assert run_setup(monkeypatch, tmp_path, colab=True) == "minigrad.zip"


def test_setup_says_what_to_do_elsewhere(monkeypatch, tmp_path):
    with pytest.raises(ImportError, match="open this notebook inside its project, or pip install"):
        run_setup(monkeypatch, tmp_path)


def test_setup_installs_nothing_where_minigrad_is(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it installs"))
    monkeypatch.setenv("MINIGRAD_FAST", "1")
    names = {}
    with matplotlib.rc_context():
        exec(rules.SETUP, names)
    assert names["FAST"]


# ---------------------------------------------------------------------------------------------------------------------
# Running

def execute(path):
    """Run a notebook in a kernel of its own, as Jupyter does.   Returns its outputs, those of all cells"""
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=SECONDS, kernel_name="python3",
                            resources={"metadata": {"path": str(path.parent)}}).execute()
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Small sizes, this project's packages, no files left; one thread, since two wait for each other if busy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINIGRAD_FAST", "1")
        patch.setenv("PYTHONPATH", str(ROOT))
        for name in THREAD_VARIABLES:
            patch.setenv(name, "1")
        for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture(scope="module")
def running(request, small):
    """The outputs, some time, of each notebook that is to be tested: two run side by side."""
    paths = [item.callspec.params["path"] for item in request.session.items if item.originalname == RUNS]
    with ThreadPoolExecutor(2) as pool:
        yield {path: pool.submit(execute, path.with_suffix(".ipynb")) for path in paths}


def faults(outputs):
    """What a reader would miss or be disturbed by: a list of lines."""
    shown = [output["data"] for output in outputs if "data" in output]
    noise = [f"on stderr: {output['text']}" for output in outputs if output.get("name") == "stderr"]
    unseen = [data["text/plain"] for data in shown if "<Figure" in data["text/plain"] and "image/png" not in data]
    return noise + unseen + ["no picture"] * (not any("image/png" in data for data in shown))


SOME_SLOW = [pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (i > 0)) for i, path in enumerate(NOTEBOOKS)]


@pytest.mark.parametrize("path", SOME_SLOW)
def test_the_notebook_runs_from_top_to_bottom(path, running):
    assert faults(running[path].result()) == []


def test_what_a_reader_would_miss_is_found(tmp_path, small):
    cell = "import sys; print('careful', file=sys.stderr)\nfrom matplotlib.figure import Figure\nFigure()"
    setup = rules.SETUP.replace("\nplt.show()", "\n#")
    text = GOOD.replace(rules.SETUP, setup).replace("assert 1 + 1 == 2", cell).replace("assert", "# assert")
    found = faults(execute(convert.write(written(tmp_path, text))))
    assert [fault.split(":")[0].split(" size")[0] for fault in found] == ["on stderr", "<Figure", "no picture"]


def test_a_claim_that_fails_is_found(tmp_path, small):
    path = convert.write(written(tmp_path, GOOD.replace("1 + 1 == 2", "1 + 1 == 3")))
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="1 \\+ 1 == 3"):
        execute(path)
