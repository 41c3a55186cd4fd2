"""python -m minigrad.cuda: what the GPU needs, what is there, and whether it works.  The exit code is 0 if it does."""
import sys
from . import report

if __name__ == "__main__":
    sys.exit(report.main())
