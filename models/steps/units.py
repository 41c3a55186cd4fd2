"""MADE, one unit at a time: which connections its degree allows, what they carry, and which entries it sees through
them."""
import math
from dataclasses import dataclass
import numpy as np
from minigrad.board import number
from minigrad.step import Step
from ..masked_linear import connected

BETWEEN = 3.2          # rows from one layer of the network to the next, at least


def made(model, x):
    """The steps of one pass: each hidden unit, layer after layer, then each output.

    model       a MADE; of several orderings, the first one
    x           an example, an array of the model's shape
    Yields MadeStep.  Raises ValueError for an example that the model doesn't take.
    """
    x = np.asarray(x)
    model.check(x[None])
    hidden, heads = model.wiring(model.chosen)
    network = Network(model, hidden, heads)
    values = [model.codes(model.entries(x[None])).data[0].astype(np.float64)]
    values += [np.full(len(targets), np.nan) for _, _, targets in (*hidden, heads[0])]
    for layer in range(1, len(values)):
        for unit in range(len(values[layer])):
            sources = network.sources(layer, unit)
            products = [weight * values[below][j] for below, j, weight in sources]
            sums = np.cumsum([network.bias(layer, unit), *products])
            values = [known.copy() for known in values]
            values[layer][unit] = sums[-1] if layer == len(values) - 1 else max(sums[-1], 0.0)
            yield MadeStep(network, layer, unit, sources, np.array(products), sums, values)


@dataclass(frozen=True)
class Network:
    """The layers of a MADE as units and connections.  Layer 0 holds the inputs, the last one the outputs.

    hidden, heads   of `MADE.wiring`: (layer, sources, targets) each
    """
    model: object
    hidden: list
    heads: list

    @property
    def degrees(self):
        """The degrees of all layers' units.  An output has that of its entry: it sees lower ones only."""
        chosen = self.model.chosen
        entries = np.repeat(chosen.ranks, self.model.width)
        return [entries, *chosen.degrees, entries]

    def masks(self):
        """(layer below, layer, mask (units, units below)) of each weight matrix; the direct one comes last."""
        layers = [*self.hidden, self.heads[0]]
        found = [(k, k + 1, connected(*degrees)) for k, (_, *degrees) in enumerate(layers)]
        return found + [(0, len(layers), connected(*degrees)) for _, *degrees in self.heads[1:]]

    def sources(self, layer, unit):
        """What a unit is connected to: (layer below, unit there, weight) each."""
        matrices = [module.weight.data for module, *_ in (*self.hidden, *self.heads)]
        return [(below, int(j), float(weight[unit, j])) for (below, above, mask), weight in zip(self.masks(), matrices)
                if above == layer for j in np.flatnonzero(mask[unit])]

    def bias(self, layer, unit):
        """A unit's bias."""
        module = (*self.hidden, self.heads[0])[layer - 1][0]
        return float(module.bias.data[unit])

    def seen(self, layer, unit):
        """Which units some path leads to from this one, downwards: {layer: mask}; itself is among them."""
        found = {k: np.zeros(len(degrees), bool) for k, degrees in enumerate(self.degrees)}
        found[layer][unit] = True
        for below, above, mask in sorted(self.masks(), key=lambda entry: -entry[1]):
            if above <= layer:
                found[below] |= mask[found[above]].any(0)
        return found

    def label(self, layer, unit):
        """What a unit is called."""
        if 0 < layer <= len(self.hidden):
            return f"h{layer}[{unit}]"
        entry = np.unravel_index(self.model.order[unit // self.model.width], self.model.shape)
        name = f"x[{', '.join(map(str, entry))}]"
        if self.model.width > 1:
            name += f" = {unit % self.model.width}"
        return name if layer == 0 else f"logit of {name}"


@dataclass(frozen=True)
class MadeStep(Step):
    """One unit.

    layer, unit     which one; layer 0 holds the inputs
    sources         what it is connected to: (layer below, unit there, weight) each
    products        weight times the value of the unit there
    sums            the running sum: the bias, then with one product more each time
    values          of all layers' units so far; NaN where not computed yet
    """
    network: Network
    layer: int
    unit: int
    sources: list
    products: np.ndarray
    sums: np.ndarray
    values: list

    @property
    def value(self):
        """What the unit gives: relu of the sum in a hidden layer, the sum itself in the last one."""
        return float(self.values[self.layer][self.unit])

    @property
    def is_output(self):
        return self.layer == len(self.values) - 1

    @property
    def seen(self):
        """The numbers of the inputs that some path leads to, in the order of drawing."""
        inputs = np.flatnonzero(self.network.seen(self.layer, self.unit)[0])
        return sorted(map(int, inputs), key=lambda j: self.network.degrees[0][j])

    def title(self):
        network, degree = self.network, self.network.degrees[self.layer][self.unit]
        sign = "<" if self.is_output else "<="
        inputs = ", ".join(network.label(0, j) for j in self.seen) or "nothing"
        return (f"{network.label(self.layer, self.unit)}, degree {degree}: connected to degrees {sign} {degree}, "
                f"sees {inputs}")

    def text(self):
        network = self.network
        lines = [f"  bias {number(self.sums[0], 4)}"]
        for (below, j, weight), product, total in zip(self.sources, self.products, self.sums[1:]):
            lines.append(f"  + {number(weight, 4)} * {network.label(below, j)} {number(self.values[below][j], 4)}"
                         f" = {number(product, 4)}    sum {number(total, 4)}")
        if not self.is_output:
            lines.append(f"  relu: {number(self.value, 4)}")
        elif network.model.width == 1:
            given = ", ".join(network.label(0, j) for j in self.seen)
            lines.append(f"  p({network.label(0, self.unit)} = 1{' | ' + given if given else ''}) = "
                         f"{number(1 / (1 + math.exp(-self.value)), 4)}")
        return "\n".join(lines)

    # -- the picture: the network, inputs below, and its masks ----------------------------------------------------

    def fill(self, board):
        masks = self.network.masks()
        heights = [len(mask) + 1.6 for _, _, mask in masks[::-1]]
        between = max(BETWEEN, (sum(heights) - 2.6) / (len(self.values) - 1))       # both are as high
        wide = 1.5 * max(len(degrees) for degrees in self.network.degrees)
        self.draw_network(board, between, wide)
        row = 0.0
        for (below, above, mask), height in zip(masks[::-1], heights):
            self.draw_mask(board, below, above, mask, row, wide + 3)
            row += height

    def place(self, layer, unit, between, wide):
        """Where a unit stands."""
        return between * (len(self.values) - 1 - layer), (unit + 0.5) * wide / len(self.values[layer]) - 0.5

    def draw_network(self, board, between, wide):
        """Units with their degrees, their values in the corner; thick what this one adds up, thin what it sees."""
        seen = self.network.seen(self.layer, self.unit)
        adds = {(below, j) for below, j, _ in self.sources}
        for below, above, mask in self.network.masks():
            for i, j in np.argwhere(mask).tolist():
                mine = above == self.layer and i == self.unit
                look = "lit" if mine else "path" if above < self.layer and seen[above][i] else "plain"
                (row, column), start = self.place(above, i, between, wide), self.place(below, j, between, wide)
                board.line((row + 0.5, column), (start[0] - 0.5, start[1]), look)
        for layer, degrees in enumerate(self.network.degrees):
            for unit, degree in enumerate(degrees):
                own = (layer, unit) == (self.layer, self.unit)
                look = "own" if own else "lit" if (layer, unit) in adds else "plain"
                place = self.place(layer, unit, between, wide)
                board.square(*place, str(degree), look, number(self.values[layer][unit], 2))
        for unit in range(len(self.values[0])):
            row, column = self.place(0, unit, between, wide)
            board.text(row + 0.9, column, self.network.label(0, unit), 0.34)
            board.text(-0.9, column, self.network.label(0, unit), 0.34)
        board.text(-1.5, wide / 2 - 0.5, "logits of", 0.34)

    def draw_mask(self, board, below, above, mask, row, column):
        """A mask; grey where this unit's row has a 1."""
        names = {0: "inputs", len(self.values) - 1: "outputs"}
        board.text(row - 0.9, column + mask.shape[1] / 2 - 0.5,
                   f"{names.get(below, f'h{below}')} to {names.get(above, f'h{above}')}", 0.34)
        for (i, j), one in np.ndenumerate(mask):
            mine = above == self.layer and i == self.unit
            board.square(row + i, column + j, str(int(one)), "lit" if mine and one else "plain")
