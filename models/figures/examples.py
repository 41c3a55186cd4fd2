"""Examples of all kinds: what a model draws, and what it completes."""
import numpy as np
from .page import figure

TITLE = 4.4            # inches, which titles take: no picture is narrower


def samples(x, levels, title, path):
    """A picture of examples (N, *shape): images, sequences, binary vectors, or points.   levels: see DataSet"""
    if x.ndim == 4:
        columns = int(np.ceil(np.sqrt(len(x))))
        rows = -(-len(x) // columns)
        drawn, axes = figure(max(0.55 * columns + 0.2, TITLE), 0.55 * rows + 0.5)
        show(axes, tile(colours(x, levels), rows, columns))
    elif x[0].size <= 2 and levels is None:
        width, height = np.ptp(x, axis=0) if x[0].size == 2 else (3, 2)
        drawn, axes = figure(4.8, 0.9 + 3.8 * min(1, height / width))
        points(axes, x)
    elif levels == 2:
        drawn, axes = figure(6, 0.5 + 0.08 * len(x))
        show(axes, rows_of(x), "auto")
    else:
        columns = int(np.ceil(np.sqrt(len(x))))
        rows = -(-len(x) // columns)
        drawn, axes = figure(max(0.9 * columns + 0.2, TITLE), 0.7 * rows + 0.5)
        lines(axes, x, columns)
    axes.set_title(title, fontsize=9)
    drawn.savefig(path)


def colours(x, levels):
    """Images (N, C, H, W) as colours from 0 to 1: (N, H, W, 3).  Of other than one or three channels, the first."""
    x = np.asarray(x, np.float64).transpose(0, 2, 3, 1)
    x = x if x.shape[3] == 3 else x[..., :1].repeat(3, -1)
    if levels is None:
        low, high = x.min(), x.max()
        return (x - low) / (high - low or 1)
    return np.clip(x / (levels - 1), 0, 1)


def tile(x, rows, columns, gap=2):
    """Images (N, H, W, 3) beside and below each other, with white gaps."""
    n, height, width, _ = x.shape
    out = np.ones((rows * (height + gap) - gap, columns * (width + gap) - gap, 3))
    for i in range(n):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        out[top:top + height, left:left + width] = x[i]
    return out


def rows_of(x):
    """Binary vectors (N, D) as rows of pixels, ones black: (N, D, 3)"""
    return np.repeat(1.0 - x[..., None], 3, -1)


def show(axes, picture, aspect="equal"):
    """A picture (H, W, 3), pixel by pixel, with nothing around it."""
    axes.imshow(picture, interpolation="nearest", aspect=aspect)
    axes.set_axis_off()


def points(axes, x):
    """Points of the plane as dots; numbers as a histogram."""
    if x.shape[1] == 2:
        axes.plot(x[:, 0], x[:, 1], ".", color="black", markersize=2)
        axes.set_aspect("equal")
        axes.set(xlabel="$x_1$", ylabel="$x_2$")
    else:
        axes.hist(x[:, 0], 60, density=True, color="0.5")
        axes.set(xlabel="x", ylabel="density")


def lines(axes, x, columns):
    """Sequences (N, T) as curves beside and below each other.  NaN draws nothing."""
    x = np.asarray(x, np.float64)
    low, high = np.nanmin(x), np.nanmax(x)
    length = x.shape[1]
    for i, sequence in enumerate(x):
        row, column = divmod(i, columns)
        left, base = column * 1.15 * length, -row * 1.25
        axes.plot([left, left + length - 1], [base, base], color="0.8", linewidth=0.5)
        axes.plot(left + np.arange(length), base + (sequence - low) / (high - low or 1), color="black", linewidth=0.8)
    axes.set_axis_off()


def inpainting(x, known, completed, levels, path):
    """Three rows: the originals, what was given of them (the mask `known`), and the completions."""
    n, names = len(x), ["original", "given", "completed"]
    if x.ndim == 4:
        images, masks = colours(x, levels), np.broadcast_to(known.any(0)[..., None], (n, *known.shape[1:], 3))
        rows = np.concatenate([images, np.where(masks, images, 0.5), colours(completed, levels)])
        drawn, axes = figure(max(0.7 * n + 1, TITLE), 0.7 * 3 + 0.5)
        axes.imshow(tile(rows, 3, n), interpolation="nearest")
        middles = [x.shape[2] / 2 + i * (x.shape[2] + 2) for i in range(3)]
    elif levels == 2:
        gap = np.zeros((1, x.shape[1]))
        rows = rows_of(np.concatenate([x, gap, np.where(known, x, 0.5), gap, completed]))
        drawn, axes = figure(7, 0.7 + 0.25 * n)
        axes.imshow(rows, interpolation="nearest", aspect="auto")
        middles = [n / 2 - 0.5 + i * (n + 1) for i in range(3)]
    else:
        drawn, axes = figure(max(1.1 * n + 1, TITLE), 3)
        given = np.where(known, x.astype(np.float64), np.nan)
        lines(axes, np.concatenate([x, given, completed]), n)
        axes.set_axis_on()
        middles = [0.5 - i * 1.25 for i in range(3)]
    axes.set_yticks(middles, names)
    axes.set_xticks([])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title("One half given, the other drawn by the model", fontsize=9)
    drawn.savefig(path)
