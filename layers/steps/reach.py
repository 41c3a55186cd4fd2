"""Which inputs an output of a stack of convolutions sees, from the output down, one layer a step.

Nothing is computed here but places: a tap of the layer leads from an output to a pixel of the input.  So what is not
reached has no influence, whatever the weights are.
"""
from dataclasses import dataclass
import numpy as np
from minigrad.step import Step
from ..conv import CausalConv1d, Convolution, MaskedConv2d
from ..convolution import describe, paddings


def inputs(layers, size, position):
    """The steps from one output of a stack of convolutions to the inputs that it sees.

    layers      Conv1d, CausalConv1d, Conv2d or MaskedConv2d modules, the first one first.  Activations act on each
                number alone, and are left out
    size        of the input: (T,) or (H, W), or T
    position    of the output, as many numbers
    Yields InputsStep, the last layer first.  Raises ValueError for other layers, and for a position that is not there.
    """
    size, position = (tuple(np.atleast_1d(given).tolist()) for given in (size, position))
    geometries = []
    for layer in layers:
        geometries.append(geometry(layer, (size if not geometries else geometries[-1].output_size)[:len(size)]))
    if not geometries:
        raise ValueError("inputs: there are no layers")
    top = geometries[-1].output_size
    at = (*position, 0)[:2]
    if len(position) != len(size) or not all(0 <= p < n for p, n in zip(at, top)):
        raise ValueError(f"inputs: the output has size {top[:len(size)]}, and no position {position}")
    mask = np.zeros(top, bool)
    mask[at] = True
    masks, edges = [mask], []
    for number in reversed(range(len(geometries))):
        lines = connections(geometries[number], masks[-1])
        below = np.zeros(geometries[number].size, bool)
        for _, source in lines:
            below[source] = True
        masks, edges = [*masks, below], [*edges, lines]
        yield InputsStep(number, list(layers), at, len(size), masks, edges)


def geometry(layer, size):
    """The Geometry of a layer on an input of that size."""
    if not isinstance(layer, Convolution) or layer.transposed:
        raise ValueError(f"inputs: takes convolutions, not {layer}")
    padding = paddings(type(layer).__name__, layer.padding, layer.kernel_size, layer.stride, layer.dilation)
    if isinstance(layer, CausalConv1d) and layer.shift:                # the input moves one step to the right
        (before, after), = padding
        padding = ((before + 1, after - 1),)
    taps = layer.taps if isinstance(layer, MaskedConv2d) else None
    return describe(size, layer.kernel_size, layer.stride, padding, layer.dilation, 1, taps)


def connections(geometry, mask):
    """The pairs (output, input) of places, (row, column) each, of the outputs in the mask and the inputs they see."""
    (height, width), (top, _, left, _) = geometry.size, geometry.padding
    pairs = []
    for r, q in np.argwhere(mask).tolist():
        for a, b in geometry.taps:
            u = r * geometry.stride[0] + a * geometry.dilation[0] - top
            v = q * geometry.stride[1] + b * geometry.dilation[1] - left
            if 0 <= u < height and 0 <= v < width:
                pairs.append(((r, q), (u, v)))
    return pairs


@dataclass(frozen=True)
class InputsStep(Step):
    """One layer further down.

    number      of the layer that is passed, from 0
    layers      all layers
    position    of the output, (row, column)
    axes        1 or 2
    masks       which places are seen of the output, and of the input of each layer so far: bool, (T, 1) or (H, W)
    edges       for each layer so far, the pairs (output, input) of places that it connects
    """
    number: int
    layers: list
    position: tuple
    axes: int
    masks: list
    edges: list

    @property
    def seen(self):
        """Which inputs of the layer are seen: bool, (T,) or (H, W)"""
        return self.masks[-1][:, 0] if self.axes == 1 else self.masks[-1]

    @property
    def lags(self):
        """How far before the output each input lies that is seen, in order; of sequences."""
        return sorted(int(self.position[0] - t) for t in np.flatnonzero(self.seen))

    def title(self):
        layer = self.layers[self.number]
        settings = [f"kernel {' x '.join(map(str, layer.kernel_size))}"]
        settings += [f"{name} {' x '.join(map(str, value))}" for name, value in
                     (("dilation", layer.dilation), ("stride", layer.stride)) if set(value) != {1}]
        settings += [f"type {layer.mask_type}"] if isinstance(layer, MaskedConv2d) else []
        settings += ["shifted"] if getattr(layer, "shift", False) else []
        what = "inputs" if self.number == 0 else f"outputs of layer {self.number}"
        return f"layer {self.number + 1} ({', '.join(settings)}): sees {self.seen.sum()} {what}"

    def text(self):
        if self.axes == 1:
            return f"  lags {' '.join(map(str, self.lags))}"
        signs = np.where(self.seen, "x", np.where(self.missed, "o", "."))
        if self.same_size:
            signs[self.position] = "#"
        key = "  x seen" + ", o earlier and not seen" * bool(self.missed.any())
        if self.same_size:
            key += f", # the output's own place, {'' if self.seen[self.position] else 'not '}seen"
        return "\n".join([*("  " + " ".join(row) for row in signs), key])

    @property
    def same_size(self):
        """Whether the layer's input is as large as the output, so that the output has a place in it."""
        return self.masks[-1].shape == self.masks[0].shape

    @property
    def missed(self):
        """In a stack of masked convolutions: the places before the output's, in raster order, that are not seen."""
        number = np.arange(self.seen.size).reshape(self.seen.shape)
        masked = self.same_size and all(isinstance(layer, MaskedConv2d) for layer in self.layers)
        return (number < number[self.position]) & ~self.seen if masked else np.zeros(self.seen.shape, bool)

    def fill(self, board):
        """In 2-D a seen place is grey; the output's own black, with an x if it is seen; hatched what is missed."""
        if self.axes == 1:
            self.tree(board)
        else:
            for (row, column), seen in np.ndenumerate(self.seen):
                own = (row, column) == self.position and self.same_size
                board.square(row, column, "x" if own and seen else "", "own" if own else "lit" if seen else
                             "hidden" if self.missed[row, column] else "plain")
            board.text(self.seen.shape[0] + 0.2, self.seen.shape[1] / 2 - 0.5, self.title(), 0.4)

    def tree(self, board):
        """All layers below each other, the output on top; lines where one depends on another."""
        for depth, mask in enumerate(self.masks):
            for t, seen in enumerate(mask[:, 0]):
                last = depth == len(self.masks) - 1
                board.square(2.2 * depth, t, str(t) if last else "", "own" if depth == 0 and seen else
                             "lit" if seen else "plain")
            what = len(self.layers) - depth
            board.text(2.2 * depth, -0.9, f"layer {what}" if what else "input", 0.5, "right")
        for depth, lines in enumerate(self.edges):
            for (t, _), (source, _) in lines:
                board.line((2.2 * depth + 0.5, t), (2.2 * depth + 1.7, source), "lit")
        board.text(2.2 * len(self.edges) + 1.2, len(self.masks[-1]) / 2 - 0.5,
                   f"{self.title()}: lags {listed(self.lags)}", 0.5)


def listed(numbers):
    """Numbers in words; many that are equally far apart are not all listed."""
    if len(numbers) > 5 and len(set(np.diff(numbers))) == 1:
        return f"{numbers[0]}, {numbers[1]}, {numbers[2]} ... {numbers[-1]}"
    return ", ".join(map(str, numbers)) or "none"
