"""What a GPU needs, what of it this machine has, and what to do about the rest: the text of `python -m minigrad.cuda`.

Three things are needed: NVIDIA's driver with a device behind it; Numba's CUDA target with NVIDIA's compiler library
(NVVM), which turn kernels into PTX; and that the driver takes this PTX.  Each is looked at by itself, and in the end a
kernel is compiled, run, and its result compared.
"""
import glob
import importlib.metadata
import os
import platform
import re
import sys
import textwrap
import numpy as np
from . import driver, launch
from .array import asarray
from .launch import Kernel, cuda, spread, types

OLDEST_OF_13 = 7, 5        # the compute capability below which toolkits from CUDA 13 on compile no more
WIDTH = 100


def main():
    """Print the report.  Returns 0 if kernels run on a device, else 1."""
    facts, problems = examine()
    print("\n".join(f"{name:<18} {value}" for name, value in facts))
    for problem in problems:
        print("\n" + textwrap.fill(problem, WIDTH, break_long_words=False, break_on_hyphens=False))
    print("\nThe GPU can't be used." if problems else "\nThe GPU works.")
    return 1 if problems else 0


def examine():
    """Facts, as (name, value), and problems, as paragraphs that say what to do."""
    facts = [("system", f"{platform.platform()}, Python {platform.python_version()}"), ("Numba", numba_and_target())]
    if driver.simulated:
        right = double_is_right()
        return [*facts, ("a kernel", f"simulated in Python: {'right' if right else 'WRONG'}")], [
            "NUMBA_ENABLE_CUDASIM is set: kernels run in Numba's simulator, on the CPU and very slowly.  That is for "
            "tests; to use the GPU: unset NUMBA_ENABLE_CUDASIM"]
    device, problems = None, []
    try:
        facts += driver_found()
        device = driver.get()
        facts += devices(device)
    except driver.CudaError as error:
        problems += [str(error)]
    try:
        facts += compiler(device)
    except Exception as error:             # Numba's, NVVM's and ctypes' own: whatever it is, there is no PTX
        facts += [("compiler", "none that works")]
        problems += [compiler_missing(error, device)]
    facts += [("compiled kernels", kept())]
    if not problems:
        try:
            right = double_is_right()
            facts += [("a kernel", "compiled, run, right" if right else "compiled, run, WRONG")]
            problems += [] if right else [
                "The kernel ran, but its result is wrong.  That should not happen: please report it, with this text"]
        except driver.CudaError as error:
            problems += [f"{error}.  If the driver refuses the program (PTX), install a compiler of its own version: "
                         + command_for(device)]
    return facts, problems


# ---------------------------------------------------------------------------------------------------------------------
# Facts

def numba_and_target():
    """Numba's version, and who makes its CUDA target."""
    version = importlib.metadata.version
    if "numba_cuda" in sys.modules or "numba_cuda" in (cuda.__file__ or ""):
        return f"{version('numba')}, with the CUDA target of numba-cuda {version('numba-cuda')}"
    return f"{version('numba')}, with its own CUDA target (numba-cuda is not installed)"


def driver_found():
    """The driver's version, and what hides devices from it.  Raises CudaError, which says what to do, without one."""
    try:
        version = driver.version(driver.load())
    except driver.CudaError:
        yield "driver", "none"
        raise driver.CudaError(f"cuda: there is no NVIDIA driver here: {driver.LIBRARIES[0]} can't be loaded.  "
                               + why_no_driver()) from None
    yield "driver", "CUDA {}.{}, which takes PTX up to {}.{}".format(*version, *driver.ptx_version(version))
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        yield "", f"CUDA_VISIBLE_DEVICES is {os.environ['CUDA_VISIBLE_DEVICES']!r}: other devices are hidden"


def devices(device):
    """All devices; the first is used."""
    for i in range(device.number("cuDeviceGetCount")):
        name, capability, multiprocessors, size = device.describe(device.number("cuDeviceGet", i))
        yield f"device {i}", (f"{name}, compute capability {capability[0]}.{capability[1]}, {size / 2**30:.1f} GiB, "
                              f"{multiprocessors} multiprocessors" + ("" if i == 0 else " (not used)"))
    free, total = device.memory()
    yield "memory of device 0", f"{free / 2**30:.1f} GiB free of {total / 2**30:.1f} GiB"


def compiler(device):
    """What PTX is made for the device, or without one, for one that most toolkits know."""
    kinds = types.int64, types.Array(types.float32, 1, "C"), types.Array(types.float32, 1, "C")
    ptx, _ = cuda.compile_ptx(double.function, kinds, cc=device.capability if device else OLDEST_OF_13)
    toolkit = re.search(r"Cuda compilation tools, release ([\d.]+)", ptx)
    made = tuple(map(int, re.search(r"^\.version (\d+)\.(\d+)", ptx, re.M).groups()))
    target = re.search(r"^\.target (\w+)", ptx, re.M)[1]
    yield "compiler", (f"NVVM of CUDA {toolkit[1] if toolkit else '(version unknown)'}, which makes PTX "
                       f"{made[0]}.{made[1]} for {target}")
    if device and made > driver.ptx_version(device.version):
        yield "", ("newer than what the driver takes; programs are handed over as of the driver's version, which holds "
                   "as they use nothing new")


def kept():
    """Where compiled kernels are kept, and how many there are."""
    place = os.path.abspath(launch.folder())
    count = len(glob.glob(os.path.join(glob.escape(place), "*.ptx")))
    above = place
    while not os.path.exists(above):       # it is made when the first kernel is kept
        above = os.path.dirname(above)
    return f"{count} in {place}" + ("" if os.access(above, os.W_OK) else
                                    " (which can't be written to: NUMBA_CACHE_DIR may name another place)")


@Kernel
def double(n, x, y):
    """y = 2 x"""
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        y[i] = x[i] + x[i]


def double_is_right():
    """Whether a kernel, run on the device, gives what it should."""
    x = np.arange(5, dtype=np.float32)
    on_device, y = asarray(x), asarray(-x)
    double(*spread(x.size), x.size, on_device, y)
    return bool(np.array_equal(y.numpy(), 2 * x))


# ---------------------------------------------------------------------------------------------------------------------
# What to do

def why_no_driver():
    """What the machine says of a card, its driver and its container; and what to do."""
    if sys.platform == "darwin":
        return "NVIDIA makes none for macOS: stay on the CPU"
    if os.path.exists("/usr/lib/wsl/lib/libcuda.so.1"):
        return "In WSL the driver is that of Windows: export LD_LIBRARY_PATH=/usr/lib/wsl/lib"
    if os.path.exists("/proc/driver/nvidia/version"):
        return ("The machine has a driver; inside a container, its library and devices must be let in: "
                "docker run --gpus all ... (with NVIDIA's container toolkit on the host)")
    if sys.platform != "linux":
        return "Install it from https://www.nvidia.com/drivers"
    if NVIDIA in vendors():
        return ("There is a card of NVIDIA in this machine.  On Ubuntu: sudo ubuntu-drivers install, and restart it; "
                "elsewhere: https://www.nvidia.com/drivers")
    return ("No card of NVIDIA is seen in this machine: stay on the CPU; in a hosted notebook, choose a kind of machine "
            "with a GPU (Colab: Runtime, Change runtime type)")


NVIDIA = "0x10de"          # on the PCI bus


def vendors():
    """Who made the devices on the machine's PCI bus."""
    found = set()
    for path in glob.glob("/sys/bus/pci/devices/*/vendor"):
        with open(path) as file:
            found.add(file.read().strip())
    return found


def compiler_missing(error, device):
    """The paragraph on a kernel that can't be compiled."""
    said = textwrap.shorten(str(error), 160, placeholder=" ...") or type(error).__name__
    if "module 'numpy' has no attribute" in said:          # seen with numba-cuda 0.30 and NumPy 2.5
        return (f"cuda: a kernel can't be compiled: {said}.  Numba's CUDA target is older than NumPy {np.__version__} and "
                'asks it for what it no longer has: pip install "numpy<2.5"')
    if device and device.capability < OLDEST_OF_13:
        why = "CUDA 13 no longer compiles for devices as old as this one, so a compiler of CUDA 12 is needed"
    else:
        why = "NVIDIA's compiler library, NVVM, is missing, or it doesn't know the device"
    return f"cuda: a kernel can't be compiled: {said}.  {why}: {command_for(device)}"


def command_for(device):
    """What installs a compiler that fits the driver and the device."""
    if device is None or device.version >= (13, 0) and device.capability < OLDEST_OF_13:
        return 'pip install "numba-cuda[cu12]"'
    if device.version >= (13, 0):
        return 'pip install "numba-cuda[cu13]"'
    major, minor = max(device.version, (12, 0))
    return f'pip install "numba-cuda[cu12]" "cuda-toolkit=={major}.{minor}.*"'
