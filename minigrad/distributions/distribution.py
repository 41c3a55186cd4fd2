"""What the distributions share."""
import numpy as np
from ..creation import as_tensor
from ..devices import CPU, moved
from ..dtypes import cast, default, is_floating
from ..elementwise import log, sqrt, where
from ..tensor import Tensor, raw


class Distribution:
    """A batch of independent distributions of the same kind.

    batch_shape     the shape of the batch: that of the parameters, for distributions of single numbers
    """

    def __init__(self, batch_shape):
        self.batch_shape = tuple(batch_shape)

    def log_prob(self, value):
        """The logarithm (natural) of the probability, or density, of `value`, which broadcasts with batch_shape."""
        raise NotImplementedError

    def sample(self, sample_shape=(), generator=None):
        """A draw of shape sample_shape + batch_shape: a constant, no gradient flows to the parameters."""
        raise NotImplementedError

    def entropy(self):
        """-E log p, in nats, of shape batch_shape."""
        raise NotImplementedError

    @property
    def stddev(self):
        """The standard deviation: the root of the variance."""
        return sqrt(self.variance)

    def full_shape(self, sample_shape):
        """The shape of a draw."""
        return (*sample_shape, *self.batch_shape)

    def require(self, fine, value, what):
        """Raise ValueError unless all of `fine` holds, naming what must hold and the first value where it does not."""
        if not np.all(fine):
            wrong = moved(np.broadcast_to(raw(value), fine.shape), CPU)[~moved(fine, CPU)][0]
            raise ValueError(f"{type(self).__name__}: {what}, and there is {wrong}")

    def __repr__(self):
        return f"{type(self).__name__}(batch_shape={self.batch_shape})"


def parameter(x):
    """A parameter as a floating-point tensor; a single number of NumPy's counts as Python's, of no type of its own."""
    x = as_tensor(x.item() if isinstance(x, np.generic) else x)
    return x if is_floating(x) else cast(x, default)


def one_of(name, probs, logits):
    """Whichever of the two was given, as a tensor, and whether that was probs; raises unless exactly one was."""
    if (probs is None) == (logits is None):
        raise ValueError(f"{name}: give either probs or logits, not {'both' if probs is not None else 'neither'}")
    return parameter(logits if probs is None else probs), probs is not None


def log_or_minus_infinity(p):
    """log p, and -infinity with gradient 0 (instead of NaN) where p = 0: impossible stays impossible."""
    possible = raw(p) > 0
    return where(possible, log(where(possible, p, 1.0)), -np.inf)


def expected(p, x):
    """p * x, and 0 where p = 0 though x be infinite: the terms of an expectation."""
    possible = raw(p) > 0
    return where(possible, p * where(possible, x, 0.0), 0.0)


def as_value(value):
    """A value whose probability is asked for, as a tensor."""
    return value if isinstance(value, Tensor) else as_tensor(value)
