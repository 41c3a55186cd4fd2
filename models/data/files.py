"""Data files with known checksums: finding, downloading and checking them."""
import gzip
import hashlib
import os
import urllib.request
import zlib
from dataclasses import dataclass
from . import folder

TIMEOUT = 15                               # seconds without an answer, after which a mirror is given up


@dataclass(frozen=True)
class Source:
    """Where the files of a data set are.

    name        of the data set
    folder      inside the data folder
    mirrors     addresses to download from, to which a file's name is added
    unpacked    whether the mirrors have the files without the .gz at the end of their names.  The checksums are then
                those of the unpacked files: packing the same again need not give the same bytes
    """
    name: str
    folder: str
    mirrors: tuple
    unpacked: bool = False


def fetch(source, files):
    """What is in the files, checked, as bytes; those that are missing are downloaded first.

    files       {file name: MD5 sum}
    Raises FileNotFoundError for a file that is neither there nor to be had, ValueError for one with a wrong checksum.
    """
    place = os.path.join(folder(), source.folder)
    missing = [name for name in files if not os.path.exists(os.path.join(place, name))]
    for name in missing:
        download(source, name, files[name], place, missing)
    return [read(source, os.path.join(place, name), md5) for name, md5 in files.items()]


def download(source, name, md5, place, missing):
    """Bring one file from the first mirror that has the right one.  It appears under its name when it is complete."""
    problems = []
    for mirror in source.mirrors:
        try:
            with urllib.request.urlopen(mirror + (name.removesuffix(".gz") if source.unpacked else name),
                                        timeout=TIMEOUT) as answer:
                data = answer.read()
            found = hashlib.md5(data).hexdigest()
            if found != md5:
                raise OSError(f"sent a file with MD5 sum {found} instead of {md5}")
            write(gzip.compress(data) if source.unpacked else data, os.path.join(place, name))
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


def read(source, path, md5):
    """A file's bytes, unpacked where the checksum is that of the unpacked file.  Raises ValueError if it is another."""
    with open(path, "rb") as file:
        data = file.read()
    size = len(data)
    if source.unpacked:
        data = unpack(data, path)
    found = hashlib.md5(data).hexdigest()
    if found != md5:
        raise ValueError(f"{path} is damaged or another file: its MD5 sum is {found} ({size} bytes), "
                         f"expected {md5}; remove it, and it will be downloaded again")
    return data


def unpack(data, path):
    """What a gzip file holds.  Raises ValueError, naming the path, for what is none, or is truncated."""
    try:
        return gzip.decompress(data)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is no complete gzip file: {error}") from None
