"""Planar flow: each layer pushes points along one direction u, by an amount that depends on their place along another,

    f(x) = x + u tanh(w.x + b),     |det df/dx| = 1 + u.w (1 - tanh^2(w.x + b)).

f is invertible if u.w > -1, so u is made from a free vector v:  u = v + (m(w.v) - w.v) w / |w|^2  (the squared norm)
with m(a) = softplus(a) - 1, which makes u.w = m(w.v).  The lecture leaves this out, and heads |det| as its logarithm.
Source: D. Rezende and S. Mohamed, Variational Inference with Normalizing Flows, ICML 2015.

As a model, f goes from the data to the noise: log p(x) is then a formula, and sampling solves an increasing equation in
one unknown for each layer.  The paper goes the other way, from noise to a density known up to a factor: `free_energy`
uses the same layers so, and `energy` has the paper's four examples.
"""
import math
import numpy as np
from layers import Module, ModuleList, Parameter
from minigrad import (
    abs, cat, exp, log, logsumexp, no_grad, randn, relu, sigmoid, sin, softplus, stack, tanh, tensor, zeros)
from minigrad.devices import on_cpu
from .flow import Flow, StandardiseLayer


class Planar(Flow):
    """A density of vectors (D,), best of few entries: each layer is a network with one hidden unit.

    depth       how many planar layers there are
    """

    def __init__(self, shape, levels=None, depth=32):
        super().__init__(shape=shape, levels=levels, depth=depth)
        if len(shape) != 1:
            raise ValueError(f"Planar: takes vectors, (D,), not {tuple(shape)}")
        self.at_least(1, "depth")
        self.layers = ModuleList([StandardiseLayer(shape), PlanarLayers(shape[0], depth)])


class PlanarLayers(Module):
    """`depth` planar layers one after the other.  What does not depend on x is computed for all of them at once.

    v, w, b     the parameters, a row or a number for each layer.  The layers start close to the identity
    """

    def __init__(self, size, depth):
        super().__init__()
        self.w = Parameter(randn(depth, size))
        squared_norm = (self.w * self.w).sum(1, keepdim=True).detach()
        self.v = Parameter(math.log(math.e - 1) * self.w.detach() / squared_norm + 0.01 * randn(depth, size))
        self.b = Parameter(zeros(depth))

    def directions(self):
        """u of each layer, (depth, D), and 1 + u.w = softplus(w.v), (depth,).

        Raises ValueError for a layer that has lost its inverse: w = 0, or u.w so close to -1 that it rounds to it.
        """
        product = (self.w * self.v).sum(1)
        squared_norm = (self.w * self.w).sum(1)
        stretch = softplus(product)
        lost = np.flatnonzero(~on_cpu((squared_norm.data > 0) & (stretch.data > 0)))
        if len(lost):
            raise ValueError(f"Planar: layer {lost[0]} has no inverse: |w|^2 is {squared_norm.data[lost[0]]}, and "
                             f"1 + u.w is {stretch.data[lost[0]]}; both must be positive")
        along = (stretch - 1 - product) / squared_norm
        return self.v + along.unsqueeze(1) * self.w, stretch

    def forward(self, x):
        us, stretch = self.directions()
        ts = []
        for w, u, b in zip(self.w.unbind(), us.unbind(), self.b.unbind()):
            t = tanh(x @ w + b).unsqueeze(1)
            x = x + t * u
            ts.append(t)
        squares = cat(ts, 1) ** 2
        return x, log(squares + (1 - squares) * stretch).sum(1)        # = 1 + u.w (1 - tanh^2), and no difference

    def inverse(self, y):
        us, stretch = (on_cpu(part).astype(np.float64) for part in self.directions())
        x = on_cpu(y).astype(np.float64)
        for w, u, b, s in reversed(list(zip(on_cpu(self.w), us, on_cpu(self.b), stretch))):
            x = x - np.tanh(root(x @ w, s - 1, b) + b)[:, None] * u
        return tensor(x.astype(y.dtype), device=y.device)


def root(c, m, b):
    """The p with p + m tanh(p + b) = c, for m > -1, by bisection of [c - |m|, c + |m|] to the last bit."""
    low, high = c - np.abs(m), c + np.abs(m)
    for _ in range(60):
        middle = (low + high) / 2
        above = middle + m * np.tanh(middle + b) > c
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2


# ---------------------------------------------------------------------------------------------------------------------
# The paper's use: fitting densities that are known up to a factor

def free_energy(model, name, noise):
    """log q(z) + U(z) for z = f(noise), q being the density of z: (N,).  Its mean is what training minimises.

    The mean plus `log_normaliser(name)` is the divergence KL(q || exp(-U) / Z), exactly: 0 for a perfect fit.

    noise       a tensor of standard normal numbers (N, 2)
    """
    z, log_det = model(noise)
    return model.base_log_prob(noise) - log_det + energy(name, z)


BOXES = {"U1": 8, "U2": 4, "U3": 4, "U4": 4}           # half the side of each energy's box
WALL = 0.1


def energy(name, z):
    """U of the paper's table 1, for points (N, 2): (N,).  Outside the box |z_i| <= BOXES[name] it rises steeply.

    Without that wall, U2 to U4 would be densities of infinite extent: they are periodic, or nearly, in z_1.
    Raises ValueError for a name other than U1, U2, U3, U4.
    """
    if name not in BOXES:
        raise ValueError(f"energy: there are {', '.join(BOXES)}, not {name!r}")
    a, b = z[:, 0], z[:, 1]
    wave = sin(math.pi / 2 * a)
    if name == "U1":
        u = 0.5 * (((z * z).sum(1).sqrt() - 2) / 0.4) ** 2 + valleys((a - 2) / 0.6, (a + 2) / 0.6)
    elif name == "U2":
        u = 0.5 * ((b - wave) / 0.4) ** 2
    elif name == "U3":
        u = valleys((b - wave) / 0.35, (b - wave + 3 * exp(-0.5 * ((a - 1) / 0.6) ** 2)) / 0.35)
    else:
        u = valleys((b - wave) / 0.4, (b - wave + 3 * sigmoid((a - 1) / 0.3)) / 0.35)
    return u + 0.5 * ((relu(abs(z) - BOXES[name]) / WALL) ** 2).sum(1)


def valleys(p, q):
    """-log(exp(-p^2 / 2) + exp(-q^2 / 2))"""
    return -logsumexp(stack((-0.5 * p * p, -0.5 * q * q)), 0)


def log_normaliser(name, spacing=0.01):
    """log Z, Z the integral of exp(-U), by a sum over the midpoints of a grid."""
    side = BOXES[name] + 10 * WALL
    line = np.arange(-side, side, spacing) + spacing / 2
    points = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
    with no_grad():
        return float(logsumexp(-energy(name, tensor(points)), 0).data) + 2 * math.log(spacing)
