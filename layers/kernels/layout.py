"""How the `taps` kernels lay images out in memory, so that a kernel tap becomes one shift of one flat array.

Take an image with its zero padding, and put its rows end to end, `pitch` numbers apart:

    . . . .                          row 0        row 1        row 2
    . 1 2 .      flat, pitch 3:   . . .  . 1 2  . 3 4  . . .            (the right padding of a row
    . 3 4 .                                                              is the left one of the next)
    . . . .

The output (r, q) goes to the flat place r * pitch + q.  The tap (a, b) then reads, for *every* output, the number that
is a * pitch + b places further: one shift, whatever the row.  A few places between the rows are computed in vain.
Several images (or a band of rows of a large one) make up a *group*, laid end to end in the same manner.

Where that wastes much, images are laid side by side instead: first the first pixels of all images of the group, then
their second pixels ...; every shift then is `between` times as long.  Rows are now long enough for the registers to
skip what lies between the outputs of one row and those of the next.

A stride s splits the image into s * s *phases*, images of every s-th pixel, each with a plane of its own; a tap then
shifts within one phase.  For the transposed convolution the source has one phase, but the *result* has s * s of them:
each is a *pass* of its own, in which those taps take part that hit it.

The result is computed in *tiles* of TILE registers.  A tap that would read nothing but padding for a whole tile is left
out there: next to the border of an image, and most of all in transposed convolutions, that is a good part of them.
"""
import math
from collections import namedtuple
from functools import lru_cache
import numpy as np
from minigrad.tiles import COLUMNS
from minigrad.vectors import BYTES, FEW

POSITIONS = 1024       # a group end to end has about so many places: enough to fill the registers, few enough for the
                       # near caches
NEAREST = 16 << 10     # bytes of the first-level cache that a tile's part of the source may take
STRIP = 12 << 10       # bytes that a strip of the result may take, for each channel
PANEL = 32             # see Layout.panel
CACHE = 3 << 18        # a group side by side takes at most so many bytes, a part of the second-level cache
EVEN = 4               # images end to end make a multiple of so many groups, for 2 or 4 threads to get equal shares
TILE = COLUMNS         # registers of the result that are computed together


class Layout(namedtuple("Layout", "down right top left pitch rows between spacing images height band line plane "
                                  "strip panel near columns run passes taps starts whole lists offsets weights")):
    """Where things lie.

    down, right how many phases the source is split into, along each axis
    top, left   the place of the source's first pixel in the padded image
    pitch       places from one row to the next
    rows        rows of a source plane per image
    between     places from one pixel to the next: 1, or `images` where these lie side by side
    spacing     places from one image to the next: rows * pitch, or 1
    images      images in a group; 1 where an image is cut into bands
    height      rows of the result, of the longest pass
    band        rows of the result in a group
    line        as computed, the result's rows are so far from each other
    plane       places of one channel's one phase
    strip       rows of the result that are computed before they are put where they belong
    panel       how many channels take their turn on what is read of the source, in whole blocks
    near        how many input channels of what a tile reads fit into the nearest cache
    columns     for each column of the source, the place of its pixels within their row, that of its phase included
    run         the places, from the first one on, of pixels that follow each other without a gap
    passes      an int64 array with a row per pass: see PASS
    taps        the shift of each tap, one pass after the other
    starts      where each register of the result starts in the flat layout, TILE a tile, one pass after the other
    whole       whether every tile takes all taps of the only pass
    lists       an int64 array with a row per tile, (first, count): the tile takes `count` taps, and its sum over input
                channels and taps, channel by channel, goes along the two lists that follow, from `first` on
    offsets     where such a pair of channel and tap reads the source, from the place of the result on
    weights     the number of the pair among all of them, and of its weights among the packed ones
    """
    __slots__ = ()


# The columns of `Layout.passes`: the size of its part of the result; where that part begins; the first of its tiles.
PASS = namedtuple("Pass", "height width down right first_tile")
Cut = namedtuple("Cut", "pitch rows between spacing images height band line")
# A cut, and what follows from it: some fields of the Layout; and which taps each tile takes, a bool (tiles, taps)
Tiling = namedtuple("Tiling", "cut plane columns passes taps starts taken")


def sketch(height, width, taps, offset):
    """A pass before the pitch is known: taps as (index, phase, down, right)."""
    return PASS(height, width, *offset, 0), taps


@lru_cache(maxsize=1024)
def gathering(geometry, batch, channels, lanes):
    """The layout of the convolution (and of the weight gradient): one pass over a source in phases.

    channels    of the source
    lanes       numbers in a register
    """
    (sh, sw), (dh, dw) = geometry.stride, geometry.dilation
    taps = [(a * dh % sh * sw + b * dw % sw, a * dh // sh, b * dw // sw) for a, b in geometry.taps]
    top, bottom, left, right = geometry.padding
    passes = [sketch(*geometry.output_size, taps, (0, 0))]
    return build(geometry.size, geometry.stride, (top, left), passes, batch, channels, geometry.groups, lanes)


@lru_cache(maxsize=1024)
def scattering(geometry, batch, channels, lanes):
    """The layout of the transposed convolution, and which taps each of its passes takes.

    The pixel u (counted in the padded image) of phase f = u mod s gets w[a] * y[(u - a d) / s] from the taps a for
    which s divides f - a d.  Along each axis that is a shift by (f - a d) / s.
    """
    axes = [axis_passes(*numbers) for numbers in zip(geometry.size, geometry.kernel, geometry.stride,
                                                     geometry.padding[::2], geometry.dilation)]
    reach = [max([0] + [-shift for _, _, shifts in axis for shift in shifts.values()]) for axis in axes]
    passes, chosen = [], []
    for down, height, rows in axes[0]:
        for right, width, columns in axes[1]:
            mine = [tap for tap in geometry.taps if tap[0] in rows and tap[1] in columns]
            taps = [(0, rows[a] + reach[0], columns[b] + reach[1]) for a, b in mine]
            passes.append(sketch(height, width, taps, (down, right)))
            chosen.extend(mine)
    return (build(geometry.output_size, (1, 1), tuple(reach), passes, batch, channels, geometry.groups, lanes),
            tuple(chosen))


def axis_passes(size, kernel, stride, before, dilation):
    """Along one axis, the phases of the result: (first pixel, how many, {tap: shift}) each."""
    passes = []
    for phase in range(stride):
        start = max(0, -((phase - before) // stride))      # the first of the phase's pixels that lies in the image
        first = phase + start * stride - before
        count = max(0, (size - 1 - first) // stride + 1)
        shifts = {a: start + (phase - a * dilation) // stride for a in range(kernel)
                  if (phase - a * dilation) % stride == 0}
        passes.append((first, count, shifts))
    return passes


def build(size, phases, origin, passes, batch, channels, groups, lanes):
    """The layout of a batch of sources of the given size: the one of several that computes the fewest products."""
    width = max(p.width for p, _ in passes)
    cuts = [end_to_end(size, phases, origin, passes, batch)]
    for images in sorted({min(FEW, lanes), lanes}):
        # with fewer images than lanes, a register holds several neighbouring pixels, so rows must not be shorter
        if images == lanes or images <= batch and phases == (1, 1) and min(size[1], width) >= lanes:
            cuts += [side_by_side(size, phases, origin, passes, images, channels, lanes, whole) for whole in (1, TILE)]
    tilings = [tile(cut, size, phases, origin, passes, lanes) for cut in dict.fromkeys(cuts)]
    return lay_out(min(tilings, key=lambda tiling: cost(tiling, phases, batch)), size, phases, origin, channels, groups,
                   lanes)


def cost(tiling, phases, batch):
    """About how many products a batch takes, those that are computed in vain included."""
    cut = tiling.cut
    bands = -(-cut.height // cut.band) if cut.band else 1
    copying = 1 + 0.1 * (bands * cut.rows / max(1, cut.height) - 1)            # the rows that bands have in common
    slow = phases != (1, 1) or cut.pitch == 1 and cut.height < 64
    preference = 1 if cut.between > 1 else 1.5 if slow else 0.94   # images end to end are copied faster, but not phases
    return -(-batch // cut.images) * bands * tiling.taken.sum() * copying * preference             # or short runs


def tile(cut, size, phases, origin, passes, lanes):
    """The Tiling that follows from a cut."""
    taps = [(phase, down * cut.pitch + right * cut.between) for _, taps in passes for phase, down, right in taps]
    places = cut.rows * cut.pitch * (cut.images if cut.between == 1 else 1)
    plane = -(-(places + max([0] + [shift for _, shift in taps]) + cut.pitch + 16) // 16) * 16
    taps = np.array([phase * plane + shift for phase, shift in taps], np.int64)
    right, phase = np.divmod(np.arange(size[1]) + origin[1], phases[1])
    columns = phase * plane + right * cut.between
    filled = None if cut.band < cut.height else pixels_before(size, phases, origin, cut, plane, columns)
    table, starts, taken, first = [], [np.zeros(0, np.int64)], np.zeros((0, len(taps)), bool), 0
    for p, mine in passes:
        table.append(p._replace(first_tile=len(taken)))
        if p.height > 0 and p.width > 0:
            tiles, some = register_starts(cut, p, lanes), slice(first, first + len(mine))
            starts.append(tiles.ravel())
            taken = np.append(taken, np.zeros((len(tiles), len(taps)), bool), axis=0)
            taken[-len(tiles):, some] = taken_taps(tiles, taps[some], filled, lanes)
        first += len(mine)
    return Tiling(cut, plane, columns, np.array(table, np.int64), taps, np.concatenate(starts), taken)


def lay_out(tiling, size, phases, origin, channels, groups, lanes):
    """The Layout of a Tiling."""
    cut, plane, columns, passes, taps, starts, taken = tiling
    run = np.arange(max(size[0] * size[1], cut.height * passes[:, 1].max())) * cut.between
    near = max(1, NEAREST // (BYTES * most_lines(starts, taps, taken, lanes)))
    strip, panel = turns(cut, channels * phases[0] * phases[1] * plane, lanes)
    lists = pairs(taken, taps, phases[0] * phases[1] * plane, channels // groups)
    return Layout(*phases, *origin, *cut, plane, strip, panel, near, columns, run, passes, taps, starts,
                  int(taken.all()), *lists)


def pairs(taken, taps, distance, channels):
    """`lists`, `offsets` and `weights` of a Layout.  Tiles that take the same taps share a part of the lists.

    distance, channels      from one input channel to the next, and how many of them a result sees
    """
    choices, choice = np.unique(taken, axis=0, return_inverse=True)
    counts = choices.sum(1)
    first = np.cumsum(counts * channels) - counts * channels
    channel = np.arange(channels)[:, None]
    chosen = [np.flatnonzero(row) for row in choices]
    offsets = [(channel * distance + taps[mine]).ravel() for mine in chosen]
    weights = [(channel * len(taps) + mine).ravel() for mine in chosen]
    nothing = np.zeros(0, np.int64)
    return (np.stack((first, counts), 1)[choice.ravel()], np.concatenate([nothing, *offsets]),
            np.concatenate([nothing, *weights]))


def turns(cut, places, lanes):
    """The strip and the panel of a layout whose source has so many places.

    A small source stays in the near caches anyway; then the result is written in long runs, channel by channel.
    Images end to end have no rows to cut at; there, all of a group is one strip.  Otherwise a strip is so small that
    a panel fits into the second-level cache, but of whole tiles.
    """
    if places * BYTES // lanes <= 4 * NEAREST:
        return max(1, cut.band), 1
    if cut.between == 1:
        return max(1, cut.band), PANEL
    rows = TILE // math.gcd(TILE, cut.line // lanes)
    return rows * max(1, STRIP // (rows * cut.line * BYTES // lanes)), PANEL


def most_lines(starts, taps, taken, lanes):
    """How many lines of the cache the tile that takes most taps reads of one channel."""
    if not taken.any():
        return 1
    most = np.argmax(taken.sum(1))
    places = np.add.outer(starts[TILE * most:TILE * (most + 1)], taps[taken[most]])
    return len(np.unique([places // lanes, (places + lanes - 1) // lanes]))


def extents(size, phases, origin, passes):
    """Rows and columns of the result's longest pass; pitch and rows of a source plane; how far down the taps look."""
    height, width = max(p.height for p, _ in passes), max(p.width for p, _ in passes)
    lowest = max([0] + [p.height - 1 + down for p, taps in passes for _, down, _ in taps])
    rightmost = max([0] + [p.width - 1 + right for p, taps in passes for _, _, right in taps])
    if phases == (1, 1):                                   # neighbouring rows and images share their padding
        pitch = max(width, size[1] + max(origin[1], rightmost + 1 - origin[1] - size[1]))
        rows = max(height, size[0] + max(origin[0], lowest + 1 - origin[0] - size[0]))
    else:
        pitch = max(rightmost + 1, -(-(size[1] + origin[1]) // phases[1]))
        rows = max(lowest + 1, -(-(size[0] + origin[0]) // phases[0]))
    return height, width, pitch, rows, max([0] + [down for _, taps in passes for _, down, _ in taps])


def end_to_end(size, phases, origin, passes, batch):
    """Images one after the other: several in a group, or bands of a large one."""
    height, width, pitch, rows, lookahead = extents(size, phases, origin, passes)
    band = height
    if height * pitch > 2 * POSITIONS and height > 1:
        band = max(1, POSITIONS // pitch)
        rows = band + lookahead
    images = 1 if band < height else max(1, min(POSITIONS // max(1, rows * pitch), batch // 8))
    groups = -(-batch // (images * EVEN)) * EVEN
    images = max(1, -(-batch // max(1, groups)))           # as many, but the same for all
    return Cut(pitch, rows, 1, rows * pitch, images, height, band, pitch)


def side_by_side(size, phases, origin, passes, images, channels, lanes, whole):
    """The pixels of `images` images in turn; the group is cut into bands if it is too large for the cache.

    whole       rows of the result take a multiple of so many registers: with TILE, no tile spans two rows, and more
                taps can be left out
    """
    height, width, pitch, rows, lookahead = extents(size, phases, origin, passes)
    line = -(-width * images // (whole * lanes)) * whole * lanes
    band, row_bytes = height, phases[0] * phases[1] * channels * pitch * images * BYTES // lanes
    if rows * row_bytes > CACHE and height > 1:
        bands = -(-height // max(1, CACHE // row_bytes - lookahead))
        band = -(-height // bands)                         # all of about the same size
        rows = band + lookahead if band < height else rows
    return Cut(pitch * images, rows, images, 1, images, height, band, line)


def registers(cut, images, height, width, lanes):
    """How many registers the result of a group takes."""
    if cut.between > 1:
        return height * cut.line // lanes
    return -(-((images - 1) * cut.spacing + (height - 1) * cut.pitch + width) // lanes)


def register_starts(cut, p, lanes):
    """Where the registers of a pass's result start in the flat layout, TILE a row."""
    height = min(cut.band, p.height)
    if cut.between == 1:
        starts = np.arange(registers(cut, cut.images, height, p.width, lanes)) * lanes
    else:
        across = np.minimum(np.arange(0, cut.line, lanes), (p.width * cut.between - 1) // lanes * lanes)
        starts = (np.arange(height)[:, None] * cut.pitch + across).ravel()
    return np.append(starts, np.repeat(starts[-1:], -len(starts) % TILE)).reshape(-1, TILE)    # the last one fills up


def taken_taps(starts, taps, filled, lanes):
    """Which taps each tile takes: those that read a pixel somewhere.  -> bool (tiles, taps)"""
    if filled is None:
        return np.ones((len(starts), len(taps)), bool)
    at = np.minimum(starts[:, :, None] + taps, len(filled) - 1 - lanes)
    return (filled[at + lanes] > filled[at]).any(1)


def pixels_before(size, phases, origin, cut, plane, columns):
    """How many places before each one of the flat layout hold a pixel and not padding, for one channel of a group."""
    filled = np.zeros(phases[0] * phases[1] * plane, bool)
    images = np.arange(cut.images) * cut.spacing
    for u in range(size[0]):
        row, phase = divmod(u + origin[0], phases[0])
        filled[phase * phases[1] * plane + row * cut.pitch + columns[:, None] + images] = True
    return np.concatenate([[0], np.cumsum(filled)])
