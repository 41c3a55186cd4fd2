"""The fast kernels.  A convolution is a sum over kernel taps of a weight times a shifted copy of the image:

    y[c, p] = sum over i, t of  w[c, i, t] * x[i, p + shift[t]]          p: a place in the flat layout of `layout.py`

`sum_of_shifts` computes that for 4 channels and 4 vectors of places at a time: 16 running sums stay in registers while
all input channels and taps go by, 4 loads and 4 weights for 16 multiply-adds, and nothing is stored before the end.
The transposed convolution runs the same loop with the shifts turned round.  The weight gradient

    w[c, i, t] = sum over p of  y[c, p] * x[i, p + shift[t]]

is the same walk with a dot product, `dot_products`: 4 channels and 4 (i, t) pairs at a time.  A tap that a mask leaves
out is not in the list, and costs nothing; dilation changes the shifts; a stride splits the image into phases.

Every sum is added up in an order that depends on the shapes alone: the number of threads has no influence on a result.
"""
import math
import numpy as np
from numba import config, get_num_threads, njit, prange
from . import layout
from .vectors import broadcast, fma, lanes, load, pair_sums, store

BLOCK = 4              # channels that are computed together
PARTS = 4              # the weight gradient's sum over the batch is cut into so many parts, whatever the threads
SMALL = 1 << 19        # below so many multiply-adds, waking the other threads costs more than it saves


def forward(x, w, b, geometry):
    """The convolution y = w * x + b.   x (N, I, H, W), w (C, I / groups, KH, KW), b (C,) or None -> y (N, C, OH, OW)"""
    y = np.empty((x.shape[0], w.shape[0], *geometry.output_size), x.dtype)
    plan = layout.gathering(geometry, x.shape[0])
    walk(x, pack(w, geometry.taps, geometry.groups), b, y, plan, (1, 1), geometry.groups)
    return y


def input_gradient(y, w, b, geometry):
    """The transposed convolution: the gradient of <w * x, y> in x, plus b.   y (N, C, OH, OW), w as above, b (I,) or
    None -> x (N, I, H, W)"""
    C, members, groups = w.shape[0], w.shape[1], geometry.groups
    x = np.empty((y.shape[0], members * groups, *geometry.size), y.dtype)
    plan, taps = layout.scattering(geometry, y.shape[0])
    turned = w.reshape(groups, C // groups, members, *geometry.kernel).swapaxes(1, 2)
    turned = turned.reshape(groups * members, C // groups, *geometry.kernel)
    walk(y, pack(turned, taps, groups), b, x, plan, geometry.stride, groups)
    return x


def weight_gradient(x, y, geometry):
    """The gradient of <w * x, y> in w.   x (N, I, H, W), y (N, C, OH, OW) -> (C, I / groups, KH, KW)"""
    C, members = y.shape[1], x.shape[1] // geometry.groups
    plan = layout.gathering(geometry, x.shape[0])
    parts = max(1, min(PARTS, number_of_jobs(plan, x.shape[0])))
    sums = np.zeros((parts, C, members * len(geometry.taps)), x.dtype)
    workers = threads(y.size * members * len(geometry.taps))
    slices = -(-workers // parts)                          # with few parts, the threads share the channels as well
    scratch, places = workspaces(workers, x.shape[1], plan, x.dtype)
    run(correlate, correlate_parallel, workers, x, y, sums, plan, geometry.groups, scratch, places, slices)
    w = np.zeros((C, members, *geometry.kernel), x.dtype)
    a, b = np.array(geometry.taps, np.int64).reshape(-1, 2).T
    w[:, :, a, b] = sums.sum(0).reshape(C, members, len(geometry.taps))
    return w


def number_of_jobs(plan, batch):
    """How many groups of images, or bands of one, a batch makes."""
    return -(-batch // plan.images) * -(-plan.height // plan.band)


def threads(multiplications):
    """How many threads the work is worth."""
    return 1 if multiplications < SMALL else get_num_threads()


def run(kernel, kernel_parallel, workers, *arguments):
    """Run a kernel on one thread or on several.  If it must be compiled first, that is done at LLVM's lowest level of
    effort: the hot loops are written out in registers, there is little left to find, and it takes 40 % less time."""
    before, config.OPT = config.OPT, 1
    try:
        if workers == 1:
            kernel(0, 1, *arguments)
        else:
            kernel_parallel(workers, *arguments)
    finally:
        config.OPT = before


def pack(w, taps, groups):
    """The weights in the order in which `sum_of_shifts` reads them: (blocks of all groups, I, taps, BLOCK)."""
    C, members = w.shape[0] // groups, w.shape[1]
    blocks = -(-C // BLOCK)
    a, b = np.array(taps, np.int64).reshape(-1, 2).T
    packed = np.zeros((groups, blocks * BLOCK, members, len(taps)), w.dtype)
    packed[:, :C] = w[:, :, a, b].reshape(groups, C, members, len(taps))
    packed = packed.reshape(groups * blocks, BLOCK, members, len(taps))
    return np.ascontiguousarray(packed.transpose(0, 2, 3, 1))


def workspaces(workers, channels, plan, dtype):
    """For each thread, a zeroed source in the flat layout, and room for BLOCK rows of places of the result."""
    places = -(-plan.plane // 64) * 64 + 64                # whole tiles are read and written, past the last place
    return (zeros(dtype, workers, channels * plan.down * plan.right * plan.plane + 128),
            zeros(dtype, workers, BLOCK, places))


def zeros(dtype, *shape):
    """Zeros that start at a multiple of 64 bytes: a register loaded from there lies in one line of the cache."""
    count = math.prod(shape)
    memory = np.zeros(count + 64 // dtype.itemsize, dtype)
    start = -memory.ctypes.data % 64 // dtype.itemsize
    return memory[start:start + count].reshape(shape)


def walk(source, weights, bias, result, plan, step, groups):
    """Run all passes of a convolution or a transposed one.   step: the result's phases, down and right"""
    if bias is None:
        bias = np.zeros(result.shape[1], source.dtype)
    jobs = number_of_jobs(plan, source.shape[0])
    workers = threads(result.size * weights.shape[1] * len(plan.shifts))
    slices = 1 if jobs >= workers else -(-workers // max(1, jobs))
    scratch, places = workspaces(workers, source.shape[1], plan, source.dtype)
    run(convolve, convolve_parallel, workers, source, weights, bias, result, plan, step, groups, scratch, places,
        slices)


# ---------------------------------------------------------------------------------------------------------------------
# The two hot loops

@njit(cache=True)
def sum_of_shifts(x, first, distance, channels, shifts, w, y, length):
    """y[c, p] = sum over i, t of w[i, t, c] * x[first + i * distance + p + shifts[t]], for 4 c and all p < length."""
    n = lanes(x)
    y0, y1, y2, y3 = y[0], y[1], y[2], y[3]
    zero = x.dtype.type(0)
    for p in range(0, length, 4 * n):
        a00 = a01 = a02 = a03 = a10 = a11 = a12 = a13 = broadcast(zero)
        a20 = a21 = a22 = a23 = a30 = a31 = a32 = a33 = broadcast(zero)
        for i in range(channels):
            start = first + i * distance + p
            for t in range(shifts.size):
                at = start + shifts[t]
                b0, b1, b2, b3 = load(x, at), load(x, at + n), load(x, at + 2 * n), load(x, at + 3 * n)
                v = broadcast(w[i, t, 0])
                a00 = fma(v, b0, a00); a01 = fma(v, b1, a01); a02 = fma(v, b2, a02); a03 = fma(v, b3, a03)
                v = broadcast(w[i, t, 1])
                a10 = fma(v, b0, a10); a11 = fma(v, b1, a11); a12 = fma(v, b2, a12); a13 = fma(v, b3, a13)
                v = broadcast(w[i, t, 2])
                a20 = fma(v, b0, a20); a21 = fma(v, b1, a21); a22 = fma(v, b2, a22); a23 = fma(v, b3, a23)
                v = broadcast(w[i, t, 3])
                a30 = fma(v, b0, a30); a31 = fma(v, b1, a31); a32 = fma(v, b2, a32); a33 = fma(v, b3, a33)
        store(y0, p, a00); store(y0, p + n, a01); store(y0, p + 2 * n, a02); store(y0, p + 3 * n, a03)
        store(y1, p, a10); store(y1, p + n, a11); store(y1, p + 2 * n, a12); store(y1, p + 3 * n, a13)
        store(y2, p, a20); store(y2, p + n, a21); store(y2, p + 2 * n, a22); store(y2, p + 3 * n, a23)
        store(y3, p, a30); store(y3, p + n, a31); store(y3, p + 2 * n, a32); store(y3, p + 3 * n, a33)


@njit(cache=True)
def dot_products(x, y0, y1, y2, y3, o0, o1, o2, o3, length, sums):
    """sums[4 * c + k] = sum over p < length of yc[p] * x[ok + p], for 4 channels c and 4 offsets k."""
    n = lanes(x)
    zero = x.dtype.type(0)
    a00 = a01 = a02 = a03 = a10 = a11 = a12 = a13 = broadcast(zero)
    a20 = a21 = a22 = a23 = a30 = a31 = a32 = a33 = broadcast(zero)
    for p in range(0, length, n):
        b0, b1, b2, b3 = load(x, o0 + p), load(x, o1 + p), load(x, o2 + p), load(x, o3 + p)
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
        store(sums, 0, a00); store(sums, 2, a02); store(sums, 4, a10); store(sums, 6, a12)
        store(sums, 8, a20); store(sums, 10, a22); store(sums, 12, a30); store(sums, 14, a32)
        return
    a00, a10, a20, a30 = pair_sums(a00, a02), pair_sums(a10, a12), pair_sums(a20, a22), pair_sums(a30, a32)
    if n == 4:
        store(sums, 0, a00); store(sums, 4, a10); store(sums, 8, a20); store(sums, 12, a30)
        return
    a00, a20 = pair_sums(a00, a10), pair_sums(a20, a30)
    if n == 8:
        store(sums, 0, a00); store(sums, 8, a20)
        return
    store(sums, 0, pair_sums(a00, a20))


# ---------------------------------------------------------------------------------------------------------------------
# Into the flat layout and back

@njit(cache=True, inline="always")
def copy(source, at, target, to, count, b):
    """target[to + k] = source[at + k] + b for k < count, a register at a time.

    The last register overlaps the one before, so that nothing is written past the end.
    """
    n = lanes(source)
    if count < n:
        for k in range(count):
            target[to + k] = source[at + k] + b
    else:
        one, many = broadcast(source.dtype.type(1)), broadcast(b)
        for k in range(0, count - n, n):
            store(target, to + k, fma(load(source, at + k), one, many))
        store(target, to + count - n, fma(load(source, at + count - n), one, many))


@njit(cache=True)
def spread(source, n, count, start, plan, flat):
    """Lay `count` images out, from image n and from row `start` of their planes on.

    plan.columns[v] is the place of the pixel in column v relative to its row's first place, that of its phase included.
    The padding is zero already, but for rows above and below: a band of another image may have lain there.
    """
    channels, height, width = source.shape[1:]
    sh, sw, pitch, between, plane = plan.down, plan.right, plan.pitch, plan.between, plan.plane
    pixels, zero = source.ravel(), source.dtype.type(0)
    single = sw == 1 and between == 1
    touching = single and sh == 1 and width == pitch       # the rows lie end to end: copy them all at once
    for m in range(count):
        for i in range(channels):
            image = ((n + m) * channels + i) * height * width
            for f in range(sh):
                base = (i * sh + f) * sw * plane + m * plan.spacing
                for r in range(plan.rows):
                    u = (start + r) * sh + f - plan.top
                    row = base + r * pitch
                    if u < 0 or u >= height:
                        if between == 1:
                            for g in range(sw):
                                for q in range(row + g * plane, row + g * plane + pitch):
                                    flat[q] = 0
                    elif touching:
                        if r == 0 or u == 0:
                            copy(pixels, image + u * width, flat, row, min(plan.rows - r, height - u) * width, zero)
                    elif single:
                        copy(pixels, image + u * width, flat, row + plan.left, width, zero)
                    else:
                        for v in range(width):
                            flat[row + plan.columns[v]] = pixels[image + u * width + v]


@njit(cache=True)
def gather(places, count, channels, result, n, c, start, down, right, height, width, step, plan, bias):
    """Pick the result's places out of the flat rows of `channels` channels, and add the bias."""
    pixels, pitch, between, spacing = result.ravel(), plan.pitch, plan.between, plan.spacing
    for j in range(channels):
        row = places[j]
        b = bias[c + j]
        for m in range(count):
            image = ((n + m) * result.shape[1] + c + j) * result.shape[2] * result.shape[3]
            if step[0] == 1 and step[1] == 1 and between == 1:             # one phase: its columns are whole rows
                rows, length = (1, height * width) if width == pitch else (height, width)
                for r in range(rows):
                    copy(row, m * spacing + r * pitch, pixels, image + (start + r) * width, length, b)
            else:
                for r in range(height):
                    at = m * spacing + r * pitch
                    to = image + (down + (start + r) * step[0]) * result.shape[3] + right
                    for q in range(width):
                        pixels[to + q * step[1]] = row[at + q * between] + b


@njit(cache=True)
def lay(y, n, count, c, channels, start, height, plan, places):
    """Lay `channels` channels of y out as `spread` does, at the places of the outputs; between them there are zeros.

    A group that is smaller than others wipes out first what an earlier one may have left.
    """
    width, pitch, between, spacing = y.shape[3], plan.pitch, plan.between, plan.spacing
    pixels, zero = y.ravel(), y.dtype.type(0)
    for j in range(channels):
        row = places[j]
        if count < plan.images or height < plan.band:
            row[:] = 0
        for m in range(count):
            first = (((n + m) * y.shape[1] + c + j) * y.shape[2] + start) * width
            if between == 1:
                rows, across = (1, height * width) if width == pitch else (height, width)
                for r in range(rows):
                    copy(pixels, first + r * width, row, m * spacing + r * pitch, across, zero)
            else:
                for r in range(height):
                    for q in range(width):
                        row[m * spacing + r * pitch + q * between] = pixels[first + r * width + q]


# ---------------------------------------------------------------------------------------------------------------------
# The work, shared out.  A job is one group of images (or one band of an image); with fewer jobs than threads, a job's
# channels are shared out in slices as well.  A worker takes every workers-th task; no two tasks write the same place.

@njit(cache=True)
def extent(count, height, width, plan):
    """How many places there are from the first output of a group to its last one."""
    return (count - 1) * plan.spacing + (height - 1) * plan.pitch + (width - 1) * plan.between + 1


@njit(cache=True)
def convolve(worker, workers, source, weights, bias, result, plan, step, groups, scratch, places, slices):
    """One worker's share of everything that `walk` does."""
    flat, room = scratch[worker], places[worker]
    batch, members, blocks = source.shape[0], source.shape[1] // groups, weights.shape[0] // groups
    per_group = result.shape[1] // groups
    distance = plan.down * plan.right * plan.plane
    bands = -(-plan.height // plan.band)
    for task in range(worker, -(-batch // plan.images) * bands * slices, workers):
        job, part = task // slices, task % slices
        n, start = job // bands * plan.images, job % bands * plan.band
        count = min(plan.images, batch - n)
        spread(source, n, count, start, plan, flat)
        for block in range(part, groups * blocks, slices):
            group, j = block // blocks, block % blocks * BLOCK
            c = group * per_group + j
            for k in range(plan.passes.shape[0]):
                first, end, height, width, down, right = plan.passes[k]
                height = min(plan.band, height - start)
                if height > 0 and width > 0:
                    length = extent(count, height, width, plan)
                    sum_of_shifts(flat, group * members * distance, distance, members, plan.shifts[first:end],
                                  weights[block, :, first:end], room, length)
                    gather(room, count, min(BLOCK, per_group - j), result, n, c, start, down, right, height, width,
                           step, plan, bias)


@njit(parallel=True, cache=True)
def convolve_parallel(workers, source, weights, bias, result, plan, step, groups, scratch, places, slices):
    """All workers' shares at once."""
    for worker in prange(workers):         # prange counts in uint64: as int64, the code compiled for one thread serves
        convolve(np.int64(worker), workers, source, weights, bias, result, plan, step, groups, scratch, places, slices)


@njit(cache=True)
def correlate(worker, workers, x, y, sums, plan, groups, scratch, places, slices):
    """One worker's share of everything that `weight_gradient` does, but for the sum of the parts.

    Part k of the batch adds up in sums[k], job by job in their order; a slice of the channels is nobody else's.
    """
    flat, room = scratch[worker], places[worker]
    y0, y1, y2, y3 = room[0], room[1], room[2], room[3]
    tile = np.empty(16, x.dtype)
    offsets = np.empty(4, np.int64)
    batch, members, per_group = x.shape[0], x.shape[1] // groups, y.shape[1] // groups
    blocks = -(-per_group // BLOCK)
    distance, shifts = plan.down * plan.right * plan.plane, plan.shifts
    pairs = members * shifts.size
    bands = -(-y.shape[2] // plan.band)
    jobs, parts = -(-batch // plan.images) * bands, sums.shape[0]
    for task in range(worker, parts * slices, workers):
        k, part = task // slices, task % slices
        for job in range(k * jobs // parts, (k + 1) * jobs // parts):
            n, start = job // bands * plan.images, job % bands * plan.band
            count, height = min(plan.images, batch - n), min(plan.band, y.shape[2] - start)
            length = extent(count, height, y.shape[3], plan)
            spread(x, n, count, start, plan, flat)
            for block in range(part, groups * blocks, slices):
                group, j = block // blocks, block % blocks * BLOCK
                c = group * per_group + j
                channels = min(BLOCK, per_group - j)
                lay(y, n, count, c, channels, start, height, plan, room)
                for pair in range(0, pairs, 4):
                    for b in range(4):                     # the last pair, again and again, fills the last tile
                        p = min(pair + b, pairs - 1)
                        offsets[b] = (group * members + p // shifts.size) * distance + shifts[p % shifts.size]
                    dot_products(flat, y0, y1, y2, y3, offsets[0], offsets[1], offsets[2], offsets[3], length, tile)
                    for a in range(channels):
                        for b in range(min(4, pairs - pair)):
                            sums[k, c + a, pair + b] += tile[4 * a + b]


@njit(parallel=True, cache=True)
def correlate_parallel(workers, x, y, sums, plan, groups, scratch, places, slices):
    """All workers' shares at once."""
    for worker in prange(workers):
        correlate(np.int64(worker), workers, x, y, sums, plan, groups, scratch, places, slices)
