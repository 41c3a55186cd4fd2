"""Copies in C order."""
import numpy as np
import pytest
from minigrad.order import in_order


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("shape, axes", [((3, 37, 29, 41), (0, 2, 3, 1)), ((3, 37, 29, 41), (0, 3, 1, 2)),
                                         ((200, 131), (1, 0)), ((64, 17, 32), (1, 2, 0)), ((64, 17, 32), (0, 2, 1)),
                                         ((20, 20, 20, 20), (3, 1, 0, 2)), ((4000, 5), (1, 0)), ((3, 4), (1, 0)),
                                         ((5, 301, 210), (0, 2, 1)), ((300, 53, 17), (1, 2, 0))])       # large
def test_copies_are_in_order(dtype, shape, axes):
    given = np.arange(np.prod(shape), dtype=dtype).reshape(shape).transpose(axes)
    copied = in_order(given)
    assert copied.flags.c_contiguous and copied.dtype == dtype and copied.shape == given.shape
    assert (copied == given).all()
    assert in_order(copied) is copied
