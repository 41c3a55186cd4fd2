"""The fast kernels.  A convolution is a sum over kernel taps of a weight times a shifted copy of the image:

    y[c, p] = sum over i, t of  w[c, i, t] * x[i, p + shift[t]]          p: a place in the flat layout of `layout.py`

`sum_of_shifts` computes that for a *tile* at a time, 8 channels and 3 registers full of places: 24 running sums stay in
registers while all input channels and taps go by, 3 loads and 8 weights for 24 multiply-adds, and nothing is stored
before the end.  (For few channels, or where there are few registers, a tile has 4.)
The transposed convolution runs the same loop with the shifts turned round.  The weight gradient

    w[c, i, t] = sum over p of  y[c, p] * x[i, p + shift[t]]

is the same walk with dot products, `dot_products`: 4 channels and 6 pairs (i, t) at a time.  A tap that a mask leaves
out is not in the list, and costs nothing; dilation changes the shifts; a stride splits the image into phases.

Every sum is added up in an order that depends on the shapes alone: the number of threads has no influence on a result.
"""
import numpy as np
from minigrad.compiled import config, get_num_threads, njit, prange
from minigrad.machine_code import MachineCode, call
from minigrad.order import in_order
from minigrad.rows import copy, fill
from minigrad.tiles import (
    FEW, PAIRS, ROWS, add_products, add_row_products, add_totals, filled_tile, load_tile, number_of_totals, store_tile,
    take, zero_tile)
from minigrad.vectors import LANES, interleave, interleave_few, lanes, load, separate, separate_few
from . import layout, workspaces
from .geometry import all_taps
from .layout import TILE

CONVOLUTION, CORRELATION = 0, 1
NEAR = 64              # registers of a channel that a part of the weight gradient goes over: FEW such rows fit into the
                       # nearest cache, beside the image
CHANNELS_OF_TILE, PAIRS_OF_TILE = tuple(range(FEW)), tuple(range(PAIRS))   # of the weight gradient
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
    members, blocks = x.shape[1] // groups, -(-C // groups // FEW)
    tiles = -(-members * taps // PAIRS)
    plan = layout.gathering(geometry, *x.shape[:2], LANES[x.dtype])
    parts = max(1, min(PARTS, number_of_jobs(plan, x.shape[0])))
    sums = np.zeros((parts, groups * blocks, tiles, number_of_totals(FEW * PAIRS, x.dtype)), x.dtype)
    workers = threads(y.size * members * taps)
    slices = -(-workers // parts)                          # with few parts, the threads share the channels as well
    key, *rooms = workspaces.borrow(plan, CORRELATION, workers, x.shape[1], FEW, plan.band, x.dtype)
    run(workers, CORRELATION, x, y, sums, np.zeros(0, x.dtype), plan, (1, 1), groups, *rooms, slices)
    workspaces.give_back(key, plan, *rooms)
    sums = sums.sum(0)[..., :FEW * PAIRS].reshape(groups, blocks, tiles, FEW, PAIRS).swapaxes(2, 3)
    sums = sums.reshape(groups, blocks * FEW, tiles * PAIRS)[:, :C // groups, :members * taps]
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


def run(workers, kind, a, b, *more, rows=ROWS):
    """Run a kernel on one thread or on several, with tiles of so many rows.

    If it must be compiled first, that is done at LLVM's lowest level of effort: the hot loops are written out in
    registers, there is little left to find, and it takes 40 % less time.
    """
    arguments = kind, in_order(a), in_order(b), *more      # as the compiled code takes for granted
    before, config.OPT = config.OPT, 1
    try:
        address = SHARE[rows].address(a.dtype, (0, workers, *arguments))
        (share_out if workers > 1 else whole)(address, workers, *arguments)
    finally:
        config.OPT = before


def channels_together(channels):
    """How many channels of the result a tile takes: as many as there is room for, but FEW where those fit better."""
    return ROWS if -(-channels // ROWS) * ROWS <= 1.2 * -(-channels // FEW) * FEW else FEW


def pack(w, taps, groups):
    """The weights in the order in which `sum_of_shifts` reads them: (blocks of all groups, I, taps, rows)."""
    C, members = w.shape[0] // groups, w.shape[1]
    rows = channels_together(C)
    blocks = -(-C // rows)
    packed = np.zeros((groups, blocks, members, len(taps), rows), w.dtype)
    chosen = w.reshape(groups, C, members, -1)
    if taps != all_taps(w.shape[2:]):
        chosen = chosen[..., [a * w.shape[3] + b for a, b in taps]]
    for channel in range(rows):            # of each block
        packed[:, :-(-(C - channel) // rows), :, :, channel] = chosen[:, channel::rows]
    return packed.reshape(groups * blocks, members, len(taps), rows)


def walk(source, weights, bias, result, plan, step, groups):
    """Run all passes of a convolution or a transposed one.   step: the result's phases, down and right"""
    C, blocks, rows = result.shape[1] // groups, weights.shape[0] // groups, weights.shape[3]
    biases = np.zeros((groups, blocks * rows), source.dtype)
    if bias is not None:
        biases[:, :C] = bias.reshape(groups, C)
    jobs = number_of_jobs(plan, source.shape[0])
    workers = threads(result.size * weights.shape[1] * len(plan.taps))
    slices = 1 if jobs >= workers else -(-workers // max(1, jobs))
    panel = min(-(-plan.panel // rows), -(-blocks // slices))
    key, *rooms = workspaces.borrow(plan, CONVOLUTION, workers, source.shape[1], panel * rows, plan.strip, source.dtype)
    run(workers, CONVOLUTION, source, weights, result, biases.ravel(), plan, step, groups, *rooms, slices, rows=rows)
    workspaces.give_back(key, plan, *rooms)


# ---------------------------------------------------------------------------------------------------------------------
# The two hot loops

@njit(cache=True)
def sum_of_shifts(x, first, channels, w, bias, block, next_block, plan, first_tile, tiles, y, y_first, y_distance, end,
                  rows):
    """y[c, p] = bias[c] + sum over pairs (i, t) of w[i, t, c] * x[first + start[p] + offset[i, t]], for the channels c
    from one block to before another, and for all places p of some tiles: TILE registers each, which start where
    plan.starts says.  A tile takes the pairs that plan.lists says, all in one loop: where a loop ends, the processor
    guesses wrong what comes next, which costs as much as two rounds.

    y[c, p] is the number y_first + c * y_distance + p of the array y, where p counts from the first tile on.  If `end`
    isn't zero, y is the result itself, and a row of it ends there: the last tile then overlaps the one before.

    What a tile reads of some input channels fits into the nearest cache.  All blocks of output channels take their turn
    on it before the next input channels come, and leave their sums in y meanwhile.
    """
    n, apart, width = lanes(x), w.shape[1] * w.shape[2], TILE * lanes(x)
    turns = -(-channels // plan.near)
    near = -(-channels // turns)                           # input channels at a time: about as many each time
    for tile in range(first_tile, first_tile + tiles):
        p = width * (tile - first_tile)
        starts = plan.starts[TILE * tile], plan.starts[TILE * tile + 1], plan.starts[TILE * tile + 2]
        if end:
            p = min(p, end - width)
            starts = p, p + n, p + 2 * n
        at, taps = plan.lists[tile]
        for begin in range(0, channels, near):
            some = slice(at + begin * taps, at + min(begin + near, channels) * taps)
            offsets, weights = plan.offsets[some], plan.weights[some]
            for b in range(block, next_block):
                to = y_first + b * len(rows) * y_distance + p
                if begin == 0:
                    sums = filled_tile(rows, starts, bias, b * len(rows))
                else:
                    sums = load_tile(rows, starts, y, to, y_distance)
                for pair in range(offsets.size):
                    k = len(rows) * (b * apart + weights[pair])
                    sums = add_products(sums, w, k, x, first + offsets[pair], starts)
                store_tile(y, to, y_distance, sums)


@njit(cache=True)
def dot_products(x, y, base, offsets, pair, starts, first, stop, sums, at):
    """sums.flat[at + PAIRS * c + k] += sum over p of y[c, p] * x[base + offsets[pair + k] + start[p]], for FEW channels
    c and PAIRS offsets k, over the places p of the registers from `first` to before `stop`."""
    mine, places = take(offsets, pair, PAIRS_OF_TILE), starts[first:stop]
    products = zero_tile(CHANNELS_OF_TILE, PAIRS_OF_TILE, x)
    for r in range(places.size):
        products = add_row_products(products, y, (first + r) * lanes(x), y.shape[1], x, base + places[r], mine)
    add_totals(sums, at, products)


# ---------------------------------------------------------------------------------------------------------------------
# Into the flat layout and back

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
    pixels, size, zero = source.ravel(), height * width, flat.dtype.type(0)
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
                        fill(flat, base + g * plane, head * pitch, zero)
                        fill(flat, base + g * plane + tail * pitch, (plan.rows - tail) * pitch, zero)
                rows, across, columns = tail - head, width, plan.columns
                if sh == 1 and sw == 1 and width * between == pitch:       # the rows lie end to end: all at once
                    rows, across, columns = min(rows, 1), rows * width, plan.run
                for r in range(head, head + rows):
                    at, to = image + (first + r * sh) * width, base + r * pitch
                    if sw == 1 and between == 1:
                        copy(pixels, at, flat, to + plan.left, across)
                    else:
                        lay_side_by_side(pixels, at, channels * size, across, images, between, flat, to, columns)


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
def convolve(worker, workers, source, weights, result, bias, plan, step, groups, scratch, places, slices, rows):
    """One worker's share of everything that `walk` does."""
    flat, room, pixels = scratch[worker], places[worker], result.ravel()
    batch, members, blocks = source.shape[0], source.shape[1] // groups, weights.shape[0] // groups
    per_group, size = result.shape[1] // groups, result.shape[2] * result.shape[3]
    distance, n_lanes, n_rows = plan.down * plan.right * plan.plane, lanes(flat), len(rows)
    bands, panel = -(-plan.height // plan.band), room.shape[0] // n_rows
    panels = -(-blocks // panel)
    # Where the result lies as it is computed, no room in between is needed.  The last tile moves, so all must take all
    # taps.
    direct = (per_group == blocks * n_rows and step[0] == 1 and step[1] == 1 and plan.images == 1
              and plan.line == result.shape[3] and plan.whole == 1)
    for task in range(worker, -(-batch // plan.images) * bands * slices, workers):
        job, part = task // slices, task % slices
        # the last group takes images of the one before as well, to be full; both write the same numbers
        n, start = min(job // bands * plan.images, max(0, batch - plan.images)), job % bands * plan.band
        count = min(plan.images, batch - n)
        spread(source, n, count, start, plan, flat)
        length = min(plan.band, plan.height - start) * plan.line
        in_place = direct and length >= TILE * n_lanes
        y, y_distance, end = (pixels, size, length) if in_place else (room.ravel(), room.shape[1], 0)
        for unit in range(part, groups * panels, slices):
            group, j = unit // panels, unit % panels * panel
            c = group * per_group + j * n_rows
            block, next_block = group * blocks + j, group * blocks + min(j + panel, blocks)
            y_first = (n * result.shape[1] * size + start * plan.line if in_place else -n_rows * block * y_distance)
            for k in range(plan.passes.shape[0]):
                height, width, down, right, first_tile = plan.passes[k]
                height = min(plan.band, height - start)
                if width > 0:
                    for top in range(0, height, plan.strip):
                        lines = min(plan.strip, height - top)
                        tiles = -(-registers(plan, count, lines, width, n_lanes) // TILE)
                        sum_of_shifts(flat, group * members * distance, members, weights, bias, block, next_block, plan,
                                      first_tile + top * plan.line // (TILE * n_lanes), tiles, y, y_first, y_distance,
                                      end, rows)
                        if not in_place:
                            gather(room, count, min(panel * n_rows, per_group - j * n_rows), result, n, c, start + top,
                                   down, right, lines, width, step, plan)


@njit(cache=True, inline="always")
def correlate(worker, workers, x, y, sums, plan, groups, scratch, places, slices):
    """One worker's share of everything that `weight_gradient` does, but for the sum of the parts.

    Part k of the batch adds up in sums[k], job by job in their order; a slice of the channels is nobody else's.
    """
    flat, room = scratch[worker], places[worker]
    batch, members, per_group = x.shape[0], x.shape[1] // groups, y.shape[1] // groups
    blocks = -(-per_group // FEW)
    distance, shifts = plan.down * plan.right * plan.plane, plan.taps
    pairs = members * shifts.size
    offsets = np.empty(-(-pairs // PAIRS) * PAIRS, np.int64)     # of each (i, t); a division for each would take long
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
            near = -(-full // -(-full // NEAR))            # about as many each time
            if count < plan.images:                        # nothing of an earlier image may meet the zeros in y: it
                flat[:] = 0                                # might be infinite
            spread(x, n, count, start, plan, flat)
            for block in range(part, groups * blocks, slices):
                group, j = block // blocks, block % blocks * FEW
                c = group * per_group + j
                channels = min(FEW, per_group - j)
                lay(y, n, count, c, channels, start, height, plan, room)
                for first in range(0, full, near):         # so many registers of y stay in the nearest cache
                    for pair in range(0, pairs, PAIRS):
                        dot_products(flat, room, group * members * distance, offsets, pair, plan.starts, first,
                                     min(first + near, full), sums[k, block], pair // PAIRS * sums.shape[3])


def sharing(rows):
    """The function for one worker's share, with tiles of so many rows, as MachineCode."""
    rows = tuple(range(rows))              # the compiler knows the length of a tuple

    def share(worker, workers, kind, a, b, c, bias, plan, step, groups, scratch, places, slices):
        """One worker's share of a convolution (a the source, b the weights, c the result), or of a CORRELATION (a and b
        the two that are multiplied, c the sums).   Returns 0"""
        if kind == CONVOLUTION:
            convolve(worker, workers, a, b, c, bias, plan, step, groups, scratch, places, slices, rows)
        else:
            correlate(worker, workers, a, b, c, plan, groups, scratch, places, slices)
        return 0
    return MachineCode(share)


SHARE = {rows: sharing(rows) for rows in (FEW, ROWS)}


@njit(cache=True)
def whole(address, workers, kind, a, b, c, bias, plan, step, groups, scratch, places, slices):
    """All the work, on this thread."""
    call(address, (0, workers, kind, a, b, c, bias, plan, step, groups, scratch, places, slices))


@njit(parallel=True, cache=True)
def share_out(address, workers, kind, a, b, c, bias, plan, step, groups, scratch, places, slices):
    """All workers' shares at once."""
    for worker in prange(workers):         # prange counts in uint64
        call(address, (np.int64(worker), workers, kind, a, b, c, bias, plan, step, groups, scratch, places, slices))
