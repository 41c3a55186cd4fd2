# %% [markdown]
# # 12. How a submission is graded
#
# What happens between "submit" and "83 points"? We cheat a simple grader in three ways, find out what all three have in
# common, and take the engine's own grader apart.
#
# **You will be able to** break a simple grader in one line, and say what the one line shows; name the four decisions
# that make a grader hard to fool; read the messages that your own homework will get.
#
# **Time**: 30 minutes to read, half a minute to run. **Know before**: nothing but Python; it is more fun if you have
# done a homework.

# %%
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
FAST = "MINIGRAD_FAST" in os.environ                   # the tests run this notebook on smaller sizes

# %% [markdown]
# ## A grader that loses
#
# The task: write `double(x)`, which doubles an array. The grader is three lines long, and much like what many courses
# use: it loads the submission, calls it, compares, prints the points. Someone else reads the last line that was
# printed.

# %%
import json
import subprocess
import sys
import numpy as np

GRADER = """
import numpy as np
{submission}
x = np.arange(5.0)
expected = 2 * x
print(10 if np.allclose(double(x), expected) else 0)
"""

def simple_points(submission):
    run = subprocess.run([sys.executable, "-c", GRADER.format(submission=submission)], capture_output=True, text=True)
    lines = run.stdout.split()
    return int(lines[-1]) if lines else 0

# %% [markdown]
# Five submissions. The first is right, the second wrong. The other three are wrong too, but cleverer.

# %%
SUBMISSIONS = {
    "right": "def double(x): return x + x",
    "wrong": "def double(x): return x",
    "reads the answer": "def double(x): return expected",
    "changes the judge": "np.allclose = lambda *a, **k: True\ndef double(x): return x",
    "prints the points": "import os\ndef double(x): print(10, flush=True); os._exit(0)",
}
simple = {name: simple_points(submission) for name, submission in SUBMISSIONS.items()}
for name, points in simple.items():
    print(f"{name:18} {points:3} points")
assert simple["right"] == 10 and simple["wrong"] == 0
assert all(simple[name] == 10 for name in list(SUBMISSIONS)[2:])

# %% [markdown]
# All three cheats get full marks. They have one thing in common: the submission runs *in the same process* as the
# expected values, the comparison and the points. Whatever lives in that process belongs to the submission as much as to
# the grader. No hiding of names helps: Python lets you look at everything, and change it.
#
# ## First decision: values out, nothing else
#
# So we split the work. A *worker* process runs the submission: it gets inputs, and gives back numbers. The *parent*
# holds the expected values and the points, and never loads a line of the submission.

# %%
WORKER = """
import json, sys
import numpy as np
{submission}
print(json.dumps([float(v) for v in double(np.array(json.load(sys.stdin)))]))
"""

def points(submission, x):
    command = [sys.executable, "-c", WORKER.format(submission=submission)]
    try:
        run = subprocess.run(command, capture_output=True, text=True, input=json.dumps(x.tolist()), timeout=60)
        values = np.array(json.loads(run.stdout), float)
    except (ValueError, TypeError, subprocess.TimeoutExpired):
        return 0                                                       # no numbers, no points
    return 10 if values.shape == x.shape and np.allclose(values, 2 * x) else 0

# %% [markdown]
# The same five submissions. The inputs are now drawn at random, so that nobody can have written down the answers.

# %%
x = np.random.default_rng().standard_normal(5)
split = {name: points(submission, x) for name, submission in SUBMISSIONS.items()}
figure, axes = plt.subplots(figsize=(8.5, 3.2), layout="constrained")
places = np.arange(len(split))
axes.bar(places - 0.18, list(simple.values()), 0.34, color="0.8", edgecolor="black", hatch="//", label="one process")
axes.bar(places + 0.18, list(split.values()), 0.34, color="0.3", edgecolor="black", label="two processes")
axes.set(xticks=places, xticklabels=list(split), ylabel="points", ylim=(0, 14))
axes.set_title("With the submission in a process of its own, cheating gets no points")
axes.legend(frameon=False, ncols=2, loc="upper center")
plt.show()
assert split == {name: 10 if name == "right" else 0 for name in SUBMISSIONS}

# %% [markdown]
# The submission that changes `np.allclose` changes its own copy: nobody asks it. That which reads `expected` finds
# none. That which prints "10" has sent a number where five were expected.
#
# ### Second decision: fail unless proven
#
# Look at the `except` above. Where no numbers come, for whatever reason, there are no points. It sounds obvious. But a
# well-known grader gave *full* points where no error had been seen, and a kernel that had frozen showed no error.
#
# ## The pipe of the real grader
#
# The engine's grader works like that, with more care. Values travel as a header in JSON and the raw bytes of arrays. It
# is never a pickle: reading a pickle runs code that its writer chose.

# %%
import io
import pickle
from assignments.grading import protocol

stream = io.BytesIO()
protocol.write(stream, {"probe": "convolve"}, (np.arange(3.0), 2))
print(stream.getvalue()[:8], "...", stream.getvalue()[24:105].decode())
stream.seek(0)
assert np.array_equal(protocol.read(stream)[1][0], [0, 1, 2])
for bad in (pickle.dumps([1.0]), stream.getvalue()[:-1], b"full marks, please"):
    try:
        protocol.read(io.BytesIO(bad))
    except protocol.BadMessage as error:
        print("refused:", error)
    else:
        raise AssertionError("it should have been refused")

# %% [markdown]
# What is no message is refused, and costs the submission its points, not the grader its life.
#
# The worker also has limits on time, memory and files, and no network. Where the system allows, it lives in a world of
# its own, in which the grader's files do not exist.
#
# ## Third decision: the homework is the engine with holes
#
# Where do expected values come from? There is no second implementation, which would drift away from the first. A
# homework *is* this engine, with the bodies of some functions taken out. The docstring stays: it is the task's text.

# %%
from assignments import cut, manifest

assignment = manifest.load("convnet")
hole = "layers/kernels/loops.py"
whole, skeleton = cut.engine()[hole].decode(), cut.skeleton(assignment)[hole].decode()
function = cut.find(skeleton, "convolve")
print("\n".join(skeleton.splitlines()[function.lineno - 2:function.end_lineno]))
assert cut.body(whole, "convolve") not in skeleton
assert cut.body(skeleton, "convolve").strip().startswith("raise NotImplementedError")

# %% [markdown]
# So a finished homework is a working engine: it trains networks. And the expected values come from the complete one,
# which runs in a process of its own.
#
# Now we hand in five solutions of `convnet`: the engine's own functions, the skeleton as it was handed out, two with a
# small mistake each, and one that ends the process as soon as it is loaded, hoping that no error means no fault. (Small
# mistakes are part of every homework: `python -m assignments selftest convnet` proves that each of them loses
# points.)

# %%
from assignments import selftest, solutions

faults = {fault.name: fault for fault in assignment.module("faults").FAULTS}
handed_in = {"the engine's own": solutions.reference(assignment),
             "the skeleton": {path: cut.skeleton(assignment)[path] for path in assignment.files}}
for name in ("padding on one side only", "the kernel turned round"):
    handed_in[name] = solutions.faulty(assignment, faults[name])
    print(f"{name}: {faults[name].old!r} became {faults[name].new!r}")
handed_in["ends the process"] = handed_in["the engine's own"] | {hole: b"import os\nos._exit(0)\n"}

# %% [markdown]
# Each of the cases below runs in a process of its own. If one crashes, the others are graded all the same.

# %%
outcomes = {}
with selftest.proving(assignment, seed="a notebook's seed") as bench:
    bench.planned = [item for item in bench.planned if item.number in ("1.1", "2.1", "2.2")]
    for name, files in handed_in.items():
        outcomes[name] = list(bench.outcomes(files, threads=1, run=0))
        print(f"{name}: {sum(outcome.score for outcome in outcomes[name]):g} points")
scores = np.array([[outcome.score for outcome in row] for row in outcomes.values()])
most = [item.case.points for item in bench.planned]
assert len(most) == 3 and (scores[0] == most).all() and not scores[1].any() and (scores[2:].sum(1) < sum(most)).all()

# %% [markdown]
# Which case has lost what?

# %%
from models.figures import page

figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
texts = np.array([[f"{score:g} of {points:g}" for score, points in zip(row, most)] for row in scores])
page.cells(axes, 0.25 * (scores == most), texts)
axes.set_xticks(range(len(most)), [f"{item.number}\n{item.case.name.replace(', ', chr(10))}" for item in bench.planned],
                fontsize=8)
axes.set_yticks(range(len(outcomes)), list(outcomes))
axes.set_aspect("auto")
axes.set_title("Each mistake loses the cases that it touches, and no others")
plt.show()

# %% [markdown]
# A wrong size of the output is noticed where sizes are asked for; a turned kernel, where convolutions are. And an exit
# code of 0 is worth nothing. What do the students read?

# %%
for name, row in list(outcomes.items())[1:]:
    worst = next(outcome for outcome in row if not outcome.passed)
    print(f"{name}, case {worst.planned.number}\n{worst.text}\n")
    assert worst.text
assert all(outcome.text.startswith("not implemented yet") for outcome in outcomes["the skeleton"])

# %% [markdown]
# First what is asked, then the place of the first wrong number, what was expected and what came, and how far off. In a
# *hidden* case there is only the first of these lines, never a value: else one could ask the grader for its secrets,
# one submission at a time.
#
# ## Fourth decision: the result exists before the first test
#
# What if the machine is switched off in the middle? `results.json`, the file that Gradescope reads, is written *before*
# the first case runs, with 0 points everywhere. After each case the whole file is replaced, in one step. At no moment
# is there half a file, or none.

# %%
import tempfile
from pathlib import Path
from assignments.grading.results import Results

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "results.json")
    results, history = Results(path, bench.planned, ["a notebook"]), []
    history.append(json.loads(path.read_text())["score"])
    for outcome in outcomes["the kernel turned round"]:
        results.add(outcome)
        history.append(json.loads(path.read_text())["score"])
    print("the score in the file, from the start on:", history)
    print(json.dumps(json.loads(path.read_text())["tests"][0], indent=1)[:300])
assert history[0] == 0 and history[-1] == scores[3].sum() == 2 and history == sorted(history)

# %% [markdown]
# The greatest score of each test comes from the homework's declaration, not from what ran.
#
# ## How, not only what
#
# `convnet` forbids to copy the image's patches into a matrix (im2col). The values would be the same, so no comparison
# of values can tell. Memory can. A kernel of 7 x 7 sees each pixel 49 times, and the matrix holds all 49 copies. We
# measure the peak for one large image, of both ways.

# %%
import tracemalloc
import layers.functional as F
import minigrad

def im2col(x, w):
    """A convolution as a matrix product."""
    patches = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (2, 3))
    return np.einsum("nirqab,ciab->ncrq", patches, w, optimize=True)   # makes the matrix, and multiplies

def direct(x, w):
    with minigrad.no_grad():
        return F.conv2d(minigrad.tensor(x), minigrad.tensor(w)).data

# %% [markdown]
# Python itself tells how much memory is in use (`tracemalloc`; NumPy reports its arrays to it). The grader's rule is:
# at most three times input and output, plus 4 MB.

# %%
def peak(function, *arguments):
    """What a call gives, and the most memory that it held, in bytes."""
    tracemalloc.start()
    y = function(*arguments)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return y, most

size = 160 if FAST else 320
rng = np.random.default_rng(0)
image, kernel = (rng.standard_normal(shape).astype(np.float32) for shape in ((1, 4, size, size), (4, 4, 7, 7)))
direct(image, kernel)                                                  # compiles
(y, lean), (same, wide) = peak(direct, image, kernel), peak(im2col, image, kernel)
limit = 3 * (image.nbytes + y.nbytes) + 4e6
print(f"direct {lean / 1e6:.1f} MB, as a matrix {wide / 1e6:.1f} MB, the limit {limit / 1e6:.1f} MB")
assert np.allclose(y, same, rtol=1e-3, atol=1e-3) and lean < limit < wide

# %% [markdown]
# The same numbers, and more than ten times the memory. But a measurement can be wrong, and so can a program that looks
# for suspicious words in the source. So two witnesses are heard, measurement and source. Only if both object are points
# lost; if they disagree, a person has a look.
#
# The same care the other way round: no honest solution may fail by bad luck. Inputs come from a seed, so grading twice
# gives the same; and limits on time count the time that the process really had, not that in which it waited for others.

# %%
case = bench.planned[-1].case
first, again, other = (case.arguments(seed) for seed in ("a", "a", "b"))
print("the same seed gives the same inputs:", np.array_equal(first[0], again[0]))
assert np.array_equal(first[0], again[0]) and not np.array_equal(first[0], other[0])

# %% [markdown]
# ## Questions
#
# 1. A submission waits for the input and then sleeps for ever. Which of the two graders above ends, and with how many
#    points?
# 2. Two processes, but the worker sends `{"passed": true}` instead of numbers. Which decision has been forgotten?
# 3. Why are the inputs of a hidden case drawn from a secret seed, when no message ever shows them?
# 4. A submission computes right values with a forbidden method, in little memory. What would you measure?
# 5. Your message says "value 1 of 3: at index (0, 0, 0, 0)". Why would a grader look at three values, when the function
#    adds to one?
#
# **Homework**: `convnet`. Take it, run `python -m assignments check` before you write a line, and watch "not
# implemented yet" turn into points.
