"""What the cases run.  Every probe takes arrays, numbers and texts, calls what a student wrote, and gives arrays.

Parameters are drawn from a seed here, or given, in double precision, so they do not depend on a student's code.
"""
import numpy as np
from layers import Parameter, kernels
from minigrad import manual_seed, no_grad, tensor
from minigrad.optim import Adam
from minigrad.tensor import raw


def filled(module, seed):
    """The module in float64, its parameters drawn from a seed."""
    rng = np.random.default_rng(seed)
    for parameter in module.double().parameters():
        fan_in = parameter.data[0].size if parameter.data.ndim > 1 else 4
        parameter.data[...] = rng.standard_normal(parameter.shape) / np.sqrt(fan_in)
    return module


class Examples:
    """The part of a DataSet that `finish` looks at."""

    def __init__(self, train):
        self.train = train

    def batch(self, numbers, generator):
        return self.train[numbers]


# ---------------------------------------------------------------------------------------------------------------------
# Tasks 1 and 2: autoencoders

def decoder_of(shape, channels, inputs):
    """The transposed convolutions."""
    from models.autoencoder import transposed_convolutions
    return transposed_convolutions(shape, channels, inputs)


@kernels.using("loops")
def decoded(shape, channels, z, seed):
    """The decoder's output for codes (N, inputs, 1, 1)."""
    with no_grad():
        return raw(filled(decoder_of(shape, channels, z.shape[1]), seed)(tensor(z)))


@kernels.using("loops")
def decoder_sizes(shape, channels, inputs):
    """The shape after each layer, a row each, and the sizes of all parameters, in order."""
    net, x, shapes = decoder_of(shape, channels, inputs), tensor(np.zeros((1, inputs, 1, 1), np.float32)), []
    with no_grad():
        for layer in net:
            x = layer(x)
            shapes.append(x.shape)
    return np.array(shapes, np.int64), np.array([parameter.data.size for parameter in net.parameters()], np.int64)


def linear_autoencoder(V, W, levels):
    """An autoencoder f(x) = V x, g(z) = tanh(W z), for vectors."""
    from models.autoencoder import Autocoder

    class Given(Autocoder):
        def __init__(self):
            super().__init__(shape=(V.shape[1],), levels=levels, latent=len(V))
            self.V, self.W = Parameter(V.copy()), Parameter(W.copy())

        def encode(self, values):
            return values @ self.V.T

        def decode(self, z):
            return (z @ self.W.T).tanh()

    return Given().double()


def squared_errors(V, W, levels, x):
    """The error of each example, and the gradient of their mean in V."""
    model = linear_autoencoder(V, W, levels)
    errors = model.nats(x, None)
    errors.mean().backward()
    return raw(errors), model.V.grad.data


def interpolated(V, W, levels, x, other, steps):
    """From x to other: (N, steps, D)"""
    return linear_autoencoder(V, W, levels).interpolate(x, other, steps)


def fitted(V, W, levels, x):
    """Mean and standard deviation of the codes of the examples x."""
    model = linear_autoencoder(V, W, levels)
    model.finish(Examples(x))
    return model.code_mean.data, model.code_std.data


def sampled(V, W, levels, mean, std, number, seed):
    """Examples drawn from a Gaussian of codes with this mean and standard deviation."""
    model = linear_autoencoder(V, W, levels)
    model.code_mean.data[...], model.code_std.data[...] = mean, std
    return model.sample(number, np.random.default_rng(seed))


# ---------------------------------------------------------------------------------------------------------------------
# Task 3: Gaussians

def log_normal(x, mean, logvar):
    """The log-density, and its gradients in mean and logvar."""
    from models.latent import log_normal
    mean, logvar = tensor(mean, requires_grad=True), tensor(logvar, requires_grad=True)
    log_p = log_normal(tensor(x), mean, logvar)
    log_p.sum().backward()
    return raw(log_p), mean.grad.data, logvar.grad.data


def density(points, mean, logvar):
    """exp(log_normal) at each of many points, of one mean and variance."""
    from models.latent import log_normal
    shape = (len(points), len(mean))
    return np.exp(raw(log_normal(*(tensor(np.broadcast_to(a, shape).copy()) for a in (points, mean, logvar)))))


def divergence(mean, logvar):
    """The KL, and its gradients."""
    from models.latent import kl_to_standard_normal
    mean, logvar = tensor(mean, requires_grad=True), tensor(logvar, requires_grad=True)
    kl = kl_to_standard_normal(mean, logvar)
    kl.sum().backward()
    return raw(kl), mean.grad.data, logvar.grad.data


def divergence_alone(mean, logvar):
    """The KL."""
    from models.latent import kl_to_standard_normal
    return raw(kl_to_standard_normal(tensor(mean), tensor(logvar)))


def reparameterised(mean, logvar, cotangent, seed):
    """z, and the gradients of <z, cotangent> in mean and logvar."""
    from models.latent import reparameterise
    mean, logvar = tensor(mean, requires_grad=True), tensor(logvar, requires_grad=True)
    z = reparameterise(mean, logvar, np.random.default_rng(seed))
    (z * tensor(cotangent)).sum().backward()
    return raw(z), mean.grad.data, logvar.grad.data


def drawn(mean, logvar, number, seed):
    """Many z of one mean and variance: (number, d)"""
    from models.latent import reparameterise
    mean, logvar = (tensor(np.repeat(a[None], number, 0)) for a in (mean, logvar))
    return raw(reparameterise(mean, logvar, np.random.default_rng(seed)))


# ---------------------------------------------------------------------------------------------------------------------
# Tasks 4 and 6: bounds, of a linear model with orthogonal columns, whose posterior is a diagonal Gaussian

def linear_vae(W, b, deviation, offset, stretch):
    """x = W z + b + noise.  The encoder gives the exact posterior, moved by `offset` and widened by `stretch`."""
    from models.latent import Latent, log_normal

    class Given(Latent):
        def __init__(self):
            super().__init__(shape=(len(W),), levels=None, latent=W.shape[1])
            self.W, self.b = Parameter(W.copy()), Parameter(b.copy())

        def encode(self, values):
            variance = 1 / (1 + (self.W ** 2).sum(0) / deviation ** 2)
            mean = variance * ((values - self.b) @ self.W) / deviation ** 2
            return mean + offset, (variance * stretch).log() + 0 * mean

        def log_likelihood(self, values, z):
            return log_normal(values, z @ self.W.T + self.b, tensor(np.full(len(W), 2 * np.log(deviation))))

    return Given().double()


def terms(x, seed, *model):
    """log p(x | z) and KL, and the gradient of the mean of their difference in W."""
    vae = linear_vae(*model)
    log_likelihood, kl = vae.terms(x, np.random.default_rng(seed))
    (kl - log_likelihood).mean().backward()
    return raw(log_likelihood), raw(kl), vae.W.grad.data


def elbo(x, seed, *model):
    """The bound, and the loss of training, which Model makes of it."""
    vae = linear_vae(*model)
    return raw(vae.elbo(x, np.random.default_rng(seed))), raw(vae.loss(x, np.random.default_rng(seed)))


def mean_elbo(x, draws, seed, *model):
    """The mean of many estimates of the bound, for each example."""
    with no_grad():
        estimates = raw(linear_vae(*model).elbo(np.repeat(x, draws, 0), np.random.default_rng(seed)))
    return estimates.reshape(len(x), draws).mean(1)


def log_weights(x, seed, *model):
    """The log of one importance weight for each example."""
    vae = linear_vae(*model)
    with no_grad():
        values = vae.values(x)
        return raw(vae.log_weights(values, *vae.encode(values), np.random.default_rng(seed)))


def importance(x, samples, seed, *model):
    """The importance-weighted estimate of log p(x)."""
    return raw(linear_vae(*model).importance_log_prob(x, samples, np.random.default_rng(seed)))


def mean_importance(x, samples, times, seed, *model):
    """Its mean over some runs, with so many samples each."""
    vae, generator = linear_vae(*model), np.random.default_rng(seed)
    return np.mean([raw(vae.importance_log_prob(x, samples, generator)) for _ in range(times)], 0)


# ---------------------------------------------------------------------------------------------------------------------
# Tasks 5 and 7: the variational autoencoder

def vae(shape, levels, network, variance, beta, seed):
    """A small VAE, dense or convolutional."""
    from models.vae import VAE
    return filled(VAE(shape, levels, latent=2, network=network, hidden=[6], channels=3, variance=variance, beta=beta),
                  seed)


@kernels.using("loops")
def log_likelihood(shape, levels, network, variance, seed, x, z):
    """log p(x | z), and its gradient in z."""
    model, z = vae(shape, levels, network, variance, 1.0, seed), tensor(z, requires_grad=True)
    log_p = model.log_likelihood(model.values(x), z)
    log_p.sum().backward()
    return raw(log_p), z.grad.data


def vae_loss(shape, levels, beta, seed, x):
    """The loss of a VAE whose likelihood is given, and its gradient in the encoder's last layer."""
    model = vae(shape, levels, "dense", 0.1, beta, seed)
    model.log_likelihood = lambda values, z: -((values.flatten(1)[:, :2] - z) ** 2).sum(1)
    loss = model.loss(x, np.random.default_rng(seed))
    loss.backward()
    return raw(loss), model.encoder[-1].weight.grad.data


def losses(model, x, steps, seed):
    """The loss of each of some steps of Adam: (steps,)"""
    generator, optimizer, found = np.random.default_rng(seed), Adam(model.parameters(), lr=0.01), []
    for _ in range(steps):
        loss = model.loss(x, generator)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return np.array(found)


@kernels.using("loops")
def training(kind, x, levels, steps, seed):
    """The first losses of a "dense" VAE, a "toy" one for points, or a convolutional "autoencoder"."""
    from models.autoencoder import Autoencoder
    from models.vae import ToyVAE
    manual_seed(seed)
    shape = x.shape[1:]
    if kind == "dense":
        model = vae(shape, levels, "dense", 0.1, 1.0, seed)
    elif kind == "toy":
        model = filled(ToyVAE(shape, hidden=6), seed)
    else:
        model = filled(Autoencoder(shape, levels, latent=2, channels=3), seed)
    return losses(model, x, steps, seed)
