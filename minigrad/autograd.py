"""Reverse-mode differentiation.

`grad` is the primary call; `backward` collects its results in `.grad`; `jacobian`, `hessian`, `vjp` and `jvp` are
built on it.  Derivatives of every order come from one switch, `create_graph`: the rules then run on tensors, and what
they compute is recorded like everything else.
"""
from operator import attrgetter
from types import FunctionType
import numpy as np
from . import tensor as core
from .devices import device_of, to_device
from .shapes import stack
from .tensor import ARRAYS, Tensor, check_unwritten, made_by, raw


def reachable(outputs):
    """All tensors that `outputs` were computed from and that gradients flow through, oldest first.

    An input always has a smaller serial than its output.  So one sort by serial is a topological order: walking it
    backwards, a tensor's cotangent is complete when the walk comes to it.  No recursion, so no depth limit.
    """
    found, stack = set(outputs), list(outputs)
    while stack:
        y = stack.pop()
        if y.inputs is None:
            raise RuntimeError(f"backward: the inputs of {made_by(y)} were freed by an earlier backward; "
                               "call that one with retain_graph=True to differentiate twice")
        for x in y.inputs:
            if isinstance(x, Tensor) and x.requires_grad and x not in found:
                found.add(x)
                stack.append(x)
    return sorted(found, key=attrgetter("serial"))


def propagate(outputs, cotangents, wanted, retain_graph, create_graph):
    """Walk the graph from the outputs back to its leaves.

    outputs     tensors; the same one may be there twice
    cotangents  the gradient of each output, that the walk starts with: of the output's shape and type
    wanted      a set of the tensors whose gradients are asked for, or None for all leaves
    retain_graph        whether to keep `inputs`; else those of each tensor become None, once its rule has run
    create_graph        whether to record what the rules compute.  The switch, `core.recording`, is put back at the end,
                        also when a rule raises an error
    Returns a dict from tensor to gradient: an array, or a tensor under `create_graph`.  A wanted tensor that the
    outputs do not depend on is not in it.

    The tensors are taken newest first, and each cotangent is complete when its turn comes.  Rules run only for tensors
    that lie between the outputs and what is wanted (see `leading_to`), and whose cotangent is not zero for lack of any.
    """
    order = reachable(outputs)
    needed = set(order) if wanted is None else leading_to(wanted, order)
    pending, gradients = {}, {}
    for y, g in zip(outputs, cotangents):
        pending[y] = pending[y] + g if y in pending else g
    before, core.recording = core.recording, create_graph
    try:
        while order:
            y = order.pop()
            g = pending.pop(y, None)
            if y in needed and g is not None:
                if y.rule is None if wanted is None else y in wanted:
                    check_floating(y)
                    gradients[y] = g
                if y.rule is not None:
                    for x, gx in pulled_back(y, g, needed, create_graph):
                        # Gradients add up where a tensor is used more than once: in a fresh sum, for gx may be
                        # somebody else's.
                        pending[x] = pending[x] + gx if x in pending else gx
                    if not retain_graph:
                        y.inputs = None
            needed.discard(y)              # with the walk past it, nothing here keeps y's memory alive
    finally:
        core.recording = before
    return gradients


def check_floating(x):
    """Refuse a gradient with respect to integers: `x.requires_grad = True` lets anything ask for one."""
    if x.data.dtype.kind in "biu":
        raise RuntimeError(f"backward: {made_by(x)}, of shape {x.data.shape}, requires a gradient, which only "
                           f"floating-point tensors can, not {x.data.dtype}; use its float()")


def pulled_back(y, g, needed, create_graph):
    """What the rule of y turns its cotangent g into: pairs of an input, if it is needed, and a cotangent for it."""
    if core.last_write > y.serial:         # or else nothing at all has been written since y was computed
        check_unwritten(y)
    inputs = y.inputs
    if create_graph:
        given = y.rule(g, y, *inputs, **y.parameters)
    else:
        given = y.rule(g, y.data, *[x.data if isinstance(x, Tensor) else x for x in inputs], **y.parameters)
    if not isinstance(given, tuple):
        given = (given,)
    if len(given) != len(inputs):
        raise ValueError(f"the rule of {made_by(y)} gave {len(given)} cotangents for {len(inputs)} inputs")
    for x, gx in zip(inputs, given):
        if isinstance(x, Tensor) and x in needed and gx is not None:
            if type(gx) is FunctionType:
                gx = gx()
            array = x.data
            if getattr(gx, "shape", None) != array.shape:
                wrong = f"a cotangent of shape {gx.shape}" if hasattr(gx, "shape") else f"{gx!r}, which is no array,"
                raise ValueError(f"the rule of {made_by(y)} gave {wrong} for an input of shape {array.shape}")
            if gx.dtype is not array.dtype and gx.dtype != array.dtype:
                gx = gx.astype(array.dtype)
            if type(gx) is not type(array) and device_of(gx) is not device_of(array):
                gx = to_device(gx, device_of(array))
            yield x, gx


def leading_to(wanted, order):
    """Those tensors of `order` (oldest first) that are wanted or were computed from a wanted one."""
    needed = set(wanted)
    for y in order:
        # an input that is newer than its use was overwritten since; with y kept, the walk will see that and refuse
        if any(isinstance(x, Tensor) and (x in needed or x.serial > y.serial) for x in y.inputs):
            needed.add(y)
    return needed


# ---------------------------------------------------------------------------------------------------------------------
# The public calls

def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, allow_unused=False):
    """The gradients of the outputs, weighted by grad_outputs, with respect to the inputs: sum_k g_k dy_k/dx_i.

    outputs, inputs     a tensor, or a sequence of them
    grad_outputs        a cotangent (or None) per output, of its shape; None means 1, for outputs of one element
    retain_graph        keep the graph for another pass; by default, what create_graph says
    create_graph        make the gradients differentiable in turn
    allow_unused        give None for an input that the outputs do not depend on, instead of raising
    Returns a tuple with one tensor (or None) per input.  `.grad` is left alone.
    """
    outputs, inputs = sequence(outputs, Tensor), sequence(inputs, Tensor)
    for i, x in enumerate(inputs):
        if not x.requires_grad:
            raise RuntimeError(f"grad: input {i}, of shape {x.data.shape}, does not require a gradient; "
                               "call requires_grad_() on it before the computation")
    cotangents = initial_cotangents("grad", outputs, grad_outputs, create_graph)
    retain_graph = create_graph if retain_graph is None else retain_graph
    gradients = propagate(outputs, cotangents, set(inputs), retain_graph, create_graph)
    for i, x in enumerate(inputs):
        if x not in gradients and not allow_unused:
            raise RuntimeError(f"grad: the outputs do not depend on input {i}, of shape {x.data.shape}; "
                               "pass allow_unused=True to get None for it")
    owned = owner(cotangents)
    return tuple(owned(gradients[x]) if x in gradients else None for x in inputs)


def backward(output, gradient=None, retain_graph=None, create_graph=False):
    """Add the gradient of `output` with respect to each leaf that requires one to the leaf's `.grad`.

    gradient        the cotangent of output; None means 1, for an output of one element
    retain_graph    keep the graph, so that backward can be called on it again
    create_graph    make the gradients differentiable in turn (prefer `grad`: tensors that hold their own gradients'
                    graphs are cycles, which only the garbage collector frees)
    """
    cotangents = initial_cotangents("backward", [output], gradient, create_graph)
    retain_graph = create_graph if retain_graph is None else retain_graph
    gradients = propagate([output], cotangents, None, retain_graph, create_graph)
    owned = owner(cotangents)
    for x, g in gradients.items():
        x.grad = owned(g) if x.grad is None else x.grad + g


def sequence(x, kind):
    """A list: of x alone, or of the members of x."""
    return [x] if isinstance(x, kind) else list(x)


def initial_cotangents(caller, outputs, given, create_graph):
    """The cotangents that the walk starts with: as given, or 1 for an output of one element."""
    given = [None] * len(outputs) if given is None else sequence(given, (Tensor, *ARRAYS))
    if len(given) != len(outputs):
        raise ValueError(f"{caller}: {len(outputs)} outputs need as many cotangents, not {len(given)}")
    cotangents = []
    for y, g in zip(outputs, given):
        if not y.requires_grad:
            raise RuntimeError(f"{caller}: the output of shape {y.data.shape} does not require a gradient: no tensor "
                               "that it was computed from does, or it was computed under no_grad")
        if g is None and y.data.size != 1:
            raise RuntimeError(f"{caller}: an output of shape {y.data.shape} is not a scalar; "
                               "pass the gradient with respect to it, or reduce it, by mean() say")
        if g is None:
            g = np.ones_like(y.data)
        elif np.shape(raw(g)) != y.data.shape:
            raise ValueError(f"{caller}: a gradient of shape {np.shape(raw(g))} does not fit "
                             f"an output of shape {y.data.shape}")
        elif device_of(g) != device_of(y):
            raise TypeError(f"{caller}: the gradient of an output of shape {y.data.shape} is on {device_of(g)}, "
                            f"and the output on {device_of(y)}; bring it there, by to()")
        if create_graph:
            cotangents.append(g if isinstance(g, Tensor) else Tensor(g))
        else:
            cotangents.append(raw(g))
    return cotangents


def owner(cotangents):
    """A function that makes tensors of gradients, copying those whose memory somebody else may hold.

    Rules pass cotangents on as they are (both inputs of a sum get the same array), so two leaves could end up with one
    array, and a write to one gradient would change the other.
    """
    taken = {id(raw(g)) for g in cotangents}

    def owned(g):
        array = raw(g)
        if not isinstance(array, ARRAYS) or id(array) in taken or array.base is not None:
            if isinstance(g, Tensor):
                return g.clone()
            array = np.copy(array)
        taken.add(id(array))
        return g if isinstance(g, Tensor) else Tensor(array)
    return owned


# ---------------------------------------------------------------------------------------------------------------------
# Derivatives of functions, with the signatures and results of torch.autograd.functional

def jacobian(func, inputs, create_graph=False):
    """All partial derivatives dy_i/dx_j of func's outputs with respect to its inputs: a backward pass per output entry.

    func            takes the inputs, gives a tensor or a tuple of them
    inputs          a tensor, or a tuple of them; they need not require gradients
    create_graph    make the result differentiable in turn
    Returns a tensor of the output's shape followed by the input's; a tuple of them, one per input (or per output), if
    there is a tuple of inputs (or of outputs); for both, a tuple (outputs) of tuples (inputs).
    """
    xs, ys, one_input, one_output = called("jacobian", func, inputs, create_graph)
    rows = tuple(tuple(jacobian_block(y, x, create_graph) for x in xs) for y in ys)
    rows = tuple(row[0] for row in rows) if one_input else rows
    return rows[0] if one_output else rows


def jacobian_block(y, x, create_graph):
    """dy_i/dx_j for one output and one input: a row for each entry of y, one after the other."""
    rows = []
    for k in range(y.data.size):
        v = np.zeros(y.data.shape, y.data.dtype, like=y.data)
        v.reshape(-1)[k] = 1
        rows.append(weighted(y, x, v, create_graph))
    if not rows:
        return Tensor(np.zeros(y.data.shape + x.data.shape, x.data.dtype, like=x.data))
    return stack(rows).reshape(y.data.shape + x.data.shape)


def hessian(func, inputs, create_graph=False):
    """All second derivatives d^2 y/dx_i dx_j of func's single output entry: the Jacobian of its gradient.

    func, inputs    as for `jacobian`, but func gives one tensor with one element
    Returns a tensor of the input's shape twice, or a tuple of tuples of them if there is a tuple of inputs.
    """
    one_input = isinstance(inputs, Tensor)

    def gradient(*xs):
        y = func(*xs)
        if not isinstance(y, Tensor) or y.data.size != 1:
            shape = y.data.shape if isinstance(y, Tensor) else type(y).__name__
            raise RuntimeError(f"hessian: func must give a tensor of one element, not {shape}")
        given = tuple(weighted(y, x, np.ones_like(y.data), True) for x in xs)
        return given[0] if one_input else given

    return jacobian(gradient, inputs, create_graph)


def vjp(func, inputs, v=None, create_graph=False):
    """func's outputs, and the vector-Jacobian product sum_i v_i dy_i/dx_j: (outputs, products), each as func's are.

    v       a cotangent per output, of its shape; may be left out for an output of one element
    """
    xs, ys, one_input, one_output = called("vjp", func, inputs, create_graph)
    vs = vectors("vjp", "output", ys, v)
    products = weighted_sum(ys, xs, vs, create_graph)
    return packed(ys, one_output, create_graph), packed(products, one_input, create_graph)


def jvp(func, inputs, v=None, create_graph=False):
    """func's outputs, and the Jacobian-vector product sum_j dy_i/dx_j v_j: (outputs, products), each as func's outputs.

    v       a tangent per input, of its shape; may be left out for an input of one element

    The vector-Jacobian product w -> J^T w is linear in w, so its own vector-Jacobian product with v is J v, whatever w.
    """
    xs, ys, _, one_output = called("jvp", func, inputs, create_graph)
    vs = vectors("jvp", "input", xs, v)
    ws = [Tensor(np.zeros_like(y.data), requires_grad=True) for y in ys]
    products = weighted_sum(weighted_sum(ys, xs, ws, True), ws, vs, create_graph)
    return packed(ys, one_output, create_graph), packed(products, one_output, create_graph)


def called(caller, func, inputs, create_graph):
    """The inputs, as tensors of their own that require gradients, func's outputs for them, and which come alone."""
    one_input = isinstance(inputs, Tensor)
    given = sequence(inputs, Tensor)
    for i, x in enumerate(given):
        if not isinstance(x, Tensor) or x.data.dtype.kind != "f":
            raise TypeError(f"{caller}: input {i} must be a floating-point tensor, "
                            f"not {x.data.dtype if isinstance(x, Tensor) else type(x).__name__}")
    with core.enable_grad():
        xs = [x.clone() if create_graph and x.requires_grad else Tensor(x.data, True) for x in given]
        outputs = func(*xs)
    ys = sequence(outputs, Tensor)
    for i, y in enumerate(ys):
        if not isinstance(y, Tensor):
            raise TypeError(f"{caller}: func must give tensors, and its output {i} is a {type(y).__name__}")
    return xs, ys, one_input, isinstance(outputs, Tensor)


def vectors(caller, role, like, v):
    """The vectors that a product is taken with, one for each tensor in `like`, of its shape; 1 by default."""
    if v is None:
        for x in like:
            if x.data.size != 1:
                raise RuntimeError(f"{caller}: v can be left out only where the {role} has one element, "
                                   f"not {x.data.shape}")
        return [Tensor(np.ones_like(x.data)) for x in like]
    v = sequence(v, Tensor)
    if [raw(u).shape for u in v] != [x.data.shape for x in like]:
        raise ValueError(f"{caller}: v has shapes {[raw(u).shape for u in v]}, and the {role}s have "
                         f"{[x.data.shape for x in like]}")
    return v


def weighted(y, x, v, create_graph):
    """The cotangent of x for the cotangent v of y."""
    return weighted_sum([y], [x], [v], create_graph)[0]


def weighted_sum(ys, xs, vs, create_graph):
    """The cotangents of xs for cotangents vs of ys, zeros where ys do not depend on them; the graph is kept."""
    tracked = [(y, v) for y, v in zip(ys, vs) if y.requires_grad]
    given = [None] * len(xs)
    if tracked:
        given = grad([y for y, _ in tracked], xs, [v for _, v in tracked], True, create_graph, allow_unused=True)
    return [Tensor(np.zeros_like(x.data)) if g is None else g for x, g in zip(xs, given)]


def packed(xs, alone, create_graph):
    """A tensor where there is one by itself, else a tuple; cut off from the graph unless that was asked for."""
    xs = tuple(xs) if create_graph else tuple(x.detach() for x in xs)
    return xs[0] if alone else xs


def first_nonfinite(output):
    """The first tensor, in order of creation, that holds a NaN or an infinity though all it was made from is finite.

    It looks at everything that `output` was computed from and that gradients flow through, and at the constants that
    went into that.  None if all is finite.  `made_by` names the operation.  To be called before backward, which frees
    the graph.
    """
    for y in reachable([output]):
        for x in (*(x for x in y.inputs if isinstance(x, Tensor)), y):
            if x.data.dtype.kind == "f" and not np.isfinite(x.data).all():
                return x
    return None
