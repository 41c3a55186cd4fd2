"""Variational autoencoders; see `latent` for the formulas they share.

    encoder     x -> mean and logarithm of the variance of the Gaussian q(z | x)
    decoder     z -> p(x | z), a product over the entries

Both are trained to make the ELBO large.  The lecture trains the convolutional network with mean-MSE + mean-KL / 2,
which is no bound at any stated scale (it amounts to a decoder variance of 24.5 at 8 dimensions and 6.1 at 32): here the
decoder's variance is explicit, sums are sums, and only `beta`, the factor of the KL in the loss, can make it another.
Sources: D. P. Kingma and M. Welling, Auto-Encoding Variational Bayes, ICLR 2014; F. Fleuret, EE-559, lecture 9.
Y. Burda et al. (Importance Weighted Autoencoders, ICLR 2016) give 86.76 nats for 784-200-200-50 on MNIST binarised anew
each time, by importance weighting with 5,000 samples.
"""
import math
import numpy as np
from layers import Linear, ReLU, Sequential, Tanh
from layers.functional import binary_cross_entropy_with_logits
from minigrad import sigmoid, tensor
from minigrad.devices import on_cpu
from .autoencoder import check_images, convolutions, transposed_convolutions
from .flow import StandardiseLayer
from .latent import Latent, log_normal, reparameterise, some_of


class ToyVAE(Latent):
    """The lecture's variational autoencoder for points: one hidden layer each, and a decoder that learns its variances.

    Points are standardised by the training set's mean and standard deviation, and the density is that of the points as
    they were given.

    shape       (D,) of a point
    levels      None: points are real numbers
    latent      the size of a code
    hidden      the size of the hidden layers
    """

    def __init__(self, shape, levels=None, latent=2, hidden=100):
        super().__init__(shape=shape, levels=levels, latent=latent, hidden=hidden)
        if len(self.shape) != 1 or levels is not None:
            raise ValueError(f"ToyVAE: takes vectors (D,) of real numbers, levels=None; not {self.shape} of "
                             f"levels={levels}")
        self.scale = StandardiseLayer(self.shape)
        self.encoder = Sequential(Linear(self.shape[0], hidden), ReLU(), Linear(hidden, 2 * latent))
        self.decoder = Sequential(Linear(latent, hidden), ReLU(), Linear(hidden, 2 * self.shape[0]))

    def begin(self, data):
        """Take mean and standard deviation of each entry from the training examples."""
        self.scale.fit(data.train)

    def values(self, x):
        """Standardised points."""
        return self.scale(super().values(x))[0]

    def examples(self, values):
        """The points of standardised ones."""
        return on_cpu(self.scale.inverse(tensor(values, device=self.device)))

    def encode(self, values):
        """Means and logarithms of the variances of the codes: (N, D) -> (N, latent), (N, latent)"""
        return self.encoder(values).chunk(2, 1)

    def decode(self, z):
        """The means of the points: (N, latent) -> (N, D)"""
        return self.decoder(z).chunk(2, 1)[0]

    def log_likelihood(self, values, z):
        """log N(values; mean(z), variance(z)), and log |det| of standardising: (N,)"""
        mean, logvar = self.decoder(z).chunk(2, 1)
        return log_normal(values, mean, logvar) - self.scale.std.log().sum()

    def draw(self, z, generator):
        """Points from p(x | z): (N, latent) -> (N, D) array"""
        mean, logvar = self.decoder(z).chunk(2, 1)
        return self.examples(on_cpu(reparameterise(mean, logvar, generator)))


class VAE(Latent):
    """The variational autoencoder for images and vectors.

    Where levels is 2, p(x | z) is a Bernoulli distribution of each entry.  Otherwise it is a Gaussian of one variance.
    Whole numbers have probabilities, not densities: with values x / (levels - 1), P(x | z) is the integral of that
    Gaussian over the cell of width w = 1 / (levels - 1) around each value, and by Jensen

        log P(x | z) >= E over the cell of log N + log w = log N(value; mean, variance) - w^2 / (24 variance) + log w

    for each entry.  So `elbo` stays a bound on the probability of the image, to be compared with other models'.

    shape       of the examples
    levels      how many values an entry can take, or None for real numbers
    latent      the size of a code
    network     "dense": hidden layers, with tanh; "convolutional": that of the autoencoder, for images
    hidden      the sizes of the dense encoder's hidden layers, from input to code; the decoder has them turned round
    channels    of the convolutional network's maps
    variance    of the Gaussian decoder, for values from 0 to 1
    beta        what the loss multiplies the KL with; at 1 the loss is -ELBO
    """

    def __init__(self, shape, levels=2, latent=50, network="dense", hidden=(200, 200), channels=32, variance=0.01,
                 beta=1.0):
        super().__init__(shape=shape, levels=levels, latent=latent, network=network, hidden=hidden, channels=channels,
                         variance=variance, beta=beta)
        if not (variance > 0 and beta >= 0):                 # which NaN isn't either
            raise ValueError(f"VAE: needs variance > 0 and beta >= 0, not {variance} and {beta}")
        if network not in ("dense", "convolutional"):
            raise ValueError(f'VAE: network must be "dense" or "convolutional", not {network!r}')
        if not isinstance(hidden, (list, tuple)):
            raise ValueError(f"VAE: hidden must be a list of sizes, not {hidden!r}")
        self.network, self.variance, self.beta = network, variance, beta
        if network == "dense":
            sizes = [math.prod(self.shape), *hidden]
            self.encoder = dense(*sizes, 2 * latent)
            self.decoder = dense(latent, *sizes[::-1])
        else:
            check_images("VAE", self.shape)
            self.encoder = convolutions(self.shape, channels, 2 * latent)
            self.decoder = transposed_convolutions(self.shape, channels, latent)

    def begin(self, data):
        """Start from the training set's mean: put it, or its logits, into the bias of the decoder's last layer.

        Without this, the first steps of training go into what all examples share.
        """
        mean = self.values(some_of(data)).data.mean(0)
        mean = mean.reshape(-1) if self.network == "dense" else mean.mean((1, 2))
        if self.levels == 2:
            mean = np.clip(mean, 0.001, 0.999)             # entries that never vary have no finite logit
            mean = np.log(mean / (1 - mean))
        self.decoder[-1].bias.data[...] = mean

    def loss(self, x, generator):
        """The mean over the examples of beta KL - log p(x | z), with one code each: a scalar"""
        log_likelihood, kl = self.terms(x, generator)
        return (self.beta * kl - log_likelihood).mean()

    def encode(self, values):
        """Means and logarithms of the variances of the codes: (N, *shape) -> (N, latent), (N, latent)"""
        outputs = self.encoder(values.flatten(1) if self.network == "dense" else values)
        return outputs.flatten(1).chunk(2, 1)

    def outputs(self, z):
        """The Gaussians' means, or the Bernoullis' logits: (N, latent) -> (N, *shape)"""
        if self.network == "dense":
            return self.decoder(z).reshape(len(z), *self.shape)
        return self.decoder(z.reshape(*z.shape, 1, 1))

    def decode(self, z):
        """The means of p(x | z): (N, latent) -> (N, *shape)"""
        return sigmoid(self.outputs(z)) if self.levels == 2 else self.outputs(z)

    def log_likelihood(self, values, z):
        """log p(x | z) of examples with these values, given their codes: (N, *shape), (N, latent) -> (N,)

        All entries are added up.  By `outputs` the decoder gives a number for each entry.  With 2 levels it is the
        logit of a Bernoulli distribution.  Else it is the mean of a Gaussian of variance `variance`; for real numbers,
        levels = None, that is all; for whole numbers it is the bound in the description of the class, where each entry
        adds log w - w^2 / (24 variance) to the Gaussian's log density at its value, w = 1 / (levels - 1).
        """
        outputs = self.outputs(z)
        if self.levels == 2:
            return -binary_cross_entropy_with_logits(outputs, values, reduction="none").flatten(1).sum(1)
        log_p = log_normal(values, outputs, outputs.new_full(self.shape, math.log(self.variance)))
        if self.levels is None:
            return log_p
        width = 1 / (self.levels - 1)
        return log_p + math.prod(self.shape) * (math.log(width) - width ** 2 / (24 * self.variance))

    def draw(self, z, generator):
        """Examples from p(x | z); those of a Gaussian are rounded to whole levels: (N, latent) -> (N, *shape) array"""
        mean = on_cpu(self.decode(z))
        if self.levels == 2:
            return (generator.random(mean.shape) < mean).astype(np.uint8)
        noise = generator.standard_normal(mean.shape, mean.dtype)
        return self.examples(mean + math.sqrt(self.variance) * noise)


def dense(*sizes):
    """Linear layers of these sizes, with tanh in between."""
    layers = [Linear(sizes[0], sizes[1])]
    for inputs, outputs in zip(sizes[1:], sizes[2:]):
        layers += [Tanh(), Linear(inputs, outputs)]
    return Sequential(*layers)
