"""The folder that a worker loads: the engine with the student's files in it."""
import shutil
from pathlib import Path

PACKAGES = ("minigrad", "layers", "models")
MODULES = ("__init__.py", "probes.py", "public.py", "public.npz")


def copy_engine(engine, folder, assignment):
    """Copy the engine's packages and what probes need of the assignments, without anything compiled, to a new folder."""
    engine, folder = Path(engine), Path(folder)
    for package in PACKAGES:
        shutil.copytree(engine / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.py[co]"))
    (folder / "assignments" / assignment.id).mkdir(parents=True)
    names = ["__init__.py", "manifest.py", *(f"{assignment.id}/{name}" for name in MODULES)]
    for name in names:
        if (engine / "assignments" / name).exists():
            shutil.copy2(engine / "assignments" / name, folder / "assignments" / name)


def overlay(folder, files):
    """Put a student's files, {name: bytes}, in their places in a tree."""
    for name, content in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
