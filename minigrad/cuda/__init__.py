"""Tensors on a GPU: `x.to("cuda")` moves a tensor to a device array, and everything computed from it stays there.

    driver, memory, launch      NVIDIA's driver, the pool of its memory, kernels
    array                       the device array, which takes over NumPy's functions
    elementwise, reductions, running, products, linalg, indexing, joining, functions, random
                                what NumPy does, as kernels
    selection, scatter, faults  of indexing: what a key means, sums of rows by number, indices out of range

Nothing here is imported before a tensor is put on the device.
"""
from . import driver, memory
from .array import Array, asarray, empty
from . import functions, indexing, joining, linalg, products, reductions, running
from .driver import CudaError, OutOfMemoryError


def is_available():
    """Whether there is a GPU, with its driver, or Numba's simulator of one."""
    try:
        return driver.simulated or driver.get() is not None
    except CudaError:
        return False
