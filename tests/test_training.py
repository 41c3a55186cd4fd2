"""Training is repeatable and can be stopped anywhere: with a signal, by a kill, by a full disk, by a NaN.

Run as a script, this file is the process that gets stopped: `python test_training.py FOLDER THREADS`.
"""
import errno
import json
import os
import signal
import subprocess
import sys
import time
import types
import warnings
import numpy as np
import pytest
import minigrad
from layers import Parameter
from minigrad.serialization import load
from models import registry, runs, training
from models.data import DataSet
from models.likelihood import evaluate, part
from models.model import Model
from models.pixelcnn import PixelCNN
from models.training import Training, learning_rate, planned_steps

EPOCHS, PER_EPOCH = 3, 10


class Flipping(PixelCNN):
    """A PixelCNN whose loss is random: each image is mirrored or not.  So the generator's state matters."""

    def loss(self, x, generator):
        mirrored = generator.random(len(x)) < 0.5
        return super().loss(np.where(mirrored[:, None, None, None], x[..., ::-1], x), generator)


def tiny_data(valid=True):
    """Images of stripes, with or without a validation part."""
    x = (np.random.default_rng(0).integers(0, 2, (124, 1, 1, 6)) * np.ones((1, 1, 5, 1), int) * 3).astype(np.uint8)
    return DataSet("stripes", x[:84], x[:84, 0, 0, 0], x[84:104], x[84:104, 0, 0, 0], levels=4,
                   valid=x[104:] if valid else None, valid_labels=x[104:, 0, 0, 0] if valid else None)


def tiny_config(seed=0, **changes):
    """A run of three epochs of ten steps."""
    return {"model": "flipping", "data": "stripes", "seed": seed, "batch_size": 8, "lr": 3e-2, "epochs": EPOCHS,
            "minutes": None, "steps": EPOCHS * PER_EPOCH,
            "model_config": {"shape": [1, 5, 6], "levels": 4, "channels": 4, "layers": 1, "first_kernel_size": 3,
                             "kernel_size": 3}, **changes}


def begin(folder, data=None, **changes):
    """A Training in that folder: a new one, or one that goes on if there is a checkpoint."""
    os.makedirs(folder, exist_ok=True)
    begun = Training(tiny_config(**changes), data or tiny_data(), str(folder))
    begun.restore()
    begun.save()
    return begun


def weights(folder):
    """The weights, Adam's state and the metrics without times, as they are on the disk."""
    state = load(runs.path(str(folder), runs.CHECKPOINT))
    arrays = {name: t.data for name, t in state["weights"].items()} | {"best": np.array(state["best"] is None)}
    for number, kept in state["optimizer"]["state"].items():
        arrays |= {f"{number} {name}": value for name, value in kept.items()}
    timeless = [{name: value for name, value in m.items() if name not in ("seconds", "images_per_second")}
                for m in state["metrics"]]
    return arrays, timeless


def same(a, b):
    """Whether two runs ended bit for bit alike."""
    (arrays, metrics), (others, other_metrics) = a, b
    return (metrics == other_metrics and list(arrays) == list(others)
            and all(np.array_equal(arrays[name], others[name]) for name in arrays))


@pytest.fixture(autouse=True)
def flipping(monkeypatch):
    monkeypatch.setitem(registry.MODELS, "flipping", types.SimpleNamespace(load=lambda: Flipping))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    registry.MODELS["flipping"] = types.SimpleNamespace(load=lambda: Flipping)
    try:
        assert begin(folder).run()
    finally:
        del registry.MODELS["flipping"]
    return folder


def process(folder, threads=2, **more):
    """This file as a process of its own."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads),
                   "PYTHONPATH": os.path.dirname(os.path.dirname(os.path.abspath(__file__)))}
    return subprocess.Popen([sys.executable, os.path.abspath(__file__), str(folder)], env=environment,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


# ---------------------------------------------------------------------------------------------------------------------

def test_it_learns_and_says_so(whole):
    metrics = json.loads((whole / runs.METRICS).read_text())
    assert [m["step"] for m in metrics] == sorted({*range(3, 31, 3), 10, 20}) and metrics[-1]["epoch"] == 3
    always = {"epoch", "step", "seconds", "train_nats", "train_bits_per_dim", "valid_nats", "valid_bits_per_dim",
              "valid_examples", "images_per_second", "learning_rate"}
    assert all(set(m) == always for m in metrics[:-1])
    last = metrics[-1]
    assert set(last) == always | {"best_step", "test_nats", "test_bits_per_dim", "test_examples"}
    assert last["test_nats"] < 0.6 * 30 * np.log(4)                        # much better than the uniform distribution
    assert last["test_examples"] == 20 and last["test_bits_per_dim"] == pytest.approx(
        last["test_nats"] / 30 / np.log(2))
    assert all(a["seconds"] < b["seconds"] for a, b in zip(metrics, metrics[1:]))


def test_without_a_validation_part_the_test_set_is_looked_at(tmp_path):
    begun = begin(tmp_path / "run", tiny_data(valid=False), epochs=1, steps=10)
    assert begun.run() and [m["step"] for m in begun.metrics] == list(range(1, 11))
    assert all("valid_nats" not in m and m["test_examples"] == 20 for m in begun.metrics)
    assert begun.best is None and "best_step" not in begun.metrics[-1]


def with_scripted_validation(folder, costs):
    """A Training whose validations give these costs, beginning with step 3.  Returns it and its weights by step."""
    begun, seen, measured = begin(folder), {}, Training.measured

    def scripted(name, wanted):
        found = measured(begun, name, wanted)
        if name == "valid":
            found["valid_nats"] = costs[begun.step]
            seen[begun.step] = {key: t.data.copy() for key, t in begun.model.state_dict().items()}
        return found
    begun.measured = scripted
    return begun, seen


def test_the_best_weights_are_kept_and_measured(tmp_path):
    """Validation says that step 9 was best: the run ends with those weights, and the test figure is theirs."""
    costs = {step: abs(step - 9.0) for step in range(31)}
    begun, seen = with_scripted_validation(tmp_path / "run", costs)
    begun.finished_on = None
    begun.model.finish = lambda data: setattr(begun, "finished_on", {
        name: t.data.copy() for name, t in begun.model.state_dict().items()})
    while begun.step < 15:
        begun.train_step()
        if begun.evaluation_due():
            begun.evaluate()
    begun.save()                           # unfinished: the best so far is used
    runs.start(begun.config, str(tmp_path / "run"))
    unfinished, _ = runs.load_model(str(tmp_path / "run"))
    resumed = begin(tmp_path / "run")      # which goes on to know it
    assert resumed.best["step"] == 9 and np.array_equal(resumed.best["weights"]["head.bias"], seen[9]["head.bias"])
    assert begun.run() and begun.metrics[-1]["best_step"] == 9
    finished, _ = runs.load_model(str(tmp_path / "run"))
    for model in (unfinished, finished, begun.model):
        assert all(np.array_equal(t.data, seen[9][name]) for name, t in model.state_dict().items())
    assert not np.array_equal(seen[9]["head.bias"], seen[30]["head.bias"])
    assert np.array_equal(begun.finished_on["head.bias"], seen[9]["head.bias"])
    nats = evaluate(finished, tiny_data().test, np.random.default_rng(0))
    assert begun.metrics[-1]["test_nats"] == nats


def test_a_part_is_the_same_each_time_and_not_the_first_ones():
    numbers = part(1000, 100)
    assert np.array_equal(numbers, part(1000, 100)) and len(set(numbers)) == 100 and numbers.max() > 900
    assert np.all(np.diff(numbers) > 0) and np.array_equal(part(7, 9), np.arange(7))


class Noted(Model):
    """A model that writes down what it is asked; p(x | y), with one parameter."""

    def __init__(self, shape, levels, classes=None):
        super().__init__(shape=shape, levels=levels, classes=classes)
        self.scale, self.notes = Parameter(minigrad.zeros(1)), []
        self.register_buffer("mean", minigrad.zeros(1))

    def begin(self, data):
        self.notes.append("begin")
        self.mean.data[...] = data.train.mean()

    def finish(self, data):
        self.notes.append("finish")
        self.mean.data[...] += 100

    def log_prob(self, x, y=None):
        self.check(x, y)
        if self.training:
            self.notes.append((x, y))
        distance = (x.astype(np.float32) - self.mean.data).reshape(len(x), -1).sum(1)
        return (0 if self.scale is None else self.scale) - minigrad.tensor(distance) ** 2


def noted(monkeypatch, folder, data, model=Noted, steps=2 * PER_EPOCH, **model_config):
    """A Training of such a model, not begun."""
    monkeypatch.setitem(registry.MODELS, "noted", types.SimpleNamespace(load=lambda: model))
    os.makedirs(folder, exist_ok=True)
    config = tiny_config(model="noted", epochs=None, steps=steps,
                         model_config={"shape": list(data.shape), "levels": data.levels, **model_config})
    return Training(config, data, str(folder))


def test_begin_and_finish_are_called_once_and_their_work_is_kept(monkeypatch, tmp_path):
    data = tiny_data()
    first = noted(monkeypatch, tmp_path / "run", data)
    first.restore()
    first.train_step()
    first.save()
    second = noted(monkeypatch, tmp_path / "run", data)
    second.restore()
    assert second.model.mean.data[0] == np.float32(data.train.mean())
    assert second.run()
    assert first.model.notes[0] == "begin" and first.model.notes.count("begin") == 1
    assert "begin" not in second.model.notes and second.model.notes[-1] == "finish"
    runs.start(second.config, str(tmp_path / "run"))
    model, _ = runs.load_model(str(tmp_path / "run"))
    assert model.mean.data[0] == np.float32(data.train.mean()) + 100


def test_labels_go_to_class_conditional_models(monkeypatch, tmp_path):
    data = tiny_data()
    training = noted(monkeypatch, tmp_path / "run", data, classes=4)
    training.restore()
    assert training.run()
    given = [note for note in training.model.notes if isinstance(note, tuple)]
    assert len(given) == 20 and all(np.array_equal(x[:, 0, 0, 0], y) for x, y in given)
    with pytest.raises(ValueError, match="Noted: was built for 4 classes, and needs the labels"):
        training.model.log_prob(data.test)


def test_batches_that_are_drawn_anew_depend_on_the_step_alone(monkeypatch, tmp_path):
    grey = np.full((84, 1, 5, 6), 128, np.uint8)           # all images alike: only the noise can differ
    data = DataSet("drawn", np.zeros_like(grey), None, np.zeros_like(grey), None, levels=2, greys=grey)
    whole = noted(monkeypatch, tmp_path / "whole", data)
    whole.restore()
    for _ in range(12):
        whole.train_step()
    late = noted(monkeypatch, tmp_path / "late", data)
    late.restore()
    late.step = 10
    late.train_step()
    batches = [note[0] for note in whole.model.notes if isinstance(note, tuple)]
    assert np.array_equal(late.model.notes[-1][0], batches[10]) and 0.4 < batches[0].mean() < 0.6
    assert not np.array_equal(batches[0], batches[1])


class Mean(Noted):
    """No parameter, no likelihood: the squared distance from the mean."""
    measure = "squared_error"

    def __init__(self, shape, levels):
        super().__init__(shape, levels)
        self.scale = None


def test_a_model_without_parameters_is_ready_at_once(monkeypatch, tmp_path):
    training = noted(monkeypatch, tmp_path / "run", tiny_data(), Mean, steps=0)
    assert planned_steps(training.config, training.data) == 0
    training.restore()
    training.save()
    assert training.run() and training.model.notes == ["begin", "finish"]
    last, = training.metrics
    assert {"step", "valid_squared_error", "test_squared_error", "test_examples"} <= set(last)
    assert not any("bits" in name or "nats" in name for name in last)
    again = noted(monkeypatch, tmp_path / "run", tiny_data(), Mean, steps=0)
    again.restore()
    assert again.run() and again.model.notes == [] and again.metrics == training.metrics


def test_weight_decay_is_the_recipes(monkeypatch, tmp_path):
    training = Training(tiny_config(weight_decay=0.5), tiny_data(), None)
    assert training.optimizer.param_groups[0]["weight_decay"] == 0.5


def test_the_seed_decides(whole, tmp_path):
    begin(tmp_path / "again").run()
    begin(tmp_path / "other", seed=1).run()
    assert same(weights(whole), weights(tmp_path / "again"))
    assert not same(weights(whole), weights(tmp_path / "other"))


def test_the_number_of_threads_does_not(whole, tmp_path):
    child = process(tmp_path / "run", threads=1)
    assert child.wait(60) == 0, child.stderr.read()
    assert same(weights(whole), weights(tmp_path / "run"))


def stopped_and_resumed(folder, steps):
    """Stop after so many steps, as SIGINT does, and go on in a new Training."""
    first = begin(folder)
    step = first.train_step

    def train_step():
        cost = step()
        first.interrupted = first.step == steps
        return cost
    first.train_step = train_step
    assert not first.run() and first.step == steps
    second = begin(folder)
    assert second.step == steps
    return second


@pytest.mark.parametrize("steps", [1, 10, 17])
def test_a_stopped_run_goes_on_bit_for_bit(whole, tmp_path, steps):
    assert stopped_and_resumed(tmp_path / "run", steps).run()
    assert same(weights(whole), weights(tmp_path / "run"))
    on_disk = [json.loads((place / runs.METRICS).read_text()) for place in (whole, tmp_path / "run")]
    assert [m["valid_nats"] for m in on_disk[0]] == [m["valid_nats"] for m in on_disk[1]]


@pytest.mark.parametrize("forget", ["optimizer", "generator", "partial sums", "best"])
def test_forgetting_anything_would_be_noticed(whole, tmp_path, forget):
    resumed = stopped_and_resumed(tmp_path / "run", 17)
    if forget == "optimizer":
        resumed.optimizer.state.clear()
    elif forget == "best":
        resumed.best["cost"] = 0.0         # nothing after it can be as good
    elif forget == "generator":
        minigrad.manual_seed(0)
        resumed.generator = minigrad.random.own
    else:
        resumed.cost_sum, resumed.cost_count = 1.0, 1
    resumed.run()
    assert not same(weights(whole), weights(tmp_path / "run"))


def test_killed_anywhere_and_resumed(whole, tmp_path):
    """SIGKILL at random moments, again and again, until the run gets to its end."""
    rng, kills = np.random.default_rng(), 0
    for attempt in range(10):
        child = process(tmp_path / "run")
        child.stdout.readline()            # it has started to train
        if attempt < 3:
            time.sleep(rng.uniform(0, 0.3))
            child.kill()
            kills += child.wait() == -signal.SIGKILL
            child.communicate()
        else:
            _, errors = child.communicate(timeout=60)
            assert child.returncode == 0, errors
            break
    assert kills
    assert same(weights(whole), weights(tmp_path / "run"))


def test_sigint_finishes_the_step_and_saves(whole, tmp_path):
    child = process(tmp_path / "run")
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    out, errors = child.communicate(timeout=60)
    assert child.returncode == 3 and "Traceback" not in errors, errors     # 3: see the end of this file
    step = int(out.split()[-1])
    assert 0 < step < 30 and load(runs.path(str(tmp_path / "run"), runs.CHECKPOINT))["step"] == step
    assert begin(tmp_path / "run").run()
    assert same(weights(whole), weights(tmp_path / "run"))


def test_the_second_sigint_aborts(tmp_path):
    begun = begin(tmp_path / "run")
    step = begun.train_step

    def train_step():
        signal.raise_signal(signal.SIGINT)
        assert begun.interrupted
        step()
        signal.raise_signal(signal.SIGINT)
    begun.train_step = train_step
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        begun.run()
    assert signal.getsignal(signal.SIGINT) == before


# ---------------------------------------------------------------------------------------------------------------------
# What goes wrong

def test_nan_in_the_loss_stops_and_names_the_operation(tmp_path):
    begun = begin(tmp_path / "run")
    for _ in range(4):
        begun.train_step()
    begun.save()
    right = begun.model.loss
    bias = begun.model.head.bias
    begun.model.loss = lambda x, generator: right(x, generator) + (minigrad.log(bias * 0 - 1) * 0).sum()
    with warnings.catch_warnings():
        warnings.simplefilter("error")     # the one error is all that is said
        with pytest.raises(FloatingPointError, match=r"step 4: the loss is nan.*log #\d+") as caught:
            begun.run()
    assert f"last good checkpoint is kept: {tmp_path}" in str(caught.value)
    assert load(runs.path(str(tmp_path / "run"), runs.CHECKPOINT))["step"] == 4


def test_nan_in_the_parameters_is_never_saved(tmp_path):
    begun = begin(tmp_path / "run")
    begun.train_step()
    begun.model.head.bias.data[0] = np.nan
    with pytest.raises(FloatingPointError, match="the update has made head.bias infinite or NaN"):
        begun.save()
    with pytest.raises(FloatingPointError, match="step 1: .* the first value that isn't finite is a parameter"):
        begun.train_step()
    assert load(runs.path(str(tmp_path / "run"), runs.CHECKPOINT))["step"] == 0


def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    begun = begin(tmp_path / "run")
    begun.train_step()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="saving after step 1 failed: No space left on device.*checkpoint is kept"):
            begun.save()
    assert load(runs.path(str(tmp_path / "run"), runs.CHECKPOINT))["step"] == 0
    assert sorted(os.listdir(tmp_path / "run")) == ["checkpoint.npz", "metrics.json"]


@pytest.mark.parametrize("damage, message", [
    (lambda content: content[:len(content) // 2], "truncated|damaged"),
    (lambda content: b"something else", "is not a minigrad checkpoint"),
])
def test_a_damaged_checkpoint(tmp_path, damage, message):
    begin(tmp_path / "run")
    path = tmp_path / "run" / runs.CHECKPOINT
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        begin(tmp_path / "run")


def test_a_checkpoint_of_another_model(tmp_path):
    begin(tmp_path / "run")
    other = {**tiny_config()["model_config"], "channels": 5}
    with pytest.raises(ValueError, match="is that of another model: flipping"):
        begin(tmp_path / "run", model_config=other)


# ---------------------------------------------------------------------------------------------------------------------
# The plan

def test_the_learning_rate():
    rates = [learning_rate(step, 1000, 0.1) for step in range(1000)]
    assert rates[0] == pytest.approx(0.1 / 20) and max(rates) == pytest.approx(0.1, rel=0.01)
    assert np.argmax(rates) == 19 and rates[500] == pytest.approx(0.05) and 0 < rates[-1] < 1e-6
    assert all(a < b for a, b in zip(rates[:20], rates[1:20])) and all(a > b for a, b in zip(rates[19:], rates[20:]))


def test_epochs_are_shuffles():
    begun = Training(tiny_config(), tiny_data(), None)
    seen = []
    for begun.step in range(20):
        seen.append(begun.batch())
    first, second = (np.concatenate(seen[i:i + 10]) for i in (0, 10))
    assert len(set(first)) == len(set(second)) == 80 and not np.array_equal(first, second)


def test_planning_fits_the_budget_and_changes_nothing(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(training, "seconds_per_step", lambda config, data: 0.1)
        assert planned_steps(tiny_config(epochs=None, minutes=10), tiny_data()) == 5700
        assert planned_steps(tiny_config(epochs=4), tiny_data()) == 40
    before = Training(tiny_config(), tiny_data(), None).train_step()
    assert 0 < training.seconds_per_step(tiny_config(minutes=0.01), tiny_data()) < 1
    assert Training(tiny_config(), tiny_data(), None).train_step() == before


def test_a_spent_budget_ends_the_run(tmp_path):
    begun = begin(tmp_path / "run", minutes=1e-9, epochs=None, steps=1000)
    assert begun.run() and begun.step == 1
    assert begun.metrics[-1]["step"] == 1 and begun.metrics[-1]["test_examples"] == 20


if __name__ == "__main__":
    registry.MODELS["flipping"] = types.SimpleNamespace(load=lambda: Flipping)
    run = begin(sys.argv[1])
    ordinary_step = run.train_step

    def slow_step():
        print("step", flush=True)
        time.sleep(0.01)                   # so that a signal meets it at work
        return ordinary_step()
    run.train_step = slow_step
    finished = run.run()
    print(run.step)
    sys.exit(0 if finished else 3)
