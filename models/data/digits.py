"""`digits`: images in the manner of MNIST, drawn on the spot from the fonts that matplotlib carries.

Each (font, digit) is drawn once, large, and blurred.  An image is that drawing seen through a random affine map and a
gentle bend, with a threshold: low thresholds give heavy strokes, high ones light strokes.  Only sums, products and
uniform random numbers go into it, so a seed gives the same bytes on every machine that draws the fonts alike.
"""
import numpy as np
from . import DataSet

FONTS = ("DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSansMono DejaVuSansMono-Bold DejaVuSansMono-Oblique "
         "DejaVuSerif DejaVuSerif-Bold DejaVuSerif-Italic STIXGeneral STIXGeneralBol STIXGeneralItalic "
         "STIXGeneralBolIta cmr10 cmb10 cmss10 cmtt10").split()
SIZE = 28                                  # of an image
CANVAS, HEIGHT = 128, 80                   # of a drawing, and of the digit in it
LEVELS = 256


def load(train=12_000, test=2_000, seed=0):
    """The data set: the first images that the seed gives are for training, the next ones for the test."""
    drawings = draw_fonts()
    rng = np.random.default_rng(seed)
    (x, labels), (x_test, labels_test) = images(drawings, train, rng), images(drawings, test, rng)
    return DataSet("digits", x, labels, x_test, labels_test, LEVELS)


def draw_fonts():
    """A blurred drawing of every digit in every font: (fonts, 10, CANVAS, CANVAS), from 0 to 1."""
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font
    drawings = np.zeros((len(FONTS), 10, CANVAS, CANVAS), np.float32)
    for i, name in enumerate(FONTS):
        font = FT2Font(f"{get_data_path()}/fonts/ttf/{name}.ttf")
        for digit in range(10):
            drawings[i, digit] = blur(draw(font, str(digit)))
    return drawings


def draw(font, character):
    """One character in the middle of a canvas, as high as HEIGHT: from 0 to 1."""
    font.set_size(HEIGHT, 72)
    for _ in range(2):                     # the first time to see how high it comes out
        font.set_text(character)
        font.draw_glyphs_to_bitmap(antialiased=True)
        glyph = np.asarray(font.get_image())
        rows, columns = np.flatnonzero(glyph.any(1)), np.flatnonzero(glyph.any(0))
        glyph = glyph[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
        font.set_size(HEIGHT * HEIGHT / glyph.shape[0], 72)
    canvas = np.zeros((CANVAS, CANVAS))
    top, left = (CANVAS - glyph.shape[0]) // 2, (CANVAS - glyph.shape[1]) // 2
    canvas[top:top + glyph.shape[0], left:left + glyph.shape[1]] = glyph / 255
    return canvas


def blur(canvas, width=7, times=3):
    """Averages over `width` pixels in both directions, a few times over: nearly a Gaussian."""
    for axis in (0, 1) * times:
        canvas = sum(np.roll(canvas, shift, axis) for shift in range(-(width // 2), width // 2 + 1)) / width
    return canvas


def images(drawings, n, rng, chunk=500):
    """n images (n, 1, SIZE, SIZE), uint8, and what they show."""
    x, labels = np.empty((n, 1, SIZE, SIZE), np.uint8), np.empty(n, np.uint8)
    for start in range(0, n, chunk):       # so much at a time as fits into the cache
        part = slice(start, min(start + chunk, n))
        x[part, 0], labels[part] = warped(drawings, part.stop - part.start, rng)
    return x, labels


def warped(drawings, n, rng):
    """n drawings, each seen through its own map from image to canvas."""
    def uniform(low, high):
        return rng.uniform(low, high, (n, 1, 1)).astype(np.float32)

    fonts, digits = rng.integers(0, len(drawings), n), rng.integers(0, 10, n)
    middle = np.float32((SIZE - 1) / 2)
    v, u = np.meshgrid(*[np.arange(SIZE, dtype=np.float32) - middle] * 2, indexing="ij")
    u, v = u - uniform(-1.5, 1.5), v - uniform(-1.5, 1.5)                      # shift
    tilt = uniform(-0.15, 0.15)                                                # rotation, by a small angle
    u, v = u + tilt * v, v - tilt * u
    s = v / np.float32(10)                                                     # -1 at the digit's foot, 1 at its head
    u = u + uniform(-2.5, 3.5) * s + uniform(-1.5, 1.5) * s * s + uniform(-0.7, 0.7) * s * s * s     # slant and bends
    scale = HEIGHT / uniform(16, 21)                                           # the digit becomes 16 to 21 pixels high
    u, v = u * scale * uniform(0.75, 1.15) + CANVAS / 2, v * scale + CANVAS / 2
    grey = bilinear(drawings[fonts, digits], v, u)
    edge, softness = uniform(0.2, 0.42), uniform(0.15, 0.2)                    # weight and sharpness of the stroke
    ink = np.clip((grey - edge) / (2 * softness) + np.float32(0.5), 0, 1)      # the background, grey = 0, stays black
    return np.rint(ink * np.float32(LEVELS - 1)).astype(np.uint8), digits


def bilinear(drawings, row, column):
    """Each drawing at real positions, interpolated between the four pixels around; what is outside is as the border."""
    n, height, width = drawings.shape
    row, column = np.clip(row, 0, height - 1.001), np.clip(column, 0, width - 1.001)
    r, c = row.astype(np.int32), column.astype(np.int32)
    row, column = row - r, column - c
    flat = drawings.reshape(-1)
    at = (np.arange(n, dtype=np.int32)[:, None, None] * height + r) * width + c
    above = flat[at] * (1 - column) + flat[at + 1] * column
    below = flat[at + width] * (1 - column) + flat[at + width + 1] * column
    return above * (1 - row) + below * row
