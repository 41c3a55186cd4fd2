"""Causal convolutions on sequences: all conditionals in one pass, since no output sees its own entry or a later one,

    p(x) = product over t of p(x_t | x_1 ... x_{t-1}),      p(x_t = . | x_1 ... x_{t-1}) = softmax f_t(x).

The first layer hides the present: its input is moved one step to the right.  All layers are padded in front only.
Source: F. Fleuret, Deep learning, lecture 10.2 (NetToy1d and NetToy1dWithDilation); dilation as in A. van den Oord et
al., WaveNet: a generative model for raw audio, 2016, figure 3.
"""
from layers import CausalConv1d, Conv1d, ModuleList
from layers.functional import relu
from .autoregressive import Autoregressive
from .scaling import Standardise
from .windows import ConvCache, pointwise

VARIANTS = {"repaired": 2, "lecture": 1}   # the kernel size of DilatedToy's first layer


class Causal(Autoregressive):
    """What CausalToy and DilatedToy share: causal convolutions with a ReLU after each, and a last one of kernel 1.

    kernels     (kernel_size, dilation) of each layer
    config      the constructor arguments of the model, `shape`, `levels` and `channels` among them
    """

    def __init__(self, kernels, **config):
        if len(config["shape"]) != 1:
            raise ValueError(f"{type(self).__name__}: takes sequences, (T,), not examples of shape "
                             f"{tuple(config['shape'])}")
        super().__init__(**config)
        channels = config["channels"]
        self.scale = Standardise(levels=self.levels)
        self.layers = ModuleList(causal_layers(kernels, channels))
        self.head = Conv1d(channels, self.levels, 1)

    def begin(self, data):
        """Take mean and standard deviation of the entries from the training examples."""
        self.scale.fit(data.train)

    def forward(self, x):
        """Standardised sequences (N, 1, T) -> the logits of each entry, given those before it, (N, levels, T)"""
        for layer in self.layers:
            x = relu(layer(x))
        return self.head(x)

    def logits(self, x):
        """All conditionals at once: (N, T) -> (N, levels, T)"""
        return self(self.scale(x).unsqueeze(1))

    def cache(self, x):
        """What the sampler keeps: see Kept."""
        return Kept(self, len(x))


def causal_layers(kernels, channels):
    """A list of CausalConv1d that together hide the present and the future: an output at t sees entries before t only.

    kernels     (kernel_size, dilation) of each layer
    channels    that each layer gives.  The first is given one, the others are given these
    """
    return [CausalConv1d(channels if i else 1, channels, kernel_size, dilation, shift=i == 0)
            for i, (kernel_size, dilation) in enumerate(kernels)]


class Kept:
    """What each layer gave at earlier entries, so that a new one costs one output of each layer, however long x is.

    That is exact, since in a causal network nothing that was given earlier depends on what comes later.
    """

    def __init__(self, model, number):
        self.model = model
        self.caches = [ConvCache(layer, number, model.shape) for layer in model.layers]

    def logits(self, position):
        """The logits of the entry at a position, given what was written before: an array (N, levels)"""
        h = self.caches[0].output(position)
        for cache in self.caches[1:]:
            cache.write(position, relu(h))
            h = cache.output(position)
        return pointwise(self.model.head, relu(h)).T

    def write(self, position, values):
        """The entry at a position is known now: (N,)"""
        self.caches[0].write(position, self.model.scale(values).data)


class CausalToy(Causal):
    """The lecture's NetToy1d: a layer of kernel 1 that hides the present, four of kernel 2, a last one of kernel 1.

    Each entry sees the five before it and no others, so that sequences are right locally but not as a whole.

    shape       (T,)
    levels      how many values an entry can take
    channels    the width of the network
    kernel_size of the four layers; each entry sees 1 + 4 (kernel_size - 1) lags
    """

    def __init__(self, shape, levels, channels=32, kernel_size=2):
        super().__init__([(1, 1)] + 4 * [(kernel_size, 1)], shape=shape, levels=levels, channels=channels,
                         kernel_size=kernel_size)


class DilatedToy(Causal):
    """The lecture's NetToy1dWithDilation, and the same repaired: kernels of 2 whose taps lie ever further apart.

    With dilations 2, 4, 8, 16 after a first layer of kernel 1, as in the lecture, an entry sees lag 1 plus sums of
    2, 4, 8 and 16: the odd lags 1, 3 ... 31 and never an even one.  A first layer of kernel 2 adds those that lack:
    1 or 2, plus the same sums, are all lags from 1 to 32.

    shape       (T,)
    levels      how many values an entry can take
    channels    the width of the network
    dilations   of the layers after the first one
    variant     "repaired", or "lecture" for the network as printed
    """

    def __init__(self, shape, levels, channels=32, dilations=(2, 4, 8, 16), variant="repaired"):
        if variant not in VARIANTS:
            raise ValueError(f"DilatedToy: variant must be {' or '.join(map(repr, VARIANTS))}, not {variant!r}")
        super().__init__([(VARIANTS[variant], 1)] + [(2, dilation) for dilation in dilations],
                         shape=shape, levels=levels, channels=channels, dilations=dilations, variant=variant)
