"""`python -m models reproduce`: trained once, read ever after, measured as the line says."""
import inspect
import json
import os
import types
import numpy as np
import pytest
import minigrad
from layers import Parameter
from models import registry, reproduce, settings
from models.__main__ import main
from models.data import DataSet
from models.model import Model
from models.registry import DATA, MODELS
from models.reproduce import TABLE, Line


class Bernoulli(Model):
    """Independent entries; `importance_log_prob` gives away how many samples it was asked for."""

    def __init__(self, shape, levels, start=0.0):
        super().__init__(shape=shape, levels=levels, start=start)
        self.a = Parameter(minigrad.full(shape, start))

    def log_prob(self, x):
        x = x.astype(np.float32)
        return (minigrad.logsigmoid(self.a) * x + minigrad.logsigmoid(-self.a) * (1 - x)).sum(1)

    def importance_log_prob(self, x, samples, generator):
        return minigrad.tensor(np.full(len(x), -float(samples), np.float32))


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    """A table of two lines about a data set of coins."""
    x = (np.random.default_rng(0).random((120, 3)) < 0.9).astype(np.uint8)
    loads = []

    def load(name):
        loads.append(name)
        return DataSet("coins", x[:80], None, x[100:], None, levels=2, valid=x[80:100])
    monkeypatch.setattr(reproduce, "load", load)
    monkeypatch.setitem(registry.MODELS, "bernoulli", types.SimpleNamespace(load=lambda: Bernoulli, recipes={
        "coins": {"minutes": 1, "batch_size": 8, "lr": 0.1, "config": {}}}))
    monkeypatch.setattr(settings, "planned_steps", lambda config, data: 20)
    monkeypatch.setattr(reproduce, "TABLE", [
        Line("first", "bernoulli", "coins", 0.5, 1.25, "somebody, 2001", 1.0, {"start": 0.5}, {"batch_size": 5},
             seed=3),
        Line("second", "bernoulli", "coins", 0.5, None, "somebody else", None, samples=500)])
    monkeypatch.chdir(tmp_path)
    return loads


def rows(out):
    """The cells of the table that was printed."""
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in out.split("\n") if row.startswith("|")]


def test_a_line_is_trained_once_and_then_read(capsys, tiny):
    assert main(["reproduce", "first"]) == 0
    first = rows(capsys.readouterr().out)
    config = json.load(open("runs/reproduce-first/config.json"))
    last = json.load(open("runs/reproduce-first/metrics.json"))[-1]
    assert (config["minutes"], config["seed"], config["batch_size"]) == (0.5, 3, 5)
    assert config["model_config"]["start"] == 0.5
    assert first[0] == ["name", "published", "asked", "ours", "minutes", "seed", "published where"]
    assert first[2:] == [["first", "1.250", "1.000", f"{last['test_nats']:.3f}", "0.0", "3", "somebody, 2001"]]
    os.remove("runs/reproduce-first/checkpoint.npz")       # it isn't needed any more
    assert main(["reproduce", "first"]) == 0 and rows(capsys.readouterr().out) == first and tiny == ["coins"]


def test_all_lines(capsys):
    assert main(["reproduce"]) == 0
    name, published, asked, ours, *_ = rows(capsys.readouterr().out)[3]
    assert (name, published, asked, ours) == ("second", "", "", "500.00")  # by importance weighting


def test_an_interrupted_line_goes_on(capsys, monkeypatch):
    from models.training import Training
    step = Training.train_step

    def interrupted_step(self):
        self.interrupted = self.step == 4
        return step(self)
    with monkeypatch.context() as patch:
        patch.setattr(Training, "train_step", interrupted_step)
        assert main(["reproduce", "first"]) == 130
    assert "the same command goes on" in capsys.readouterr().out
    assert main(["reproduce", "first"]) == 0
    assert "from step 5 on" in (out := capsys.readouterr().out) and len(rows(out)) == 3


def test_an_unknown_line(capsys):
    assert main(["reproduce", "third"]) == 1
    assert "there is no line 'third' in the table; there are first, second" in capsys.readouterr().err


def test_the_table_is_of_models_and_data_that_exist():
    assert len({line.name for line in TABLE}) == len(TABLE)
    for line in TABLE:
        assert line.data in DATA and line.data in MODELS[line.model].recipes, line.name
        assert 0 < line.minutes <= 60 and (line.asked is None or line.published is not None)
        assert set(line.config) <= set(inspect.signature(MODELS[line.model].load()).parameters), line.name
