"""Reading, writing and adding at index arrays and masks on the device, against NumPy."""
import numpy as np
import pytest
from tests.on_device import equal, there

rng = np.random.default_rng(0)
a = rng.standard_normal((3, 4, 4)).astype("f")
rows, columns, deep = np.array([2, 0, -1, 0]), np.array([[1], [-3], [1]]), rng.integers(0, 4, (3, 1, 2))
mask = a > 0.5
KEYS = {                                   # each works with index arrays of NumPy and of the device
    "rows": lambda i, c, d, m: i,
    "rows of two axes": lambda i, c, d, m: (slice(None), c),
    "rows, last axis": lambda i, c, d, m: (..., d),
    "two arrays": lambda i, c, d, m: (i[:3], c),
    "two arrays apart": lambda i, c, d, m: (c, slice(1, 4), i),
    "two arrays, a new axis between": lambda i, c, d, m: (slice(None), i[:3], None, c),
    "two arrays, the last axes": lambda i, c, d, m: (slice(None, None, -1), c, d),
    "three arrays": lambda i, c, d, m: (i[:2], c, d),
    "counting, and one array": lambda i, c, d, m: (np.arange(3), slice(None), i[:3]),
    "counting down": lambda i, c, d, m: (slice(None), [3, 1], i[:2]),
    "lists and integers": lambda i, c, d, m: (1, slice(None), [3, 2, 0]),
    "a list": lambda i, c, d, m: [2, 0],
    "a new axis": lambda i, c, d, m: (None, i, slice(2)),
    "integer among arrays": lambda i, c, d, m: (i, 1, i),
    "no rows": lambda i, c, d, m: i[:0],
    "a mask": lambda i, c, d, m: m,
    "a mask of some axes": lambda i, c, d, m: (slice(1, 3), m[0, :, 0]),
    "a mask of the first axes": lambda i, c, d, m: m[:, :, 1],
    "a mask and an integer": lambda i, c, d, m: (m[:, 0, 0], 2),
    "True": lambda i, c, d, m: True,
}


@pytest.fixture(params=["host", "device"])
def moved(request):
    """The index arrays: as they are, or on the device."""
    return (rows, columns, deep, mask) if request.param == "host" else there(rows, columns, deep, mask)


VIEWS = {"whole": lambda x: x, "backwards": lambda x: x[::-1, :, ::-1],
         "other order": lambda x: np.moveaxis(x.reshape(4, 3, 4), 0, 2),
         "part": lambda x: np.broadcast_to(x[1:2, :, 1:2], x.shape)}


@pytest.mark.parametrize("name", KEYS)
def test_read(name, moved):
    """The entries at each kind of key are those of NumPy."""
    for view in VIEWS.values():
        found = view(there(a))[KEYS[name](*moved)]
        assert equal(found, view(a)[KEYS[name](rows, columns, deep, mask)])


@pytest.mark.parametrize("name", KEYS)
def test_write_and_add(name, moved):
    """Written, the last value stays; added, all count; nothing else changes."""
    key, device_key = KEYS[name](rows, columns, deep, mask), KEYS[name](*moved)
    value = rng.standard_normal(a[key].shape).astype("f")
    for view, change in zip(VIEWS.values(), (value, value[:1].astype("d"), 2.5)):
        x, X = a.copy(), there(a)
        change, device_change = (change, change) if isinstance(change, float) else (change, there(change))
        view(x)[key], view(X)[device_key] = change, device_change
        assert equal(X, x)
        np.add.at(view(x), key, change)
        np.add.at(view(X), device_key, device_change)
        assert equal(X, x)


@pytest.mark.parametrize("shape, size", [((37, 3), 2), ((61,), 3), ((5, 3, 2), 6), ((24, 33), 1), ((16, 2), 200)])
def test_many_rows_into_few(shape, size):
    """Sums of rows by number, by way of partial tables and by way of sorting, are exact for integers."""
    numbers = rng.integers(-size, size, shape[:-1] or shape)
    values = rng.integers(-50, 50, shape).astype("d")
    for order in (lambda x: x, lambda x: x[::-1]):
        x = rng.integers(-50, 50, (size, *shape[numbers.ndim:])).astype("d")
        X = there(x)
        np.add.at(x, order(numbers), order(values))
        np.add.at(X, order(there(numbers)), order(there(values)))
        assert np.array_equal(X.numpy(), x)


def test_along_an_axis():
    """np.take_along_axis and np.put_along_axis."""
    order = np.argsort(a, 1)
    A, Order = there(a), there(order)
    assert equal(np.take_along_axis(A, Order, 1), np.sort(a, 1))
    assert equal(np.take_along_axis(A, Order[:, :2, :1], -2), np.take_along_axis(a, order[:, :2, :1], -2))
    x, X = np.zeros_like(a), np.zeros_like(A)
    np.put_along_axis(x, order[:, :1], 7, 1)
    np.put_along_axis(X, Order[:, :1], 7, 1)
    assert equal(X, x)


def test_out_of_range():
    """The host's indices are checked at once; the device's are noted, and raised once, at the next copy."""
    A = there(a)
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 0 with size 3"):
        A[[0, 3]]
    wrong = there(np.array([1, -5, 1, 7]))
    for access in (lambda: A[:, wrong], lambda: A[wrong[:3], wrong[:3]], lambda: A.__setitem__((0, wrong), 2.0),
                   lambda: np.add.at(A, wrong, 0.0)):
        fine = A[there(np.array([1, 2]))]
        with pytest.raises(IndexError, match=r"index (-5|7) is out of range for size [34]\..*copied to the CPU"):
            access()
            A[there(np.array([1, 2]))].numpy()
        fine.numpy()
    expected = a.copy()
    expected[0, 1] = 2                     # the only index in range
    assert equal(A, expected)
    wrong.require_within(8, "labels: {} is no class")
    with pytest.raises(IndexError, match=r"labels: -5 is no class\."):
        A.numpy()
    there(np.arange(8)).require_within(8, "labels: {} is no class")
    A.numpy()


def test_what_is_no_key():
    """Keys that do not fit are refused, as by NumPy."""
    A = there(a)
    for key in ((rows, rows, rows, rows), (rows, rows[:3]), mask[:2], mask[0], rows.astype("f")):
        with pytest.raises(IndexError):
            a[key]
        with pytest.raises(IndexError):
            A[key]
    with pytest.raises(ValueError):
        A[there(rows)] = there(a[:2])
    with pytest.raises(TypeError, match="on the CPU"):
        A[there(rows)] = a[:1]


def test_overlapping_views():
    """A write from a view of the same memory works as from a copy."""
    x, X = a.copy(), there(a)
    following = np.array([1, 2, 3, 0])
    for array, i in ((x, following), (X, there(following))):
        array[1:] = array[:-1]
        array[1:] += 1
        array[:, i] = array
    assert equal(X, x)
