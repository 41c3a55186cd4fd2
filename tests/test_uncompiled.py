"""Without Numba's compiler every kernel runs as plain Python, line by line, and gives the same numbers."""
import json
import os
import subprocess
import sys
import numpy as np
import pytest
from layers.kernels import loops, taps
from layers.kernels.geometry import Geometry, all_taps
from minigrad import tiles, uncompiled, vectors
from minigrad.compiled import njit

GEOMETRIES = [Geometry((5, 6), (3, 2), (1, 1), (1, 1, 0, 1), (1, 1), 1, all_taps((3, 2))),
              Geometry((5, 6), (2, 3), (2, 1), (1, 0, 2, 1), (1, 2), 2, all_taps((2, 3))[1:]),
              Geometry((4, 20), (1, 3), (1, 1), (0, 0, 1, 1), (1, 1), 1, all_taps((1, 3))),
              Geometry((70, 40), (2, 1), (1, 1), (1, 0, 0, 0), (1, 1), 1, all_taps((2, 1)))]
BATCHES = [3, 2, 17, 1]


def operands(geometry, batch):
    """x, w, b and y of whole numbers: sums of products are exact, in whatever order."""
    rng, groups = np.random.default_rng(0), geometry.groups
    shapes = ((batch, 2 * groups, *geometry.size), (7 * groups, 2, *geometry.kernel), (7 * groups,),
              (batch, 7 * groups, *geometry.output_size))
    return [rng.integers(-4, 5, shape).astype(np.float32) for shape in shapes]


def results(kernel_set):
    """What the three operations give, as lists."""
    found = []
    for geometry, batch in zip(GEOMETRIES, BATCHES):
        x, w, b, y = operands(geometry, batch)
        found += [kernel_set.forward(x, w, b, geometry), kernel_set.input_gradient(y, w, None, geometry),
                  kernel_set.weight_gradient(x, y, geometry)]
    return [array.tolist() for array in found]


PROGRAM = """
import json, sys
import test_uncompiled
from layers.kernels import loops, taps
seen = set()
sys.settrace(lambda frame, *_: seen.add(frame.f_code.co_name))
found = [test_uncompiled.results(taps)]
sys.settrace(None)
found.append(test_uncompiled.results(loops))
json.dump([found, sorted(seen)], sys.stdout)
"""


def run_uncompiled(program):
    """What a program prints as JSON, when Numba compiles nothing."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1",
                   "PYTHONPATH": os.pathsep.join([os.getcwd(), os.path.dirname(__file__)])}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_all_kernels_run_uncompiled():
    """Without the compiler, `taps` and `loops` give what they give here, and a debugger sees every call."""
    (of_taps, of_loops), seen = run_uncompiled(PROGRAM)
    expected = results(loops)
    assert of_taps == expected and of_loops == expected and results(taps) == expected
    assert {"sum_of_shifts", "dot_products", "spread", "gather", "lay", "share"} <= set(seen)


def test_the_loops_run_uncompiled_beside_the_compiled_ones():
    """`.py_func` of a compiled function is the function as it is written."""
    (x, w, _, y), geometry = operands(GEOMETRIES[1], 1), GEOMETRIES[1]
    compiled, plain = np.zeros_like(y), np.zeros_like(y)
    loops.convolve(x, w, compiled, *loops.numbers(geometry))
    loops.convolve.py_func(x, w, plain, *loops.numbers(geometry))
    assert np.array_equal(compiled, plain) and compiled.any()


# ---------------------------------------------------------------------------------------------------------------------
# Each function against the compiled one

@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["lanes", "load", "broadcast", "fma", "interleave", "interleave_few", "separate",
                                  "separate_few"])
def test_a_function_means_what_is_compiled(name, dtype):
    a = np.random.default_rng(1).integers(-9, 9, 2048).astype(dtype)
    columns = np.arange(64) * (vectors.FEW if name.endswith("few") else vectors.LANES[np.dtype(dtype)]) + 3
    plain = call(uncompiled, name, a, np.ones_like(a), columns)
    compiled = call(vectors, name, a, np.ones_like(a), columns)
    assert np.array_equal(plain, compiled) and (name == "lanes" or (plain != 1).any())


def call(module, name, a, b, columns):
    """Run one of the functions, compiled where they are intrinsics; what is written is returned."""
    n, function = vectors.LANES[a.dtype], getattr(module, name)
    load, store, fma, broadcast = (getattr(module, f) for f in ("load", "store", "fma", "broadcast"))
    count = n - n % (n // min(n, vectors.FEW)) if name.endswith("few") else n - 1

    def run(a, b, columns):
        if name == "lanes":
            b[0] = function(a)
        elif name == "load":
            store(b, 3, function(a, 5))
        elif name == "broadcast":
            store(b, 1, function(a[7]))
        elif name == "fma":
            store(b, 2, function(load(a, 1), load(a, 4), load(b, 0)))
        elif name == "interleave" or name == "interleave_few":
            function(a, 5, 70, b, 1, columns, 2, count)
        else:
            function(a, 5, b, 2, 70)
    (njit(run) if module is vectors else run)(a, b, columns)
    return b


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows, columns", [(tiles.ROWS, tiles.COLUMNS), (tiles.FEW, tiles.PAIRS), (3, 2)])
def test_tiles_mean_what_is_compiled(rows, columns, dtype):
    a = np.random.default_rng(2).integers(-9, 9, 2048).astype(dtype)
    plain, compiled = (with_tiles(module, a, np.ones_like(a), tuple(range(rows)), tuple(range(columns)))
                       for module in (uncompiled, tiles))
    assert np.array_equal(plain, compiled)
    n = vectors.LANES[np.dtype(dtype)]
    for r in range(rows):
        shifted = [a[60 + start:][:n] for start in range(0, 5 * columns, 5)]
        row = a[7 + r * 100:][:n * columns] + np.concatenate([a[20 + r] * b for b in shifted])
        assert np.array_equal(compiled[3 + r * 120:][:n * columns], row) and compiled[2 + r * 120] == 1
        products = [a[40 + r] + b * a[30 + 100 * r:][:n] for b in shifted]
        assert np.array_equal(compiled[1000 + columns * r:][:columns], 1 + np.sum(products, 1))
    count = rows * columns
    assert tiles.number_of_totals(count, dtype) == -(-count // n) * n
    assert (compiled[1000 + count:] == 1).all()


def with_tiles(module, a, b, rows, columns):
    """b[3 + 120 r :] = a[7 + 100 r :] + a[20 + r] * (a[60 :], a[65 :] ...), and from 1000 on, for each row and column,
    b += the sum of a[40 + r] + a[30 + 100 r :] * (a[60 :], a[65 :] ...)."""
    zero_tile, filled_tile, load_tile, store_tile, add_products, add_row_products, add_totals, take = (
        getattr(module, f) for f in ("zero_tile", "filled_tile", "load_tile", "store_tile", "add_products",
                                     "add_row_products", "add_totals", "take"))

    def run(a, b, steps):
        starts = take(steps, 2, columns)
        store_tile(b, 3, 120, load_tile(rows, columns, a, 7, 100))
        store_tile(b, 3, 120, add_products(load_tile(rows, columns, b, 3, 120), a, 20, a, 60, starts))
        filled = filled_tile(rows, columns, a, 40)
        add_totals(b, 1000, add_row_products(filled, a, 30, 100, a, 60, starts))
        add_totals(b, 1000, zero_tile(rows, columns, a))
    (njit(run) if module is tiles else run)(a, b, 5 * np.arange(-2, 20))
    return b


def test_a_register_past_the_end_is_refused():
    with pytest.raises(IndexError, match="a register of .* numbers from 95 on, in an array of 96"):
        uncompiled.load(np.zeros(96, np.float32), 95)
