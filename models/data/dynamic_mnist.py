"""`dynamic_mnist`: MNIST in black and white, each pixel white with probability grey / 255, drawn anew in each batch.

The last 10,000 of MNIST's 60,000 training images are for validation.  They and the test images are drawn once, from a
fixed seed, so figures of different runs compare.  On the fixed split, `binarized_mnist`, figures are others.
"""
import numpy as np
from . import DataSet, binarise, mnist

VALID, SEED = 10_000, 0


def load():
    """The data set; MNIST's files are downloaded if they are not there yet.  `train` is drawn once, `batch` anew."""
    grey, rng = mnist.load(), np.random.default_rng(SEED)
    greys, labels = grey.train[:-VALID], grey.train_labels
    test, valid, train = [binarise(x, rng) for x in (grey.test, grey.train[-VALID:], greys)]
    return DataSet("dynamic_mnist", train, labels[:-VALID], test, grey.test_labels, levels=2,
                   valid=valid, valid_labels=labels[-VALID:], greys=greys)
