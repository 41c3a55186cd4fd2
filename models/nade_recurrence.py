"""NADE's recurrence for many examples, forward and backward, in one pass over the parameters.

For one example, a becomes a + x_i W_i at each entry, h is sigmoid(a), and the entry's logit is V_i . h.  Where x_i is 0
nothing changes: of an image that is mostly black, few hidden layers are ever computed.

Backward walks from the last entry to the first.  It keeps none of the hidden layers: it gets each from the next one by
taking x_i W_i away again.

Hidden units do not depend on each other.  So a block of them at a time is taken through all examples: its parts of W, V
and their gradients stay in the cache, threads share the blocks, and the results are the same for any number of threads.
"""
import numpy as np
from numba import njit, prange
from minigrad.exponential import sigmoid
from minigrad.vectors import lanes, load, store

BLOCK = 128             # hidden units: some registers full
ONE = np.float32(1)


def logits(x, W, c, V):
    """The sums V_i . h_i: (N, D)

    x       (N, D), float32 as all others: W and V (D, H), c (H,)
    """
    W, c, V = blocks(W), blocks(c), blocks(V)
    parts = np.empty((len(W), *x.shape), x.dtype)
    forward_blocks(np.ascontiguousarray(x), W, c, V, parts)
    return parts.sum(0)


def gradients(g, x, W, c, V):
    """The gradients with respect to W, c and V, where g (N, D) is that with respect to the logits."""
    hidden, W, c, V = len(c), blocks(W), blocks(c), blocks(V)
    dW, dc, dV = np.zeros_like(W), np.zeros_like(c), np.zeros_like(V)
    backward_blocks(np.ascontiguousarray(g), np.ascontiguousarray(x), W, c, V, dW, dc, dV)
    return [np.moveaxis(array, 0, -2).reshape(*array.shape[1:-1], -1)[..., :hidden] for array in (dW, dc, dV)]


def blocks(array):
    """Cut the last axis, filled up with zeros, into blocks, whose axis comes first: (..., H) -> (blocks, ..., BLOCK)"""
    hidden = array.shape[-1]
    padded = np.zeros((*array.shape[:-1], -(-hidden // BLOCK) * BLOCK), array.dtype)
    padded[..., :hidden] = array
    return np.ascontiguousarray(np.moveaxis(padded.reshape(*array.shape[:-1], -1, BLOCK), -2, 0))


@njit(parallel=True, cache=True)
def forward_blocks(x, W, c, V, parts):
    """The parts (blocks, N, D) that the blocks of hidden units have in the logits."""
    for block in prange(len(W)):
        forward_block(x, W[block], c[block], V[block], parts[block])


@njit(parallel=True, cache=True)
def backward_blocks(g, x, W, c, V, dW, dc, dV):
    """Add to the gradients, block by block."""
    for block in prange(len(W)):
        backward_block(g, x, W[block], c[block], V[block], dW[block], dc[block], dV[block])


@njit(cache=True, fastmath={"reassoc", "contract"})
def forward_block(x, W, c, V, part):
    """The part (N, D) of one block: W and V (D, BLOCK), c (BLOCK,)"""
    a, h = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    for n in range(x.shape[0]):
        for k in range(BLOCK):
            a[k] = c[k]
        squash(a, h)
        for i in range(x.shape[1]):
            total = np.float32(0)
            for k in range(BLOCK):
                total += V[i, k] * h[k]
            part[n, i] = total
            if x[n, i] != 0:
                for k in range(BLOCK):
                    a[k] += x[n, i] * W[i, k]
                squash(a, h)


@njit(cache=True, fastmath={"contract"})
def backward_block(g, x, W, c, V, dW, dc, dV):
    """Add one block's gradients."""
    a, h = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    da, dh = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    for n in range(x.shape[0]):
        for k in range(BLOCK):
            a[k], da[k], dh[k] = c[k], np.float32(0), np.float32(0)
        for i in range(x.shape[1]):
            if x[n, i] != 0:
                for k in range(BLOCK):
                    a[k] += x[n, i] * W[i, k]
        squash(a, h)
        for i in range(x.shape[1] - 1, -1, -1):
            if x[n, i] != 0:                           # all entries that see this one have been passed
                for k in range(BLOCK):
                    da[k] += dh[k] * h[k] * (ONE - h[k])
                    dh[k] = np.float32(0)
                    dW[i, k] += x[n, i] * da[k]
                    a[k] -= x[n, i] * W[i, k]
                squash(a, h)
            for k in range(BLOCK):
                dh[k] += g[n, i] * V[i, k]
                dV[i, k] += g[n, i] * h[k]
        for k in range(BLOCK):
            dc[k] += da[k] + dh[k] * h[k] * (ONE - h[k])


@njit(cache=True)
def squash(a, h):
    """h = sigmoid(a)"""
    for k in range(0, BLOCK, lanes(a)):
        store(h, k, sigmoid(load(a, k)))
