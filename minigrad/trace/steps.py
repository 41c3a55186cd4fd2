"""One operation at a time: `forward` in the order in which values were computed, `backward` in that of the gradients.

Both read the recorded graph and leave it as it is: no graph is freed, and no `.grad` is written.  `backward` watches
`autograd.propagate` itself, so it shows what that really does, whoever wrote it.
"""
import inspect
import sys
from .. import autograd
from ..page import page as write_page
from ..tensor import made_by
from . import picture, text
from .graph import Graph
from .recording import variables_of_caller


def forward(output, opened=(), variables=None):
    """Step through the computation of `output`, an operation at a time: an iterator of Steps.

    output      a tensor that was computed from others that require a gradient
    opened      names of the modules to go into.  Others are one step each, if `record()` was active; True opens all
    variables   a dict of names for tensors and modules; by default, the variables of the calling function
    """
    return forward_steps(Graph(output, opened, variables_of_caller() if variables is None else variables))


def forward_steps(graph):
    """The Steps of `forward`."""
    boxes = [box for box in graph.boxes if box.kind in ("operation", "layer")]
    for number, box in enumerate(boxes, start=1):
        yield Step("forward", number, box, graph)


def backward(output, gradient=None, opened=(), variables=None):
    """Step through the gradients of `output`, an operation at a time, the last one first: an iterator of Steps.

    gradient    the cotangent of output; None means 1, for an output of one element
    The others as for `forward`.  Gradients are those that `output.backward(gradient)` would give.
    """
    graph = Graph(output, opened, variables_of_caller() if variables is None else variables)
    g, = autograd.initial_cotangents("trace.backward", [output], gradient, False)
    return backward_steps(graph, g)


def backward_steps(graph, gradient):
    """The Steps of `backward`.  An error of a rule comes after the steps before it."""
    calls, error = walk_of_propagate(graph.output, gradient)
    totals, step, number = Totals(), None, 0
    totals.add(graph.output, gradient, 0)
    for y, g, given in calls:
        box = graph.box_of[y]
        if step is None or step.box is not box:
            if step is not None:
                yield step
            number += 1
            step = Step("backward", number, box, graph, totals)
            step.arriving = {y: g} if box.kind == "operation" else totals.so_far(box.tensors)
        for x, gx in given:
            totals.add(x, gx, number)
            step.leaving.append((y, x, gx))
    if step is not None:
        yield step
    if error is not None:
        raise error


def walk_of_propagate(output, gradient):
    """Let `autograd.propagate` find the gradients of all leaves, and take down what it asks of the rules, and when.

    Returns a list of (tensor, its cotangent, pairs of an input and a cotangent for it), and the error that ended the
    walk, or None.  The graph is kept.
    """
    calls, error, pulled_back = [], None, autograd.pulled_back

    def watched(y, g, needed, create_graph):
        given = list(pulled_back(y, g, needed, create_graph))
        calls.append((y, g, given))
        return given

    autograd.pulled_back = watched
    try:
        autograd.propagate([output], [gradient], None, True, False)
    except Exception as stopped:           # whatever a rule may raise
        error = stopped
    finally:
        autograd.pulled_back = pulled_back
    return calls, error


class Totals:
    """What has come together for each tensor, and how it stood after each step.

    history     of each tensor, triples (number of the step, what came, total after it)
    """

    def __init__(self):
        self.history = {}

    def add(self, x, g, number):
        """A cotangent came for x in a step."""
        before = self.history.setdefault(x, [])
        before.append((number, g, before[-1][2] + g if before else g))

    def so_far(self, tensors):
        """The present totals of those tensors that have got something."""
        return {x: self.history[x][-1][2] for x in tensors if x in self.history}

    def after(self, x, number):
        """What had come together for x when a step was over; None if nothing had."""
        found = None
        for step, _, total in self.history.get(x, ()):
            if step > number:
                break
            found = total
        return found


class Step:
    """One operation, or one layer, at work.  `print` shows it in words, `draw()` in a picture.

    What is said here of an operation is, for a layer, said of its last one.

    direction   "forward" or "backward"
    number      from 1 on
    box         what is at work: see `graph.Box`
    arriving    backward: the cotangent of each of its results, a dict from tensor to array
    leaving     backward: what it gives to its inputs, a list of (result, input, cotangent)
    """

    def __init__(self, direction, number, box, graph, totals=None):
        self.direction, self.number, self.box, self.graph, self.totals = direction, number, box, graph, totals
        self.arriving, self.leaving = {}, []

    @property
    def output(self):
        """The tensor that it makes; of a layer, the last one."""
        return self.box.tensors[-1]

    @property
    def title(self):
        """What happens: `backward step 2: c = add #3`."""
        return f"{self.direction} step {self.number}: {self.box.title}"

    @property
    def name(self):
        """The operation and its creation number: `mul #4`."""
        return made_by(self.output)

    @property
    def place(self):
        """The line of code that it was written in, if that was recorded; else None."""
        return self.graph.place(self.output)

    @property
    def rule(self):
        """The vector-Jacobian product as its docstring has it: `dy = b da + a db`."""
        return text.first_line(self.output.rule.__doc__)

    @property
    def formula(self):
        """What the operation computes, as its docstring has it: `a * b, entry by entry`; or None."""
        rule = self.output.rule
        function = getattr(sys.modules.get(rule.__module__), rule.__name__.removesuffix("_rule"), None)
        return text.first_line(getattr(function, "__doc__", None))

    @property
    def inputs(self):
        """What the operation was given: pairs of the rule's name for it, and a tensor, array or number."""
        inputs = self.output.inputs
        parameters = list(inspect.signature(self.output.rule).parameters.values())[2:]
        names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        if len(names) < len(inputs):
            names = [f"x{i}" for i in range(1, len(inputs) + 1)] if len(inputs) > 1 else ["x"]
        return list(zip(names, inputs))

    def total(self, x):
        """The cotangents that have come together for a tensor when this step is over; None if none have."""
        return self.totals and self.totals.after(x, self.number)

    def __str__(self):
        return text.of_step(self)

    def __repr__(self):
        return f"<{self.title}>"

    def draw(self, axes=None, around=picture.AROUND):
        """The picture: the graph, with this step lit; see `picture.draw`.  Returns the matplotlib figure."""
        return picture.draw(self, axes, around)


def page(steps, path, title="Step by step", around=4):
    """Write steps as one HTML file with a slider, which opens without a server; see `minigrad.page`.  Returns path.

    around      how much of a large graph is drawn: see `picture.draw`
    """
    return write_page(title, ((str(step), step.draw(around=around)) for step in steps), path)
