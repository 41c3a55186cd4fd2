"""The layers as functions, with the names of torch.nn.functional.  This file is their index; the code is elsewhere."""
from minigrad import (elu, gelu, leaky_relu, log_softmax, logsigmoid, one_hot, pad, relu, sigmoid, silu, softmax,
                      softplus, tanh)
from .convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from .dropout import dropout
from .embedding import embedding
from .linear import linear
from .losses import (binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss,
                     nll_loss)
from .normalization import batch_norm, layer_norm
from .pooling import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d
