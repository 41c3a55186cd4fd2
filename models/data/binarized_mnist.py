"""`binarized_mnist`: MNIST in black and white, each pixel drawn once and for all: the fixed split of the literature.

50,000 images for training, 10,000 for validation and 10,000 for the test, without labels.  On these one can overfit the
noise of the drawing; `dynamic_mnist` draws anew in each batch.  The two are different benchmarks: figures of the one
say nothing about the other.
Source: R. Salakhutdinov and I. Murray, On the quantitative analysis of deep belief networks, ICML 2008; the files are
those of H. Larochelle and I. Murray, The neural autoregressive distribution estimator, AISTATS 2011.
"""
import numpy as np
from . import DataSet
from .files import Source, fetch

SOURCE = Source("binarized_mnist", "binarized-mnist", (
    "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",), unpacked=True)
FILES = {                                  # with the MD5 sums of what is in them
    "binarized_mnist_train.amat.gz": "db28b1a6ae0fe70cbd3da91acf46e477",
    "binarized_mnist_valid.amat.gz": "bf37822a04e94123630de6a7dfd9c9ef",
    "binarized_mnist_test.amat.gz": "14e41ae11040adba6ab8cb291eda0dd8",
}
SIZE = 28


def load():
    """The data set; files that are not there yet are downloaded."""
    train, valid, test = [parse(text) for text in fetch(SOURCE, FILES)]
    return DataSet("binarized_mnist", train, None, test, None, levels=2, valid=valid)


def parse(text):
    """The images in lines of digits 0 and 1, with one space between two: (N, 1, SIZE, SIZE), uint8"""
    return (np.frombuffer(text, np.uint8)[::2] - ord("0")).reshape(-1, 1, SIZE, SIZE)
