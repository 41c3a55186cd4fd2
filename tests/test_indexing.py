"""Indexing, assignment, gather and scatter, sorting: values, gradients, safety, errors."""
import numpy as np
import pytest
from minigrad import Tensor, no_grad
from minigrad import indexing
from minigrad.autograd import grad
from minigrad.elementwise import exp
from minigrad.gradcheck import GradientError, gradcheck, gradgradcheck
from minigrad.tensor import record
from contract import Case, check, name


def normal(*shapes):
    return lambda rng: [rng.standard_normal(shape) for shape in shapes]


def leaf(*shape):
    return Tensor(np.random.default_rng(3).standard_normal(shape), requires_grad=True)


def distinct(*shape):
    """Numbers far enough apart that finite differences change no order."""
    return lambda rng: [rng.permutation(np.arange(float(np.prod(shape)))).reshape(shape) / 7]


# ---------------------------------------------------------------------------------------------------------------------
# Reading

A = (3, 4, 5)
MASK = np.arange(12).reshape(3, 4) % 3 == 0
KEYS = {
    "int": 1, "negative int": -1, "NumPy int": np.int64(2), "ints": (1, 2), "all ints": (1, 2, 3), "slice": slice(1, 3),
    "steps": (slice(None, None, 2), slice(3, 0, -1)), "empty slice": slice(2, 2), "dots": (..., 1), "only dots": ...,
    "nothing": (), "None": (None, slice(1), None, 2), "dots in the middle": (0, ..., 1),
    "list": [0, 2, 2, -1], "array": np.array([[0, 2], [2, 1]]), "empty list": [], "int32": np.array([1, 1], np.int32),
    "second axis": (slice(None), [3, 0, 3]), "last axis": (..., [3, 0, 3]), "two arrays": ([0, 1, 0], [3, 2, 3]),
    "broadcast arrays": (np.array([[0], [2]]), np.array([1, 1, 3])), "apart": ([0, 1, 0], slice(1, 4), [3, 2, 3]),
    "array and slice": ([2, 2], slice(1, 3)), "array and None": (None, [2, 2], None), "array and int": ([2, 2, 0], 1),
    "mask": MASK, "full mask": np.arange(60).reshape(A) % 7 == 0, "mask of an axis": (slice(None), MASK[0]),
    "mask and slice": (MASK, slice(0, 4, 2)), "mask and array": (MASK[:, 0], [1, 1]), "no entry": np.zeros(3, bool),
    "a true": True, "a false": np.array(False),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_reading_as_numpy(key):
    check(Case("getitem", lambda x: indexing.getitem(x, key), normal(A), lambda x: np.asarray(x[key])))


def test_integers_are_applied_before_arrays():
    """Where NumPy would move the arrays' axis to the front, PyTorch leaves it in its place."""
    x = np.arange(60.).reshape(A)
    for key, expected in [((0, slice(None), [1, 2, 2]), x[0][:, [1, 2, 2]]),
                          (([0, 2], slice(None), 1), x[..., 1][[0, 2]]),
                          ((slice(None), 1, [4, 4]), x[:, 1][:, [4, 4]]), ((1, ..., [4, 0]), x[1][..., [4, 0]])]:
        np.testing.assert_array_equal(indexing.getitem(x, key), expected)
        gradcheck(lambda t: t[key], leaf(*A))


def test_tensors_as_keys():
    x = Tensor(np.arange(12.).reshape(3, 4))
    i, mask = Tensor(np.array([2, 0])), Tensor(np.arange(12).reshape(3, 4) > 8)
    np.testing.assert_array_equal(x[i].data, x.data[[2, 0]])
    np.testing.assert_array_equal(x[i, i].data, [10, 0])
    np.testing.assert_array_equal(x[mask].data, [9, 10, 11])
    np.testing.assert_array_equal(x[x > 8].data, [9, 10, 11])
    assert x[Tensor(np.array(1)), Tensor(np.array(2))].item() == 6
    assert x[Tensor(np.array(1)):].shape == (2, 4)


def test_basic_keys_give_views_and_arrays_copies():
    x = Tensor(np.arange(12.).reshape(3, 4))
    for key in (0, (1, 2), slice(1, 2), None, ..., (slice(None), -1)):
        assert np.shares_memory(x[key].data, x.data) and x[key].storage is x.storage
    for key in ([0], x.data > 3, (slice(None), [1])):
        assert not np.shares_memory(x[key].data, x.data)


def test_a_key_that_changes_later_does_no_harm():
    x, i = leaf(3), np.array([0, 1])
    key = Tensor(i)
    y = x[key]
    key[0] = 2
    assert i[0] == 2
    np.testing.assert_array_equal(grad(y.sum(), x)[0].data, [1, 1, 0])


def test_repeated_indices_add_up_like_np_add_at():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        x = Tensor(rng.standard_normal((20, 3)).astype(dtype), requires_grad=True)
        i, g = rng.integers(-20, 20, (50, 4)), rng.standard_normal((50, 4, 3)).astype(dtype)
        expected = np.zeros(x.shape)
        np.add.at(expected, i, g)
        given, = grad(x[i], x, g)
        assert given.dtype == dtype
        np.testing.assert_allclose(given.data, expected, rtol=1e-5, atol=1e-5)


def test_third_derivatives_go_through():
    x = leaf(4)
    y = (x[[0, 2, 2]] ** 4).sum()
    for factor, power in ((4, 3), (12, 2), (24, 1)):
        y, = grad(y, x, create_graph=True)
        np.testing.assert_allclose(y.data, factor * x.data ** power * [1, 0, 2, 0])
        y = y.sum()


@pytest.mark.parametrize("key, message", [
    (3, r"getitem: key \[3\] does not fit shape \(3, 4\)"),
    ((0, 0, 0), r"key \[0, 0, 0\] does not fit shape \(3, 4\)"),
    ([0, 5], r"key \[\[0, 5\]\] does not fit shape \(3, 4\): index 5"),
    (([0], 1, [0]), r"too many parts for shape \(3, 4\)"),
    (([0, 1], [0, 1, 2]), r"does not fit shape \(3, 4\): shape mismatch"),
    (np.array([0, 5]), r"key \[int64\[2\]\] does not fit shape \(3, 4\): index 5"),
    (np.ones((3, 3), bool), r"key \[bool\[3, 3\]\] does not fit shape \(3, 4\)"),
    (1.5, "not float64"), ("a", "arrays of integers or Booleans"), (np.zeros(2, np.float32), "not float32"),
    (np.zeros(2, np.uint8), "could mean positions or a mask"), ((..., ...), r"\[\.\.\., \.\.\.\] does not fit"),
])
def test_errors_of_keys(key, message):
    with pytest.raises(IndexError, match=message):
        Tensor(np.zeros((3, 4)))[key]
    with pytest.raises(IndexError, match=message.replace("getitem", "setitem")):
        Tensor(np.zeros((3, 4)))[key] = 0


# ---------------------------------------------------------------------------------------------------------------------
# Writing

@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_assignment_as_numpy(key):
    x = np.random.default_rng(0).standard_normal(A)
    value = np.random.default_rng(1).standard_normal(x[key].shape)
    expected = x.copy()
    expected[key] = value
    with no_grad():
        t = leaf(*A)
        t.data[...] = x
        t[key] = Tensor(value)
        np.testing.assert_array_equal(t.data, expected)
        t[key] = 2.5
        expected[key] = 2.5
        np.testing.assert_array_equal(t.data, expected)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_gradients_of_an_assignment(key):
    def assign(x, value):
        y = x * 1
        y[key] = value
        return y * y

    value = Tensor(np.random.default_rng(1).standard_normal(np.zeros(A)[key].shape), requires_grad=True)
    gradcheck(assign, [leaf(*A), value])
    gradgradcheck(assign, [leaf(*A), value])


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 1), (2, 4), (1, 1, 2, 4)])
def test_gradient_of_a_broadcast_value(shape):
    def assign(x, value):
        y = x * 1
        y[1:] = value
        return y * y
    assert gradcheck(assign, [leaf(3, 4), leaf(*shape)]) and gradgradcheck(assign, [leaf(3, 4), leaf(*shape)])


def test_of_several_values_for_one_entry_the_last_gets_the_gradient():
    x, value = leaf(3), leaf(4)
    y = x * 1
    y[[0, 2, 0, 2]] = value
    np.testing.assert_array_equal(y.data, [value.data[2], x.data[1], value.data[3]])
    gx, gv = grad(y.sum(), [x, value])
    np.testing.assert_array_equal(gx.data, [0, 1, 0])
    np.testing.assert_array_equal(gv.data, [0, 0, 1, 1])


def test_assignments_one_after_the_other():
    def fill(a, b):
        y = Tensor(np.zeros((2, 3)))
        y[0] = a
        y[:, 1] = b
        y[1, 2] = y[0, 0] * 1.0 if not (a.requires_grad or b.requires_grad) else a[0]
        return exp(y)
    assert gradcheck(fill, [leaf(3), leaf(2)]) and gradgradcheck(fill, [leaf(3), leaf(2)])


def test_assignment_casts_as_pytorch_does():
    n = Tensor(np.arange(3))
    n[0] = 2.7
    n[1:] = Tensor(np.array([-1.5, 1.5]))
    np.testing.assert_array_equal(n.data, [2, -1, 1])
    x = Tensor(np.zeros(2, np.float32))
    x[0], x[1] = True, Tensor(np.array(1 / 3))
    assert x.dtype == np.float32 and x.data[1] == np.float32(1 / 3)
    b, value = Tensor(np.zeros(2, np.float32)), Tensor(np.array([1 / 3, 2]), requires_grad=True)
    b[:] = value
    assert b.dtype == np.float32 and grad(b.sum(), value)[0].dtype == np.float64


def test_a_write_after_the_use_is_refused():
    for key in (0, [0, 2], np.array([True, False, False])):
        x = leaf(3) * 1
        y = exp(x[1:])                     # a view of x
        x[key] = 1.0
        with pytest.raises(RuntimeError, match="overwritten by setitem"):
            y.sum().backward()


def test_a_write_before_the_use_is_right():
    def late(x):
        y = x * 1
        y[0] = y.data[0] * 0 + 2
        return exp(y[:2]) * y[1:]
    assert gradcheck(late, leaf(3))


def test_a_write_through_a_view_is_seen():
    x = Tensor(np.arange(3.))
    w = leaf(3)
    y = x * w
    x[1:][0] = 5.0
    assert x.data[1] == 5
    with pytest.raises(RuntimeError, match="overwritten by setitem"):
        y.sum().backward()


def test_assigning_what_was_computed_from_the_old_value_is_refused_rather_than_wrong():
    for value in (lambda y: y[1], lambda y: y.clone()[1]):
        z = leaf(3)
        y = z * 1
        y[0] = value(y)
        with pytest.raises(RuntimeError, match="overwritten by setitem"):
            y.sum().backward(retain_graph=True)
        with pytest.raises(RuntimeError, match="overwritten by setitem"):
            grad(y.sum(), z)


def test_what_owns_its_memory_can_be_assigned_to_again_and_again():
    """NumPy calls these arrays views, of arrays that no tensor holds."""
    w = leaf(2)
    for x in (Tensor(np.arange(4.).reshape(2, 2)),
              Tensor(np.arange(4.).reshape(2, 2)).t().reshape(4).view(2, 2).clone(),
              Tensor(np.zeros((2, 2, 2))).permute(2, 1, 0).reshape(4, 2)):
        x[0] = 1.0
        x[0] = w
        x[1] = w * 2
        np.testing.assert_array_equal(grad(x[:2].sum(), w)[0].data, [3, 3])


def test_errors_of_assignments():
    x = Tensor(np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"value of shape \(3,\) does not fit key \[0\], which takes shape \(4,\)"):
        x[0] = Tensor(np.zeros(3))
    with pytest.raises(ValueError, match=r"value of shape \(2, 2\) does not fit key \[:, \[0, 1\]\]"):
        x[:, [0, 1]] = leaf(2, 2)
    with pytest.raises(RuntimeError, match="setitem: a leaf that requires a gradient"):
        leaf(3)[0] = 1.0
    with pytest.raises(RuntimeError, match="setitem: this tensor .* is a view"):
        x[0][1] = leaf()
    with pytest.raises(RuntimeError, match=r"setitem: this tensor of shape \(3, 4\) is read-only"):
        Tensor(np.zeros((1, 4))).expand(3, 4)[0] = 1.0


def test_assignment_without_axes():
    x, value = leaf(), leaf()
    y = x * 1
    y[...] = value
    assert [g.item() for g in grad(y * 3, [x, value])] == [0, 3]


# ---------------------------------------------------------------------------------------------------------------------
# Along one axis

INDEX = np.array([[0, 2, 2, 1], [1, 1, 0, 2]])
SMALL = np.array([[4, 0], [4, 4], [1, 0]])


def numpy_scatter(x, dim, index, src, add):
    """The loop that scatter and scatter_add mean."""
    y = x.copy()
    for place in np.ndindex(index.shape):
        target = list(place)
        target[dim] = index[place]
        y[tuple(target)] = src[place] + add * y[tuple(target)]
    return y


CASES = [
    Case("gather", lambda x: indexing.gather(x, 0, INDEX), normal((3, 4)), lambda x: np.take_along_axis(x, INDEX, 0)),
    Case("gather few", lambda x: indexing.gather(x, -1, SMALL[:2]), normal((3, 5)),
         lambda x: np.take_along_axis(x[:2], SMALL[:2], 1)),
    Case("gather with an index input", lambda x, i: indexing.gather(x, 1, i),
         lambda rng: [rng.standard_normal((3, 5)), SMALL], lambda x, i: np.take_along_axis(x, i, 1)),
    Case("scatter", lambda x, s: indexing.scatter(x, 0, INDEX, s), normal((3, 4), (2, 4)),
         lambda x, s: numpy_scatter(x, 0, INDEX, s, 0)),
    Case("scatter of a larger src", lambda x, s: indexing.scatter(x, 1, SMALL, s), normal((4, 5), (4, 5)),
         lambda x, s: numpy_scatter(x, 1, SMALL, s, 0)),
    Case("scatter a number", lambda x: indexing.scatter(x, 1, SMALL, 2.0), normal((3, 5)),
         lambda x: numpy_scatter(x, 1, SMALL, np.full(SMALL.shape, 2.0), 0)),
    Case("scatter_add", lambda x, s: indexing.scatter_add(x, 0, INDEX, s), normal((3, 4), (2, 4)),
         lambda x, s: numpy_scatter(x, 0, INDEX, s, 1)),
    Case("scatter_add of a larger src", lambda x, s: indexing.scatter_add(x, 1, SMALL, s), normal((4, 5), (4, 5)),
         lambda x, s: numpy_scatter(x, 1, SMALL, s, 1)),
    Case("index_select", lambda x: indexing.index_select(x, 1, np.array([4, 0, 4])), normal((3, 5)),
         lambda x: x[:, [4, 0, 4]]),
    Case("index_add", lambda x, s: indexing.index_add(x, 0, np.array([2, 0, 2]), s), normal((3, 2), (3, 2)),
         lambda x, s: x + np.stack([s[1], 0 * s[0], s[0] + s[2]])),
    Case("take_along_dim", lambda x: indexing.take_along_dim(x, np.array([[1, 1, 0]]), 1), normal((3, 2)),
         lambda x: x[:, [1, 1, 0]]),
    Case("masked_fill", lambda x: indexing.masked_fill(x, np.array([True, False]), -1.0), normal((3, 2)),
         lambda x: np.where([True, False], -1.0, x)),
    Case("sort", lambda x: indexing.sort(x), distinct(3, 4), lambda x: (np.sort(x), np.argsort(x))),
    Case("sort down", lambda x: indexing.sort(x, 0, descending=True), distinct(3, 4),
         lambda x: (-np.sort(-x, 0), np.argsort(-x, 0))),
    Case("sort 0-d", lambda x: indexing.sort(x), normal(()), lambda x: (x, np.zeros((), int))),
    Case("topk", lambda x: indexing.topk(x, 2), distinct(3, 4),
         lambda x: (-np.sort(-x)[:, :2], np.argsort(-x)[:, :2])),
    Case("topk smallest", lambda x: indexing.topk(x, 2, dim=0, largest=False), distinct(3, 4),
         lambda x: (np.sort(x, 0)[:2], np.argsort(x, 0)[:2])),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_contract(case):
    check(case)


def test_place_is_the_adjoint_of_getitem():
    rng = np.random.default_rng(0)
    for given in KEYS.values():
        key = indexing.parse("getitem", given, A)
        x = rng.standard_normal(A)
        y = rng.standard_normal(indexing.getitem(x, given).shape)
        np.testing.assert_allclose(np.sum(indexing.getitem(x, given) * y), np.sum(x * indexing.place(y, A, key)))


def test_index_tensors_are_guarded_too():
    x, i = leaf(2, 3), Tensor(np.zeros((2, 1), np.int64))
    y = x.gather(1, i)
    i[0] = 1
    with pytest.raises(RuntimeError, match="overwritten by setitem"):
        y.sum().backward()


def test_sorting_keeps_ties_in_order_and_integers_add_exactly():
    x = Tensor(np.array([1, 0, 1, 0, 1]))
    for stable in (False, True):
        np.testing.assert_array_equal(x.sort(stable=stable).indices.data, [1, 3, 0, 2, 4])
        np.testing.assert_array_equal(x.sort(descending=True, stable=stable).indices.data, [0, 2, 4, 1, 3])
    values, indices = x.topk(2)
    assert values.dtype == indices.dtype == np.int64
    big = Tensor(np.array([2 ** 60]))
    assert big.index_add(0, Tensor(np.array([0, 0])), Tensor(np.array([1, 2]))).item() == 2 ** 60 + 3


def test_sorting_down_of_bytes_and_nan():
    bytes_ = Tensor(np.array([0, 255, 3], np.uint8))
    np.testing.assert_array_equal(bytes_.argsort(descending=True).data, [1, 2, 0])
    x = Tensor(np.array([1, np.nan, np.inf, -1]))
    np.testing.assert_array_equal(x.argsort(descending=True).data, [1, 2, 0, 3])
    np.testing.assert_array_equal(x.argsort().data, [3, 0, 2, 1])


def test_one_hot():
    x = Tensor(np.array([[0, 2], [1, 0]]))
    y = indexing.one_hot(x)
    assert y.dtype == np.int64 and y.shape == (2, 2, 3)
    np.testing.assert_array_equal(y.data, np.eye(3, dtype=int)[x.data])
    assert indexing.one_hot(x, 5).shape == (2, 2, 5)
    for bad, classes in ((x, 2), (Tensor(np.array([-1])), 3)):
        with pytest.raises(IndexError, match=f"{classes} classes are 0 to {classes - 1}"):
            indexing.one_hot(bad, classes)
    with pytest.raises(TypeError, match="must hold integers, not float32"):
        indexing.one_hot(Tensor(np.zeros(2, np.float32)))


def test_masked_fill_keeps_the_type():
    for dtype, value, expected in ((np.int64, 7.5, 7), (bool, 1, True), (np.float32, -np.inf, -np.inf)):
        y = Tensor(np.zeros(2, dtype)).masked_fill(np.array([True, False]), value)
        assert y.dtype == dtype and y.data[0] == expected and y.data[1] == 0


def test_nonzero():
    np.testing.assert_array_equal(Tensor(np.array([[0, 3], [0.5, 0]])).nonzero().data, [[0, 1], [1, 0]])


X, I = Tensor(np.zeros((2, 3))), Tensor(np.zeros((2, 3), np.int64))


@pytest.mark.parametrize("kind, message, function", [
    (IndexError, "gather: index 3 is out of range for size 3 of dim 1", lambda: X.gather(1, I + 3)),
    (IndexError, "gather: index -1 is out of range", lambda: X.gather(1, I - 1)),
    (IndexError, "gather: dim 2 is out of range", lambda: X.gather(2, I)),
    (TypeError, "gather: an index must hold integers, not float64", lambda: X.gather(1, X)),
    (ValueError, r"gather: an index of shape \(3,\) does not fit shape \(2, 3\)", lambda: X.gather(1, I[0, :])),
    (ValueError, r"scatter: src of shape \(1, 3\) must have", lambda: X.scatter(1, I, X[:1])),
    (IndexError, "scatter_add: index 2 is out of range for size 2 of dim 0", lambda: X.scatter_add(0, I + 2, X)),
    (IndexError, "index_select: index 2 is out of range", lambda: X.index_select(0, I[0] + 2)),
    (ValueError, "index_select: the index must have one axis", lambda: X.index_select(0, I)),
    (ValueError, r"index_add: source must have shape \(2, 3\)", lambda: X.index_add(0, I[:, 0], X[:1])),
    (ValueError, "topk: k=4 does not fit size 3 of dim 1", lambda: X.topk(4)),
    (ValueError, "take_along_dim", lambda: X.take_along_dim(I[0], 0)),
])
def test_errors(kind, message, function):
    with pytest.raises(kind, match=message):
        function()


def test_planted_faults_are_caught():
    """The faults that repeated indices invite: assigning instead of adding, and paying an overwritten value."""
    def read(x):
        return record(x.data[[0, 0, 1]], read_rule, x)

    def read_rule(g, y, x):
        given = np.zeros(x.shape)
        given[[0, 0, 1]] = g               # the second assignment wipes out the first
        return given

    def put(x, value):
        data = x.data.copy()
        data[[0, 0]] = value.data
        return record(data, put_rule, x, value)

    def put_rule(g, y, x, value):
        return indexing.index_put(g, 0, indexing.parse("", [0], x.shape)), g[[0, 0]]

    with pytest.raises(GradientError):
        gradcheck(read, leaf(3))
    with pytest.raises(GradientError):
        gradcheck(put, [leaf(3), leaf(2)])
