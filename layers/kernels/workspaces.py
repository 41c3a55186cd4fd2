"""Memory for the `taps` kernels to lay images out in, kept from one call to the next.

The kernels rely on zeros where a layout has padding, and write nothing there.  So what one call has left serves the
next one with the same layout as it is: neither is it cleared anew, nor fetched from the system.
"""
import math
import numpy as np
from minigrad.vectors import LANES

KEPT = 64 << 20        # bytes that are kept at most
kept = {}              # key -> (layout, source, places), the one that was used last at the end


def borrow(plan, kind, workers, channels, rows, height, dtype):
    """For each thread, a source in the flat layout with zeros as its padding, and room for some channels' rows of
    places of the result.   Returns (key, source, places); give_back(key, plan, source, places) when done.

    kind        what the places are for: no two kinds share them
    channels    of the source
    rows        how many channels of the result there is room for
    height      how many rows of the image these places are for, where images lie side by side
    """
    key = id(plan), kind, workers, rows, dtype
    _, source, places = kept.pop(key, (None, None, None))
    if source is None:
        # whole tiles are written and read, past the last place
        count = height * plan.line if plan.between > 1 else max(plan.plane, len(plan.starts) * LANES[dtype])
        source = zeros(dtype, workers, channels * plan.down * plan.right * plan.plane + 128)
        places = zeros(dtype, workers, rows, count + 64)
        make_room(source.nbytes + places.nbytes)
    return key, source, places


def make_room(wanted):
    """Give up workspaces, first those that were not used for the longest time, until so many more bytes may be kept."""
    while kept and wanted + sum(a.nbytes + b.nbytes for _, a, b in tuple(kept.values())) > KEPT:
        kept.pop(next(iter(kept)), None)


def give_back(key, plan, source, places):
    """Keep the workspaces for the next call.   (With them the layout is kept, so that no other one can have its id.)"""
    kept[key] = plan, source, places


def zeros(dtype, *shape):
    """Zeros that start at a multiple of 64 bytes: a register loaded from there lies in one line of the cache."""
    count = math.prod(shape)
    memory = np.zeros(count + 64 // dtype.itemsize, dtype)
    start = -memory.ctypes.data % 64 // dtype.itemsize
    return memory[start:start + count].reshape(shape)
