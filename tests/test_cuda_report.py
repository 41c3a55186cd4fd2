"""The driver, the pool, launches and `python -m minigrad.cuda`, with a library in the driver's place that has no
device.

What kernels compute is tested elsewhere; here it is what the driver is asked, and what its errors become.
"""
import ctypes
import gc
import os
import re
import subprocess
import sys
import time
import numpy as np
import pytest
from tests.cuda_driver import Library
from minigrad.cuda import CudaError, OutOfMemoryError, array, driver, launch, memory, report
from minigrad.cuda.launch import cuda, types

MB = 1 << 20
PTX = b"//\n// Cuda compilation tools, release 13.5, V13.5.37\n//\n.version 9.5\n.target sm_90\n.visible .entry double(\n"


@pytest.fixture
def given(monkeypatch):
    """given(**settings of Library) puts a library in the driver's place, with an empty pool, and returns it."""
    monkeypatch.setattr(driver, "driver", None)
    monkeypatch.setattr(driver, "simulated", False)
    monkeypatch.setattr(launch, "simulated", False)
    monkeypatch.setattr(memory, "pool", {})
    monkeypatch.setattr(memory, "kept", 0)
    monkeypatch.setattr(memory, "in_use", 0)
    gc.collect()                           # no block of another test is freed into this pool

    def put(**settings):
        library = Library(**settings)
        monkeypatch.setattr(driver, "load", lambda: library)
        driver.driver = None
        return library
    yield put
    gc.collect()                           # nor one of this test into the others'


# ---------------------------------------------------------------------------------------------------------------------
# The driver

def test_the_driver_says_what_the_device_is(given):
    library = given(version=12080, capability=(8, 6), count=2)
    device = driver.get()
    assert (device.version, device.name, device.capability, device.multiprocessors) == ((12, 8), "Toy 40", (8, 6), 132)
    assert driver.get() is device and library.calls.count("cuInit") == 1


def test_without_a_library_there_is_no_driver(monkeypatch):
    monkeypatch.setattr(driver, "LIBRARIES", ("libno-such-driver.so.1",))
    with pytest.raises(CudaError, match="no NVIDIA driver on this machine .libno-such-driver.so.1"):
        driver.load()


@pytest.mark.parametrize("settings, message", [
    (dict(cuInit=100), "cuInit failed: CUDA_ERROR_NO_DEVICE .100., words.  nvidia-smi must list"),
    (dict(count=0), "the driver finds no device.  nvidia-smi must list"),
    (dict(version=11010), "the driver knows CUDA 11.1 only, and 11.2 is needed"),
    (dict(cuInit=803), "cuInit failed: unknown .803., unknown.  The driver was updated .* restart the machine"),
    (dict(cuInit=34), "a stub"),
    (dict(cuDevicePrimaryCtxRetain=46), "Another program has the device"),
])
def test_each_failure_to_start_says_what_to_do(given, settings, message):
    given(**settings)
    with pytest.raises(CudaError, match=message):
        driver.get()
    assert driver.driver is None           # so that the next use tries again, and says it again


def test_a_device_that_fails_later_leaves_the_host_alone(given):
    given(cuMemcpyHtoD_v2=[0, 700])
    x = np.arange(3.0)
    array.asarray(x)
    with pytest.raises(CudaError, match="cuMemcpyHtoD_v2 failed: CUDA_ERROR_ILLEGAL_ADDRESS .*start Python anew"):
        array.asarray(x)
    assert x.tolist() == [0, 1, 2]


def test_a_program_too_new_for_the_driver_is_handed_over_as_older(given):
    library = given(version=12060, cuModuleLoadData=[222])
    driver.get().function(PTX, b"double")
    assert library.programs == [PTX.replace(b".version 9.5", b".version 8.5")]
    given(cuModuleLoadData=222)
    with pytest.raises(CudaError, match="python -m minigrad.cuda. says what to install"):
        driver.get().function(PTX, b"double")


@pytest.mark.parametrize("cuda, ptx", [((11, 2), (7, 2)), ((11, 8), (7, 8)), ((12, 0), (8, 0)), ((12, 4), (8, 4)),
                                       ((12, 5), (8, 5)), ((12, 6), (8, 5)), ((12, 7), (8, 6)), ((12, 9), (8, 8)),
                                       ((13, 0), (9, 0)), ((13, 2), (9, 2))])
def test_the_versions_of_ptx(cuda, ptx):
    assert driver.ptx_version(cuda) == ptx


# ---------------------------------------------------------------------------------------------------------------------
# The pool

def test_a_freed_block_is_handed_out_again(given):
    library = given()
    first = memory.Block(5000)
    address = first.address
    assert (memory.in_use, memory.kept) == (5120, 0)
    del first
    assert (memory.in_use, memory.kept) == (0, 5120)
    second, third = memory.Block(4900), memory.Block(5000)                 # rounded alike
    assert second.address == address != third.address
    assert (memory.in_use, memory.kept) == (10_240, 0)
    assert library.calls.count("cuMemAlloc_v2") == 2 and "cuMemFree_v2" not in library.calls


def test_a_view_keeps_the_block(given):
    given()
    x = array.empty((100, 100))
    row = x[3]
    del x
    gc.collect()
    assert memory.in_use == memory.rounded(40_000)
    del row
    assert memory.in_use == 0


def test_release_gives_everything_back_once(given):
    library = given()
    used, free = memory.Block(MB), [memory.Block(n * MB) for n in (1, 2, 2)]
    del free
    memory.release()
    memory.release()
    assert list(library.blocks) == [used.address] and memory.kept == 0
    assert library.calls.index("cuCtxSynchronize") < library.calls.index("cuMemFree_v2")
    assert library.calls.count("cuMemFree_v2") == 3                        # a second time would have been refused


def test_the_pool_is_emptied_before_memory_is_said_to_be_out(given):
    library = given(room=10 * MB)
    del [memory.Block(4 * MB), memory.Block(3 * MB)][:]
    block = memory.Block(8 * MB)           # fits only when the pool has given its 7 MB back
    assert list(library.blocks) == [block.address] and memory.kept == 0
    with pytest.raises(OutOfMemoryError, match="3 MiB asked for, 2 MiB free of 10 MiB, 8 MiB in tensors of this process"):
        memory.Block(3 * MB)
    assert memory.in_use == 8 * MB         # the block that was not made counts nowhere
    del block
    memory.Block(3 * MB)                   # and the device still works


def test_sizes_are_rounded_up_a_little():
    for size in [*range(1, 3000), 10**6, 10**9 + 1, 2**30, 2**30 + 1]:
        rounded = memory.rounded(size)
        assert size <= rounded and (rounded == 512 or rounded <= size * 9 / 8 + 512) and memory.rounded(rounded) == rounded


# ---------------------------------------------------------------------------------------------------------------------
# Launches

def numbers(version):
    """What the driver finds where the launch points to: 8 bytes for each pointer."""
    return [ctypes.c_int64.from_address(p).value for p in version.pointers]


def kernel(monkeypatch):
    """A kernel whose compilation gives PTX without a compiler."""
    monkeypatch.setattr(launch, "compiled", lambda function, kinds, capability, bounds: (b"double", PTX))
    return launch.Kernel(lambda *arguments: None)


def test_arguments_lie_as_numba_wants_them(given, monkeypatch):
    library = given()
    x, half = array.empty((4, 6)), np.float32(0.5)
    run = kernel(monkeypatch)
    run(7, (32, 4), 9, x, (5, -6), half, np.bool_(True), np.float64(0.25), np.int32(-3))
    version, = run.versions.values()
    blocks, threads, pointers = library.launched[0]
    assert (blocks, threads) == ((7, 1, 1), (32, 4, 1)) and pointers == list(version.pointers)
    found = numbers(version)
    # an int; an array: two unused pointers, its size, that of an entry, the address, the shape, the strides; a tuple
    assert found[:10] == [9, 0, 0, 24, 4, x.address, 24, 4, 5, -6]
    floats = [ctypes.c_float.from_address(pointers[10]).value, ctypes.c_double.from_address(pointers[12]).value]
    assert floats == [0.5, 0.25] and ctypes.c_bool.from_address(pointers[11]).value
    assert ctypes.c_int32.from_address(pointers[13]).value == -3 and len(pointers) == 14


def test_an_array_is_passed_from_its_lowest_entry_on(given, monkeypatch):
    given()
    x = array.empty((4, 6))
    run = kernel(monkeypatch)
    for view, lowest, span in ((x[1:3, 2:4], 8, 8), (x[::-1], 0, 24), (x[2, ::-2], 13, 5), (x.T, 0, 24)):
        run(1, 1, view)
        version, = run.versions.values()
        assert numbers(version)[4] == x.address + 4 * lowest and numbers(version)[2] == numbers(version)[5] == span


def test_a_version_for_each_combination_of_types(given, monkeypatch):
    library = given()
    run = kernel(monkeypatch)
    for arguments in ((1,), (2,), (np.float32(1),), (array.empty(3),), (array.empty(5),), (array.empty(3, np.float64),)):
        run(1, 1, *arguments)
    assert len(run.versions) == len(library.programs) == 4 and len(library.launched) == 6


def test_a_launch_that_fails_is_an_error(given, monkeypatch):
    given(cuLaunchKernel=700)
    with pytest.raises(CudaError, match="cuLaunchKernel failed: CUDA_ERROR_ILLEGAL_ADDRESS"):
        kernel(monkeypatch)(1, 1, 5)


def test_another_thread_of_python_is_made_known_to_the_driver(given, monkeypatch):
    library = given(cuLaunchKernel=[0, 201], cuMemcpyDtoH_v2=[201])
    x, run = array.empty(3), kernel(monkeypatch)
    for _ in range(2):
        run(1, 1, x)
    before = library.calls.count("cuCtxSetCurrent")
    x.numpy()
    assert len(library.launched) == 2 and library.calls.count("cuCtxSetCurrent") == before + 1


def test_a_kernel_that_cannot_be_compiled_says_where_to_look(given, monkeypatch, tmp_path):
    given()
    monkeypatch.setattr(launch, "folder", lambda: str(tmp_path))
    monkeypatch.setattr(launch.cuda, "compile_ptx", refuse, raising=False)
    with pytest.raises(CudaError, match="a kernel, refuse, can't be compiled.*libNVVM cannot be found.*-m minigrad.cuda"):
        launch.Kernel(refuse)(1, 1, 5)


def refuse(*_, **__):
    raise ValueError("libNVVM cannot be found")


# ---------------------------------------------------------------------------------------------------------------------
# The report

@pytest.fixture
def examined(given, monkeypatch, tmp_path):
    """examined(ptx or an error, right, **settings of Library) gives the report's facts, in a dict, and its problems."""
    monkeypatch.setattr(launch, "folder", lambda: str(tmp_path / "kernels"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def examine(ptx=PTX.decode(), right=True, **settings):
        def compile_ptx(function, kinds, cc):
            if isinstance(ptx, Exception):
                raise ptx
            return ptx, None
        given(**settings)
        monkeypatch.setattr(report.cuda, "compile_ptx", compile_ptx, raising=False)
        monkeypatch.setattr(report, "double_is_right", lambda: right)
        facts, problems = report.examine()
        return dict(facts), problems
    return examine


def test_all_is_there(examined):
    facts, problems = examined(version=13000, count=2)
    assert not problems
    assert facts["driver"] == "CUDA 13.0, which takes PTX up to 9.0"
    assert facts["device 0"] == "Toy 40, compute capability 9.0, 1.0 GiB, 132 multiprocessors"
    assert facts["device 1"].endswith("(not used)")
    assert facts["compiler"] == "NVVM of CUDA 13.5, which makes PTX 9.5 for sm_90"
    assert "newer than what the driver takes" in facts[""]
    assert "right" in facts["a kernel"] and "0 in " in facts["compiled kernels"]
    assert "" not in examined(version=13060)[0]                            # a driver that takes the compiler's PTX


@pytest.mark.parametrize("settings, message", [
    (dict(right=False), "its result is wrong"),
    (dict(cuInit=100), "NO_DEVICE"),
    (dict(version=10020), "knows CUDA 10.2 only"),
    (dict(ptx=ValueError("libNVVM cannot be found"), version=13000), r'libNVVM cannot be found.*"numba-cuda\[cu13\]"$'),
    (dict(ptx=ValueError("no"), version=12040), r'pip install "numba-cuda\[cu12\]" "cuda-toolkit==12.4.\*"$'),
    (dict(ptx=ValueError("no"), version=11060), r'pip install "numba-cuda\[cu12\]" "cuda-toolkit==12.0.\*"$'),
    (dict(ptx=ValueError("no"), capability=(6, 1)), r'no longer compiles.*pip install "numba-cuda\[cu12\]"$'),
])
def test_each_thing_that_is_missing_is_one_paragraph(examined, settings, message):
    problem, = examined(**settings)[1]
    assert re.search(message, problem), problem


def test_two_things_are_two_paragraphs(examined):
    facts, problems = examined(ptx=ValueError("no NVVM"), count=0)
    assert len(problems) == 2 and facts["compiler"] == "none that works" and "a kernel" not in facts


def test_a_target_that_is_older_than_numpy_is_named(examined):
    """As seen with numba-cuda 0.30 and NumPy 2.5."""
    _, problems = examined(AttributeError("module 'numpy' has no attribute 'row_stack'"))
    assert len(problems) == 1 and 'pip install "numpy<2.5"' in problems[0] and np.__version__ in problems[0]


def test_addresses_that_cannot_be_reserved_are_an_error(monkeypatch):
    def refuse(*_, **__):
        raise OSError(12, "Cannot allocate memory")
    monkeypatch.setattr(array.mmap, "mmap", refuse)
    with pytest.raises(driver.CudaError, match="ulimit -v"):
        array.reserved()


def test_a_refused_program_names_the_compiler_to_install(examined, monkeypatch):
    def refused():
        driver.get().fail("cuModuleLoadData", 218)
    examined()
    monkeypatch.setattr(report, "double_is_right", refused)
    problem, = report.examine()[1]
    assert "doesn't take what Numba's compiler makes" in problem and "numba-cuda[cu13]" in problem


@pytest.mark.parametrize("place, hint", [
    ("/usr/lib/wsl/lib/libcuda.so.1", "export LD_LIBRARY_PATH"), ("/proc/driver/nvidia/version", "docker run --gpus all")])
def test_a_driver_that_is_not_let_in(monkeypatch, place, hint):
    monkeypatch.setattr(report.sys, "platform", "linux")
    monkeypatch.setattr(report.os.path, "exists", lambda path: path == place)
    assert hint in report.why_no_driver()


@pytest.mark.parametrize("vendors, hint", [({"0x8086"}, "stay on the CPU"), ({"0x10de"}, "ubuntu-drivers install")])
def test_a_card_without_a_driver(monkeypatch, vendors, hint):
    monkeypatch.setattr(report.sys, "platform", "linux")
    monkeypatch.setattr(report.os.path, "exists", lambda path: False)
    monkeypatch.setattr(report, "vendors", lambda: vendors)
    assert hint in report.why_no_driver()


def test_a_folder_that_cannot_be_written_is_said(monkeypatch):
    monkeypatch.setattr(launch, "folder", lambda: os.path.join("no", "such", "folder"))
    assert "0 in " + os.getcwd() in report.kept() and "written" not in report.kept()
    monkeypatch.setattr(report.os, "access", lambda path, mode: False)
    assert "can't be written to: NUMBA_CACHE_DIR" in report.kept()


def test_the_command_in_the_simulator():
    done = subprocess.run([sys.executable, "-m", "minigrad.cuda"], capture_output=True, text=True,
                          env={**os.environ, "NUMBA_ENABLE_CUDASIM": "1"})
    assert done.returncode == 1 and "simulated in Python: right" in done.stdout, done.stdout + done.stderr
    assert "unset NUMBA_ENABLE_CUDASIM" in done.stdout and not done.stderr


@pytest.mark.skipif(os.path.exists("/dev/nvidiactl"), reason="there is a device")
def test_the_command_on_a_machine_with_nothing():
    env = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    done = subprocess.run([sys.executable, "-m", "minigrad.cuda"], capture_output=True, text=True, env=env)
    assert done.returncode == 1 and "The GPU can't be used." in done.stdout, done.stdout + done.stderr
    assert "there is no NVIDIA driver here" in done.stdout and "Traceback" not in done.stderr


def test_arrays_of_integers_are_not_taken_for_an_integer():
    """A kind of argument: np.dtype(np.int64) == "q", the kind of a number, though it stands for an array."""
    kinds = np.dtype(np.int64), "q", 2, np.int64
    assert [launch.layout(kind) for kind in kinds] == ["qqqqqqq", "q", "qq", "q"]
    assert isinstance(launch.numba_type(kinds[0]), launch.types.Array)
    assert launch.numba_type(kinds[1]) is launch.numba_type(kinds[3]) is types.int64


def test_bounds_stand_behind_the_parameters():
    text = "\t// a (remark)\n.visible .entry double(\n\t.param .u64 double_0\n)\n{\n\tret;\n}\n"
    assert launch.bounded(text, 128, 3) == text.replace(")\n{", ")\n.maxntid 128, 1, 1\n.minnctapersm 3\n{")


@pytest.mark.skipif(not driver.simulated, reason="of the simulator")
def test_threads_that_ask_at_once_share_one_array(monkeypatch):
    """However long making it takes, all threads of a block get the same shared memory."""
    @launch.Kernel
    def turned(x, y):
        tile = cuda.shared.array(8, types.int64)
        tile[cuda.threadIdx.x] = x[cuda.threadIdx.x]
        cuda.syncthreads()
        y[cuda.threadIdx.x] = tile[7 - cuda.threadIdx.x]

    def slow(*arguments, make=np.empty):
        made = make(*arguments)
        time.sleep(0.01)
        return made

    x, y = array.asarray(np.arange(8)), array.asarray(np.zeros(8, np.int64))
    monkeypatch.setattr(np, "empty", slow)
    turned(1, 8, x, y)
    monkeypatch.undo()
    assert np.array_equal(y.numpy(), np.arange(8)[::-1])


def test_kernels_that_differ_in_a_name_only_are_different():
    """What is kept on disk is found by everything that the code depends on: also by which functions it calls."""
    exp, log = (launch.describe(function) for function in (lambda a: launch.functions.exp(a),
                                                           lambda a: launch.functions.log(a)))
    assert exp != log and exp == launch.describe(lambda a: launch.functions.exp(a))
