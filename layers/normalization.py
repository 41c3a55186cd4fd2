"""Layer and batch normalisation.  Both do the same along different axes: subtract the mean, divide by the deviation."""
import numpy as np
from minigrad import mean, no_grad, ones, record, reshape, rsqrt, tensor, var, zeros
from minigrad.tensor import raw
from .module import Module, Parameter


def normalize_along(x, dim, eps):
    """(x - mean(x)) / sqrt(var(x) + eps), mean and (biased) variance being taken along the axes `dim`."""
    centred = raw(x) - mean(raw(x), dim, keepdim=True)
    centred /= np.sqrt(mean(np.square(centred), dim, keepdim=True) + eps)
    return record(centred, normalize_along_rule, x, dim=dim, eps=eps)


def normalize_along_rule(g, y, x, dim, eps):
    """dx gets (g - mean(g) - y mean(g y)) / sqrt(var(x) + eps): neither a shift of x nor a scaling moves y."""
    scale = rsqrt(var(x, dim, keepdim=True, correction=0) + eps)
    return scale * (g - mean(g, dim, keepdim=True) - y * mean(g * y, dim, keepdim=True))


# ---------------------------------------------------------------------------------------------------------------------
# Layer normalisation

def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5):
    """Normalise each example by itself, along its last axes (Ba et al., 2016), torch.nn.functional.layer_norm.

    normalized_shape    the sizes of those axes, which weight and bias have too
    Raises ValueError when shapes do not fit.
    """
    shape = sizes(normalized_shape)
    if not shape or input.shape[-len(shape):] != shape:
        raise ValueError(f"layer_norm: normalized_shape {shape} does not fit the last axes of x {input.shape}")
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and parameter.shape != shape:
            raise ValueError(f"layer_norm: the {name} must have the shape {shape}, not {parameter.shape}")
    return affine(normalize_along(input, tuple(range(-len(shape), 0)), eps), weight, bias)


def sizes(given):
    """Sizes given as one number or several."""
    return (given,) if isinstance(given, (int, np.integer)) else tuple(given)


def affine(y, weight, bias):
    """weight * y + bias, each if there is one."""
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNorm(Module):
    """`layer_norm` with learned weight, from 1, and bias, from 0; elementwise_affine=False does without them."""

    def __init__(self, normalized_shape, eps=1e-5, elementwise_affine=True):
        super().__init__()
        self.normalized_shape, self.eps = sizes(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        self.register_parameter("weight", Parameter(ones(self.normalized_shape)) if elementwise_affine else None)
        self.register_parameter("bias", Parameter(zeros(self.normalized_shape)) if elementwise_affine else None)

    def forward(self, x):
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


# ---------------------------------------------------------------------------------------------------------------------
# Batch normalisation

def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """Normalise each channel over the whole batch (Ioffe and Szegedy, 2015), torch.nn.functional.batch_norm.

    input       (N, C) or (N, C, ...)
    running_mean, running_var   (C,): what is used in evaluation.  In training they are moved, in place, towards the
                batch's mean and unbiased variance, by the fraction `momentum` of the way; they may then be None
    weight, bias    (C,) or None
    Raises ValueError when shapes do not fit, and in training if a channel has only one value.
    """
    if len(input.shape) < 2:
        raise ValueError(f"batch_norm: the input must be (N, C, ...); its shape is {input.shape}")
    channels = input.shape[1]
    per_channel = (1, channels) + (1,) * (len(input.shape) - 2)
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, x in given.items():
        if x is not None and x.shape != (channels,):
            raise ValueError(f"batch_norm: x {input.shape} has {channels} channels, {name} has shape {x.shape}")
    if training:
        y = normalize_batch(input, running_mean, running_var, momentum, eps)
    elif running_mean is None or running_var is None:
        raise ValueError("batch_norm: evaluation needs running_mean and running_var")
    else:
        y = (input - reshape(running_mean, per_channel)) * reshape(rsqrt(running_var + eps), per_channel)
    return affine(y, *(x if x is None else reshape(x, per_channel) for x in (weight, bias)))


def normalize_batch(x, running_mean, running_var, momentum, eps):
    """The training part: normalise by the batch's own statistics, and let the running ones follow."""
    dim = (0, *range(2, len(x.shape)))
    count = raw(x).size // x.shape[1] if x.shape[1] else 0
    if count < 2:
        raise ValueError(f"batch_norm: training needs more than one value per channel, x {x.shape} has {count}")
    with no_grad():
        if running_mean is not None:
            running_mean.mul_(1 - momentum).add_(mean(raw(x), dim) * momentum)
        if running_var is not None:
            running_var.mul_(1 - momentum).add_(var(raw(x), dim) * momentum)
    return normalize_along(x, dim, eps)


class BatchNorm(Module):
    """What BatchNorm1d and BatchNorm2d share: `batch_norm` with its running statistics.

    momentum    how fast these follow; None makes them the plain average over all batches
    affine      whether there are a learned weight, from 1, and bias, from 0
    """
    ranks, layout = (), ""

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=True):
        super().__init__()
        self.num_features, self.eps, self.momentum, self.affine = num_features, eps, momentum, affine
        self.register_parameter("weight", Parameter(ones(num_features)) if affine else None)
        self.register_parameter("bias", Parameter(zeros(num_features)) if affine else None)
        self.register_buffer("running_mean", zeros(num_features))
        self.register_buffer("running_var", ones(num_features))
        self.register_buffer("num_batches_tracked", tensor(0))

    def forward(self, x):
        if len(x.shape) not in self.ranks or x.shape[1] != self.num_features:
            raise ValueError(f"{type(self).__name__}: the input must be {self.layout} with {self.num_features} "
                             f"channels; its shape is {x.shape}")
        momentum = self.momentum
        if self.training and momentum is None:
            momentum = 1 / (self.num_batches_tracked.item() + 1)
        y = batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, self.training, momentum,
                       self.eps)
        if self.training:
            self.num_batches_tracked.add_(1)
        return y

    def extra_repr(self):
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}"


class BatchNorm1d(BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L); see `BatchNorm`."""
    ranks, layout = (2, 3), "(N, C) or (N, C, L)"


class BatchNorm2d(BatchNorm):
    """Batch normalisation of (N, C, H, W); see `BatchNorm`."""
    ranks, layout = (4,), "(N, C, H, W)"
