"""A tensor's own methods: conversions, in-place writes, Python's protocols."""
import copy
import pickle
import numpy as np
import pytest
import minigrad
from minigrad import Tensor, no_grad
from minigrad import methods
from minigrad.autograd import grad
from contract import Case, check, name

CASES = [
    Case("clone", minigrad.clone, lambda rng: [rng.standard_normal((2, 3))], np.copy),
    Case("replace", methods.replace, lambda rng: [rng.standard_normal((2, 3)), rng.standard_normal((2, 1))],
         lambda x, value: np.broadcast_to(value, x.shape)),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_contract(case):
    check(case)


def leaf(values, dtype=np.float32):
    return Tensor(np.array(values, dtype), requires_grad=True)


def test_shape_and_type():
    x = Tensor(np.zeros((2, 3), np.float32))
    assert x.shape == (2, 3) and type(x.shape) is tuple and x.ndim == x.dim() == 2 and x.numel() == 6 and len(x) == 2
    assert x.size() == (2, 3) and x.size(0) == 2 and x.size(-1) == 3 and x.dtype == np.float32
    with pytest.raises(IndexError, match=r"size: dim 2 is out of range for shape \(2, 3\)"):
        x.size(2)


def test_transpose():
    x = leaf([[1, 2, 3], [4, 5, 6]])
    assert x.T.shape == (3, 2) and grad(x.T, x, np.arange(6.0).reshape(3, 2))[0].tolist() == [[0, 2, 4], [1, 3, 5]]
    with pytest.raises(ValueError, match=r"T: shape \(1, 2, 3\) has more than 2 dimensions"):
        Tensor(np.zeros((1, 2, 3))).T


def test_casts():
    x = leaf([0.0, 1.5, -2.5])
    for y, dtype in [(x.double(), "float64"), (x.half(), "float16"), (x.long(), "int64"), (x.int(), "int32"),
                     (x.bool(), "bool"), (x.to(minigrad.dtypes.float64), "float64"), (x.astype("int64"), "int64")]:
        assert y.dtype == dtype
        np.testing.assert_equal(y.data, x.data.astype(dtype))
    assert x.float() is x and x.to("cpu") is x
    g, = grad(x.double(), x, np.array([1.0, 2, 3]))
    assert g.dtype == np.float32 and g.tolist() == [1, 2, 3]
    assert not x.long().requires_grad and not x.bool().requires_grad and x.half().requires_grad


def test_numbers():
    x = Tensor(np.array([2.5], np.float32))
    assert x.item() == float(x) == 2.5 and int(x) == 2 and type(x.item()) is float and x.tolist() == [2.5]
    assert bool(x) and not Tensor(np.array(0)) and list(range(Tensor(np.array(3)))) == [0, 1, 2]
    assert [10, 20][Tensor(np.array(1))] == 20
    two = Tensor(np.zeros(2))
    with pytest.raises(ValueError, match=r"item: a tensor of shape \(2,\) has 2 entries, not one"):
        two.item()
    with pytest.raises(ValueError, match=r"bool: a tensor of shape \(2,\) has no single truth value"):
        bool(two)
    with pytest.raises(TypeError, match="index: only a tensor of one integer"):
        [1, 2][x]


def test_arrays():
    x = leaf([1, 2])
    with pytest.raises(RuntimeError, match="numpy: this tensor requires a gradient"):
        x.numpy()
    with pytest.raises(RuntimeError, match="requires a gradient"):
        np.asarray(x)
    plain = x.detach()
    assert plain.numpy() is x.data and np.shares_memory(np.asarray(plain), x.data)
    assert np.array(plain, dtype=np.float64).dtype == np.float64 and not np.shares_memory(np.array(plain), x.data)


def test_iteration():
    x = Tensor(np.array([[1.0, 2], [3, 4]]))
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert 3 in x and 5 not in x
    for function in (len, iter):
        with pytest.raises(TypeError, match="a tensor without axes"):
            function(Tensor(np.array(1.0)))


def test_detach_shares_memory_and_its_writes_are_seen():
    x = leaf([1, 2])
    y = x * 3
    z = y * y
    d = y.detach()
    assert d.is_leaf and not d.requires_grad and np.shares_memory(d.data, y.data)
    d.zero_()
    with pytest.raises(RuntimeError, match="overwritten by zero_"):
        z.sum().backward()


def test_clone_and_contiguous():
    x = leaf([[1, 2], [3, 4]])
    assert not np.shares_memory(x.clone().data, x.data) and x.clone().requires_grad
    assert x.contiguous() is x and x.is_contiguous()
    t = x.T
    assert not t.is_contiguous() and t.contiguous().is_contiguous() and t.contiguous().tolist() == [[1, 3], [2, 4]]


def test_requires_grad():
    x = Tensor(np.zeros(2))
    assert x.requires_grad_() is x and x.requires_grad and x.is_leaf
    y = x * 2
    assert not y.is_leaf
    with pytest.raises(RuntimeError, match="requires_grad_: mul #.* is no leaf; use detach"):
        y.requires_grad_(False)
    assert not x.requires_grad_(False).requires_grad
    for dtype in (np.int64, bool):
        with pytest.raises(RuntimeError, match="only floating-point tensors can require gradients, not"):
            Tensor(np.zeros(2, dtype)).requires_grad_()


def test_backward_adds_up():
    x = leaf([1, 2])
    for _ in range(2):
        (x * x).sum().backward()
    assert x.grad.tolist() == [4, 8] and x.grad.dtype == np.float32
    (x * x).backward(Tensor(np.array([1, 0], np.float32)))
    assert x.grad.tolist() == [6, 8]


def test_new_tensors():
    x = Tensor(np.zeros(2, np.float64))
    assert x.new_zeros(2, 3).tolist() == [[0] * 3] * 2 and x.new_ones((2,)).tolist() == [1, 1]
    assert x.new_full((2,), 7).tolist() == [7, 7] and x.new_empty(4).shape == (4,)
    for y in (x.new_zeros(2), x.new_ones(2), x.new_full((2,), 1), x.new_empty(2)):
        assert y.dtype == np.float64 and not y.requires_grad
    assert x.new_zeros(2, dtype=np.int64).dtype == np.int64 and x.new_ones(2, requires_grad=True).requires_grad
    with pytest.raises(RuntimeError, match="only floating-point"):
        x.new_zeros(2, dtype=np.int64, requires_grad=True)


# ---------------------------------------------------------------------------------------------------------------------
# In-place writes

def test_writes_without_gradients():
    x = Tensor(np.array([1.0, 2, 3], np.float32))
    memory = x.data
    assert x.add_(1).tolist() == [2, 3, 4] and x.sub_(Tensor(np.ones(3, np.float32))).tolist() == [1, 2, 3]
    assert x.mul_(2).tolist() == [2, 4, 6] and x.div_(4).tolist() == [0.5, 1, 1.5]
    assert x.add_(x, alpha=2).tolist() == [1.5, 3, 4.5] and x.sub_(1, alpha=0.5).tolist() == [1, 2.5, 4]
    assert x.clamp_(2, 3).tolist() == [2, 2.5, 3] and x.clamp_(max=2.5).tolist() == [2, 2.5, 2.5]
    assert x.fill_(7).tolist() == [7, 7, 7] and x.zero_().tolist() == [0, 0, 0]
    assert x.copy_(np.array([1, 2, 3])).tolist() == [1, 2, 3] and x.copy_(5.5).tolist() == [5.5] * 3
    same = x
    x += 1
    x -= 2
    x *= 2
    x /= 3
    assert x is same and x.data is memory and x.dtype == np.float32
    np.testing.assert_allclose(x.data, [3, 3, 3])


@pytest.mark.parametrize("write, slope", [
    (lambda y, w: y.add_(w), [1, 1]), (lambda y, w: y.sub_(w, alpha=2), [1, -2]), (lambda y, w: y.mul_(w), [3, 2]),
    (lambda y, w: y.div_(w), [1 / 3, -2 / 9]), (lambda y, w: y.copy_(w), [0, 1]), (lambda y, w: y.fill_(w), [0, 1]),
    (lambda y, w: y.zero_(), [0, 0]), (lambda y, w: y.clamp_(w), [0, 1]), (lambda y, w: y.clamp_(max=w), [1, 0])])
def test_writes_are_differentiated(write, slope):
    x, w = leaf(1.0, np.float64), leaf(3.0, np.float64)
    y = x * 2
    assert write(y, w) is y
    g = grad(y * 5, [x, w], allow_unused=True)
    np.testing.assert_allclose([0 if v is None else v.item() for v in g], [5 * 2 * slope[0], 5 * slope[1]])


def test_operator_assignment_is_differentiated():
    x = leaf([1.0, 2.0])
    y = x * 1
    y += x
    y *= x
    y -= 1
    y /= x
    np.testing.assert_allclose(grad(y, x, np.ones(2))[0].data, 2 + 1 / x.data ** 2)       # y = 2x - 1/x


def test_a_write_after_the_use_is_refused():
    x = leaf([1, 2])
    y = x * 2
    z = y * y
    y.add_(1)
    with pytest.raises(RuntimeError, match=r"mul #\d+ needs was overwritten by add_"):
        z.sum().backward()


def test_leaves_are_written_under_no_grad_only():
    x = leaf([1, 2])
    for write in (x.zero_, x.normal_, x.uniform_, lambda: x.add_(1), lambda: x.copy_(x * 2)):
        with pytest.raises(RuntimeError, match="a leaf that requires a gradient can't be written in place"):
            write()
    with no_grad():
        x -= 1
    assert x.tolist() == [0, 1] and x.is_leaf and x.requires_grad


def test_writes_that_do_not_fit():
    n, x = Tensor(np.array([1, 2])), Tensor(np.zeros((2, 3)))
    with pytest.raises(TypeError, match="add_: a result of type float32 does not fit in place of int64"):
        n.add_(0.5)
    with pytest.raises(TypeError, match="div_"):
        n /= 2
    assert n.tolist() == [1, 2] and n.mul_(2).tolist() == [2, 4]
    with pytest.raises(ValueError, match=r"add_: a result of shape \(4, 2, 3\) does not fit in place of shape \(2, 3"):
        x.add_(np.zeros((4, 2, 3)))
    with pytest.raises(ValueError, match=r"copy_: shape \(2,\) can't be broadcast to \(2, 3\)"):
        x.copy_(np.zeros(2))
    with pytest.raises(ValueError, match="fill_: the value must be a number"):
        x.fill_(np.zeros(3))


def test_random_fills():
    x, y = Tensor(np.zeros(20000, np.float32)), Tensor(np.zeros(20000, np.float64))
    assert x.normal_(3, 2, generator=np.random.default_rng(1)) is x and x.dtype == np.float32
    assert abs(x.data.mean() - 3) < 0.06 and abs(x.data.std() - 2) < 0.05
    y.uniform_(-1, 3, generator=np.random.default_rng(1))
    assert y.data.min() >= -1 and y.data.max() < 3 and abs(y.data.mean() - 1) < 0.04 and y.dtype == np.float64
    first = y.data.copy()
    np.testing.assert_equal(y.uniform_(-1, 3, generator=np.random.default_rng(1)).data, first)
    minigrad.manual_seed(3)
    a = Tensor(np.zeros(3)).normal_()
    minigrad.manual_seed(3)
    np.testing.assert_equal(Tensor(np.zeros(3)).normal_().data, a.data)


def test_random_fills_with_wrong_settings():
    x = Tensor(np.zeros(3))
    with pytest.raises(ValueError, match="normal_: std must not be negative, it is -1"):
        x.normal_(0, -1)
    with pytest.raises(ValueError, match="uniform_: the bounds must be in order, they are 2 and 1"):
        x.uniform_(2, 1)
    for fill in (Tensor(np.zeros(3, int)).normal_, Tensor(np.zeros(3, int)).uniform_):
        with pytest.raises(TypeError, match=f"{fill.__name__}: int64 can't hold the numbers of a continuous"):
            fill()


# ---------------------------------------------------------------------------------------------------------------------
# Text and copies

def test_representation():
    assert repr(Tensor(np.array([1, 2], np.float32))) == "tensor([1., 2.])"
    assert repr(Tensor(np.array([1, 2]))) == "tensor([1, 2])"
    assert repr(Tensor(np.array(1.5))) == "tensor(1.5, dtype=float64)"
    assert repr(Tensor(np.array([True]))) == "tensor([ True])"
    assert repr(Tensor(np.zeros((2, 0), np.float32))) == "tensor([], size=(2, 0))"
    assert repr(Tensor(np.array([[1 / 3], [2]], np.float32))) == "tensor([[0.3333],\n        [2.    ]])"
    x = leaf([1, 2])
    assert repr(x) == "tensor([1., 2.], requires_grad=True)"
    y = x * 2
    assert repr(y) == f"tensor([2., 4.], grad_fn=<mul #{y.serial}>)"


def test_format():
    assert f"{Tensor(np.array(1.23456)):.3f}" == "1.235" and f"{Tensor(np.array(7)):04d}" == "0007"
    assert f"{Tensor(np.array([1, 2]))}" == "tensor([1, 2])"
    assert f"{Tensor(np.array(2.5))}" == "2.5"
    with pytest.raises(TypeError, match=r"format: a tensor of shape \(2,\) has no format '.3f'"):
        f"{Tensor(np.zeros(2)):.3f}"


def test_deepcopy():
    x = leaf([1, 2])
    (x * 3).sum().backward()
    y, again = copy.deepcopy([x, x])
    assert y is again and y.requires_grad and y.tolist() == [1, 2] and y.grad.tolist() == [3, 3]
    assert not np.shares_memory(y.data, x.data) and not np.shares_memory(y.grad.data, x.grad.data)
    with pytest.raises(RuntimeError, match="deepcopy: mul #.* is no leaf"):
        copy.deepcopy(x * 2)


def test_pickle():
    x = leaf([1, 2])
    (x * 3).sum().backward()
    newest = Tensor(np.zeros(1)).serial
    y, again = pickle.loads(pickle.dumps([x, x]))
    assert y is again and y.requires_grad and y.tolist() == [1, 2] and y.grad.tolist() == [3, 3]
    assert y.serial > newest               # as after everything else, wherever it is loaded
    with pytest.raises(RuntimeError, match="pickle: mul #.* is no leaf"):
        pickle.dumps(x * 2)


def test_read_only_tensors_are_not_written():
    x = Tensor(np.zeros(4)).expand(3, 4)
    for write in (lambda: x.fill_(1), lambda: x.add_(1), lambda: x.zero_(), lambda: x.normal_()):
        with pytest.raises(RuntimeError, match=r"_: this tensor of shape \(3, 4\) is read-only"):
            write()


def test_every_public_function_and_method_has_a_docstring():
    for module in (minigrad.elementwise, minigrad.reductions, methods):
        for key, value in vars(module).items():
            if callable(value) and getattr(value, "__module__", None) == module.__name__:
                assert value.__doc__, f"{module.__name__}.{key}"
