"""Orders of drawing, and what the models share that see an example as one long row of entries.

The chain rule p(x) = product over i of p(x_o(i) | x_o(1) ... x_o(i-1)) holds for every ordering o of the entries.
Different orderings give different models: on MNIST they are up to five nats apart.
"""
import math
import numpy as np
from layers.functional import binary_cross_entropy_with_logits, cross_entropy
from minigrad import stack, tensor, zeros_like
from minigrad.devices import moved
from .autoregressive import Autoregressive


def ordering(name, order, size, generator):
    """The numbers of `size` entries in the order of drawing: a permutation of 0 ... size - 1, an array.

    name        who asks, for errors
    order       "natural", "random", or the numbers themselves
    generator   what a random ordering is drawn from
    Raises ValueError for anything else.
    """
    if isinstance(order, str):
        if order not in ("natural", "random"):
            raise ValueError(f'{name}: order must be "natural", "random" or a permutation, not {order!r}')
        return np.arange(size) if order == "natural" else generator.permutation(size)
    given = np.asarray(order)
    if given.shape != (size,) or given.dtype.kind not in "iu":
        raise ValueError(f"{name}: order must be a permutation of the {size} entries, as many integers, not numbers of "
                         f"shape {given.shape} and type {given.dtype}")
    missing = np.setdiff1d(np.arange(size), given)
    if missing.size:
        raise ValueError(f"{name}: order must be a permutation of the {size} entries, every number from 0 to "
                         f"{size - 1} once, and {missing[0]} is missing")
    return given


class Ordered(Autoregressive):
    """A model of an example's entries, laid end to end, drawn in a given order.

    The network numbers the entries as they are drawn.  A binary entry comes in as itself and goes out as one logit,
    that of 1 (the logit of 0 being 0); one of L > 2 levels comes in as L numbers, a single 1 among zeros, and goes out
    as L logits.

    A subclass defines `outputs`, and `cache`, which gives an `OrderedCache`.

    order       "natural", "random" or a permutation; see `ordering`
    seed        of a random ordering
    config      all arguments of the subclass's constructor
    size        D, the number of entries
    width       how many numbers an entry is made of: 1, or `levels`
    order       the numbers of the entries, as they are drawn: (D,)
    """

    def __init__(self, order, seed, **config):
        order = order if isinstance(order, str) else np.asarray(order).tolist()
        super().__init__(order=order, seed=seed, **config)
        self.at_least(0, "seed")
        self.size, self.width = math.prod(self.shape), 1 if self.levels == 2 else self.levels
        self.order = ordering(self.name, order, self.size, np.random.default_rng(seed))

    @property
    def name(self):
        """The class's name, for errors."""
        return type(self).__name__

    def outputs(self, codes):
        """What the network gives for the entries, each computed from those before it.

        codes       a tensor (N, D * width)
        Returns a tensor of the same shape.
        """
        raise NotImplementedError(f"{self.name} must define outputs(codes)")

    def entries(self, x):
        """The entries in the order of drawing: an array (N, *shape) -> (N, D)"""
        return x.reshape(len(x), -1)[:, self.order]

    def codes(self, entries):
        """What the network is given: an array (N, D) -> a tensor (N, D * width)"""
        if self.width > 1:
            entries = (entries[:, :, None] == np.arange(self.levels)).reshape(len(entries), -1)
        return tensor(entries.astype(self.dtype), device=self.device)

    def log_likelihood(self, outputs, entries):
        """The sum over the entries of the log of their probability: (N,)

        outputs     a tensor (N, D * width)
        entries     the array (N, D) of what they are judged by
        """
        if self.width == 1:
            target = tensor(entries.astype(self.dtype), device=self.device)
            return -binary_cross_entropy_with_logits(outputs, target, reduction="none").sum(1)
        logits = outputs.reshape(*entries.shape, self.levels).transpose(1, 2)
        return -cross_entropy(logits, self.integers(entries), reduction="none").sum(1)

    def log_prob(self, x):
        """log p(x) in nats, exact: (N,)"""
        self.check(x)
        entries = self.entries(x)
        return self.log_likelihood(self.outputs(self.codes(entries)), entries)

    def logits(self, x):
        """All conditionals at once: (N, levels, *shape)"""
        outputs = self.outputs(self.codes(self.entries(x))).reshape(len(x), self.size, self.width)
        outputs = outputs[:, np.argsort(self.order)]                   # back to where the entries are
        logits = stack((zeros_like(outputs), outputs), 1) if self.width == 1 else outputs.transpose(1, 2)
        return logits.reshape(len(x), self.levels, *self.shape)

    def positions(self):
        """Where the entries are, in the order of drawing."""
        return [tuple(map(int, np.unravel_index(entry, self.shape))) for entry in self.order]


def check_binary(model):
    """Raise ValueError unless the model was asked to be one of zeros and ones."""
    if model.levels != 2:
        raise ValueError(f"{model.name}: takes binary examples, levels=2, not levels={model.levels}; "
                         "`made` and `bengio` take more levels")


class OrderedCache:
    """The conditionals of N examples that are drawn together, one entry after the other.

    A subclass defines output(i), the array (width, N) that the network gives for the i-th entry to be drawn, and
    take(i, code), which hands it the code of that entry, (width, N).  Both are called in order.
    """

    def __init__(self, model, number):
        self.model, self.number = model, number
        self.place = np.argsort(model.order)           # when an entry is drawn

    def index(self, position):
        """When the entry at a position is drawn."""
        return self.place[np.ravel_multi_index(position, self.model.shape)]

    def logits(self, position):
        """The conditional at that position: (N, levels)"""
        output = self.output(self.index(position))
        return np.concatenate((np.zeros_like(output), output) if self.model.width == 1 else (output,)).T

    def write(self, position, values):
        """Take on the values at that position: (N,)"""
        code = values[None] if self.model.width == 1 else values == np.arange(self.model.levels)[:, None]
        self.take(self.index(position), moved(code.astype(self.model.dtype), self.model.device))
