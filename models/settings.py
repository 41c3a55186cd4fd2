"""All that a run depends on: what the user says, and the model's recipe for the rest."""
import inspect
from . import runs
from .registry import MODELS
from .training import planned_steps

FROM_DATA = ("shape", "levels")            # the constructor's arguments that the data decides
CHOICES = ("epochs", "minutes", "batch_size", "lr", "seed")


def new_config(model, data, data_name, overrides, epochs=None, minutes=None, batch_size=None, lr=None, seed=None,
               weight_decay=None, device=None):
    """The config of a run that is to begin.

    model, data_name    the model's name, and that of the DataSet `data` or the path of its file
    overrides           constructor arguments that replace the recipe's: a dict
    epochs ...          replace the recipe's too, where they aren't None
    device              where to train: "cpu", the default, or "cuda"
    Raises ValueError for a model that can't be built so, or that can't learn this data.
    """
    entry = MODELS[model]
    recipe = entry.recipes.get(data_name) or next(iter(entry.recipes.values()))
    config = {"model": model, "data": data_name, "seed": seed or 0, "device": device or "cpu",
              "batch_size": batch_size or min(recipe["batch_size"], len(data.train)),
              "lr": lr or recipe["lr"],
              "weight_decay": recipe.get("weight_decay", 0) if weight_decay is None else weight_decay,
              "epochs": epochs, "minutes": None if epochs else minutes or recipe["minutes"]}
    if config["batch_size"] > len(data.train):
        raise ValueError(f"--batch-size {batch_size} is more than the {len(data.train)} training examples")
    built = build(model, {"shape": list(data.shape), "levels": data.levels, **recipe["config"]}, overrides)
    if built.classes is not None and data.train_labels is None:
        raise ValueError(f"{model} with classes={built.classes} needs labels, and {data_name} has none")
    config["model_config"] = built.config
    config["steps"] = planned_steps(config, data)
    return {**config, "versions": runs.versions()}


def build(model, arguments, overrides):
    """The model with these constructor arguments, overridden by those.  Raises one clear ValueError if it can't be."""
    cls = MODELS[model].load()
    known = {name: p.default for name, p in inspect.signature(cls).parameters.items() if name not in FROM_DATA}
    takes = f"{model} takes " + (", ".join(f"{name}={default}" for name, default in known.items()) or "no settings")
    for name, value in overrides.items():
        if name in FROM_DATA:
            raise ValueError(f"--set {name}={value}: the data decides the {name}; {takes}")
        if name not in known:
            raise ValueError(f"--set {name}={value}: there is no such setting; {takes}")
        if not alike(value, known[name]):
            raise ValueError(f"--set {name}={value}: the value is of the wrong kind; {takes}")
    try:
        return cls.from_config({**arguments, **overrides})
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        if not overrides or str(error).startswith(f"{cls.__name__}: "):        # it says already what to change
            raise
        said = " ".join(f"{name}={value}" for name, value in overrides.items())
        raise ValueError(f"--set {said}: {model} can't be built so ({error}); {takes}") from error


def alike(value, default):
    """Whether a value could be meant for an argument with that default.  Lists, and None, are left to the model."""
    if default is None or value is None or isinstance(value, list) or isinstance(default, (list, tuple)):
        return not isinstance(default, (list, tuple)) or not isinstance(value, (str, bool))
    if isinstance(default, float):
        return type(value) in (int, float)
    return type(value) is type(default)


def resumed_config(folder, model, data_name, overrides, device=None, **choices):
    """The config of the run to go on with.  What the user says now must not contradict it, but for the device."""
    config = runs.read_config(folder)
    said = {"model": (model, config["model"]), "data": (data_name, config["data"])}
    said |= {name: (value, config[name]) for name, value in choices.items()}
    said |= {name: (value, config["model_config"].get(name)) for name, value in overrides.items()}
    for name, (now, then) in said.items():
        if now is not None and now != then:
            raise ValueError(f"the run in {folder} has {name} {then}, not {now}: a run is resumed as it was begun")
    return config if device is None else config | {"device": device}
