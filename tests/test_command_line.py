"""`python -m models`: what it writes, what it prints, and how it refuses."""
import inspect
import json
import os
import signal
import subprocess
import sys
import types
import numpy as np
import pytest
import minigrad
from layers import Parameter
from models import figures, runs
from models.__main__ import main
from models.data import DataSet, digits
from models.model import Model
from models.registry import DATA, MODELS
from models.settings import alike

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    """Small images and a small network under the names of the large ones; runs go to a folder of their own."""
    x = (np.random.default_rng(0).integers(0, 2, (60, 1, 1, 6)) * np.ones((1, 1, 4, 1), int) * 255).astype(np.uint8)
    data = DataSet("digits", x[:40], x[:40, 0, 0, 0], x[40:], x[40:, 0, 0, 0])
    monkeypatch.setattr(digits, "load", lambda: data)
    monkeypatch.setitem(MODELS["pixelcnn"].recipes, "digits",
                        {"minutes": 0.01, "batch_size": 8, "lr": 1e-2, "config": {"channels": 4, "layers": 1}})
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run():
    """The folder of a finished run."""
    assert main(["train", "pixelcnn", "--epochs", "2", "--out", "run"]) == 0
    return "run"


def refused(capsys, *arguments, code=1):
    """Run a command that must fail.  Returns its one line on stderr."""
    try:
        found = main(list(arguments))
    except SystemExit as stop:
        found = stop.code
    errors = capsys.readouterr().err
    lines = [line for line in errors.replace("\r", "\n").split("\n") if line.startswith("python -m models")]
    assert found == code and len(lines) == 1 and "Traceback" not in errors, errors
    return lines[0]


def test_the_whole_way(capsys, run):
    out = capsys.readouterr().out
    assert "bits per dimension" in out and "python -m models evaluate run" in out
    assert sorted(os.listdir(run)) == ["checkpoint.npz", "config.json", "curve.png", "metrics.json", "samples.png"]
    with open("run/config.json") as file:
        config = json.load(file)
    assert config["steps"] == 10 and config["seed"] == 0 and config["model_config"]["shape"] == [1, 4, 6]
    assert set(config["versions"]) == {"python", "numpy", "numba"}
    assert main(["evaluate", run]) == 0
    nats = json.load(open("run/metrics.json"))[-1]["test_nats"]
    out = capsys.readouterr().out
    assert (f"pixelcnn on digits, test set, all 20 examples: {nats:.3f} nats, "
            f"{nats / 24 / np.log(2):.4f} bits per dimension, perplexity {np.exp(nats / 24):.4f}") in out
    assert main(["evaluate", run, "-n", "7"]) == 0
    assert "test set, 7 (chosen at random) of the 20 examples" in capsys.readouterr().out
    assert main(["sample", run, "-n", "5", "--out", "five.png"]) == 0 and main(["inpaint", run]) == 0
    for name in ("five.png", "run/samples.png", "run/curve.png", "run/inpainting.png"):
        with open(name, "rb") as file:
            assert file.read(8) == b"\x89PNG\r\n\x1a\n", name


def test_minutes_are_the_default():
    assert main(["train", "pixelcnn"]) == 0
    with open("runs/pixelcnn-digits/metrics.json") as file:
        last = json.load(file)[-1]
    assert 0 < last["seconds"] < 0.6 + 0.5 and last["test_examples"] == 20


def test_list(capsys):
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("pixelcnn", "digits", "mnist"))


def test_a_run_is_not_overwritten(capsys, run):
    before = {name: open(runs.path(run, name), "rb").read() for name in os.listdir(run)}
    assert "run already holds a run" in refused(capsys, "train", "pixelcnn", "--epochs", "1", "--out", run)
    os.mkdir("mine")
    open("mine/notes.txt", "w").close()
    assert "mine is not an empty folder" in refused(capsys, "train", "pixelcnn", "--epochs", "1", "--out", "mine")
    assert {name: open(runs.path(run, name), "rb").read() for name in os.listdir(run)} == before
    assert os.listdir("mine") == ["notes.txt"]


def test_resuming(capsys, run):
    before = open("run/metrics.json").read()
    assert main(["train", "pixelcnn", "--out", run, "--resume"]) == 0      # it was finished: all stays as it is
    assert open("run/metrics.json").read() == before
    assert "has lr 0.01, not 0.5" in refused(capsys, "train", "pixelcnn", "--lr", "0.5", "--out", run, "--resume")
    assert "holds no run" in refused(capsys, "train", "pixelcnn", "--out", "nowhere", "--resume")


def test_ctrl_c_says_how_to_go_on(capsys, monkeypatch):
    from models.training import Training
    step = Training.train_step

    def interrupted_step(self):
        if self.step == 2:
            signal.raise_signal(signal.SIGINT)
        return step(self)
    with monkeypatch.context() as patch:
        patch.setattr(Training, "train_step", interrupted_step)
        assert main(["train", "pixelcnn", "--epochs", "2", "--out", "run"]) == 130
    out = capsys.readouterr().out
    assert "stopped after step 3 of 10" in out
    command = out.split("python -m models ")[-1].split()
    assert command == "train pixelcnn --data digits --out run --resume".split()
    assert main(command) == 0 and json.load(open("run/metrics.json"))[-1]["step"] == 10


@pytest.mark.parametrize("arguments, message", [
    (["train", "foo"], "unknown model 'foo'; there are masked_sequence"),
    (["train", "pixelcnn", "--data", "cats"], "unknown data set 'cats'; there are digits, mnist"),
    (["train", "pixelcnn", "--lr", "-1"], "--lr: must be a number above 0, not '-1'"),
    (["train", "pixelcnn", "--epochs", "0"], "--epochs: must be a whole number from 1 on, not '0'"),
    (["train", "pixelcnn", "--batch-size", "x"], "--batch-size: must be a whole number from 1 on, not 'x'"),
    (["train", "pixelcnn", "--minutes", "nan"], "--minutes: must be a number above 0, not 'nan'"),
    (["train", "pixelcnn", "--epochs", "1", "--minutes", "1"], "not allowed with"),
    (["sample"], "required: RUN"),
    ([], "required: list|train|evaluate|sample|inpaint|figure|reproduce"),
    (["train", "pixelcnn", "--set", "channels"], "--set: must be KEY=VALUE, not 'channels'"),
])
def test_bad_usage(capsys, arguments, message):
    assert message in refused(capsys, *arguments, code=2)


def test_failures(capsys, run):
    assert "batch-size 41 is more than the 40" in refused(
        capsys, "train", "pixelcnn", "--batch-size", "41", "--epochs", "1", "--out", "x")
    assert not os.path.exists("x")
    for command in ("evaluate", "sample", "inpaint"):
        assert "nowhere holds no run" in refused(capsys, command, "nowhere")
    for command in ("sample", "inpaint"):
        assert "there is no folder nowhere" in refused(capsys, command, "run", "--out", "nowhere/x.png")
        assert "must end in .png" in refused(capsys, command, "run", "--out", "run/config.json")
    content = open("run/checkpoint.npz", "rb").read()
    for damaged, message in ((content[:1000], "truncated|damaged"), (b"junk", "is not a minigrad checkpoint")):
        open("run/checkpoint.npz", "wb").write(damaged)
        line = refused(capsys, "evaluate", run)
        assert any(part in line for part in message.split("|")), line
    os.remove("run/checkpoint.npz")
    assert "run has no checkpoint.npz yet" in refused(capsys, "evaluate", run)
    open("run/checkpoint.npz", "wb").write(content)
    config = json.load(open("run/config.json"))
    json.dump({**config, "model_config": {**config["model_config"], "channels": 5}}, open("run/config.json", "w"))
    assert "is that of another model" in refused(capsys, "sample", run)
    json.dump({**config, "model": "foo"}, open("run/config.json", "w"))
    assert "unknown model 'foo'; there are masked_sequence" in refused(capsys, "sample", run)
    open("run/config.json", "w").write("{")
    assert "config.json is no valid JSON" in refused(capsys, "sample", run)


# ---------------------------------------------------------------------------------------------------------------------
# Settings

def test_settings_override_the_recipe(capsys):
    arguments = ["train", "pixelcnn", "--epochs", "1", "--out", "run", "--set", "channels=3", "kernel_size=3"]
    assert main([*arguments, "--set", "layers=2"]) == 0
    config = runs.read_config("run")["model_config"]
    assert (config["channels"], config["kernel_size"], config["layers"], config["levels"]) == (3, 3, 2, 256)
    assert main([*arguments, "--resume"]) == 0
    assert "has channels 3, not 5" in refused(
        capsys, "train", "pixelcnn", "--out", "run", "--resume", "--set", "channels=5")


@pytest.mark.parametrize("setting, message", [
    ("chanels=3", "chanels=3: there is no such setting; pixelcnn takes embedding=32, channels=32, layers=5"),
    ("channels=many", "channels=many: the value is of the wrong kind; pixelcnn takes embedding=32"),
    ("channels=2.5", "the value is of the wrong kind"),
    ("channels=true", "the value is of the wrong kind"),
    ("channels=[3]", "pixelcnn can't be built so"),
    ("channels=null", "pixelcnn can't be built so"),
    ("channels=0", "PixelCNN: channels must be 1 or more, not 0"),
    ("kernel_size=2", "kernel_size=2: pixelcnn can't be built so (MaskedConv2d: the kernel's sizes must be odd"),
    ("levels=2", "the data decides the levels"),
])
def test_wrong_settings(capsys, setting, message):
    assert message in refused(capsys, "train", "pixelcnn", "--epochs", "1", "--out", "run", "--set", setting)
    assert not os.path.exists("run")


def test_kinds_of_settings():
    fits = [(3, 5), (3, 0.5), (0.5, 2.0), ("random", "natural"), ([3, 1], "natural"), ([5], 5), ([5], (5, 5)),
            (7, (5,)), (True, False), (9, None), ("x", None), (None, 3)]
    assert all(alike(value, default) for value, default in fits)
    assert not any(alike(value, default) for value, default in [
        ("x", 5), (True, 5), (0.5, 5), (True, 0.5), ("x", 0.5), (3, "natural"), (1, True), ("x", (5,)), (True, (5,))])


def test_a_model_refuses_data_that_it_can_not_learn(capsys):
    assert "pixelcnn does not learn dna, but digits, mnist" in refused(capsys, "train", "pixelcnn", "--data", "dna")
    np.savez("greys.npz", x=np.random.default_rng(0).integers(0, 256, (60, 1, 4, 4)).astype(np.uint8))
    line = refused(capsys, "train", "fvsbn", "--data", "greys.npz", "--epochs", "1")
    assert "FVSBN" in line and "256" in line
    np.savez("real.npz", x=np.random.default_rng(0).random((60, 1, 4, 4)))
    assert "PixelCNN: takes integers" in refused(capsys, "train", "pixelcnn", "--data", "real.npz", "--epochs", "1")
    assert not os.path.exists("runs/fvsbn-greys")


# ---------------------------------------------------------------------------------------------------------------------
# Data of all shapes

@pytest.mark.parametrize("shape, levels", [((1, 6, 5), 256), ((3, 4, 4), 256), ((12,), 2), ((9,), 7), ((2,), None),
                                           ((1,), None), ((5,), None), ((1, 4, 4), None)])
def test_pictures_of_all_kinds(tmp_path, shape, levels):
    rng = np.random.default_rng(0)

    def draw(n):
        return (rng.standard_normal((n, *shape)).astype(np.float32) if levels is None else
                rng.integers(0, levels, (n, *shape)).astype(np.uint8))
    x = draw(10)
    figures.samples(x, levels, "title", tmp_path / "samples.png")
    known = np.zeros(shape, bool)
    known[..., :1] = True
    made = ["samples.png"]
    if shape not in [(1,), (2,)]:
        figures.inpainting(x, known, draw(10), levels, tmp_path / "inpainting.png")
        made.append("inpainting.png")
    for name in made:
        assert (tmp_path / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_colours_and_tiles():
    x = np.zeros((3, 3, 4, 5), np.uint8)
    x[:, 1] = 255
    picture = figures.tile(figures.colours(x, 256), 2, 2)
    assert picture.shape == (10, 12, 3)
    assert np.array_equal(picture[0, 0], [0, 1, 0]) and np.array_equal(picture[-1, -1], [1, 1, 1])    # green; a gap
    real = figures.colours(np.array([-3.0, 1.0]).reshape(2, 1, 1, 1), None)
    assert np.array_equal(real[:, 0, 0, 0], [0, 1])


def test_a_file_of_ones_own(capsys):
    x = (np.random.default_rng(0).integers(0, 2, (60, 1, 1, 6)) * np.ones((1, 1, 4, 1), int)).astype(np.uint8)
    np.savez("mine.npz", x=x)
    assert main(["train", "pixelcnn", "--data", "mine.npz", "--epochs", "1", "--set", "channels=4", "layers=1"]) == 0
    assert main(["evaluate", "runs/pixelcnn-mine"]) == 0
    assert "pixelcnn on mine.npz, test set, all 6 examples" in capsys.readouterr().out
    assert "nowhere.npz" in refused(capsys, "train", "pixelcnn", "--data", "nowhere.npz", "--epochs", "1")


def test_what_a_model_can_not_do(capsys, run):
    assert "--samples is for models with latent variables, and pixelcnn has none" in refused(
        capsys, "evaluate", run, "--samples", "5")
    assert "--label 3: pixelcnn was trained without classes" in refused(capsys, "sample", run, "--label", "3")


def test_figures(capsys, run):
    assert main(["figure", "curve", run, "--out", "c.png"]) == 0 and os.path.exists("c.png")
    assert main(["figure", "curve", run]) == 0 and os.path.exists("run/curve.png")
    assert "unknown figure 'x'; there are " in refused(capsys, "figure", "x")
    assert "the figure curve is of a run" in refused(capsys, "figure", "curve")
    assert "must end in .png" in refused(capsys, "figure", "curve", run, "--out", "c.pdf")


def test_the_command_line_knows_models_that_exist():
    for name, entry in MODELS.items():
        model = entry.load()
        assert issubclass(model, Model), name
        for data_name, recipe in entry.recipes.items():
            assert data_name in DATA and {"minutes", "batch_size", "lr", "config"} <= set(recipe), (name, data_name)
            assert set(recipe["config"]) <= set(inspect.signature(model).parameters), (name, data_name)


class Bounded(Model):
    """Costs that are no exact ones, and labels that decide."""
    exact = False

    def __init__(self, shape, levels, classes=None):
        super().__init__(shape=shape, levels=levels, classes=classes)
        self.scale = Parameter(minigrad.ones(1))

    def nats(self, x, generator, y=None):
        self.check(x, y)
        return self.scale ** 2 + minigrad.tensor(np.zeros(len(x), np.float32)) + 2

    def importance_log_prob(self, x, samples, generator):
        return minigrad.tensor(np.full(len(x), -float(samples), np.float32))

    def sample(self, n, generator, progress=None, y=None):
        y = np.zeros(n) if y is None else y
        return np.broadcast_to(np.uint8(y)[:, None, None, None], (n, *self.shape))


@pytest.fixture
def bounded(monkeypatch):
    """A model with a bound instead of a likelihood, and with classes if they are set."""
    entry = types.SimpleNamespace(load=lambda: Bounded, recipes={"digits": {
        "minutes": 1, "batch_size": 8, "lr": 1e-3, "config": {}}})
    monkeypatch.setitem(MODELS, "bounded", entry)


def test_bounds_say_so(capsys, bounded):
    assert main(["train", "bounded", "--epochs", "1", "--out", "run"]) == 0
    assert "at most " in capsys.readouterr().out and main(["evaluate", "run"]) == 0
    assert "all 20 examples: at most " in capsys.readouterr().out
    assert main(["evaluate", "run", "--samples", "50", "-n", "3"]) == 0
    assert "at most 50.000 nats" in (out := capsys.readouterr().out) and "importance weighting with 50 samples" in out
    assert "Bounded can't complete examples" in refused(capsys, "inpaint", "run")


def test_labels(capsys, bounded, monkeypatch):
    assert main(["train", "bounded", "--epochs", "1", "--out", "run", "--set", "classes=256"]) == 0
    drawn = []
    monkeypatch.setattr(figures, "samples", lambda x, *_: drawn.append(x))
    assert main(["sample", "run", "--label", "7", "-n", "3"]) == 0 and main(["sample", "run", "-n", "3"]) == 0
    assert [list(x[:, 0, 0, 0]) for x in drawn] == [[7, 7, 7], [0, 1, 2]]
    np.savez("bare.npz", x=np.zeros((60, 1, 4, 6), np.uint8))
    assert "bounded with classes=256 needs labels, and bare.npz has none" in refused(
        capsys, "train", "bounded", "--data", "bare.npz", "--epochs", "1", "--set", "classes=256")


def test_a_process_of_its_own():
    """`models` itself loads nothing heavy; unknown names end with 2 and one line; --threads reaches the libraries."""
    program = ("import sys, models; assert 'numpy' not in sys.modules; import os, runpy\n"
               "sys.argv = ['models', 'list', '--threads', '1']\n"
               "try:\n    runpy.run_module('models', run_name='__main__')\n"
               "except SystemExit as stop:\n    assert stop.code == 0\n"
               "import numba; print(numba.config.NUMBA_NUM_THREADS, 'matplotlib' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("pixelcnn", "digits", "mnist"))
    assert done.stdout.split("\n")[-2] == "1 False"
