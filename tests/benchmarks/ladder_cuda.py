"""How a convolution becomes fast on a GPU, rung by rung: python -m tests.benchmarks.ladder_cuda

The same convolution, 64 images of 64 x 28 x 28 to 64 channels, 3x3, padding 1, by the definition and by taps on the
CPU; then by kernels for the device: the definition, a thread for each output; with the image in the memory that a
block's threads share; with sums in registers; then the engine's own kernel, and cuDNN's if PyTorch is there.  Each rung
is checked against the first.

The kernels here are for reading: for square images and kernels, stride 1, and a padding that keeps the size.  `loops`
and `taps` are explained in tests/benchmarks/ladder.py.
"""
import os
import time
from collections import namedtuple
from models.__main__ import THREAD_VARIABLES

os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(os.cpu_count())))    # before NumPy and Numba are loaded

import numpy as np                                                         # noqa: E402
from layers.kernels import loops, taps                                     # noqa: E402
from layers.kernels.geometry import Geometry, all_taps                     # noqa: E402
from minigrad.cuda import asarray, driver, empty                           # noqa: E402
from minigrad.cuda.launch import Kernel, cuda, spread, types               # noqa: E402
from . import engines                                                      # noqa: E402
from .device import planned, seconds_of                                    # noqa: E402

T, ZERO, unsigned = types.float32, np.float32(0), types.uint64


class Problem(namedtuple("Problem", "images channels size kernel")):
    """Images (images, channels, size, size), weights (channels, channels, kernel, kernel)."""
    __slots__ = ()

    @property
    def flop(self):
        return 2 * self.images * self.channels ** 2 * self.size ** 2 * self.kernel ** 2

    @property
    def geometry(self):
        """As the engine's kernels want it."""
        kernel = self.kernel, self.kernel
        return Geometry((self.size, self.size), kernel, (1, 1), (self.kernel // 2,) * 4, (1, 1), 1, all_taps(kernel))

    def arrays(self):
        """Images and weights."""
        rng = np.random.default_rng(0)
        w = rng.standard_normal((self.channels, self.channels, self.kernel, self.kernel), np.float32)
        return (rng.standard_normal((self.images, self.channels, self.size, self.size), np.float32),
                w / np.float32(self.kernel * self.channels ** 0.5))


class Tile(namedtuple("Tile", "rows columns channels tall")):
    """What a block of rows x columns threads computes: `channels` outputs a thread at each of `tall` pixels, which are
    `rows` rows apart."""
    __slots__ = ()


SMALL = Problem(1, 4, 4, 3)                                                # for the simulator
LARGE = Problem(64, 64, 28, 3)


@Kernel
def naive(x, w, y, problem):
    """The definition, a thread for each output:

        y[n, c, r, q] = sum over i, a, b of   w[c, i, a, b] x[n, i, r + a - half, q + b - half]

    Two reads from global memory, and a test for the border, for one multiplication.
    """
    images, channels, size, kernel = problem
    half = kernel // 2
    for place in range(cuda.grid(1), images * channels * size * size, cuda.gridsize(1)):
        q, r, c = place % size, place // size % size, place // size // size % channels
        n = place // size // size // channels
        total = ZERO
        for i in range(channels):
            for a in range(kernel):
                for b in range(kernel):
                    u, v = r + a - half, q + b - half
                    if 0 <= u < size and 0 <= v < size:
                        total += w[((c * channels + i) * kernel + a) * kernel + b] \
                            * x[((n * channels + i) * size + u) * size + v]
        y[place] = total


def shared(tile, kernel):
    """A kernel that reads each pixel once for all outputs of a block that look at it.

    A block computes rows x columns outputs of one channel.  For each input channel in turn, its threads together bring
    the pixels that these outputs see, with the border, into shared memory; then each thread adds up its window there.

    blocks      (tiles along the image, channels, images)
    """
    rows, columns = tile.rows, tile.columns
    pitch = columns + kernel - 1
    area = (rows + kernel - 1) * pitch

    @Kernel
    def shared(x, w, y, problem):
        _, channels, size, _ = problem
        window = cuda.shared.array(area, T)
        across = -(-size // columns)                       # tiles beside one another
        first_row, first_column = cuda.blockIdx.x // across * rows, cuda.blockIdx.x % across * columns
        c, n = cuda.blockIdx.y, cuda.blockIdx.z
        total = ZERO
        for i in range(channels):
            for at in range(cuda.threadIdx.y * columns + cuda.threadIdx.x, area, rows * columns):
                u, v = first_row + at // pitch - kernel // 2, first_column + at % pitch - kernel // 2
                inside = 0 <= u < size and 0 <= v < size
                window[at] = x[((n * channels + i) * size + u) * size + v] if inside else ZERO
            cuda.syncthreads()             # all pixels are there
            for a in range(kernel):
                for b in range(kernel):
                    total += w[((c * channels + i) * kernel + a) * kernel + b] \
                        * window[(cuda.threadIdx.y + a) * pitch + cuda.threadIdx.x + b]
            cuda.syncthreads()             # all have read them
        r, q = first_row + cuda.threadIdx.y, first_column + cuda.threadIdx.x
        if r < size and q < size:
            y[((n * channels + c) * size + r) * size + q] = total
    return shared


def registers(tile, kernel):
    """A kernel that uses each number it reads from shared memory several times.

    A thread keeps a tile of sums in registers, tile.channels outputs at tile.tall pixels.  For each weight and pixel of
    a tap that it reads, there are channels * tall multiplications for channels + tall reads.

    blocks      (tiles along the image, channels / tile.channels, images)
    """
    rows, columns, deep, tall = tile
    pitch = columns + kernel - 1
    area = (rows * tall + kernel - 1) * pitch
    weights = kernel * kernel * deep
    sums = deep * tall
    # For a signed index Numba asks at each access whether it is negative; in the innermost loops they are unsigned
    KERNEL, DEEP, TALL, PITCH, STEP = map(unsigned, (kernel, deep, tall, pitch, rows * pitch))

    @Kernel
    def registers(x, w, y, problem):
        _, channels, size, _ = problem
        window = cuda.shared.array(area, T)
        weight = cuda.shared.array(weights, T)             # [tap, channel]
        total = cuda.local.array(sums, T)                  # [channel, pixel]: in registers, as all loops over it unroll
        across = -(-size // columns)
        first_row, first_column = cuda.blockIdx.x // across * rows * tall, cuda.blockIdx.x % across * columns
        first_channel, n = cuda.blockIdx.y * deep, cuda.blockIdx.z
        thread = cuda.threadIdx.y * columns + cuda.threadIdx.x
        corner = unsigned(cuda.threadIdx.y * pitch + cuda.threadIdx.x)
        for s in range(sums):
            total[s] = ZERO
        for i in range(channels):
            for at in range(thread, area, rows * columns):
                u, v = first_row + at // pitch - kernel // 2, first_column + at % pitch - kernel // 2
                inside = 0 <= u < size and 0 <= v < size
                window[at] = x[((n * channels + i) * size + u) * size + v] if inside else ZERO
            for at in range(thread, weights, rows * columns):
                c, tap = first_channel + at % deep, at // deep
                weight[at] = w[(c * channels + i) * kernel * kernel + tap] if c < channels else ZERO
            cuda.syncthreads()
            for a in range(KERNEL):
                for b in range(KERNEL):
                    for p in range(TALL):
                        pixel = window[corner + p * STEP + a * PITCH + b]
                        for c in range(DEEP):
                            total[c * TALL + p] += weight[(a * KERNEL + b) * DEEP + c] * pixel
            cuda.syncthreads()
        for p in range(tall):
            r, q = first_row + cuda.threadIdx.y + p * rows, first_column + cuda.threadIdx.x
            for c in range(deep):
                if r < size and q < size and first_channel + c < channels:
                    y[((n * channels + first_channel + c) * size + r) * size + q] = total[c * tall + p]
    return registers


def on_device(problem, x, w, tile):
    """Name and function of each rung on the device; the functions give an array there."""
    sizes = tuple(problem)

    def run(kernel, blocks, threads):
        y = empty(x.shape)
        kernel(blocks, threads, x, w, y, sizes)
        return y

    def tiles(tall):
        return -(-problem.size // (tile.rows * tall)) * -(-problem.size // tile.columns)

    in_shared, in_registers = shared(tile, problem.kernel), registers(tile, problem.kernel)
    threads = tile.columns, tile.rows
    yield "the definition, a thread for each output", lambda: run(naive, *spread(x.size))
    yield "the image in shared memory", lambda: run(in_shared, (tiles(1), problem.channels, problem.images), threads)
    yield (f"sums in registers, {tile.channels} channels x {tile.tall} pixels a thread", lambda: run(
        in_registers, (tiles(tile.tall), -(-problem.channels // tile.channels), problem.images), threads))


def whole(engine, x, w):
    """A function that computes the convolution on the device as an engine does, ours or PyTorch."""
    x, w = engine.tensor(x), engine.tensor(w)
    return lambda: engine.F.conv2d(x, w, padding=w.shape[-1] // 2)


def main():
    """Print the table."""
    problem, tile = (SMALL, Tile(2, 2, 2, 2)) if driver.simulated else (LARGE, Tile(7, 28, 8, 4))
    x, w = problem.arrays()
    few = x[:4]                            # of 64 images: the definition on the CPU takes too long for all
    began = time.perf_counter()
    expected = loops.forward(few, w, None, problem.geometry)               # compiles, too
    began = time.perf_counter()
    loops.forward(few, w, None, problem.geometry)
    before = (time.perf_counter() - began) * len(x) / len(few)
    print("| rung | time | GFLOP/s | gain |\n|---|---:|---:|---:|")
    print(f"| CPU: the definition, compiled by Numba (from {len(few)} images) | {before * 1e3:.0f} ms | "
          f"{problem.flop / before / 1e9:.1f} | |")

    def rung(name, run, to_host):
        nonlocal before
        check(name, to_host(run())[:len(few)], expected)
        (repeats,), rounds = planned([run], 0.2)
        took = min(seconds_of(run, repeats) for _ in range(rounds))
        print(f"| {name} | {took * 1e3:.3g} ms | {problem.flop / took / 1e9:.1f} | x {before / took:.1f} |", flush=True)
        before = took

    rung(f"CPU: taps, {os.cpu_count()} threads", lambda: taps.forward(x, w, None, problem.geometry), np.asarray)
    for name, run in on_device(problem, asarray(x), asarray(w), tile):
        rung(name, run, lambda y: y.numpy())
    rung("the engine's own kernel", whole(engines.ours("cuda"), x, w), lambda y: y.cpu().numpy())
    other = engines.pytorch("cuda")
    if other:
        rung("cuDNN, by PyTorch", whole(other, x, w), lambda y: y.cpu().numpy())


def check(name, found, expected):
    """Raise ValueError unless a rung gives what the first gives."""
    if not np.allclose(found, expected, atol=1e-4):
        raise ValueError(f"{name}: the result is wrong by up to {np.abs(found - expected).max():.1e}")


if __name__ == "__main__":
    main()
