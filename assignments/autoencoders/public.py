"""The cases that students have, too."""
from ..manifest import Case
from .inputs import (
    autoencoder, codes, examples_and_linear, gaussians, image, integers, points_and_gaussians, reparameterised,
    rounding, seed)

PUBLIC = (
    # Task 1
    Case("1", "sizes in the decoder of 28 x 28 images", "decoder_sizes", lambda rng: ((1, 28, 28), 3, 2), 3,
         "From a single point to 4, 9, 20, 24 and 28.  (The values: the shape after each layer; the numbers of weights "
         "and biases of each layer.)"),
    Case("1", "decoded images of 28 x 28", "decoded", codes((1, 28, 28), 3, 2, 2), 4,
         "Transposed convolutions with ReLU between, and none after the last.", rtol=1e-12),
    Case("1", "squared errors", "squared_errors",
         lambda rng: (*autoencoder(rng, 2, 5), rng.standard_normal((4, 5))), 3,
         "The squares of one example's differences, added up.  (The values: an error for each example; the gradient "
         "of their mean.)", rtol=rounding(25)),
    # Task 2
    Case("2", "between two codes", "interpolated",
         lambda rng: (*autoencoder(rng, 2, 4), *rng.standard_normal((2, 3, 4)), 5), 4,
         "Decode (1 - w) a + w b for evenly spaced w from 0 to 1; the shape is (N, steps, D).", rtol=rounding(10)),
    Case("2", "the Gaussian of the codes", "fitted",
         lambda rng: (*autoencoder(rng, 3, 4), rng.standard_normal((50, 4))), 3,
         "Mean and standard deviation of each entry of the codes, over the examples.  (The values: mean, deviation.)",
         rtol=rounding(50)),
    # Task 3
    Case("3", "the log-density of a Gaussian", "log_normal", points_and_gaussians(5, 3), 3,
         "Each entry adds -((x - mean)^2 / exp(logvar) + logvar + log 2 pi) / 2.  (The values: log-densities, "
         "gradients in mean and logvar.)", rtol=rounding(12)),
    Case("3", "KL to the standard Gaussian", "divergence", gaussians(4, 3), 3,
         "Each entry adds (mean^2 + exp(logvar) - logvar - 1) / 2.  (The values: KL, gradients in mean and logvar.)",
         rtol=rounding(12)),
    Case("3", "reparameterisation", "reparameterised", reparameterised(4, 3), 3,
         "z = mean + exp(logvar / 2) e: the standard deviation is the root of the variance.  (The values: z, gradients "
         "in mean and logvar.)", rtol=rounding(3), calls=2),
    # Task 4
    Case("4", "log p(x | z) and KL", "terms", examples_and_linear(3, offset=0.3, stretch=1.5), 4,
         "Encode the values, draw one z by reparameterise, and give both terms.  (The values: log p(x | z), KL, and a "
         "gradient.)", rtol=1e-11),
    Case("4", "the bound for one code each", "elbo", examples_and_linear(3, offset=0.3, stretch=1.5), 3,
         "log p(x | z) - KL.  (The values: the bound of each example; minus its mean, which is the loss.)", rtol=1e-11),
    # Task 5
    Case("5", "black and white images", "log_likelihood", image(2, "dense", 3, 1, 4, 4), 4,
         "With logits l each pixel adds log sigmoid(l) where it is 1 and log sigmoid(-l) where it is 0.  (The values: "
         "log p(x | z) of each example, gradient in z.)", rtol=1e-11),
    Case("5", "real numbers", "log_likelihood", image(None, "dense", 3, 6), 3,
         "The Gaussian's log-density, of the given variance in each entry.  (The values: as before.)", rtol=1e-11),
    # Task 6
    Case("6", "one importance weight", "log_weights", examples_and_linear(4, offset=0.4, stretch=1.7), 4,
         "log p(x | z) + log N(z; 0, I) - log q(z | x), at the same z.", rtol=1e-11),
    Case("6", "three weights, one example", "importance", examples_and_linear(1, 3, offset=0.4, stretch=1.7), 3,
         "The log of the mean of the weights, not the mean of their logs.", rtol=1e-11, calls=2),
    # Task 7
    Case("7", "a VAE learns", "training", lambda rng: ("dense", integers(rng, 2, 12, 1, 4, 4), 2, 12, seed(rng)), 3,
         "With tasks 3 to 5 right, the loss falls as the reference's does.", rtol=1e-4),
)
