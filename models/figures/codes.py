"""Models with a code: what is left of an example, what lies between two, and what a random code stands for."""
import numpy as np
from minigrad import no_grad, tensor
from ..latent import Coded, Latent
from ..likelihood import part
from .examples import colours, points, tile
from .page import bare, figure
from .trained import same_data

IMAGES = 12            # across
MEASURED = 2000        # at most so many test examples are measured
COMPARED = 10_000      # at most so many training examples are compared with
PAIRS = 4              # of ends that are interpolated
STEPS = 9              # from one end to the other
PLANE = 2000           # points that are compared with as many test points
SAMPLES = 500          # that are compared with as many test examples


def demand_codes(run, figure, wanted="images", fits=lambda shape: len(shape) == 3):
    """Demand that a run is of a model with codes, of examples of some kind."""
    run.demand(isinstance(run.model, Coded) and fits(run.model.shape), figure,
               f"models of {wanted} with a code: autoencoder, pca, denoising_autoencoder, vae")


def decoded(model, z):
    """The values that codes stand for, not rounded to levels: (N, latent) -> (N, *shape)"""
    with no_grad():
        return model.decode(tensor(z.astype(model.dtype))).data


def values(model, x):
    """Examples as numbers from 0 to 1: (N, *shape)"""
    with no_grad():
        return model.values(x).data


def squared_errors(model, x):
    """||x - g(f(x))||^2 of each example, the code of a Latent being its mean: (N,)"""
    found = [((decoded(model, model.codes(some)) - values(model, some)) ** 2).reshape(len(some), -1).sum(1)
             for some in np.array_split(x, -(-len(x) // 100))]
    return np.concatenate(found)


def picture(rows):
    """Rows of images, as arrays (columns, C, H, W) of values from 0 to 1, ink black: a picture (H', W', 3)"""
    images = np.concatenate([np.clip(row, 0, 1) for row in rows])
    return tile(1 - colours(images * 255, 256), len(rows), len(rows[0]))


def label_rows(axes, names, height):
    """Write names at the left of the rows of a picture whose images have that height."""
    bare(axes)
    axes.set_yticks([i * (height + 2) + height / 2 for i in range(len(names))], names)
    axes.tick_params(length=0)


def reconstructions(*trained):
    """Test images, and what is left of them after coding, by one model or several."""
    data = same_data("reconstructions", trained)
    for run in trained:
        demand_codes(run, "reconstructions")
    x = data.test[part(len(data.test), IMAGES)]
    measured = data.test[part(len(data.test), MEASURED)]
    rows, names, errors = [values(trained[0].model, x)], ["original"], []
    for run in trained:
        errors.append(squared_errors(run.model, measured).mean())
        rows.append(decoded(run.model, run.model.codes(x)))
        names.append(f"{run.name},\nd = {run.model.latent}: {errors[-1]:.1f}")
    height = data.shape[1]
    drawn, axes = figure(0.75 * IMAGES + 2.2, 0.78 * len(rows) + 0.7, layout="compressed")
    axes.imshow(picture(rows), interpolation="nearest")
    label_rows(axes, names, height)
    order = np.argsort(errors)
    title = f"{trained[order[0]].name} leaves a squared error of {errors[order[0]]:.1f} an image"
    if len(trained) > 1:
        title += f", {errors[order[0]] / errors[order[1]]:.0%} of that of {trained[order[1]].name}"
    drawn.suptitle(f"{title} ({len(measured):,} test images)")
    return drawn


def interpolations(run):
    """Straight lines between the codes of test images, and between the pixels of the same ends."""
    demand_codes(run, "interpolations")
    model, data = run.model, run.data
    ends = data.test[part(len(data.test), 2 * PAIRS)]
    weight = np.linspace(0, 1, STEPS)
    by_code = [decoded(model, between(*pair, weight)) for pair in model.codes(ends).reshape(PAIRS, 2, -1)]
    by_pixel = [between(row[0], row[-1], weight) for row in by_code]
    real = values(model, data.train[part(len(data.train), COMPARED)])
    halfway = [np.sqrt(squares(np.stack([row[STEPS // 2] for row in rows]), real).min(1)).mean()
               for rows in (by_code, by_pixel)]
    drawn, axes = figure(11, 3.6, 1, 2)
    for ax, rows, name, distance in zip(axes, (by_code, by_pixel), (f"codes, d = {model.latent}", "pixels"), halfway):
        ax.imshow(picture(rows), interpolation="nearest")
        bare(ax)
        ax.set_xlabel("from one reconstruction to another")
        ax.set_title(f"between {name}: halfway,\nthe nearest training image is {distance:.1f} away")
    drawn.suptitle(f"{run.full_name}: halfway between two images, the code's line is "
                   f"{'closer to' if halfway[0] < halfway[1] else 'farther from'} real ones than the pixels'")
    return drawn


def between(a, b, weight):
    """The points (1 - weight) a + weight b, one for each weight."""
    weight = weight.reshape(-1, *[1] * np.ndim(a))
    return (1 - weight) * a + weight * b


def squares(x, others):
    """The squared Euclidean distance from each example to each of the others, (N, *shape) and (M, *shape): (N, M)"""
    x, others = (a.reshape(len(a), -1).astype(np.float64) for a in (x, others))
    return np.maximum((x ** 2).sum(1)[:, None] + (others ** 2).sum(1) - 2 * x @ others.T, 0)


def told_apart(x, real):
    """How often the nearest other example is of the same kind: in half of all cases where samples are like real ones.

    This is the leave-one-out accuracy of the 1-nearest-neighbour rule, a test of whether two samples are of one
    distribution (D. Lopez-Paz and M. Oquab, Revisiting classifier two-sample tests, ICLR 2017).
    """
    both = np.concatenate([x, real])
    distance = squares(both, both)
    np.fill_diagonal(distance, np.inf)
    kind = np.arange(len(both)) < len(x)
    return float((kind[distance.argmin(1)] == kind).mean())


def latent_samples(*trained):
    """What random codes stand for, drawn from the density of the codes."""
    data = same_data("latent_samples", trained)
    for run in trained:
        demand_codes(run, "latent_samples", "images or points", lambda shape: len(shape) == 3 or shape == (2,))
    return plane_samples(data, trained) if data.shape == (2,) else image_samples(data, trained)


def random_examples(model, n, generator):
    """Values of n examples: of a Latent, the means of p(x | z)."""
    if isinstance(model, Latent):
        return model.means(n, generator)
    return values(model, model.sample(n, generator))


def image_samples(data, trained):
    """Two rows of samples for each run, below two of real images."""
    test = values(trained[0].model, data.test[part(len(data.test), SAMPLES)])
    rows, names, apart = [*test[:2 * IMAGES].reshape(2, IMAGES, *data.shape)], ["test", ""], []
    for run in trained:
        new = random_examples(run.model, len(test), np.random.default_rng(0))
        apart.append(told_apart(new, test))
        rows += [*new[:2 * IMAGES].reshape(2, IMAGES, *data.shape)]
        names += [f"{run.name},\nd = {run.model.latent}: {apart[-1]:.0%}", ""]
    drawn, axes = figure(0.72 * IMAGES + 2.4, 0.76 * len(rows) + 0.9, layout="compressed")
    axes.imshow(picture(rows), interpolation="nearest")
    label_rows(axes, names, data.shape[1])
    drawn.suptitle(verdict(trained, apart))
    return drawn


def plane_samples(data, trained):
    """Points of the data, and of each run."""
    test = data.test[part(len(data.test), PLANE)]
    clouds = [run.model.sample(len(test), np.random.default_rng(0)) for run in trained]
    apart = [told_apart(cloud, test) for cloud in clouds]
    width, height = np.ptp(np.concatenate([test, *clouds]), axis=0)
    drawn, axes = figure(4.2 * (1 + len(clouds)), 1.5 + 3.8 * min(1, height / width), 1, 1 + len(clouds),
                         layout="compressed", sharex=True, sharey=True)
    names = ["test points"] + [f"samples of {run.name}: {part:.0%}" for run, part in zip(trained, apart)]
    for ax, name, cloud in zip(axes, names, [test, *clouds]):
        points(ax, cloud)
        ax.set_title(name)
        ax.label_outer()
    drawn.suptitle(verdict(trained, apart))
    return drawn


def verdict(trained, apart):
    """What `told_apart` says of the samples, in words."""
    best = int(np.argmin(apart))
    return (f"Samples of {trained[best].name} and test examples: the nearest neighbour is of the same kind\n"
            f"in {apart[best]:.0%} of all cases (50%: they can't be told apart)")
