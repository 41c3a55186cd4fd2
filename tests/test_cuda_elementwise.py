"""The device array's face, its views, and NumPy's entry-by-entry functions on it."""
import numpy as np
import pytest
from numba import types as numba_types
from minigrad import cuda
from minigrad.cuda import driver, launch
from minigrad.cuda.elementwise import FUNCTIONS
from tests.on_device import equal, there

rng = np.random.default_rng(0)
SHAPES = [(3, 5), (17,), (2, 1, 3), (), (0, 3)]            # around the blocks of 4 threads that the simulator has


def numbers(shape, dtype):
    """Some of each sign, and 0; for Booleans, both."""
    array = np.asarray(rng.integers(-3, 4, shape))
    return (array + 0.25 * (array % 2)).astype(dtype) if np.dtype(dtype).kind == "f" else array.astype(dtype)


def types(function):
    """Types that the function takes and that the device has, a tuple for each signature."""
    found = [t.split("->") for t in function.types]
    return [given for given, result in found if all(c in "?ilfd" for c in given + result) and len(set(given)) == 1]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_each_function(function):
    """Each function, of each type, of arrays in order, views, and arrays that are broadcast."""
    with np.errstate(all="ignore"):
        for letters in types(function):
            if function is np.power and letters[0] in "il":
                a, b = numbers((3, 5), letters[0]), np.abs(numbers((3, 5), letters[0]))
            elif function in (np.floor_divide, np.remainder) and letters[0] in "il":
                a, b = numbers((3, 5), letters[0]), numbers((3, 5), letters[0]) * 2 + 1
            else:
                a, b = numbers((3, 5), letters[0]), numbers((3, 5), letters[0])
            A, B = there(a, b)
            if len(letters) == 1:
                assert equal(function(A), function(a))
                assert equal(function(A[::-1, 1::2]), function(a[::-1, 1::2]))
            else:
                assert equal(function(A, B), function(a, b))
                assert equal(function(A[:, :1], B[:1].T.T), function(a[:, :1], b[:1]))
                assert equal(function(A, B[0, -1]), function(a, b[0, -1]))


@pytest.mark.parametrize("shape", SHAPES)
def test_operators_and_numbers(shape):
    """Python's numbers follow the array's type, NumPy's bring their own."""
    for dtype in ("f", "d", "l"):
        a = numbers(shape, dtype)
        A = there(a)
        for f in (lambda x: x + 1, lambda x: 2 - x, lambda x: x * 0.5, lambda x: x ** 2, lambda x: x > 0,
                  lambda x: x * np.float64(2), lambda x: x == 1, lambda x: -x):
            assert equal(f(A), f(a))


def test_special_numbers():
    """Infinities and NaN go through as in NumPy."""
    a = np.array([np.inf, -np.inf, np.nan, 0, -0.5, 2.5, 1e30, -3.5], "f")
    A = there(a)
    with np.errstate(all="ignore"):
        for f in (np.floor, np.ceil, np.rint, np.sign, np.isnan, np.isinf, np.isfinite, np.log, np.sqrt, np.exp,
                  lambda x: np.maximum(x, 0), lambda x: np.minimum(0, x), lambda x: x / 0 * 1):
            assert equal(f(A), f(a))


def test_views_share_memory():
    """A view is written through, and starts where NumPy's would."""
    a = np.arange(24, dtype="f").reshape(2, 3, 4)
    A = there(a)
    for key in (1, (0, 2), (slice(None), -1), (..., slice(None, None, -2)), (None, 1, slice(1, None)), (0, 1, 2)):
        assert equal(A[key], a[key])
    view = A[:, ::2, ::-1]
    view[...] = np.float32(5)
    a[:, ::2, ::-1] = 5
    assert equal(A, a) and view.base is A and A[0].base is A and view[0].base is A
    A[1, 0] += A[0, 1]
    a[1, 0] += a[0, 1]
    assert equal(A, a)
    for f in (lambda x: x.T, lambda x: x.reshape(6, 4), lambda x: x.reshape(-1), lambda x: x.T.reshape(4, -1),
              lambda x: np.moveaxis(x, 0, -1), lambda x: np.broadcast_to(x[:, :1], (5, 2, 3, 4)), np.flip,
              lambda x: np.expand_dims(x, 1), lambda x: x.swapaxes(0, 2).copy(), lambda x: x[:, :1].squeeze()):
        assert equal(f(A), f(a)) and f(A).strides == f(a).strides
    assert np.may_share_memory(A.reshape(-1), A) and not np.may_share_memory(A.T.reshape(-1), A)


def test_new_arrays_and_types():
    """`like=` an Array makes one; astype cuts fractions off."""
    A = there(np.array([1.7, -2.5, 0, 3], "d"))
    for made, expected in ((np.zeros((2, 3), like=A), np.zeros((2, 3))), (np.ones(2, "f", like=A), np.ones(2, "f")),
                           (np.full((2,), 7, like=A), np.full((2,), 7)), (np.arange(2, 9, 3, like=A), np.arange(2, 9, 3)),
                           (np.zeros_like(A), np.zeros(4)), (np.eye(3, like=A), np.eye(3))):
        assert equal(made, expected)
    for dtype in "lif?B":
        assert equal(np.abs(A).astype(dtype), np.abs(A.numpy()).astype(dtype))
    assert equal(np.where(A > 0, A, 0), np.where(A.numpy() > 0, A.numpy(), 0))
    assert equal(np.clip(A, -1, 2), np.clip(A.numpy(), -1, 2))


def test_mixed_devices_and_what_is_missing():
    """What is not on the device, or not there at all, is said."""
    a = np.ones((2, 3), "f")
    A = there(a)
    with pytest.raises(TypeError, match=r"shape \(2, 3\) on the CPU"):
        A + a
    with pytest.raises(TypeError, match="np.fft is not there"):
        np.fft.fft(A)
    with pytest.raises(TypeError, match="np.arctan is not there"):
        np.arctan(A)
    with pytest.raises(TypeError, match="copy it to the host"):
        np.asarray(A)
    with pytest.raises(TypeError, match="float16"):
        A.astype(np.float16)


def test_memory_is_used_again():
    """What is freed is handed out again, for the same size."""
    if driver.simulated:
        pytest.skip("the simulator has no pool")
    address = cuda.empty((1000,)).block.address
    assert cuda.empty((1000,)).block.address == address


def test_the_program_is_said_to_be_of_the_drivers_version():
    """A program made by a newer toolkit is offered to the driver as one of its own version."""
    ptx = b"//\n.version 9.5\n.target sm_75\nx .version 1"
    for version, said in (((13, 0), b"9.0"), ((12, 2), b"8.2"), ((12, 6), b"8.5"), ((12, 9), b"8.8"), ((11, 8), b"7.8")):
        assert driver.lowered(ptx, version) == ptx.replace(b".version 9.5", b".version " + said)


def test_kernels_tell_arrays_from_numbers():
    """An int64 array is not taken for an integer, though NumPy finds the type int64 equal to int."""
    arrays = [launch.numba_type(np.dtype(c)) for c in "?bhilfd"]
    numbers = [launch.numba_type(kind) for kind in (np.bool_, np.int8, np.int16, np.int32, "q", np.float32, np.float64)]
    assert [a.dtype for a in arrays] == numbers and launch.numba_type(2) == numba_types.UniTuple(numba_types.int64, 2)
    assert [launch.layout(np.dtype(c)) for c in "?lfd"] == ["qqqqqqq"] * 4
    assert [launch.layout(kind) for kind in ("q", 3, np.float32)] == ["q", "qqq", "f4x"]
