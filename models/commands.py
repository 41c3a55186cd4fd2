"""What the commands of `python -m models` do."""
import os
import numpy as np
from tqdm import tqdm
from . import figures, runs
from .data import load
from .likelihood import described, evaluate, importance_weighted, part
from .model import Model
from .registry import DATA, MODELS
from .settings import CHOICES, new_config, resumed_config
from .training import Training


def list_all(options):
    """The names, with a line about each."""
    for title, entries in (("models", MODELS), ("data sets", DATA)):
        print(f"{title}:")
        for name, entry in entries.items():
            print(f"  {name:22} {entry.summary}")
    return 0


def train(options):
    """Start a run, or go on with one."""
    recipes, overrides = MODELS[options.model].recipes, dict(options.set or ())
    data_name = options.data or next(iter(recipes))
    stem = os.path.splitext(os.path.basename(data_name))[0]
    folder = options.out or os.path.join("runs", f"{options.model}-{stem}")
    choices = {name: getattr(options, name) for name in CHOICES}
    if options.resume:
        config = resumed_config(folder, options.model, options.data, overrides, options.device, **choices)
        data = load(config["data"])
    else:
        runs.check_free(folder)
        if data_name in DATA and data_name not in recipes:
            raise ValueError(f"{options.model} does not learn {data_name}, but {', '.join(recipes)}")
        data = load(data_name)
        config = new_config(options.model, data, data_name, overrides, device=options.device, **choices)
    training = trained(config, data, folder)
    if training.step < training.last:
        print(f"stopped after step {training.step:,} of {training.last:,}, and saved. Go on with:\n"
              f"  python -m models train {config['model']} --data {config['data']} --out {folder} --resume")
        return 130
    finish(training, folder)
    return 0


def trained(config, data, folder):
    """The Training of a run, from where it stands, when it is finished or was interrupted."""
    training = Training(config, data, folder, bar)
    runs.start(config, folder)             # now that the device is known to be there
    training.restore()
    training.save()
    print(f"{config['model']} on {config['data']}: {training.model.num_parameters():,} parameters, "
          f"{config['steps']:,} steps of {config['batch_size']} examples"
          + (" on the GPU" if training.model.device == "cuda" else "")
          + (f", from step {training.step:,} on" if training.step else ""), flush=True)
    training.run()
    return training


def finish(training, folder):
    """The pictures, the result and what can be done next."""
    config, model, last = training.config, training.model.eval(), training.metrics[-1]
    made = ["config.json", "metrics.json", "checkpoint.npz"]
    if can(model, "sample"):
        write_samples(model, config, usual_number(model, 36), config["seed"], runs.path(folder, "samples.png"))
        made.append("samples.png")
    if len(training.metrics) > 1:
        figures.draw("curve", [folder], runs.path(folder, "curve.png"))
        made.append("curve.png")
    speed = f" ({last['images_per_second']:.0f} examples a second)" if training.step else ""
    print(f"{described(model, last[f'test_{model.measure}'])} on the test set, after {last['seconds'] / 60:.1f} "
          f"minutes of training{speed}")
    if last.get("best_step", training.step) != training.step:
        print(f"The weights are those of step {last['best_step']:,}, which did best on the validation set.")
    print(f"In {folder}: {', '.join(made)}. Next:")
    for command in ["evaluate"] + [name for name in ("sample", "inpaint") if can(model, name)]:
        print(f"  python -m models {command} {folder}")


def can(model, method):
    """Whether a model defines what its base class leaves open."""
    return getattr(type(model), method) is not getattr(Model, method)


def evaluate_run(options):
    """The usual figures on the test set, or on a part of it."""
    model, config = runs.load_model(options.run, options.device)
    data = load(config["data"])
    numbers = part(len(data.test), options.n or len(data.test))
    x, rng = data.test[numbers], np.random.default_rng(config["seed"])
    if options.samples is None:
        y = data.test_labels if data.test_labels is None else data.test_labels[numbers]
        cost, how = evaluate(model, x, rng, y, progress=progress("evaluating")), ""
    elif hasattr(model, "importance_log_prob"):
        cost = importance_weighted(model, x, rng, options.samples, progress("evaluating"))
        how = f", by importance weighting with {options.samples:,} samples"
    else:
        raise ValueError(f"--samples is for models with latent variables, and {config['model']} has none")
    whole = "all" if len(numbers) == len(data.test) else f"{len(numbers):,} (chosen at random) of the"
    print(f"{config['model']} on {config['data']}, test set, {whole} {len(data.test):,} examples: "
          f"{described(model, cost)}{how}")
    if config["data"] in DATA:
        print(f"{config['data']}: {DATA[config['data']].summary}")
    if data.entropy is not None and model.measure == "nats":
        print(f"The entropy of the data is {data.entropy:.3f} nats: no model costs less.")
    return 0


def sample(options):
    """A picture of new examples."""
    model, config = runs.load_model(options.run, options.device)
    place = picture(options.out or runs.path(options.run, "samples.png"))
    write_samples(model, config, options.n or usual_number(model, 64), options.seed, place, options.label)
    print(f"wrote {place}")
    return 0


def inpaint(options):
    """Originals, what is given of them, and completions, below each other."""
    model, config = runs.load_model(options.run, options.device)
    place = picture(options.out or runs.path(options.run, "inpainting.png"))
    data = load(config["data"])
    rng = np.random.default_rng(options.seed)
    numbers = np.sort(rng.choice(len(data.test), min(options.n, len(data.test)), replace=False))
    x, y = data.test[numbers], {} if model.classes is None else {"y": data.test_labels[numbers]}
    known = first_half(model)
    completed = model.inpaint(x, known, rng, progress("completing"), **y)
    figures.inpainting(x, known, completed, data.levels, place)
    print(f"wrote {place}")
    return 0


def first_half(model):
    """The mask of the entries that come first in the model's order; of images in raster order, the upper half."""
    known = np.zeros(model.shape, bool)
    positions = model.positions() if hasattr(model, "positions") else list(np.ndindex(model.shape))
    for position in positions[:len(positions) // 2]:
        known[position] = True
    return known


def figure(options):
    """One of the figures for lectures; without a name, or with an unknown one, the list of them."""
    if options.name not in figures.FIGURES:
        print(figures.listing())
        if options.name is None:
            return 0
        raise ValueError(f"unknown figure {options.name!r}; there are {', '.join(figures.FIGURES)}")
    place = picture(options.out or os.path.join(*options.run[:1], f"{options.name}.png"))
    figures.draw(options.name, options.run, place)
    print(f"wrote {place}")
    return 0


def picture(place):
    """The path of a picture to be drawn.  Raises ValueError for one that can't be, before any work is done."""
    folder, name = os.path.split(place)
    if not name.endswith(".png"):
        raise ValueError(f"--out {place}: the name of a picture must end in .png")
    if not os.path.isdir(folder or "."):
        raise ValueError(f"--out {place}: there is no folder {folder}")
    return place


def usual_number(model, n):
    """How many samples make a picture: n, but of points on a line or in the plane more."""
    return 2000 if len(model.shape) == 1 and model.shape[0] <= 2 else n


def write_samples(model, config, n, seed, place, label=None):
    """Draw n samples, of one class or of all in turn where the model has classes, and the picture of them."""
    if label is not None and model.classes is None:
        raise ValueError(f"--label {label}: {config['model']} was trained without classes "
                         "(--set classes=10 where a model takes that)")
    labels = {}
    if model.classes is not None:
        labels["y"] = np.arange(n) % model.classes if label is None else np.full(n, label)
    x = model.sample(n, np.random.default_rng(seed), progress("sampling"), **labels)
    title = f"{n} sample{'s' * (n > 1)} of {config['model']} trained on {os.path.basename(config['data'])}"
    figures.samples(x, model.levels, title, place)


def progress(text):
    """A progress bar around an iterable."""
    return lambda iterable: tqdm(iterable, desc=text, leave=False)


def bar(total, initial):
    """The progress bar of training; it counts examples."""
    return tqdm(total=total, initial=initial, desc="training", unit=" examples", unit_scale=True, smoothing=0.05)


COMMANDS = {"list": list_all, "train": train, "evaluate": evaluate_run, "sample": sample, "inpaint": inpaint,
            "figure": figure}
