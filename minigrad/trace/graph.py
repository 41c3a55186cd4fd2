"""The recorded graph as boxes: one for each operation, leaf and constant, or one for a whole layer.

Operations that followed each other inside one module make one box, unless that module was opened by its name.  They are
neighbours in the order of creation, so boxes keep that order, and an input's box always comes before its user's.
"""
import numpy as np
from ..autograd import reachable
from ..tensor import Tensor, made_by
from .recording import names_in, notes


class Box:
    """One box of the picture.

    kind        "operation", "leaf" (it requires a gradient), "constant", or "layer"
    name        what the student calls it, or None
    tensors     what was made in it, the oldest first; for a number or an array among the inputs, that
    inputs      what goes in, once for each time that it is used: pairs of a box and the tensor (or number) taken from it
    parameters  of a layer: its own leaves, which get no boxes of their own; the keys of a dict
    """
    __slots__ = ("kind", "name", "tensors", "inputs", "parameters")

    def __init__(self, kind, name, tensors):
        self.kind, self.name, self.tensors = kind, name, tensors
        self.inputs, self.parameters = [], {}

    @property
    def title(self):
        """Its name and its operation: `c = add #3`."""
        if self.kind == "layer":
            return self.name
        if not isinstance(self.tensors[0], Tensor):
            return "constant"
        made = made_by(self.tensors[0])
        made = made.replace("leaf", "constant") if self.kind == "constant" else made
        return f"{self.name} = {made}" if self.name else made


class Graph:
    """The boxes that an output was computed in, in order of creation, leaves and constants right before their use.

    output      a tensor that a recorded operation made
    opened      the names of modules that are shown operation by operation; True opens all
    variables   what is called what: a dict from names to tensors and modules
    """

    def __init__(self, output, opened, variables):
        if not isinstance(output, Tensor) or output.rule is None:
            what = f"a tensor of shape {output.data.shape}" if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(f"trace: {what} has no record to step through: give the result of operations on tensors "
                             "that require a gradient")
        self.output, self.opened = output, opened
        self.names = names_in(variables)
        self.operations = [y for y in reachable([output]) if y.rule is not None]
        self.boxes, self.box_of, self.last_use = [], {}, {}
        groups = self.grouped()
        for layer, tensors in groups:
            self.add(layer, tensors)

    def called(self, x):
        """What the student calls a tensor: by a variable, or by the line that made it; else None."""
        if x in self.names:
            return self.names[x]
        place = self.place(x)
        return place and place.variable

    def label(self, x):
        """The shortest thing to call a tensor by: its name, or its operation and number."""
        return self.called(x) or (made_by(x) if x.requires_grad else f"constant #{x.serial}")

    def place(self, x):
        """The line that made a tensor, if that was recorded."""
        return notes[x.serial].place if x.serial in notes else None

    # -- layers -------------------------------------------------------------------------------------------------------

    def grouped(self):
        """The operations, in lists of neighbours that share a box: pairs of (module's name or None, tensors)."""
        groups = []
        for y in self.operations:
            layer = self.layer(y)
            if layer and groups and groups[-1][0] == layer:
                groups[-1][1].append(y)
            else:
                groups.append((layer, [y]))
        return groups

    def layer(self, y):
        """The name of the outermost module around an operation that isn't open; None if there is none.

        The module that everything else is inside of is always open.
        """
        if self.opened is True or y.serial not in notes:
            return None
        modules = notes[y.serial].modules
        for module in modules[1:]:
            name = self.module_name(modules[0], module)
            if name not in self.opened:
                return name
        return None

    def module_name(self, root, module):
        """A module's dotted name, which begins with what the student calls the outermost one, or with its class."""
        if module not in self.names:
            for inside, name in names_in({self.names.get(root, type(root).__name__): root}).items():
                self.names.setdefault(inside, name)
            self.names.setdefault(module, type(module).__name__)           # it is no attribute of the outermost one
        return self.names[module]

    # -- boxes --------------------------------------------------------------------------------------------------------

    def add(self, layer, tensors):
        """A box for one operation, or for the operations of a layer, and boxes for what goes in."""
        if layer is None:
            box = Box("operation", self.called(tensors[0]), tensors)
        else:
            box = Box("layer", layer, tensors)
        inside = set(tensors)
        for y in tensors:
            for x in y.inputs:
                if x is None or isinstance(x, Tensor) and x in inside:
                    continue
                if layer is not None and self.belongs(x, layer):
                    if isinstance(x, Tensor) and x.requires_grad:
                        box.parameters[x] = None
                    continue
                box.inputs.append((self.source(x), x))
        self.boxes.append(box)
        for y in tensors:
            self.box_of[y] = box

    def belongs(self, x, layer):
        """Whether an input of a layer's operations needs no box: a parameter of the layer, or an unnamed constant."""
        if not isinstance(x, Tensor):
            return True
        if x.rule is not None:
            return False
        name = self.called(x)
        return name is None and not x.requires_grad or name is not None and name.startswith(f"{layer}.")

    def source(self, x):
        """The box that an input comes from; leaves and constants get theirs here, when they are first used."""
        if isinstance(x, Tensor) and x in self.box_of:
            return self.box_of[x]
        if isinstance(x, Tensor):
            box = self.box_of[x] = Box("leaf" if x.requires_grad else "constant", self.called(x), [x])
        else:
            box = Box("constant", None, [np.asarray(x) if isinstance(x, np.generic) else x])
        self.boxes.append(box)
        return box
