"""Random numbers on the device: NumPy's uniform ones, and normal ones made of them."""
import numpy as np
import pytest
from minigrad.cuda import random
from tests.on_device import equal

KEYS = 0, 5, (1 << 64) - 1, 1 << 64, 0xF123456789ABCDEF_0FEDCBA987654321


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (3,), (4,), (2, 3, 7), (0, 2)])
def test_uniform_numbers_are_numpys(dtype, shape):
    """The same bits as NumPy's Philox gives, for keys of one and of two halves."""
    for key in KEYS:
        expected = np.random.Generator(np.random.Philox(key=key)).random(shape, dtype)
        found = random.uniform(key, shape, dtype)
        assert found.dtype == dtype and found.shape == shape and np.array_equal(found.numpy(), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_numbers(dtype):
    """They are Box and Muller's of NumPy's uniform numbers, also where the last pair is cut; and they look normal."""
    for n in (1, 7, 10):
        u, v = np.random.Generator(np.random.Philox(key=9)).random((n + 1) // 2 * 2, dtype).reshape(-1, 2).T
        radius, angle = np.sqrt(-2 * np.log(1 - u)), 2 * dtype(np.pi) * v
        expected = np.stack((radius * np.cos(angle), radius * np.sin(angle)), 1).ravel()[:n]
        assert equal(random.normal(9, (n,), dtype), expected)
    many = random.normal(3, (4000,), dtype).numpy()
    assert abs(many.mean()) < 0.06 and abs(many.std() - 1) < 0.05          # about four standard errors
    assert abs((many[::2] * many[1::2]).mean()) < 0.09 and abs((many < -1).mean() - 0.1587) < 0.024


def test_what_can_not_be_drawn():
    """Integers, and keys that are too large."""
    with pytest.raises(TypeError, match="float32 or float64, not int64"):
        random.uniform(0, (2,), np.int64)
    for key in (-1, 1 << 128):
        with pytest.raises(ValueError, match="128 bits"):
            random.normal(key, (2,))
