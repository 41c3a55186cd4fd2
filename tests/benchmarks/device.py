"""Workloads on a GPU, timed by the device's own clock, and what only makes sense there.

In Numba's simulator, which is slower than a GPU by a factor of a million, the same is done in toy sizes.
"""
import os
import time
import numpy as np
from minigrad.cuda import driver, launch, memory
from minigrad.cuda import report as cuda_report
from . import engines, workloads_convolution, workloads_small, workloads_step
from .measure import Timed, compared
from .report import geometric_mean

BATCH = 0.02               # seconds: what is shorter is repeated so often between two looks at the clock
ROUNDS = (1, 1) if driver.simulated else (5, 21)           # at least and at most so many for each engine
LAUNCHES = 3 if driver.simulated else 1000
TOLERANCE = 2e-2           # where there are convolutions: of the PixelCNN's gradients on an H100, cuDNN's were 8e-3 away
                           # from those in float64, ours 3e-4, each at most
BIG_STEP = "step pixelcnn, batch 128"
HOST_STEP = "on the CPU: " + BIG_STEP


class OnDevice(Timed):
    """A workload, timed by marks in the device's queue of work."""

    def __init__(self, workload, name=None):
        self.__dict__.update(vars(workload), must=None, reach=None)        # the limits are for the CPU
        self.name = name or workload.name
        if not driver.simulated and self.group in ("step", "convolution"):
            self.tolerance = TOLERANCE

    def measure(self, engines, seconds):
        runs = self.prepared(engines)
        held = footprint(runs[0])
        repeats, rounds = planned(runs, seconds)
        times = zip(*[[seconds_of(run, n) for run, n in zip(runs, repeats)] for _ in range(rounds)])
        return self.rated(compared(list(times), None), ours_peak_mb=held)


class Alone(OnDevice):
    """One that PyTorch has no counterpart of."""

    def measure(self, engines, seconds):
        return super().measure(engines[:1], seconds)


class OnHost(Timed):
    """A workload on the CPU beside the device, ours only."""

    def measure(self, present, seconds):
        return super().measure([engines.ours()], seconds)


def seconds_of(run, repeats):
    """How long a run takes, from the moment that the first is asked for to the end of the last one's work."""
    if driver.simulated:
        start = time.perf_counter()
        for _ in range(repeats):
            run()
        return (time.perf_counter() - start) / repeats
    device = driver.get()
    start = device.event()
    for _ in range(repeats):
        run()
    return device.milliseconds(start, device.event()) / 1e3 / repeats


def planned(runs, seconds):
    """How often each run is repeated between two looks at the clock, and how many rounds there are."""
    once = [min(seconds_of(run, 1) for _ in range(1 if driver.simulated else 3)) for run in runs]
    repeats = [max(1, round(BATCH / max(t, 1e-7))) for t in once]
    return repeats, round(min(max(seconds / sum(t * n for t, n in zip(once, repeats)), ROUNDS[0]), ROUNDS[1]))


def footprint(run):
    """The megabytes that a run takes from the driver beyond what was held before.  None in the simulator."""
    if driver.simulated:
        return None
    memory.release()
    before = memory.in_use
    result = run()
    taken = memory.in_use + memory.kept - before
    del result
    return taken / 1e6


# ---------------------------------------------------------------------------------------------------------------------
# What is measured

def workloads():
    """All of them."""
    toy = driver.simulated
    if toy:
        steps = [step_of("step nvp", workloads_step.nvp, batch=2), step_of("step made", workloads_step.made, batch=2,
                                                                           size=6, hidden=5)]
        single = workloads_convolution.plain("conv2d", (2, 2, 5, 4), 3, 3, 1, 1)
    else:
        steps = [step_of(BIG_STEP, workloads_step.pixelcnn, batch=128),
                 *(w for w in workloads_step.workloads() if w.name != "step pixelcnn")]
        single = workloads_convolution.workloads()
    yield from map(OnDevice, [*steps, *single, *arithmetic(64 if toy else 1 << 25, (5,) if toy else (512, 4096))])
    yield from overhead(toy)
    if not toy:
        yield OnHost(HOST_STEP, "host", lambda engine: build(engine, workloads_step.pixelcnn, batch=128))


def step_of(name, make, **sizes):
    """The training step of a network in these sizes."""
    return Timed(name, "step", lambda engine: build(engine, make, **sizes))


def build(engine, make, **sizes):
    """(run, results) of it."""
    return workloads_step.step(engine, *make(engine, **sizes))


def arithmetic(n, sizes):
    """How fast memory is read and written, and a matrix product."""
    for name, function, arrays in (("add", lambda torch, x, y: x + y, 3), ("exp", lambda torch, x, y: torch.exp(x), 2),
                                   ("sum", lambda torch, x, y: x.sum(), 1)):
        yield Timed(f"{name} of {n:,} numbers", "arithmetic", unrecorded(function, (n,)), moved=4 * n * arrays)
    yield Timed(f"sum of 32 columns of {n // 32:,}", "arithmetic",
                unrecorded(lambda torch, x, y: x.sum(0), (n // 32, 32)), moved=4 * n)
    for size in sizes:
        yield Timed(f"matmul {size}", "arithmetic", unrecorded(lambda torch, x, y: x @ y, (size, size)),
                    flop=2 * size ** 3)


def unrecorded(function, shape):
    """function(torch, x, y) of two tensors of that shape, under `no_grad`."""
    def build(engine):
        rng = np.random.default_rng(0)
        x, y = (engine.tensor(rng.random(shape, np.float32)) for _ in range(2))

        def run():
            with engine.torch.no_grad():
                return function(engine.torch, x, y)
        return run, lambda result: [result]
    return build


def overhead(toy):
    """What an operation on 4 numbers costs, and a launch by itself."""
    if not toy:
        yield from map(OnDevice, (w for w in workloads_small.overhead() if w.name.startswith("overhead chain")))
    yield Alone(Timed("overhead launch", "overhead", launches, operations=LAUNCHES))


def launches(engine):
    """A small kernel again and again, without the engine around it."""
    x, y = (engine.tensor(np.ones(4, np.float32)) for _ in range(2))
    where = launch.spread(4)

    def run():
        for _ in range(LAUNCHES):
            cuda_report.double(*where, 4, x.data, y.data)
        return y
    return run, lambda y: [y]


# ---------------------------------------------------------------------------------------------------------------------
# What was measured on what

def described():
    """The device and the versions, in a few lines.  Raises CudaError where there is no device."""
    lines = [f"Numba {cuda_report.numba_and_target()}; beside the device {os.cpu_count()} processors"]
    if driver.simulated:
        return "\n".join([*lines, "Numba's simulator: the times say nothing"])
    return "\n".join([*lines, "driver of CUDA {}.{}".format(*driver.get().version),
                      *(value for _, value in cuda_report.devices(driver.get()))])


def of_pytorch(other):
    """PyTorch's versions, in a line."""
    return (f"\nPyTorch {other.torch.__version__}, eager, float32 without TF32, cuDNN "
            f"{other.torch.backends.cudnn.version()}")


def summary(rows):
    """Ours against PyTorch in a few means; and how many times faster the device is than the CPU beside it."""
    compared = [row for row in rows if row["ratio"] is not None]
    single = [row for row in compared if row["group"] == "convolution"]
    lines = [f"{name}: ours / PyTorch {geometric_mean(some):.2f} (geometric mean of {len(some)})" for name, some in (
        ("steps", [row for row in compared if row["group"] == "step"]),
        ("convolutions", [row for row in single if not row["name"].startswith("masked")]),
        ("masked convolutions", [row for row in single if row["name"].startswith("masked")])) if some]
    taken = {row["name"]: row["ours_ms"] for row in rows}
    if HOST_STEP in taken and BIG_STEP in taken:
        lines.append(f"{BIG_STEP}: {taken[HOST_STEP] / taken[BIG_STEP]:.1f} times faster than on the CPU beside it")
    return "\n".join(lines)
