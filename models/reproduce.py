"""What is reproduced: published figures, and what our models reach in a stated time.

`python -m models reproduce [NAME]` trains each line of TABLE in runs/reproduce-NAME, or only reads what is there if
that is finished, and prints the table.  All figures are test nats of an example unless `source` says otherwise.
"""
import os
from dataclasses import dataclass, field
import numpy as np
from . import runs
from .commands import progress, trained
from .data import load
from .likelihood import importance_weighted
from .settings import new_config

RESULT = "reproduced.json"


@dataclass(frozen=True)
class Line:
    """A line of the table.

    name, model, data   its own name, and those of model and data set
    minutes             of training, on two cores
    published, source   the figure to compare with, or None, and where it is from
    asked               what we ask of ourselves at that budget, or None
    config              constructor arguments beside those of the recipe
    settings            what else departs from the recipe: batch_size, lr, weight_decay
    samples             where given, the test set is measured by importance weighting with so many samples an example
    seed                what all random numbers come from
    """
    name: str
    model: str
    data: str
    minutes: float
    published: float | None
    source: str
    asked: float | None
    config: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    samples: int | None = None
    seed: int = 0


FIXED, ENTROPY = "fixed binarisation", "the entropy of the data, which no model can beat"
TABLE = [
    Line("made-500", "made", "binarized_mnist", 4, 94.5, f"A. Karpathy, pytorch-made; {FIXED}, validation set", 94.5,
         {"hidden": [500]}),
    Line("made-8000", "made", "binarized_mnist", 8, 88.40, f"Germain et al., ICML 2015; {FIXED}", 88.4,
         {"hidden": [8000]}, {"batch_size": 400}),
    Line("nade", "nade", "binarized_mnist", 7, 88.33, f"Uria et al., JMLR 2016; {FIXED}", 89.0, {"hidden": 500}),
    Line("pixelcnn", "pixelcnn", "binarized_mnist", 60, 81.30, f"van den Oord et al., ICML 2016; {FIXED}", 84.0),
    Line("gated-pixelcnn", "gated_pixelcnn", "binarized_mnist", 60, 81.50,
         f"E. Hotaj, pytorch-generative; dynamic binarisation (ours: {FIXED})", 83.5),
    Line("vae", "vae", "dynamic_mnist", 45, 86.76,
         "Burda et al., ICLR 2016; dynamic binarisation, 5,000 importance samples", 87.5,
         settings={"batch_size": 200, "lr": 4e-3}, samples=5000),
    Line("made-dna", "made", "dna", 1, 83.63, "Germain et al., ICML 2015", 83.6),
    Line("made-mushrooms", "made", "mushrooms", 1, 9.68, "Germain et al., ICML 2015", 9.7, {"hidden": [1000]},
         {"lr": 3e-3, "weight_decay": 1e-4}),
    Line("nade-dna", "nade", "dna", 1, 84.81, "quoted by Germain et al., ICML 2015", 84.8),
    Line("nade-mushrooms", "nade", "mushrooms", 1, 9.81, "quoted by Germain et al., ICML 2015", 9.8),
    Line("nvp-eight-gaussians", "nvp", "eight_gaussians", 2, 2.832, ENTROPY, 2.882),
    Line("nvp-two-moons", "nvp", "two_moons", 2, 1.008, ENTROPY, 1.058),
    Line("pca", "pca", "mnist", 1, None, "squared error with 8 components", None, {"latent": 8}),
    Line("autoencoder", "autoencoder", "mnist", 10, None, "squared error with 8 dimensions; asked: half of pca's", None,
         {"latent": 8}),
]


def command(options):
    """`python -m models reproduce [NAME]`"""
    names = [line.name for line in TABLE]
    if options.name not in (None, *names):
        raise ValueError(f"there is no line {options.name!r} in the table; there are {', '.join(names)}")
    results = []
    for line in TABLE:
        if options.name in (None, line.name):
            result = reproduced(line, options.device)
            if result is None:
                print("stopped, and saved; the same command goes on")
                return 130
            results.append((line, result))
    print(table(results))
    return 0


def reproduced(line, device=None):
    """What a line comes to, as a dict: read if it is there, else trained and measured.  None if it was interrupted.

    device          where to train: by default where that was begun, or on the CPU
    """
    folder = os.path.join("runs", f"reproduce-{line.name}")
    if os.path.exists(runs.path(folder, RESULT)):
        return runs.read_json(folder, RESULT)
    data = load(line.data)
    if os.path.exists(runs.path(folder, runs.CONFIG)):
        config = runs.read_config(folder) | ({"device": device} if device else {})
    else:
        config = new_config(line.model, data, line.data, line.config, minutes=line.minutes, seed=line.seed,
                            device=device, **line.settings)
    training = trained(config, data, folder)
    if training.step < training.last:
        return None
    model, last = training.model, training.metrics[-1]
    result = {"ours": last[f"test_{model.measure}"], "measure": model.measure, "minutes": last["seconds"] / 60,
              "seed": config["seed"], "device": str(model.device)}
    if line.samples:
        result["ours"] = importance_weighted(model, data.test, np.random.default_rng(config["seed"]), line.samples,
                                             progress("measuring"))
    runs.write_json(result, folder, RESULT)
    return result


def table(results):
    """The lines and their results, as a table that Markdown can read."""
    def number(value):
        return "" if value is None else f"{value:.3f}" if value < 10 else f"{value:.2f}"

    rows = [("name", "published", "asked", "ours", "minutes", "seed", "published where")]
    rows += [(line.name, number(line.published), number(line.asked), number(result["ours"]), f"{result['minutes']:.1f}",
              str(result["seed"]), line.source) for line, result in results]
    widths = [max(map(len, column)) for column in zip(*rows)]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)
