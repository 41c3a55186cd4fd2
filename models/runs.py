"""A run's folder, and what is in it.

    config.json         what was trained, on what, and how: all that repeats the run
    metrics.json        a list, one object per evaluation
    checkpoint.npz      the weights, and all that training needs to go on as if it had never stopped
    reproduced.json     what `reproduce` measured
    samples.png, curve.png, inpainting.png
"""
import json
import os
import platform
import numba
import numpy as np
import minigrad
from minigrad.serialization import load
from .registry import MODELS

CONFIG, METRICS, CHECKPOINT = "config.json", "metrics.json", "checkpoint.npz"


def path(folder, name):
    """The path of one of a run's files."""
    return os.path.join(folder, name)


def check_free(folder):
    """Raise FileExistsError unless the folder is empty, or not there yet."""
    if os.path.exists(path(folder, CONFIG)):
        raise FileExistsError(f"{folder} already holds a run; go on with it by --resume, or choose another --out")
    if os.path.exists(folder) and (not os.path.isdir(folder) or os.listdir(folder)):
        raise FileExistsError(f"{folder} is not an empty folder; choose another --out")


def start(config, folder):
    """Make the folder of a run, where it is not there yet, and write its config.json."""
    os.makedirs(folder, exist_ok=True)
    write_json(config, folder, CONFIG)


def versions():
    """What the numbers of a run may depend on beside its settings."""
    return {"python": platform.python_version(), "numpy": np.__version__, "numba": numba.__version__}


def write_json(value, folder, name):
    """Write a JSON file, whole or not at all."""
    temporary = path(folder, f".{name}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=2)
            file.write("\n")
        os.replace(temporary, path(folder, name))
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def read_json(folder, name):
    """What is in a JSON file of a run.  Raises FileNotFoundError or ValueError."""
    place = path(folder, name)
    if not os.path.exists(place):
        raise FileNotFoundError(f"{folder} holds no run: there is no {place}" if name == CONFIG else
                                f"{folder} has no {name} yet")
    try:
        with open(place, encoding="utf-8") as file:
            return json.load(file)
    except ValueError as error:
        raise ValueError(f"{place} is no valid JSON: {error}") from None


def read_config(folder):
    """The run's config.json.  Raises FileNotFoundError or ValueError."""
    place, config = path(folder, CONFIG), read_json(folder, CONFIG)
    needed = {"model", "model_config", "data", "seed", "batch_size", "lr", "steps"}
    if not isinstance(config, dict) or not needed <= set(config):
        raise ValueError(f"{place} is not the config of a run: it must have {', '.join(sorted(needed))}")
    if config["model"] not in MODELS:
        raise ValueError(f"{place}: unknown model {config['model']!r}; there are {', '.join(MODELS)}")
    return config


def read_checkpoint(folder, config):
    """The run's checkpoint.  Raises ValueError if it is damaged, is none, or is that of another model."""
    place = path(folder, CHECKPOINT)
    if not os.path.exists(place):
        raise FileNotFoundError(f"{folder} has no {CHECKPOINT} yet")
    state = load(place)
    if not isinstance(state, dict) or not {"model", "model_config", "weights", "best", "step"} <= set(state):
        raise ValueError(f"{place} is a checkpoint, but not that of a run")
    for key in ("model", "model_config"):
        if state[key] != config[key]:
            raise ValueError(f"{place} is that of another model: {state['model']} {state['model_config']}, "
                             f"and {CONFIG} says {config['model']} {config['model_config']}")
    return state


def build(config):
    """The model of a run, with parameters drawn from the run's seed, and the generator to go on with.

    Raises CudaError if the config's device is "cuda" and there is none.
    """
    generator = minigrad.manual_seed(config["seed"])
    model = MODELS[config["model"]].load().from_config(config["model_config"])
    return model.to(config.get("device", "cpu")), generator


def load_model(folder, device=None):
    """The trained model of a run, ready to be used, and its config.  Where it isn't finished, the best one so far.

    device          where it is to be: by default on the CPU, wherever it was trained
    """
    config = read_config(folder)
    state = read_checkpoint(folder, config)
    model, _ = build(config | {"device": device or "cpu"})
    try:
        model.load_state_dict((state["best"] or state)["weights"])
    except RuntimeError as error:
        raise ValueError(f"{path(folder, CHECKPOINT)}: {error}") from None
    return model.eval(), config
