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
from minigrad.serialization import load
from models import registry, runs, training
from models.data import DataSet
from models.pixelcnn import PixelCNN
from models.training import Training, learning_rate, planned_steps

EPOCHS, PER_EPOCH = 3, 10


class Flipping(PixelCNN):
    """A PixelCNN whose loss is random: each image is mirrored or not.  So the generator's state matters."""

    def loss(self, x, generator):
        mirrored = generator.random(len(x)) < 0.5
        return super().loss(np.where(mirrored[:, None, None, None], x[..., ::-1], x), generator)


def tiny_data():
    """Images of stripes."""
    x = (np.random.default_rng(0).integers(0, 2, (104, 1, 1, 6)) * np.ones((1, 1, 5, 1), int) * 3).astype(np.uint8)
    return DataSet("stripes", x[:84], x[:84, 0, 0, 0], x[84:], x[84:, 0, 0, 0], levels=4)


def tiny_config(seed=0, **changes):
    """A run of three epochs of ten steps."""
    return {"model": "flipping", "data": "stripes", "seed": seed, "batch_size": 8, "lr": 3e-2, "epochs": EPOCHS,
            "minutes": None, "steps": EPOCHS * PER_EPOCH,
            "model_config": {"shape": [1, 5, 6], "levels": 4, "channels": 4, "layers": 1, "first_kernel_size": 3,
                             "kernel_size": 3}, **changes}


def begin(folder, **changes):
    """A Training in that folder: a new one, or one that goes on if there is a checkpoint."""
    os.makedirs(folder, exist_ok=True)
    begun = Training(tiny_config(**changes), tiny_data(), str(folder))
    begun.restore()
    begun.save()
    return begun


def weights(folder):
    """The weights, Adam's state and the metrics without times, as they are on the disk."""
    state = load(runs.path(str(folder), runs.CHECKPOINT))
    arrays = {name: t.data for name, t in state["weights"].items()}
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
    assert metrics[-1]["test_nats"] < 0.6 * 30 * np.log(4)                 # much better than the uniform distribution
    assert metrics[-1]["test_examples"] == 20
    assert metrics[-1]["test_bits_per_dim"] == pytest.approx(metrics[-1]["test_nats"] / 30 / np.log(2))
    assert all(a["seconds"] < b["seconds"] for a, b in zip(metrics, metrics[1:]))
    assert set(metrics[0]) >= {"epoch", "step", "seconds", "train_nats", "test_nats", "test_bits_per_dim",
                               "images_per_second", "learning_rate"}


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
        nats = step()
        first.interrupted = first.step == steps
        return nats
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
    assert [m["test_nats"] for m in on_disk[0]] == [m["test_nats"] for m in on_disk[1]]


@pytest.mark.parametrize("forget", ["optimizer", "generator", "partial sums"])
def test_forgetting_anything_would_be_noticed(whole, tmp_path, forget):
    resumed = stopped_and_resumed(tmp_path / "run", 17)
    if forget == "optimizer":
        resumed.optimizer.state.clear()
    elif forget == "generator":
        minigrad.manual_seed(0)
        resumed.generator = minigrad.random.own
    else:
        resumed.nats_sum, resumed.nats_count = 1.0, 1
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
