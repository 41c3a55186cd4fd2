# %% [markdown]
# # 1. Gradients, step by step
#
# `b = a + a; c = b + b; d = c * b`. Three operations, one input, and already two ways to get the gradient wrong. We
# take the machine apart, make both mistakes on purpose, and put it together again.
#
# **You will be able to** say what an operation must remember and what its rule does; explain why the backward pass
# needs an order, and where gradients add up; read the steps of any backward pass.
#
# **Time**: 40 minutes. **Know before**: the chain rule, and Python functions.

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
# ## The graph is the tensors
#
# Each operation makes a new tensor, and that tensor remembers three things: its *inputs*, the *rule* that turns a
# gradient of the output into gradients of the inputs, and its *serial*, a number that counts up. That is all there is:
# no graph is stored anywhere else.

# %%
import numpy as np
import minigrad as torch
from minigrad import trace
from minigrad.tensor import made_by

a = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
with trace.record():                                       # notes the lines of code, for later
    b = a + a
    c = b + b
    d = c * b
for y in (b, c, d):
    print(f"{made_by(y):8} = {y.item():4}   made from", *(made_by(x) for x in y.inputs))

# %% [markdown]
# Follow the numbers after `#`: `d` points to `c` and `b`, `c` points twice to `b`, `b` points twice to `a`. And an
# input's number is always smaller than its output's, since it had to exist first. Keep that in mind; it is the whole
# secret of the backward pass.
#
# The trace draws that: each operation a box, black while it is at work, grey when it is done.

# %%
def pictures(steps, title):
    steps = list(steps)
    fig, axes = plt.subplots(1, len(steps), figsize=(2.4 * len(steps), 4.4), layout="constrained")
    for step, ax in zip(steps, axes):
        step.draw(ax)
    fig.suptitle(title)
    plt.show()

pictures(trace.forward(d), "Forward: each value once its inputs are there")

# %% [markdown]
# The two arrows from `a` to `b` are the two a's in `a + a`.
#
# Now the gradient. By hand: b = 2a, c = 4a, so d = 8a², and its derivative is 16a. At a = 2 that is 32. This is the
# number to get.

# %% [markdown]
# ## What a rule does
#
# Write g for the gradient of d with respect to some tensor y, "how much does d change when y does?" If y = c · b,
# then c gets g · b and b gets g · c. If y = b + b, each of the two inputs gets g. A rule knows its own operation and
# nothing else. Here we call the rule of `d` by hand, with g = 1:

# %%
def passed_on(y, g):
    """What y's rule makes of its gradient g: an (input, gradient) pair for each input."""
    given = y.rule(np.float64(g), y.data, *(x.data for x in y.inputs))
    return [(x, float(gradient())) for x, gradient in zip(y.inputs, given)]

for x, gradient in passed_on(d, 1.0):
    print(f"d's rule sends {gradient:4} to {made_by(x)}")

# %% [markdown]
# c gets 4, the value of b; b gets 8, the value of c. So far, so good. But b's 8 is not the gradient of d with respect
# to b! It is the part that flows *directly* from d to b. Another part comes through c, and is still on its way.

# %% [markdown]
# ## First mistake: to pass on what is not complete
#
# The obvious program walks from d to its inputs, and from these to theirs, and visits each tensor once. We let it take
# b before c.

# %%
def careless(output):
    """Visit each tensor once, latest input first."""
    total, waiting, visited = {output: 1.0}, [output], set()
    while waiting:
        y = waiting.pop()
        if y in visited or y.rule is None:
            continue
        visited.add(y)
        for x, gradient in passed_on(y, total[y]):
            total[x] = total.get(x, 0) + gradient
            waiting.append(x)
    return total

print("careless:", careless(d)[a], " right:", 16 * a.item())
assert careless(d)[a] == 16 and 16 * a.item() == 32

# %% [markdown]
# Half of it is lost. The walk reached b when only the direct 8 had arrived, and passed 8 + 8 = 16 on to a. Then came c,
# which sent 4 + 4 = 8 more to b: too late, b had been dealt with. No error, no warning, just a wrong number; on a large
# network it would look like training that goes a bit badly.

# %% [markdown]
# ## Second mistake: to pass on everything at once
#
# What if b may be visited again, whenever something arrives? Then each *path* from d to a is walked by itself. The sum
# comes out right. Count the visits.

# %%
def path_by_path(y, g, total):
    """Add g to y's total and send it on at once.   Returns how many visits that takes"""
    total[y] = total.get(y, 0) + g
    return 1 + (sum(path_by_path(x, gradient, total) for x, gradient in passed_on(y, g)) if y.rule else 0)

total = {}
print("visits:", path_by_path(d, 1.0, total), " gradient of a:", total[a])
assert total[a] == 32

# %% [markdown]
# The gradient is 32, but there are many visits for four tensors. How does that grow? Let us chain n doublings, x + x,
# and count again.

# %%
def doublings(n):
    x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    y = x
    for _ in range(n):
        y = y + y
    return y

depths = range(1, 13)
visits = [path_by_path(doublings(n), 1.0, {}) for n in depths]
assert visits == [2 ** (n + 1) - 1 for n in depths]
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.semilogy(depths, visits, "k-o", label="path by path")
ax.semilogy(depths, [n + 1 for n in depths], "s--", color="0.45", label="each tensor once")
ax.set(xlabel="doublings in a row, n", ylabel="visits", title="Path by path, the work doubles with each layer")
ax.legend()
plt.show()

# %% [markdown]
# The axis is logarithmic: 12 additions take 8,191 visits, and 60 would take seventy thousand years at a million visits
# a second. A network with skip connections has such diamonds in every layer.

# %% [markdown]
# ## The right way: wait until all of it has arrived
#
# Each tensor once, *and* only when everything that uses it has been dealt with. Everything that uses a tensor was made
# after it. So go through the tensors from the highest serial to the lowest: that is a topological order, found by one
# sort.

# %%
def in_order(output):
    """Each tensor once, latest first."""
    total, found = {output: 1.0}, {output}
    while found:
        y = max(found, key=lambda tensor: tensor.serial)
        found.remove(y)
        print(f"{made_by(y):8} has {total[y]:4}", end="")
        for x, gradient in passed_on(y, total[y]) if y.rule else []:
            total[x] = total.get(x, 0) + gradient
            found.add(x)
            print(f"   sends {gradient:3} to {made_by(x)}", end="")
        print()
    return total

assert in_order(d)[a] == 32

# %% [markdown]
# Read it line by line: c goes before b, so b has 8 + 4 + 4 = 16 by the time it is its turn, and a gets 16 + 16 = 32.
#
# ## The same, watched
#
# `trace.backward` stops after each operation. Here is the second step, the one that `careless` missed:

# %%
backward_steps = list(trace.backward(d))
print(backward_steps[1])
assert "8 + 4 = 12" in str(backward_steps[1]) and "12 + 4 = 16" in str(backward_steps[1])

# %% [markdown]
# In the lines with `gives`, b's gradient grows: the 8 from the step before, and twice 4. Only then may b go on. In
# pictures, with the arrows now turned round:

# %%
pictures(backward_steps, "Backward: each gradient once all its parts are there")
assert len(backward_steps) == 3

# %% [markdown]
# "So far" turns into "grad" when a gradient is complete, and no box is black before its own is. Any computation can be
# watched like this: `trace.page(trace.backward(d), "steps.html")` writes a page with a slider, and
# `python -m minigrad.trace "a=2; b=a+a; c=b+b; d=c*b"` steps through it in a terminal.
#
# `backward()` takes the same steps without stopping (`minigrad/autograd.py`):

# %%
d.backward()
print("a.grad =", a.grad.item())
assert a.grad.item() == 32

# %% [markdown]
# ## Where gradients add up
#
# Wherever a tensor is used more than once, the parts add up; nothing else in the backward pass ever adds. Broadcasting
# is such a use in disguise: here each entry of `row` meets three rows of the matrix, so it is used three times.

# %%
row = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
matrix = torch.ones(3, 4)
(row * matrix).sum().backward()
print(row.grad.numpy())
assert row.grad.shape == row.shape and (row.grad.numpy() == 3).all()

# %% [markdown]
# Three each, the sum over the copies, and the gradient has the shape of `row`, not of the product. A convolution's
# kernel is used at every position of the image: its gradient is a sum over all positions (notebook 3). A recurrent or
# causal network uses its weights at every step. Same rule.

# %% [markdown]
# ## Gradients of gradients
#
# A rule is itself made of operations. Run it on tensors instead of bare numbers, and they are recorded in their turn:
# the gradient is a tensor with a graph of its own, and can be differentiated again. By hand, d'' = 16.

# %%
b = a + a
c = b + b
d = c * b
g, = torch.autograd.grad(d, a, create_graph=True)
second, = torch.autograd.grad(g, a, retain_graph=True)
print("first", g.item(), " second", second.item(), " operations in the gradient's graph:", len(list(trace.forward(g))))
assert g.item() == 32 and second.item() == 16

# %% [markdown]
# Nobody wrote a second derivative of anything. That is why the rules in `minigrad/elementwise.py` are made of
# operations and not of NumPy calls.

# %% [markdown]
# ## Questions
#
# 1. In `careless`, would visiting c before b have given the right result here? Draw a graph for which no fixed choice
#    "left input first" or "right input first" works.
# 2. `path_by_path` is right but slow, `careless` is fast but wrong. Which property do they lack, each?
# 3. Why may a rule use the inputs and the output of its operation, but must never use "the gradient of d so far" of
#    any other tensor?
# 4. After `d.backward()` a second `d.backward()` complains. What has been thrown away, and why is that a good default?
# 5. What is the third derivative of d? Predict what `torch.autograd.grad` says if you ask for it, and try.
#
# **Homework**: `autograd`. You write the rules, undo broadcasting, and build the backward pass of this notebook.
