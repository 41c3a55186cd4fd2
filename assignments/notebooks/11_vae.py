# %% [markdown]
# # 11. The VAE, from the bound to samples
#
# Most of what is said about VAEs can be checked on a model so small that the answer is known. We do that first, see
# what the bound loses and how to win it back, and only then train a network.
#
# **You will be able to** derive the ELBO and see on a case with known answer what it misses; write the KL with the
# right sign; explain why noise goes in through $\mu + \sigma\varepsilon$; train a VAE, draw from it, and report an
# honest number.
#
# **Time**: 50 minutes to read, half a minute to run. **Know before**: the normal density, Jensen's inequality, and
# autoencoders (notebook 4).

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
# ## A model with a secret
#
# A latent-variable model says: first a code $z$ was drawn from $N(0, 1)$, then $x$ from $p(x \mid z)$. We see $x$ only,
# so
#
# $$p(x) = \int p(x \mid z)\, p(z)\, dz.$$
#
# With a neural network in $p(x \mid z)$, nobody can do that integral. To see what can be done instead, we begin where
# it *can* be done: $p(x \mid z) = N(x;\, 2z,\, 1)$. Then $x$ is normal with variance $2^2 + 1 = 5$, and, given $x$, the
# code is normal too, with mean $2x/5$ and variance $1/5$.

# %%
import math
import numpy as np
from models.figures import page

def log_normal(x, mean, var):
    return -0.5 * ((x - mean) ** 2 / var + np.log(2 * math.pi * var))

w, s2, x = 2.0, 1.0, 3.0
log_p = log_normal(x, 0, w ** 2 + s2)                                  # the answer
post_mean, post_var = w * x / (w ** 2 + s2), s2 / (w ** 2 + s2)
z = np.linspace(-6, 6, 4001)
integral = np.trapezoid(np.exp(log_normal(x, w * z, s2) + log_normal(z, 0, 1)), z)
print(f"log p(3) = {log_p:.6f}, by numerical integration {np.log(integral):.6f}")
assert abs(np.log(integral) - log_p) < 1e-9

# %% [markdown]
# ## Why not just draw codes?
#
# $p(x)$ is the mean of $p(x \mid z)$ over codes, so one could draw 1000 of them and average. With one code number that
# works well. Now let an example have $d$ such numbers, each with a code of its own: the exact answer is $d$ times as
# large. We compare, and draw once from the prior $N(0, 1)$, once from a guess that looks at $x$: $q(z \mid x)$, a bit
# off the true posterior.

# %%
rng = np.random.default_rng(0)
q_mean, q_var = post_mean + 0.1, 1.2 * post_var

def log_mean_exp(a, axis=0):
    highest = a.max(axis, keepdims=True)
    return np.log(np.exp(a - highest).mean(axis)) + highest.squeeze(axis)

def estimate(mean, var, d, draws=1000):
    z = mean + math.sqrt(var) * rng.standard_normal((draws, d))
    log_weight = log_normal(x, w * z, s2) + log_normal(z, 0, 1) - log_normal(z, mean, var)
    return log_mean_exp(log_weight.sum(1)) / d

for d in (1, 5, 30):
    found = f"from the prior {estimate(0, 1, d):.3f}, from q {estimate(q_mean, q_var, d):.3f}"
    print(f"{d:2} numbers: exact {log_p:.3f} each, {found}")
assert estimate(0, 1, 30) < log_p - 0.4 and abs(estimate(q_mean, q_var, 30) - log_p) < 0.05

# %% [markdown]
# With 30 numbers, not one of 1000 draws from the prior comes near all 30 codes that explain $x$, and the estimate is
# useless. Draws from $q$ hit. (Each draw is weighted with $p(z)/q(z \mid x)$, to make up for the other distribution.)
# So the network needs a second part that guesses codes from examples: the *encoder*.
#
# ## The bound
#
# With Jensen's inequality, the logarithm of a mean is at least the mean of the logarithms:
#
# $$\log p(x) \;\ge\; \mathbb{E}_q \left[ \log \frac{p(x \mid z)\, p(z)}{q(z \mid x)} \right]
# = \mathbb{E}_q[\log p(x \mid z)] - \mathrm{KL}(q \,\|\, p(z)) = \mathrm{ELBO}.$$
#
# And the gap is known: it is $\mathrm{KL}(q \,\|\, p(z \mid x))$, how far the guess is from the true posterior. In our
# case everything has a closed form.

# %%
def kl(mean, var, mean_0=0.0, var_0=1.0):
    """KL(N(mean, var) || N(mean_0, var_0))"""
    return 0.5 * ((var + (mean - mean_0) ** 2) / var_0 - 1 - np.log(var / var_0))

def elbo(mean, var):
    reconstruction = -0.5 * (((x - w * mean) ** 2 + w ** 2 * var) / s2 + math.log(2 * math.pi * s2))
    return reconstruction - kl(mean, var)

means, deviations = np.meshgrid(np.linspace(0, 2.4, 200), np.linspace(0.1, 1.2, 200))
bound = elbo(means, deviations ** 2)
gap = kl(means, deviations ** 2, post_mean, post_var)
print(f"largest ELBO of 40,000 guesses: {bound.max():.5f}; log p(x) = {log_p:.5f}")
assert np.allclose(bound + gap, log_p) and bound.max() <= log_p

# %% [markdown]
# ELBO plus gap is $\log p(x)$, for all 40,000 guesses. As a landscape:

# %%
plt.figure(figsize=(6, 4), layout="constrained")
levels = log_p - np.array([8, 4, 2, 1, 0.5, 0.2, 0.05])
lines = plt.contour(means, deviations, bound, levels, colors="black", linewidths=0.9, linestyles="solid")
plt.clabel(lines, fmt="%.2f")
plt.plot(post_mean, math.sqrt(post_var), "o", color="black", label="the true posterior")
plt.gca().set(xlabel="mean of q", ylabel="deviation of q", title=f"ELBO; on the top it is log p(x) = {log_p:.2f}")
plt.legend(frameon=False, loc="upper right")
plt.show()

# %% [markdown]
# Raising the ELBO over $q$ makes the guess better; raising it over the model's parameters makes the data more likely. A
# VAE does both at once. (A slide keeps the "=" while it drops the entropy of the data along the way; for training that
# constant doesn't matter, for reporting numbers it does.)
#
# ### The sign of the KL
#
# The KL to the standard normal is $-\frac12 \sum (1 + \log\sigma^2 - \mu^2 - \sigma^2)$. One slide prints it with
# $+\frac12$, while the code on the next slide is right. Which is it? A KL is an integral, and it is never negative.

# %%
mean, var = 1.2, 0.3
q, p = log_normal(z, mean, var), log_normal(z, 0, 1)
integral = np.trapezoid(np.exp(q) * (q - p), z)
formula = -0.5 * (1 + math.log(var) - mean ** 2 - var)
print(f"integral {integral:.8f}, formula {formula:.8f}, with the other sign {-formula:.8f}")
assert abs(integral - formula) < 1e-8 and abs(kl(mean, var) - formula) < 1e-12
assert (kl(means, deviations ** 2) >= 0).all()

# %% [markdown]
# ## Gradients through a draw
#
# The ELBO contains an expectation over $z \sim N(\mu, \sigma^2)$, and we need its gradient with respect to $\mu$ and
# $\sigma$. But $z$ was *drawn*: what is the derivative of a dice throw?
#
# Write the draw as $z = \mu + \sigma\varepsilon$, with $\varepsilon$ from $N(0, 1)$. Now the randomness is an input
# like the data, and $\mu$ and $\sigma$ are on the differentiable path. There is another estimator, which needs no such
# path: $f(z)\, \partial_\mu \log q(z)$. Both are right on average. We look at 20,000 single draws of each, for $f(z) =
# \log p(x \mid z)$.

# %%
mean, deviation, n = 0.8, 0.5, 20_000
noise = rng.standard_normal(n)
codes = mean + deviation * noise
through = w * (x - w * codes) / s2                                     # f'(z), through z = mu + sigma eps
score = log_normal(x, w * codes, s2) * (codes - mean) / deviation ** 2
exact = w * (x - w * mean) / s2
print(f"exact {exact:.3f}; through the noise {through.mean():.3f}, the other {score.mean():.3f}")
for estimator in (through, score):
    assert abs(estimator.mean() - exact) < 5 * estimator.std() / math.sqrt(n)
assert score.std() > 2 * through.std()

# %% [markdown]
# On average they agree with the exact gradient. One draw at a time, they look like this:

# %%
plt.figure(figsize=(6.5, 3.6), layout="constrained")
bins = np.linspace(-30, 30, 121)
plt.hist(score, bins, density=True, color="0.75", label=f"the other one: deviation {score.std():.1f}")
plt.hist(through, bins, density=True, histtype="step", color="black",
         label=f"through the noise: deviation {through.std():.1f}")
plt.gca().set(xlabel="gradient with respect to the mean, one draw", ylabel="density")
plt.title("Both are right on average; one is far less noisy")
plt.legend(frameon=False)
plt.show()

# %% [markdown]
# In one dimension the factor is a few; with more code numbers it grows. This is why VAEs are trained through $\mu +
# \sigma\varepsilon$.
#
# ## A tighter bound for the same price per draw
#
# Instead of one draw, take $K$, and average the *weights* before the logarithm:
#
# $$\log p(x) \;\ge\; \mathbb{E} \log \frac1K \sum_{k=1}^K \frac{p(x \mid z_k)\, p(z_k)}{q(z_k \mid x)}.$$
#
# With $K = 1$ it is the ELBO. It rises with $K$, and ends at $\log p(x)$. Here it is for a bad guess $q$.

# %%
mean, var = 0.7, 0.5
counts = [1, 2, 4, 8, 16, 32, 64, 128]
codes = mean + math.sqrt(var) * rng.standard_normal((128, 4000))
log_weights = log_normal(x, w * codes, s2) + log_normal(codes, 0, 1) - log_normal(codes, mean, var)
bounds = [log_mean_exp(log_weights[:k]).mean() for k in counts]
plt.figure(figsize=(6.5, 3.6), layout="constrained")
plt.axhline(log_p, color="0.5", linestyle=":", label=f"log p(x) = {log_p:.3f}")
plt.semilogx(counts, bounds, **page.LINES[0], label="the bound, mean of 4000 trials", base=2)
plt.axhline(elbo(mean, var), color="0.5", linestyle="--", label=f"ELBO = {elbo(mean, var):.3f}")
plt.gca().set(xlabel="K draws", ylabel="nats", title="More draws, a tighter bound; it never passes the truth")
plt.legend(frameon=False, loc="center right")
plt.show()
assert (np.diff(bounds) > 0).all() and bounds[-1] < log_p + 0.01 and abs(bounds[0] - elbo(mean, var)) < 0.1

# %% [markdown]
# Remember this picture when numbers of VAEs are compared: the ELBO, and the bound with 5000 draws, are numbers of the
# *same* model.
#
# ## The network
#
# Now with networks: an encoder gives $\mu$ and $\log\sigma^2$ for each image, a decoder gives a logit for each pixel.
# The images are the black-and-white digits of notebook 7.

# %%
import minigrad
import layers as nn
import layers.functional as F

class SmallVAE(nn.Module):
    def __init__(self, latent, hidden=100):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(196, hidden), nn.Tanh(), nn.Linear(hidden, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, 196))

    def terms(self, x, rng):
        mean, logvar = self.encoder(x).chunk(2, 1)
        z = mean + (0.5 * logvar).exp() * minigrad.randn(*mean.shape, generator=rng)
        log_likelihood = -F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="none").sum(1)
        return log_likelihood, -0.5 * (1 + logvar - mean ** 2 - logvar.exp()).sum(1)

# %% [markdown]
# Ten lines, and all the mathematics is in `terms`: one draw, the reconstruction, the KL. (For binary pixels the
# reconstruction term is a sum of cross-entropies. For real numbers it is $\sum_c [(x_c - m_c)^2 / 2\sigma_c^2 +
# \log\sigma_c + \frac12\log 2\pi]$; a slide has a factor ½ too many there and no $\log\sigma$, and without that,
# $\sigma \to \infty$ would be best.)
#
# The engine's `VAE`, given the same weights and the same noise, must give the same two numbers.

# %%
from models.data import DataSet, digits
from models.vae import VAE

drawn = digits.load(*((4000, 300) if FAST else (12000, 1000)))

def small(x):
    return (x.reshape(len(x), 1, 14, 2, 14, 2).mean((3, 5)) > 100).astype(np.uint8)

train, test = small(drawn.train), small(drawn.test)
minigrad.manual_seed(0)
ours, engines = SmallVAE(2), VAE((1, 14, 14), levels=2, latent=2, hidden=(100,))
engines.load_state_dict(ours.state_dict())
pixels = minigrad.tensor(test[:50].reshape(50, 196).astype(np.float32))
for a, b in zip(ours.terms(pixels, np.random.default_rng(1)), engines.terms(test[:50], np.random.default_rng(1))):
    print(f"largest difference in 50 images: {np.abs(a.data - b.data).max():.1e}")
    assert np.allclose(a.data, b.data, atol=1e-3)

# %% [markdown]
# The same. We train the engine's, with a code of two numbers, so that it can be looked at, and a second one with
# twenty.

# %%
def fit(model, steps):
    model.begin(DataSet("small digits", train, None, test, None, 2))
    optimizer, costs = minigrad.optim.Adam(model.parameters(), lr=5e-3), []
    for step in range(steps):
        loss = model.loss(train[rng.integers(0, len(train), 100)], rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        costs.append(loss.item())
    return costs

steps = 300 if FAST else 1500
two, many = engines, VAE((1, 14, 14), levels=2, latent=20, hidden=(100,))
curves = {"2 code numbers": fit(two, steps), "20 code numbers": fit(many, steps)}

# %% [markdown]
# The training costs, smoothed over 25 steps:

# %%
plt.figure(figsize=(6.5, 3.6), layout="constrained")
for (name, curve), style in zip(curves.items(), ("--", "-")):
    plt.plot(np.convolve(curve, np.full(25, 1 / 25), "valid"), style, color="black", label=name)
plt.gca().set(xlabel="step", ylabel="-ELBO in nats", ylim=(20, 60), title="Two numbers are too few to describe a digit")
plt.legend(frameon=False)
plt.show()
final = {name: np.mean(curve[-50:]) for name, curve in curves.items()}
assert final["20 code numbers"] < final["2 code numbers"]

# %% [markdown]
# ## The plane of codes
#
# With two code numbers, we can draw the whole space. On the left, where the encoder puts test images (each is printed
# as its digit); on the right, what the decoder makes of a grid of codes.

# %%
codes = two.codes(test[:300])
grid = np.stack(np.meshgrid(np.linspace(-2.2, 2.2, 9), np.linspace(2.2, -2.2, 9)), -1).reshape(-1, 2).astype(np.float32)
with minigrad.no_grad():
    means = two.decode(minigrad.tensor(grid)).data.reshape(9, 9, 14, 14)
figure, axes = plt.subplots(1, 2, figsize=(10, 5), layout="constrained")
for (a, b), digit in zip(codes, drawn.test_labels):
    axes[0].text(a, b, str(digit), ha="center", va="center", fontsize=9, clip_on=True)
axes[0].set(xlim=(-3, 3), ylim=(-3, 3), xlabel="$z_1$", ylabel="$z_2$", title="codes of test images")
axes[1].imshow(means.swapaxes(1, 2).reshape(126, 126), cmap="gray_r", extent=(-2.5, 2.5, -2.5, 2.5))
axes[1].set(xlabel="$z_1$", ylabel="$z_2$", title="what codes stand for")
plt.show()
assert np.abs(codes.mean(0)).max() < 1 and 0.3 < codes.std() < 2

# %% [markdown]
# Equal digits lie together, and where one kind ends and the next begins, the decoder draws something between. The KL
# keeps all of it near 0, inside the region where $N(0, 1)$ puts its draws: no holes. That is what makes a VAE something
# to draw from, and a plain autoencoder not.
#
# ## What is a code number worth?
#
# The KL is a sum over the code numbers, in nats: so much does each of them tell about the image. For the VAE with
# twenty:

# %%
with minigrad.no_grad():
    mean, logvar = many.encode(many.values(test))
information = -0.5 * (1 + logvar.data - mean.data ** 2 - np.exp(logvar.data)).mean(0)
plt.figure(figsize=(6, 3.2), layout="constrained")
plt.bar(range(1, 21), np.sort(information)[::-1], color="0.5", edgecolor="black")
plt.gca().set(xlabel="code number, sorted", ylabel="nats", xticks=range(1, 21),
              title=f"{(information > 0.1).sum()} of 20 code numbers are used: {information.sum():.1f} nats in all")
plt.show()
assert (information >= 0).all() and information.sum() > 2

# %% [markdown]
# A number that carries (nearly) nothing is one that the decoder does not listen to; then $q = N(0, 1)$ costs nothing.
# When *all* of them are silent, one speaks of posterior collapse.
#
# What decides is the scale of the reconstruction against the KL. The lecture's convolutional VAE uses `mse + 0.5 * kl`,
# with a *mean* over pixels and a *mean* over code numbers. That is no ELBO with the decoder's stated variance. But it
# is one with another, and we can compute which:

# %%
d, pixels = 32, 784
squares, kls = rng.random((100, pixels)), rng.random((100, d))         # any squared errors, any KLs
lecture = squares.mean() + 0.5 * kls.mean()
variance = 0.5 * pixels / (2 * d)
true_scale = (squares.sum(1) / (2 * variance) + kls.sum(1)).mean()
print(f"variance {variance}: a ratio of {true_scale / lecture:.6f}, for any numbers, is 2 d = {2 * d}")
assert variance == 6.125 and abs(true_scale / lecture - 2 * d) < 1e-9

# %% [markdown]
# A variance of 6 (and of 24.5, if the code had 8 numbers): the decoder is told that its pixels, whose whole range is
# about 1, are off by 2.5. No wonder if codes fall silent. Better to use sums, and to state the variance.
#
# ## An honest number
#
# On test images: the ELBO, and the bound with more draws.

# %%
counts, some = (1, 4, 16, 64, 256), test[:100]
nats = {name: [-model.importance_log_prob(some, k, np.random.default_rng(0)).data.mean() for k in counts]
        for name, model in (("2 code numbers", two), ("20 code numbers", many))}
for name, values in nats.items():
    print(f"{name:16}", "  ".join(f"K = {k}: {value:.2f}" for k, value in zip(counts, values)))
assert nats["20 code numbers"][0] - nats["20 code numbers"][-1] > 1
assert all((np.diff(values) < 0.1).all() and values[-1] < values[0] for values in nats.values())

# %% [markdown]
# The same networks, and for the larger code the numbers differ by more than a nat: always say how many draws. NADE's
# number in notebook 7, on images of the same kind, was exact.
#
# ## Samples
#
# Last, what the model was built for. Codes from $N(0, 1)$, through the decoder: the pixels' probabilities, and pixels
# drawn from these. Above them, test images and what is left of them after coding.

# %%
with minigrad.no_grad():
    rebuilt = many.decode(minigrad.tensor(many.codes(test[:12]))).data
    probability = many.decode(many.prior(12, np.random.default_rng(5))).data
pixels = (rng.random(probability.shape) < probability).astype(float)
rows = {"test images": test[:12], "decoded from their codes": rebuilt,
        "p(ink) for codes from N(0, 1)": probability, "pixels drawn from that": pixels}
figure, axes = plt.subplots(4, 1, figsize=(10, 4.2), layout="constrained")
for ax, (title, row) in zip(axes, rows.items()):
    ax.imshow(np.concatenate([np.pad(1.0 * i[0], 1, constant_values=0.4) for i in row], 1), cmap="gray_r", vmax=1)
    ax.set_title(title)
    page.bare(ax)
plt.show()
error = np.abs(rebuilt - test[:12]).mean()
assert error < np.abs(train.mean(0) - test[:12]).mean() * 0.75

# %% [markdown]
# The third row is what papers show as "samples", the last row is what the model says: each pixel is drawn by itself, so
# edges fray. A PixelCNN would draw the pixels one after the other, and pay for it in time; a VAE draws the whole image
# at once.

# %% [markdown]
# ## Questions
#
# 1. In the landscape of the ELBO: which $q$ would the encoder choose if the decoder ignored $z$? And what is the ELBO
#    then?
# 2. KL($q$ || $p$) and KL($p$ || $q$) differ. Which one would punish a $q$ that is too wide, and which one a $q$ that
#    is too narrow?
# 3. The importance-weighted bound rises with $K$ for each fixed model. Is it always better to *train* with large $K$?
#    Think of what the encoder learns when its weights hardly matter.
# 4. A VAE's bound with $K = 256$ is a nat worse than NADE's exact number. What does that say about which model is
#    better, and what not? And if it were a nat better?
# 5. Replace the code's $N(0, 1)$ by a flow (notebook 9). Which line of `terms` changes?
#
# **Homework**: `autoencoders`. Reparameterisation, KL, ELBO and the importance-weighted bound are its tasks, and a
# decoder of transposed convolutions.
