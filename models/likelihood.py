"""How good a model is, in the three usual units, and how it is measured.

One example of D numbers that costs `nats` nats, that is p(x) = exp(-nats), costs nats / (D log 2) bits per dimension.
The perplexity, 2 to the power of that, is how many equally likely values would be as hard to guess.  Both are of
probabilities, so of integers only: nats of a density change with the unit that its numbers are measured in.
"""
import math
import numpy as np
from minigrad import no_grad
from minigrad.devices import on_cpu


def bits_per_dim(nats, shape):
    """Bits per dimension of an example of that shape, (C, H, W) or any other, which costs so many nats.

    Guessing uniformly among 256 values costs 8.
    """
    return nats / (math.prod(shape) * math.log(2))


def perplexity(nats, shape):
    """Perplexity per dimension.  Guessing uniformly among 256 values has 256."""
    return math.exp(nats / math.prod(shape))


def figures(model, part, cost):
    """The mean cost of an example on a part of the data, for metrics.json: {"test_nats": ..., ...}"""
    found = {f"{part}_{model.measure}": cost}
    return found | ({f"{part}_bits_per_dim": bits_per_dim(cost, model.shape)} if of_probabilities(model) else {})


def described(model, cost):
    """The mean cost of an example, in words: "489.912 nats, 0.9015 bits per dimension, perplexity 1.8680"."""
    if model.measure != "nats":
        return f"{model.measure.replace('_', ' ')} {cost:.4g}"
    text = f"{'' if model.exact else model.inexact + ' '}{cost:.3f} nats"
    if not of_probabilities(model):
        return text
    return (f"{text}, {bits_per_dim(cost, model.shape):.4f} bits per dimension, "
            f"perplexity {perplexity(cost, model.shape):.4f}")


def of_probabilities(model):
    """Whether what the model costs is of probabilities, not of a density or something else."""
    return model.measure == "nats" and model.levels is not None


def part(n, wanted):
    """The numbers of `wanted` out of n examples, in order: always the same ones, chosen at random.

    (Not the first ones: some files have all zeros first, then all ones ...)
    """
    return np.arange(n) if wanted >= n else np.sort(np.random.default_rng(0).permutation(n)[:wanted])


def labels(model, given, numbers):
    """The named argument y of a class-conditional model's methods; nothing for the others."""
    return {} if model.classes is None else {"y": given[numbers]}


def mean_cost(model, x, y, cost, batch_size, progress=None):
    """The mean over the examples x, with labels y, of cost(batch, **labels), an array or a tensor: a number.

    batch_size      how many examples at a time; the last batch holds what is left
    progress        wraps the iterable of the batches' starts; None leaves it as it is
    The model is in evaluation mode meanwhile, and nothing is recorded.  Costs are added up in float64.
    """
    starts, total, training = range(0, len(x), batch_size), 0.0, model.training
    model.eval()
    with no_grad():
        for start in starts if progress is None else progress(starts):
            numbers = slice(start, start + batch_size)
            costs = cost(x[numbers], **labels(model, y, numbers))
            total += float(np.sum(on_cpu(costs), dtype=np.float64))
    model.train(training)
    return total / len(x)


def evaluate(model, x, generator, y=None, batch_size=None, progress=None):
    """The mean cost of an example in nats (or what else the model's `measure` is).

    y               the examples' labels, for a class-conditional model
    batch_size      how many at a time; by default, what is fast for examples of that size
    progress        see Model.sample
    """
    batch_size = batch_size or max(50, 20_000 // math.prod(model.shape))
    return mean_cost(model, x, y, lambda x, **labels: model.nats(x, generator, **labels), batch_size, progress)


def importance_weighted(model, x, generator, samples, progress=None):
    """The mean of -log of the average of `samples` importance weights: a bound that becomes exact with their number."""
    return mean_cost(model, x, None, lambda x: -model.importance_log_prob(x, samples, generator), 10, progress)
