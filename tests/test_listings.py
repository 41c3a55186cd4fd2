"""Listings of Fleuret's deep-learning course (lectures 10.2 and 10.3) with only their imports changed.

Model and training code stand as on the slides, but for the slips that keep them from running (a missing import of `pi`,
a `return` at the wrong indentation).  Each is trained for a moment, and must do what the lecture says it does.
"""
import math
from math import pi
import numpy as np
import pytest
import minigrad as torch
import layers as nn
import layers.functional as F
from layers.functional import cross_entropy
from minigrad import autograd, optim


# ---------------------------------------------------------------------------------------------------------------------
# The models, as printed

class PiecewiseLinear(nn.Module):
    def __init__(self, nb, xmin, xmax):
        super().__init__()
        self.xmin = xmin
        self.xmax = xmax
        self.nb = nb
        self.alpha = nn.Parameter(torch.tensor([xmin], dtype = torch.float))
        mu = math.log((xmax - xmin) / nb)
        self.xi = nn.Parameter(torch.empty(nb + 1).normal_(mu, 1e-4))

    def forward(self, x):
        y = self.alpha + self.xi.exp().cumsum(0)
        u = self.nb * (x - self.xmin) / (self.xmax - self.xmin)
        n = u.long().clamp(0, self.nb - 1)
        a = (u - n).clamp(0, 1)
        x = (1 - a) * y[n] + a * y[n + 1]
        return x


class NVPCouplingLayer(nn.Module):
    def __init__(self, map_s, map_t, b):
        super().__init__()
        self.map_s = map_s
        self.map_t = map_t
        self.register_buffer('b', b.unsqueeze(0))

    def forward(self, x, ldj): # ldj for log det Jacobian
        s, t = self.map_s(self.b * x), self.map_t(self.b * x)
        ldj = ldj + ((1 - self.b) * s).sum(1)
        y = self.b * x + (1 - self.b) * (torch.exp(s) * x + t)
        return y, ldj

    def invert(self, y):
        s, t = self.map_s(self.b * y), self.map_t(self.b * y)
        return self.b * y + (1 - self.b) * (torch.exp(-s) * (y - t))


class NVPNet(nn.Module):
    def __init__(self, dim, hidden_dim, depth):
        super().__init__()
        b = torch.empty(dim)
        self.layers = nn.ModuleList()
        for d in range(depth):
            if d%2 == 0:
                i = torch.randperm(b.numel())[0:b.numel() // 2]
                b.zero_()[i] = 1
            else:
                b = 1 - b
            map_s = nn.Sequential(nn.Linear(dim, hidden_dim), nn.Tanh(),
                                  nn.Linear(hidden_dim, dim))
            map_t = nn.Sequential(nn.Linear(dim, hidden_dim), nn.Tanh(),
                                  nn.Linear(hidden_dim, dim))
            self.layers.append(NVPCouplingLayer(map_s, map_t, b.clone()))

    def forward(self, x, ldj):
        for m in self.layers: x, ldj = m(x, ldj)
        return x, ldj

    def invert(self, y):
        for m in reversed(self.layers): y = m.invert(y)
        return y


def LogProba(x, ldj):
    log_p = - 0.5 * (x**2 + math.log(2*pi)).sum(1) + ldj
    return log_p


class NetToy1d(nn.Module):
    def __init__(self, nb_classes, ks = 2, nc = 32):
        super().__init__()
        self.pad = (ks - 1, 0)
        self.conv0 = nn.Conv1d(1, nc, kernel_size = 1)
        self.conv1 = nn.Conv1d(nc, nc, kernel_size = ks)
        self.conv2 = nn.Conv1d(nc, nc, kernel_size = ks)
        self.conv3 = nn.Conv1d(nc, nc, kernel_size = ks)
        self.conv4 = nn.Conv1d(nc, nc, kernel_size = ks)
        self.conv5 = nn.Conv1d(nc, nb_classes, kernel_size = 1)

    def forward(self, x):
        x = F.relu(self.conv0(F.pad(x, (1, -1))))
        x = F.relu(self.conv1(F.pad(x, self.pad)))
        x = F.relu(self.conv2(F.pad(x, self.pad)))
        x = F.relu(self.conv3(F.pad(x, self.pad)))
        x = F.relu(self.conv4(F.pad(x, self.pad)))
        x = self.conv5(x)
        return x.permute(0, 2, 1).contiguous()


class PixelCNN(nn.Module):
    def __init__(self, nb_classes, in_channels = 1, ks = 5):
        super().__init__()

        self.hpad = (ks//2, ks//2, ks//2, 0)
        self.vpad = (ks//2, 0, 0, 0)

        self.conv1h = nn.Conv2d(in_channels, 32, kernel_size = (ks//2+1, ks))
        self.conv2h = nn.Conv2d(32, 64, kernel_size = (ks//2+1, ks))
        self.conv1v = nn.Conv2d(in_channels, 32, kernel_size = (1, ks//2+1))
        self.conv2v = nn.Conv2d(32, 64, kernel_size = (1, ks//2+1))
        self.final1 = nn.Conv2d(128, 128, kernel_size = 1)
        self.final2 = nn.Conv2d(128, nb_classes, kernel_size = 1)

    def forward(self, x):
        xh = F.pad(x, (0, 0, 1, -1))
        xv = F.pad(x, (1, -1, 0, 0))
        xh = F.relu(self.conv1h(F.pad(xh, self.hpad)))
        xv = F.relu(self.conv1v(F.pad(xv, self.vpad)))
        xh = F.relu(self.conv2h(F.pad(xh, self.hpad)))
        xv = F.relu(self.conv2v(F.pad(xv, self.vpad)))
        x = F.relu(self.final1(torch.cat((xh, xv), 1)))
        x = self.final2(x)

        return x.permute(0, 2, 3, 1).contiguous()


# ---------------------------------------------------------------------------------------------------------------------
# Their training loops, and what they must reach

def test_piecewise_linear_flow_learns_a_density():
    """Trained through a double backward, it turns a two-humped density into a normal one."""
    torch.manual_seed(0)
    z = torch.randn(2000)
    train_input = torch.where(torch.rand(2000) < 0.5, z * 0.5 - 1.5, z * 0.5 + 1.5)
    model, batch_size = PiecewiseLinear(nb = 100, xmin = -4, xmax = 4), 200
    optimizer, losses = optim.Adam(model.parameters(), lr = 1e-2), []

    for e in range(20):
        for input in train_input.split(batch_size):
            input.requires_grad_()
            output = model(input)

            derivatives, = autograd.grad(
                output.sum(), input,
                retain_graph = True, create_graph = True
            )

            loss = ( 0.5 * (output**2 + math.log(2*pi)) - derivatives.log() ).mean()

            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    # The start map is x + h: about N(x; 0, 1).  The entropy of the density is 1.40 nats, that of a normal one 1.96.
    assert np.mean(losses[:10]) > 2.1 and np.mean(losses[-10:]) < 1.55


def test_nvp_learns_a_density_and_inverts():
    torch.manual_seed(0)
    x = torch.randn(1000, 2)
    train_input = torch.stack((x[:, 0], 0.3 * x[:, 1] + x[:, 0] ** 2), 1)
    batch_size, losses = 100, []

    model = NVPNet(dim = 2, hidden_dim = 8, depth = 4)
    optimizer = optim.Adam(model.parameters(), lr = 1e-2)

    for e in range(30):
        for input in train_input.split(batch_size):
            output, ldj = model(input, 0)
            loss = - LogProba(output, ldj).mean()
            model.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    # The entropy of this banana is log(2 pi e) + log 0.3 = 1.634 nats: no model can do better.
    assert np.mean(losses[:10]) > 3 and 1.5 < np.mean(losses[-10:]) < 2.2
    np.testing.assert_allclose(model.invert(model(train_input, 0)[0]).detach().numpy(), train_input.numpy(), atol=1e-4)
    z = torch.randn(5, 2)
    assert model.invert(z).shape == (5, 2)


def toy_sequences(number, length, rng):
    """Sequences that are linear up to a random place and linear after it, as integers from 0 to 2 length - 1."""
    t = np.arange(length)
    breaks = rng.integers(1, length - 1, (number, 1))
    first, second = rng.uniform(-1, 1, (2, number, 1))
    x = np.where(t < breaks, first * t, first * breaks + second * (t - breaks))
    x = np.round(x - x.mean(1, keepdims=True) + length)
    return torch.tensor(np.clip(x, 0, 2 * length - 1).astype(np.int64))


def test_causal_toy_net_learns_and_is_causal():
    torch.manual_seed(0)
    length, rng = 16, np.random.default_rng(0)
    train_input = toy_sequences(600, length, rng).unsqueeze(1)
    mean, std = train_input.float().mean(), train_input.float().std()
    model = NetToy1d(nb_classes = 2 * length)
    optimizer, losses = optim.Adam(model.parameters(), lr = 5e-3), []

    for e in range(12):
        for sequences in train_input.split(100):
            input = (sequences - mean)/std

            output = model(input)

            loss = cross_entropy(
                output.view(-1, output.size(-1)),
                sequences.view(-1)
            )

            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    assert losses[0] > 3.3 and np.mean(losses[-6:]) < 2.0          # log 32 = 3.47

    generated = train_input.new_zeros((48,) + train_input.size()[1:])
    flat = generated.view(generated.size(0), -1)
    with torch.no_grad():
        for t in range(flat.size(1)):
            input = (generated.float() - mean) / std
            output = model(input)
            logits = output.view(flat.size() + (-1,))[:, t]
            dist = torch.distributions.categorical.Categorical(logits = logits)
            flat[:, t] = dist.sample()
    steps = np.abs(np.diff(generated.numpy()[:, 0], axis=1))
    assert np.mean(steps <= 2) > 0.7                               # lines of slope at most 1, mostly

    x = torch.randn(1, 1, length, requires_grad = True)
    for t in range(length):                                        # five lags, t - 1 ... t - 5, and no other
        derivative, = autograd.grad(model(x)[0, t].sum(), x)
        assert set(np.flatnonzero(derivative.numpy())) <= set(range(max(0, t - 5), t))


def test_two_stack_pixelcnn_learns_and_is_causal():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    rows = (np.arange(8)[:, None] + np.arange(8) + rng.integers(0, 4, (64, 1, 1))) % 4 < 2        # diagonal stripes
    train_input = torch.tensor(rows.astype(np.int64)).unsqueeze(1)
    model = PixelCNN(nb_classes = 2)
    optimizer, losses = optim.Adam(model.parameters(), lr = 2e-3), []

    for e in range(10):
        for data in train_input.split(16):
            output = model(data.float() - 0.5)
            loss = cross_entropy(output.view(-1, output.size(-1)), data.view(-1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    assert losses[0] > 0.6 and losses[-1] < 0.1

    x = torch.randn(1, 1, 9, 12, requires_grad = True)
    derivative, = autograd.grad(model(x)[0, 6, 5].sum(), x)
    seen = np.zeros((9, 12), bool)
    seen[1:6, 1:10] = True                                         # five rows above, four columns to either side
    seen[6, 0:5] = True                                            # five pixels to the left
    assert np.array_equal(derivative.numpy()[0, 0] != 0, seen)
