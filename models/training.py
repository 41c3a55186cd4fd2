"""The training loop: one for all models.

A run is a function of its config alone.  Each step takes its batch from a shuffle drawn from (seed, epoch), its
learning rate from the schedule, and its noise from minigrad's generator, whose state is in the checkpoint.  So a run
that was stopped anywhere, even by a power cut, and is resumed, ends with the same bits as one that was not.
(The one exception is a run that is slower than planned: it ends when its budget of minutes is spent.)

Where the data has a validation part, the model is measured on that on the way.  The run ends with the weights that did
best there, and only these are measured on the test set.
"""
import math
import os
import signal
import time
import numpy as np
from minigrad import random
from minigrad.autograd import first_nonfinite
from minigrad.optim import Adam
from minigrad.serialization import save
from minigrad.tensor import made_by
from . import runs
from .likelihood import evaluate, figures, labels, part

MARGIN = 0.95                              # the part of a budget of minutes that the plan may fill
EVALUATIONS = 10                           # at least so many a run, beside those after each epoch
SUBSET = {"valid": 2000, "test": 500}      # so many examples at most are looked at before the last evaluation
SAVE_EVERY = 60                            # seconds of training
REHEARSAL = 3                              # at most so many seconds go into measuring the speed before the plan is made


def learning_rate(step, steps, lr):
    """The rate of one step: up in a straight line in the first 2 % of the plan, then down along half a cosine."""
    warm_up = max(1, steps // 50)
    return lr * min(1, (step + 1) / warm_up) * (1 + math.cos(math.pi * step / steps)) / 2


class Training:
    """A run: its model, and how far it has come.

    config      what is in config.json
    data        the DataSet
    folder      the run's folder
    bar         total -> a progress bar, like tqdm.tqdm(total=total); or None to show nothing
    step        how many steps have been made, of `last` in all
    seconds     how long they took; evaluations and saving are not counted
    """

    def __init__(self, config, data, folder, bar=None):
        self.config, self.data, self.folder, self.bar = config, data, folder, bar
        self.model, self.generator = runs.build(config)
        self.optimizer = None              # a model without parameters learns all it can in begin and finish
        if self.model.num_parameters():
            self.optimizer = Adam(self.model.parameters(), lr=config["lr"], weight_decay=config.get("weight_decay", 0))
        self.steps_per_epoch = max(1, len(data.train) // config["batch_size"])
        self.step, self.last, self.seconds = 0, config["steps"], 0.0
        self.cost_sum, self.cost_count, self.counted_seconds = 0.0, 0, 0.0     # since the last evaluation
        self.metrics = []
        self.best = None                   # of the weights so far, by validation: {"cost", "step", "weights"}
        self.saved_at = 0.0                # in seconds of training
        self.interrupted = False
        self.order = None, None            # an epoch, and its shuffle

    # -- going ahead --------------------------------------------------------------------------------------------------

    def run(self):
        """Train until the plan is fulfilled, the budget is spent, or SIGINT comes.  Returns whether it is finished.

        Raises FloatingPointError if the loss or a parameter isn't finite any more, OSError if saving fails.
        """
        before = signal.signal(signal.SIGINT, self.interrupt)
        bar = self.bar and self.bar(self.last * self.config["batch_size"], self.step * self.config["batch_size"])
        try:
            while True:
                if self.evaluation_due():
                    if bar:
                        bar.set_postfix_str("measuring")
                    self.evaluate()
                    self.save()
                if self.interrupted or self.step >= self.last:
                    break
                cost = self.train_step()
                if bar:
                    bar.set_postfix_str(", ".join(f"{value:.4g} {name.replace('_', ' ')}" for name, value
                                                  in figures(self.model, "train", cost).items()), refresh=False)
                    bar.update(self.config["batch_size"])
                if self.seconds - self.saved_at > SAVE_EVERY:
                    self.save()
            if self.interrupted:
                self.save()
        finally:
            signal.signal(signal.SIGINT, before)
            if bar:
                bar.close()
        return self.step >= self.last

    def interrupt(self, *_):
        """The first SIGINT asks to stop after this step; the second one stops at once."""
        self.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    @np.errstate(all="ignore")             # what is not finite is found, and named, below and before saving
    def train_step(self):
        """One batch.  Returns its loss."""
        began = time.perf_counter()
        rate = learning_rate(self.step, self.config["steps"], self.config["lr"])
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        numbers = self.batch()
        x = self.data.batch(numbers, np.random.default_rng([self.config["seed"], self.step, 1]))
        loss = self.model.loss(x, self.generator, **labels(self.model, self.data.train_labels, numbers))
        cost = float(loss.data)
        if not math.isfinite(cost):
            raise FloatingPointError(self.what_is_not_finite(loss))
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.cost_sum, self.cost_count = self.cost_sum + cost, self.cost_count + 1
        took = time.perf_counter() - began
        self.seconds, self.counted_seconds = self.seconds + took, self.counted_seconds + took
        minutes = self.config.get("minutes")
        if minutes and self.seconds > 60 * minutes:
            self.last = self.step          # slower than it was when the plan was made: stop here
        return cost

    def batch(self):
        """The numbers of the examples in this step's batch.  Those that fill no whole batch sit out the epoch."""
        epoch, i = divmod(self.step, self.steps_per_epoch)
        if self.order[0] != epoch:
            self.order = epoch, np.random.default_rng([self.config["seed"], epoch]).permutation(len(self.data.train))
        size = self.config["batch_size"]
        return self.order[1][i * size:(i + 1) * size]

    def what_is_not_finite(self, loss):
        """The message that names the first operation which made a NaN or an infinity."""
        culprit = first_nonfinite(loss)
        if culprit is None:
            cause = "nothing that it was computed from is; look at the model's loss"
        elif culprit.rule is None:
            cause = f"the first value that isn't finite is a parameter or input of shape {culprit.shape}"
        else:
            cause = f"the first operation that gave NaN or infinity is {made_by(culprit)}, of shape {culprit.shape}"
        return f"training stopped at step {self.step}: the loss is {float(loss.data)}; {cause}. {self.kept()}"

    def kept(self):
        """What is left after a failure."""
        place = runs.path(self.folder, runs.CHECKPOINT)
        return f"The last good checkpoint is kept: {place}" if os.path.exists(place) else "There is no checkpoint yet"

    # -- looking back -------------------------------------------------------------------------------------------------

    def evaluation_due(self):
        """After each epoch, EVALUATIONS times in a run, and at its end; once each."""
        if self.metrics and self.metrics[-1]["step"] == self.step:
            return False
        interval = max(1, -(-self.config["steps"] // EVALUATIONS))
        on_the_way = self.step and (self.step % self.steps_per_epoch == 0 or self.step % interval == 0)
        return self.step >= self.last or bool(on_the_way)

    def evaluate(self):
        """Measure the model on held-out examples, a fixed part of them before the end, and add to the metrics."""
        over, found = self.step >= self.last, {
            "epoch": round(self.step / self.steps_per_epoch, 4), "step": self.step, "seconds": round(self.seconds, 6)}
        if self.cost_count:
            found |= figures(self.model, "train", self.cost_sum / self.cost_count) | {
                "images_per_second": round(self.cost_count * self.config["batch_size"] / self.counted_seconds, 2),
                "learning_rate": learning_rate(self.step - 1, self.config["steps"], self.config["lr"])}
        if self.data.valid is not None:
            found |= self.measured("valid", SUBSET["valid"])
            cost = found[f"valid_{self.model.measure}"]
            if self.best is None or cost < self.best["cost"]:
                weights = {name: t.data.copy() for name, t in self.model.state_dict().items()}
                self.best = {"cost": cost, "step": self.step, "weights": weights}
        if over:
            if self.best is not None:
                self.model.load_state_dict(self.best["weights"])
                found["best_step"], self.best = self.best["step"], None
            self.model.finish(self.data)
        if over or self.data.valid is None:
            found |= self.measured("test", len(self.data.test) if over else SUBSET["test"])
        self.metrics.append(found)
        self.cost_sum, self.cost_count, self.counted_seconds = 0.0, 0, 0.0

    def measured(self, name, wanted):
        """The model's figures on so many examples of the data's part of that name."""
        x, y = getattr(self.data, name), getattr(self.data, f"{name}_labels")
        numbers = part(len(x), wanted)
        cost = evaluate(self.model, x[numbers], np.random.default_rng(self.config["seed"]),
                        y if y is None else y[numbers])
        return figures(self.model, name, cost) | {f"{name}_examples": len(numbers)}

    # -- stopping and going on ----------------------------------------------------------------------------------------

    def save(self):
        """Write checkpoint.npz and metrics.json, each whole or not at all."""
        for name, parameter in self.model.named_parameters():
            if not np.isfinite(parameter.data).all():
                raise FloatingPointError(f"training stopped at step {self.step}: the update has made {name} infinite "
                                         f"or NaN; try a smaller --lr. {self.kept()}")
        place = runs.path(self.folder, runs.CHECKPOINT)
        state = {"model": self.config["model"], "model_config": self.config["model_config"],
                 "weights": self.model.state_dict(), "best": self.best,
                 "optimizer": self.optimizer and self.optimizer.state_dict(),
                 "generator": random.get_rng_state(), "step": self.step, "last": self.last, "seconds": self.seconds,
                 "cost_sum": self.cost_sum, "cost_count": self.cost_count, "counted_seconds": self.counted_seconds,
                 "metrics": self.metrics}
        try:
            save(state, place)
            runs.write_json(self.metrics, self.folder, runs.METRICS)
        except OSError as error:
            raise OSError(f"saving after step {self.step} failed: {error.strerror or error}. {self.kept()}") from error
        self.saved_at = self.seconds

    def restore(self):
        """Go on from the run's checkpoint; where none was written yet, from the start."""
        if not os.path.exists(runs.path(self.folder, runs.CHECKPOINT)):
            self.model.begin(self.data)
            return
        state = runs.read_checkpoint(self.folder, self.config)
        try:
            self.model.load_state_dict(state["weights"])
            if self.optimizer:
                self.optimizer.load_state_dict(state["optimizer"])
            random.set_rng_state(state["generator"])
            for name in ("step", "last", "seconds", "cost_sum", "cost_count", "counted_seconds", "metrics",
                         "best"):
                setattr(self, name, state[name])
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"{runs.path(self.folder, runs.CHECKPOINT)} does not fit this run: {error}") from None
        self.saved_at = self.seconds
        runs.write_json(self.metrics, self.folder, runs.METRICS)


def seconds_per_step(config, data):
    """How long a step takes: the mean of a few, on a model that is thrown away.  The first ones only warm up."""
    rehearsal = Training({**config, "steps": 1_000_000, "minutes": None}, data, folder=None)
    rehearsal.model.begin(data)
    for _ in range(3):
        rehearsal.train_step()
    began, warm_up = rehearsal.seconds, rehearsal.step
    enough = min(REHEARSAL, 60 * config["minutes"] / 20)
    while rehearsal.step < warm_up + 5 or rehearsal.seconds - began < enough:
        rehearsal.train_step()
    return (rehearsal.seconds - began) / (rehearsal.step - warm_up)


def planned_steps(config, data):
    """How many steps there will be: `epochs` of them, or as many as fit into the budget of `minutes`.

    None for a model without parameters.
    """
    if not runs.build(config)[0].num_parameters():
        return 0
    if config["epochs"] is not None:
        return config["epochs"] * max(1, len(data.train) // config["batch_size"])
    return max(1, int(60 * config["minutes"] * MARGIN / seconds_per_step(config, data)))
