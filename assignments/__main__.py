"""The command line: python -m assignments list | release | check | grade | selftest"""
import argparse
import signal
import sys
from importlib import import_module

NAMES = "list|release|check|grade|selftest"


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def main(arguments=None):
    """Run one command.  Returns the exit code: 0, 1 where it failed or something is wrong, 2 for bad usage, 130 after
    Ctrl-C."""
    options = parser().parse_args(arguments)
    try:
        return import_module(f"{__package__}.{options.module}").command(options)
    except (OSError, ValueError, NotImplementedError) as error:
        print(f"python -m assignments {options.command}: {str(error) or type(error).__name__}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"python -m assignments {options.command}: aborted", file=sys.stderr)
        return 130


def parser():
    """What can be typed after `python -m assignments`."""
    top = Parser(prog="python -m assignments", description="Hand out homework cut from the engine, and grade it.")
    commands = top.add_subparsers(dest="command", required=True, metavar=NAMES)

    def command(name, module, text, *positional):
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(module=module)
        for argument in positional:
            added.add_argument(argument, metavar=argument.upper())
        return added

    command("list", "listing", "the assignments that there are")
    release = command("release", "release", "write the hand-out and the grader of an assignment, two zip files", "id")
    release.add_argument("--out", required=True, metavar="DIR", help="the folder to write them to")
    check = command("check", "grading.check", "run the public cases")
    check.add_argument("id", nargs="?", metavar="ID", help="which assignment; not needed where there is only one")
    check.add_argument("task", nargs="?", metavar="TASK", help="only this task")
    check.add_argument("--path", metavar="DIR", help="the folder with the engine and your files (the one in use)")
    grade = command("grade", "grading.batch", "grade a folder of submissions", "id", "submissions")
    grade.add_argument("--out", required=True, metavar="DIR", help="the folder for the table and the reports")
    grade.add_argument("--jobs", type=positive, default=1, metavar="N", help="how many submissions at a time (1)")
    grade.add_argument("--seed", metavar="S", help="what the inputs come from (a secret new one for each run)")
    grade.add_argument("--isolation", choices=["process"], help="grade even where workers can only be kept apart as "
                                                                "processes of the same user")
    selftest = command("selftest", "selftest",
                       "prove an assignment: the reference gets full marks, the skeleton none, faults lose", "id")
    selftest.add_argument("--runs", type=positive, default=1, metavar="N",
                          help="how often right solutions are graded (1)")
    return top


def positive(text):
    """An argument that must be a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not {text!r}")
    return int(text)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))   # so that what is temporary is removed
    sys.exit(main())
