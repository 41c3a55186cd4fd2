"""The cases that students have, too."""
import numpy as np
from ..manifest import Case
from .inputs import convolution, filling, first_rows, gradients, integers, network, rounding, seed, table

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
