"""Running sums: each entry and all before it along an axis."""
import functools
import numpy as np
from .array import Array, empty
from .elementwise import collapsed, placer
from .functions import implements
from .launch import THREADS, Kernel, cuda, scalar
from .reductions import COLUMNS, named, row_lanes, summed


@implements(np.cumsum)
def running(array, axis=None, dtype=None):
    """The running sums along one axis, or of the flattened array.

    The lanes of a line have a stretch of it each.  They add it up, add up one another's sums, and then run through it:
    sums of very long lines have more rounding than `np.sum` has.
    """
    array = array.reshape(-1) if axis is None or not array.ndim else array
    axis, = named(0 if axis is None else axis, array.ndim)
    out = empty(array.shape, np.dtype(dtype) if dtype else summed(array.dtype))
    if not out.size:
        return out
    n = array.shape[axis]
    shape, steps, out_steps = ((*t[:axis], *t[axis + 1:]) for t in (array.shape, array.steps, out.steps))
    kept = collapsed((shape, steps, out_steps))
    lines = array.size // n
    across = abs(kept[1][-1]) < abs(array.steps[axis]) and kept[0][-1] > COLUMNS
    lanes = COLUMNS if across else row_lanes(n, lines)
    kernel = running_kernel(out.dtype, len(kept[0]), lanes, across)
    kernel(-(-lines // (THREADS // lanes)), THREADS, lines, n, -(-n // lanes), *kept, array.steps[axis],
           out.steps[axis], array.start, array, out)
    return out


@functools.cache
def running_kernel(dtype, axes, lanes, across):
    """The kernel for running sums of a type, with so many axes beside the one that they run along."""
    place, T, shared_type = placer(axes), dtype.type, scalar(dtype)
    lane_step, line_step = (THREADS // lanes, 1) if across else (1, lanes)

    def kernel(lines, n, each, shape, steps, out_steps, step, out_step, start, x, out):
        """A lane's stretch goes from lane * each to (lane + 1) * each; step is from one entry of a line to the next."""
        sums = cuda.shared.array(THREADS, shared_type)
        t = cuda.threadIdx.x
        lane = t // lane_step % lanes
        line = cuda.blockIdx.x * (THREADS // lanes) + t // line_step % (THREADS // lanes)
        first, end = lane * each, min(n, (lane + 1) * each) if line < lines else 0
        start = place(line, shape, start, steps)
        sums[t] = T(0)
        for j in range(first, end):
            sums[t] += T(x[np.uint64(start + j * step)])
        cuda.syncthreads()
        reach = 1                          # sums[t] is now of `reach` lanes: this one and those before it
        while reach < lanes:
            before = sums[t - reach * lane_step] if lane >= reach else T(0)
            cuda.syncthreads()
            sums[t] += before
            cuda.syncthreads()
            reach *= 2
        now = sums[t - lane_step] if lane > 0 else T(0)
        out_start = place(line, shape, 0, out_steps)
        for j in range(first, end):
            now += T(x[np.uint64(start + j * step)])
            out[np.uint64(out_start + j * out_step)] = now
    return Kernel(kernel)


Array.cumsum = running
