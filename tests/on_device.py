"""What the tests of the device array share: in the simulator, every access of a kernel is checked."""
import numpy as np
from minigrad import cuda
from minigrad.cuda import driver

if driver.simulated:
    from numba.cuda.simulator.cudadrv.devicearray import FakeWithinKernelCUDAArray as InKernel

    def checked(access):
        """An access by a kernel that fails below the array, where Python would count from its end."""
        def guarded(self, index, *value):
            if not isinstance(index, str) and np.any(np.less(index, 0)):
                raise IndexError(f"a kernel reaches to {index}, below an array of {len(self)} entries")
            return access(self, index, *value)
        return guarded

    InKernel.__getitem__, InKernel.__setitem__ = checked(InKernel.__getitem__), checked(InKernel.__setitem__)


def there(*arrays):
    """NumPy arrays, on the device."""
    moved = tuple(map(cuda.asarray, arrays))
    return moved if len(moved) > 1 else moved[0]


def equal(on_device, expected):
    """Whether an array on the device has the type, the shape and (but for rounding) the numbers of NumPy's."""
    expected, found = np.asarray(expected), on_device.numpy()
    tolerance = {"f": 1e-5, "d": 1e-10}.get(expected.dtype.char, 0)
    return (found.dtype == expected.dtype and found.shape == expected.shape
            and np.allclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True))
