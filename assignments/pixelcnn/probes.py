"""What the cases run.  Every probe takes arrays, numbers and texts, calls what a student wrote, and gives arrays.

Parameters are drawn from a seed here, in double precision, so they do not depend on what a student's code draws.
"""
import numpy as np
from layers import MaskedConv2d, kernels
from minigrad import manual_seed, no_grad, tensor
from minigrad.optim import Adam
from minigrad.tensor import raw


def filled(module, seed):
    """The module in float64, with parameters drawn from a seed, in hidden taps too: they must not matter."""
    rng = np.random.default_rng(seed)
    for parameter in module.double().parameters():
        fan_in = parameter.data[0].size if parameter.data.ndim > 1 else 1
        parameter.data[...] = rng.standard_normal(parameter.shape) / np.sqrt(fan_in)
    return module


def network(shape, levels, layers, sizes, seed):
    """A small PixelCNN: 2 numbers for each colour of a pixel go in, 3 channels for each colour lie in between."""
    from models.pixelcnn import PixelCNN
    return filled(PixelCNN(shape, levels, embedding=2, channels=3, layers=layers, first_kernel_size=sizes[0],
                           kernel_size=sizes[1]), seed)


def given(table, classes=None):
    """An autoregressive model whose logits are given, whatever the examples are: (levels, *shape).

    With classes they are (classes, levels, *shape), and an example's label says which ones are meant.
    """
    from models.autoregressive import Autoregressive

    class Given(Autoregressive):
        def logits(self, x, y=None):
            return table[np.zeros(len(x), np.int64) if y is None else y]

    table = tensor(table if classes else table[None], requires_grad=True)
    model = Given(shape=table.shape[2:], levels=table.shape[1], classes=classes)
    model.table = table
    return model


# ---------------------------------------------------------------------------------------------------------------------
# Tasks 1 and 2: masks, and the convolution

def masks(mask_type, in_channels, out_channels, kernel_sizes, colours):
    """The mask for each of these kernels."""
    from layers.conv import raster_mask
    return tuple(raster_mask(mask_type, in_channels, out_channels, kernel_size, colours)
                 for kernel_size in kernel_sizes)


def layer(mask_type, colours, x, weight, bias, stride=1, padding="same", dilation=1):
    """A masked convolution with these weights, in the type of x."""
    conv = MaskedConv2d(mask_type, x.shape[1], len(weight), weight.shape[2:], stride, padding, dilation,
                        bias=bias is not None, colours=colours).to(x.dtype)
    conv.weight.data[...] = weight
    if bias is not None:
        conv.bias.data[...] = bias
    return conv


@kernels.using("loops")
def convolution(*arguments):
    """Its output; arguments: see `layer`"""
    return raw(layer(*arguments)(tensor(arguments[2])))


@kernels.using("loops")
def convolution_gradients(cotangent, *arguments):
    """The gradients of <output, cotangent> in x, weight and bias."""
    conv, x = layer(*arguments), tensor(arguments[2], requires_grad=True)
    (conv(x) * tensor(cotangent)).sum().backward()
    return x.grad.data, conv.weight.grad.data, conv.bias.grad.data


@kernels.using("loops")
def seen_by_convolution(mask_type, colours, x, weight, channel, row, column):
    """The gradient in x of one number that the convolution gives."""
    conv, x = layer(mask_type, colours, x, weight, None), tensor(x, requires_grad=True)
    conv(x)[0, channel, row, column].backward()
    return x.grad.data[0]


@kernels.using("loops")
def trained_weight(mask_type, colours, in_channels, out_channels, kernel_size, x, seed):
    """The weight of a new layer after three steps of Adam."""
    manual_seed(seed)
    conv = MaskedConv2d(mask_type, in_channels, out_channels, kernel_size, colours=colours).double()
    optimizer = Adam(conv.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        ((conv(tensor(x)) - 1) ** 2).mean().backward()
        optimizer.step()
    return conv.weight.data


# ---------------------------------------------------------------------------------------------------------------------
# Task 3: the network

@kernels.using("loops")
def network_logits(shape, levels, layers, sizes, seed, x):
    """All logits: (N, levels, *shape)"""
    with no_grad():
        return raw(network(shape, levels, layers, sizes, seed).logits(x))


@kernels.using("loops")
def seen_by_network(shape, levels, layers, sizes, seed, e, position, weights):
    """How much the conditional at a position depends on each colour of each pixel: (*shape)

    That is the largest gradient of a combination of its logits, over some embedded images e and their channels.
    """
    model, e = network(shape, levels, layers, sizes, seed), tensor(e, requires_grad=True)
    (model(e)[:, :, *position] * tensor(weights)).sum().backward()
    return abs(e.grad.data.reshape(len(e), shape[0], -1, *shape[1:])).max((0, 2))


# ---------------------------------------------------------------------------------------------------------------------
# Task 4: the loss

def log_probabilities(table, x, y):
    """log p(x) of a model with given logits, and the gradient of the mean of -log p(x) in these."""
    model = given(table, None if y is None else len(table))
    labels = {} if y is None else {"y": y}
    log_p = raw(model.log_prob(x, **labels))
    model.loss(x, None, **labels).backward()
    gradient = model.table.grad.data
    return log_p, gradient if y is not None else gradient[0]


@kernels.using("loops")
def all_probabilities(shape, layers, sizes, seed):
    """p(x) of all binary images of a shape."""
    images = np.array(list(np.ndindex(*[2] * int(np.prod(shape)))), np.uint8).reshape(-1, *shape)
    with no_grad():
        return np.exp(raw(network(shape, 2, layers, sizes, seed).log_prob(images)))


def refusals(table, x, too_large):
    """1 for each of two kinds of examples that log_prob refuses with a ValueError, else 0: of a wrong shape, and with a
    value out of range."""
    found = []
    for wrong in (x[:, :, :-1], too_large):
        try:
            given(table).log_prob(wrong)
            found.append(0)
        except ValueError:
            found.append(1)
    return np.array(found)


def bits(nats, shapes):
    """Bits per dimension of an example of each of these shapes."""
    from models.likelihood import bits_per_dim
    return np.array([bits_per_dim(nats, shape) for shape in shapes], np.float64)


# ---------------------------------------------------------------------------------------------------------------------
# Tasks 5 and 6: drawing

def order(shape):
    """The positions in the order of drawing, a row each: (entries, axes)"""
    return np.array(list(given(np.zeros((2, *shape))).positions()), np.int64)


def drawn(logits, seed):
    """A value for each row of logits."""
    from models.autoregressive import draw
    return np.asarray(raw(draw(logits, np.random.default_rng(seed))))


def frequencies(logits, number, seed):
    """How often each value comes in so many draws, and how often value j follows itself: (levels,), ()"""
    values = drawn(np.broadcast_to(logits, (number, len(logits))), seed)
    return np.bincount(values, minlength=len(logits)), np.array(np.sum(values[1:] == values[:-1]))


class Protocol:
    """A cache that gives logits by the value before, and writes down what it is asked and told."""

    def __init__(self, table, number):
        self.table, self.last, self.log = table, np.zeros(number, np.int64), []

    def logits(self, position):
        self.log.append((0, *position, *np.zeros_like(self.last)))
        return self.table[self.last]

    def write(self, position, values):
        self.last = np.array(values, np.int64)
        self.log.append((1, *position, *self.last))


def filling(x, known, positions, table, seed):
    """What `fill` makes of x, what it asked (0) and told (1) the cache at which position, and the generator's next."""
    from models.autoregressive import fill
    x, cache, generator = np.array(x), Protocol(table, len(x)), np.random.default_rng(seed)
    fill(x, np.array(known, bool), [tuple(position) for position in positions.tolist()], cache, generator)
    return x.astype(np.int64), np.array(cache.log, np.int64), np.array(generator.random())


@kernels.using("loops")
def inpainted(shape, levels, layers, sizes, seed, x, known, cached):
    """Images completed by a small PixelCNN; cached: 1 or 0"""
    model = network(shape, levels, layers, sizes, seed)
    return model.inpaint(x, np.array(known, bool), np.random.default_rng(seed), cached=bool(cached)).astype(np.int64)


# ---------------------------------------------------------------------------------------------------------------------
# Tasks 7 and 8: fast drawing, and training

def cached_logits(shape, levels, layers, sizes, seed, x):
    """All conditionals of images that the cache is told entry by entry: (entries, N, levels)"""
    model = network(shape, levels, layers, sizes, seed)
    cache, found = model.cache(x), []
    for row, column, colour in np.ndindex(*shape[1:], shape[0]):
        with no_grad():
            found.append(np.array(raw(cache.logits((colour, row, column)))))
        cache.write((colour, row, column), x[:, colour, row, column])
    return np.array(found)


@kernels.using("loops")
def training(x, levels, steps, seed):
    """The loss of each of some steps of Adam, in nats: (steps,)"""
    model = network(x.shape[1:], levels, 1, (3, 3), seed)
    optimizer, losses = Adam(model.parameters(), lr=0.02), []
    for _ in range(steps):
        loss = model.loss(x, None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses)
