"""What every operation must fulfil, as one function: `check(case)`.

A test file lists its operations in a table of `Case`s and checks each:

    CASES = [Case("exp", minigrad.exp, lambda rng: [rng.standard_normal((3, 4))], np.exp, analytic=True), ...]

    @pytest.mark.parametrize("case", CASES, ids=name)
    def test_contract(case):
        check(case)
"""
import warnings
import numpy as np
import minigrad
from minigrad import Tensor


class Case:
    """An operation, on inputs of given shapes.

    name        what test reports call it
    function    takes tensors, gives a tensor or a tuple of them; settings such as dim are bound in a lambda
    inputs      (rng) -> list of arrays.  The float64 ones are differentiated, others (indices, masks) are constants.
                Keep them away from kinks and ties, and within the domain: no warning may be given
    reference   takes the arrays, gives what the operation must give: NumPy written out.  None where there is none
    analytic    whether the complex step is a second oracle, see minigrad.gradcheck
    rtol        relative error allowed in float64, of the values against the reference
    rtol32      relative error allowed in float32, of values and gradients against float64
    """

    def __init__(self, name, function, inputs, reference=None, analytic=False, rtol=1e-12, rtol32=1e-4):
        self.name, self.function, self.inputs, self.reference = name, function, inputs, reference
        self.analytic, self.rtol, self.rtol32 = analytic, rtol, rtol32

    def arrays(self):
        """Fresh inputs, the same each time."""
        return [np.asarray(x) for x in self.inputs(np.random.default_rng(5))]


def name(case):
    """For parametrize(ids=...)."""
    return case.name


def check(case):
    """Assert all of the contract, with warnings as errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for part in (check_values, check_gradients, check_untouched, check_float32, check_memory, check_layout,
                     check_no_grad):
            part(case)


# ---------------------------------------------------------------------------------------------------------------------
# The parts

def check_values(case):
    """The values are the reference's, and the same on bare arrays as on tensors."""
    arrays = case.arrays()
    outputs = several(case.function(*leaves(arrays)))
    for y in outputs:
        assert type(y) is Tensor and type(y.data) is np.ndarray, f"{case.name}: the output is no tensor of an array"
    bare = several(case.function(*arrays))
    assert not any(isinstance(y, Tensor) for y in bare), f"{case.name}: bare arrays gave a tensor"
    close(case, "on bare arrays", bare, [y.data for y in outputs], 0)
    if case.reference is not None:
        close(case, "the reference", several(case.reference(*arrays)), [y.data for y in outputs], case.rtol)


def check_gradients(case):
    """First and second derivatives are those of finite differences; rules give the same on tensors as on arrays."""
    inputs = leaves(case.arrays())
    if not differentiable(inputs):
        return
    minigrad.gradcheck(case.function, inputs, analytic=case.analytic)
    minigrad.gradgradcheck(case.function, inputs)
    _, _, on_arrays = differentiate(case, case.arrays())
    _, _, on_tensors = differentiate(case, case.arrays(), create_graph=True)
    close(case, "gradients under create_graph", [g.data for g in on_arrays], [g.data for g in on_tensors], 1e-12)


def check_untouched(case):
    """Neither the operation nor its rule writes to an input, an output or the incoming cotangent."""
    before, arrays = case.arrays(), case.arrays()
    outputs, cotangents, _ = differentiate(case, arrays)
    assert all(map(same, before, arrays)), f"{case.name}: an input was overwritten"
    fresh, given, _ = differentiate(case, case.arrays(), backward=False)
    assert all(same(a.data, b.data) for a, b in zip(outputs, fresh)), f"{case.name}: an output was overwritten"
    assert all(same(a.data, b.data) for a, b in zip(cotangents, given)), f"{case.name}: the cotangent was overwritten"


def check_float32(case):
    """float32 inputs give float32 outputs and gradients, of the right shapes, near those of float64."""
    arrays = [x.astype(np.float32) if x.dtype == np.float64 else x for x in case.arrays()]
    widened = [x.astype(np.float64) if x.dtype == np.float32 else x for x in arrays]
    outputs, _, gradients = differentiate(case, arrays)
    outputs64, _, gradients64 = differentiate(case, widened)
    for y in outputs:
        assert y.dtype.kind != "f" or y.dtype == np.float32, f"{case.name}: float32 in, {y.dtype} out"
    for x, g in zip((x for x in arrays if x.dtype == np.float32), gradients):
        assert g.dtype == np.float32, f"{case.name}: float32 in, {g.dtype} gradient"
        assert g.shape == x.shape, f"{case.name}: input of shape {x.shape}, gradient of shape {g.shape}"
    close(case, "float64 values", [y.data for y in outputs64], [y.data for y in outputs], case.rtol32)
    close(case, "float64 gradients", [g.data for g in gradients64], [g.data for g in gradients], case.rtol32)


def check_memory(case):
    """No gradient shares memory with another one (of this pass or the next), an input, an output or the cotangent."""
    for create_graph in (False, True):
        inputs = leaves(case.arrays())
        outputs, cotangents = with_cotangents(case, inputs)
        first = gradients_of(outputs, cotangents, inputs, create_graph, retain_graph=True)
        second = gradients_of(outputs, cotangents, inputs, create_graph)
        others = [*inputs, *outputs, *cotangents]
        gradients = first + second
        for i, g in enumerate(gradients):
            for other in gradients[:i] + others:
                assert not np.shares_memory(g.data, raw(other)), f"{case.name}: a gradient shares memory"


def check_layout(case):
    """Arrays that are not contiguous give the same."""
    outputs, _, gradients = differentiate(case, case.arrays())
    strided = [gaps(x) for x in case.arrays()]
    outputs_, _, gradients_ = differentiate(case, strided)
    close(case, "contiguous inputs' values", [y.data for y in outputs], [y.data for y in outputs_], 1e-12)
    close(case, "contiguous inputs' gradients", [g.data for g in gradients], [g.data for g in gradients_], 1e-12)


def check_no_grad(case):
    """Under no_grad nothing is recorded."""
    with minigrad.no_grad():
        for y in several(case.function(*leaves(case.arrays()))):
            assert not y.requires_grad and y.rule is None and not y.inputs, f"{case.name}: recorded under no_grad"


# ---------------------------------------------------------------------------------------------------------------------
# Their tools

def several(outputs):
    """The outputs in a list."""
    return list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]


def raw(x):
    """The array of a tensor or an array."""
    return x.data if isinstance(x, Tensor) else x


def same(a, b):
    """Whether two arrays hold the same."""
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def leaves(arrays):
    """Tensors; those of floating-point numbers require gradients."""
    return [Tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays]


def differentiable(tensors):
    """Those tensors that gradients flow to."""
    return [x for x in tensors if x.requires_grad]


def with_cotangents(case, inputs):
    """The outputs that gradients flow through, and random cotangents for them."""
    rng = np.random.default_rng(6)
    outputs = differentiable(several(case.function(*inputs)))
    return outputs, [Tensor(np.asarray(rng.standard_normal(y.shape), y.dtype)) for y in outputs]


def gradients_of(outputs, cotangents, inputs, create_graph=False, retain_graph=None):
    """The gradient with respect to each differentiable input: zeros for one that does not matter."""
    if not outputs:
        return []
    inputs = differentiable(inputs)
    gradients = minigrad.autograd.grad(outputs, inputs, cotangents, create_graph=create_graph,
                                       retain_graph=retain_graph, allow_unused=True)
    return [Tensor(np.zeros_like(x.data)) if g is None else g for x, g in zip(inputs, gradients)]


def differentiate(case, arrays, create_graph=False, backward=True):
    """Outputs, cotangents and gradients on these arrays (used as they are: no copies)."""
    inputs = leaves(arrays)
    outputs, cotangents = with_cotangents(case, inputs)
    gradients = gradients_of(outputs, cotangents, inputs, create_graph) if backward else []
    return outputs, cotangents, gradients


def close(case, what, expected, found, rtol):
    """Assert that lists of arrays agree, in shape too."""
    assert len(expected) == len(found), f"{case.name}: {len(found)} results, {what}: {len(expected)}"
    for e, f in zip(expected, found):
        assert np.shape(e) == np.shape(f), f"{case.name}: shape {np.shape(f)}, {what}: {np.shape(e)}"
        np.testing.assert_allclose(f, e, rtol=rtol, atol=rtol, err_msg=f"{case.name}: not {what}")


def gaps(x):
    """The same numbers with gaps between them in memory, and the axes stored in the opposite order."""
    wide = np.zeros([2 * n for n in x.shape[::-1]], x.dtype).T
    view = wide[(..., *(slice(None, None, 2) for _ in x.shape))]
    view[...] = x
    return view
