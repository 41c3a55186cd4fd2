"""The kinds of workload, and how each is measured.

A workload has a `name`, a `group`, limits, and `measure(engines, seconds)`, which returns a row: a dict with the same
keys for all workloads, None where something does not apply.
"""
import gc
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 5, 41             # at least and at most so many for each engine
AGAIN = 3                  # how often that may be, at most, where other processes disturb
DISTURBED = 0.4            # cores that others keep busy in a round; the clock is too coarse to see less than 0.3
BATCH = 0.03               # seconds: what is shorter is repeated so often within a round


class Workload:
    """What all kinds share.

    judged      the key of the row that the limits are about: "ratio", "ours_ms" or "extra"
    must, reach     limits for it; None where there are none
    """
    judged = "ratio"

    def __init__(self, name, group, must=None, reach=None):
        self.name, self.group, self.must, self.reach = name, group, must, reach

    def row(self, **measured):
        """One object of the JSON list.

        ours_ms, torch_ms           medians of the time of a run
        ratio, ratio_low, ratio_high    ours / PyTorch of neighbouring measurements: median and quartiles
        rounds, others              how often it was measured; how many cores other processes kept busy meanwhile
        operations                  how many small operations a run is
        gflop, ours_gflops, torch_gflops    the useful arithmetic of a run, and of a second
        gbyte, ours_gbs, torch_gbs  what a run must read and write at least, and in a second
        ours_peak_mb, extra         the most memory that ours held in a run; as a multiple of input and output
        judged, must, reach         which of these keys has a limit, what it must not exceed, what to reach for
        """
        keys = dict.fromkeys(("ours_ms", "torch_ms", "ratio", "ratio_low", "ratio_high", "rounds", "operations",
                              "others", "gflop", "ours_gflops", "torch_gflops", "gbyte", "ours_gbs", "torch_gbs",
                              "ours_peak_mb", "extra"))
        return {"name": self.name, "group": self.group, **keys, **measured,
                "judged": self.judged if self.must else None, "must": self.must, "reach": self.reach}


class Timed(Workload):
    """Something done again and again by both engines, in turn.

    build       engine -> (run, results): `run()` is what is timed, and `results(run())` lists the tensors that must be
                the same in both engines
    flop        multiplications and additions of one run that count, None where that makes no sense
    moved       bytes that a run must read and write at least, None where that makes no sense
    operations  how many small operations a run consists of, where the time of one is asked for
    tolerance   how far the engines' results may differ, relative to the largest number in a tensor
    """

    def __init__(self, name, group, build, must=None, reach=None, flop=None, moved=None, operations=None,
                 tolerance=1e-4):
        super().__init__(name, group, must, reach)
        self.build, self.flop, self.moved, self.operations, self.tolerance = build, flop, moved, operations, tolerance

    def measure(self, engines, seconds):
        runs = self.prepared(engines)
        peak = peak_bytes(runs[0])
        return self.rated(compared(*in_turn(runs, *planned(runs, seconds))), ours_peak_mb=peak / 1e6)

    def prepared(self, engines):
        """The function to be timed of each engine, after a first run: it compiles, and gives results to compare."""
        runs, checked = [], []
        for engine in engines:
            run, results = self.build(engine)
            checked.append([np.array(result.detach().cpu().numpy()) for result in results(run())])
            runs.append(run)
        for other in checked[1:]:
            check_equal(self.name, checked[0], other, self.tolerance)
        return runs

    def rated(self, row, **more):
        """The row, with what the engines did in a second."""
        for key, rate, done in (("gflop", "gflops", self.flop), ("gbyte", "gbs", self.moved)):
            if done:
                row[key] = done / 1e9
                row.update({f"{name}_{rate}": done / 1e6 / row[f"{name}_ms"]
                            for name in ("ours", "torch") if f"{name}_ms" in row})
        return self.row(**row, operations=self.operations, **more)


class Memory(Workload):
    """How many bytes a run of ours allocates at its worst, as a multiple of what it works on.

    build       engine -> (prepare, run, size): what `run(prepare())` allocates is compared with `size` bytes.  It
                includes what the run returns.  Memory that a compiled kernel allocates by itself is not seen
    """
    judged = "extra"

    def __init__(self, name, build, must, reach):
        super().__init__(name, "memory", must, reach)
        self.build = build

    def measure(self, engines, seconds):
        prepare, run, size = self.build(engines[0])
        run(prepare())                     # compile
        prepared = prepare()
        peak = peak_bytes(lambda: run(prepared))
        return self.row(ours_peak_mb=peak / 1e6, extra=peak / size)


class StartUp(Workload):
    """A whole process, from its start to its end.

    code        what it executes, by engine name
    cache       "own": with the caches that are there; "none": with an empty folder for Numba's; "warm": with a folder
                that an earlier such process has filled
    """
    judged = "ours_ms"

    def __init__(self, name, code, cache="own", must=None, reach=None):
        super().__init__(name, "start-up", must, reach)
        self.code, self.cache = code, cache

    def measure(self, engines, seconds):
        with tempfile.TemporaryDirectory() as folder:
            runs = [lambda code=self.code[engine.name]: self.process(code, folder) for engine in engines]
            if self.cache != "none":
                for run in runs:
                    run()
            return self.row(**compared(*in_turn(runs, [1] * len(runs), 1 if self.cache == "none" else 3)))

    def process(self, code, folder):
        """Run the code in a Python of its own."""
        cache = {} if self.cache == "own" else {"NUMBA_CACHE_DIR": folder}
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **cache}, check=True)


def settle():
    """Wait until no thread of this process is busy.

    After its work, a thread pool keeps spinning for a while, in case there is more: OpenMP's for 10 milliseconds,
    OpenBLAS's for 100.  On as many cores as threads, the other engine would be measured with half of its cores taken.
    """
    for _ in range(100):
        before = time.process_time()
        time.sleep(0.005)
        if time.process_time() - before < 0.0005:
            return


def planned(runs, seconds):
    """How often each run is repeated within a round, and how many rounds there are, to take about so many seconds."""
    repeats, total = [], 0
    for run in runs:                       # a second warm-up, too
        start = time.perf_counter()
        run()
        once = max(time.perf_counter() - start, 1e-7)
        settle()
        repeats.append(max(1, round(BATCH / once)))
        total += time.perf_counter() - start + (repeats[-1] - 1) * once
    return repeats, round(min(max(seconds / total, ROUNDS[0]), ROUNDS[1]))


def in_turn(runs, repeats, rounds):
    """Measure each of `runs` in turn, A B A B ...  Returns the seconds a run took, a list for each with one number a
    round, and how many cores other processes kept busy meanwhile.

    On a shared machine the speed drifts.  Neighbouring measurements see the same machine, so their ratio counts.
    Rounds in which others computed are worth nothing (threads that wait for each other suffer most); they are repeated,
    up to AGAIN times as many as asked for, and the quietest count.
    """
    measured = []
    gc.collect()
    while len(measured) < AGAIN * rounds and sum(others <= DISTURBED for others, _ in measured) < rounds:
        begin, before, taken = time.perf_counter(), seconds_of_others(), []
        for run, repeat in zip(runs, repeats):
            settle()
            start = time.perf_counter()
            for _ in range(repeat):
                run()
            taken.append((time.perf_counter() - start) / repeat)
        measured.append(((seconds_of_others() - before) / (time.perf_counter() - begin), taken))
    quietest = sorted(measured, key=lambda one: max(one[0], DISTURBED))[:rounds]
    others, times = zip(*quietest)
    return list(zip(*times)), max(0.0, float(np.mean(others)))


def seconds_of_others():
    """The processor time that all other processes have had so far.   0 where the system does not tell."""
    if not os.path.exists("/proc/stat"):
        return 0.0
    with open("/proc/stat") as file:       # cpu  user nice system idle iowait irq softirq steal ...
        user, nice, system, _, _, *rest = map(int, file.readline().split()[1:9])
    own = time.process_time() + sum(os.times()[2:4])               # with that of finished children
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK") - own


def compared(times, others):
    """What a row says of the times of ours and, if there is a second list, of PyTorch."""
    row = {"ours_ms": 1e3 * float(np.median(times[0])), "rounds": len(times[0]), "others": others}
    if len(times) > 1:
        low, middle, high = map(float, np.quantile(np.divide(*times), (0.25, 0.5, 0.75)))
        row.update(torch_ms=1e3 * float(np.median(times[1])), ratio=middle, ratio_low=low, ratio_high=high)
    return row


def check_equal(name, ours, others, tolerance):
    """Raise ValueError unless the two lists of arrays agree: a benchmark of something else is worthless."""
    if len(ours) != len(others):
        raise ValueError(f"{name}: ours gives {len(ours)} results, PyTorch {len(others)}")
    for i, (a, b) in enumerate(zip(ours, others)):
        scale = max(float(np.abs(b).max(initial=0)), 1e-30)
        if a.shape != b.shape or not np.abs(a - b).max(initial=0) <= tolerance * scale:
            far = f"they differ by {np.abs(a - b).max():.1e} of {scale:.1e}" if a.shape == b.shape else ""
            raise ValueError(f"{name}: result {i} of ours, {a.shape}, is not PyTorch's, {b.shape} {far}")


def peak_bytes(run):
    """The most memory that Python and NumPy held at one moment of a run, beyond what they held before."""
    from layers.kernels import workspaces
    workspaces.kept.clear()                # else what is kept from earlier calls would not be seen
    gc.collect()
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
