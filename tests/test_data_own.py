"""One's own data: each file either loads as its docstring says, or is refused in one clear line."""
import zipfile
import numpy as np
import pytest
from models.data import load


@pytest.fixture
def save(tmp_path):
    """Write mine.npz.  Returns its path."""
    def save(**arrays):
        np.savez(tmp_path / "mine.npz", **arrays)
        return str(tmp_path / "mine.npz")
    return save


@pytest.mark.parametrize("shape, becomes", [((20,), (1,)), ((20, 6), (6,)), ((20, 4, 5), (1, 4, 5)),
                                            ((20, 3, 4, 5), (3, 4, 5))])
@pytest.mark.parametrize("dtype, levels", [(bool, 2), (np.uint8, 256), (np.int64, 256), (np.float64, None),
                                           (np.float16, None)])
def test_what_becomes_of_an_array(save, shape, becomes, dtype, levels):
    x = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    path = save(x=x)
    data = load(path)
    assert data.name == path and data.shape == becomes and data.levels == levels and data.valid is None
    assert data.train.dtype == data.test.dtype == (np.uint8 if levels else np.float32)
    assert len(data.train) == 18 and len(data.test) == 2 and data.train_labels is None and data.test_labels is None
    together = np.concatenate([data.train, data.test]).reshape(20, -1)
    assert np.array_equal(np.sort(together, 0), np.sort(x.reshape(20, -1), 0).astype(together.dtype))


def test_zeros_and_ones_are_two_levels(save):
    assert load(save(x=np.eye(5, dtype=int))).levels == 2
    assert load(save(x=2 * np.eye(5, dtype=int))).levels == 256
    assert load(save(x=np.zeros((5, 2), int), x_test=np.full((3, 2), 7))).levels == 256


def test_the_split_is_shuffled_and_always_the_same(save):
    x = np.arange(100)
    path = save(x=x, y=x + 1000)
    data, again = load(path), load(path)
    assert np.array_equal(np.sort(np.concatenate([data.train, data.test]).ravel()), x)           # none twice, none lost
    assert len(data.test) == 10 and data.test.ravel().tolist() != list(range(90, 100))
    assert np.array_equal(data.test, again.test) and np.array_equal(data.train, again.train)
    assert np.array_equal(data.train_labels, data.train[:, 0].astype(int) + 1000)                # labels go along
    assert np.array_equal(data.test_labels, data.test[:, 0].astype(int) + 1000)


def test_an_own_test_set_is_taken(save):
    x, x_test = np.random.default_rng(0).standard_normal((8, 3)), np.zeros((4, 3))
    data = load(save(x=x, x_test=x_test))
    assert np.array_equal(data.train, x.astype(np.float32)) and np.array_equal(data.test, x_test)
    data = load(save(x=x, x_test=x_test, y=np.arange(8), y_test=np.arange(4)))
    assert np.array_equal(data.train_labels, np.arange(8)) and np.array_equal(data.test_labels, np.arange(4))


def test_two_examples_are_enough(save):
    data = load(save(x=np.ones((2, 3))))
    assert len(data.train) == len(data.test) == 1


X = np.zeros((4, 3))


@pytest.mark.parametrize("arrays, message", [
    ({"images": X}, r"mine.npz has no array x; save the examples under this name"),
    ({"x": np.zeros((0, 3))}, r"x must be \(N, D\).* not be empty; its shape is \(0, 3\)"),
    ({"x": np.zeros((4, 0))}, r"its shape is \(4, 0\)"),
    ({"x": np.float64(3)}, r"its shape is \(\)"),
    ({"x": np.zeros((2, 1, 1, 1, 1))}, r"its shape is \(2, 1, 1, 1, 1\)"),
    ({"x": np.array([[0.0, np.nan], [np.inf, 1]])}, "x has 2 numbers that are NaN, infinite"),
    ({"x": np.array([[1e300], [0]])}, "x has 1 numbers that are NaN, infinite or too large for float32"),
    ({"x": np.array([[-1, 3], [0, 1]])}, "integers from -1 to 3; they must be from 0 to 255"),
    ({"x": np.array([[0, 256], [0, 1]])}, "integers from 0 to 256; .* make them floats"),
    ({"x": X.astype(complex)}, "x must be made of integers or floats, not complex128"),
    ({"x": np.array([["a"], ["b"]])}, "x must be made of integers or floats, not <U1"),
    ({"x": np.array([[1], [None]], dtype=object)}, "can't be read as plain arrays of numbers: Object arrays"),
    ({"x": X, "y": np.arange(3)}, r"y must be one integer for each of the 4 examples, .*int64 of shape \(3,\)"),
    ({"x": X, "y": np.zeros((4, 1), int)}, r"y must be one integer .* shape \(4, 1\)"),
    ({"x": X, "y": np.zeros(4)}, "y must be one integer .* float64"),
    ({"x": X, "y": np.array([0, 1, -1, 2])}, "y must have the classes numbered from 0 on; it has -1"),
    ({"x": X, "x_test": np.zeros((4, 2))}, r"the same kind, not float64 of shape \(3,\) and float64 of shape \(2,\)"),
    ({"x": X, "x_test": np.zeros((4, 3), int)}, "of the same kind, not float64 .* and int64"),
    ({"x": X, "y": np.arange(4), "x_test": X}, "must have y_test if it has y and x_test, and only then"),
    ({"x": X, "x_test": X, "y_test": np.arange(4)}, "must have y_test if .*only then; it has x, x_test, y_test"),
    ({"x": X, "x_test": np.zeros((0, 3))}, "x_test must be .* not be empty"),
    ({"x": X[:1]}, "has one example; to train and to test takes two or more"),
])
def test_refused(save, arrays, message):
    with pytest.raises(ValueError, match=message) as caught:
        load(save(**arrays))
    assert "\n" not in str(caught.value) and "mine.npz" in str(caught.value)


def test_files_that_are_none(tmp_path):
    path = tmp_path / "mine.npz"
    with pytest.raises(FileNotFoundError, match="there is no file .*mine.npz"):
        load(str(path))
    path.write_bytes(b"some text")
    with pytest.raises(ValueError, match="mine.npz is no .npz file; numpy.savez writes one"):
        load(str(path))
    with open(path, "wb") as file:
        np.save(file, X)
    with pytest.raises(ValueError, match="mine.npz is no .npz file"):
        load(str(path))
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x", "a text")
    with pytest.raises(ValueError, match=r"mine.npz: x must be \(N, D\)"):
        load(str(path))


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_a_damaged_file_is_refused(tmp_path, write):
    path = tmp_path / "mine.npz"
    write(path, x=np.arange(5000) % 250)
    content = bytearray(path.read_bytes())
    for at in (250, 251):
        content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match="mine.npz can't be read as plain arrays of numbers"):
        load(str(path))
