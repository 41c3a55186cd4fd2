"""The product of two tiles, in registers: what every convolution on the device comes down to.

A block of threads adds up a part of a matrix product,  sums[c, p] = sum over k of w[k, c] x[k, p].  It brings `depth`
values of k at a time from the device's memory into its own, shared by its threads: a tile of w and a tile of x.

                              x (depth, pixels)
                            +---------+---------+- ...
                            | . . . . | . . . . |           a thread's `across` pixels are one of each stretch
                            +---------+---------+- ...      of `lanes` neighbouring pixels, its neighbour's the next
       w (depth, channels)    |         |
            +---+           +-|-------+-|-------+- ...
            | = |-----------|-#-------|-#-------|  warp 0   the threads of a warp share their `down` channels: all
            | = | `down`    |         |         |           read the same numbers of w, and neighbouring ones of x
            +---+           +---------+---------+- ...
            | . |           |         |         |  warp 1
            +---+           +---------+---------+- ...

A thread keeps down * across sums in registers.  For each k it reads down + across numbers and makes down * across
products: with 16 x 4, 64 multiply-adds for 4 reads of w (of 4 numbers each) and 4 of x.  So the arithmetic is what
takes the time, not the memory; which is all there is to a fast matrix product.

Positions in a tile are unsigned: for a signed index Numba asks at each access whether it counts from the end, as
Python's negative ones do, and the compiler could not make one read of four neighbours.  The tiles' sizes are multiples
of 16 bytes, for such reads must start at one.
"""
from collections import namedtuple
import numpy as np
from minigrad.cuda.driver import simulated
from minigrad.cuda.launch import device, types, unrolled

# Integers without a sign, and short ones, which take one register instead of two; in the simulator, Python's
unsigned, short = (int, int) if simulated else (types.uint64, types.int32)


class Tile(namedtuple("Tile", "lanes channel_warps pixel_warps down across depth")):
    """How a block divides its work.

    lanes           threads of a warp: 32, but fewer in the simulator
    channel_warps   warps below one another
    pixel_warps     and beside one another
    down, across    channels and pixels of a thread
    depth           how many k are in shared memory at a time: a power of 2
    """
    __slots__ = ()

    @property
    def threads(self):
        """Of a block."""
        return self.lanes * self.channel_warps * self.pixel_warps

    @property
    def channels(self):
        """Of a block."""
        return self.channel_warps * self.down

    @property
    def pixels(self):
        """Of a block."""
        return self.pixel_warps * self.lanes * self.across


def constants(*numbers):
    """The numbers as unsigned constants of a kernel."""
    return numbers if simulated else map(np.uint64, numbers)


def multiplier(tile, w_pitch, x_pitch):
    """The function multiply(w, at_w, x, at_x, registers): sums += w x, for a thread's part, and all k of the tiles.

    w_pitch, x_pitch    from one k to the next in the tile w and the tile x
    at_w, at_x          where in them the thread's first channel and its first pixel are
    registers           (sums, weights, values): local arrays of down * across, down and across numbers
    """
    DOWN, ACROSS, LANES = constants(tile.down, tile.across, tile.lanes)

    @device
    def once(w, at_w, x, at_x, registers):
        """For one k:  sums[c, p] += w[c] x[p]"""
        sums, weights, values = registers
        for c in range(DOWN):
            weights[c] = w[at_w + c]
        for p in range(ACROSS):
            values[p] = x[at_x + p * LANES]
        for c in range(DOWN):
            for p in range(ACROSS):
                sums[c * ACROSS + p] += weights[c] * values[p]

    return unrolled(once, tile.depth, lambda n: constants(n * w_pitch, n * x_pitch))


def bounds(tile, registers):
    """A kernel's bounds: as many blocks share the 65536 registers of a multiprocessor as can have so many a thread.

    The compiler would use fewer for more blocks, and fetch late: then all wait for the memory.
    """
    return tile.threads, 65536 // (registers * tile.threads)
