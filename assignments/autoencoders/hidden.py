"""The cases that only the grader has."""
import numpy as np
from ..manifest import Case
from .inputs import (
    autoencoder, codes, examples_and_linear, gaussians, image, integers, reparameterised, rounding, seed)


def exact(x, W, b, deviation):
    """log p(x) of the linear model, from its covariance W W' + deviation^2 I: (N,)"""
    covariance = W @ W.T + deviation ** 2 * np.eye(len(W))
    squares = ((x - b) @ np.linalg.inv(covariance) * (x - b)).sum(1)
    return -0.5 * (squares + np.linalg.slogdet(covariance)[1] + len(W) * np.log(2 * np.pi))


def gap(W, deviation, offset, stretch):
    """KL(q(z | x) || p(z | x)), how far the ELBO is below log p(x): the same for all x."""
    variance = 1 / (1 + (W ** 2).sum(0) / deviation ** 2)
    return 0.5 * (stretch - 1 - np.log(stretch) + offset ** 2 / variance).sum()


def is_exact(arguments, values):
    """A check of probes.importance for an encoder that gives the posterior: every weight is p(x), whatever z is."""
    x, _, _, W, b, deviation, _, _ = arguments
    right = exact(x, W, b, deviation)
    if np.shape(values) != right.shape:
        return f"{np.shape(values)} numbers for {len(x)} examples"
    error = np.abs(values - right).max()
    tight = error < 1e-9 * (1 + np.abs(right).max())
    return None if tight else f"the bound is {error:.3g} from log p(x), where it is tight"


def is_below_by_the_gap(arguments, values):
    """A check of probes.mean_elbo."""
    x, _, _, W, b, deviation, offset, stretch = arguments
    right = exact(x, W, b, deviation) - gap(W, deviation, offset, stretch)
    if np.shape(values) != right.shape:
        return f"{np.shape(values)} numbers for {len(x)} examples"
    error = np.abs(values - right).max()
    return None if error < 0.15 else f"the mean of the bound is {error:.3g} from log p(x) - KL(q || posterior)"


def lies_between(arguments, values):
    """A check of probes.mean_importance: below log p(x), and much closer to it than the ELBO."""
    x, _, _, _, W, b, deviation, offset, stretch = arguments
    right, wide = exact(x, W, b, deviation), gap(W, deviation, offset, stretch)
    if np.shape(values) != right.shape:
        return f"{np.shape(values)} numbers for {len(x)} examples"
    below = right - values
    right_place = (below > -0.1).all() and (below < 0.5 * wide).all()
    return None if right_place else f"the bound is {below.min():.3g} to {below.max():.3g} below log p(x)"


def agrees_with_quadrature(arguments, values):
    """A check of probes.divergence_alone: the integral of q log(q / p), entry by entry."""
    mean, logvar = arguments
    if np.shape(values) != mean.shape[:1]:
        return f"{np.shape(values)} numbers for {len(mean)} Gaussians"
    e = np.linspace(-12, 12, 24_001)
    q = np.exp(-0.5 * e ** 2) / np.sqrt(2 * np.pi)
    z = mean[..., None] + np.exp(0.5 * logvar)[..., None] * e
    integral = ((-0.5 * e ** 2 - 0.5 * logvar[..., None] + 0.5 * z ** 2) * q).sum((1, 2)) * (e[1] - e[0])
    error = np.abs(values - integral).max()
    return None if error < 1e-8 * (1 + integral.max()) else f"KL is {error:.3g} from the integral that it is"


def is_a_density(arguments, values):
    """A check of probes.density at the midpoints of a grid of the plane."""
    points = arguments[0]
    spacing = np.diff(np.unique(points[:, 0])).min()
    mass = np.sum(values) * spacing ** 2
    return None if abs(mass - 1) < 1e-6 else f"the density integrates to {mass:.6f}"


def has_the_moments(arguments, values):
    """A check of probes.drawn: means, variances, and no correlation."""
    mean, logvar, number, _ = arguments
    z = np.asarray(values)
    if z.shape != (number, len(mean)):
        return f"z has shape {z.shape}"
    e = (z - mean) / np.exp(0.5 * logvar)
    of_mean, of_covariance = np.abs(e.mean(0)).max(), np.abs(e.T @ e / number - np.eye(len(mean))).max()
    right = max(of_mean, of_covariance) < 9 / np.sqrt(number)
    return None if right else "the draws have not the mean and variance that were asked for"


def grid(rng):
    """A grid of the plane, and a Gaussian on it."""
    line = np.linspace(-15, 15, 301)
    points = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    return points, rng.standard_normal(2), rng.uniform(-1.5, 1, 2)


def one_variance(rng):
    """Images, their means, and one logarithm of the variance for each entry, the same for all images."""
    return rng.standard_normal((3, 2, 4)), rng.standard_normal((3, 2, 4)), rng.standard_normal((2, 4))


HIDDEN = (
    # Task 1
    Case("1", "sizes in the decoder of wide colour images", "decoder_sizes", lambda rng: ((3, 16, 24), 4, 5), 3,
         "The decoder has wrong sizes for images that are not square, or have several channels."),
    Case("1", "decoded wide colour images", "decoded", codes((3, 20, 16), 2, 2, 3), 3,
         "The decoder is wrong for images that are not square, or have several channels.", rtol=1e-12),
    Case("1", "squared errors of whole numbers", "squared_errors",
         lambda rng: (*autoencoder(rng, 2, 6, 16), integers(rng, 16, 3, 6)), 2,
         "The error is that of the values, as the network sees them, not of the whole numbers.", rtol=rounding(36)),
    # Task 2
    Case("2", "between images of whole numbers", "interpolated",
         lambda rng: (*autoencoder(rng, 3, 6, 32), *integers(rng, 32, 2, 4, 6), 7), 2,
         "Interpolation is wrong for whole numbers."),
    Case("2", "a single step of interpolation", "interpolated",
         lambda rng: (*autoencoder(rng, 2, 3), *rng.standard_normal((2, 2, 3)), 1), 1,
         "A single step must give x itself, decoded.", rtol=rounding(10)),
    Case("2", "the Gaussian of many codes", "fitted",
         lambda rng: (*autoencoder(rng, 2, 3), 5 + rng.standard_normal((357, 3))), 2,
         "Mean or standard deviation are wrong for several hundred examples, or far from zero.", rtol=1e-12),
    Case("2", "samples from the Gaussian of the codes", "sampled",
         lambda rng: (*autoencoder(rng, 2, 5), rng.standard_normal(2), rng.uniform(0.5, 2, 2), 6, seed(rng)), 3,
         "With the same generator, the samples must be the reference's.", rtol=rounding(10), calls=2),
    # Task 3
    Case("3", "images, and one variance for all", "log_normal", one_variance, 2,
         "The log-density is wrong where logvar broadcasts, or examples have several axes.", rtol=rounding(32)),
    Case("3", "a density that integrates to one", "density", grid, 2,
         "exp of the log-density must integrate to 1.", check=is_a_density),
    Case("3", "KL by numerical integration", "divergence_alone", gaussians(3, 4), 2,
         "KL is not the integral of q times the difference of log q and log p.", check=agrees_with_quadrature),
    Case("3", "KL of the standard Gaussian, and of narrow ones", "divergence",
         lambda rng: (np.outer([0, 0, 3], np.ones(2)), np.outer([0, -30, 2], np.ones(2))), 1,
         "KL is 0 for the standard Gaussian only, and finite for variances near 0.", rtol=rounding(8)),
    Case("3", "draws have the right moments", "drawn",
         lambda rng: (rng.standard_normal(3), rng.uniform(-3, 2, 3), 20_000, seed(rng)), 3,
         "Many draws must have the mean and the variance that were asked for.", check=has_the_moments),
    Case("3", "draws in float32", "reparameterised", reparameterised(3, 5, np.float32), 2,
         "Draws in float32, or their gradients, are wrong.", rtol=rounding(3, np.float32)),
    # Task 4
    Case("4", "where the bound is tight", "mean_elbo", examples_and_linear(4, 20_000), 3,
         "With the exact posterior as encoder, the mean of the bound must be log p(x).", check=is_below_by_the_gap),
    Case("4", "where the bound is not tight", "mean_elbo", examples_and_linear(4, 20_000, offset=0.3, stretch=2.5), 2,
         "The ELBO must lie below log p(x) by the divergence of the encoder from the posterior.",
         check=is_below_by_the_gap),
    Case("4", "the loss with beta", "vae_loss",
         lambda rng: ((5,), None, 3.0, seed(rng), rng.standard_normal((6, 5))), 3,
         "The loss is the mean of beta KL - log p(x | z).", rtol=1e-11),
    Case("4", "the loss of whole numbers", "vae_loss",
         lambda rng: ((2, 3), 8, 0.0, seed(rng), integers(rng, 8, 4, 2, 3)), 1,
         "The loss is wrong for whole numbers, or for beta = 0.", rtol=1e-11),
    # Task 5
    Case("5", "images of many greys", "log_likelihood", image(16, "dense", 3, 1, 3, 3), 3,
         "For whole numbers each entry has a cell of width w around it: see the terms in w in the docstring.",
         rtol=1e-11),
    Case("5", "black and white images, by a convolutional decoder", "log_likelihood",
         image(2, "convolutional", 2, 1, 16, 16), 2,
         "log p(x | z) is wrong for a convolutional decoder.", rtol=1e-10),
    # Task 6
    Case("6", "any number of weights, where the bound is tight", "importance", examples_and_linear(5, 7), 3,
         "With the exact posterior as encoder, the bound must be log p(x) for every number of weights.",
         check=is_exact),
    Case("6", "very small weights", "importance", examples_and_linear(2, 6, scale=3e4), 2,
         "Weights may be far too small for a float: work with their logarithms.", check=is_exact),
    Case("6", "more weights, a tighter bound", "mean_importance",
         examples_and_linear(3, 40, 60, offset=0.25, stretch=2.0), 1,
         "With more weights the bound must come close to log p(x), and stay below it in the mean.", check=lies_between),
    # Task 7
    Case("7", "points, by a toy VAE", "training",
         lambda rng: ("toy", rng.standard_normal((20, 2)), None, 10, seed(rng)), 1,
         "The losses of the first steps on points differ from the reference's.", rtol=1e-4),
    Case("7", "images, by the convolutional autoencoder", "training",
         lambda rng: ("autoencoder", integers(rng, 256, 3, 1, 16, 16), 256, 3, seed(rng)), 1,
         "The losses of the autoencoder's first steps differ from the reference's.", rtol=1e-4),
)
