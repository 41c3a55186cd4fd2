"""How far causal convolutions see, drawn as the network that an output hangs from."""
import numpy as np
import minigrad
from minigrad import tensor
from minigrad.autograd import grad
from layers.functional import relu
from ..causal import CausalToy, DilatedToy
from .page import figure

LENGTH = 33            # so many entries make 32 lags
SEQUENCES = 32         # random ones: in a single one, a ReLU may hide what is seen


def reached(model):
    """Which entries of each layer the last output depends on, by its gradients: a list of masks (T,), input first."""
    rng = np.random.default_rng(0)
    kept = [tensor(rng.standard_normal((SEQUENCES, 1, LENGTH)).astype(model.dtype), requires_grad=True)]
    for layer in model.layers:
        kept.append(relu(layer(kept[-1])))
    gradients = grad(model.head(kept[-1])[:, :, -1].sum(), kept)
    return [(g.data != 0).any((0, 1)) for g in gradients]


def lags_seen(model):
    """The lags that the last output sees, in order; lag 1 is the entry before it."""
    return [int(lag) for lag in LENGTH - 1 - np.flatnonzero(reached(model)[0])][::-1]


def lags():
    """How far an output sees: causal convolutions, the lecture's dilated ones, and all lags."""
    minigrad.manual_seed(0)
    models = {"NetToy1d": CausalToy((LENGTH,), 2, channels=8),
              "dilations 2, 4, 8, 16 after a kernel of 1, as in the lecture":
                  DilatedToy((LENGTH,), 2, channels=8, variant="lecture"),
              "the same after a kernel of 2": DilatedToy((LENGTH,), 2, channels=8)}
    drawn, axes = figure(10, 8, 3, 1, sharex=True)
    found = []
    for ax, (title, model) in zip(axes, models.items()):
        found.append(lags_seen(model))
        network(ax, model)
        ax.set_title(f"{title}: sees {described(found[-1])}")
    axes[-1].set_xlabel("lag: how many entries back")
    drawn.suptitle(f"Dilation reaches {found[1][-1]} entries back instead of {found[0][-1]}, but leaves out "
                   f"{found[1][-1] - len(found[1])} of them until the first kernel is 2 wide")
    return drawn


def described(lags):
    """Lags in words."""
    first, last, step = lags[0], lags[-1], lags[1] - lags[0]
    if lags == list(range(first, last + 1)):
        return f"all {len(lags)} lags from {first} to {last}"
    if lags == list(range(first, last + 1, step)):
        return f"{len(lags)} lags: {first}, {first + step}, {first + 2 * step} ... {last}"
    return f"{len(lags)} lags"


def network(axes, model):
    """The layers above each other, the input lowest; filled where the output depends on an entry, and how."""
    masks = reached(model)
    lag = np.arange(LENGTH)[::-1]
    for height, (layer, below, above) in enumerate(zip(model.layers, masks, masks[1:])):
        kernel_size, dilation = layer.kernel_size[0], layer.dilation[0]
        for t in np.flatnonzero(above):
            for tap in range(kernel_size):
                source = t - layer.shift - tap * dilation
                if source >= 0 and below[source]:
                    axes.plot([lag[source], lag[t]], [height, height + 1], color="0.4", linewidth=0.8, zorder=1)
    for height, mask in enumerate(masks):
        axes.plot(lag[~mask], np.full((~mask).sum(), height), "o", markersize=4, markerfacecolor="white",
                  markeredgecolor="0.7", zorder=2)
        axes.plot(lag[mask], np.full(mask.sum(), height), "o", markersize=5, color="black", zorder=2)
    axes.invert_xaxis() if not axes.xaxis_inverted() else None
    axes.set_xticks(range(0, LENGTH, 4))
    axes.set_yticks([0, len(masks) - 1], ["input", "last layer"])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
