"""Other right solutions of `autoregression`, which must keep all their points."""
from ..manifest import Honest

PAD, PAD_RULE = "minigrad/shapes.py:pad", "minigrad/shapes.py:pad_rule"
ZEROS, FORWARD, STACK = ("layers/convolution.py:causal_zeros", "layers/conv.py:CausalConv1d.forward",
                         "models/causal.py:causal_layers")
CONNECTED, PRODUCT, OUTER = (f"models/masked_linear.py:{n}" for n in ("connected", "masked_product", "masked_outer"))
DEGREES, WIRING = "models/made.py:MADE.draw_degrees", "models/made.py:MADE.wiring"
LOG_PROB, POSITIONS = (f"models/autoregressive.py:Autoregressive.{n}" for n in ("log_prob", "positions"))
BITS, PERPLEXITY, MEAN = (f"models/likelihood.py:{n}" for n in ("bits_per_dim", "perplexity", "mean_cost"))
CDF, DRAW, FILL = "minigrad/random.py:inverse_cdf", "models/autoregressive.py:draw", "models/autoregressive.py:fill"

HONEST = [
    Honest("padding axis by axis", {
        PAD: '''
def pad(x, pad, mode="constant", value=0):
    array, amounts = raw(x), tuple(pad)
    if mode != "constant" or len(amounts) % 2 or len(amounts) // 2 > array.ndim:
        raise ValueError(f"pad: {amounts} in mode {mode} do not fit shape {array.shape}")
    data = array.copy()
    for k in range(len(amounts) // 2):
        axis = array.ndim - 1 - k
        first, last = amounts[2 * k], amounts[2 * k + 1]
        if array.shape[axis] + first + last < 0:
            raise ValueError(f"pad: {amounts} cuts too much from shape {array.shape}")
        for at_front, n in sorted(((True, first), (False, last)), key=lambda pair: -pair[1]):
            if n >= 0:
                block = np.full([n if d == axis else size for d, size in enumerate(data.shape)], value, array.dtype)
                data = np.concatenate((block, data) if at_front else (data, block), axis)
            else:
                length = data.shape[axis]
                kept = np.arange(-n, length) if at_front else np.arange(length + n)
                data = data.take(kept, axis)
    return record(data, pad_rule, x, amounts=amounts)
''',
        PAD_RULE: '''
def pad_rule(g, y, x, amounts):
    back = []
    for n in amounts:
        back.append(-n)
    return pad(g, back)
'''}),

    Honest("causality by hand: a sum over taps of shifted inputs", {
        ZEROS: '''
def causal_zeros(kernel, dilation):
    reach = 0
    for _ in range(kernel - 1):
        reach += dilation
    return reach, 0
''',
        FORWARD: '''
    def forward(self, x):
        """Each tap is a convolution of kernel 1 of an input that was moved to the right."""
        K, d, total = self.kernel_size[0], self.dilation[0], None
        for k in range(K):
            back = (K - 1 - k) * d + (1 if self.shift else 0)
            back = min(back, x.shape[2])
            term = conv1d(pad(x, (back, -back)), self.weight[:, :, k:k + 1], self.bias if k == 0 else None)
            total = term if total is None else total + term
        return total
''',
        STACK: '''
def causal_layers(kernels, channels):
    layers, before = [], 1
    for kernel_size, dilation in kernels:
        layers.append(CausalConv1d(before, channels, kernel_size, dilation=dilation, shift=not layers))
        before = channels
    return layers
'''}),

    Honest("masks as whole matrices", {
        CONNECTED: '''
def connected(sources, targets):
    return np.greater_equal.outer(targets, sources)
''',
        PRODUCT: '''
def masked_product(x, weight, sources, targets):
    hidden = ~connected(sources, targets)
    shown = weight.copy()
    shown[hidden] = 0
    return x @ shown.T
''',
        OUTER: '''
def masked_outer(g, x, sources, targets):
    return np.where(connected(sources, targets), np.einsum("ni,nj->ij", g, x), 0)
''',
        DEGREES: '''
    def draw_degrees(self, generator):
        degrees, lowest, top = [], 1, max(self.size - 1, 1)
        for layer in self.hidden:
            drawn = np.array([generator.choice(np.arange(lowest, top + 1)) for _ in range(layer.out_features)])
            lowest = min(drawn)
            degrees.append(drawn)
        return degrees
''',
        WIRING: '''
    def wiring(self, member):
        own = np.array([rank for rank in member.ranks for _ in range(self.width)])
        sources, hidden = own, []
        for layer, targets in zip(self.hidden, member.degrees):
            hidden.append((layer, sources, targets))
            sources = targets
        outputs = [(self.head, sources, own - 1)]
        if self.direct is not None:
            outputs += [(self.direct, own, own - 1)]
        return hidden, outputs
'''}),

    Honest("masks by loops", {
        CONNECTED: '''
def connected(sources, targets):
    return np.array([[bool(s <= t) for s in sources] for t in targets]).reshape(len(targets), len(sources))
''',
        PRODUCT: '''
def masked_product(x, weight, sources, targets):
    """Unit by unit, with what it sees."""
    y = np.zeros((len(x), len(weight)), x.dtype)
    for i, top in enumerate(targets):
        visible = np.flatnonzero(sources <= top)
        y[:, i] = x[:, visible] @ weight[i, visible]
    return y
''',
        OUTER: '''
def masked_outer(g, x, sources, targets):
    total = np.zeros((g.shape[1], x.shape[1]), x.dtype)
    for example in range(len(x)):
        total += g[example][:, None] * x[example]
    return total * (sources[None, :] <= targets[:, None])
'''}),

    Honest("likelihoods from the softmax itself", {
        LOG_PROB: '''
    def log_prob(self, x, **labels):
        from minigrad import log_softmax, tensor
        self.check(x, **labels)
        log_p = log_softmax(self.logits(x, **labels), 1).reshape(len(x), self.levels, -1)
        chosen = np.eye(self.levels, dtype=log_p.dtype)[x.reshape(len(x), -1)].transpose(0, 2, 1)
        return (log_p * tensor(chosen)).sum((1, 2))
''',
        BITS: '''
def bits_per_dim(nats, shape):
    dimensions = 1
    for n in shape:
        dimensions *= n
    return nats / dimensions / np.log(2.0)
''',
        PERPLEXITY: '''
def perplexity(nats, shape):
    return 2 ** bits_per_dim(nats, shape)
''',
        MEAN: '''
def mean_cost(model, x, y, cost, batch_size, progress=None):
    mode, found = model.training, []
    starts = list(range(0, len(x), batch_size))
    model.train(False)
    with no_grad():
        for start in (progress(starts) if progress else starts):
            chosen = np.arange(start, min(start + batch_size, len(x)))
            result = cost(x[chosen], **labels(model, y, chosen))
            found.append(np.asarray(getattr(result, "data", result), np.float64).reshape(-1))
    model.training or model.train(mode)
    return np.concatenate(found).mean()
'''}),

    Honest("drawing row by row", {
        POSITIONS: '''
    def positions(self):
        if len(self.shape) != 3:
            return [tuple(int(i) for i in np.unravel_index(k, self.shape)) for k in range(int(np.prod(self.shape)))]
        C, H, W = self.shape
        found = []
        for k in range(C * H * W):
            found.append((k % C, k // (C * W), k // C % W))
        return found
''',
        CDF: '''
def inverse_cdf(p, num_samples, rng):
    u = rng.random(p.shape[:-1] + (num_samples,))
    flat, rows = u.reshape(-1, num_samples), p.reshape(-1, p.shape[-1])
    out = np.zeros(flat.shape, np.int64)
    for i, row in enumerate(rows):
        steps = np.cumsum(row)
        out[i] = np.searchsorted(steps / steps[-1], flat[i], side="right")
    return out.reshape(u.shape)
''',
        DRAW: '''
def draw(logits, generator):
    scores = np.array(logits, np.float64)
    scores -= scores.max(axis=1)[:, None]
    p = np.exp(scores)
    p /= p.sum(axis=1)[:, None]
    return inverse_cdf(p, 1, generator).reshape(-1)
''',
        FILL: '''
def fill(x, known, positions, cache, generator):
    for position in list(positions):
        with no_grad():
            scores = cache.logits(position)
            place = (slice(None), *position)
            if known[position]:
                cache.write(position, x[place])
                continue
            x[place] = draw(scores, generator)
            cache.write(position, x[place])
'''}),
]
