"""What the cases run.  Every probe takes arrays, numbers and texts, calls what a student wrote, and gives arrays.

Parameters are drawn from a seed here, or given, in double precision, so they do not depend on a student's code.
"""
import numpy as np
from layers import Conv2d, Linear, Module, ModuleList, Parameter, Sequential, Tanh, kernels
from minigrad import log, manual_seed, no_grad, sin, tensor
from minigrad.optim import Adam
from minigrad.tensor import raw


def filled(module, seed, size=0.4):
    """The module in float64, its parameters drawn from a seed.  (Flows start as the identity, which shows nothing.)"""
    rng = np.random.default_rng(seed)
    for parameter in module.double().parameters():
        parameter.data[...] = size * rng.standard_normal(parameter.shape)
    return module


class Affine(Module):
    """y = a x + b, entry by entry; it gives log |det| as a tensor, or as a number for all examples."""

    def __init__(self, a, b, as_number=False):
        super().__init__()
        self.a, self.b, self.as_number = Parameter(a.copy()), Parameter(b.copy()), as_number

    def forward(self, x):
        log_det = np.log(np.abs(self.a.data)).sum()
        return self.a * x + self.b, float(log_det) if self.as_number else tensor(np.full(len(x), log_det))

    def inverse(self, y):
        return (y - self.b) / self.a


class Cubic(Module):
    """y = x^3 + x, entry by entry."""

    def forward(self, x):
        return x ** 3 + x, log(3 * x ** 2 + 1).flatten(1).sum(1)


def flow(layers, shape, levels=None):
    """A flow of given layers."""
    from models.flow import Flow

    class Given(Flow):
        def __init__(self):
            super().__init__(shape=shape, levels=levels)
            self.layers = ModuleList(layers)

    return Given()


def affine_layers(scales, shifts, numbers=None):
    """One for each row of scales and shifts; numbers: which of them give log |det| as a number."""
    return [Affine(a, b, bool(numbers is not None and numbers[i])) for i, (a, b) in enumerate(zip(scales, shifts))]


def moved(layer, x, h=1e-7):
    """What a layer gives for one example x, and for x moved by h forth and back along each entry; and its log |det|."""
    steps = h * np.eye(x.size).reshape(x.size, *x.shape)
    with no_grad():
        y, log_det = layer(tensor(x[None]))
        ahead, behind = (raw(layer(tensor(x + sign * steps))[0]).reshape(x.size, x.size) for sign in (1, -1))
    return raw(y).reshape(-1), ahead, behind, np.broadcast_to(raw(log_det), 1)


# ---------------------------------------------------------------------------------------------------------------------
# Task 1: the change of variables

def base_log_prob(z):
    """The log-density of the noise."""
    return raw(flow([], z.shape[1:]).base_log_prob(tensor(z)))


def chain(x, scales, shifts, numbers):
    """x after some affine layers, and log |det| for each example."""
    from models.flow import through
    z, log_det = through(affine_layers(scales, shifts, numbers), tensor(x))
    return raw(z), np.broadcast_to(raw(log_det), len(x)).astype(np.float64)


def chain_back(z, scales, shifts):
    """z before some affine layers."""
    from models.flow import back
    return raw(back(affine_layers(scales, shifts), tensor(z)))


def log_density(x, scales, shifts):
    """log p(x) of a flow of affine layers with a cubic one between them, and its gradient in scales, shifts and x."""
    first, *others = affine_layers(scales, shifts)
    model, x = flow([first, Cubic(), *others], x.shape[1:]), tensor(x, requires_grad=True)
    log_p = model.log_density(x)
    log_p.sum().backward()
    return raw(log_p), first.b.grad.data, x.grad.data


# ---------------------------------------------------------------------------------------------------------------------
# Task 2: integers

def real(x, levels, seed, dtype):
    """Examples as the layers take them; dtype: of the model's parameters."""
    model = flow(affine_layers(np.ones((1, *x.shape[1:])), np.zeros((1, *x.shape[1:]))), x.shape[1:], levels).to(dtype)
    return raw(model.real(x, np.random.default_rng(seed)))


def nats(x, levels, scales, shifts, seed):
    """What examples cost."""
    return raw(flow(affine_layers(scales, shifts), x.shape[1:], levels).nats(x, np.random.default_rng(seed)))


def logit(x, margin):
    """Logit: y, and log |det| for each example."""
    from models.flow import Logit
    y, log_det = Logit(margin)(tensor(x))
    return raw(y), raw(log_det)


def logit_back(y, margin):
    """What Logit makes y of."""
    from models.flow import Logit
    return raw(Logit(margin).inverse(tensor(y)))


def logit_moved(x, margin):
    """See `moved`."""
    from models.flow import Logit
    return moved(Logit(margin), x)


def logit_refuses(values, margin):
    """For each number, 1 if Logit refuses it with a ValueError, else 0."""
    from models.flow import Logit
    found = []
    for value in values:
        try:
            Logit(margin)(tensor(np.array([[0.5, value]])))
            found.append(0)
        except ValueError:
            found.append(1)
    return np.array(found)


# ---------------------------------------------------------------------------------------------------------------------
# Task 3: coupling

def coupling(mask, shape, bound, seed):
    """A coupling layer for examples of a shape; its network is a small one, for vectors or for images."""
    from models.nvp import Coupling
    size = shape[0]
    if len(shape) == 1:
        network = Sequential(Linear(size, 5), Tanh(), Linear(5, 2 * size))
    else:
        network = Sequential(Conv2d(size, 4, 3, padding=1), Tanh(), Conv2d(4, 2 * size, 3, padding=1))
    return filled(Coupling(mask, network, bound), seed)


@kernels.using("loops")
def scale_and_shift(mask, x, bound, seed):
    """s and t"""
    s, t = coupling(mask, x.shape[1:], bound, seed).scale_and_shift(tensor(x))
    return raw(s), raw(t)


@kernels.using("loops")
def coupled(mask, x, bound, seed):
    """y and log |det|"""
    y, log_det = coupling(mask, x.shape[1:], bound, seed)(tensor(x))
    return raw(y), raw(log_det)


@kernels.using("loops")
def coupled_back(mask, y, bound, seed):
    """x"""
    return raw(coupling(mask, y.shape[1:], bound, seed).inverse(tensor(y)))


@kernels.using("loops")
def coupled_there_and_back(mask, x, bound, seed):
    """x again, and y again from that"""
    layer = coupling(mask, x.shape[1:], bound, seed)
    with no_grad():
        again = layer.inverse(layer(tensor(x))[0])
        return raw(again), raw(layer.inverse(tensor(x)))


@kernels.using("loops")
def coupled_moved(mask, x, bound, seed):
    """See `moved`."""
    return moved(coupling(mask, x.shape, bound, seed), x)


@kernels.using("loops")
def coupled_gradients(mask, x, bound, seed):
    """The gradients of the mean of y^2 - log |det| in x and in the network's first bias."""
    layer, x = coupling(mask, x.shape[1:], bound, seed), tensor(x, requires_grad=True)
    y, log_det = layer(x)
    ((y ** 2).sum() - log_det.sum()).backward()
    return x.grad.data, layer.network[0].bias.grad.data


def plane(low, high, number, bound, seed):
    """p(x) at the midpoints of a grid over the square [low, high]^2, of a flow of two coupling layers."""
    line = low + (high - low) * (np.arange(number) + 0.5) / number
    points = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    layers = [coupling(np.array(mask), (2,), bound, seed + i) for i, mask in enumerate(([0, 1], [1, 0]))]
    with no_grad():
        return np.exp(raw(flow(layers, (2,)).log_density(tensor(points))))


# ---------------------------------------------------------------------------------------------------------------------
# Tasks 4 and 5: masks, squeeze, scales

def boards(sizes):
    """A checkerboard of each size."""
    from models.realnvp import checkerboard
    return tuple(np.asarray(checkerboard(*size), np.float64) for size in sizes)


def channel_masks(numbers):
    """The mask for each number of channels."""
    from models.realnvp import channel_mask
    return tuple(np.asarray(channel_mask(number), np.float64) for number in numbers)


def alternating(mask, times):
    """The mask and its opposite in turn."""
    from models.realnvp import alternate
    return np.array([np.asarray(m, np.float64) for m in alternate(mask, times)])


def squeezed(x):
    """The squeezed x, and log |det|"""
    from models.realnvp import Squeeze
    y, log_det = Squeeze()(tensor(x))
    return raw(y), np.broadcast_to(raw(log_det), len(x)).astype(np.float64)


def unsqueezed(y):
    """What was squeezed."""
    from models.realnvp import Squeeze
    return raw(Squeeze().inverse(tensor(y)))


def scale(shape, scales, seed):
    """The scales of a RealNVP, with networks of 3 channels."""
    from models.realnvp import Scale
    return filled(Scale(shape, scales, 3, 1, 2.0), seed, 0.15)


@kernels.using("loops")
def scaled(x, scales, seed):
    """z and log |det|"""
    z, log_det = scale(x.shape[1:], scales, seed)(tensor(x))
    return raw(z), raw(log_det)


@kernels.using("loops")
def scaled_back(z, scales, seed):
    """x"""
    return raw(scale(z.shape[1:], scales, seed).inverse(tensor(z)))


@kernels.using("loops")
def scaled_there_and_back(x, scales, seed):
    """x again"""
    layer = scale(x.shape[1:], scales, seed)
    with no_grad():
        return raw(layer.inverse(layer(tensor(x))[0]))


@kernels.using("loops")
def scaled_moved(x, scales, seed):
    """See `moved`."""
    return moved(scale(x.shape, scales, seed), x)


# ---------------------------------------------------------------------------------------------------------------------
# Task 6: the line

def increasing(alpha, xi, xmin, xmax):
    """The piecewise linear map with these parameters."""
    from models.piecewise_linear import Increasing
    layer = Increasing(len(xi), xmin, xmax).double()
    layer.alpha.data[...], layer.xi.data[...] = alpha, xi
    return layer


def knots(alpha, xi, xmin, xmax):
    """y and h"""
    return tuple(raw(values) for values in increasing(alpha, xi, xmin, xmax).knots())


def mapped(x, *parameters):
    """f(x)"""
    return raw(increasing(*parameters).map(tensor(x)))


def mapped_with_derivative(x, *parameters):
    """f(x) and log f'(x); under no_grad they are the same, and require no gradient"""
    layer = increasing(*parameters)
    y, log_derivative = layer(tensor(x))
    with no_grad():
        again = layer(tensor(x))
    return raw(y), raw(log_derivative), *map(raw, again), np.array([part.requires_grad for part in again], np.int64)


def mapped_back(z, *parameters):
    """x"""
    return raw(increasing(*parameters).inverse(tensor(z)))


def line_gradients(x, *parameters):
    """-log p(x), and the gradients of its mean in alpha and xi: derivatives of a derivative."""
    layer = increasing(*parameters)
    y, log_derivative = layer(tensor(x))
    cost = 0.5 * ((y * y).sum(1) + np.log(2 * np.pi)) - log_derivative
    cost.mean().backward()
    return raw(cost), layer.alpha.grad.data, layer.xi.grad.data


def another_map(x, alpha, xi, xmin, xmax):
    """y and log y' of `forward` where `map` is another one, y = 2 x + sin(alpha x), and the gradient in alpha."""
    layer = increasing(alpha, xi, xmin, xmax)
    layer.map = lambda x: 2 * x + sin(layer.alpha * x)
    y, log_derivative = layer(tensor(x))
    log_derivative.sum().backward()
    return raw(y), raw(log_derivative), layer.alpha.grad.data


def line_density(low, high, number, *parameters):
    """p(x) at the midpoints of a grid over [low, high]."""
    points = low + (high - low) * (np.arange(number) + 0.5) / number
    with no_grad():
        return np.exp(raw(flow([increasing(*parameters)], (1,)).log_density(tensor(points[:, None]))))


# ---------------------------------------------------------------------------------------------------------------------
# Task 7: training

def losses(model, x, steps, seed):
    """The loss of each of some steps of Adam, in nats: (steps,)"""
    generator, optimizer, found = np.random.default_rng(seed), Adam(model.parameters(), lr=0.01), []
    for _ in range(steps):
        loss = model.loss(x, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return np.array(found)


def training_in_the_plane(x, steps, seed):
    """An NVP, on points."""
    from models.nvp import NVP
    manual_seed(seed)
    return losses(filled(NVP((2,), depth=3), seed, 0.2), x, steps, seed)


@kernels.using("loops")
def training_on_images(x, levels, steps, seed):
    """A RealNVP of two scales, on images."""
    from models.realnvp import RealNVP
    manual_seed(seed)
    return losses(filled(RealNVP(x.shape[1:], levels, scales=2, channels=3), seed, 0.2), x, steps, seed)
