"""Pictures of a ConvolutionStep: rows below each other in 1-D, images beside each other in 2-D."""
from minigrad.board import number

GRIDS = 4              # channels of an array that are drawn at most
TERMS = 6              # a formula longer than that says how many products it has


def images(step, board):
    """The two arrays that are multiplied, and the target, beside each other; channels below each other."""
    form, column = step.form, 0
    names = (*form.factors, form.target)
    heights = [height(step, name) for name in names]
    middle = max(heights) / 2
    for name, high, sign in zip(names, heights, ("\u2217", "=", "")):
        wide = grids(step, board, name, middle - high / 2, column)
        if sign:
            board.text(middle - 0.5, column + wide + 0.25, sign, 0.6)
        column += wide + 1.5
    board.text(2 * middle + 0.2, (column - 2.5) / 2, formula(step), 0.34)


def ranges(step, name):
    """The rows and the columns of an array that are drawn, those of the padding included."""
    top, bottom, left, right = step.form.geometry.padding if name == "x" else (0, 0, 0, 0)
    height, width = getattr(step.form, name).shape[2:]
    return range(-top, height + bottom), range(-left, width + right)


def height(step, name):
    """How many squares the channels of an array take, below each other."""
    return min(GRIDS, len(channels(step, name))) * (len(ranges(step, name)[0]) + 1) - 1


def grids(step, board, name, row, column):
    """The channels of one array that take part, below each other.  Returns their width."""
    down, across = ranges(step, name)
    leads = channels(step, name)
    for lead in leads[:GRIDS]:
        board.text(row - 1, column + len(across) / 2 - 0.5, heading(step.form, name, lead), 0.36)
        for i, u in enumerate(down):
            for j, v in enumerate(across):
                board.square(row + i, column + j, *square(step, name, (*lead, u, v)))
        row += len(down) + 1
    if len(leads) > GRIDS:
        board.text(row - 0.9, column + len(across) / 2 - 0.5, f"and {len(leads) - GRIDS} more channels", 0.25)
    return len(across)


def heading(form, name, lead):
    """What one channel of an array is called."""
    index = form.given(name, (*lead, 0, 0))[:-form.axes]
    return f"{form.names[name]}[{', '.join(map(str, index))}]" if index else form.names[name]


def channels(step, name):
    """The first two indices of the numbers that take part."""
    found = {getattr(term, name)[:2] for term in step.terms}
    return sorted(found | {step.index[:2]} if name == step.group else found)


def square(step, name, index):
    """What stands in the square of one number: (text, look, corner)"""
    form = step.form
    inside = form.inside(name, index)
    if name == "w" and index[2:] not in form.geometry.taps:
        return "", "hidden", ""
    value = step.so_far[index] if name == form.target and inside else form.value(name, index)
    text = number(value) if inside or name != form.target else ""
    if name == step.group and index == step.index:
        return text, "own", ""
    place = step.places[name].get(index)
    if place is None:
        return text, "plain" if inside else "padding", ""
    return text, "lit", corner(step, name, place)


def corner(step, name, place):
    """What a number is multiplied with, or what is added to it."""
    form = step.form
    if form.axes == 1:                     # the products have a row of their own
        return ""
    if step.group == form.target and name == form.factors[0]:
        return f"\u00d7{number(step.weights[place])}"
    if step.group != form.target and name == form.target:
        return f"{'' if step.products[place] < 0 else '+'}{number(step.products[place])}"
    return ""


def formula(step):
    """The sum that the step computes, or the factor of what it adds."""
    form = step.form
    label = form.label(step.group, step.index)
    if step.group != form.target:
        value = number(form.value(step.group, step.index))
        return f"{form.names[form.target]}  +=  {value} \u00d7 {form.multiplied(step.group)}"
    total = number(step.so_far[step.index])
    if len(step.terms) > TERMS:
        return f"{label} = sum of {len(step.terms)} products = {total}"
    start = getattr(form, form.target)[step.index]
    parts = [number(start)] if start else []
    parts += [f"{number(a)}\u00b7{bracketed(b)}" for a, b in zip(step.window, step.weights)]
    return f"{label} = {' + '.join(parts) or 0} = {total}"


def bracketed(value):
    """A factor; a negative one in brackets."""
    return f"({number(value)})" if value < 0 else number(value)


def rows(step, board):
    """Rows below each other: an image, the weights under the numbers that they multiply, their products, the target."""
    form = step.form
    one, two = form.factors
    row = 0.0
    for name in (one, two, None, form.target):             # None for the products
        leads = channels(step, name) if name else sorted({(term.y[0], *term.w[:2]) for term in step.terms})
        leads = leads[:GRIDS]
        for lead in leads:
            if name is None:
                products(step, board, row, lead)
            elif name == "w" and step.group != "w":
                weights(step, board, row, lead)
            else:
                for k in ranges(step, name)[0]:
                    board.square(row, place(form, name, k), *square(step, name, (*lead, k, 0)))
            title = heading(form, name, lead) if name else "products"
            board.text(row, leftmost(form) - 0.9, title, 0.34, "right")
            row += 1
        row += 0.4
    board.text(row + 0.1, (leftmost(form) + form.x.shape[2] - 1) / 2, formula(step), 0.34)


def leftmost(form):
    """The column of the first square."""
    return min(-form.geometry.padding[0], place(form, "y", 0), 0)


def place(form, name, k):
    """The column of a number: that of x is its index; an output stands below the middle of its window."""
    g = form.geometry
    if name == "y":
        return k * g.stride[0] - g.padding[0] + g.dilation[0] * (g.kernel[0] - 1) / 2
    return k


def weights(step, board, row, lead):
    """The kernel, where the step puts it: over its window, or, for one number of x, under those that it is made of."""
    name = "y" if step.group == "x" else "x"
    for term, weight in zip(step.terms, step.weights):
        if term.w[:2] == lead:
            board.square(row, place(step.form, name, getattr(term, name)[2]), number(weight), "lit")


def products(step, board, row, lead):
    """The products of one image and one channel's kernel, below the weights; those of a single weight in the places of
    what they are added to."""
    name = {"y": "x", "x": "y", "w": "y" if step.form.target == "w" else step.form.target}[step.group]
    for term, product in zip(step.terms, step.products):
        if (term.y[0], *term.w[:2]) == lead:
            board.square(row, place(step.form, name, getattr(term, name)[2]), number(product))
