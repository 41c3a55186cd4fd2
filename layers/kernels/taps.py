"""The fast kernels.  A convolution is a sum over kernel taps of a weight times a shifted copy of the image:

    y[c, p] = sum over i, t of  w[c, i, t] * x[i, p + shift[t]]          p: a place in the flat layout of `layout.py`

`sum_of_shifts` computes that for 4 channels and 4 registers full of places at a time: 16 running sums stay in registers
while all input channels and taps go by, 4 loads and 4 weights for 16 multiply-adds, and nothing is stored before the
end.
The transposed convolution runs the same loop with the shifts turned round.  The weight gradient

    w[c, i, t] = sum over p of  y[c, p] * x[i, p + shift[t]]

is the same walk with a dot product, `dot_products`: 4 channels and 4 (i, t) pairs at a time.  A tap that a mask leaves
out is not in the list, and costs nothing; dilation changes the shifts; a stride splits the image into phases.

Every sum is added up in an order that depends on the shapes alone: the number of threads has no influence on a result.
"""
import numpy as np
from minigrad.compiled import config, get_num_threads, njit, prange
from minigrad.machine_code import MachineCode, call
from minigrad.order import in_order
from minigrad.vectors import (
    LANES, broadcast, fma, interleave, interleave_few, lanes, load, pair_sums, repeat, separate, separate_few, store)
from . import layout, workspaces
from .geometry import all_taps
from .layout import BLOCK

CONVOLUTION, CORRELATION = 0, 1
NEAR = 64              # registers of a channel that a part of the weight gradient goes over
PARTS = 4              # the weight gradient's sum over the batch is cut into so many parts, whatever the threads
SMALL = 1 << 19        # below so many multiply-adds, waking the other threads costs more than it saves


def forward(x, w, b, geometry):
    """The convolution y = w * x + b.   x (N, I, H, W), w (C, I / groups, KH, KW), b (C,) or None -> y (N, C, OH, OW)"""
    y = np.empty((x.shape[0], w.shape[0], *geometry.output_size), x.dtype)
    plan = layout.gathering(geometry, *x.shape[:2], LANES[x.dtype])
    walk(x, pack(w, geometry.taps, geometry.groups), b, y, plan, (1, 1), geometry.groups)
    return y


def input_gradient(y, w, b, geometry):
    """The transposed convolution: the gradient of <w * x, y> in x, plus b.   y (N, C, OH, OW), w as above, b (I,) or
    None -> x (N, I, H, W)"""
    C, members, groups = w.shape[0], w.shape[1], geometry.groups
    x = np.empty((y.shape[0], members * groups, *geometry.size), y.dtype)
    plan, taps = layout.scattering(geometry, *y.shape[:2], LANES[y.dtype])
    turned = w.reshape(groups, C // groups, members, *geometry.kernel).swapaxes(1, 2)
    turned = turned.reshape(groups * members, C // groups, *geometry.kernel)
    walk(y, pack(turned, taps, groups), b, x, plan, geometry.stride, groups)
    return x


def weight_gradient(x, y, geometry):
    """The gradient of <w * x, y> in w.   x (N, I, H, W), y (N, C, OH, OW) -> (C, I / groups, KH, KW)"""
    C, groups, taps = y.shape[1], geometry.groups, len(geometry.taps)
    members, blocks = x.shape[1] // groups, -(-C // groups // BLOCK)
    plan = layout.gathering(geometry, *x.shape[:2], LANES[x.dtype])
    parts = max(1, min(PARTS, number_of_jobs(plan, x.shape[0])))
    tiles = -(-members * taps // 4)
    sums = np.zeros((parts, groups * blocks, tiles, BLOCK * 4), x.dtype)
    workers = threads(y.size * members * taps)
    slices = -(-workers // parts)                          # with few parts, the threads share the channels as well
    key, *rooms = workspaces.borrow(plan, CORRELATION, workers, x.shape[1], BLOCK, plan.band, x.dtype)
    run(workers, CORRELATION, x, y, sums, np.zeros(0, x.dtype), plan, (1, 1), groups, *rooms, slices)
    workspaces.give_back(key, plan, *rooms)
    sums = sums.sum(0).reshape(groups, blocks, tiles, BLOCK, 4).swapaxes(2, 3)
    sums = sums.reshape(groups, blocks * BLOCK, tiles * 4)[:, :C // groups, :members * taps]
    w = np.zeros((C, members, *geometry.kernel), x.dtype)
    a, b = np.array(geometry.taps, np.int64).reshape(-1, 2).T
    w[:, :, a, b] = sums.reshape(C, members, taps)
    return w


def number_of_jobs(plan, batch):
    """How many groups of images, or bands of one, a batch makes."""
    return -(-batch // plan.images) * -(-plan.height // plan.band)


def threads(multiplications):
    """How many threads the work is worth."""
    return 1 if multiplications < SMALL else get_num_threads()


def run(workers, kind, a, b, *more):
    """Run a kernel on one thread or on several.  If it must be compiled first, that is done at LLVM's lowest level of
    effort: the hot loops are written out in registers, there is little left to find, and it takes 40 % less time."""
    arguments = kind, in_order(a), in_order(b), *more      # as the compiled code takes for granted
    before, config.OPT = config.OPT, 1
    try:
        address = SHARE.address(a.dtype, (0, workers, *arguments))
        (share_out if workers > 1 else whole)(address, workers, *arguments)
    finally:
        config.OPT = before


def pack(w, taps, groups):
    """The weights in the order in which `sum_of_shifts` reads them: (blocks of all groups, I, taps, BLOCK)."""
    C, members = w.shape[0] // groups, w.shape[1]
    blocks = -(-C // BLOCK)
    packed = np.zeros((groups, blocks, members, len(taps), BLOCK), w.dtype)
    chosen = w.reshape(groups, C, members, -1)
    if taps != all_taps(w.shape[2:]):
        chosen = chosen[..., [a * w.shape[3] + b for a, b in taps]]
    for channel in range(BLOCK):           # of each block
        packed[:, :-(-(C - channel) // BLOCK), :, :, channel] = chosen[:, channel::BLOCK]
    return packed.reshape(groups * blocks, members, len(taps), BLOCK)


def walk(source, weights, bias, result, plan, step, groups):
    """Run all passes of a convolution or a transposed one.   step: the result's phases, down and right"""
    C, blocks = result.shape[1] // groups, weights.shape[0] // groups
    biases = np.zeros((groups, blocks * BLOCK), source.dtype)
    if bias is not None:
        biases[:, :C] = bias.reshape(groups, C)
    jobs = number_of_jobs(plan, source.shape[0])
    workers = threads(result.size * weights.shape[1] * len(plan.taps))
    slices = 1 if jobs >= workers else -(-workers // max(1, jobs))
    panel = min(plan.panel, -(-blocks // slices))
    key, *rooms = workspaces.borrow(plan, CONVOLUTION, workers, source.shape[1], panel * BLOCK, plan.strip,
                                    source.dtype)
    run(workers, CONVOLUTION, source, weights, result, biases.ravel(), plan, step, groups, *rooms, slices)
    workspaces.give_back(key, plan, *rooms)


# ---------------------------------------------------------------------------------------------------------------------
# The two hot loops

@njit(cache=True)
def sum_of_shifts(x, first, distance, channels, w, bias, block, next_block, plan, first_tile, tiles, y, y_first,
                  y_distance, end):
    """y[c, p] = bias[c] + sum over i, t of w[i, t, c] * x[first + i * distance + start[p] + shift[t]], for the channels
    c from one block to before another, and for all places p of some tiles: 4 registers each, which start where
    plan.starts says.

    y[c, p] is the number y_first + c * y_distance + p of the array y, where p counts from the first tile on.  If `end`
    isn't zero, y is the result itself, and a row of it ends there: the last tile then overlaps the one before.

    What a tile reads of some input channels fits into the nearest cache.  All blocks of output channels take their turn
    on it before the next input channels come, and leave their sums in y meanwhile.
    """
    n, apart = lanes(x), w.shape[2] * 4
    turns = -(-channels // plan.near)
    near = -(-channels // turns)                           # input channels at a time: about as many each time
    for tile in range(first_tile, first_tile + tiles):
        p = 4 * n * (tile - first_tile)
        s0, s1 = plan.starts[4 * tile], plan.starts[4 * tile + 1]
        s2, s3 = plan.starts[4 * tile + 2], plan.starts[4 * tile + 3]
        if end:
            p = min(p, end - 4 * n)
            s0, s1, s2, s3 = p, p + n, p + 2 * n, p + 3 * n
        mine = slice(plan.bounds[tile], plan.bounds[tile + 1])                 # the taps that this tile takes
        shifts, weights = plan.shifts[mine], plan.weights[mine]
        for begin in range(0, channels, near):
            for c in range(4 * block, 4 * next_block, 4):
                y0 = y_first + c * y_distance + p
                y1, y2, y3 = y0 + y_distance, y0 + 2 * y_distance, y0 + 3 * y_distance
                if begin == 0:
                    a00 = a01 = a02 = a03 = repeat(bias, c)
                    a10 = a11 = a12 = a13 = repeat(bias, c + 1)
                    a20 = a21 = a22 = a23 = repeat(bias, c + 2)
                    a30 = a31 = a32 = a33 = repeat(bias, c + 3)
                else:
                    a00, a01, a02, a03 = load(y, y0), load(y, y0 + n), load(y, y0 + 2 * n), load(y, y0 + 3 * n)
                    a10, a11, a12, a13 = load(y, y1), load(y, y1 + n), load(y, y1 + 2 * n), load(y, y1 + 3 * n)
                    a20, a21, a22, a23 = load(y, y2), load(y, y2 + n), load(y, y2 + 2 * n), load(y, y2 + 3 * n)
                    a30, a31, a32, a33 = load(y, y3), load(y, y3 + n), load(y, y3 + 2 * n), load(y, y3 + 3 * n)
                for i in range(begin, min(begin + near, channels)):
                    row, weight = first + i * distance, (c // 4 * channels + i) * apart
                    for u in range(shifts.size):
                        at, k = row + shifts[u], weight + weights[u]
                        b0, b1, b2, b3 = load(x, at + s0), load(x, at + s1), load(x, at + s2), load(x, at + s3)
                        v = repeat(w, k)
                        a00 = fma(v, b0, a00); a01 = fma(v, b1, a01); a02 = fma(v, b2, a02); a03 = fma(v, b3, a03)
                        v = repeat(w, k + 1)
                        a10 = fma(v, b0, a10); a11 = fma(v, b1, a11); a12 = fma(v, b2, a12); a13 = fma(v, b3, a13)
                        v = repeat(w, k + 2)
                        a20 = fma(v, b0, a20); a21 = fma(v, b1, a21); a22 = fma(v, b2, a22); a23 = fma(v, b3, a23)
                        v = repeat(w, k + 3)
                        a30 = fma(v, b0, a30); a31 = fma(v, b1, a31); a32 = fma(v, b2, a32); a33 = fma(v, b3, a33)
                store(y, y0, a00); store(y, y0 + n, a01); store(y, y0 + 2 * n, a02); store(y, y0 + 3 * n, a03)
                store(y, y1, a10); store(y, y1 + n, a11); store(y, y1 + 2 * n, a12); store(y, y1 + 3 * n, a13)
                store(y, y2, a20); store(y, y2 + n, a21); store(y, y2 + 2 * n, a22); store(y, y2 + 3 * n, a23)
                store(y, y3, a30); store(y, y3 + n, a31); store(y, y3 + 2 * n, a32); store(y, y3 + 3 * n, a33)


@njit(cache=True)
def dot_products(x, y0, y1, y2, y3, base, offsets, pair, starts, first, stop, sums, at):
    """sums.flat[at + 4 * c + k] += sum over p of yc[p] * x[base + offsets[pair + k] + start[p]], for 4 channels c and
    4 offsets k, over the places p of the registers from `first` to before `stop`."""
    o0, o1, o2, o3 = offsets[pair] + base, offsets[pair + 1] + base, offsets[pair + 2] + base, offsets[pair + 3] + base
    n = lanes(x)
    zero = x.dtype.type(0)
    a00 = a01 = a02 = a03 = a10 = a11 = a12 = a13 = broadcast(zero)
    a20 = a21 = a22 = a23 = a30 = a31 = a32 = a33 = broadcast(zero)
    for r in range(first, stop):
        s, p = starts[r], r * n
        b0, b1, b2, b3 = load(x, o0 + s), load(x, o1 + s), load(x, o2 + s), load(x, o3 + s)
        v = load(y0, p)
        a00 = fma(v, b0, a00); a01 = fma(v, b1, a01); a02 = fma(v, b2, a02); a03 = fma(v, b3, a03)
        v = load(y1, p)
        a10 = fma(v, b0, a10); a11 = fma(v, b1, a11); a12 = fma(v, b2, a12); a13 = fma(v, b3, a13)
        v = load(y2, p)
        a20 = fma(v, b0, a20); a21 = fma(v, b1, a21); a22 = fma(v, b2, a22); a23 = fma(v, b3, a23)
        v = load(y3, p)
        a30 = fma(v, b0, a30); a31 = fma(v, b1, a31); a32 = fma(v, b2, a32); a33 = fma(v, b3, a33)
    a00, a02, a10, a12 = pair_sums(a00, a01), pair_sums(a02, a03), pair_sums(a10, a11), pair_sums(a12, a13)
    a20, a22, a30, a32 = pair_sums(a20, a21), pair_sums(a22, a23), pair_sums(a30, a31), pair_sums(a32, a33)
    if n == 2:                             # as many steps as it takes to add up n lanes: then each lane is one total
        add(sums, at, a00); add(sums, at + 2, a02); add(sums, at + 4, a10); add(sums, at + 6, a12)
        add(sums, at + 8, a20); add(sums, at + 10, a22); add(sums, at + 12, a30); add(sums, at + 14, a32)
        return
    a00, a10, a20, a30 = pair_sums(a00, a02), pair_sums(a10, a12), pair_sums(a20, a22), pair_sums(a30, a32)
    if n == 4:
        add(sums, at, a00); add(sums, at + 4, a10); add(sums, at + 8, a20); add(sums, at + 12, a30)
        return
    a00, a20 = pair_sums(a00, a10), pair_sums(a20, a30)
    if n == 8:
        add(sums, at, a00); add(sums, at + 8, a20)
        return
    add(sums, at, pair_sums(a00, a20))


@njit(cache=True, inline="always")
def add(sums, at, v):
    """sums.flat[at : at + lanes] += v"""
    store(sums, at, fma(v, broadcast(sums.dtype.type(1)), load(sums, at)))


# ---------------------------------------------------------------------------------------------------------------------
# Into the flat layout and back

@njit(cache=True, inline="always")
def copy(source, at, target, to, count):
    """target[to : to + count] = source[at : at + count], a register at a time.

    The last register overlaps the one before, so that nothing is written past the end.
    """
    n = lanes(source)
    if count < n:
        for k in range(count):
            target[to + k] = source[at + k]
    else:
        for k in range(0, count - n, n):
            store(target, to + k, load(source, at + k))
        store(target, to + count - n, load(source, at + count - n))


@njit(cache=True)
def lay_side_by_side(pixels, at, apart, width, images, between, target, to, columns):
    """target[to + columns[v] + m] = pixels[at + m * apart + v] for all v < width, m < images"""
    n, v = lanes(pixels), 0
    while 1 < between == images and v < width:             # a block of `between` times `n` pixels in registers
        if width >= n:
            v = min(v, width - n)                          # the last block overlaps the one before
        if at + (between - 1) * apart + v + n > pixels.size:
            break
        if between == n:
            interleave(pixels, at + v, apart, target, to, columns, v, min(n, width - v))
        else:
            interleave_few(pixels, at + v, apart, target, to, columns, v, n)
        v += n
    for m in range(images):
        for u in range(v, width):
            target[to + columns[u] + m] = pixels[at + m * apart + u]


@njit(cache=True)
def take_apart(source, at, between, width, images, pixels, to, apart):
    """pixels[to + m * apart + v] = source[at + v * between + m] for all v < width, m < images"""
    n, v = lanes(pixels), 0
    while images == between and width >= n and v < width:
        v = min(v, width - n)
        if between == n:
            separate(source, at + v * between, pixels, to + v, apart)
        else:
            separate_few(source, at + v * between, pixels, to + v, apart)
        v += n
    for m in range(images):
        for u in range(v, width):
            pixels[to + m * apart + u] = source[at + u * between + m]


@njit(cache=True)
def spread(source, n, count, start, plan, flat):
    """Lay `count` images out, from image n and from row `start` of their planes on.

    plan.columns[v] is the place of the pixel in column v relative to its row's first place, that of its phase included.
    The padding is zero already, but for rows above and below: a band of another image may have lain there.
    """
    channels, height, width = source.shape[1:]
    sh, sw, pitch, between, plane = plan.down, plan.right, plan.pitch, plan.between, plan.plane
    pixels, size = source.ravel(), height * width
    turns, images = (count, 1) if between == 1 else (1, count)
    for m in range(turns):
        for i in range(channels):
            image = ((n + m) * channels + i) * size
            for f in range(sh):
                base = (i * sh + f) * sw * plane + m * plan.spacing
                # the plane's row r holds the image's row first + r * sh; before `head` and from `tail` on there is none
                first = start * sh + f - plan.top
                head = min(plan.rows, max(0, -(first // sh)))
                tail = max(head, min(plan.rows, (height - 1 - first) // sh + 1))
                if plan.band < plan.height:
                    for g in range(sw):
                        fill(flat, base + g * plane, head * pitch)
                        fill(flat, base + g * plane + tail * pitch, (plan.rows - tail) * pitch)
                rows, across, columns = tail - head, width, plan.columns
                if sh == 1 and sw == 1 and width * between == pitch:       # the rows lie end to end: all at once
                    rows, across, columns = min(rows, 1), rows * width, plan.run
                for r in range(head, head + rows):
                    at, to = image + (first + r * sh) * width, base + r * pitch
                    if sw == 1 and between == 1:
                        copy(pixels, at, flat, to + plan.left, across)
                    else:
                        lay_side_by_side(pixels, at, channels * size, across, images, between, flat, to, columns)


@njit(cache=True, inline="always")
def fill(target, to, count):
    """target[to : to + count] = 0"""
    for k in range(to, to + count):
        target[k] = 0


@njit(cache=True)
def gather(places, count, channels, result, n, c, start, down, right, height, width, step, plan):
    """Pick the result's places out of the rows computed for `channels` channels."""
    pixels, line, between, size = result.ravel(), plan.line, plan.between, result.shape[2] * result.shape[3]
    whole = step[0] == 1 and step[1] == 1                  # one phase: its columns are whole rows
    rows, across = (1, height * width) if width * between == line else (height, width)
    for j in range(channels):
        row = places[j]
        image = (n * result.shape[1] + c + j) * size
        if whole and between > 1:
            for r in range(rows):
                take_apart(row, r * line, between, across, count, pixels, image + (start + r) * width,
                           result.shape[1] * size)
            continue
        for m in range(count):
            first, to = m * plan.spacing, image + m * result.shape[1] * size
            if whole:
                for r in range(rows):
                    copy(row, first + r * line, pixels, to + (start + r) * width, across)
            else:
                to += down * result.shape[3] + right
                for r in range(height):
                    for q in range(width):
                        pixels[to + (start + r) * step[0] * result.shape[3] + q * step[1]] = (
                            row[first + r * line + q * between])


@njit(cache=True)
def lay(y, n, count, c, channels, start, height, plan, places):
    """Lay `channels` channels of y out as the result's registers are; between its rows there are zeros.

    A group that is smaller than others wipes out first what an earlier one may have left.
    """
    width, line, between, size = y.shape[3], plan.line, plan.between, y.shape[2] * y.shape[3]
    pixels = y.ravel()
    rows, across = (1, height * width) if width * between == line else (height, width)
    for j in range(channels):
        row = places[j]
        if count < plan.images or height < plan.band:
            row[:] = 0
        first = (n * y.shape[1] + c + j) * size + start * width
        for r in range(rows):
            if between > 1:
                lay_side_by_side(pixels, first + r * width, y.shape[1] * size, across, count, between, row, r * line,
                                 plan.run)
            else:
                for m in range(count):
                    copy(pixels, first + m * y.shape[1] * size + r * width, row, m * plan.spacing + r * line, across)


# ---------------------------------------------------------------------------------------------------------------------
# The work, shared out.  A job is one group of images (or one band of an image); with fewer jobs than threads, a job's
# channels are shared out in slices as well.  A worker takes every workers-th task; no two tasks write the same place.
# `convolve` and `correlate` are inlined, since each function that calls another one is compiled with a copy of that.

registers = njit(cache=True)(layout.registers)


@njit(cache=True, inline="always")
def convolve(worker, workers, source, weights, result, bias, plan, step, groups, scratch, places, slices):
    """One worker's share of everything that `walk` does."""
    flat, room, pixels = scratch[worker], places[worker], result.ravel()
    batch, members, blocks = source.shape[0], source.shape[1] // groups, weights.shape[0] // groups
    per_group, size = result.shape[1] // groups, result.shape[2] * result.shape[3]
    distance, n_lanes = plan.down * plan.right * plan.plane, lanes(flat)
    bands, panel = -(-plan.height // plan.band), room.shape[0] // BLOCK
    panels = -(-blocks // panel)
    # Where the result lies as it is computed, no room in between is needed.  The last tile moves, so all must take all
    # taps.
    direct = (per_group == blocks * BLOCK and step[0] == 1 and step[1] == 1 and plan.images == 1
              and plan.line == result.shape[3] and plan.shifts.size == plan.taps.size * (plan.bounds.size - 1))
    for task in range(worker, -(-batch // plan.images) * bands * slices, workers):
        job, part = task // slices, task % slices
        # the last group takes images of the one before as well, to be full; both write the same numbers
        n, start = min(job // bands * plan.images, max(0, batch - plan.images)), job % bands * plan.band
        count = min(plan.images, batch - n)
        spread(source, n, count, start, plan, flat)
        length = min(plan.band, plan.height - start) * plan.line
        in_place = direct and length >= 4 * n_lanes
        y, y_distance, end = (pixels, size, length) if in_place else (room.ravel(), room.shape[1], 0)
        for unit in range(part, groups * panels, slices):
            group, j = unit // panels, unit % panels * panel
            c = group * per_group + j * BLOCK
            block, next_block = group * blocks + j, group * blocks + min(j + panel, blocks)
            y_first = (n * result.shape[1] * size + start * plan.line if in_place else -BLOCK * block * y_distance)
            for k in range(plan.passes.shape[0]):
                height, width, down, right, first_tile = plan.passes[k]
                height = min(plan.band, height - start)
                if width > 0:
                    for top in range(0, height, plan.strip):
                        rows = min(plan.strip, height - top)
                        tiles = -(-registers(plan, count, rows, width, n_lanes) // 4)
                        sum_of_shifts(flat, group * members * distance, distance, members, weights, bias, block,
                                      next_block, plan, first_tile + top * plan.line // (4 * n_lanes), tiles, y,
                                      y_first, y_distance, end)
                        if not in_place:
                            gather(room, count, min(panel * BLOCK, per_group - j * BLOCK), result, n, c, start + top,
                                   down, right, rows, width, step, plan)


@njit(cache=True, inline="always")
def correlate(worker, workers, x, y, sums, plan, groups, scratch, places, slices):
    """One worker's share of everything that `weight_gradient` does, but for the sum of the parts.

    Part k of the batch adds up in sums[k], job by job in their order; a slice of the channels is nobody else's.
    """
    flat, room = scratch[worker], places[worker]
    y0, y1, y2, y3 = room[0], room[1], room[2], room[3]
    batch, members, per_group = x.shape[0], x.shape[1] // groups, y.shape[1] // groups
    blocks = -(-per_group // BLOCK)
    distance, shifts = plan.down * plan.right * plan.plane, plan.taps
    pairs = members * shifts.size
    offsets = np.empty(-(-pairs // 4) * 4, np.int64)       # of each (i, t); a division for each would take long
    for i in range(members):
        for t in range(shifts.size):
            offsets[i * shifts.size + t] = i * distance + shifts[t]
    for p in range(pairs, offsets.size):                   # the last pair, again and again, fills the last tile
        offsets[p] = offsets[pairs - 1]
    bands = -(-y.shape[2] // plan.band)
    jobs, parts = -(-batch // plan.images) * bands, sums.shape[0]
    for task in range(worker, parts * slices, workers):
        k, part = task // slices, task % slices
        for job in range(k * jobs // parts, (k + 1) * jobs // parts):
            n, start = job // bands * plan.images, job % bands * plan.band
            count, height = min(plan.images, batch - n), min(plan.band, y.shape[2] - start)
            full = registers(plan, count, height, y.shape[3], lanes(flat))
            if count < plan.images:                        # nothing of an earlier image may meet the zeros in y: it
                flat[:] = 0                                # might be infinite
            spread(x, n, count, start, plan, flat)
            for block in range(part, groups * blocks, slices):
                group, j = block // blocks, block % blocks * BLOCK
                c = group * per_group + j
                channels = min(BLOCK, per_group - j)
                lay(y, n, count, c, channels, start, height, plan, room)
                for first in range(0, full, NEAR):         # so many registers of y stay in the nearest cache
                    for pair in range(0, pairs, 4):
                        dot_products(flat, y0, y1, y2, y3, group * members * distance, offsets, pair, plan.starts,
                                     first, min(first + NEAR, full), sums[k, block], pair * BLOCK)


def share(worker, workers, kind, a, b, c, bias, plan, step, groups, scratch, places, slices):
    """One worker's share of a convolution (a the source, b the weights, c the result), or of a CORRELATION (a and b the
    two that are multiplied, c the sums).   Returns 0"""
    if kind == CONVOLUTION:
        convolve(worker, workers, a, b, c, bias, plan, step, groups, scratch, places, slices)
    else:
        correlate(worker, workers, a, b, c, plan, groups, scratch, places, slices)
    return 0


SHARE = MachineCode(share)


@njit(cache=True)
def whole(address, workers, kind, a, b, c, bias, plan, step, groups, scratch, places, slices):
    """All the work, on this thread."""
    call(address, (0, workers, kind, a, b, c, bias, plan, step, groups, scratch, places, slices))


@njit(parallel=True, cache=True)
def share_out(address, workers, kind, a, b, c, bias, plan, step, groups, scratch, places, slices):
    """All workers' shares at once."""
    for worker in prange(workers):         # prange counts in uint64
        call(address, (np.int64(worker), workers, kind, a, b, c, bias, plan, step, groups, scratch, places, slices))
