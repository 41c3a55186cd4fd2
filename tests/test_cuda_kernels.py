"""The convolutions' kernels for a GPU, against the textbook loops, with tiles of a few threads in the simulator."""
import numpy as np
import pytest
from layers.kernels import cuda as kernels
from layers.kernels import loops
from layers.kernels.cuda import correlate, tiles
from layers.kernels.geometry import Geometry, all_taps
from minigrad.cuda import asarray, driver
from tests.on_device import equal

# (size, kernel, stride, padding, dilation, groups, taps or None for all), images, input and output channels
CASES = {
    "plain": (((5, 4), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, None), 1, 2, 5),
    "masked": (((4, 4), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, ((0, 0), (0, 1), (0, 2), (1, 0))), 3, 2, 3),
    "everything": (((5, 6), (3, 2), (2, 1), (1, 0, 0, 2), (1, 2), 2, ((0, 1), (1, 0), (1, 1), (2, 0))), 2, 4, 6),
    "stride beyond the kernel": (((5, 5), (2, 1), (3, 2), (0, 0, 0, 0), (1, 1), 1, None), 1, 2, 2),
    "stride and dilation": (((7, 5), (2, 3), (2, 3), (0, 1, 2, 0), (2, 1), 1, None), 1, 3, 2),
    "one axis": (((6, 1), (3, 1), (1, 1), (2, 0, 0, 0), (1, 1), 1, None), 2, 1, 3),
    "depthwise": (((4, 3), (2, 2), (1, 1), (1, 0, 1, 0), (1, 1), 3, None), 1, 3, 6),
    "1x1": (((3, 3), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1, None), 2, 6, 9),
    "no taps": (((3, 2), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1, ()), 1, 2, 2),
    "no images": (((3, 2), (2, 1), (1, 1), (0, 0, 0, 0), (1, 1), 1, None), 0, 2, 2),
}


def case(name, dtype=np.float32):
    """A geometry, and x, w, y for it."""
    (*settings, taps), N, I, C = CASES[name]
    geometry = Geometry(*settings, all_taps(settings[1]) if taps is None else taps)
    rng = np.random.default_rng(0)
    shapes = (N, I, *geometry.size), (C, I // geometry.groups, *geometry.kernel), (N, C, *geometry.output_size)
    return geometry, *(rng.normal(size=shape).astype(dtype) for shape in shapes)


@pytest.mark.parametrize("name, dtype", [(name, np.float32) for name in CASES] + [("everything", np.float64)])
def test_against_the_loops(name, dtype):
    """All three operations, each with or without its bias."""
    geometry, x, w, y = case(name, dtype)
    X, W, Y = map(asarray, (x, w, y))
    b, c = np.arange(w.shape[0], dtype=dtype), np.arange(x.shape[1], dtype=dtype)
    assert equal(kernels.forward(X, W, asarray(b), geometry), loops.forward(x, w, b, geometry))
    assert equal(kernels.input_gradient(Y, W, None, geometry), loops.input_gradient(y, w, None, geometry))
    assert equal(kernels.weight_gradient(X, Y, geometry), loops.weight_gradient(x, y, geometry))
    if name == "depthwise":
        assert equal(kernels.forward(X, W, None, geometry), loops.forward(x, w, None, geometry))
        assert equal(kernels.input_gradient(Y, W, asarray(c), geometry), loops.input_gradient(y, w, c, geometry))


def test_adjoint():
    """<w * x, y> is the same form with any two of the three arguments put together."""
    geometry, x, w, y = case("stride and dilation", np.float64)
    X, W, Y = map(asarray, (x, w, y))
    form = np.sum(kernels.forward(X, W, None, geometry).numpy() * y)
    assert abs(form) > 1e-3
    assert np.isclose(form, np.sum(kernels.input_gradient(Y, W, None, geometry).numpy() * x), rtol=1e-12)
    assert np.isclose(form, np.sum(kernels.weight_gradient(X, Y, geometry).numpy() * w), rtol=1e-12)


@pytest.mark.parametrize("fault", ["a pixel's column", "a phase", "a part", "a tap's shift"])
def test_planted_faults_are_seen(fault, monkeypatch):
    """Tables and cuts that are wrong by one give wrong results."""
    geometry, x, w, y = case("masked" if fault == "a part" else "everything")
    X, W, Y = map(asarray, (x, w, y))
    kernels.tables.cache_clear()
    true = {f.__name__: f for f in (kernels.move, kernels.stride_phases, kernels.cut)}
    if fault == "a pixel's column":
        monkeypatch.setattr(kernels, "move", lambda down, right, size: true["move"](down, right + 1, size))
    elif fault == "a tap's shift":
        monkeypatch.setattr(kernels, "move", lambda down, right, size: (down, right, down * size[1]))
    elif fault == "a part":
        monkeypatch.setattr(kernels, "cut", lambda *given: (true["cut"](*given)[0], true["cut"](*given)[1] // 2))
    else:
        def phases(geometry):
            moves, rows, taps = true["stride_phases"](geometry)
            return moves, [rows[1], *rows[1:]], taps       # the first phase's pixels are never written
        monkeypatch.setattr(kernels, "stride_phases", phases)
    try:
        if fault == "a part":
            assert not equal(kernels.weight_gradient(X, Y, geometry), loops.weight_gradient(x, y, geometry))
        else:
            assert not equal(kernels.input_gradient(Y, W, None, geometry), loops.input_gradient(y, w, None, geometry))
    finally:
        kernels.tables.cache_clear()


def test_values_outside_are_not_used():
    """What stands for pixels outside the source is zero, whatever the array's first entry is, read in their place."""
    geometry, x, w, y = case("plain")
    X, W, Y = map(asarray, (x, w, y))
    X[0, 0, 0, 0] = x[0, 0, 0, 0] = np.inf
    assert equal(kernels.forward(X, W, None, geometry), loops.forward(x, w, None, geometry))
    assert equal(kernels.weight_gradient(X, Y, geometry), loops.weight_gradient(x, y, geometry))
    Y[0, 0, 0, 0] = y[0, 0, 0, 0] = np.inf
    assert equal(kernels.input_gradient(Y, W, None, geometry), loops.input_gradient(y, w, None, geometry))
    geometry, x, w, y = case("1x1")
    x, y = x[:1], y[:1]                                    # 9 positions, and the tiles take an even number
    y[0, 0, 0, 0] = np.inf
    assert equal(kernels.weight_gradient(asarray(x), asarray(y), geometry), loops.weight_gradient(x, y, geometry))


@pytest.mark.parametrize("itemsize", [4, 8])
def test_tiles_fit_their_kernels(itemsize):
    """A device's tiles, which the simulator is too slow for: each thread has as much to fetch as any other."""
    for tile, speed in kernels.GATHERING[itemsize]:
        for depth in (n for n in (1, 2, 4, 8, 16) if n <= tile.depth):
            size = depth * tile.channels
            assert tile.pixels % tile.threads == 0 and size % min(size, tile.threads) == 0
            assert size * itemsize % 16 == 0                                       # the second half starts at 16 bytes
        assert 2 * tile.depth * (tile.channels + tile.pixels) * itemsize <= 48 * 1024      # of shared memory
    for tile, speed in kernels.CORRELATING[itemsize]:
        rows = tile.threads // tile.depth
        assert tile.channels % rows == 0 and tile.channels >= rows and tile.pixels >= rows
        assert 2 * tile.depth * (tile.channels + tile.pixels + 2 * correlate.GAP) * itemsize <= 48 * 1024
    for tile, speed in kernels.GATHERING[itemsize] + kernels.CORRELATING[itemsize]:
        assert tile.rows * tile.columns == 32 and 0 < speed < 1


@pytest.mark.skipif(not driver.simulated, reason="functions of the device, called as Python")
def test_threads_share_all_of_a_tile():
    """Each sum of a tile is some thread's, and no two threads'."""
    for tile, _ in (*kernels.GATHERING[4], *kernels.GATHERING[8], *kernels.CORRELATING[4], *kernels.CORRELATING[8],
                    *kernels.SIMULATED[4]):
        place, distance = tiles.placing(tile)
        firsts = [place(thread) for thread in range(tile.threads)]
        mine = [(channel + c, pixel + distance(p)) for channel, pixel in firsts
                for c in range(tile.down) for p in range(tile.across)]
        assert sorted(mine) == [(c, p) for c in range(tile.channels) for p in range(tile.pixels)]


def test_tiles_are_chosen_by_the_shape():
    """Many channels take tall tiles, few take flat ones, and small images leave no multiprocessor idle."""
    choose = kernels.gathering_tile.__wrapped__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "SIMULATED", kernels.GATHERING)
        assert choose(4, 64, 64, 100352, 1).channels == 64
        assert choose(4, 6, 1, 200704, 1).channels == 16 and choose(4, 6, 1, 200704, 1).depth == 1
        assert choose(4, 1, 12, 100352, 1)[4:] == (4, 4, 4)
        assert choose(4, 64, 64, 784, 1).pixels < 128
        patch.setattr(kernels, "SIMULATED", kernels.CORRELATING)
        choose = kernels.correlation_tile.__wrapped__
        assert choose(4, 64, 64, 13) == (kernels.CORRELATING[4][0][0], 64)
        tile, inputs = choose(4, 6, 1, 25)
        assert (tile.channels, tile.pixels, inputs) == (16, 32, 1)


@pytest.mark.parametrize("terms, blocks", [(1, 1), (63, 1), (64, 1), (100352, 7), (100352, 5000), (12345, 40)])
def test_sums_are_cut_into_all_their_terms(terms, blocks):
    tile = kernels.CORRELATING[4][0][0]
    parts, length = kernels.cut(terms, blocks, tile)
    assert length % tile.depth == 0 and (parts - 1) * length < terms <= parts * length
    assert parts == 1 or parts * blocks * tile.threads <= kernels.MULTIPROCESSORS * kernels.THREADS_EACH
