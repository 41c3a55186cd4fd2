"""How a convolution without a Toeplitz matrix becomes fast, rung by rung: python -m tests.benchmarks.ladder

The same convolution, (16, 64, 28, 28) -> 64 channels, 3x3, padding 1, is computed by the loops of the definition, then
in a better order of the loops, then with fewer and longer ones, then with sums that stay in registers, then by two
threads.  Each rung is checked against the first compiled one before it is timed.
"""
import os
import time
from models.__main__ import THREAD_VARIABLES

os.environ.update(dict.fromkeys(THREAD_VARIABLES, "2"))                    # before NumPy and Numba are loaded

import numpy as np                                                         # noqa: E402
from numba import njit, set_num_threads                                    # noqa: E402
from layers.kernels import loops, taps                                     # noqa: E402
from layers.kernels.geometry import Geometry, all_taps                     # noqa: E402

N, C, SIZE, KERNEL = 16, 64, 28, 3
GEOMETRY = Geometry((SIZE, SIZE), (KERNEL, KERNEL), (1, 1), (1, 1, 1, 1), (1, 1), 1, all_taps((KERNEL, KERNEL)))
FLOP = 2 * N * C * C * SIZE ** 2 * KERNEL ** 2


def definition(x, w, outputs):
    """The definition in plain Python, for the first `outputs` numbers of the result only."""
    y = []
    for place in range(outputs):
        c, r, q = place // SIZE ** 2, place // SIZE % SIZE, place % SIZE
        total = 0.0
        for i in range(C):
            for a in range(KERNEL):
                for b in range(KERNEL):
                    if 0 <= r + a - 1 < SIZE and 0 <= q + b - 1 < SIZE:
                        total += w[c, i, a, b] * x[0, i, r + a - 1, q + b - 1]
        y.append(total)
    return y


def padded(x):
    """The images with a border of zeros: no bounds need to be tested any more."""
    return np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))


@njit
def along_rows(x, w, y):
    """Another order of the loops: the innermost one runs along a row, where numbers are neighbours in memory."""
    for n in range(y.shape[0]):
        for c in range(y.shape[1]):
            for i in range(w.shape[1]):
                for a in range(w.shape[2]):
                    for b in range(w.shape[3]):
                        weight = w[c, i, a, b]
                        for r in range(y.shape[2]):
                            for q in range(y.shape[3]):
                                y[n, c, r, q] += weight * x[n, i, r + a, q + b]


@njit
def by_taps(x, w, y, pitch):
    """Rows laid end to end: a tap is one shift of the whole image.   x, y (N, C, places), rows `pitch` apart"""
    length = y.shape[2]
    for n in range(y.shape[0]):
        for c in range(y.shape[1]):
            row = y[n, c]
            for i in range(w.shape[1]):
                for a in range(w.shape[2]):
                    for b in range(w.shape[3]):
                        weight, shifted = w[c, i, a, b], x[n, i, a * pitch + b:a * pitch + b + length]
                        for p in range(length):
                            row[p] += weight * shifted[p]


def rungs(x, w):
    """Name and function of each rung; the functions give (N, C, SIZE, SIZE)."""
    def rows():
        y = np.zeros_like(x)
        along_rows(padded(x), w, y)
        return y

    def flat():
        pitch = SIZE + 2
        images = np.pad(padded(x).reshape(N, C, -1), ((0, 0), (0, 0), (0, 2 * pitch)))
        y = np.zeros((N, C, SIZE * pitch), x.dtype)
        by_taps(images, w, y, pitch)
        return y.reshape(N, C, SIZE, pitch)[..., :SIZE]

    def fast(threads):
        set_num_threads(threads)
        return taps.forward(x, w, None, GEOMETRY)

    yield "the definition, compiled by Numba (`loops`)", lambda: loops.forward(x, w, None, GEOMETRY)
    yield "the innermost loop along a row", rows
    yield "taps: one shift of the flat image each", flat
    yield "8 channels x 3 registers of sums (`taps`)", lambda: fast(1)
    yield "two threads", lambda: fast(2)


def seconds(function, least=0.5):
    """The shortest of several runs: what the machine can do when nothing else disturbs it."""
    function()
    times, end = [], time.perf_counter() + least
    while time.perf_counter() < end or len(times) < 3:
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times)


def main():
    """Print the table."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, C, SIZE, SIZE), np.float32)
    w = rng.standard_normal((C, C, KERNEL, KERNEL), np.float32) / 24
    expected = loops.forward(x, w, None, GEOMETRY)
    outputs = 500
    began = time.perf_counter()
    first = definition(x, w, outputs)
    before = (time.perf_counter() - began) * expected.size / outputs
    assert np.allclose(first, expected[0].reshape(-1)[:outputs], atol=1e-4)
    print("| rung | time | GFLOP/s | gain |\n|---|---:|---:|---:|")
    print(f"| the definition, plain Python (from {outputs} outputs) | {before:.0f} s | {FLOP / before / 1e9:.4f} | |")
    for name, function in rungs(x, w):
        assert np.allclose(function(), expected, atol=1e-4), name
        took = seconds(function)
        print(f"| {name} | {took * 1e3:.2f} ms | {FLOP / took / 1e9:.1f} | x {before / took:.1f} |", flush=True)
        before = took


if __name__ == "__main__":
    main()
