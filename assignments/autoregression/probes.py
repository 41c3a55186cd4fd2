"""What the grader calls: functions of arrays that give arrays, computed by what the student wrote."""
import itertools
from types import FunctionType
import numpy as np
import minigrad
from layers import CausalConv1d, kernels
from layers.convolution import causal_zeros
from minigrad import Tensor, no_grad
from minigrad.autograd import grad
from minigrad.random import inverse_cdf
from minigrad.tensor import raw
from models.autoregressive import Autoregressive, draw, fill
from models.causal import CausalToy, DilatedToy, causal_layers
from models.likelihood import bits_per_dim, evaluate, mean_cost, perplexity
from models.made import MADE, Connections
from models.masked_linear import connected, masked_outer, masked_product, product


def each(probe, *calls):
    """The values of one of the probes below for several lists of arguments, one after the other."""
    values = []
    for arguments in calls:
        given = globals()[probe](*arguments)
        values += given if isinstance(given, tuple) else (given,)
    return tuple(values)


def generator(seed):
    """A generator of random numbers."""
    return np.random.default_rng(seed)


# ---------------------------------------------------------------------------------------------------------------------
# Task 1

def padded(x, amounts, value=0):
    """pad of an array, which must stay as it is."""
    before, y = x.copy(), minigrad.pad(x, amounts, value=value)
    return np.array(y), bool(np.array_equal(x, before))


def pad_cotangent(x, amounts):
    """What the rule of pad gives for 1, 2, 3 ...: on a bare array, then on a tensor, and whether that was recorded."""
    y = minigrad.pad(Tensor(x, requires_grad=True), amounts)
    if not isinstance(y, Tensor) or y.rule is None:
        raise TypeError("pad of a tensor that requires a gradient must give a tensor with a rule: `record` does it")
    g = np.arange(1.0, y.data.size + 1).reshape(y.shape)
    on_array = y.rule(g, y.data, *map(raw, y.inputs), **y.parameters)
    on_tensor = y.rule(Tensor(g, requires_grad=True), y, *y.inputs, **y.parameters)
    on_array, on_tensor = (gx() if isinstance(gx, FunctionType) else gx for gx in (on_array, on_tensor))
    recorded = isinstance(on_tensor, Tensor) and on_tensor.requires_grad
    return np.asarray(on_array), np.asarray(raw(on_tensor)), "recorded" if recorded else "not recorded"


def refused(x, amounts):
    """What pad raises."""
    try:
        return f"an array of shape {minigrad.pad(x, amounts).shape}"
    except ValueError:
        return "ValueError"


# ---------------------------------------------------------------------------------------------------------------------
# Task 2

def zeros(settings):
    """causal_zeros for each row (kernel, dilation)."""
    return np.array([causal_zeros(int(kernel), int(dilation)) for kernel, dilation in settings])


@kernels.using("loops")
def causal(x, w, b, dilation, shift):
    """The values of a CausalConv1d, and the gradients of their sum, weighted with 1, 2, 3 ..., in x and in w."""
    layer = CausalConv1d(w.shape[1], w.shape[0], w.shape[2], dilation, shift)
    set_parameters([layer.weight, layer.bias], [w, b])
    x = Tensor(x, requires_grad=True)
    y = layer(x)
    weights = Tensor(np.arange(1.0, y.data.size + 1).reshape(y.shape))
    return y.data, *(g.data for g in grad(y, [x, layer.weight], weights))


@kernels.using("loops")
def seen(settings, channels, length, factor):
    """Which entries (columns) each output (rows) of causal_layers depends on: exactly, by gradients."""
    layers = causal_layers(settings, channels)
    for layer in layers:
        positive(layer, factor)
    return dependencies(lambda x: through(layers, x), length), described(layers)


@kernels.using("loops")
def lags(name, length, settings):
    """The lags that the last output of one of the lecture's networks depends on, a text; 1 is the entry before it."""
    model = (CausalToy if name == "CausalToy" else DilatedToy)((length,), 2, channels=2, **dict(settings))
    for layer in model.layers:
        positive(layer, 1.0)
    found = dependencies(lambda x: through(model.layers, x), length)[-1]
    return "the lags " + " ".join(str(length - 1 - t) for t in np.flatnonzero(found)[::-1])


def through(layers, x):
    """The layers, one after the other."""
    for layer in layers:
        x = layer(x)
    return x


def positive(layer, factor):
    """Give a layer weights that are all positive: then no two paths through it can cancel."""
    layer.weight.data = np.full(layer.weight.shape, factor)
    layer.bias.data = np.zeros(layer.bias.shape)


def dependencies(function, length):
    """Where the gradients of function's outputs, (1, C, T), in its input, (1, 1, T), are not zero: a mask (T, T)."""
    x = Tensor(np.ones((1, 1, length)), requires_grad=True)
    y = function(x)
    rows = []
    for t in range(y.shape[2]):
        v = np.zeros(y.shape)
        v[:, :, t] = 1
        g, = grad(y, x, Tensor(v), retain_graph=True, allow_unused=True)
        rows.append(np.zeros(length, bool) if g is None else g.data[0, 0] != 0)
    return np.array(rows)


def described(layers):
    """What the layers are, a line each."""
    return "; ".join(f"{layer.in_channels} to {layer.out_channels}, kernel {layer.kernel_size[0]}, dilation "
                     f"{layer.dilation[0]}" + (", shifted" if layer.shift else "") for layer in layers)


def set_parameters(parameters, arrays):
    """Overwrite parameters."""
    for parameter, array in zip(parameters, arrays):
        parameter.data = array.copy()


# ---------------------------------------------------------------------------------------------------------------------
# Task 3

def mask(sources, targets):
    """The mask of connections."""
    return np.asarray(connected(sources, targets))


def masked(x, weight, sources, targets):
    """The masked layer."""
    return masked_product(x, weight, sources, targets)


def masked_gradient(g, x, sources, targets):
    """The masked layer's gradient in its weight."""
    return masked_outer(g, x, sources, targets)


def through_mask(x, weight, g, sources, targets):
    """The masked layer as an operation: its gradients in x and in the weight, and second ones."""
    x, weight, g = (Tensor(array, requires_grad=True) for array in (x, weight, g))
    first = grad(product(x, weight, sources=sources, targets=targets), [x, weight], g, create_graph=True)
    again = grad(first, [x, weight, g], [Tensor(x.data + 1), Tensor(weight.data + 1)])
    return *(t.data for t in first), *(t.data for t in again)


def degrees(size, hidden, seed):
    """The degrees that a MADE draws for its hidden units, and once more for another generator."""
    model = MADE((size,), hidden=hidden)
    return tuple(np.asarray(layer) for seed in (seed, seed + 1) for layer in model.draw_degrees(generator(seed)))


def wiring(ranks, units, levels, direct):
    """What is connected with what: for each layer, its number in the network, its sources, and its targets."""
    model = MADE((len(ranks),), levels=levels, hidden=tuple(len(layer) for layer in units), direct=direct)
    layers = [*model.hidden, model.head, model.direct]
    hidden, heads = model.wiring(Connections(ranks, list(units)))
    values = ()
    for layer, sources, targets in [*hidden, *heads]:
        number, = (k for k, one in enumerate(layers) if one is layer)
        values += number, np.asarray(sources), np.asarray(targets)
    return len(hidden), *values


def made_sees(ranks, units, direct):
    """Which entries (columns) the logits of each entry (rows) of a MADE depend on: exactly, by gradients."""
    model = a_made(ranks, units, direct)
    for parameter in model.parameters():
        parameter.data = np.ones(parameter.shape)
    x = Tensor(np.ones((1, len(ranks))), requires_grad=True)
    y = model.outputs(x)
    return np.array([grad(y, x, Tensor(row[None]), retain_graph=True)[0].data[0] != 0 for row in np.eye(len(ranks))])


def a_made(ranks, units, direct, order="natural"):
    """A MADE of binary entries with these degrees, in float64."""
    model = MADE((len(ranks),), hidden=tuple(len(layer) for layer in units), direct=direct, order=order).double()
    model.members = [Connections(ranks, list(units))]
    model.chosen = model.members[0]
    return model


def made_probabilities(shape, levels, hidden, order, direct, seed):
    """The probabilities of all examples, under a MADE that draws its own degrees."""
    model = MADE(shape, levels=levels, hidden=hidden, order=order, direct=direct, seed=seed).double()
    randomise(model, seed)
    return probabilities(model)


def randomise(model, seed):
    """Give a model random parameters that are far from zero, in float64."""
    rng = generator(seed)
    for parameter in model.parameters():
        parameter.data = rng.standard_normal(parameter.shape)


def probabilities(model):
    """p(x) of all examples."""
    every = np.array(list(itertools.product(range(model.levels), repeat=int(np.prod(model.shape)))))
    with no_grad():
        return np.exp(model.log_prob(every.reshape(-1, *model.shape)).data)


# ---------------------------------------------------------------------------------------------------------------------
# Tasks 4 and 5: a model of one layer, whose weights are given

class OneLayer(Autoregressive):
    """Logits that are linear in the entries: b (levels, D), W (levels, D, D), 0 where an entry would see too much."""

    def __init__(self, shape, b, w):
        super().__init__(shape=shape, levels=len(b))
        self.b, self.w, self.asked, self.modes = b, w, [], []

    def logits(self, x):
        self.modes.append((self.training, minigrad.is_grad_enabled()))
        entries = x.reshape(len(x), -1).astype(float)
        logits = self.b + (self.w * entries[:, None, None]).sum(3)
        return Tensor(logits.reshape(len(x), self.levels, *self.shape), requires_grad=minigrad.is_grad_enabled())

    def cache(self, x):
        return Witness(self, x)


class Witness:
    """A cache that runs the whole layer, and takes down what it is asked and told, and whether that was recorded."""

    def __init__(self, model, x):
        self.model, self.x, self.told = model, np.zeros_like(x), model.asked

    def logits(self, position):
        self.told.append((0, np.ravel_multi_index(position, self.model.shape), minigrad.is_grad_enabled()))
        return self.model.logits(self.x).data[:, :, *position]

    def write(self, position, values):
        self.told.append((1, np.ravel_multi_index(position, self.model.shape), minigrad.is_grad_enabled()))
        self.x[:, *position] = values


def log_prob(x, b, w):
    """log p(x) of each example."""
    return OneLayer(x.shape[1:], b, w).log_prob(x).data


def in_units(nats, shape):
    """Bits per dimension and perplexity."""
    return np.array([bits_per_dim(nats, shape), perplexity(nats, shape)])


def measured(x, b, w, batch_size):
    """mean_cost of -log p(x): the mean, the batches' sizes, the modes on the way, and the mode afterwards."""
    model, sizes, looked = OneLayer(x.shape[1:], b, w), [], []

    def cost(batch):
        sizes.append(len(batch))
        looked.append((model.training, minigrad.is_grad_enabled()))
        return raw(model.logits(batch))[:, 0, 0] * 3 + batch[:, 0]
    found = []
    for training in (True, False):
        model.train(training)
        found += [mean_cost(model, x, None, cost, batch_size), model.training]
    return *map(float, found), np.array(sizes), np.array(looked)


def measured_perplexity(x, b, w, batch_size):
    """The perplexity of a test set, evaluated in batches."""
    model = OneLayer(x.shape[1:], b, w)
    return perplexity(evaluate(model, x, generator(0), batch_size=batch_size), model.shape)


@kernels.using("loops")
def causal_probabilities(levels, length, seed):
    """The probabilities of all sequences, under a CausalToy with random parameters."""
    model = CausalToy((length,), levels, channels=3).double()
    randomise(model, seed)
    return probabilities(model)


# ---------------------------------------------------------------------------------------------------------------------
# Task 5

def positions(shape):
    """The positions, in order."""
    return np.array(OneLayer(shape, np.zeros((2, 1)), 0).positions())


class Given:
    """A generator that gives these numbers, if it is asked for random ones."""

    def __init__(self, numbers):
        self.numbers = numbers

    def random(self, size=None):
        return np.resize(self.numbers, size)


def indices(p, number, seed):
    """inverse_cdf of weights; the numbers u are those of a seed, or given."""
    return inverse_cdf(p, number, Given(seed) if isinstance(seed, np.ndarray) else generator(seed))


def drawn(logits, seed):
    """A value for each row of logits, and the next random number that the generator gives."""
    rng = generator(seed)
    return draw(logits, rng), rng.random()


def filled(x, known, order, b, w, seed):
    """The completed examples, and what the cache was asked and told in turn; whether operations were recorded there."""
    model, rng = OneLayer(x.shape[1:], b, w), generator(seed)
    steps = [model.positions()[k] for k in order]
    fill(x, known, steps, model.cache(x), rng)
    return x, np.array(model.asked), rng.random()


def sampled(number, shape, b, w, seed):
    """Samples, by the model's own cache and without one."""
    model = OneLayer(shape, b, w)
    return tuple(model.sample(number, generator(seed), cached=cached) for cached in (True, False))


def completed(x, known, b, w, seed):
    """In-painted examples, and x, which must stay as it is."""
    return OneLayer(x.shape[1:], b, w).inpaint(x, known, generator(seed)), x


@kernels.using("loops")
def network_samples(number, length, levels, seed):
    """Samples of a DilatedToy with random parameters, from its cache and without it."""
    model = DilatedToy((length,), levels, channels=4).double()
    randomise(model, seed)
    return tuple(model.sample(number, generator(seed), cached=cached) for cached in (True, False))


def made_samples(ranks, units, seed, known):
    """Examples that a MADE draws around the known entries, from its cache and without it."""
    model = a_made(ranks, units, True)
    randomise(model, seed)
    x = generator(seed).integers(0, 2, (20, len(ranks)))
    return tuple(model.inpaint(x, known, generator(seed), cached=cached) for cached in (True, False))
