"""The product of two tiles, in registers: what every convolution on the device comes down to.

A block of threads adds up a part of a matrix product,  sums[c, p] = sum over k of w[k, c] x[k, p].  It brings `depth`
values of k at a time from the device's memory into its own, shared by its threads: a tile of w and a tile of x.

                              x (depth, pixels)
                            +---------+---------+       a warp, `rows` x `columns` threads, has a part of the sums:
                            |....     |....     |       `rows` * `down` channels, `columns` * `across` pixels
                            +---------+---------+
       w (depth, channels)
            +---+           +---------+---------+       a thread has `down` neighbouring channels of it; and of the
            | = |           |####     |####     |       pixels `near` = 4 neighbouring ones, its neighbour the next 4,
            | = | `down`    |####     |####     |       and so on again behind the last column's, until it has `across`
            |   |           |         |         |
            +---+           +---------+---------+
            |   |           |         |         |       the next warp's part begins here
            +---+           +---------+---------+

A thread keeps down * across sums in registers.  For each k it reads down + across numbers and makes down * across
products: with 8 x 8, 64 multiply-adds for 16 numbers, which are 4 reads of 4 neighbours.  So the arithmetic is what
takes the time, not the memory; which is all there is to a fast matrix product.

Positions in a tile are unsigned: for a signed index Numba asks at each access whether it counts from the end, as
Python's negative ones do, and the compiler could not make one read of four neighbours.  The tiles' sizes are multiples
of 16 bytes, for such reads must start at one.
"""
from collections import namedtuple
from math import gcd
import numpy as np
from minigrad.cuda.driver import simulated
from minigrad.cuda.launch import device, types, unrolled

# Integers without a sign, and short ones, which take one register instead of two; in the simulator, Python's
unsigned, short = (int, int) if simulated else (types.uint64, types.int32)


class Tile(namedtuple("Tile", "rows columns channel_warps pixel_warps down across depth")):
    """How a block divides its work.

    rows, columns   of threads in a warp: 32 in all, but fewer in the simulator
    channel_warps   warps below one another
    pixel_warps     and beside one another
    down, across    channels and pixels of a thread
    depth           how many k are in shared memory at a time: a power of 2
    """
    __slots__ = ()

    @property
    def threads(self):
        """Of a block."""
        return self.rows * self.columns * self.channel_warps * self.pixel_warps

    @property
    def channels(self):
        """Of a block."""
        return self.channel_warps * self.rows * self.down

    @property
    def pixels(self):
        """Of a block."""
        return self.pixel_warps * self.columns * self.across

    @property
    def near(self):
        """How many neighbouring pixels a thread takes at a time."""
        return gcd(4, self.across)


def constants(*numbers):
    """The numbers as unsigned constants of a kernel."""
    return numbers if simulated else map(np.uint64, numbers)


def placing(tile):
    """The functions place(thread): its first channel and first pixel; and distance(p): from there to its pixel p."""
    ROWS, COLUMNS, CHANNEL_WARPS, _, DOWN, ACROSS, _ = constants(*tile)
    WARP, NEAR, STRETCH = constants(tile.rows * tile.columns, tile.near, tile.columns * tile.near)

    @device
    def place(thread):
        lane, warp = thread % WARP, thread // WARP
        return ((warp % CHANNEL_WARPS * ROWS + lane // COLUMNS) * DOWN,
                warp // CHANNEL_WARPS * COLUMNS * ACROSS + lane % COLUMNS * NEAR)

    @device
    def distance(p):
        return p // NEAR * STRETCH + p % NEAR
    return place, distance


def multiplier(tile, distance, w_pitch, x_pitch):
    """The function multiply(w, at_w, x, at_x, registers): sums += w x, for a thread's part, and all k of the tiles.

    distance            as `placing` makes it
    w_pitch, x_pitch    from one k to the next in the tile w and the tile x
    at_w, at_x          where in them the thread's first channel and its first pixel are
    registers           (sums, weights, values): local arrays of down * across, down and across numbers
    """
    DOWN, ACROSS = constants(tile.down, tile.across)

    @device
    def once(w, at_w, x, at_x, registers):
        """For one k:  sums[c, p] += w[c] x[p]"""
        sums, weights, values = registers
        for c in range(DOWN):
            weights[c] = w[at_w + c]
        for p in range(ACROSS):
            values[p] = x[at_x + distance(p)]
        for c in range(DOWN):
            for p in range(ACROSS):
                sums[c * ACROSS + p] += weights[c] * values[p]

    return unrolled(once, tile.depth, lambda n: constants(n * w_pitch, n * x_pitch))


def bounds(tile, registers):
    """A kernel's bounds: as many blocks share the 65536 registers of a multiprocessor as can have so many a thread.

    The compiler would use fewer for more blocks, and fetch late: then all wait for the memory.
    """
    return tile.threads, 65536 // (registers * tile.threads)
