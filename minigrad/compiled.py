"""Numba, for everything that is compiled.  Importing it takes about half a second: do so where it is first needed."""
from .threads import quicken_openmp

quicken_openmp()                           # before Numba starts its threads

from numba import config, get_num_threads, njit, prange
