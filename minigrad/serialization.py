"""Saving and loading state: nested dicts and lists of tensors, arrays, numbers, strings, truth values and None.

A checkpoint is one file that NumPy can read as well (`numpy.load(path)["model/weight"]`): a zip archive with each array
as a .npy entry, and an entry structure.json for everything else.  There is no pickle in it, so loading a file from
somebody else can't run their code.
"""
import json
import os
import zipfile
import numpy as np
from .devices import CPU, moved
from .tensor import Tensor, raw

STRUCTURE, FORMAT = "structure.json", "minigrad checkpoint 1"


def save(state, path):
    """Write `state` to the file `path`, whole or not at all.

    It is first written to a temporary file beside `path`, which then takes its place.  So if the disk is full, or the
    process is killed meanwhile, an older file of that name is still there and intact.
    Raises TypeError for what a checkpoint can't hold, OSError where writing fails.
    """
    path = os.fspath(path)
    arrays = {}
    structure = {"format": FORMAT, "state": packed(state, "", arrays)}
    folder, name = os.path.split(os.path.abspath(path))
    temporary = os.path.join(folder, f".{name}.tmp")
    try:
        with open(temporary, "wb") as file:
            write(file, structure, arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
    sync_folder(folder)


def load(path):
    """The state that was saved to the file `path`: tensors, arrays and all the rest as they were, bit for bit.

    Tensors come back as leaves that require no gradient, on the CPU, wherever they were.
    Raises FileNotFoundError, or ValueError if the file is no checkpoint, or is damaged.
    """
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            begun = file.read(4) == b"PK\3\4"
            raise ValueError(f"{path} is truncated: it begins like a checkpoint, but its end is missing" if begun else
                             f"{path} is not a minigrad checkpoint")
        try:
            with zipfile.ZipFile(file) as archive:
                structure = json.loads(archive.read(STRUCTURE)) if STRUCTURE in archive.namelist() else None
                if isinstance(structure, dict) and structure.get("format") == FORMAT:
                    return unpacked(structure["state"], lambda name: read(archive, name))
        except Exception as error:         # a damaged archive can make its reader raise almost anything
            raise ValueError(f"{path} is a damaged checkpoint: {error}") from None
    raise ValueError(f"{path} is not a minigrad checkpoint: it has no {STRUCTURE} that says '{FORMAT}'")


def packed(x, where, arrays):
    """`x` in terms of JSON; the arrays in it go into the dict `arrays`, under names that say where they were."""
    if x is None or type(x) in (bool, int, float, str):
        return x
    if isinstance(x, dict):
        for key in x:
            if not isinstance(key, str):
                raise TypeError(f"save: keys must be strings, and {where or 'the state'} has {key!r}")
        return {key: packed(value, f"{where}/{key}" if where else key, arrays) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        kind = "tuple" if isinstance(x, tuple) else "list"
        return [kind, *(packed(member, f"{where}/{i}" if where else str(i), arrays) for i, member in enumerate(x))]
    array = moved(raw(x), CPU)
    if not isinstance(array, (np.ndarray, np.generic)) or array.dtype.kind not in "biufc":
        raise TypeError(f"save: {where or 'the state'} is a {type(x).__name__}; a checkpoint holds dicts, lists, "
                        "tensors, arrays of numbers, numbers, strings, truth values and None")
    name = where or "array"
    while name in arrays:                  # {"a/b": x, "a": {"b": y}} would give two arrays one name
        name += "_"
    arrays[name] = np.asarray(array, order="C")
    return ["tensor" if isinstance(x, Tensor) else "array", name]


def unpacked(x, arrays):
    """What `packed` gave, as it was."""
    if isinstance(x, dict):
        return {key: unpacked(value, arrays) for key, value in x.items()}
    if not isinstance(x, list):
        return x
    kind, *members = x
    if kind in ("tensor", "array"):
        array = arrays(members[0])
        return Tensor(array) if kind == "tensor" else array
    members = [unpacked(member, arrays) for member in members]
    return tuple(members) if kind == "tuple" else members


def write(file, structure, arrays):
    """Write the archive.  Entries carry no date, so equal states give equal files."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(STRUCTURE), json.dumps(structure))
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(name + ".npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def read(archive, name):
    """An array from an open archive."""
    with archive.open(name + ".npy") as entry:
        array = np.lib.format.read_array(entry, allow_pickle=False)
        entry.read()                       # on to the end, where the archive compares the entry's checksum
        return array


def sync_folder(folder):
    """Have the folder's new entry written to disk too, where the system can be asked to (not on Windows)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
