"""What the commands of `python -m models` do."""
import os
import numpy as np
from tqdm import tqdm
from . import figures, runs
from .data import load
from .likelihood import bits_per_dim, evaluate, perplexity
from .registry import DATA, MODELS
from .training import Training, planned_steps

SETTINGS = ("data", "epochs", "minutes", "batch_size", "lr", "seed")       # what the user can choose for a run


def list_all(options):
    """The names, with a line about each."""
    for title, entries in (("models", MODELS), ("data sets", DATA)):
        print(f"{title}:")
        for name, entry in entries.items():
            print(f"  {name:20} {entry.summary}")
    return 0


def train(options):
    """Start a run, or go on with one."""
    entry = MODELS[options.model]
    data_name = options.data or next(iter(entry.recipes))
    folder = options.out or os.path.join("runs", f"{options.model}-{data_name}")
    if options.resume:
        config = resumed_config(options, folder)
        data = load(config["data"])
    else:
        runs.check_free(folder)
        if data_name not in entry.recipes:
            raise ValueError(f"{options.model} does not learn {data_name}, but {', '.join(entry.recipes)}")
        data = load(data_name)
        config = new_config(options, entry, data)
        os.makedirs(folder, exist_ok=True)
        runs.write_json(config, folder, runs.CONFIG)
    training = Training(config, data, folder, bar)
    training.restore()
    training.save()
    print(f"{config['model']} on {config['data']}: {training.model.num_parameters():,} parameters, "
          f"{config['steps']:,} steps of {config['batch_size']} images"
          + (f", from step {training.step:,} on" if training.step else ""), flush=True)
    if not training.run():
        print(f"stopped after step {training.step:,} of {training.last:,}, and saved. Go on with:\n"
              f"  python -m models train {config['model']} --data {config['data']} --out {folder} --resume")
        return 130
    finish(training, folder)
    return 0


def new_config(options, entry, data):
    """All that the run depends on: what the user said, and the model's recipe for the rest."""
    recipe = entry.recipes[data.name]
    config = {"model": options.model, "data": data.name, "seed": options.seed or 0,
              "batch_size": options.batch_size or recipe["batch_size"], "lr": options.lr or recipe["lr"],
              "epochs": options.epochs, "minutes": None if options.epochs else options.minutes or recipe["minutes"],
              "model_config": {"shape": list(data.shape), "levels": data.levels, **recipe["config"]}}
    if config["batch_size"] > len(data.train):
        raise ValueError(f"--batch-size {config['batch_size']} is more than the {len(data.train)} training examples")
    config["model_config"] = entry.load().from_config(config["model_config"]).config
    config["steps"] = planned_steps(config, data)
    return {**config, "versions": runs.versions()}


def resumed_config(options, folder):
    """The config of the run to go on with.  What the user says now must not contradict it."""
    config = runs.read_config(folder)
    said = {"model": options.model, **{name: getattr(options, name) for name in SETTINGS}}
    for name, value in said.items():
        if value is not None and value != config[name]:
            raise ValueError(f"the run in {folder} has {name} {config[name]}, not {value}: "
                             "a run is resumed as it was begun")
    return config


def finish(training, folder):
    """The pictures, the result and what can be done next."""
    config, last = training.config, training.metrics[-1]
    write_samples(training.model.eval(), config, 36, config["seed"], runs.path(folder, "samples.png"))
    figures.curve(training.metrics, f"{config['model']} on {config['data']}", runs.path(folder, "curve.png"))
    print(f"{last['test_nats']:.2f} nats, {last['test_bits_per_dim']:.4f} bits per dimension on the test set, after "
          f"{last['seconds'] / 60:.1f} minutes of training ({last['images_per_second']:.0f} images a second)")
    print(f"In {folder}: config.json, metrics.json, checkpoint.npz, samples.png, curve.png. Next:")
    for command in ("evaluate", "sample", "inpaint"):
        print(f"  python -m models {command} {folder}")


def evaluate_run(options):
    """The three figures on the whole test set."""
    model, config = runs.load_model(options.run)
    data = load(config["data"])
    nats = evaluate(model, data.test, np.random.default_rng(config["seed"]), progress=progress("evaluating"))
    print(f"{config['model']} on {config['data']}, {len(data.test):,} test images: {nats:.3f} nats, "
          f"{bits_per_dim(nats, data.shape):.4f} bits per dimension, perplexity {perplexity(nats, data.shape):.4f}")
    return 0


def sample(options):
    """A grid of new images."""
    model, config = runs.load_model(options.run)
    place = picture(options.out or runs.path(options.run, "samples.png"))
    write_samples(model, config, options.n, options.seed, place)
    print(f"wrote {place}")
    return 0


def inpaint(options):
    """Originals, upper halves and completions, below each other."""
    model, config = runs.load_model(options.run)
    place = picture(options.out or runs.path(options.run, "inpainting.png"))
    data = load(config["data"])
    rng = np.random.default_rng(options.seed)
    x = data.test[np.sort(rng.choice(len(data.test), min(options.n, len(data.test)), replace=False))]
    known = np.zeros(data.shape, bool)
    known[:, :data.shape[1] // 2] = True
    completed = model.inpaint(x, known, rng, progress("completing"))
    figures.inpainting(x, known, completed, data.levels, place)
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


def write_samples(model, config, n, seed, place):
    """Draw n samples, and the grid of them."""
    x = model.sample(n, np.random.default_rng(seed), progress("sampling"))
    figures.samples(x, model.levels, f"{n} samples of {config['model']} trained on {config['data']}", place)


def progress(text):
    """A progress bar around an iterable."""
    return lambda iterable: tqdm(iterable, desc=text, leave=False)


def bar(total, initial):
    """The progress bar of training; it counts images."""
    return tqdm(total=total, initial=initial, desc="training", unit=" images", unit_scale=True, smoothing=0.05)


COMMANDS = {"list": list_all, "train": train, "evaluate": evaluate_run, "sample": sample, "inpaint": inpaint}
