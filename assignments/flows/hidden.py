"""The cases that only the grader has."""
import numpy as np
from ..manifest import Case
from .inputs import (
    affine, chain, coupling, images_and_layers, integers, line, normal, on_the_line, points_and_layers, rounding,
    scales, seed)

FOUR = [[[1, 0, 1, 0], [0, 1, 0, 1]]]      # a checkerboard of 2 x 4


def jacobian_agrees(arguments, values):
    """A check of what probes.moved gives: log |det| is that of the numerical Jacobian, by differences to one side.

    Either side will do: a ReLU may have its kink within a step, but hardly on both sides.
    """
    y, ahead, behind, log_det = (np.asarray(value) for value in values)
    size = y.size
    if ahead.shape != (size, size) or behind.shape != (size, size) or log_det.shape != (1,):
        return "outputs of wrong shapes"
    if not all(np.isfinite(value).all() for value in (y, ahead, behind, log_det)):
        return "outputs that are not finite"
    numerical = [np.linalg.slogdet(difference / 1e-7)[1] for difference in (ahead - y, y - behind)]
    if min(abs(log_det[0] - number) for number in numerical) > 1e-4:
        return f"log |det| is {log_det[0]:.6f}, and that of the numerical Jacobian {numerical[0]:.6f}"
    return None


def comes_back(arguments, values):
    """A check that a flow, there and back, gives its argument, the first or second one, again."""
    x = next(argument for argument in arguments if isinstance(argument, np.ndarray) and argument.ndim > 1
             and argument.dtype == np.float64 and not set(np.unique(argument)) <= {0, 1})
    again = np.asarray(values[0] if isinstance(values, tuple) else values)
    if again.shape != x.shape:
        return f"x of shape {x.shape} comes back in shape {again.shape}"
    error = np.abs(again - x).max()
    return None if error < 1e-9 else f"x comes back with an error of {error:.3g}"


def integrates_to_one(spacing, tolerance):
    """A check of densities at the midpoints of a grid."""
    def check(arguments, density):
        mass = np.sum(density) * spacing
        return None if abs(mass - 1) < tolerance else f"the density integrates to {mass:.5f}"
    return check


def outside(rng):
    """Points on both sides of the interval, and on the knots."""
    alpha, xi, xmin, xmax = line(rng, 5)
    knots = np.linspace(xmin, xmax, 6)
    return np.concatenate(([-7.5, -2.1], knots, [3.6, 9.0]))[:, None], alpha, xi, xmin, xmax


HIDDEN = (
    # Task 1
    Case("1", "log-density of the noise, images", "base_log_prob", normal(2, 3, 2, 4), 2,
         "The log-density of the noise is wrong for images: all entries of an example count.", rtol=rounding(48)),
    Case("1", "layers of both kinds", "chain", chain(3, (1, 0, 1), 2, 2), 2,
         "Some layers give log |det| as a tensor, some as a number for all examples.", rtol=rounding(12), calls=2),
    Case("1", "a chain of no layers at all", "chain",
         lambda rng: (rng.standard_normal((2, 3)), np.zeros((0, 3)), np.zeros((0, 3)), ()), 1,
         "A chain without layers leaves x as it is, with log |det| 0."),
    Case("1", "log p(x) of images", "log_density", points_and_layers(3, 3, 1, 2, 2), 1,
         "log p(x) or its gradients are wrong for images.", rtol=1e-12),
    # Task 2
    Case("2", "dequantised in float32, 256 levels", "real",
         lambda rng: (integers(rng, 256, 3, 5), 256, seed(rng), "float32"), 2,
         "The layers must get numbers of the parameters' type, in [0, 1].", rtol=rounding(1, np.float32)),
    Case("2", "real data are not dequantised", "nats",
         lambda rng: (rng.standard_normal((4, 3)), None, *affine(rng, 1, 3), seed(rng)), 2,
         "Without levels nothing is dequantised, and the cost is -log p(x).", rtol=rounding(9)),
    Case("2", "what a colour image costs", "nats", images_and_layers(2, 2, 3, 2, 4), 1,
         "The cost of images of several channels is wrong.", rtol=rounding(72), calls=2),
    Case("2", "the logit's Jacobian", "logit_moved", lambda rng: (rng.uniform(0.1, 0.9, (2, 3)), 0.1), 1,
         "The logit's log |det| is not that of its Jacobian.", check=jacobian_agrees),
    Case("2", "the logit's inverse", "logit_back", lambda rng: (3 * rng.standard_normal((2, 1, 3, 3)), 0.02), 2,
         "The logit's inverse is wrong.", rtol=rounding(4)),
    Case("2", "what the logit refuses", "logit_refuses",
         lambda rng: (np.array([-0.5, -0.04, 0.0, 0.3, 1.0, 1.04, 1.5]), 0.05), 1,
         "Numbers for which p is not in (0, 1) must be refused, with a ValueError, and no others."),
    # Task 3
    Case("3", "coupling of images", "coupled", coupling(FOUR, 2, 3, 2, 4), 2,
         "The coupling layer is wrong for images: s and t are halves of the channels.", rtol=rounding(63)),
    Case("3", "s and t of images, another bound", "scale_and_shift", coupling(FOUR, 2, 2, 2, 4, bound=0.5), 1,
         "s and t of images are wrong.", rtol=rounding(45)),
    Case("3", "a coupling layer, back and forth", "coupled_there_and_back", coupling([0, 1, 1, 0], 3, 4), 2,
         "The inverse of the output must be the input again.", check=comes_back),
    Case("3", "the coupling's Jacobian", "coupled_moved", coupling([1, 0, 0, 1], 4), 2,
         "log |det| is not that of the numerical Jacobian.", check=jacobian_agrees),
    Case("3", "gradients of the coupling layer", "coupled_gradients", coupling(FOUR, 2, 2, 2, 4), 2,
         "Gradients in the input, or in the network's parameters, are wrong.", rtol=1e-11),
    Case("3", "a density in the plane", "plane", lambda rng: (-10.0, 10.0, 250, 0.5, seed(rng)), 1,
         "The density of two coupling layers must integrate to 1.", check=integrates_to_one((20 / 250) ** 2, 2e-3)),
    # Task 4
    Case("4", "boards of odd sizes", "boards", lambda rng: (((3, 5), (1, 4), (5, 1)),), 1,
         "Checkerboards with odd sides are wrong."),
    Case("4", "an odd number of channels", "channel_masks", lambda rng: ((5, 2, 1),), 1,
         "Half of an odd number of channels is rounded down."),
    Case("4", "one mask, four masks", "alternating", lambda rng: (integers(rng, 2, 6, 1, 1).astype(float), 4), 1,
         "An even number of masks ends with the opposite."),
    Case("4", "squeezing colour images", "squeezed", normal(2, 3, 4, 6), 2,
         "Squeezing images of several channels: the channels of one position stand together."),
    Case("4", "unsqueezing colour images", "unsqueezed", normal(1, 12, 3, 2), 1,
         "Unsqueezing images of several channels is wrong."),
    # Task 5
    Case("5", "three scales, colour", "scaled", scales(3, 1, 2, 8, 8), 2,
         "Three scales of colour images are wrong.", rtol=1e-11),
    Case("5", "one scale only, no squeeze", "scaled", scales(1, 2, 1, 2, 4), 1,
         "The last scale has spatial couplings only.", rtol=1e-11),
    Case("5", "three scales, there and back", "scaled_there_and_back", scales(3, 2, 1, 8, 8), 2,
         "The inverse of the output must be the input again.", check=comes_back),
    Case("5", "the Jacobian of two scales", "scaled_moved", scales(2, 1, 4, 4), 1,
         "log |det| is not that of the numerical Jacobian.", check=jacobian_agrees),
    # Task 6
    Case("6", "outside of the interval, and on the knots", "mapped", outside, 1,
         "f is wrong outside of the interval, or on the knots.", rtol=rounding(5)),
    Case("6", "the map back", "mapped_back",
         lambda rng: (np.linspace(-6, 6, 13)[:, None], *line(rng, 5)), 2,
         "The inverse is wrong, inside of the interval or outside.", rtol=rounding(10)),
    Case("6", "the derivative of another map", "another_map", on_the_line(6, 3), 2,
         "`forward` must take the derivative of `map` by automatic differentiation, whatever map is, and in a way that "
         "can be differentiated again.", rtol=1e-11),
    Case("6", "the gradients of the loss", "line_gradients", on_the_line(9, 4, -4.0, 5.0), 2,
         "The gradients of the loss are wrong: create_graph lets them pass through f', and nothing may be left in the "
         "parameters' own gradients.", rtol=1e-11, calls=2),
    Case("6", "a density on the line", "line_density", lambda rng: (-60.0, 60.0, 200_000, *line(rng, 6)), 1,
         "The density must integrate to 1.", check=integrates_to_one(120 / 200_000, 1e-3)),
    # Task 7
    Case("7", "a RealNVP learns images", "training_on_images",
         lambda rng: (integers(rng, 4, 6, 1, 4, 4), 4, 4, seed(rng)), 2,
         "The losses of the first training steps differ from the reference's.", rtol=1e-4),
)
