# %% [markdown]
# # 8. PixelCNN: masks, the blind spot, two stacks and gates
#
# The most frequent bug in PixelCNNs is a mask that is off by one pixel. Nothing crashes, and the loss even gets better.
# We build the masks, break them, find out by a gradient what a pixel really sees, and meet a blind spot that even the
# right masks have.
#
# **You will be able to** write masks A and B, and say what breaks when they are exchanged; find out by a gradient what
# a pixel sees; explain the blind spot, count it, and remove it with two stacks.
#
# **Time**: 45 minutes to read, one minute to run. **Know before**: convolutions (notebook 3), and why a product of
# conditionals is a likelihood (notebook 7).

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
# ## An image is a sentence
#
# Read an image like a page: row by row, from left to right. PixelCNN predicts each pixel from those that were read
# before:
#
# $$p(x) = \prod_i p(x_i \mid x_1 \ldots x_{i-1}).$$
#
# A convolution would be the natural network, since a stroke looks the same wherever it is. But its window covers pixels
# that have not been read yet. So the weights of these are set to 0: the window gets a *mask*.

# %%
import numpy as np, minigrad
import layers as nn
from models.figures import page

def raster_mask(kind, size):
    mask = np.zeros((size, size))
    mask[:size // 2] = 1                                               # the rows above
    mask[size // 2, :size // 2 + (kind == "B")] = 1                    # to the left; in B, the pixel itself
    return mask

figure, axes = plt.subplots(1, 2, figsize=(6, 3.3), layout="constrained")
for ax, kind in zip(axes, "AB"):
    mask = raster_mask(kind, 5)
    page.cells(ax, 0.25 * mask, mask.astype(int).astype(str))
    ax.set_title(f"mask {kind}: {int(mask.sum())} of 25")
    assert np.array_equal(mask, nn.MaskedConv2d(kind, 1, 1, 5).mask.data[0, 0])
plt.show()

# %% [markdown]
# Mask A hides the pixel in the middle, mask B shows it: that is the whole difference. Slides often draw mask A only,
# and say that later layers look "almost the same", or that they are "fully connected". They are not: they have mask B.
#
# The engine's `MaskedConv2d` has the same masks, and it doesn't multiply by their zeros: it leaves these taps out. Half
# of the work is never done.
#
# ## Ask the gradient
#
# What does one pixel of the output see? Take its derivative with respect to all input pixels: where that is *exactly*
# zero, nothing is seen. Three lines, and they work for every network of this notebook.

# %%
def seen(network, size, pixel):
    """Which input pixels an output pixel depends on: a mask (H, W)."""
    x = minigrad.randn(1, 1, *size, dtype=minigrad.float64, requires_grad=True)
    network(x)[0, :, *pixel].sum().backward()
    return x.grad.data[0, 0] != 0

def stack(kinds, size=3):
    """A chain of masked convolutions, one for each letter of `kinds`."""
    widths = [1] + [4] * len(kinds)
    layers = [nn.MaskedConv2d(kind, *pair, size) for kind, *pair in zip(kinds, widths, widths[1:])]
    return nn.Sequential(*layers).double()

minigrad.manual_seed(0)
size, pixel = (6, 11), (5, 5)
fields = {kinds: seen(stack(kinds), size, pixel) for kinds in ("A", "AB", "ABB", "ABBB")}
print({kinds: int(field.sum()) for kinds, field in fields.items()})

# %% [markdown]
# One layer sees 4 pixels, and each further one sees a little more. We draw the fields; the pixel that asks is black.

# %%
def draw(fields, title, hatched=None):
    figure, axes = plt.subplots(1, len(fields), figsize=(11, 2.6), layout="constrained")
    for ax, (name, field) in zip(axes, fields.items()):
        page.cells(ax, 0.3 * field, hatched=None if hatched is None else hatched[name])
        ax.plot(*pixel[::-1], "s", color="black", markersize=9)
        ax.set_title(name)
    figure.suptitle(title)
    plt.show()

draw({f"masks {kinds}: {field.sum()} pixels": field for kinds, field in fields.items()},
     "What the black pixel sees through one, two, three, four layers of 3x3")
number = np.arange(size[0] * size[1]).reshape(size)                    # when each pixel is read
assert all((number[field] < number[pixel]).all() for field in fields.values())

# %% [markdown]
# No pixel is seen that comes later, and none is the pixel itself. Now the two ways to get the masks wrong.

# %%
wrong = {"mask B first: BBBB": seen(stack("BBBB"), size, pixel), "right: ABBB": fields["ABBB"],
         "mask A always: AAAA": seen(stack("AAAA"), size, pixel)}
draw(wrong, "B in the first layer shows the answer; A in all layers hides neighbours")
own, right, few = wrong.values()
assert own[pixel] and not right[pixel]
assert right[5, 4] and not few[5, 4] and few.sum() < right.sum()

# %% [markdown]
# * With B in the *first* layer, the pixel is its own input: it can be copied, and the loss falls to nearly 0.
# * With A in *every* layer nothing leaks, but the left neighbour, the most useful pixel of all, is lost: each layer
#   moves one step away from the pixel, and four layers are at least four steps away. In the later layers, "the pixel
#   itself" is a feature made of earlier pixels only, and it is safe to look at.
#
# ## All images of 2 x 3 pixels
#
# The judge of last instance is the sum over all inputs. There are 64 black-and-white images of 2 x 3 pixels. We take
# the engine's `PixelCNN`, and then exchange its first mask.

# %%
from models.pixelcnn import PixelCNN

images = np.array(list(np.ndindex(*[2] * 6)), np.uint8).reshape(64, 1, 2, 3)
model = PixelCNN((1, 2, 3), 2, embedding=4, channels=8, layers=2, first_kernel_size=3, kernel_size=3).double()

def total(model):
    return np.exp(model.log_prob(images).data).sum()

right = total(model)
model.first = nn.MaskedConv2d("B", 4, 8, 3).double()
print(f"mask A first: {right:.12f};  mask B first: {total(model):.4f}")
assert abs(right - 1) < 1e-12 and abs(total(model) - 1) > 1e-3

# %% [markdown]
# Without any training, the leak shows in the sum.
#
# ## The blind spot
#
# Look again at the four fields above. To the left they grow by whole columns; to the right, their edge runs up at an
# angle. The pixels below that edge come earlier, so they would be allowed. Why are they not seen?
#
# One layer moves at most one row up, and only while moving up may it move to the right (on its own row, the mask ends
# at the pixel). So a pixel that is $r$ columns to the right must be at least $r$ rows up. More layers don't help: each
# step obeys the same rule. On a grid of letters, for the pixel q:

# %%
from models.figures import fields as field_figures

letters = np.array(list("abcdefghijklmnopqrstuvwxy")).reshape(5, 5)
q = 3, 1
for layers in (2, 3, 7):
    field = seen(stack("A" + "B" * (layers - 1)), (5, 5), q)
    missed = letters[(letters < "q") & ~field]
    print(f"{layers} layers: q is drawn without a look at", ", ".join(missed))
    assert layers == 2 or list(missed) == ["j", "n", "o"]
field_figures.blind_spot()

# %% [markdown]
# With three layers or with seven: j, n and o stay invisible. The last picture is where we are going.
#
# A gradient says *that* a pixel is not seen. Why, one can see by walking down from the output, layer by layer, along
# the taps of the masks:

# %%
from layers import steps

walk = list(steps.inputs(stack("ABB"), (5, 5), q))
assert letters[(letters < "q") & ~walk[-1].masks[-1]].tolist() == ["j", "n", "o"]
steps.strip(walk)

# %% [markdown]
# Grey is what has been reached, hatched what comes earlier and has not. Each layer adds a row above, and on the right
# the edge is one step short each time.
#
# How much is lost? With $L$ layers, the window has $L$ rows of $2L + 1$ pixels above and $L$ pixels to the left. The
# blind ones are those in the triangle. We count them by gradient.

# %%
def blind_share(layers):
    size = layers + 1, 2 * layers + 1
    field = seen(stack("A" + "B" * (layers - 1)), size, (layers, layers))
    window = np.arange(field.size) < layers * size[1] + layers
    return int((window & ~field.ravel()).sum()), int(window.sum())

for layers in (2, 3, 5, 7):
    blind, window = blind_share(layers)
    print(f"{layers} layers: blind to {blind:2} of {window:3} pixels, {blind / window:.0%}")
    assert blind == layers * (layers - 1) // 2 and window == 2 * layers * (layers + 1)

# %% [markdown]
# $L(L-1)/2$ of $2L(L+1)$ pixels: with many layers, a quarter of the window.
#
# ## Two stacks
#
# The cure is to split the work in two. One stack is for the rows *above*: it has no mask at all, so it sees a full
# rectangle. It stays honest because its input was moved down by one row. The other stack is for the pixels to the
# *left*, in the same row, and its input was moved one pixel to the right. In each layer, the stack of the left takes
# what the other one knows.

# %%
class TwoStacks(nn.Module):
    def __init__(self, layers, width=4, down=1):
        super().__init__()
        self.down, widths = down, [1] + [width] * layers
        pairs = list(zip(widths, widths[1:]))
        self.above = nn.ModuleList(nn.Conv2d(*pair, (2, 3), padding=((1, 0), (1, 1))) for pair in pairs)
        self.left = nn.ModuleList(nn.Conv2d(*pair, (1, 2), padding=((0, 0), (1, 0))) for pair in pairs)
        self.link = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in pairs)

    def forward(self, x):
        above, left = minigrad.pad(x, (0, 0, self.down, -self.down)), minigrad.pad(x, (1, -1))
        for a, l, link in zip(self.above, self.left, self.link):
            above = a(above)
            left = l(left) + link(above)
        return left

# %% [markdown]
# `pad(x, (1, -1))` adds a column of zeros on the left and cuts one off on the right: a shift. The kernels are 2 x 3
# (this row and the one above, after the shift) and 1 x 2 (this pixel and its neighbour, after the shift).
#
# And if someone forgets to move the image down? We look at all three.

# %%
two = {"masks, ABBB": fields["ABBB"], "two stacks": seen(TwoStacks(4).double(), size, pixel),
       "two stacks, not moved down": seen(TwoStacks(4, down=0).double(), size, pixel)}
earlier = number < number[pixel]
reach = earlier & (np.abs(np.arange(11) - 5) <= 4) & (np.arange(6)[:, None] >= 1)
bad = {"masks, ABBB": reach & ~two["masks, ABBB"], "two stacks": reach & ~two["two stacks"],
       "two stacks, not moved down": two["two stacks, not moved down"] & ~earlier}
draw(two, "Hatched: earlier and not seen (left), later and seen (right)", bad)
assert bad["masks, ABBB"].sum() == 6 and not bad["two stacks"].any()
assert bad["two stacks, not moved down"].sum() == 5 and bad["two stacks, not moved down"][pixel]

# %% [markdown]
# In the middle, no hatching: all of the masks' window is seen, and a row and a column more, which come from the shifts.
# On the right, the forgotten shift shows the pixel itself and four later ones of its row: a leak again, and a loss too
# good to be true.
#
# (Fleuret's lecture calls the stack of the rows above `h` and the other one `v`; the paper on Gated PixelCNN names them
# the other way round, *vertical* for the rows above. Here they are `above` and `left`.)
#
# ## Gates
#
# The second idea of that paper is the nonlinearity. Half of the channels are features, the other half decides how much
# of them gets through:
#
# $$h' = \tanh(W_f * h) \odot \sigma(W_g * h).$$

# %%
from models.gated import GatedPixelCNN, gate

f = np.linspace(-3, 3, 61)
plt.figure(figsize=(6, 3.4), layout="constrained")
for g, line in zip((3, 0, -3), page.LINES):
    both = minigrad.tensor(np.stack([f, np.full(61, float(g))], 1))
    plt.plot(f, gate(both, 1).data[:, 0], **{**line, "marker": ""}, label=f"g = {g}: {1 / (1 + np.exp(-g)):.2f} of it")
plt.xlabel("feature f")
plt.ylabel("tanh(f) sigmoid(g)")
plt.title("A gate multiplies: at g = -3 the feature is nearly shut off")
plt.legend(frameon=False)
plt.show()
assert np.allclose(gate(both, 1).data[:, 0], np.tanh(f) / (1 + np.exp(3)))

# %% [markdown]
# A ReLU looks at each channel by itself. A gate *multiplies* two of them, so it can say "a dark pixel above matters
# only if there is an edge to the left". LSTMs have worked that way for long; here it comes to convolutions.
#
# With gates, two stacks and residual connections we have the Gated PixelCNN. What a pixel sees in the engine's three
# PixelCNNs:

# %%
field_figures.receptive_fields()

# %% [markdown]
# The blind spot is there in the first and gone in the other two. (The two-stack one of the lecture has two layers of 5
# x 5 kernels, so its window is low and wide.)
#
# ## Training
#
# Digits of 14 x 14 pixels in 4 grey levels. The baseline takes each pixel by itself, with its own frequencies of the
# four levels; four equally likely levels would cost 2 bits a pixel.

# %%
from models.data import digits
from models.likelihood import bits_per_dim, evaluate

def small(x):
    return (x.reshape(len(x), 1, 14, 2, 14, 2).mean((3, 5)) // 64).astype(np.uint8)

rng = np.random.default_rng(0)
data = digits.load(*((2000, 60) if FAST else (12000, 500)))
train, test = small(data.train), small(data.test)
frequency = (np.stack([(train == level).sum(0) for level in range(4)]) + 1) / (len(train) + 4)
independent = -np.log(np.take_along_axis(frequency[None], test[:, None], 1)).sum((1, 2, 3, 4)).mean()
print(f"independent pixels: {independent:.1f} nats, {bits_per_dim(independent, (1, 14, 14)):.3f} bits a pixel")

# %% [markdown]
# Both networks get the same number of steps. Each step learns all 196 conditionals of 16 images at once: the masks have
# made one pass of a convolutional network into 196 questions and answers.

# %%
def fit(model, steps, lr):
    optimizer, costs = minigrad.optim.Adam(model.parameters(), lr=lr), []
    for step in range(steps + 1):
        if step % (steps // 6) == 0:
            costs.append((step, evaluate(model, test, rng)))
        loss = model.loss(train[rng.integers(0, len(train), 16)], rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return np.array(costs)

steps, sizes = (48 if FAST else 300), dict(embedding=8, first_kernel_size=5, kernel_size=3)
plain = PixelCNN((1, 14, 14), 4, channels=16, layers=3, **sizes)
gated = GatedPixelCNN((1, 14, 14), 4, channels=12, layers=2, **sizes)
curves = [fit(model, steps, 1e-2) for model in (plain, gated)]

# %% [markdown]
# What they cost on images that were not trained on:

# %%
plt.figure(figsize=(7, 3.8), layout="constrained")
plt.axhline(independent, color="0.6", linestyle=":", label=f"independent pixels: {independent:.1f}")
for model, curve, line in zip((plain, gated), curves, page.LINES):
    name = f"{type(model).__name__}, {model.num_parameters():,} parameters: {curve[-1, 1]:.1f}"
    plt.plot(*curve[1:].T, **line, label=name)
plt.ylim(0, 1.4 * independent)
plt.xlabel("steps of 16 images")
plt.ylabel("nats a test image")
plt.title("A short training, and far below the independent pixels")
plt.legend(frameon=False)
plt.show()
assert all(curve[-1, 1] < (0.85 if FAST else 0.65) * independent for curve in curves)

# %% [markdown]
# ## Drawing, fast
#
# Training needs one pass for all pixels. Drawing goes pixel after pixel, and the plain loop runs the whole network for
# each of them: 196 passes, of which one pixel each is used. But what was computed for earlier pixels doesn't change.
# The engine keeps it, and computes each layer at the new pixel only. With the same random numbers, both must draw the
# same images.

# %%
import time

def timed(model, cached):
    start = time.perf_counter()
    x = model.sample(4, np.random.default_rng(1), cached=cached)
    return x, time.perf_counter() - start

(slow, slow_seconds), (fast, fast_seconds) = timed(plain, False), timed(plain, True)
print(f"196 full passes {slow_seconds:.2f} s, cached {fast_seconds:.2f} s")
print("the same images:", np.array_equal(slow, fast))
assert np.array_equal(slow, fast)

# %% [markdown]
# Some more, by the gated network. And since the upper half of a page comes before the lower half, the network can also
# *complete* images: keep the given rows, draw the others. This is exact only because the given pixels are the first
# ones in the order. (For a hole in the middle, the loop would ignore what comes after it.)

# %%
known = np.zeros((1, 14, 14), bool)
known[:, :7] = True
drawn = gated.sample(12, np.random.default_rng(2))
given = np.where(known, test[:12], 1.5)
completed = gated.inpaint(test[:12], known, np.random.default_rng(3))
figure, axes = plt.subplots(4, 1, figsize=(10, 3.8), layout="constrained")
rows = {"drawn from nothing": drawn, "given: the upper half": given, "completed": completed, "the originals": test[:12]}
for ax, (title, row) in zip(axes, rows.items()):
    ax.imshow(np.concatenate([np.pad(x[0], 1, constant_values=2) for x in row], 1), cmap="gray_r", vmin=0, vmax=3)
    ax.set_title(title)
    page.bare(ax)
plt.show()
assert np.array_equal(completed[:, known], test[:12][:, known])

# %% [markdown]
# After a training this short, the samples from nothing have strokes but seldom a digit. The completions are better: the
# given half says which digit it is going to be. For images that took minutes and not seconds, see
# `python -m models train gated_pixelcnn --data digits`.

# %% [markdown]
# ## Questions
#
# 1. Colour images have three numbers per pixel. What must masks A and B look like *between channels*, if red is drawn
#    first, then green, then blue?
# 2. The stack of the rows above has kernels that look to the right. Why may it?
# 3. The stack of the left gets a link from the stack above. What would be leaked if there were a link in the other
#    direction?
# 4. A PixelCNN of seven 3 x 3 layers and one of a single 15 x 15 layer have the same window. Which of them has a blind
#    spot?
# 5. Completing the *left* half of an image from the right half: how would you do it with these networks, exactly?
#
# **Homework**: `pixelcnn`. Masks, masked convolution, loss, sampling and in-painting are its tasks; a finished one
# trains and draws through `python -m models`.
