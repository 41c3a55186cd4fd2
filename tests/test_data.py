"""The data sets: drawn alike everywhere, read exactly, and never from a wrong file."""
import gzip
import hashlib
import os
import struct
import urllib.request
import numpy as np
import pytest
from models.data import digits, folder, idx, load, mnist


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
    assert np.array_equal(idx.read_idx(tmp_path / "x.gz"), array)


@pytest.mark.parametrize("content, message", [
    (gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 9) + b"12345"), r"x.gz announces \(9,\).* 9 bytes, and holds 5"),
    (gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 9) + b"123456789")[:-12], "x.gz is no complete gzip file"),
    (gzip.compress(b"PNG and more"), "x.gz is no IDX file of bytes: it begins with 50 4e 47 20"),
    (gzip.compress(b""), "begins with nothing"),
    (b"not gzip", "x.gz is no complete gzip file"),
])
def test_idx_refuses(tmp_path, content, message):
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        idx.read_idx(tmp_path / "x.gz")


@pytest.fixture
def small_mnist(tmp_path, monkeypatch):
    """A small data set under MNIST's file names, with matching checksums; no network."""
    rng, place, sums = np.random.default_rng(1), tmp_path / "mnist", {}
    place.mkdir()
    for name in mnist.FILES:
        n = 12 if name.startswith("train") else 5
        shape = (n, 28, 28) if "images" in name else (n,)
        sums[name] = idx_file(place / name, rng.integers(0, 10, shape).astype(np.uint8))
    monkeypatch.setattr(mnist, "FILES", sums)
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path))

    def no_network(*_, **__):
        raise urllib.error.URLError("no network")
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
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

    class Answer:
        def __init__(self, data):
            self.data = data

        def read(self):
            return self.data

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

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
    with pytest.raises(ValueError, match="unknown data set 'cats'; there are digits, mnist"):
        load("cats")


def test_the_real_mnist():
    place = os.path.join(folder(), "mnist")
    if not all(os.path.exists(os.path.join(place, name)) for name in mnist.FILES):
        pytest.skip(f"the files of MNIST are not in {place}; set MINIGRAD_DATA")
    data = load("mnist")
    assert data.train.shape == (60_000, 1, 28, 28) and data.test.shape == (10_000, 1, 28, 28)
    assert list(data.train_labels[:5]) == [5, 0, 4, 1, 9] and list(data.test_labels[:5]) == [7, 2, 1, 0, 4]
    assert round(float(data.train.mean() / 255), 4) == 0.1307              # the mean that everybody normalises with
