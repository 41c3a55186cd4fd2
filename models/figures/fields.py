"""What a pixel is drawn from, by back-propagating from it: where the gradient is exactly zero, nothing is seen."""
import string
import numpy as np
import minigrad
from minigrad import tensor
from ..gated import GatedPixelCNN
from ..pixelcnn import PixelCNN
from ..two_stack import TwoStackPixelCNN
from .page import cells, figure, key

OWN, SEEN, HIDDEN = 1.0, 0.25, 0.0         # greys
IMAGES = 16            # random ones: in a single one, a ReLU may hide what is seen


def seen(model, pixel):
    """Which pixels the conditional of a pixel depends on: a mask (H, W).

    model       a PixelCNN of any kind for grey images, with random weights, by which no gradient cancels
    """
    rng = np.random.default_rng(0)
    e = model.embed(np.zeros((IMAGES, *model.shape), np.uint8))
    e = tensor(rng.standard_normal(e.shape).astype(e.dtype), requires_grad=True)
    model(e)[:, 0, 0, *pixel].sum().backward()
    return (e.grad.data != 0).any((0, 1))


def earlier(shape, pixel):
    """Which pixels come before one in raster order: a mask (H, W)"""
    number = np.arange(shape[0] * shape[1]).reshape(shape)
    return number < number[*pixel]


def blind(visible, pixel):
    """The blind spot: pixels of the rows above that are not seen, though their mirror images on the left are."""
    row, column = pixel
    found = np.zeros_like(visible)
    reach = min(column, visible.shape[1] - 1 - column)
    left, right = visible[:row, column - reach:column], visible[:row, column + 1:column + 1 + reach]
    found[:row, column + 1:column + 1 + reach] = left[:, ::-1] & ~right
    return found


def plain(shape, layers):
    """A PixelCNN of 3x3 convolutions."""
    return PixelCNN(shape, 2, embedding=2, channels=8, layers=layers - 1, first_kernel_size=3, kernel_size=3)


def gated(shape, layers):
    """A Gated PixelCNN of 3x3 convolutions."""
    return GatedPixelCNN(shape, 2, embedding=2, channels=8, layers=layers - 1, first_kernel_size=3, kernel_size=3)


def receptive_fields():
    """What a pixel sees: PixelCNN with its blind spot, two stacks, Gated PixelCNN."""
    minigrad.manual_seed(0)
    shape, pixel, layers = (1, 9, 13), (7, 6), 5
    models = {f"PixelCNN, {layers} layers of 3x3": plain(shape, layers),
              "two stacks, 2 layers of 5x5": TwoStackPixelCNN(shape, 2, channels=8, positional=False),
              f"Gated PixelCNN, {layers} layers of 3x3": gated(shape, layers)}
    drawn, axes = figure(11, 3.8, 1, 3)
    missed = []
    for ax, (title, model) in zip(axes, models.items()):
        visible = seen(model, pixel)
        hidden = blind(visible, pixel)
        field(ax, visible, hidden, pixel)
        missed.append(hidden.sum())
        ax.set_title(f"{title}:\nsees {visible.sum()} pixels, blind to {missed[-1] or 'none'}")
    drawn.suptitle(f"Stacked masks leave a blind spot of {missed[0]} pixels; two stacks leave "
                   f"{missed[1] or 'none'}, gated ones {missed[2] or 'none'}")
    key(drawn, **{"the pixel": (OWN, False), "what it sees": (SEEN, False), "blind spot": (HIDDEN, True)})
    return drawn


def field(axes, visible, hidden, pixel, texts=None):
    """One grid: the pixel black, what it sees grey, what it should and does not hatched."""
    greys = np.where(visible, SEEN, HIDDEN)
    greys[*pixel] = OWN
    cells(axes, greys, texts, hidden)


def blind_spot():
    """The 5x5 example of the blind spot: what the pixel q does not see, layer by layer."""
    minigrad.manual_seed(0)
    shape, pixel = (5, 5), (3, 1)
    letters = np.array(list(string.ascii_lowercase[:25])).reshape(shape)
    counts, missed = (2, 3, 7), []
    models = {f"PixelCNN,\n{n} layers": plain((1, *shape), n) for n in counts}
    models["Gated PixelCNN,\n3 layers"] = gated((1, *shape), 3)
    drawn, axes = figure(10, 3.7, 1, 4)
    for ax, (title, model) in zip(axes, models.items()):
        visible = seen(model, pixel)
        hidden = earlier(shape, pixel) & ~visible
        field(ax, visible, hidden, pixel, letters)
        missed.append(", ".join(letters[hidden]) if hidden.sum() <= 3 else f"{hidden.sum()} pixels")
        ax.set_title(f"{title}: misses {missed[-1] or 'nothing'}")
    drawn.suptitle(f"With {counts[-1]} masked 3x3 layers, as with {counts[-2]}, {letters[*pixel]} is drawn without a "
                   f"look at {missed[-2]}")
    key(drawn, **{"the pixel": (OWN, False), "what it sees": (SEEN, False), "earlier, and not seen": (HIDDEN, True)})
    return drawn
