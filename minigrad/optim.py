"""Optimisers, gradient clipping and learning-rate schedules, with PyTorch's names, defaults and formulas.

    optimizer = Adam(model.parameters(), lr=1e-3)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=1000)
    for batch in data:
        optimizer.zero_grad()
        loss(batch).backward()
        clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()

An optimiser is a formula on arrays, its `update`: it overwrites a parameter and what is kept about it.  The rest --
groups of parameters with their own settings, saving, resuming -- is `Optimizer`.
"""
import numpy as np
from . import lr_scheduler
from .order import in_order
from .devices import device_of, moved
from .tensor import ARRAYS, DeviceArray, Tensor, raw, stamp

LARGE = 1 << 15        # entries from which on Adam's update is fused
NO_SETTINGS = ("params", "initial_lr")     # what a group holds beside the settings; initial_lr is the schedules'


class Optimizer:
    """What all optimisers share.

    param_groups    a list of dicts: "params", a list of tensors, and this group's settings ("lr", ...)
    state           for each parameter that was ever updated, a dict of numbers and arrays
    Raises ValueError for an empty list, a setting out of its range, an unknown setting in a group, or a parameter that
    comes twice; TypeError for what is no tensor; RuntimeError for a tensor that is no leaf.
    """

    def __init__(self, params, **defaults):
        self.name, self.defaults, self.param_groups, self.state = type(self).__name__, defaults, [], {}
        params = [params] if isinstance(params, dict) else params
        if isinstance(params, Tensor):
            raise TypeError(f"{self.name}: params must be a list of tensors or of dicts, not a single tensor")
        params = list(params)
        if not params:
            raise ValueError(f"{self.name}: the list of parameters is empty")
        for group in params if isinstance(params[0], dict) else [{"params": params}]:
            self.add_param_group(group)

    def add_param_group(self, group):
        """Add parameters with settings of their own: {"params": tensors, "lr": 1e-4}; the rest as for the others."""
        unknown = sorted(set(group) - set(self.defaults) - set(NO_SETTINGS))
        if unknown or "params" not in group:
            raise ValueError(f"{self.name}: a parameter group holds 'params' and some of {sorted(self.defaults)}; "
                             + (f"{unknown} are unknown" if unknown else "'params' is missing"))
        params = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        before = {p for other in self.param_groups for p in other["params"]}
        for i, p in enumerate(params):
            if not isinstance(p, Tensor):
                raise TypeError(f"{self.name}: parameter {i} must be a tensor, not {type(p).__name__}")
            if p.rule is not None:
                raise RuntimeError(f"{self.name}: parameter {i}, of shape {p.data.shape}, is the result of an "
                                   "operation; only leaves can be optimised")
            if p in before:
                raise ValueError(f"{self.name}: parameter {i}, of shape {p.data.shape}, comes twice")
            before.add(p)
        group = {**self.defaults, **group, "params": params}
        self.check(**{key: value for key, value in group.items() if key not in NO_SETTINGS})
        self.param_groups.append(group)

    def check(self, **settings):
        """Raise ValueError if a setting is out of its range.  None may be negative; decay rates must be below 1."""
        for key, value in settings.items():
            below = 1 if key in ("betas", "alpha") else np.inf
            if not np.all((np.asarray(value) >= 0) & (np.asarray(value) < below)):
                limits = "must not be negative" if below == np.inf else "must lie in [0, 1)"
                raise ValueError(f"{self.name}: {key} {limits}, and is {value}")

    def zero_grad(self, set_to_none=True):
        """Forget the gradients; with set_to_none=False, replace them by zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None if set_to_none or p.grad is None else Tensor(np.zeros_like(p.data))

    def step(self):
        """Update every parameter that has a gradient, in place."""
        for group in self.param_groups:
            settings = {key: value for key, value in group.items() if key not in NO_SETTINGS}
            for p in group["params"]:
                if p.grad is not None:
                    self.update(p.data, p.grad.data, self.state.setdefault(p, {}), **settings)
                    stamp(p, f"{self.name}.step")

    def update(self, p, g, state, **settings):
        """Overwrite the array p by the update for its gradient g, and what is kept about it in the dict `state`."""
        raise NotImplementedError(f"{self.name}: an optimiser must define update(p, g, state, **settings)")

    def state_dict(self):
        """All that resuming needs: each parameter's state by the parameter's number, and the groups' settings.

        The arrays are copies: later steps do not change them.  `minigrad.save` takes it as it is.
        """
        number = {p: i for i, p in enumerate(self.parameters())}
        return {"state": {str(number[p]): copied(kept) for p, kept in self.state.items()},
                "param_groups": [{**group, "params": [number[p] for p in group["params"]]}
                                 for group in self.param_groups]}

    def load_state_dict(self, state_dict):
        """Take on what state_dict() gave for the same kind of optimiser, with parameters of the same shapes."""
        here = [len(group["params"]) for group in self.param_groups]
        there = [len(group["params"]) for group in state_dict["param_groups"]]
        if here != there:
            raise ValueError(f"{self.name}: the state is that of groups of {there} parameters, and here are {here}")
        for group, saved in zip(self.param_groups, state_dict["param_groups"]):
            if set(saved) - set(NO_SETTINGS) != set(self.defaults):
                raise ValueError(f"{self.name}: the state has the settings {sorted(set(saved) - set(NO_SETTINGS))}, "
                                 f"and here they are {sorted(self.defaults)}")
        params, state = self.parameters(), {}
        for i, kept in state_dict["state"].items():
            state[params[int(i)]] = kept = copied(kept)
            for key, value in kept.items():
                if np.ndim(value) and value.shape != params[int(i)].data.shape:
                    raise ValueError(f"{self.name}: the state's {key} of parameter {i} has shape {value.shape}, "
                                     f"and the parameter {params[int(i)].data.shape}")
        self.state = state
        for group, saved in zip(self.param_groups, state_dict["param_groups"]):
            group.update({key: value for key, value in saved.items() if key != "params"})

    def parameters(self):
        """All parameters, group after group."""
        return [p for group in self.param_groups for p in group["params"]]


def copied(kept):
    """A dict of arrays (or tensors) and numbers, with the arrays copied."""
    return {key: np.copy(raw(v)) if isinstance(raw(v), ARRAYS) else v for key, v in kept.items()}


def keep(state, *names, like):
    """The arrays that `state` keeps under these names, on the device of `like`; zeros in its shape the first time."""
    for name in names:
        if name not in state:
            state[name] = np.zeros_like(like)
        elif type(state[name]) is not type(like):          # the parameter has moved, or the state comes from a file
            state[name] = moved(state[name], device_of(like))
    return [state[name] for name in names]


def decayed(p, g, weight_decay):
    """The gradient of the loss plus weight_decay / 2 * |p|^2."""
    return g + weight_decay * p if weight_decay else g


# ---------------------------------------------------------------------------------------------------------------------
# The optimisers

class SGD(Optimizer):
    """Stochastic gradient descent, b <- momentum b + g;  p <- p - lr b.

    nesterov    step along g + momentum b, the gradient that the momentum is about to see (Sutskever et al. 2013)
    """

    def __init__(self, params, lr=1e-3, momentum=0, weight_decay=0, nesterov=False):
        if nesterov and not momentum > 0:
            raise ValueError(f"SGD: nesterov needs a momentum above 0, and it is {momentum}")
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)

    def update(self, p, g, state, lr, momentum, weight_decay, nesterov):
        """The formula above, on arrays."""
        g = decayed(p, g, weight_decay)
        if momentum:
            b, = keep(state, "momentum_buffer", like=p)
            b *= momentum
            b += g
            g = g + momentum * b if nesterov else b
        p -= lr * g


class RMSprop(Optimizer):
    """Steps divided by a running root mean square: v <- alpha v + (1 - alpha) g^2;  p <- p - lr g / (sqrt(v) + eps).

    momentum    collects the divided gradients as SGD's collects gradients
    Source: T. Tieleman and G. Hinton, Lecture 6.5 of Neural Networks for Machine Learning, 2012.
    """

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0):
        super().__init__(params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)

    def update(self, p, g, state, lr, alpha, eps, weight_decay, momentum):
        """The formula above, on arrays."""
        g = decayed(p, g, weight_decay)
        v, = keep(state, "square_avg", like=p)
        v *= alpha
        v += (1 - alpha) * g * g
        g = g / (np.sqrt(v) + eps)
        if momentum:
            b, = keep(state, "momentum_buffer", like=p)
            b *= momentum
            b += g
            g = b
        p -= lr * g


class Adagrad(Optimizer):
    """Steps divided by the root of all squared gradients so far: s <- s + g^2;  p <- p - lr g / (sqrt(s) + eps).

    lr_decay    the k-th step uses lr / (1 + (k - 1) lr_decay)
    Source: J. Duchi, E. Hazan and Y. Singer, JMLR 12, 2011.
    """

    def __init__(self, params, lr=1e-2, lr_decay=0, weight_decay=0, eps=1e-10):
        super().__init__(params, lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)

    def update(self, p, g, state, lr, lr_decay, weight_decay, eps):
        """The formula above, on arrays."""
        g = decayed(p, g, weight_decay)
        s, = keep(state, "sum", like=p)
        s += g * g
        state["step"] = state.get("step", 0) + 1
        p -= lr / (1 + (state["step"] - 1) * lr_decay) * g / (np.sqrt(s) + eps)


class Adam(Optimizer):
    """Momentum divided by a running root mean square, both corrected for having started from zero.

    m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;  p <- p - lr m' / (sqrt(v') + eps)
    with m' = m / (1 - b1^k) and v' = v / (1 - b2^k) in the k-th step.
    Source: D. Kingma and J. Ba, ICLR 2015.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0):
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(self, p, g, state, lr, betas, eps, weight_decay):
        """The formula above, on arrays."""
        g = decayed(p, g, weight_decay)
        m, v = keep(state, "exp_avg", "exp_avg_sq", like=p)
        state["step"] = k = state.get("step", 0) + 1
        b1, b2 = betas
        rate, root = lr / (1 - b1 ** k), (1 - b2 ** k) ** 0.5
        device = isinstance(p, DeviceArray)
        if (device or p.size >= LARGE) and all(a.flags.c_contiguous for a in (p, m, v)):
            if device:
                from .cuda.fused import adam
            else:
                from .fused import adam    # the same in one pass; loading Numba for it pays only here
            return adam(p, in_order(g), m, v, rate, b1, b2, root, eps)
        m *= b1
        m += (1 - b1) * g
        v *= b2
        v += (1 - b2) * g * g
        p -= rate * m / (np.sqrt(v) / root + eps)


class AdamW(Adam):
    """Adam with weight decay beside the gradient instead of in it: p <- (1 - lr weight_decay) p, then Adam's step.

    Source: I. Loshchilov and F. Hutter, ICLR 2019.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
        super().__init__(params, lr, betas, eps, weight_decay)

    def update(self, p, g, state, lr, betas, eps, weight_decay):
        """The formula above, on arrays."""
        p *= 1 - lr * weight_decay
        super().update(p, g, state, lr, betas, eps, weight_decay=0)


def clip_grad_norm_(parameters, max_norm):
    """Scale all gradients, in place, by one number so that their common 2-norm is at most max_norm.

    parameters      a tensor or an iterable of them; those without a gradient are passed over
    Returns the norm before, a 0-d tensor.
    """
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must not be negative, and is {max_norm}")
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = float(sum(np.sum(np.square(g.data), dtype=np.float64) for g in grads)) ** 0.5
    if norm > max_norm:
        for g in grads:
            g.data *= max_norm / (norm + 1e-6)
            stamp(g, "clip_grad_norm_")
    return Tensor(np.asarray(norm, grads[0].data.dtype if grads else np.float32))
