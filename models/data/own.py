"""One's own data: an .npz file, as numpy.savez writes it, with the array `x` and perhaps the labels `y`.

    numpy.savez("mine.npz", x=images, y=classes)
    python -m models train pixelcnn --data mine.npz

    x       (N, D) vectors or sequences, (N, height, width) or (N, channels, height, width) images, (N,) numbers.
            Integers become levels: 2 where all are 0 or 1, else 256, so they must be from 0 to 255.
            Floats are taken as real numbers; they must be finite
    y       (N,) integers from 0 on
    x_test, y_test      what to test on; without them a tenth of the examples is, by a shuffle that is always the same
"""
import os
import zipfile
import zlib
import numpy as np
from . import DataSet

KEYS = ("x", "y", "x_test", "y_test")
SEED = 0


def load(path):
    """The data set in a file; its name is the path.

    Raises FileNotFoundError if there is none, ValueError, saying what to change, for one that can't be used.
    """
    arrays = read(path)
    x, y, x_test, y_test = [arrays.get(key) for key in KEYS]
    if x is None:
        raise ValueError(f"{path} has no array x; save the examples under this name: numpy.savez(FILE, x=examples)")
    if (y_test is None) != (y is None or x_test is None):
        raise ValueError(f"{path} must have y_test if it has y and x_test, and only then; it has {', '.join(arrays)}")
    if x_test is None:
        x, levels = examples(x, f"{path}: x")
        y = labels(y, x, f"{path}: y")
        train, test = split(len(x), path)
        return DataSet(path, x[train], y if y is None else y[train], x[test], y if y is None else y[test], levels)
    if x.shape[1:] != x_test.shape[1:] or (x.dtype.kind == "f") != (x_test.dtype.kind == "f"):
        raise ValueError(f"{path}: x and x_test must hold examples of the same kind, "
                         f"not {x.dtype} of shape {x.shape[1:]} and {x_test.dtype} of shape {x_test.shape[1:]}")
    (x, levels), (x_test, levels_test) = examples(x, f"{path}: x"), examples(x_test, f"{path}: x_test")
    return DataSet(path, x, labels(y, x, f"{path}: y"), x_test, labels(y_test, x_test, f"{path}: y_test"),
                   levels and max(levels, levels_test))


def read(path):
    """The arrays of the file that are of use here, by name."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file {path}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no .npz file; numpy.savez writes one")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {key: np.asarray(arrays[key]) for key in KEYS if key in arrays.files}
    except (ValueError, OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} can't be read as plain arrays of numbers: {error}") from None


def examples(x, name):
    """The examples as the models take them, (N, *shape), uint8 or float32; and their levels, None for real numbers."""
    if x.ndim not in (1, 2, 3, 4) or x.size == 0:
        raise ValueError(f"{name} must be (N, D), (N, height, width), (N, channels, height, width) or (N,), "
                         f"and not be empty; its shape is {x.shape}")
    if x.ndim in (1, 3):
        x = x[:, None]                     # the axis of the only entry, or of the only channel
    if x.dtype.kind == "f":
        with np.errstate(over="ignore"):   # what is too large for float32 becomes infinite, and is found
            x = x.astype(np.float32)
        if not np.isfinite(x).all():
            raise ValueError(f"{name} has {np.count_nonzero(~np.isfinite(x))} numbers that are NaN, infinite or too "
                             "large for float32")
        return x, None
    if x.dtype.kind not in "biu":
        raise ValueError(f"{name} must be made of integers or floats, not {x.dtype}")
    if not 0 <= x.min() <= x.max() <= 255:
        raise ValueError(f"{name} has integers from {x.min()} to {x.max()}; they must be from 0 to 255, "
                         "or make them floats, to be taken as real numbers")
    return x.astype(np.uint8), 2 if x.max() <= 1 else 256


def labels(y, x, name):
    """The labels, checked; or None if there are none."""
    if y is None:
        return None
    if y.shape != (len(x),) or y.dtype.kind not in "iu":
        raise ValueError(f"{name} must be one integer for each of the {len(x)} examples, of shape ({len(x)},); "
                         f"it is {y.dtype} of shape {y.shape}")
    if y.min() < 0:
        raise ValueError(f"{name} must have the classes numbered from 0 on; it has {y.min()}")
    return y.astype(np.int64)


def split(n, path):
    """The numbers of the training and of the test examples: nine tenths and one tenth, at least one each."""
    if n < 2:
        raise ValueError(f"{path} has one example; to train and to test takes two or more")
    order = np.random.default_rng(SEED).permutation(n)
    cut = n - max(1, n // 10)
    return order[:cut], order[cut:]
