"""The data sets: drawn alike everywhere, read exactly, and never from a wrong file."""
import gzip
import hashlib
import os
import struct
import urllib.request
import numpy as np
import pytest
from models.data import (DataSet, binarise, binarized_mnist, digits, dna, fashion_mnist, files, folder, idx, load,
                         mnist, mushrooms)


@pytest.fixture(scope="module")
def drawn():
    return digits.load(train=600, test=100)


def test_digits_are_images_like_mnist(drawn):
    assert drawn.train.shape == (600, 1, 28, 28) and drawn.test.shape == (100, 1, 28, 28)
    assert drawn.train.dtype == drawn.test.dtype == np.uint8 and drawn.levels == 256 and drawn.shape == (1, 28, 28)
    assert sorted(set(drawn.train_labels)) == list(range(10)) and drawn.train_labels.shape == (600,)
    assert np.all(drawn.train[:, :, [0, -1]] == 0)                         # black around
    assert np.all(drawn.train.max((1, 2, 3)) > 100)                        # something white in each
    assert 0.05 < (drawn.train > 127).mean() < 0.25
    assert 0.03 < ((drawn.train > 0) & (drawn.train < 255)).mean() < 0.3   # smooth edges


def test_digits_are_in_the_middle(drawn):
    at = np.arange(28) - 13.5
    x = drawn.train[:, 0].astype(float)
    for axis in (1, 2):
        centre = (x.sum(3 - axis) * at).sum(1) / x.sum((1, 2))
        assert abs(centre.mean()) < 0.5 and np.abs(centre).max() < 7 and centre.std() > 0.5


def test_digits_depend_on_the_seed_alone(drawn):
    again, other = digits.load(train=600, test=100), digits.load(train=600, test=100, seed=1)
    assert np.array_equal(again.train, drawn.train) and np.array_equal(again.test_labels, drawn.test_labels)
    assert not np.array_equal(other.train, drawn.train)
    images = {x.tobytes() for x in np.concatenate([drawn.train, drawn.test])}
    assert len(images) == 700                                              # no test image is a training image


def test_digits_can_be_told_apart(drawn):
    """The mean image of each class recognises most test images; with shuffled labels it would not."""
    x, x_test = drawn.train.reshape(600, -1) / 255, drawn.test.reshape(100, -1) / 255
    means = np.stack([x[drawn.train_labels == k].mean(0) for k in range(10)])
    found = ((x_test[:, None] - means) ** 2).sum(2).argmin(1)
    assert (found == drawn.test_labels).mean() > 0.6


# ---------------------------------------------------------------------------------------------------------------------
# Files

def idx_file(path, array):
    """Write an IDX file, gzipped.  Returns its MD5 sum."""
    header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))
    return hashlib.md5(path.read_bytes()).hexdigest()


def test_idx_is_read_exactly(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (5, 3, 4)).astype(np.uint8)
    idx_file(tmp_path / "x.gz", array)
    assert np.array_equal(idx.parse(files.unpack((tmp_path / "x.gz").read_bytes(), "x.gz"), "x.gz"), array)


@pytest.mark.parametrize("content, message", [
    (gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 9) + b"12345"), r"x.gz announces \(9,\).* 9 bytes, and holds 5"),
    (gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 9) + b"123456789")[:-12], "x.gz is no complete gzip file"),
    (gzip.compress(b"PNG and more"), "x.gz is no IDX file of bytes: it begins with 50 4e 47 20"),
    (gzip.compress(b""), "begins with nothing"),
    (b"not gzip", "x.gz is no complete gzip file"),
])
def test_idx_refuses(content, message):
    with pytest.raises(ValueError, match=message):
        idx.parse(files.unpack(content, "x.gz"), "x.gz")


class Answer:
    """What a server sends."""

    def __init__(self, data):
        self.data = data

    def read(self):
        return self.data

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def no_network(*_, **__):
    raise urllib.error.URLError("no network")


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """An empty data folder; no network."""
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    return tmp_path


@pytest.fixture
def small_mnist(data_folder, monkeypatch):
    """A small data set under MNIST's file names, with matching checksums."""
    rng, place, sums = np.random.default_rng(1), data_folder / "mnist", {}
    place.mkdir()
    for name in mnist.FILES:
        n = 12 if name.startswith("train") else 5
        shape = (n, 28, 28) if "images" in name else (n,)
        sums[name] = idx_file(place / name, rng.integers(0, 10, shape).astype(np.uint8))
    monkeypatch.setattr(mnist, "FILES", sums)
    return place


def test_mnist_is_read_from_the_folder(small_mnist):
    data = load("mnist")
    assert data.train.shape == (12, 1, 28, 28) and data.test.shape == (5, 1, 28, 28)
    assert data.train_labels.shape == (12,) and data.test_labels.shape == (5,)


def test_a_changed_file_is_refused(small_mnist):
    path = small_mnist / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path} is damaged.*{hashlib.md5(content).hexdigest()}.*"
                                         f"expected {mnist.FILES[path.name]}"):
        load("mnist")


def test_a_truncated_file_is_refused(small_mnist):
    path = small_mnist / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"train-images.* is damaged.*\(100 bytes\)"):
        load("mnist")


def test_a_missing_file_says_what_to_do(small_mnist):
    (small_mnist / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=f"mnist: t10k-images-idx3-ubyte.gz not found in {small_mnist}, and "
                                                "downloading failed: .*no network.*MINIGRAD_DATA"):
        load("mnist")


def test_a_missing_file_is_downloaded_from_a_mirror_that_has_the_right_one(small_mnist, monkeypatch):
    path = small_mnist / "t10k-images-idx3-ubyte.gz"
    content, asked = path.read_bytes(), []

    def urlopen(url, timeout):
        asked.append(url)
        return Answer(b"<html>moved</html>" if len(asked) == 1 else content)
    path.unlink()
    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert load("mnist").test.shape == (5, 1, 28, 28)
    assert len(asked) == 2 and all(url.startswith("https://") and url.endswith(path.name) for url in asked)
    assert sorted(os.listdir(small_mnist)) == sorted(mnist.FILES)          # nothing temporary is left


def test_the_folder(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    assert folder() == os.path.join("/cache", "minigrad")
    monkeypatch.setenv("MINIGRAD_DATA", "/elsewhere")
    assert folder() == "/elsewhere"


def test_an_unknown_data_set_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown data set 'cats'; there are digits, mnist.*, or .* path of an .npz"):
        load("cats")


# ---------------------------------------------------------------------------------------------------------------------
# Black and white

def test_binarise_draws_white_with_the_grey_as_probability():
    greys = np.tile(np.array([0, 1, 51, 204, 254, 255], np.uint8), (200_000, 1))
    x = binarise(greys, np.random.default_rng(0))
    assert x.dtype == np.uint8 and set(np.unique(x)) == {0, 1}
    assert np.all(x[:, 0] == 0) and np.all(x[:, 5] == 1)                   # not one in 256 is wrong
    p = greys[0] / 255
    assert np.all(np.abs(x.mean(0) - p) <= 4 * np.sqrt(p * (1 - p) / len(x)))


def test_a_batch_is_the_examples_themselves():
    x = np.arange(12).reshape(6, 2).astype(np.float32)
    data = DataSet("numbers", x, None, x, None, levels=None)
    assert np.array_equal(data.batch(np.array([4, 0]), None), x[[4, 0]]) and data.shape == (2,)


def test_dynamic_mnist_draws_each_batch_anew(small_mnist, monkeypatch):
    monkeypatch.setattr("models.data.dynamic_mnist.VALID", 4)
    data, grey = load("dynamic_mnist"), load("mnist")
    assert data.train.shape == (8, 1, 28, 28) and data.valid.shape == (4, 1, 28, 28) and data.levels == 2
    assert np.array_equal(data.greys, grey.train[:8]) and np.array_equal(data.train_labels, grey.train_labels[:8])
    assert np.array_equal(data.valid_labels, grey.train_labels[8:])
    assert np.array_equal(data.test_labels, grey.test_labels)
    again = load("dynamic_mnist")
    for fixed in ("train", "valid", "test"):                               # drawn once
        assert getattr(data, fixed).max() == 1 and np.array_equal(getattr(data, fixed), getattr(again, fixed))
    numbers, rng = np.array([3, 3, 5]), np.random.default_rng(0)
    one, two = data.batch(numbers, rng), data.batch(numbers, rng)
    assert one.shape == (3, 1, 28, 28) and one.max() == 1
    assert np.any(one != two) and np.any(one[0] != one[1])                 # anew in each batch, and each time in one
    assert np.array_equal(one, data.batch(numbers, np.random.default_rng(0)))
    mean = np.mean([data.batch(np.array([3]), rng) for _ in range(300)], (0, 1))
    assert np.abs(mean - data.greys[3] / 255).max() < 0.06


# ---------------------------------------------------------------------------------------------------------------------
# The other files

def test_fashion_mnist_is_read_like_mnist(data_folder, monkeypatch):
    (data_folder / "fashion-mnist").mkdir()
    images, labels = np.arange(2 * 784).reshape(2, 28, 28).astype(np.uint8), np.array([9, 2], np.uint8)
    sums = {name: idx_file(data_folder / "fashion-mnist" / name, images if "images" in name else labels)
            for name in fashion_mnist.FILES}
    monkeypatch.setattr(fashion_mnist, "FILES", sums)
    data = load("fashion_mnist")
    assert data.name == "fashion_mnist" and data.levels == 256 and data.valid is None
    assert np.array_equal(data.train, images[:, None]) and np.array_equal(data.test_labels, labels)


@pytest.fixture
def small_binarized_mnist(data_folder, monkeypatch):
    """Three short texts under the names of the fixed split, with matching checksums; and the images in them."""
    rng, images, texts = np.random.default_rng(2), {}, {}
    (data_folder / "binarized-mnist").mkdir()
    for name in binarized_mnist.FILES:
        x = images[name] = rng.integers(0, 2, (4, 1, 28, 28))
        texts[name] = "".join(" ".join(map(str, row)) + "\n" for row in x.reshape(4, -1)).encode()
        (data_folder / "binarized-mnist" / name).write_bytes(gzip.compress(texts[name], 1))
    sums = {name: hashlib.md5(text).hexdigest() for name, text in texts.items()}
    monkeypatch.setattr(binarized_mnist, "FILES", sums)
    return data_folder / "binarized-mnist", images, texts


def test_binarized_mnist_is_read_exactly(small_binarized_mnist):
    _, images, _ = small_binarized_mnist
    data = load("binarized_mnist")
    assert data.levels == 2 and data.greys is None and data.train.dtype == np.uint8 and data.train_labels is None
    for part in ("train", "valid", "test"):
        assert np.array_equal(getattr(data, part), images[f"binarized_mnist_{part}.amat.gz"])


def test_binarized_mnist_is_downloaded_unpacked(small_binarized_mnist, monkeypatch):
    place, images, texts = small_binarized_mnist
    asked, name = [], "binarized_mnist_valid.amat.gz"

    def urlopen(url, timeout):
        asked.append(url)
        return Answer(texts[name])
    (place / name).unlink()
    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert np.array_equal(load("binarized_mnist").valid, images[name])
    assert len(asked) == 1 and asked[0].endswith("/binarized_mnist_valid.amat")
    assert gzip.decompress((place / name).read_bytes()) == texts[name]
    load("binarized_mnist")
    assert len(asked) == 1                                                 # now it is there


@pytest.mark.parametrize("damage, message", [
    (lambda text: gzip.compress(text.replace(b"1", b"0", 1)), r"train.amat.gz is damaged.*expected"),
    (lambda text: gzip.compress(text)[:-20], "train.amat.gz is no complete gzip file"),
    (lambda text: text, "train.amat.gz is no complete gzip file"),
])
def test_a_damaged_binarized_mnist_is_refused(small_binarized_mnist, damage, message):
    place, _, texts = small_binarized_mnist
    name = "binarized_mnist_train.amat.gz"
    (place / name).write_bytes(damage(texts[name]))
    with pytest.raises(ValueError, match=message):
        load("binarized_mnist")


@pytest.mark.parametrize("module", [dna, mushrooms])
def test_binary_vectors_are_read(data_folder, monkeypatch, module):
    name = module.__name__.rsplit(".", 1)[-1]
    path, rng = data_folder / "binary" / f"{name}.npz", np.random.default_rng(0)
    path.parent.mkdir()
    parts = {f"{part}_data": rng.integers(0, 2, (n, 7)).astype(np.float32)
             for part, n in (("train", 5), ("valid", 3), ("test", 4))}
    np.savez(path, **parts)
    monkeypatch.setattr(module, "MD5", hashlib.md5(path.read_bytes()).hexdigest())
    data = load(name)
    assert data.name == name and data.levels == 2 and data.shape == (7,) and data.train.dtype == np.uint8
    assert all(np.array_equal(getattr(data, part), parts[f"{part}_data"]) for part in ("train", "valid", "test"))
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ValueError, match=f"{name}.npz is damaged"):
        load(name)


@pytest.mark.parametrize("name, subfolder, missing", [
    ("fashion_mnist", "fashion-mnist", "train-images-idx3-ubyte.gz, train-labels"),
    ("binarized_mnist", "binarized-mnist", "binarized_mnist_train.amat.gz, binarized_mnist_valid"),
    ("dynamic_mnist", "mnist", "train-images-idx3-ubyte.gz, train-labels"),
    ("dna", "binary", "dna.npz"),
    ("mushrooms", "binary", "mushrooms.npz"),
])
def test_what_is_missing_is_said(data_folder, name, subfolder, missing):
    with pytest.raises(FileNotFoundError, match=f"{missing}.* not found in {data_folder / subfolder}, and downloading "
                                                f"failed: .*no network.*the folder that holds {subfolder}/"):
        load(name)


# ---------------------------------------------------------------------------------------------------------------------
# The real files, where they are

def real(name, subfolder, names):
    """The data set from its real files; the test is skipped where they are not there."""
    place = os.path.join(folder(), subfolder)
    if not all(os.path.exists(os.path.join(place, file)) for file in names):
        pytest.skip(f"the files of {name} are not in {place}; set MINIGRAD_DATA")
    return load(name)


def rows(x):
    """The different examples, as a set of bytes."""
    return {row.tobytes() for row in x}


def test_the_real_mnist():
    data = real("mnist", "mnist", mnist.FILES)
    assert data.train.shape == (60_000, 1, 28, 28) and data.test.shape == (10_000, 1, 28, 28)
    assert list(data.train_labels[:5]) == [5, 0, 4, 1, 9] and list(data.test_labels[:5]) == [7, 2, 1, 0, 4]
    assert round(float(data.train.mean() / 255), 4) == 0.1307              # the mean that everybody normalises with


def test_the_real_fashion_mnist():
    data = real("fashion_mnist", "fashion-mnist", fashion_mnist.FILES)
    assert data.train.shape == (60_000, 1, 28, 28) and data.test.shape == (10_000, 1, 28, 28)
    assert np.array_equal(np.bincount(data.train_labels), [6000] * 10)
    assert round(float(data.train.mean() / 255), 4) == 0.2860


def test_the_real_binarized_mnist():
    data = real("binarized_mnist", "binarized-mnist", binarized_mnist.FILES)
    assert [len(x) for x in (data.train, data.valid, data.test)] == [50_000, 10_000, 10_000]
    assert data.train.max() == 1 and data.shape == (1, 28, 28)
    # Independent pixels, smoothed by one count, are known to cost 205.8 nats on this test set.
    p = (data.train.sum(0, dtype=np.int64) + 1) / (len(data.train) + 2)
    frequency = data.test.mean(0)
    assert abs(-(frequency * np.log(p) + (1 - frequency) * np.log(1 - p)).sum() - 205.8) < 0.1
    train = rows(data.train)
    assert not train & rows(data.valid) and not train & rows(data.test)


def test_the_real_dynamic_mnist():
    data = real("dynamic_mnist", "mnist", mnist.FILES)
    assert [len(x) for x in (data.train, data.valid, data.test)] == [50_000, 10_000, 10_000]
    assert list(data.train_labels[:5]) == [5, 0, 4, 1, 9] and list(data.valid_labels[-3:]) == [5, 6, 8]
    assert abs(data.train.mean() - data.greys.mean() / 255) < 2e-4 and abs(data.test.mean() - 0.1325) < 5e-4
    batch = data.batch(np.arange(500), np.random.default_rng(0))
    assert 0.02 < (batch != data.train[:500]).mean() < 0.08                # grey pixels only


@pytest.mark.parametrize("name, sizes, dimension, mean", [
    ("dna", [1400, 600, 1186], 180, 0.2537), ("mushrooms", [2000, 500, 5624], 112, 0.1875)])
def test_the_real_binary_vectors(name, sizes, dimension, mean):
    data = real(name, "binary", [f"{name}.npz"])
    assert [len(x) for x in (data.train, data.valid, data.test)] == sizes
    assert data.shape == (dimension,) and data.train.max() == 1 and abs(data.train.mean() - mean) < 1e-4
    twice = len(rows(data.train) & rows(data.test))
    assert twice == 0 if name == "mushrooms" else twice > 0                # as the docstring of dna says
