"""The three operations on a GPU: as products of tiles, with the arrays and kernels of minigrad.cuda.

    tiles       the product of two tiles in registers
    gather      the convolution and the transposed convolution, with it
    correlate   the weight gradient, with it

Here is what is decided before a kernel starts: which taps meet which pixels, and which tiles suit the shape.
"""
from functools import lru_cache
from math import gcd, prod
import numpy as np
from minigrad.cuda import asarray, driver, empty
from minigrad.cuda.launch import spread
from .correlate import ENTRIES, SHARERS, adding, correlating
from .gather import arranging, gathering
from .tiles import Tile

# Tiles for numbers of 4 and of 8 bytes, and how fast they are, roughly: the share of multiply-adds among the
# instructions of the inner loop.  Large tiles are fast; small ones waste less at the edges, and occupy more
# multiprocessors.
GATHERING = {4: ((Tile(4, 8, 2, 2, 8, 8, 16), 0.8), (Tile(2, 16, 1, 4, 8, 8, 8), 0.7),
                 (Tile(4, 8, 1, 2, 8, 4, 16), 0.7), (Tile(2, 16, 1, 4, 8, 2, 8), 0.48),
                 (Tile(1, 32, 1, 4, 4, 4, 8), 0.33)),
             8: ((Tile(4, 8, 1, 4, 8, 4, 8), 0.6), (Tile(2, 16, 1, 4, 4, 2, 8), 0.3))}
CORRELATING = {4: ((Tile(4, 8, 2, 2, 8, 8, 16), 0.8), (Tile(4, 8, 4, 1, 4, 4, 16), 0.6),
                   (Tile(2, 16, 1, 4, 8, 2, 16), 0.54), (Tile(4, 8, 1, 1, 4, 4, 8), 0.45)),
               8: ((Tile(4, 8, 1, 4, 8, 4, 8), 0.55), (Tile(4, 8, 1, 1, 2, 4, 8), 0.25))}
SIMULATED = dict.fromkeys((4, 8), ((Tile(2, 2, 2, 1, 2, 4, 2), 0.5), (Tile(1, 2, 1, 2, 2, 8, 2), 0.4)))

MULTIPROCESSORS = 132                      # an H100's; a constant, so that all devices cut sums alike
THREADS_EACH = 256                         # that share one


def forward(x, w, b, geometry):
    """The convolution y = w * x + b.   x (N, I, H, W), w (C, I / groups, KH, KW), b (C,) or None -> y (N, C, OH, OW)"""
    outs, members, area = w.shape[0] // geometry.groups, w.shape[1], prod(geometry.kernel)
    return gathered(x, w, b, geometry, one_phase, outs, members, (members * area, area),
                    geometry.size, geometry.output_size, geometry.stride, (1, 1))


def input_gradient(y, w, b, geometry):
    """The transposed convolution: the gradient of <w * x, y> in x, plus b.   y (N, C, OH, OW), w as above, b (I,) or
    None -> x (N, I, H, W)"""
    outs, members, area = w.shape[1], w.shape[0] // geometry.groups, prod(geometry.kernel)
    return gathered(y, w, b, geometry, stride_phases, outs, members, (area, outs * area),
                    geometry.output_size, geometry.size, (1, 1), geometry.stride)


def weight_gradient(x, y, geometry):
    """The gradient of <w * x, y> in w.   x (N, I, H, W), y (N, C, OH, OW) -> (C, I / groups, KH, KW)"""
    groups, taps = geometry.groups, len(geometry.taps)
    outs, members, area = y.shape[1] // groups, x.shape[1] // groups, prod(geometry.kernel)
    w = empty((y.shape[1], members, *geometry.kernel), x.dtype)
    terms = y.shape[0] * prod(geometry.output_size)
    if taps < area or not terms:
        w.fill(0)                                          # the taps that take no part
    if not taps or not terms:
        return w
    moves, _, positions, _ = tables(one_phase, geometry)
    tile, inputs = correlation_tile(x.itemsize, outs, members, taps)
    blocks = -(-taps // (tile.pixels // inputs)) * -(-members // inputs), -(-outs // tile.channels)
    parts, length = cut(terms, prod(blocks) * groups, tile)
    count = w.size // area * taps
    sums = empty(parts * count, x.dtype)
    correlating(x.dtype, tile, inputs)(
        (*blocks, groups * parts), tile.threads, x, y, moves, sums, x.shape[0], groups, members, outs, geometry.size,
        geometry.output_size, geometry.stride, length)
    adding(x.dtype)(-(-count // ENTRIES), (ENTRIES, SHARERS), sums, w, positions, count, members, area)
    return w


def gathered(x, w, b, geometry, phases, outs, members, w_steps, source, result, every, step):
    """Launch the kernels of gather.py, with their names for things.   phases: one of the functions below;
    w_steps: (out_step, member_step)   -> y"""
    y = empty((x.shape[0], geometry.groups * outs, *result), x.dtype)
    if not y.size:
        return y
    moves, phases, positions, most = tables(phases, geometry)
    pixels, layers = x.shape[0] * most, geometry.groups * (phases.size // 6)
    tile = gathering_tile(x.itemsize, outs, members, pixels, layers)
    blocks = -(-pixels // tile.pixels), -(-outs // tile.channels), layers
    arranged = empty(geometry.groups * blocks[1] * positions.size * members * tile.channels, x.dtype)
    arranging(x.dtype, tile)(*spread(arranged.size), w, arranged, positions, blocks[1], members, outs,
                             prod(geometry.kernel), *w_steps)
    gathering(x.dtype, tile)(
        blocks, tile.threads, x, arranged, w if b is None else b, int(b is not None), y, moves, phases, x.shape[0],
        members, outs, source, result, every, step)
    return y


# ---------------------------------------------------------------------------------------------------------------------
# Which taps meet which pixels

def one_phase(geometry):
    """(moves, phases, taps) of a convolution: all its taps meet all pixels.

    moves and phases are the rows of gather's tables `taps` and `phases`; the taps are those of moves, in its order.
    """
    (top, _, left, _), (down, right) = geometry.padding, geometry.dilation
    moves = [move(a * down - top, b * right - left, geometry.size) for a, b in geometry.taps]
    return moves, [(0, len(moves), 0, 0, *geometry.output_size)], geometry.taps


def stride_phases(geometry):
    """(moves, phases, taps) of a transposed convolution: a phase for each of stride x stride pixels."""
    (H, W), (s, z), (down, right) = geometry.size, geometry.stride, geometry.dilation
    moves, phases, taps = [], [], []
    for u in range(min(s, H)):
        for v in range(min(z, W)):
            first = len(taps)
            for a, b in geometry.taps:
                r, rest = divmod(u + geometry.padding[0] - a * down, s)
                q, rest_too = divmod(v + geometry.padding[2] - b * right, z)
                if rest == rest_too == 0:
                    moves.append(move(r, q, geometry.output_size))
                    taps.append((a, b))
            first, behind = (first, len(taps)) if len(taps) > first else (0, 0)    # without taps, number 0 is read
            phases.append((first, behind, u, v, -(-(H - u) // s), -(-(W - v) // z)))
    return moves, phases, taps


def move(down, right, size):
    """A row of moves: so far down, so far right, and how far that is in the memory of an image of this size."""
    return down, right, down * size[1] + right


@lru_cache(maxsize=None)
def tables(phases, geometry):
    """(moves, phases, positions of the taps in the kernel) on the device, and how many pixels the largest phase has."""
    moves, phases, taps = phases(geometry)
    positions = [a * geometry.kernel[1] + b for a, b in taps]
    most = max(rows * columns for *_, rows, columns in phases)
    moves, positions = (moves, positions) if taps else ([(0, 0, 0)], [0])  # no array on the device is empty
    return *(asarray(np.array(table, np.int64).ravel()) for table in (moves, phases, positions)), most


# ---------------------------------------------------------------------------------------------------------------------
# Which tiles suit a shape

@lru_cache(maxsize=None)
def gathering_tile(itemsize, outs, members, pixels, layers):
    """The tile with which the busiest multiprocessor is done first.   pixels of each of so many layers (groups, phases)

    Its depth is the largest that divides the channels of the source.
    """
    def time(candidate):
        tile, speed = candidate
        blocks = -(-outs // tile.channels) * -(-pixels // tile.pixels) * layers
        return -(-blocks // MULTIPROCESSORS) * tile.channels * tile.pixels / speed
    tile, _ = min((SIMULATED if driver.simulated else GATHERING)[itemsize], key=time)
    return tile._replace(depth=gcd(tile.depth, members))


@lru_cache(maxsize=None)
def correlation_tile(itemsize, outs, members, taps):
    """(tile, inputs) with the least work, that for columns and channels which do not exist included."""
    def time(candidate):
        tile, speed, inputs = candidate
        together = tile.pixels // inputs
        columns = -(-taps // together) * together * -(-members // inputs) * inputs
        return columns * -(-outs // tile.channels) * tile.channels / speed
    tiles = (SIMULATED if driver.simulated else CORRELATING)[itemsize]
    tile, _, inputs = min(((tile, speed, 1 << i) for tile, speed in tiles for i in range(tile.pixels.bit_length())),
                          key=time)
    return tile, inputs


def cut(terms, blocks, tile):
    """(parts, length): into how many parts of which length sums of so many terms are cut, so that with so many blocks
    for each part the device is occupied.  The length is a multiple of the tile's depth."""
    occupied = MULTIPROCESSORS * THREADS_EACH // tile.threads
    parts = max(1, min(occupied // blocks, terms // (8 * tile.depth)))
    length = -(-terms // (parts * tile.depth)) * tile.depth
    return -(-terms // length), length
