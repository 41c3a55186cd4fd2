"""The benchmarks' own tests: what they write, and that they compare like with like.  Nothing here depends on speed."""
import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace
import numpy as np
import pytest
from benchmarks import (
    engines, measure, report, workloads_convolution, workloads_sampling, workloads_small, workloads_step)
from benchmarks.__main__ import main, selected
from minigrad import tensor

KEYS = {"name", "group", "ours_ms", "torch_ms", "ratio", "ratio_low", "ratio_high", "rounds", "others", "operations",
        "gflop", "ours_gflops", "torch_gflops", "gbyte", "ours_gbs", "torch_gbs", "ours_peak_mb", "extra", "judged",
        "must", "reach", "threads", "device"}
EVERY = [*workloads_convolution.workloads(), *workloads_step.workloads(), *workloads_sampling.workloads(),
         *workloads_small.workloads()]


def run(*arguments):
    """The command line, in a process of its own: it sets the number of threads before NumPy is loaded."""
    return subprocess.run([sys.executable, "-m", "tests.benchmarks", "--alone", "--seconds", "0.01", *arguments],
                          cwd=measure.ROOT, capture_output=True, text=True)


def test_the_command_writes_a_list_of_objects(tmp_path):
    file = tmp_path / "rows.json"
    done = run("--only", "step nvp", "--threads", "1", "--json", str(file))
    assert done.returncode == 0, done.stderr
    assert "| step nvp " in done.stdout
    row, = json.loads(file.read_text())
    assert set(row) == KEYS
    assert (row["name"], row["group"], row["threads"]) == ("step nvp", "step", 1)
    assert row["ours_ms"] > 0 and row["ours_peak_mb"] > 0 and row["rounds"] >= measure.ROUNDS[0]
    assert row["torch_ms"] is None and row["ratio"] is None


def test_an_unknown_name_is_refused_with_the_known_ones():
    done = run("--only", "conv3d")
    assert done.returncode == 2 and "conv3d" in done.stderr and "step pixelcnn" in done.stderr


def test_what_fails_does_not_keep_the_others_from_being_measured(monkeypatch, capsys):
    good, pair = given([1.0])
    bad = measure.Timed("bad", "step", lambda engine: 1 / 0)
    monkeypatch.setattr(workloads_convolution, "workloads", lambda: [bad, good])
    monkeypatch.setattr(engines, "ours", lambda device: pair[0])
    monkeypatch.setattr(os, "environ", dict(os.environ))                   # main says how many threads there are to be
    monkeypatch.setattr(workloads_step, "workloads", lambda: [])
    assert main(["--alone", "--only", "step", "--seconds", "0.01"]) == 1
    out, err = capsys.readouterr()
    assert "| given " in out and "bad can't be measured" in err and "ZeroDivisionError" in err


def test_whole_passes_are_counted_for_each_pixel():
    """A run is counted as often as it takes to draw the images."""
    sampling = workloads_sampling.Sampling("given", lambda engine: (lambda: time.sleep(0.01), 784), 0.05, 0.025)
    row = sampling.measure([SimpleNamespace(name="ours")], 1)
    assert row["ours_ms"] >= 7840 and row["torch_ms"] is None and (row["must"], row["reach"]) == (0.05, 0.025)


def test_names_prefixes_and_groups_select():
    names = [w.name for w in EVERY]
    assert len(set(names)) == len(names)
    assert all(selected(EVERY, w.name) == [w] for w in EVERY)              # "step toy1d", too, though another begins so
    assert selected(EVERY, None) == EVERY
    for group in ("convolution", "step", "sampling", "overhead", "memory", "start-up"):
        assert selected(EVERY, group) == [w for w in EVERY if w.group == group] != []
    assert [w.name[:6] for w in selected(EVERY, "masked")] == ["masked"] * 4


def given(*results):
    """A workload that gives results[0] in the first engine and results[-1] in the second, and the two engines."""
    pair = [SimpleNamespace(name="ours", result=results[0]), SimpleNamespace(name="torch", result=results[-1])]
    return measure.Timed("given", "step", lambda engine: (lambda: tensor(engine.result), lambda y: [y]), 1.0, 0.7,
                         flop=1e6), pair


def test_engines_that_agree_are_compared():
    workload, pair = given([1.0, 2.0])
    row = workload.measure(pair, 0.01)
    assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
    assert row["ours_gflops"] == pytest.approx(1 / row["ours_ms"]) and row["torch_gflops"] > 0
    assert report.measured(row).count("|") == report.header().splitlines()[0].count("|")


@pytest.mark.parametrize("wrong", [[1.0, 2.001], [[1.0, 2.0]], [1.0, float("nan")]])
def test_engines_that_disagree_are_refused(wrong):
    workload, pair = given([1.0, 2.0], wrong)
    with pytest.raises(ValueError, match="given: result 0"):
        workload.measure(pair, 0.01)


def test_ratios_are_of_neighbouring_measurements():
    row = measure.compared([[1.0, 10.0, 100.0], [2.0, 20.0, 200.0]], 0.0)
    assert (row["ratio_low"], row["ratio"], row["ratio_high"]) == (0.5, 0.5, 0.5)
    assert (row["ours_ms"], row["torch_ms"], row["rounds"]) == (10_000, 20_000, 3)


def turns(monkeypatch, busy, rounds):
    """What `in_turn` did and found where other processes use so many cores in the first round, the second, ..."""
    clock, order = iter(np.cumsum([1000 * cores for one in busy for cores in (0, one)])), []
    monkeypatch.setattr(measure, "seconds_of_others", lambda: next(clock))
    times, others = measure.in_turn([lambda: order.append("A"), lambda: order.append("B")], [2, 1], rounds)
    return "".join(order), [len(t) for t in times], others


def test_engines_take_turns(monkeypatch):
    assert turns(monkeypatch, [0, 0, 0], 3) == ("AABAABAAB", [3, 3], 0.0)


def test_disturbed_rounds_are_repeated(monkeypatch):
    assert turns(monkeypatch, [0, 1, 0], 2) == ("AABAABAAB", [2, 2], 0.0)
    order, counts, others = turns(monkeypatch, [1] * 6, 2)                 # never quiet: it gives up, and says so
    assert (order, counts) == ("AAB" * 2 * measure.AGAIN, [2, 2]) and others > report.BUSY


def test_peak_counts_what_is_held_at_once():
    def one_after_the_other():
        for _ in range(5):
            np.ones(125_000)                                               # 1 MB each

    assert 1e6 <= measure.peak_bytes(one_after_the_other) < 1.5e6
    assert 3e6 <= measure.peak_bytes(lambda: [np.ones(125_000) for _ in range(3)]) < 3.5e6


def test_the_summary_judges_by_the_targets():
    base = measure.Workload("", "convolution", 1.5, 1.0)
    rows = [{**base.row(ratio=ratio), "name": name} for name, ratio in (
        ("conv2d a forward", 1.2), ("conv2d a forward+backward", 0.5), ("conv2d b forward+backward", 2.0),
        ("masked forward", 0.6))]
    text = report.summary(rows)
    assert "| 2 convolutions, forward+backward: geometric mean | 1 | 0.8 | 1.00 |" in text
    assert "| the slowest forward+backward: conv2d b forward+backward | 1.5 | 1 | **2.00** |" in text
    assert "| the slowest: masked forward | 1.5 | 1 | 0.60 |" in text


def test_a_step_is_the_same_whenever_it_is_built():
    """Weights and data depend on nothing but the workload: what both engines start from is the same."""
    engine = engines.ours()
    runs = [workloads_step.step(engine, *workloads_step.vae(engine)) for _ in range(2)]
    losses = [run().item() for run, _ in runs]
    assert losses[0] == losses[1]
