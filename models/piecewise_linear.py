"""The increasing piecewise linear map of the line, the simplest flow: f is given by its value at the left end of an
interval and its rise over each of Q equal pieces of it, and

    log p(x) = -(f(x)^2 + log 2 pi) / 2 + log f'(x).

f' comes from autograd, under `create_graph`, so training differentiates a derivative: a double backward.
Source: Fleuret's lecture 10.3 (PiecewiseLinear).  There f is constant outside the interval, so that f' = 0 and the
density vanishes, and f is no bijection; here the outer pieces go on as straight lines.  There y_0 = alpha + exp(xi_0),
two parameters for one number; here y_0 = alpha, and there is one xi for each piece.
"""
import math
import numpy as np
from layers import Module, ModuleList, Parameter
from minigrad import enable_grad, exp, full, is_grad_enabled, log, tensor
from minigrad.autograd import grad
from minigrad.devices import on_cpu
from .flow import Flow, StandardiseLayer


class PiecewiseLinear(Flow):
    """A density on the line, for examples of shape (1,).  Standardised data go through the map, which starts as x -> x.

    pieces      how many there are
    xmin, xmax  the interval that they divide, in standard deviations from the data's mean
    """

    def __init__(self, shape=(1,), levels=None, pieces=100, xmin=-4.0, xmax=4.0):
        super().__init__(shape=shape, levels=levels, pieces=pieces, xmin=xmin, xmax=xmax)
        if tuple(shape) != (1,):
            raise ValueError(f"PiecewiseLinear: takes single numbers, of shape (1,), not {tuple(shape)}")
        self.layers = ModuleList([StandardiseLayer(shape), Increasing(pieces, xmin, xmax)])


class Increasing(Module):
    """f(x) = y_n + a h_n with u = Q (x - xmin) / (xmax - xmin), n = floor(u) within 0 ... Q - 1, a = u - n, and rises
    h = exp(xi), y_n = alpha + h_0 + ... + h_(n-1).
    """

    def __init__(self, pieces, xmin, xmax):
        super().__init__()
        if pieces < 1 or not xmin < xmax:
            raise ValueError(f"Increasing: needs a piece or more and xmin < xmax, not {pieces}, {xmin} and {xmax}")
        self.pieces, self.xmin, self.width = pieces, xmin, (xmax - xmin) / pieces
        self.alpha = Parameter(full((1,), float(xmin)))
        self.xi = Parameter(full((pieces,), math.log(self.width)))

    def knots(self):
        """y and h: the value of f at the left end of each piece, and the rise of f over it: (Q,), (Q,)"""
        h = exp(self.xi)
        return self.alpha + h.cumsum(0) - h, h

    def map(self, x):
        """f(x), entry by entry: (N, 1) -> (N, 1)

        The outer pieces go on as straight lines outside of the interval.  n has no derivative, u - n has.
        """
        y, h = self.knots()
        u = (x - self.xmin) / self.width
        n = u.detach().floor().clamp(0, self.pieces - 1).long()
        return y[n] + (u - n) * h[n]       # u - n leaves [0, 1] outside the interval: the outer pieces go on

    def forward(self, x):
        """f(x) of (N, 1), and log f'(x), (N,), f being `map`, whatever it is.

        f' is the gradient of the sum of all f(x) in x, since each f(x) depends on its own x only; `grad` finds it.
        Where gradients are recorded, so is this one, and the loss can be differentiated through it.  Under no_grad f'
        is found all the same, and neither result requires a gradient.
        """
        create_graph = is_grad_enabled()
        with enable_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            y = self.map(x)
            derivative, = grad(y.sum(), x, retain_graph=True, create_graph=create_graph)
        return y if create_graph else y.detach(), log(derivative).sum(1)

    def inverse(self, z):
        """The x of which f makes z: (N, 1) -> (N, 1)"""
        y, h = self.knots()
        n = tensor(np.searchsorted(on_cpu(y)[1:], on_cpu(z), side="right"), device=z.device)
        return self.xmin + self.width * (n + (z - y[n]) / h[n])
