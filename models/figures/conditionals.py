"""What autoregressive models think of the entry that comes next."""
import numpy as np
from minigrad import no_grad, softmax
from ..autoregressive import Autoregressive
from ..data import toy_sequences
from ..likelihood import labels
from .page import bare, figure, sheet

MOMENTS = 5            # of an image, at which its posterior is shown
FLOOR = 1e-6           # the smallest probability that is drawn
SAMPLES = 200          # of sequences
SHOWN = 6              # of them


def conditionals(model, x, y=None):
    """The probabilities of all values of each entry, given those before it: (N, levels, *shape), float64"""
    with no_grad():
        logits = model.logits(x, **labels(model, y, slice(None))).data.astype(np.float64)
    return softmax(logits, 1)


def effective(p):
    """How many equally likely values would be as uncertain: exp of the entropy of probabilities (levels,)"""
    return float(np.exp(-(p * np.log(np.maximum(p, 1e-300))).sum()))


def moments(x, positions):
    """When to look at the drawing of an image, as numbers in `positions`: spread over the entries that aren't 0."""
    inked = np.flatnonzero([x[position] > 0 for position in positions])
    inked = inked if len(inked) >= MOMENTS else np.arange(len(positions))
    return inked[np.linspace(0, len(inked) - 1, MOMENTS + 1).astype(int)[:-1]]


def posterior(run):
    """The posterior of the next pixel, at several moments of drawing an image."""
    model = run.model
    run.demand(isinstance(model, Autoregressive) and len(model.shape) == 3 and model.shape[0] == 1, "posterior",
               "autoregressive models of images of one channel, such as pixelcnn, masked_lenet or made")
    x, y = run.data.test[:1], None if model.classes is None else run.data.test_labels[:1]
    p, positions = conditionals(model, x, y)[0], model.positions()
    drawn, axes = figure(10.5, 6, 3, MOMENTS, height_ratios=[1, 1, 1.1])
    uncertain = []
    for column, t in zip(axes.T, moments(x[0], positions)):
        known = np.zeros(model.shape, bool)
        for position in positions[:t]:
            known[position] = True
        _, row, place = positions[t]
        so_far(column[:2], x[0, 0], known[0], (row, place), model.levels)
        probabilities = p[:, 0, row, place]
        uncertain.append(effective(probabilities))
        chart(column[2], probabilities, x[0, 0, row, place])
        column[0].set_title(f"{t} pixels known")
        column[2].set_title(f"like {uncertain[-1]:.1f} equal levels")
        column[2].tick_params(labelleft=column[2] is axes[2, 0])
    axes[0, 0].set_ylabel("mask")
    axes[1, 0].set_ylabel("pixels so far")
    axes[2, 0].set_ylabel("probability")
    drawn.supxlabel("value of the next pixel, which is ringed above; the dot is the true one", fontsize=11)
    drawn.suptitle(f"{run.full_name}: the next pixel is as uncertain as a choice among "
                   f"{min(uncertain):.1f} to {max(uncertain):.1f} of {model.levels} levels")
    return drawn


def so_far(axes, x, known, pixel, levels):
    """The mask, its ones black, and below it what is known of the image, 0 white; the next pixel in a ring."""
    axes[0].imshow(known, cmap="Greys", vmin=0, vmax=1.6)
    axes[1].imshow(np.where(known, x / (levels - 1), 0.15), cmap="Greys", vmin=0, vmax=1)
    for ax in axes:
        for colour, width in (("white", 4), ("black", 1.5)):           # so that it stands out on any ground
            ax.plot(*pixel[::-1], "o", markersize=9, markerfacecolor="none", markeredgecolor=colour,
                    markeredgewidth=width)
        bare(ax)
        for side in ax.spines.values():
            side.set_visible(True)


def chart(axes, p, true):
    """Probabilities, those of many levels on a logarithmic scale; a dot at the true value."""
    if len(p) <= 16:
        axes.bar(np.arange(len(p)), p, color="0.8", edgecolor="black")
        axes.set_xticks(range(len(p)))
        axes.set_ylim(0, 1.1)
    else:
        axes.plot(np.maximum(p, FLOOR), color="0.3", linewidth=0.9)
        axes.set_xticks([0, len(p) // 2, len(p) - 1])
        axes.set_yscale("log")
        axes.set_ylim(FLOOR / 1.5, 2)
    axes.plot([true], [max(p[true], FLOOR)], "o", color="black", markersize=7)


def sequences(run):
    """Toy sequences: the data, samples, and the conditional at each step of one."""
    model = run.model
    run.demand(isinstance(model, Autoregressive) and run.config["data"] == "toy_sequences", "sequences",
               "autoregressive models of toy_sequences, such as causal_toy, dilated_toy or masked_sequence")
    samples = model.sample(SAMPLES, np.random.default_rng(0))
    possible = np.isfinite(toy_sequences.log_density(samples)).mean()
    x = run.data.test[:SHOWN]
    p = conditionals(model, x[:1])[0]
    drawn = sheet(10.5, 5.6)
    axes = drawn.subplot_mosaic([["data", "p"], ["samples", "p"]], width_ratios=[1, 1.3])
    for name, some in (("data", x), ("samples", samples[:SHOWN])):
        for i, sequence in enumerate(some):
            axes[name].plot(sequence, color=str(0.7 * i / (SHOWN - 1)), linewidth=1.2)
        axes[name].set(ylim=(0, model.levels - 1), ylabel="value", title=f"{SHOWN} {name}" if name == "samples"
                       else f"{SHOWN} test sequences")
    axes["samples"].set_xlabel("step")
    picture = axes["p"].imshow(np.maximum(p, FLOOR), cmap="Greys", norm="log", vmin=FLOOR, vmax=1, origin="lower",
                               aspect="auto", interpolation="nearest")
    axes["p"].plot(x[0], "o", color="white", markeredgecolor="black", markersize=5)
    mean = np.mean([effective(step) for step in p.T])
    axes["p"].set(xlabel="step", ylabel="value", title="what is expected at each step of the sequence (dots):\n"
                  f"on average as uncertain as {mean:.1f} equal values")
    drawn.colorbar(picture, ax=axes["p"], label="probability")
    drawn.suptitle(f"{run.full_name}: {possible:.0%} of {SAMPLES} samples are sequences that can occur in the data")
    return drawn
