"""The grader's parts: values over a pipe, what is said of wrong ones, what is taken of a submission, results.json."""
import io
import json
import os
import struct
import zipfile
import numpy as np
import pytest
from grading_attacks import archive
from assignments import manifest
from assignments.grading import feedback, protocol, results, submission, tree
from assignments.grading.grader import Outcome, plan

ASSIGNMENT = manifest.Assignment("toy", "A toy", (manifest.Task("1", "Squares", ("layers/toy.py:square",)),
                                                  manifest.Task("2", "Products", ("layers/other.py:total",))))


# ---------------------------------------------------------------------------------------------------------------------
# The protocol

def sent(header, values):
    stream = io.BytesIO()
    protocol.write(stream, header, values)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", protocol.DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_arrays_arrive_as_they_were_sent(dtype, shape):
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    header, (received, again) = protocol.read(io.BytesIO(sent({"probe": "p"}, (array, array.T))))
    assert header == {"probe": "p"}
    assert received.dtype == array.dtype and np.array_equal(received, array) and np.array_equal(again, array.T)
    assert received.flags.writeable and not np.shares_memory(received, again)


@pytest.mark.parametrize("value", [None, True, 3, -1.5, "text\ud800", (), ((1, "a"), None), 2 ** 70])
def test_other_values_arrive_as_they_were_sent(value):
    received = protocol.read(io.BytesIO(sent({}, value)))[1]
    assert received == value and type(received) is type(value)


def test_lists_arrive_as_tuples_and_odd_numbers_as_arrays():
    assert protocol.read(io.BytesIO(sent({}, [1, [2.0]])))[1] == (1, (2.0,))
    assert np.isnan(protocol.read(io.BytesIO(sent({}, float("nan"))))[1])
    assert protocol.read(io.BytesIO(sent({}, np.float32(0.5))))[1].dtype == np.float32
    assert protocol.read(io.BytesIO(b"")) is None


@pytest.mark.parametrize("value", [object(), {"a": 1}, {1}, b"bytes", 1j, np.array(["a"]), np.array([None]), print,
                                   np.broadcast_to(1.0, (10 ** 5, 10 ** 5)), type("A", (np.ndarray,), {})(3)])
def test_what_is_no_value_is_refused(value):
    with pytest.raises(protocol.BadMessage):
        sent({}, value)


def message(text, body=b"", magic=protocol.MAGIC, sizes=None):
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    return magic + struct.pack("<QQ", *(sizes or (len(text), len(body)))) + text + body


WRONG = {
    "no message": b"garbage that goes on for a while",
    "short": b"minigrad",
    "other magic": message({"values": None}, magic=b"maxigrad"),
    "huge header": message({"values": None}, sizes=(1 << 62, 0)),
    "huge body": message({"values": None}, sizes=(16, 1 << 62)),
    "cut off": message({"values": None})[:-1],
    "body cut off": message({"values": {"dtype": "float64", "shape": [2]}}, b"x" * 16)[:-1],
    "no JSON": message(b"{"),
    "no text": message(b"\xff\xfe"),
    "deep": message(b"[" * 100_000),
    "long number": message(b'{"values": ' + b"9" * 10_000 + b"}"),
    "a list": message([1]),
    "no values": message({"score": 10}),
    "too many values": message({"values": [0] * 20_000}),
    "nested": message({"values": [[[[[[[[[[[[1]]]]]]]]]]]]}),
    "body left over": message({"values": 1}, b"x"),
    "body missing": message({"values": {"dtype": "float64", "shape": [2]}}, b"x" * 8),
    "object dtype": message({"values": {"dtype": "object", "shape": [1]}}, b"x" * 8),
    "dtype of fields": message({"values": {"dtype": "f8,O", "shape": [1]}}, b"x" * 16),
    "dtype that is no text": message({"values": {"dtype": ["f8"], "shape": [1]}}, b"x" * 8),
    "negative shape": message({"values": {"dtype": "bool", "shape": [-1, -1]}}, b"x"),
    "shape of truth values": message({"values": {"dtype": "bool", "shape": [True]}}, b"x"),
    "shape that is no list": message({"values": {"dtype": "bool", "shape": 1}}, b"x"),
    "shape of texts": message({"values": {"dtype": "bool", "shape": ["1"]}}, b"x"),
    "many axes": message({"values": {"dtype": "bool", "shape": [1] * 100}}, b"x"),
    "overflowing shape": message({"values": {"dtype": "bool", "shape": [1 << 27] * 8}}),
    "empty, but large": message({"values": {"dtype": "bool", "shape": [1 << 60, 0]}}),
    "no array": message({"values": {}}),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_messages_are_refused(name):
    with pytest.raises(protocol.BadMessage):
        protocol.read(io.BytesIO(WRONG[name]))


def test_any_change_of_a_message_is_refused_or_gives_values():
    right = sent({"a": 1}, (np.arange(3.0), "text", None))
    rng = np.random.default_rng(0)
    for _ in range(2000):
        wrong = bytearray(right)
        for place in rng.integers(0, len(wrong), rng.integers(1, 4)):
            wrong[place] = rng.integers(0, 256)
        try:
            protocol.read(io.BytesIO(bytes(wrong[:rng.integers(1, len(wrong) + 1)])))
        except protocol.BadMessage:
            pass


# ---------------------------------------------------------------------------------------------------------------------
# What is said of a wrong value

A = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("value, expected, text", [
    (A, A, None),
    (A + 1e-13, A, None),
    ((A, 1.0), (A, 1.0), None),
    (np.array(2.0), 2.0, None),
    (2, np.array(2.0), None),
    (np.full(2, np.nan), np.full(2, np.nan), None),
    (np.array([np.inf, -np.inf]), np.array([np.inf, -np.inf]), None),
    ("a", "a", None),
    (None, None, None),
    (A[:0], A[:0], None),
    (A, (A, A), "2 values expected, 1 returned"),
    ((), A, "1 value expected, 0 returned"),
    (None, A, "expected an array of shape (2, 3), received None"),
    ("text", 1.0, "expected 1, received 'text'"),
    (1.0, "text", "expected 'text', received 1"),
    (A.T, A, "expected the shape (2, 3), received (3, 2)"),
    (A[None], A, "expected the shape (2, 3), received (1, 2, 3)"),
    (A.astype(np.float32), A, "expected the dtype float64, received float32"),
    (A.astype(int), A, "expected the dtype float64, received int64"),
    (A * np.nan, A, "at index (0, 0): expected 0, received nan; 6 of 6 numbers are wrong"),
    (np.array([1.0, np.inf]), np.array([1.0, 2.0]), "at index 1: expected 2, received inf; 1 of 2 numbers is wrong"),
    (np.array([1.0, 2.0]), np.array([1.0, np.inf]), "at index 1: expected inf, received 2; 1 of 2 numbers is wrong"),
    (np.array([np.inf]), np.array([-np.inf]), "at index 0: expected -inf, received inf"),
    (np.array([True, False]), np.array([True, True]),
     "at index 1: expected True, received False; 1 of 2 numbers is wrong"),
    (np.array([1, 3]), np.array([1, 2]), "at index 1: expected 2, received 3; 1 of 2 numbers is wrong"),
    (A + [0, 0, 1], A, "at index (0, 2): expected 2, received 3; largest difference 1, 0.2 of the largest expected "
                       "value; 2 of 6 numbers are wrong"),
    ((A, A + 1), (A, A), "value 2 of 2: at index (0, 0): expected 0, received 1; largest difference 1, 0.2 of the "
                         "largest expected value; 6 of 6 numbers are wrong"),
])
def test_differences_are_told(value, expected, text):
    assert feedback.difference(value, expected, 1e-9, 1e-12) == text


def test_the_tolerance_is_relative_to_the_largest_expected_value():
    expected = np.array([1000.0, 0.001])
    assert feedback.difference(expected + [0, 0.9], expected, 1e-3, 0) is None
    assert "index 1" in feedback.difference(expected + [0, 1.1], expected, 1e-3, 0)


def test_text_is_made_harmless():
    assert feedback.clean("a\x1b[2J\x00\ud800\nb\t") == "a?[2J??\nb\t"
    assert feedback.clean("x" * 100, 10) == "x" * 10 + " ... (cut off)"


# ---------------------------------------------------------------------------------------------------------------------
# What is taken of a submission

def taken(path):
    found = submission.read(path, ASSIGNMENT)
    return {name: data.decode() for name, data in found.files.items()}, "\n".join(found.notes)


@pytest.mark.parametrize("entries, files, said", [
    ([("layers/toy.py", "a"), ("layers/other.py", "b")], {"layers/toy.py": "a", "layers/other.py": "b"}, ""),
    ([("x/y/layers/toy.py", "a")], {"layers/toy.py": "a"}, "layers/other.py was not handed in"),
    ([("toy.py", "a"), ("other.py", "b")], {"layers/toy.py": "a", "layers/other.py": "b"}, ""),
    ([("layers/toy.py", "a"), ("old/layers/toy.py", "b")], {"layers/toy.py": "a"}, "not looked at: old/layers/toy.py"),
    ([("a/toy.py", "a"), ("b/toy.py", "b")], {}, "is there 2 times, so none is taken"),
    ([("__MACOSX/layers/toy.py", "a"), ("layers/__pycache__/toy.py", "a")], {}, "layers/toy.py was not handed in"),
    ([("../layers/toy.py", "a")], {}, "leads out of the archive"),
    ([("layers\\toy.py", "a")], {"layers/toy.py": "a"}, ""),
    ([("layers/toy.py", "#" * (1 << 20))], {}, "more than 512 KB"),
    ([], {}, "layers/toy.py was not handed in"),
])
def test_the_listed_files_are_taken_from_an_archive(tmp_path, entries, files, said):
    (tmp_path / "s.zip").write_bytes(archive(entries))
    found, notes = taken(tmp_path / "s.zip")
    assert found == files and said in notes


def test_the_listed_files_are_taken_from_a_folder(tmp_path):
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "toy.py").write_text("a")
    (tmp_path / "README").write_text("b")
    os.symlink("toy.py", tmp_path / "layers" / "other.py")
    found, notes = taken(tmp_path)
    assert found == {"layers/toy.py": "a"}
    assert "not looked at: README" in notes and "other.py was not handed in" in notes


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18, b"\0" * 1000,
                                     b"PK\x05\x06" + b"\xff" * 18])
def test_broken_archives_are_empty_submissions(tmp_path, content):
    (tmp_path / "s.zip").write_bytes(content)
    assert submission.read(tmp_path / "s.zip", ASSIGNMENT).files == {}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_packed_in_unusual_ways_are_not_opened(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "s.zip", "w", method) as file:
        file.writestr("layers/toy.py", "a")
    found, notes = taken(tmp_path / "s.zip")
    assert found == {} and "packed in a way" in notes


# ---------------------------------------------------------------------------------------------------------------------
# The tree that workers load

def test_the_engines_files_are_compiled_once_and_a_students_are_not(tmp_path):
    """A student's may be more than Python's parser can take, and that is the worker's business."""
    autograd = manifest.load("autograd")
    tree.build(tmp_path, autograd, {name: b"(" * 10 ** 5 for name in autograd.files})
    handed_in = {name for name in autograd.files if name.startswith("minigrad/")}
    sources = {f"minigrad/{path.name}" for path in (tmp_path / "minigrad").glob("*.py")}
    compiled = {path.name.split(".")[0] + ".py": path for path in (tmp_path / "minigrad/__pycache__").iterdir()}
    assert handed_in and handed_in < sources
    assert {f"minigrad/{name}" for name in compiled} == sources - handed_in
    header = compiled["tensor.py"].read_bytes()[:16]       # valid for this source, whatever the time of the copy
    assert struct.unpack("<4sIII", header)[1:] == (0, 0, (tmp_path / "minigrad/tensor.py").stat().st_size)


# ---------------------------------------------------------------------------------------------------------------------
# results.json

def case(task, name, points):
    return manifest.Case(task, name, "probe", None, points, "message")


PLANNED = plan(ASSIGNMENT, [case("2", "b", 1), case("1", "a", 2)], [case("1", "secret name", 3)])


def test_cases_are_numbered_by_task_and_hidden_ones_run_last():
    assert [(item.number, item.title) for item in PLANNED] == [("1.1", "Squares: a"), ("2.1", "Products: b"),
                                                               ("1.2", "Squares: hidden")]


def test_results_are_valid_from_the_first_moment(tmp_path):
    written = results.Results(tmp_path / "results.json", PLANNED, ["header"])
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["score"] == 0 and [test["number"] for test in found["tests"]] == ["1.1", "1.2", "2.1"]
    assert [test["max_score"] for test in found["tests"]] == [2, 3, 1] and "secret" not in json.dumps(found)
    assert all(test["status"] == "failed" and test["visibility"] == "visible" for test in found["tests"])
    written.add(Outcome(PLANNED[0], 2, "", flag="look"))
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["score"] == 2 and found["tests"][0]["status"] == "passed"
    assert found["extra_data"]["flag"] == ["1.1: look"]
    written.fail("Traceback of the grader")
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["tests"][-1]["visibility"] == "hidden" and "Traceback" not in found["output"]
    assert found["score"] == 2 and isinstance(found["execution_time"], float)
    assert os.listdir(tmp_path) == ["results.json"]


@pytest.mark.parametrize("score", [-1, 3, float("nan"), float("inf")])
def test_impossible_scores_are_refused(tmp_path, score):
    written = results.Results(tmp_path / "results.json", PLANNED, [])
    with pytest.raises(ValueError):
        written.add(Outcome(PLANNED[0], score, ""))
    assert json.loads((tmp_path / "results.json").read_text())["score"] == 0
