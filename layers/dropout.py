"""Dropout (Srivastava et al., 2014)."""
from minigrad.devices import device_of, moved
from minigrad.random import generator as random_generator
from minigrad.tensor import raw
from .module import Module


def dropout(input, p=0.5, training=True, generator=None):
    """Set entries to zero, each with probability p, and divide the others by 1 - p, so that the expectation stays.

    training    False gives the input back as it is
    generator   a numpy.random.Generator; by default minigrad's own.  It draws on the CPU, for a GPU as well
    Raises ValueError unless 0 <= p <= 1.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: p must be a probability, from 0 to 1, not {p}")
    if not training or p == 0:
        return input
    array = raw(input)
    kept = random_generator(generator).random(array.shape, "float32") >= p
    mask = moved(kept, device_of(array)).astype(array.dtype)
    if p < 1:
        mask /= 1 - p
    return input * mask


class Dropout(Module):
    """In training, `dropout` with probability p; in evaluation, nothing."""

    def __init__(self, p=0.5):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: p must be a probability, from 0 to 1, not {p}")
        self.p = p

    def forward(self, x):
        return dropout(x, self.p, self.training)

    def extra_repr(self):
        return f"p={self.p}"
