"""The tensor, and the record of how it came about.

A `Tensor` is one flat object: an array, and the four facts that differentiation needs -- the *rule* of the operation
that made it, that operation's *inputs* and *parameters*, and a creation number, its *serial*.  There is nothing else:
no graph object, no nodes, no contexts.  The graph *is* the tensors, each pointing to the tensors it was made from.

An operation is two facts side by side, what it computes and its vector-Jacobian product:

    def mul(a, b):
        return record(np.multiply(raw(a), raw(b)), mul_rule, a, b)

    def mul_rule(g, y, a, b):
        return lambda: sum_to(g * b, a.shape), lambda: sum_to(g * a, b.shape)

A rule gets the cotangent `g` of the output, the output `y` and the inputs, and gives one cotangent per input.  It is
written in public operations, and those accept bare arrays as well as tensors.  So the same text runs on bare arrays
in ordinary training, and on tensors when a derivative is to be differentiated again.
"""
import itertools
import numpy as np
from numpy import ndarray

tick = itertools.count(1).__next__     # the next creation number; it grows through the whole program
recording = True                       # whether operations remember their inputs; see no_grad
last_write = 0                         # when any tensor was last written in place


class DeviceArray:
    """What stands in for NumPy's arrays on another device: the base of `minigrad.cuda.Array`."""
    __slots__ = ()


ARRAYS = ndarray, DeviceArray              # for isinstance: what a tensor's data can be


class Storage:
    """When, and by which operation, a piece of memory was last written in place.  Views share it with its owner."""
    __slots__ = ("owner", "written", "writer")

    def __init__(self, owner):
        self.owner, self.written, self.writer = owner, 0, None


class Tensor:
    """An n-dimensional array that remembers how it was made.

    data            the numbers: a NumPy array, or a DeviceArray.  Writing to it directly is seen by nobody; use the
                    `_` methods
    grad            after `backward()`, the gradient: a Tensor of the same shape and dtype, or None
    requires_grad   whether gradients flow to or through this tensor
    rule            the vector-Jacobian product of the operation that made it; None for a leaf
    inputs          what that operation was given: tensors, arrays, numbers.  None once backward has freed them
    parameters      the operation's settings, such as `dim`: a dict
    serial          its creation number: an input's is always smaller than its output's
    storage         the stamp that in-place writes leave, shared by all views; None while there is neither
    """
    __slots__ = ("data", "grad", "requires_grad", "rule", "inputs", "parameters", "serial", "storage", "__weakref__")
    __array_ufunc__ = None                 # so that `array * tensor` is left to Tensor.__rmul__
    __hash__ = object.__hash__             # == compares elementwise; sets and dicts go by identity

    def __init__(self, data, requires_grad=False, rule=None, inputs=(), parameters=None):
        self.data = data
        self.grad = None
        self.requires_grad = requires_grad
        self.rule = rule
        self.inputs = inputs
        self.parameters = parameters
        self.serial = tick()
        self.storage = None


def raw(x):
    """The array inside a tensor; anything else as it is, so that Python numbers stay Python numbers."""
    return x.data if isinstance(x, Tensor) else x


def array_of(x):
    """The array of a tensor, an array or a number, where it is: NumPy itself could not take one on another device."""
    x = raw(x)
    return x if isinstance(x, ARRAYS) else np.asarray(x)


def record(data, rule, *inputs, **parameters):
    """What every operation ends with: wrap its result, and remember the rule and the inputs if a gradient may follow.

    data        the result: an array
    rule        (g, y, *inputs, **parameters) -> cotangents, named `<operation>_rule`; see `operation`
    inputs      what the operation was given.  Where none of it is a tensor, the bare result is returned as it is
    """
    wrapped = tracked = False
    for x in inputs:
        if isinstance(x, Tensor):
            wrapped = True
            if x.requires_grad:
                tracked = recording
                break
    if not wrapped:
        return data
    if type(data) is not ndarray and isinstance(data, np.generic):         # NumPy gives scalars for 0-d results
        data = np.asarray(data)
    out = Tensor(data, True, rule, inputs, parameters) if tracked else Tensor(data)
    if data.base is not None:
        share_storage(out, inputs)
    return out


def operation(forward, rule, name=None):
    """Make a differentiable operation out of what it computes and its vector-Jacobian product.

    forward     (*arrays, **parameters) -> array
    rule        (g, y, *inputs, **parameters) -> cotangents: `g` is the gradient of some scalar L with respect to the
                output `y`; the result holds dL/dinput for each input, in a tuple, or alone where there is one input.
                None stands for zero.  A cotangent that is worth skipping when nobody wants it is given as a
                `lambda:`, called only if its input needs a gradient.  To be differentiable again, a rule must be
                written in minigrad's operations (`*`, `+`, `minigrad.exp` ...), from g, y and the inputs alone:
                no array kept aside from `forward`.
    name        what errors and pictures call it; by default forward's name

    Returns a function of tensors, arrays and numbers (positional; parameters by keyword) that gives a tensor if it was
    given any, and a bare array otherwise.

    >>> cube = operation(lambda x: x ** 3, lambda g, y, x: g * 3 * x ** 2, name="cube")
    """
    name = name or forward.__name__

    def apply(*inputs, **parameters):
        data = forward(*map(raw, inputs), **parameters)
        for x in inputs:
            if isinstance(x, Tensor):
                if not isinstance(data, (*ARRAYS, np.generic)):
                    raise TypeError(f"{name}: forward must give an array, not a {type(data).__name__}")
                if data is x.data:         # only a view tells that it shares the input's memory
                    data = data[...]
        return record(data, rule, *inputs, **parameters)

    if rule.__name__ != f"{name}_rule":
        anonymous = rule

        def rule(g, y, *inputs, **parameters):
            return anonymous(g, y, *inputs, **parameters)
        rule.__name__, rule.__doc__ = f"{name}_rule", anonymous.__doc__
    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = forward.__doc__
    apply.rule = rule
    return apply


def made_by(x):
    """The name and number of the operation that made a tensor, as errors and pictures show it: `mul #42`."""
    return f"{x.rule.__name__.removesuffix('_rule') if x.rule else 'leaf'} #{x.serial}"


# ---------------------------------------------------------------------------------------------------------------------
# Whether operations are recorded

class no_grad:
    """`with no_grad():` (or `@no_grad()`) computes without recording: no gradients, and no memory kept for them.

    The switch is one for the whole process: threads that record and threads that don't must not run side by side.
    """
    __slots__ = ("before",)
    setting = False

    def __enter__(self):
        global recording
        self.before, recording = recording, self.setting

    def __exit__(self, *_):
        global recording
        recording = self.before

    def __call__(self, function):
        def wrapper(*args, **kwargs):
            with type(self)():
                return function(*args, **kwargs)
        wrapper.__name__, wrapper.__doc__, wrapper.__wrapped__ = function.__name__, function.__doc__, function
        return wrapper


class enable_grad(no_grad):
    """`with enable_grad():` records again, inside a `no_grad`."""
    __slots__ = ()
    setting = True


def is_grad_enabled():
    """Whether operations are being recorded."""
    return recording


# ---------------------------------------------------------------------------------------------------------------------
# In-place writes.  A write stamps the storage with the clock; backward refuses a value that is newer than its use.

def share_storage(out, inputs):
    """Let `out`, whose array is a view, share the write stamp of the input whose memory it looks at."""
    for x in inputs:
        if isinstance(x, Tensor) and (out.data.base is x.data
                                      or (x.data.base is not None and out.data.base is x.data.base)):
            if x.storage is None:
                x.storage = Storage(x.data)
            out.storage = x.storage
            return


def stamp(x, writer):
    """Note that x's memory has just been written by the operation called `writer`."""
    global last_write
    if x.storage is None:
        x.storage = Storage(x.data)
    x.storage.written = last_write = tick()
    x.storage.writer = writer


def check_unwritten(y):
    """Raise if a value that the rule of y may need was overwritten after y had been computed from it."""
    for x in (y, *y.inputs):
        if isinstance(x, Tensor) and x.storage is not None and x.storage.written > y.serial:     # usually there is none
            role = "result" if x is y else "input"
            raise RuntimeError(
                f"backward: the {role} of shape {x.data.shape} that {made_by(y)} needs was overwritten by "
                f"{x.storage.writer} at #{x.storage.written}; write into a clone() instead, or write before the use")


def check_writeable(x, name):
    """Refuse to write where one number stands for many entries (`expand`), or into a read-only array."""
    if not x.data.flags.writeable:
        raise RuntimeError(f"{name}: this tensor of shape {x.data.shape} is read-only: it was expanded, so its entries "
                           "share memory, or made of a read-only array; write into a clone()")


def in_place(operation, x, *others, name, **parameters):
    """x becomes operation(x, *others): its memory is overwritten, and so are its rule and inputs.

    What used x before can no longer be differentiated (its rule would see the new value), and says so in backward.
    Raises RuntimeError where the write could not be differentiated: x is a leaf that requires a gradient, or a view;
    and where x is read-only.
    """
    check_writeable(x, name)
    tracked = recording and any(isinstance(t, Tensor) and t.requires_grad for t in (x, *others))
    if tracked and x.requires_grad and x.rule is None:
        raise RuntimeError(f"{name}: a leaf that requires a gradient can't be written in place; "
                           "use `with minigrad.no_grad():`, or work on x.clone()")
    if tracked and x.storage is not None and x.storage.owner is not x.data:
        raise RuntimeError(f"{name}: this tensor of shape {x.data.shape} is a view, and gradients can't follow a write "
                           "through a view; write to the tensor it looks at, or work on x.clone()")
    before = x
    if tracked:                            # what x was so far lives on, with a copy of its value, as the first input
        before = Tensor(x.data.copy(), x.requires_grad, x.rule, x.inputs, x.parameters)
        before.serial = x.serial
    result = operation(before, *others, **parameters)
    if raw(result).shape != x.data.shape:
        raise ValueError(f"{name}: a result of shape {raw(result).shape} does not fit in place of shape {x.data.shape}")
    x.data[...] = raw(result)
    if tracked:
        x.requires_grad, x.rule, x.inputs, x.parameters = True, result.rule, result.inputs, result.parameters
    stamp(x, name)
    if tracked:
        x.serial = x.storage.written       # the tensor as it is now was made by this write
    return x
