# %% [markdown]
# # 10. RealNVP on images: noise, masks, squeezing and scales
#
# An image in, noise out, and the way back without losing a single grey level. Notebook 9 did that with points of the
# plane; images need four more tricks: noise on the pixels, two kinds of masks, a squeeze, and scales.
#
# **You will be able to** say why integers must be dequantised, and what the flow's nats then bound; build the masks and
# the squeeze in one line each; follow an image through the scales, and back without losing a grey level.
#
# **Time**: 40 minutes to read, one minute to run. **Know before**: coupling layers and the change of variables
# (notebook 9).

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
# ## Integers have no density
#
# A pixel is an integer. A flow gives densities of real numbers. What goes wrong if we ignore the difference? Take the
# smallest image there is: one pixel that is 1 with probability 0.3, else 0. We fit two narrow bells, at 0 and at 1.

# %%
import math
import numpy as np

p = 0.3
entropy = -(p * math.log(p) + (1 - p) * math.log(1 - p))
for width in (0.1, 1e-3, 1e-6):
    nats = entropy + math.log(width * math.sqrt(2 * math.pi))          # the cost at the very top of each bell
    print(f"bells of width {width:7}: {nats:7.2f} nats a pixel; the coin's entropy is {entropy:.3f}")
assert nats < -10

# %% [markdown]
# As low as you like: put an infinitely narrow bell on every integer, and you "win" without having learned anything.
#
# The cure is to spread each integer evenly over its cell. With $u$ uniform on $[0, 1)$, $y = (x + u) / L$ fills the
# cells of width $1 / L$, and $L$ is the number of levels. A density of $y$ gives $x$ the probability of its cell, and
# for each pixel
#
# $$-\log P(x) \;\le\; \mathbb{E}_u[-\log p(y)] + \log L,$$
#
# by Jensen's inequality. So, averaged over the data, the right-hand side can never fall below the entropy. We try ten
# thousand random densities on $[0, 1]$, made of 16 steps each. With $L = 2$, the left 8 steps are the cell of 0, the
# right 8 that of 1.

# %%
rng = np.random.default_rng(0)
densities = 16 * rng.dirichlet(np.full(16, 3.0), 10_000)               # heights; the mean height is 1
zero, one = -np.log(densities[:, :8]).mean(1), -np.log(densities[:, 8:]).mean(1)
bound = (1 - p) * zero + p * one + math.log(2)                         # E over x and u, exact
cells = densities[:, 8:].mean(1) / 2                                   # the probability that each gives to 1
exact = -(1 - p) * np.log(1 - cells) - p * np.log(cells)
print(f"the least bound {bound.min():.4f}, the least exact cost {exact.min():.4f}, entropy {entropy:.4f}")
assert (bound >= exact).all() and exact.min() >= entropy

# %% [markdown]
# No density beats the entropy any more, and the bound is never below the exact cost. How far above? We plot one against
# the other.

# %%
plt.figure(figsize=(5.4, 4), layout="constrained")
plt.plot(exact, bound, ".", color="0.6", markersize=2, label="10,000 random densities")
plt.plot([0.5, 1.2], [0.5, 1.2], color="black", label="bound = exact cost")
plt.axvline(entropy, color="black", linestyle=":", label="entropy")
plt.gca().set(xlim=(0.57, 1.2), ylim=(0.57, 1.4), xlabel="exact cost in nats", ylabel="bound in nats")
plt.title("The bound lies above: uneven cells cost extra")
plt.legend(frameon=False, loc="lower right")
plt.show()

# %% [markdown]
# The bound is tight when the density is flat within each cell. (The noise must fill the whole cell. With half the
# noise, $u$ in $[0, 0.5]$, half of each cell stays empty, and the number that comes out bounds nothing.)
#
# ## Masks and squeezing
#
# A coupling layer keeps half of its input. For images there are two ways to halve. The *checkerboard* keeps every
# second pixel. The *squeeze* turns each 2 x 2 block into 4 channels, and then half of the channels can be kept. One
# line each:

# %%
import minigrad
from models.realnvp import Squeeze, channel_mask, checkerboard

def squeeze(x):
    """(C, H, W) -> (4 C, H / 2, W / 2)"""
    return np.concatenate([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)])

board = (np.indices((4, 4)).sum(0) + 1) % 2
image = np.arange(1, 17).reshape(1, 4, 4)
print(board, squeeze(image), sep="\n")
assert np.array_equal(board, checkerboard(4, 4)[0])
assert np.array_equal(squeeze(image), Squeeze()(minigrad.tensor(image[None]))[0].data[0])
assert np.array_equal(Squeeze().inverse(minigrad.tensor(squeeze(image)[None])).data[0], image)

# %% [markdown]
# Both agree with the engine's, and the squeeze can be undone: it only moves numbers, so its log-determinant is 0. As a
# picture, with the pixels numbered:

# %%
from models.figures import masks, page

masks.coupling_masks()

# %% [markdown]
# Why both? On the board, each moved pixel has kept neighbours on all four sides: good for fine detail. After the
# squeeze, a 3 x 3 kernel reaches twice as far.
#
# ## The Jacobian of a coupling layer on an image
#
# The networks for $s$ and $t$ are now small convolutional ones, and see the kept pixels only. We take a 4 x 4 image, so
# the Jacobian has 16 x 16 entries. With the kept pixels put first, it must be triangular.

# %%
from models.nvp import Coupling
from models.realnvp import ResidualNet

def shaken(module, scale=0.3):
    """The module in double precision, with random parameters (a new flow is the identity)."""
    generator = minigrad.manual_seed(1)
    for parameter in module.double().parameters():
        parameter.data += scale * generator.standard_normal(parameter.shape)
    return module

minigrad.manual_seed(2)
layer = shaken(Coupling(checkerboard(4, 4), ResidualNet(1, 4, 1), 2.0))
x = minigrad.tensor(rng.standard_normal((1, 1, 4, 4)))
jacobian = minigrad.autograd.jacobian(lambda x: layer(x)[0], x).data.reshape(16, 16)
log_det, exact = layer(x)[1].item(), np.linalg.slogdet(jacobian)[1]
print(f"log |det|: {log_det:.10f} by the formula, {exact:.10f} from the Jacobian")
assert abs(log_det - exact) < 1e-10

# %% [markdown]
# The sum of the $s$ is the log-determinant, to ten digits. And the pattern of the matrix:

# %%
order = np.argsort(-board.ravel(), kind="stable")                      # kept pixels first
figure, axes = plt.subplots(1, 2, figsize=(8.5, 4.4), layout="constrained")
for ax, shown, title in ((axes[0], jacobian, "pixels in raster order"),
                         (axes[1], jacobian[order][:, order], "kept pixels first")):
    page.cells(ax, 0.35 * (shown != 0))
    ax.set(title=title, xlabel="pixel before", ylabel="pixel after")
figure.suptitle("Grey: not zero. In the right order, the Jacobian is triangular")
plt.show()
assert not np.triu(jacobian[order][:, order], 1).any()

# %% [markdown]
# The upper right is empty; the upper left is the identity, and the lower right is a diagonal, the scales. The grey
# block below left says which kept pixels move which others. It doesn't enter the determinant.
#
# ## Scales
#
# A whole RealNVP repeats: three couplings with checkerboards; squeeze; three with channel masks; then *factor out*:
# half of the channels are declared to be noise, done, and the other half goes on. So coarse structure gets more layers
# than fine detail. We follow an image through three scales, and look at the shapes.

# %%
from models.flow import through
from models.realnvp import RealNVP

def walk(scale, x, depth=1):
    """The pieces of noise that leave at each scale."""
    x, _ = through(scale.spatial, x)
    if scale.last:
        print(f"scale {depth}: {x.shape[1:]} checkerboards, and all of it is noise")
        return [x]
    deep, _ = through(scale.deep, scale.squeeze(x)[0])
    x, z = deep.chunk(2, 1)
    print(f"scale {depth}: {deep.shape[1:]} after the squeeze, {z.shape[1:]} leave, {x.shape[1:]} go on")
    return [z] + walk(scale.next, x, depth + 1)

# %% [markdown]
# The walk of an image of 12 x 12:

# %%
model = shaken(RealNVP((1, 12, 12), levels=None, scales=3, channels=4))
x = minigrad.tensor(rng.standard_normal((1, 1, 12, 12)))
standardise, scales = model.layers
pieces = walk(scales, standardise(x)[0])
left = np.concatenate([piece.data.ravel() for piece in pieces])
assert left.size == 144 and np.array_equal(np.sort(left), np.sort(model(x)[0].data.ravel()))

# %% [markdown]
# 72 + 36 + 36 = 144: as many numbers leave as came in, and it must be so, for an invertible map can lose none. (The
# lecture lists a factor-out layer in the last scale too. There is nothing left for it to separate.)
#
# The determinant of the whole chain, against a Jacobian, on a smaller image:

# %%
model = shaken(RealNVP((1, 4, 4), levels=None, scales=2, channels=4), 0.1)
x = minigrad.tensor(rng.standard_normal((1, 1, 4, 4)))
z, log_det = model(x)
exact = np.linalg.slogdet(minigrad.autograd.jacobian(lambda x: model(x)[0], x).data.reshape(16, 16))[1]
back = np.abs(model.inverse(z).data - x.data).max()
print(f"log |det| {log_det.item():.10f}, exactly {exact:.10f}; there and back: error {back:.0e}")
assert abs(log_det.item() - exact) < 1e-9 and back < 1e-10

# %% [markdown]
# ## Training on digits
#
# Digits of 14 x 14 pixels in 8 grey levels. The pixels are dequantised, sent through a logit (from $[0, 1]$ to the
# whole line) and standardised; then come the scales. The baseline is again that of independent pixels.

# %%
from models.data import DataSet, digits
from models.likelihood import bits_per_dim, evaluate

def small(x):
    return (x.reshape(len(x), 1, 14, 2, 14, 2).mean((3, 5)) // 32).astype(np.uint8)

drawn = digits.load(*((2000, 60) if FAST else (12000, 300)))
train, test = small(drawn.train), small(drawn.test)
frequency = (np.stack([(train == level).sum(0) for level in range(8)]) + 1) / (len(train) + 8)
independent = -np.log(np.take_along_axis(frequency[None], test[:, None], 1)).sum((1, 2, 3, 4)).mean()
independent = bits_per_dim(independent, (1, 14, 14))
print(f"uniform 3 bits a pixel, independent pixels {independent:.3f}")

# %% [markdown]
# Every step draws new noise $u$, so the network never sees the same numbers twice.

# %%
minigrad.manual_seed(0)
model = RealNVP((1, 14, 14), levels=8, scales=2, channels=16)
model.begin(DataSet("small digits", train, None, test, None, 8))       # mean and deviation for the standardising layer
optimizer, costs = minigrad.optim.Adam(model.parameters(), lr=5e-3), []
steps = 32 if FAST else 200
for step in range(steps + 1):
    if step % (steps // 4) == 0:
        costs.append((step, bits_per_dim(evaluate(model, test, rng), (1, 14, 14))))
    loss = model.loss(train[rng.integers(0, len(train), 32)], rng)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %% [markdown]
# The costs on the way, on images that were not trained on:

# %%
plt.figure(figsize=(6.5, 3.6), layout="constrained")
plt.axhline(3, color="0.6", linestyle="--", label="uniform: 3")
plt.axhline(independent, color="0.6", linestyle=":", label=f"independent pixels: {independent:.2f}")
plt.plot(*np.array(costs).T, **page.LINES[0], label=f"RealNVP: at most {costs[-1][1]:.2f}")
plt.gca().set(xlabel="steps of 32 images", ylabel="bits a pixel", ylim=(0, 3.2))
plt.title("The flow's bound falls far below the uniform 3 bits")
plt.legend(frameon=False)
plt.show()
assert costs[-1][1] < (1.5 if FAST else independent)

# %% [markdown]
# Note the "at most": the flow's number is a bound, that of the independent pixels is exact. A PixelCNN has no such
# handicap, it speaks about integers (notebook 8): on images in few grey levels, it is hard to beat.
#
# What the flow has and PixelCNN hasn't: one pass in each direction. So every image has a code $z$, with as many numbers
# as pixels, and comes back from it exactly.

# %%
x = test[:50]
with minigrad.no_grad():
    z, _ = model(model.real(x, rng))
    back = model.inverse(z).data

def levels(y):
    return np.clip(np.floor(y * 8), 0, 7).astype(int)

print("grey levels that came back wrong:", (levels(back) != x).sum(), "of", x.size)
assert np.array_equal(levels(back), x)

# %% [markdown]
# Not one wrong. Now we can play with the codes. The noise that left early (fine detail) and the noise of the last scale
# stand at known places in $z$: after a squeeze, the first half of the channels is the last scale's. We draw one of them
# anew and keep the other.

# %%
def with_new(z, coarse=False):
    """The images of z, with the noise of one scale drawn anew."""
    last, first = Squeeze()(z)[0].chunk(2, 1)
    noise = minigrad.tensor(rng.standard_normal(last.shape).astype(np.float32))
    mixed = minigrad.cat((noise, first) if coarse else (last, noise), 1)
    with minigrad.no_grad():
        return levels(model.inverse(Squeeze().inverse(mixed)).data)

rows = {"test images": x, "fine noise drawn anew": with_new(z), "coarse noise drawn anew": with_new(z, coarse=True),
        "everything drawn anew": model.sample(50, rng)}
figure, axes = plt.subplots(4, 1, figsize=(6, 5.4), layout="constrained")
for ax, (title, row) in zip(axes, rows.items()):
    ax.imshow(np.concatenate([np.pad(i[0], 1, constant_values=3) for i in row[:6]], 1), cmap="gray_r", vmin=0, vmax=7)
    ax.set_title(title)
    page.bare(ax)
plt.show()

# %% [markdown]
# With new fine noise, much of an image stays: where it is, how wide, often which digit. With new coarse noise, it
# becomes another one. Nobody told the network what is coarse and what is fine: the order in which the numbers leave has
# done it. A figure says more than the impression: how much do these images have in common with the originals?

# %%
def likeness(some):
    """The mean correlation of images with those of x."""
    return np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(some, x)])

for title, row in rows.items():
    print(f"{title:24} correlation with the original {likeness(row):.2f}")
assert likeness(rows["fine noise drawn anew"]) > likeness(rows["coarse noise drawn anew"]) + 0.05

# %% [markdown]
# (The last row, the samples, shows how short this training was. `python -m models train realnvp --data digits` takes
# ten minutes over it.)
#
# ## Between four images
#
# The lecture shows a "manifold" spanned by four images. On a line between two codes one would come too close to 0,
# where normal noise hardly ever is. So the codes are mixed with cosines and sines, whose squares add up to 1, and a
# mixture of normal noise is normal noise again:
#
# $$z = \cos\phi\,(\cos\phi'\, z_1 + \sin\phi'\, z_2) + \sin\phi\,(\cos\phi'\, z_3 + \sin\phi'\, z_4).$$

# %%
angles = np.linspace(0, math.pi / 2, 6)
weights = np.array([(math.cos(a) * math.cos(b), math.cos(a) * math.sin(b), math.sin(a) * math.cos(b),
                     math.sin(a) * math.sin(b)) for a in angles for b in angles])
assert np.allclose((weights ** 2).sum(1), 1)
mixed = np.tensordot(weights.astype(np.float32), z.data[:4], 1)
with minigrad.no_grad():
    between = levels(model.inverse(minigrad.tensor(mixed)).data).reshape(6, 6, 14, 14)
plt.figure(figsize=(5, 5), layout="constrained")
picture = np.pad(between, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=3).swapaxes(1, 2).reshape(96, 96)
plt.imshow(picture, cmap="gray_r")
plt.title("Four test images in the corners, mixed codes between")
plt.axis("off")
plt.show()
corners = between[[0, 0, -1, -1], [0, -1, 0, -1]]
assert (corners != x[:4, 0]).mean() < 0.01

# %% [markdown]
# In the corners stand the four test images. Between them the digits change into each other, less by fading, the
# one getting lighter while the other gets darker, than by strokes that move and join.

# %% [markdown]
# ## Questions
#
# 1. A friend forgets the $+ \log L$ per pixel. By how many bits a pixel is his result too good, for 256 levels?
# 2. Test images have grey levels 0 to 7, and the sampled ones too. Where in the code are real numbers turned into
#    levels, and what would happen to `nats` if one rounded instead?
# 3. Two coupling layers with the *same* checkerboard mask, one after the other: which functions can the pair compute
#    that one layer can't?
# 4. Why may the networks for $s$ and $t$ have any number of layers, pooling and biases, while the rest of the flow may
#    not?
# 5. With 3 scales, which part of the numbers leaves at the first one? And if an image were so large that there were 8
#    scales?
#
# **Homework**: `flows`. Masks, squeeze, and the coupling layer with inverse and log-determinant are its tasks.
