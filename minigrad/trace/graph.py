"""The recorded graph as boxes: one for each operation, leaf and constant, or one for a whole layer.

Operations that followed each other inside one module make one box, unless that module was opened by its name.  They are
neighbours in the order of creation, so boxes keep that order, and an input's box always comes before its user's.
"""
from collections import Counter
import numpy as np
from ..autograd import reachable
from ..tensor import Tensor, made_by
from .picture import Drawing
from .recording import names_in, notes, variables_of_caller
from .text import operations

MOST = 300             # boxes in a picture


class Box:
    """One box of the picture.

    number      its place in `Graph.boxes`
    kind        "operation", "leaf" (it requires a gradient), "constant", or "layer"
    name        what the student calls it, or None; of a layer, its dotted name
    module      of a layer, the module
    tensors     what was made in it, the oldest first; for a number or an array among the inputs, that
    inputs      what goes in, once for each time that an operation uses it: pairs of a box, and the tensor (or number)
                that is taken from it; into a layer, once
    outputs     those of its tensors that others take, or that are the output of the graph; the keys of a dict
    users       the boxes that it goes into, as often as it does
    parameters  of a layer: its own leaves, which get no boxes of their own; the keys of a dict
    """
    __slots__ = ("number", "kind", "name", "tensors", "inputs", "outputs", "users", "parameters", "module")

    def __init__(self, kind, name, tensors, module=None):
        self.kind, self.name, self.tensors, self.module = kind, name, tensors, module
        self.inputs, self.outputs, self.users, self.parameters = [], {}, [], {}

    @property
    def title(self):
        """Its name and its operation: `c = add #3`."""
        if self.kind == "layer":
            return f"{self.name}: {type(self.module).__name__}"
        if not isinstance(self.tensors[0], Tensor):
            return "constant"
        made = made_by(self.tensors[0])
        made = made.replace("leaf", "constant") if self.kind == "constant" else made
        return f"{self.name} = {made}" if self.name else made


class Graph:
    """The boxes that an output was computed in, in order of creation, leaves and constants right before their use.

    output      a tensor that a recorded operation made
    opened      the names of modules that are shown operation by operation; True opens all
    variables   a dict of names for tensors and modules; by default, the variables of the calling function
    """

    def __init__(self, output, opened=(), variables=None):
        variables = variables_of_caller() if variables is None else variables
        if not isinstance(output, Tensor) or output.rule is None:
            what = f"a tensor of shape {output.data.shape}" if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(f"trace: {what} has no record to step through: give the result of operations on tensors "
                             "that require a gradient")
        self.output, self.opened = output, (opened,) if isinstance(opened, str) else opened
        self.names = names_in(variables)
        self.operations = [y for y in reachable([output]) if y.rule is not None]
        groups = self.grouped()
        self.check_opened()
        self.repeated = self.names_of_several()
        self.boxes, self.box_of = [], {}
        for layer, tensors in groups:
            self.add(layer, tensors)
        self.box_of[output].outputs[output] = None

    def called(self, x):
        """What the student calls a tensor: by a variable, or by the line that made it; else None."""
        if x in self.names:
            return self.names[x]
        place = self.place(x)
        return place and place.variable

    def label(self, x):
        """The shortest thing to call a tensor by: its name, with its number if others share it; or its operation."""
        name = self.called(x)
        if name is None:
            return made_by(x) if x.requires_grad else f"constant #{x.serial}"
        return f"{name} #{x.serial}" if name in self.repeated else name

    def names_of_several(self):
        """The names that more than one result has: a variable that was assigned to again."""
        counts = Counter(self.called(y) for y in self.operations)
        return {name for name, count in counts.items() if count > 1}

    def place(self, x):
        """The line that made a tensor, if that was recorded."""
        return notes[x.serial].place if x.serial in notes else None

    # -- layers -------------------------------------------------------------------------------------------------------

    def grouped(self):
        """The operations, in lists of neighbours that share a box: pairs of (module or None, tensors)."""
        groups = []
        for y in self.operations:
            module = self.layer(y)
            if module is not None and groups and groups[-1][0] is module:
                groups[-1][1].append(y)
            else:
                groups.append((module, [y]))
        return groups

    def layer(self, y):
        """The outermost module around an operation that isn't open; None if there is none.

        The module that everything else is inside of is always open.
        """
        if self.opened is True or y.serial not in notes:
            return None
        modules = notes[y.serial].modules
        for module in modules[1:]:
            if self.module_name(modules[0], module) not in self.opened:
                return module
        return None

    def module_name(self, root, module):
        """A module's dotted name, which begins with what the student calls the outermost one, or with its class."""
        if module not in self.names:
            for inside, name in names_in({self.names.get(root, type(root).__name__): root}).items():
                self.names.setdefault(inside, name)
            self.names.setdefault(module, type(module).__name__)           # it is no attribute of the outermost one
        return self.names[module]

    def check_opened(self):
        """Refuse to open what is no module of the recording."""
        modules = {self.module_name(notes[y.serial].modules[0], module): None
                   for y in self.operations if y.serial in notes for module in notes[y.serial].modules[1:]}
        for name in () if self.opened is True else self.opened:
            if name not in modules:
                known = f"there are {', '.join(modules)}" if modules else "compute it inside `with trace.record():`"
                raise ValueError(f"trace: no module called {name!r} was recorded; {known}")

    # -- boxes --------------------------------------------------------------------------------------------------------

    def add(self, module, tensors):
        """A box for one operation, or for the operations of a layer, and boxes for what goes in."""
        if module is None:
            box = Box("operation", self.called(tensors[0]), tensors)
            box.inputs = [(self.source(x), x) for x in tensors[0].inputs if x is not None]
        else:
            box = Box("layer", self.names[module], tensors, module)
            inside, seen = set(tensors), set()
            for x in (x for y in tensors for x in y.inputs if isinstance(x, Tensor) and x not in inside):
                if not self.belongs(x, box.name):
                    if x not in seen:
                        box.inputs.append((self.source(x), x))
                elif x.requires_grad:
                    box.parameters[x] = None
                seen.add(x)
        self.place_last(box)
        for y in tensors:
            self.box_of[y] = box
        for source, _ in box.inputs:
            source.users.append(box)

    def place_last(self, box):
        """Put a box behind all others."""
        box.number = len(self.boxes)
        self.boxes.append(box)

    def belongs(self, x, layer):
        """Whether a tensor that goes into a layer needs no box: a parameter of the layer, or an unnamed constant."""
        if x.rule is not None:
            return False
        name = self.called(x)
        return not x.requires_grad if name is None else name.startswith(f"{layer}.")

    def source(self, x):
        """The box that an input comes from; leaves and constants get theirs here, when they are first used."""
        if isinstance(x, Tensor) and x in self.box_of:
            self.box_of[x].outputs[x] = None
            return self.box_of[x]
        if isinstance(x, Tensor):
            box = self.box_of[x] = Box("leaf" if x.requires_grad else "constant", self.called(x), [x])
        else:
            box = Box("constant", None, [np.asarray(x) if isinstance(x, np.generic) else x])
        self.place_last(box)
        return box

    # -- its face -----------------------------------------------------------------------------------------------------

    def __str__(self):
        """A table: for each operation or layer, what it gives, how many numbers it learns, and its line of code."""
        rows = [("", "operations", "output", "learns", "code")]
        rows += [self.table_row(box) for box in self.boxes if box.kind in ("operation", "layer")]
        widths = [max(map(len, column)) for column in zip(*rows)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

    def table_row(self, box):
        """What the table says about a box."""
        leaves = box.parameters or {x: None for source, x in box.inputs if source.kind == "leaf"}
        learned = sum(x.data.size for x in leaves)
        place = self.place(box.tensors[-1])
        return (box.title, operations(box), ", ".join(str(y.shape) for y in box.outputs),
                f"{learned:,}" if learned else "", f"{place}  {place.text.strip()}" if place else "")

    def draw(self, axes=None):
        """The picture of the graph.  Returns the matplotlib figure.  Raises ValueError for a very large one."""
        if len(self.boxes) > MOST:
            raise ValueError(f"trace: a picture of {len(self.boxes):,} boxes can't be read: draw a step, which shows "
                             "those around it, or record the computation, so that layers are one box each")
        return Drawing(self, False).draw(axes)
