"""How good a model is, in the three usual units, and how it is measured.

One example of D numbers that costs `nats` nats, that is p(x) = exp(-nats), costs nats / (D log 2) bits per dimension.
The perplexity, 2 to the power of that, is how many equally likely values would be as hard to guess.
"""
import math
import numpy as np
from minigrad import no_grad


def bits_per_dim(nats, shape):
    """Bits per dimension of an example of that shape.  Guessing uniformly among 256 values costs 8."""
    return nats / (math.prod(shape) * math.log(2))


def perplexity(nats, shape):
    """Perplexity per dimension.  Guessing uniformly among 256 values has 256."""
    return math.exp(nats / math.prod(shape))


def evaluate(model, examples, generator, batch_size=50, progress=None):
    """The mean cost of an example in nats.   progress: see Model.inpaint"""
    starts, total = range(0, len(examples), batch_size), 0.0
    training = model.training
    model.eval()
    with no_grad():
        for start in starts if progress is None else progress(starts):
            nats = model.nats(examples[start:start + batch_size], generator)
            total += float(np.sum(nats.data, dtype=np.float64))
    model.train(training)
    return total / len(examples)
