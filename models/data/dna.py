"""`dna`: 60 letters of a gene, three bits each: 1,400 + 600 + 1,186 binary vectors of 180 entries.

See binary.py.  Some genes are in the collection more than once: 62 test vectors are also training vectors.
"""
from . import binary

MD5 = "c3e22afeeca7b4e5d06fdb8e07e5b85d"


def load():
    """The data set."""
    return binary.load("dna", MD5)
