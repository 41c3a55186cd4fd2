# %% [markdown]
# # 7. NADE and MADE: an autoencoder that may not look ahead
#
# A network that guesses the next pixel must not peek at it. Here are two ways to make sure of that: a loop in which one
# entry after the other becomes known, and an autoencoder with the wrong wires cut. And one test that no cheat survives:
# add up the probabilities of *everything*.
#
# **You will be able to** write NADE as a loop of a few lines, and say why it is cheap; draw MADE's masks, and prove
# from them that no output sees its own entry; tell a likelihood from something that only looks like one.
#
# **Time**: 40 minutes to read, half a minute to run. **Know before**: the chain rule of probability, what a sigmoid is,
# and what a training loop does.

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
# ## A product of small questions
#
# A binary vector $x$ of $D$ entries can take $2^D$ values. The chain rule cuts its probability into $D$ questions with
# one number as an answer each:
#
# $$p(x) = \prod_{i=1}^{D} p(x_i \mid x_1 \ldots x_{i-1}).$$
#
# A model of this kind needs one network output per entry, and one promise: output $i$ depends on the entries before
# $i$ and on no others. If the promise holds, the $2^D$ probabilities add up to 1, whatever the weights are. For small
# $D$ we can check that by brute force. So we make the list of all inputs once, with $D = 8$.

# %%
import numpy as np

rng = np.random.default_rng(0)
D, H = 8, 6
everything = np.array(list(np.ndindex(*[2] * D)))
print(everything.shape, "from", everything[0], "to", everything[-1])
assert everything.shape == (256, D) and len(np.unique(everything, axis=0)) == 256

# %% [markdown]
# ## NADE: one hidden layer, updated entry by entry
#
# NADE asks the questions one after the other. Its hidden layer knows the entries so far. To answer question $i$ it
# looks at the hidden layer; then entry $i$ becomes known, and the layer's activation $a$ gets one more column of $W$:
#
# $$a_1 = c, \qquad p(x_i = 1 \mid \ldots) = \sigma(b_i + V_i \cdot \sigma(a_i)), \qquad a_{i+1} = a_i + W_i x_i.$$
#
# Below, read the loop from top to bottom: *first* the answer, *then* the update.

# %%
def sigmoid(a):
    return 1 / (1 + np.exp(-a))

def nade_log_prob(x, W, c, V, b):
    a, log_p = c, 0.0
    for i in range(len(x)):
        p = sigmoid(b[i] + V[i] @ sigmoid(a))          # the answer, from the entries before i
        log_p += np.log(p if x[i] else 1 - p)
        a = a + W[i] * x[i]                            # now entry i is known
    return log_p

W, V, c, b = (rng.standard_normal(shape) for shape in ((D, H), (D, H), H, D))
total = sum(np.exp(nade_log_prob(x, W, c, V, b)) for x in everything)
print(f"the sum over all {len(everything)} inputs: {total:.15f}")
assert abs(total - 1) < 1e-12

# %% [markdown]
# With random weights, the sum is 1 to the last digits. No training was needed: the order of the lines makes it so.
#
# ### One line too early
#
# Some slides on NADE print $h_d = \sigma(W_{:,o_d}\, x_{o_d} + c)$. There the hidden layer that predicts entry $d$ is
# shown entry $d$. It must be $x_{o_{<d}}$: all entries *before* $d$. Such a slip is easily made, in code too: move the
# update one line up. We let this "model" have weights that simply copy what they see.

# %%
def leaky_log_prob(x, W, c, V, b):
    a, log_p = c, 0.0
    for i in range(len(x)):
        a = a + W[i] * x[i]                            # too early: the answer is in the question
        p = sigmoid(b[i] + V[i] @ sigmoid(a))
        log_p += np.log(p if x[i] else 1 - p)
    return log_p

copy, half = 40 * np.eye(D), 20 * np.ones(D)
leaky = [leaky_log_prob(x, copy, -half, copy, -half) for x in everything]
print(f"each input costs {-np.mean(leaky):.1e} nats; the 'probabilities' add up to {np.exp(leaky).sum():.3f}")
assert abs(np.exp(leaky).sum() - 256) < 0.01
assert abs(sum(np.exp(nade_log_prob(x, copy, -half, copy, -half)) for x in everything) - 1) < 1e-12

# %% [markdown]
# Every input is "certain", so 256 of them add up to 256. A loss that is too good to be true is the usual sign of such a
# leak, and the sum over all inputs is the test that finds it. With the lines in the right order, the very same weights
# give 1 again.
#
# ### Why the loop is cheap
#
# Computing the hidden layer of entry $i$ from scratch takes $i H$ multiplications, so all of them take about $D^2 H /
# 2$. The loop adds one column instead: $D H$. We count, for a small image of 14 x 14 pixels and 500 units.

# %%
pixels, units = 14 * 14, 500
from_scratch = sum(i * units for i in range(pixels))
updated = pixels * units
print(f"from scratch {from_scratch:,}, updated {updated:,}: {from_scratch / updated:.1f} times less work")
assert from_scratch / updated == (pixels - 1) / 2

# %% [markdown]
# The engine's `NADE` is this loop, compiled, with its gradients. We copy our weights into it and compare all 256
# log-probabilities.

# %%
from models.nade import NADE

model = NADE((D,), hidden=H).double()
for name, value in dict(W=W, V=V, c=c, b=b).items():
    getattr(model, name).data[...] = value
ours = np.array([nade_log_prob(x, W, c, V, b) for x in everything])
difference = np.abs(model.log_prob(everything.astype(np.uint8)).data - ours).max()
print(f"largest difference of 256 log-probabilities: {difference:.1e}")
assert difference < 1e-10

# %% [markdown]
# Same numbers. So whatever we learned about the loop holds for the class as well. (How to walk through a compiled
# function in a debugger, line by line, is at the end of notebook 3.)
#
# ## MADE: all questions in one pass
#
# NADE is a loop; a matrix product would be faster. MADE takes an ordinary autoencoder and cuts wires until the promise
# holds. Every unit gets a number, its *degree* $m$: "I know the first $m$ entries, and nothing else."
#
# * An input has the degree of its place in the order: 1, 2, ..., D.
# * A hidden unit has a degree from 1 to D - 1 (drawn, or dealt out in turn as below), and listens to units whose degree
#   is **not larger** than its own.
# * The output for entry $d$ listens to units whose degree is **strictly smaller** than $d$.
#
# The masks are those two comparisons.

# %%
entries = np.arange(1, D + 1)
first = second = np.arange(12) % (D - 1) + 1           # degrees of two hidden layers: 1, ..., 7, 1, ..., 5
mask_1 = entries <= first[:, None]                     # (outputs, inputs), like the weights
mask_2 = first <= second[:, None]
mask_V = second < entries[:, None]                     # strictly
for name, mask in dict(mask_1=mask_1, mask_2=mask_2, mask_V=mask_V).items():
    print(f"{name}: {mask.shape}, {mask.sum()} of {mask.size} wires are left")

# %% [markdown]
# Multiply the three masks (as 0/1 matrices) and you count, for each pair, the paths that lead from an input to an
# output. The promise says: this matrix has zeros on the diagonal and above it.

# %%
from models.figures import page

def paths(*masks):
    return np.linalg.multi_dot([mask.astype(int) for mask in reversed(masks)])

right = paths(mask_1, mask_2, mask_V)
wrong = paths(mask_1, mask_2, second <= entries[:, None])              # <= at the output, where < is needed
figure, axes = plt.subplots(1, 2, figsize=(8, 4.2), layout="constrained")
for ax, count, title in ((axes[0], right, "strict at the output"), (axes[1], wrong, "not strict: a leak")):
    page.cells(ax, 0.25 * (count > 0), count.astype(str), hatched=np.triu(count) > 0)
    ax.set(title=title, xlabel="input", ylabel="output", xticks=range(D), yticks=range(D))
    ax.set(xticklabels=entries, yticklabels=entries)
figure.suptitle("Paths from inputs to outputs; hatched ones must not exist")
plt.show()
assert not np.triu(right).any() and np.diag(wrong)[:-1].all()

# %% [markdown]
# On the left, the diagonal is empty: no wire leads from an entry to its own prediction. On the right we used "not
# larger" at the output too, and every entry but the last sees itself (no unit has the degree 8). The difference is a
# single `<`, and some slides leave it out; others put the mask outside of the bracket. What is meant is
#
# $$h = \mathrm{relu}(c + (W \odot M)\, x), \qquad \mathrm{logits} = b + (V \odot M_V)\, h,$$
#
# with the mask on the weights, before the product. Here is the whole network for four entries, drawn in the order 3, 1,
# 4, 2.

# %%
from models.figures import networks

networks.made_masks()

# %% [markdown]
# Follow any line upwards: the numbers in the circles never fall, and rise in the last step. That is the proof.
#
# With numbers in it, one unit after the other: `steps.made` says for each what it is connected to, and adds up. Here
# are a hidden unit and, at the end, the output for the entry that is drawn last.

# %%
from models import steps

tiny, example = networks.made_model(), np.array([1, 0, 1, 1])
units = list(steps.made(tiny, example))
print(units[3], units[-1], sep="\n\n")
outputs = tiny.outputs(tiny.codes(tiny.entries(example[None]))).data[0]
assert np.allclose(units[-1].values[-1], outputs, atol=1e-6)
units[-1].figure()

# %% [markdown]
# The last unit may listen to all of the second layer, and through it to three entries, but not to its own, `x[1]`. The
# steps add up to what the network computes. `steps.page(steps.made(tiny, example), "made.html")` writes them as a page
# with a slider.
#
# ## The same, asked of the derivative
#
# A mask is a claim about what a network depends on. A gradient can check that claim without knowing the masks: where
# entry $j$ has no influence, the derivative is *exactly* 0, not just small. We ask the engine's `MADE`, in a shuffled
# order.

# %%
import minigrad
from minigrad import tensor
from models.made import MADE

minigrad.manual_seed(0)
order = rng.permutation(D)
made = MADE((D,), hidden=(64, 64), order=order).double()
x = tensor(rng.standard_normal((1, D)), requires_grad=True)
jacobian = minigrad.autograd.jacobian(lambda x: made.outputs(x).sum(0), x).data[:, 0]
assert np.array_equal(jacobian != 0, np.tri(D, k=-1, dtype=bool))

# %% [markdown]
# The derivatives are non-zero exactly below the diagonal. As a picture, in two orders of the rows and columns:

# %%
place = np.argsort(order)
figure, axes = plt.subplots(1, 2, figsize=(8, 4.2), layout="constrained")
for ax, shown, title in ((axes[0], jacobian, "entries as they are drawn"),
                         (axes[1], jacobian[place][:, place], "entries as they stand in x")):
    page.cells(ax, 0.35 * (shown != 0))
    ax.set(title=title, xlabel="input", ylabel="output")
figure.suptitle("Grey: the derivative of output by input is not zero")
plt.show()

# %% [markdown]
# In the order of drawing, the pattern is a strict lower triangle: every earlier entry is used, no later one. In the
# order of the vector it looks shuffled, and means the same.
#
# Are these conditionals? Then the sum over all inputs is 1, for every order and every depth.

# %%
for hidden in ((5,), (20, 20), (10, 10, 10)):
    for order in ("natural", "random"):
        made = MADE((D,), hidden=hidden, order=order, seed=len(hidden)).double()
        total = np.exp(made.log_prob(everything.astype(np.uint8)).data).sum()
        print(f"hidden {str(hidden):14} order {order:8} sum {total:.12f}")
        assert abs(total - 1) < 1e-12

# %% [markdown]
# Six networks, six times 1.
#
# ## Several orders: average the right thing
#
# One set of weights can serve several orders: only the masks change. Each order gives its own $p_k(x)$, and their mean
# is a distribution too. It is tempting to average the *logits* of the networks instead, which is less work. Both,
# counted:

# %%
minigrad.manual_seed(2)
made = MADE((D,), hidden=(30,), order="random", orderings=4, connectivities=4).double()
for parameter in made.parameters():
    parameter.data *= 8                                # as large as after training
codes = made.codes(made.entries(everything.astype(np.uint8)))
logits = [made.outputs(codes, member) for member in made.members]
of_likelihoods = np.exp(made.log_prob(everything.astype(np.uint8)).data).sum()
mean = sum(logits) / len(logits)
of_logits = np.exp(made.log_likelihood(mean, made.entries(everything)).data).sum()
print(f"mean of 4 likelihoods: sum {of_likelihoods:.12f};  likelihood from mean logits: sum {of_logits:.3f}")
assert abs(of_likelihoods - 1) < 1e-12 and abs(of_logits - 1) > 1e-3

# %% [markdown]
# The mean of the likelihoods adds up to 1. The averaged logits belong to no order at all: entry 3 is predicted from
# entry 5 and entry 5 from entry 3. Their sum is not 1, so the nats that come out of them mean nothing, however good
# they look.
#
# ## On images
#
# Now for pictures: digits drawn from fonts, shrunk to 14 x 14 pixels, in black and white.

# %%
from models.data import digits

data = digits.load(*((3000, 500) if FAST else (12000, 2000)))

def small(x):
    return (x.reshape(len(x), 14, 2, 14, 2).mean((2, 4)) > 100).astype(np.uint8).reshape(len(x), 196)

train, test = small(data.train), small(data.test)

def show(rows, title):
    picture = np.concatenate([np.pad(1.0 - x.reshape(14, 14), 1, constant_values=0.8) for x in rows], 1)
    plt.figure(figsize=(10, 1.3), layout="constrained")
    plt.imshow(picture, cmap="gray", vmin=0, vmax=1)
    plt.title(title)
    plt.axis("off")
    plt.show()

show(train[:12], "Twelve training images, 196 binary pixels each")

# %% [markdown]
# The simplest model takes every pixel by itself: pixel $i$ is ink with the frequency that it has in the training set.
# Its cost in nats is what any network must beat.

# %%
frequency = (train.sum(0) + 1) / (len(train) + 2)
independent = -(test * np.log(frequency) + (1 - test) * np.log(1 - frequency)).sum(1).mean()
print(f"independent pixels: {independent:.1f} nats an image")
assert 50 < independent < 65

# %% [markdown]
# Training is the same for both models: the mean of $-\log p(x)$, Adam, batches of 100. All conditionals of an image are
# learned at once, each from the true entries before it. (This is called teacher forcing. It is no trick that makes
# training stable: it is maximum likelihood, exactly.)

# %%
from models.likelihood import evaluate

def fit(model, steps, lr):
    optimizer, costs = minigrad.optim.Adam(model.parameters(), lr=lr), []
    for step in range(steps + 1):
        if step % (steps // 8) == 0:
            costs.append((step, evaluate(model, test, rng)))
        loss = model.loss(train[rng.integers(0, len(train), 100)], rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return np.array(costs)

steps = 240 if FAST else 1200
nade, made = NADE((196,), hidden=128), MADE((196,), hidden=(256,))
curves = {"NADE, 128 units": fit(nade, steps, 2e-2), "MADE, 256 units": fit(made, steps, 1e-2)}

# %% [markdown]
# The curves, on images that were not trained on:

# %%
plt.figure(figsize=(7, 4), layout="constrained")
plt.axhline(independent, color="0.6", linestyle=":", label=f"independent pixels: {independent:.1f}")
for (name, curve), line in zip(curves.items(), page.LINES):
    plt.plot(*curve.T, **line, label=f"{name}: {curve[-1, 1]:.1f}")
plt.ylim(0, 1.6 * independent)
plt.xlabel("steps of 100 images")
plt.ylabel("nats a test image")
plt.title("The pixels before are worth a third of the cost, and more")
plt.legend(frameon=False)
plt.show()
assert all(curve[-1, 1] < independent * 0.7 for curve in curves.values())
assert curves["NADE, 128 units"][-1, 1] < curves["MADE, 256 units"][-1, 1]

# %% [markdown]
# Both models beat the independent pixels by a third of their cost or more. NADE is ahead with half of the units: each
# of its units serves all questions, first with what is known then, later with what is known later. A unit of MADE knows
# the first $m$ entries for good, and is of no use to the questions before. That is why MADE's hidden layers are made
# very wide (8000 units on MNIST), and its gain is that one pass through matrix products answers everything.
#
# ## Drawing: D passes, or one
#
# To draw an image, ask question 1, throw the coin, ask question 2 ... A MADE can only answer all questions together, so
# the plain loop runs the whole network 196 times. But a hidden unit of degree $m$ is final once entry $m$ is known: it
# needs to be computed once. The engine's sampler does that, and with the same random numbers it must draw the same
# images.

# %%
import time

def timed(cached):
    start = time.perf_counter()
    x = made.sample(12, np.random.default_rng(3), cached=cached)
    return x, time.perf_counter() - start

(slow, slow_seconds), (fast, fast_seconds) = timed(False), timed(True)
print(f"196 full passes {slow_seconds:.3f} s, each unit once {fast_seconds:.3f} s")
print("the same images:", np.array_equal(slow, fast))
assert np.array_equal(slow, fast)

# %% [markdown]
# The images agree, pixel by pixel. Here they are:

# %%
show(fast, "Drawn by MADE after a short training")

# %% [markdown]
# Strokes, curves, and some digits. The pixels are drawn row by row, and a dense network has to learn for every pixel
# anew what a stroke is: it has no notion of "the same, one pixel to the right". That is what convolutions are for, in
# the next notebook.
#
# What did the model think while it drew? For one test image, we look at the answer to every question, given the true
# pixels before it.

# %%
image = test[3:4]
probability = np.exp(made.logits(image).data)[0]
probability = probability[1] / probability.sum(0)
surprise = -np.log(np.where(image[0] == 1, probability, 1 - probability))
figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
for ax, shown, title in zip(axes, (image, probability, surprise / surprise.max()),
                            ("the image", "p(ink | pixels before)", "surprise, dark is large")):
    ax.imshow(shown.reshape(14, 14), cmap="gray_r", vmin=0, vmax=1)
    ax.set_title(title)
    page.bare(ax)
figure.suptitle(f"The surprises of this image add up to {surprise.sum():.1f} nats")
plt.show()
assert abs(surprise.sum() + made.log_prob(image).data[0]) < 1e-2

# %% [markdown]
# Within a stroke and on the empty page, the model is sure. It pays where a stroke begins or ends: nobody could have
# known. Added up over the image, the surprises *are* $-\log p(x)$.

# %% [markdown]
# ## Questions
#
# 1. MADE's hidden degrees run from 1 to D - 1. What would a unit of degree D be good for? One of degree 0?
# 2. In the figure of the paths, the first row is empty. What does the output of entry 1 depend on, then?
# 3. NADE shares one $W$ between all hidden layers. Where does MADE share?
# 4. A friend averages the *probabilities* $p(x_i \mid \ldots)$ of four orders entry by entry, rather than the logits.
#    Is the sum over all inputs 1 now? Test it: it takes three lines.
# 5. Your loss falls to 2 nats an image on the first day. What do you check first?
#
# **Homework**: `autoregression`. MADE's masks and the sampling loop are tasks of it, and
# `python -m assignments check autoregression` tells you how far you are.
