"""Where a tensor's numbers are, and how they get to another place: `x.to("cuda")`, `x.cpu()`, `x.device`.

Nothing of CUDA is imported before something is moved there.
"""
import numpy as np
from .dtypes import cast
from .tensor import DeviceArray, Tensor, raw, record

NAMES = "cpu", "cuda"


class CudaError(RuntimeError):
    """Something that the GPU needs is missing, or the GPU has failed.  Tensors on the CPU are untouched."""


class device(str):
    """The name of a place for numbers: "cpu", the processor's memory, or "cuda", that of the first GPU.

    It prints and compares as its name; "cuda:0" is another way to say "cuda".  Raises ValueError for anything else.
    """
    __slots__ = ()

    def __new__(cls, name):
        kind, _, number = str(name).partition(":")
        if kind not in NAMES or number not in ("", "0"):
            raise ValueError(f'device: {name!r} is unknown; there are "cpu" and "cuda", the first GPU')
        return super().__new__(cls, kind)

    def __repr__(self):
        return f"device({str(self)!r})"

    type = property(str, doc="The name.")


CPU, CUDA = device("cpu"), device("cuda")


def device_of(x):
    """The device that a tensor or an array is on."""
    return CUDA if isinstance(raw(x), DeviceArray) else CPU


def moved(array, place):
    """The array on a device: itself if it is there, else a copy.

    Raises ValueError for an unknown device, CudaError where there is no GPU.
    """
    if device(place) == device_of(array):
        return array
    if isinstance(array, DeviceArray):
        return array.numpy()
    from .cuda import asarray              # only here: CPU users need none of it
    return asarray(array)


def on_cpu(x):
    """The array of a tensor or an array, on the CPU; a number as it is."""
    return moved(raw(x), CPU)


def to_device(x, place):
    """x on a device: itself if it is there, else a copy.  The cotangent is sent back."""
    data = moved(raw(x), place)
    return x if data is raw(x) else record(data, to_device_rule, x)


def to_device_rule(g, y, x):
    """A copy is the identity as far as gradients go."""
    return to_device(g, device_of(x))


def converted(x, place, dtype):
    """x on a device, in a type; either may be None: as it is.

    What the GPU can't hold (float16) is cast on the CPU, and so is what goes to the GPU, in any case: float64 is twice
    as long on the way as float32.
    """
    first_cast = place != CPU
    if dtype is not None and first_cast:
        x = cast(x, dtype)
    if place is not None:
        x = to_device(x, place)
    return x if dtype is None or first_cast else cast(x, dtype)


def destination(name, targets):
    """(device, type) that the arguments of a call like to("cuda", minigrad.float64) name; None for what they don't.

    targets     devices, types, and tensors, which name both
    Raises ValueError for a string that is neither a device nor a type.
    """
    place = dtype = None
    for target in targets:
        if isinstance(target, Tensor):
            place, dtype = device_of(target), target.data.dtype
        elif isinstance(target, str) and target.partition(":")[0] in NAMES:
            place = device(target)
        else:
            try:
                dtype = np.dtype(target)
            except TypeError:
                raise ValueError(f'{name}: {target!r} is no device ("cpu", "cuda") and no type, such as '
                                 "minigrad.float32") from None
    return place, dtype
