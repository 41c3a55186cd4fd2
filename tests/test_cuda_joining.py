"""Joining, repeating, cutting out and ordering of device arrays, against NumPy."""
import numpy as np
import pytest
from tests.on_device import equal, there

rng = np.random.default_rng(0)
a = rng.standard_normal((2, 3, 4)).astype("f")
b = rng.integers(-3, 4, (2, 1, 4))
A, B = there(a, b)
OPERATIONS = {
    "concatenate": lambda x, y: np.concatenate((x, y, x[:, ::-2]), 1),
    "concatenate, last axis": lambda x, y: np.concatenate((x, x.swapaxes(1, 2)[:, :3, :2]), -1),
    "concatenate nothing": lambda x, y: np.concatenate((x[:, :0], x[:, 1:1])),
    "stack": lambda x, y: np.stack((x, x[::-1]), 1),
    "stack, last axis": lambda x, y: np.stack((y[0, 0], y[1, 0]), -1),
    "tile": lambda x, y: np.tile(x, (2, 1, 3)),
    "tile, new axis": lambda x, y: np.tile(y, (2, 3, 1, 2)),
    "tile, last axis": lambda x, y: np.tile(x, 2),
    "repeat": lambda x, y: np.repeat(x, 2, 1),
    "roll": lambda x, y: np.roll(x, (1, -2), (0, -1)),
    "roll far": lambda x, y: np.roll(x, -9, 2),
    "roll all": lambda x, y: np.roll(x, 5),
    "pad": lambda x, y: np.pad(x, [(0, 0), (1, 2), (0, 1)], constant_values=-7),
    "pad all": lambda x, y: np.pad(y, 1),
    "tril": lambda x, y: np.tril(x), "tril, above": lambda x, y: np.tril(x, 1), "tril, below": lambda x, y: np.tril(y, -1),
    "triu": lambda x, y: np.triu(x), "triu, above": lambda x, y: np.triu(x, 2),
    "triu, below": lambda x, y: np.triu(x > 0, -1),
    "sort": lambda x, y: np.sort(x, 1),
    "argsort": lambda x, y: np.argsort(y, axis=-1, kind="stable"),
    "flatnonzero": lambda x, y: np.flatnonzero(y),
    "argwhere": lambda x, y: np.argwhere(x > 0),
    "nonzero": lambda x, y: np.nonzero(y)[2],
    "searchsorted": lambda x, y: np.searchsorted(np.sort(x[0, 0]), x[1], side="right"),
    "unique": lambda x, y: np.unique(y),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_operations(operation):
    """Every operation gives what NumPy gives, and a new array."""
    found = operation(A, B)
    assert equal(found, operation(a, b))
    assert not np.may_share_memory(found, A)


def test_what_does_not_fit():
    """Shapes and devices that do not go together are refused."""
    with pytest.raises(ValueError, match="differ not only along axis 1"):
        np.concatenate((A, A[:1]), 1)
    with pytest.raises(ValueError, match="differ not only along axis 0"):
        np.concatenate((A, A[0]))
    with pytest.raises(TypeError, match=r"concatenate.*shape \(2, 3, 4\) on the CPU"):
        np.concatenate((A, a))
    with pytest.raises(np.exceptions.AxisError):
        np.concatenate((A, A), 3)
