"""The runs that figures are of."""
import os
from functools import cached_property
from .. import runs
from ..data import load


class Trained:
    """A run's folder, and what is in it, read when it is needed."""

    def __init__(self, folder):
        self.folder, self.config = folder, runs.read_config(folder)

    @cached_property
    def model(self):
        """The trained model."""
        return runs.load_model(self.folder)[0]

    @cached_property
    def data(self):
        """The DataSet that it was trained on."""
        return load(self.config["data"])

    @cached_property
    def metrics(self):
        """What was measured in training: a list of dicts."""
        return runs.read_json(self.folder, runs.METRICS)

    @property
    def name(self):
        """What was trained, for axes and legends."""
        return self.config["model"]

    @property
    def full_name(self):
        """What was trained on what, for titles."""
        return f"{self.config['model']} on {os.path.basename(self.config['data'])}"

    def demand(self, fits, figure, models):
        """Raise ValueError unless the run fits what a figure is drawn of: models, in words."""
        if not fits:
            raise ValueError(f"the figure {figure} is for {models}; {self.folder} is a run of {self.full_name}")


def same_data(figure, trained):
    """The DataSet of all these runs.  Raises ValueError if they were trained on different ones."""
    for other in trained[1:]:
        if other.config["data"] != trained[0].config["data"]:
            raise ValueError(f"the figure {figure} takes runs on the same data; {trained[0].folder} is "
                             f"{trained[0].full_name}, {other.folder} is {other.full_name}")
    return trained[0].data
