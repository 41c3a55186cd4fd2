"""Models with a code: a few numbers z that an example is turned into, and back from.

`Coded` is what autoencoders, principal components and variational autoencoders share.  `Latent` is for those that are
distributions,

    p(x) = integral of p(x | z) N(z; 0, I) dz,

which can't be computed but bounded.  With an encoder q(z | x) = N(mean(x), diag(exp(logvar(x)))) and z drawn from it,

    log p(x)  >=  E log (1/K) sum over k of p(x | z_k) N(z_k; 0, I) / q(z_k | x)  >=  E log p(x | z) - KL(q || N(0, I)).

The right-hand side is the ELBO; the middle one, the importance-weighted bound, tends to log p(x) as K grows.
Sources: D. P. Kingma and M. Welling, Auto-Encoding Variational Bayes, ICLR 2014; Y. Burda, R. Grosse and
R. Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016; F. Fleuret, EE-559, lecture 9.  The lecture prints the KL
with the wrong sign, the reconstruction term with a factor 1/2 too many and without log sigma and log 2 pi (its code has
a single log 2 pi for all entries), and a bound that lacks the data's entropy on one side: here are the right ones.
"""
import math
import numpy as np
from minigrad import no_grad, randn, randn_like, tensor
from minigrad.devices import on_cpu
from .model import Model

ROWS = 1000            # so many codes are decoded at once where there are more


class Coded(Model):
    """A model that can `encode` examples and `decode` codes.

    Inside, networks work on `values`: integers from 0 to levels - 1 divided by levels - 1, real numbers as they are.
    A subclass has the attribute `latent`, the size of a code, and defines
        encode(values) -> (N, latent) Tensor        (a `Latent` gives two: means and logarithms of the variances)
        decode(z) -> (N, *shape) Tensor of values
    """

    def __init__(self, **config):
        super().__init__(**config)
        self.at_least(1, "latent")
        if self.levels is not None and self.levels < 2:
            raise ValueError(f"{type(self).__name__}: entries need at least 2 levels, not {self.levels}")
        self.latent = config["latent"]

    def values(self, x):
        """What the network sees of examples: (N, *shape) array -> Tensor of the parameters' type"""
        self.check(x)
        return tensor(np.asarray(x, self.dtype) / (1 if self.levels is None else self.levels - 1), device=self.device)

    def examples(self, values):
        """The examples nearest to an array of values: the inverse of `values`."""
        if self.levels is None:
            return values
        return np.rint(np.clip(values, 0, 1) * (self.levels - 1)).astype(np.uint8)

    def codes(self, x):
        """The code of each example: (N, *shape) array -> (N, latent) array"""
        with no_grad():
            return on_cpu(self.encode(self.values(x)))

    def decoded(self, z):
        """The example that each code stands for: (N, latent) array -> (N, *shape) array"""
        with no_grad():
            return self.examples(on_cpu(self.decode(tensor(z, device=self.device))))

    def reconstruct(self, x):
        """What is left of examples after coding: (N, *shape) array -> (N, *shape) array"""
        return self.decoded(self.codes(x))

    def interpolate(self, x, other, steps):
        """From the examples x to `other` along straight lines between their codes: (N, steps, *shape)

        Step i of 0 ... steps - 1 is decoded from (1 - w) a + w b, w = i / (steps - 1), a and b being the codes of an
        example x and of its other one.  A single step is x itself, decoded.
        """
        a, b = self.codes(x)[:, None], self.codes(other)[:, None]
        weight = np.linspace(0, 1, steps, dtype=a.dtype)[:, None]
        z = (1 - weight) * a + weight * b
        return self.decoded(z.reshape(-1, self.latent)).reshape(len(x), steps, *self.shape)


class Latent(Coded):
    """A distribution with a standard normal code.  A subclass defines encode and decode, and

        log_likelihood(values, z) -> (N,) Tensor    log p(x | z) of examples with these values
        draw(z, generator) -> (N, *shape) array     examples from p(x | z)
    """
    exact = False

    def elbo(self, x, generator):
        """A lower bound on log p(x) in nats, (N,): log p(x | z) - KL for one code each, whose mean is the ELBO."""
        log_likelihood, kl = self.terms(x, generator)
        return log_likelihood - kl

    def terms(self, x, generator):
        """log p(x | z) for one z from the encoder, and KL(q(z | x) || N(0, I)): (N,) each, in nats.

        x           examples as they are given; the encoder and `log_likelihood` take their `values`
        """
        values = self.values(x)
        mean, logvar = self.encode(values)
        z = reparameterise(mean, logvar, generator)
        return self.log_likelihood(values, z), kl_to_standard_normal(mean, logvar)

    def nats(self, x, generator):
        """An upper bound on -log p(x), (N,)"""
        return -self.elbo(x, generator)

    def log_weights(self, values, mean, logvar, generator):
        """log of the importance weight p(x | z) N(z; 0, I) / q(z | x), for one z from q each: (N,)

        values      of the examples
        mean, logvar        of q(z | x), as `encode` gives them: (N, latent)
        """
        z = reparameterise(mean, logvar, generator)
        return self.log_likelihood(values, z) + log_normal(z, 0 * z, 0 * z) - log_normal(z, mean, logvar)

    def importance_log_prob(self, x, samples, generator):
        """log p(x) by importance sampling with so many codes each; in the mean a lower bound, (N,) float64.

        Raises ValueError for less than one sample.  No gradients are recorded.
        """
        if samples < 1:
            raise ValueError(f"{type(self).__name__}: importance sampling needs at least one sample, not {samples}")
        with no_grad():
            values = self.values(x)
            return tensor(self.log_mean_weight(values, *self.encode(values), samples, generator))

    def log_mean_weight(self, values, mean, logvar, samples, generator):
        """The log of the mean of so many importance weights of each example: an array (N,), float64.

        Weights may be far too small for a float, so that only their logarithms can be computed with.  The first weight
        of all examples is drawn before the second one of all.  Codes are decoded ROWS at a time, or fewer, so the
        memory it takes does not depend on `samples`.

        values, mean, logvar        see `log_weights`
        """
        at_once = max(1, ROWS // len(values))
        total = np.full(len(values), -np.inf)
        for start in range(0, samples, at_once):
            k = min(at_once, samples - start)
            some, m, v = (t.repeat(k, *[1] * (len(t.shape) - 1)) for t in (values, mean, logvar))
            weights = on_cpu(self.log_weights(some, m, v, generator))
            for row in weights.astype(np.float64).reshape(k, len(values)):
                total = np.logaddexp(total, row)
        return total - math.log(samples)

    def codes(self, x):
        """The mean of each example's code: (N, latent) array"""
        with no_grad():
            return on_cpu(self.encode(self.values(x))[0])

    def sample(self, n, generator, progress=None):
        """n examples: a code each from N(0, I), and the example from p(x | z)."""
        with no_grad():
            return self.draw(self.prior(n, generator), generator)

    def means(self, n, generator):
        """The means of p(x | z) for n codes from N(0, I), often shown as samples: (n, *shape) array of values"""
        with no_grad():
            return on_cpu(self.decode(self.prior(n, generator)))

    def prior(self, n, generator):
        """n codes from N(0, I): (n, latent) Tensor"""
        return randn(n, self.latent, dtype=self.dtype, device=self.device, generator=generator)


def some_of(data, most=10_000):
    """At most so many of a DataSet's training examples, evenly spaced: enough to show a mean."""
    return data.batch(np.arange(0, len(data.train), -(-len(data.train) // most)), np.random.default_rng(0))


def reparameterise(mean, logvar, generator):
    """z drawn from N(mean, diag(exp(logvar))), in a way that can be differentiated in mean and logvar: (N, d) -> (N, d)

    z = mean + exp(logvar / 2) e, with e standard normal: randn_like(mean), from the generator.
    """
    return mean + (0.5 * logvar).exp() * randn_like(mean, generator=generator)


def log_normal(x, mean, logvar):
    """log N(x; mean, diag(exp(logvar))), summed over all axes but the first: (N,)

    Each entry adds -((x - mean)^2 / exp(logvar) + logvar + log 2 pi) / 2.
    """
    entries = ((x - mean) ** 2 * (-logvar).exp() + logvar + math.log(2 * math.pi)) * -0.5
    return entries.flatten(1).sum(1)


def kl_to_standard_normal(mean, logvar):
    """KL(N(mean, diag(exp(logvar))) || N(0, I)), the divergence of two Gaussians: (N, d), (N, d) -> (N,)

    Each entry adds (mean^2 + exp(logvar) - logvar - 1) / 2, which is 0 for mean = logvar = 0, and positive else.
    """
    return (1 + logvar - mean ** 2 - logvar.exp()).sum(1) * -0.5
