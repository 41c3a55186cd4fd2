"""Interchangeable sets of kernels for the three convolution operations.

    loops       the definitions as textbook loops: slow, the oracle of the tests
    taps        sums of shifted images in registers: the fast set, and the default
    cuda        for arrays on a GPU, always

Each is a module with `forward`, `input_gradient` and `weight_gradient`, of the same signatures and results.  A homework
whose students write `loops` comes without `taps`; then `loops` is the default.

With NUMBA_DISABLE_JIT=1 in the environment nothing is compiled, and a debugger goes through either line by line: see
minigrad/uncompiled.py.
"""
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from minigrad.tensor import DeviceArray

SETS = tuple(name for name in ("taps", "loops") if find_spec(f"{__name__}.{name}"))
chosen = SETS[0]


def use(name):
    """Let convolutions on the CPU run on the kernel set `name` from now on.   Returns the name of the one before."""
    global chosen
    if name not in SETS:
        raise ValueError(f"kernels.use: there is no kernel set {name!r}; there are {', '.join(SETS)}")
    before, chosen = chosen, name
    return before


@contextmanager
def using(name):
    """`with using(name):`, or `@using(name)` on a function: convolutions run on that kernel set meanwhile."""
    before = use(name)
    try:
        yield
    finally:
        use(before)


@lru_cache(maxsize=None)
def module(name):
    """The module of a set.  It is imported on first use: Numba takes a while."""
    return import_module(f"{__name__}.{name}")


def active():
    """The module of the chosen set."""
    return module(chosen)


def suited(array):
    """The module of the set that takes the array: the chosen one, or, on a GPU, `cuda`."""
    return module("cuda") if isinstance(array, DeviceArray) else active()
