"""Normalising flows: an invertible map f carries the data to noise z = f(x) of a simple density, and by the change of
variables

    log p(x) = log p(z) + log |det df/dx|.

A flow is a chain of layers, so the logarithms of their determinants add up.  Sampling runs the chain backwards.

Integers have no density.  They are dequantised: with u uniform in [0, 1)^D, y = (x + u) / levels is a point of the unit
cube, whose cells have volume levels^-D.  A density p on the cube gives the image x the probability of its cell,

    P(x) = levels^-D E_u[p(y)],   so that by Jensen's inequality   -log P(x) <= E_u[-log p(y)] + D log levels.

Source: L. Dinh, J. Sohl-Dickstein and S. Bengio, Density estimation using Real NVP, ICLR 2017; the bound: L. Theis,
A. van den Oord and M. Bethge, A note on the evaluation of generative models, ICLR 2016.  Fleuret's lecture 10.3 writes
the chain's log-determinants without a bracket and without the logarithm once; the formulas above are what is computed.
"""
import math
import numpy as np
from layers import Module
from minigrad import log, no_grad, sigmoid, tensor
from minigrad.devices import on_cpu
from .model import Model
from .scaling import Standardise

STATISTICS = 10000                         # from how many training examples mean and standard deviation are taken


class Flow(Model):
    """A density given by a chain of invertible layers, in the ModuleList `layers` that a subclass makes.

    Each layer has `forward(x)`, which gives its output and log |det|, a tensor (N,) or one number for all x, and
    `inverse(y)`.  Where `levels` is given, entries are dequantised, and `nats` is an upper bound, drawn at random.
    """

    def __init__(self, **config):
        super().__init__(**config)
        self.exact = self.levels is None

    def begin(self, data):
        """Give the `StandardiseLayer`, if there is one, the mean and standard deviation of what comes to it."""
        generator = np.random.default_rng(0)
        numbers = generator.permutation(len(data.train))[:STATISTICS]
        with no_grad():
            x = self.real(data.batch(numbers, generator), generator)
            for layer in self.layers:
                if isinstance(layer, StandardiseLayer):
                    layer.fit(on_cpu(x))
                    return
                x, _ = layer(x)

    def forward(self, x):
        """From the data to the noise: a real tensor (N, *shape) -> z (N, *shape), log |det dz/dx| (N,)"""
        z, log_det = through(self.layers, x)
        return z, log_det + x.new_zeros(len(x))            # also where the layers give plain numbers

    def inverse(self, z):
        """From the noise to the data: (N, *shape) -> (N, *shape)"""
        return back(self.layers, z)

    def log_density(self, x):
        """log p(x) of real points, a tensor (N, *shape), in nats, by the change of variables: (N,)"""
        z, log_det = self(x)
        return self.base_log_prob(z) + log_det

    def log_prob(self, x):
        """log p(x) of real data in nats, exact: (N,).  Raises NotImplementedError where there are levels."""
        if self.levels is not None:
            raise NotImplementedError(f"{type(self).__name__}: a flow has no exact probability for integers; "
                                      "nats(x, generator) gives an upper bound of -log p(x)")
        self.check(x)
        return self.log_density(self.real(x, None))

    def nats(self, x, generator):
        """-log p(x) of examples, arrays, in nats: for real data exact, see `log_prob`; (N,).

        For integers, which `check` looks at, an unbiased estimate of the upper bound E_u[-log p(y)] + D log levels,
        from one dequantised y of each example, see `real`.
        """
        if self.levels is None:
            return -self.log_prob(x)
        self.check(x)
        return math.prod(self.shape) * math.log(self.levels) - self.log_density(self.real(x, generator))

    def real(self, x, generator):
        """Examples as the tensor that the layers take, of the parameters' type: (N, *shape) -> (N, *shape)

        Real numbers as they are.  Integers are dequantised into the unit cube, y = (x + u) / levels, where u is
        generator.random(x.shape).
        """
        if self.levels is not None:
            x = (x + generator.random(x.shape)) / self.levels
        return tensor(x.astype(self.dtype, copy=False), device=self.device)

    def sample(self, n, generator, progress=None):
        """n examples drawn from the model, (n, *shape): noise, carried back.  It is one pass, without `progress`."""
        with no_grad():
            z = tensor(self.base_sample(n, generator).astype(self.dtype), device=self.device)
            x = on_cpu(self.inverse(z))
        if self.levels is None:
            return x
        return np.clip(np.floor(x * self.levels), 0, self.levels - 1).astype(np.uint8)

    def base_log_prob(self, z):
        """log N(z; 0, I), the log-density of the noise: (N, *shape) -> (N,)

        Each entry adds -(z^2 + log 2 pi) / 2.
        """
        return -0.5 * ((z * z).sum(entries(z)) + math.prod(self.shape) * math.log(2 * math.pi))

    def base_sample(self, n, generator):
        """Noise: an array (n, *shape)"""
        return generator.standard_normal((n, *self.shape))


def through(layers, x):
    """x after all the layers, the first one first, and the sum of what they give as log |det|.

    A layer called with x gives its output and log |det|: a tensor (N,), or one number for all x.
    """
    log_det = 0
    for layer in layers:
        x, change = layer(x)
        log_det = log_det + change
    return x, log_det


def back(layers, z):
    """z before all the layers: what `through` made z of, by each layer's `inverse`."""
    for layer in reversed(layers):
        z = layer.inverse(z)
    return z


def entries(x):
    """The axes of a batch that run over the entries of an example."""
    return tuple(range(1, len(x.shape)))


class StandardiseLayer(Standardise):
    """`Standardise` as a layer of a flow.   shape: of mean and std"""

    def fit(self, x):
        """Take the two from an array (N, *shape of an example).  Raises ValueError where all numbers are the same."""
        std = super().fit(x)
        if not std.all():
            place = np.argwhere(std == 0)[0].tolist()
            raise ValueError(f"Standardise: entry {place} is the same number in all examples; there is no density for "
                             "it, leave it out")

    def forward(self, x):
        """y = (x - mean) / std, and log |det|, a number: minus log std for each entry of an example"""
        entries_each = math.prod(x.shape[1:]) // math.prod(self.std.shape)
        return super().forward(x), -entries_each * log(self.std).sum()


class Logit(Module):
    """y = log(p / (1 - p)) of p = margin + (1 - 2 margin) x: the unit interval becomes a part of the real line.

    The margin keeps the ends, 0 and 1, from going to infinity.
    """

    def __init__(self, margin):
        super().__init__()
        if not 0 < margin < 0.5:
            raise ValueError(f"Logit: the margin must lie between 0 and 0.5, not {margin}")
        self.margin = margin

    def forward(self, x):
        """y, and log |det|, which adds up log dy/dx over the entries of an example: (N, *shape) -> (N, *shape), (N,)

        Raises ValueError for x outside the interval from which p lies in (0, 1).
        """
        p = self.margin + (1 - 2 * self.margin) * x
        if not (p.data > 0).all() or not (p.data < 1).all():
            raise ValueError(f"Logit: takes numbers from 0 to 1, and these go from {x.data.min()} to {x.data.max()}")
        a, b = log(p), log(1 - p)
        return a - b, (math.log(1 - 2 * self.margin) - a - b).sum(entries(x))

    def inverse(self, y):
        """The x of which `forward` makes y."""
        return (sigmoid(y) - self.margin) / (1 - 2 * self.margin)


class Reshape(Module):
    """Examples of one shape as examples of another.  Nothing moves, so log |det| is 0."""

    def __init__(self, before, after):
        super().__init__()
        self.before, self.after = tuple(before), tuple(after)

    def forward(self, x):
        return x.reshape(len(x), *self.after), 0

    def inverse(self, y):
        return y.reshape(len(y), *self.before)
