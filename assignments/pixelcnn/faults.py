"""Wrong solutions that must lose points, and other right ones that must not."""
from ..manifest import Fault, Honest

CONV, PIXELCNN, COMMON = "layers/conv.py", "models/pixelcnn.py", "models/autoregressive.py"
MASK, MASKED = f"{CONV}:raster_mask", f"{CONV}:MaskedConv2d.forward"
FORWARD, CACHED = f"{PIXELCNN}:PixelCNN.forward", f"{PIXELCNN}:PixelCNNCache.logits"
LOG_PROB, POSITIONS = f"{COMMON}:Autoregressive.log_prob", f"{COMMON}:Autoregressive.positions"
DRAW, FILL, BITS = f"{COMMON}:draw", f"{COMMON}:fill", "models/likelihood.py:bits_per_dim"

FAULTS = (
    # Task 1
    Fault("mask A for B", MASK, 'if mask_type == "A"', 'if mask_type in ("A", "B")'),
    Fault("A and B exchanged", MASK, 'mask_type == "A" else', 'mask_type == "B" else'),
    Fault("mask A includes the centre", MASK, "of_input < of_output if", "of_input <= of_output if"),
    Fault("mask B excludes the centre", MASK, "else of_input <= of_output", "else of_input < of_output"),
    Fault("the whole row of the centre is seen", MASK, "[:, :, :KH // 2] = 1", "[:, :, :KH // 2 + 1] = 1"),
    Fault("the rows above are hidden", MASK, "mask[:, :, :KH // 2] = 1", "mask[:, :, :KH // 2] = 0"),
    Fault("kernel upside down", MASK, "[:, :, :KH // 2] = 1", "[:, :, KH // 2 + 1:] = 1"),
    Fault("right instead of left", MASK, "KH // 2, :KW // 2] = 1", "KH // 2, KW // 2 + 1:] = 1"),
    Fault("height and width exchanged", MASK, "KH, KW = kernel_size", "KW, KH = kernel_size"),
    Fault("input and output exchanged", MASK, "zeros((out_channels, in_channels,", "zeros((in_channels, out_channels,"),
    Fault("colours in reverse order", MASK, "of_input < of_output if", "of_input > of_output if"),
    Fault("colours ignored", MASK, "of_input < of_output if", "0 * of_input < 0 * of_output if"),
    Fault("colours interleaved in the input", MASK, "np.arange(in_channels) * colours // in_channels",
          "np.arange(in_channels) % colours"),
    Fault("colours interleaved in the output", MASK, "np.arange(out_channels)[:, None] * colours // out_channels",
          "np.arange(out_channels)[:, None] % colours"),
    Fault("the mask in float64", MASK, "np.float32", "np.float64"),
    # Task 2
    Fault("the mask forgotten", MASKED, "self.weight * self.mask if self.colours > 1 else self.weight", "self.weight"),
    Fault("hidden taps not left out", MASKED, "taps=self.taps", ""),
    Fault("the mask turned round", MASKED, "self.weight * self.mask", "self.weight * (1 - self.mask)"),
    Fault("two colours forgotten", MASKED, "self.colours > 1", "self.colours > 2"),
    Fault("zeros written into the weight, where the optimizer overwrites them", MASKED,
          "weight = self.weight * self.mask if self.colours > 1 else self.weight",
          "weight = self.weight; weight.data *= self.mask.data"),
    Fault("stride forgotten", MASKED, "stride=self.stride, ", ""),
    Fault("padding forgotten", MASKED, "padding=self.padding", 'padding="same" if max(self.stride) == 1 else 0'),
    Fault("dilation forgotten", MASKED, "dilation=self.dilation,", ""),
    Fault("bias forgotten", MASKED, "self.bias", "None"),
    # Task 3
    Fault("no residual connections", FORWARD, "h = h + block(", "h = block("),
    Fault("residual connections twice", FORWARD, "h = h + block(", "h = h + h + block("),
    Fault("ReLU after the block, not before", FORWARD, "block(relu(h))", "relu(block(h))"),
    Fault("no ReLU in the blocks", FORWARD, "block(relu(h))", "block(h)"),
    Fault("no ReLU before the head", FORWARD, "self.head(relu(h))", "self.head(h)"),
    Fault("ReLU after the first convolution", FORWARD, "h = self.first(e)", "h = relu(self.first(e))"),
    Fault("levels and colours exchanged", FORWARD,
          "logits.reshape(len(e), self.shape[0], self.levels, *self.shape[1:]).transpose(1, 2)",
          "logits.reshape(len(e), self.levels, self.shape[0], *self.shape[1:])"),
    Fault("levels not on the second axis", FORWARD, ".transpose(1, 2)", ""),
    # Task 4
    Fault("the sign", LOG_PROB, "return -losses", "return losses"),
    Fault("mean for sum", LOG_PROB, ".flatten(1).sum(1)", ".flatten(1).mean(1)"),
    Fault("sum over the last axis only", LOG_PROB, ".flatten(1).sum(1)", ".sum(-1)"),
    Fault("the examples added up", LOG_PROB, ".flatten(1).sum(1)", ".sum()"),
    Fault("labels do not reach the network", LOG_PROB, "self.logits(x, **labels)", "self.logits(x)"),
    Fault("bad examples are not refused", LOG_PROB, "self.check(x, **labels)", "pass"),
    Fault("nats per dimension", BITS, " * math.log(2))", ")"),
    Fault("decimal digits per dimension", BITS, "math.log(2)", "math.log(10)"),
    Fault("bits per pixel, not per dimension", BITS, "math.prod(shape)", "math.prod(shape[-2:])"),
    Fault("bits per row", BITS, "math.prod(shape)", "shape[-1]"),
    # Task 5
    Fault("column by column", POSITIONS, "for row, column, c in itertools.product(range(height), range(width),",
          "for column, row, c in itertools.product(range(width), range(height),"),
    Fault("one colour after the other", POSITIONS,
          "for row, column, c in itertools.product(range(height), range(width), range(channels))",
          "for c, row, column in itertools.product(range(channels), range(height), range(width))"),
    Fault("colours from the last to the first", POSITIONS, "range(channels))", "reversed(range(channels)))"),
    Fault("sequences backwards", POSITIONS, "list(np.ndindex(self.shape))", "list(np.ndindex(self.shape))[::-1]"),
    Fault("logits taken for probabilities", DRAW, "np.exp(logits - logits.max(1, keepdims=True))",
          "logits - logits.min(1, keepdims=True)"),
    Fault("exp overflows", DRAW, " - logits.max(1, keepdims=True)", ""),
    Fault("the most likely value", DRAW,
          "inverse_cdf(np.exp(logits - logits.max(1, keepdims=True)), 1, generator)[:, 0]", "logits.argmax(1)"),
    Fault("uniform draws", DRAW, "np.exp(logits - logits.max(1, keepdims=True))", "np.ones_like(logits)"),
    Fault("the largest of the batch subtracted", DRAW, "logits.max(1, keepdims=True)", "logits.max()"),
    Fault("one number for all rows", DRAW, "1, generator)[:, 0]",
          "1, np.random.default_rng(generator.integers(9)))[[0] * len(logits), 0]"),
    Fault("a generator of its own", DRAW, "generator)[:, 0]", "np.random.default_rng(0))[:, 0]"),
    Fault("probabilities squared", DRAW, "np.exp(logits -", "np.exp(2 * logits - 2 *"),
    # Task 6
    Fault("known entries drawn anew", FILL, "if not known[position]:", "if True:"),
    Fault("known entries drawn, unknown ones kept", FILL, "if not known[position]:", "if known[position]:"),
    Fault("the cache is not told", FILL, "            cache.write(position, x[:, *position])\n", ""),
    Fault("the cache is told only what was drawn", FILL, "            cache.write(", "                cache.write("),
    Fault("the cache is told before the draw", FILL, "            logits = cache.logits(position)\n",
          "            logits = cache.logits(position); cache.write(position, x[:, *position])\n"),
    Fault("known entries are not asked for", FILL, "            logits = cache.logits(position)\n",
          "            logits = None if known[position] else cache.logits(position)\n"),
    Fault("the mask's first channel for all", FILL, "known[position]", "known[0, *position[1:]]"),
    Fault("positions sorted", FILL, "for position in positions", "for position in sorted(positions)"),
    # Task 7
    Fault("no residual connections in the cache", CACHED, "h = h + block.output", "h = block.output"),
    Fault("the block is told too late", CACHED,
          "            block.write(pixel, relu(h))\n            h = h + block.output(pixel)\n",
          "            before, h = h, h + block.output(pixel)\n            block.write(pixel, relu(before))\n"),
    Fault("the block is told without ReLU", CACHED, "block.write(pixel, relu(h))", "block.write(pixel, h)"),
    Fault("the head without ReLU in the cache", CACHED, "self.model.head, relu(h))", "self.model.head, h)"),
    Fault("always the first colour", CACHED, "[colour].T", "[0].T"),
    Fault("levels and colours exchanged in the cache", CACHED,
          "logits.reshape(self.model.shape[0], self.model.levels, -1)[colour].T",
          "logits.reshape(self.model.levels, self.model.shape[0], -1)[:, colour].T"),
    Fault("not transposed", CACHED, "[colour].T", "[colour]"),
)

HONEST = (
    Honest("the mask, tap by tap", {MASK: '''
def raster_mask(mask_type, in_channels, out_channels, kernel_size, colours=1):
    mask = np.zeros((out_channels, in_channels, *kernel_size), dtype=np.float32)
    centre = (kernel_size[0] // 2, kernel_size[1] // 2)
    for o in range(out_channels):
        for i in range(in_channels):
            colour_out = o // (out_channels // colours)
            colour_in = i // (in_channels // colours)
            for a in range(kernel_size[0]):
                for b in range(kernel_size[1]):
                    if (a, b) < centre:
                        mask[o, i, a, b] = 1
                    elif (a, b) == centre:
                        mask[o, i, a, b] = colour_in < colour_out or (colour_in == colour_out and mask_type == "B")
    return mask
'''}),
    Honest("ones, then zeros; the weight always masked; a network without loop variables", {MASK: '''
def raster_mask(mask_type, in_channels, out_channels, kernel_size, colours=1):
    mask = np.ones((out_channels, in_channels) + tuple(kernel_size), "float32")
    y, x = [k // 2 for k in kernel_size]
    mask[:, :, y + 1:] = 0
    mask[:, :, y, x:] = 0
    for k in range(colours):
        rows = slice(k * out_channels // colours, (k + 1) * out_channels // colours)
        mask[rows, :(k + (mask_type == "B")) * in_channels // colours, y, x] = 1
    return mask
''', MASKED: '''
def forward(self, x):
    return conv2d(x, self.weight * self.mask, self.bias, self.stride, self.padding, self.dilation)
''', FORWARD: '''
def forward(self, e):
    N, _, H, W = e.shape
    h = self.first(e)
    for i in range(len(self.blocks)):
        change = self.blocks[i](relu(h))
        h = change + h
    out = self.head(relu(h)).reshape(N, self.shape[0], self.levels, H, W)
    return out.permute(0, 2, 1, 3, 4)
'''}),
    Honest("log_softmax and gather; bits by log2; positions sorted; a search for each row", {LOG_PROB: '''
def log_prob(self, x, **labels):
    self.check(x, **labels)
    from layers.functional import log_softmax
    log_p = log_softmax(self.logits(x, **labels), 1).flatten(2)
    return log_p.gather(1, self.integers(x.reshape(len(x), 1, -1))).sum((1, 2))
''', BITS: '''
def bits_per_dim(nats, shape):
    dimensions = 1
    for size in shape:
        dimensions = dimensions * size
    return nats * math.log2(math.e) / dimensions
''', POSITIONS: '''
def positions(self):
    every = list(np.ndindex(self.shape))
    if len(self.shape) == 3:
        every.sort(key=lambda position: position[1:] + position[:1])
    return every
''', DRAW: '''
def draw(logits, generator):
    logits = logits.astype(np.float64)
    p = np.exp(logits - logits.max(axis=1)[:, None])
    p = p / p.sum(axis=1)[:, None]
    u = generator.random((len(p), 1))
    values = [np.searchsorted(np.cumsum(row), number, side="right") for row, number in zip(p, u[:, 0])]
    return np.minimum(np.array(values, dtype=np.int64), p.shape[1] - 1)
'''}),
    Honest("a running sum without division; both branches of the loop written out", {DRAW: '''
def draw(logits, generator):
    p = np.exp(logits.astype(np.float64) - np.max(logits, axis=1, keepdims=True))
    threshold = generator.random((len(p), 1))[:, 0] * p.sum(1)
    values, total = np.zeros(len(p), np.int64), np.zeros(len(p))
    for k in range(p.shape[1] - 1):
        total += p[:, k]
        values += total <= threshold
    return values
''', FILL: '''
def fill(x, known, positions, cache, generator):
    for position in positions:
        where = (slice(None),) + tuple(position)
        with no_grad():
            logits = cache.logits(position)
        if known[tuple(position)]:
            cache.write(position, x[where])
        else:
            values = draw(logits, generator)
            x[where] = values
            cache.write(position, values)
'''}),
    Honest("the cache with a function of its own for a block; the loss by logsumexp", {CACHED: '''
def logits(self, position):
    pixel = (position[1], position[2])

    def through(block, h):
        block.write(pixel, relu(h))
        return block.output(pixel)

    h = self.first.output(pixel)
    for block in self.blocks:
        h = h + through(block, h)
    out = pointwise(self.model.head, relu(h))
    levels = self.model.levels
    return out[position[0] * levels:(position[0] + 1) * levels].transpose()
''', LOG_PROB: '''
def log_prob(self, x, **labels):
    from minigrad import tensor
    self.check(x, **labels)
    logits = self.logits(x, **labels)
    largest = tensor(logits.data.max(1, keepdims=True))
    log_z = (logits - largest).exp().sum(1).log() + largest[:, 0]
    chosen = np.arange(logits.shape[1]).reshape(-1, *[1] * (x.ndim - 1)) == x[:, None]
    log_p = (logits * tensor(chosen.astype(logits.dtype))).sum(1) - log_z
    return log_p.flatten(1).sum(1)
'''}),
)
