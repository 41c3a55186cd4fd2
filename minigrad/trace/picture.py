"""Pictures of the graph, with one operation lit.  They are drawn with matplotlib, and need no colour.

Values flow from top to bottom, gradients from bottom to top.  An operation is a box with round corners, a leaf one with
square corners and a thick frame, a constant one with a dashed frame; a layer has a double frame.  What is at work is
black; what has been at work is grey.  An input that is used twice has two arrows.
"""
from ..tensor import Tensor
from .layout import layout
from .text import FEW_SHORT, gradient, short

AROUND = 20            # see `draw`

LINE = 0.16            # the height of a line of text, in inches
CHARACTER = 0.075      # the width of a character
FONT = dict(family="monospace", size=8.7)
ROW = 0.45             # between the rows of boxes
MARGIN = 0.15
DOUBLE = 0.035         # between the two lines of a double frame
TITLE = 0.3            # the height of a title in a strip
FRAMES = {"operation": dict(linewidth=0.9), "leaf": dict(linewidth=2.2),
          "constant": dict(linewidth=0.9, linestyle=(0, (3, 2))), "layer": dict(linewidth=0.9)}


def draw(step, axes=None, around=AROUND):
    """Draw the graph at one step.  Returns the figure, a new one if there are no axes to draw in.

    around      of a graph of more than three times as many boxes, so many before and after the lit one are drawn
    """
    return Drawing(step.graph, step.direction == "backward", near(step, around)).draw(axes, step)


def near(step, around):
    """The boxes to draw: all of a small graph; of a large one those around the step, and what goes into it."""
    boxes = step.graph.boxes
    if len(boxes) <= 3 * around:
        return boxes
    i = step.box.number
    shown = {*boxes[max(0, i - around):i + around + 1], *(source for source, _ in step.box.inputs)}
    return [box for box in boxes if box in shown]


class Drawing:
    """The picture of a graph, whose boxes stay where they are from step to step."""

    def __init__(self, graph, gradients, boxes=None):
        """gradients    whether boxes have a line for the gradient
        boxes       those to draw, in their order; by default all
        """
        self.gradients, self.boxes = gradients, graph.boxes if boxes is None else boxes
        self.shown = set(self.boxes)
        self.inputs = {box: [(source, x) for source, x in box.inputs if source in self.shown] for box in self.boxes}
        self.lines = {box: titles(box) for box in self.boxes}
        self.widths = {box: self.width(box) for box in self.boxes}
        self.row, self.x, self.routes = layout(self.boxes, self.inputs, self.widths)
        self.ports = self.find_ports()
        self.y, top = [], 0
        self.heights = [0] * (max(self.row.values()) + 1)
        for box in self.boxes:
            self.heights[self.row[box]] = max(self.heights[self.row[box]], self.height(box))
        for height in self.heights:
            self.y.append(-top - height / 2)
            top += height + ROW
        bends = [x for routes in self.routes.values() for route in routes for x, _ in route]
        left = min(bends + [self.x[box] - self.widths[box] / 2 for box in self.boxes])
        right = max(bends + [self.x[box] + self.widths[box] / 2 for box in self.boxes])
        self.frame = left - MARGIN, right + MARGIN, -top + ROW - MARGIN, MARGIN

    def width(self, box):
        """The width of a box, in inches."""
        longest = max(map(len, self.lines[box]))
        if self.gradients and box.kind != "constant":
            x = box.tensors[-1].data
            longest = max(longest, len("so far ") + (8 * x.size if x.size <= FEW_SHORT else len("|g| 1.23e-05")))
        return (longest + 1.5) * CHARACTER

    def height(self, box):
        """The height of a box."""
        lines = len(self.lines[box]) + (self.gradients and box.kind != "constant")
        return LINE * lines + 0.1 + 2 * DOUBLE * (box.kind == "layer")

    @property
    def size(self):
        """Width and height in inches."""
        left, right, bottom, top = self.frame
        return right - left, top - bottom

    def draw(self, axes=None, step=None):
        """The picture at a step, or of the graph alone."""
        if axes is None:
            from matplotlib.figure import Figure
            axes = Figure(self.size, dpi=150).add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(self.frame[:2])
        axes.set_ylim(self.frame[2:])
        axes.set_aspect("equal")
        for box in self.boxes:
            self.draw_arrows(axes, box, step)
        for box in self.boxes:
            self.draw_box(axes, box, step)
        return axes.figure

    # -- boxes --------------------------------------------------------------------------------------------------------

    def state(self, box, step):
        """"lit" while it is at work, then "done"; before that, and without a step, "waiting"."""
        if step is None or box.kind in ("leaf", "constant"):
            return "waiting"
        if box is step.box:
            return "lit"
        return "done" if (box.number > step.box.number) == (step.direction == "backward") else "waiting"

    def draw_box(self, axes, box, step):
        """A box: what it is called, its value, the gradient so far."""
        from matplotlib.patches import FancyBboxPatch
        state = self.state(box, step)
        ground, ink = {"lit": ("black", "white"), "done": ("0.85", "black"), "waiting": ("white", "black")}[state]
        width, height = self.widths[box], self.height(box)
        x, y = self.x[box], self.y[self.row[box]]
        corners = "square,pad=0" if box.kind in ("leaf", "constant") else "round,pad=0,rounding_size=0.08"
        for grow in (0, DOUBLE) if box.kind == "layer" else (0,):
            axes.add_patch(FancyBboxPatch((x - width / 2 + grow, y - height / 2 + grow), width - 2 * grow,
                                          height - 2 * grow, boxstyle=corners, facecolor=ground, edgecolor="black",
                                          **FRAMES[box.kind]))
        for side, others in ((1, [source for source, _ in box.inputs]), (-1, box.users)):
            if not self.shown.issuperset(others):          # there is more above or below
                axes.text(x - width / 2, y + side * (height / 2 + 0.08), "...", ha="left", va="center", **FONT)
        lines = self.lines[box]
        if step is not None and not self.gradients and box.kind in ("operation", "layer") and state == "waiting":
            lines = [*lines[:-1], "?"]     # it is not computed yet
        if self.gradients and box.kind != "constant":
            lines = [*lines, self.gradient(box, step)]
        for i, line in enumerate(lines):
            font = {**FONT, "size": min(FONT["size"], FONT["size"] * (width - 0.08) / (CHARACTER * len(line)))}
            axes.text(x, y + LINE * ((len(lines) - 1) / 2 - i), line, ha="center", va="center", color=ink, **font)

    def gradient(self, box, step):
        """What has come together for a box: in part, or all that it gets."""
        total = step and step.total(box.tensors[-1])
        if total is None:
            return "no grad yet"
        complete = all(user.number >= step.box.number for user in box.users)
        return f"grad {gradient(total)}" if complete else f"so far {gradient(total)}"

    # -- arrows -------------------------------------------------------------------------------------------------------

    def draw_arrows(self, axes, box, step):
        """The arrows from a box's inputs to it; while it passes its gradient on, from it to them, with cotangents."""
        from matplotlib.patches import FancyArrowPatch
        lit = step is not None and box is step.box
        given = self.given(step) if lit and self.gradients else {}
        for i in range(len(self.inputs[box])):
            path = self.path(box, i)
            back = i in given
            active = back if self.gradients else lit
            style = dict(color="black", linewidth=2) if active else dict(color="0.45", linewidth=0.8)
            axes.add_patch(FancyArrowPatch(path=path, arrowstyle="<|-" if back else "-|>", mutation_scale=9,
                                           shrinkA=0, shrinkB=0, **style))
            if back:
                (x0, y0), (x1, y1) = path.vertices[0], path.vertices[3]
                axes.text((x0 + x1) / 2, (y0 + y1) / 2, given[i], ha="center", va="center", zorder=5,
                          bbox=dict(facecolor="white", edgecolor="none", pad=0.6), **{**FONT, "size": 8})

    def given(self, step):
        """The cotangents that a step passes on, by the number of the input; from a layer, all that it gives to it."""
        inputs, found = self.inputs[step.box], {}
        for i, (_, x) in enumerate(inputs):
            gs = [g for _, to, g in step.leaving if to is x]
            if step.box.kind == "layer":
                gs = [sum(gs)] * bool(gs)
            k = sum(earlier is x for _, earlier in inputs[:i])
            if k < len(gs):
                found[i] = gradient(gs[k])
        return found

    def path(self, box, i):
        """An arrow's way: curves through the gaps between rows, straight on through the rows."""
        from matplotlib.path import Path
        route = self.routes[box][i]
        start, end = self.ports[box, i]
        source = self.inputs[box][i][0]
        points = [(start, self.y[route[0][1]] - self.height(source) / 2)]
        for x, row in route[1:-1]:
            points += [(x, self.y[row] + self.heights[row] / 2), (x, self.y[row] - self.heights[row] / 2)]
        points.append((end, self.y[route[-1][1]] + self.height(box) / 2))
        vertices, codes = [points[0]], [Path.MOVETO]
        for (x0, y0), (x1, y1) in zip(points, points[1:]):
            middle = (y0 + y1) / 2
            vertices += [(x0, middle), (x1, middle), (x1, y1)]
            codes += [Path.CURVE4] * 3
        return Path(vertices, codes)

    def find_ports(self):
        """Where arrows leave and enter boxes, (x, x) for each: in the order of where they come from and go to."""
        entering = {box: sorted(range(len(routes)), key=lambda i: routes[i][-2][0])
                    for box, routes in self.routes.items()}
        leaving = {}
        for box in self.boxes:
            for i in entering[box]:
                leaving.setdefault(self.inputs[box][i][0], []).append((self.routes[box][i][1][0], box, i))
        ports = {}
        for source, arrows in leaving.items():
            arrows.sort(key=lambda arrow: arrow[0])
            for place, (_, box, i) in enumerate(arrows):
                ports[box, i] = (self.port(source, place, len(arrows)),
                                 self.port(box, entering[box].index(i), len(entering[box])))
        return ports

    def port(self, box, place, number):
        """The position of one of several arrows at a box."""
        return self.x[box] + self.widths[box] * 0.8 * ((place + 0.5) / number - 0.5)


def titles(box):
    """The lines of a box: what it is, and its value or shape."""
    x = box.tensors[-1]
    if box.kind == "layer":
        more = f", {len(box.tensors)} operations" if len(box.tensors) > 1 else ""
        return [box.name, type(box.module).__name__ + more, short(x)]
    return [box.title, short(x)] if isinstance(x, Tensor) else [short(x)]


def strip(steps, columns=None):
    """A figure with the pictures of several steps, from left to right, and below each other after so many columns."""
    from matplotlib.figure import Figure
    steps = list(steps)
    columns = columns or len(steps)
    drawings = [Drawing(step.graph, step.direction == "backward", near(step, AROUND)) for step in steps]
    width, height = (max(drawing.size[i] for drawing in drawings) for i in (0, 1))
    height += TITLE
    rows = -(-len(steps) // columns)
    figure = Figure((width * columns, height * rows), dpi=150)
    for i, (step, drawing) in enumerate(zip(steps, drawings)):
        row, column = divmod(i, columns)
        axes = figure.add_axes((column / columns, 1 - (row * height + TITLE + drawing.size[1]) / (height * rows),
                                1 / columns, drawing.size[1] / (height * rows)))
        drawing.draw(axes, step)
        figure.text((column + 0.5) / columns, 1 - (row * height + TITLE / 2) / (height * rows),
                    f"{step.direction} {step.number}", ha="center", va="center", **FONT)
    return figure

