"""The benchmarks on a device: in the simulator in toy sizes, and that every rung of the ladder is checked."""
import json
import os
import subprocess
import sys
import numpy as np
import pytest
from benchmarks import device, engines, ladder_cuda, measure
from tests.on_device import there


def run(module, *arguments):
    """A command, in the simulator."""
    return subprocess.run([sys.executable, "-m", module, *arguments], cwd=measure.ROOT, capture_output=True, text=True,
                          env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"})


def test_the_command_measures_on_the_device(tmp_path):
    file = tmp_path / "rows.json"
    done = run("tests.benchmarks", "--device", "cuda", "--alone", "--json", str(file))
    assert done.returncode == 0, done.stderr
    assert "the times say nothing" in done.stdout
    rows = {row["name"]: row for row in json.loads(file.read_text())}
    assert {row["group"] for row in rows.values()} == {"step", "convolution", "arithmetic", "overhead"}
    assert all(row["device"] == "cuda" and row["ours_ms"] > 0 and row["ratio"] is None for row in rows.values())
    assert rows["add of 64 numbers"]["gbyte"] == 3 * 4 * 64 / 1e9 and rows["matmul 5"]["gflop"] == 2 * 5 ** 3 / 1e9


@pytest.mark.skipif(os.path.exists("/dev/nvidiactl"), reason="there is a device")
def test_without_a_device_the_command_says_so():
    done = subprocess.run([sys.executable, "-m", "tests.benchmarks", "--device", "cuda"], cwd=measure.ROOT, text=True,
                          env={k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}, capture_output=True)
    assert done.returncode == 1 and "no NVIDIA driver" in done.stderr and "Traceback" not in done.stderr


def test_what_is_compared_is_computed_on_the_device():
    """In both engines, the workload's tensors are there, and so are the results."""
    for workload in device.workloads():
        if workload.group in ("arithmetic", "step", "convolution"):
            run, results = workload.build(engines.ours("cuda"))
            assert all(result.device == "cuda" for result in results(run())), workload.name


def test_device_and_host_are_set_against_each_other():
    base = measure.Workload("", "step").row()
    rows = [{**base, "name": device.BIG_STEP, "ours_ms": 20.0, "ratio": 0.5},
            {**base, "name": "step other", "ours_ms": 1.0, "ratio": 2.0},
            {**base, "name": device.HOST_STEP, "ours_ms": 900.0, "group": "host"}]
    text = device.summary(rows)
    assert "steps: ours / PyTorch 1.00 (geometric mean of 2)" in text
    assert "45.0 times faster than on the CPU" in text
    assert device.summary([]) == ""


TILE = ladder_cuda.Tile(2, 2, 2, 2)


@pytest.mark.parametrize("problem", [ladder_cuda.SMALL, ladder_cuda.Problem(1, 3, 5, 3), ladder_cuda.Problem(2, 1, 3, 1)])
def test_each_rung_computes_the_convolution(problem):
    x, w = problem.arrays()
    expected = ladder_cuda.loops.forward(x, w, None, problem.geometry)
    for name, function in ladder_cuda.on_device(problem, *there(x, w), TILE):
        ladder_cuda.check(name, function().numpy(), expected)


def test_a_wrong_rung_is_refused():
    right = np.ones((1, 2), np.float32)
    with pytest.raises(ValueError, match="rung: the result is wrong by up to 1.0e-03"):
        ladder_cuda.check("rung", right + np.float32(1e-3), right)
