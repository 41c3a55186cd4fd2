"""What all autoregressive models share: an example is drawn entry by entry, in some order o,

    p(x) = product over i of p(x_o(i) | x_o(1) ... x_o(i-1)).

All factors come from one pass through the network, `logits`.  Drawing needs them one after the other: `fill` is the one
loop that does it.  It asks a cache for each factor, and tells it what was drawn.
"""
import itertools
import numpy as np
from layers.functional import cross_entropy
from minigrad import no_grad
from minigrad.devices import on_cpu
from minigrad.random import inverse_cdf
from .model import Model


class Autoregressive(Model):
    """A model of integers that are drawn one after the other.

    A subclass defines `logits`, in which no conditional may see its own entry or a later one; `positions`, where the
    order is another than the raster's; and `cache`, which makes drawing fast.
    """
    inexact = "about"                      # log_prob is exact, so a `nats` that isn't can only be an estimate of it

    def __init__(self, **config):
        super().__init__(**config)
        if self.levels is None or self.levels < 2:
            raise ValueError(f"{type(self).__name__}: takes integers from 0 to levels - 1, so levels must be at least "
                             f"2, not {self.levels}; real numbers, levels=None, must be made discrete first")

    def logits(self, x):
        """The logits of all conditionals at once, each given the entries of x before it: (N, levels, *shape)"""
        raise NotImplementedError(f"{type(self).__name__} must define logits(x)")

    def log_prob(self, x, **labels):
        """log p(x) in nats, exact: the sum, over all entries, of the log of the softmax at the value that x has there.

        x           integers, an array (N, *shape); `check` refuses anything else
        labels      what `check` and `logits` get beside x
        Returns a tensor (N,).
        """
        self.check(x, **labels)
        losses = cross_entropy(self.logits(x, **labels), self.integers(x), reduction="none")
        return -losses.flatten(1).sum(1)

    def positions(self):
        """Where the entries are, as index tuples into an example, in the order of drawing.

        By default raster order, row by row and in each row from the left.  In images (C, H, W) all channels of a pixel
        come before the next pixel: (0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 0, 1) ...
        """
        if len(self.shape) != 3:
            return list(np.ndindex(self.shape))
        channels, height, width = self.shape
        return [(c, row, column) for row, column, c in itertools.product(range(height), range(width), range(channels))]

    def cache(self, x, **labels):
        """What gives the conditionals of len(x) examples one by one, for drawing.  It never looks at the values in x.

        An object with two methods, which are called in turn for every position, in order, known or not:
        logits(position)            the array (N, levels) of the conditional there, given what was written before
        write(position, values)     take on the values there: integers (N,)
        """
        return FullPass(self, x, **labels)

    def sample(self, n, generator, progress=None, cached=True, **labels):
        """n examples, drawn entry by entry: (n, *shape).   cached: see `inpaint`"""
        x = np.zeros((n, *self.shape), np.uint8 if self.levels <= 256 else np.int64)
        return self.inpaint(x, np.zeros(self.shape, bool), generator, progress, cached, **labels)

    def inpaint(self, x, known, generator, progress=None, cached=True, **labels):
        """Entry by entry: where `known`, a mask of an example's shape, the value of x, elsewhere one that is drawn.

        Known entries that come later are not foreseen: completions are exact where the known ones come first.
        cached      False runs the whole network for each entry; the same random numbers then give the same examples
        """
        x, positions = np.array(x), self.positions()
        self.check(x, **labels)
        cache = self.cache(x, **labels) if cached else FullPass(self, x, **labels)
        fill(x, np.broadcast_to(known, self.shape), positions if progress is None else progress(positions), cache,
             generator)
        return x


def fill(x, known, positions, cache, generator):
    """Draw the unknown entries of x, in place, one position after the other.

    At each position, in turn: ask the cache for the conditional; where the entry is not known, draw it, by `draw`, and
    write it into x; tell the cache what x has there, drawn or known.

    x           the examples, an array (N, *shape) of integers
    known       a mask (*shape), bool: which entries keep the value that they have in x
    positions   index tuples into an example, in the order of drawing
    cache       see Autoregressive.cache
    """
    with no_grad():
        for position in positions:
            logits = cache.logits(position)
            if not known[position]:
                x[:, *position] = draw(logits, generator)
            cache.write(position, x[:, *position])


class FullPass:
    """The slow cache, by which the fast ones are judged: it runs the whole network at each position."""

    def __init__(self, model, x, **labels):
        self.model, self.x, self.labels = model, np.zeros_like(x), labels

    def logits(self, position):
        """The conditional at that position: (N, levels)"""
        return self.model.logits(self.x, **self.labels).data[:, :, *position]

    def write(self, position, values):
        """Take on the values at that position."""
        self.x[:, *position] = values


def draw(logits, generator):
    """A value for each row of logits, drawn from its softmax: (N, levels) -> (N,), int64.

    By the inverse of the cumulative distribution, with one number u for each row, uniform in [0, 1): the value is k
    where p_0 + ... + p_(k-1) <= u < p_0 + ... + p_k.  The numbers are generator.random((N, 1)), so the same generator
    gives the same values.  Logits may be of any size: the largest of a row is subtracted before exp.
    """
    logits = on_cpu(logits).astype(np.float64)
    return inverse_cdf(np.exp(logits - logits.max(1, keepdims=True)), 1, generator)[:, 0]
