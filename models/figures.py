"""The pictures that the command line makes.  matplotlib is loaded when the first one is drawn."""
import numpy as np


def figure(width, height):
    """An empty figure of that size in inches, and its axes; no window is opened."""
    from matplotlib.figure import Figure
    drawn = Figure((width, height), layout="constrained", dpi=150)
    return drawn, drawn.subplots()


def tile(x, rows, columns, gap=2):
    """Images (rows * columns, 1, H, W) beside and below each other, with white gaps: one array of greys from 0 to 1."""
    n, _, height, width = x.shape
    out = np.ones((rows * (height + gap) - gap, columns * (width + gap) - gap))
    for i in range(n):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        out[top:top + height, left:left + width] = x[i, 0]
    return out


def samples(x, levels, title, path):
    """A grid of images, as square as it can be."""
    columns = int(np.ceil(np.sqrt(len(x))))
    rows = -(-len(x) // columns)
    drawn, axes = figure(0.55 * columns + 0.2, 0.55 * rows + 0.5)
    axes.imshow(tile(x / (levels - 1), rows, columns), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title, fontsize=9)
    drawn.savefig(path)


def inpainting(x, known, completed, levels, path):
    """Three rows: the originals, what was given of them, and the completions."""
    n = len(x)
    given = np.where(known, x / (levels - 1), 0.5)
    drawn, axes = figure(0.7 * n + 1, 0.7 * 3 + 0.5)
    rows = np.concatenate([x / (levels - 1), given, completed / (levels - 1)])
    axes.imshow(tile(rows, 3, n), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    height = x.shape[2]
    axes.set_yticks([height / 2 + i * (height + 2) for i in range(3)], ["original", "given", "completed"])
    axes.set_xticks([])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title("Upper halves given, lower halves drawn by the model", fontsize=9)
    drawn.savefig(path)


def curve(metrics, name, path):
    """Bits per dimension against minutes of training: on a part of the test set on the way, on all of it at the end.

    The two are drawn apart, since one part is easier than another.
    """
    minutes = [m["seconds"] / 60 for m in metrics]
    bits = [m["test_bits_per_dim"] for m in metrics]
    drawn, axes = figure(5.5, 3.4)
    *some, every = [m["test_examples"] for m in metrics]
    if some:
        axes.plot(minutes[:-1], bits[:-1], "o-", color="0.4", markersize=3, linewidth=1.2,
                  label=f"the first {some[0]:,} test images")
    axes.plot(minutes[-1:], bits[-1:], "D", color="black", markersize=6,
              label=f"all {every:,} test images: {bits[-1]:.3f}")
    axes.legend(frameon=False)
    axes.set_xlabel("minutes of training")
    axes.set_ylabel("test bits per dimension")
    axes.set_title(f"{name}: {bits[-1]:.3f} bits per dimension after {minutes[-1]:.1f} minutes", fontsize=10)
    axes.grid(color="0.9")
    drawn.savefig(path)
