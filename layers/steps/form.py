"""A convolution as products, and a step: some of these products being added up.

All three operations of `layers/convolution.py` are one trilinear form,

    sum over n, c, i, r, q, (a, b) of   y[n, c, r, q] * w[c, i, a, b] * x[n, i, u, v],

with the pixel (u, v) of the output (r, q) and the tap (a, b) as in `kernels/geometry.py`.  An operation computes one of
the three arrays, its target, from the other two.  A step takes one number of one of the three, and does all products in
which it takes part:

    one number of the target            it gathers its products: a running sum
    one number of the other image       it is spread over the target: a translated kernel, times that number
    one weight, a tap                   it multiplies a shifted copy of the other image
"""
from collections import namedtuple
from dataclasses import dataclass
from functools import cached_property
import numpy as np
from minigrad.board import number
from minigrad.step import Step, table
from ..kernels.geometry import Geometry
from . import pictures

Term = namedtuple("Term", "y w x")
Term.__doc__ = """One product: where its three numbers lie in y, w and x.  A place in x may lie in the padding."""

LINES = 40             # a text lists at most so many products


@dataclass(frozen=True)
class Form:
    """An operation.

    x, w, y     the three arrays, with four axes; the target holds what it is before anything is added
    target      "x", "w" or "y"
    names       what the three are called in this operation
    lead        leading axes that the user's arrays lack
    axes        1 or 2
    """
    geometry: Geometry
    x: np.ndarray
    w: np.ndarray
    y: np.ndarray
    target: str
    names: dict
    lead: int
    axes: int

    @property
    def factors(self):
        """The two arrays that are multiplied."""
        return {"y": ("x", "w"), "x": ("y", "w"), "w": ("x", "y")}[self.target]

    def terms(self, which, index):
        """The products in which one number of an array, "x", "w" or "y", takes part: a list of Term."""
        g, (C, members) = self.geometry, self.w.shape[:2]
        of_group, (OH, OW) = C // g.groups, self.y.shape[2:]
        if which == "y":
            n, c, r, q = index
            first = c // of_group * members                            # the first input channel of c's group
            return [Term(index, (c, i, a, b), (n, first + i, *self.pixel(r, q, a, b)))
                    for i in range(members) for a, b in g.taps]
        if which == "w":
            c, i, a, b = index
            channel = c // of_group * members + i
            return [Term((n, c, r, q), index, (n, channel, *self.pixel(r, q, a, b)))
                    for n in range(len(self.x)) for r in range(OH) for q in range(OW)]
        n, channel, u, v = index
        group, i = divmod(channel, members)
        found = []
        for c in range(group * of_group, (group + 1) * of_group):
            for a, b in g.taps:            # u = r * stride + a * dilation - top has a whole solution r, or none
                r, rest_down = divmod(u + g.padding[0] - a * g.dilation[0], g.stride[0])
                q, rest_right = divmod(v + g.padding[2] - b * g.dilation[1], g.stride[1])
                if rest_down == rest_right == 0 and 0 <= r < OH and 0 <= q < OW:
                    found.append(Term((n, c, r, q), (c, i, a, b), index))
        return found

    def pixel(self, r, q, a, b):
        """The input pixel of the output (r, q) and the tap (a, b)."""
        g = self.geometry
        return r * g.stride[0] + a * g.dilation[0] - g.padding[0], q * g.stride[1] + b * g.dilation[1] - g.padding[2]

    def inside(self, which, index):
        """Whether a place lies in the array, not in the padding."""
        return all(0 <= k < n for k, n in zip(index, getattr(self, which).shape))

    def value(self, which, index):
        """A number of an array; 0 in the padding."""
        return getattr(self, which)[index] if self.inside(which, index) else 0.0

    def given(self, which, index):
        """An index as the user's array has it."""
        lead = self.lead if which != "w" or self.lead == 2 else 0
        return tuple(map(int, index[lead:2 + self.axes]))

    def as_given(self, array):
        """The target with the axes of the user's arrays."""
        lead = self.lead if self.target != "w" or self.lead == 2 else 0
        return array[(0,) * lead].reshape(array.shape[lead:2 + self.axes])

    def label(self, which, index):
        """How a number is called in a text."""
        if not self.inside(which, index):
            return "padding" if self.target != which else "cut off"
        return f"{self.names[which]}[{', '.join(map(str, self.given(which, index)))}]"

    def multiplied(self, group):
        """What a number of that array is multiplied with, if it isn't one of the target, in words."""
        if group == "w":
            return f"the shifted {self.names[self.factors[0]]}"
        return {"y": "the kernel, turned round", "x": "the translated kernel", "w": "its window"}[self.target]


def walk(form, group):
    """The steps, one for each number of the array `group`."""
    target, (one, two) = form.target, form.factors
    result = getattr(form, target).copy()
    indices = [index for index in np.ndindex(getattr(form, group).shape)
               if group != "w" or index[2:] in form.geometry.taps]
    waiting = np.zeros(result.shape, bool)
    if group == target:
        waiting[tuple(np.array(indices, int).reshape(-1, 4).T)] = True
    for index in indices:
        terms, sums = form.terms(group, index), []
        window, weights = (np.array([form.value(name, getattr(term, name)) for term in terms]) for name in (one, two))
        for term, product in zip(terms, window * weights):
            place = getattr(term, target)
            if form.inside(target, place):
                result[place] += product
            sums.append(result[place] if form.inside(target, place) else np.nan)
        if group == target:
            waiting[index] = False
        so_far = np.where(waiting, np.nan, result)
        yield ConvolutionStep(form, group, index, terms, window, weights, window * weights, np.array(sums), so_far)


@dataclass(frozen=True)
class ConvolutionStep(Step):
    """One step of a convolution, of a transposed one, or of a weight gradient.

    group, index    the number that the step is about: of the array "x", "w" or "y" of the form, and where
    terms           the places of its products
    window          for each product, the number of the first array (the operation's input), 0 in the padding
    weights         for each product, the number of the second array (the kernel, or the gradient)
    products        window * weights
    sums            what the target is once each product is added: the running sum; NaN where padding cuts it off
    so_far          the target, with four axes; NaN where the step's kind computes one number after the other, and one
                    is not computed yet
    """
    form: Form
    group: str
    index: tuple
    terms: list
    window: np.ndarray
    weights: np.ndarray
    products: np.ndarray
    sums: np.ndarray
    so_far: np.ndarray

    @cached_property
    def places(self):
        """For each array, the places that take part, and in which product: {name: {place: number}}"""
        return {name: {getattr(term, name): k for k, term in enumerate(self.terms)} for name in "xwy"}

    @property
    def output(self):
        """The target so far, with the axes of the arrays that were given."""
        return self.form.as_given(self.so_far)

    def title(self):
        form, one = self.form, self.form.label(self.group, self.index)
        if self.group == form.target:
            count = f"{len(self.terms)} product{'s' * (len(self.terms) != 1)}"
            return f"{one} gathers {count}: {number(self.so_far[self.index])}"
        value = number(form.value(self.group, self.index))
        return f"{one} = {value} times {form.multiplied(self.group)}"

    def text(self):
        form, (one, two) = self.form, self.form.factors
        rows = [[form.label(one, getattr(term, one)), number(a, 4), "*", form.label(two, getattr(term, two)),
                 number(b, 4), "=", number(p, 4), "->", form.label(form.target, getattr(term, form.target)),
                 "" if s != s else f"= {number(s, 4)}"]
                for term, a, b, p, s in zip(self.terms, self.window, self.weights, self.products, self.sums)]
        left = len(rows) - LINES
        rows = rows[:LINES]
        wide = [max((len(row[k]) for row in rows), default=0) for k in range(10)]
        lines = ["  " + " ".join(cell.rjust(w) if k in (1, 4, 6) else cell.ljust(w)
                                 for k, (cell, w) in enumerate(zip(row, wide))).rstrip() for row in rows]
        if left > 0:
            lines.append(f"  ... and {left} more")
        return "\n".join([*lines, f"{form.names[form.target]} so far", table(self.output)])

    def fill(self, board):
        (pictures.rows if self.form.axes == 1 else pictures.images)(self, board)
