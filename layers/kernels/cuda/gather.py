"""The convolution and the transposed convolution: every pixel of the result gathers what it depends on.

Both are a sum over taps t and channels i of the source,

    result[n, c, u, v] = b[c] + sum of  w[c, i, t] source[n, i, r, q],

where the source pixel (r, q) depends on (u, v) and the tap (a, b); outside the source are zeros.  In a transposed
convolution with stride s, only some taps meet a pixel: those for which r is whole.  They are the same for all pixels
of a *phase*, u = first + s * r'.  So, along each axis,

    convolution, all pixels being one phase       r = s * r' + (a * dilation - top)
    transposed convolution, s phases              r = r' + (first + top - a * dilation) / s,  where that is whole

and each phase is a matrix product, (channels, K) x (K, pixels).  Its terms k are the pairs (tap, channel of the
source), the channel fastest.  The right-hand matrix is never written out: for one tap it is the source itself, shifted.

Of the inner loop's 1266 instructions for `depth` 16 and 8 x 8 sums, 1024 are multiply-adds, and 64 read shared
memory; 27 read the next tiles from the device's memory, 24 store them, and the rest finds out where they are.
"""
from functools import lru_cache
from minigrad.cuda.launch import Kernel, cuda, device, scalar, types
from .tiles import bounds, constants, multiplier, placing, short, unsigned

FAR = -(1 << 30)                           # a row that no shift brings into the source


@lru_cache(maxsize=None)
def gathering(dtype, tile):
    """The kernel in which a block computes a tile of channels x pixels of a phase.

    Its blocks are (pixels of the largest phase / tile.pixels, channels of a group / tile.channels, groups * phases).
    tile.depth divides the channels of the source's groups, so all terms of a step belong to one tap.
    """
    depth, channels, pixels = tile.depth, tile.channels, tile.pixels
    down, across, sums_size = tile.down, tile.across, tile.down * tile.across
    w_size, x_size = depth * channels, depth * pixels
    w_halves, x_halves = 2 * w_size, 2 * x_size
    loaders = min(tile.threads, w_size)    # threads that fetch different numbers of w; more fetch the same ones
    w_each, x_each = w_size // loaders, pixels // tile.threads
    x_fetched = x_each * depth
    T = scalar(dtype)
    zero = T(0)
    place, distance = placing(tile)
    multiply = multiplier(tile, distance, channels, pixels)
    DOWN, ACROSS, DEPTH = constants(tile.down, tile.across, tile.depth)
    THREADS, PIXELS, W_SIZE, X_SIZE, SUMS = constants(tile.threads, pixels, w_size, x_size, sums_size)
    LOADERS, W_EACH, X_EACH, NONE, ONE = constants(loaders, w_each, x_each, 0, 1)

    @device
    def fetch(w, at_w, x, at_x, plane, tap, mine, size, fetched):
        """Read the next tiles' numbers into registers, where they wait until the tiles of now are done with.

        A thread brings `depth` channels of its own pixels.  Pixels outside read x[0], not to be used.
        """
        rows, columns, origins = mine
        new_w, new_x, inside = fetched
        for j in range(X_EACH):
            row, column = short(rows[j] + tap[0]), short(columns[j] + tap[1])
            inside[j] = 0 <= row and row < size[0] and 0 <= column and column < size[1]
            at = at_x + origins[j] + tap[2] if inside[j] else 0
            for k in range(DEPTH):
                new_x[j * DEPTH + k] = x[unsigned(at + types.int64(k) * plane)]
        for j in range(W_EACH):
            new_w[j] = w[at_w + j * LOADERS]

    @device
    def store(w_tile, x_tile, half, thread, fetched):
        """Write them into one half of the tiles, and wait for the block's other threads."""
        new_w, new_x, inside = fetched
        for j in range(X_EACH):
            for k in range(DEPTH):
                x_tile[half * X_SIZE + k * PIXELS + j * THREADS + thread] = new_x[j * DEPTH + k] if inside[j] else zero
        for j in range(W_EACH):
            w_tile[half * W_SIZE + j * LOADERS + thread % LOADERS] = new_w[j]
        cuda.syncthreads()

    def gather(x, w, b, biased, y, taps, phases, images, members, outs, source, result, every, step):
        """y = the sum above.

        x, y            source (images, groups * members, *source), result (images, groups * outs, *result)
        w               as `arrange` arranges it
        b, biased       the bias, if biased is 1
        taps            for each tap (down, right, shift): from pixel * every to its source, and that in memory
        phases          for each phase (first tap, behind the last, first row, first column, rows, columns)
        every, step     the distances of a phase's neighbours in the source and in the result
        """
        w_tile = cuda.shared.array(w_halves, T)
        x_tile = cuda.shared.array(x_halves, T)
        sums = cuda.local.array(sums_size, T)
        registers = (sums, cuda.local.array(down, T), cuda.local.array(across, T))
        mine = (cuda.local.array(x_each, types.int32), cuda.local.array(x_each, types.int32),
                cuda.local.array(x_each, types.int64))
        fetched = (cuda.local.array(w_each, T), cuda.local.array(x_fetched, T), cuda.local.array(x_each, types.boolean))
        places = cuda.local.array(across, types.int64)

        phase_count = phases.size // 6
        group, groups = cuda.blockIdx.z // phase_count, cuda.gridDim.z // phase_count
        phase = cuda.blockIdx.z % phase_count * 6
        tap, behind, height, width = phases[phase], phases[phase + 1], phases[phase + 4], phases[phase + 5]
        first_pixel = cuda.blockIdx.x * pixels
        if first_pixel >= images * height * width:
            return                                         # this phase is smaller than the largest
        thread = unsigned(cuda.threadIdx.x)
        my_channel, my_pixel = place(thread)

        # What the thread fetches: its pixels, and its part of w
        plane, size = source[0] * source[1], (short(source[0]), short(source[1]))
        for j in range(X_EACH):
            pixel = first_pixel + types.int64(j * THREADS + thread)
            n, r, q = pixel // (height * width), pixel % (height * width) // width * every[0], pixel % width * every[1]
            mine[0][j] = r if n < images else FAR
            mine[1][j] = q
            mine[2][j] = (n * groups + group) * members * plane + r * source[1] + q
        chunks = members // depth
        steps = (behind - tap) * chunks
        at_w = ((group * cuda.gridDim.y + cuda.blockIdx.y) * (taps.size // 3) + tap) * chunks
        at_w = unsigned(at_w) * W_SIZE + thread % LOADERS

        # The sum, step by step: while one half of the tiles is multiplied, the next is on its way
        for j in range(SUMS):
            sums[j] = zero
        at, last, at_x = unsigned(3 * tap), unsigned(3 * (behind - 1)), 0
        fetch(w, at_w, x, at_x, plane, (taps[at], taps[at + 1], taps[at + 2]), mine, size, fetched)
        store(w_tile, x_tile, NONE, thread, fetched)
        for number in range(steps):
            at_w += W_SIZE if number + 1 < steps else NONE         # behind the last step, fetch anything
            at_x += depth * plane
            if at_x >= members * plane:
                at_x = 0
                at = min(at + unsigned(3), last)
            fetch(w, at_w, x, at_x, plane, (taps[at], taps[at + 1], taps[at + 2]), mine, size, fetched)
            half = unsigned(number) & ONE
            multiply(w_tile, half * W_SIZE + my_channel, x_tile, half * X_SIZE + my_pixel, registers)
            store(w_tile, x_tile, ONE - half, thread, fetched)

        # The result
        first_channel, area = cuda.blockIdx.y * channels + types.int64(my_channel), result[0] * result[1]
        for p in range(ACROSS):
            pixel = first_pixel + types.int64(my_pixel + distance(p))
            n, r, q = pixel // (height * width), pixel % (height * width) // width, pixel % width
            row, column = phases[phase + 2] + r * step[0], phases[phase + 3] + q * step[1]
            places[p] = ((n * groups + group) * outs + first_channel) * area + row * result[1] + column
            if n >= images:
                places[p] = -1
        for c in range(DOWN):
            channel = first_channel + types.int64(c)
            if channel < outs:
                bias = b[unsigned(group * outs + channel)] if biased == 1 else zero
                for p in range(ACROSS):
                    if places[p] >= 0:
                        y[unsigned(places[p] + types.int64(c) * area)] = sums[c * ACROSS + p] + bias
    return Kernel(gather, bounds(tile, registers=168))


@lru_cache(maxsize=None)
def arranging(dtype, tile):
    """The kernel that writes weights in the order in which `gather` reads them, step by step."""
    channels, zero = tile.channels, scalar(dtype)(0)

    def arrange(w, arranged, positions, blocks, members, outs, area, out_step, member_step):
        """arranged[group, block, tap, i, c] = w at the tap, from the group's source channel i to its result channel
        block * channels + c; zero for channels behind the last.

        positions               where in the kernel, of `area` positions, each tap is
        out_step, member_step   from a weight to that of the next result channel, and of the next source channel
        """
        for entry in range(cuda.grid(1), arranged.size, cuda.gridsize(1)):
            i = entry // channels % members
            tap = entry // (channels * members) % positions.size
            block = entry // (channels * members * positions.size)
            group, out = block // blocks, block % blocks * channels + entry % channels
            arranged[entry] = zero
            if out < outs:
                at = group * outs * members * area + out * out_step + i * member_step + positions[tap]
                arranged[entry] = w[at]
    return Kernel(arrange)
