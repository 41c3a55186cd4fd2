# %% [markdown]
# # 3. Convolution without a Toeplitz matrix
#
# A convolution is a small loop that any first-year student can write, and that would take hours on a real network. The
# usual way out is to turn it into a huge matrix product. We go another way: keep the loop, and make it fast, rung by
# rung, until it runs tens of thousands of times faster than where we began.
#
# **You will be able to** write a convolution from its definition; say what a Toeplitz matrix and im2col cost; explain
# each rung from Python loops to registers; run a compiled kernel line by line.
#
# **Time**: 70 minutes. **Know before**: Python loops, NumPy arrays, gradients (notebook 1).

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
# ## The definition
#
# Lay the kernel on the image, multiply what lies on each other, add up; that is one output. Move on, and do it again.
#
# y[r, q] = Σ over (a, b) of w[a, b] · x[r + a, q + b]

# %%
import numpy as np

def convolve(x, w):
    """x (H, W), w (KH, KW) -> y (H - KH + 1, W - KW + 1)"""
    y = np.zeros((x.shape[0] - w.shape[0] + 1, x.shape[1] - w.shape[1] + 1))
    for r in range(y.shape[0]):
        for q in range(y.shape[1]):
            for a in range(w.shape[0]):
                for b in range(w.shape[1]):
                    y[r, q] += w[a, b] * x[r + a, q + b]
    return y

# %% [markdown]
# Deep learning calls this a convolution; mathematicians call it a correlation, and turn the kernel round before they
# say convolution. Here is a kernel that subtracts what is left of a pixel from what is right of it.

# %%
from models.data.digits import draw_fonts, images
from models.figures.page import bare, cells

digit = images(draw_fonts(), 4, np.random.default_rng(0))[0][3, 0] / 255
edge = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
edges = convolve(digit, edge)
fig, axes = plt.subplots(1, 3, figsize=(8, 3), layout="constrained")
axes[0].imshow(digit, cmap="gray_r")
cells(axes[1], np.zeros((3, 3)), np.vectorize("{:g}".format)(edge))
axes[2].imshow(edges, cmap="gray", vmin=-4, vmax=4)
for ax, title in zip(axes, ("x, 28 x 28", "w", "y, 26 x 26: white +, black -")):
    ax.set_title(title)
    bare(ax)
plt.show()

# %% [markdown]
# Where ink begins, going right, the result is positive, where it ends, negative; on flat ground it is 0, grey. This one
# kernel is a detector of upright edges, and a network learns hundreds like it.
#
# ## Step by step
#
# `layers.steps` yields a convolution one output at a time, with every product. A step prints as text:

# %%
from layers import steps

x = np.array([[1.0, 0, 2, 1], [0, 3, 1, 0], [2, 1, 0, 1], [1, 0, 2, 2]])
w = np.array([[1.0, 2], [0, -1]])
first = next(iter(steps.convolution(x, w)))
print(first)
assert first.output[0, 0] == convolve(x, w)[0, 0] == 1 - 3

# %% [markdown]
# and draws itself. (`steps.page` writes a page with a slider.) All nine outputs:

# %%
steps.strip(steps.convolution(x, w), columns=3)

# %% [markdown]
# The window moves; the output fills up. But the same products can be added in another order. Take one *weight* at a
# time: it multiplies the whole image, shifted, and adds that to the whole output.

# %%
by_taps = list(steps.convolution(x, w, order="taps"))
assert np.array_equal(by_taps[-1].output, convolve(x, w))
steps.strip(by_taps, columns=2)

# %% [markdown]
# A position in the kernel is called a *tap*. "A convolution is a sum over taps of a weight times a shifted image": hold
# on to that sentence, it is what makes the fast kernels fast.
#
# ## The matrix that we will not build
#
# A convolution is linear in x, so some matrix does the same. Its columns are what the convolution makes of images that
# have a single 1.

# %%
kernel = np.arange(1.0, 10).reshape(3, 3)
toeplitz = np.stack([convolve(one.reshape(6, 6), kernel).ravel() for one in np.eye(36)], 1)
x = np.random.default_rng(0).standard_normal((6, 6))
assert np.allclose(toeplitz @ x.ravel(), convolve(x, kernel).ravel())
fig, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
ax.imshow(toeplitz, cmap="gray_r")
share = (toeplitz != 0).mean()
ax.set(xlabel="input pixel", ylabel="output pixel", title=f"The same 9 weights, over and over; {1 - share:.0%} is zero")
plt.show()

# %% [markdown]
# Each diagonal holds one weight: that is what Toeplitz means. Three in four entries are zero already for a 6 x 6 image,
# and most of a matrix product would multiply zeros. Let us see what it would weigh for a middling layer, 64 channels of
# 28 x 28 to 64 channels with a 3 x 3 kernel. *im2col*, the usual compromise, copies each window into a row of a matrix.

# %%
C, S, K = 64, 28, 3
layer = 4 * 2 * C * S * S                                  # bytes of input and output, float32
matrix = 4 * (C * (S - K + 1) ** 2) * (C * S * S)
columns = 4 * (S - K + 1) ** 2 * C * K * K
print(f"input and output {layer / 1e6:.1f} MB, im2col {columns / 1e6:.1f} MB, Toeplitz matrix {matrix / 1e9:.1f} GB")
assert matrix > 5_000 * layer and columns > 3 * layer
for K in (3, 5, 7):
    print(f"kernel {K}: im2col copies every pixel up to {K * K} times")

# %% [markdown]
# A loop needs no copy at all. That settles memory. Now time.
#
# ## Rung 1: compile it
#
# From here on we take a real layer: many images, many channels, a border of one zero so that sizes stay. `loops` in
# `layers/kernels/` is the definition with those extra loops, compiled by Numba. First the same in plain Python; it is
# so slow that we compute a few outputs and extrapolate.

# %%
import time
from layers.kernels import loops, taps
from layers.kernels.geometry import Geometry, all_taps

N, C, S = (2, 16, 28) if FAST else (16, 64, 28)
g = Geometry((S, S), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, all_taps((3, 3)))
rng = np.random.default_rng(0)
x = rng.standard_normal((N, C, S, S), np.float32)
w = rng.standard_normal((C, C, 3, 3), np.float32) / 24

def one_output(c, r, q, total=0.0):
    for i in range(C):
        for a in range(3):
            for b in range(3):
                if 0 <= r + a - 1 < S and 0 <= q + b - 1 < S:
                    total += w[c, i, a, b] * x[0, i, r + a - 1, q + b - 1]
    return total

# %% [markdown]
# A stopwatch: the shortest of several runs, since other programs can only make a run longer.

# %%
def stopwatch(function, least=0.05 if FAST else 0.5):
    """The result of a function, and the seconds that it takes at best."""
    result, times = function(), []                         # the first call may compile
    while sum(times) < least or len(times) < 3:
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return result, min(times)

some = [(0, r, q) for r in range(5) for q in range(10)]
values, seconds = stopwatch(lambda: [one_output(*place) for place in some])
ladder = {"plain Python": seconds / len(some) * N * C * S * S}
expected, ladder["loops, compiled"] = stopwatch(lambda: loops.forward(x, w, None, g))
assert np.allclose(values, [expected[0][place] for place in some], atol=1e-4)
print({name: f"{took * 1e3:,.1f} ms" for name, took in ladder.items()})

# %% [markdown]
# The same loops, the same numbers, a large factor. Python looks up every name and type anew at each step; the compiled
# loop just multiplies. But it still does *one* multiplication at a time, and asks each time whether the pixel lies
# inside the image.
#
# ## Rung 2: let the innermost loop run along a row
#
# A processor can multiply 8 or 16 neighbours in memory at once. In the definition, the innermost loop hops from tap to
# tap. Turn the loops inside out, taps outside and the row inside, and pad the image once, so that nothing is asked.

# %%
from numba import njit

@njit
def along_rows(x, w, y):
    for n in range(y.shape[0]):
        for c in range(y.shape[1]):
            for i in range(w.shape[1]):
                for a in range(w.shape[2]):
                    for b in range(w.shape[3]):
                        for r in range(y.shape[2]):
                            for q in range(y.shape[3]):
                                y[n, c, r, q] += w[c, i, a, b] * x[n, i, r + a, q + b]
    return y

# %% [markdown]
# Not a multiplication less, only another order.

# %%
def padded(x):
    return np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))

result, ladder["along rows"] = stopwatch(lambda: along_rows(padded(x), w, np.zeros_like(x)))
assert np.allclose(result, expected, atol=1e-4)
gain = ladder["loops, compiled"] / ladder["along rows"]
print(f"{ladder['along rows'] * 1e3:.2f} ms, {gain:.0f} times faster")
assert gain > 3

# %% [markdown]
# ## Rung 3: taps
#
# Rows of 28 are short: the processor has hardly begun when a row ends. But lay the padded rows end to end, in one flat
# array. A tap (a, b) is then *one* shift, by a · pitch + b, of the whole image, and the innermost loop is as long as
# the image. At the row ends it computes a few numbers that nobody wants; we cut them off.

# %%
@njit
def shifts(x, w, y, pitch):
    for n in range(y.shape[0]):
        for c in range(y.shape[1]):
            row = y[n, c]
            for i in range(w.shape[1]):
                for a in range(w.shape[2]):
                    for b in range(w.shape[3]):
                        weight, shifted = w[c, i, a, b], x[n, i, a * pitch + b:]
                        for p in range(row.size):
                            row[p] += weight * shifted[p]
    return y

# %% [markdown]
# That is the sentence from above, as code: a sum over taps of a weight times a shifted image.

# %%
def flat():
    pitch = S + 2
    x_flat = np.pad(padded(x).reshape(N, C, -1), ((0, 0), (0, 0), (0, 2)))
    y = shifts(x_flat, w, np.zeros((N, C, S * pitch), x.dtype), pitch)
    return y.reshape(N, C, S, pitch)[..., :S]

result, ladder["taps"] = stopwatch(flat)
assert np.allclose(result, expected, atol=1e-4)
print(f"{ladder['taps'] * 1e3:.2f} ms")

# %% [markdown]
# More came with it: dilation only changes the shifts; a masked kernel (notebook 8) just leaves taps out.
#
# ## Rung 4: keep sums in registers
#
# Until now, every sum goes back to memory after each multiplication, and comes in again for the next. The `taps`
# kernels hold a tile of 4 channels times 4 registers of sums while *all* input channels and taps go by, then store it
# once. Plain loops can't tell the compiler that; `minigrad/vectors.py` can. One thread, then all of them:

# %%
from numba import get_num_threads, set_num_threads

threads = get_num_threads()
set_num_threads(1)
result, ladder["registers (the fast set)"] = stopwatch(lambda: taps.forward(x, w, None, g))
assert np.allclose(result, expected, atol=1e-4)
set_num_threads(threads)
result, ladder[f"{threads} thread{'s' * (threads > 1)}"] = stopwatch(lambda: taps.forward(x, w, None, g))
assert np.allclose(result, expected, atol=1e-4)

# %% [markdown]
# ## The whole ladder
#
# Below, each bar is a step down in time; the axis is logarithmic. Speed is also given in GFLOP/s, billions of
# multiplications and additions in a second.

# %%
flop = 2 * N * C * C * S ** 2 * 9
names, times = list(ladder), np.array(list(ladder.values()))
fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
ax.barh(names, times * 1e3, color="0.6", edgecolor="black")
for name, took in ladder.items():
    digits = 0 if took > 0.1 else 2
    ax.text(took * 1.2e3, name, f"{took * 1e3:,.{digits}f} ms, {flop / took / 1e9:.2g} GFLOP/s", va="center")
ax.set(xscale="log", xlabel="milliseconds", xlim=(times.min() * 500, times.max() * 1e5),
       title=f"{times[0] / times[-1]:,.0f} times faster, and never a matrix product")
ax.invert_yaxis()
plt.show()
assert times[0] > 20 * times[1] and times[1] > 10 * times[4]

# %% [markdown]
# Nothing in this picture is a better algorithm in the textbook's sense: all rungs do the same multiplications. What
# changed is the order of the work, and where the numbers are while it is done.
#
# ## Backward: the same loop twice more
#
# Let y = w * x and let v be any numbers of the shape of y. The sum ⟨w * x, v⟩ is linear in w, x and v. Its gradient in
# x is the *transposed convolution* of v, its gradient in w is the *weight gradient*; so these three numbers must agree:

# %%
v = rng.standard_normal(expected.shape).astype(np.float32)

def dot(a, b):
    return float(np.sum(a.astype(np.float64) * b))

three = (dot(taps.forward(x, w, None, g), v), dot(x, taps.input_gradient(v, w, None, g)),
         dot(w, taps.weight_gradient(x, v, g)))
print("<w * x, v> = {:.3f}   <x, transposed> = {:.3f}   <w, weight gradient> = {:.3f}".format(*three))
scale = np.linalg.norm(x) * np.linalg.norm(v)
assert max(three) - min(three) < 1e-5 * scale

# %% [markdown]
# One number, seen from three sides. It is the best test there is for a backward pass: it needs no finite differences
# and no tolerance to speak of. Notebook 4 looks at the transposed convolution for its own sake.
#
# ## Line by line
#
# A compiled function can't be stepped through. But Numba keeps the Python function that it came from, as `py_func`, and
# that one is ordinary Python: print in it, put `breakpoint()` in it, or run it in a debugger.

# %%
import inspect, io, pdb

small_x, small_w = np.arange(9.0).reshape(1, 1, 3, 3), np.array([[[[1.0, 0], [0, -1]]]])
small = Geometry((3, 3), (2, 2), (1, 1), (0, 0, 0, 0), (1, 1), 1, all_taps((2, 2)))
y = np.zeros((1, 1, 2, 2))
function = loops.convolve.py_func
lines, start = inspect.getsourcelines(function)
number = start + max(k for k, line in enumerate(lines) if "+=" in line)
print(f"layers/kernels/loops.py, line {number}:", lines[number - start].strip())

# %% [markdown]
# In a notebook you would type `pdb.runcall(function, ...)` and then commands; in VS Code, click a breakpoint. So that
# this notebook runs by itself, the commands come from a string: stop at that line, and look at it four times.

# %%
look = "continue\np f'y[{r}, {q}] = {y[0, 0, r, q]}, then + {w[0, 0, a, b]} * {x[0, 0, u, v]}'\n"
commands = f"break {inspect.getsourcefile(function)}:{number}\n" + 4 * look + "clear 1\ncontinue\n"
said = io.StringIO()
debugger = pdb.Pdb(stdin=io.StringIO(commands), stdout=said, nosigint=True, readrc=False)
debugger.use_rawinput, debugger.prompt = False, ""
debugger.runcall(function, small_x, small_w, y, *loops.numbers(small))
print(*(line for line in said.getvalue().splitlines() if "then" in line), sep="\n")
assert np.array_equal(y[0, 0], convolve(small_x[0, 0], small_w[0, 0])) and "y[0, 0] = 0.0" in said.getvalue()

# %% [markdown]
# Four taps of the first output: 1 · 0 + 0 · 1 + 0 · 3 - 1 · 4. To have *every* kernel uncompiled, the fast ones too,
# set the environment variable `NUMBA_DISABLE_JIT=1` before Python starts. A register is then a short array that you
# can print. We start such a Python here, and ask it for the same convolution:

# %%
program = """
import numpy as np
from layers.kernels import taps
from layers.kernels.geometry import Geometry, all_taps
g = Geometry((3, 3), (2, 2), (1, 1), (0, 0, 0, 0), (1, 1), 1, all_taps((2, 2)))
x, w = np.arange(9.0).reshape(1, 1, 3, 3), np.array([[[[1.0, 0], [0, -1]]]])
print(type(taps.sum_of_shifts).__name__, taps.forward(x, w, None, g).tolist())
"""
answer = subprocess.run([sys.executable, "-c", program], env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
                        capture_output=True, text=True, check=True).stdout
print(answer)
assert answer.startswith("function") and str(y.tolist()) in answer

# %% [markdown]
# A plain `function`, and the same numbers: a breakpoint in `sum_of_shifts` now stops.

# %% [markdown]
# ## Questions
#
# 1. How many multiplications does the layer of the ladder take? Divide by the time of the last rung, and compare with
#    what your processor could do at most: cores x GHz x 2 x 16 or 8.
# 2. In `along_rows`, exchange the loops over `i` and over `a`. Then those over `r` and `q`. Which one hurts, and why?
# 3. `shifts` computes numbers that are cut off afterwards. How many, for S = 28 and for S = 7? What could be done for
#    small images?
# 4. Why is the product with a Toeplitz matrix wasteful even if memory were free? And why is im2col often fast all the
#    same?
# 5. A stride of 2 takes every second window. What becomes of "one shift of one flat array" then?
#
# **Homework**: `convnet`. You write the three operations of this notebook, without a Toeplitz matrix, and let Numba
# compile them.
