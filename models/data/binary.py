"""Data sets of binary vectors, in the files of the MADE paper's own implementation (github.com/mgermain/MADE).

Source of the splits: H. Larochelle and I. Murray, The neural autoregressive distribution estimator, AISTATS 2011;
M. Germain, K. Gregor, I. Murray and H. Larochelle, MADE: masked autoencoder for distribution estimation, ICML 2015.
The data are from the LIBSVM and UCI collections.
"""
import io
import warnings
import numpy as np
from . import DataSet
from .files import Source, fetch


def load(name, md5):
    """The data set in NAME.npz; it is downloaded if it is not there yet."""
    source = Source(name, "binary", ("https://raw.githubusercontent.com/mgermain/MADE/master/datasets/",))
    content, = fetch(source, {f"{name}.npz": md5})
    with warnings.catch_warnings(), np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        warnings.simplefilter("ignore")    # numpy warns that a file was written under Python 2
        train, valid, test = [arrays[f"{part}_data"].astype(np.uint8) for part in ("train", "valid", "test")]
    return DataSet(name, train, None, test, None, levels=2, valid=valid)
