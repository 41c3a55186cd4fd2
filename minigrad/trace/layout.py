"""Where the boxes of a graph go: in rows, inputs above their users, with few crossings.

This is the layered drawing of Sugiyama, Tagawa and Toda (1981), in its simplest form.  Each box has a row.  An arrow
that skips rows gets a bend in each of them, so that it runs between the boxes.  Each row is put in the order of the
mean position of its neighbours in the row before, down and up a few times; then boxes move towards their neighbours as
far as there is room.
"""

SWEEPS = 8             # times that all rows are ordered anew, down and up in turn
SETTLING = 20          # times that boxes move towards their neighbours
BEND = 0.1             # the room that an arrow takes in a row
GAP = 0.35             # between the boxes of a row, in the unit of their widths


class Bend:
    """Where an arrow passes through a row."""


def layout(boxes, inputs, width):
    """Rows and positions.

    boxes       a list; an input's box comes before its user's
    inputs      of each box, pairs of the input's box and anything
    width       of each box
    Returns (row, x, routes): dicts from box to the number of its row and to the middle of it; and for each box the
    routes of its inputs' arrows, a list of lists of (x, row), from the input to the box.
    """
    row = rows_of(boxes, inputs)
    rows = [[] for _ in range(max(row.values()) + 1)]
    for box in boxes:
        rows[row[box]].append(box)
    chains = {box: [chain(source, box, row, rows) for source, _ in inputs[box]] for box in boxes}
    above, below = {}, {}
    for box in boxes:
        for links in chains[box]:
            for upper, lower in zip(links, links[1:]):
                below.setdefault(upper, []).append(lower)
                above.setdefault(lower, []).append(upper)
    order(rows, above, below)
    x = spread(rows, above, below, lambda item: width.get(item, BEND))
    height = {item: i for i, items in enumerate(rows) for item in items}
    routes = {box: [[(x[item], height[item]) for item in links] for links in chains[box]] for box in boxes}
    return row, x, routes


def rows_of(boxes, inputs):
    """The row of each box: below all its inputs; leaves and constants stand right above their first user."""
    row, users = {}, {}
    for box in boxes:
        row[box] = 1 + max((row[source] for source, _ in inputs[box]), default=-1)
        for source, _ in inputs[box]:
            users.setdefault(source, []).append(box)
    for box in boxes:
        if not inputs[box] and box in users:
            row[box] = min(row[user] for user in users[box]) - 1
    return row


def chain(source, box, row, rows):
    """The input, a bend in each row between, the box."""
    links = [source]
    for i in range(row[source] + 1, row[box]):
        bend = Bend()
        rows[i].append(bend)
        links.append(bend)
    return [*links, box]


def order(rows, above, below):
    """Sort each row by the mean place of its neighbours, going down and up in turn."""
    place = {item: i for items in rows for i, item in enumerate(items)}
    for sweep in range(SWEEPS):
        neighbours = below if sweep % 2 else above
        for items in reversed(rows) if sweep % 2 else rows:
            items.sort(key=lambda item: mean([place[other] for other in neighbours.get(item, [item])]))
            place.update((item, i) for i, item in enumerate(items))


def mean(numbers):
    """The mean of a list."""
    return sum(numbers) / len(numbers)


def spread(rows, above, below, width):
    """The middle of each box or bend: as near to its neighbours as the others of its row allow."""
    x = {}
    for items in rows:
        total = sum(map(width, items)) + GAP * (len(items) - 1)
        left = -total / 2
        for item in items:
            x[item] = left + width(item) / 2
            left += width(item) + GAP
    for step in range(SETTLING):
        for items in rows if step % 2 == 0 else reversed(rows):
            wanted = [mean([x[n] for n in above.get(item, []) + below.get(item, [])] or [x[item]]) for item in items]
            for item, position in zip(items, apart(wanted, [width(item) for item in items])):
                x[item] = position
    return x


def apart(wanted, widths):
    """Positions in the same order that overlap nowhere, and are near those wanted.

    Boxes that would overlap join into a block, which stands at the mean of what its members want.
    """
    blocks = []                            # [the sum of what members want of the block's left end, members, width]
    for want, width in zip(wanted, widths):
        blocks.append([want - width / 2, 1, width])
        while len(blocks) > 1 and left(blocks[-2]) + blocks[-2][2] + GAP > left(blocks[-1]):
            total, members, right_width = blocks.pop()
            offset = blocks[-1][2] + GAP
            blocks[-1] = [blocks[-1][0] + total - members * offset, blocks[-1][1] + members, offset + right_width]
    positions, i = [], 0
    for block in blocks:
        edge = left(block)
        for width in widths[i:i + block[1]]:
            positions.append(edge + width / 2)
            edge += width + GAP
        i += block[1]
    return positions


def left(block):
    """Where the left end of a block goes."""
    return block[0] / block[1]
