"""Autoregression by masked input: one network, which is told what is known and predicts the entry that comes next,

    p(x) = product over t of p(x_t | x_1 ... x_{t-1}),      p(x_t = . | x_1 ... x_{t-1}) = softmax f(mask, values).

The conditioning event is a pair of tensors: the mask is 1 where an entry is known, and values holds what is known, with
0 elsewhere.  Training asks for one random entry of each example, so a step costs one pass; log p(x) costs one pass for
each entry, because the input differs from entry to entry.
Source: F. Fleuret, Deep learning, lecture 10.1; the idea goes back to H. Larochelle and I. Murray, The neural
autoregressive distribution estimator, AISTATS 2011.
"""
import math
import numpy as np
from layers import Conv1d, Conv2d, Linear, MaxPool1d, MaxPool2d, ReLU, Sequential
from layers.functional import cross_entropy
from minigrad import cat, no_grad, stack, tensor
from .autoregressive import Autoregressive
from .scaling import Standardise


def event(known, values):
    """The two tensors that state a conditioning event, such as "X2 = 3".

    known       a bool array: which entries are conditioned on
    values      a tensor of a floating-point type, in the same shape: what they are; the other entries are ignored
    Returns the mask, 1 where known and 0 elsewhere, and the values, 0 where unknown.
    """
    mask = tensor(known.astype(values.dtype), device=values.device)
    return mask, values * mask


class MaskedInput(Autoregressive):
    """What MaskedSequence and MaskedLeNet share: everything but the network.

    A subclass sets `features` and `head`, which map the two channels mask and values to logits; both see (N, 2, *size),
    where `size` is the shape of an example without its channel.

    The loss is T times the cross-entropy at one random entry of T: an unbiased estimate of -log p(x).  (The lecture
    leaves the factor T out, so that its loss is in nats per entry.)

    In-painting starts the loop with what is known, as in the lecture.  It then conditions on the known entries that
    come before the one being drawn, and on no later one: in training every mask is a run of ones and then zeros, so the
    network could make nothing of another.  Completions are exact where the known entries come first in raster order.
    """
    exact = False

    def __init__(self, size, **config):
        super().__init__(**config)
        self.size, self.entries = tuple(size), math.prod(size)
        self.scale = Standardise(levels=self.levels)

    def begin(self, data):
        """Take mean and standard deviation of the entries from the training examples."""
        self.scale.fit(data.train)

    def forward(self, input):
        """(N, 2, *size), mask and values -> the logits of the next entry, (N, levels)"""
        return self.head(self.features(input).flatten(1))

    def conditional(self, values, t):
        """The logits of entry number t, counted in raster order, given those before it.

        values      standardised: (N, *shape), from `scale`
        t           a number, or one for each example, (N,)
        Returns (N, levels).
        """
        values = values.reshape(len(values), 1, *self.size)
        t = np.broadcast_to(t, len(values)).reshape(-1, 1, *(1 for _ in self.size))
        mask, values = event(np.arange(self.entries).reshape(self.size) < t, values)
        return self(cat((mask, values), 1))

    def logits(self, x):
        """All conditionals, one pass of the network for each entry: (N, levels, *shape)"""
        values = self.scale(x)
        logits = stack([self.conditional(values, t) for t in range(self.entries)], 2)
        return logits.reshape(len(x), self.levels, *self.shape)

    def nats(self, x, generator):
        """T times the cross-entropy at one random entry of each example: an unbiased estimate of -log p(x), (N,)"""
        self.check(x)
        t = generator.integers(self.entries, size=len(x))
        targets = x.reshape(len(x), -1)[np.arange(len(x)), t]
        losses = cross_entropy(self.conditional(self.scale(x), t), self.integers(targets), reduction="none")
        return self.entries * losses

    def cache(self, x):
        """What the sampler asks at each position: see OnePass."""
        return OnePass(self, len(x))


class OnePass:
    """The lecture's loop: one pass of the network for each position, on the mask and the values so far.

    There is nothing to keep between positions: a new entry changes the first layer's input, and through pooling and
    fully connected layers all that follows from it.
    """

    def __init__(self, model, number):
        self.model, self.values = model, model.scale(np.zeros((number, *model.shape)))

    def logits(self, position):
        """The logits of the entry at a position, given what was written before: an array (N, levels)"""
        with no_grad():
            return self.model.conditional(self.values, np.ravel_multi_index(position, self.model.shape)).data

    def write(self, position, values):
        """The entry at a position is known now: (N,)"""
        self.values.data[:, *position] = self.model.scale(values).data


class MaskedSequence(MaskedInput):
    """The lecture's `Net` for sequences: two convolutions of 5 with pooling, and two fully connected layers.

    The lecture gives 320 = 64 * 5 inputs of the first fully connected layer and no length.  That fits T = 32 to 35, and
    32 is meant: pooling drops the last of an odd number, and of 34 or 35 entries the last ones would not all be seen.
    Its text numbers the classes from 1, its code from 0, as here.  (It also applies a second ReLU after the last
    pooling, which changes nothing.)

    shape       (T,)
    levels      how many values an entry can take
    channels    of the first convolution; the second has twice as many
    kernel_size of both
    hidden      units of the fully connected layer
    """

    def __init__(self, shape, levels, channels=32, kernel_size=5, hidden=200):
        if len(shape) != 1:
            raise ValueError(f"MaskedSequence: takes sequences, (T,), not examples of shape {tuple(shape)}")
        length = ((shape[0] - kernel_size + 1) // 2 - kernel_size + 1) // 2
        if length < 1:
            raise ValueError(f"MaskedSequence: sequences of {shape[0]} are too short for two convolutions of "
                             f"{kernel_size}, each followed by pooling; they need {3 * kernel_size + 1} entries")
        super().__init__(shape, shape=shape, levels=levels, channels=channels, kernel_size=kernel_size, hidden=hidden)
        self.features = Sequential(
            Conv1d(2, channels, kernel_size), ReLU(), MaxPool1d(2),
            Conv1d(channels, 2 * channels, kernel_size), ReLU(), MaxPool1d(2))
        self.head = Sequential(Linear(2 * channels * length, hidden), ReLU(), Linear(hidden, levels))


class MaskedLeNet(MaskedInput):
    """The lecture's `LeNetMNIST`: two convolutions, one pooling, two fully connected layers.

    The lecture's first convolution has one input channel and is given two, mask and values, which can't run: it has two
    here.

    shape       (1, height, width)
    levels      how many grey levels the images have
    channels    of the first convolution; the second has twice as many
    kernel_sizes        of the two convolutions
    hidden      units of the fully connected layer
    """

    def __init__(self, shape, levels=256, channels=32, kernel_sizes=(3, 5), hidden=512):
        if len(shape) != 3 or shape[0] != 1:
            raise ValueError(f"MaskedLeNet: takes images of one channel, (1, height, width), not {tuple(shape)}")
        first, second = kernel_sizes
        height, width = ((n - first + 1) // 2 - second + 1 for n in shape[1:])
        if min(height, width) < 1:
            raise ValueError(f"MaskedLeNet: images of {shape[1]} x {shape[2]} are too small for convolutions of "
                             f"{first} and {second} with pooling between; they need {first + 2 * second - 1} a side")
        super().__init__(shape[1:], shape=shape, levels=levels, channels=channels, kernel_sizes=kernel_sizes,
                         hidden=hidden)
        self.features = Sequential(
            Conv2d(2, channels, first), MaxPool2d(2), ReLU(),
            Conv2d(channels, 2 * channels, second), ReLU())
        self.head = Sequential(Linear(2 * channels * height * width, hidden), ReLU(), Linear(hidden, levels))
