"""NVIDIA's driver: the few of its functions that the engine needs, called through ctypes.

Numba compiles our kernels (see launch.py), but calling one through Numba takes some 40 microseconds, which is more than
most kernels run for.  A call through ctypes takes 5, so memory, copies and launches go straight to the driver.

All work is put into one queue, the default stream, in the order of the calls; a call returns at once, and only copies
to the host wait for the results.

With NUMBA_ENABLE_CUDASIM=1 in the environment there is no driver: Numba's simulator runs the kernels in Python, on
NumPy's memory, and every machine can test them.
"""
import ctypes
import os
import sys
from ..devices import CudaError

simulated = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") not in ("0", "")
LIBRARIES = {"win32": ("nvcuda.dll",)}.get(sys.platform, ("libcuda.so.1", "libcuda.so"))

OLDEST = 11, 2             # the version of CUDA that a driver must know
COMPUTE_CAPABILITY_MAJOR, COMPUTE_CAPABILITY_MINOR, MULTIPROCESSORS = 75, 76, 16               # attributes of a device
OUT_OF_MEMORY, INVALID_CONTEXT, NOT_SUPPORTED_PTX = 2, 201, 222        # of the driver's error numbers
FAILED = "What is on the device is lost, tensors on the CPU are not; start Python anew to use the device again"
ADVICE = {                 # on some: not initialized, stub library, device unavailable, no device ...
    3: "A process that was forked can't use the device: start it with multiprocessing's method \"spawn\"",
    34: "What was loaded is a stub that a CUDA toolkit has for linking, not the driver: take the folder `stubs` out of "
        "LD_LIBRARY_PATH",
    46: "Another program has the device for itself; nvidia-smi says which",
    100: "nvidia-smi must list a device, and CUDA_VISIBLE_DEVICES must not hide it; a container must be started with it "
         "(docker run --gpus all)",
    **dict.fromkeys((209, 218, NOT_SUPPORTED_PTX), "The driver doesn't take what Numba's compiler makes; `python -m "
                    "minigrad.cuda` says what to install"),
    802: "The links between the machine's devices are not ready: sudo systemctl start nvidia-fabricmanager",
    803: "The driver was updated while the old one was running: restart the machine",
    804: "The driver's library is one for forward compatibility, which this device doesn't support: take the folder "
         "`compat` of the CUDA toolkit out of LD_LIBRARY_PATH",
    999: "The driver is in a bad state, as after a suspend: sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm, or "
         "restart the machine"}


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
        self.version = version(self.library)
        if self.version < OLDEST:
            raise CudaError("cuda: the driver knows CUDA {}.{} only, and {}.{} is needed: install a newer driver".format(
                *self.version, *OLDEST))
        if not self.number("cuDeviceGetCount"):
            raise CudaError(f"cuda: the driver finds no device.  {ADVICE[100]}")
        self.device = self.number("cuDeviceGet", 0)
        self.name, self.capability, self.multiprocessors, _ = self.describe(self.device)
        self.context = ctypes.c_void_p()   # the primary one, which Numba and PyTorch use, too
        self.check("cuDevicePrimaryCtxRetain", ctypes.byref(self.context), self.device)
        self.check("cuCtxSetCurrent", self.context)

    def check(self, name, *arguments):
        """Call a function of the driver.  Raises CudaError with the driver's words if it fails."""
        code = getattr(self.library, name)(*arguments)
        if code == INVALID_CONTEXT:        # another thread of Python's, which the driver doesn't know
            self.library.cuCtxSetCurrent(self.context)
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
            raise OutOfMemoryError(f"cuda: out of memory ({name}); nvidia-smi says which programs have it")
        raise CudaError(f"cuda: {name} failed: {word} ({code}), {text}.  {ADVICE.get(code, FAILED)}")

    def number(self, name, *arguments):
        """The integer that a function of the driver writes to its first argument."""
        value = ctypes.c_int()
        self.check(name, ctypes.byref(value), *arguments)
        return value.value

    def describe(self, device):
        """(name, compute capability, number of multiprocessors, bytes of memory) of a device."""
        name, size = ctypes.create_string_buffer(256), ctypes.c_size_t()
        self.check("cuDeviceGetName", name, 256, device)
        self.check("cuDeviceTotalMem_v2", ctypes.byref(size), device)
        major, minor, multiprocessors = (self.number("cuDeviceGetAttribute", which, device) for which in (
            COMPUTE_CAPABILITY_MAJOR, COMPUTE_CAPABILITY_MINOR, MULTIPROCESSORS))
        return name.value.decode(), (major, minor), multiprocessors, size.value

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
        self.check("cuCtxSetCurrent", self.context)
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


def version(library):
    """The version of CUDA that the driver knows."""
    number = ctypes.c_int()
    library.cuDriverGetVersion(ctypes.byref(number))       # this one can't fail
    return number.value // 1000, number.value % 1000 // 10


def ptx_version(cuda):
    """The version of PTX that came with a version of CUDA: 13.0 brought 9.0, 12.0 brought 8.0."""
    major, minor = cuda[0] - 4, cuda[1]
    if major == 8:                         # 12.6 had no PTX of its own, so 12.9 brought 8.8
        minor = min(minor, 5) if minor < 7 else minor - 1
    return major, minor


def lowered(ptx, cuda):
    """The program, said to be of the PTX version that came with a version of CUDA."""
    lines = ptx.split(b"\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(b".version"))
    lines[at] = ".version {}.{}".format(*ptx_version(cuda)).encode()
    return b"\n".join(lines)


driver = None


def get():
    """The driver, loaded when it is first needed."""
    global driver
    if driver is None:
        driver = Driver()
    return driver
