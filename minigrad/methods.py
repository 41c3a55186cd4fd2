"""What is left of a tensor's face: its shape and type, conversions, in-place writes, and Python's own protocols."""
import numpy as np
from . import autograd, dtypes
from .broadcasting import sum_to
from .devices import CPU, CUDA, converted, destination, device_of, moved
from .dtypes import cast, is_floating
from .elementwise import add, clamp, div, mul, sub
from .order import in_order
from .random import generator as random_generator
from .tensor import DeviceArray, Tensor, Storage, array_of, in_place, made_by, raw, record


# ---------------------------------------------------------------------------------------------------------------------
# Shape, type and device

def size(x, dim=None):
    """The sizes of all axes, in a tuple, or the size of one."""
    if dim is None:
        return x.data.shape
    if not -x.data.ndim <= dim < x.data.ndim:
        raise IndexError(f"size: dim {dim} is out of range for shape {x.data.shape}")
    return x.data.shape[dim]


def dim(x):
    """How many axes there are."""
    return x.data.ndim


def numel(x):
    """How many entries there are."""
    return x.data.size


def reversed_axes(x):
    """The transpose of a matrix; a tensor of one axis or none as it is.  Raises ValueError for more axes."""
    if x.data.ndim > 2:
        raise ValueError(f"T: shape {x.data.shape} has more than 2 dimensions; say which to exchange, by "
                         "transpose(dim0, dim1) or permute(...)")
    return x.t()


def to(x, *targets, device=None, dtype=None):
    """x on a device and in a type: to("cuda"), to(minigrad.float64), to("cuda", minigrad.float64), to(another tensor).

    x itself where nothing changes.  Gradients flow back to where x is.
    Raises ValueError for what is neither a device nor a type, CudaError where there is no GPU.
    """
    place, kind = destination("to", (*targets, *(t for t in (device, dtype) if t is not None)))
    return converted(x, place, kind)


def cpu(x):
    """x in the processor's memory: x itself if it is there."""
    return converted(x, CPU, None)


def cuda(x):
    """x on the GPU: x itself if it is there.  Raises CudaError where there is none."""
    return converted(x, CUDA, None)


def caster(dtype):
    """The method that casts to one type."""
    def method(x):
        return cast(x, dtype)
    method.__doc__ = f"x with its numbers cast to {dtype}."
    return method


Tensor.shape = property(lambda x: x.data.shape, doc="The sizes of the axes, in a tuple.")
Tensor.ndim = property(lambda x: x.data.ndim, doc="How many axes there are.")
Tensor.dtype = property(lambda x: x.data.dtype, doc="The type of the numbers: a NumPy dtype.")
Tensor.device = property(device_of, doc="Where the numbers are: minigrad.device.")
Tensor.is_cuda = property(lambda x: isinstance(x.data, DeviceArray), doc="Whether the numbers are on a GPU.")
Tensor.is_leaf = property(lambda x: x.rule is None, doc="Whether no recorded operation made this tensor.")
Tensor.T = property(reversed_axes, doc=reversed_axes.__doc__)
Tensor.size, Tensor.dim, Tensor.numel, Tensor.astype = size, dim, numel, cast
Tensor.to, Tensor.cpu, Tensor.cuda = to, cpu, cuda
for name in ("float", "double", "half", "long", "int", "bool"):
    setattr(Tensor, name, caster(getattr(dtypes, name)))


# ---------------------------------------------------------------------------------------------------------------------
# Out of the graph

def item(x):
    """The number in a tensor of one entry, as a Python number."""
    if x.data.size != 1:
        raise ValueError(f"item: a tensor of shape {x.data.shape} has {x.data.size} entries, not one")
    return x.data.item()


def tolist(x):
    """The numbers as nested lists; of a tensor without axes, the number."""
    return x.data.tolist()


def numpy(x):
    """The array itself, sharing memory.

    Raises RuntimeError for a tensor that requires a gradient: detach() it; TypeError for one that is on a GPU: copy it.
    """
    if x.requires_grad:
        raise RuntimeError("numpy: this tensor requires a gradient, which an array can't follow; "
                           f"use x.detach(){'.cpu()' * x.is_cuda}.numpy()")
    if x.is_cuda:
        raise TypeError(f"numpy: this tensor of shape {x.data.shape} is on the GPU, where NumPy can't reach; "
                        "use x.cpu().numpy()")
    return x.data


def detach(x):
    """The same memory as a new leaf that requires no gradient."""
    out = Tensor(x.data)
    if x.storage is None:
        x.storage = Storage(x.data)
    out.storage = x.storage
    return out


def clone(x):
    """A copy with memory of its own; gradients flow through."""
    array = raw(x)
    return record(array.copy() if array.flags.c_contiguous else in_order(array), clone_rule, x)


def clone_rule(g, y, x):
    """dy = dx."""
    return g


def is_contiguous(x):
    """Whether the numbers lie in memory in order, without gaps."""
    return x.data.flags.c_contiguous


def contiguous(x):
    """x if it lies in memory in order, otherwise a copy that does."""
    return x if is_contiguous(x) else clone(x)


def requires_grad_(x, requires_grad=True):
    """Ask for gradients with respect to this leaf (or, with False, no longer).

    Raises RuntimeError for integers, and where gradients of the result of an operation are to be turned off.
    """
    if requires_grad and not is_floating(x):
        raise RuntimeError(f"requires_grad_: only floating-point tensors can require gradients, not {x.data.dtype}")
    if not requires_grad and x.rule is not None:
        raise RuntimeError(f"requires_grad_: {made_by(x)} is no leaf; use detach() for a tensor without its history")
    x.requires_grad = requires_grad
    return x


def backward(x, gradient=None, retain_graph=None, create_graph=False):
    """Add the gradient of x with respect to each leaf to the leaf's `.grad`; see `autograd.backward`."""
    autograd.backward(x, gradient, retain_graph, create_graph)


for function in (item, tolist, numpy, detach, clone, is_contiguous, contiguous, requires_grad_, backward):
    setattr(Tensor, function.__name__, function)


# ---------------------------------------------------------------------------------------------------------------------
# New tensors of x's type, on its device

def new(x, array, requires_grad):
    """A fresh leaf."""
    out = Tensor(array)
    return requires_grad_(out) if requires_grad else out


def sizes(given):
    """Sizes given one by one or in one tuple."""
    return tuple(given[0]) if len(given) == 1 and isinstance(given[0], (tuple, list)) else given


def new_zeros(x, *size, dtype=None, requires_grad=False):
    """Zeros of x's type (or dtype)."""
    return new(x, np.zeros(sizes(size), dtype or x.data.dtype, like=x.data), requires_grad)


def new_ones(x, *size, dtype=None, requires_grad=False):
    """Ones of x's type (or dtype)."""
    return new(x, np.ones(sizes(size), dtype or x.data.dtype, like=x.data), requires_grad)


def new_empty(x, *size, dtype=None, requires_grad=False):
    """Memory of x's type (or dtype) that nothing has been written to."""
    return new(x, np.empty(sizes(size), dtype or x.data.dtype, like=x.data), requires_grad)


def new_full(x, size, fill_value, dtype=None, requires_grad=False):
    """One value, repeated, in x's type (or dtype)."""
    return new(x, np.full(size, fill_value, dtype or x.data.dtype, like=x.data), requires_grad)


for function in (new_zeros, new_ones, new_empty, new_full):
    setattr(Tensor, function.__name__, function)


# ---------------------------------------------------------------------------------------------------------------------
# In-place writes: see `tensor.in_place`

RANK = {"b": 0, "u": 1, "i": 1, "f": 2}    # a kind of numbers holds those of lower rank


def write(operation, x, *others, name):
    """x becomes operation(x, *others).  Raises TypeError where x's type can't hold that: fractions in integers."""
    def fitting(x, *others):
        y = operation(x, *others)
        if RANK[y.data.dtype.kind] > RANK[x.data.dtype.kind]:
            raise TypeError(f"{name}: a result of type {y.data.dtype} does not fit in place of {x.data.dtype}")
        return y
    return in_place(fitting, x, *others, name=name)


def add_(x, other, alpha=1):
    """x += alpha * other."""
    return write(add, x, other if alpha == 1 else other * alpha, name="add_")


def sub_(x, other, alpha=1):
    """x -= alpha * other."""
    return write(sub, x, other if alpha == 1 else other * alpha, name="sub_")


def mul_(x, other):
    """x *= other."""
    return write(mul, x, other, name="mul_")


def div_(x, other):
    """x /= other."""
    return write(div, x, other, name="div_")


def clamp_(x, min=None, max=None):
    """Keep x between min and max."""
    return write(clamp, x, min, max, name="clamp_")


def replace(x, value):
    """What x is after value, a tensor, an array or a number that broadcasts to x, has been written over it.

    The value may be on another device: then it is moved.
    """
    try:
        array = np.broadcast_to(moved(array_of(value), x.device), x.shape)
        return record(array.astype(x.dtype), replace_rule, x, value)
    except ValueError:
        raise ValueError(f"copy_: shape {np.shape(raw(value))} can't be broadcast to {x.shape}") from None


def replace_rule(g, y, x, value):
    """Nothing of x is left: dy = dvalue."""
    return None, lambda: sum_to(g, value.shape)


def copy_(x, source):
    """Write the numbers of source, which may broadcast and be of another type, over x."""
    return in_place(replace, x, source, name="copy_")


def fill_(x, value):
    """Write one value over all of x."""
    if np.ndim(raw(value)):
        raise ValueError(f"fill_: the value must be a number or a tensor without axes, not of shape {value.shape}")
    return in_place(replace, x, value, name="fill_")


def zero_(x):
    """Write zeros over x."""
    return in_place(replace, x, 0, name="zero_")


def normal_(x, mean=0.0, std=1.0, *, generator=None):
    """Write independent normal numbers over x.  Raises ValueError for a negative std, TypeError for integers."""
    if std < 0:
        raise ValueError(f"normal_: std must not be negative, it is {std}")
    draws = random_generator(generator).standard_normal(x.data.shape, drawn_type("normal_", x))
    return in_place(replace, x, draws * std + mean, name="normal_")


def uniform_(x, a=0.0, b=1.0, *, generator=None):
    """Write independent uniform numbers from [a, b) over x.  Raises ValueError where a > b, TypeError for integers."""
    if a > b:
        raise ValueError(f"uniform_: the bounds must be in order, they are {a} and {b}")
    draws = random_generator(generator).random(x.data.shape, drawn_type("uniform_", x))
    return in_place(replace, x, draws * (b - a) + a, name="uniform_")


def drawn_type(name, x):
    """The type in which random numbers for x are drawn: NumPy offers two.  Raises TypeError for integers."""
    if not is_floating(x):
        raise TypeError(f"{name}: {x.data.dtype} can't hold the numbers of a continuous distribution")
    return dtypes.float32 if x.data.dtype == dtypes.float32 else dtypes.float64


for function in (add_, sub_, mul_, div_, clamp_, copy_, fill_, zero_, normal_, uniform_):
    setattr(Tensor, function.__name__, function)
Tensor.__iadd__, Tensor.__isub__ = lambda x, other: add_(x, other), lambda x, other: sub_(x, other)
Tensor.__imul__, Tensor.__itruediv__ = mul_, div_


# ---------------------------------------------------------------------------------------------------------------------
# Python's protocols

def length(x):
    """len(x): the size of the first axis."""
    if not x.data.ndim:
        raise TypeError("len: a tensor without axes has no length")
    return x.data.shape[0]


def iterate(x):
    """The entries along the first axis, one after the other."""
    if not x.data.ndim:
        raise TypeError("iter: a tensor without axes can't be iterated over; item() gives its number")
    return (x[i] for i in range(x.data.shape[0]))


def truth(x):
    """bool(x), for one entry: whether it is non-zero."""
    if x.data.size != 1:
        raise ValueError(f"bool: a tensor of shape {x.data.shape} has no single truth value; use any() or all()")
    return x.data.item() != 0


def index(x):
    """A tensor of one integer where Python wants an integer, such as in range(x)."""
    if x.data.size != 1 or x.data.dtype.kind not in "biu":
        raise TypeError(f"index: only a tensor of one integer can serve as one, not {x.data.dtype} "
                        f"of shape {x.data.shape}")
    return x.data.item()


def host_array(x, dtype=None, copy=None):
    """np.asarray(x)."""
    return np.array(numpy(x), dtype=dtype, copy=copy)


def formatted(x, spec):
    """f"{x:.3f}": a tensor of one entry without axes formats as its number."""
    if x.data.ndim == 0:
        return format(x.data.item(), spec)
    if spec:
        raise TypeError(f"format: a tensor of shape {x.data.shape} has no format {spec!r}; item() gives a number")
    return repr(x)


def representation(x):
    """The numbers, and what is unusual: the type, the device, a shape that can't be seen; and where it came from."""
    facts = [np.array2string(moved(x.data, CPU), separator=", ", prefix="tensor(", precision=4, suppress_small=True)]
    if x.data.size == 0 and x.data.shape != (0,):
        facts.append(f"size={x.data.shape}")
    if x.data.dtype not in (dtypes.default, dtypes.int64, dtypes.bool):
        facts.append(f"dtype={x.data.dtype}")
    if x.is_cuda:
        facts.append("device='cuda'")
    if x.rule is not None:
        facts.append(f"grad_fn=<{made_by(x)}>")
    elif x.requires_grad:
        facts.append("requires_grad=True")
    return f"tensor({', '.join(facts)})"


def deepcopy(x, memo):
    """copy.deepcopy(x): for leaves only, as in PyTorch; what an operation made can't be copied without its history."""
    if x.rule is not None:
        raise RuntimeError(f"deepcopy: {made_by(x)} is no leaf; copy x.detach().clone() instead")
    out = type(x).__new__(type(x))
    Tensor.__init__(out, x.data.copy(), x.requires_grad)
    memo[id(x)] = out
    out.grad = None if x.grad is None else x.grad.__deepcopy__(memo)
    return out


def pickled(x):
    """pickle.dumps(x): for leaves only, as deepcopy.

    A leaf gets a new serial where it is loaded: serials are the order of one process's tensors, which backward needs.
    """
    if x.rule is not None:
        raise RuntimeError(f"pickle: {made_by(x)} is no leaf; pickle x.detach() instead")
    return unpickled, (type(x), x.data, x.requires_grad, x.grad)


def unpickled(kind, data, requires_grad, grad):
    """The leaf that `pickled` described."""
    out = kind.__new__(kind)
    Tensor.__init__(out, data, requires_grad)
    out.grad = grad
    return out


Tensor.__len__, Tensor.__iter__, Tensor.__bool__, Tensor.__index__ = length, iterate, truth, index
Tensor.__float__, Tensor.__int__ = lambda x: float(item(x)), lambda x: int(item(x))
Tensor.__contains__ = lambda x, value: truth((x == value).any())
Tensor.__array__, Tensor.__format__, Tensor.__repr__ = host_array, formatted, representation
Tensor.__deepcopy__, Tensor.__reduce__ = deepcopy, pickled
