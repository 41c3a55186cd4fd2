"""What all steps share: a text, a picture, strips of pictures, and a page with a slider."""
import math
import textwrap
import numpy as np
from .board import Board
from .page import page as write_page

SQUARE = 0.5           # inches that a square takes
WIDEST = 10            # inches, of a figure
APART = 1              # squares between neighbours in a strip
LETTERS = 15           # of a title, to an inch


class Step:
    """A moment of a computation.  A subclass defines `title`, `text` and `fill`.

        print(step)                the numbers, as text
        step.draw(axes)            a picture on matplotlib's axes
        step.figure()              the same as a figure of its own
    """

    def title(self):
        """What happens, in one line."""
        raise NotImplementedError(f"{type(self).__name__} must define title()")

    def text(self):
        """The numbers, as lines of text."""
        raise NotImplementedError(f"{type(self).__name__} must define text()")

    def fill(self, board):
        """Put the picture on a Board."""
        raise NotImplementedError(f"{type(self).__name__} must define fill(board)")

    def __str__(self):
        return f"{self.title()}\n{self.text()}"

    def board(self):
        """The picture, as a Board."""
        board = Board()
        self.fill(board)
        return board

    def draw(self, axes):
        """Draw the step on matplotlib's axes, which belong to it alone."""
        self.board().draw(axes)

    def figure(self):
        """A figure of the step."""
        return strip([self], columns=1)


def strip(steps, columns=3, titles=False):
    """All steps beside and below each other, as one matplotlib figure.

    steps       any iterable; `itertools.islice(steps, 6)` takes the first six
    columns     how many stand beside each other
    titles      whether each has its title above it
    Raises ValueError if there is no step.
    """
    from matplotlib.figure import Figure
    steps = list(steps)
    if not steps:
        raise ValueError("strip: there are no steps to draw")
    boards = [step.board() for step in steps]
    columns = min(columns, len(steps))
    width, height = (max(board.size[axis] for board in boards) for axis in (0, 1))
    square = min(SQUARE, WIDEST / (columns * (width + APART)))
    rows, across = math.ceil(len(steps) / columns), (width + APART) * square
    names = [textwrap.wrap(step.title(), max(20, int(LETTERS * across))) if titles else [] for step in steps]
    above = 0.1 * titles + 0.16 * max(map(len, names))
    down = (height + APART) * square + above
    figure = Figure((columns * across, rows * down))
    for k, (name, board) in enumerate(zip(names, boards)):
        left, bottom = k % columns / columns, 1 - (k // columns + 1) / rows
        axes = figure.add_axes((left, bottom, 1 / columns, (height + APART) * square / (rows * down)))
        board.draw(axes)
        figure.text(left + 0.5 / columns, bottom + (1 - 0.5 * above / down) / rows, "\n".join(name), ha="center",
                    va="center", fontsize=9)
    return figure


def page(steps, path, title="Step by step"):
    """An HTML file with a slider, that needs no server: a picture and a text for each step; see minigrad.page.

    steps       any iterable
    Returns path.  Raises ValueError if there is no step.
    """
    return write_page(title, ((str(step), step.figure()) for step in steps), path)


def table(array, places=4):
    """An array as text, a dot for what is not there (NaN); of more than two axes, plane by plane."""
    if array.ndim > 2:
        return "\n".join(f"  [{', '.join(map(str, index))}]\n{table(array[index], places)}"
                         for index in np.ndindex(array.shape[:-2]))
    rows = [[f"{v + 0.0:.{places}g}" if v == v else "." for v in row] for row in array.reshape(-1, array.shape[-1])]
    wide = max((len(text) for row in rows for text in row), default=1)
    return "\n".join("  " + " ".join(text.rjust(wide) for text in row) for row in rows)
