"""`mnist`: 70,000 handwritten digits of 28x28 pixels and 256 grey levels, from the original four files.

Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document recognition,
Proceedings of the IEEE 86(11), 1998.
"""
from . import idx
from .files import Source

SOURCE = Source("mnist", "mnist", ("https://ossci-datasets.s3.amazonaws.com/mnist/",
                                   "https://storage.googleapis.com/cvdf-datasets/mnist/"))
FILES = {                                  # with their MD5 sums
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}


def load():
    """The data set; files that are not there yet are downloaded."""
    return idx.load(SOURCE, FILES)
