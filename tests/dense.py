"""What proves a model of ordered entries right, beside tests/exactness.py.  The models have `outputs(codes)`."""
import numpy as np
from minigrad import no_grad, tensor
from minigrad.autograd import jacobian
from minigrad.optim import Adam

ORDERS = ["natural", "random", [4, 1, 5, 0, 2, 3]]         # of six entries


def strong(model, seed=0):
    """The model in float64, with parameters that make its distribution far from uniform."""
    rng = np.random.default_rng(seed)
    for parameter in model.double().parameters():
        parameter.data[...] = rng.standard_normal(parameter.shape)
    return model


def depends(model):
    """Which entries each conditional depends on: bool (D, D), the entries numbered as they lie in an example.

    Where the network's derivative is not exactly zero for at least one of 32 random inputs: for a single one, a ReLU
    may hide what is seen.
    """
    codes = tensor(np.random.default_rng(3).standard_normal((32, model.size * model.width)).astype(model.dtype))
    derivatives = jacobian(lambda codes: model.outputs(codes).sum(0), codes).data      # (outputs, 32, inputs)
    seen = (derivatives != 0).any(1).reshape(model.size, model.width, model.size, model.width).any((1, 3))
    place = np.argsort(model.order)                        # the network's number of each entry
    return seen[place][:, place]


def before(model):
    """Which entries come before each one when examples are drawn: bool (D, D), numbered likewise."""
    drawn = np.empty(model.size, int)
    drawn[[np.ravel_multi_index(position, model.shape) for position in model.positions()]] = np.arange(model.size)
    return drawn < drawn[:, None]


def doubled(n, half=4, levels=2):
    """Examples whose second half repeats the first, which is uniform: their entropy is half * log(levels) nats."""
    x = np.random.default_rng(0).integers(0, levels, (n, half)).astype(np.uint8)
    return np.concatenate((x, x), 1)


def train(model, x, steps=200, lr=1e-2):
    """Train on batches of examples; returns the mean of -log p(x) over all."""
    rng, optimizer = np.random.default_rng(0), Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(x[rng.integers(0, len(x), 64)], rng).backward()
        optimizer.step()
    with no_grad():
        return -float(model.log_prob(x).data.mean())


def misfit(x, p):
    """The chi-squared statistic of drawn examples against the probabilities of all, in counting order.

    x       (N, D), binary
    p       (2 ** D,)
    """
    counts = np.bincount(x.reshape(len(x), -1) @ (2 ** np.arange(x[0].size)[::-1]), minlength=len(p))
    return ((counts - len(x) * p) ** 2 / (len(x) * p)).sum()
