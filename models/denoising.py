"""The denoising autoencoder: it sees a damaged example and has to give back the whole one,

    min over f, g of E ||x - g(f(damaged x))||^2.

So even a code with room for more than the example can't be the identity, and must say what examples are like.
Here f(x) = sigmoid(W x + b) and g(h) = W' h + c, with the same W; its rows are the filters of Vincent's figures 6, 7.
The lecture derives the loss from maximal information between x and its code.  That is a picture rather than a proof:
the density there lacks its factor (2 pi sigma^2)^(-c/2), and a continuous deterministic code has infinite information.
Sources: P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio and P.-A. Manzagol, Stacked Denoising Autoencoders, JMLR 2010;
F. Fleuret, EE-559, lecture 9.
"""
import math
from layers import Linear, Parameter
from minigrad import randn_like, sigmoid, tensor, where, zeros
from minigrad.devices import on_cpu
from .autoencoder import Autocoder

AMOUNTS = {"gaussian": 0.5, "salt_and_pepper": 0.1, "masking": 0.55}       # those of the figures


class DenoisingAutoencoder(Autocoder):
    """A layer of hidden units that sees noise.

    shape       of the examples: any
    levels      how many values an entry can take, or None for real numbers
    latent      how many hidden units there are
    noise       "gaussian": numbers of standard deviation `amount` are added to the values;
                "salt_and_pepper": a part `amount` of the entries, drawn anew each time, becomes 0 or 1, each as likely;
                "masking": a part `amount` of the entries becomes 0
    amount      how strong the noise is; by default 0.5, 0.1 and 0.55
    """
    exact = False                          # the noise is drawn

    def __init__(self, shape, levels=256, latent=200, noise="masking", amount=None):
        super().__init__(shape=shape, levels=levels, latent=latent, noise=noise, amount=amount)
        if noise not in AMOUNTS:
            raise ValueError(f"DenoisingAutoencoder: unknown noise {noise!r}; there are {', '.join(AMOUNTS)}")
        self.noise, self.amount = noise, AMOUNTS[noise] if amount is None else amount
        if self.amount < 0 or noise != "gaussian" and self.amount > 1:
            raise ValueError(f"DenoisingAutoencoder: amount={amount} is no "
                             + ("standard deviation" if noise == "gaussian" else "part of the entries, from 0 to 1"))
        if noise == "salt_and_pepper" and levels is None:
            raise ValueError("DenoisingAutoencoder: real numbers have no smallest and largest value, so there is no "
                             "salt_and_pepper; use gaussian or masking noise")
        entries = math.prod(self.shape)
        self.encoder = Linear(entries, latent)
        self.bias = Parameter(zeros(entries))

    def encode(self, values):
        """The hidden units: (N, *shape) -> (N, latent)"""
        return sigmoid(self.encoder(values.flatten(1)))

    def decode(self, z):
        """(N, latent) -> (N, *shape)"""
        return (z @ self.encoder.weight + self.bias).reshape(len(z), *self.shape)

    def corrupt(self, values, generator):
        """Values with noise: (N, *shape) Tensor -> (N, *shape) Tensor, a constant"""
        values, place = values.detach(), values.device
        if self.noise == "gaussian":
            return values + self.amount * randn_like(values, generator=generator)
        hit = tensor(generator.random(values.shape) < self.amount, device=place)
        new = tensor(generator.integers(0, 2, values.shape), device=place) if self.noise == "salt_and_pepper" else 0
        return where(hit, new, values)

    def nats(self, x, generator):
        """||x - g(f(damaged x))||^2 of each example, with noise from the generator: (N,)"""
        values = self.values(x)
        return ((self(self.corrupt(values, generator)) - values) ** 2).flatten(1).sum(1)

    def filters(self):
        """What each hidden unit looks for: (latent, *shape) array"""
        return on_cpu(self.encoder.weight).reshape(self.latent, *self.shape)
