"""How the `taps` kernels lay images out in memory, so that a kernel tap becomes one shift of one flat array.

Take an image with its zero padding, and put its rows end to end, `pitch` numbers apart:

    . . . .                          row 0        row 1        row 2
    . 1 2 .      flat, pitch 3:   . . .  . 1 2  . 3 4  . . .            (the right padding of a row
    . 3 4 .                                                              is the left one of the next)
    . . . .

The output (r, q) goes to the flat place r * pitch + q.  The tap (a, b) then reads, for *every* output, the number that
is a * pitch + b places further: one shift, whatever the row.  A few places between the rows are computed in vain.
Several images (or a band of rows of a large one) make up a *group*, laid end to end in the same manner.

Small images that leave much unused between them are laid side by side instead: first the first pixels of all images of
the group, then their second pixels ...; every shift then is `images` times as long.

A stride s splits the image into s * s *phases*, images of every s-th pixel, each with a plane of its own; a tap then
shifts within one phase.  For the transposed convolution the source has one phase, but the *result* has s * s of them:
each is a *pass* of its own, in which those taps take part that hit it.
"""
from collections import namedtuple
from functools import lru_cache
import numpy as np

POSITIONS = 1024       # a group has about so many places: enough to fill the vectors, few enough for the near caches
SMALL = 256            # images of at most so many places may be laid side by side


class Layout(namedtuple("Layout", "down right top left pitch rows between spacing images height band plane columns "
                                  "passes shifts")):
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
    plane       places of one channel's one phase
    columns     for each column of the source, the place of its pixels within their row, that of its phase included
    passes      an int64 array with a row per pass: see PASS
    shifts      the shift of each tap of each pass, one pass after the other
    """
    __slots__ = ()


# The columns of `Layout.passes`: the range of its taps; the size of its part of the result; where that part begins.
PASS = namedtuple("Pass", "first_tap end_tap height width down right")


def sketch(height, width, taps, offset):
    """A pass before the pitch is known: taps as (index, phase, down, right)."""
    return PASS(0, len(taps), height, width, *offset), taps


@lru_cache(maxsize=1024)
def gathering(geometry, batch):
    """The layout of the convolution (and of the weight gradient): one pass over a source in phases."""
    (sh, sw), (dh, dw) = geometry.stride, geometry.dilation
    taps = [(a * dh % sh * sw + b * dw % sw, a * dh // sh, b * dw // sw) for a, b in geometry.taps]
    top, bottom, left, right = geometry.padding
    return build(geometry.size, geometry.stride, (top, left), [sketch(*geometry.output_size, taps, (0, 0))], batch)


@lru_cache(maxsize=1024)
def scattering(geometry, batch):
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
    return build(geometry.output_size, (1, 1), tuple(reach), passes, batch), tuple(chosen)


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


def build(size, phases, origin, passes, batch):
    """Choose pitch, spacing and groups for a source of the given size."""
    height = max(p.height for p, _ in passes)
    width = max(p.width for p, _ in passes)
    lowest = max([0] + [p.height - 1 + down for p, taps in passes for _, down, _ in taps])
    rightmost = max([0] + [p.width - 1 + right for p, taps in passes for _, _, right in taps])
    single = phases == (1, 1)
    if single:                                             # neighbouring rows and images share their padding
        pitch = max(width, size[1] + max(origin[1], rightmost + 1 - origin[1] - size[1]))
        rows = max(height, size[0] + max(origin[0], lowest + 1 - origin[0] - size[0]))
    else:
        pitch = max(rightmost + 1, -(-(size[1] + origin[1]) // phases[1]))
        rows = max(lowest + 1, -(-(size[0] + origin[0]) // phases[0]))
    band = height
    if height * pitch > 2 * POSITIONS and height > 1:
        band = max(1, POSITIONS // pitch)
        rows = band + max([0] + [down for _, taps in passes for _, down, _ in taps])
    used, spacing, between = (height - 1) * pitch + width, rows * pitch, 1
    images = 1 if band < height else max(1, min(POSITIONS // max(1, spacing), batch // 8))
    if spacing <= SMALL and spacing >= 1.25 * used and batch > 1:
        images = between = min(max(1, POSITIONS // used), -(-batch // 4))
        pitch, spacing = pitch * between, 1
    places = pitch * rows * (images if between == 1 else 1)
    table, shifts = [], []
    for p, taps in passes:
        table.append((len(shifts), len(shifts) + len(taps), *p[2:]))
        shifts.extend((phase, down * pitch + right * between) for phase, down, right in taps)
    reach = max([0] + [shift for _, shift in shifts])
    plane = -(-(places + reach + pitch + 16) // 16) * 16
    shifts = np.array([phase * plane + shift for phase, shift in shifts], np.int64)
    right, phase = np.divmod(np.arange(size[1]) + origin[1], phases[1])
    return Layout(*phases, *origin, pitch, rows, between, spacing, images, height, band, plane,
                  phase * plane + right * between, np.array(table, np.int64), shifts)
