"""The pictures that the command line makes.

`samples` and `inpainting` have commands of their own.  The others are the figures for lectures, `FIGURES`: functions
that take runs, as `trained.Trained`, and return a matplotlib figure.  Each makes one claim, in its title, and computes
it from what it shows.
"""
import importlib
from dataclasses import dataclass
from importlib.util import find_spec
from . import page
from .examples import colours, inpainting, samples, tile
from .trained import Trained

__all__ = ["FIGURES", "colours", "draw", "inpainting", "listing", "samples", "tile"]


@dataclass(frozen=True)
class FigureEntry:
    """A figure that the command line knows.

    module      of this package, which has a function of the figure's name
    least, most how many runs it takes
    """
    module: str
    least: int = 0
    most: int = 0

    def load(self, name):
        """The function that draws it."""
        return getattr(importlib.import_module(f".{self.module}", __package__), name)


SEVERAL = 5
FIGURES = {
    "blind_spot": FigureEntry("fields"),
    "receptive_fields": FigureEntry("fields"),
    "lags": FigureEntry("lags"),
    "prefix_masks": FigureEntry("masks"),
    "pixelcnn_masks": FigureEntry("masks"),
    "coupling_masks": FigureEntry("masks"),
    "made_masks": FigureEntry("networks"),
    "posterior": FigureEntry("conditionals", 1, 1),
    "sequences": FigureEntry("conditionals", 1, 1),
    "line_flow": FigureEntry("flows", 1, 1),
    "warped_grid": FigureEntry("flows", 1, 1),
    "interpolations": FigureEntry("codes", 1, 1),
    "denoising": FigureEntry("noise", 1, 1),
    "filters": FigureEntry("noise", 1, 1),
    "densities": FigureEntry("flows", 1, SEVERAL),
    "reconstructions": FigureEntry("codes", 1, SEVERAL),
    "latent_samples": FigureEntry("codes", 1, SEVERAL),
    "curve": FigureEntry("curves", 1, SEVERAL),
}
FIGURES = {name: entry for name, entry in FIGURES.items() if find_spec(f"{__package__}.{entry.module}")}     # as MODELS


def draw(name, folders, path):
    """Draw the figure of that name, of the runs in these folders, as a PNG file."""
    entry = FIGURES[name]
    if len(folders) < entry.least:
        raise ValueError(f"the figure {name} is of a run: {usage(name)}")
    if len(folders) > entry.most:
        most = f"at most {entry.most} run{'s' * (entry.most > 1)}, and gets {len(folders)}" if entry.most else "no run"
        raise ValueError(f"the figure {name} takes {most}: {usage(name)}")
    with page.style():
        entry.load(name)(*map(Trained, folders)).savefig(path)


def usage(name):
    """How the command for a figure is typed."""
    return f"python -m models figure {name}{['', ' RUN', ' RUN [RUN ...]'][min(FIGURES[name].most, 2)]}"


def listing():
    """The figures, with a line about each, as text."""
    lines = []
    for most, title in {0: "no run", 1: "a run", SEVERAL: "a run, or of several beside each other"}.items():
        lines.append(f"figures of {title}:")
        for name, entry in FIGURES.items():
            if entry.most == most:
                lines.append(f"  {name:18} {entry.load(name).__doc__.splitlines()[0]}")
    return "\n".join(lines)
