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


def fma(a, b, c):
    """a * b + c, lane by lane.  (Rounded twice: there is no fused product in NumPy.)"""
    return a * b + c


# A tile is an array (rows, columns, lanes).

def zero_tile(rows, columns, array):
    """A tile of zeros, of the array's type."""
    return np.zeros((len(rows), len(columns), lanes(array)), array.dtype)


def filled_tile(rows, columns, array, at):
    """A tile with array.flat[at + r] everywhere in row r."""
    return zero_tile(rows, columns, array) + array.reshape(-1)[at:at + len(rows), None, None]


def load_tile(rows, columns, array, at, apart):
    """The tile with array.flat[at + r * apart : ...] as row r, one register after the other."""
    n = lanes(array)
    return np.stack([[load(array, at + r * apart + j * n) for j in range(len(columns))] for r in range(len(rows))])


def store_tile(array, at, apart, tile):
    """array.flat[at + r * apart : ...] = row r"""
    for r, row in enumerate(tile):
        for j, value in enumerate(row):
            store(array, at + r * apart + j * lanes(array), value)


def add_products(tile, w, k, x, at, starts):
    """The tile, with w.flat[k + r] * x.flat[at + starts[j] : ...] added in row r and column j."""
    return tile + w.reshape(-1)[k:k + len(tile), None, None] * np.stack([load(x, at + start) for start in starts])


def add_row_products(tile, y, at, apart, x, start, starts):
    """The tile, with y.flat[at + r * apart : ...] * x.flat[start + starts[j] : ...] added in row r and column j."""
    rows = np.stack([load(y, at + r * apart) for r in range(len(tile))])
    return tile + rows[:, None] * np.stack([load(x, start + s) for s in starts])


def add_totals(array, at, tile):
    """array.flat[at + k] += the sum of the lanes of register k, counted row by row."""
    array.reshape(-1)[at:at + tile.shape[0] * tile.shape[1]] += tile.sum(2).ravel()


def take(array, at, columns):
    """The numbers array.flat[at], array.flat[at + 1] ... as a tuple, as long as `columns`."""
    return tuple(array.reshape(-1)[at:at + len(columns)].tolist())


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
