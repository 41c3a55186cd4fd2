"""Gradient checks: do the rules give the derivatives that finite differences see?

Let v be a random cotangent.  The rules claim that the derivative of <v, f(x)> in direction d is <J^T v, d>.  It is also

    <v, f(x + h d) - f(x - h d)> / 2h  +  O(h^2)

which needs no rule at all.  v is random because a fixed one has blind spots: with v = 1 (that is, f(x).sum()) every
wrong rule of a softmax passes as long as it gives zeros.  A random v meets a wrong Jacobian with certainty.
"""
import numpy as np
from .autograd import grad, sequence
from .devices import CPU, device_of, moved, to_device, to_device_rule
from .tensor import ARRAYS, Tensor, made_by, raw

STEP = 6e-6             # the cube root of float64's precision: truncation error and rounding error are then alike
COMPLEX_STEP = 1e-30    # no difference is taken, so nothing cancels, and it can be as small as one likes
EVERY = 100             # up to so many entries each is checked by itself; beyond, in random directions
DIRECTIONS = 4          # how many of those


class GradientError(AssertionError):
    """A gradient is wrong: finite differences, or the complex step, give another number."""


class KinkError(ValueError):
    """The point is a kink or a jump: the slopes from left and right differ, so there is no gradient to check."""


def gradcheck(function, inputs, *, seed=0, analytic=False, step=STEP, rtol=1e-5, atol=1e-6):
    """Compare the gradients that the rules of `function` give with central differences, in float64.

    function    takes the inputs, gives a tensor or a sequence of them; integer and Boolean outputs are left out
    inputs      a tensor, or a sequence of whatever function takes.  Tensors that require a gradient are checked
    seed        of the random cotangent and the random directions
    analytic    check with the complex step as well: d = Im f(x + ih) / h, exact to the last digits.  For functions that
                are analytic (not abs, max, relu) and written in operations that take bare arrays: it is run on those
    step        of the central differences, times max(1, |x|)
    rtol, atol  how far apart the two numbers may be: atol + rtol * |gradient|

    An input of up to 100 entries is checked entry by entry.  A larger one is checked in four random directions, and the
    entry that is to blame for a difference is found by bisection.  At a kink (relu at 0, ties of max), a gradient that
    is the mean of both slopes passes, and any other raises KinkError: move the input away from there.

    Returns True.  Raises GradientError, naming the operation, the argument, the index and both numbers; KinkError;
    TypeError for a checked input or an output that is not float64; ValueError if there is nothing to check.
    """
    function, inputs = from_the_cpu(function, sequence(inputs, Tensor))
    return check("gradcheck", function, inputs, np.random.default_rng(seed), analytic, step, rtol, atol)


def gradgradcheck(function, inputs, *, seed=0, step=STEP, rtol=1e-5, atol=1e-6):
    """Compare second derivatives with central differences of the first ones, in float64.

    It is `gradcheck` of the gradient, as a function of the inputs and of the outputs' cotangents.  Parameters and
    errors are gradcheck's; in messages, arguments beyond those of `function` are the cotangents.
    """
    function, inputs = from_the_cpu(function, sequence(inputs, Tensor))
    rng = np.random.default_rng(seed)
    checked = to_check("gradgradcheck", inputs)
    _, outputs = run("gradgradcheck", function, inputs, {})
    cotangents = [Tensor(v, requires_grad=True) for v in random_cotangents(outputs, rng)]

    def gradient(*arguments):
        arguments, weights = arguments[:len(inputs)], arguments[len(inputs):]
        outputs = floating_outputs("gradgradcheck", function(*arguments))
        return gradients(outputs, [arguments[i] for i in checked], weights, create_graph=True)

    return check("gradgradcheck", gradient, inputs + cotangents, rng, False, step, rtol, atol,
                 name=f"the gradient of {title(function, outputs)}")


def check(caller, function, inputs, rng, analytic, step, rtol, atol, name=None):
    """Compare every checked argument's gradient, as the rules give it, with the slopes that the oracles see.

    caller      "gradcheck" or "gradgradcheck", for messages; name: of the function, by default its `title`
    inputs      a list; those that `to_check` names are checked, and the others are constants
    The cotangents are `random_cotangents`.  `gradients` gives what the rules claim; `compare` judges each
    argument, with `central_slope` and `has_kink` as the oracle, and then, if `analytic`, with `complex_slope`, which
    runs the function on bare arrays and is held to a thousandth of rtol and atol.  Returns True.
    """
    checked = to_check(caller, inputs)
    arguments, outputs = run(caller, function, inputs, {})
    name = name or title(function, outputs)
    v = random_cotangents(outputs, rng)
    wanted = [arguments[i] for i in checked]
    by_rule = gradients(outputs, wanted, v)
    for i, g in zip(checked, by_rule):
        where = f"{caller}: {name}, argument {i}"

        def f(changed):
            return [raw(y) for y in run(caller, function, inputs, {i: changed})[1]]

        def bare(changed):
            return run_bare(function, inputs, {i: changed})

        x, claimed = inputs[i].data, raw(g)
        compare(where, "finite differences give", lambda d: central_slope(f, v, x, d, step),
                x, claimed, rng, rtol, atol, kink=lambda d, tolerance: has_kink(f, v, x, d, step, tolerance))
        if analytic:
            compare(where, "the complex step gives", lambda d: complex_slope(bare, v, x, d),
                    x, claimed, rng, 1e-3 * rtol, 1e-3 * atol)
    return True


def random_cotangents(outputs, rng):
    """A list of arrays, one for each output (a tensor or an array), of its shape: independent random numbers.

    No wrong Jacobian is blind to them: that J'v is right for such a v, though J is wrong, has probability zero.
    """
    return [np.asarray(rng.standard_normal(raw(y).shape)) for y in outputs]


def compare(where, oracle, slope, x, claimed, rng, rtol, atol, kink=None):
    """Raise if the gradient `claimed` for x is not what slope(direction) says, in some of the `directions`.

    where       what is checked, the message's first words; oracle: who says the slope, with its verb
    kink        (direction, tolerance) -> whether x is at a kink in that direction; None where the oracle sees none
    The two may differ by atol + rtol * |claimed o direction|, a Euclidean length; where either is NaN, they differ.
    In a direction of several entries, the one to blame is found by bisection: of its `halves`, the one with the larger
    error, until one entry is left.  Then: KinkError if it is at a kink, else GradientError.  Both messages begin with
    "{where}, index {index}", the index being a tuple of the entry's numbers, and GradientError's gives both numbers.
    """
    def error(d):
        return np.abs(np.sum(claimed * d) - slope(d))

    def tolerance(d):
        return atol + rtol * np.sqrt(np.sum((claimed * d) ** 2))

    for d in directions(x.shape, rng):
        if error(d) <= tolerance(d):       # false for NaN as well
            continue
        while np.count_nonzero(d) > 1:
            d = max(halves(d), key=lambda half: np.nan_to_num(error(half), nan=np.inf))
        d = np.abs(d)
        index = tuple(int(k[0]) for k in np.nonzero(d)) if x.ndim else ()
        entry = f"{where}, index {index} (where it is {x[index]:.6g})"
        if kink and kink(d, tolerance(d)):
            raise KinkError(f"{entry}: a kink or a jump, the slopes on both sides differ; check at another point")
        raise GradientError(f"{entry}: the rule gives {claimed[index]:.10g}, {oracle} {slope(d):.10g}")


def directions(shape, rng):
    """Along each entry in turn if they are few; otherwise some in which every entry moves by +1 or -1, at random."""
    size = int(np.prod(shape))
    if size > EVERY:
        for _ in range(DIRECTIONS):
            yield rng.choice([-1.0, 1.0], shape)
        return
    for k in range(size):
        d = np.zeros(size)
        d[k] = 1
        yield d.reshape(shape)


def halves(d):
    """A direction's two halves: the first half of the entries that it moves, and the rest."""
    moved = np.flatnonzero(d)
    first = d.copy()
    first.flat[moved[len(moved) // 2:]] = 0
    return first, d - first


# ---------------------------------------------------------------------------------------------------------------------
# The oracles: the slope of <v, f(x)> along d, without a rule

def step_along(x, d, step):
    """The step's size in direction d: relative to the largest entry that it moves, if that is above 1."""
    return step * max(1, np.max(np.abs(x[d != 0])))


def central_slope(f, v, x, d, step):
    """<v, f(x + hd) - f(x - hd)> / 2h, a number.  The difference is taken before the sum, so that less cancels.

    f       an array -> the list of output arrays; v: as many cotangents
    x, d    the point and the direction, arrays of one shape; step: see `step_along`, which gives h
    """
    h = step_along(x, d, step)
    return dot(v, [above - below for above, below in zip(f(x + h * d), f(x - h * d))]) / (2 * h)


def complex_slope(f, v, x, d):
    """Im <v, f(x + ihd)> / h, from the Taylor series f(x + ihd) = f(x) + ih f'(x)d + O(h^2) of an analytic f."""
    return dot(v, map(np.imag, f(x + 1j * COMPLEX_STEP * d))) / COMPLEX_STEP


def has_kink(f, v, x, d, step, tolerance):
    """Whether the slopes to the right and to the left of x, along d, differ: by more than the tolerance, and still by
    more than half as much when the step is an eighth.  For a smooth f the gap shrinks like the step.

        gap(h) = |<v, f(x + hd) - f(x)> - <v, f(x) - f(x - hd)>| / h
    """
    def gap(h):
        return np.abs(dot(v, [up - 2 * y + down for up, y, down in zip(f(x + h * d), f(x), f(x - h * d))])) / h

    h = step_along(x, d, step)
    return gap(h) > tolerance and gap(h / 8) > gap(h) / 2


def dot(v, ys):
    """The sum over outputs of <v_k, y_k>."""
    return sum(np.sum(vk * y) for vk, y in zip(v, ys))


# ---------------------------------------------------------------------------------------------------------------------
# Running the function

def from_the_cpu(function, inputs):
    """The function and its inputs, on the CPU: it moves those there that were on a GPU, and its outputs back.

    Moving is differentiable like anything else, and finite differences are taken where float64 is at home.
    """
    places = [device_of(x) if isinstance(x, Tensor) else CPU for x in inputs]
    if all(place == CPU for place in places):
        return function, inputs

    def moving(*arguments):
        outputs = function(*(to_device(x, place) if place != CPU else x for x, place in zip(arguments, places)))
        return [to_device(y, CPU) for y in sequence(outputs, (Tensor, *ARRAYS, np.generic))]
    moving.__name__ = getattr(function, "__name__", "<lambda>")
    return moving, [Tensor(moved(x.data, CPU), x.requires_grad) if isinstance(x, Tensor) else x for x in inputs]


def to_check(caller, inputs):
    """The positions of the inputs that require a gradient."""
    checked = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise ValueError(f"{caller}: no input is a tensor that requires a gradient, so there is nothing to check")
    for i in checked:
        if inputs[i].data.dtype != np.float64:
            raise TypeError(f"{caller}: argument {i} is {inputs[i].data.dtype}; finite differences need float64")
    return checked


def run(caller, function, inputs, changed):
    """The arguments (copies, some of them changed) and the floating-point outputs of function(*arguments)."""
    arguments = [Tensor(np.array(changed.get(i, x.data)), x.requires_grad) if isinstance(x, Tensor) else x
                 for i, x in enumerate(inputs)]
    return arguments, floating_outputs(caller, function(*arguments))


def run_bare(function, inputs, changed):
    """The floating-point outputs of function on bare arrays, some of them changed."""
    outputs = function(*(changed.get(i, raw(x)) for i, x in enumerate(inputs)))
    outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
    return [y for y in outputs if np.asarray(y).dtype.kind in "fc"]


def floating_outputs(caller, outputs):
    """The outputs that have derivatives, in a list."""
    outputs = [y for y in sequence(outputs, (Tensor, np.ndarray, np.generic)) if raw(y).dtype.kind == "f"]
    for y in map(raw, outputs):
        if y.dtype != np.float64:
            raise TypeError(f"{caller}: an output of shape {y.shape} is {y.dtype}; finite differences need float64")
    return outputs


def gradients(outputs, inputs, cotangents, create_graph=False):
    """J^T v, from the rules; zeros where the outputs do not depend on an input."""
    tracked = [(y, v) for y, v in zip(outputs, cotangents) if isinstance(y, Tensor) and y.requires_grad]
    if not tracked:
        return [np.zeros_like(x.data) for x in inputs]
    given = grad([y for y, _ in tracked], inputs, [v for _, v in tracked],
                 create_graph=create_graph, allow_unused=True)
    return [np.zeros_like(x.data) if g is None else g for x, g in zip(inputs, given)]


def title(function, outputs):
    """What to call a function in messages: its last operation, and its own name where it has one."""
    made = [y.inputs[0] if y.rule is to_device_rule else y for y in outputs if isinstance(y, Tensor)]
    operation = " and ".join(dict.fromkeys(made_by(y).split(" #")[0] for y in made))
    name = getattr(function, "__name__", "<lambda>")
    return operation if name in ("<lambda>", operation) else f"{name} ({operation})"
