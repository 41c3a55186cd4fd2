"""A masked network as nodes and lines."""
import numpy as np
import minigrad
from ..made import MADE
from ..masked_linear import connected
from .page import cells, sheet

ONE = 0.25             # the grey of a 1


def made_model():
    """A MADE small enough to be drawn: four entries, drawn in the order 3, 1, 4, 2."""
    minigrad.manual_seed(0)
    return MADE((4,), hidden=(6, 6), order=(2, 0, 3, 1), seed=25)


def wiring(model):
    """The degrees of each layer, inputs first and outputs last, and the masks (outputs, inputs) between them."""
    hidden, (head,) = model.wiring(model.chosen)
    layers = [*hidden, head]
    return ([sources for _, sources, _ in layers] + [layers[-1][2] + 1],
            [connected(sources, targets) for _, sources, targets in layers])


def made_masks():
    """MADE's masks, its network, and the paths that are left from inputs to outputs."""
    model = made_model()
    degrees, masks = wiring(model)
    names = [f"$x_{entry + 1}$" for entry in model.order]
    drawn = sheet(11, 5.6)
    axes = drawn.subplot_mosaic([["network", "1", "2"], ["network", "3", "paths"]], width_ratios=[1.7, 1, 1],
                                height_ratios=[6, 4])
    network(axes["network"], degrees, masks, names)
    titles = (r"first mask: $\leq$", r"second mask: $\leq$", "last mask: <, strictly")
    for which, mask, title in zip("123", masks, titles):
        table(axes[which], ONE * mask, mask.astype(int), title)
    paths = np.linalg.multi_dot([mask.astype(int) for mask in masks[::-1]])
    table(axes["paths"], ONE * (paths > 0), paths, "paths from inputs to outputs")
    for side, ax in (("x", axes["1"]), ("y", axes["3"]), ("x", axes["paths"]), ("y", axes["paths"])):
        getattr(ax, f"set_{side}ticks")(range(len(names)), names)
        ax.tick_params(length=0)
    number = int(np.triu(paths).sum())
    drawn.suptitle(f"{number or 'None'} of the {paths.sum()} paths leads from an entry to its own output, or to that "
                   "of one drawn before it")
    return drawn


def table(axes, greys, numbers, title):
    """Numbers in squares."""
    cells(axes, greys, numbers.astype(str), fontsize=10)
    axes.set_title(title)


def network(axes, degrees, masks, names):
    """Inputs below, outputs above, each with its degree in it; a line for each 1 of a mask."""
    places = [np.linspace(0, 1, 2 * len(layer) + 1)[1::2] for layer in degrees]
    for height, mask in enumerate(masks):
        for i, j in np.argwhere(mask):
            axes.plot([places[height][j], places[height + 1][i]], [height, height + 1], color="0.5", linewidth=0.9,
                      zorder=1)
    for height, (layer, across) in enumerate(zip(degrees, places)):
        axes.plot(across, np.full(len(across), height), "o", markersize=23, markerfacecolor="white",
                  markeredgecolor="black", zorder=2)
        for place, degree in zip(across, layer):
            axes.text(place, height, str(degree), ha="center", va="center", zorder=3)
    for place, name in zip(places[0], names):
        axes.text(place, -0.32, name, ha="center", va="center", fontsize=13)
        axes.text(place, len(masks) + 0.32, f"p({name} | ...)", ha="center", va="center", fontsize=11)
    axes.set_ylim(-0.5, len(masks) + 0.5)
    axes.set_xlim(0, 1)
    axes.set_axis_off()
    axes.set_title("degrees: when an entry is drawn,\nand how many entries a hidden unit sees")
