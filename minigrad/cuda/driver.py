"""NVIDIA's driver: the few of its functions that the engine needs, called through ctypes.

Numba compiles our kernels (see launch.py), but calling one through Numba takes some 40 microseconds, which is more than
most kernels run for.  A call through ctypes takes 5, so memory, copies and launches go straight to the driver.

All work is put into one queue, the default stream, in the order of the calls; a call returns at once, and only copies to
the host wait for the results.

With NUMBA_ENABLE_CUDASIM=1 in the environment there is no driver: Numba's simulator runs the kernels in Python, on
NumPy's memory, and every machine can test them.
"""
import ctypes
import os
import sys

simulated = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("0", "")
LIBRARIES = {"win32": ("nvcuda.dll",)}.get(sys.platform, ("libcuda.so.1", "libcuda.so"))

OUT_OF_MEMORY, NO_DEVICE, NOT_SUPPORTED_PTX = 2, 100, 222       # of the driver's error numbers, those told apart here
COMPUTE_CAPABILITY_MAJOR, COMPUTE_CAPABILITY_MINOR, MULTIPROCESSORS = 75, 76, 16               # attributes of a device


class CudaError(RuntimeError):
    """Something that the GPU needs is missing, or the GPU has failed.  Tensors on the CPU are untouched."""


class OutOfMemoryError(CudaError):
    """The GPU's memory does not suffice."""


class Driver:
    """The driver of one device, the first.

    version         of CUDA that the driver knows, such as (13, 0)
    name            the device's
    capability      its compute capability, such as (9, 0): what it can do
    multiprocessors how many there are: so many blocks run at once, at least
    Raises CudaError, which says what to do, where there is no driver or no device.
    """

    def __init__(self):
        self.library = load()
        self.check("cuInit", 0)
        self.version = self.number("cuDriverGetVersion")
        self.version = self.version // 1000, self.version % 1000 // 10
        if not self.number("cuDeviceGetCount"):
            raise CudaError("cuda: the driver finds no device")
        self.device = self.number("cuDeviceGet", 0)
        name = ctypes.create_string_buffer(256)
        self.check("cuDeviceGetName", name, 256, self.device)
        self.name = name.value.decode()
        self.capability = self.attribute(COMPUTE_CAPABILITY_MAJOR), self.attribute(COMPUTE_CAPABILITY_MINOR)
        self.multiprocessors = self.attribute(MULTIPROCESSORS)
        self.context = ctypes.c_void_p()   # the primary one, which Numba and PyTorch use, too
        self.check("cuDevicePrimaryCtxRetain", ctypes.byref(self.context), self.device)
        self.check("cuCtxSetCurrent", self.context)

    def check(self, name, *arguments):
        """Call a function of the driver.  Raises CudaError with the driver's words if it fails."""
        code = getattr(self.library, name)(*arguments)
        if code:
            self.fail(name, code)

    def fail(self, name, code):
        """Raise what a function's error number means."""
        word, text = ctypes.c_char_p(), ctypes.c_char_p()
        self.library.cuGetErrorName(code, ctypes.byref(word))
        self.library.cuGetErrorString(code, ctypes.byref(text))
        word, text = (t.value.decode() if t.value else "unknown" for t in (word, text))
        if code == OUT_OF_MEMORY:
            raise OutOfMemoryError(f"cuda: out of memory ({name})")
        if code == NO_DEVICE:
            raise CudaError("cuda: the driver finds no device: nvidia-smi must list one, and CUDA_VISIBLE_DEVICES must "
                            f"not hide it (it is {os.environ.get('CUDA_VISIBLE_DEVICES', 'not set')!r})")
        raise CudaError(f"cuda: {name} failed: {word} ({code}), {text}.  What is on the device may be lost, tensors on "
                        "the CPU are not; start Python anew to use the device again")

    def number(self, name, *arguments):
        """The integer that a function of the driver writes to its first argument."""
        value = ctypes.c_int()
        self.check(name, ctypes.byref(value), *arguments)
        return value.value

    def attribute(self, which):
        """A number that the device has."""
        return self.number("cuDeviceGetAttribute", which, self.device)

    # -- memory -------------------------------------------------------------------------------------------------------

    def allocate(self, size):
        """The address of `size` fresh bytes.  Raises OutOfMemoryError."""
        address = ctypes.c_uint64()
        self.check("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return address.value

    def free(self, address):
        """Give memory back."""
        self.check("cuMemFree_v2", ctypes.c_uint64(address))

    def memory(self):
        """How many bytes are free, and how many there are."""
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.check("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value

    def to_device(self, address, array):
        """Copy a contiguous NumPy array to the device."""
        self.check("cuMemcpyHtoD_v2", ctypes.c_uint64(address), ctypes.c_void_p(array.ctypes.data),
                   ctypes.c_size_t(array.nbytes))

    def to_host(self, array, address):
        """Fill a contiguous NumPy array from the device, when all that was asked for before is done."""
        self.check("cuMemcpyDtoH_v2", ctypes.c_void_p(array.ctypes.data), ctypes.c_uint64(address),
                   ctypes.c_size_t(array.nbytes))

    def synchronize(self):
        """Wait until the device has done all that it was asked for."""
        self.check("cuCtxSynchronize")

    # -- code ---------------------------------------------------------------------------------------------------------

    def function(self, ptx, name):
        """The kernel called `name` of a program in PTX, NVIDIA's assembly language."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        code = self.library.cuModuleLoadData(ctypes.byref(module), ptx)
        if code == NOT_SUPPORTED_PTX:      # Numba's toolkit is newer than the driver; our kernels need nothing new
            code = self.library.cuModuleLoadData(ctypes.byref(module), lowered(ptx, self.version))
        if code:
            self.fail("cuModuleLoadData", code)
        self.check("cuModuleGetFunction", ctypes.byref(function), module, name)
        return function

    # -- time ---------------------------------------------------------------------------------------------------------

    def event(self):
        """A mark in the queue of work, whose time can be read."""
        event = ctypes.c_void_p()
        self.check("cuEventCreate", ctypes.byref(event), 0)
        self.check("cuEventRecord", event, None)
        return event

    def milliseconds(self, start, end):
        """The time between two marks, when the second has been reached."""
        self.check("cuEventSynchronize", end)
        value = ctypes.c_float()
        self.check("cuEventElapsedTime", ctypes.byref(value), start, end)
        return value.value


def load():
    """The driver's library.  Raises CudaError where there is none."""
    for name in LIBRARIES:
        try:
            return ctypes.PyDLL(name)      # it keeps Python's lock: the calls are short
        except OSError:
            pass
    raise CudaError(f"cuda: there is no NVIDIA driver on this machine ({LIBRARIES[0]} can't be loaded); install one, or "
                    "stay on the CPU.  `python -m minigrad.cuda` says more")


def lowered(ptx, version):
    """The program, said to be of the PTX version that came with a version of CUDA: 13.0 brought 9.0, 12.x brought 8.x."""
    major, minor = version[0] - 4, version[1]
    if major == 8:                         # 12.6 had no PTX of its own, so 12.9 brought 8.8
        minor = min(minor, 5) if minor < 7 else minor - 1
    lines = ptx.split(b"\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(b".version"))
    lines[at] = f".version {major}.{minor}".encode()
    return b"\n".join(lines)


driver = None


def get():
    """The driver, loaded when it is first needed."""
    global driver
    if driver is None:
        driver = Driver()
    return driver
