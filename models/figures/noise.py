"""Denoising autoencoders: what they are shown, what they make of it, and what their hidden units look for."""
import numpy as np
from minigrad import no_grad
from ..denoising import DenoisingAutoencoder
from ..likelihood import part
from .codes import label_rows, picture
from .examples import colours, tile
from .page import bare, figure

IMAGES = 12            # across
FILTERS = 100          # at most so many are shown
HALF = 0.5             # the part of a filter's squared weights that is looked for


def demand_denoising(run, figure):
    """Demand that a run is of a denoising autoencoder of images."""
    run.demand(isinstance(run.model, DenoisingAutoencoder) and len(run.model.shape) == 3, figure,
               "denoising autoencoders of images: denoising_autoencoder")


def denoising(run):
    """Test images, the same with noise, and what a denoising autoencoder makes of these."""
    demand_denoising(run, "denoising")
    model, test = run.model, run.data.test
    with no_grad():
        whole = model.values(test[part(len(test), 1000)])
        damaged = model.corrupt(whole, np.random.default_rng(0))
        mended = model(damaged)
    before, after = (((x - whole) ** 2).flatten(1).sum(1).data.mean() for x in (damaged, mended))
    rows = [x.data[:IMAGES] for x in (whole, damaged, mended)]
    drawn, axes = figure(0.75 * IMAGES + 2, 0.78 * 3 + 0.7, layout="compressed")
    axes.imshow(picture(rows), interpolation="nearest")
    label_rows(axes, ["original", f"with noise: {before:.1f}", f"given back: {after:.1f}"], model.shape[1])
    drawn.suptitle(f"{model.noise.replace('_', ' ')} noise costs a squared error of {before:.1f} an image; "
                   f"{after / before:.0%} of it is left when it is given back")
    return drawn


def half_weight(filters):
    """How many entries of each filter hold half of its squared weights: (N, *shape) -> (N,)"""
    squares = np.sort(filters.reshape(len(filters), -1).astype(np.float64) ** 2, 1)[:, ::-1]
    return (squares.cumsum(1) < HALF * squares.sum(1, keepdims=True)).sum(1) + 1


def filters(run):
    """What the hidden units of a denoising autoencoder look for, as images."""
    demand_denoising(run, "filters")
    found = run.model.filters()
    order = np.argsort(half_weight(found), kind="stable")
    shown = found[order[np.linspace(0, len(order) - 1, min(FILTERS, len(order))).astype(int)]]
    shown = shown / np.abs(shown).max((1, 2, 3), keepdims=True)
    columns = int(np.ceil(np.sqrt(len(shown))))
    drawn, axes = figure(6.4, 6.8)
    axes.imshow(tile(colours(127.5 * (1 - shown), 256), -(-len(shown) // columns), columns), interpolation="nearest")
    bare(axes)
    axes.set_xlabel("black: positive weights, white: negative; the most local filters first")
    drawn.suptitle(f"{run.model.noise.replace('_', ' ')} noise: half of a filter's squared weights lie in\n"
                   f"{np.median(half_weight(found)):.0f} of {shown[0].size} pixels "
                   f"(median of {len(found)} filters)")
    return drawn
