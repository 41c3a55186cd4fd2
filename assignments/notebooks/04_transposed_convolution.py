# %% [markdown]
# # 4. Transposed convolution and autoencoders
#
# Convolutions make maps smaller; a decoder must make them larger again. The operation for that has been there all
# along: it is what a convolution does to gradients on their way back. We take it apart, build an autoencoder with it,
# and ask whether it beats a method from 1901.
#
# **You will be able to** compute a transposed convolution by hand, in two ways; predict sizes with stride and padding;
# explain checkerboard patterns; train an autoencoder and judge it fairly.
#
# **Time**: 60 minutes, of which 2 for training. **Know before**: convolutions (notebook 3), gradients (notebook 1).

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
# ## A sum of translated kernels
#
# In a convolution each output *gathers* the inputs under its window. In a transposed convolution each input *spreads*
# itself: it puts a copy of the kernel into the output, at its own place, times its own value. What overlaps adds up.
# The lecture's example: x = (2, 3, 0, -1), kernel (1, 2, -1).

# %%
import numpy as np
from layers import steps

x, kernel = np.array([2.0, 3, 0, -1]), np.array([1.0, 2, -1])
spread = list(steps.transposed_convolution(x, kernel))
assert spread[-1].output.tolist() == [2, 7, 4, -4, -2, 1]
steps.strip(spread, columns=2)

# %% [markdown]
# Four inputs, four copies of the kernel, each one further to the right; in the end (2, 7, 4, -4, -2, 1). Four numbers
# have become six.
#
# ## What it has to do with gradients
#
# Take a convolution from six numbers to four with the same kernel, and send the gradient (2, 3, 0, -1) backwards
# through it:

# %%
import minigrad as torch
import layers.functional as F

z = torch.zeros(1, 1, 6, dtype=torch.float64, requires_grad=True)
k = torch.tensor(kernel.reshape(1, 1, 3))
F.conv1d(z, k).backward(torch.tensor(x.reshape(1, 1, 4)))
print("gradient of the convolution: ", z.grad.numpy().ravel())
transposed = F.conv_transpose1d(torch.tensor(x.reshape(1, 1, 4)), k)
print("transposed convolution:      ", transposed.numpy().ravel())
assert np.array_equal(z.grad.numpy(), transposed.numpy())

# %% [markdown]
# They are the same. If output number i has used input u with weight w, then in the backward pass u gets w times the
# gradient of i; and the transposed convolution does nothing else. In `layers/convolution.py` the backward pass of a
# convolution *is* a call of the transposed one, and the other way round.
#
# ## Why "transposed"
#
# For a look (never for the work), write both as matrices, column by column: what becomes of (1, 0, 0 ...), of
# (0, 1, 0 ...), and so on?

# %%
from models.figures.page import cells

def matrix(operation, size):
    columns = [operation(torch.tensor(one.reshape(1, 1, -1)), k).numpy().ravel() for one in np.eye(size)]
    return np.stack(columns, 1)

W, Wt = matrix(F.conv1d, 6), matrix(F.conv_transpose1d, 4)
fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained", width_ratios=(6, 4))
for ax, m, name in zip(axes, (W, Wt), ("convolution", "transposed convolution")):
    cells(ax, 0.25 * (m != 0), np.vectorize(lambda v: f"{v:g}" if v else "")(m))
    ax.set_title(f"{name}: {m.shape[0]} x {m.shape[1]}")
plt.show()
assert np.array_equal(W.T, Wt)

# %% [markdown]
# One is the other, mirrored at the diagonal. The rows of W are windows; the columns of Wᵀ are translated kernels. In
# numbers, ⟨Wx, y⟩ = ⟨x, Wᵀy⟩ for all x and y, whatever the stride and the padding:

# %%
rng = np.random.default_rng(0)
for stride, padding in ((1, 0), (2, 0), (2, 1), (3, 2)):
    a = torch.tensor(rng.standard_normal((1, 1, 13)))
    w = torch.tensor(rng.standard_normal((1, 1, 5)))
    Wa = F.conv1d(a, w, stride=stride, padding=padding)
    b = torch.tensor(rng.standard_normal(Wa.shape))
    back = F.conv_transpose1d(b, w, stride=stride, padding=padding)
    back = F.pad(back, (0, a.shape[2] - back.shape[2]))    # entries that no window reached
    left, right = (Wa * b).sum().item(), (a * back).sum().item()
    print(f"stride {stride}, padding {padding}: 13 -> {Wa.shape[2]}   {left:9.5f} = {right:9.5f}")
    assert abs(left - right) < 1e-12

# %% [markdown]
# Transposed does not mean inverse: WᵀW is not the identity, and nothing that a convolution has thrown away comes back.
#
# ## Sizes
#
# A convolution of kernel w and stride s makes ⌊(W - w) / s⌋ + 1 numbers of W. The transposed one makes (W - 1) s + w.
# Do the two lead back to where one started? Let us try all sizes up to 16.

# %%
def there_and_back(size, kernel, stride):
    return ((size - kernel) // stride + 1 - 1) * stride + kernel

sizes, kernel_size = np.arange(4, 17), 4
fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
for stride, style in zip((1, 2, 3), ("k-o", "k--s", "k:^")):
    lost = [size - there_and_back(size, kernel_size, stride) for size in sizes]
    ax.plot(sizes, lost, style, label=f"stride {stride}")
    assert all((n == 0) == ((size - kernel_size) % stride == 0) for size, n in zip(sizes, lost))
ax.set(xlabel="size W", ylabel="entries lost", yticks=(0, 1, 2), ylim=(-0.1, 2.7),
       title="Kernel 4: nothing is lost where W = 4 + a multiple of the stride")
ax.legend(loc="upper center", ncols=3)
plt.show()

# %% [markdown]
# With stride 1 the size always comes back; with stride s only for W = w + s q. Whoever designs an encoder of strided
# convolutions picks sizes on the zero line, or adds `output_padding` in the decoder.
#
# ## Stride 2, and where checkerboards come from
#
# With stride 2, neighbours put their kernels two places apart. Feed ones, with a kernel of ones: how many copies does
# each output get?

# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained", sharey=True)
for ax, size in zip(axes, (3, 4)):
    ones, w = torch.ones(1, 1, 8), torch.ones(1, 1, size)
    copies = F.conv_transpose1d(ones, w, stride=2).numpy().ravel()
    inner = copies[size - 1:1 - size]
    ax.bar(np.arange(len(copies)), copies, color="0.6", edgecolor="black")
    ax.set(xlabel="output", xticks=range(0, 18, 3), title=f"kernel {size}: {'uneven' if np.ptp(inner) else 'even'}")
    assert (np.ptp(inner) == 0) == (size % 2 == 0)
axes[0].set_ylabel("copies")
plt.show()

# %% [markdown]
# A kernel of 3 with stride 2 reaches every other output twice and those between once. In two dimensions that is a
# checkerboard, and many generated images have one. A kernel whose size is a multiple of the stride spreads evenly.
#
# ## An autoencoder
#
# An encoder f squeezes an image into a few numbers, the *code*; a decoder g makes an image of them; both are trained
# for small ‖x - g(f(x))‖². The lecture's net for 28 x 28 images has five convolutions, and their mirror image. Let us
# send an image through, and write down the sizes.

# %%
from models.autoencoder import Autoencoder
from models.data import load
from models.figures.examples import colours, show, tile

digits = load("digits")
images = np.zeros((1, 1, 28, 28), np.uint8)
lecture = Autoencoder(images.shape[1:], latent=8, channels=32)
h, sizes = lecture.values(images), []
for layer in [*lecture.encoder, *lecture.decoder]:
    h = layer(h)
    if type(layer).__name__ != "ReLU":
        sizes.append(h.shape[2])
        print(f"{type(layer).__name__:15} kernel {layer.kernel_size[0]} stride {layer.stride[0]}   {h.shape[1:]}")
assert [28, *sizes] == [28, 24, 20, 9, 4, 1, 4, 9, 20, 24, 28]

# %% [markdown]
# 28, 24, 20, 9, 4, 1, and all the way back: no size is off by one, since 20 = 4 + 2 · 8 and 9 = 3 + 2 · 3.
#
# ## Training, against a strong opponent
#
# The best *linear* encoder and decoder need no training: principal components (Pearson, 1901) give them in closed form.
# A deep autoencoder has to beat that, at the same code size, on images that neither has seen.

# %%
from models.data import DataSet
from models.pca import PCA

def cut(x):                                                # the tests use fewer and smaller images
    return x[:3000, :, 2:26, 2:26] if FAST else x

data = DataSet("digits", cut(digits.train), None, cut(digits.test)[:500], None)
torch.manual_seed(0)
model, pca = Autoencoder(data.shape, latent=8, channels=8 if FAST else 16), PCA(data.shape, latent=8)
pca.begin(data)

def error(model):
    """Mean squared error of an image, summed over its pixels, on the test set."""
    with torch.no_grad():
        return model.nats(data.test, None).mean().item()

print(f"test error: principal components {error(pca):.1f}, untrained autoencoder {error(model):.1f}")

# %% [markdown]
# The loop: a batch, the squared error, backward, a step of Adam with a falling learning rate.

# %%
steps_, batch, rate = (150, 32, 4e-3) if FAST else (1500, 64, 3e-3)
optimizer, curve = torch.optim.Adam(model.parameters(), lr=rate), []
for step in range(steps_):
    optimizer.param_groups[0]["lr"] = rate * (1 - step / steps_)
    x = model.values(data.train[rng.integers(len(data.train), size=batch)])
    loss = ((model.decode(model.encode(x)) - x) ** 2).sum() / batch
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    curve.append(loss.item())

# %% [markdown]
# How it went, with the opponent as a line:

# %%
smooth = np.convolve(curve, np.ones(20) / 20, "valid")
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.plot(np.arange(len(smooth)) + 10, smooth, "k-", label="autoencoder, training batches")
ax.axhline(error(pca), color="0.4", linestyle="--", label="principal components, test")
ax.set(xlabel="step", ylabel="squared error", ylim=(0, 90), title=f"8 numbers for {np.prod(data.shape)} pixels")
ax.legend()
plt.show()
print(f"test error: principal components {error(pca):.1f}, autoencoder {error(model):.1f}")
assert error(model) < (1.6 if FAST else 0.75) * error(pca)

# %% [markdown]
# At first the linear method is better, and it took no training at all; then the curve goes below, to less than half.
# (On the tests' small sizes there is no time for that.) What do the eight numbers keep?

# %%
def gallery(rows, labels, title):
    """Rows of images (N, 1, H, W) below each other."""
    fig, ax = plt.subplots(figsize=(7, 0.75 * len(rows) + 0.5), layout="constrained")
    picture = tile(1 - colours(np.concatenate(rows), 256), len(rows), len(rows[0]))
    show(ax, picture)
    for k, label in enumerate(labels):
        ax.text(-2, (k + 0.5) * picture.shape[0] / len(rows), label, ha="right", va="center")
    ax.set_title(title)
    plt.show()

some = data.test[:10]
gallery([some, model.reconstruct(some), pca.reconstruct(some)], ["original", "autoencoder", "principal c."],
        "Test images, and what comes back from 8 numbers")

# %% [markdown]
# Principal components add up eight fixed pictures, so a moved or slanted stroke comes out as a grey cloud. The decoder
# can draw a stroke at a place that depends on the code.
#
# ## Walking between codes
#
# On the straight line between two *codes*, every point is decoded. Compare with the straight line between the two
# *images*, a cross-fade:

# %%
start, stop = data.test[:1], data.test[3:4]
walk = model.interpolate(start, stop, 9)[0]
weight = np.linspace(0, 1, 9).reshape(-1, 1, 1, 1)
fade = np.rint((1 - weight) * start + weight * stop).astype(np.uint8)
gallery([walk, fade], ["codes", "pixels"], "Half-way between two codes, and between two images")

# %% [markdown]
# A cross-fade shows two ghosts at once; between codes, one shape turns into the other. So is the code space full of
# digits, and may we just draw codes at random?
#
# ## Drawing codes
#
# Fit a Gaussian, each of the eight numbers by itself, to the codes of the training images; draw from it; decode. To
# have a number as well: how far is a sample from the nearest training image? And how far is the reconstruction of a
# test image, which has gone through the same decoder?

# %%
model.finish(data)
samples = model.sample(100, np.random.default_rng(0))

def nearest(images):
    """The mean squared distance to the nearest of 2000 training images."""
    x, y = (model.values(part).flatten(1).numpy() for part in (images, data.train[:2000]))
    distances = (x ** 2).sum(1)[:, None] + (y ** 2).sum(1) - 2 * x @ y.T
    return distances.min(1).mean()

gallery([data.train[:10], samples[:10], samples[10:20]], ["real", "drawn", "drawn"], "Codes drawn from a Gaussian")
blurred = nearest(model.reconstruct(data.test[:100]))
print(f"distance to the nearest: reconstructions {blurred:.1f}, samples {nearest(samples):.1f}")
assert nearest(samples) > blurred

# %% [markdown]
# Some samples are digits, many are not: they lie further from any training image than the decoder's blur explains. The
# codes of digits fill a crooked part of the eight-dimensional space, and the Gaussian covers much else. There are two
# ways out: make the codes Gaussian while training (notebook 11, the VAE), or learn their true density, with any of the
# models of notebooks 5 to 10.

# %% [markdown]
# ## Questions
#
# 1. Compute the transposed convolution of (1, 2) with the kernel (1, 1, 1) and stride 2 by hand, in both ways: by
#    spreading and by gathering.
# 2. The decoder's last layer has kernel 5 and stride 1. At the border of the image, how many copies overlap? Does that
#    make a pattern, too?
# 3. Why do principal components beat an autoencoder that has been trained for too short a time, and can an autoencoder
#    without any ReLU ever beat them?
# 4. An autoencoder whose code has 784 numbers can have error 0. What would its samples look like, and why?
# 5. In `there_and_back`, where does padding p enter? For which W does nothing get lost with kernel 3, stride 2,
#    padding 1?
#
# **Homework**: `autoencoders`. You write the decoder's transposed convolutions and, later, what makes codes Gaussian.
# The operation itself is a task of `convnet`.
