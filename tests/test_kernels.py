"""The kernel sets against each other and against NumPy: `loops` is the oracle of `taps`."""
import math
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from layers import kernels
from layers.kernels import loops, taps, workspaces
from layers.kernels.geometry import Geometry, all_taps

OPERATIONS = ("forward", "input_gradient", "weight_gradient")


def problem(geometry, batch, members, outputs, dtype, rng):
    """Random x, w, b of a convolution with `groups` groups of `members` inputs, y of its output's shape, b of x's."""
    groups = geometry.groups
    x = rng.normal(size=(batch, groups * members, *geometry.size)).astype(dtype)
    w = rng.normal(size=(groups * outputs, members, *geometry.kernel)).astype(dtype)
    y = rng.normal(size=(batch, groups * outputs, *geometry.output_size)).astype(dtype)
    return x, w, rng.normal(size=groups * outputs).astype(dtype), y, rng.normal(size=groups * members).astype(dtype)


def run(kernel_set, x, w, b, y, bx, geometry):
    """The results of the three operations."""
    return (kernel_set.forward(x, w, b, geometry), kernel_set.input_gradient(y, w, bx, geometry),
            kernel_set.weight_gradient(x, y, geometry))


def assert_equal(geometry, batch, members, outputs, dtype, tolerance, seed=0):
    """taps equals loops; float32 is judged against loops in float64."""
    arguments = problem(geometry, batch, members, outputs, dtype, np.random.default_rng(seed))
    expected = run(loops, *(a.astype(np.float64) for a in arguments), geometry)
    for name, e, t in zip(OPERATIONS, expected, run(taps, *arguments, geometry)):
        assert t.dtype == dtype and t.shape == e.shape
        if e.size:
            assert abs(t - e).max() <= tolerance * max(1, abs(e).max()), (name, geometry)


sizes = st.integers(1, 12)


@st.composite
def geometries(draw, axes):
    """Convolutions of every kind: strides, dilations, asymmetric paddings, groups, masks."""
    size = draw(st.tuples(sizes, sizes)) if axes == 2 else (draw(st.integers(1, 80)), 1)
    kernel = draw(st.tuples(*[st.integers(1, 4)] * 2)) if axes == 2 else (draw(st.integers(1, 5)), 1)
    stride, dilation = (draw(st.tuples(*[st.integers(1, 3)] * 2)) if axes == 2 else (draw(st.integers(1, 3)), 1)
                        for _ in range(2))
    padding = draw(st.tuples(*[st.integers(0, 4)] * 4))
    padding = padding if axes == 2 else (*padding[:2], 0, 0)
    live = draw(st.lists(st.booleans(), min_size=kernel[0] * kernel[1], max_size=kernel[0] * kernel[1]))
    chosen = tuple(t for t, keep in zip(all_taps(kernel), live) if keep)
    return Geometry(size, kernel, stride, padding, dilation, draw(st.integers(1, 3)), chosen)


@pytest.mark.parametrize("axes", [1, 2])
def test_taps_equals_loops(axes):
    @settings(max_examples=150, deadline=None, derandomize=True)
    @given(geometries(axes), st.integers(1, 20), st.integers(1, 4), st.integers(1, 18), st.booleans())
    def check(geometry, batch, members, outputs, double):
        if min(geometry.output_size) >= 1:
            assert_equal(geometry, batch, members, outputs, *((np.float64, 1e-12) if double else (np.float32, 1e-5)))
    check()


@pytest.mark.parametrize("geometry, batch, members, outputs", [
    (Geometry((90, 50), (3, 5), (1, 1), (1, 1, 2, 2), (1, 1), 1, all_taps((3, 5))), 2, 3, 5),       # bands of rows
    (Geometry((90, 50), (3, 5), (2, 3), (1, 0, 2, 2), (2, 1), 2, all_taps((3, 5))), 2, 3, 5),
    (Geometry((90, 100), (2, 5), (2, 2), (1, 0, 2, 2), (3, 1), 1, all_taps((2, 5))), 2, 3, 5),
    (Geometry((5000, 1), (2, 1), (1, 1), (64, 0, 0, 0), (64, 1), 1, all_taps((2, 1))), 2, 3, 4),    # a long sequence
    (Geometry((4, 4), (4, 4), (1, 1), (0, 0, 0, 0), (1, 1), 1, all_taps((4, 4))), 100, 32, 8),      # small images
    (Geometry((28, 28), (7, 7), (1, 1), (3, 3, 3, 3), (1, 1), 1, all_taps((7, 7))[:24]), 3, 8, 8),
    (Geometry((2, 2), (1, 1), (3, 3), (0, 0, 0, 0), (1, 1), 1, all_taps((1, 1))), 2, 2, 2),         # stride > kernel
    (Geometry((3, 3), (3, 3), (1, 1), (5, 5, 5, 5), (1, 1), 1, all_taps((3, 3))), 2, 2, 2),         # padding > kernel
    (Geometry((3, 3), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, ()), 2, 2, 2),                       # all masked out
    (Geometry((3, 3), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, all_taps((3, 3))), 0, 2, 2),         # no images
])
def test_special_cases(geometry, batch, members, outputs):
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-5)):
        assert_equal(geometry, batch, members, outputs, dtype, tolerance)


def test_loops_against_the_definition():
    """The oracle itself, against a sum written with NumPy slices, stride 2 and dilation 2."""
    rng = np.random.default_rng(1)
    geometry = Geometry((9, 8), (2, 3), (2, 2), (1, 0, 2, 1), (2, 1), 1, all_taps((2, 3)))
    x, w, b, y, _ = problem(geometry, 2, 3, 4, np.float64, rng)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (2, 1)))
    OH, OW = geometry.output_size
    assert (OH, OW) == (4, 5)
    windows = [(a, c, padded[:, :, 2 * a:2 * a + 2 * OH - 1:2, c:c + 2 * OW - 1:2]) for a, c in all_taps((2, 3))]
    expected = sum(np.einsum("nihw,ci->nchw", window, w[:, :, a, c]) for a, c, window in windows)
    np.testing.assert_allclose(loops.forward(x, w, b, geometry), expected + b[:, None, None], rtol=1e-12)
    expected = np.stack([np.einsum("nihw,nchw->ci", window, y) for _, _, window in windows], -1).reshape(w.shape)
    np.testing.assert_allclose(loops.weight_gradient(x, y, geometry), expected, rtol=1e-12)


@pytest.mark.parametrize("kernel_set", [loops, taps])
def test_the_three_operations_are_adjoint(kernel_set):
    """<w * x, y> = <x, transposed(y)> = <w, weight gradient(x, y)>."""
    geometry = Geometry((11, 9), (3, 2), (2, 1), (1, 2, 0, 1), (1, 2), 2, all_taps((3, 2))[:-1])
    x, w, b, y, bx = problem(geometry, 3, 2, 3, np.float64, np.random.default_rng(2))
    forward, transposed, weight = run(kernel_set, x, w, np.zeros_like(b), y, np.zeros_like(bx), geometry)
    form = (forward * y).sum()
    np.testing.assert_allclose([(transposed * x).sum(), (weight * w).sum()], [form, form], rtol=1e-12)


def test_masked_taps_count_as_zero():
    """Leaving taps out is the same as zero weights there, and their gradients are exactly zero."""
    mask = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0]], float)
    full = Geometry((6, 6), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, all_taps((3, 3)))
    masked = full._replace(taps=tuple(t for t in all_taps((3, 3)) if mask[t]))
    x, w, b, y, bx = problem(full, 2, 3, 4, np.float64, np.random.default_rng(3))
    np.testing.assert_allclose(taps.forward(x, w, b, masked), taps.forward(x, w * mask, b, full), rtol=1e-12)
    np.testing.assert_allclose(taps.input_gradient(y, w, bx, masked), taps.input_gradient(y, w * mask, bx, full),
                               rtol=1e-12)
    np.testing.assert_allclose(taps.weight_gradient(x, y, masked), taps.weight_gradient(x, y, full) * mask, rtol=1e-12)


def test_the_number_of_threads_has_no_influence():
    """Bit for bit, also where threads share the channels of one image."""
    import numba
    rng = np.random.default_rng(4)
    geometry = Geometry((28, 28), (5, 5), (1, 1), (2, 2, 2, 2), (1, 1), 1, all_taps((5, 5)))
    before = numba.get_num_threads()
    try:
        for batch in (1, 13):
            arguments = problem(geometry, batch, 16, 16, np.float32, rng)
            results = []
            for threads in (1, numba.config.NUMBA_NUM_THREADS):
                numba.set_num_threads(threads)
                results.append(run(taps, *arguments, geometry))
            for one, many in zip(*results):
                assert np.array_equal(one, many)
    finally:
        numba.set_num_threads(before)


@pytest.mark.parametrize("fault", ["flipped", "wrong side", "extra tap"])
def test_planted_faults_are_seen(fault):
    """The comparison above would notice a flipped kernel, padding on the wrong side and a mask that leaks."""
    geometry = Geometry((5, 6), (3, 3), (1, 1), (2, 0, 0, 2), (1, 1), 1, all_taps((3, 3))[:4])
    x, w, b, y, bx = problem(geometry, 2, 2, 2, np.float64, np.random.default_rng(5))
    wrong = {"flipped": (w[:, :, ::-1, ::-1].copy(), geometry),
             "wrong side": (w, geometry._replace(padding=(0, 2, 2, 0))),
             "extra tap": (w, geometry._replace(taps=all_taps((3, 3))[:5]))}[fault]
    assert abs(taps.forward(x, wrong[0], b, wrong[1]) - loops.forward(x, w, b, geometry)).max() > 0.1
    assert abs(taps.input_gradient(y, wrong[0], bx, wrong[1]) - loops.input_gradient(y, w, bx, geometry)).max() > 0.1


def test_nothing_stays_in_the_workspaces():
    """They are used again; what an earlier call has left there, infinities included, does not show."""
    for geometry, batch in ((Geometry((6, 6), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, all_taps((3, 3))), 5),
                            (Geometry((9, 7), (3, 2), (2, 3), (2, 1, 0, 1), (1, 1), 1, all_taps((3, 2))), 21),
                            (Geometry((90, 50), (3, 5), (1, 1), (1, 1, 2, 2), (1, 1), 1, all_taps((3, 5))), 3)):
        arguments = problem(geometry, batch, 3, 5, np.float32, np.random.default_rng(6))
        before = run(taps, *arguments, geometry)
        with np.errstate(all="ignore"):
            run(taps, *(np.full_like(a, np.inf) for a in arguments), geometry)
        assert workspaces.kept
        for first, again in zip(before, run(taps, *arguments, geometry)):
            assert np.array_equal(first, again)


def test_few_workspaces_are_kept(monkeypatch):
    monkeypatch.setattr(workspaces, "kept", {})
    monkeypatch.setattr(workspaces, "KEPT", 300_000)
    for size in range(20, 30):
        geometry = Geometry((size, size), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, all_taps((3, 3)))
        x, w, b, *_ = problem(geometry, 4, 3, 5, np.float32, np.random.default_rng(7))
        taps.forward(x, w, b, geometry)
    assert 1 <= len(workspaces.kept) < 10
    assert sum(a.nbytes + b.nbytes for _, a, b in workspaces.kept.values()) <= 300_000


def test_choosing_a_kernel_set():
    assert kernels.active() is taps
    assert kernels.use("loops") == "taps" and kernels.active() is loops
    assert kernels.use("taps") == "loops"
    with pytest.raises(ValueError, match="there is no kernel set 'winograd'; there are taps, loops"):
        kernels.use("winograd")


@pytest.mark.parametrize("size, kernel", [((1, 1), (1, 1)), ((2, 2), (1, 1)), ((3, 3), (3, 3)), ((4, 1), (3, 1)),
                                          ((8, 8), (3, 3))])
@pytest.mark.parametrize("batch", [1, 7, 1000, 4000])
def test_nothing_is_written_outside_the_workspaces(monkeypatch, size, kernel, batch):
    """Compiled loops check no bounds, so the fast kernels get workspaces between guards here."""
    guards = []

    def guarded(dtype, *shape):
        memory, count = np.full(math.prod(shape) + 2 * 8192, 7, dtype), math.prod(shape)
        guards.extend((memory[:8192], memory[8192 + count:]))
        memory[8192:8192 + count] = 0
        return memory[8192:8192 + count].reshape(shape)

    monkeypatch.setattr(workspaces, "kept", {})
    monkeypatch.setattr(workspaces, "zeros", guarded)
    geometry = Geometry(size, kernel, (1, 1), (0, 0, 0, 0), (1, 1), 1, all_taps(kernel))
    x, w = np.ones((batch, 2, *size), np.float32), np.ones((3, 2, *kernel), np.float32)
    y = taps.forward(x, w, None, geometry)
    taps.input_gradient(y, w, None, geometry)
    taps.weight_gradient(x, y, geometry)
    assert len(guards) == 12 and all((guard == 7).all() for guard in guards)
