"""Flows step by step: in each coupling layer, what is kept, what the kept half says (s and t), the product, the sum,
and how much log |det| has come together; and all the way back.

    there   y = b x + (1 - b) (x exp(s) + t)            log |det| grows by the sum of s
    back    x = b y + (1 - b) (y - t) exp(-s)           and shrinks by it again

s and t are made of b x alone, and b y = b x: so the way back finds the same s and t, and no network is inverted.
"""
from dataclasses import dataclass
import numpy as np
from minigrad import no_grad, tensor
from minigrad.board import number
from minigrad.step import Step, table
from minigrad.tensor import raw
from ..nice import AdditiveCoupling
from ..nvp import Coupling
from ..realnvp import Scale


def through(layers, x):
    """The steps of one example from the data to the noise.

    layers      of a Flow, or coupling layers alone: nvp.Coupling, nice.AdditiveCoupling.  Any other layer makes one
                step; a Scale of RealNVP is taken apart into its layers
    x           an example, real numbers, without the batch axis
    Yields FlowStep; the last one's `output` and `log_det` are what the flow gives.
    """
    log_det, x = 0.0, real(x)
    for k, layer in enumerate(layers):
        x, log_det = yield from layer_through(f"layer {k + 1}, {type(layer).__name__}", layer, x, log_det)


def back(layers, z):
    """The steps of one example from the noise to the data: the inverses of the layers, the last one first.

    log |det| is that of the inverses: it ends as minus that of the way there.
    """
    log_det, z = 0.0, real(z)
    for k, layer in reversed(list(enumerate(layers))):
        z, log_det = yield from layer_back(f"back through layer {k + 1}, {type(layer).__name__}", layer, z, log_det)


def real(x):
    """An example as an array of floats."""
    x = np.asarray(raw(x))
    return x if x.dtype.kind == "f" else x.astype(np.float32)


def one(function, x):
    """What a function of batches gives for one example."""
    with no_grad():
        return function(tensor(x[None]))


# ---------------------------------------------------------------------------------------------------------------------
# Layers.  Each generator returns its output and the sum of log |det| so far

def layer_through(name, layer, x, log_det):
    """The steps of any layer."""
    if isinstance(layer, (Coupling, AdditiveCoupling)):
        return (yield from coupling_through(name, layer, x, log_det))
    if isinstance(layer, Scale):
        return (yield from scale_through(name, layer, x, log_det))
    y, change = one(layer, x)
    y, change = y.data[0], float(np.sum(raw(change)))
    yield FlowStep(name, "all entries at once", [("x", x), ("y", y)], None, 1, change, log_det + change)
    return y, log_det + change


def layer_back(name, layer, y, log_det):
    """The steps of any layer's inverse."""
    if isinstance(layer, (Coupling, AdditiveCoupling)):
        return (yield from coupling_back(name, layer, y, log_det))
    if isinstance(layer, Scale):
        return (yield from scale_back(name, layer, y, log_det))
    x = one(layer.inverse, y).data[0]
    change = -float(np.sum(raw(one(layer, x)[1])))
    yield FlowStep(name, "all entries at once", [("y", y), ("x", x)], None, 1, change, log_det + change)
    return x, log_det + change


def scale_and_shift(layer, kept_half):
    """s and t of a coupling layer, from the half that it keeps; s is 0 where it only shifts."""
    found = one(layer.network, kept_half)
    if isinstance(layer, AdditiveCoupling):
        return np.zeros_like(kept_half), found.data[0]
    s, t = (part.data[0] for part in found.chunk(2, 1))
    return layer.limit.data * np.tanh(s), t


def coupling_through(name, layer, x, log_det):
    """The four steps of a coupling layer."""
    kept = np.broadcast_to(layer.kept.data, x.shape) == 1
    s, t = scale_and_shift(layer, np.where(kept, x, 0))
    product = x * np.exp(s)
    y, change = np.where(kept, x, product + t), float(s[~kept].sum())
    rows = [("x", x), ("b x", hide(x, ~kept)), ("s", hide(s, kept)), ("t", hide(t, kept)),
            ("x exp(s)", hide(product, kept)), ("y", y)]
    yield from coupling_steps(name, rows, kept, "there", change, log_det)
    return y, log_det + change


def coupling_back(name, layer, y, log_det):
    """The four steps of its inverse."""
    kept = np.broadcast_to(layer.kept.data, y.shape) == 1
    s, t = scale_and_shift(layer, np.where(kept, y, 0))
    shifted = y - t
    x, change = np.where(kept, y, shifted * np.exp(-s)), -float(s[~kept].sum())
    rows = [("y", y), ("b y", hide(y, ~kept)), ("s", hide(s, kept)), ("t", hide(t, kept)),
            ("y - t", hide(shifted, kept)), ("x", x)]
    yield from coupling_steps(name, rows, kept, "back", change, log_det)
    return x, log_det + change


def coupling_steps(name, rows, kept, direction, change, log_det):
    """The steps of which the rows are the numbers: each shows one thing more."""
    (before, whole), (after, result) = rows[0], rows[-1]
    texts = {1: f"{kept.sum()} of {kept.size} entries are kept, and copied to {after}",
             3: f"s and t are made of the kept entries alone, b {before}",
             4: "the moved entries, times exp(s)" if direction == "there" else "the moved entries, less t",
             5: "plus t; log |det| grows by the sum of s" if direction == "there" else
                "times exp(-s); log |det| shrinks by the sum of s"}
    copied = (after, hide(result, ~kept))
    for shown, text in texts.items():
        last = shown == 5
        known = [row if k <= shown else (row[0], np.full_like(whole, np.nan)) for k, row in enumerate(rows)]
        yield FlowStep(name, text, known if last else [*known[:-1], copied], kept, shown, change if last else 0.0,
                       log_det + change * last)


def hide(array, where):
    """The array without some entries: NaN there."""
    return np.where(where, np.nan, array)


# ---------------------------------------------------------------------------------------------------------------------
# The scales of RealNVP

def scale_through(name, scale, x, log_det, number=1):
    """Checkerboard couplings, squeeze, channel couplings, half of the channels put aside, the next scale, and all
    together again: what Scale.forward does."""
    here = f"{name} {number}"
    for k, layer in enumerate(scale.spatial):
        x, log_det = yield from layer_through(f"{here}, checkerboard {k + 1}", layer, x, log_det)
    if scale.last:
        return x, log_det
    x, log_det = yield from layer_through(f"{here}, squeeze", scale.squeeze, x, log_det)
    for k, layer in enumerate(scale.deep):
        x, log_det = yield from layer_through(f"{here}, channels {k + 1}", layer, x, log_det)
    whole, (x, noise) = x, np.split(x, 2)
    yield FlowStep(here, "factor out: the second half of the channels is noise already",
                   [("y", whole), ("noise", noise), ("goes on", x)], None, 2, 0.0, log_det)
    x, log_det = yield from scale_through(name, scale.next, x, log_det, number + 1)
    z = one(scale.squeeze.inverse, np.concatenate([x, noise])).data[0]
    yield FlowStep(here, "what was factored out comes back to its place", [("came back", x), ("z", z)], None, 1, 0.0,
                   log_det)
    return z, log_det


def scale_back(name, scale, z, log_det, number=1):
    """What Scale.inverse does."""
    here = f"{name} {number}"
    if not scale.last:
        x, noise = np.split(one(scale.squeeze, z)[0].data[0], 2)
        yield FlowStep(here, "half of the channels waits, the other goes through the next scale",
                       [("z", z), ("waits", noise), ("goes on", x)], None, 2, 0.0, log_det)
        x, log_det = yield from scale_back(name, scale.next, x, log_det, number + 1)
        z = np.concatenate([x, noise])
        yield FlowStep(here, "both halves together again", [("came back", x), ("y", z)], None, 1, 0.0, log_det)
        for k, layer in reversed(list(enumerate(scale.deep))):
            z, log_det = yield from layer_back(f"{here}, channels {k + 1}", layer, z, log_det)
        z = one(scale.squeeze.inverse, z).data[0]
        yield FlowStep(f"{here}, squeeze", "all entries at once", [("x", z)], None, 0, 0.0, log_det)
    for k, layer in reversed(list(enumerate(scale.spatial))):
        z, log_det = yield from layer_back(f"{here}, checkerboard {k + 1}", layer, z, log_det)
    return z, log_det


@dataclass(frozen=True)
class FlowStep(Step):
    """A moment in a flow.

    name, what      which layer, and what happens in it
    rows            pairs (name, array): what there is, NaN where there is nothing yet.  The last one is the result
    kept            which entries the layer keeps, bool of an example's shape; None for other layers
    shown           the number of the row that is new
    change          what this step adds to log |det|
    log_det         the sum so far
    """
    name: str
    what: str
    rows: list
    kept: object
    shown: int
    change: float
    log_det: float

    @property
    def output(self):
        """What the layer gives, as far as it is known."""
        return self.rows[-1][1]

    def title(self):
        return f"{self.name}: {self.what}"

    def determinant(self):
        """log |det| in words."""
        sign = "" if self.change < 0 else "+"
        return f"log |det|: {sign}{number(self.change, 4)}, so far {number(self.log_det, 4)}"

    def text(self):
        rows = [] if self.kept is None else [("b", self.kept.astype(float))]
        rows = [(name, array) for name, array in [*self.rows[:1], *rows, *self.rows[1:]] if not np.isnan(array).all()]
        if all(array.shape == rows[0][1].shape and array.ndim == 1 for _, array in rows):          # a line for each
            wide, lines = max(len(name) for name, _ in rows), table(np.stack([array for _, array in rows]))
            lines = [f"  {name.ljust(wide)}{line}" for (name, _), line in zip(rows, lines.split("\n"))]
        else:
            lines = [f"  {name}\n{table(array)}" for name, array in rows]
        return "\n".join([*lines, f"  {self.determinant()}"])

    def fill(self, board):
        """A line of squares for each row, or its channels beside each other; grey what is kept."""
        row, right = 0.0, 0.0
        for k, (name, array) in enumerate(self.rows):
            channels = array.reshape(-1, *array.shape[-2:]) if array.ndim > 1 else array[None, None]
            kept = self.kept if self.kept is not None else np.zeros(array.shape, bool)
            kept = np.broadcast_to(kept, array.shape).reshape(channels.shape)
            for c, channel in enumerate(channels):
                left = c * (channel.shape[1] + 0.6)
                for (u, v), value in np.ndenumerate(channel):
                    board.square(row + u, left + v, number(value, 2), "lit" if kept[c, u, v] else "plain")
                right = max(right, left + channel.shape[1])
            arrow = "\u2192 " if k == self.shown or self.shown == 3 and k == 2 else ""
            board.text(row + (channels.shape[1] - 1) / 2, -0.9, arrow + name, 0.34, "right")
            row += channels.shape[1] + 0.5
        board.text(row + 0.2, right / 2 - 0.5, self.determinant(), 0.34)
