"""Let threads that have nothing to do sleep.

NumPy's matrix products (OpenBLAS) and the compiled kernels (Numba, on GNU OpenMP) have worker threads of their own.
Where such a thread has done its part, it waits for the next one in a busy loop, for several milliseconds, in case that
comes soon.  A training step goes from products to kernels and back within less, so one library's idle thread takes a
core away from the other's busy one: a perceptron's step took four times as long as it should.  With short waits, the
threads are asleep when it is the other library's turn; to wake one takes some 50 microseconds.

Both libraries look into the environment for how long to wait, and only when they start.
"""
import ctypes
import os
import sys
from contextlib import contextmanager
from importlib import import_module
import numpy as np

OPENBLAS = "OPENBLAS_THREAD_TIMEOUT", "12"         # the binary logarithm of the clock ticks to wait
OPENMP = "GOMP_SPINCOUNT", "5000"                  # how often to look for work


@contextmanager
def environment(name, value):
    """An environment variable, set for the moment, so that nobody else sees it; if the user has set it, that stays."""
    given = name in os.environ
    if not given:
        os.environ[name] = value
    try:
        yield
    finally:
        if not given:
            del os.environ[name]


def quicken_openblas():
    """Let the threads of NumPy's products fall asleep soon.  Does nothing for a NumPy without OpenBLAS.

    OpenBLAS has read its settings when NumPy was imported.  It reads them again, and its threads are ended: the next
    product starts new ones, as it does after a fork.
    """
    if sys.platform.startswith("linux"):
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)         # finds what NumPy's own library is linked to
        if hasattr(library, "openblas_read_env") and hasattr(library, "blas_thread_shutdown_"):
            with environment(*OPENBLAS):
                library.openblas_read_env()
                library.blas_thread_shutdown_()


def quicken_openmp():
    """Let the threads of the kernels fall asleep soon.  Does nothing for a Numba without GNU OpenMP.

    Numba's interface to OpenMP brings the library with it; to be called before a parallel kernel loads the two.  Some
    other package may have loaded an OpenMP for its own use: DEEPBIND makes sure that Numba does not get that one.
    """
    if sys.platform.startswith("linux"):
        flags = sys.getdlopenflags()
        sys.setdlopenflags(flags | os.RTLD_DEEPBIND)
        with environment(*OPENMP):
            try:
                import_module("numba.np.ufunc.omppool")
            except ImportError:
                pass
        sys.setdlopenflags(flags)
