"""Images and labels in IDX files, as MNIST and its descendants come.

The format is that of http://yann.lecun.com/exdb/mnist: two zero bytes, a byte for the type (8 means uint8), a byte for
the number of axes, their sizes as 4-byte big-endian integers, and then the numbers.
"""
import math
import struct
import numpy as np
from . import DataSet
from .files import fetch, unpack


def load(source, files):
    """The data set in four files: training images and labels, test images and labels; missing ones are downloaded."""
    x, labels, x_test, labels_test = [parse(unpack(data, name), name)
                                      for name, data in zip(files, fetch(source, files))]
    return DataSet(source.name, x[:, None], labels, x_test[:, None], labels_test)


def parse(content, name):
    """The array of uint8 in an IDX file.  Raises ValueError, naming the file, for what is none, or is truncated."""
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise ValueError(f"{name} is no IDX file of bytes: it begins with {content[:4].hex(' ') or 'nothing'}")
    axes = content[3]
    shape = struct.unpack(f">{axes}I", content[4:4 + 4 * axes])
    data = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    if data.size != math.prod(shape):
        raise ValueError(f"{name} announces {shape}, which is {math.prod(shape)} bytes, and holds {data.size}")
    return data.reshape(shape)
