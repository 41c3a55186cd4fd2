"""Squares with numbers in them, several tables of them on one axes: what the steps are drawn on.

A square is 1 wide and 1 high.  Places are (row, column), rows go down, and the type follows the squares' size.
No look needs colour.
"""
import math

FACES = {"plain": "white", "lit": "0.82", "own": "black", "padding": "white", "hidden": "white"}
SMALLEST = 3.5         # points; smaller type is left out


def number(value, digits=3):
    """A number as short text; nothing for one that is not there (NaN)."""
    if math.isnan(value):
        return ""
    if value == round(value) and abs(value) < 1e5:
        return str(round(value))
    return f"{value:.{digits}g}".replace("e+0", "e").replace("e-0", "e-")


class Board:
    """Collects squares, texts and lines, and draws them once it is known how large they are."""

    def __init__(self):
        self.squares, self.numbers, self.texts, self.lines = [], [], [], []

    def square(self, row, column, text="", look="plain", corner=""):
        """A square.

        look        "plain"; "lit", grey with a thick edge: it takes part; "own", black: the step is about it;
                    "padding", a dotted edge; "hidden", hatched: a mask leaves it out
        corner      small text in the lower right
        """
        self.squares.append((row, column, look))
        if text:
            self.numbers.append((row + (-0.12 if corner else 0), column, text,
                                 "white" if look == "own" else "0.5" if look == "padding" else "black"))
        if corner:
            self.texts.append((row + 0.32, column + 0.44, corner, 0.19 if len(corner) < 6 else 0.15,
                               "white" if look == "own" else "black", "right"))

    def text(self, row, column, text, size=0.32, align="center"):
        """Words beside the squares.   size: of the type, in squares"""
        self.texts.append((row, column, text, size, "black", align))

    def line(self, start, end, look="plain"):
        """A line from one place to another: "plain", thin and grey; "path", thin and black; "lit", thick and black."""
        self.lines.append((start, end, look))

    @property
    def extent(self):
        """(top, left, bottom, right) of all there is, with a little room."""
        rows, columns = ([s[axis] for s in self.squares] for axis in (0, 1))
        tops, bottoms = [r - 0.6 for r in rows], [r + 0.6 for r in rows]
        lefts, rights = [c - 0.6 for c in columns], [c + 0.6 for c in columns]
        for row, column, text, size, _, align in self.texts:
            wide, shift = 0.58 * size * max(map(len, text.split("\n"))), {"center": 0.5, "right": 1, "left": 0}[align]
            high = 0.7 * size * (text.count("\n") + 1)
            tops.append(row - high)
            bottoms.append(row + high)
            lefts.append(column - wide * shift)
            rights.append(column + wide * (1 - shift))
        return min(tops), min(lefts), max(bottoms), max(rights)

    @property
    def size(self):
        """(width, height) in squares."""
        top, left, bottom, right = self.extent
        return right - left, bottom - top

    def draw(self, axes):
        """Draw everything; the axes keep nothing else."""
        from matplotlib.collections import LineCollection, PatchCollection
        from matplotlib.patches import Rectangle
        top, left, bottom, right = self.extent
        axes.set_xlim(left, right)
        axes.set_ylim(bottom, top)
        axes.set_aspect("equal")
        axes.set_axis_off()
        unit = points_per_unit(axes, right - left, bottom - top)
        for k, look in enumerate(("plain", "path", "lit")):            # thick lines cover thin ones
            lines = [[(column, row), (to_column, to_row)] for (row, column), (to_row, to_column), own in self.lines
                     if own == look]
            axes.add_collection(LineCollection(lines, color="0.7" if look == "plain" else "black", zorder=k,
                                               linewidth=(0.06 if look == "lit" else 0.02) * unit))
        for look, face in FACES.items():
            thick = look in ("lit", "own")
            axes.add_collection(PatchCollection(
                [Rectangle((column - 0.5, row - 0.5), 1, 1) for row, column, own in self.squares if own == look],
                facecolor=face, edgecolor="black" if thick else "0.45", linewidth=(0.05 if thick else 0.02) * unit,
                linestyle=":" if look == "padding" else "-", hatch="////" if look == "hidden" else None,
                zorder=4 if thick else 3))
        longest = max((len(text) for _, _, text, _ in self.numbers), default=0)
        in_squares = 0.3 if longest < 4 else 1.2 / longest             # the same type in all squares
        texts = self.texts + [(row, column, text, in_squares, colour, "center")
                              for row, column, text, colour in self.numbers]
        for row, column, text, size, colour, align in texts:
            if size * unit >= SMALLEST:
                axes.text(column, row, text, fontsize=size * unit, color=colour, ha=align, va="center", zorder=5)


def points_per_unit(axes, width, height):
    """How many points a square of a board of that size will be wide on these axes."""
    place, (across, down) = axes.get_position(), axes.figure.get_size_inches()
    return 72 * min(place.width * across / width, place.height * down / height)
