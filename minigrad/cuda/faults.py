"""What kernels find wrong: an index out of range is noted on the device, and raised at the next copy to the host.

A kernel can't raise an error, and waiting for each one would slow everything down.  So a kernel skips what is out of
range and notes two integers in a place that all kernels share: which check failed, and the index.  Only the first is
kept.
"""
import numpy as np
from . import array
from .launch import Kernel, cuda, device, spread

notes = None           # an Array: the number of the check that failed (0: none), and the index that it found
texts = {}             # of the checks since the last look: what the error says -> the check's number


def watch(text):
    """(notes, number) for a kernel to note an index that is out of range.   text: has {} where the index goes"""
    global notes
    if notes is None:
        notes = array.asarray(np.zeros(2, np.int64))
    return notes, texts.setdefault(text, len(texts) + 1)


@device
def note(notes, number, index):
    """In a kernel: keep an index that is out of range.  Of several threads at once, any may win."""
    if notes[0] == 0:
        notes[1] = index
        notes[0] = number


def raise_noted():
    """Raise the IndexError that kernels have noted since the last look, if there is one."""
    if not texts:
        return
    known = list(texts)
    texts.clear()                          # first: copying the notes to the host looks here again
    number, index = notes.numpy().tolist()
    if number:
        notes[...] = 0
        raise IndexError(known[number - 1].format(index) + ".  The device found it earlier, while the CPU went on: it is "
                         "raised here, where numbers are copied to the CPU")


@Kernel
def check(n, size, index, start, step, notes, number):
    for i in range(cuda.grid(1), n, cuda.gridsize(1)):
        k = np.int64(index[start + i * step])
        if k < 0 or k >= size:
            note(notes, number, k)


def require_within(index, size, text):
    """Have the device check that integers lie in 0 ... size - 1.

    text        the error's, with {} where the integer goes.  It is raised at the next copy to the host
    """
    flat = index.reshape(-1)
    if flat.size:
        check(*spread(flat.size), flat.size, int(size), flat, flat.start, flat.steps[0], *watch(text))


array.at_copies.append(raise_noted)
array.Array.require_within = require_within
