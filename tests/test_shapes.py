"""Shapes: reshape, permute, flip, pad, cat, split; which of them are views; what they refuse."""
import numpy as np
import pytest
from minigrad import Tensor, operation
from minigrad import shapes
from minigrad.autograd import grad
from minigrad.gradcheck import GradientError, gradcheck
from contract import Case, check, name


def normal(*shapes):
    return lambda rng: [rng.standard_normal(shape) for shape in shapes]


A = (2, 3, 4)
CASES = [
    Case("reshape", lambda x: shapes.reshape(x, 4, -1), normal(A), lambda x: x.reshape(4, 6)),
    Case("reshape transposed", lambda x: shapes.reshape(shapes.permute(x, 2, 1, 0), (6, 4)), normal(A),
         lambda x: x.transpose(2, 1, 0).reshape(6, 4)),
    Case("reshape to 0-d", lambda x: shapes.reshape(x, ()), normal((1, 1)), lambda x: x.reshape(())),
    Case("flatten", shapes.flatten, normal(A), np.ravel),
    Case("flatten some", lambda x: shapes.flatten(x, 1), normal(A), lambda x: x.reshape(2, 12)),
    Case("flatten first", lambda x: shapes.flatten(x, 0, -2), normal(A), lambda x: x.reshape(6, 4)),
    Case("flatten 0-d", shapes.flatten, normal(()), np.ravel),
    Case("squeeze", shapes.squeeze, normal((1, 3, 1)), np.squeeze),
    Case("squeeze dim", lambda x: shapes.squeeze(x, -1), normal((1, 3, 1)), lambda x: x[..., 0]),
    Case("squeeze dims", lambda x: shapes.squeeze(x, (0, 1)), normal((1, 3, 1)), lambda x: x[0]),
    Case("unsqueeze", lambda x: shapes.unsqueeze(x, 1), normal((2, 3)), lambda x: x[:, None]),
    Case("unsqueeze last", lambda x: shapes.unsqueeze(x, -1), normal((2, 3)), lambda x: x[..., None]),
    Case("permute", lambda x: shapes.permute(x, 2, 0, 1), normal(A), lambda x: x.transpose(2, 0, 1)),
    Case("permute negative", lambda x: shapes.permute(x, (-1, 0, -2)), normal(A), lambda x: x.transpose(2, 0, 1)),
    Case("transpose", lambda x: shapes.transpose(x, 0, -1), normal(A), lambda x: x.transpose(2, 1, 0)),
    Case("t", shapes.t, normal((2, 3)), np.transpose),
    Case("t of a vector", shapes.t, normal((3,)), lambda x: x),
    Case("movedim", lambda x: shapes.movedim(x, 0, -1), normal(A), lambda x: np.moveaxis(x, 0, -1)),
    Case("movedim two", lambda x: shapes.movedim(x, (0, 2), (2, 1)), normal(A),
         lambda x: np.moveaxis(x, (0, 2), (2, 1))),
    Case("expand_as", lambda x, o: shapes.expand_as(x, o), normal((3, 1), A), lambda x, o: x + 0 * o),
    Case("broadcast_to", lambda x: shapes.broadcast_to(x, (2, 3, 4)), normal((3, 1)),
         lambda x: np.broadcast_to(x, (2, 3, 4))),
    Case("repeat", lambda x: shapes.repeat(x, 2, 3), normal((2, 3)), lambda x: np.tile(x, (2, 3))),
    Case("repeat new axis", lambda x: shapes.repeat(x, (2, 1, 2)), normal((2, 3)), lambda x: np.tile(x, (2, 1, 2))),
    Case("repeat never", lambda x: shapes.repeat(x, 0, 2), normal((2, 3)), lambda x: np.tile(x, (0, 2))),
    Case("repeat once", lambda x: shapes.repeat(x, 1, 1), normal((2, 3)), lambda x: x),
    Case("repeat 0-d", lambda x: shapes.repeat(x, 3), normal(()), lambda x: np.tile(x, 3)),
    Case("repeat 0-d, not at all", lambda x: shapes.repeat(x, ()), normal(()), lambda x: x),
    Case("flip", lambda x: shapes.flip(x, 0, -1), normal(A), lambda x: x[::-1, :, ::-1]),
    Case("flip one", lambda x: shapes.flip(x, (1,)), normal(A), lambda x: x[:, ::-1]),
    Case("roll", lambda x: shapes.roll(x, 1, 2), normal(A), lambda x: np.roll(x, 1, 2)),
    Case("roll two", lambda x: shapes.roll(x, (1, -2), (0, -1)), normal(A), lambda x: np.roll(x, (1, -2), (0, 2))),
    Case("roll flattened", lambda x: shapes.roll(x, 5), normal(A), lambda x: np.roll(x, 5)),
    Case("pad", lambda x: shapes.pad(x, (1, 2)), normal((2, 3)), lambda x: np.pad(x, ((0, 0), (1, 2)))),
    Case("pad value", lambda x: shapes.pad(x, (1, 0, 2, 1), value=7), normal((2, 3)),
         lambda x: np.pad(x, ((2, 1), (1, 0)), constant_values=7)),
    Case("pad and crop", lambda x: shapes.pad(x, (-1, 2, 3, -1)), normal((2, 3)),
         lambda x: np.pad(x[:1, 1:], ((3, 0), (0, 2)))),
    Case("crop", lambda x: shapes.pad(x, (-1, -1)), normal((2, 3)), lambda x: x[:, 1:2]),
    Case("crop beyond, then pad", lambda x: shapes.pad(x, (-4, 3), value=5.0), normal((2, 3)),
         lambda x: np.full((2, 2), 5.0)),
    Case("pad beyond, then crop", lambda x: shapes.pad(x, (3, -4), value=5.0), normal((2, 3)),
         lambda x: np.full((2, 2), 5.0)),
    Case("pad empty", lambda x: shapes.pad(x, (1, 1)), normal((2, 0)), lambda x: np.zeros((2, 2))),
    Case("tril", shapes.tril, normal((2, 3, 4)), np.tril),
    Case("tril 1", lambda x: shapes.tril(x, 1), normal((3, 3)), lambda x: np.tril(x, 1)),
    Case("triu -1", lambda x: shapes.triu(x, diagonal=-1), normal((4, 3)), lambda x: np.triu(x, -1)),
    Case("cat", lambda *xs: shapes.cat(xs), normal((2, 3), (1, 3), (0, 3)), lambda *xs: np.concatenate(xs)),
    Case("cat last", lambda *xs: shapes.cat(xs, dim=-1), normal((2, 3), (2, 1)), lambda *xs: np.concatenate(xs, -1)),
    Case("cat with itself", lambda x: shapes.cat([x, x], 1), normal((2, 3)), lambda x: np.concatenate([x, x], 1)),
    Case("stack", lambda *xs: shapes.stack(xs), normal((2, 3), (2, 3)), lambda *xs: np.stack(xs)),
    Case("stack last", lambda *xs: shapes.stack(xs, -1), normal((2, 3), (2, 3)), lambda *xs: np.stack(xs, -1)),
    Case("stack 0-d", lambda *xs: shapes.stack(xs), normal((), ()), lambda *xs: np.stack(xs)),
    Case("narrow", lambda x: shapes.narrow(x, 1, 1, 2), normal(A), lambda x: x[:, 1:3]),
    Case("narrow from the end", lambda x: shapes.narrow(x, -1, -2, 2), normal(A), lambda x: x[..., -2:]),
    Case("select", lambda x: shapes.select(x, 1, -1), normal(A), lambda x: x[:, -1]),
    Case("select 0-d", lambda x: shapes.select(x, 0, 1), normal((3,)), lambda x: x[1]),
    Case("split size", lambda x: shapes.split(x, 3, -1), normal((2, 4)), lambda x: (x[:, :3], x[:, 3:])),
    Case("split sizes", lambda x: shapes.split(x, [1, 0, 3], 1), normal((2, 4)),
         lambda x: (x[:, :1], x[:, 1:1], x[:, 1:])),
    Case("chunk", lambda x: shapes.chunk(x, 4), normal((6, 2)), lambda x: (x[:2], x[2:4], x[4:])),
    Case("unbind", lambda x: shapes.unbind(x, 1), normal((3, 2)), lambda x: (x[:, 0], x[:, 1])),
]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_contract(case):
    check(case)


def test_the_lectures_examples_of_pad():
    x = Tensor(np.array([[1., 6, 3, 9, 1], [4, 8, 2, 2, 9]]))
    np.testing.assert_array_equal(shapes.pad(x, (-1, 1)).data, [[6, 3, 9, 1, 0], [8, 2, 2, 9, 0]])
    y = shapes.pad(x.reshape(2, 1, 5), (0, 0, 2, 0))
    assert y.shape == (2, 3, 5)
    np.testing.assert_array_equal(y.data[:, :2], 0)
    np.testing.assert_array_equal(y.data[:, 2], x.data)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(3, 5, 40, 33), (9, 70, 17, 11), (200, 100), (20000, 1), (1, 20000)])
@pytest.mark.parametrize("amounts", [(0, 0), (1, 0), (0, 1), (2, -1), (-1, 3), (0, 0, 1, -1), (2, 2, 2, 0), (-1, 5, 7, -1),
                                     (40, -40), (-30, 50)])
def test_large_arrays_are_padded_in_planes(monkeypatch, amounts, shape, dtype):
    """The compiled loop gives what NumPy does, or the same error."""
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    assert shapes.in_planes(x, [0] * x.ndim, [0] * x.ndim)

    def result():
        try:
            return shapes.pad(Tensor(x), amounts, value=1.5).data
        except ValueError as error:
            return str(error)
    compiled = result()
    monkeypatch.setattr(shapes, "LARGE", np.inf)
    plain = result()
    assert type(compiled) is type(plain) and np.array_equal(compiled, plain)
    assert isinstance(plain, str) or compiled.dtype == dtype


# ---------------------------------------------------------------------------------------------------------------------
# Views

VIEWS = {
    "reshape": lambda x: [x.reshape(6, 4)], "view": lambda x: [x.view(-1)], "flatten": lambda x: [x.flatten(1)],
    "permute": lambda x: [x.permute(2, 0, 1)], "transpose": lambda x: [x.transpose(0, 1)],
    "movedim": lambda x: [x.movedim(0, 1)], "squeeze": lambda x: [x.squeeze()], "unsqueeze": lambda x: [x.unsqueeze(0)],
    "expand": lambda x: [x.expand(5, 2, 3, 4)], "broadcast_to": lambda x: [x.broadcast_to((5, 2, 3, 4))],
    "narrow": lambda x: [x.narrow(1, 0, 2)], "select": lambda x: [x.select(1, 0)], "split": lambda x: x.split(2, 1),
    "chunk": lambda x: x.chunk(2), "unbind": lambda x: x.unbind(), "of a view": lambda x: [x.permute(2, 0, 1)[1].t()],
}
COPIES = {
    "flip": lambda x: x.flip(0), "flip nothing": lambda x: x.flip(), "roll": lambda x: x.roll(1, 0),
    "repeat": lambda x: x.repeat(1, 1, 1), "pad": lambda x: shapes.pad(x, (-1, 0)), "tril": lambda x: x.tril(),
    "cat": lambda x: shapes.cat([x]), "stack": lambda x: shapes.stack([x]),
    "reshape of scattered memory": lambda x: x.permute(2, 1, 0).reshape(4, 6),
}


@pytest.mark.parametrize("how", VIEWS)
def test_views_share_memory_and_the_stamp_of_writes(how):
    x = Tensor(np.arange(24.).reshape(2, 3, 4))
    for y in VIEWS[how](x):
        assert np.shares_memory(x.data, y.data) and y.storage is x.storage is not None


@pytest.mark.parametrize("how", COPIES)
def test_copies_share_nothing(how):
    x = Tensor(np.arange(24.).reshape(2, 3, 4))
    y = COPIES[how](x)
    assert not np.shares_memory(x.data, y.data) and (y.storage is None or y.storage is not x.storage)


@pytest.mark.parametrize("how", VIEWS)
def test_a_write_after_the_use_of_a_view_is_refused(how):
    x = Tensor(np.arange(24.).reshape(2, 3, 4))
    w = Tensor(np.array(2.0), requires_grad=True)
    y = VIEWS[how](x)[0] * w
    x[0, 0, 0] = 7.0
    with pytest.raises(RuntimeError, match="overwritten by setitem"):
        y.sum().backward()


def test_a_write_before_the_use_of_a_view_is_right():
    x = Tensor(np.arange(6.).reshape(2, 3))
    w = Tensor(np.array(2.0), requires_grad=True)
    flat = x.view(-1)
    x[0, 0] = 7.0
    (flat * w).sum().backward()
    assert w.grad.item() == 7 + 1 + 2 + 3 + 4 + 5


def test_view_refuses_to_copy():
    x = Tensor(np.zeros((2, 3))).t()
    with pytest.raises(RuntimeError, match=r"view: .*\(3, 2\).*reshape\(\), or contiguous\(\)"):
        x.view(6)
    assert x.reshape(6).shape == (6,) and x.view(3, 2, 1).shape == (3, 2, 1)
    assert Tensor(np.zeros((0, 3))).t().view(-1).shape == (0,)


# ---------------------------------------------------------------------------------------------------------------------
# Types, methods, errors

def test_cat_and_stack_promote_and_give_each_its_own_type_back():
    a = Tensor(np.ones(2, np.float32), requires_grad=True)
    b = Tensor(np.ones(2), requires_grad=True)
    i = Tensor(np.ones(2, np.int64))
    for join in (shapes.cat, shapes.stack):
        assert join([a, b]).dtype == np.float64 and join([a, i]).dtype == np.float32 and join([i, i]).dtype == np.int64
        ga, gb = grad(join([a, b, i]).sum(), [a, b])
        assert ga.dtype == np.float32 and gb.dtype == np.float64


def test_integers_and_booleans_keep_their_type():
    for dtype in (np.int64, np.bool_, np.uint8):
        x = Tensor(np.ones((2, 2), dtype))
        for y in (x.reshape(4), x.tril(), shapes.pad(x, (1, 1)), x.flip(0), x.repeat(2, 2), x.roll(1)):
            assert y.dtype == dtype


ERRORS = [
    (ValueError, r"reshape: shape \(2, 3\), of 6 entries, can't become \(4, -1\)", lambda x: x.reshape(4, -1)),
    (ValueError, r"view: shape \(2, 3\), of 6 entries, can't become \(5,\)", lambda x: x.view(5)),
    (ValueError, r"permute: dims \(0,\) must name each of the 2 axes of shape \(2, 3\)", lambda x: x.permute(0)),
    (ValueError, r"permute: dim \(0, 0\) names axis 0 twice", lambda x: x.permute(0, 0)),
    (IndexError, "permute: dim 2 is out of range", lambda x: x.permute(0, 2)),
    (IndexError, "transpose: dim 2 is out of range", lambda x: x.transpose(0, 2)),
    (IndexError, "unsqueeze: dim 3 is out of range", lambda x: x.unsqueeze(3)),
    (IndexError, "squeeze: dim -3 is out of range", lambda x: x.squeeze(-3)),
    (ValueError, r"t: shape \(1, 2, 3\)", lambda x: x.unsqueeze(0).t()),
    (ValueError, "flatten: start_dim 1 comes after end_dim 0", lambda x: x.flatten(1, 0)),
    (ValueError, "movedim: source", lambda x: x.movedim((0, 1), (0,))),
    (ValueError, r"expand: shape \(2, 3\) can't be repeated to \(4, 3\)", lambda x: x.expand(4, 3)),
    (ValueError, r"repeat: \(2,\).*2 axes of shape \(2, 3\)", lambda x: x.repeat(2)),
    (ValueError, "roll: shifts", lambda x: x.roll((1, 2), 0)),
    (ValueError, "roll: shifts", lambda x: x.roll((1, 2))),
    (ValueError, r"pad: \(-2, -2\) cuts more from shape \(2, 3\)", lambda x: shapes.pad(x, (-2, -2))),
    (ValueError, r"pad: \(1,\) must hold two numbers", lambda x: shapes.pad(x, (1,))),
    (ValueError, r"pad: .*shape \(2, 3\) has 2 axes", lambda x: shapes.pad(x, (0,) * 6)),
    (ValueError, "pad: mode 'reflect'", lambda x: shapes.pad(x, (1, 1), mode="reflect")),
    (ValueError, r"tril: shape \(3,\)", lambda x: x[0].tril()),
    (ValueError, r"cat: shapes \(2, 3\), \(3, 2\) must be equal but along dim 0", lambda x: shapes.cat([x, x.t()])),
    (IndexError, "cat: dim 2 is out of range", lambda x: shapes.cat([x, x], 2)),
    (ValueError, "cat: there must be at least one", lambda x: shapes.cat([])),
    (TypeError, "cat: give the tensors in a tuple or list", lambda x: shapes.cat(x)),
    (ValueError, r"stack: shapes \(2, 3\), \(3, 2\) must be equal", lambda x: shapes.stack([x, x.t()])),
    (ValueError, r"split: sizes \[1, 1\] must add up to 3, the size of dim 1", lambda x: x.split([1, 1], 1)),
    (ValueError, "split: pieces of size 0", lambda x: x.split(0)),
    (ValueError, "chunk: the number of pieces", lambda x: x.chunk(0)),
    (IndexError, r"narrow: start 2 and length 2 do not fit size 3 of dim 1", lambda x: x.narrow(1, 2, 2)),
    (IndexError, r"getitem: key \[:, 3, \.\.\.\] does not fit shape \(2, 3\)", lambda x: x.select(1, 3)),
]


@pytest.mark.parametrize("kind, message, function", ERRORS, ids=[e[1][:30] for e in ERRORS])
def test_errors(kind, message, function):
    with pytest.raises(kind, match=message):
        function(Tensor(np.zeros((2, 3))))


PLANTED = {
    "pad on the wrong side": operation(lambda x: np.pad(x, (1, 0)), lambda g, y, x: g[:-1], "pad"),
    "permute not undone": operation(lambda x: x.reshape(2, 2, 2).transpose(1, 2, 0).ravel(),
                                    lambda g, y, x: g.reshape(2, 2, 2).permute(1, 2, 0).reshape(8)
                                    if isinstance(g, Tensor) else g.reshape(2, 2, 2).transpose(1, 2, 0).reshape(8),
                                    "permute"),
    "roll in the same direction": operation(lambda x: np.roll(x, 1), lambda g, y, x: shapes.roll(g, 1), "roll"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_planted_faults_are_caught(fault):
    with pytest.raises(GradientError):
        gradcheck(PLANTED[fault], Tensor(np.random.default_rng(0).standard_normal(8), requires_grad=True))
