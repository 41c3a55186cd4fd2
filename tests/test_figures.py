"""The figures for lectures: what each claims is true of the numbers that it draws, and a wrong run is refused."""
import re
import numpy as np
import pytest
import minigrad
from layers import MaskedConv2d
from minigrad import no_grad, tensor
from minigrad.autograd import jacobian
from minigrad.optim import Adam
from models import figures
from models.__main__ import main
from models.autoencoder import Autoencoder
from models.causal import DilatedToy
from models.data import DataSet, eight_gaussians, lecture_1d, toy_sequences, two_moons
from models.denoising import DenoisingAutoencoder
from models.figures import (
    FIGURES, codes, conditionals, curves, examples, fields, flows, lags, masks, networks, noise, page)
from models.figures.trained import Trained
from models.likelihood import evaluate
from models.made import MADE
from models.nvp import NVP
from models.pca import PCA
from models.piecewise_linear import PiecewiseLinear
from models.pixelcnn import PixelCNN
from models.vae import VAE, ToyVAE

LETTERS = np.array(list("abcdefghijklmnopqrstuvwxy")).reshape(5, 5)


class Given(Trained):
    """A run that was never written to a folder."""

    def __init__(self, name, model, data, metrics=None, folder="given"):
        self.folder, self.config = folder, {"model": name, "data": data.name}
        self.model, self.data, self.metrics = model.eval(), data, metrics


def drawn(name, *trained):
    """The figure of that name, checked: it needs no colour, all its text is inside, and no panel is empty."""
    with page.style():
        figure = FIGURES[name].load(name)(*trained)
    assert figure.dpi >= 150 and min(figure.get_size_inches()) >= 2
    return looked_at(figure)


def looked_at(figure):
    """The figure, rendered small."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    figure.set_dpi(75)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba()).astype(int)
    assert np.ptp(pixels[..., :3], axis=2).max() <= 1, "it has a colour"
    width, height = canvas.get_width_height()
    for part in [*figure.axes, *figure.texts, *figure.legends]:            # with the titles and ticks of all panels
        box = part.get_tightbbox(canvas.get_renderer())
        assert box.x0 >= -2 and box.y0 >= -2 and box.x1 <= width + 2 and box.y1 <= height + 2, (part, box)
    for axes in figure.axes:
        assert not axes.axison or axes.lines or axes.images or axes.patches or axes.collections, "a panel is empty"
    return figure


def title(figure):
    """The title of a figure, in one line."""
    whole = figure.get_suptitle() or figure.axes[0].get_title()
    return whole.replace("\n", " ")


def numbers(text):
    """The numbers in a text."""
    return [float(n.replace(",", "")) for n in re.findall(r"-?\d[\d,]*\.?\d*", text)]


def images(n=60, side=16, levels=256, seed=0):
    """A data set of bright squares at random places on black ground."""
    rng = np.random.default_rng(seed)
    x = np.zeros((2 * n, 1, side, side), np.uint8)
    for image, (row, column) in zip(x[:, 0], rng.integers(1, side - 6, (2 * n, 2))):
        image[row:row + 5, column:column + 5] = levels - 1
    return DataSet("squares", x[:n], None, x[n:], None, levels)


def fit(model, data, steps, lr=1e-2):
    """A few steps of training."""
    rng = np.random.default_rng(0)
    model.begin(data)
    optimizer = Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(data.train[rng.integers(0, len(data.train), 200)], rng).backward()
        optimizer.step()
    model.finish(data)
    return model


# ---------------------------------------------------------------------------------------------------------------------
# What a network sees

@pytest.mark.parametrize("layers, expected", [(2, "abcdejno"), (3, "jno"), (4, "jno"), (7, "jno")])
def test_what_q_does_not_see(layers, expected):
    minigrad.manual_seed(0)
    visible = fields.seen(fields.plain((1, 5, 5), layers), (3, 1))
    assert "".join(LETTERS[fields.earlier((5, 5), (3, 1)) & ~visible]) == expected
    assert not visible[~fields.earlier((5, 5), (3, 1))].any()


def test_mask_b_for_a_shows_the_pixel_itself():
    model = fields.plain((1, 5, 5), 3)
    model.first = MaskedConv2d("B", 2, 8, 3)
    assert fields.seen(model, (3, 1))[3, 1]


def test_the_blind_spot():
    """What is hatched is what the titles say; the gated network sees all."""
    figure = drawn("blind_spot")
    assert title(figure) == "With 7 masked 3x3 layers, as with 3, q is drawn without a look at j, n, o"
    assert [len(axes.patches) for axes in figure.axes] == [8, 3, 3, 0]
    assert [axes.get_title().split("misses ")[1] for axes in figure.axes] == [
        "8 pixels", "j, n, o", "j, n, o", "nothing"]
    drawn_greys = figure.axes[1].images[0].get_array()
    assert "".join(LETTERS[drawn_greys == fields.SEEN]) == "abcdefghiklmp" and drawn_greys[3, 1] == fields.OWN


@pytest.mark.parametrize("layers, expected", [(2, 1), (3, 3), (5, 10), (7, 21)])
def test_the_size_of_the_blind_spot(layers, expected):
    pixel = (layers, layers)
    visible = fields.seen(fields.plain((1, layers + 1, 2 * layers + 1), layers), pixel)
    assert fields.blind(visible, pixel).sum() == expected
    assert visible.sum() == layers * (2 * layers + 2) - expected


def test_receptive_fields():
    figure = drawn("receptive_fields")
    assert title(figure) == "Stacked masks leave a blind spot of 10 pixels; two stacks leave none, gated ones none"
    assert [len(axes.patches) for axes in figure.axes] == [10, 0, 0]
    seen = [(axes.images[0].get_array() == fields.SEEN) for axes in figure.axes]
    assert [s.sum() for s in seen] == [50, 5 * 9 + 5, 6 * 11 + 5]
    rows, columns = np.nonzero(seen[1])                    # five rows above, nine wide; five pixels to the left
    assert rows.min() == 2 and set(columns[rows < 7]) == set(range(2, 11))
    assert set(columns[rows == 7]) == set(range(1, 6))


def test_lags():
    """The lecture's dilations see odd lags only; the figure's black nodes are those that gradients reach."""
    figure = drawn("lags")
    assert title(figure) == ("Dilation reaches 31 entries back instead of 5, but leaves out 15 of them until the first "
                             "kernel is 2 wide")
    for axes, expected in zip(figure.axes, (range(1, 6), range(1, 32, 2), range(1, 33))):
        inputs = [line for line in axes.lines if line.get_markersize() == 5 and set(line.get_ydata()) == {0}]
        assert len(inputs) == 1 and sorted(inputs[0].get_xdata()) == list(expected)
    model = DilatedToy((lags.LENGTH,), 2, channels=8)
    model.layers[0].shift = False                          # planted: the present is not hidden
    assert lags.lags_seen(model)[0] == 0


def test_lags_in_words():
    assert lags.described([1, 2, 3]) == "all 3 lags from 1 to 3"
    assert lags.described([1, 3, 5, 7]) == "4 lags: 1, 3, 5 ... 7" and lags.described([1, 2, 4]) == "3 lags"


# ---------------------------------------------------------------------------------------------------------------------
# Masks

def test_prefix_masks():
    figure = drawn("prefix_masks")
    for k, axes in enumerate(figure.axes):
        greys = axes.images[0].get_array()
        assert (greys == masks.ONE).sum() == k and np.flatnonzero(greys == 1) == [k] and axes.get_title() == f"k = {k}"


def test_pixelcnn_masks():
    figure = drawn("pixelcnn_masks")
    a, b, of_a, of_b = [np.array([text.get_text() for text in axes.texts]).astype(int) for axes in figure.axes]
    assert np.array_equal(a, np.arange(25) < 12) and np.array_equal(b, np.arange(25) < 13)
    assert np.array_equal(of_a.reshape(3, 3), np.tri(3, k=-1)) and np.array_equal(of_b.reshape(3, 3), np.tri(3))


def test_coupling_masks():
    """Half of the pixels are kept by each mask, and those that are not by its opposite."""
    figure = drawn("coupling_masks")
    assert title(figure).startswith("A mask keeps half of the 16 pixels") and "2 of 4 channels" in title(figure)
    rows = np.array(figure.axes).reshape(2, 6)
    kept = []
    for row in rows:
        pixels = {int(t.get_text()): row[0].images[0].get_array().flat[i] > 0 for i, t in enumerate(row[0].texts)}
        channels = {int(t.get_text()): axes.images[0].get_array().flat[i] > 0
                    for axes in row[2:] for i, t in enumerate(axes.texts)}
        kept.append([{n for n, is_kept in found.items() if is_kept} for found in (pixels, channels)])
    for one, other in zip(*kept):
        assert len(one) == len(other) == 8 and one | other == set(range(1, 17))
    assert kept[0] == [{1, 3, 6, 8, 9, 11, 14, 16}, {1, 2, 3, 4, 9, 10, 11, 12}]


def test_made_masks(monkeypatch):
    """The paths drawn are those that gradients take; with an inequality that is not strict, the title says so."""
    model = networks.made_model()
    degrees, drawn_masks = networks.wiring(model)
    paths = np.linalg.multi_dot([mask.astype(int) for mask in drawn_masks[::-1]])
    derivatives = 0
    for value in np.random.default_rng(0).random((20, 1, 4)):
        x = tensor(value.astype(np.float32))
        derivatives = derivatives + abs(jacobian(lambda x: model.outputs(x)[0], x).data[:, 0])
    assert np.array_equal(derivatives > 0, paths > 0) and not np.triu(paths).any()
    figure = drawn("made_masks")
    assert title(figure).startswith(f"None of the {paths.sum()} paths leads")
    shown = [int(text.get_text()) for text in figure.axes[4].texts]
    assert shown == list(paths.flat)
    monkeypatch.setattr(networks, "wiring", lambda model: (degrees, drawn_masks[:2] + [
        networks.connected(degrees[2], degrees[3])]))
    assert int(numbers(title(networks.made_masks()))[0]) > 0


# ---------------------------------------------------------------------------------------------------------------------
# Conditionals

def test_conditionals_are_those_of_the_sampler():
    minigrad.manual_seed(0)
    model, x = PixelCNN((1, 5, 4), 7, embedding=4, channels=4, layers=1), images().test[:2, :, 3:8, 3:7] // 40
    p = conditionals.conditionals(model, x)
    assert np.allclose(p.sum(1), 1)
    cache = model.cache(x)
    for position in model.positions():
        with no_grad():
            logits = cache.logits(position).astype(np.float64)
        assert np.allclose(np.log(p[:, :, *position]), logits - np.log(np.exp(logits).sum(1, keepdims=True)), atol=1e-5)
        cache.write(position, x[:, *position])


def test_how_many_levels_would_be_as_uncertain():
    assert conditionals.effective(np.full(256, 1 / 256)) == pytest.approx(256)
    assert conditionals.effective(np.array([0, 1.0, 0])) == 1


@pytest.mark.parametrize("kind", ["pixelcnn", "made"])
def test_posterior(kind):
    """The mask is what was drawn before, in the model's own order; the curve is the conditional; the dot the truth."""
    minigrad.manual_seed(0)
    levels = {"pixelcnn": 256, "made": 2}[kind]
    data = images(20, 9, levels)
    model = (PixelCNN((1, 9, 9), 256, embedding=4, channels=4, layers=1) if kind == "pixelcnn" else
             MADE((1, 9, 9), hidden=(20,), order="random"))
    figure = drawn("posterior", Given(kind, model, data))
    x = data.test[0]
    p, order = conditionals.conditionals(model, x[None])[0], model.positions()
    found = []
    for mask, so_far, chart in np.array(figure.axes).reshape(3, 5).T:
        t = int(numbers(mask.get_title())[0])
        known = np.zeros((9, 9), bool)
        for _, row, column in order[:t]:
            known[row, column] = True
        _, row, column = order[t]
        assert np.array_equal(mask.images[0].get_array(), known)
        assert np.array_equal(so_far.images[0].get_array()[known], x[0][known] / (levels - 1))
        assert (so_far.images[0].get_array()[~known] == 0.15).all()
        heights = [bar.get_height() for bar in chart.patches] if levels == 2 else chart.lines[0].get_ydata()
        assert np.allclose(heights, np.maximum(p[:, 0, row, column], conditionals.FLOOR))
        dot, = chart.lines[-1].get_xdata()
        assert dot == x[0, row, column]
        found.append(conditionals.effective(p[:, 0, row, column]))
    assert numbers(title(figure))[-3:] == [round(min(found), 1), round(max(found), 1), levels]


@pytest.mark.parametrize("possible", [1.0, 0.5])
def test_sequences(monkeypatch, possible):
    """The title says how many samples could occur in the data."""
    data = toy_sequences.load(50, 300)
    model = DilatedToy((32,), 64, channels=4)
    given = data.test[:200].copy()
    given[:int(200 * (1 - possible)), 0] = 31                  # all sequences start with 32
    monkeypatch.setattr(model, "sample", lambda n, generator: given)
    figure = drawn("sequences", Given("dilated_toy", model, data))
    assert f"{possible:.0%} of 200 samples" in title(figure)
    p = conditionals.conditionals(model, data.test[:1])[0]
    panels = {axes.get_title(): axes for axes in figure.axes}
    assert len(panels["6 test sequences"].lines) == len(panels["6 samples"].lines) == 6
    heat, = [axes for axes in figure.axes if axes.images and len(axes.lines) == 1]
    assert np.allclose(heat.images[0].get_array(), np.maximum(p, conditionals.FLOOR))
    assert np.array_equal(heat.lines[0].get_ydata(), data.test[0])


# ---------------------------------------------------------------------------------------------------------------------
# Flows

@pytest.fixture(scope="module")
def line():
    minigrad.manual_seed(0)
    data = lecture_1d.load()
    return Given("piecewise_linear", fit(PiecewiseLinear(pieces=40), data, 60), data)


def test_line_flow(line):
    figure = drawn("line_flow", line)
    target, learned = [axes_line.get_data() for axes_line in figure.axes[0].lines]
    for x, density in (target, learned):
        assert np.trapezoid(density, x) == pytest.approx(1, abs=0.01)
    x, z = figure.axes[1].lines[0].get_data()
    assert (np.diff(z) > 0).all()
    slope = np.gradient(z, x) * np.exp(-z ** 2 / 2) / np.sqrt(2 * np.pi)   # the change of variables, numerically
    assert np.median(abs(slope - learned[1])) < 1e-3
    nats = evaluate(line.model, line.data.test, np.random.default_rng(0))
    assert numbers(title(figure).split(":")[1])[:2] == [round(nats, 3), 0.405] and 0.404 < nats < 0.6


@pytest.fixture(scope="module")
def moons():
    minigrad.manual_seed(0)
    data = two_moons.load()
    return Given("nvp", fit(NVP((2,), depth=4, hidden=16), data, 60), data)


def test_warped_grid(moons):
    """The circle's part is counted; of a Gaussian, which needs no warping, it holds 90 %."""
    rng = np.random.default_rng(1)
    gaussian = (rng.standard_normal((20000, 2)) * [3, 0.5] + [1, 2]).astype(np.float32)
    data = DataSet("gaussian", gaussian, None, gaussian, None, None)
    model = NVP((2,))
    model.begin(data)                                          # coupling layers start as the identity
    assert numbers(title(drawn("warped_grid", Given("nvp", model, data))))[0] == pytest.approx(90, abs=0.7)
    figure = drawn("warped_grid", moons)
    noise = flows.mapped(moons.model, moons.data.test)
    inside = 100 * ((noise ** 2).sum(1) <= 2 * np.log(10)).mean()
    assert numbers(title(figure))[0] == pytest.approx(inside, abs=0.051)
    assert np.allclose(flows.unmapped(moons.model, noise[:100]), moons.data.test[:100], atol=1e-4)
    left, right = figure.axes
    for bent, straight in zip(left.lines[1:-1], right.lines[1:-1]):
        points = np.stack(bent.get_data(), 1).astype(np.float32)
        assert np.allclose(flows.mapped(moons.model, points), np.stack(straight.get_data(), 1), atol=2e-3)


def test_densities(moons, monkeypatch):
    """All densities integrate to one over the plane that is shown; the best run is in the title."""
    monkeypatch.setattr(flows, "ESTIMATE", 20)
    monkeypatch.setattr(flows, "GRID", 100)
    vae = ToyVAE((2,))
    vae.begin(moons.data)
    runs = moons, Given("toy_vae", vae, moons.data)
    figure = drawn("densities", *runs)
    low, high = flows.window(moons.data.test)
    cell = np.prod(high - low) / 100 ** 2
    for axes, least in zip(figure.axes, (0.999, 0.9, 0.3)):
        shown = axes.images[0].get_array()
        assert least < shown.sum() * cell < 1.005
        assert numbers(axes.get_title())[-1] == pytest.approx(shown.sum() * cell, abs=0.0006)
    nats = [evaluate(run.model, moons.data.test, np.random.default_rng(0)) for run in runs]
    assert nats[0] < nats[1]
    assert title(figure).startswith(f"nvp on two_moons: {nats[0]:.3f} nats, 1.008 being the least")
    assert "at most" in figure.axes[2].get_title()
    target = np.exp(two_moons.log_density(flows.lattice(low, high)[0])).reshape(100, 100)
    assert np.allclose(figure.axes[0].images[0].get_array(), target)
    column, row = ((np.array([0, 1]) - low) / (high - low) * 100).astype(int)      # the upper moon's highest point
    assert target[row, column] > 0.9 * target.max() > 100 * target[99 - row, column]
    assert figure.axes[0].images[0].origin == "lower"


def test_runs_on_other_data(moons):
    other = Given("nvp", moons.model, eight_gaussians.load(), folder="there")
    with pytest.raises(ValueError, match="the figure densities takes runs on the same data; given is nvp on two_moons, "
                                         "there is nvp on eight_gaussians"):
        flows.densities(moons, other)


# ---------------------------------------------------------------------------------------------------------------------
# Codes

@pytest.fixture(scope="module")
def coded():
    """PCA, an autoencoder and a VAE of small images."""
    minigrad.manual_seed(0)
    data = images(300)
    pca = PCA(data.shape, latent=6)
    pca.begin(data)
    pca.finish(data)
    models = {"pca": pca, "autoencoder": Autoencoder(data.shape, latent=3, channels=4),
              "vae": VAE(data.shape, 256, latent=3, hidden=[20])}
    models["autoencoder"].finish(data)
    models["vae"].begin(data)
    return [Given(name, model, data, folder=name) for name, model in models.items()]


def test_reconstructions(coded):
    """The errors are those that the models are trained by; the best one is named, with its part of the next one's."""
    figure = drawn("reconstructions", *coded)
    errors = {run.name: codes.squared_errors(run.model, run.data.test).mean() for run in coded}
    for run in coded[:2]:
        assert errors[run.name] == pytest.approx(evaluate(run.model, run.data.test, np.random.default_rng(0)), rel=1e-4)
    (best, least), (second, more) = sorted(errors.items(), key=lambda pair: pair[1])[:2]
    assert title(figure) == (f"{best} leaves a squared error of {least:.1f} an image, {least / more:.0%} of that of "
                             f"{second} (300 test images)")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["original"] + [f"{run.name},\nd = {run.model.latent}: {errors[run.name]:.1f}" for run in coded]
    shown = figure.axes[0].images[0].get_array()
    first = coded[0].data.test[codes.part(300, codes.IMAGES)][0, 0]
    assert np.allclose(shown[:16, :16, 0], 1 - first / 255)            # ink is black
    assert "%" not in title(drawn("reconstructions", coded[0]))


def test_interpolations(coded):
    """Both lines end at the same reconstructions; PCA is linear, so that they are the same, and a VAE is not."""
    a, b = np.array([1.0, 2]), np.array([3.0, 6])
    assert np.allclose(codes.between(a, b, np.array([0, 0.5, 1])), [a, [2, 4], b])
    run = coded[0]
    figure = drawn("interpolations", run)
    by_code, by_pixel = [axes.images[0].get_array() for axes in figure.axes]
    assert np.abs(by_code - by_pixel).max() < 1e-4
    ends = run.model.codes(run.data.test[codes.part(300, 2 * codes.PAIRS)])
    middles = codes.decoded(run.model, (ends[::2] + ends[1::2]) / 2)
    away = np.mean([min(np.linalg.norm(x - middle) for x in run.data.train / 255) for middle in middles])
    assert numbers(figure.axes[0].get_title())[-1] == pytest.approx(away, abs=0.051)
    minigrad.manual_seed(0)
    bent = VAE(run.data.shape, 256, latent=3, hidden=[20])
    for parameter in bent.parameters():
        parameter.data *= 4
    figure = drawn("interpolations", Given("vae", bent, run.data))
    by_code, by_pixel = [axes.images[0].get_array() for axes in figure.axes]
    assert np.allclose(by_code[:, :16], by_pixel[:, :16]) and np.allclose(by_code[:, -16:], by_pixel[:, -16:])
    assert np.abs(by_code - by_pixel).max() > 0.1
    near, far = [numbers(axes.get_title())[-1] for axes in figure.axes]
    assert ("closer to" if near < far else "farther from") in title(figure)


def test_samples_that_can_and_can_not_be_told_apart():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 1000, 2))
    assert codes.told_apart(x, y) == pytest.approx(0.5, abs=0.05)
    assert codes.told_apart(x, y + 20) == 1 and 0.6 < codes.told_apart(x, y * 3) < 0.95
    assert np.allclose(codes.squares(x[:3], y[:4]), ((x[:3, None] - y[None, :4]) ** 2).sum(2))


def test_latent_samples(coded):
    figure = drawn("latent_samples", *coded)
    test = codes.values(coded[0].model, coded[0].data.test)
    apart = [codes.told_apart(codes.random_examples(run.model, 300, np.random.default_rng(0)), test) for run in coded]
    best = int(np.argmin(apart))
    assert title(figure).startswith(f"Samples of {coded[best].name} and")
    assert f"in {apart[best]:.0%} of" in title(figure)


def test_latent_samples_in_the_plane(moons):
    model = ToyVAE((2,))
    model.begin(moons.data)
    figure = drawn("latent_samples", Given("toy_vae", model, moons.data))
    assert len(figure.axes) == 2 and "Samples of toy_vae and test examples" in title(figure)


# ---------------------------------------------------------------------------------------------------------------------
# Noise

@pytest.mark.parametrize("kind, expected", [
    ("masking", 0.55 * 25), ("gaussian", 0.25 * 256), ("salt_and_pepper", 0.05 * 256)])
def test_denoising(kind, expected):
    """What the noise costs is what it must be: squares have 25 white pixels of 256."""
    minigrad.manual_seed(0)
    model = DenoisingAutoencoder((1, 16, 16), latent=20, noise=kind)
    figure = drawn("denoising", Given("denoising_autoencoder", model, images(600)))
    before, left = numbers(title(figure))
    assert before == pytest.approx(expected, rel=0.05)
    after = numbers(figure.axes[0].get_yticklabels()[2].get_text())[0]
    assert left == pytest.approx(100 * after / before, abs=1)


def test_filters():
    crafted = np.zeros((3, 1, 4, 4))
    crafted[0, 0, 0, 0], crafted[1], crafted[2, 0, 0] = 3, 1, [0, 2, -2, 1]
    assert noise.half_weight(crafted).tolist() == [1, 8, 2]
    minigrad.manual_seed(0)
    model = DenoisingAutoencoder((1, 16, 16), latent=30)
    figure = drawn("filters", Given("denoising_autoencoder", model, images()))
    assert numbers(title(figure))[0] == np.floor(np.median(noise.half_weight(model.filters())) + 0.5)
    first = model.filters()[np.argsort(noise.half_weight(model.filters()), kind="stable")[0], 0]
    shown = figure.axes[0].images[0].get_array()[:16, :16, 0]
    assert np.allclose(shown, (1 - first / abs(first).max()) / 2)          # positive weights are dark


# ---------------------------------------------------------------------------------------------------------------------
# Learning curves

def measured(costs, unit="nats", part="test"):
    """The metrics of a run that cost so much after 0, 30, 60 ... seconds."""
    found = [{"seconds": 30.0 * i, f"{part}_{unit}": cost, f"{part}_examples": 500} for i, cost in enumerate(costs)]
    found[-1] |= {f"test_{unit}": costs[-1], "test_examples": 20000}
    return found


def test_curve(moons):
    one = Given("nvp", moons.model, moons.data, measured([3.0, 2.0, 1.5]), "runs/one")
    figure = drawn("curve", one)
    axes = figure.axes[0]
    assert axes.get_title() == "nvp on two_moons:\n1.500 nats after 1.0 minutes"
    assert list(axes.lines[0].get_ydata()) == [3, 2] and list(axes.lines[0].get_xdata()) == [0, 0.5]
    assert axes.get_xlabel() == "minutes of training" and axes.get_ylabel() == "nats of an example"
    two = Given("planar", moons.model, moons.data, measured([3.0, 1.4, 1.2, 1.25], part="valid"), "runs/two/")
    axes = drawn("curve", one, two).axes[0]
    assert axes.get_title() == "planar on two_moons:\n1.250 nats after 1.5 minutes, the least of 2 runs"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one: 1.500", "two: 1.250"]
    assert len(axes.lines[2].get_ydata()) == 4                             # on a validation part of its own: all
    bound = ToyVAE((2,))
    axes = drawn("curve", Given("toy_vae", bound, moons.data, measured([3.0, 2.0]), "runs/three")).axes[0]
    assert "at most 2.000 nats" in axes.get_title()


@pytest.mark.parametrize("levels, unit", [(2, "nats of an example"), (256, "bits per dimension")])
def test_the_unit_of_a_curve(levels, unit):
    model = PixelCNN((1, 4, 4), levels, embedding=2, channels=2, layers=0)
    metrics = [a | b for a, b in zip(measured([9.0, 8.0]), measured([0.9, 0.8], "bits_per_dim"))]
    axes = drawn("curve", Given("pixelcnn", model, images(), metrics)).axes[0]
    assert axes.get_ylabel() == unit


def test_curves_that_can_not_be_drawn(moons, coded):
    one = Given("nvp", moons.model, moons.data, measured([3.0, 2.0]))
    other = Given("pca", coded[0].model, coded[0].data, measured([9.0, 8.0], "squared_error"))
    with pytest.raises(ValueError, match="measured alike, not in nats and squared_error"):
        curves.curve(one, other)
    with pytest.raises(ValueError, match="given has no learning curve"):
        curves.curve(Given("nvp", moons.model, moons.data, measured([3.0])))


# ---------------------------------------------------------------------------------------------------------------------
# The command

def test_wrong_runs(moons, coded):
    """Every figure that is of some models only names them, and the run that is none."""
    wrong = {"posterior": moons, "sequences": coded[0], "line_flow": moons, "warped_grid": coded[0],
             "interpolations": moons, "denoising": coded[0], "filters": moons, "densities": coded[0],
             "reconstructions": moons, "latent_samples": moons}
    assert set(wrong) == {name for name, entry in FIGURES.items() if entry.least} - {"curve"}
    for name, run in wrong.items():
        said = f"^the figure {name} is for .*; {run.folder} is a run of {run.full_name}$"
        with pytest.raises(ValueError, match=said):
            FIGURES[name].load(name)(run)


def test_the_list(capsys):
    for arguments, code in ((["figure"], 0), (["figure", "portrait"], 1)):
        assert main(arguments) == code
        out, err = capsys.readouterr()
        for name, entry in FIGURES.items():
            line, = re.findall(rf"^  {name} .*$", out, re.M)
            assert len(line) <= 120 and entry.load(name).__doc__.splitlines()[0] in line
        assert out.index("of no run:") < out.index("blind_spot") < out.index("of a run:") < out.index("posterior")
        assert len(err.splitlines()) == code and ("unknown figure 'portrait'" in err) == bool(code)


def test_the_command(capsys, tmp_path, monkeypatch):
    """A run by its folder, from training to the picture; the number of runs is checked."""
    monkeypatch.chdir(tmp_path)
    assert main(["train", "piecewise_linear", "--minutes", "0.005", "--out", "run"]) == 0
    assert main(["figure", "line_flow", "run"]) == 0 and main(["figure", "pixelcnn_masks"]) == 0
    assert main(["figure", "curve", "run", "run", "--out", "two.png"]) == 0
    for path in ("run/line_flow.png", "pixelcnn_masks.png", "two.png", "run/curve.png"):
        assert (tmp_path / path).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    capsys.readouterr()
    for arguments, expected in (
            (["line_flow"], "the figure line_flow is of a run: python -m models figure line_flow RUN"),
            (["line_flow", "run", "run"], "the figure line_flow takes at most 1 run, and gets 2"),
            (["curve", *6 * ["run"]], "the figure curve takes at most 5 runs, and gets 6"),
            (["lags", "run"], "the figure lags takes no run: python -m models figure lags"),
            (["warped_grid", "run"], "the figure warped_grid is for flows in the plane, such as nvp or planar; "
                                     "run is a run of piecewise_linear on lecture_1d"),
            (["curve", "nowhere"], "nowhere")):
        assert main(["figure", *arguments]) == 1
        error, = capsys.readouterr().err.splitlines()
        assert expected in error
    assert figures.usage("curve") == "python -m models figure curve RUN [RUN ...]"


@pytest.mark.parametrize("shape, levels", [((1, 8, 8), 256), ((9,), 7)])
def test_a_title_is_not_cut_off_however_small_the_picture(monkeypatch, tmp_path, shape, levels):
    made, path = [], str(tmp_path / "picture.png")
    monkeypatch.setattr(examples, "figure", lambda *a: made.append(page.figure(*a)) or made[-1])
    x = np.zeros((1, *shape), np.uint8)
    examples.samples(x, levels, "64 samples of denoising_autoencoder trained on fashion_mnist", path)
    examples.inpainting(x, np.ones(shape, bool), x, levels, path)
    assert len(made) == 2
    for picture, axes in made:
        extent = axes.title.get_window_extent()
        assert 0 <= extent.x0 and extent.x1 <= picture.bbox.width
