"""Data files with known checksums: finding, downloading, checking and reading them.

The IDX format is that of http://yann.lecun.com/exdb/mnist: two zero bytes, a byte for the type (8 means uint8), a byte
for the number of axes, their sizes as 4-byte big-endian integers, and then the numbers.
"""
import gzip
import hashlib
import math
import os
import struct
import urllib.request
import zlib
from dataclasses import dataclass
import numpy as np
from . import folder

TIMEOUT = 15                               # seconds without an answer, after which a mirror is given up


@dataclass(frozen=True)
class Source:
    """Where the files of a data set are: its name, its folder inside the data folder, and the mirrors' addresses."""
    name: str
    folder: str
    mirrors: tuple


def fetch(source, files):
    """The paths of the files, checked; those that are missing are downloaded first.

    files       {file name: MD5 sum}
    Raises FileNotFoundError for a file that is neither there nor to be had, ValueError for one with a wrong checksum.
    """
    place = os.path.join(folder(), source.folder)
    paths = [os.path.join(place, name) for name in files]
    missing = [name for name, path in zip(files, paths) if not os.path.exists(path)]
    for name in missing:
        download(source, name, files[name], place, missing)
    for name, path in zip(files, paths):
        check(path, files[name])
    return paths


def download(source, name, md5, place, missing):
    """Bring one file from the first mirror that has the right one.  It appears under its name when it is complete."""
    problems = []
    for mirror in source.mirrors:
        try:
            with urllib.request.urlopen(mirror + name, timeout=TIMEOUT) as answer:
                data = answer.read()
            found = hashlib.md5(data).hexdigest()
            if found != md5:
                raise OSError(f"sent a file with MD5 sum {found} instead of {md5}")
            write(data, os.path.join(place, name))
            return
        except OSError as error:           # URLError and timeouts are OSErrors too
            problems.append(f"{mirror} ({error})")
    raise FileNotFoundError(
        f"{source.name}: {', '.join(missing)} not found in {place}, and downloading failed: {'; '.join(problems)}. "
        f"Put the missing files there, or set MINIGRAD_DATA to the folder that holds {source.folder}/")


def write(data, path):
    """Write a file, whole or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def check(path, md5):
    """Raise ValueError if the file's MD5 sum is another."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != md5:
        raise ValueError(f"{path} is damaged or another file: its MD5 sum is {found} ({os.path.getsize(path)} bytes), "
                         f"expected {md5}; remove it, and it will be downloaded again")


def read_idx(path):
    """The array of uint8 in an IDX file, gzipped.  Raises ValueError for what is none, or is truncated."""
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is no complete gzip file: {error}") from None
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise ValueError(f"{path} is no IDX file of bytes: it begins with {content[:4].hex(' ') or 'nothing'}")
    axes = content[3]
    shape = struct.unpack(f">{axes}I", content[4:4 + 4 * axes])
    data = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    if data.size != math.prod(shape):
        raise ValueError(f"{path} announces {shape}, which is {math.prod(shape)} bytes, and holds {data.size}")
    return data.reshape(shape)
