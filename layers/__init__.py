"""Modules and their functions, with the names of torch.nn: `import layers as nn`, `import layers.functional as F`."""
from . import functional, init
from .activation import (ELU, GELU, LeakyReLU, LogSigmoid, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh)
from .conv import CausalConv1d, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, MaskedConv2d
from .dropout import Dropout
from .embedding import Embedding
from .linear import Flatten, Linear
from .losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, L1Loss, MSELoss, NLLLoss
from .module import Identity, Module, ModuleList, Parameter, Sequential
from .normalization import BatchNorm1d, BatchNorm2d, LayerNorm
from .pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
