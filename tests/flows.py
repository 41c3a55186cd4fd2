"""What proves a flow right: exact facts, each as one function that test files call."""
import numpy as np
from minigrad import no_grad, tensor
from minigrad.autograd import jacobian
from minigrad.optim import Adam


class Data:
    """The part of a DataSet that `begin` looks at."""

    def __init__(self, train):
        self.train = train

    def batch(self, numbers, generator):
        return self.train[numbers]


def shaken(module, size=0.3, seed=0):
    """The module, with normal numbers added to its parameters.  (Flows start as the identity, which shows nothing.)"""
    rng = np.random.default_rng(seed)
    for parameter in module.parameters():
        parameter.data += size * rng.standard_normal(parameter.shape).astype(parameter.dtype)
    return module


def inversion_error(flow, x):
    """The largest entry of |inverse(forward(x)) - x|, for a flow or a layer and an array."""
    with no_grad():
        y, _ = flow(tensor(x))
        return np.abs(flow.inverse(y).data - x).max()


def log_det_error(flow, x):
    """How far log |det| is from that of the numerical Jacobians, of autograd and of finite differences; float64.

    flow    a flow or a layer: x -> y, log |det|
    x       an array of several examples
    """
    claimed = np.broadcast_to(getattr(flow(tensor(x))[1], "data", 0), len(x))
    worst = 0
    for example, log_det in zip(x, claimed):
        for matrix in (by_autograd(flow, example), by_differences(flow, example)):
            worst = max(worst, abs(np.linalg.slogdet(matrix)[1] - log_det))
    return worst


def by_autograd(flow, x):
    """The Jacobian matrix at one example, (D, D)"""
    return jacobian(lambda batch: flow(batch)[0], tensor(x[None])).data.reshape(x.size, x.size)


def by_differences(flow, x, h=1e-5):
    """The same by central differences, all of them in one batch."""
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    with no_grad():
        ahead, behind = (flow(tensor(x + sign * steps))[0].data.reshape(x.size, x.size) for sign in (1, -1))
    return ((ahead - behind) / (2 * h)).T


def mass(flow, low, high, number):
    """The integral of a flow's density of points of the plane over the square [low, high]^2, by midpoints."""
    line = low + (high - low) * (np.arange(number) + 0.5) / number
    points = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    with no_grad():
        return np.exp(flow.log_density(tensor(points)).data).sum() * ((high - low) / number) ** 2


def train(flow, examples, steps, lr, batch_size=200):
    """`begin`, and Adam for some steps.  Returns the mean cost of the examples in nats before and after."""
    generator = np.random.default_rng(0)

    def cost():
        with no_grad():
            return float(flow.nats(examples[:2000], np.random.default_rng(1)).data.mean())

    flow.begin(Data(examples))
    before, optimizer = cost(), Adam(flow.parameters(), lr=lr)
    for _ in range(steps):
        loss = flow.loss(examples[generator.integers(0, len(examples), batch_size)], generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return before, cost()
