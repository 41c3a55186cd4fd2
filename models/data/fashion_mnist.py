"""`fashion_mnist`: 70,000 pictures of clothes, shoes and bags of 28x28 pixels and 256 grey levels, in ten classes.

Source: H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine learning
algorithms, arXiv 1708.07747, 2017.
"""
from . import idx
from .files import Source

SOURCE = Source("fashion_mnist", "fashion-mnist", (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"))
FILES = {                                  # with their MD5 sums
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}


def load():
    """The data set; files that are not there yet are downloaded."""
    return idx.load(SOURCE, FILES)
