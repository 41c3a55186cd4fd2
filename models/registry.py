"""What there is: the models and the data sets by name, and how each model is trained unless told otherwise.

Nothing is imported here but on request, so listing the names costs nothing.
"""
import importlib
from dataclasses import dataclass


@dataclass(frozen=True)
class ModelEntry:
    """A model that the command line knows.

    module, cls     where its class is
    summary         one line for `list`
    recipes         for each data set that it can learn, how: "minutes", "batch_size", "lr", and "config", what the
                    class is built with beside the data's shape and levels.  The first one is the default
    """
    module: str
    cls: str
    summary: str
    recipes: dict

    def load(self):
        """The model's class."""
        return getattr(importlib.import_module(f".{self.module}", __package__), self.cls)


@dataclass(frozen=True)
class DataEntry:
    """A data set that the command line knows: the module of `models.data` that loads it, and a line about it."""
    module: str
    summary: str


MODELS = {
    "pixelcnn": ModelEntry("pixelcnn", "PixelCNN", "masked convolutions, one pixel after the other", {
        "digits": {"minutes": 3, "batch_size": 16, "lr": 2e-3, "config": {"channels": 32, "layers": 5}},
        "mnist": {"minutes": 10, "batch_size": 16, "lr": 2e-3, "config": {"channels": 32, "layers": 5}},
    }),
}

DATA = {
    "digits": DataEntry("digits", "drawn on the spot from matplotlib's fonts: 12,000 + 2,000 of 28x28, 256 greys"),
    "mnist": DataEntry("mnist", "handwritten digits: 60,000 + 10,000 of 28x28, 256 greys"),
}
