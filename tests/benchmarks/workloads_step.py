"""Whole training steps: zero_grad, forward, backward, Adam.  Each network is written once and built in both engines.

The networks are those of the lectures (Fleuret's EE-559 and deep-learning course, Aalto's CS-E4890), on random data of
the right shapes: how long a step takes does not depend on what is in the images.
"""
import math
import numpy as np
from .measure import Timed

LEARNING_RATE = 1e-6       # so small that the thousandth step still works on the same numbers as the first
TOLERANCE = 5e-3           # of the PixelCNN's 11 million ReLUs, one is so close to zero that rounding decides whether
                           # it passes a gradient on: that makes 2e-3 of the small gradients below


def workloads():
    """All of them."""
    for name, make in STEPS.items():
        yield Timed(f"step {name}", "step", lambda engine, make=make: step(engine, *make(engine)), 1.0, 0.7,
                    tolerance=TOLERANCE)


def step(engine, model, objective):
    """A training step of a model, as (run, results) of `measure.Timed`: the loss, and all gradients."""
    engine.fill(model)
    optimizer = engine.torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)

    def run():
        optimizer.zero_grad()
        loss = objective(model)
        loss.backward()
        optimizer.step()
        return loss
    return run, lambda loss: [loss, *(p.grad for _, p in sorted(model.named_parameters()))]


# ---------------------------------------------------------------------------------------------------------------------
# The networks.  Each function gives (model, objective), and objective(model) is the loss on a fixed batch.

def pixelcnn(engine, batch=32, channels=64, layers=7, levels=256):
    """Simplified PixelCNN: masked 5x5 convolutions with ReLU, the first of type A, then a softmax over the levels."""
    nn, F = engine.nn, engine.F
    stack = [engine.MaskedConv2d("A", 1, channels, 5), nn.ReLU()]
    for _ in range(layers - 1):
        stack += [engine.MaskedConv2d("B", channels, channels, 5), nn.ReLU()]
    model = nn.Sequential(*stack, nn.Conv2d(channels, levels, 1))
    x = integers(levels, (batch, 28, 28))
    images, target = engine.tensor(as_images(x, levels)), engine.tensor(x)
    return model, lambda model: F.cross_entropy(model(images), target)


def two_stack_pixelcnn(engine, batch=32, levels=256, ks=5):
    """Two stacks, for the rows above and for the pixels to the left: ordinary convolutions of shifted images."""
    torch, nn, F = engine.torch, engine.nn, engine.F

    class PixelCNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1h = nn.Conv2d(1, 32, (ks // 2 + 1, ks))
            self.conv2h = nn.Conv2d(32, 64, (ks // 2 + 1, ks))
            self.conv1v = nn.Conv2d(1, 32, (1, ks // 2 + 1))
            self.conv2v = nn.Conv2d(32, 64, (1, ks // 2 + 1))
            self.final1 = nn.Conv2d(128, 128, 1)
            self.final2 = nn.Conv2d(128, levels, 1)

        def forward(self, x):
            above, left = (ks // 2, ks // 2, ks // 2, 0), (ks // 2, 0, 0, 0)
            h, v = F.pad(x, (0, 0, 1, -1)), F.pad(x, (1, -1, 0, 0))
            h, v = F.relu(self.conv1h(F.pad(h, above))), F.relu(self.conv1v(F.pad(v, left)))
            h, v = F.relu(self.conv2h(F.pad(h, above))), F.relu(self.conv2v(F.pad(v, left)))
            x = self.final2(F.relu(self.final1(torch.cat((h, v), 1))))
            return x.permute(0, 2, 3, 1).contiguous()

    x = integers(levels, (batch, 28, 28))
    images, target = engine.tensor(as_images(x, levels)), engine.tensor(x.reshape(-1))
    return PixelCNN(), lambda model: F.cross_entropy(model(images).view(-1, levels), target)


def lenet(engine, batch=64, levels=256):
    """LeNetMNIST with masked input: from the mask and the pixels seen so far to the level of the next one."""
    nn, F = engine.nn, engine.F
    model = nn.Sequential(nn.Conv2d(2, 32, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(32, 64, 5), nn.ReLU(),
                          nn.Flatten(), nn.Linear(64 * 81, 512), nn.ReLU(), nn.Linear(512, levels))
    x = integers(levels, (batch, 784))
    place = integers(784, (batch, 1))
    mask = (np.arange(784) < place).astype(np.float32)
    seen = np.stack((mask, mask * as_images(x, levels)[:, 0]), 1).reshape(batch, 2, 28, 28)
    seen, target = engine.tensor(seen), engine.tensor(np.take_along_axis(x, place, 1)[:, 0])
    return model, lambda model: F.cross_entropy(model(seen), target)


def autoencoder(engine, batch=100, channels=32, code=8):
    """The convolutional autoencoder of EE-559 for MNIST, with its mean squared error."""
    nn, F = engine.nn, engine.F
    down = [(1, channels, 5, 1), (channels, channels, 5, 1), (channels, channels, 4, 2), (channels, channels, 3, 2),
            (channels, code, 4, 1)]
    stack = []
    for a, b, kernel, stride in down:
        stack += [nn.Conv2d(a, b, kernel, stride), nn.ReLU()]
    stack.pop()                            # no ReLU on the code
    for a, b, kernel, stride in reversed(down):
        stack += [nn.ConvTranspose2d(b, a, kernel, stride), nn.ReLU()]
    stack.pop()
    images = engine.tensor(as_images(integers(256, (batch, 28, 28)), 256))
    return nn.Sequential(*stack), lambda model: F.mse_loss(model(images), images)


def toy1d(engine, dilations=(1, 1, 1, 1), batch=100, length=32, classes=64, ks=2, nc=32):
    """NetToy1d: a stack of causal 1-D convolutions; with dilations 2, 4, 8, 16 it is NetToy1dWithDilation."""
    nn, F = engine.nn, engine.F

    class NetToy1d(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv1d(1, nc, 1)
            self.middle = nn.ModuleList([nn.Conv1d(nc, nc, ks, dilation=d) for d in dilations])
            self.last = nn.Conv1d(nc, classes, 1)

        def forward(self, x):
            x = F.relu(self.first(F.pad(x, (1, -1))))
            for conv, d in zip(self.middle, dilations):
                x = F.relu(conv(F.pad(x, ((ks - 1) * d, 0))))
            return self.last(x).permute(0, 2, 1).contiguous()

    x = integers(classes, (batch, length))
    sequences, target = engine.tensor(as_images(x, classes)), engine.tensor(x.reshape(-1))
    return NetToy1d(), lambda model: F.cross_entropy(model(sequences).view(-1, classes), target)


def dilated_toy1d(engine):
    """NetToy1dWithDilation."""
    return toy1d(engine, (2, 4, 8, 16))


def made(engine, batch=100, size=784, hidden=500):
    """MADE: an autoencoder whose masked weights let no output see its own input or a later one."""
    nn, F = engine.nn, engine.F
    degrees = integers(size - 1, (hidden, 1))
    seen = (np.arange(size) <= degrees).astype(np.float32)                     # hidden unit k sees inputs up to m(k)
    sees = (np.arange(size)[:, None] > degrees[:, 0]).astype(np.float32)       # output d sees units with m(k) < d

    class MaskedLinear(nn.Linear):
        def __init__(self, mask):
            super().__init__(*reversed(mask.shape))
            self.register_buffer("mask", engine.tensor(mask))

        def forward(self, x):
            return F.linear(x, self.weight * self.mask, self.bias)

    model = nn.Sequential(MaskedLinear(seen), nn.ReLU(), MaskedLinear(sees))
    x = engine.tensor(integers(2, (batch, size)).astype(np.float32))
    return model, lambda model: F.binary_cross_entropy_with_logits(model(x), x, reduction="sum") / batch


def nvp(engine, batch=100, dim=2, hidden=2, depth=4):
    """NVPNet: coupling layers, each moving one half of the coordinates by what it sees of the other."""
    torch, nn = engine.torch, engine.nn

    class CouplingLayer(nn.Module):
        def __init__(self, kept):
            super().__init__()
            self.map_s = nn.Sequential(nn.Linear(dim, hidden), nn.Tanh(), nn.Linear(hidden, dim))
            self.map_t = nn.Sequential(nn.Linear(dim, hidden), nn.Tanh(), nn.Linear(hidden, dim))
            self.register_buffer("b", engine.tensor(kept.astype(np.float32)))

        def forward(self, x, ldj):
            s, t = self.map_s(self.b * x), self.map_t(self.b * x)
            ldj = ldj + ((1 - self.b) * s).sum(1)
            return self.b * x + (1 - self.b) * (torch.exp(s) * x + t), ldj

    class NVPNet(nn.Module):
        def __init__(self):
            super().__init__()
            half = np.arange(dim)[None] < dim // 2
            self.layers = nn.ModuleList([CouplingLayer(half if d % 2 == 0 else ~half) for d in range(depth)])

        def forward(self, x, ldj):
            for layer in self.layers:
                x, ldj = layer(x, ldj)
            return x, ldj

    x = engine.tensor(np.random.default_rng(0).standard_normal((batch, dim), np.float32))

    def objective(model):
        z, ldj = model(x, 0)
        return -(-0.5 * (z ** 2 + math.log(2 * math.pi)).sum(1) + ldj).mean()
    return NVPNet(), objective


def vae(engine, batch=10, dim=2, hidden=100):
    """The toy VAE of EE-559: Gaussian encoder and decoder with a hidden layer each."""
    torch, nn = engine.torch, engine.nn

    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, 2 * dim))
            self.decoder = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, 2 * dim))

        def forward(self, x, u):
            """The negated evidence lower bound, with noise u."""
            mu, logvar = self.encoder(x).split(dim, 1)
            kl = (-0.5 * (1 + logvar - mu.pow(2) - logvar.exp())).sum(1)
            mu, logvar = self.decoder(u * (0.5 * logvar).exp() + mu).split(dim, 1)
            log_p = (-(x - mu).pow(2) / (2 * logvar.exp()) - 0.5 * logvar).sum(1) - 0.5 * dim * math.log(2 * math.pi)
            return (kl - log_p).mean()

    rng = np.random.default_rng(0)
    x = engine.tensor(rng.standard_normal((batch, dim), np.float32))
    given = iter([engine.tensor(rng.standard_normal((batch, dim), np.float32))])     # for the step that is compared

    def objective(model):
        u = next(given, None)
        return model(x, torch.randn_like(x) if u is None else u)
    return VAE(), objective


def perceptron(engine, batch=100):
    """784-500-500-10 with ReLU."""
    nn, F = engine.nn, engine.F
    model = nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 500), nn.ReLU(), nn.Linear(500, 10))
    x = engine.tensor(as_images(integers(256, (batch, 784)), 256)[:, 0])
    labels = engine.tensor(integers(10, batch))
    return model, lambda model: F.cross_entropy(model(x), labels)


STEPS = {"pixelcnn": pixelcnn, "two-stack-pixelcnn": two_stack_pixelcnn, "lenet": lenet, "autoencoder": autoencoder,
         "toy1d": toy1d, "toy1d-dilated": dilated_toy1d, "made": made, "nvp": nvp, "vae": vae, "perceptron": perceptron}


def integers(number, shape):
    """Random integers below `number`, the same every time."""
    return np.random.default_rng(1).integers(0, number, shape)


def as_images(x, levels):
    """Integers below `levels` as float32 of mean 0 and variance 1, with an axis for one channel: (N, 1, ...)."""
    return ((x - (levels - 1) / 2) / (levels / 12 ** 0.5)).astype(np.float32)[:, None]
