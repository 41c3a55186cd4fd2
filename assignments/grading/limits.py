"""How much of everything a worker may have, and how it can be kept apart from everything else on this machine."""
import os
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata

NEEDED = ("numpy", "numba", "matplotlib", "tqdm")          # what a tree can import, beside Python's own modules
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/localtime")


@dataclass(frozen=True)
class Limits:
    """threads       of Numba
    memory          bytes in use, at most
    addresses       bytes of address space: what Numba and its compiler reserve is far more than they use
    file, disk      bytes in one file, and in all files
    files, tasks    how many open files, and threads
    """
    threads: int = 2
    memory: int = 1 << 30
    addresses: int = 4 << 30
    file: int = 32 << 20
    disk: int = 64 << 20
    files: int = 64
    tasks: int = 64

    def of_system(self, own_user):
        """What setrlimit is asked for.

        The number of threads counts for all processes of a user: it is limited for an own user only.
        """
        limits = {"AS": self.addresses, "FSIZE": self.file, "NOFILE": self.files,
                  "CORE": 0, "MEMLOCK": 0, "MSGQUEUE": 0}
        return limits | ({"NPROC": self.tasks} if own_user else {})


@cache
def packages():
    """(the folders that packages are installed in, the files and folders of those that a tree needs)"""
    folders, members, names, seen = {}, {}, list(NEEDED), set()
    while names:
        name = names.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        names += [text_name(line) for line in found.requires or () if "extra ==" not in line]
        folder = os.path.realpath(found.locate_file(""))
        folders[folder] = None
        tops = {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}
        for top in sorted(tops) or ["."]:                  # where there is no list of files: all of the folder
            members[os.path.normpath(os.path.join(folder, top))] = None
    return tuple(folders), tuple(members)


def text_name(requirement):
    """The package's name in a line such as "numpy>=1.25"."""
    end = next((k for k, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), len(requirement))
    return requirement[:end]


@cache
def readable():
    """The files and folders of Python and of the packages, as a worker may read them."""
    python = os.path.join(os.path.realpath(sys.base_prefix), "lib")
    outside = [path for path in (python, *packages()[1]) if not path.startswith("/usr/")]
    return tuple(path for path in (*SYSTEM, *outside) if os.path.lexists(path))
