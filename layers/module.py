"""Modules: what a network is made of.  A module holds parameters, buffers and other modules as ordinary attributes.

There are no hidden tables.  A parameter is an attribute whose value is a `Parameter`, a child is one whose value is a
`Module`, and the order is that of the assignments.  Only buffers need a note, since they are plain tensors.
"""
from collections import namedtuple
import numpy as np
from minigrad import Tensor, as_tensor, no_grad
from minigrad.devices import CPU, CUDA, converted, destination, moved
from minigrad.tensor import array_of, stamp

KeyDifferences = namedtuple("KeyDifferences", "missing_keys unexpected_keys")


class Parameter(Tensor):
    """A tensor that is learned: a module that it is assigned to lists it among its parameters.

    data            a tensor or an array, whose memory it shares, or numbers
    requires_grad   False keeps it from being learned
    """
    __slots__ = ()

    def __init__(self, data, requires_grad=True):
        shared = as_tensor(data).detach()
        super().__init__(shared.data)
        self.storage = shared.storage
        self.requires_grad_(requires_grad)

    def __repr__(self):
        return f"Parameter containing:\n{super().__repr__()}"


class Module:
    """The base of all layers and networks.

    A subclass creates its parameters and modules in `__init__`, after `super().__init__()`, and computes in `forward`;
    calling the module calls `forward`.

    training    whether it is being trained: dropout and batch normalisation behave differently then; see train, eval
    """

    def __init__(self):
        self._buffers = {}                 # the names of the buffers, and whether state_dict has them
        self.training = True

    def forward(self, *inputs):
        """What the module computes."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method: define `def forward(self, x)`")

    def __call__(self, *inputs, **named):
        return self.forward(*inputs, **named)

    # -- attributes ---------------------------------------------------------------------------------------------------

    def __setattr__(self, name, value):
        """Assign; refuse what would quietly take a parameter, a module or a buffer off the lists."""
        members = vars(self)
        listed = isinstance(value, (Parameter, Module))
        if listed and "training" not in members:
            raise AttributeError(f"{type(self).__name__}: __init__ must call super().__init__() before it assigns "
                                 f"{name!r}")
        before = members.get(name)
        if isinstance(before, (Parameter, Module)) and not listed and value is not None:
            raise TypeError(f"{type(self).__name__}.{name} is a {type(before).__name__} and can't become a "
                            f"{type(value).__name__}; assign another, or None, or delete it first")
        if name in members.get("_buffers", ()):
            if listed:
                del self._buffers[name]
            elif value is not None and not isinstance(value, Tensor):
                raise TypeError(f"{type(self).__name__}.{name} is a buffer and can't become a {type(value).__name__}; "
                                "assign a tensor or None")
        object.__setattr__(self, name, value)

    def __delattr__(self, name):
        object.__delattr__(self, name)
        self._buffers.pop(name, None)

    def __getattr__(self, name):           # Python comes here only for what is not found otherwise
        members = vars(self)
        if "training" not in members and not name.startswith("__"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}: its __init__ did not call "
                                 "super().__init__()")
        known = ", ".join(member for member in members if not member.startswith("_"))
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}; it was given {known}")

    def register_parameter(self, name, parameter):
        """The same as `self.name = parameter`.  None is for an optional parameter that is left out, such as a bias."""
        if parameter is not None and not isinstance(parameter, Parameter):
            raise TypeError(f"register_parameter: {name!r} must be a Parameter or None, "
                            f"not a {type(parameter).__name__}")
        self.check_new("register_parameter", name)
        setattr(self, name, parameter)

    def register_buffer(self, name, tensor, persistent=True):
        """Keep a tensor that is part of the module's state but not learned, such as a running mean.

        persistent      whether `state_dict` has it
        """
        if "_buffers" not in vars(self):
            raise AttributeError(f"{type(self).__name__}: __init__ must call super().__init__() before register_buffer")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"register_buffer: {name!r} must be a tensor or None, not a {type(tensor).__name__}")
        if name not in self._buffers:
            self.check_new("register_buffer", name)
        setattr(self, name, tensor)
        self._buffers[name] = persistent

    def add_module(self, name, module):
        """The same as `self.name = module`, for names that are put together at run time."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"add_module: {name!r} must be a Module or None, not a {type(module).__name__}")
        self.check_new("add_module", name)
        setattr(self, name, module)

    def check_new(self, caller, name):
        """A name that is free, and that can be part of a dotted one."""
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"{caller}: a name must be a text without dots, not {name!r}")
        if name in vars(self) or hasattr(type(self), name):
            raise ValueError(f"{caller}: {type(self).__name__} already has an attribute {name!r}")

    # -- what it is made of -------------------------------------------------------------------------------------------

    def named_children(self):
        """(name, module) of the modules assigned to this one, each once."""
        seen = set()
        for name, value in vars(self).items():
            if isinstance(value, Module) and value not in seen:
                seen.add(value)
                yield name, value

    def named_modules(self, prefix="", seen=None):
        """(dotted name, module) of this module (its name is the prefix) and of all modules inside it, each once."""
        seen = set() if seen is None else seen
        if self in seen:
            return
        seen.add(self)
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(dotted(prefix, name), seen)

    def named_parameters(self, prefix="", recurse=True):
        """(dotted name, parameter) of all parameters, each once, in the order of their assignment.

        recurse     False leaves out those of the modules inside
        """
        return self.named_tensors(Module.own_parameters, prefix, recurse)

    def named_buffers(self, prefix="", recurse=True):
        """(dotted name, tensor) of all buffers, each once."""
        return self.named_tensors(Module.own_buffers, prefix, recurse)

    def named_tensors(self, own, prefix, recurse):
        """(dotted name, tensor) of what `own` lists of each module, each once."""
        seen = set()
        for path, module in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name, tensor in own(module):
                if tensor not in seen:
                    seen.add(tensor)
                    yield dotted(path, name), tensor

    def own_parameters(self):
        """(name, parameter) of the parameters assigned to this very module."""
        return [(name, value) for name, value in vars(self).items() if isinstance(value, Parameter)]

    def own_buffers(self):
        """(name, tensor) of the buffers registered with this very module."""
        return [(name, vars(self)[name]) for name in self._buffers if vars(self)[name] is not None]

    def children(self):
        """The modules assigned to this one."""
        return (module for _, module in self.named_children())

    def modules(self):
        """This module and all inside it."""
        return (module for _, module in self.named_modules())

    def parameters(self, recurse=True):
        """All parameters: what an optimiser is given."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def buffers(self, recurse=True):
        """All buffers."""
        return (tensor for _, tensor in self.named_buffers(recurse=recurse))

    def num_parameters(self):
        """How many numbers are learned."""
        return sum(parameter.data.size for parameter in self.parameters() if parameter.requires_grad)

    # -- its state ----------------------------------------------------------------------------------------------------

    def state_dict(self, prefix=""):
        """A dict from dotted names to the parameters and persistent buffers, as detached tensors that share memory.

        What is shared between modules appears under each of its names.
        """
        state = {prefix + name: value.detach() for name, value in self.own_parameters()}
        state |= {prefix + name: value.detach() for name, value in self.own_buffers() if self._buffers[name]}
        for name, child in vars(self).items():
            if isinstance(child, Module):
                state |= child.state_dict(f"{prefix}{name}.")
        return state

    def load_state_dict(self, state_dict, strict=True):
        """Copy a state into the parameters and buffers, in place.

        state_dict      tensors or arrays by name, as `state_dict()` gives them; they are cast to the type here
        strict          whether names that are missing or unknown are errors
        Returns the named tuple (missing_keys, unexpected_keys).
        Raises RuntimeError, listing all that is wrong, before anything has been changed.
        """
        own = self.state_dict()
        given = {name: array_of(value) for name, value in state_dict.items()}
        missing = [name for name in own if name not in given]
        unexpected = [name for name in given if name not in own]
        wrong = [f"{name} has shape {given[name].shape} instead of {own[name].shape}"
                 for name in own if name in given and given[name].shape != own[name].shape]
        problems = [f"missing: {', '.join(missing)}"] * bool(strict and missing)
        problems += [f"unexpected: {', '.join(unexpected)}"] * bool(strict and unexpected)
        if problems + wrong:
            raise RuntimeError(f"load_state_dict: this is not the state of this {type(self).__name__}: "
                               + "; ".join(problems + wrong))
        for name, tensor in own.items():
            if name in given:
                tensor.data[...] = moved(given[name], tensor.device)
                stamp(tensor, "load_state_dict")
        return KeyDifferences(missing, unexpected)

    def train(self, mode=True):
        """Set `training` here and in all modules inside.  Returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self):
        """The same as train(False)."""
        return self.train(False)

    def zero_grad(self, set_to_none=True):
        """Forget the gradients of all parameters, or write zeros over them."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                with no_grad():
                    parameter.grad.zero_()

    def requires_grad_(self, requires_grad=True):
        """Whether gradients are wanted for the parameters: False freezes the module.  Returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def apply(self, function):
        """Call function(module) for all modules inside, and last for this one.  Returns the module."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def to(self, *targets, device=None, dtype=None):
        """Move all parameters, gradients and buffers to a device, and cast the floating-point ones to a type.

        The arguments are those of Tensor.to: to("cuda"), to(minigrad.float64), to("cuda", minigrad.float64).  The
        tensors stay the same objects, so an optimiser goes on with them.  If it fails, nothing has changed.
        Returns the module.
        """
        place, kind = destination("to", (*targets, *(t for t in (device, dtype) if t is not None)))
        members = [x for tensor in (*self.parameters(), *self.buffers()) for x in (tensor, tensor.grad)
                   if x is not None]
        arrays = [converted(x.data, place, kind if x.data.dtype.kind == "f" else None) for x in members]
        for x, array in zip(members, arrays):
            if array is not x.data:
                x.data, x.storage = array, None            # new memory, written later than anything computed so far
                stamp(x, "Module.to")
        return self

    def cpu(self):
        """The same as to("cpu")."""
        return self.to(CPU)

    def cuda(self):
        """The same as to("cuda").  Raises CudaError where there is no GPU."""
        return self.to(CUDA)

    def float(self):
        """The same as to(minigrad.float32)."""
        return self.to(np.dtype("float32"))

    def double(self):
        """The same as to(minigrad.float64)."""
        return self.to(np.dtype("float64"))

    # -- its picture --------------------------------------------------------------------------------------------------

    def extra_repr(self):
        """The settings that `repr` shows, for subclasses to define."""
        return ""

    def __repr__(self):
        settings = self.extra_repr()
        inside = [f"({name}): {value!r}" for name, value in vars(self).items() if isinstance(value, Module)]
        if not inside:
            return f"{type(self).__name__}({settings})"
        lines = "\n".join([settings] * bool(settings) + inside).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {lines}\n)"


def dotted(prefix, name):
    """The name of something inside something."""
    return f"{prefix}.{name}" if prefix else name


# ---------------------------------------------------------------------------------------------------------------------
# Containers

class Identity(Module):
    """Gives back what it gets: a place holder."""

    def forward(self, x):
        return x


class Numbered(Module):
    """What the containers share: modules called 0, 1, 2 ..."""

    def append(self, module):
        """Add a module at the end.  Returns the container."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules):
        """Add several modules at the end.  Returns the container."""
        for module in modules:
            self.append(module)
        return self

    def __len__(self):
        return len(self.names())

    def __iter__(self):
        return iter([vars(self)[name] for name in self.names()])

    def __getitem__(self, index):
        """One module; for a slice, a container of the same modules."""
        if isinstance(index, slice):
            part = Numbered.__new__(type(self))
            Module.__init__(part)
            return part.extend(list(self)[index])
        return vars(self)[self.name(index)]

    def __setitem__(self, index, module):
        setattr(self, self.name(index), module)

    def names(self):
        """The names of the modules, in order."""
        return [name for name, value in vars(self).items() if isinstance(value, Module)]

    def name(self, index):
        """The name of a module, by its number."""
        names = self.names()
        if not -len(names) <= index < len(names):
            raise IndexError(f"{type(self).__name__}: index {index} is out of range for {len(names)} modules")
        return names[index]


class Sequential(Numbered):
    """Modules one after the other: each gets what the one before gives.

    Sequential(first, second, ...), or Sequential({name: module, ...}) to give them names.
    """

    def __init__(self, *modules):
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], dict):
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            self.extend(modules)

    def forward(self, x):
        for module in self:
            x = module(x)
        return x


class ModuleList(Numbered):
    """A list of modules, for networks that call them in their own way.  (A Python list would hide their parameters.)"""

    def __init__(self, modules=()):
        super().__init__()
        self.extend(modules)
