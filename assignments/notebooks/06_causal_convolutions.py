# %% [markdown]
# # 6. Causal and dilated convolutions
#
# The network of notebook 5 needs one pass for every entry. Here all predictions come out of one pass, because no
# prediction may see what it predicts. One leak, and everything looks better than it is; so we learn to catch leaks,
# too.
#
# **You will be able to** build a network that is causal and prove it; hide the present in three ways; work out which
# lags a stack of dilated convolutions sees, and find the mistake in a well-known one; sample fast, and exactly.
#
# **Time**: 50 minutes, of which 3 for training. **Know before**: masked input and the chain rule (notebook 5),
# convolutions (notebook 3).

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
# ## All predictions at once
#
# We want a network f that takes a whole sequence and gives logits for *every* entry: f_t, a distribution for x_t. In
# training the whole sequence is there, so one pass gives all T terms of the loss. It is a fair loss only if f_t sees
# x₁ ... x_{t-1} and nothing else. That can be tested without looking inside: change the future, and see whether f_t
# moves.

# %%
import numpy as np, minigrad as torch
import layers as nn, layers.functional as F

def what_changes(network, t, T=12):
    """The outputs that move when the entries from t on are replaced by others."""
    rng = np.random.default_rng(0)
    x, other = rng.standard_normal((2, 1, 1, T)).astype(np.float32)
    other[..., :t] = x[..., :t]
    changed = network(torch.tensor(x)).data != network(torch.tensor(other)).data
    return np.flatnonzero(changed.any((0, 1))).tolist()

torch.manual_seed(0)
plain, causal = nn.Conv1d(1, 4, 3, padding=1), nn.CausalConv1d(1, 4, 3)
print("plain: ", what_changes(plain, 6))
print("causal:", what_changes(causal, 6))
assert what_changes(plain, 6)[0] == 5 and what_changes(causal, 6)[0] == 6

# %% [markdown]
# Entries 6, 7 ... were replaced. With the plain convolution output 5 moves: it sees one entry into the future. With the
# causal one, nothing before 6 moves, not even in the last bit.
#
# ## Padding on one side
#
# The causal convolution is an ordinary one, with all its zeros in front. `F.pad` takes the number of zeros at the start
# and at the end of the last axis, then of the one before; a negative number cuts off. The lecture's examples:

# %%
x = torch.tensor([[[1, 6, 3, 9, 1]], [[4, 8, 2, 2, 9]]])
print("(-1, 1):     ", F.pad(x, (-1, 1)).tolist())
print("(0, 0, 2, 0):", F.pad(x, (0, 0, 2, 0)).tolist())
assert F.pad(x, (-1, 1)).tolist() == [[[6, 3, 9, 1, 0]], [[8, 2, 2, 9, 0]]]

z = torch.randn(1, 1, 12)
by_hand = F.conv1d(F.pad(z, (2, 0)), causal.weight, causal.bias)
assert np.array_equal(by_hand.data, causal(z).data)

# %% [markdown]
# The last lines build the causal convolution by hand: two zeros in front of a kernel of 3, and it is the same.
#
# ## Hiding the present
#
# Causal is not enough: output t still sees x_t, the very thing that it should predict. One layer, the first, has to
# hide it. Three ways:
#
# * shift the *input* one to the right: `F.pad(x, (1, -1))`;
# * take a kernel whose last tap, the present, is masked;
# * shift the *output* one to the right.
#
# To compare them, we let each network show what it sees: row t marks the inputs that output t has a gradient for.

# %%
from models.figures.page import cells

def sees(network, T=7):
    """A T x T table: does output t depend on input s?"""
    x = torch.ones(1, 1, T, requires_grad=True)
    outputs = network(x).sum(1)[0]
    rows = [torch.autograd.grad(outputs[t], x, retain_graph=True)[0].numpy()[0, 0] for t in range(T)]
    return np.array(rows) != 0

masked = nn.CausalConv1d(1, 4, 4)
masked.weight.data[..., -1] = 0
ways = {"plain": plain, "causal": causal, "input shifted": lambda x: causal(F.pad(x, (1, -1))),
        "present masked": masked, "output shifted": lambda x: F.pad(causal(x), (1, -1))}
tables = {name: sees(network) for name, network in ways.items()}

# %% [markdown]
# One table for each, inputs to the right, outputs downwards, the present on the diagonal:

# %%
fig, axes = plt.subplots(1, 5, figsize=(10, 2.4), layout="constrained")
for ax, (name, table) in zip(axes, tables.items()):
    cells(ax, 0.6 * table, np.where(np.eye(7, dtype=bool), "·", ""))
    ax.set_title(name, fontsize=10)
axes[0].set(xlabel="input", ylabel="output")
plt.show()
assert np.triu(tables["plain"], 1).any() and np.diag(tables["causal"]).all()
hidden = [tables[name] for name in ("input shifted", "present masked", "output shifted")]
assert all(np.array_equal(table, hidden[0]) and not np.triu(table).any() for table in hidden)

# %% [markdown]
# The plain one reaches above the diagonal; the causal one touches it; the last three stay strictly below, and see the
# same. Only *one* layer may hide the present: each later layer that shifts again loses one more entry for nothing.
#
# ## What a leak does
#
# Suppose that somebody forgets the shift. The loss will be wonderful. What gives it away is the sum: the probabilities
# of all sequences must add up to 1. We try all 81 sequences of four entries with three values.

# %%
import itertools
from models.causal import CausalToy

every = np.array(list(itertools.product(range(3), repeat=4)), np.uint8)

def total(model):
    with torch.no_grad():
        return model.log_prob(every).exp().sum().item()

torch.manual_seed(0)
tight, leaky = CausalToy(shape=(4,), levels=3), CausalToy(shape=(4,), levels=3)
leaky.layers[0].shift = False
for model in (tight, leaky):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for step in range(60):
        optimizer.zero_grad()
        model.loss(every, None).backward()
        optimizer.step()

# %% [markdown]
# Both were trained on uniform noise, where nobody can do better than 4 · log 3 = 4.39 nats:

# %%
for name, model in (("tight", tight), ("leaky", leaky)):
    loss = model.loss(every, None).item()
    print(f"{name}: loss {loss:.2f} nats, all probabilities add up to {total(model):.4f}")
assert abs(total(tight) - 1) < 1e-5 and total(leaky) > 10
assert tight.loss(every, None).item() > 4.39 > 2 * leaky.loss(every, None).item()

# %% [markdown]
# The leaky network beats the entropy, which is impossible, and its "probabilities" add up to far more than one. If a
# density model is too good to be true, add up.
#
# ## How far it sees: NetToy1d
#
# The lecture's first net has a layer of kernel 1 on the shifted input, then four of kernel 2. Follow one output down:

# %%
from layers import steps

toy = CausalToy(shape=(32,), levels=64)
tree = list(steps.inputs(toy.layers, 12, 11))
print(tree[-1].title())
tree[-1].figure()

# %% [markdown]
# Each layer of kernel 2 adds one lag, and the shift hides the present, so the last output sees five entries. A gradient
# says the same. (Random sequences, and many, because a single ReLU may be off.)

# %%
from models.figures.lags import lags_seen

torch.manual_seed(0)
print("lags:", lags_seen(toy))
assert lags_seen(toy) == [1, 2, 3, 4, 5]

# %% [markdown]
# Five lags are enough to go on along a line. They are not enough to remember, at the 20th value, with which slope the
# line began. To see 32 lags this way takes 31 layers.
#
# ## Dilation, and a mistake to learn from
#
# A *dilated* kernel has its taps further apart. Double the distance from layer to layer, and the reach doubles, too.
# The lecture takes dilations 2, 4, 8, 16 after a layer of kernel 1. Which lags does that see?

# %%
from models.causal import DilatedToy

lecture = DilatedToy(shape=(33,), levels=64, variant="lecture")
repaired = DilatedToy(shape=(33,), levels=64)
for name, model in (("lecture", lecture), ("repaired", repaired)):
    found = lags_seen(model)
    print(f"{name:9} {len(found)} lags: {found}")
assert lags_seen(lecture) == list(range(1, 32, 2)) and lags_seen(repaired) == list(range(1, 33))

# %% [markdown]
# Only odd ones! The shift gives 1, and every layer adds 0 or an even number. Half of the past has no influence at all,
# whatever the weights become, and nothing in training says so. A first layer of kernel 2 adds 0 or 1, and closes the
# gaps. The past, from 32 entries ago to the last one:

# %%
lags = np.arange(32, 0, -1)
seen = np.array([np.isin(lags, lags_seen(model)) for model in (lecture, repaired)])
fig, ax = plt.subplots(figsize=(9, 1.3), layout="constrained")
cells(ax, 0.6 * seen, np.array([lags, lags]).astype(str), fontsize=7)
for row, name in enumerate(("lecture", "repaired")):
    ax.text(-1, row, name, ha="right", va="center")
ax.set_title("Lags that are seen: half of them are missing, until the first kernel is 2 wide")
plt.show()

# %% [markdown]
# The same sum, for WaveNet: kernels of 2 with dilations 1, 2, 4 ... 512 reach 1 + 1 + 2 + ... + 512 = 1024 entries with
# ten layers. Without dilation ten layers would reach 11.

# %%
dilations = 2 ** np.arange(10)
print("ten layers reach", 1 + dilations.sum(), "entries; without dilation", 1 + 10)
assert 1 + dilations.sum() == 1024

# %% [markdown]
# ## Does it help?
#
# Three networks of about the same size on the sequences of notebook 5: five lags, the odd lags, all lags. The loss is
# that of all 32 entries at once, from one pass. The entropy is 13.85 nats.

# %%
from models.data import load

data = load("toy_sequences")
steps_, rate = (60, 1e-2) if FAST else (4000, 5e-3)

def train(model, seed=0):
    rng, curve = np.random.default_rng(seed), []
    model.begin(data)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for step in range(steps_):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps_)
        loss = model.loss(data.train[rng.integers(len(data.train), size=25)], rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return curve

# %% [markdown]
# Same batches, same number of steps.

# %%
nets = {"five lags": CausalToy((32,), 64), "odd lags": DilatedToy((32,), 64, variant="lecture"),
        "all lags": DilatedToy((32,), 64)}
curves = {name: train(model) for name, model in nets.items()}

def nats(model):
    with torch.no_grad():
        return -model.log_prob(data.test[:500]).mean().item()

costs = {name: nats(model) for name, model in nets.items()}
print({name: round(cost, 2) for name, cost in costs.items()}, "entropy", round(data.entropy, 2))
assert all(data.entropy < cost < 110 for cost in costs.values())
assert FAST or costs["all lags"] < min(costs["odd lags"], costs["five lags"])

# %% [markdown]
# And the way there:

# %%
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
width = min(100, steps_ // 6)
for (name, curve), style in zip(curves.items(), ("k:", "k--", "k-")):
    ax.plot(np.convolve(curve, np.ones(width) / width, "valid"), style, label=name)
ax.axhline(data.entropy, color="0.5", label="entropy")
ax.set(xlabel="step", ylabel="nats per sequence", yscale="log", yticks=(14, 20, 40, 80),
       title="What you see is what you can learn")
ax.yaxis.set_major_formatter("{x:g}")
ax.minorticks_off()
ax.legend()
plt.show()

# %% [markdown]
# ## Sampling, fast and exact
#
# Drawing still goes entry by entry. The lecture's loop runs the whole network for each one, and throws away all outputs
# but one. But causality also means: what a layer has computed for the past never changes. So keep it, and compute one
# new column per layer.

# %%
import time

def timed(**how):
    began = time.perf_counter()
    x = nets["all lags"].sample(100, np.random.default_rng(1), **how)
    return x, time.perf_counter() - began

timed()                                                    # the first call may compile
(slow, slow_seconds), (fast, fast_seconds) = timed(cached=False), timed()
print(f"whole network each time {slow_seconds * 1e3:.0f} ms, cached {fast_seconds * 1e3:.0f} ms")
assert np.array_equal(slow, fast)

# %% [markdown]
# The very same sequences, from the same random numbers. The longer the sequence, the larger the gain: one grows with
# T², the other with T. Here is what the three networks write:

# %%
fig, axes = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained", sharey=True)
for ax, (name, model) in zip(axes, nets.items()):
    for row in model.sample(6, np.random.default_rng(5)):
        ax.plot(row, color="0.2", linewidth=0.8, marker=".", markersize=3)
    ax.set(title=name, xlabel="t", ylim=(0, 63))
axes[0].set_ylabel("value")
fig.suptitle("Six samples of each network")
plt.show()

# %% [markdown]
# Step by step, all three go on as they should. But some lines jump twice, which no line of the data does. A network
# that can't see as far back as the last jump does not know that it has had one; one that can would have to have learnt
# what it means. We count.

# %%
def jumps_twice(x):
    return ((abs(np.diff(x.astype(int))) > 2).sum(1) > 1).mean()

shares = {name: jumps_twice(model.sample(500, np.random.default_rng(6))) for name, model in nets.items()}
print({name: f"{share:.0%}" for name, share in shares.items()}, f"data {jumps_twice(data.test):.0%}")
assert jumps_twice(data.test) == 0 and min(shares.values()) > 0.02

# %% [markdown]
# Locally right, globally not, and for all three. The network that sees all lags has clearly the best likelihood, but no
# fewer of these lines: in a few thousand steps it has learnt to use the past for going straight, not for counting
# jumps. To be able to see is not yet to have learnt. Report nats, look at samples, and count what you can.

# %% [markdown]
# ## Questions
#
# 1. Which lags does a stack see with first kernel 1, shifted input, and dilations 1, 2, 4, 8? And with 1, 3, 9 and
#    kernels of 3?
# 2. A colleague hides the present in every layer "to be on the safe side". The network has five layers. What is lost?
# 3. The leaky network of this notebook reaches a loss near 0. What would its samples look like, and why is the sampling
#    loop not told about the leak?
# 4. Batch normalisation in a causal network: does it keep the promise of `what_changes`? In training? In use?
# 5. Keeping the past costs memory. How many numbers must be kept per layer of dilation d with kernel 2?
#
# **Homework**: `autoregression`. You write the shift, the causal dilated convolution and the sampling loop of this
# notebook; the grader tries to look into the future.
