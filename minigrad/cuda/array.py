"""The array on the device: NumPy's face, our kernels.

NumPy lets other arrays take over its functions: `np.exp(x)` asks x's `__array_ufunc__`, `np.concatenate(...)` asks
`__array_function__`.  `Array` has both, so the operations of this package, which are written for NumPy, run on the
device without a change.

An Array is some memory on the device and a *layout*: a NumPy array of the right shape, type and strides over an address
space where nothing is ever read or written.  NumPy itself does the arithmetic of views on the layout: what x[2:, None],
x.T or a broadcast x looks like, and where it starts.
"""
import mmap
import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from ..tensor import DeviceArray
from . import driver
from .memory import Block

MAP_NORESERVE = 0x4000                     # Linux's mmap.h; Python's module has it from 3.13 on


def reserved():
    """Addresses with no memory behind them, a terabyte: no device has as much.  Raises CudaError without Linux's help."""
    try:
        return mmap.mmap(-1, 1 << 40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE)
    except (AttributeError, OSError, TypeError) as error:
        raise driver.CudaError(f"cuda: a terabyte of addresses can't be reserved ({error}): it takes Linux, or WSL, without a "
                               "limit on addresses (ulimit -v) and without vm.overcommit_memory=2") from None


SPACE = reserved()
START = np.frombuffer(SPACE, np.uint8).__array_interface__["data"][0]

TYPES = "?bBhHiIlLqQfd"                    # of numbers that kernels compute with, as NumPy's characters
at_copies = []                             # functions called after a copy to the host: what kernels found wrong is raised


class Array(DeviceArray, NDArrayOperatorsMixin):
    """An n-dimensional array of numbers in the memory of a GPU.

    block       the memory, shared with all views
    layout      a NumPy array of the same shape, type and strides, which is never read
    base        of a view: the array whose memory it looks at; None otherwise

    Its face is ndarray's: shape, dtype, strides, operators, indexing, and the functions of functions.py.  What needs
    the numbers on the host (item, tolist, bool, printing, np.asarray by `numpy()`) waits for the device.
    """
    __slots__ = ("block", "layout", "base", "first", "shape", "dtype", "size", "contiguous")

    def __init__(self, block, layout, base=None):
        self.block, self.layout, self.base = block, layout, base
        self.shape, self.dtype, self.size = layout.shape, layout.dtype, layout.size    # kept: they are asked for all the time
        self.contiguous = layout.flags.c_contiguous
        # the byte of the block where entry [0, 0, ...] is
        self.first = 0 if base is None else layout.__array_interface__["data"][0] - START

    def view(self, layout):
        """The same memory under another layout, made of this one's by NumPy."""
        return Array(self.block, layout, self if self.base is None else self.base)

    # -- what it looks like -------------------------------------------------------------------------------------------

    ndim = property(lambda self: self.layout.ndim)
    nbytes = property(lambda self: self.layout.nbytes)
    itemsize = property(lambda self: self.layout.itemsize)
    strides = property(lambda self: self.layout.strides)
    flags = property(lambda self: self.layout.flags)
    T = property(lambda self: self.view(self.layout.T))

    @property
    def steps(self):
        """The strides in entries, not in bytes."""
        size = self.layout.itemsize
        return tuple(s // size for s in self.layout.strides)

    @property
    def below(self):
        """How many entries lie below entry [0, 0, ...] in memory: some where strides are negative."""
        return sum(-s * (n - 1) for s, n in zip(self.layout.strides, self.layout.shape) if s < 0) // self.itemsize

    start = below                          # what kernels call it: where entry [0, 0, ...] is in the flat memory

    @property
    def span(self):
        """How many entries the flat memory has that goes from the lowest of them to the highest."""
        if self.contiguous or not self.size:
            return self.size
        layout = self.layout
        return sum(abs(s) * (n - 1) for s, n in zip(layout.strides, layout.shape)) // layout.itemsize + 1

    @property
    def address(self):
        """Where the lowest entry is, on the device."""
        below = 0 if self.contiguous else self.below * self.layout.itemsize
        return self.block.address + self.first - below

    def flat_memory(self):
        """The flat memory, in the simulator."""
        first = self.first - (self.below * self.itemsize)
        return self.block.host[first:first + self.span * self.itemsize].view(self.dtype)

    # -- views --------------------------------------------------------------------------------------------------------

    def reshape(self, *shape, order="C"):
        """The entries under another shape: a view where the strides allow it, else a copy."""
        shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], (int, np.integer)) else shape
        whole = self
        if not self.contiguous:
            try:
                return self.view(np.reshape(self.layout, shape, copy=False))
            except ValueError:
                whole = self.copy()
        return whole.view(whole.layout.reshape(shape))

    def transpose(self, *axes):
        """With the axes in another order."""
        return self.view(self.layout.transpose(*axes))

    def swapaxes(self, a, b):
        """With two axes exchanged."""
        return self.view(self.layout.swapaxes(a, b))

    def squeeze(self, axis=None):
        """Without axes of size 1."""
        return self.view(self.layout.squeeze(axis))

    def ravel(self):
        """All entries along one axis."""
        return self.reshape(-1)

    def flatten(self):
        """A copy of all entries along one axis."""
        return self.reshape(-1).copy()

    # -- to the host --------------------------------------------------------------------------------------------------

    def numpy(self):
        """A copy of the numbers, as a NumPy array."""
        source = self if self.contiguous else self.copy()
        out = np.empty(self.shape, self.dtype)
        if driver.simulated:
            out[...] = source.flat_memory().reshape(self.shape)
        elif out.size:
            driver.get().to_host(out, source.address)
        for function in at_copies:
            function()
        return out

    def item(self):
        """The number in an array of one entry."""
        return self.numpy().item()

    def tolist(self):
        """The numbers, in nested lists."""
        return self.numpy().tolist()

    def __array__(self, *_, **__):
        raise TypeError(f"cuda: NumPy can't use an array of shape {self.shape} on the device; "
                        "copy it to the host, by x.cpu() of the tensor")

    def __bool__(self):
        return bool(self.numpy())

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __index__(self):
        return self.item().__index__()

    def __len__(self):
        return len(self.layout)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        return f"cuda.Array({np.array2string(self.numpy(), separator=', ', prefix='cuda.Array(')}, dtype={self.dtype})"

    def __format__(self, spec):
        return format(self.item(), spec) if self.ndim == 0 else repr(self)

    def __deepcopy__(self, memo):
        return self.copy()

    def __reduce__(self):
        return asarray, (self.numpy(),)


def empty(shape, dtype=np.float32):
    """An array whose memory nothing has been written to."""
    dtype = np.dtype(dtype)
    if dtype.char not in TYPES:
        raise TypeError(f"cuda: arrays on the device can't hold {dtype}; use float32, float64, an integer type or bool")
    layout = np.ndarray(shape, dtype, SPACE)
    return Array(Block(layout.nbytes), layout)


def asarray(array):
    """A NumPy array, copied to the device; an Array as it is."""
    if isinstance(array, Array):
        return array
    array = np.asarray(array, order="C")
    out = empty(array.shape, array.dtype)
    if driver.simulated:
        out.block.host[:] = array.reshape(-1).view(np.uint8)
    elif array.size:
        driver.get().to_device(out.block.address, array)
    return out
