"""Other right solutions of `autograd`, which must keep all their points."""
from ..manifest import Honest

BROADCASTING, ENTRIES, REDUCTIONS, PRODUCTS, INDEXING, WALK, CHECK = (f"minigrad/{name}.py:" for name in (
    "broadcasting", "elementwise", "reductions", "products", "indexing", "autograd", "gradcheck"))

HONEST = [
    Honest("cotangents at once, not when asked for", {
        ENTRIES + "add_rule": '''
def add_rule(g, y, a, b):
    return tuple(sum_to(g, x.shape) if hasattr(x, "shape") else None for x in (a, b))
''',
        ENTRIES + "sub_rule": '''
def sub_rule(g, y, a, b):
    return tuple(sum_to(gx, x.shape) if hasattr(x, "shape") else None for gx, x in ((g, a), (neg(g), b)))
''',
        ENTRIES + "div_rule": '''
def div_rule(g, y, a, b):
    given = (div(g, b), a), (neg(div(mul(g, a), mul(b, b))), b)
    return tuple(sum_to(gx, x.shape) if hasattr(x, "shape") else None for gx, x in given)
''',
        ENTRIES + "remainder_rule": '''
def remainder_rule(g, y, a, b):
    given = (g, a), (mul(neg(g), floor(div(a, b))), b)
    return tuple(sum_to(gx, x.shape) if hasattr(x, "shape") else None for gx, x in given)
''',
        ENTRIES + "where_rule": '''
def where_rule(g, y, condition, a, b):
    kept = where(condition, g, 0.0)
    given = (kept, a), (g - kept, b)
    return None, *(sum_to(gx, x.shape) if hasattr(x, "shape") else None for gx, x in given)
''',
        PRODUCTS + "matmul_rule": '''
def matmul_rule(g, y, a, b):
    """Vectors are made matrices first, and in the end the axes go away again."""
    left = unsqueeze(a, 0) if a.ndim == 1 else a
    right = unsqueeze(b, -1) if b.ndim == 1 else b
    if b.ndim == 1:
        g = unsqueeze(g, -1)
    if a.ndim == 1:
        g = unsqueeze(g, -2)
    for_a = sum_to(matmul(g, transpose(right, -1, -2)), left.shape)
    for_b = sum_to(matmul(transpose(left, -1, -2), g), right.shape)
    return reshape(for_a, *a.shape), reshape(for_b, *b.shape)
'''}),

    Honest("other formulas for the same derivatives", {
        ENTRIES + "exp_rule": '''
def exp_rule(g, y, x):
    return exp(x) * g
''',
        ENTRIES + "log_rule": '''
def log_rule(g, y, x):
    return g * (1 / x)
''',
        ENTRIES + "tanh_rule": '''
def tanh_rule(g, y, x):
    return g * (1 - y) * (1 + y)
''',
        ENTRIES + "sigmoid_rule": '''
def sigmoid_rule(g, y, x):
    return g * (y - y ** 2)
''',
        ENTRIES + "relu_rule": '''
def relu_rule(g, y, x):
    return where(x > 0, g, 0.0)
''',
        ENTRIES + "pow_rule": '''
def pow_rule(g, y, a, b):
    def for_a():
        safe = b - 1 if not isinstance(b, (int, float)) else max(b - 1, 0) if b >= 0 and b == int(b) else b - 1
        if isinstance(safe, (int, float)):
            return g * b * a ** safe
        lost = (a == 0) & (b == 0)
        return sum_to(where(lost, 0.0, g * b * where(lost, 1.0, a) ** where(lost, 0.0, safe)), a.shape)

    def for_b():
        if isinstance(a, (int, float)):
            return g * y * (math.log(a) if a > 0 else 0.0)
        nothing = (a == 0) & (b >= 0)
        return sum_to(where(nothing, 0.0, g * y * log(where(nothing, 1.0, a))), b.shape)
    return for_a, for_b
''',
        REDUCTIONS + "softmax_rule": '''
def softmax_rule(g, y, x, dim):
    weighted = y * g
    return weighted - y * sum(weighted, dim, True)
''',
        REDUCTIONS + "logsumexp_rule": '''
def logsumexp_rule(g, y, x, dim):
    level = spread(y, x.shape, dim)
    none = level == -math.inf
    return spread(g, x.shape, dim) * exp(where(none, x, x - where(none, 0.0, level)))
''',
        REDUCTIONS + "amax_rule": '''
def amax_rule(g, y, x, dim):
    """y once more as a mean over the entries that reach it."""
    ties = where(raw(x) == raw(spread(y, x.shape, dim)), np.ones(x.shape), np.zeros(x.shape))
    return spread(g, x.shape, dim) * (ties / ties.sum(dim, keepdims=True))
''',
        REDUCTIONS + "sum_rule": '''
def sum_rule(g, y, x, dim):
    return spread(g, x.shape, dim) * np.ones(x.shape, g.dtype)
'''}),

    Honest("sum_to axis by axis; place by np.add.at", {
        BROADCASTING + "sum_to": '''
def sum_to(g, shape):
    array = raw(g)
    while array.ndim > len(shape):
        array = array.sum(axis=0)
    for axis, n in enumerate(shape):
        if n == 1:
            array = array.sum(axis=axis, keepdims=True)
    return record(array, sum_to_rule, g, shape=shape)
''',
        BROADCASTING + "sum_to_rule": '''
def sum_to_rule(g, y, x, shape):
    """An array of zeros is broadcast with."""
    return g + np.zeros(x.shape) if g.ndim == 0 else expand(g, x.shape)
''',
        INDEXING + "place": '''
def place(x, shape, key):
    data = np.zeros(shape, raw(x).dtype)
    numbers = np.arange(data.size).reshape(shape)
    np.add.at(data.reshape(-1), read(numbers, key), raw(x))
    return record(data, place_rule, x, key=key)
'''}),

    Honest("depth first, then by a heap", {
        WALK + "reachable": '''
def reachable(outputs):
    seen, order = set(), []
    for output in outputs:
        waiting = [output]
        while waiting:
            y = waiting.pop()
            if id(y) in seen:
                continue
            seen.add(id(y))
            order.append(y)
            if y.inputs is None:
                raise RuntimeError(f"backward: {made_by(y)} was freed")
            waiting += [x for x in y.inputs if isinstance(x, Tensor) and x.requires_grad]
    return sorted(order, key=lambda x: x.serial)
''',
        WALK + "propagate": '''
def propagate(outputs, cotangents, wanted, retain_graph, create_graph):
    import heapq
    order = reachable(outputs)
    needed = set(order) if wanted is None else leading_to(wanted, order)
    totals, heap, result = {}, [], {}

    def give(x, gx):
        if x.serial not in totals:
            totals[x.serial] = gx
            heapq.heappush(heap, (-x.serial, x))
        else:
            totals[x.serial] = totals[x.serial] + gx

    saved = core.recording
    core.recording = create_graph
    try:
        for y, g in zip(outputs, cotangents):
            give(y, g)
        while heap:
            _, y = heapq.heappop(heap)
            g = totals[y.serial]
            if y not in needed:
                continue
            if wanted is not None and y in wanted or wanted is None and y.rule is None:
                check_floating(y)
                result[y] = g
            if y.rule is None:
                continue
            for x, gx in pulled_back(y, g, needed, create_graph):
                give(x, gx)
            if not retain_graph:
                y.inputs = None
    finally:
        core.recording = saved
    return result
'''}),

    Honest("a gradient check in one piece", {
        CHECK + "random_cotangents": '''
def random_cotangents(outputs, rng):
    return [rng.uniform(-1, 1, raw(y).shape) + np.zeros(raw(y).shape) for y in outputs]
''',
        CHECK + "central_slope": '''
def central_slope(f, v, x, d, step):
    h = step_along(x, d, step)
    up, down = f(x + h * d), f(x - h * d)
    total = 0.0
    for weight, right, left in zip(v, up, down):
        total += ((right - left) * weight).sum() / (2 * h)
    return float(total)
''',
        CHECK + "has_kink": '''
def has_kink(f, v, x, d, step, tolerance):
    gaps, middle = [], f(x)
    for h in (step_along(x, d, step), step_along(x, d, step) / 8):
        right = dot(v, [a - b for a, b in zip(f(x + h * d), middle)]) / h
        left = dot(v, [b - a for a, b in zip(f(x - h * d), middle)]) / h
        gaps.append(abs(right - left))
    return gaps[0] > tolerance and 2 * gaps[1] > gaps[0]
''',
        CHECK + "compare": '''
def compare(where, oracle, slope, x, claimed, rng, rtol, atol, kink=None):
    def judge(d):
        expected, by_rule = float(slope(d)), float((claimed * d).sum())
        allowed = atol + rtol * np.linalg.norm((claimed * d).ravel())
        return abs(expected - by_rule), allowed

    def search(d):
        """The entry to blame."""
        while (d != 0).sum() > 1:
            left, right = halves(d)
            errors = [np.inf if np.isnan(judge(half)[0]) else judge(half)[0] for half in (left, right)]
            d = left if errors[0] >= errors[1] else right
        return abs(d)

    for d in list(directions(x.shape, rng)):
        error, allowed = judge(d)
        if np.isnan(error) or np.isnan(allowed) or error > allowed:
            d = search(d)
            index = tuple(map(int, np.argwhere(d)[0]))
            words = f"{where}, index {index}: "
            if kink is not None and kink(d, judge(d)[1]):
                raise KinkError(words + "a kink")
            raise GradientError(words + f"the rule gives {claimed[index]}, {oracle} {slope(d)}")
''',
        CHECK + "check": '''
def check(caller, function, inputs, rng, analytic, step, rtol, atol, name=None):
    numbers = to_check(caller, inputs)
    arguments, outputs = run(caller, function, inputs, {})
    label, v = title(function, outputs) if name is None else name, random_cotangents(outputs, rng)
    claimed = [raw(g) for g in gradients(outputs, [arguments[i] for i in numbers], v)]
    for i, g in zip(numbers, claimed):
        def f(array, i=i):
            return [raw(y) for y in run(caller, function, inputs, {i: array})[1]]

        def slope(d, f=f, x=inputs[i].data):
            return central_slope(f, v, x, d, step)

        def kink(d, tolerance, f=f, x=inputs[i].data):
            return has_kink(f, v, x, d, step, tolerance)

        def exact(d, x=inputs[i].data, i=i):
            return complex_slope(lambda array: run_bare(function, inputs, {i: array}), v, x, d)
        where, x = f"{caller}: {label}, argument {i}", inputs[i].data
        compare(where, "finite differences give", slope, x, g, rng, rtol, atol, kink)
        if analytic:
            compare(where, "the complex step gives", exact, x, g, rng, rtol / 1000, atol / 1000)
    return True
'''}),

    Honest("the backward pass with lists", {
        WALK + "reachable": '''
def reachable(outputs):
    known = {}
    fresh = list(outputs)
    while fresh:
        known.update((x.serial, x) for x in fresh)
        found = []
        for y in fresh:
            if y.inputs is None:
                raise RuntimeError("backward: the graph was freed; use retain_graph=True")
            found += [x for x in y.inputs if isinstance(x, Tensor) and x.requires_grad and x.serial not in known]
        fresh = list({x.serial: x for x in found}.values())
    return [known[serial] for serial in sorted(known)]
''',
        WALK + "propagate": '''
def propagate(outputs, cotangents, wanted, retain_graph, create_graph):
    order = reachable(outputs)
    needed = set(order) if wanted is None else leading_to(wanted, order)
    parts = {x: [] for x in order}
    for y, g in zip(outputs, cotangents):
        parts[y].append(g)
    result, before = {}, core.recording
    core.recording = create_graph
    try:
        for y in reversed(order):
            if y not in needed or not parts[y]:
                continue
            g = parts.pop(y)
            while len(g) > 1:
                g.append(g.pop(0) + g.pop(0))
            g = g[0]
            if (wanted is None and y.rule is None) or (wanted is not None and y in wanted):
                check_floating(y)
                result[y] = g
            if y.rule:
                for x, gx in pulled_back(y, g, needed, create_graph):
                    parts[x].append(gx)
                if not retain_graph:
                    y.inputs = None
    finally:
        core.recording = before
    return result
'''}),
]
