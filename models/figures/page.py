"""The paper that all figures are drawn on: sizes, type, and squares in greys.  matplotlib is loaded by the first one.

No figure needs colour: what differs, differs in grey, hatching, line style or marker.
"""
import numpy as np

DPI = 150
STYLE = {"font.size": 11, "axes.titlesize": 11, "axes.labelsize": 11, "xtick.labelsize": 10, "ytick.labelsize": 10,
         "legend.fontsize": 10, "figure.titlesize": 13, "axes.spines.top": False, "axes.spines.right": False}
LINES = [dict(color="black", linestyle="-", marker="o"), dict(color="0.45", linestyle="--", marker="s"),
         dict(color="black", linestyle=":", marker="^"), dict(color="0.6", linestyle="-", marker="v"),
         dict(color="0.3", linestyle="-.", marker="P")]


def style():
    """A context in which figures are drawn, with type that can be read from the last row."""
    import matplotlib
    return matplotlib.rc_context(STYLE)


def sheet(width, height, layout="constrained"):
    """An empty figure of that size in inches; no window is opened.

    layout      "compressed" suits panels whose height is a fixed part of their width
    """
    from matplotlib.figure import Figure
    return Figure((width, height), layout=layout, dpi=DPI)


def figure(width, height, rows=1, columns=1, layout="constrained", **options):
    """An empty figure of that size in inches, and its axes.   options: of matplotlib's subplots"""
    drawn = sheet(width, height, layout)
    return drawn, drawn.subplots(rows, columns, **options)


def bare(axes):
    """Take away the ticks and the frame."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def cells(axes, greys, texts=None, hatched=None, fontsize=11):
    """A table of squares.

    greys       from 0, white, to 1, black: (rows, columns)
    texts       what stands in them: strings in the same shape
    hatched     which ones are hatched: a mask of the same shape
    """
    from matplotlib.patches import Rectangle
    rows, columns = greys.shape
    hatched = np.zeros(greys.shape, bool) if hatched is None else hatched
    axes.imshow(greys, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    lines = dict(color="0.45", linewidth=0.7, clip_on=False)
    axes.hlines(np.arange(rows + 1) - 0.5, -0.5, columns - 0.5, **lines)
    axes.vlines(np.arange(columns + 1) - 0.5, -0.5, rows - 0.5, **lines)
    for row, column in np.argwhere(hatched):
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="/////", linewidth=0.6))
    if texts is not None:
        for (row, column), text in np.ndenumerate(texts):
            label = axes.text(column, row, text, ha="center", va="center", fontsize=fontsize,
                              color="white" if greys[row, column] > 0.55 else "black")
            if hatched[row, column]:       # a white ground, or the lines would cross it out
                label.set_bbox({"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "none"})
    bare(axes)


def key(drawn, **kinds):
    """A legend below the figure, of squares.   kinds: text=(grey from 0 to 1, whether it is hatched)"""
    from matplotlib.patches import Patch
    patches = [Patch(facecolor=str(1 - grey), edgecolor="black", linewidth=0.6, hatch="/////" if hatched else None,
                     label=text) for text, (grey, hatched) in kinds.items()]
    drawn.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False)
