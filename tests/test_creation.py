"""New tensors: from data, filled, random."""
import json
import numpy as np
import pytest
import minigrad
from minigrad import Tensor, tensor


# From data

@pytest.mark.parametrize("data, dtype, shape", [
    (1.5, "float32", ()), (3, "int64", ()), (True, "bool", ()), ([1, 2], "int64", (2,)),
    ([[1, 2.0]], "float32", (1, 2)),
    ([True, False], "bool", (2,)), ([], "float32", (0,)), ((1.0, 2.0), "float32", (2,)),
    (np.float64(2.0), "float64", ()), (np.zeros((2, 0)), "float64", (2, 0)),
    (np.arange(3, dtype="uint8"), "uint8", (3,)),
    ([np.float64(1), 2.0], "float64", (2,)), ([np.zeros(2, "float16")] * 3, "float16", (3, 2)),
])
def test_types_and_shapes(data, dtype, shape):
    t = tensor(data)
    assert t.dtype == dtype and t.shape == shape and type(t.data) is np.ndarray and not t.requires_grad
    assert tensor(data, dtype=minigrad.float64).dtype == np.float64


def test_lists_of_tensors():
    a, b = tensor(1.5), tensor([2.0, 3.0])
    assert tensor([a, a]).data.tolist() == [1.5, 1.5] and tensor([a, a]).dtype == np.float32
    assert tensor([b, b.double()]).dtype == np.float64
    assert tensor([[a, 2], [3, a]]).shape == (2, 2)


def test_tensor_copies_and_as_tensor_and_from_numpy_share():
    array = np.zeros(3)
    for make, shares in ((tensor, False), (minigrad.as_tensor, True), (minigrad.from_numpy, True)):
        assert np.shares_memory(make(array).data, array) == shares
    t = tensor([1.0])
    assert minigrad.as_tensor(t) is t and not np.shares_memory(tensor(t).data, t.data)
    assert minigrad.as_tensor(t, dtype=minigrad.float64).dtype == np.float64
    with pytest.raises(TypeError, match="from_numpy: needs a NumPy array, not list"):
        minigrad.from_numpy([1])


def test_requires_grad():
    assert tensor([1.0], requires_grad=True).requires_grad and minigrad.zeros(2, requires_grad=True).requires_grad
    for make in (lambda: tensor([1, 2], requires_grad=True),
                 lambda: minigrad.ones(2, dtype=minigrad.int64, requires_grad=True),
                 lambda: minigrad.arange(3, requires_grad=True)):
        with pytest.raises(RuntimeError, match="only floating-point tensors .*, and this one is int64"):
            make()


@pytest.mark.parametrize("data, words", [
    ([[1, 2], [3]], r"data\[0\] has shape \(2,\), data\[1\] has shape \(1,\)"),
    ([[[1], [2]], [[1], [2, 3]]], r"data\[1\]\[0\] has shape \(1,\), data\[1\]\[1\] has shape \(2,\)"),
    ([1, [2]], r"data\[0\] has shape \(\), data\[1\] has shape \(1,\)"),
    ([tensor([1.0, 2.0]), tensor([1.0])], "ragged"),
])
def test_ragged_lists(data, words):
    with pytest.raises(ValueError, match=words):
        tensor(data)


@pytest.mark.parametrize("data", ["text", ["a", "b"], None, [None, 1], {"a": 1}, 2 ** 70, 1j])
def test_what_is_no_number(data):
    with pytest.raises(TypeError, match="can't make numbers of"):
        tensor(data)


# Filled

def test_filled():
    for make, value in ((minigrad.zeros, 0), (minigrad.ones, 1)):
        for t in (make(2, 3), make((2, 3)), make([2, 3])):
            assert t.shape == (2, 3) and t.dtype == np.float32 and (t.data == value).all()
        assert make(()).shape == () == make().shape
    assert minigrad.empty(2, 0).shape == (2, 0)
    assert minigrad.zeros(2, dtype=minigrad.long).dtype == np.int64
    with pytest.raises(ValueError, match="negative"):
        minigrad.zeros(2, -1)
    with pytest.raises(TypeError, match="sizes must be integers, not float 2.0"):
        minigrad.ones(2.0)


def test_full_and_eye():
    assert minigrad.full((2,), 3).dtype == np.int64 and minigrad.full((2,), 3.0).dtype == np.float32
    assert minigrad.full((), True).dtype == bool
    assert minigrad.full(2, 1.5, dtype=minigrad.float64).data.tolist() == [1.5] * 2
    assert np.array_equal(minigrad.eye(2, 3).data, np.eye(2, 3)) and minigrad.eye(2).dtype == np.float32


def test_arange_and_linspace():
    assert minigrad.arange(3).data.tolist() == [0, 1, 2] and minigrad.arange(3).dtype == np.int64
    assert minigrad.arange(5, 1, -2).data.tolist() == [5, 3]
    t = minigrad.arange(0.0, 1, 0.25)
    assert t.dtype == np.float32 and t.data.tolist() == [0, 0.25, 0.5, 0.75]
    assert minigrad.arange(tensor(2)).data.tolist() == [0, 1] and minigrad.arange(2, 2).shape == (0,)
    t = minigrad.linspace(-1, 1, 5)
    assert t.dtype == np.float32 and t.data.tolist() == [-1, -0.5, 0, 0.5, 1]
    with pytest.raises(ValueError, match="arange: from 3 to 0 in steps of 1"):
        minigrad.arange(3, 0)
    with pytest.raises(ValueError, match="steps of 0"):
        minigrad.arange(0, 3, 0)


def test_like():
    x = tensor(np.ones((2, 3)), requires_grad=True)
    for t, value in ((minigrad.zeros_like(x), 0), (minigrad.ones_like(x), 1), (minigrad.full_like(x, 7), 7)):
        assert t.shape == (2, 3) and t.dtype == np.float64 and (t.data == value).all() and not t.requires_grad
    assert minigrad.empty_like(x, dtype=minigrad.int8).dtype == np.int8
    assert minigrad.randn_like(x).dtype == np.float64 and minigrad.rand_like(x).shape == (2, 3)


# Random

DRAWS = {
    "randn": lambda **k: minigrad.randn(3, 4, **k),
    "rand": lambda **k: minigrad.rand((3, 4), **k),
    "randn float64": lambda **k: minigrad.randn(3, dtype=minigrad.float64, **k),
    "randn float16": lambda **k: minigrad.randn(3, dtype=minigrad.float16, **k),
    "randn_like": lambda **k: minigrad.randn_like(minigrad.zeros(5), **k),
    "rand_like": lambda **k: minigrad.rand_like(minigrad.zeros(5), **k),
    "randint": lambda **k: minigrad.randint(1000, (5,), **k),
    "randperm": lambda **k: minigrad.randperm(50, **k),
    "normal": lambda **k: minigrad.normal(0.0, 1.0, (5,), **k),
    "normal of tensors": lambda **k: minigrad.normal(minigrad.zeros(5), minigrad.ones(5), **k),
    "bernoulli": lambda **k: minigrad.bernoulli(minigrad.full((50,), 0.5), **k),
    "multinomial": lambda **k: minigrad.multinomial(minigrad.ones(1000), 3, **k),
    "multinomial with replacement": lambda **k: minigrad.multinomial(minigrad.ones(1000), 3, replacement=True, **k),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_draws_are_repeatable_from_the_seed_the_state_or_a_generator(draw):
    minigrad.manual_seed(5)
    first, state, second = draw().data, minigrad.get_rng_state(), draw().data
    assert not np.array_equal(first, second)
    minigrad.manual_seed(5)
    assert np.array_equal(draw().data, first)
    minigrad.set_rng_state(json.loads(json.dumps(state)))
    assert np.array_equal(draw().data, second)
    rng = np.random.default_rng(5)
    state = minigrad.get_rng_state()
    assert np.array_equal(draw(generator=rng).data, first) and np.array_equal(draw(generator=rng).data, second)
    assert minigrad.get_rng_state() == state


def test_manual_seed_gives_the_generator():
    assert minigrad.manual_seed(1) is minigrad.random.generator()
    with pytest.raises(TypeError, match="needs a numpy.random.Generator, not int"):
        minigrad.randn(2, generator=3)
    with pytest.raises(ValueError, match="no state"):
        minigrad.set_rng_state({"bit_generator": "PCG64"})


def test_moments_and_types():
    rng = np.random.default_rng(0)
    n = 40_000
    z, u = minigrad.randn(n, generator=rng), minigrad.rand(n, generator=rng)
    assert z.dtype == u.dtype == np.float32
    assert abs(z.data.mean()) < 0.02 and abs(z.data.std() - 1) < 0.02
    assert abs(u.data.mean() - 0.5) < 0.01 and u.data.min() >= 0 and u.data.max() < 1
    mean, std = tensor([-5.0, 5.0]), tensor([1.0, 2.0])
    x = minigrad.normal(minigrad.expand(mean, n, 2), std, generator=rng)
    assert x.dtype == np.float32 and np.allclose(x.data.mean(0), mean.data, atol=0.05)
    assert np.allclose(x.data.std(0), std.data, atol=0.05)
    assert minigrad.randn(2, requires_grad=True).requires_grad


def test_integers():
    rng = np.random.default_rng(0)
    x = minigrad.randint(-2, 3, (1000,), generator=rng)
    assert x.dtype == np.int64 and set(x.data.tolist()) == {-2, -1, 0, 1, 2}
    assert set(minigrad.randint(2, (100,), generator=rng).data.tolist()) == {0, 1}
    assert sorted(minigrad.randperm(10, generator=rng).data.tolist()) == list(range(10))
    with pytest.raises(ValueError, match="no integer from 3 to below 3"):
        minigrad.randint(3, 3, (2,))


def test_bernoulli():
    p = minigrad.expand(tensor([0.0, 0.3, 1.0]), 20_000, 3)
    x = minigrad.bernoulli(p, generator=np.random.default_rng(0))
    assert x.dtype == np.float32 and x.data[:, 0].max() == 0 and x.data[:, 2].min() == 1
    assert abs(x.data[:, 1].mean() - 0.3) < 0.015
    with pytest.raises(ValueError, match=r"\[0, 1\], and these go from 0.5 to 1.5"):
        minigrad.bernoulli(tensor([0.5, 1.5]))


@pytest.mark.parametrize("replacement", [True, False])
def test_multinomial(replacement):
    weights = np.array([0.0, 1, 3, 6, 0])
    rng = np.random.default_rng(0)
    p = tensor(np.tile(weights, (20_000, 1)))
    x = minigrad.multinomial(p, 2, replacement, generator=rng)
    assert x.dtype == np.int64 and x.shape == (20_000, 2)
    for column in (0, 1) if replacement else (0,):
        frequencies = np.bincount(x.data[:, column], minlength=5) / 20_000
        assert np.allclose(frequencies, weights / 10, atol=0.015) and not frequencies[[0, 4]].any()
    assert (x.data[:, 0] == x.data[:, 1]).any() == replacement
    if not replacement:                    # given 3 first, 1 and 2 follow as 1 : 3
        second = x.data[x.data[:, 0] == 3, 1]
        assert abs((second == 2).mean() - 0.75) < 0.015
    assert minigrad.multinomial(tensor(weights), 3, replacement, generator=rng).shape == (3,)


def test_what_has_probability_zero_is_not_drawn_by_the_smallest_or_largest_uniform_number():
    class Extreme:
        def __init__(self, u):
            self.u = u

        def random(self, shape):
            return np.full(shape, self.u)
    p = np.array([[0, 0.1, 0.2, 0], [0.3, 0, 0, 0]])
    for u, expected in ((0.0, [1, 0]), (np.nextafter(1, 0), [2, 0])):
        assert minigrad.random.inverse_cdf(p, 1, Extreme(u)).ravel().tolist() == expected


@pytest.mark.parametrize("probs, n, words", [
    ([0.5, -0.1], 1, "not negative"), ([0.0, 0.0], 1, "not all zero"), ([np.nan, 1.0], 1, "finite"),
    ([1.0, 0.0], 2, "only 1 possible"), ([[[1.0]]], 1, r"not \(1, 1, 1\)"),
])
def test_multinomial_errors(probs, n, words):
    with pytest.raises(ValueError, match=words):
        minigrad.multinomial(tensor(probs), n)


def test_continuous_numbers_are_not_integers():
    with pytest.raises(TypeError, match="can't be int64"):
        minigrad.randn(2, dtype=minigrad.int64)
    with pytest.raises(ValueError, match="the least is -1.0"):
        minigrad.normal(0.0, -1.0, (2,))


def test_the_names_of_pytorch():
    for name in ("float", "double", "long", "int", "bool", "half", "float64", "int64", "uint8"):
        assert isinstance(getattr(minigrad, name), np.dtype)
    assert minigrad.tensor is tensor and minigrad.Tensor is Tensor and callable(minigrad.gradcheck)
