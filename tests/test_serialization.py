"""Saving and loading: bit for bit, all or nothing, and nothing but data."""
import errno
import os
import pickle
import subprocess
import sys
import numpy as np
import pytest
import minigrad
from minigrad import Tensor, load, save


def same(a, b):
    """Equal, in type and bits."""
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and same(a.data, b.data)
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return type(b) is dict and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or a != a)


ARRAYS = {
    "float32": np.array([[1.5, -0.0], [np.nan, np.inf]], np.float32), "float64": np.array([1 / 3]),
    "float16": np.ones(3, np.float16), "int64": np.array([-2 ** 63, 2 ** 63 - 1]),
    "uint8": np.arange(256, dtype="uint8"),
    "bool": np.array([True, False]), "no axes": np.array(2.5, np.float32), "empty": np.zeros((0, 3)),
    "transposed": np.arange(6.0).reshape(2, 3).T, "strided": np.arange(10.0)[::-3],
    "repeated": np.broadcast_to(np.float32(1), (2, 2)),
}
STATE = {
    "tensors": {key: Tensor(array) for key, array in ARRAYS.items()}, "arrays": ARRAYS,
    "plain": [1, -2.5, True, None, "text \N{SNOWMAN}", 1e-320, float("nan"), float("-inf"), 2 ** 200],
    "nested": [[], {}, (), (1, (2, [3, {"x": Tensor(np.ones(1))}]))], "": {"": Tensor(np.ones(2))},
    "a/b": Tensor(np.zeros(1)), "a": {"b": Tensor(np.ones(1))}, "structure.json": np.ones(1), "file": np.ones(1),
    "looks like": ["tensor", "a"], "../up": np.ones(1),
}


def test_round_trip(tmp_path):
    save(STATE, tmp_path / "state.npz")
    assert same(load(tmp_path / "state.npz"), STATE)
    assert os.listdir(tmp_path) == ["state.npz"]


@pytest.mark.parametrize("state", [Tensor(np.ones(2)), np.ones(()), 3, None, [np.ones(1), np.zeros(2)], {}])
def test_a_state_need_not_be_a_dict(state, tmp_path):
    save(state, str(tmp_path / "state"))
    assert same(load(str(tmp_path / "state")), state)


def test_what_is_loaded_is_ones_own(tmp_path):
    x = Tensor(np.ones(3), requires_grad=True)
    save({"x": x}, tmp_path / "state")
    y = load(tmp_path / "state")["x"]
    y.data[0] = 5
    assert not y.requires_grad and y.rule is None and load(tmp_path / "state")["x"].data[0] == 1


def test_numpy_reads_it_without_pickle(tmp_path):
    save({"model": {"weight": Tensor(np.arange(3.0))}}, tmp_path / "state.npz")
    with np.load(tmp_path / "state.npz", allow_pickle=False) as file:
        assert np.array_equal(file["model/weight"], [0, 1, 2])


def test_equal_states_give_equal_files(tmp_path):
    save(STATE, tmp_path / "a")
    save(load(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("state, words", [
    ({"a": {"b": object()}}, "a/b is a object"), ({"a": [1, {2}]}, "a/1 is a set"),
    ({1: 2}, "keys must be strings.* 1"),
    ({"a": np.array([None])}, "a is a ndarray"), ({"f": len}, "f is a builtin"), (b"bytes", "the state is a bytes"),
])
def test_what_a_checkpoint_does_not_hold(state, words, tmp_path):
    with pytest.raises(TypeError, match=words):
        save(state, tmp_path / "state")
    assert not os.listdir(tmp_path)


# Bad files

def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing_here"):
        load(tmp_path / "nothing_here")


def test_every_truncation_is_noticed(tmp_path):
    path = tmp_path / "state"
    save({"a": Tensor(np.arange(20.0)), "b": [1, 2]}, path)
    whole = path.read_bytes()
    for n in range(4, len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match=f"{path} is (truncated|a damaged)"):
            load(path)


def test_every_flipped_byte_of_an_array_is_noticed(tmp_path):
    path = tmp_path / "state"
    array = np.arange(1000, 1020.0)
    save({"a": array}, path)
    whole = path.read_bytes()
    start = whole.index(array.tobytes())
    for n in range(start, start + array.nbytes):
        path.write_bytes(whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1:])
        with pytest.raises(ValueError, match="damaged checkpoint"):
            load(path)


def test_an_array_whose_header_tells_of_fewer_entries_is_noticed(tmp_path):
    """Read no further than the header says, it would look fine; but then its checksum would not be compared."""
    save({"a": np.arange(90_000.0)}, tmp_path / "state")
    whole = (tmp_path / "state").read_bytes()
    assert whole.count(b"'shape': (90000,)") == 1
    (tmp_path / "state").write_bytes(whole.replace(b"'shape': (90000,)", b"'shape': (10000,)"))
    with pytest.raises(ValueError, match="damaged"):
        load(tmp_path / "state")


def test_no_flipped_bit_raises_anything_else_or_changes_what_is_loaded(tmp_path):
    """Some bits don't matter (dates, attributes).  Any other is refused, by an error that names the file."""
    state = {"a": Tensor(np.arange(3.0)), "b": [1, 2]}
    path = tmp_path / "state"
    save(state, path)
    whole = path.read_bytes()
    refused = 0
    for n in range(len(whole)):
        path.write_bytes(whole[:n] + bytes([whole[n] ^ (1 << n % 8)]) + whole[n + 1:])
        try:
            assert same(load(path), state)
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > len(whole) / 2


@pytest.mark.parametrize("content", [b"", b"PK", b"hello, world" * 100, pickle.dumps({"a": 1})])
def test_what_is_no_checkpoint(content, tmp_path):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(ValueError, match="other is not a minigrad checkpoint"):
        load(tmp_path / "other")


def test_other_archives_are_no_checkpoints(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.ones(2))
    with pytest.raises(ValueError, match="not a minigrad checkpoint: it has no structure.json that says"):
        load(tmp_path / "other.npz")


# Full disks

def test_the_old_file_survives_a_full_disk(tmp_path, monkeypatch):
    path = tmp_path / "state"
    save({"old": Tensor(np.ones(3))}, path)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for place, name in ((os, "fsync"), (np.lib.format, "write_array"), (os, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, full)
            with pytest.raises(OSError, match="No space left"):
                save({"new": Tensor(np.zeros(3))}, path)
        assert os.listdir(tmp_path) == ["state"] and list(load(path)) == ["old"]
    save({"new": Tensor(np.zeros(3))}, path)
    assert list(load(path)) == ["new"]


def test_the_old_file_survives_a_limit_of_the_system(tmp_path):
    """The system itself refuses to write more than 64 kB to a file: in a process of its own, under that limit."""
    path = tmp_path / "state"
    save({"old": Tensor(np.ones(3))}, path)
    program = ("import resource, signal, sys, numpy, minigrad\n"
               "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
               "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))\n"
               "try:\n    minigrad.save({'new': numpy.zeros(100_000)}, sys.argv[1])\n"
               "except OSError as error:\n    print(type(error).__name__)\n")
    result = subprocess.run([sys.executable, "-B", "-c", program, path], capture_output=True, text=True,
                            cwd=os.path.dirname(os.path.dirname(minigrad.__file__)))
    assert result.stdout == "OSError\n", result.stderr
    assert os.listdir(tmp_path) == ["state"] and list(load(path)) == ["old"]


def test_an_interrupt_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save([1], tmp_path / "state")
    assert not os.listdir(tmp_path)
