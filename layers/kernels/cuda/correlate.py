"""The weight gradient: every weight collects the products of the pixels and outputs that it connects.

    w[c, i, t] = sum over images n and outputs (r, q) of  y[n, c, r, q] x[n, i, r * s + a * dilation - top, ...]

is a matrix product, (channels, K) x (K, columns).  Its terms k are the outputs' positions (n, r, q), a long sum: it is
cut into parts, which blocks compute side by side, and which are added up at the end, always in the same order.  Its
columns are pairs (tap, channel i), the channel fastest; a block takes some taps x some channels at a time.

Of the inner loop's 1300 instructions for `depth` 16 and 8 x 8 sums, 1024 are multiply-adds, and 64 read shared memory.
"""
from functools import lru_cache
from minigrad.cuda.driver import simulated
from minigrad.cuda.launch import Kernel, cuda, device, scalar, types
from .tiles import bounds, constants, multiplier, placing, short, unsigned

GAP = 4                # between the rows of a tile, so that neighbouring k lie in different banks of the shared memory


ENTRIES, SHARERS = (2, 2) if simulated else (32, 8)          # of a block of `add_parts`


@lru_cache(maxsize=None)
def correlating(dtype, tile, inputs):
    """The kernel in which a block adds up one part of a tile of channels x columns.

    inputs      channels i of a block, a power of 2; its tile.pixels columns are those, for tile.pixels / inputs taps
    Its blocks are (blocks of taps * blocks of inputs, blocks of channels, groups * parts).

    Neighbouring threads fetch neighbouring positions k.  So the block fetches `rows` columns at a time, for all k:
    `span` channels of each of some taps.
    """
    depth, channels, taps_a_block = tile.depth, tile.channels, tile.pixels // inputs
    down, across, sums_size = tile.down, tile.across, tile.down * tile.across
    rows = tile.threads // depth
    span = min(inputs, rows)
    y_each, taps_each, x_each = channels // rows, taps_a_block * span // rows, inputs // span
    x_fetched = taps_each * x_each
    y_pitch, x_pitch = channels + GAP, tile.pixels + GAP
    y_size, x_size = depth * y_pitch, depth * x_pitch
    y_halves, x_halves = 2 * y_size, 2 * x_size
    T = scalar(dtype)
    zero = T(0)
    place, distance = placing(tile)
    multiply = multiplier(tile, distance, y_pitch, x_pitch)
    DOWN, ACROSS, DEPTH = constants(tile.down, tile.across, tile.depth)
    Y_PITCH, X_PITCH, Y_SIZE, X_SIZE, SUMS = constants(y_pitch, x_pitch, y_size, x_size, sums_size)
    ROWS, SPAN, TAPS_A_TURN, INPUTS = constants(rows, span, rows // span, inputs)
    Y_EACH, TAPS_EACH, X_EACH, NONE, ONE = constants(y_each, taps_each, x_each, 0, 1)

    @device
    def fetch(y, x, here, at_y, at_x, row, column, size, mine, fetched):
        """Read the next tiles' numbers into registers: those of the thread's position k, if it is `here`, in the part.

        What lies outside reads an entry of the first image, not to be used.
        """
        downs, rights, shifts, out_offsets, in_offsets = mine
        new_y, new_x, inside = fetched
        for j in range(Y_EACH):
            new_y[j] = y[unsigned((at_y if here else 0) + out_offsets[j])]
        for t in range(TAPS_EACH):
            u, v = short(row + downs[t]), short(column + rights[t])
            inside[t] = here and 0 <= u and u < size[0] and 0 <= v and v < size[1]
            at = at_x + shifts[t] if inside[t] else 0
            for j in range(X_EACH):
                new_x[t * X_EACH + j] = x[unsigned(at + in_offsets[j])]

    @device
    def store(y_tile, x_tile, half, k, slot, here, fetched):
        """Write them into one half of the tiles, and wait for the block's other threads."""
        new_y, new_x, inside = fetched
        for j in range(Y_EACH):
            y_tile[half * Y_SIZE + k * Y_PITCH + j * ROWS + slot] = new_y[j] if here else zero
        for t in range(TAPS_EACH):
            for j in range(X_EACH):
                column = (t * TAPS_A_TURN + slot // SPAN) * INPUTS + j * SPAN + slot % SPAN
                x_tile[half * X_SIZE + k * X_PITCH + column] = new_x[t * X_EACH + j] if inside[t] else zero
        cuda.syncthreads()

    def correlate(x, y, taps, parts, images, groups, members, outs, source, result, every, length):
        """parts[part, group, c, tap, i] = the sum above over the part's positions, `length` of all.

        x, y        (images, groups * members, *source) and (images, groups * outs, *result)
        taps        for each tap (down, right, shift): from (r, q) * every to its pixel, and that in memory
        every       the distances in x of neighbouring outputs' pixels
        """
        y_tile = cuda.shared.array(y_halves, T)
        x_tile = cuda.shared.array(x_halves, T)
        sums = cuda.local.array(sums_size, T)
        registers = (sums, cuda.local.array(down, T), cuda.local.array(across, T))
        mine = (cuda.local.array(taps_each, types.int32), cuda.local.array(taps_each, types.int32),
                cuda.local.array(taps_each, types.int32), cuda.local.array(y_each, types.int32),
                cuda.local.array(x_each, types.int32))
        fetched = (cuda.local.array(y_each, T), cuda.local.array(x_fetched, T),
                   cuda.local.array(taps_each, types.boolean))

        thread = unsigned(cuda.threadIdx.x)
        my_channel, my_column = place(thread)
        k, slot = thread % DEPTH, thread // DEPTH
        tap_count, input_blocks = taps.size // 3, (members + inputs - 1) // inputs
        first_tap, first_input = cuda.blockIdx.x // input_blocks * taps_a_block, cuda.blockIdx.x % input_blocks * inputs
        first_channel = cuda.blockIdx.y * channels
        group, part = cuda.blockIdx.z % groups, cuda.blockIdx.z // groups

        # What the thread fetches: its channels and taps; for those behind the last, the last, and the sum is not used
        plane, area = source[0] * source[1], result[0] * result[1]
        for j in range(Y_EACH):
            mine[3][j] = min(first_channel + types.int64(slot + j * ROWS), outs - 1) * area
        for j in range(X_EACH):
            mine[4][j] = min(first_input + types.int64(slot % SPAN + j * SPAN), members - 1) * plane
        for t in range(TAPS_EACH):
            at = 3 * min(first_tap + types.int64(t * TAPS_A_TURN + slot // SPAN), tap_count - 1)
            mine[0][t], mine[1][t], mine[2][t] = taps[at], taps[at + 1], taps[at + 2]

        # Where its position is, in y and in x; and from one step to the next, `depth` positions, without a division
        first, behind = part * length, min(part * length + length, images * area)
        position = first + types.int64(k)
        n, r, q = position // area, position % area // result[1], position % result[1]
        at_y = (n * groups + group) * outs * area + r * result[1] + q
        at_x = (n * groups + group) * members * plane + r * every[0] * source[1] + q * every[1]
        row, column = short(r * every[0]), short(q * every[1])
        more_n, more_r, more_q = depth // area, depth % area // result[1], depth % result[1]
        more_y = more_n * groups * outs * area + depth % area
        more_x = more_n * groups * members * plane + more_r * every[0] * source[1] + more_q * every[1]
        more_rows, more_columns = short(more_r * every[0]), short(more_q * every[1])
        rows_end, columns_end, apart = short(result[0] * every[0]), short(result[1] * every[1]), short(every[0])
        next_row_x = every[0] * source[1] - result[1] * every[1]
        next_image_x = groups * members * plane - result[0] * every[0] * source[1]
        next_image_y = (groups * outs - 1) * area
        size = (short(source[0]), short(source[1]))
        left = short(behind - position)

        # The sum, step by step: while one half of the tiles is multiplied, the next is on its way
        for j in range(SUMS):
            sums[j] = zero
        fetch(y, x, left > 0, at_y, at_x, row, column, size, mine, fetched)
        store(y_tile, x_tile, NONE, k, slot, left > 0, fetched)
        for number in range((behind - first + depth - 1) // depth):
            left = short(left - depth)
            at_y, at_x = at_y + more_y, at_x + more_x
            row, column = short(row + more_rows), short(column + more_columns)
            if column >= columns_end:
                row, column = short(row + apart), short(column - columns_end)
                at_x += next_row_x
            if row >= rows_end:
                row = short(row - rows_end)
                at_x += next_image_x
                at_y += next_image_y
            fetch(y, x, left > 0, at_y, at_x, row, column, size, mine, fetched)
            half = unsigned(number) & ONE
            multiply(y_tile, half * Y_SIZE + my_channel, x_tile, half * X_SIZE + my_column, registers)
            store(y_tile, x_tile, ONE - half, k, slot, left > 0, fetched)

        # The part
        for p in range(ACROSS):
            column = my_column + distance(p)
            tap, i = first_tap + types.int64(column // INPUTS), first_input + types.int64(column % INPUTS)
            if tap < tap_count and i < members:
                for c in range(DOWN):
                    channel = first_channel + types.int64(my_channel + c)
                    if channel < outs:
                        at = (((part * groups + group) * outs + channel) * tap_count + tap) * members + i
                        parts[unsigned(at)] = sums[c * ACROSS + p]
    return Kernel(correlate, bounds(tile, registers=255))


@lru_cache(maxsize=None)
def adding(dtype):
    """The kernel that adds up the parts."""
    T = scalar(dtype)
    zero = T(0)

    def add_parts(parts, w, positions, count, members, area):
        """w[c, i, position of the tap] = the sum over all parts of parts[part, c, tap, i], `count` entries each.

        A block has ENTRIES x SHARERS threads: each adds up every SHARERS-th part of an entry, and one adds up those.
        """
        sums = cuda.shared.array((SHARERS, ENTRIES), T)
        column, sharer = cuda.threadIdx.x, cuda.threadIdx.y
        entry = cuda.blockIdx.x * ENTRIES + column
        total = zero
        if entry < count:
            for part in range(sharer, parts.size // count, SHARERS):
                total += parts[part * count + entry]
        sums[sharer, column] = total
        cuda.syncthreads()
        if sharer == 0 and entry < count:
            for other in range(1, SHARERS):
                total += sums[other, column]
            i, tap, c = entry % members, entry // members % positions.size, entry // (members * positions.size)
            w[(c * members + i) * area + positions[tap]] = total
    return Kernel(add_parts)
