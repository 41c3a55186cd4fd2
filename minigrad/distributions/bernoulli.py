"""The distribution of a coin."""
import numpy as np
from ..elementwise import logsigmoid, sigmoid, where
from ..random import bernoulli
from ..tensor import raw
from .distribution import Distribution, as_value, expected, log_or_minus_infinity, one_of


class Bernoulli(Distribution):
    """1 with probability probs = sigmoid(logits), else 0.

    probs, logits   exactly one of them: batch_shape.  The attribute probs is there in either case
    """

    def __init__(self, probs=None, logits=None):
        given, is_probs = one_of("Bernoulli", probs, logits)
        super().__init__(given.shape)
        x = raw(given)
        if is_probs:
            self.require((x >= 0) & (x <= 1), x, "probs must lie in [0, 1]")
            self.probs, self.counter_probs = given, 1 - given
            self.log_one, self.log_zero = (log_or_minus_infinity(p) for p in (self.probs, self.counter_probs))
        else:
            self.require(~np.isnan(x), x, "logits must be numbers")
            self.probs, self.counter_probs = sigmoid(given), sigmoid(-given)
            self.log_one, self.log_zero = logsigmoid(given), logsigmoid(-given)

    @property
    def logits(self):
        """log p / (1 - p)."""
        return self.log_one - self.log_zero

    def log_prob(self, value):
        """The logarithm of the probability of `value`: zeros and ones, broadcasting with batch_shape."""
        value = raw(as_value(value))
        self.require((value == 0) | (value == 1), value, "a value must be 0 or 1")
        return where(value == 1, self.log_one, self.log_zero)

    def sample(self, sample_shape=(), generator=None):
        """Zeros and ones, in probs' type, of shape sample_shape + batch_shape."""
        return bernoulli(np.broadcast_to(raw(self.probs), self.full_shape(sample_shape)), generator)

    def entropy(self):
        """-p log p - (1 - p) log(1 - p), in nats."""
        return -expected(self.probs, self.log_one) - expected(self.counter_probs, self.log_zero)

    @property
    def mean(self):
        """p."""
        return self.probs

    @property
    def variance(self):
        """p (1 - p)."""
        return self.probs * self.counter_probs
