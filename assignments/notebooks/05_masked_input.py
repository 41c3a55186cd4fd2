# %% [markdown]
# # 5. Autoregression by masked input
#
# A network that predicts the next entry from those before it can write whole sequences and images, one entry at a time.
# The most direct way to build one is to tell an ordinary network what is known and what is not, and ask it what comes
# next.
#
# **You will be able to** write a conditioning event as a mask and values; turn any network into a distribution that
# sums to one, sample from it and train it; say in nats and in perplexity how good it is, and what it costs.
#
# **Time**: 50 minutes, of which 2 for training. **Know before**: softmax and cross-entropy, convolutions (notebook 3).

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
# ## What is known, in two tensors
#
# The chain rule of probability needs no model: p(x₁ ... x_T) = p(x₁) · p(x₂ | x₁) · p(x₃ | x₁, x₂) ... Each factor is a
# question: these entries are known, what about the next one? To put the question to a network, give it two rows: a
# *mask*, 1 where an entry is known, and the *values*, 0 elsewhere.

# %%
import numpy as np
import minigrad as torch
from models.figures.page import cells
from models.masked_input import event

questions = {"X2 = 3": {1: 3}, "X2 = 0": {1: 0}, "nothing": {}, "X5 = 50, X2 = 20": {4: 50, 1: 20}}
fig, axes = plt.subplots(len(questions), 2, figsize=(8, 3.2), layout="constrained")
for row, (name, given) in zip(axes, questions.items()):
    known, x = np.zeros(5, bool), np.zeros(5)
    known[list(given)], x[list(given)] = True, list(given.values())
    for ax, numbers in zip(row, event(known, torch.tensor(x))):
        cells(ax, 0.3 * known[None], np.vectorize("{:g}".format)(numbers.numpy()[None]))
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
axes[0, 0].set_title("mask"), axes[0, 1].set_title("values")
plt.show()

# %% [markdown]
# Look at the second and third row: the values are the same, all zeros. Only the mask tells "X2 is 0" from "X2 is not
# known".
#
# ## Any function will do
#
# Let f be *any* function from mask and values to C numbers, and take the softmax of these as the probabilities of the
# next entry. We draw a random linear f, untrained, for sequences of 4 entries with 3 values each. What do the
# probabilities of all 81 sequences add up to?

# %%
import itertools

T, C = 4, 3
g = torch.manual_seed(0)
w = torch.randn(2 * T, C, generator=g, dtype=torch.float64)

def f(x, t):
    """The logits of entry t of sequences (N, T), given those before it; t may be one number for each."""
    known = np.broadcast_to(np.arange(T) < np.reshape(t, (-1, 1)), x.shape)
    return torch.cat(event(known, torch.tensor(x.astype(float))), -1) @ w

def log_prob(x):
    return sum(torch.log_softmax(f(x, t), -1)[range(len(x)), x[:, t]] for t in range(T))

every = np.array(list(itertools.product(range(C), repeat=T)))
p = log_prob(every).exp().numpy()
print(f"{len(p)} sequences, from {p.min():.5f} to {p.max():.3f}, sum {p.sum():.12f}")
assert abs(p.sum() - 1) < 1e-12

# %% [markdown]
# Exactly 1, without training, without a normalising constant: each factor sums to one, so their product does. This is
# what makes autoregressive models so convenient. Their likelihood is exact, and any network fits in.
#
# ## Sampling
#
# To draw from a categorical distribution, lay its probabilities end to end on the line from 0 to 1, throw a uniform
# number, and see where it lands. The lecture's check: 10,000 draws from (0.8, 0.1, 0.1).

# %%
from minigrad.distributions import Categorical

torch.manual_seed(0)
draws = Categorical(logits=torch.tensor(np.log([0.8, 0.1, 0.1]))).sample((10_000,))
frequencies = np.bincount(draws.numpy(), minlength=3) / 10_000
print(frequencies)
assert np.allclose(frequencies, [0.8, 0.1, 0.1], atol=0.02)

# %% [markdown]
# A whole sequence is drawn entry by entry. Ask for the first, throw; write it down, ask for the second; and so on.

# %%
def sample(n):
    x = np.zeros((n, T), int)
    for t in range(T):
        x[:, t] = Categorical(logits=f(x, t)).sample(()).numpy()
    return x

n = 20_000
x = sample(n)
seen = np.bincount(x @ C ** np.arange(T)[::-1], minlength=C ** T) / n
fig, ax = plt.subplots(figsize=(4, 3.6), layout="constrained")
ax.plot([0, p.max()], [0, p.max()], color="0.6")
ax.plot(p, seen, "k.", markersize=4)
ax.set(xlabel="p(x) by the chain rule", ylabel=f"share of {n} samples",
       title="81 sequences: drawn as often as they should")
plt.show()
assert np.all(abs(seen - p) < 5 * np.sqrt(p / n) + 1e-3)

# %% [markdown]
# The points lie on the diagonal: the loop draws from the very distribution that `log_prob` computes.
#
# ## One random position
#
# Training maximises log p. That is T passes per sequence, one for each factor, since each has another mask. The lecture
# takes only *one* factor, at a random position. On average that is right, if the result is multiplied by T:

# %%
def one_position(x, rng):
    """T times the cross-entropy at a random position of each sequence."""
    t = rng.integers(T, size=len(x))
    return -T * torch.log_softmax(f(x, t), -1)[range(len(x)), x[range(len(x)), t]].numpy()

exact = -log_prob(x[:100]).numpy().mean()
estimates = [one_position(x[:100], np.random.default_rng(seed)).mean() for seed in range(500)]
print(f"exact {exact:.3f} nats, mean of 500 estimates {np.mean(estimates):.3f}, "
      f"one estimate is off by about {np.std(estimates):.3f}")
assert abs(np.mean(estimates) - exact) < 4 * np.std(estimates) / 500 ** 0.5

# %% [markdown]
# Right on average, noisy each time: that is the price. (Without the factor T, as in the lecture's listing, the loss is
# in nats per *entry*; say which, when you report it.)
#
# ## Sequences that jump
#
# The lecture's toy: 32 values that follow a straight line from the middle, and at some moment jump to another such
# line.

# %%
from models.data import load

data = load("toy_sequences")

def show_sequences(x, title):
    """Twelve sequences, six beside each other; time to the right, values from 0 to 63 upwards."""
    fig, ax = plt.subplots(figsize=(9, 2.8))
    for k, row in enumerate(x):
        left, low = k % 6 * 40, k // 6 * -75
        ax.plot([left, left + 31], [low + 32, low + 32], color="0.7")
        ax.plot(left + np.arange(32), low + row.astype(int), "k.", markersize=3)
    ax.set(title=title)
    ax.axis("off")
    plt.show()

show_sequences(data.train[:12], "Training sequences: two slopes each")

# %% [markdown]
# How hard is this? All sequences that can be are known, so their entropy is, too: 13.85 nats. No model can do better on
# average. And one that knows nothing pays 32 · log 64 = 133.
#
# The network is the lecture's: mask and values as two channels, two convolutions with pooling, two linear layers. The
# loop draws a position for each sequence, builds mask, values and target, and makes a step.

# %%
from layers.functional import cross_entropy
from models.masked_input import MaskedSequence

torch.manual_seed(0)
model = MaskedSequence(shape=(32,), levels=64)
model.begin(data)                                          # mean and standard deviation of the entries

def train_step(x, optimizer, rng):
    t = rng.integers(32, size=len(x))
    mask, values = event(np.arange(32) < t[:, None], model.scale(x))
    logits = model(torch.stack((mask, values), 1))
    loss = cross_entropy(logits, torch.tensor(x[np.arange(len(x)), t].astype(np.int64)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return 32 * loss.item()                                # nats per sequence

# %% [markdown]
# Off it goes.

# %%
rng, steps, rate = np.random.default_rng(0), 60 if FAST else 4000, 3e-3
optimizer, curve = torch.optim.Adam(model.parameters(), lr=rate), []
for step in range(steps):
    optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
    curve.append(train_step(data.train[rng.integers(len(data.train), size=32)], optimizer, rng))

def nats(model, x):
    with torch.no_grad():
        return -model.log_prob(x).mean().item()

cost = nats(model, data.test[:50 if FAST else 500])
print(f"test: {cost:.1f} nats a sequence; entropy {data.entropy:.1f}, knowing nothing {32 * np.log(64):.1f}")
print(f"perplexity of an entry: {np.exp(cost / 32):.2f} of 64")
assert data.entropy < cost < (120 if FAST else 45)

# %% [markdown]
# *Perplexity* is exp of the mean cost of an entry: the model is as uncertain as if it had to choose among so many
# equally likely values. The first entry is always 32, and most others follow a line that is known by then.

# %%
smooth = np.convolve(curve, np.ones(20) / 20, "valid")
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(np.arange(len(smooth)) + 10, smooth, "k-", label="training, mean of 20 steps")
ax.axhline(32 * np.log(64), color="0.4", linestyle=":", label="knowing nothing")
ax.axhline(data.entropy, color="0.4", linestyle="--", label="entropy: the best there can be")
ax.set(xlabel="step", ylabel="nats per sequence", ylim=(0, 145), title="One random position a step: it learns, noisily")
ax.legend()
plt.show()

# %% [markdown]
# And what it writes:

# %%
show_sequences(model.sample(12, rng), "Sequences drawn from the model")

# %% [markdown]
# Lines that jump once, if not all of them clean: the model sees the whole past at each step, and mostly goes on as it
# should.
#
# ## Why classes and not a number
#
# One could let the network predict the next value as a *number*, with a squared error. Look at what it would have to
# say. Given a line that has risen for 28 steps without a jump, what comes next? We look among very many sequences for
# those that begin like that, and count.

# %%
from models.data.toy_sequences import draw

t, going_on = 28, 32 + round(0.72 * 28)
prefix = 32 + np.rint(0.72 * np.arange(t))
parts = [draw(200_000, np.random.default_rng(part)) for part in range(1 if FAST else 8)]
after = np.concatenate([x[(x[:, :t] == prefix).all(1), t] for x in parts])
truth = np.bincount(after, minlength=64) / len(after)
mean = after.mean()
print(f"{len(after)} begin like that; {truth[going_on]:.0%} go on to {going_on}; the mean is {mean:.1f}, "
      f"and {truth[round(mean)]:.0%} are there")
assert truth[going_on - 1:going_on + 2].sum() > 0.6 and truth[round(mean)] < 0.05

# %% [markdown]
# And the model, which has never counted anything:

# %%
x = np.zeros((1, 32), np.uint8)
x[0, :t] = prefix
with torch.no_grad():
    p = torch.softmax(model.conditional(model.scale(x), t), -1).numpy()[0]
fig, ax = plt.subplots(figsize=(6.5, 3), layout="constrained")
ax.bar(np.arange(64), truth, color="0.75", edgecolor="black", linewidth=0.5, label="counted")
ax.plot(p, "k.-", markersize=4, linewidth=0.8, label="model")
ax.plot(mean, 1e-3, "k^", markersize=10, clip_on=False, label=f"mean, {mean:.1f}")
ax.set(xlabel="next value", ylabel="probability", yscale="log", ylim=(1e-3, 2),
       title=f"The line goes on to {going_on}, or jumps anywhere")
ax.legend(loc="upper left")
plt.show()
assert FAST or p[going_on - 3:going_on + 4].sum() > 0.6

# %% [markdown]
# (The axis is logarithmic.) A peak where the line goes on, and a low, broad part for jumps. The model has found both,
# with a wider peak: it sees the line a little out of focus. The best single number is the mean, a value between the
# two that hardly ever occurs. Sixty-four classes can say what one number can't.
#
# ## Images are sequences, too
#
# Read pixels row by row. "Known" is then all that has been read:

# %%
fig, axes = plt.subplots(1, 4, figsize=(8, 2.3), layout="constrained")
for ax, t in zip(axes, (0, 8, 20, 35)):
    known = (np.arange(36) < t).reshape(6, 6)
    cells(ax, 0.35 * known, np.where(np.arange(36) == t, "?", "").reshape(6, 6))
    ax.set_title(f"{t} known")
plt.show()

# %% [markdown]
# The network gets two channels, mask and pixels. The lecture's listing says `Conv2d(1, 32, ...)` for the first layer,
# which can't be. What does the engine say to that?

# %%
import layers as nn

try:
    nn.Conv2d(1, 32, kernel_size=3)(torch.zeros(1, 2, 28, 28))
except ValueError as error:
    print(error)
    assert "expects 1 input channels" in str(error)

# %% [markdown]
# So `models/masked_input.py` says 2. We take digits of half the size, in black and white: 196 pixels, two classes.

# %%
from models.data import DataSet
from models.masked_input import MaskedLeNet

digits = load("digits")
small = DataSet("small digits", *((part[:, :, ::2, ::2] > 127).astype(np.uint8) if part is not None and part.ndim > 1
                                  else None for part in (digits.train, None, digits.test, None)), levels=2)
torch.manual_seed(0)
lenet = MaskedLeNet(shape=(1, 14, 14), levels=2, channels=4 if FAST else 32, hidden=50 if FAST else 512)
lenet.begin(small)
steps, rate = 40 if FAST else 2500, 2e-3
optimizer = torch.optim.Adam(lenet.parameters(), lr=rate)
for step in range(steps):
    optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
    optimizer.zero_grad()
    lenet.loss(small.train[rng.integers(len(small.train), size=30 if FAST else 100)], rng).backward()
    optimizer.step()

# %% [markdown]
# How good is it, and how long does it take to find out?

# %%
import time

some = small.test[:10 if FAST else 100]
began = time.perf_counter()
cost = nats(lenet, some)
seconds = time.perf_counter() - began
share = small.train.mean(0)
share = np.clip(share, 1e-3, 1 - 1e-3)
independent = -(some * np.log(share) + (1 - some) * np.log(1 - share)).sum((1, 2, 3)).mean()
print(f"{cost:.1f} nats an image; each pixel by itself {independent:.1f}, knowing nothing {196 * np.log(2):.1f}")
print(f"196 passes of the network: {seconds / len(some) * 1e3:.0f} ms an image")
assert cost < (196 * np.log(2) if FAST else 0.75 * independent)

# %% [markdown]
# Last, completion. Start the loop not from nothing but from the upper half of a test image:

# %%
from models.figures.examples import colours, show, tile

known = np.zeros((1, 14, 14), bool)
known[:, :7] = True
given = small.test[:8]
rows = [given, given * known, *(lenet.inpaint(given, known, rng) for _ in range(3))]
fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
show(ax, tile(1 - colours(np.concatenate(rows), 2), len(rows), 8))
ax.set_title("Original; what is given; three completions")
plt.show()
assert all(np.array_equal(row[:, :, :7], given[:, :, :7]) for row in rows)

# %% [markdown]
# The upper half is kept as it is, and each completion is another guess. This works because what is given comes *first*
# in reading order. The right half given, and the left one asked for? The network has never seen such a mask in
# training, and would not know what to make of it.
#
# ## What it costs
#
# An image takes 196 passes to score, 196 to draw, and a training step learns from one pixel in 196. For 28 x 28 images
# it is 784. The passes for neighbouring positions do nearly the same work, and throw it away. The next notebook gets
# all positions out of one pass.

# %% [markdown]
# ## Questions
#
# 1. Write down mask and values for "X1 = 0 and X3 = 0" with T = 3. Which other event has the same values?
# 2. In the proof that all probabilities sum to one, where is it used that the mask hides entry t itself? What would the
#    sum be if f could see it?
# 3. A model that says 1/64 for everything has perplexity 64. Can a model have a perplexity of more than 64? How?
# 4. How would you train the same network to complete *any* mask, not only prefixes? What would the chain rule say about
#    the order?
# 5. The estimate by one position is noisy. Does it help to take two positions of one sequence, or one position of two
#    sequences? What does each cost?
#
# **Homework**: `autoregression`. You write the sampling loop and the perplexity, then the causal networks of
# notebook 6.
