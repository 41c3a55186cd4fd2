"""What proves an autoregressive model of images right: exact facts, each as one function that test files call.

The models have `embed(x)`, their network's real-valued input (N, colours * E, H, W), and `forward(e)`, which makes all
logits of it.
"""
import itertools
import math
import numpy as np
from minigrad import no_grad, tensor


def all_images(shape, levels=2):
    """Each possible image: (levels ** D, *shape), uint8"""
    values = itertools.product(range(levels), repeat=math.prod(shape))
    return np.array(list(values), np.uint8).reshape(-1, *shape)


def far_from_uniform(model):
    """The model with weights large enough to make its distribution far from uniform."""
    for parameter in model.parameters():
        parameter.data *= 2
    return model


def probabilities(model):
    """Those of all binary examples."""
    with no_grad():
        return np.exp(model.log_prob(all_images(model.shape)).data)


def total_probability(model, label=None):
    """The sum of p(x) over all images, or of p(x | y = label), in float64; it makes the model float64."""
    x = all_images(model.double().shape, model.levels)
    with no_grad():
        return np.exp(model.log_prob(x, **labels(label, len(x))).data).sum()


def labels(label, number):
    """The argument y for so many examples of one class; none where label is None."""
    return {} if label is None else {"y": np.full(number, label)}


def seen(model, position, label=None):
    """What the conditional at a position depends on: (colours, H, W), bool.

    Where the gradient of a random combination of its logits is not exactly zero, in at least one of sixteen random
    images: in a single one, a ReLU may hide what is seen.
    """
    rng = np.random.default_rng(3)
    e = model.embed(np.zeros((16, *model.shape), np.uint8))
    e = tensor(rng.standard_normal(e.shape).astype(e.dtype), requires_grad=True)
    weights = tensor(rng.standard_normal(model.levels).astype(e.dtype))
    (model(e, **labels(label, 16))[:, :, *position] * weights).sum().backward()
    gradient = e.grad.data.reshape(16, model.shape[0], -1, *model.shape[1:])
    return (gradient != 0).any((0, 2))


def cache_error(model, label=None):
    """The largest difference of the cache's logits from the whole network's, over all positions of four images."""
    x = np.random.default_rng(4).integers(0, model.levels, (4, *model.shape)).astype(np.uint8)
    worst = 0
    with no_grad():
        logits = model.logits(x, **labels(label, 4)).data
        cache = model.cache(x, **labels(label, 4))
        for position in model.positions():
            found = cache.logits(position)
            assert found.shape == (4, model.levels)
            worst = max(worst, np.abs(found - logits[:, :, *position]).max())
            cache.write(position, x[:, *position])
    return worst


def samples_agree(model, label=None):
    """Whether the cached sampler and the one that runs the whole network at each position draw the same."""
    fast, slow = (model.sample(4, np.random.default_rng(5), cached=cached, **labels(label, 4))
                  for cached in (True, False))
    return np.array_equal(fast, slow)
