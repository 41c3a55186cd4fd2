"""The command line: python -m tests.benchmarks [--only NAME] [--json FILE] [--threads T] [--seconds S] [--alone]
[--device cuda]"""
import argparse
import json
import os
import sys
import traceback
from models.__main__ import THREAD_VARIABLES


def main(arguments=None):
    """Measure, print the tables, write the JSON file.  Returns the exit code: 1 if something can't be measured."""
    options = parser().parse_args(arguments)
    on_device = options.device == "cuda"
    threads = options.threads or (os.cpu_count() if on_device else 2)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))     # before NumPy and Numba are loaded
    from . import (
        engines, report, workloads_convolution, workloads_sampling, workloads_small, workloads_step)
    if on_device:
        from minigrad.cuda import CudaError
        from . import device
        try:
            described = device.described()
        except CudaError as error:
            print(f"python -m tests.benchmarks: {error}", file=sys.stderr)
            return 1
        every = list(device.workloads())
    else:
        every = [*workloads_convolution.workloads(), *workloads_step.workloads(), *workloads_sampling.workloads(),
                 *workloads_small.workloads()]
    chosen = selected(every, options.only)
    if not chosen:
        print(f"python -m tests.benchmarks: no workload, prefix or group is called {options.only!r}; there are:",
              *(w.name for w in every), sep="\n    ", file=sys.stderr)
        return 2
    other = None if options.alone else engines.pytorch(options.device)     # first: it finds the threads as it likes
    present = [engines.ours(options.device), other]
    present = [engine for engine in present if engine]
    if len(present) == 1 and not options.alone:
        print("PyTorch is not installed (extra `bench`), or not for this device: ours alone.\n")
    if on_device:
        print(described + (device.of_pytorch(other) if other else ""), end="\n\n")
    seconds = options.seconds or (0.3 if on_device else 1.5)
    rows = []
    print(report.header())
    for workload in chosen:
        try:
            row = {**workload.measure(present, seconds), "threads": threads, "device": options.device}
        except Exception:                  # the others are measured all the same
            traceback.print_exc(limit=-4)
            print(f"{workload.name} can't be measured", file=sys.stderr, flush=True)
            continue
        rows.append(row)
        print(report.measured(row), flush=True)
        if options.json:                   # after each one, so that what was measured is kept whatever happens next
            with open(options.json, "w") as file:
                json.dump(rows, file, indent=1)
    print("\n" + (device.summary(rows) if on_device else report.summary(rows)))
    return 0 if len(rows) == len(chosen) else 1


def parser():
    """What can be typed after `python -m tests.benchmarks`."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Time this engine and PyTorch in "
                                     "turn.  A ratio below 1 says that ours is faster.")
    parser.add_argument("--only", metavar="NAME", help="a workload, the beginning of some names (`step`, `conv2d 100`, "
                        "`masked`), or a group: convolution, step, sampling, overhead, memory, start-up (on a device: "
                        "arithmetic, host)")
    parser.add_argument("--json", metavar="FILE", help="write the measurements to this file")
    parser.add_argument("--threads", type=int, metavar="T",
                        help="of both engines (default: 2; beside a device, all processors)")
    parser.add_argument("--seconds", type=float, metavar="S",
                        help="roughly how long to measure each workload (default: 1.5; on a device 0.3)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where to compute (default: cpu)")
    parser.add_argument("--alone", action="store_true", help="leave PyTorch out")
    return parser


def selected(workloads, only):
    """The workloads with that name; else those of that group; else those whose name begins so.  None means all."""
    for chosen in ([w for w in workloads if only in (None, w.name)], [w for w in workloads if w.group == only]):
        if chosen:
            return chosen
    return [w for w in workloads if w.name.startswith(only)]


if __name__ == "__main__":
    sys.exit(main())
