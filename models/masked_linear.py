"""Linear layers in which each unit sees some of the inputs only, said by numbers: the masks of MADE.

Every input has a degree, and every output the highest degree that it may see:

    y_i = b_i + sum over j with sources_j <= targets_i of  W_ij x_j.

For entries, the degree is when they are drawn, 1 ... D; a hidden unit of degree m knows the entries 1 ... m and nothing
else; the output for entry d may see degrees up to d - 1.  So whatever the layers between, no output sees its own entry.

Where sources and targets are sorted, the mask is a staircase, and nearly half of it is zero.  So the products are taken
for a run of outputs at a time, with those inputs only that this run sees.
"""
import numpy as np
from layers import Linear
from minigrad import operation, transpose
from minigrad.tensor import DeviceArray, raw
from .orderings import OrderedCache

RUNS = 8               # of outputs; with more, less is computed in vain, and the products become small
SHORTEST = 32          # outputs in a run


def connected(sources, targets):
    """Which outputs see which inputs: the mask, bool (outputs, inputs)"""
    sources, targets = sources.astype(np.int32), targets.astype(np.int32)          # compared twice as fast as int64
    return sources <= targets[:, None]


def runs(sources, targets):
    """Runs of outputs, and the inputs from the first to the last that any of them sees: pairs of slices.

    Where the degrees are on a GPU, all at once: there, one large product takes less time than some small ones.
    """
    if isinstance(sources, DeviceArray):
        yield slice(None), slice(None)
        return
    bounds = np.linspace(0, len(targets), max(1, min(RUNS, len(targets) // SHORTEST)) + 1).astype(int)
    for first, last in zip(bounds, bounds[1:]):
        seen = np.flatnonzero(sources <= targets[first:last].max())
        if seen.size:
            yield slice(first, last), slice(seen[0], seen[-1] + 1)


def masked_product(x, weight, sources, targets):
    """The sums over j with sources_j <= targets_i of weight_ij x_j: (N, inputs) -> (N, outputs)

    weight      (outputs, inputs)
    sources     integers (inputs,): the degrees of the inputs
    targets     integers (outputs,): the highest degrees that the outputs see
    """
    y = np.zeros((len(x), len(weight)), x.dtype, like=x)
    for rows, columns in runs(sources, targets):
        y[:, rows] = x[:, columns] @ (weight[rows, columns] * connected(sources[columns], targets[rows])).T
    return y


def masked_outer(g, x, sources, targets):
    """The products g_i x_j, summed over the examples, where sources_j <= targets_i, and 0 elsewhere: (outputs, inputs)

    g           (N, outputs)
    x           (N, inputs)
    """
    outer = np.zeros((len(targets), len(sources)), x.dtype, like=x)
    for rows, columns in runs(sources, targets):
        np.multiply(g[:, rows].T @ x[:, columns], connected(sources[columns], targets[rows]), out=outer[rows, columns])
    return outer


def masked_product_rule(g, y, x, weight, sources, targets):
    """Backwards, inputs and outputs change places: where s_j <= t_i, there -t_i <= -s_j."""
    return (lambda: product(g, transpose(weight, 0, 1), sources=-targets, targets=-sources),
            lambda: outer(g, x, sources=sources, targets=targets))


def masked_outer_rule(c, y, g, x, sources, targets):
    """The sum of c_ij g_i x_j through the mask, whose gradient is c, is linear in g and in x."""
    return (lambda: product(x, c, sources=sources, targets=targets),
            lambda: product(g, transpose(c, 0, 1), sources=-targets, targets=-sources))


product = operation(masked_product, masked_product_rule)
outer = operation(masked_outer, masked_outer_rule)


class MaskedLinear(Linear):
    """The parameters of such a layer; which connections there are is said when it is called."""

    def forward(self, x, sources, targets):
        sources, targets = (np.asarray(degrees, like=raw(x)) for degrees in (sources, targets))
        y = product(x, self.weight, sources=sources, targets=targets)
        return y if self.bias is None else y + self.bias


class MaskedCache(OrderedCache):
    """The units of a masked network, each computed once: as soon as all is known that it can see.

    When the entry of degree d is drawn, the entries up to d - 1 are known.  So now the hidden units of degree d - 1 are
    computed, layer after layer.  Those of lower degrees were before, and no output needs the others yet.  Drawing a
    whole example costs what one pass of the network does.

    ranks       when each entry is drawn, 1 ... D: (D,)
    hidden      of the hidden layers (layer, sources, targets)
    heads       of the layers that the outputs are the sum of (number, layer, sources, targets); the number says what
                the layer sees: 0 the codes, 1 the first hidden layer ...
    activation  of the hidden units, on arrays
    """

    def __init__(self, model, number, ranks, hidden, heads, activation):
        super().__init__(model, number)
        self.ranks, self.activation = ranks, activation
        self.hidden = [(*masked_weight(*given), Groups(given[-1])) for given in hidden]
        self.heads = [(which, *masked_weight(*given)) for which, *given in heads]
        sizes = [model.size * model.width, *(len(weight) for weight, _, _ in self.hidden)]
        self.values = [np.zeros((size, number), model.dtype, like=self.heads[0][1]) for size in sizes]

    def output(self, i):
        """What the network gives for entry number i: (width, N)"""
        for k, (weight, bias, groups) in enumerate(self.hidden):
            units = groups.of(self.ranks[i] - 1)
            self.values[k + 1][units] = self.activation(weight[units] @ self.values[k] + bias[units])
        rows = slice(i * self.model.width, (i + 1) * self.model.width)
        return sum(weight[rows] @ self.values[which] + bias[rows] for which, weight, bias in self.heads)

    def take(self, i, code):
        """Entry number i is known now."""
        self.values[0][i * self.model.width:(i + 1) * self.model.width] = code


class Groups:
    """The units of a layer, by degree."""

    def __init__(self, degrees):
        self.units = np.argsort(degrees, kind="stable")
        self.degrees = degrees[self.units]

    def of(self, degree):
        """The numbers of the units of that degree."""
        return self.units[slice(*np.searchsorted(self.degrees, (degree, degree + 1)))]


def masked_weight(layer, sources, targets):
    """The weight of a layer, zero where the mask is, and its bias: (outputs, inputs) and (outputs, 1)"""
    weight = layer.weight.data
    sources, targets = (np.asarray(degrees, like=weight) for degrees in (sources, targets))
    bias = np.zeros(len(weight), weight.dtype, like=weight) if layer.bias is None else layer.bias.data
    return weight * connected(sources, targets), bias[:, None]
