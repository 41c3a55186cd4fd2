"""The command line: python -m tests.benchmarks [--only NAME] [--json FILE] [--threads T] [--seconds S] [--alone]"""
import argparse
import json
import os
import sys
from models.__main__ import THREAD_VARIABLES


def main(arguments=None):
    """Measure, print the tables, write the JSON file.  Returns the exit code."""
    options = parser().parse_args(arguments)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(options.threads)))     # before NumPy and Numba are loaded
    from . import engines, report, workloads_convolution, workloads_small, workloads_step
    every = [*workloads_convolution.workloads(), *workloads_step.workloads(), *workloads_small.workloads()]
    chosen = selected(every, options.only)
    if not chosen:
        print(f"python -m tests.benchmarks: no workload, prefix or group is called {options.only!r}; there are:",
              *(w.name for w in every), sep="\n    ", file=sys.stderr)
        return 2
    other = None if options.alone else engines.pytorch()   # loaded first, so that it finds the threads as it likes them
    present = [engines.ours(), other]
    present = [engine for engine in present if engine]
    if len(present) == 1 and not options.alone:
        print("PyTorch is not installed (extra `bench`): ours alone.\n")
    rows = []
    print(report.header())
    for workload in chosen:
        row = {**workload.measure(present, options.seconds), "threads": options.threads}
        rows.append(row)
        print(report.measured(row), flush=True)
        if options.json:                   # after each one, so that what was measured is kept whatever happens next
            with open(options.json, "w") as file:
                json.dump(rows, file, indent=1)
    print("\n" + report.summary(rows))
    return 0


def parser():
    """What can be typed after `python -m tests.benchmarks`."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Time this engine and PyTorch in "
                                     "turn.  A ratio below 1 says that ours is faster.")
    parser.add_argument("--only", metavar="NAME", help="a workload, the beginning of some names (`step`, `conv2d 100`, "
                        "`masked`), or a group: convolution, step, overhead, memory, start-up")
    parser.add_argument("--json", metavar="FILE", help="write the measurements to this file")
    parser.add_argument("--threads", type=int, default=2, metavar="T", help="of both engines (default: 2)")
    parser.add_argument("--seconds", type=float, default=1.5, metavar="S",
                        help="roughly how long to measure each workload (default: 1.5)")
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
