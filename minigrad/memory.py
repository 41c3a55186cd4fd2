"""Keep freed memory at hand.

A training step allocates the same hundreds of megabytes again and again.  The C library gives freed memory back to the
system at once, which must hand it out anew page by page, each page filled with zeros: that took a third of a step.
"""
import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3      # the numbers of these settings in glibc's malloc.h
KEPT = 1 << 30                                   # bytes that may stay unused before any are given back
LARGEST = 32 << 20                               # larger arrays than glibc accepts here are mapped one by one, as ever


def keep_freed_memory():
    """Tell glibc's allocator to keep up to 1 GiB of freed memory.  Elsewhere this does nothing."""
    if sys.platform.startswith("linux"):
        library = ctypes.CDLL(None)
        if hasattr(library, "gnu_get_libc_version"):
            library.mallopt(M_TRIM_THRESHOLD, KEPT)
            library.mallopt(M_MMAP_THRESHOLD, LARGEST)
