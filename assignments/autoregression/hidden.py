"""The cases of `autoregression` that only the grader has."""
import numpy as np
from ..manifest import Case
from .inputs import (connections, convolved, each, examples, fair_degrees, filling, layer, logits, margins, network,
                     one_layer, prefix, seed, sums_to_one, turned)


def causal_settings(rng):
    """Every kernel and dilation up to 6, in any order."""
    return (rng.permutation([(kernel, dilation) for kernel in range(1, 7) for dilation in range(1, 7)]),)


def gradients(rng):
    """x, W, g and degrees for `through_mask`: more outputs than inputs, in no order."""
    x, w, sources, targets = layer(4, 5, 70, 5)(rng)
    return x, w, rng.standard_normal((4, 70)), sources, targets


def steps(rng):
    """Weights, and numbers u that lie exactly on steps of their cumulative distribution, at 0, and just below 1."""
    return np.array([[1.0, 1, 2], [0, 4, 0], [2, 0, 2]]), 5, np.array([0.0, 0.25, 0.5, np.nextafter(1, 0), 0.75])


def huge(rng):
    """Logits of which the exponential overflows, or vanishes; and -inf."""
    scores = np.concatenate([rng.standard_normal((10, 3)) + 5000, rng.standard_normal((10, 3)) - 5000])
    scores[::4, 1] = -np.inf
    return scores, seed(rng)


def fair_above(arguments, values):
    """As `fair_degrees`, but the first layer has two units, so not all degrees occur in it; in the second they do."""
    size, (few, units), _ = arguments
    first, second = values[0], values[1]
    if np.shape(first) != (few,) or not 1 <= min(first) <= max(first) <= max(size - 1, 1):
        return f"the degrees of {few} units must lie between 1 and {max(size - 1, 1)}"
    if np.shape(second) != (units,) or set(second.tolist()) != set(range(min(first), max(size, 2))):
        return f"above units of degrees {first.tolist()}, all from {min(first)} to {max(size - 1, 1)} must occur"
    return None


def in_float32(rng):
    """Many examples' logits, in float32."""
    return (8 * rng.standard_normal((300, 5))).astype(np.float32), seed(rng)


HIDDEN = [
    Case("1", "padding and cutting on several axes", "each",
         each("padded", margins((2, 3, 4), -1, -1), margins((3, 4), 2, -3, -2, 1), margins((4,), 0, 0),
              margins((2, 2, 3), 1, 0, 0, -1, 2, -1, value=-1.5), margins((0, 3), 1, 1), margins((3,), -3, 2),
              margins((2, 3), 5, -2)), 3,
         "pad is wrong for several axes, or where margins are added and cut off at once"),
    Case("1", "rule of pad on several axes", "each",
         each("pad_cotangent", turned((3, 4), 2, -3, -2, 1), turned((2, 3, 4), -1, 0, 0, 2), turned((5,), -2, -2),
              turned((4,), 3, 0)), 1, "the rule of pad is wrong for several axes, or where entries were cut off"),
    Case("1", "margins that do not fit", "each",
         each("refused", lambda rng: (np.ones((2, 3)), (1,)), lambda rng: (np.ones(3), (1, 1, 1, 1)),
              lambda rng: (np.ones((2, 3)), (-2, -2)), lambda rng: (np.ones((2, 3)), (-2, -1, 1, 1))), 1,
         "pad must raise ValueError where there are too many margins, or an odd number, or too much is cut off"),

    Case("2", "zeros for all kernels", "zeros", causal_settings, 1,
         "causal_zeros is wrong for other kernels or dilations"),
    Case("2", "other causal convolutions", "each",
         each("causal", convolved(3, 2, 4, 11, 3, False), convolved(2, 4, 1, 5, 2, False),
              convolved(1, 1, 3, 3, 4, False), convolved(2, 2, 2, 1, 1, False, batch=1)), 2,
         "CausalConv1d is wrong for other kernels or dilations, or for sequences shorter than its reach"),
    Case("2", "other causal convolutions with shift", "each",
         each("causal", convolved(2, 3, 3, 9, 3, True), convolved(1, 2, 1, 5, 1, True),
              convolved(2, 1, 2, 2, 2, True)), 3,
         "CausalConv1d with shift is wrong for other kernels or dilations"),
    Case("2", "what dilated stacks see", "each",
         each("seen", lambda rng: (((2, 1), (2, 2), (2, 4)), 3, 12, 1.0), lambda rng: (((3, 2),), 2, 9, -2.0),
              lambda rng: (((1, 1), (3, 1), (2, 3), (1, 1)), 1, 10, 0.5)), 2,
         "a stack of causal layers sees too much or too little, or has other channels, kernels or dilations"),
    Case("2", "lags of the dilated networks", "each",
         each("lags", lambda rng: ("DilatedToy", 34, (("variant", "lecture"),)), lambda rng: ("DilatedToy", 34, ()),
              lambda rng: ("CausalToy", 14, (("kernel_size", 3),))), 3,
         "the network with dilations 2, 4, 8, 16 must see odd lags only, and the repaired one all from 1 to 32"),

    Case("3", "connections with equal degrees, and with none", "each",
         each("mask", connections(9, 40, 3), lambda rng: (np.full(4, 2), np.full(3, 2)),
              lambda rng: (-rng.integers(1, 5, 6), -rng.integers(1, 5, 5))), 1,
         "connected is wrong where degrees are equal or negative, or where nothing is seen"),
    Case("3", "large masked layers", "each", each("masked", layer(5, 30, 200, 20), layer(5, 90, 90, 30, sort=True)), 2,
         "a masked layer is wrong for more inputs and outputs"),
    Case("3", "derivatives of a masked layer", "through_mask", gradients, 2,
         "first or second derivatives of a masked layer are wrong"),
    Case("3", "degrees in two layers", "degrees",
         lambda rng: (6, (2, 200), seed(rng)), 1, "degrees in a second layer begin at the least of the first",
         check=fair_above, calls=12),
    Case("3", "degrees of few entries", "degrees", lambda rng: (int(rng.integers(1, 3)), (20, 30), seed(rng)), 1,
         "with one entry or two, all degrees are 1", check=fair_degrees, calls=12),
    Case("3", "the layers of other MADEs", "each",
         each("wiring", lambda rng: (*network(rng, 6, 7, 5), 2, False), lambda rng: (*network(rng, 4, 8), 3, False),
              lambda rng: (*network(rng, 5, 6, 4), 4, True)), 2,
         "the wiring is wrong for several hidden layers, for entries of several levels, or with direct connections"),
    Case("3", "what other MADEs see", "each",
         each("made_sees", lambda rng: (*network(rng, 6, 7, 5), False), lambda rng: (*network(rng, 6, 3), True),
              lambda rng: (np.array([2, 1]), (np.array([1]),), False)), 2,
         "a MADE sees an entry that it must not see, or misses one that it could see"),
    Case("3", "all probabilities of a MADE add up to 1", "made_probabilities",
         lambda rng: ((2, 4), 2, (9, 7), "random", True, seed(rng)), 2,
         "the probabilities of all examples must add up to 1: some entry sees too much", check=sums_to_one, calls=3),
    Case("3", "all probabilities of a MADE of three levels add up to 1", "made_probabilities",
         lambda rng: ((5,), 3, (8,), "natural", False, seed(rng)), 1,
         "the probabilities of all examples must add up to 1, for entries of several levels, too", check=sums_to_one,
         calls=2),

    Case("4", "log-probabilities of images", "each",
         each("log_prob", examples(3, (2, 3, 2), 4), examples(1, (1, 2, 2), 2), examples(5, (2, 2), 5)), 2,
         "log_prob is wrong for images"),
    Case("4", "perplexity of a test set", "measured_perplexity",
         lambda rng: (rng.integers(0, 4, (23, 2, 3)), *one_layer(rng, (2, 3), 4), 5), 2,
         "the perplexity of a test set belongs to its mean cost: it is not the mean of perplexities"),
    Case("4", "batches and modes", "each",
         each("measured", lambda rng: (rng.integers(0, 2, (7, 3)), *one_layer(rng, (3,), 2), 3),
              lambda rng: (rng.integers(0, 2, (6, 3)), *one_layer(rng, (3,), 2), 3),
              lambda rng: (rng.integers(0, 2, (2, 3)), *one_layer(rng, (3,), 2), 50)), 2,
         "mean_cost must run in evaluation mode without recording, put the mode back, and weigh every example alike"),
    Case("4", "all probabilities of a causal network add up to 1", "causal_probabilities",
         lambda rng: (3, 5, seed(rng)), 2,
         "the probabilities of all sequences must add up to 1", check=sums_to_one, calls=2),

    Case("5", "other orders of positions", "each",
         each("positions", lambda rng: ((1, 3, 2),), lambda rng: ((2, 3),), lambda rng: ((4,),),
              lambda rng: ((2, 1, 3),), lambda rng: ((2, 2, 1, 2),)), 1, "positions are wrong for other shapes"),
    Case("5", "numbers on the steps", "indices", steps, 2,
         "inverse_cdf is wrong where u is 0, close to 1, or exactly on a step, or where weights are 0"),
    Case("5", "huge logits", "drawn", huge, 1, "draw is wrong where exp(logits) overflows or vanishes"),
    Case("5", "logits in float32", "drawn", in_float32, 1, "draw is wrong for logits in float32"),
    Case("5", "the loop in another order, with entries known later", "each",
         each("filled", filling((6,), 3, 0.5, shuffle=True), filling((2, 2, 2), 2, 0.4), filling((4,), 2, 1.0),
              filling((2, 3), 5, 0.0)), 2,
         "the loop is wrong for known entries: they are written in their turn, not before, and use no random number"),
    Case("5", "completing images", "each", each("completed", prefix((3, 2, 2), 4, 4), prefix((2, 3), 2, 2)), 1,
         "completed images are wrong"),
    Case("5", "samples of a dilated network", "network_samples", lambda rng: (6, 12, 3, seed(rng)), 1,
         "samples of a causal network differ, from its cache or without it"),
    Case("5", "samples of a MADE", "made_samples",
         lambda rng: (*network(rng, 6, 9, 7), seed(rng), np.array([True, True, False, False, True, False])), 1,
         "samples of a MADE differ, from its cache or without it"),
]
