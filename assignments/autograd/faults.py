"""Wrong solutions of `autograd`, each of which must lose points."""
from ..manifest import Fault
from .honest import HONEST

BROADCASTING, ELEMENTWISE, REDUCTIONS, PRODUCTS, INDEXING, AUTOGRAD, GRADCHECK = (
    "minigrad/broadcasting.py:", "minigrad/elementwise.py:", "minigrad/reductions.py:", "minigrad/products.py:",
    "minigrad/indexing.py:", "minigrad/autograd.py:", "minigrad/gradcheck.py:")
SUM_TO = BROADCASTING + "sum_to"
SUM_TO_RULE = BROADCASTING + "sum_to_rule"
EXPAND_RULE = BROADCASTING + "expand_rule"
ADD_RULE = ELEMENTWISE + "add_rule"
SUB_RULE = ELEMENTWISE + "sub_rule"
DIV_RULE = ELEMENTWISE + "div_rule"
REMAINDER_RULE = ELEMENTWISE + "remainder_rule"
POW_RULE = ELEMENTWISE + "pow_rule"
EXP_RULE = ELEMENTWISE + "exp_rule"
LOG_RULE = ELEMENTWISE + "log_rule"
TANH_RULE = ELEMENTWISE + "tanh_rule"
SIGMOID_RULE = ELEMENTWISE + "sigmoid_rule"
RELU_RULE = ELEMENTWISE + "relu_rule"
WHERE_RULE = ELEMENTWISE + "where_rule"
SUM_RULE = REDUCTIONS + "sum_rule"
AMAX_RULE = REDUCTIONS + "amax_rule"
LOGSUMEXP_RULE = REDUCTIONS + "logsumexp_rule"
SOFTMAX_RULE = REDUCTIONS + "softmax_rule"
MATMUL_RULE = PRODUCTS + "matmul_rule"
GETITEM_RULE = INDEXING + "getitem_rule"
PLACE = INDEXING + "place"
REACHABLE = AUTOGRAD + "reachable"
PROPAGATE = AUTOGRAD + "propagate"
RANDOM_COTANGENTS = GRADCHECK + "random_cotangents"
CENTRAL_SLOPE = GRADCHECK + "central_slope"
HAS_KINK = GRADCHECK + "has_kink"
COMPARE = GRADCHECK + "compare"
CHECK = GRADCHECK + "check"

FAULTS = [
    # Task 1
    Fault("sum_to forgets the new axes", SUM_TO, "tuple(range(lead)) + ", ""),
    Fault("sum_to forgets axes of size 1", SUM_TO,
          "tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1 and array.shape[lead + i] != 1)",
          "tuple(range(lead))"),
    Fault("sum_to averages", SUM_TO, "total(array, axes)", "array.mean(axes)"),
    Fault("sum_to aligns shapes at the first axis", SUM_TO,
          "tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1 and array.shape[lead + i] != 1)",
          "tuple(range(len(shape), array.ndim)) + tuple(i for i, n in enumerate(shape) if n == 1)"),
    Fault("sum_to's result is not recorded", SUM_TO,
          "return record(total(array, axes).reshape(shape), sum_to_rule, g, shape=shape)",
          "return total(array, axes).reshape(shape)"),
    Fault("sum_to loses axes without entries", SUM_TO, "array.shape[lead + i] != 1", "array.shape[lead + i] > 1"),
    Fault("the rule of sum_to shares the cotangent out", SUM_TO_RULE,
          "expand(g, x.shape)", "expand(g / (np.prod(x.shape) / np.prod(shape)), x.shape)"),
    Fault("the rule of expand does not add up", EXPAND_RULE,
          "sum_to(g, x.shape)", "sum_to(g, x.shape) * 0 + g[tuple([0] * (g.ndim - x.ndim))]"),

    # Task 2
    Fault("add does not undo broadcasting", ADD_RULE, "sum_to(g, b.shape)", "g"),
    Fault("add sums the first operand only", ADD_RULE, "lambda: sum_to(g, a.shape)", "lambda: g"),
    Fault("sub has no sign", SUB_RULE, "sum_to(-g, b.shape)", "sum_to(g, b.shape)"),
    Fault("sub has its operands exchanged", SUB_RULE,
          "sum_to(g, a.shape), lambda: sum_to(-g, b.shape)", "sum_to(-g, a.shape), lambda: sum_to(g, b.shape)"),
    Fault("div by b once", DIV_RULE, "-g * y / b", "-g * y"),
    Fault("div with a plus", DIV_RULE, "-g * y / b", "g * y / b"),
    Fault("div by b^2 for a, too", DIV_RULE, "sum_to(g / b, a.shape)", "sum_to(g / (b * b), a.shape)"),
    Fault("div keeps one axis too many", DIV_RULE, "sum_to(-g * y / b, b.shape)", "-g * y / b"),
    Fault("remainder like sub", REMAINDER_RULE, "-g * floor_divide(a, b)", "-g"),
    Fault("remainder with the quotient itself", REMAINDER_RULE, "floor_divide(a, b)", "(a / b)"),
    Fault("remainder does not undo broadcasting", REMAINDER_RULE, "sum_to(-g * floor_divide(a, b), b.shape)",
          "-g * floor_divide(a, b)"),
    Fault("pow forgets the factor b", POW_RULE, "slope = b * pow(a, where((a == 0) & (b == 0), 1, b - 1))",
          "slope = pow(a, where((a == 0) & (b == 0), 1, b - 1))"),
    Fault("pow keeps the exponent", POW_RULE, "where((a == 0) & (b == 0), 1, b - 1)", "b"),
    Fault("pow as y b / a: 0 / 0 at zero", POW_RULE,
          "slope = 2 * a if b == 2 else b * pow(a, b - 1 if b != 0 else 1)", "slope = b * y / a"),
    Fault("pow with log of b", POW_RULE, "rate = log(where((a == 0) & (b >= 0), 1, a))", "rate = log(b)"),
    Fault("pow with 0^b log 0 = NaN", POW_RULE, "rate = log(where((a == 0) & (b >= 0), 1, a))", "rate = log(a)"),
    Fault("pow 0 * 0^-1 = NaN", POW_RULE, "pow(a, where((a == 0) & (b == 0), 1, b - 1))", "pow(a, b - 1)"),
    Fault("exp times x", EXP_RULE, "g * y", "g * x"),
    Fault("exp is not recorded", EXP_RULE, "g * y", "raw(g) * raw(y)"),
    Fault("log times x", LOG_RULE, "g / x", "g * x"),
    Fault("log of the output", LOG_RULE, "g / x", "g / y"),
    Fault("tanh without the square", TANH_RULE, "1 - y * y", "1 - y"),
    Fault("tanh of the input", TANH_RULE, "1 - y * y", "1 - x * x"),
    Fault("tanh by cosh, which overflows", TANH_RULE,
          "g * (1 - y * y)", "g * 4 / ((exp(x) + exp(-x)) * (exp(x) + exp(-x))) * (exp(x) / exp(x))"),
    Fault("tanh from an array kept aside", TANH_RULE, "1 - y * y", "1 - raw(y) * raw(y)"),
    Fault("sigmoid of the input", SIGMOID_RULE, "g * y * (1 - y)", "g * x * (1 - x)"),
    Fault("sigmoid like tanh", SIGMOID_RULE, "g * y * (1 - y)", "g * (1 - y * y)"),
    Fault("sigmoid by e^-x, which overflows", SIGMOID_RULE,
          "g * y * (1 - y)", "g * exp(-x) / ((1 + exp(-x)) * (1 + exp(-x)))"),
    Fault("relu is 1 at 0", RELU_RULE, "g * (y > 0)", "g * (x >= 0)"),
    Fault("relu lets all pass", RELU_RULE, "g * (y > 0)", "g"),
    Fault("relu looks at the cotangent", RELU_RULE, "g * (y > 0)", "g * (g > 0)"),
    Fault("where has its operands exchanged", WHERE_RULE, "where(condition, g, 0)", "where(condition, 0, g)"),
    Fault("where does not undo broadcasting", WHERE_RULE,
          "sum_to(where(condition, 0, g), b.shape)", "where(condition, 0, g)"),

    # Task 3
    Fault("sum gives the mean's gradient", SUM_RULE,
          "spread(g, x.shape, dim)", "spread(g / count(x.shape, dim), x.shape, dim)"),
    Fault("sum lets NumPy align the axes", SUM_RULE, "spread(g, x.shape, dim)", "expand(g, x.shape)"),
    Fault("amax gives all ties everything", AMAX_RULE,
          "spread(g / sum(chosen, dim, keepdim=g.ndim == x.ndim), x.shape, dim)", "spread(g, x.shape, dim)"),
    Fault("amax shares among all ties of the tensor", AMAX_RULE,
          "sum(chosen, dim, keepdim=g.ndim == x.ndim)", "sum(chosen)"),
    Fault("amax forgets keepdim", AMAX_RULE, "keepdim=g.ndim == x.ndim", "keepdim=False"),
    Fault("logsumexp without normalising", LOGSUMEXP_RULE,
          "exp(x - spread(where(isfinite(y), y, 0), x.shape, dim))", "exp(x)"),
    Fault("logsumexp as a quotient, which overflows", LOGSUMEXP_RULE,
          "exp(x - spread(where(isfinite(y), y, 0), x.shape, dim))", "(exp(x) / spread(exp(y), x.shape, dim))"),
    Fault("logsumexp of -inf alone gives NaN", LOGSUMEXP_RULE, "where(isfinite(y), y, 0)", "y"),
    Fault("logsumexp does not spread g", LOGSUMEXP_RULE, "spread(g, x.shape, dim) * exp", "expand(g, x.shape) * exp"),
    Fault("softmax has the Jacobian's diagonal only", SOFTMAX_RULE,
          "(g - sum(y * g, dim, keepdim=True))", "g * (1 - y)"),
    Fault("softmax sums over everything", SOFTMAX_RULE, "sum(y * g, dim, keepdim=True)", "sum(g * y)"),
    Fault("softmax sums along the last axis", SOFTMAX_RULE,
          "sum(y * g, dim, keepdim=True)", "sum(g * y, -1, keepdim=True)"),
    Fault("softmax is not multiplied by y", SOFTMAX_RULE,
          "y * (g - sum(y * g, dim, keepdim=True))", "g - sum(y * g, dim, keepdim=True)"),
    Fault("matmul forgets to transpose b", MATMUL_RULE, "if b.ndim == 2:\n        return lambda: matmul(g, turned(b))",
          "if b.ndim == 2:\n        return lambda: matmul(g, b)"),
    Fault("matmul turns the product round", MATMUL_RULE,
          "lambda: matmul(turned(rows(a)), rows(g))", "lambda: turned(matmul(turned(rows(a)), rows(g)))"),
    Fault("matmul does not undo broadcasting", MATMUL_RULE,
          "sum_to(matmul(turned(a), g), b.shape)", "matmul(turned(a), g)"),
    Fault("matmul forgets stacks of vectors", MATMUL_RULE,
          "matmul(reshape(g, math.prod(g.shape)), rows(a))", "matmul(g, a)"),
    Fault("matmul of vectors has its operands exchanged", MATMUL_RULE,
          "lambda: g * b, lambda: g * a", "lambda: g * a, lambda: g * b"),
    Fault("matmul treats a vector on the left as a matrix", MATMUL_RULE,
          "unsqueeze(a, -1) * unsqueeze(g, -2)", "a * g"),
    Fault("getitem's rule reads again", GETITEM_RULE, "place(g, x.shape, key)",
          "place(place(g, x.shape, key)[key.basic], x.shape, key) if key.arrays is None else place(g, y.shape, key)"),
    Fault("place overwrites what comes twice", PLACE, "if unrepeated(key.arrays):", "if True:"),
    Fault("place fills with ones", PLACE, "np.zeros(shape, array.dtype", "np.ones(shape, array.dtype"),
    Fault("place is not recorded", PLACE, "return record(data, place_rule, x, key=key)", "return data"),

    # Task 4
    Fault("reachable finds tensors twice", REACHABLE, "and x not in found", ""),
    Fault("reachable in the order of finding", REACHABLE,
          'sorted(found, key=attrgetter("serial"))', "sorted(found, key=lambda x: -len(x.inputs))"),
    Fault("reachable turned round", REACHABLE, 'key=attrgetter("serial")', 'key=attrgetter("serial"), reverse=True'),
    Fault("reachable goes one step only", REACHABLE, "stack.append(x)", "pass"),
    Fault("reachable starts at the last output", REACHABLE,
          "set(outputs), list(outputs)", "set(outputs), [outputs[-1]]"),
    Fault("reachable takes tensors that require no gradient", REACHABLE, "and x.requires_grad ", ""),
    Fault("cotangents replace each other", PROPAGATE,
          "pending[x] = pending[x] + gx if x in pending else gx", "pending[x] = gx"),
    Fault("cotangents add up in place", PROPAGATE, "pending[x] = pending[x] + gx if x in pending else gx",
          "pending[x] = pending[x].__iadd__(gx) if x in pending and type(gx) is np.ndarray else gx"),
    Fault("an output that is there twice counts once", PROPAGATE,
          "pending[y] = pending[y] + g if y in pending else g", "pending[y] = g"),
    Fault("of an output that is there twice the first cotangent counts", PROPAGATE,
          "pending[y] = pending[y] + g if y in pending else g", "pending.setdefault(y, g)"),
    Fault("leaves only", PROPAGATE, "if y.rule is None if wanted is None else y in wanted:", "if y.rule is None:"),
    Fault("wanted tensors stop the walk", PROPAGATE,
          "if y.rule is not None:", "if y.rule is not None and y not in gradients:"),
    Fault("all rules run", PROPAGATE, "set(order) if wanted is None else leading_to(wanted, order)", "set(order)"),
    Fault("oldest first", PROPAGATE, "y = order.pop()", "y = order.pop(0)"),
    Fault("retain_graph is not obeyed", PROPAGATE, "if not retain_graph:", "if retain_graph:"),
    Fault("the graph is always kept", PROPAGATE, "if not retain_graph:", "if False:"),
    Fault("everything is recorded", PROPAGATE,
          "core.recording = core.recording, create_graph", "core.recording = core.recording, True"),
    Fault("nothing is recorded", PROPAGATE,
          "core.recording = core.recording, create_graph", "core.recording = core.recording, False"),
    Fault("the switch is left off", PROPAGATE, "core.recording = before", "pass"),

    # Task 5
    Fault("the sum of the outputs", RANDOM_COTANGENTS, "np.asarray(rng.standard_normal(raw(y).shape))",
          "np.ones(raw(y).shape)"),
    Fault("one random number for all entries", RANDOM_COTANGENTS, "np.asarray(rng.standard_normal(raw(y).shape))",
          "np.full(raw(y).shape, rng.standard_normal())"),
    Fault("the first output's cotangent only", RANDOM_COTANGENTS, "for y in outputs]", "for y in outputs[:1]]"),
    Fault("one-sided differences", CENTRAL_SLOPE,
          "zip(f(x + h * d), f(x - h * d))]) / (2 * h)", "zip(f(x + h * d), f(x))]) / h"),
    Fault("divided by h", CENTRAL_SLOPE, "/ (2 * h)", "/ h"),
    Fault("without the cotangent", CENTRAL_SLOPE, "dot(v, [", "dot([1.0] * len(v), ["),
    Fault("a step that is not relative", CENTRAL_SLOPE, "h = step_along(x, d, step)", "h = step"),
    Fault("the first output only", CENTRAL_SLOPE, "return dot(v, [", "return dot(v[:1], ["),
    Fault("kinks wherever it is curved", HAS_KINK, " and gap(h / 8) > gap(h) / 2", ""),
    Fault("kinks even if they are too small to matter", HAS_KINK, "gap(h) > tolerance and ", ""),
    Fault("no kinks at all", HAS_KINK, "gap(h) > tolerance and", "False and"),
    Fault("a gap that is not divided by the step", HAS_KINK, "f(x - h * d))])) / h", "f(x - h * d))]))"),
    Fault("NaN passes", COMPARE, "if error(d) <= tolerance(d):       # false for NaN as well\n            continue",
          "if not error(d) > tolerance(d):\n            continue"),
    Fault("everything passes", COMPARE, "if error(d) <= tolerance(d): ", "if True: "),
    Fault("a tolerance of one", COMPARE, "return atol + rtol", "return 1 + rtol"),
    Fault("only the first direction", COMPARE,
          "for d in directions(x.shape, rng):", "for d in list(directions(x.shape, rng))[:1]:"),
    Fault("one direction of ones", COMPARE, "for d in directions(x.shape, rng):", "for d in [np.ones(x.shape)]:"),
    Fault("the message names the first entry", COMPARE, "int(k[0]) for k in np.nonzero(d)", "0 for k in np.nonzero(d)"),
    Fault("the better half", COMPARE, "d = max(halves(d)", "d = min(halves(d)"),
    Fault("kinks are called errors", COMPARE, "if kink and kink(d, tolerance(d)):", "if False:"),
    Fault("errors are called kinks", COMPARE, "if kink and kink(d, tolerance(d)):", "if kink:"),
    Fault("the first argument only", CHECK, "zip(checked, by_rule)", "zip(checked[:1], by_rule)"),
    Fault("no complex step", CHECK, "if analytic:", "if False:"),
    Fault("the complex step with the tolerance of differences", CHECK, "1e-3 * rtol, 1e-3 * atol", "rtol, atol"),
    Fault("returns nothing", CHECK, "return True", "return None"),
]
