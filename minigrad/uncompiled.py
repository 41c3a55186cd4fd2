"""What the functions of `vectors.py` mean, in plain Python: a register is a short array.

With NUMBA_DISABLE_JIT=1 in the environment, Numba leaves functions as they are, and `vectors.py` takes its functions
from here.  Every kernel, the fast ones too, can then be run line by line in a debugger, on small images:

    NUMBA_DISABLE_JIT=1 python -m pdb program.py

Unlike the compiled functions, these look at the bounds.
"""
import numpy as np
from . import vectors


def lanes(array):
    """How many of the array's numbers fit into a register."""
    return vectors.LANES[array.dtype]


def load(array, index):
    """array.flat[index : index + lanes]"""
    return register(array, index).copy()


def store(array, index, value):
    """array.flat[index : index + lanes] = value"""
    register(array, index)[:] = value


def register(array, index):
    """A view of array.flat[index : index + lanes].  Raises IndexError where that is not inside."""
    flat, n = array.reshape(-1), lanes(array)
    if index < 0 or index + n > flat.size:
        raise IndexError(f"a register of {n} numbers from {index} on, in an array of {flat.size}")
    return flat[index:index + n]


def broadcast(number):
    """A register with `number` in every lane."""
    return np.full(vectors.LANES[number.dtype], number)


def repeat(array, index):
    """A register with array.flat[index] in every lane."""
    return broadcast(array.reshape(-1)[index])


def fma(a, b, c):
    """a * b + c, lane by lane.  (Rounded twice: there is no fused product in NumPy.)"""
    return a * b + c


def pair_sums(a, b):
    """a[0] + a[1], a[2] + a[3] ..., b[0] + b[1], b[2] + b[3] ..."""
    both = np.concatenate((a, b))
    return both[::2] + both[1::2]


def interleaver(most):
    """`interleave` for as many rows as a register has lanes, but at most `most`."""
    def interleave(source, at, apart, target, to, columns, first, count):
        """target[to + columns[first + v] + m] = source[at + m * apart + v] for all rows m, and for v < count."""
        n = lanes(source)
        rows = min(most, n)
        taken = np.stack([load(source, at + m * apart) for m in range(rows)])
        for v in range(0, count, n // rows):
            store(target, to + columns[first + v], taken[:, v:v + n // rows].T.ravel())
    return interleave


def separator(most):
    """`separate` for as many rows as a register has lanes, but at most `most`."""
    def separate(source, at, target, to, apart):
        """target[to + m * apart + v] = source[at + v * rows + m] for all rows m and all lanes v."""
        n = lanes(source)
        rows = min(most, n)
        taken = np.concatenate([load(source, at + j * n) for j in range(rows)]).reshape(n, rows)
        for m in range(rows):
            store(target, to + m * apart, taken[:, m])
    return separate


interleave, interleave_few = interleaver(vectors.BYTES), interleaver(vectors.FEW)
separate, separate_few = separator(vectors.BYTES), separator(vectors.FEW)
