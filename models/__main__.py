"""The command line: python -m models list | train | evaluate | sample | inpaint"""
import argparse
import os
import sys
from .registry import DATA, MODELS

THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def main(arguments=None):
    """Run one command.  Returns the exit code: 0, 1 where it failed, 2 for bad usage, 130 after a second Ctrl-C."""
    options = parser().parse_args(arguments)
    if options.threads:                    # before NumPy and Numba are loaded, since they look only then
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(options.threads)))
    from . import commands
    try:
        return commands.COMMANDS[options.command](options)
    except (OSError, ValueError, FloatingPointError) as error:
        print(f"python -m models {options.command}: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"python -m models {options.command}: aborted", file=sys.stderr)
        return 130


def parser():
    """What can be typed after `python -m models`."""
    top = Parser(prog="python -m models", description="Train generative models, and look at what they have learned.")
    commands = top.add_subparsers(dest="command", required=True, metavar="list|train|evaluate|sample|inpaint")

    def command(name, text):
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument("--threads", type=whole, metavar="T", help="how many threads to compute with")
        return added

    command("list", "the models and the data sets that there are")
    train = command("train", "train a model; by default with a budget that suits it")
    train.add_argument("model", type=one_of("model", MODELS), metavar="MODEL", help=", ".join(MODELS))
    train.add_argument("--data", type=one_of("data set", DATA), metavar="DATA", help=", ".join(DATA))
    length = train.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=whole, metavar="N", help="train for N passes over the data")
    length.add_argument("--minutes", type=positive, metavar="M", help="train for M minutes")
    train.add_argument("--batch-size", type=whole, metavar="B", help="examples a step")
    train.add_argument("--lr", type=positive, metavar="X", help="the highest learning rate")
    train.add_argument("--seed", type=natural, metavar="S", help="what all random numbers come from (0)")
    train.add_argument("--out", metavar="DIR", help="the run's folder (runs/MODEL-DATA)")
    train.add_argument("--resume", action="store_true", help="go on with the run in that folder")
    evaluate = command("evaluate", "measure a trained model on the whole test set")
    sample = command("sample", "draw examples from a trained model")
    sample.add_argument("-n", type=whole, default=64, metavar="N", help="how many (64)")
    inpaint = command("inpaint", "complete the lower halves of test images")
    inpaint.add_argument("-n", type=whole, default=8, metavar="N", help="how many (8)")
    for added in (evaluate, sample, inpaint):
        added.add_argument("run", metavar="RUN", help="the folder of a run")
    for added, name in ((sample, "samples.png"), (inpaint, "inpainting.png")):
        added.add_argument("--seed", type=natural, default=0, metavar="S", help="what all random numbers come from (0)")
        added.add_argument("--out", metavar="FILE", help=f"the picture ({name} in RUN)")
    return top


def one_of(kind, known):
    """An argument that must be one of the known names."""
    def check(text):
        if text not in known:
            raise argparse.ArgumentTypeError(f"unknown {kind} {text!r}; there are {', '.join(known)}")
        return text
    return check


def number(kind, accept, wanted):
    """An argument that must be a number of some kind."""
    def check(text):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not accept(value):
            raise argparse.ArgumentTypeError(f"must be {wanted}, not {text!r}")
        return value
    return check


whole = number(int, lambda value: value >= 1, "a whole number from 1 on")
natural = number(int, lambda value: value >= 0, "a whole number from 0 on")
positive = number(float, lambda value: 0 < value < float("inf"), "a number above 0")

if __name__ == "__main__":
    sys.exit(main())
