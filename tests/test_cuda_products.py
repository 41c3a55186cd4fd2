"""Products of matrices on the device, einsum and linear algebra, against NumPy's."""
import numpy as np
import pytest
from tests.on_device import equal, there
from tests.test_cuda_elementwise import numbers

SHAPES = [((3, 5), (5, 4)), ((9, 7), (7, 11)), ((2, 2), (2, 2)), ((3, 20), (20, 3)), ((1, 40), (40, 1)), ((4, 0), (0, 2)),
          ((0, 3), (3, 2)), ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 3)), ((2, 3, 4), (4, 5)), ((2, 1, 3, 4), (3, 4, 2)),
          ((2, 3), (5, 3, 2)), ((0, 2, 3), (3, 2))]


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_matmul(shapes):
    """Around the sizes of tiles, long sums, vectors, stacks that broadcast."""
    for dtype in "fdl":
        a, b = (numbers(shape, dtype) for shape in shapes)
        assert equal(np.matmul(*there(a, b)), np.matmul(a, b))
