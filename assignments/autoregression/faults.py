"""Wrong solutions of `autoregression`, each of which must lose points."""
from ..manifest import Fault
from .honest import HONEST

SHAPES, CONVOLUTION, CONV, CAUSAL, MASKED_LINEAR, MADE, AUTOREGRESSIVE, LIKELIHOOD, RANDOM = (
    "minigrad/shapes.py:", "layers/convolution.py:", "layers/conv.py:", "models/causal.py:",
    "models/masked_linear.py:", "models/made.py:", "models/autoregressive.py:", "models/likelihood.py:",
    "minigrad/random.py:")
PAD = SHAPES + "pad"
PAD_RULE = SHAPES + "pad_rule"
CAUSAL_ZEROS = CONVOLUTION + "causal_zeros"
CAUSALCONV1D_FORWARD = CONV + "CausalConv1d.forward"
CAUSAL_LAYERS = CAUSAL + "causal_layers"
CONNECTED = MASKED_LINEAR + "connected"
MASKED_PRODUCT = MASKED_LINEAR + "masked_product"
MASKED_OUTER = MASKED_LINEAR + "masked_outer"
MADE_DRAW_DEGREES = MADE + "MADE.draw_degrees"
MADE_WIRING = MADE + "MADE.wiring"
AUTOREGRESSIVE_LOG_PROB = AUTOREGRESSIVE + "Autoregressive.log_prob"
BITS_PER_DIM = LIKELIHOOD + "bits_per_dim"
PERPLEXITY = LIKELIHOOD + "perplexity"
MEAN_COST = LIKELIHOOD + "mean_cost"
AUTOREGRESSIVE_POSITIONS = AUTOREGRESSIVE + "Autoregressive.positions"
INVERSE_CDF = RANDOM + "inverse_cdf"
DRAW = AUTOREGRESSIVE + "draw"
FILL = AUTOREGRESSIVE + "fill"

FAULTS = [
    # Task 1
    Fault("left and right exchanged", PAD, "list(pad[-2::-2])", "list(pad[-1::-2])"),
    Fault("both margins like the first", PAD, "list(pad[-1::-2])", "list(pad[-2::-2])"),
    Fault("pairs from the first axis on", PAD, "[0] * (array.ndim - len(pad) // 2) + list(pad[-2::-2])",
          "list(pad[::2]) + [0] * (array.ndim - len(pad) // 2)"),
    Fault("negative margins are zero", PAD,
          "array, pad = raw(x), tuple(pad)", "array, pad = raw(x), tuple(max(n, 0) for n in pad)"),
    Fault("always filled with zeros", PAD, "np.full(shape, value, array.dtype", "np.zeros(shape, array.dtype"),
    Fault("rolled instead of cut off", PAD, "data[target] = array[kept]",
          "data[target] = np.roll(array, before, range(array.ndim))[kept] if array.size and array.shape == shape "
          "else array[kept]"),
    Fault("cut at the wrong end", PAD,
          "slice(max(-b, 0), max(n - max(-a, 0), 0)) for n, b, a in zip(array.shape, before, after)",
          "slice(max(-a, 0), max(n - max(-b, 0), 0)) for n, b, a in zip(array.shape, before, after)"),
    Fault("pad is not recorded", PAD,
          "    data[target] = array[kept]\n    return record(data, pad_rule, x, amounts=pad)",
          "    data[target] = array[kept]\n    return data"),
    Fault("too many margins are ignored", PAD, "or len(pad) > 2 * array.ndim", ""),
    Fault("an odd number of margins passes", PAD, "len(pad) % 2 or ", ""),
    Fault("the rule pads again", PAD_RULE, "-n for n in amounts", "n for n in amounts"),
    Fault("the rule cuts at the other side", PAD_RULE, "-n for n in amounts", "-n for n in amounts[::-1]"),
    Fault("the rule gives g", PAD_RULE, "pad(g, tuple(-n for n in amounts))", "g"),
    Fault("the rule works on arrays only", PAD_RULE,
          "pad(g, tuple(-n for n in amounts))", "pad(raw(g), tuple(-n for n in amounts))"),

    # Task 2
    Fault("zeros behind", CAUSAL_ZEROS, "dilation * (kernel - 1), 0", "0, dilation * (kernel - 1)"),
    Fault("zeros on both sides", CAUSAL_ZEROS, "dilation * (kernel - 1), 0",
          "dilation * (kernel - 1) // 2, dilation * (kernel - 1) - dilation * (kernel - 1) // 2"),
    Fault("no dilation", CAUSAL_ZEROS, "dilation * (kernel - 1)", "kernel - 1"),
    Fault("one zero too many", CAUSAL_ZEROS, "dilation * (kernel - 1), 0", "dilation * kernel, 0"),
    Fault("dilated too late", CAUSAL_ZEROS, "dilation * (kernel - 1)", "dilation + kernel - 2"),
    Fault("shift the wrong way", CAUSALCONV1D_FORWARD, "(1, -1)", "(-1, 1)"),
    Fault("shift makes the sequence longer", CAUSALCONV1D_FORWARD, "(1, -1)", "(1, 0)"),
    Fault("shift by the dilation", CAUSALCONV1D_FORWARD, "(1, -1)", "(self.dilation[0], -self.dilation[0])"),
    Fault("always shifted", CAUSALCONV1D_FORWARD, "if self.shift else x", "if True else x"),
    Fault("never shifted", CAUSALCONV1D_FORWARD, "if self.shift else x", "if False else x"),
    Fault("dilation ignored", CAUSALCONV1D_FORWARD, "self.dilation", "1"),
    Fault("padding as usual", CAUSALCONV1D_FORWARD, '"causal"', '"same"'),
    Fault("the bias forgotten", CAUSALCONV1D_FORWARD, "self.bias", "None"),
    Fault("rolled, so that the future comes in in front", CAUSALCONV1D_FORWARD, "pad(x, (1, -1))", "x.roll(1, 2)"),
    Fault("all layers shifted", CAUSAL_LAYERS, "shift=i == 0", "shift=True"),
    Fault("no layer shifted", CAUSAL_LAYERS, "shift=i == 0", "shift=False"),
    Fault("the last layer shifted, too", CAUSAL_LAYERS, "shift=i == 0", "shift=i in (0, len(kernels) - 1)"),
    Fault("the last layer shifted instead", CAUSAL_LAYERS, "shift=i == 0", "shift=i == len(kernels) - 1"),
    Fault("the dilations forgotten", CAUSAL_LAYERS, "kernel_size, dilation, shift", "kernel_size, 1, shift"),
    Fault("dilations doubled on the way", CAUSAL_LAYERS, "kernel_size, dilation, shift", "kernel_size, 2 ** i, shift"),
    Fault("one channel in every layer", CAUSAL_LAYERS, "channels if i else 1, channels", "1, 1"),

    # Task 3
    Fault("strict at the hidden units", CONNECTED, "sources <= targets[:, None]", "sources < targets[:, None]"),
    Fault("the wrong way round", CONNECTED, "sources <= targets[:, None]", "sources >= targets[:, None]"),
    Fault("inputs in rows", CONNECTED, "sources <= targets[:, None]", "sources[:, None] <= targets"),
    Fault("equal degrees only", CONNECTED, "sources <= targets[:, None]", "sources == targets[:, None]"),
    Fault("no mask", CONNECTED, "sources <= targets[:, None]", "sources * 0 <= abs(targets[:, None])"),
    Fault("the mask of the wrong outputs", MASKED_PRODUCT,
          "connected(sources[columns], targets[rows])", "connected(sources[columns], targets[:len(targets[rows])])"),
    Fault("the layer without its mask", MASKED_PRODUCT,
          "(weight[rows, columns] * connected(sources[columns], targets[rows]))", "weight[rows, columns]"),
    Fault("the mask on the output", MASKED_PRODUCT,
          "x[:, columns] @ (weight[rows, columns] * connected(sources[columns], targets[rows])).T",
          "(x[:, columns] @ weight[rows, columns].T) * connected(sources[columns], targets[rows]).any(1)"),
    Fault("what is seen is averaged", MASKED_PRODUCT, ")).T", ") / len(x)).T"),
    Fault("the gradient without the mask", MASKED_OUTER, "connected(sources[columns], targets[rows]), out", "1, out"),
    Fault("the gradient averaged over the examples", MASKED_OUTER,
          "g[:, rows].T @ x[:, columns]", "g[:, rows].T @ x[:, columns] / len(x)"),
    Fault("the gradient of the first example", MASKED_OUTER,
          "g[:, rows].T @ x[:, columns]", "g[:1, rows].T @ x[:1, columns]"),
    Fault("degrees from 0", MADE_DRAW_DEGREES, "degrees, least = [], 1", "degrees, least = [], 0"),
    Fault("degrees up to D", MADE_DRAW_DEGREES, "max(self.size, 2)", "self.size + 1"),
    Fault("degrees up to D - 2", MADE_DRAW_DEGREES, "max(self.size, 2)", "max(self.size - 1, 2)"),
    Fault("all degrees the same", MADE_DRAW_DEGREES, "generator.integers(least, max(self.size, 2), layer.out_features)",
          "np.full(layer.out_features, generator.integers(least, max(self.size, 2)))"),
    Fault("every layer from 1", MADE_DRAW_DEGREES, "least = degrees[-1].min()", "pass"),
    Fault("every layer from the largest before", MADE_DRAW_DEGREES, "degrees[-1].min()", "degrees[-1].max()"),
    Fault("degrees of the inputs' number", MADE_DRAW_DEGREES, "layer.out_features", "layer.in_features"),
    Fault("degrees from a fixed seed", MADE_DRAW_DEGREES, "generator.integers(", "np.random.default_rng(0).integers("),
    Fault("one entry has no degrees", MADE_DRAW_DEGREES, "max(self.size, 2)", "self.size"),
    Fault("not strict at the outputs", MADE_WIRING,
          "(self.head, degrees[-1], entries - 1)", "(self.head, degrees[-1], entries)"),
    Fault("two less at the outputs", MADE_WIRING,
          "(self.head, degrees[-1], entries - 1)", "(self.head, degrees[-1], entries - 2)"),
    Fault("direct connections see their own entry", MADE_WIRING,
          "(self.direct, entries, entries - 1)", "(self.direct, entries, entries)"),
    Fault("hidden units see less than their degree", MADE_WIRING,
          "zip(self.hidden, degrees, degrees[1:])", "zip(self.hidden, degrees, [d - 1 for d in degrees[1:]])"),
    Fault("entries in their natural order", MADE_WIRING,
          "np.repeat(member.ranks, self.width)", "np.repeat(np.arange(1, self.size + 1), self.width)"),
    Fault("ranks laid out as tiles", MADE_WIRING,
          "np.repeat(member.ranks, self.width)", "np.tile(member.ranks, self.width)"),
    Fault("the direct connections forgotten", MADE_WIRING, "if self.direct:", "if False:"),
    Fault("the head sees the first hidden layer", MADE_WIRING, "(self.head, degrees[-1],", "(self.head, degrees[1],"),

    # Task 4
    Fault("the mean over entries", AUTOREGRESSIVE_LOG_PROB, "losses.flatten(1).sum(1)", "losses.flatten(1).mean(1)"),
    Fault("the sum over examples", AUTOREGRESSIVE_LOG_PROB, "losses.flatten(1).sum(1)", "losses.sum()"),
    Fault("the sign of a loss", AUTOREGRESSIVE_LOG_PROB, "return -losses", "return losses"),
    Fault("the sum over one axis", AUTOREGRESSIVE_LOG_PROB, "losses.flatten(1).sum(1)", "losses.sum(1)"),
    Fault("bits without the logarithm", BITS_PER_DIM,
          "nats / (math.prod(shape) * math.log(2))", "nats / math.prod(shape)"),
    Fault("bits of an example", BITS_PER_DIM, "math.prod(shape) * math.log(2)", "math.log(2)"),
    Fault("bits times log 2", BITS_PER_DIM,
          "nats / (math.prod(shape) * math.log(2))", "nats / math.prod(shape) * math.log(2)"),
    Fault("the first axis only", BITS_PER_DIM, "math.prod(shape)", "shape[0]"),
    Fault("perplexity of an example", PERPLEXITY, "nats / math.prod(shape)", "nats"),
    Fault("perplexity to the base 2", PERPLEXITY,
          "math.exp(nats / math.prod(shape))", "2 ** (nats / math.prod(shape))"),
    Fault("perplexity of minus the cost", PERPLEXITY, "math.exp(nats", "math.exp(-nats"),
    Fault("the mean of the batches' means", MEAN_COST,
          "float(np.sum(on_cpu(costs), dtype=np.float64))\n    model.train(training)\n    return total / len(x)",
          "float(np.mean(on_cpu(costs), dtype=np.float64))\n    model.train(training)\n    return total / len(starts)"),
    Fault("the mean of perplexities", MEAN_COST,
          "float(np.sum(on_cpu(costs), dtype=np.float64))\n    model.train(training)\n    return total / len(x)",
          "float(np.sum(np.exp(on_cpu(costs) / x[0].size)))\n    model.train(training)\n    return "
          "math.log(total / len(x)) * x[0].size"),
    Fault("the last batch is left out", MEAN_COST,
          "range(0, len(x), batch_size)", "range(0, len(x) - batch_size + 1, batch_size)"),
    Fault("a sum, not a mean", MEAN_COST, "total / len(x)", "total"),
    Fault("training mode", MEAN_COST, "model.eval()", "model.train()"),
    Fault("the mode is not put back", MEAN_COST, "model.train(training)", "pass"),
    Fault("the mode is training afterwards", MEAN_COST, "model.train(training)", "model.train()"),
    Fault("everything is recorded", MEAN_COST, "with no_grad():", "if True:"),

    # Task 5
    Fault("column by column", AUTOREGRESSIVE_POSITIONS,
          "for row, column, c in itertools.product(range(height), range(width), range(channels))",
          "for column, row, c in itertools.product(range(width), range(height), range(channels))"),
    Fault("channel by channel", AUTOREGRESSIVE_POSITIONS,
          "for row, column, c in itertools.product(range(height), range(width), range(channels))",
          "for c, row, column in itertools.product(range(channels), range(height), range(width))"),
    Fault("pixels without their channel", AUTOREGRESSIVE_POSITIONS, "[(c, row, column) for", "[(row, column, c) for"),
    Fault("weights that are not normalised", INVERSE_CDF, "cdf /= cdf[..., -1:]", "pass"),
    Fault("u on a step stays below", INVERSE_CDF, "cdf <= u", "cdf < u"),
    Fault("the sum along another axis", INVERSE_CDF, "np.cumsum(p, -1)", "np.cumsum(p, 0)"),
    Fault("one number for all rows", INVERSE_CDF, "rng.random((*p.shape[:-1], num_samples))",
          "np.broadcast_to(rng.random((1, num_samples)), (*p.shape[:-1], num_samples))"),
    Fault("numbers in another order", INVERSE_CDF, "rng.random((*p.shape[:-1], num_samples))",
          "np.stack([rng.random(p.shape[:-1]) for _ in range(num_samples)], -1)"),
    Fault("one index too far", INVERSE_CDF, ".sum(-1)", ".sum(-1) + 1"),
    Fault("the most probable value", INVERSE_CDF, "(cdf <= u[..., k:k + 1]).sum(-1)", "p.argmax(-1)"),
    Fault("logits as probabilities", DRAW,
          "np.exp(logits - logits.max(1, keepdims=True))", "logits - logits.min(1, keepdims=True) + 1"),
    Fault("exp overflows", DRAW, "np.exp(logits - logits.max(1, keepdims=True))", "np.exp(logits)"),
    Fault("the largest of all rows", DRAW, "logits.max(1, keepdims=True)", "logits.max()"),
    Fault("softmax over the examples", DRAW, "logits.max(1, keepdims=True)), 1, generator)[:, 0]",
          "logits.max(1, keepdims=True)) / np.exp(logits - logits.max()).sum(0), 1, generator)[:, 0]"),
    Fault("a generator of its own", DRAW, "1, generator)", "1, np.random.default_rng(0))"),
    Fault("a column, not a row", DRAW, "[:, 0]", ""),
    Fault("two numbers for each row", DRAW, "1, generator)[:, 0]", "2, generator)[:, 0]"),
    Fault("known entries are drawn", FILL, "if not known[position]:", "if True:"),
    Fault("unknown entries are kept", FILL, "if not known[position]:", "if known[position]:"),
    Fault("known entries use a random number", FILL,
          "if not known[position]:\n                x[:, *position] = draw(logits, generator)",
          "values = draw(logits, generator)\n            if not known[position]:\n                x[:, *position] "
          "= values"),
    Fault("the cache is not told of known entries", FILL,
          "cache.write(position, x[:, *position])", "known[position] or cache.write(position, x[:, *position])"),
    Fault("the cache is told before it is asked", FILL, "logits = cache.logits(position)",
          "cache.write(position, x[:, *position])\n            logits = cache.logits(position)"),
    Fault("known entries are told in advance", FILL, "for position in positions:",
          "for position in positions:\n            cache.write(position, x[:, *position]) if known[position] else "
          "None\n        for position in positions:"),
    Fault("known entries are not asked for", FILL,
          "logits = cache.logits(position)", "logits = None if known[position] else cache.logits(position)"),
    Fault("raster order, whatever the positions", FILL,
          "for position in positions:", "for position in np.ndindex(known.shape):"),
    Fault("turned round", FILL, "for position in positions:", "for position in positions[::-1]:"),
    Fault("recorded", FILL, "with no_grad():", "if True:"),
    Fault("all examples alike", FILL, "draw(logits, generator)", "draw(logits, generator)[0]"),
]
