"""Memory on the device, and a pool that keeps what is freed.

Asking the driver for memory, and giving it back, stops the device for up to a millisecond, and a training step needs
the same few hundred blocks each time.  So a freed block goes into a pool, to be handed out again for the same size.
That is safe even before the kernels that use it are done: all work is in one queue, so whoever gets the block comes
later in it.
"""
import numpy as np
from . import driver

SMALLEST = 512         # bytes; sizes above are rounded up to eight steps for each power of two

pool = {}              # size -> addresses of blocks that nobody uses
in_use = kept = 0      # bytes in blocks that are used, and in the pool


class Block:
    """Some memory on the device, given back to the pool when nothing refers to it any more.

    size        in bytes
    address     on the device; in the simulator, None
    host        in the simulator, the memory: a NumPy array of bytes; else None
    """
    __slots__ = ("size", "address", "host", "rounded")

    def __init__(self, size):
        self.size, self.address, self.host = size, None, None
        if driver.simulated:
            self.host = np.empty(size, np.uint8)           # of exactly this size: an access beyond it is found
            return
        global in_use, kept
        self.rounded = rounded(size)
        blocks = pool.get(self.rounded)
        if blocks:
            self.address = blocks.pop()
            kept -= self.rounded
        else:
            self.address = fresh(self.rounded)
        in_use += self.rounded

    def __del__(self):
        if self.address is not None:
            global in_use, kept
            in_use -= self.rounded
            kept += self.rounded
            pool.setdefault(self.rounded, []).append(self.address)


def rounded(size):
    """The size of the block for so many bytes: at most an eighth more, so that blocks fit again for similar sizes."""
    if size <= SMALLEST:
        return SMALLEST
    step = max(SMALLEST, 1 << (size - 1).bit_length() - 4)
    return -(-size // step) * step


def fresh(size):
    """The address of memory from the driver; the pool is emptied if there is no more.  Raises OutOfMemoryError."""
    device = driver.get()
    try:
        return device.allocate(size)
    except driver.OutOfMemoryError:
        release()
    try:
        return device.allocate(size)
    except driver.OutOfMemoryError:
        free, total = device.memory()
        raise driver.OutOfMemoryError(
            f"cuda: out of memory: {size / 2**20:.0f} MiB asked for, {free / 2**20:.0f} MiB free of "
            f"{total / 2**20:.0f} MiB, {in_use / 2**20:.0f} MiB in tensors of this process; use smaller batches, or "
            "del what is not needed") from None


def release():
    """Give the pool's memory back to the driver."""
    global kept
    device = driver.get()
    device.synchronize()
    for addresses in pool.values():
        while addresses:
            device.free(addresses.pop())
    kept = 0
