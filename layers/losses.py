"""Losses: how far predictions are from targets.

`reduction` says what becomes of the single losses: their "mean" (the default), their "sum", or "none" of the two.
"""
import numpy as np
from minigrad import abs, clamp, gather, log, log_softmax, mean, record, sigmoid, softmax, squeeze, sum, unsqueeze
from minigrad.dtypes import check_together, is_floating, operands
from minigrad.tensor import ARRAYS, DeviceArray, raw
from .module import Module

LARGE = 1 << 16        # from so many logits on, the fused kernels are worth loading Numba for


def reduced(name, losses, reduction):
    """The losses, put together as `reduction` says."""
    if reduction == "mean":
        return mean(losses)
    if reduction == "sum":
        return sum(losses)
    if reduction == "none":
        return losses
    raise ValueError(f'{name}: reduction must be "mean", "sum" or "none", not {reduction!r}')


def check_same_shape(name, input, target):
    """Refuse to compare tensors of different shapes: broadcasting would compare everything with everything."""
    if input.shape != target.shape:
        raise ValueError(f"{name}: the input has shape {input.shape} and the target {target.shape}; they must be equal")


# ---------------------------------------------------------------------------------------------------------------------
# Classes

def cross_entropy(input, target, *, reduction="mean"):
    """-log softmax(input)[target]: the negative log-likelihood of classes, from logits, in nats.

    input       logits (N, C), (N, C, d1, ...) or (C,): C classes on the second axis, or the only one
    target      the true classes, integers from 0 to C - 1: (N,), (N, d1, ...) or ()
    Raises TypeError for targets that are no integers, ValueError for shapes that do not fit, IndexError for labels out
    of range, naming the label.
    """
    check_labels("cross_entropy", input, target)
    if len(input.shape) == 1:
        input, target = unsqueeze(input, 0), unsqueeze(target, 0)
        return reduced("cross_entropy", squeeze(class_losses(input, target), 0), reduction)
    return reduced("cross_entropy", class_losses(input, target), reduction)


def class_losses(x, target):
    """-log softmax(x)[target] along the second axis, one loss for each label.

    One operation, not a composition of log_softmax and the choice of an entry: that would keep another array of the
    size of the logits for backward, and for a PixelCNN's 256 grey levels those are the largest arrays of all.  Large
    logits go through kernels that read them once and write nothing but the result; see kernels/cross_entropy.py.
    """
    kernel = fused(raw(x))
    if kernel:
        losses = kernel.forward(raw(x), raw(target))
    else:
        losses = -np.take_along_axis(log_softmax(raw(x), 1), np.expand_dims(raw(target), 1), 1).squeeze(1)
    return record(losses, cross_entropy_rule, x, target)


def cross_entropy_rule(g, y, x, target):
    """dx gets (softmax(x) - one_hot(target)) g."""
    kernel = isinstance(x, ARRAYS) and isinstance(g, ARRAYS) and fused(x)
    if kernel:
        return kernel.gradient(g, raw(y), x, raw(target)), None
    classes = np.arange(x.shape[1], like=raw(x)).reshape(-1, *[1] * (len(x.shape) - 2))
    one_hot = (classes == np.expand_dims(raw(target), 1)).astype(x.dtype)
    return (softmax(x, 1) - one_hot) * unsqueeze(g, 1), None


def fused(x):
    """The module of kernels that takes an array of logits: all that are on a GPU, else large float32 ones; or None."""
    if isinstance(x, DeviceArray):
        from .kernels import cross_entropy_cuda as kernel
    elif x.dtype == np.float32 and x.size >= LARGE:
        from .kernels import cross_entropy as kernel
    else:
        kernel = None
    return kernel


def nll_loss(input, target, *, reduction="mean"):
    """-input[target]: the negative log-likelihood of classes, from log-probabilities; shapes as in `cross_entropy`."""
    check_labels("nll_loss", input, target)
    axis = 0 if len(input.shape) == 1 else 1
    losses = -squeeze(gather(input, axis, unsqueeze(target, axis)), axis)
    return reduced("nll_loss", losses, reduction)


def check_labels(name, input, target):
    """The target has an integer label, in the range of the classes, for each position of the input."""
    if not is_floating(input):
        raise TypeError(f"{name}: the input must be floating-point, not {input.dtype}")
    if target.dtype.kind not in "iu":
        raise TypeError(f"{name}: the target must hold the classes' numbers, integers, not {target.dtype}; "
                        "convert it with .long()")
    if not input.shape:
        raise ValueError(f"{name}: the input must be (N, C), (N, C, ...) or (C,), not a single number")
    axis = 0 if len(input.shape) == 1 else 1
    expected = input.shape[:axis] + input.shape[axis + 1:]
    if target.shape != expected:
        raise ValueError(f"{name}: an input of shape {input.shape} needs a target of shape {expected}, "
                         f"not {target.shape}")
    labels, classes = raw(target), input.shape[axis]
    check_together(name, raw(input), labels)
    if isinstance(labels, DeviceArray):    # without waiting for the device
        labels.require_within(classes, f"{name}: label {{}} is out of range for {classes} classes, 0 to {classes - 1}")
    elif labels.size and (labels.min() < 0 or labels.max() >= classes):
        wrong = labels[(labels < 0) | (labels >= classes)].flat[0]
        raise IndexError(f"{name}: label {wrong} is out of range for {classes} classes, 0 to {classes - 1}")


# ---------------------------------------------------------------------------------------------------------------------
# Numbers

def mse_loss(input, target, *, reduction="mean"):
    """(input - target)^2, for shapes that are equal."""
    check_same_shape("mse_loss", input, target)
    return reduced("mse_loss", (input - target) ** 2, reduction)


def l1_loss(input, target, *, reduction="mean"):
    """|input - target|, for shapes that are equal."""
    check_same_shape("l1_loss", input, target)
    return reduced("l1_loss", abs(input - target), reduction)


# ---------------------------------------------------------------------------------------------------------------------
# Yes or no

def binary_cross_entropy(input, target, *, reduction="mean"):
    """-(target log(input) + (1 - target) log(1 - input)), the input being probabilities; logarithms end at -100.

    Where there are logits, `binary_cross_entropy_with_logits` is more exact.
    Raises ValueError for inputs outside [0, 1] or shapes that differ.
    """
    check_same_shape("binary_cross_entropy", input, target)
    array = raw(input)
    if np.any((array < 0) | (array > 1)):
        raise ValueError(f"binary_cross_entropy: inputs must be probabilities, and these go from {array.min()} to "
                         f"{array.max()}; for logits there is binary_cross_entropy_with_logits")
    return reduced("binary_cross_entropy", probability_losses(input, target), reduction)


def probability_losses(x, target):
    """-(t log(x) + (1 - t) log(1 - x)), entry by entry."""
    p, t = operands("binary_cross_entropy", x, target)
    with np.errstate(divide="ignore"):     # log 0 = -inf ends at -100
        losses = -(t * np.maximum(np.log(p), -100) + (1 - t) * np.maximum(np.log1p(-p), -100))
    return record(losses, binary_cross_entropy_rule, x, target)


def binary_cross_entropy_rule(g, y, x, target):
    """dy = (x - t) / (x (1 - x)) dx + (log(1 - x) - log(x)) dt."""
    return ((lambda: g * (x - target) / clamp(x * (1 - x), min=1e-12)),
            (lambda: g * (clamp(log(1 - x), min=-100) - clamp(log(x), min=-100))))


def binary_cross_entropy_with_logits(input, target, *, reduction="mean"):
    """-(target log(s) + (1 - target) log(1 - s)) with s = sigmoid(input), stable however large the input.

    Raises ValueError for shapes that differ.
    """
    check_same_shape("binary_cross_entropy_with_logits", input, target)
    return reduced("binary_cross_entropy_with_logits", logit_losses(input, target), reduction)


def logit_losses(x, target):
    """max(x, 0) - t x + log(1 + exp(-|x|)), entry by entry: the exponential can't overflow."""
    z, t = operands("binary_cross_entropy_with_logits", x, target)
    losses = np.maximum(z, 0) - t * z + np.log1p(np.exp(-np.abs(z)))
    return record(losses, binary_cross_entropy_with_logits_rule, x, target)


def binary_cross_entropy_with_logits_rule(g, y, x, target):
    """dy = (sigmoid(x) - t) dx - x dt."""
    return (lambda: g * (sigmoid(x) - target)), (lambda: -g * x)


# ---------------------------------------------------------------------------------------------------------------------
# The modules

class Loss(Module):
    """What the loss modules share: the reduction."""

    def __init__(self, reduction="mean"):
        super().__init__()
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f'{type(self).__name__}: reduction must be "mean", "sum" or "none", not {reduction!r}')
        self.reduction = reduction


class CrossEntropyLoss(Loss):
    """functional.cross_entropy as a module."""

    def forward(self, input, target):
        return cross_entropy(input, target, reduction=self.reduction)


class NLLLoss(Loss):
    """functional.nll_loss as a module."""

    def forward(self, input, target):
        return nll_loss(input, target, reduction=self.reduction)


class MSELoss(Loss):
    """functional.mse_loss as a module."""

    def forward(self, input, target):
        return mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """functional.l1_loss as a module."""

    def forward(self, input, target):
        return l1_loss(input, target, reduction=self.reduction)


class BCELoss(Loss):
    """functional.binary_cross_entropy as a module."""

    def forward(self, input, target):
        return binary_cross_entropy(input, target, reduction=self.reduction)


class BCEWithLogitsLoss(Loss):
    """functional.binary_cross_entropy_with_logits as a module."""

    def forward(self, input, target):
        return binary_cross_entropy_with_logits(input, target, reduction=self.reduction)
