"""The face that all models share, so that training, evaluation, sampling and the command line are written once."""
from itertools import chain
import numpy as np
from layers import Module
from minigrad import tensor
from minigrad.devices import CPU


class Model(Module):
    """A distribution over examples of one shape: of integers 0 ... levels - 1, or, where levels is None, real numbers.

    A subclass hands all arguments of its constructor on, by keyword: they are its `config`, from which `from_config`
    builds it again.  It defines `log_prob` or, where that can't be computed, `nats`, and `sample`.
    The methods take and give NumPy arrays, wherever the model is (`to`); `generator` is a numpy.random.Generator.  A
    model built with `classes` is of p(x | y): its methods take the examples' labels as well, `y=`, integers (N,).

    shape, levels       of an example, and how many values its entries can take
    classes             how many values y can take; None where there are no labels
    config              the constructor's arguments, as JSON can hold them
    measure             what `nats` measures: "nats", or "squared_error" for a model that has no likelihood
    exact               whether `nats` is exactly that; False where it is an upper bound or an unbiased estimate
    inexact             how to say so: "at most" or "about"
    """
    measure, exact, inexact = "nats", True, "at most"

    def __init__(self, **config):
        super().__init__()
        self.config = {key: list(value) if isinstance(value, tuple) else value for key, value in config.items()}
        self.shape, self.levels = tuple(config["shape"]), config["levels"]
        self.classes = config.get("classes")
        if self.classes is not None:
            self.at_least(1, "classes")

    @classmethod
    def from_config(cls, config):
        """The model with these constructor arguments; its parameters are drawn anew."""
        return cls(**config)

    @property
    def dtype(self):
        """The type of the parameters, which real-valued input is cast to."""
        return next(self.parameters()).data.dtype

    @property
    def device(self):
        """Where the parameters and buffers are, and so where examples are brought to: "cpu" or "cuda"."""
        return next((tensor.device for tensor in chain(self.parameters(), self.buffers())), CPU)

    def integers(self, array):
        """Integers as embeddings and losses take them: an int64 tensor, where the model is."""
        return tensor(array.astype(np.int64), device=self.device)

    def at_least(self, least, *names):
        """Raise ValueError unless these constructor arguments, whole numbers, are `least` or more."""
        for name in names:
            if self.config[name] < least:
                raise ValueError(f"{type(self).__name__}: {name} must be {least} or more, not {self.config[name]}")

    # -- learning -----------------------------------------------------------------------------------------------------

    def begin(self, data):
        """Look at the DataSet before training, for instance to put its mean into a buffer.  Once in a run."""

    def log_prob(self, x):
        """log p(x) of each example in nats, exact: (N,)"""
        raise NotImplementedError(f"{type(self).__name__} has no exact log_prob")

    def nats(self, x, generator, **labels):
        """What each example costs, (N,): -log p(x), or an upper bound or an unbiased estimate (see `exact`)."""
        return -self.log_prob(x, **labels)

    def loss(self, x, generator, **labels):
        """What training minimises: the mean cost of an example in nats, a scalar."""
        return self.nats(x, generator, **labels).mean()

    def finish(self, data):
        """Look at the DataSet once more when training is over, for instance to fit a density to the codes."""

    # -- drawing ------------------------------------------------------------------------------------------------------

    def sample(self, n, generator, progress=None):
        """n examples drawn from the model: (n, *shape).

        progress    wraps an iterable and shows how far it has come, like tqdm.tqdm; by default nothing is shown
        """
        raise NotImplementedError(f"{type(self).__name__} can't draw samples")

    def inpaint(self, x, known, generator, progress=None):
        """Examples that agree with x where `known`, a mask of an example's shape, is true; the rest is drawn."""
        raise NotImplementedError(f"{type(self).__name__} can't complete examples")

    # -- refusing -----------------------------------------------------------------------------------------------------

    def check(self, x, y=None):
        """Raise TypeError or ValueError if x is no batch of such examples, or y doesn't hold their labels."""
        name = type(self).__name__
        if x.shape[1:] != self.shape:
            raise ValueError(f"{name}: was built for examples of shape {self.shape}, and gets {x.shape[1:]}")
        if self.levels is None:
            if x.dtype.kind != "f":
                raise TypeError(f"{name}: takes real numbers (floats), not {x.dtype}")
            if not np.isfinite(x).all():
                raise ValueError(f"{name}: takes finite numbers, and there are {np.sum(~np.isfinite(x))} others")
        else:
            check_integers(f"{name}:", x, self.levels)
        if self.classes is None:
            if y is not None:
                raise ValueError(f"{name}: was built without classes, and takes no labels y")
            return
        if y is None:
            raise ValueError(f"{name}: was built for {self.classes} classes, and needs the labels y of the examples")
        if y.shape != x.shape[:1]:
            raise ValueError(f"{name}: the labels must have shape {x.shape[:1]}, one for each example, not {y.shape}")
        check_integers(f"{name}: y", y, self.classes)


def check_integers(who, x, levels):
    """Raise TypeError if x isn't made of integers, and ValueError if one isn't among 0 ... levels - 1."""
    if x.dtype.kind not in "ui":
        raise TypeError(f"{who} takes integers from 0 to {levels - 1}, not {x.dtype}")
    if x.size and not 0 <= x.min() <= x.max() < levels:
        raise ValueError(f"{who} takes values from 0 to {levels - 1}, and these go from {x.min()} to {x.max()}")
