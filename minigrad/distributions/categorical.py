"""The distribution over K classes."""
import numpy as np
from ..broadcasting import expand
from ..indexing import gather
from ..random import multinomial
from ..reductions import log_softmax, softmax, sum
from ..shapes import reshape, unsqueeze
from ..tensor import Tensor, raw
from .distribution import Distribution, as_value, expected, log_or_minus_infinity, one_of


class Categorical(Distribution):
    """Class k of 0 ... K - 1 has probability probs[..., k], proportional to exp(logits[..., k]).

    probs, logits   exactly one of them: (*batch_shape, K).  Neither needs to be normalised: the attributes of these
                    names are (logits are then the logarithms of probs)
    """

    def __init__(self, probs=None, logits=None):
        given, is_probs = one_of("Categorical", probs, logits)
        if given.ndim == 0:
            raise ValueError("Categorical: probs or logits must have a last axis, that of the classes")
        super().__init__(given.shape[:-1])
        x = raw(given)
        if is_probs:
            self.require(np.isfinite(x) & (x >= 0), x, "probs must be finite and not negative")
            self.require(x.sum(-1) > 0, x.sum(-1), "probs must not all be zero")
            self.probs = given / sum(given, -1, keepdim=True)
            self.logits = log_or_minus_infinity(self.probs)
        else:
            self.require(x < np.inf, x, "logits must be below infinity and no NaN")
            self.require(x.max(-1) > -np.inf, x.max(-1), "logits must not all be -infinity")
            self.probs, self.logits = softmax(given, -1), log_softmax(given, -1)

    def log_prob(self, value):
        """The logarithm of the probability of the classes `value`: integers, broadcasting with batch_shape."""
        value, classes = as_value(value), self.logits.shape[-1]
        k = raw(value)
        fine = (k >= 0) & (k < classes) & (k == np.floor(k))
        self.require(fine, k, f"a value must be a whole number below {classes}")
        shape = np.broadcast_shapes(k.shape, self.batch_shape)
        index = Tensor(np.broadcast_to(k, shape).astype(np.int64))
        picked = gather(expand(self.logits, (*shape, classes)), -1, unsqueeze(index, -1))
        return reshape(picked, shape)

    def sample(self, sample_shape=(), generator=None):
        """Classes, int64, of shape sample_shape + batch_shape."""
        shape = self.full_shape(sample_shape)
        rows = raw(self.probs).reshape(-1, self.probs.shape[-1])
        if rows.size == 0 or 0 in shape:
            return Tensor(np.zeros(shape, np.int64, like=rows))
        drawn = multinomial(rows, int(np.prod(sample_shape)), replacement=True, generator=generator)
        return Tensor(drawn.data.T.reshape(shape).copy())

    def entropy(self):
        """-sum_k p_k log p_k, in nats."""
        return -sum(expected(self.probs, self.logits), -1)
