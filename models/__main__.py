"""The command line: python -m models list | train | evaluate | sample | inpaint | figure | reproduce"""
import argparse
import json
import os
import sys
from .registry import DATA, MODELS

NAMES = "list|train|evaluate|sample|inpaint|figure|reproduce"
DEVICES = "cpu", "cuda"
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
    from minigrad.devices import CudaError
    from . import commands, reproduce
    try:
        return {**commands.COMMANDS, "reproduce": reproduce.command}[options.command](options)
    except (OSError, ValueError, FloatingPointError, NotImplementedError, CudaError) as error:
        print(f"python -m models {options.command}: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"python -m models {options.command}: aborted", file=sys.stderr)
        return 130


def parser():
    """What can be typed after `python -m models`."""
    top = Parser(prog="python -m models", description="Train generative models, and look at what they have learned.")
    commands = top.add_subparsers(dest="command", required=True, metavar=NAMES)

    def command(name, text):
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument("--threads", type=whole, metavar="T", help="how many threads to compute with")
        return added

    command("list", "the models and the data sets that there are")
    train = command("train", "train a model; by default with a budget that suits it")
    train.add_argument("model", type=one_of("model", MODELS), metavar="MODEL", help=", ".join(MODELS))
    train.add_argument("--data", type=data_set, metavar="DATA",
                       help=f"{', '.join(DATA)}, or FILE.npz with an array x and, if wanted, labels y")
    train.add_argument("--set", type=setting, nargs="+", action="extend", metavar="KEY=VALUE",
                       help="arguments of the model's constructor, in JSON or as text")
    length = train.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=whole, metavar="N", help="train for N passes over the data")
    length.add_argument("--minutes", type=positive, metavar="M", help="train for M minutes")
    train.add_argument("--batch-size", type=whole, metavar="B", help="examples a step")
    train.add_argument("--lr", type=positive, metavar="X", help="the highest learning rate")
    train.add_argument("--seed", type=natural, metavar="S", help="what all random numbers come from (0)")
    train.add_argument("--out", metavar="DIR", help="the run's folder (runs/MODEL-DATA)")
    train.add_argument("--resume", action="store_true", help="go on with the run in that folder")
    evaluate = command("evaluate", "measure a trained model on the test set")
    evaluate.add_argument("-n", type=whole, metavar="N", help="on so many examples only (all)")
    evaluate.add_argument("--samples", type=whole, metavar="K",
                          help="models with latent variables: by importance weighting with K samples an example")
    sample = command("sample", "draw examples from a trained model")
    sample.add_argument("-n", type=whole, metavar="N", help="how many (64; points: 2000)")
    sample.add_argument("--label", type=natural, metavar="L", help="class-conditional models: of class L (all in turn)")
    inpaint = command("inpaint", "complete test examples of which one half is given")
    inpaint.add_argument("-n", type=whole, default=8, metavar="N", help="how many (8)")
    figure = command("figure", "draw a figure for a lecture")
    figure.add_argument("name", nargs="?", metavar="NAME", help="which figure; without a name, they are listed")
    for added in (evaluate, sample, inpaint, figure):
        several = {"nargs": "*"} if added is figure else {}
        added.add_argument("run", metavar="RUN", help="the folder of a run", **several)
    for added, name in ((sample, "samples.png"), (inpaint, "inpainting.png"), (figure, "NAME.png")):
        added.add_argument("--out", metavar="FILE", help=f"the picture ({name} in RUN)")
    for added in (sample, inpaint):
        added.add_argument("--seed", type=natural, default=0, metavar="S", help="what all random numbers come from (0)")
    reproduce = command("reproduce", "train what was published, and print a table of what comes out")
    reproduce.add_argument("name", nargs="?", metavar="NAME", help="only this line of the table")
    for added in (train, evaluate, sample, inpaint, reproduce):
        added.add_argument("--device", type=one_of("device", DEVICES), metavar="D",
                           help="where to compute: cpu, by default, or cuda, a GPU; a resumed run stays where it was")
    return top


def one_of(kind, known):
    """An argument that must be one of the known names."""
    def check(text):
        if text not in known:
            raise argparse.ArgumentTypeError(f"unknown {kind} {text!r}; there are {', '.join(known)}")
        return text
    return check


def data_set(text):
    """An argument that must be the name of a data set, or that of a file."""
    return text if text.endswith(".npz") else one_of("data set", DATA)(text)


def setting(text):
    """An argument KEY=VALUE: the pair of both.  What is no JSON is text."""
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise argparse.ArgumentTypeError(f"must be KEY=VALUE, not {text!r}")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


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
