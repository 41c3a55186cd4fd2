"""The cases that only the grader has."""
import numpy as np
from ..manifest import Case
from .inputs import convolution, filling, first_rows, gradients, integers, network, rounding, seed, table


def seen(mask_type, colours, in_channels, out_channels, kernel, size, output):
    """A maker of the arguments of probes.seen_by_convolution.   output: channel, row, column"""
    return lambda rng: (mask_type, colours, 1 + rng.random((1, in_channels, *size)),
                        1 + rng.random((out_channels, in_channels, *kernel)), *output)


def what_it_sees(arguments, gradient):
    """A check of probes.seen_by_convolution: zero where the mask says so, exactly, and nowhere else."""
    mask_type, colours, x, weight, channel, row, column = arguments
    if np.shape(gradient) != x.shape[1:]:
        return f"the gradient has shape {np.shape(gradient)}, and the image {x.shape[1:]}"
    (channels, height, width), (KH, KW) = x.shape[1:], weight.shape[2:]
    for i, u, v in np.ndindex(channels, height, width):
        inside = abs(u - row) <= KH // 2 and abs(v - column) <= KW // 2
        of_output, of_input = channel * colours // len(weight), i * colours // channels
        own = of_input < of_output or (of_input == of_output and mask_type == "B")
        expected = inside and (own if (u, v) == (row, column) else (u, v) < (row, column))
        if (gradient[i, u, v] != 0) != expected:
            return (f"the output of channel {channel} at row {row}, column {column} must "
                    f"{'' if expected else 'not '}depend on the input of channel {i} at row {u}, column {v}")
    return None


def stay_zero(arguments, weight):
    """A check of probes.trained_weight: exactly zero under the mask, and not elsewhere."""
    mask_type, colours, in_channels, out_channels, (KH, KW), *_ = arguments
    if np.shape(weight) != (out_channels, in_channels, KH, KW):
        return f"the weight has shape {np.shape(weight)}"
    for (c, i, a, b), value in np.ndenumerate(weight):
        of_output, of_input = c * colours // out_channels, i * colours // in_channels
        own = of_input < of_output or (of_input == of_output and mask_type == "B")
        centre = (KH // 2, KW // 2)
        if (value != 0) != (own if (a, b) == centre else (a, b) < centre):
            return "after training, a hidden weight is not zero" if value else "a weight that is seen stays zero"
    return None


def dependence(shape, levels, layers, sizes, position):
    """A maker of the arguments of probes.seen_by_network: sixteen images, so that no ReLU hides anything."""
    return lambda rng: (shape, levels, layers, sizes, seed(rng), rng.standard_normal((16, 2 * shape[0], *shape[1:])),
                        position, rng.standard_normal(levels))


def only_what_came_before(arguments, gradient):
    """A check of probes.seen_by_network: exactly zero at the entry itself and after it; not zero at what came before
    and lies within the window of the first convolution."""
    shape, _, _, (first, _), _, _, (colour, row, column), _ = arguments
    if np.shape(gradient) != shape:
        return f"the gradient has shape {np.shape(gradient)}, and the images {shape}"
    for c, u, v in np.ndindex(*shape):
        before = (u, v, c) < (row, column, colour)
        near = max(abs(u - row), abs(v - column)) <= first // 2
        if gradient[c, u, v] != 0 and not before:
            return "a conditional depends on its own entry, or on a later one"
        if gradient[c, u, v] == 0 and before and near:
            return "a conditional does not depend on an entry that the first convolution shows it"
    return None


def sum_to_one(arguments, probabilities):
    """A check of probes.all_probabilities."""
    if np.shape(probabilities) != (2 ** np.prod(arguments[0]),) or not (np.asarray(probabilities) > 0).all():
        return "log_prob gives no positive probability for each image"
    if abs(np.sum(probabilities) - 1) > 1e-9:
        return f"the probabilities of all images sum to {np.sum(probabilities):.6f}"
    return "all images are equally likely" if np.ptp(probabilities) < 1e-3 else None


def follow_the_softmax(arguments, values):
    """A check of probes.frequencies: chi-squared of the counts below its 10^-9 quantile, and no value tied to the one
    before it."""
    logits, number, _ = arguments
    counts, repeated = values
    p = np.exp(logits - logits.max())
    p /= p.sum()
    if np.shape(counts) != p.shape or np.sum(counts) != number:
        return "draw gives values that are not 0 ... levels - 1"
    if ((counts - number * p) ** 2 / (number * p)).sum() > 60:           # 5 values: 4 degrees of freedom
        return "the frequencies of the values are not those of the softmax"
    q = (p ** 2).sum()
    if abs(repeated - number * q) > 8 * np.sqrt(number):
        return "the values of different rows are not independent"
    return None


def large(rng):
    """Logits of any size: two rows that overflow exp, one that underflows it, one with a value that is impossible."""
    logits = rng.standard_normal((5, 4))
    logits[0] += 2000
    logits[1] *= 500
    logits[2] -= 3000
    logits[3, 0] = -np.inf
    return logits, seed(rng)


def labelled(rng):
    """Logits that depend on the label."""
    return rng.standard_normal((3, 4, 2, 2)), integers(rng, 4, 5, 2, 2), rng.integers(0, 3, 5)


def scattered(rng):
    """Known entries here and there, and positions in any order."""
    shape = (2, 2, 3)
    return (integers(rng, 3, 4, *shape), rng.permutation(12).reshape(shape) < 5,
            rng.permutation(np.argwhere(np.ones(shape, bool))), rng.standard_normal((3, 3)), seed(rng))


def completed(shape, levels, layers, sizes, rows, cached):
    """A maker of the arguments of probes.inpainted: the first rows are known."""
    return lambda rng: (shape, levels, layers, sizes, seed(rng), integers(rng, levels, 4, *shape),
                        first_rows(shape, rows), cached)


HIDDEN = (
    # Task 1
    Case("1", "kernels that are not square", "masks", lambda rng: ("A", 2, 2, ((1, 7), (5, 1), (3, 5), (1, 1)), 1), 3,
         "Masks of kernels that are not square are wrong: (1, 7), (5, 1), (3, 5) or (1, 1)."),
    Case("1", "three colours, mask B", "masks", lambda rng: ("B", 6, 6, ((3, 3), (1, 1)), 3), 3,
         "Type B with three colours: an output of colour k sees the inputs of colours up to k in the centre."),
    Case("1", "as many channels as you like", "masks", lambda rng: ("B", 8, 4, ((3, 3),), 2), 2,
         "Input and output may have runs of different lengths: here 4 and 2 channels for each of two colours."),
    # Task 2
    Case("2", "what one output sees, one colour", "seen_by_convolution", seen("A", 1, 2, 2, (5, 5), (6, 6), (1, 3, 2)),
         1,
         "An output depends on pixels that the mask hides, or not on some that it shows.", check=what_it_sees),
    Case("2", "what one output sees, three colours", "seen_by_convolution",
         seen("B", 3, 6, 3, (3, 5), (5, 6), (1, 2, 3)), 2,
         "An output depends on inputs that the mask hides, or not on some that it shows.", check=what_it_sees),
    Case("2", "gradients, two colours", "convolution_gradients", gradients("A", 2, 4, 2, (3, 5), (4, 6)), 2,
         "The gradients in input, weight or bias are wrong with several colours.", rtol=rounding(60)),
    Case("2", "stride, padding and dilation", "convolution",
         convolution("B", 1, 2, 2, (3, 5), (9, 8), (2, 1), (1, 4), (1, 2), bias=False), 2,
         "The module's stride, padding and dilation must be used, and it may have no bias.", rtol=rounding(30)),
    Case("2", "float32 stays float32", "convolution", convolution("B", 3, 3, 3, (3, 3), (4, 4), dtype=np.float32), 1,
         "With weights and input of float32, values or type of the output are wrong.",
         rtol=rounding(27, np.float32)),
    Case("2", "hidden weights stay zero", "trained_weight",
         lambda rng: ("A", 3, 6, 6, (3, 3), rng.standard_normal((2, 6, 5, 5)), seed(rng)), 2,
         "After some steps of Adam, the hidden weights must still be exactly zero: they may get no gradient.",
         check=stay_zero),
    # Task 3
    Case("3", "the logits of colour images", "network_logits", network((3, 4, 5), 5, 1, (3, 5), 2), 3,
         "The logits of colour images are wrong.  Note that each colour has its own run of `levels` channels.",
         rtol=1e-11, calls=2),
    Case("3", "no blocks; images of one row", "network_logits", network((2, 1, 6), 3, 0, (7, 3), 1), 2,
         "The network must also work without residual blocks, and for images smaller than the kernel.", rtol=1e-11),
    Case("3", "what a conditional depends on", "seen_by_network", dependence((2, 5, 4), 3, 2, (3, 3), (1, 2, 1)), 4,
         "A conditional must depend on what came before in raster order, and on nothing else.",
         check=only_what_came_before),
    # Task 4
    Case("4", "all images together", "all_probabilities", lambda rng: ((1, 2, 2), 1, (3, 3), seed(rng)), 3,
         "The probabilities of all 16 binary images of 2 x 2 pixels must sum to 1.", check=sum_to_one),
    Case("4", "log p(x) of colour images, with large logits", "log_probabilities", table((3, 2, 2), 6, 4, 400.0), 3,
         "log p(x) is wrong for examples of three axes, or where logits are in the hundreds.", rtol=rounding(72)),
    Case("4", "logits that depend on labels", "log_probabilities", labelled, 1,
         "Models with classes: the labels must go on to `check` and `logits`.", rtol=rounding(24)),
    Case("4", "what log_prob refuses", "refusals",
         lambda rng: (rng.standard_normal((3, 2, 2)), integers(rng, 3, 2, 2, 2), np.full((2, 2, 2), 3, np.uint8)), 1,
         "Examples of a wrong shape, or with values out of range, must be refused: `check` does it."),
    # Task 5
    Case("5", "the order of colours and of sequences", "order", lambda rng: ((3, 2, 2),), 2,
         "In images of several channels, all channels of a pixel come before the next pixel."),
    Case("5", "examples of other shapes", "order", lambda rng: ((2, 3),), 1,
         "Examples that are no images are drawn in raster order of all their axes."),
    Case("5", "frequencies of many draws", "frequencies", lambda rng: (rng.standard_normal(5), 20_000, seed(rng)), 3,
         "Over many draws, each value must be as frequent as its softmax says.", check=follow_the_softmax),
    Case("5", "logits of any size", "drawn", large, 2,
         "Logits may be in the thousands, or -inf: subtract the largest of each row before exp.", calls=2),
    # Task 6
    Case("6", "any known entries, any order", "filling", scattered, 2,
         "Entries are drawn in the given order; known ones keep their values, wherever they are.", calls=2),
    Case("6", "a PixelCNN completes images", "inpainted", completed((1, 4, 4), 3, 1, (3, 3), 2, 0), 2,
         "With the same generator, the completed images must be the reference's.  (Tasks 1 to 6 together.)"),
    # Task 7
    Case("7", "the cache of colour images", "cached_logits", network((3, 3, 4), 4, 1, (3, 3), 2), 3,
         "The logits that the cache gives differ from the network's for colour images.", rtol=1e-11, calls=2),
    Case("7", "sampled fast", "inpainted", completed((2, 3, 3), 3, 2, (3, 3), 0, 1), 2,
         "With the same generator, the images that are drawn with the cache must be the reference's."),
    # Task 8
    Case("8", "training on colour images", "training", lambda rng: (integers(rng, 3, 6, 3, 3, 3), 3, 12, seed(rng)), 2,
         "The losses of the first training steps differ from the reference's.", rtol=1e-4),
)
