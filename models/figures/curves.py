"""Learning curves."""
import os
from .page import LINES, figure


def curve(*trained):
    """What an example costs against minutes of training, of one run or of several."""
    units = {unit(run) for run in trained}
    if len(units) > 1:
        raise ValueError(f"the figure curve takes runs that are measured alike, not in {' and '.join(sorted(units))}")
    label = {"bits_per_dim": "bits per dimension"}.get(*units, *(u.replace("_", " ") for u in units))
    drawn, axes = figure(6.5, 4.2)
    finals = [one_curve(axes, run, *units, style, len(trained) > 1) for run, style in zip(trained, LINES)]
    cost, best = min(zip(finals, trained), key=lambda pair: pair[0])
    minutes = best.metrics[-1]["seconds"] / 60
    axes.legend(frameon=False)
    axes.set_xlim(left=0)
    axes.set_xlabel("minutes of training" + ("; diamonds: all test examples" if len(trained) > 1 else ""))
    axes.set_ylabel(f"{label} of an example" if "dim" not in label else label)
    axes.set_title(f"{best.full_name}:\n{words(best, cost)} {label} after {minutes:.1f} minutes"
                   + (f", the least of {len(trained)} runs" if len(trained) > 1 else ""))
    axes.grid(color="0.9")
    return drawn


def unit(run):
    """In what a run's curve is measured: bits_per_dim for grey levels, nats for binary examples ..."""
    metrics = run.metrics
    if len(metrics) < 2 or f"test_{run.model.measure}" not in metrics[-1]:
        raise ValueError(f"{run.folder} has no learning curve: the model has nothing to train, or is not finished yet")
    return "bits_per_dim" if "test_bits_per_dim" in metrics[-1] and run.model.levels > 2 else run.model.measure


def words(run, cost):
    """A cost in words; of a bound, that it is one."""
    return f"{'' if run.model.exact else run.model.inexact + ' '}{cost:.3f}"


def one_curve(axes, run, unit, style, several):
    """Draw the costs of a run: at the end on the test set, before on a held-out part.  Returns the last one.

    The two are not connected, since one part is easier than another.
    """
    metrics, last = run.metrics, run.metrics[-1]
    valid = f"valid_{unit}" in metrics[0]
    part, some = ("valid", metrics) if valid else ("test", metrics[:-1])
    final = last[f"test_{unit}"]
    examples = f"{some[0][f'{part}_examples']:,} {'validation' if valid else 'test'} examples"
    whole = f"all {last['test_examples']:,} test examples: {words(run, final)}"
    name = f"{os.path.basename(os.path.normpath(run.folder))}: {words(run, final)}"
    axes.plot([m["seconds"] / 60 for m in some], [m[f"{part}_{unit}"] for m in some], markersize=4, linewidth=1.3,
              label=name if several else examples, **style)
    axes.plot([last["seconds"] / 60], [final], "D", color=style["color"], markersize=7,
              label=None if several else whole)
    return final
