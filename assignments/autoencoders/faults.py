"""Wrong solutions that must lose points, and other right ones that must not."""
from ..manifest import Fault, Honest

AUTOENCODER, LATENT, VAE = "models/autoencoder.py", "models/latent.py", "models/vae.py"
DECODER = f"{AUTOENCODER}:transposed_convolutions"
ERROR, FINISH, SAMPLE = (f"{AUTOENCODER}:Autocoder.{name}" for name in ("nats", "finish", "sample"))
INTERPOLATE = f"{LATENT}:Coded.interpolate"
NORMAL, KL, DRAW = (f"{LATENT}:{name}" for name in ("log_normal", "kl_to_standard_normal", "reparameterise"))
TERMS, ELBO, LOSS = f"{LATENT}:Latent.terms", f"{LATENT}:Latent.elbo", f"{VAE}:VAE.loss"
LIKELIHOOD = f"{VAE}:VAE.log_likelihood"
WEIGHTS, IMPORTANCE = f"{LATENT}:Latent.log_weights", f"{LATENT}:Latent.log_mean_weight"

FAULTS = (
    # Task 1
    Fault("ReLU after the last layer", DECODER, "ConvTranspose2d(channels, shape[0], kernel_size=5))",
          "ConvTranspose2d(channels, shape[0], kernel_size=5), ReLU())"),
    Fault("no ReLU after the first layer", DECODER, "smallest_map(shape)), ReLU(),", "smallest_map(shape)),"),
    Fault("a kernel of 4 for 3", DECODER, "kernel_size=3, stride=2", "kernel_size=4, stride=2"),
    Fault("stride 1 in the second layer", DECODER, "kernel_size=3, stride=2", "kernel_size=3, stride=1"),
    Fault("convolutions that are not transposed, with padding", DECODER,
          "ConvTranspose2d(channels, channels, kernel_size=5)", "Conv2d(channels, channels, 5, padding=4)"),
    Fault("height and width exchanged", DECODER, "smallest_map(shape)", "smallest_map(shape)[::-1]"),
    Fault("a first kernel of 4, whatever the size", DECODER, "smallest_map(shape)", "4"),
    Fault("one colour", DECODER, "(channels, shape[0], kernel_size=5)", "(channels, 1, kernel_size=5)"),
    Fault("padding instead of a larger image", DECODER, "channels, channels, kernel_size=5)",
          "channels, channels, kernel_size=5, padding=2)"),
    Fault("mean over the entries", ERROR, ".flatten(1).sum(1)", ".flatten(1).mean(1)"),
    Fault("one sum over all examples", ERROR, ".flatten(1).sum(1)", ".sum()"),
    Fault("the absolute error", ERROR, "((self(values) - values) ** 2)", "((self(values) - values) ** 2) ** 0.5"),
    Fault("the root of the squared error", ERROR, ".flatten(1).sum(1)", ".flatten(1).sum(1) ** 0.5"),
    Fault("half of the squared error", ERROR, "((self(values) - values) ** 2)", "(0.5 * (self(values) - values) ** 2)"),
    Fault("compared with the examples, not their values", ERROR, "self(values) - values",
          "self(values) - values * (1 if self.levels is None else self.levels - 1)"),
    Fault("the code compared, not the example", ERROR, "self(values) - values",
          "self.encode(self(values)) - self.encode(values)"),
    # Task 2
    Fault("the two ends exchanged", INTERPOLATE, "(1 - weight) * a + weight * b", "weight * a + (1 - weight) * b"),
    Fault("the last step left out", INTERPOLATE, "np.linspace(0, 1, steps, dtype=a.dtype)",
          "np.linspace(0, 1, steps, endpoint=False, dtype=a.dtype)"),
    Fault("between the examples, not the codes", INTERPOLATE,
          "self.decoded(z.reshape(-1, self.latent)).reshape(len(x), steps, *self.shape)",
          "(1 - weight) * x[:, None] + weight * other[:, None]"),
    Fault("examples and steps mixed up", INTERPOLATE, "z.reshape(-1, self.latent)",
          "z.transpose(1, 0, 2).reshape(-1, self.latent)"),
    Fault("the codes not decoded", INTERPOLATE,
          "self.decoded(z.reshape(-1, self.latent)).reshape(len(x), steps, *self.shape)", "z"),
    Fault("an estimate of the deviation for others", FINISH, "codes.std(0)", "codes.std(0, ddof=1)"),
    Fault("the variance for the deviation", FINISH, "codes.std(0)", "codes.var(0)"),
    Fault("one deviation for all entries", FINISH, "codes.std(0)", "codes.std()"),
    Fault("the mean square for the variance", FINISH, "codes.std(0)", "(codes ** 2).mean(0) ** 0.5"),
    Fault("the first hundred examples only", FINISH, "for i in range(0, len(x), 100)", "for i in range(0, 100, 100)"),
    Fault("the mean over the entries", FINISH, "codes.mean(0)", "codes.mean()"),
    Fault("the standard Gaussian", SAMPLE, "self.code_mean + self.code_std * noise", "noise"),
    Fault("no mean", SAMPLE, "self.code_mean + self.code_std", "self.code_std"),
    Fault("the variance in samples", SAMPLE, "self.code_std * noise", "self.code_std ** 2 * noise"),
    Fault("codes not decoded", SAMPLE, "self.decoded(z.data)", "z.data"),
    Fault("one code for all samples", SAMPLE, "randn(n, self.latent,", "randn(1, self.latent,"),
    Fault("another generator", SAMPLE, "generator=generator", "generator=np.random.default_rng(0)"),
    # Task 3
    Fault("one log 2 pi for all entries", NORMAL,
          " + math.log(2 * math.pi)) * -0.5\n    return entries.flatten(1).sum(1)",
          ") * -0.5\n    return entries.flatten(1).sum(1) - 0.5 * math.log(2 * math.pi)"),
    Fault("no log 2 pi", NORMAL, " + math.log(2 * math.pi)", ""),
    Fault("no log sigma", NORMAL, " + logvar + math", " + math"),
    Fault("twice log sigma", NORMAL, " + logvar + math", " + 2 * logvar + math"),
    Fault("exp(logvar / 2) for the variance", NORMAL, "(-logvar).exp()", "(-0.5 * logvar).exp()"),
    Fault("divided by 1 / variance", NORMAL, "(-logvar).exp()", "logvar.exp()"),
    Fault("the factor 1/2 twice", NORMAL, "(x - mean) ** 2", "0.5 * (x - mean) ** 2"),
    Fault("no factor 1/2", NORMAL, "* -0.5", "* -1.0"),
    Fault("the sign of the log-density", NORMAL, "* -0.5", "* 0.5"),
    Fault("mean of the entries", NORMAL, ".sum(1)", ".mean(1)"),
    Fault("summed over the last axis only", NORMAL, "entries.flatten(1).sum(1)", "entries.sum(-1)"),
    Fault("KL of the wrong sign", KL, "* -0.5", "* 0.5"),
    Fault("KL without factor 1/2", KL, "* -0.5", "* -1.0"),
    Fault("KL without log sigma", KL, "1 + logvar - mean", "1 - mean"),
    Fault("KL without its constant", KL, "1 + logvar", "logvar"),
    Fault("KL with exp(logvar / 2)", KL, "logvar.exp()", "(0.5 * logvar).exp()"),
    Fault("KL with exp(2 logvar)", KL, "logvar.exp()", "(2 * logvar).exp()"),
    Fault("KL the other way round", KL, "(1 + logvar - mean ** 2 - logvar.exp()).sum(1)",
          "(1 - logvar - (1 + mean ** 2) * (-logvar).exp()).sum(1)"),
    Fault("KL with |mean|", KL, "mean ** 2", "(mean ** 2) ** 0.5"),
    Fault("KL as a mean", KL, ".sum(1)", ".mean(1)"),
    Fault("KL of the whole batch", KL, ".sum(1)", ".sum()"),
    Fault("exp(logvar) for the deviation", DRAW, "(0.5 * logvar).exp()", "logvar.exp()"),
    Fault("exp(2 logvar) for the deviation", DRAW, "(0.5 * logvar).exp()", "(2 * logvar).exp()"),
    Fault("no exp", DRAW, "(0.5 * logvar).exp()", "(0.5 * logvar)"),
    Fault("uniform noise", DRAW, "randn_like(mean, generator=generator)", "(generator.random(mean.shape) - 0.5)"),
    Fault("one e for all examples", DRAW, "randn_like(mean,", "randn_like(mean[:1],"),
    Fault("no gradient in the variance", DRAW, "logvar).exp()", "logvar.detach()).exp()"),
    Fault("no gradient in the mean", DRAW, "return mean +", "return mean.detach() +"),
    Fault("always the same noise", DRAW, "generator=generator", "generator=np.random.default_rng(1)"),
    Fault("e in float32", DRAW, "randn_like(mean,", "randn_like(mean, dtype=np.dtype('float32'),"),
    # Task 4
    Fault("the mean code, not a draw", TERMS, "z = reparameterise(mean, logvar, generator)", "z = mean"),
    Fault("noise of variance 1", TERMS, "reparameterise(mean, logvar, generator)",
          "reparameterise(mean, 0 * logvar, generator)"),
    Fault("mean and logvar exchanged in KL", TERMS, "kl_to_standard_normal(mean, logvar)",
          "kl_to_standard_normal(logvar, mean)"),
    Fault("a code of the prior", TERMS, "reparameterise(mean, logvar, generator)",
          "reparameterise(0 * mean, 0 * logvar, generator)"),
    Fault("the likelihood of the code, not of the example", TERMS, "self.log_likelihood(values, z)",
          "self.log_likelihood(0 * values, z)"),
    Fault("the examples, not their values", TERMS, "values = self.values(x)",
          "values = self.values(x) * ((self.levels or 2) - 1)"),
    Fault("no gradient through the draw", TERMS, "self.log_likelihood(values, z)",
          "self.log_likelihood(values, z.detach())"),
    Fault("KL added", ELBO, "log_likelihood - kl", "log_likelihood + kl"),
    Fault("half of the KL", ELBO, "log_likelihood - kl", "log_likelihood - 0.5 * kl"),
    Fault("minus the ELBO", ELBO, "log_likelihood - kl", "kl - log_likelihood"),
    Fault("the KL of the batch", ELBO, "log_likelihood - kl", "log_likelihood - kl.mean()"),
    Fault("beta forgotten", LOSS, "self.beta * kl", "kl"),
    Fault("beta at the likelihood", LOSS, "self.beta * kl - log_likelihood", "kl - self.beta * log_likelihood"),
    Fault("the loss's sign", LOSS, "self.beta * kl - log_likelihood", "log_likelihood - self.beta * kl"),
    Fault("a loss that is a sum", LOSS, ".mean()", ".sum()"),
    Fault("1 / beta", LOSS, "self.beta * kl", "kl / max(self.beta, 1e-9)"),
    # Task 5
    Fault("the mean over pixels", LIKELIHOOD, ".sum(1)", ".mean(1)"),
    Fault("the mean over everything", LIKELIHOOD, '"none").flatten(1).sum(1)', '"mean")'),
    Fault("the sign of the cross-entropy", LIKELIHOOD, "return -binary", "return binary"),
    Fault("probabilities taken for logits", LIKELIHOOD, "outputs = self.outputs(z)", "outputs = self.decode(z)"),
    Fault("target and logits exchanged", LIKELIHOOD, "(outputs, values, reduction", "(values, outputs, reduction"),
    Fault("the deviation for the variance", LIKELIHOOD, "math.log(self.variance))",
          "math.log(self.variance) / 2)"),
    Fault("variance 1", LIKELIHOOD, "math.log(self.variance))", "0.0)"),
    Fault("the variance's logarithm forgotten", LIKELIHOOD, "self.shape, math.log(self.variance)",
          "self.shape, self.variance"),
    Fault("the cell's width forgotten", LIKELIHOOD, "(math.log(width) - ", "(-"),
    Fault("the cell's variance forgotten", LIKELIHOOD, " - width ** 2 / (24 * self.variance)", ""),
    Fault("width 1 / levels", LIKELIHOOD, "1 / (self.levels - 1)", "1 / self.levels"),
    Fault("the correction once, not for each entry", LIKELIHOOD, "math.prod(self.shape) * (", "("),
    Fault("the correction's sign", LIKELIHOOD, "return log_p + math.prod", "return log_p - math.prod"),
    Fault("12 for 24", LIKELIHOOD, "24 *", "12 *"),
    # Task 6
    Fault("the prior forgotten", WEIGHTS, " + log_normal(z, 0 * z, 0 * z)", ""),
    Fault("q forgotten", WEIGHTS, " - log_normal(z, mean, logvar)", ""),
    Fault("q multiplied", WEIGHTS, "- log_normal(z, mean, logvar)", "+ log_normal(z, mean, logvar)"),
    Fault("KL for log q - log p", WEIGHTS, "log_normal(z, 0 * z, 0 * z) - log_normal(z, mean, logvar)",
          "-1 * kl_to_standard_normal(mean, logvar)"),
    Fault("weights at the mean", WEIGHTS, "reparameterise(mean, logvar, generator)", "mean"),
    Fault("q at another z", WEIGHTS, "- log_normal(z,", "- log_normal(reparameterise(mean, logvar, generator),"),
    Fault("the prior at the mean", WEIGHTS, "log_normal(z, 0 * z, 0 * z)", "log_normal(mean, 0 * z, 0 * z)"),
    Fault("the sum, not the mean, of the weights", IMPORTANCE, "total - math.log(samples)", "total - 0"),
    Fault("log K added", IMPORTANCE, "total - math.log(samples)", "total + math.log(samples)"),
    Fault("the mean of the logarithms", IMPORTANCE, "total = np.logaddexp(total, row)",
          "total = np.where(np.isinf(total), 0, total) + row / samples"),
    Fault("the largest weight", IMPORTANCE, "np.logaddexp(total, row)", "np.maximum(total, row)"),
    Fault("exp before log", IMPORTANCE, "np.logaddexp(total, row)", "np.log(np.exp(total) + np.exp(row))"),
    Fault("one weight too few", IMPORTANCE, "samples - start)", "samples - start - 1)"),
    Fault("examples mixed up", IMPORTANCE, ".reshape(k, len(values))", ".reshape(len(values), k).T"),
)

HONEST = (
    Honest("the decoder layer by layer; errors by a product", {DECODER: '''
def transposed_convolutions(shape, channels, inputs):
    first = [(size - 12) // 4 for size in shape[1:]]
    layers = []
    for kernel, stride in ((tuple(first), 1), (3, 2), (4, 2), (5, 1)):
        layers.append(ConvTranspose2d(channels if layers else inputs, channels, kernel, stride))
        layers.append(ReLU())
    layers.append(ConvTranspose2d(channels, shape[0], 5))
    return Sequential(*layers)
''', ERROR: '''
def nats(self, x, generator):
    values = self.values(x)
    difference = (values - self.forward(values)).reshape(len(x), -1)
    return (difference * difference).sum(1)
'''}),
    Honest("interpolation step by step; moments by hand; a draw by array", {INTERPOLATE: '''
def interpolate(self, x, other, steps):
    a, b = self.codes(x), self.codes(other)
    rows = []
    for i in range(steps):
        w = a.dtype.type(i / (steps - 1) if steps > 1 else 0)
        rows.append(self.decoded(a + w * (b - a)))
    return np.stack(rows, 1)
''', FINISH: '''
def finish(self, data):
    codes = self.codes(some_of(data))
    mean = sum(codes) / len(codes)
    self.code_mean.data[:] = mean
    self.code_std.data[:] = np.sqrt(((codes - mean) ** 2).sum(0) / len(codes))
''', SAMPLE: '''
def sample(self, n, generator, progress=None):
    e = randn(n, self.latent, dtype=self.code_mean.dtype, generator=generator).data
    return self.decoded(e * self.code_std.data[None, :] + self.code_mean.data[None, :])
'''}),
    Honest("Gaussians term by term", {NORMAL: '''
def log_normal(x, mean, logvar):
    z = (x - mean) / (0.5 * logvar).exp()
    each = -0.5 * z * z - 0.5 * logvar - 0.5 * math.log(2 * math.pi)
    return each.reshape(len(x), -1).sum(1)
''', KL: '''
def kl_to_standard_normal(mean, logvar):
    variance = logvar.exp()
    return 0.5 * (variance.sum(1) + (mean * mean).sum(1) - logvar.sum(1) - mean.shape[1])
''', DRAW: '''
def reparameterise(mean, logvar, generator):
    e = randn(*mean.shape, dtype=mean.dtype, generator=generator)
    sigma = logvar.exp().sqrt()
    return e * sigma + mean
'''}),
    Honest("the bound from its terms; weights one after the other", {TERMS: '''
def terms(self, x, generator):
    v = self.values(x)
    q = self.encode(v)
    kl = kl_to_standard_normal(*q)
    return self.log_likelihood(v, reparameterise(*q, generator)), kl
''', ELBO: '''
def elbo(self, x, generator):
    reconstruction, divergence = self.terms(x, generator)
    return -divergence + reconstruction
''', LOSS: '''
def loss(self, x, generator):
    log_likelihood, kl = self.terms(x, generator)
    return (kl.sum() * self.beta - log_likelihood.sum()) / len(x)
''', IMPORTANCE: '''
def log_mean_weight(self, values, mean, logvar, samples, generator):
    total = np.full(len(values), -np.inf)
    for _ in range(samples):
        total = np.logaddexp(total, self.log_weights(values, mean, logvar, generator).data.astype(np.float64))
    return total - np.log(samples)
'''}),
    Honest("all weights at once, and their largest taken out", {WEIGHTS: '''
def log_weights(self, values, mean, logvar, generator):
    z = reparameterise(mean, logvar, generator)
    prior = -0.5 * (z ** 2 + math.log(2 * math.pi)).sum(1)
    return prior + self.log_likelihood(values, z) - log_normal(z, mean, logvar)
''', IMPORTANCE: '''
def log_mean_weight(self, values, mean, logvar, samples, generator):
    rows = [self.log_weights(values, mean, logvar, generator).data for _ in range(samples)]
    rows = np.array(rows, np.float64)
    largest = rows.max(0)
    return np.log(np.exp(rows - largest).mean(0)) + largest
'''}),
    Honest("the likelihood by its formulas", {LIKELIHOOD: '''
def log_likelihood(self, values, z):
    outputs = self.outputs(z).flatten(1)
    values = values.flatten(1)
    if self.levels == 2:
        return (values * outputs - (1 + (-outputs.abs()).exp()).log() - outputs.clamp(0, None)).sum(1)
    log_p = -0.5 * ((values - outputs) ** 2 / self.variance + math.log(2 * math.pi * self.variance))
    if self.levels is not None:
        w = 1 / (self.levels - 1)
        log_p = log_p + (math.log(w) - w * w / (24 * self.variance))
    return log_p.sum(1)
'''}),
)
