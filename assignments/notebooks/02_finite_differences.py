# %% [markdown]
# # 2. Finite differences, and how checkers are fooled
#
# Every gradient in this project is compared with a slope that needs no rule: move the input a little, and look. It is
# the best bug finder there is, and easy to get wrong in ways that let every bug through. We build a checker, fool it
# six times, and see what the real one does about each.
#
# **You will be able to** choose a step for finite differences and say why; build a gradient check that a wrong rule
# cannot pass; read the messages of `gradcheck`.
#
# **Time**: 50 minutes. **Know before**: derivatives, Taylor's theorem, what a rule is (notebook 1).

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
# ## The slope, three ways
#
# We take f(x) = exp(sin x) at x = 1, where we know the derivative. The *forward* difference steps to the right only;
# the *central* one steps both ways; the *complex step* goes off the real axis and takes no difference at all.

# %%
import numpy as np

def f(x):
    return np.exp(np.sin(x))

def forward(h):
    return (f(1 + h) - f(1)) / h

def central(h):
    return (f(1 + h) - f(1 - h)) / (2 * h)

def complex_step(h):
    return np.imag(f(1 + 1j * h)) / h

true = np.cos(1) * f(1)
print(f"true {true:.12f}, central with h = 0.1: {central(0.1):.12f}")

# %% [markdown]
# The smaller the step, the better? Let us look at the error for all steps from 1 to 10⁻¹⁶.

# %%
steps = 10.0 ** -np.arange(0, 16.1, 0.25)
errors = {slope: [abs(slope(h) / true - 1) + 1e-17 for h in steps] for slope in (forward, central, complex_step)}
fig, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for (slope, error), style in zip(errors.items(), ("k-", "k--", "k:")):
    ax.loglog(steps, error, style, label=slope.__name__.replace("_", " "))
ax.set(xlabel="step h", ylabel="relative error", ylim=(1e-17, 10),
       title="Too large a step is inexact, too small a step is noise")
ax.invert_xaxis()
ax.legend(loc="lower left")
plt.show()

# %% [markdown]
# Read from left to right. On the way down, the Taylor series speaks: the error falls like h for forward, like h² for
# central differences. Then each curve turns round: f(1 + h) and f(1 - h) agree in ever more digits, their difference
# keeps ever fewer, and dividing by h blows up what is left of the rounding. The complex step subtracts nothing, so it
# never turns round (an error of 0 is drawn at 10⁻¹⁷).

# %%
best = {slope.__name__: (steps[np.argmin(error)], min(error)) for slope, error in errors.items()}
for name, (h, error) in best.items():
    print(f"{name:13} best error {error:.0e} at h = {h:.0e}")
eps = np.finfo(float).eps
print(f"theory: forward near eps^(1/2) = {eps ** (1/2):.0e}, central near eps^(1/3) = {eps ** (1/3):.0e}")
assert 1e-10 < best["forward"][1] < 1e-7 and 1e-13 < best["central"][1] < 1e-9
assert min(errors[complex_step]) < 1e-15 and errors[complex_step][-1] < 1e-15

# %% [markdown]
# So: central differences, float64, a step near 6 · 10⁻⁶ (that is eps to the power 1/3), and up to ten right digits.
# What if the numbers are float32, as in training?

# %%
def central32(h):
    h = np.float32(h)
    return (f(np.float32(1) + h) - f(np.float32(1) - h)) / (2 * h)

errors32 = [abs(central32(h) / true - 1) for h in steps[steps > 1e-7]]
print(f"float32: best error {min(errors32):.0e}, at h = 6e-6 it is {abs(central32(6e-6) / true - 1):.0e}")
assert abs(central32(6e-6) / true - 1) > 1e-4

# %% [markdown]
# At the step that was best in float64, float32 has lost nearly everything: a right rule would look wrong. That is why
# `gradcheck` insists on float64. A rule is the same text in both types; what it proves in one holds in the other.
#
# ## A first checker
#
# A function gives many numbers, so there are many slopes. The usual shortcut is to check the gradient of the *sum* of
# all outputs. Here it is, for one input:

# %%
import minigrad as torch

def sum_check(function, x, h=6e-6, tolerance=1e-6):
    """Is the gradient of function(x).sum() what central differences say?"""
    x = torch.tensor(x, requires_grad=True)
    claimed, = torch.autograd.grad(function(x).sum(), x)
    seen = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        d = np.zeros(x.shape)
        d[i] = h
        up, down = (function(torch.tensor(x.data + s * d)).data.sum() for s in (1, -1))
        seen[i] = (up - down) / (2 * h)
    return bool(np.allclose(claimed.data, seen, rtol=0, atol=tolerance))

# %% [markdown]
# It works. A right rule passes; a cube whose rule says 3x instead of 3x² does not:

# %%
cube = torch.operation(lambda x: x ** 3, lambda g, y, x: g * 3 * x ** 2, name="cube")
wrong_cube = torch.operation(lambda x: x ** 3, lambda g, y, x: g * 3 * x, name="wrong_cube")
point = np.array([0.5, -2.0, 1.7])
print("right rule:", sum_check(cube, point), "  wrong rule:", sum_check(wrong_cube, point))
assert sum_check(cube, point) and not sum_check(wrong_cube, point)

# %% [markdown]
# Now let us fool it.
#
# ## Fooled by a special point
#
# Ones are tempting test inputs. But at x = 1, x and x² are the same number, and at x = 0 everything is.

# %%
print("at ones:", sum_check(wrong_cube, np.ones(3)), "  at zeros:", sum_check(wrong_cube, np.zeros(3)))
assert sum_check(wrong_cube, np.ones(3)) and sum_check(wrong_cube, np.zeros(3))

# %% [markdown]
# The wrong rule passes. Test at random points: they are special with probability zero.
#
# ## Fooled by the sum
#
# A softmax's outputs always add up to 1. The gradient of their sum is therefore 0, whatever x is. So a rule that
# returns nothing but zeros must pass:

# %%
def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()

lazy = torch.operation(softmax, lambda g, y, x: g * 0, name="lazy_softmax")
print("a softmax that never learns passes:", sum_check(lazy, point))
assert sum_check(lazy, point)

# %% [markdown]
# This has happened to real projects; every layer that normalises has this blind spot. The remedy is to weigh the
# outputs with random numbers v: check the gradient of ⟨v, f(x)⟩. If the rule's Jacobian J is wrong anywhere, Jᵀv is
# wrong too, for all v but a set of probability zero. `gradcheck` does this, and tells what it saw:

# %%
def complaint(check, function, *inputs):
    """What the check has to say; "passes" if nothing."""
    try:
        return "passes" if check(function, [torch.tensor(x, requires_grad=True) for x in inputs]) else ""
    except (AssertionError, ValueError) as error:
        return f"{type(error).__name__}: {error}"

print(complaint(torch.gradcheck, lazy, point))
assert "lazy_softmax, argument 0, index (0,)" in complaint(torch.gradcheck, lazy, point)

# %% [markdown]
# The operation, the argument, the index, both numbers: enough to start looking.
#
# ## Fooled by the tolerance
#
# A mean over 100,000 numbers has gradients of 10⁻⁵. Half of that, or twice that, is "close" to it for anyone whose
# tolerance is an absolute 10⁻⁴.

# %%
n = 100_000
torch.manual_seed(0)
double_mean = torch.operation(lambda x: x.mean(keepdims=True), lambda g, y, x: torch.expand(g, x.shape) * 2 / n,
                              name="double_mean")
x = torch.randn(n, dtype=torch.float64, requires_grad=True)
claimed, = torch.autograd.grad(double_mean(x).sum(), x)
right = np.full(n, 1 / n)
print("claimed", claimed.data[0], " right", right[0], " allclose says", np.allclose(claimed.data, right, atol=1e-4))
assert np.allclose(claimed.data, right, atol=1e-4) and not np.allclose(claimed.data, right, atol=0)

# %% [markdown]
# Wrong by a factor of two, and accepted. Tolerances must be relative to the numbers at hand, with an absolute part only
# for rounding.
#
# ## A large input, cheaply
#
# Central differences along each of 100,000 entries would take 200,000 evaluations. So beyond 100 entries `gradcheck`
# moves all of them at once, by +h or -h at random, in four such directions, and searches by bisection if something is
# off. We plant one wrong entry in the gradient, and count evaluations.

# %%
calls = 0

def squares(x):
    global calls
    calls += 1
    return np.square(x)

spot = np.arange(n) == 31_415
faulty = torch.operation(squares, lambda g, y, x: g * x * (2 + spot), name="faulty_square")
found = complaint(torch.gradcheck, faulty, x.data)
print(found, f"\n{calls} evaluations instead of 200,000")
assert "index (31415,)" in found and calls < 200

# %% [markdown]
# The needle is found in the haystack: one wrong entry changes the slope along any direction that moves it, and all of
# them do.
#
# ## Fooled by a kink
#
# So far wrong rules passed. The other error is to accuse a right one. ReLU has no derivative at 0, and a finite
# difference that straddles the kink measures something in between.

# %%
t = np.linspace(-1, 1, 201)
x0, h = 0.2, 0.5

def relu(x):
    return np.maximum(x, 0)

fig, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
ax.plot(t, relu(t), "k-", label="relu")
ax.plot([x0 - h, x0 + h], relu(np.array([x0 - h, x0 + h])), "o--", color="0.4", label="central difference")
ax.plot(x0, relu(x0), "k^", markersize=9, label="the point checked")
slope = (relu(x0 + h) - relu(x0 - h)) / (2 * h)
ax.set(xlabel="x", title=f"The slope at {x0} is 1; the difference across the kink says {slope:.1f}")
ax.legend()
plt.show()

# %% [markdown]
# In the picture the step is huge; in a network with a million ReLUs, some lie within 10⁻⁵ of their kink. `gradcheck`
# measures the slopes on both sides. If they differ and stay so when the step shrinks, it speaks of a kink, not of a
# wrong rule:

# %%
print(complaint(torch.gradcheck, torch.abs, np.array([0.3, 1e-7])))
assert complaint(torch.gradcheck, torch.abs, np.array([0.3, 1e-7])).startswith("KinkError")
assert complaint(torch.gradcheck, torch.abs, np.array([0.3, -0.2])) == "passes"

# %% [markdown]
# ## Fooled by the first derivative
#
# This square keeps an array aside in forward and uses it in its rule. First derivatives are right. But the rule's text
# no longer says that it depends on x, so the second derivative comes out as 0.

# %%
kept = {}

def keeping_square(x):
    kept["x"] = x
    return x ** 2

secretive = torch.operation(keeping_square, lambda g, y, x: g * 2 * kept["x"], name="secretive_square")
print("first: ", complaint(torch.gradcheck, secretive, point))
print("second:", complaint(torch.gradgradcheck, secretive, point))
assert complaint(torch.gradcheck, secretive, point) == "passes"
assert "GradientError" in complaint(torch.gradgradcheck, secretive, point)

# %% [markdown]
# `gradgradcheck` is `gradcheck` of the gradient. The cure is a rule made of g, y and x alone, which is why minigrad's
# rules have no other arguments.
#
# ## Fooled by the loss
#
# "The loss goes down, so the gradients must be right." Here is a small network with a ReLU whose rule forgot the ReLU:
# it lets every gradient through. We train it beside the right one.

# %%
leaky = torch.operation(lambda x: np.maximum(x, 0), lambda g, y, x: g, name="forgetful_relu")

def losses(activation, steps=150 if FAST else 600):
    g = torch.manual_seed(0)
    x = torch.linspace(-3, 3, 100, dtype=torch.float64).reshape(100, 1)
    w, b, v = (torch.randn(*shape, dtype=torch.float64, requires_grad=True, generator=g)
               for shape in ((1, 20), (20,), (20, 1)))
    optimizer, curve = torch.optim.Adam([w, b, v], lr=0.02), []
    for _ in range(steps):
        loss = ((activation(x @ w + b) @ v - torch.sin(2 * x)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return curve

# %% [markdown]
# Same data, same start, same optimiser.

# %%
good, bad = losses(torch.relu), losses(leaky)
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.semilogy(good, "k-", label="right rule")
ax.semilogy(bad, "--", color="0.4", label="rule that forgot the relu")
ax.set(xlabel="step", ylabel="mean squared error", title="A wrong gradient goes downhill, too")
ax.legend()
plt.show()
print(f"right: {good[0]:.1f} to {good[-1]:.3f},  wrong: {bad[0]:.1f} to {bad[-1]:.3f}")
assert bad[-1] < bad[0] / 4 and good[-1] < bad[-1]
assert "GradientError" in complaint(torch.gradcheck, leaky, point)

# %% [markdown]
# Both curves fall. Alone, the wrong one would look like a network that is a bit too small, and somebody would tune its
# learning rate for a week. `gradcheck` needs a millisecond.

# %% [markdown]
# ## Questions
#
# 1. Why does the error of the central difference fall twice as fast as that of the forward difference? Which terms of
#    the Taylor series cancel?
# 2. The complex step seems to be better in every way. For which operations of a neural network does it fail?
# 3. A layer normalisation has outputs of mean 0 and variance 1. Give two cotangents v for which a rule that returns
#    zeros passes. (One is fixed, the other may depend on the output.)
# 4. Two entries of a gradient are wrong by +1 and -1. With what probability does one random direction of ±h miss it?
#    And four?
# 5. A checker changes x in place, evaluates, and changes it back. What can go wrong if the function keeps x?
#
# **Homework**: `autograd`. The grader checks your rules as this notebook does, and your checker against wrong rules.
