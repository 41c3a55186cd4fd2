"""The face that all models share, so that training, evaluation, sampling and the command line are written once."""
import numpy as np
from layers import Module


class Model(Module):
    """A distribution over examples of one shape, whose entries are the integers 0 ... levels - 1.

    A subclass hands all arguments of its constructor on, by keyword: they are its `config`, from which `from_config`
    builds it again.  It defines `log_prob` or, where that can't be computed, `nats`, and `inpaint`.
    The methods take and give arrays of integers; `generator` is a numpy.random.Generator.
    """

    def __init__(self, **config):
        super().__init__()
        self.config = {key: list(value) if isinstance(value, tuple) else value for key, value in config.items()}
        self.shape, self.levels = tuple(config["shape"]), config["levels"]

    @classmethod
    def from_config(cls, config):
        """The model with these constructor arguments; its parameters are drawn anew."""
        return cls(**config)

    def log_prob(self, x):
        """log p(x) of each example in nats, exact: (N,)"""
        raise NotImplementedError(f"{type(self).__name__} has no exact log_prob")

    def nats(self, x, generator):
        """What each example costs, (N,): -log p(x), or an upper bound on it where that can't be computed."""
        return -self.log_prob(x)

    def loss(self, x, generator):
        """What training minimises: the mean cost of an example in nats, a scalar."""
        return self.nats(x, generator).mean()

    def sample(self, n, generator, progress=None):
        """n examples drawn from the model: (n, *shape).   progress: see `inpaint`"""
        x = np.zeros((n, *self.shape), np.uint8)
        return self.inpaint(x, np.zeros(self.shape, bool), generator, progress)

    def inpaint(self, x, known, generator, progress=None):
        """Examples that agree with x where `known`, a mask of an example's shape, is true; the rest is drawn.

        progress    wraps an iterable and shows how far it has come, like tqdm.tqdm; by default nothing is shown
        """
        raise NotImplementedError(f"{type(self).__name__} can't complete images")

    def check(self, x):
        """Raise ValueError if x is no batch of such examples, and TypeError if it isn't made of integers."""
        name = type(self).__name__
        if x.shape[1:] != self.shape:
            raise ValueError(f"{name}: was built for examples of shape {self.shape}, and gets {x.shape[1:]}")
        if x.dtype.kind not in "ui":
            raise TypeError(f"{name}: takes integers from 0 to {self.levels - 1}, not {x.dtype}")
        if x.size and not 0 <= x.min() <= x.max() < self.levels:
            raise ValueError(f"{name}: takes values from 0 to {self.levels - 1}, "
                             f"and these go from {x.min()} to {x.max()}")
