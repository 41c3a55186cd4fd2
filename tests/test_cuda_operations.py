"""Every operation of the contract on the device: values, gradients and second gradients are the CPU's.

The tables of cases are those of the operations' own tests, where the CPU's results are compared with NumPy written out
and with finite differences.
"""
import re
import numpy as np
import pytest
import minigrad
import test_elementwise
import test_indexing
import test_linalg
import test_methods
import test_products
import test_reductions
import test_shapes
from contract import Case, gaps, several
from minigrad import Tensor, operation
from minigrad.autograd import grad
from minigrad.cuda import Array

TABLES = (test_elementwise, test_reductions, test_shapes, test_indexing, test_products, test_linalg, test_methods)
WITH_A_MASK = Case("masked_fill, the mask an input", lambda x, mask: minigrad.masked_fill(x, mask, -1.0),
                   lambda rng: [rng.standard_normal((3, 2)), np.array([True, False])])
EINSUM = Case("einsum", lambda a, b: minigrad.einsum("ijj,kj->ki", a, b),
              lambda rng: [rng.standard_normal((2, 3, 3)), rng.standard_normal((4, 3))])
OPERATIONS = {}                            # the cases of each, by what its name begins with, before sizes and settings
for case in (WITH_A_MASK, EINSUM, *(case for table in TABLES for case in table.CASES)):
    OPERATIONS.setdefault(re.split("[(=]", case.name)[0], []).append(case)
del OPERATIONS["masked_fill"]              # whose mask is on the CPU
SOME = [case for cases in OPERATIONS.values() for case in cases[::max(2, len(cases) // 2)]]
ONE = [cases[len(cases) // 2] for cases in OPERATIONS.values()]
TOLERANCE = {"f": 1e-5, "d": 1e-10}


def check(case, dtype, layout, second):
    """Assert that the device gives what the CPU gives.

    layout      what is done with each input array: `gaps` between its entries, or nothing
    second      whether second gradients are compared, too
    """
    arrays = [layout(x.astype(dtype) if x.dtype.kind == "f" else x) for x in case.arrays()]
    here = results(case, [Tensor(x, x.dtype.kind == "f") for x in arrays], second)
    there = results(case, [Tensor(sent(x), x.dtype.kind == "f") for x in arrays], second)
    for what in here:
        assert len(here[what]) == len(there[what])
        for expected, found in zip(here[what], there[what]):
            assert type(found) is Array, f"{case.name}: {what} left the device"
            found, tolerance = found.numpy(), TOLERANCE[np.dtype(dtype).char]
            assert found.dtype == expected.dtype, f"{case.name}: {what} are {found.dtype} instead of {expected.dtype}"
            assert found.shape == expected.shape, f"{case.name}: {what} of shape {found.shape}, not {expected.shape}"
            np.testing.assert_allclose(found, expected, tolerance, tolerance, err_msg=f"{case.name}: {what}")


def sent(x):
    """The array on the device, in the same layout: an array with gaps is a view of one without."""
    if x.base is None:
        return Tensor(x).to("cuda").data
    wide = Tensor(x.base).to("cuda").data.T
    return wide[(..., *(slice(None, None, 2) for _ in x.shape))]


def results(case, inputs, second):
    """The arrays of the outputs, their gradients with random cotangents, and those of the gradients."""
    rng = np.random.default_rng(6)
    outputs = several(case.function(*inputs))
    found = {"values": [y.data for y in outputs], "gradients": [], "second gradients": []}
    outputs = [y for y in outputs if y.requires_grad]
    leaves = [x for x in inputs if x.requires_grad]
    for what in ("gradients", "second gradients")[:1 + second]:
        if outputs:
            weights = [Tensor(np.asarray(rng.standard_normal(y.shape), y.dtype)).to(y.device) for y in outputs]
            given = grad(outputs, leaves, weights, create_graph=second, allow_unused=True)
            found[what] = [g.data for g in given if g is not None]
            outputs = [g for g in given if g is not None and g.requires_grad]
    return found


@pytest.mark.parametrize("case", SOME, ids=lambda case: case.name)
def test_float32(case):
    check(case, np.float32, np.asarray, second=False)


@pytest.mark.parametrize("case", ONE, ids=lambda case: case.name)
def test_float64_with_gaps(case):
    check(case, np.float64, gaps, second=True)


# ---------------------------------------------------------------------------------------------------------------------
# The comparison catches faults

def faulty(forward, rule):
    """A case of an operation of two inputs."""
    return Case("faulty", operation(forward, rule, "faulty"),
                lambda rng: [rng.standard_normal((2, 3)), rng.standard_normal((2, 3))])


def on_device(x):
    """Whether an array, or a tensor's, is on the device."""
    return isinstance(x.data if isinstance(x, Tensor) else x, Array)


@pytest.mark.parametrize("message, forward, rule", [
    ("values", lambda a, b: a * b * (1 + 1e-3 * on_device(a)), lambda g, y, a, b: (g * b, g * a)),
    ("gradients", lambda a, b: a * b, lambda g, y, a, b: (g * b * (1 + 1e-3 * on_device(a)), g * a)),
    ("second gradients", lambda a, b: a * b, lambda g, y, a, b: (
        g * b + (g * (a - a.detach()) * 1e-3 if on_device(a) and isinstance(a, Tensor) else 0), g * a)),
    ("values left the device", lambda a, b: a.numpy() * b.numpy() if on_device(a) else a * b,
     lambda g, y, a, b: (g, g)),
    ("float64 instead of float32", lambda a, b: a * b * np.float64(1 + 0 * on_device(a)) if on_device(a) else a * b,
     lambda g, y, a, b: (g * b, g * a)),
])
def test_a_planted_fault_is_caught(message, forward, rule):
    """What is a little different on the device only."""
    right = faulty(lambda a, b: a * b, lambda g, y, a, b: (g * b, g * a))
    check(right, np.float32, np.asarray, second=True)
    with pytest.raises(AssertionError, match=message):
        check(faulty(forward, rule), np.float32, np.asarray, second=True)
