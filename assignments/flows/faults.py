"""Wrong solutions that must lose points, and other right ones that must not."""
from ..manifest import Fault, Honest

FLOW, NVP, REALNVP, LINE = "models/flow.py", "models/nvp.py", "models/realnvp.py", "models/piecewise_linear.py"
BASE, DENSITY = f"{FLOW}:Flow.base_log_prob", f"{FLOW}:Flow.log_density"
THROUGH, BACK = f"{FLOW}:through", f"{FLOW}:back"
REAL, NATS = f"{FLOW}:Flow.real", f"{FLOW}:Flow.nats"
LOGIT, UNLOGIT = f"{FLOW}:Logit.forward", f"{FLOW}:Logit.inverse"
S_AND_T, COUPLE, UNCOUPLE = (f"{NVP}:Coupling.{name}" for name in ("scale_and_shift", "forward", "inverse"))
BOARD, CHANNELS, ALTERNATE = (f"{REALNVP}:{name}" for name in ("checkerboard", "channel_mask", "alternate"))
SQUEEZE, UNSQUEEZE = f"{REALNVP}:Squeeze.forward", f"{REALNVP}:Squeeze.inverse"
SCALE, UNSCALE = f"{REALNVP}:Scale.forward", f"{REALNVP}:Scale.inverse"
KNOTS, MAP, LINE_FORWARD, LINE_BACK = (f"{LINE}:Increasing.{name}" for name in ("knots", "map", "forward", "inverse"))

FAULTS = (
    # Task 1
    Fault("one log 2 pi for all entries", BASE, "math.prod(self.shape) * math.log", "math.log"),
    Fault("no log 2 pi", BASE, " + math.prod(self.shape) * math.log(2 * math.pi)", ""),
    Fault("log pi for log 2 pi", BASE, "math.log(2 * math.pi)", "math.log(math.pi)"),
    Fault("no factor 1/2", BASE, "-0.5 * (", "-1.0 * ("),
    Fault("the sign of the base", BASE, "-0.5 * (", "0.5 * ("),
    Fault("mean for sum in the base", BASE, ".sum(entries(z))", ".mean(entries(z))"),
    Fault("sum over one axis only", BASE, ".sum(entries(z))", ".sum(1)"),
    Fault("log |det| subtracted", DENSITY, "+ log_det", "- log_det"),
    Fault("log |det| forgotten", DENSITY, " + log_det", ""),
    Fault("the density of x, not of z", DENSITY, "self.base_log_prob(z)", "self.base_log_prob(x)"),
    Fault("|det| in place of its logarithm", DENSITY, "+ log_det", "+ log_det.exp()"),
    Fault("the last log |det| only", THROUGH, "log_det = log_det + change", "log_det = change"),
    Fault("log |det| multiplied", THROUGH, "log_det = log_det + change", "log_det = log_det * change + change"),
    Fault("x is not passed on", THROUGH, "x, change = layer(x)", "_, change = layer(x)"),
    Fault("the chain backwards", THROUGH, "for layer in layers", "for layer in reversed(layers)"),
    Fault("back in the same order", BACK, "reversed(layers)", "layers"),
    Fault("back by going forward", BACK, "layer.inverse(z)", "layer(z)[0]"),
    # Task 2
    Fault("noise in [0, 1/2)", REAL, "(x + generator.random(x.shape))", "(x + generator.random(x.shape) / 2)"),
    Fault("divided by levels - 1", REAL, "/ self.levels", "/ (self.levels - 1)"),
    Fault("not divided", REAL, " / self.levels", ""),
    Fault("no noise", REAL, "(x + generator.random(x.shape))", "(x + 0.5)"),
    Fault("one number for all entries", REAL, "(x + generator.random(x.shape))", "(x + generator.random())"),
    Fault("Gaussian noise", REAL, "(x + generator.random(", "(x + generator.standard_normal("),
    Fault("real data dequantised, too", REAL, "if self.levels is not None:", "if True:"),
    Fault("always float64", REAL, "x.astype(self.dtype, copy=False)", "x.astype(np.float64)"),
    Fault("the correction forgotten", NATS, "math.prod(self.shape) * math.log(self.levels) - ", "-"),
    Fault("the correction's sign", NATS, "return math.prod(self.shape)", "return -math.prod(self.shape)"),
    Fault("one log levels for all entries", NATS, "math.prod(self.shape) * math.log", "math.log"),
    Fault("bits for nats", NATS, "math.log(self.levels)", "math.log2(self.levels)"),
    Fault("log(levels - 1)", NATS, "math.log(self.levels)", "math.log(self.levels - 1 + 1e-9)"),
    Fault("the sign of the cost", NATS, "- self.log_density", "+ self.log_density"),
    Fault("the sign for real data", NATS, "return -self.log_prob(x)", "return self.log_prob(x)"),
    Fault("the logit's log |det| without its constant", LOGIT, "math.log(1 - 2 * self.margin) - a - b", "0 - a - b"),
    Fault("the logit's constant once", LOGIT, "(math.log(1 - 2 * self.margin) - a - b).sum(entries(x))",
          "math.log(1 - 2 * self.margin) - (a + b).sum(entries(x))"),
    Fault("the logit's log |det| of the wrong sign", LOGIT, "- a - b", "+ a + b"),
    Fault("half of the logit's derivative", LOGIT, "- a - b", "- a"),
    Fault("a margin on one side only", LOGIT, "(1 - 2 * self.margin) * x", "(1 - self.margin) * x"),
    Fault("log(1 - p) added", LOGIT, "return a - b,", "return a + b,"),
    Fault("nothing is refused", LOGIT, "if not (p.data > 0).all() or not (p.data < 1).all():", "if False:"),
    Fault("all outside of [0, 1] is refused", LOGIT, "not (p.data > 0).all() or not (p.data < 1).all()",
          "x.data.min() < 0 or x.data.max() > 1"),
    Fault("the margin not divided by", UNLOGIT, " / (1 - 2 * self.margin)", ""),
    Fault("the margin not subtracted", UNLOGIT, "(sigmoid(y) - self.margin)", "sigmoid(y)"),
    # Task 3
    Fault("the network sees all of x", S_AND_T, "self.network(self.kept * x)", "self.network(x)"),
    Fault("the network sees what is moved", S_AND_T, "self.network(self.kept * x)", "self.network(self.moved * x)"),
    Fault("the mask turned round", S_AND_T, "self.moved * t", "self.kept * t"),
    Fault("shifts everywhere", S_AND_T, "self.moved * t", "t"),
    Fault("s and t exchanged", S_AND_T, "s, t = self.network", "t, s = self.network"),
    Fault("no bound", S_AND_T, "self.limit * tanh(s)", "self.moved * s"),
    Fault("a bound of 1", S_AND_T, "self.limit * tanh(s)", "self.moved * tanh(s)"),
    Fault("the columns cut in two, not the channels", S_AND_T, ".chunk(2, 1)", ".chunk(2, -1)"),
    Fault("log |det| of the wrong sign", COUPLE, "s.sum(entries(s))", "-s.sum(entries(s))"),
    Fault("log |det| summed over one axis", COUPLE, "s.sum(entries(s))", "s.sum(1)"),
    Fault("log |det| summed over the batch", COUPLE, "s.sum(entries(s))", "s.sum()"),
    Fault("exp(s) in log |det|", COUPLE, "s.sum(entries(s))", "exp(s).sum(entries(s))"),
    Fault("shift before scale", COUPLE, "x * exp(s) + t", "(x + t) * exp(s)"),
    Fault("scale by s", COUPLE, "x * exp(s)", "x * (1 + s)"),
    Fault("scale by exp(-s)", COUPLE, "x * exp(s)", "x * exp(-s)"),
    Fault("the inverse in the wrong order", UNCOUPLE, "(y - t) * exp(-s)", "y * exp(-s) - t"),
    Fault("the inverse multiplies", UNCOUPLE, "exp(-s)", "exp(s)"),
    Fault("the inverse adds the shift", UNCOUPLE, "(y - t)", "(y + t)"),
    # Task 4
    Fault("the other colour", BOARD, "+ 1) % 2", ") % 2"),
    Fault("stripes", BOARD, ".sum(0)", "[2]"),
    Fault("height and width exchanged", BOARD, "(1, height, width)).sum", "(1, width, height)).sum"),
    Fault("the second half of the channels", CHANNELS, "np.arange(channels) < channels // 2",
          "np.arange(channels) >= channels - channels // 2"),
    Fault("every other channel", CHANNELS, "np.arange(channels) < channels // 2", "np.arange(channels) % 2 == 0"),
    Fault("half rounded up", CHANNELS, "channels // 2", "(channels + 1) // 2"),
    Fault("the mask's axes forgotten", CHANNELS, ".reshape(-1, 1, 1)", ""),
    Fault("always the same mask", ALTERNATE, "1 - mask if i % 2 else mask", "mask"),
    Fault("the opposite first", ALTERNATE, "1 - mask if i % 2 else mask", "mask if i % 2 else 1 - mask"),
    Fault("one mask too many", ALTERNATE, "range(times)", "range(times + 1)"),
    Fault("squeeze: rows and columns exchanged", SQUEEZE, "permute(0, 3, 5, 1, 2, 4)", "permute(0, 5, 3, 1, 2, 4)"),
    Fault("squeeze: the four of a channel together", SQUEEZE, "permute(0, 3, 5, 1, 2, 4)", "permute(0, 1, 3, 5, 2, 4)"),
    Fault("squeeze: quadrants for squares", SQUEEZE, "x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4)",
          "x.reshape(n, c, 2, h // 2, 2, w // 2).permute(0, 2, 4, 1, 3, 5)"),
    Fault("squeeze: only a reshape", SQUEEZE, ".permute(0, 3, 5, 1, 2, 4)", ""),
    Fault("squeeze: log |det| is log 4", SQUEEZE, "w // 2), 0", "w // 2), 1.386"),
    Fault("unsqueeze: rows and columns exchanged", UNSQUEEZE, "permute(0, 3, 4, 1, 5, 2)", "permute(0, 3, 4, 2, 5, 1)"),
    Fault("unsqueeze: the four of a channel together", UNSQUEEZE,
          "y.reshape(n, 2, 2, c // 4, h, w).permute(0, 3, 4, 1, 5, 2)",
          "y.reshape(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3)"),
    # Task 5
    Fault("the next scale's log |det| forgotten", SCALE, " + of_next", ""),
    Fault("the deep couplings' log |det| forgotten", SCALE, " + of_deep", ""),
    Fault("the other half goes on", SCALE, "x, z = x.chunk(2, 1)", "z, x = x.chunk(2, 1)"),
    Fault("the halves put together in the other order", SCALE, "cat((x, z), 1)", "cat((z, x), 1)"),
    Fault("not unsqueezed", SCALE, "self.squeeze.inverse(cat((x, z), 1))", "cat((x, z), 1)"),
    Fault("the spatial couplings twice", SCALE, "through(self.deep, self.squeeze(x)[0])",
          "through(self.deep, self.squeeze(through(self.spatial, x)[0])[0])"),
    Fault("the next scale twice", SCALE, "self.next(x)", "self.next(self.next(x)[0])"),
    Fault("back: the deep couplings left out", UNSCALE, "back(self.deep, cat((self.next.inverse(x), z), 1))",
          "cat((self.next.inverse(x), z), 1)"),
    Fault("back: the next scale forward", UNSCALE, "self.next.inverse(x)", "self.next(x)[0]"),
    Fault("back: the spatial couplings left out", UNSCALE, "return back(self.spatial, z)", "return z"),
    Fault("back: the halves exchanged", UNSCALE, "x, z = self", "z, x = self"),
    # Task 6
    Fault("y_0 = alpha + h_0", KNOTS, "h.cumsum(0) - h", "h.cumsum(0)"),
    Fault("rises that may be negative", KNOTS, "exp(self.xi)", "1 * self.xi"),
    Fault("alpha forgotten", KNOTS, "self.alpha + ", ""),
    Fault("rises taken for slopes", MAP, "(u - n) * h[n]", "(u - n) * h[n] * self.width"),
    Fault("constant outside of the interval", MAP, "(u - n) * h[n]", "(u - n).clamp(0, 1) * h[n]"),
    Fault("one piece to the right", MAP, "u.detach().floor()", "(u.detach() + 1).floor()"),
    Fault("rounded for floor", MAP, "u.detach().floor().clamp(0", "u.detach().round().clamp(0"),
    Fault("xmin forgotten", MAP, "(x - self.xmin)", "x"),
    Fault("f' can't be differentiated", LINE_FORWARD, "create_graph=create_graph", "create_graph=False"),
    Fault("f' for log f'", LINE_FORWARD, "log(derivative).sum(1)", "derivative.sum(1)"),
    Fault("-log f'", LINE_FORWARD, "log(derivative).sum(1)", "-log(derivative).sum(1)"),
    Fault("the gradient of the mean", LINE_FORWARD, "grad(y.sum()", "grad(y.mean()"),
    Fault("log f' of shape (N, 1)", LINE_FORWARD, "log(derivative).sum(1)", "log(derivative)"),
    Fault("a formula for f', not the derivative of map", LINE_FORWARD, "log(derivative).sum(1)",
          "(self.xi[((x.detach() - self.xmin) / self.width).floor().clamp(0, self.pieces - 1).long()] "
          "- math.log(self.width)).sum(1)"),
    Fault("f under no_grad requires a gradient", LINE_FORWARD, "y if create_graph else y.detach()", "y"),
    Fault("no derivative under no_grad", LINE_FORWARD, "with enable_grad():", "if True:"),
    Fault("gradients left in the parameters", LINE_FORWARD,
          "derivative, = grad(y.sum(), x, retain_graph=True, create_graph=create_graph)",
          "derivative, = grad(y.sum(), x, retain_graph=True, create_graph=create_graph)\n"
          "            y.sum().backward(retain_graph=True)"),
    Fault("back: the knots of the right ends", LINE_BACK, "on_cpu(y)[1:]", "on_cpu(y)"),
    Fault("back: multiplied by h", LINE_BACK, "(z - y[n]) / h[n]", "(z - y[n]) * h[n]"),
    Fault("back: xmin forgotten", LINE_BACK, "self.xmin + ", ""),
    Fault("back: in pieces, not in units", LINE_BACK, "self.width * ", ""),
)

HONEST = (
    Honest("sums entry by entry; a chain by recursion", {BASE: '''
def base_log_prob(self, z):
    each = -0.5 * z ** 2 - 0.5 * np.log(2 * np.pi)
    return each.flatten(1).sum(1)
''', DENSITY: '''
def log_density(self, x):
    z, log_det = self.forward(x)
    return log_det + self.base_log_prob(z)
''', THROUGH: '''
def through(layers, x):
    if len(layers) == 0:
        return x, 0
    y, first = layers[0](x)
    z, rest = through(layers[1:], y)
    return z, first + rest
''', BACK: '''
def back(layers, z):
    for i in range(len(layers) - 1, -1, -1):
        z = layers[i].inverse(z)
    return z
'''}),
    Honest("the correction as a sum; the logit by logsigmoid's sibling; a careful inverse", {REAL: '''
def real(self, x, generator):
    if self.levels is None:
        return tensor(np.array(x, dtype=self.dtype))
    u = generator.random(x.shape)
    return tensor(((x.astype(np.float64) + u) / self.levels).astype(self.dtype))
''', NATS: '''
def nats(self, x, generator):
    if self.levels is None:
        return self.log_prob(x) * -1
    self.check(x)
    dimensions = int(np.prod(self.shape))
    y = self.real(x, generator)
    log_p = self.log_density(y) - dimensions * float(np.log(self.levels))
    return -log_p
''', LOGIT: '''
def forward(self, x):
    p = x * (1 - 2 * self.margin) + self.margin
    if np.any(p.data <= 0) or np.any(p.data >= 1):
        raise ValueError("Logit: numbers from 0 to 1, please")
    slope = (1 - 2 * self.margin) / (p * (1 - p))
    return log(p / (1 - p)), log(slope).flatten(1).sum(1)
''', UNLOGIT: '''
def inverse(self, y):
    p = 1 / (1 + (-y).exp())
    return p / (1 - 2 * self.margin) - self.margin / (1 - 2 * self.margin)
'''}),
    Honest("coupling as the paper writes it", {S_AND_T: '''
def scale_and_shift(self, x):
    out = self.network(x * self.kept)
    channels = x.shape[1]
    s = tanh(out[:, :channels]) * self.limit
    return s, out[:, channels:] * self.moved
''', COUPLE: '''
def forward(self, x):
    s, t = self.scale_and_shift(x)
    y = self.kept * x + self.moved * (x * exp(s) + t)
    return y, (self.moved * s).flatten(1).sum(1)
''', UNCOUPLE: '''
def inverse(self, y):
    s, t = self.scale_and_shift(self.kept * y)
    return self.kept * y + self.moved * ((y - t) / exp(s))
'''}),
    Honest("masks by loops, squeeze by slices", {BOARD: '''
def checkerboard(height, width):
    mask = np.zeros((1, height, width))
    mask[:, ::2, ::2] = mask[:, 1::2, 1::2] = 1
    return mask
''', CHANNELS: '''
def channel_mask(channels):
    mask = np.zeros((channels, 1, 1), np.float32)
    mask[:channels // 2] = 1
    return mask
''', ALTERNATE: '''
def alternate(mask, times):
    masks = []
    for _ in range(times):
        masks.append(mask)
        mask = 1 - mask
    return masks
''', SQUEEZE: '''
def forward(self, x):
    return cat([x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)], 1), 0
''', UNSQUEEZE: '''
def inverse(self, y):
    n, c, h, w = y.shape
    a, b, c, d = y.chunk(4, 1)
    above = cat((a.unsqueeze(4), b.unsqueeze(4)), 4).reshape(n, -1, h, 1, 2 * w)
    below = cat((c.unsqueeze(4), d.unsqueeze(4)), 4).reshape(n, -1, h, 1, 2 * w)
    return cat((above, below), 3).reshape(n, -1, 2 * h, 2 * w)
'''}),
    Honest("scales with names for every step", {SCALE: '''
def forward(self, x):
    h, total = through(self.spatial, x)
    if not self.last:
        h, _ = self.squeeze(h)
        h, more = through(self.deep, h)
        half = h.shape[1] // 2
        on, done = h[:, :half], h[:, half:]
        on, rest = self.next(on)
        h = self.squeeze.inverse(cat([on, done], 1))
        total = total + more + rest
    return h, total
''', UNSCALE: '''
def inverse(self, z):
    if self.last:
        return back(self.spatial, z)
    squeezed, _ = self.squeeze(z)
    half = squeezed.shape[1] // 2
    on = self.next.inverse(squeezed[:, :half])
    h = back(self.deep, cat([on, squeezed[:, half:]], 1))
    return back(self.spatial, self.squeeze.inverse(h))
'''}),
    Honest("pieces found by counting knots; grad with a cotangent of ones", {KNOTS: '''
def knots(self):
    h = exp(self.xi)
    before = tensor(np.tril(np.ones((self.pieces, self.pieces)), -1).astype(h.dtype))
    return before @ h + self.alpha, h
''', MAP: '''
def map(self, x):
    y, h = self.knots()
    u = (x - self.xmin) / self.width
    n = np.clip(np.floor(u.data), 0, self.pieces - 1).astype(np.int64)
    return y[tensor(n)] + (u - tensor(n.astype(u.dtype))) * h[tensor(n)]
''', LINE_FORWARD: '''
def forward(self, x):
    wanted = is_grad_enabled()
    with enable_grad():
        x = x if x.requires_grad else tensor(x.data, requires_grad=True)
        y = self.map(x)
        ones = tensor(np.ones(y.shape, y.dtype))
        slope, = grad(y, x, ones, retain_graph=True, create_graph=True)
        log_slope = log(slope)[:, 0]
    return (y, log_slope) if wanted else (y.detach(), log_slope.detach())
''', LINE_BACK: '''
def inverse(self, z):
    y, h = self.knots()
    n = np.clip((z.data[..., None] >= y.data).sum(-1) - 1, 0, self.pieces - 1)
    left = self.xmin + self.width * tensor(n.astype(z.dtype))
    return left + self.width * (z - y[tensor(n)]) / h[tensor(n)]
'''}),
)
