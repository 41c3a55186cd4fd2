"""The training loop: one for all models.

A run is a function of its config alone.  Each step takes its batch from a shuffle drawn from (seed, epoch), its
learning rate from the schedule, and its noise from minigrad's generator, whose state is in the checkpoint.  So a run
that was stopped anywhere, even by a power cut, and is resumed, ends with the same bits as one that was not.
(The one exception is a run that is slower than planned: it ends when its budget of minutes is spent.)
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
from .likelihood import bits_per_dim, evaluate

MARGIN = 0.95                              # the part of a budget of minutes that the plan may fill
EVALUATIONS = 10                           # at least so many a run, beside those after each epoch
SUBSET = 500                               # how many test examples are looked at before the last evaluation
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
        self.optimizer = Adam(self.model.parameters(), lr=config["lr"])
        self.steps_per_epoch = max(1, len(data.train) // config["batch_size"])
        self.step, self.last, self.seconds = 0, config["steps"], 0.0
        self.nats_sum, self.nats_count, self.counted_seconds = 0.0, 0, 0.0     # since the last evaluation
        self.metrics = []
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
                    self.evaluate()
                    self.save()
                if self.interrupted or self.step >= self.last:
                    break
                nats = self.train_step()
                if bar:
                    bits = bits_per_dim(nats, self.data.shape)
                    bar.set_postfix_str(f"{nats:.1f} nats, {bits:.3f} bits/dim", refresh=False)
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
        loss = self.model.loss(self.data.train[self.batch()], self.generator)
        nats = float(loss.data)
        if not math.isfinite(nats):
            raise FloatingPointError(self.what_is_not_finite(loss))
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.nats_sum, self.nats_count = self.nats_sum + nats, self.nats_count + 1
        took = time.perf_counter() - began
        self.seconds, self.counted_seconds = self.seconds + took, self.counted_seconds + took
        minutes = self.config.get("minutes")
        if minutes and self.seconds > 60 * minutes:
            self.last = self.step          # slower than it was when the plan was made: stop here
        return nats

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
        if self.step == 0 or (self.metrics and self.metrics[-1]["step"] == self.step):
            return False
        interval = -(-self.config["steps"] // EVALUATIONS)
        return self.step >= self.last or self.step % self.steps_per_epoch == 0 or self.step % interval == 0

    def evaluate(self):
        """Measure the model on held-out examples, a fixed part of them before the end, and add to the metrics."""
        test = self.data.test if self.step >= self.last else self.data.test[:SUBSET]
        nats = evaluate(self.model, test, np.random.default_rng(self.config["seed"]))
        self.metrics.append({
            "epoch": round(self.step / self.steps_per_epoch, 4), "step": self.step, "seconds": round(self.seconds, 6),
            "train_nats": self.nats_sum / self.nats_count, "test_nats": nats,
            "test_bits_per_dim": bits_per_dim(nats, self.data.shape), "test_examples": len(test),
            "images_per_second": round(self.nats_count * self.config["batch_size"] / self.counted_seconds, 2),
            "learning_rate": learning_rate(self.step - 1, self.config["steps"], self.config["lr"])})
        self.nats_sum, self.nats_count, self.counted_seconds = 0.0, 0, 0.0

    # -- stopping and going on ----------------------------------------------------------------------------------------

    def save(self):
        """Write checkpoint.npz and metrics.json, each whole or not at all."""
        for name, parameter in self.model.named_parameters():
            if not np.isfinite(parameter.data).all():
                raise FloatingPointError(f"training stopped at step {self.step}: the update has made {name} infinite "
                                         f"or NaN; try a smaller --lr. {self.kept()}")
        place = runs.path(self.folder, runs.CHECKPOINT)
        state = {"model": self.config["model"], "model_config": self.config["model_config"],
                 "weights": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                 "generator": random.get_rng_state(), "step": self.step, "last": self.last, "seconds": self.seconds,
                 "nats_sum": self.nats_sum, "nats_count": self.nats_count, "counted_seconds": self.counted_seconds,
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
            return
        state = runs.read_checkpoint(self.folder, self.config)
        try:
            self.model.load_state_dict(state["weights"])
            self.optimizer.load_state_dict(state["optimizer"])
            random.set_rng_state(state["generator"])
            for name in ("step", "last", "seconds", "nats_sum", "nats_count", "counted_seconds", "metrics"):
                setattr(self, name, state[name])
        except (KeyError, RuntimeError) as error:
            raise ValueError(f"{runs.path(self.folder, runs.CHECKPOINT)} does not fit this run: {error}") from None
        self.saved_at = self.seconds
        runs.write_json(self.metrics, self.folder, runs.METRICS)


def seconds_per_step(config, data):
    """How long a step takes: the mean of a few, on a model that is thrown away.  The first ones only warm up."""
    rehearsal = Training({**config, "steps": 1_000_000, "minutes": None}, data, folder=None)
    for _ in range(3):
        rehearsal.train_step()
    began, warm_up = rehearsal.seconds, rehearsal.step
    enough = min(REHEARSAL, 60 * config["minutes"] / 20)
    while rehearsal.step < warm_up + 5 or rehearsal.seconds - began < enough:
        rehearsal.train_step()
    return (rehearsal.seconds - began) / (rehearsal.step - warm_up)


def planned_steps(config, data):
    """How many steps there will be: `epochs` of them, or as many as fit into the budget of `minutes`."""
    if config["epochs"] is not None:
        return config["epochs"] * max(1, len(data.train) // config["batch_size"])
    return max(1, int(60 * config["minutes"] * MARGIN / seconds_per_step(config, data)))
