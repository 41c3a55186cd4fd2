"""Kernels: Python functions that many threads of the device run at once.

    @Kernel
    def double(n, x, y):
        for i in range(cuda.grid(1), n, cuda.gridsize(1)):
            y[i] = 2 * x[i]

    double(*spread(n), n, x, y)

A kernel is called with the number of blocks, the number of threads in each, and its arguments.  In the kernel an array
is the flat memory that its entries span, from the lowest address on: x[x.start + sum of index * step], where `start`
and `steps` are the Array's, and must be passed, too, unless it is contiguous (then the entries are x[0], x[1] ...).
Python's integers are int64, a tuple is one of those, and other numbers are passed as NumPy's scalars.  Kernels write to
memory; they return nothing.

Numba turns the function into PTX, NVIDIA's assembly language, once for each combination of types; that takes some
tenths of a second, so the PTX is kept on disk.  In the simulator the function runs as it is.
"""
import ctypes
import hashlib
import math
import os
import struct
import sys
import warnings
import numpy as np
from . import driver
from .driver import simulated

try:
    from numba import cuda, types
except ImportError as error:
    raise driver.CudaError(f"cuda: Numba's CUDA target can't be imported ({error}); install it by "
                           "`pip install minigrad[cuda]`") from error


def shared_array(block, shape, dtype):
    """In the simulator, cuda.shared.array: the array that all threads of a block get who ask for it in the same line.

    Numba's own looks whether it is there, and if not, makes it.  Two threads that looked at the same time made one
    each, and then waited for numbers in different arrays, in a launch now and then.  `setdefault` can't be interrupted.
    """
    line = sys._getframe(1)
    dtype = as_dtype(dtype) if isinstance(dtype, types.Type) else dtype
    return block._allocations.setdefault((line.f_code.co_filename, line.f_lineno), np.empty(shape, dtype))


if simulated:                              # a NumPy array would be copied, and back after the kernel
    from numba.np.numpy_support import as_dtype
    from numba.cuda.simulator.cudadrv.devicearray import FakeCUDAArray as InPlace
    from numba.cuda.simulator.kernelapi import FakeCUDAShared
    FakeCUDAShared.array = shared_array
    # The simulator starts a thread for each of a block's and asks them, again and again, whether they are done: at
    # Python's 5 ms it would keep them from running most of the time
    sys.setswitchinterval(1e-4)

THREADS = 4 if simulated else 256          # of a block; the simulator starts a thread of Python for each
BLOCKS = 2 if simulated else 1024          # at most so many where threads go over the entries in turn
functions = np if simulated else math      # whose exp, log ... kernels call: math's raise errors when run as Python


def spread(n):
    """(blocks, threads) for n entries, which the threads take in turn: `for i in range(cuda.grid(1), n, cuda.gridsize(1))`."""
    return min(-(-n // THREADS), BLOCKS), THREADS


def device(function):
    """A function that kernels call."""
    return function if simulated else cuda.jit(device=True)(function)


def unrolled(multiply, turns, steps):
    """The function that kernels call for so many turns of a loop, a power of 2: put together of `multiply`, for one
    turn.

    The compiler unrolls short loops, and then keeps small arrays in registers.  One around them it would not.

    multiply    of (a, at_a, b, at_b, rest)
    steps       n -> how far at_a and at_b go on in n turns
    """
    def twice(multiply, a_step, b_step):
        @device
        def both(a, at_a, b, at_b, rest):
            multiply(a, at_a, b, at_b, rest)
            multiply(a, at_a + a_step, b, at_b + b_step, rest)
        return both

    n = 1
    while n < turns:
        multiply, n = twice(multiply, *steps(n)), 2 * n
    return multiply


class Kernel:
    """A function that the device runs, compiled for the types of its arguments when they first occur.

    bounds      (threads of a block, how many blocks a multiprocessor is to hold at once): as many registers as that
                leaves are used, and no more.  None: blocks of any size, and the compiler chooses
    """

    def __init__(self, function, bounds=None):
        self.function, self.bounds = function, bounds
        self.versions = {}
        self.__name__, self.__doc__ = function.__name__, function.__doc__

    def __call__(self, blocks, threads, *arguments):
        """Put the kernel into the queue.   blocks, threads: numbers, or tuples of up to three"""
        if simulated:
            self.simulate(blocks, threads, arguments)
            return
        kinds, values = [], []
        for a in arguments:
            kind = type(a)
            if kind is int:
                kinds.append("q")
                values.append(a)
            elif kind is tuple:
                kinds.append(len(a))
                values += a
            elif isinstance(a, np.generic):
                kinds.append(kind)
                values.append(a.item())
            else:
                span, size = a.span, a.itemsize
                kinds.append(a.dtype)
                values += (0, 0, span, size, a.address, span, size)
        kinds = tuple(kinds)
        version = self.versions.get(kinds)
        if version is None:
            version = self.versions[kinds] = Version(self.function, kinds, self.bounds)
        version.launch(blocks, threads, values)

    def simulate(self, blocks, threads, arguments):
        """Run it in Numba's simulator."""
        if not self.versions:
            self.versions["simulated"] = cuda.jit(self.function)
        flat = [a if isinstance(a, (int, tuple, np.generic)) else InPlace(a.flat_memory()) for a in arguments]
        with warnings.catch_warnings():    # as on the device: infinities and NaNs are results
            warnings.simplefilter("ignore", RuntimeWarning)
            self.versions["simulated"][blocks, threads](*flat)


class Version:
    """A kernel compiled for one combination of types, in the driver's hands.

    The driver wants a list of pointers to the arguments: they point into one buffer, which is filled anew for each
    launch.
    """

    def __init__(self, function, kinds, bounds):
        device = driver.get()
        self.enqueue = device.library.cuLaunchKernel
        name, ptx = compiled(function, kinds, device.capability, bounds)
        self.function = device.function(ptx, name)
        self.layout = struct.Struct("".join(map(layout, kinds)))
        self.buffer = ctypes.create_string_buffer(self.layout.size)
        start = ctypes.addressof(self.buffer)
        self.pointers = (ctypes.c_void_p * (self.layout.size // 8))(*range(start, start + self.layout.size, 8))

    def launch(self, blocks, threads, values):
        """Put it into the queue."""
        self.layout.pack_into(self.buffer, 0, *values)
        grid = (blocks, 1, 1) if type(blocks) is int else (*blocks, 1, 1)[:3]
        block = (threads, 1, 1) if type(threads) is int else (*threads, 1, 1)[:3]
        arguments = self.function, *grid, *block, 0, None, self.pointers, None
        if self.enqueue(*arguments):       # again, by what knows the errors and what to do about them
            driver.get().check("cuLaunchKernel", *arguments)


# The kind of an argument: "q" of a Python integer, n of a tuple of n of them, the dtype of an array, and the class
# (such as np.float32) of a NumPy number.

def layout(kind):
    """How an argument lies in the buffer, in 8 bytes for each number of it, in the letters of `struct`.

    A flat array is Numba's record of it: two unused pointers, the number of entries, the size of one, the address, the
    shape, the strides.
    """
    if isinstance(kind, str):              # not ==, for np.dtype(np.int64) == "q"
        return "q"
    if isinstance(kind, int):
        return "q" * kind
    if isinstance(kind, np.dtype):
        return "qqqqqqq"
    number = np.dtype(kind)
    whole = {1: "b", 2: "h", 4: "i", 8: "q"}[number.itemsize]
    letter = {"f": number.char, "b": "?", "u": whole.upper(), "i": whole}[number.kind]
    return letter + f"{8 - number.itemsize}x" * (number.itemsize < 8)


def numba_type(kind):
    """Numba's type of an argument."""
    if isinstance(kind, str):              # not ==, for np.dtype(np.int64) == "q"
        return types.int64
    if isinstance(kind, int):
        return types.UniTuple(types.int64, kind)
    if isinstance(kind, np.dtype):
        return types.Array(scalar(kind), 1, "C")
    return scalar(np.dtype(kind))


def scalar(dtype):
    """Numba's type of a number."""
    return types.boolean if dtype.char == "?" else getattr(types, dtype.name)


# ---------------------------------------------------------------------------------------------------------------------
# Compilation, and its results on disk

def compiled(function, kinds, capability, bounds=None):
    """The name of the kernel for arguments of these kinds, and the PTX that has it.

    Raises CudaError where there is no compiler, or it refuses the function.
    """
    described = f"{describe(function)} {kinds} {capability} {bounds} {versions()}"
    path = os.path.join(folder(), hashlib.sha256(described.encode()).hexdigest()[:32] + ".ptx")
    if os.path.exists(path):
        with open(path, "rb") as file:
            ptx = file.read()
    else:
        try:
            ptx, _ = cuda.compile_ptx(function, tuple(map(numba_type, kinds)), cc=capability)
        except Exception as error:         # Numba's own, and those of NVIDIA's compiler
            raise driver.CudaError(f"cuda: a kernel, {function.__name__}, can't be compiled: {error}.  `python -m "
                                   "minigrad.cuda` says whether the compiler is there") from error
        ptx = (bounded(ptx, *bounds) if bounds else ptx).encode()
        keep(path, ptx)
    entry = next(line for line in ptx.split(b"\n") if b".visible .entry" in line)
    return entry.split(b".entry")[1].strip().split(b"(")[0], ptx


def bounded(ptx, threads, blocks):
    """The PTX with the bounds of its kernel, which stand behind the list of parameters."""
    end = ptx.index(")", ptx.index(".visible .entry")) + 1
    return f"{ptx[:end]}\n.maxntid {threads}, 1, 1\n.minnctapersm {blocks}{ptx[end:]}"


def describe(function):
    """Everything that a function's code depends on: its own, and that of the functions and constants that it names."""
    function = getattr(function, "py_func", function)
    if not hasattr(function, "__code__"):
        return repr(function)
    code = function.__code__
    inside = [cell.cell_contents for cell in function.__closure__ or ()]
    inside += [function.__globals__[name] for name in code.co_names if name in function.__globals__]
    inside = [describe(x) for x in inside if not hasattr(x, "__path__")]
    return f"{code.co_code.hex()} {code.co_names} {code.co_consts} {inside}"


def versions():
    """What else the PTX depends on."""
    import numba
    module = sys.modules.get("numba_cuda")
    return numba.__version__, getattr(module, "__version__", "")


def folder():
    """Where the PTX is kept: beside Numba's own files if NUMBA_CACHE_DIR says where, else in the user's cache folder."""
    place = os.environ.get("NUMBA_CACHE_DIR") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(place, "minigrad-cuda")


def keep(path, ptx):
    """Write a file, at once or not at all.  Without a folder to write to, it is compiled again next time."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        part = f"{path}.{os.getpid()}"
        with open(part, "wb") as file:
            file.write(ptx)
        os.replace(part, path)
    except OSError:
        pass
