"""What the cases share: tolerances, and makers of the probes' arguments."""
import numpy as np


def rounding(terms, dtype=np.float64):
    """How far sums of so many numbers of a type may be apart, relative to the largest, if added in other orders: 50
    units in the last place for the square root of the number."""
    return 50 * np.finfo(dtype).eps * terms ** 0.5


def seed(rng):
    """A seed for parameters, or for a generator."""
    return int(rng.integers(1 << 30))


def normal(*shape):
    """A maker of one array of normal numbers."""
    return lambda rng: (rng.standard_normal(shape),)


def integers(rng, levels, *shape):
    """Examples: levels from 0 on, uint8."""
    return rng.integers(0, levels, shape).astype(np.uint8)


def affine(rng, layers, *shape):
    """Scales, of either sign and away from 0, and shifts of affine layers."""
    signs = rng.choice([-1.0, 1.0], (layers, *shape))
    return signs * rng.uniform(0.5, 2, (layers, *shape)), rng.standard_normal((layers, *shape))


def points_and_layers(number, layers, *shape):
    """A maker: points, scales and shifts."""
    return lambda rng: (rng.standard_normal((number, *shape)), *affine(rng, layers, *shape))


def chain(number, numbers, *shape):
    """A maker of the arguments of probes.chain.   numbers: for each layer, whether it gives log |det| as a number"""
    return lambda rng: (*points_and_layers(number, len(numbers), *shape)(rng), numbers)


def images_and_layers(number, levels, *shape):
    """A maker of the arguments of probes.nats."""
    return lambda rng: (integers(rng, levels, number, *shape), levels, *affine(rng, 2, *shape), seed(rng))


def coupling(mask, *shape, bound=2.0):
    """A maker of the arguments of the probes of one coupling layer.   shape: with the number of examples, or without"""
    return lambda rng: (np.array(mask, float), rng.standard_normal(shape), bound, seed(rng))


def scales(number, *shape):
    """A maker of the arguments of the probes of so many scales of a RealNVP."""
    return lambda rng: (rng.standard_normal(shape), number, seed(rng))


def line(rng, pieces):
    """Parameters of an increasing map: alpha, xi, xmin, xmax."""
    return rng.standard_normal(1) - 2, 0.5 * rng.standard_normal(pieces) - 0.5, -2.0, 3.5


def parameters_of_the_line(pieces):
    """A maker of these."""
    return lambda rng: line(rng, pieces)


def on_the_line(number, pieces, low=-2.0, high=3.5):
    """A maker of points between low and high, and an increasing map."""
    return lambda rng: (rng.uniform(low, high, (number, 1)), *line(rng, pieces))
