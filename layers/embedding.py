"""Embeddings: a table with one learned vector for each symbol."""
from minigrad import empty
from minigrad.tensor import DeviceArray, array_of
from . import init
from .module import Module, Parameter


def embedding(input, weight):
    """The rows of `weight` that the integers in `input` name, torch.nn.functional.embedding.

    input       integers, of any shape
    weight      (num_embeddings, embedding_dim)
    Returns (*input.shape, embedding_dim).  A row's gradient is the sum over its uses.
    Raises TypeError unless input holds integers, IndexError if one is out of range.
    """
    indices = array_of(input)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"embedding: the input must hold integers, not {indices.dtype}; convert it with .long()")
    rows = weight.shape[0]
    problem = f"embedding: index {{}} is out of range for {rows} rows, 0 to {rows - 1}"
    if isinstance(indices, DeviceArray):   # without waiting for the device
        indices.require_within(rows, problem)
    elif ((indices < 0) | (indices >= rows)).any():
        raise IndexError(problem.format(indices[(indices < 0) | (indices >= rows)][0]))
    return weight[indices]


class Embedding(Module):
    """A table of num_embeddings vectors of embedding_dim numbers, drawn from N(0, 1); called with integers."""

    def __init__(self, num_embeddings, embedding_dim):
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.weight = Parameter(init.normal_(empty(num_embeddings, embedding_dim)))

    def forward(self, x):
        return embedding(x, self.weight)

    def extra_repr(self):
        return f"{self.num_embeddings}, {self.embedding_dim}"
