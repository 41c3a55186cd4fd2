"""minigrad: reverse-mode differentiation on NumPy arrays, in files that can be read from end to end.

With `import minigrad as torch`, what is written for PyTorch's core reads the same here.  Where to find what:

    tensor, broadcasting, dtypes        the tensor and its record; types and broadcasting
    devices, cuda                       tensors on a GPU: `x.to("cuda")`
    autograd, gradcheck                 gradients, Jacobians, Hessians; checks of all that against finite differences
    elementwise, reductions, shapes, indexing, products, linalg     the operations
    methods                             the rest of a tensor's methods
    creation, random                    new tensors
    optim, lr_scheduler, distributions, serialization               what training needs
    trace                               steps through a computation: `from minigrad import trace`
"""
from importlib import import_module
from .tensor import Tensor, record, operation, no_grad, enable_grad, is_grad_enabled
from .broadcasting import expand, sum_to
from .devices import device
from .elementwise import (
    add, sub, mul, div, pow, neg, floor_divide, remainder, eq, ne, lt, le, gt, ge, logical_not, logical_and, logical_or,
    isnan, isinf, isfinite, sign, floor, ceil, round, exp, log, log1p, expm1, sqrt, rsqrt, sin, cos, tanh, erf, abs,
    maximum, minimum, clamp, where, sigmoid, softplus, logsigmoid, relu, leaky_relu, elu, silu, gelu)
from .reductions import (
    sum, mean, var, std, prod, amax, amin, max, min, argmax, argmin, logsumexp, softmax, log_softmax, cumsum, any, all)
from .shapes import (
    reshape, view, flatten, squeeze, unsqueeze, permute, transpose, t, movedim, expand_as, broadcast_to, repeat, flip,
    roll, pad, tril, triu, cat, stack, narrow, select, split, chunk, unbind)
from .indexing import (
    gather, scatter, scatter_add, index_select, index_add, index_put, take_along_dim, one_hot, masked_fill, nonzero,
    sort, argsort, topk)
from .products import matmul, mm, bmm, mv, dot, outer, einsum
from .linalg import slogdet, det, norm
from .methods import clone, detach
from . import autograd, distributions, dtypes, linalg, optim, random, serialization
from .dtypes import (
    float16, float32, float64, uint8, int8, int16, int32, int64, bool, half, float, double, int, long)
from .creation import (
    tensor, as_tensor, from_numpy, zeros, ones, empty, full, eye, arange, linspace, zeros_like, ones_like, empty_like,
    full_like)
from .random import (
    manual_seed, get_rng_state, set_rng_state, randn, rand, randn_like, rand_like, randint, randperm, normal, bernoulli,
    multinomial)
from .gradcheck import gradcheck, gradgradcheck
from .serialization import save, load
from .memory import keep_freed_memory
from .threads import quicken_openblas



def __getattr__(name):
    """`minigrad.cuda` is imported when it is first asked for: those who stay on the CPU need none of it."""
    if name == "cuda":
        return import_module(".cuda", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


keep_freed_memory()
quicken_openblas()
