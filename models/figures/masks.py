"""The masks that decide what a network may see."""
import numpy as np
from layers import MaskedConv2d
from minigrad import tensor
from ..realnvp import Squeeze, channel_mask, checkerboard
from .page import cells, figure, key

ONE = 0.25             # the grey of a 1


def mask_cells(axes, mask, title):
    """A mask, its ones grey, with the numbers in it."""
    cells(axes, ONE * mask, mask.astype(int).astype(str))
    axes.set_title(title)


def prefix_masks():
    """The masks of a 6x6 image's first conditioning events, in raster order."""
    side, number = 6, 16
    drawn, axes = figure(10, 3.6, 2, number // 2)
    for k, ax in enumerate(axes.flat):
        mask = np.arange(side * side).reshape(side, side) < k
        greys = ONE * mask
        greys.flat[k] = 1
        cells(ax, greys)
        ax.set_title(f"k = {k}")
    drawn.suptitle(f"Mask k shows the first k of {side * side} pixels, in raster order; the next one is predicted")
    key(drawn, **{"known: mask 1": (ONE, False), "unknown: mask 0": (0, False), "asked for": (1, False)})
    return drawn


def pixelcnn_masks():
    """Masks A and B of a PixelCNN, and what they allow between the colours of a pixel."""
    drawn, axes = figure(10, 3.6, 1, 4, width_ratios=[5, 5, 3, 3])
    for kind, ax, of_colours in zip("AB", axes, axes[2:]):
        mask = MaskedConv2d(kind, 1, 1, 5).mask.data[0, 0]
        mask_cells(ax, mask, f"mask {kind}: {int(mask.sum())} of {mask.size} taps")
        colours = MaskedConv2d(kind, 3, 3, 5, colours=3).mask.data[:, :, 2, 2]
        mask_cells(of_colours, colours, f"centre of mask {kind},\ncolour by colour: {int(colours.sum())} of 9")
        of_colours.set_xticks(range(3), ["R", "G", "B"])
        of_colours.set_yticks(range(3), ["R", "G", "B"])
        of_colours.set_xlabel("in")
        of_colours.tick_params(length=0)
    axes[2].set_ylabel("out")
    drawn.suptitle("Mask A hides the pixel itself; mask B shows it, and of a pixel's colours its own and those before")
    return drawn


def coupling_masks():
    """RealNVP's checkerboard masks, the squeeze, and the channel masks after it."""
    side = 4
    numbers = np.arange(1, side * side + 1).reshape(1, 1, side, side)
    channels = Squeeze()(tensor(numbers.astype(np.float32)))[0].data[0].astype(int)
    board, kept = checkerboard(side, side)[0], channel_mask(len(channels))[:, 0, 0]
    drawn = figure(10, 5, 2, 6, width_ratios=[1.7, 0.1, 1, 1, 1, 1])[0]
    axes = np.array(drawn.axes).reshape(2, 6)
    for row, opposite in zip(axes, (False, True)):
        mask, keep = (1 - board, ~kept) if opposite else (board, kept)
        cells(row[0], ONE * mask, numbers[0, 0].astype(str))
        row[1].set_axis_off()
        for c, ax in enumerate(row[2:]):
            cells(ax, np.full(channels[c].shape, ONE * keep[c]), channels[c].astype(str))
            ax.set_title(f"channel {c + 1}")
        row[0].set_ylabel("its opposite" if opposite else "checkerboard mask")
        row[2].set_ylabel("its opposite" if opposite else "channel mask")
        row[0].set_title("pixels")
    drawn.suptitle(f"A mask keeps half of the {numbers.size} pixels: every second one, or, after the squeeze, "
                   f"{kept.sum()} of {len(kept)} channels")
    key(drawn, **{"kept, and what the others are moved by": (ONE, False), "moved": (0, False)})
    return drawn
