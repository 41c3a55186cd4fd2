"""Step through a short computation: python -m minigrad.trace "a=2; b=a+a; c=b+b; c*b" """
import argparse
import sys
from . import backward, forward, page, strip, walk
from .expression import run

COLUMNS = 8            # of a picture


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def main(arguments=None):
    """Show the steps.  Returns the exit code: 0, or 1 where the program or a file failed."""
    options = parser().parse_args(arguments)
    try:
        result, variables = run(options.program)
        there, back = list(forward(result, variables=variables)), list(backward(result, variables=variables))
        if options.html:
            print(page([*there, *back], options.html, options.program))
        if options.picture:
            strip([*there, *back], min(COLUMNS, len(there))).savefig(options.picture)
            print(options.picture)
    except (ValueError, OSError) as error:
        what = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
        print(f"python -m minigrad.trace: {what}", file=sys.stderr)
        return 1
    if options.html or options.picture:
        return 0
    if sys.stdin.isatty():
        walk([*there, *back])
    else:
        print("\n\n".join(map(str, [*there, *back])))
    return 0


def parser():
    """What can be typed after `python -m minigrad.trace`."""
    top = Parser(prog="python -m minigrad.trace",
                 description="Step through a short computation, forward and backward.  At a terminal, enter goes on, "
                             "b goes back, q quits; otherwise all steps are printed.")
    top.add_argument("program", help='such as "a=2; b=a+a; c=b+b; c*b".  Numbers that get a name get a gradient')
    top.add_argument("--html", metavar="FILE", help="write a page with a slider instead")
    top.add_argument("--picture", metavar="FILE", help="draw all steps beside each other instead (.png, .svg, .pdf)")
    return top


if __name__ == "__main__":
    sys.exit(main())
