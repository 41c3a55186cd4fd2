"""Threads that have nothing to do must sleep, and the environment must stay as it was."""
import os
import subprocess
import sys
import pytest

IDLE = """
import os, time
import numpy as np
before = dict(os.environ)
import minigrad
{compile}
assert dict(os.environ) == before
for _ in range(3):
    {work}
start = time.process_time()
time.sleep(0.1)
print(time.process_time() - start)
"""
PRODUCT = IDLE.format(compile="x = np.ones((600, 600), np.float32)", work="x @ x")
KERNEL = IDLE.format(compile="from minigrad.fused import gate; x = np.ones(1 << 20, np.float32)", work="gate(x, x)")


def seconds_of_idle_threads(code, **settings):
    """How long a process of two threads keeps processors busy in 0.1 seconds of sleep, after some work."""
    names = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"
    environment = {**os.environ, **dict.fromkeys(names, "2"), **settings}
    return float(subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the settings are those of Linux's libraries")
@pytest.mark.parametrize("code", [PRODUCT, KERNEL], ids=["OpenBLAS", "OpenMP"])
def test_idle_threads_sleep(code):
    assert seconds_of_idle_threads(code) < 0.005


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the settings are those of Linux's libraries")
@pytest.mark.parametrize("code, name, value", [(PRODUCT, "OPENBLAS_THREAD_TIMEOUT", "30"),
                                               (KERNEL, "GOMP_SPINCOUNT", "1000000000")])
def test_what_the_user_set_stays(code, name, value):
    """Also the proof that the test above can fail.  With one core, OpenBLAS and OpenMP do not wait busily at all."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    assert seconds_of_idle_threads(code, **{name: value}) > 0.015              # on a busy machine; else about 0.1
