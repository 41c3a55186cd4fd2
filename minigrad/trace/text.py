"""Steps in words."""
import re
from collections import Counter
import numpy as np
from ..devices import CPU, moved
from ..tensor import Tensor, raw

FEW = 8                # entries that are written out; of more, the shape and the range are
FEW_SHORT = 3          # in a box of the picture
SEVERAL = 4            # parameters of a layer that are listed one by one
WIDTH = 90             # of the lists, in characters
SHOWN = 12             # up to so many operations, all totals are listed after each step


def array(x):
    """The array, on the CPU, of a tensor or of one of NumPy's scalars; Python's numbers and other things as they are."""
    x = moved(raw(x), CPU)
    return np.asarray(x) if isinstance(x, np.generic) else x


def value(x):
    """The numbers of a tensor or array, if they are few; else its shape and range."""
    x = array(x)
    if not isinstance(x, np.ndarray):
        return f"{x:.5g}" if isinstance(x, float) else repr(x)
    if x.ndim == 0:
        return f"{x.item():.5g}"
    if x.size <= FEW:
        written = np.array2string(x, separator=", ", formatter={"float_kind": "{:.5g}".format})
        return re.sub(r"\s+", " ", written)
    return f"{shape(x)}, {extent(x)}"


def shape(x):
    """Shape and type: `(16, 32) float32`."""
    return f"{x.shape} {x.dtype}"


def extent(x):
    """The range of an array's numbers, with what is not finite."""
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        bad = x.size - np.count_nonzero(np.isfinite(x))
        return f"{bad} of {x.size} NaN or infinite"
    if x.dtype.kind == "b":
        return f"{np.count_nonzero(x)} of {x.size} True"
    return f"{x.min():.4g} to {x.max():.4g}"


def short(x):
    """A value for a box of the picture: the numbers, if they are very few, else the shape."""
    x = array(x)
    if not isinstance(x, np.ndarray):
        return f"{x:.4g}" if isinstance(x, float) else repr(x)
    if x.ndim == 0:
        return f"{x.item():.4g}"
    if x.size <= FEW_SHORT:
        return np.array2string(x.ravel(), separator=" ", formatter={"float_kind": "{:.4g}".format})
    return str(x.shape)


def gradient(g):
    """A gradient for a box of the picture: the numbers, if they are very few, else its Euclidean norm."""
    g = array(g)
    return short(g) if g.size <= FEW_SHORT else f"|g| {np.sqrt(np.sum(np.square(g, dtype=np.float64))):.3g}"


def first_line(docstring):
    """The first sentence or formula of a docstring, without its full stop; None where there is none."""
    return docstring.strip().splitlines()[0].split(".  ")[0].rstrip(".") if docstring else None


def of_step(step):
    """All of a step, a fact a line."""
    rows = of_layer(step) if step.box.kind == "layer" else of_operation(step)
    if step.direction == "backward":
        rows += of_gradients(step)
    return "\n".join([step.title, *(f"  {head:10}{tail}" for head, tail in rows)])


def code(step):
    """The row with the line of code, and for a part of a line one that points to it."""
    place = step.place
    if place is None:
        return []
    head, line, part = str(place), place.text.strip(), place.part
    rows = [("code", f"{head}:  {line}")]
    if step.box.kind != "layer" and part != line and place.variable is None and part in line:
        rows.append(("", " " * (len(head) + 3 + line.index(part)) + "^" * len(part)))
    return rows


def of_operation(step):
    """The line of code, the inputs, the formulas and the output of one operation."""
    rows = code(step)
    for name, x in step.inputs:
        rows.append(("input", f"{name}: {named_value(step, x)}"))
    settings = {key: item for key, item in step.output.parameters.items() if len(repr(item)) < 60}
    if settings:
        rows.append(("settings", ", ".join(f"{key}={item!r}" for key, item in settings.items())))
    if step.direction == "forward" and step.formula:
        rows.append(("computes", step.formula))
    rows.append(("output", f"y: {named_value(step, step.output)}"))
    return rows


def of_layer(step):
    """What goes into a layer, what happens there, and what comes out."""
    rows = code(step)
    for _, x in step.box.inputs:
        rows.append(("input", named_value(step, x)))
    parameters = list(step.box.parameters)
    if len(parameters) > SEVERAL:
        rows.append(("learns", f"{sum(x.data.size for x in parameters):,} numbers in {len(parameters)} parameters"))
    elif parameters:
        rows.append(("learns", ", ".join(f"{step.graph.label(x).removeprefix(f'{step.box.name}.')} {x.shape}"
                                         for x in parameters)))
    rows.append(("inside", operations(step.box)))
    return rows + [("output", named_value(step, y)) for y in step.box.outputs]


def of_gradients(step):
    """The rule, the cotangents that arrive and leave, and what has come together so far."""
    rows, layer, before = [], step.box.kind == "layer", {}
    if not layer and step.rule:
        rows.append(("rule", step.rule))
    for y, g in step.arriving.items():
        rows += arrival(step, y, f"{step.graph.label(y) if layer else 'g'} = {value(g)}")
    many = step.box.parameters if len(step.box.parameters) > SEVERAL else ()
    for y, x, gx in step.leaving:
        if step.graph.box_of.get(x) is step.box or x in many:              # it stays inside the layer
            continue
        old = before.get(x, step.totals.after(x, step.number - 1))
        total = before[x] = gx if old is None else old + gx
        sum_ = f"{value(old)} + {value(gx)} = " if old is not None and gx.size == 1 else ""
        rows.append(("gives", f"{step.graph.label(x)} gets {value(gx)}"
                              + (f", in all {sum_}{value(total)}" if old is not None else "")))
    if many:
        norm = np.sqrt(sum(np.sum(np.square(array(step.total(x)), dtype=np.float64)) for x in many))
        rows.append(("gives", f"its {len(many)} parameters get a gradient of norm {norm:.4g}"))
    if not step.leaving:
        rows.append(("gives", "nothing"))
    if len(step.graph.operations) <= SHOWN:
        totals = {x: step.total(x) for x in step.totals.history if step.total(x) is not None}
        if all(total.size <= FEW for total in totals.values()):
            rows += wrapped("so far", [f"{step.graph.label(x)} {value(total)}" for x, total in totals.items()])
    return rows


def wrapped(head, parts):
    """Parts of a row, on as many rows as they need."""
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) <= WIDTH:
            lines[-1] += f",  {part}"
        else:
            lines.append(part)
    return [(head if i == 0 else "", line) for i, line in enumerate(lines)]


def operations(box):
    """The names of a box's operations: `2 convolve, add`."""
    names = Counter(y.rule.__name__.removesuffix("_rule") for y in box.tensors)
    return ", ".join(f"{n} {name}" if n > 1 else name for name, n in names.items())


def arrival(step, y, written):
    """The rows for a cotangent that arrives: it was added up from one for each use of y, or else something got lost."""
    parts = [g for number, g, _ in step.totals.history.get(y, ()) if number < step.number]
    total = step.totals.after(y, step.number - 1)
    sum_ = f" = {' + '.join(map(value, parts))}" if len(parts) > 1 and parts[0].size == 1 else ""
    if not np.array_equal(array(step.arriving[y]), array(total), equal_nan=True):
        return [("arrives", written),
                ("", f"but {step.graph.label(y)} was given {value(total)}{sum_}: the walk is wrong")]
    rows = [("arrives", written + sum_)]
    if len(parts) > 1:
        rows.append(("", f"from {len(parts)} uses of {step.graph.label(y)}"))
    return rows


def named_value(step, x):
    """`c = 8`: what a tensor is called, and its value; of a bare array or number, its value."""
    return f"{step.graph.label(x)} = {value(x)}" if isinstance(x, Tensor) else value(x)
