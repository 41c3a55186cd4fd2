"""The cases that students have, too."""
from ..manifest import Case
from .inputs import (
    chain, coupling, images_and_layers, integers, normal, on_the_line, parameters_of_the_line, points_and_layers,
    rounding, scales, seed)

HALF = [1, 0, 1]           # a mask for vectors of three entries

PUBLIC = (
    # Task 1
    Case("1", "log-density of the noise, vectors", "base_log_prob", normal(4, 3), 2,
         "Each of the D entries adds -(z^2 + log 2 pi) / 2, the constant too.", rtol=rounding(6)),
    Case("1", "a chain of three layers", "chain", chain(4, (0, 0, 0), 2), 3,
         "The layers one after the other, and the sum of their log |det|.  (The values: z, log |det|.)",
         rtol=rounding(6)),
    Case("1", "and back", "chain_back", points_and_layers(3, 3, 2), 3,
         "The inverses, the last layer's first.", rtol=rounding(6)),
    Case("1", "log p(x) of vectors", "log_density", points_and_layers(5, 2, 3), 3,
         "log p(x) = log p(z) + log |det dz/dx|.  (The values: log p(x), its gradients in a parameter and in x.)",
         rtol=1e-12),
    # Task 2
    Case("2", "dequantised images", "real", lambda rng: (integers(rng, 8, 2, 1, 3, 3), 8, seed(rng), "float64"), 3,
         "y = (x + u) / levels with u = generator.random(x.shape).", rtol=rounding(1)),
    Case("2", "what an image costs", "nats", images_and_layers(3, 16, 1, 2, 2), 3,
         "-log p(y) + D log levels: one cell of the cube has the volume levels^-D.", rtol=rounding(12)),
    Case("2", "logit", "logit", lambda rng: (rng.random((3, 4)), 0.05), 3,
         "y = log p - log(1 - p), p = margin + (1 - 2 margin) x; dy/dx has a factor 1 - 2 margin.  "
         "(The values: y, log |det|.)", rtol=rounding(12)),
    # Task 3
    Case("3", "s and t", "scale_and_shift", coupling(HALF, 4, 3), 3,
         "The network sees b x; s = bound tanh(s'); both are zero where b is 1.  (The values: s, t.)",
         rtol=rounding(15)),
    Case("3", "coupling forward", "coupled", coupling(HALF, 4, 3), 4,
         "y = x exp(s) + t, and log |det| is the sum of s over an example.  (The values: y, log |det|.)",
         rtol=rounding(15)),
    Case("3", "coupling back", "coupled_back", coupling(HALF, 4, 3), 3,
         "x = (y - t) exp(-s), with s and t of the kept entries, which y has, too.", rtol=rounding(15)),
    # Task 4
    Case("4", "checkerboard", "boards", lambda rng: (((4, 4), (2, 6)),), 1,
         "1 where row + column is even."),
    Case("4", "masks of channels", "channel_masks", lambda rng: ((4, 12),), 1,
         "1 for the first half; the shape is (channels, 1, 1)."),
    Case("4", "mask, opposite, mask", "alternating", lambda rng: (integers(rng, 2, 1, 4, 4).astype(float), 3), 1,
         "A list of so many masks, in turn the given one and one minus it."),
    Case("4", "squeeze", "squeezed", normal(2, 1, 4, 4), 3,
         "The channels are the pixels at (0, 0), (0, 1), (1, 0), (1, 1) of each 2 x 2 square; log |det| is 0.  "
         "(The values: y, log |det|.)"),
    Case("4", "unsqueeze", "unsqueezed", normal(2, 4, 2, 2), 2, "It undoes squeeze."),
    # Task 5
    Case("5", "two scales", "scaled", scales(2, 2, 1, 4, 4), 4,
         "Spatial couplings, squeeze, deep couplings, factor out, the next scale, put together, unsqueeze; the sum of "
         "all log |det|.  (The values: z, log |det|.)", rtol=1e-11),
    Case("5", "two scales, back", "scaled_back", scales(2, 2, 1, 4, 4), 2,
         "All steps in reverse order.", rtol=1e-11),
    # Task 6
    Case("6", "knots", "knots", parameters_of_the_line(5), 1,
         "h = exp(xi), and y_n = alpha + h_0 + ... + h_(n-1), so y_0 = alpha.  (The values: y, h.)",
         rtol=rounding(5)),
    Case("6", "f(x)", "mapped", on_the_line(8, 5), 2,
         "f(x) = y_n + a h_n, n being the number of the piece and a how far x is in it, 0 to 1.", rtol=rounding(5)),
    Case("6", "f(x) and log f'(x)", "mapped_with_derivative", on_the_line(6, 4), 3,
         "log f'(x) has shape (N,).  (The values: f(x), log f'(x); both again under no_grad; whether these require "
         "gradients, 0 for no.)", rtol=rounding(5)),
    # Task 7
    Case("7", "an NVP learns points", "training_in_the_plane",
         lambda rng: (rng.standard_normal((20, 2)) ** 2, 20, seed(rng)), 3,
         "With tasks 1 and 3 right, the loss falls as the reference's does.", rtol=1e-4),
)
