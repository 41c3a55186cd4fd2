"""NumPy on several threads."""
import os
import threading
import numpy as np
import pytest
import layers.functional as F
import minigrad
from layers.pooling import Windows, distribute
from minigrad import compiled, shares, tensor
from minigrad.autograd import grad


@pytest.fixture(params=[1, 2, 3])
def count(request, monkeypatch):
    """So many threads, for arrays however small."""
    monkeypatch.setattr(compiled, "get_num_threads", lambda: request.param)
    monkeypatch.setattr(shares, "LARGE", 1)
    return request.param


def test_each_thread_computes_a_part(count):
    x, y, seen = np.arange(14.).reshape(7, 2), np.arange(7), []

    def function(x, y):
        seen.append((threading.get_ident(), len(x), len(y)))
        return x.sum(1) * y
    assert np.array_equal(shares.in_shares(function, x, y), x.sum(1) * y)
    assert sorted(n for _, n, _ in seen) == {1: [7], 2: [3, 4], 3: [2, 2, 3]}[count]
    assert all(n == m for _, n, m in seen) and threading.get_ident() not in {thread for thread, _, _ in seen}


def test_few_examples_and_none(count):
    assert np.array_equal(shares.in_shares(lambda x: x + 1, np.zeros(1)), [1])
    assert shares.in_shares(lambda x: x.sum(1), np.zeros((0, 3))).shape == (0,)


def test_small_arrays_stay_on_this_thread():
    assert shares.in_shares(lambda x: [threading.get_ident()], np.zeros(1000)) == [threading.get_ident()]


def test_errors_come_through(count):
    with pytest.raises(ValueError, match="in one part"):
        shares.in_shares(fail, np.zeros((5, 2)))
    assert np.array_equal(shares.in_shares(np.negative, np.ones(5)), -np.ones(5))


def fail(x):
    raise ValueError("in one part")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_has_threads_of_its_own(count):
    shares.in_shares(np.negative, np.ones(5))
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(shares.in_shares(np.negative, np.ones(5)), -np.ones(5)) else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("padding", [0, 1])
def test_pooling_is_the_same(count, padding, monkeypatch):
    """However many threads there are, all of it: values, gradients, means, which need no `chosen`."""
    rng = np.random.default_rng(0)
    x, g = (tensor(rng.normal(size=(5, 3, 8, 6)), requires_grad=True) for _ in range(2))

    def results():
        y = F.max_pool2d(x, 2, 2, padding)
        weights = tensor(np.random.default_rng(1).normal(size=y.shape))
        spread = distribute(g, Windows((16, 12), (2, 2), (2, 2), (0, 0), (1, 1)))
        return [y.data, grad((y * weights).sum(), x)[0].data, F.avg_pool2d(x, 2, 2, padding).data, spread.data]
    shared = results()
    monkeypatch.setattr(shares, "LARGE", np.inf)
    for a, b in zip(shared, results()):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_joining_is_the_same(count, dim):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(5, 4, 3)).astype(np.float32) for _ in range(3)]
    arrays[1] = np.concatenate((arrays[1], arrays[1]), dim)
    y = minigrad.cat([tensor(a) for a in arrays], dim)
    assert y.dtype == np.float32 and np.array_equal(y.data, np.concatenate(arrays, dim))


@pytest.mark.parametrize("shape", [(6, 4), (5, 4, 1), (4,)])
def test_what_does_not_fit_is_refused(count, shape):
    with pytest.raises(ValueError, match=r"cat: shapes .* must be equal but along dim 1|cat: dim"):
        minigrad.cat([tensor(np.zeros((5, 4))), tensor(np.zeros(shape))], 1)
