# %% [markdown]
# # 9. Change of variables, the piecewise-linear flow and NVP
#
# A network that runs backwards, and says exactly how likely each point is. It takes two ideas: *stretching thins out*,
# and *change only half at a time*.
#
# **You will be able to** explain the factor $|f'|$ with a histogram; train a flow on the line by differentiating a
# derivative; build a coupling layer, invert it, and check its log-determinant against a numerical Jacobian.
#
# **Time**: 45 minutes to read, half a minute to run. **Know before**: gradients step by step (notebook 1), and what a
# density is.

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
# ## Stretching thins out
#
# Draw a number $Z$ from the normal distribution, and send it through the inverse of an increasing function $f$, so that
# $X = f^{-1}(Z)$. Where is $X$ likely to be? Where $f$ is steep, a short piece of the $x$ axis stands for a long piece
# of the $z$ axis, and much probability is packed into it. Where $f$ is flat, little is. So
#
# $$p_X(x) = p_Z(f(x))\; |f'(x)|.$$
#
# We try it with $f(x) = x + 0.45 \sin 2x$, whose slope lies between 0.1 and 1.9. The inverse is read from a table.

# %%
import math
import numpy as np

rng = np.random.default_rng(0)
x = np.linspace(-5, 5, 2001)
f, slope = x + 0.45 * np.sin(2 * x), 1 + 0.9 * np.cos(2 * x)
samples = np.interp(rng.standard_normal(100_000), f, x)                # f^-1 of normal numbers
p_z = np.exp(-f ** 2 / 2) / math.sqrt(2 * math.pi)
plt.figure(figsize=(7, 3.8), layout="constrained")
plt.hist(samples, 100, density=True, color="0.85", label="100,000 numbers $f^{-1}(Z)$")
plt.plot(x, p_z * slope, color="black", label="$p_Z(f(x))\\,|f'(x)|$")
plt.plot(x, p_z, color="0.4", linestyle="--", label="$p_Z(f(x))$ alone")
plt.gca().set(xlim=(-4, 4), xlabel="x", ylabel="density", title="The histogram follows the formula with the slope")
plt.legend(frameon=False)
plt.show()

# %% [markdown]
# The solid line is the histogram's, humps and all; the dashed one is not even a density. Integrals tell:

# %%
with_slope, without = np.trapezoid(p_z * slope, x), np.trapezoid(p_z, x)
print(f"the integral is {with_slope:.6f} with the slope, {without:.3f} without")
assert abs(with_slope - 1) < 1e-5 and abs(without - 1) > 0.05

# %% [markdown]
# The formula can be read backwards, and that is the idea of a flow. Take data $x$ of unknown density. Look for an $f$
# that makes it *normal*: then the right-hand side is the density, exact, with nothing left to approximate. To find $f$,
# make the data likely, that is, minimise
#
# $$-\log p(x) = \tfrac12 \left( f(x)^2 + \log 2\pi \right) - \log f'(x).$$
#
# The first term pulls everything to 0. The second one forbids it: whoever squeezes pays for the slope.
#
# ## The simplest flow: straight pieces
#
# On the line, an increasing function can be made of pieces: a value $\alpha$ at the left end, and a rise $e^{\xi_q} >
# 0$ over each piece. That's Fleuret's `PiecewiseLinear`, with two repairs. In the lecture, $y_0 = \alpha + e^{\xi_0}$,
# two parameters for one number; here $y_0 = \alpha$. And there $f$ is constant outside of the interval: slope 0,
# density 0, and a loss of infinity for a number out there. Here the outer pieces go on.

# %%
import minigrad
import layers as nn

class PiecewiseLinear(nn.Module):
    def __init__(self, pieces, low, high):
        super().__init__()
        self.pieces, self.low, self.width = pieces, low, (high - low) / pieces
        self.alpha = nn.Parameter(minigrad.full((1,), low))
        self.xi = nn.Parameter(minigrad.full((pieces,), math.log(self.width)))

    def forward(self, x):
        rise = self.xi.exp()
        y = self.alpha + rise.cumsum(0) - rise                         # the value at the left end of each piece
        u = (x - self.low) / self.width
        n = u.detach().floor().clamp(0, self.pieces - 1).long()        # which piece
        return y[n] + (u - n) * rise[n]

# %% [markdown]
# It starts as $f(x) = x$. We give it five pieces and some slopes, and look at it together with its derivative. The
# derivative comes from autograd: the sum of all $f(x_n)$ has the gradient $(f'(x_1), \ldots, f'(x_N))$, since $f(x_n)$
# depends on $x_n$ only.

# %%
def slopes(model, x, create_graph=False):
    y = model(x)
    derivative, = minigrad.autograd.grad(y.sum(), x, retain_graph=True, create_graph=create_graph)
    return y, derivative

line = minigrad.tensor(np.linspace(-1.5, 1.5, 601), requires_grad=True)
model = PiecewiseLinear(5, -1.0, 1.0).double()
assert np.allclose(model(line).data, line.data, atol=1e-6)
model.xi.data += [-1, 1, -2, 0, 0.5]
y, derivative = slopes(model, line)
right = np.isclose(np.gradient(y.data, line.data), derivative.data, atol=1e-6)
print(f"the same slope by finite differences at {right.sum()} of {right.size} points")
assert right.sum() >= right.size - 3 * 6                               # but for those next to a bend

# %% [markdown]
# The exceptions lie next to the bends, where the difference quotient straddles two pieces.

# %%
plt.figure(figsize=(6, 3.6), layout="constrained")
plt.plot(line.data, y.data, color="black", label="f(x)")
plt.plot(line.data, derivative.data, color="0.5", linestyle="--", label="f'(x)")
plt.gca().set(xlabel="x", title="Five pieces; the outer two go on as straight lines")
plt.legend(frameon=False)
plt.show()

# %% [markdown]
# The derivative has steps where the pieces meet, and is never 0.
#
# ## A loss that contains a derivative
#
# The loss has $f'$ in it, so training needs the gradient of a gradient: how does $f'(x)$ change with $\xi$? The switch
# is `create_graph=True`: the first backward pass is recorded like any other computation. What happens without it? The
# loss has the same value, but $f'$ is a mere number for the second backward pass. We train both.

# %%
from models.data import load

data = load("lecture_1d")
train, test = (minigrad.tensor(part[:, 0].astype(np.float64), requires_grad=True) for part in (data.train, data.test))

def cost(model, x, create_graph=False):
    y, derivative = slopes(model, x, create_graph)
    return (0.5 * (y ** 2 + math.log(2 * math.pi)) - derivative.log()).mean()

def fit(model, steps, create_graph):
    optimizer, costs = minigrad.optim.Adam(model.parameters(), lr=0.03), []
    for step in range(steps):
        loss = cost(model, train[rng.integers(0, len(train), 500)].detach().requires_grad_(), create_graph)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        costs.append(loss.item())
    return costs

# %% [markdown]
# The target has two humps, and its entropy is known: 0.4047 nats. No density can cost less than that on average.

# %%
steps = 250 if FAST else 800
right, wrong = PiecewiseLinear(60, -1.5, 1.5).double(), PiecewiseLinear(60, -1.5, 1.5).double()
curves = {"create_graph=True": fit(right, steps, True), "without": fit(wrong, steps, False)}
plt.figure(figsize=(6.5, 3.6), layout="constrained")
for (name, curve), style in zip(curves.items(), ("-", "--")):
    plt.plot(curve, style, color="black" if style == "-" else "0.5", label=name)
plt.axhline(data.entropy, color="0.6", linestyle=":", label="entropy")
plt.gca().set(xlabel="step", ylabel="nats", ylim=(0, 4), title="Without the graph of f', the loss rises")
plt.legend(frameon=False)
plt.show()
final = cost(right, test).item()
print(f"test cost {final:.4f} nats; the entropy is {data.entropy:.4f}")
assert data.entropy - 0.02 < final < data.entropy + 0.03 and curves["without"][-1] > 1.5

# %% [markdown]
# With the graph, training comes within hundredths of a nat of the entropy. Without it, nobody objects when everything
# is squeezed to 0: the gradient sees only $f(x)^2 / 2$, and the reported loss goes *up*. A loss that rises steadily
# under gradient descent means that the gradient is of something else.
#
# What has been learned? Three views: the density, the map, and the data after the map.

# %%
line = minigrad.tensor(np.linspace(-1.4, 1.4, 700), requires_grad=True)
y, derivative = slopes(right, line)
learned = np.exp(-y.data ** 2 / 2) / math.sqrt(2 * math.pi) * derivative.data
figure, (left, middle, end) = plt.subplots(1, 3, figsize=(11, 3.5), layout="constrained")
left.hist(data.test[:, 0], 90, density=True, color="0.85")
left.plot(line.data, learned, color="black")
left.set(xlabel="x", ylabel="density", title="test numbers, learned density")
middle.plot(line.data, y.data, color="black")
middle.set(xlabel="x", ylabel="f(x)", title="the map: steep at the humps")
z = right(test).data
end.hist(z, 90, density=True, color="0.85")
end.plot(y.data, np.exp(-y.data ** 2 / 2) / math.sqrt(2 * math.pi), color="black", linestyle="--")
end.set(xlabel="f(x)", title=f"f of them: mean {z.mean():.2f}, deviation {z.std():.2f}", xlim=(-4, 4))
plt.show()
assert abs(z.mean()) < 0.1 and abs(z.std() - 1) < 0.1

# %% [markdown]
# The map is steep under each hump and flat in the valley, and what leaves it is a bell curve. To *draw* from the
# density, go back: normal numbers through $f^{-1}$, as in the first picture.
#
# ## More dimensions: coupling layers
#
# In $D$ dimensions the slope becomes $|\det J|$, the factor by which $f$ changes volumes, and two things get hard:
# computing a $D \times D$ determinant costs $D^3$, and most networks have no inverse. (A slide has it that flows are
# fast "because the determinant is $O(d^3)$". It is the other way round: they are built to get around that.)
#
# A coupling layer solves both. A mask $b$ of zeros and ones says which entries stay as they are. The others are scaled
# and shifted, by amounts that depend on the kept ones only:
#
# $$y = b \odot x + (1 - b) \odot (x \odot e^{s(b \odot x)} + t(b \odot x)).$$

# %%
def couple(x, b, s, t):
    log_scale, shift = (1 - b) * s(b * x), (1 - b) * t(b * x)          # both 0 where entries are kept
    return x * log_scale.exp() + shift, log_scale.sum(1)

def uncouple(y, b, s, t):
    log_scale, shift = (1 - b) * s(b * y), (1 - b) * t(b * y)          # b y = b x: the kept entries are still there
    return (y - shift) * (-log_scale).exp()

minigrad.manual_seed(1)
D, b = 6, minigrad.tensor([1.0, 1, 1, 0, 0, 0], dtype=minigrad.float64)
s, t = (nn.Sequential(nn.Linear(D, D), nn.Tanh()).double() for _ in range(2))
x = minigrad.randn(1, D, dtype=minigrad.float64)
y, log_det = couple(x, b, s, t)
error = np.abs(uncouple(y, b, s, t).data - x.data).max()
print(f"log |det| = {log_det.item():.6f}; there and back again, the error is {error:.1e}")
assert error < 1e-14

# %% [markdown]
# The inverse is exact, and note what it never does: invert $s$ or $t$. They can be any networks.
#
# Now the Jacobian, row by row from autograd, as the lecture prints it.

# %%
jacobian = minigrad.autograd.jacobian(lambda x: couple(x, b, s, t)[0].sum(0), x).data[:, 0]
print(np.array2string(jacobian, precision=3, suppress_small=True))
assert np.array_equal(jacobian[:3, :3], np.eye(3)) and not np.triu(jacobian, 1).any()
assert np.allclose(np.log(np.diag(jacobian)[3:]), (s(b * x).data[0])[3:])

# %% [markdown]
# Ones for the kept entries, the scales $e^{s}$ on the rest of the diagonal, and zeros above it. The lower left block is
# full, and does not matter: the determinant of a triangular matrix is the product of its diagonal, so $\log |\det J|$
# is the sum of the $s$ of the moved entries. That is the last line of `couple`.
#
# ## A check that can fail
#
# "Forward, then inverse, gives $x$ again" is a popular test of flows, and it is blind to the determinant: published
# libraries have passed it with the wrong sign. So we compare with an independent determinant, of a Jacobian made of
# finite differences.

# %%
def numerical_log_det(f, x, h=1e-6):
    columns = [(f(x + h * e).data - f(x - h * e).data)[0] / (2 * h) for e in np.eye(x.shape[1])]
    return np.linalg.slogdet(np.stack(columns, 1))[1]

def wrong_sign(x, b, s, t):
    y, log_det = couple(x, b, s, t)
    return y, -log_det

for name, layer in dict(couple=couple, wrong_sign=wrong_sign).items():
    y, log_det = layer(x, b, s, t)
    there_and_back = np.allclose(uncouple(y, b, s, t).data, x.data)
    right_det = abs(numerical_log_det(lambda x: layer(x, b, s, t)[0], x) - log_det.item()) < 1e-8
    print(f"{name:10}: comes back {there_and_back}, determinant right {right_det}")
    assert there_and_back and right_det == (layer is couple)

# %% [markdown]
# Both come back; only one is right.
#
# What does "changes volumes" look like? In the plane, with $x_1$ kept: a grid, and the same grid after one layer.

# %%
minigrad.manual_seed(3)
b2 = minigrad.tensor([1.0, 0], dtype=minigrad.float64)
s2, t2 = (nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2)).double() for _ in range(2))

def after(points):
    return couple(minigrad.tensor(3 * points), b2, s2, t2)[0].data

corner, h = np.array([0.2, 0.5]), 1e-4
square = corner + h * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
u, v = after(square).T / 3
area = abs(u @ np.roll(v, 1) - v @ np.roll(u, 1)) / 2 / h ** 2
factor = couple(minigrad.tensor(3 * corner[None]), b2, s2, t2)[1].exp().item()
print(f"a tiny square's area changes by {area:.4f}; exp(log |det|) = {factor:.4f}")
assert abs(area / factor - 1) < 1e-3

# %% [markdown]
# The tiny square agrees with the formula. The whole grid:

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 3.9), layout="constrained", sharex=True)
along = np.linspace(-1, 1, 200)
for place in np.linspace(-1, 1, 13):
    for line in (np.stack([along, 0 * along + place], 1), np.stack([0 * along + place, along], 1)):
        axes[0].plot(*line.T, color="black", linewidth=0.7)
        axes[1].plot(after(line)[:, 0] / 3, after(line)[:, 1], color="black", linewidth=0.7)
axes[0].set(title="x", xlabel="$x_1$", ylabel="$x_2$")
axes[1].set(title="y = after one coupling layer", xlabel="$y_1 = x_1$", ylabel="$y_2$")
figure.suptitle("Columns stay where they are; each is stretched and shifted by itself")
plt.show()

# %% [markdown]
# Each vertical line stays in its place; along it, all distances are multiplied by the same $e^s$. One layer cannot bend
# vertical lines. The next layer has the opposite mask, and bends what this one left straight.
#
# ## NVP: several of them, on two moons
#
# A chain of maps has the product of their Jacobians, so the logarithms of the determinants add up. (One slide adds
# $|J|$, where its code rightly adds $\log |J|$; in another formula a bracket is missing, and read literally the sum has
# the wrong sign.)
#
# $$-\log p(x) = \tfrac12 \left( \lVert z \rVert^2 + D \log 2\pi \right) - \sum_k \log |\det J_k|.$$
#
# The engine's `NVP` is such a chain. First the check of the last section, for the whole of it, with random weights.

# %%
from models.nvp import NVP

generator = minigrad.manual_seed(0)
model = NVP((5,), depth=6, hidden=16).double()
for parameter in model.parameters():
    parameter.data += 0.2 * generator.standard_normal(parameter.shape) # it would start as the identity
x = minigrad.tensor(generator.standard_normal((1, 5)))
z, log_det = model(x)
numerical = numerical_log_det(lambda x: model(x)[0], x)
print(f"log |det| {log_det.item():.8f}, numerically {numerical:.8f}")
assert abs(log_det.item() - numerical) < 1e-6 and np.allclose(model.inverse(z).data, x.data)

# %% [markdown]
# Six layers, and the two numbers agree. To see all the numbers of a layer move, take it step by step: what is kept,
# what the kept half says, the product, the sum. Here is the first coupling layer, and the way back through it.

# %%
from models import steps

there = list(steps.through(model.layers[1:2], x.data[0]))
back = list(steps.back(model.layers[1:2], there[-1].output))
print(there[-1], back[-1], sep="\n\n")
assert np.allclose(back[-1].output, x.data[0]) and np.isclose(back[-1].log_det, -there[-1].log_det)
steps.strip(there, columns=2, titles=True)

# %% [markdown]
# Compare the lines `s` and `t` of the two texts: the same numbers on the way back, since they come from the kept
# entries, which are still there.
#
# Now the training: two moons in the plane, whose entropy is 1.008 nats.

# %%
from models.likelihood import evaluate

moons, steps = load("two_moons"), 250 if FAST else 1000
minigrad.manual_seed(0)
model = NVP((2,), depth=6, hidden=32, hidden_layers=2, activation="relu")
model.begin(moons)                                                     # standardise by the training set
optimizer = minigrad.optim.Adam(model.parameters(), lr=1e-2)
schedule = minigrad.lr_scheduler.CosineAnnealingLR(optimizer, steps)
before = evaluate(model, moons.test, rng)
print(f"before training {before:.3f} nats, the entropy is {moons.entropy:.3f}")
x = minigrad.tensor(moons.test[:100])
assert np.allclose(model(x)[0].data, model.layers[0](x)[0].data, atol=1e-5)

# %% [markdown]
# Before training, all layers but the first, which standardises, do nothing: their last weights are 0. So the model is
# the normal distribution with the data's means and variances. Every step takes 256 points, and the learning rate sinks
# to 0.

# %%
for step in range(steps):
    loss = model.loss(moons.train[rng.integers(0, len(moons.train), 256)], rng)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    schedule.step()
found = evaluate(model, moons.test, rng)
print(f"after training {found:.3f} nats")
assert moons.entropy - 0.02 < found < moons.entropy + (0.35 if FAST else 0.1)

# %% [markdown]
# How do the layers do it? We stop after every second one. The two moons have different greys, so that they can be
# followed.

# %%
points = moons.test[:1500]
t = np.linspace(0, np.pi, 100)
arcs = np.stack([np.cos(t), np.sin(t)], 1), np.stack([1 - np.cos(t), 0.5 - np.sin(t)], 1)
upper = np.less(*(np.hypot(*(points[:, None] - arc).T).min(0) for arc in arcs))        # nearer to the upper moon
stops, x = {}, minigrad.tensor(points)
with minigrad.no_grad():
    for k, layer in enumerate(model.layers):                           # layer 0 standardises
        x, _ = layer(x)
        if k % 2 == 0:
            stops[f"after {k} layers" if k else "the data, standardised"] = x.data

# %% [markdown]
# `stops` holds the points after 0, 2, 4 and 6 coupling layers.

# %%
figure, axes = plt.subplots(1, 4, figsize=(11, 3.3), layout="constrained")
for ax, (title, z) in zip(axes, stops.items()):
    for group, grey in ((upper, "black"), (~upper, "0.65")):
        ax.plot(*z[group].T, ".", color=grey, markersize=2)
    ax.set(xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), aspect="equal", title=title)
figure.suptitle("Layer by layer, two moons become one round cloud")
plt.show()

# %% [markdown]
# Black and grey are pushed apart, turned and blown up, until together they fill a round cloud: nearly that of 1500
# draws of a normal distribution. (It gets rounder with more steps.) Where the moons meet, a seam is left: a continuous
# map can't glue two clouds into one without a trace.
#
# Read in the other direction, the same layers draw. Beside it, the density itself, which has to integrate to 1.

# %%
axis = np.linspace(-2.5, 3.5, 240)
grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2).astype(np.float32)
with minigrad.no_grad():
    density = np.exp(model.log_prob(grid).data.astype(np.float64)).reshape(240, 240)
integral = density.sum() * (axis[1] - axis[0]) ** 2
drawn = model.sample(1500, rng)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharex=True, sharey=True)
axes[0].plot(*drawn.T, ".", color="black", markersize=2)
axes[0].set(title="1500 points drawn from the flow", xlabel="$x_1$", ylabel="$x_2$")
axes[1].imshow(density, cmap="Greys", origin="lower", extent=(-2.5, 3.5, -2.5, 3.5))
axes[1].set(title=f"its density; the integral is {integral:.3f}", xlabel="$x_1$", xlim=(-1.6, 2.6), ylim=(-1.1, 1.6))
plt.show()
assert abs(integral - 1) < 0.02

# %% [markdown]
# An exact density and exact samples, from one network.
#
# A word on names. NICE (2014) has coupling layers that only shift: $s = 0$, so $\log |\det J| = 0$ and volumes are
# preserved ($|\det J| = 1$, not 0 as one can read), up to one scaling at its very end. Scaling in every layer came with
# RealNVP (2016), which is therefore *not* volume preserving: it is in its name, "non-volume preserving".

# %% [markdown]
# ## Questions
#
# 1. A coupling layer keeps half of the entries. After two layers with opposite masks, which entries of the Jacobian can
#    be zero?
# 2. Why is the log-determinant of `couple` correct although $s$ and $t$ have derivatives too? Where in the Jacobian are
#    they?
# 3. The flow on the line can fit two humps with a valley of density 0 between them, almost. What does $f$ look like
#    there, and what does $f^{-1}$ do?
# 4. Swap the two: train with $f^{-1}$ where $f$ stands. Which of the steps above gets expensive, and for which kind of
#    flow?
# 5. The cost of the flow came out *below* the entropy of the data. Name two reasons that are no bug, and one that is.
#
# **Homework**: `flows`. Change of variables, coupling layer with inverse and log-determinant, masks and squeeze, and
# the double backward of the flow on the line are its tasks.
