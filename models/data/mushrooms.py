"""`mushrooms`: 21 properties of a mushroom, one bit for each value: 2,000 + 500 + 5,624 binary vectors of 112 entries.
See binary.py.
"""
from . import binary

MD5 = "5ec8ea7225574fd1f3859024afe3df88"


def load():
    """The data set."""
    return binary.load("mushrooms", MD5)
