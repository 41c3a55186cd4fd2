"""MADE: an autoencoder whose weights are masked so that it is an autoregressive model,

    h_1 = relu(c_1 + (W_1 o M_1) x),   h_l = relu(c_l + (W_l o M_l) h_{l-1}),   logits = b + (V o M_V) h_L.

Every hidden unit has a degree m: it sees the first m entries only.  M_l connects degree m' to m where m' <= m, and M_V
connects degree m to the output of the d-th entry where m < d, strictly.  So no path leads from an entry to its own
output or to an earlier one, and one pass gives all conditionals.
Source: M. Germain, K. Gregor, I. Murray and H. Larochelle, MADE: masked autoencoder for distribution estimation, ICML
2015 (88.40 nats on binarised MNIST with 8000 hidden units and one ordering, 86.64 with two layers and 32).

The lectures leave out that the last inequality is strict, put the mask outside the weight's bracket, and call the
output weight W; the formula above is what is meant.
"""
from collections import namedtuple
import numpy as np
from layers import ModuleList
from minigrad import logsumexp, relu, stack
from .masked_linear import MaskedCache, MaskedLinear
from .orderings import Ordered

Connections = namedtuple("Connections", "ranks degrees")
Connections.__doc__ = """An ordering of the entries, and what each hidden unit sees.

ranks       when each entry is drawn, 1 ... D: (D,)
degrees     of the hidden units, one array a layer
"""


class MADE(Ordered):
    """Masked layers, with one ordering of the entries or with several.

    With several, p(x) is the mean over them of the likelihood of the whole example.  (A mean of logits would belong to
    no distribution.)  Each training step takes one of them.

    shape       of an example, of any number of axes
    levels      how many values an entry can take
    hidden      the sizes of the hidden layers
    order       "natural", "random" or a permutation of the entries
    orderings   how many orderings there are; several must be random
    connectivities      how often the degrees of the hidden units are drawn; the orderings have them in turn
    agnostic    whether each training step draws an ordering and degrees of its own, beside those that log_prob is the
                mean of.  Then examples can be completed wherever they are known: these entries are put first
    direct      whether the outputs see the entries before them directly as well
    seed        of the orderings and degrees
    """

    def __init__(self, shape, levels=2, hidden=(500,), order="natural", orderings=1, connectivities=1, agnostic=False,
                 direct=False, seed=0):
        super().__init__(shape=shape, levels=levels, hidden=hidden, order=order, orderings=orderings,
                         connectivities=connectivities, agnostic=agnostic, direct=direct, seed=seed)
        if not hidden or min(hidden) < 1:
            raise ValueError(f"MADE: hidden must hold the sizes of one hidden layer or more, and is {hidden}")
        self.at_least(1, "orderings", "connectivities")
        if self.config["order"] != "random" and (orderings > 1 or agnostic):
            raise ValueError(f'MADE: several orderings must be random ones, order="random", not {order!r}')
        self.agnostic = agnostic
        sizes = [self.size * self.width, *hidden]
        self.hidden = ModuleList(MaskedLinear(before, after) for before, after in zip(sizes, hidden))
        self.head = MaskedLinear(sizes[-1], sizes[0])
        self.direct = MaskedLinear(sizes[0], sizes[0], bias=False) if direct else None
        generator = np.random.default_rng([seed, 1])
        orders = [self.order] + [generator.permutation(self.size) for _ in range(orderings - 1)]
        degrees = [self.draw_degrees(generator) for _ in range(connectivities)]
        if connectivities == 1 and not agnostic:       # in any order, the units are as good; sorted ones are faster
            degrees = [[np.sort(layer) for layer in degrees[0]]]
        self.members = [Connections(self.ranks(orders[k % orderings]), degrees[k % connectivities])
                        for k in range(max(orderings, connectivities))]
        self.chosen = self.members[0]                  # what logits, positions and cache are about

    # -- orderings and connections ------------------------------------------------------------------------------------

    def ranks(self, order):
        """When each entry is drawn in that order, 1 ... D; the network numbers the entries as the first order does."""
        return np.argsort(order)[self.order] + 1

    def draw_degrees(self, generator):
        """A degree for each hidden unit, one array a layer: from 1, or the least of the layer before, to D - 1.

        (A unit of a lower degree would see nothing; one of degree D would see all, so no output could see it.)
        """
        degrees, least = [], 1
        for layer in self.hidden:
            degrees.append(generator.integers(least, max(self.size, 2), layer.out_features))
            least = degrees[-1].min()
        return degrees

    def draw(self, generator, known):
        """A new ordering, in which the entries come first where the mask `known` is true, and new degrees."""
        order = generator.permutation(self.size)
        order = order[np.argsort(~known.reshape(-1)[order], kind="stable")]
        return Connections(self.ranks(order), self.draw_degrees(generator))

    def wiring(self, member):
        """All layers with the degrees of their inputs and the highest ones that their outputs see.

        Returns two lists of (layer, sources, targets): the hidden layers; and those that the outputs are the sum of.
        """
        entries = np.repeat(member.ranks, self.width)
        degrees = [entries, *member.degrees]
        heads = [(self.head, degrees[-1], entries - 1)]                # strictly less than the entry's own
        if self.direct:
            heads.append((self.direct, entries, entries - 1))
        return list(zip(self.hidden, degrees, degrees[1:])), heads

    # -- likelihood ---------------------------------------------------------------------------------------------------

    def outputs(self, codes, member=None):
        """The logits of the entries: (N, D * width) -> (N, D * width)

        member      the ordering and the connections; by default those of `logits`
        """
        (hidden, heads), h = self.wiring(member or self.chosen), codes
        for layer, sources, targets in hidden:
            h = relu(layer(h, sources, targets))
        (head, *degrees), *direct = heads
        outputs = head(h, *degrees)
        for layer, *degrees in direct:
            outputs = outputs + layer(codes, *degrees)
        return outputs

    def log_prob(self, x):
        """log p(x) in nats, exact: of several orderings, the log of the mean of p(x): (N,)"""
        self.check(x)
        entries = self.entries(x)
        codes = self.codes(entries)
        log_p = [self.log_likelihood(self.outputs(codes, member), entries) for member in self.members]
        return logsumexp(stack(log_p), 0) - float(np.log(len(log_p)))

    def loss(self, x, generator):
        """The mean of -log p(x) for one of the orderings, or for a new one."""
        self.check(x)
        if self.agnostic:
            member = self.draw(generator, np.zeros(self.shape, bool))
        else:
            member = self.members[generator.integers(len(self.members))] if len(self.members) > 1 else self.members[0]
        entries = self.entries(x)
        return -self.log_likelihood(self.outputs(self.codes(entries), member), entries).mean()

    # -- drawing ------------------------------------------------------------------------------------------------------

    def positions(self):
        """Where the entries are, in the order of drawing."""
        order = self.order[np.argsort(self.chosen.ranks)]
        return [tuple(map(int, np.unravel_index(entry, self.shape))) for entry in order]

    def cache(self, x):
        """At each entry, those hidden units that now know all they can see."""
        hidden, (head, *direct) = self.wiring(self.chosen)
        heads = [(len(hidden), *head)] + [(0, *layer) for layer in direct]
        return MaskedCache(self, len(x), self.chosen.ranks, hidden, heads, relu)

    def inpaint(self, x, known, generator, progress=None, cached=True):
        """Autoregressive.inpaint; each example is drawn in one of the orderings, chosen at random.

        An agnostic model draws an ordering that begins with the known entries: its completions are exact.
        """
        x, known = np.array(x), np.broadcast_to(known, self.shape)
        self.check(x)
        members = [self.draw(generator, known)] if self.agnostic and known.any() else self.members
        chosen = generator.integers(len(members), size=len(x))
        try:
            for k in np.unique(chosen):
                self.chosen = members[k]
                x[chosen == k] = super().inpaint(x[chosen == k], known, generator, progress, cached)
        finally:
            self.chosen = self.members[0]
        return x
