"""What a student handed in: a folder, a zip or a single file, of which the files that the manifest lists are taken.

Nothing is unpacked to disk, and nothing is believed: names may be any bytes, links may point anywhere, and an archive
may be empty, broken, huge, or hold others.
"""
import os
import stat
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from .feedback import clean

FILE_LIMIT = 512 << 10     # bytes of a file
ARCHIVE_LIMIT = 16 << 20   # bytes of a zip
COUNT_LIMIT = 10_000       # files that are looked at
IGNORED = {"__pycache__", "__MACOSX", ".git", ".venv", "venv", ".ipynb_checkpoints", "node_modules"}
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Submission:
    """files     name, as in the manifest -> bytes
    notes     lines on what is missing, and on what was not taken
    """
    files: dict
    notes: tuple


def read(path, assignment):
    """The Submission at a path.   Whatever lies there, this raises nothing but MemoryError."""
    notes = []
    try:
        if os.path.isdir(path):
            found = in_folder(path)
        elif os.path.isfile(path) and not os.path.islink(path) and zipfile.is_zipfile(path):
            found = in_archive(path, notes)
        else:
            name = assignment.files[0] if len(assignment.files) == 1 else os.path.basename(path)
            found = {name: lambda: read_file(path)}
        files = choose(found, assignment, notes)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        files = {}
        notes.append(f"the submission could not be read: {type(error).__name__}: {error}")
    notes += [f"{name} was not handed in" for name in assignment.files if name not in files]
    return Submission(files, tuple(clean(note, 300) for note in notes))


def choose(found, assignment, notes):
    """Find the listed files among those found, path -> function that reads it, in whatever folder they lie."""
    files, used = {}, set()
    for name in assignment.files:
        for path in candidates(name, found, notes):
            used.add(path)
            try:
                files[name] = found[path]()
            except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError,
                    zipfile.zlib.error) as error:
                notes.append(f"{path} could not be read: {error}")
    others = sorted(set(found) - used)
    if others:
        some = ", ".join(others[:5]) + (" ..." if len(others) > 5 else "")
        notes.append(f"not in the list of files to hand in, so not looked at: {some}")
    return files


def candidates(name, found, notes):
    """The path, in a list, of the file that is meant by a name.

    It is that path itself, else the only one that ends with it, or with the name's last parts.
    """
    parts = PurePosixPath(name).parts
    if name in found:
        return [name]
    for start in range(len(parts)):
        ending = parts[start:]
        fitting = [path for path in found if PurePosixPath(path).parts[-len(ending):] == ending]
        if len(fitting) > 1:
            notes.append(f"{name} is there {len(fitting)} times, so none is taken: {', '.join(sorted(fitting)[:5])}")
            return []
        if fitting:
            return fitting
    return []


def in_folder(folder):
    """The regular files in a folder."""
    found, folder = {}, os.fspath(folder)
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - IGNORED)
        for name in sorted(names):
            path = os.path.join(where, name)
            if len(found) < COUNT_LIMIT and stat.S_ISREG(os.lstat(path).st_mode):
                found[os.path.relpath(path, folder).replace(os.sep, "/")] = lambda path=path: read_file(path)
    return found


def read_file(path):
    """The bytes of a regular file.   Raises ValueError for a link, or a file that is too large."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no regular file")
        return within_limit(file)


def within_limit(file):
    """All bytes of an open file.   Raises ValueError if there are too many."""
    content = file.read(FILE_LIMIT + 1)
    if len(content) > FILE_LIMIT:
        raise ValueError(f"it has more than {FILE_LIMIT >> 10} KB")
    return content


def in_archive(path, notes):
    """The regular files in a zip.   Of a name that is there twice, the last one counts, as for those who unpack it."""
    if os.path.getsize(path) > ARCHIVE_LIMIT:
        raise ValueError(f"the archive has more than {ARCHIVE_LIMIT >> 20} MB")
    with open(path, "rb") as file:
        archive = zipfile.ZipFile(file)
        entries = archive.infolist()[:COUNT_LIMIT]
    found = {}
    for entry in entries:
        parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.is_dir() or kind not in (0, stat.S_IFREG) or IGNORED & set(parts):
            continue
        if ".." in parts or entry.filename.startswith("/"):
            notes.append(f"its path leads out of the archive, so not looked at: {entry.filename}")
            continue
        found["/".join(parts)] = lambda entry=entry: read_entry(path, entry)
    return found


def read_entry(path, entry):
    """The bytes of a file in a zip.   Raises ValueError if it is packed in an unusual way, encrypted or too large."""
    if entry.compress_type not in PACKED or entry.flag_bits & 1:
        raise ValueError("it is packed in a way that is not read here")
    with zipfile.ZipFile(path) as archive, archive.open(entry) as file:
        return within_limit(file)
