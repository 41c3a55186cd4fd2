"""How much of everything a worker may have."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """threads       of Numba
    loading, compiling      seconds for loading a tree, and for compiling in a call, beside the case's own
    """
    threads: int = 2
    loading: float = 20.0
    compiling: float = 20.0
