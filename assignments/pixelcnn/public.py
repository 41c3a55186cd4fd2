"""The cases that students have, too, and what they share with the hidden ones."""
import numpy as np
from ..manifest import Case


def rounding(terms, dtype=np.float64):
    """How far sums of so many products of numbers of a type may be apart, relative to the largest, if added in other
    orders: 50 units in the last place for the square root of the number."""
    return 50 * np.finfo(dtype).eps * terms ** 0.5


def seed(rng):
    """A seed for the parameters of a network."""
    return int(rng.integers(1 << 30))


def integers(rng, levels, *shape):
    """Examples: levels from 0 on, uint8."""
    return rng.integers(0, levels, shape).astype(np.uint8)


def convolution(mask_type, colours, in_channels, out_channels, kernel, size, *settings, bias=True, dtype=np.float64):
    """A maker of the arguments of probes.layer: a batch of 2."""
    def make(rng):
        x = rng.standard_normal((2, in_channels, *size)).astype(dtype)
        weight = rng.standard_normal((out_channels, in_channels, *kernel)).astype(dtype)
        b = rng.standard_normal(out_channels).astype(dtype) if bias else None
        return mask_type, colours, x, weight, b, *settings
    return make


def gradients(mask_type, colours, in_channels, out_channels, kernel, size):
    """A maker of the arguments of probes.convolution_gradients."""
    make = convolution(mask_type, colours, in_channels, out_channels, kernel, size)
    return lambda rng: (rng.standard_normal((2, out_channels, *size)), *make(rng))


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


def network(shape, levels, layers, sizes, number):
    """A maker of the arguments of probes.network_logits: a network and so many images."""
    return lambda rng: (shape, levels, layers, sizes, seed(rng), integers(rng, levels, number, *shape))


def table(shape, levels, number, scale=1.0):
    """A maker of the arguments of probes.log_probabilities, without labels."""
    return lambda rng: (scale * rng.standard_normal((levels, *shape)), integers(rng, levels, number, *shape), None)


def filling(shape, levels, number, known):
    """A maker of the arguments of probes.filling, in raster order.   known: rng -> a mask of that shape"""
    def make(rng):
        positions = np.argwhere(np.ones(shape, bool))
        return (integers(rng, levels, number, *shape), known(rng), positions,
                rng.standard_normal((levels, levels)), seed(rng))
    return make


def first_rows(shape, rows):
    """A mask of the first rows of images."""
    mask = np.zeros(shape, bool)
    mask[..., :rows, :] = True
    return mask


PUBLIC = (
    # Task 1
    Case("1", "mask A, kernel 5 x 5", "masks", lambda rng: ("A", 1, 1, ((5, 5),), 1), 3,
         "Type A shows the rows above and, in the same row, what is to the left; not the centre."),
    Case("1", "mask B, several channels", "masks", lambda rng: ("B", 2, 3, ((3, 3), (7, 7)), 1), 3,
         "Type B shows the centre as well, to every channel if there is one colour."),
    Case("1", "three colours, mask A", "masks", lambda rng: ("A", 3, 6, ((3, 3),), 3), 4,
         "In the centre an output of colour k sees the inputs of the colours before k: R sees none, G sees R, "
         "B sees R and G.  The channels of a colour stand together."),
    # Task 2
    Case("2", "masked convolution, one colour", "convolution", convolution("A", 1, 2, 3, (5, 5), (6, 7)), 2,
         "It is the convolution with weights that are zero wherever the mask is, plus the bias.",
         rtol=rounding(50)),
    Case("2", "its gradients, one colour", "convolution_gradients", gradients("B", 1, 2, 3, (3, 3), (5, 4)), 3,
         "Hidden weights get the gradient 0.  (The values: gradients in x, weight and bias.)", rtol=rounding(60)),
    Case("2", "masked convolution, three colours", "convolution", convolution("A", 3, 3, 6, (3, 3), (4, 5)), 3,
         "With several colours some channels see a tap and others don't: multiply the weight by the mask.",
         rtol=rounding(27)),
    # Task 3
    Case("3", "the logits of grey images", "network_logits", network((1, 5, 4), 4, 2, (5, 3), 2), 5,
         "first, then h + block(relu(h)) for each block, then head(relu(h)); see the docstring.", rtol=1e-11),
    # Task 4
    Case("4", "log p(x), the logits given", "log_probabilities", table((2, 3), 4, 3), 4,
         "The log of the softmax at the value of each entry, summed over the entries of an example.  (The values: "
         "log p(x), and the gradient of the mean of -log p(x) in the logits.)", rtol=rounding(24)),
    Case("4", "bits per dimension", "bits", lambda rng: (543.2, ((1, 28, 28), (3, 2, 5))), 2,
         "Nats per dimension over log 2; an example of shape (C, H, W) has C H W dimensions."),
    # Task 5
    Case("5", "raster order", "order", lambda rng: ((1, 3, 4),), 3,
         "Row by row, and in each row from the left."),
    Case("5", "draws from given logits", "drawn", lambda rng: (rng.standard_normal((6, 5)), seed(rng)), 3,
         "Take u = generator.random((N, 1)); the value is the number of cumulative probabilities at or below u.",
         calls=2),
    # Task 6
    Case("6", "sampling", "filling", filling((1, 2, 3), 4, 3, lambda rng: np.zeros((1, 2, 3), bool)), 3,
         "At each position: ask the cache, draw, write into x, tell the cache.  (The values: x; the list of calls, "
         "0 for logits and 1 for write, with position and values; the generator's next number.)", calls=2),
    Case("6", "in-painting, the first row known", "filling",
         filling((1, 3, 2), 4, 3, lambda rng: first_rows((1, 3, 2), 1)), 3,
         "Known entries keep their values; the cache is asked and told there, too.  (The values: as for sampling.)"),
    # Task 7
    Case("7", "the cache of grey images", "cached_logits", network((1, 4, 5), 3, 2, (5, 3), 3), 3,
         "The logits at each pixel must be those that the whole network gives there.", rtol=1e-11),
    # Task 8
    Case("8", "thirty steps of training", "training",
         lambda rng: (np.repeat(integers(rng, 2, 8, 1, 1, 1), 16, 1).reshape(8, 1, 4, 4), 2, 30, seed(rng)), 2,
         "With tasks 1 to 4 right, the loss falls as the reference's does.", rtol=1e-4),
)
