"""`python -m models`: what it writes, what it prints, and how it refuses."""
import json
import os
import signal
import subprocess
import sys
import numpy as np
import pytest
from models import runs
from models.__main__ import main
from models.data import DataSet, digits
from models.registry import MODELS

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
    assert f"20 test images: {nats:.3f} nats, {nats / 24 / np.log(2):.4f} bits per dimension" in out
    assert f"perplexity {np.exp(nats / 24):.4f}" in out
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
    (["train", "foo"], "unknown model 'foo'; there are pixelcnn"),
    (["train", "pixelcnn", "--data", "cats"], "unknown data set 'cats'; there are digits, mnist"),
    (["train", "pixelcnn", "--lr", "-1"], "--lr: must be a number above 0, not '-1'"),
    (["train", "pixelcnn", "--epochs", "0"], "--epochs: must be a whole number from 1 on, not '0'"),
    (["train", "pixelcnn", "--batch-size", "x"], "--batch-size: must be a whole number from 1 on, not 'x'"),
    (["train", "pixelcnn", "--minutes", "nan"], "--minutes: must be a number above 0, not 'nan'"),
    (["train", "pixelcnn", "--epochs", "1", "--minutes", "1"], "not allowed with"),
    (["sample"], "required: RUN"),
    ([], "required: list|train|evaluate|sample|inpaint"),
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
    assert "unknown model 'foo'; there are pixelcnn" in refused(capsys, "sample", run)
    open("run/config.json", "w").write("{")
    assert "config.json is no valid JSON" in refused(capsys, "sample", run)


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
