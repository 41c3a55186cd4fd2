"""Bengio and Bengio's network: a group of hidden units after each entry, shared by all later entries,

    h_j = tanh(c_j + sum over k <= j of W_jk z_k),      logits of entry i = b_i + sum over j < i of V_ij h_j,

where z_k is the code of entry k, and h_j a vector.  Group j knows the entries 1 ... j, and the output i the groups
before it.  The cost grows with the square of the number of entries, not with the number of their configurations.  MADE
is the same idea with the groups' sizes drawn at random, and more layers.
Source: Y. Bengio and S. Bengio, Modeling high-dimensional discrete data with multi-layer neural networks, NIPS 1999;
S. Bengio and Y. Bengio, Taking on the curse of dimensionality in joint distributions using neural networks, IEEE
Transactions on Neural Networks 11, 2000.
"""
import numpy as np
from minigrad import tanh
from .masked_linear import MaskedCache, MaskedLinear
from .orderings import Ordered


class Bengio(Ordered):
    """One hidden layer of groups, each knowing one entry more than the one before.

    shape       of an example, of any number of axes
    levels      how many values an entry can take
    group       the number of hidden units after each entry but the last
    order       "natural", "random" (by `seed`) or a permutation of the entries
    """

    def __init__(self, shape, levels=2, group=4, order="natural", seed=0):
        super().__init__(shape=shape, levels=levels, group=group, order=order, seed=seed)
        self.at_least(1, "group")
        if self.size < 2:
            raise ValueError(f"Bengio: takes examples of two or more entries, not of shape {tuple(shape)}")
        self.ranks = np.arange(1, self.size + 1)
        self.entry_degrees, self.degrees = np.repeat(self.ranks, self.width), np.repeat(self.ranks[:-1], group)
        self.hidden = MaskedLinear(len(self.entry_degrees), len(self.degrees))
        self.head = MaskedLinear(len(self.degrees), len(self.entry_degrees))

    def wiring(self):
        """The hidden layer and the outputs' layer, with the degrees of inputs and outputs: see `masked_linear`."""
        return (self.hidden, self.entry_degrees, self.degrees), (self.head, self.degrees, self.entry_degrees - 1)

    def outputs(self, codes):
        """The logits of the entries: (N, D * width) -> (N, D * width)"""
        (hidden, *inner), (head, *outer) = self.wiring()
        return head(tanh(hidden(codes, *inner)), *outer)

    def cache(self, x):
        """At each entry, the group after the entry before it, and one output."""
        hidden, head = self.wiring()
        return MaskedCache(self, len(x), self.ranks, [hidden], [(1, *head)], tanh)
