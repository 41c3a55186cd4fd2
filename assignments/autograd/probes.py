"""What the grader calls: functions of arrays that give arrays, computed by what the student wrote."""
import re
from types import FunctionType
import numpy as np
import minigrad
from minigrad import Tensor, gradcheck, gradgradcheck
from minigrad.autograd import grad, reachable
from minigrad.broadcasting import sum_to
from minigrad.gradcheck import GradientError, KinkError, central_slope, has_kink
from minigrad.tensor import raw


def each(probe, *calls):
    """The values of one of the probes below for several lists of arguments, one after the other."""
    values = []
    for arguments in calls:
        given = globals()[probe](*arguments)
        values += given if isinstance(given, tuple) else (given,)
    return tuple(values)


# ---------------------------------------------------------------------------------------------------------------------
# Tasks 1 to 3: one operation, and its rule

def summed(g, shape):
    """sum_to of an array, and of a tensor."""
    of_tensor = sum_to(Tensor(g, requires_grad=True), shape)
    return np.asarray(sum_to(g, shape)), np.asarray(raw(of_tensor)), kind(of_tensor)


def cotangents(name, g, inputs, settings=()):
    """What the rule of an operation gives on bare arrays, then on tensors, and whether that was recorded.

    inputs      the cotangents of those that are arrays of floats are returned
    settings    what the operation is given beside its inputs
    """
    inputs = as_tensors(inputs)
    y = operation(name)(*inputs, *settings)
    if not isinstance(y, Tensor) or y.rule is None:
        raise TypeError(f"{name} of a tensor that requires a gradient must give a tensor with a rule: `record` does it")
    on_arrays = y.rule(g, y.data, *map(raw, y.inputs), **y.parameters)
    on_tensors = y.rule(Tensor(g, requires_grad=True), y, *y.inputs, **y.parameters)
    values = ()
    for k, x in enumerate(inputs):
        if isinstance(x, Tensor):
            recorded = cotangent(on_tensors, k, x)
            values += np.asarray(cotangent(on_arrays, k, x)), np.asarray(raw(recorded)), kind(recorded)
    return values


def second(name, v, ws, inputs, settings=()):
    """The gradients of <v, y> in the inputs, and those of <w, first gradients> in the inputs and in v."""
    inputs, v = as_tensors(inputs), Tensor(v, requires_grad=True)
    xs = [x for x in inputs if isinstance(x, Tensor)]
    first = grad(operation(name)(*inputs, *settings), xs, v, create_graph=True)
    again = grad(first, [*xs, v], list(ws), allow_unused=True)
    return *(x.data for x in first), *("None" if x is None else x.data for x in again)


def operation(name):
    """An operation by its name; getitem gets its key in a form that can be sent."""
    return (lambda x, *key: x[tuple(map(part, key))]) if name == "getitem" else getattr(minigrad, name)


def part(p):
    """A part of a key: ("slice", start, stop, step) and "..." mean what they say, all else is itself."""
    if isinstance(p, tuple):
        return slice(*p[1:])
    return ... if isinstance(p, str) else p


def as_tensors(inputs):
    """The inputs, arrays of floats as tensors that require gradients."""
    return [Tensor(x, requires_grad=True) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in inputs]


def cotangent(given, k, x):
    """The cotangent of input k out of what a rule gave; None stands for zero."""
    gx = given[k] if isinstance(given, tuple) else given
    gx = gx() if isinstance(gx, FunctionType) else gx
    return np.zeros(x.shape) if gx is None else gx


def kind(x):
    """In words, whether a gradient of x would find its way."""
    if not isinstance(x, Tensor):
        return "a bare array"
    return "a recorded tensor" if x.requires_grad else "a tensor that was not recorded"


# ---------------------------------------------------------------------------------------------------------------------
# Task 4.  The graphs' operations bring their own rules, on bare arrays: they need nothing of tasks 1 to 3

plus = minigrad.operation(lambda a, b: a + b, lambda g, y, a, b: (g, g), name="plus")
times = minigrad.operation(lambda a, b: a * b, lambda g, y, a, b: (g * b, g * a), name="times")
wave = minigrad.operation(np.sin, lambda g, y, x: g * np.cos(x), name="wave")


def build(leaves, steps, constants=()):
    """The tensors of a graph: a leaf for each row of `leaves`, then the result of each step (operation, i, j).

    constants   the numbers of leaves that require no gradient
    """
    nodes = [Tensor(x, requires_grad=k not in constants) for k, x in enumerate(leaves.copy())]
    for which, i, j in steps:
        nodes.append(wave(nodes[i]) if which == 2 else (plus, times)[which](nodes[i], nodes[j]))
    return nodes


def order(leaves, steps, outputs, constants):
    """The numbers of the tensors that `reachable` finds, in its order."""
    nodes = build(leaves, steps, constants)
    number = {id(x): k for k, x in enumerate(nodes)}
    return np.array([number[id(x)] for x in reachable([nodes[k] for k in outputs])], np.int64)


def gradients(leaves, steps, outputs, weights, wanted):
    """grad of the weighted outputs in the wanted tensors."""
    nodes = build(leaves, steps)
    found = grad([nodes[k] for k in outputs], [nodes[k] for k in wanted], list(weights), allow_unused=True)
    return tuple("None" if x is None else x.data for x in found)


def backward(leaves, steps, weight):
    """The leaves' .grad after backward from the last tensor; twice, so that it adds up."""
    nodes = build(leaves, steps)
    nodes[-1].backward(Tensor(weight), retain_graph=True)
    nodes[-1].backward(Tensor(weight))
    return tuple("None" if x.grad is None else x.grad.data for x in nodes[:len(leaves)])


def chain(x, a, length):
    """The gradient of a chain of operations: y <- y a, y <- y + x in turn."""
    x, a = Tensor(x, requires_grad=True), Tensor(a, requires_grad=True)
    y = x
    for k in range(length):
        y = plus(y, x) if k % 2 else times(y, a)
    return tuple(g.data for g in grad(y, [x, a], Tensor(np.ones_like(y.data))))


def ladder(x, rungs):
    """The gradient of y <- y + sin y, again and again, and how often a rule was called."""
    calls = []

    def counted(g, y, x):
        calls.append(1)
        return g * np.cos(x)
    sine = minigrad.operation(np.sin, counted, name="sine")
    x = y = Tensor(x, requires_grad=True)
    for _ in range(rungs):
        y = plus(y, sine(y))
    found, = grad(y, x, Tensor(np.ones_like(y.data)))
    return found.data, len(calls)


def spared(x, weight):
    """The gradient in the first leaf, where a rule that nobody needs would raise an error."""
    def trap(g, y, x):
        raise ValueError("the rule of an operation that the wanted tensor does not go into was called")
    mine, other = (Tensor(row, requires_grad=True) for row in x)
    y = times(mine, minigrad.operation(np.exp, trap, name="trap")(other))
    return grad(y, mine, Tensor(weight))[0].data


def untouched(x, weight):
    """The gradients where rules hand on one array for two inputs, and the weight afterwards."""
    a, b = (Tensor(row, requires_grad=True) for row in x)
    y = plus(plus(times(a, b), a), plus(plus(a, b), times(b, b)))
    weight = Tensor(weight)
    found = grad(y, [a, b], weight)
    return *(x.data for x in found), weight.data


def freed(x, weight):
    """What a second backward says, without retain_graph and with it; and whether inputs were let go."""
    def second_time(retain):
        leaf = Tensor(x, requires_grad=True)
        y = wave(times(leaf, leaf))
        found = grad(y, leaf, Tensor(weight), retain_graph=retain)[0].data
        gone = "gone" if y.inputs is None else "kept"
        try:
            return found, grad(y, leaf, Tensor(weight))[0].data, gone
        except RuntimeError as error:
            return found, type(error).__name__, gone
    return *second_time(False), *second_time(True)


def switch(x):
    """Whether operations are recorded: in a rule, under create_graph, and after a rule's error."""
    seen = []

    def watching(g, y, x):
        seen.append(minigrad.is_grad_enabled())
        return g

    def failing(g, y, x):
        raise ArithmeticError
    x = Tensor(x, requires_grad=True)
    one = Tensor(np.ones_like(x.data))
    for create_graph in (False, True):
        grad(minigrad.operation(np.copy, watching, name="watched")(x), x, one, create_graph=create_graph)
    try:
        grad(minigrad.operation(np.copy, failing, name="failed")(x), x, one)
    except ArithmeticError:
        seen.append(minigrad.is_grad_enabled())
    return np.array(seen)


def train(x, labels, rate, steps, *weights):
    """The losses of a classifier with one hidden layer, trained by gradient descent."""
    weights, losses, rows = [Tensor(w.copy(), requires_grad=True) for w in weights], [], np.arange(len(x))
    for _ in range(steps):
        w, b, v, c = weights
        logits = minigrad.relu(Tensor(x) @ w + b) @ v + c
        loss = (logits.logsumexp(1) - logits[rows, labels]).sum() / len(x)
        for p, g in zip(weights, grad(loss, weights)):
            p.data -= rate * g.data
        losses.append(loss.item())
    return np.array(losses)


# ---------------------------------------------------------------------------------------------------------------------
# Task 5

def slope(x, d, v, w, step):
    """central_slope of a function with two outputs, v and w being their cotangents."""
    return np.asarray(float(central_slope(lambda x: [np.sin(x) * x, np.exp(x[:1])], [v, w], x, d, step)))


def kinks(x, v, step, tolerance):
    """has_kink of several functions along each entry of x, the last of which is 0."""
    functions = (lambda x: np.maximum(x, 0), np.abs, np.floor, lambda x: np.exp(5 * x), np.sin,
                 lambda x: 1e-9 * np.abs(x))
    return np.array([[bool(has_kink(lambda x: [f(x)], [v], x, d, step, tolerance)) for d in np.eye(x.size)]
                     for f in functions])


def verdicts(name, wrongs, seed, inputs, analytic=False):
    """What gradcheck decides on a function whose rule is spoiled by so much; 0 is the right rule."""
    return tuple(verdict(gradcheck, FUNCTIONS[name](wrong), inputs, seed=seed, analytic=analytic) for wrong in wrongs)


def verdicts_of_second(wrongs, seed, x):
    """What gradgradcheck decides on cubes, of which the spoiled one's rule uses an array that was kept aside."""
    return tuple(verdict(gradgradcheck, kept(wrong), [x], seed=seed) for wrong in wrongs)


def blamed(name, wrong, seed, inputs):
    """What gradcheck decides on the right rule and on a wrong one, and which argument and index its message names."""
    found = verdicts(name, (0, wrong), seed, inputs)
    return *found, " ".join(re.findall(r"argument \d+, index \([\d, ]*\)", MESSAGES[-1]))


def verdict(check, function, inputs, **settings):
    """What a check decides: "it passes", or the name of what it raises.   Its message is kept in MESSAGES."""
    try:
        return "it passes" if check(function, as_tensors(x.copy() for x in inputs), **settings) is True else "not True"
    except (GradientError, KinkError, TypeError) as error:
        if isinstance(error, TypeError) and "float32" not in str(error):
            raise
        MESSAGES.append(str(error))
        return type(error).__name__


MESSAGES = [""]


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def at(place, x):
    """Zeros but for a 1 at entry number `place` of an array like x."""
    return (np.arange(x.size) == place).reshape(x.shape).astype(float)


def exchanged(g):
    """The cotangent with its first two entries in each other's place."""
    g = g.copy()
    g[:2] = g[1::-1]
    return g


def one(forward, rule):
    """A function of a number, how wrong it is, that makes a function with that rule."""
    return lambda wrong: minigrad.operation(forward, lambda g, y, *inputs: rule(g, y, *inputs, wrong), name="spoiled")


def beside(wrong):
    """A function with two outputs, the second of which is spoiled, and a constant."""
    square = FUNCTIONS["square"](wrong)
    return lambda x: (x.detach() > 0, wave(x), square(x))


def kept(wrong):
    """x^3, whose rule is right at first order."""
    memory = {}

    def cube(x):
        memory["x"] = x
        return x ** 3
    return minigrad.operation(cube, lambda g, y, x: g * 3 * (memory["x"] if wrong else x) ** 2, name="cube")


# Errors are so large that no check which moves the entry misses them: a random cotangent is near zero now and then.
FUNCTIONS = {
    "square": one(lambda x: x ** 2, lambda g, y, x, wrong: g * 2 * x * (1 + wrong)),
    "softmax": one(softmax, lambda g, y, x, wrong: (1 - wrong) * y * (g - (g * y).sum(-1, keepdims=True))),
    "one entry": one(np.sin, lambda g, y, x, wrong: g * np.cos(x) * (1 - 1000 * (wrong > 0) * at(wrong - 1, x))),
    "nothing": one(np.sin, lambda g, y, x, wrong: None if wrong else g * np.cos(x)),
    "NaN": one(np.sin, lambda g, y, x, wrong: g * np.cos(x) + (np.nan if wrong else 0) * at(1, x)),
    "exchanged": one(np.sin, lambda g, y, x, wrong: np.cos(x) * (exchanged(g) if wrong else g)),
    "product": one(lambda a, b: a * b, lambda g, y, a, b, wrong: (g * b, g * (b if wrong else a))),
    "matrix": one(lambda x, w: x @ w, lambda g, y, x, w, wrong: (g @ (w if wrong else w.T), x.T @ g)),
    "outputs": beside,
    "gate": one(lambda x: np.maximum(x, 0), lambda g, y, x, wrong: g if wrong else g * (x > 0)),
    "steep": one(lambda x: np.exp(5 * x), lambda g, y, x, wrong: g * (5 - wrong) * y),
}
