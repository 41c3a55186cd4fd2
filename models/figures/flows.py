"""Flows of one and two dimensions: the map, and the density that it makes of the noise."""
import importlib
import math
import numpy as np
from minigrad import no_grad, tensor
from ..flow import Flow
from ..likelihood import evaluate
from ..registry import DATA
from ..vae import ToyVAE
from .page import figure
from .trained import same_data

GRID = 160             # points a side of a density
ESTIMATE = 100         # importance weights for each point, where a density isn't exact
INSIDE = 0.9           # the part of the noise that the circle of `warped_grid` holds


def target(run):
    """log p of the distribution that a run's data is drawn from, points (N, D) -> (N,); None where it isn't known."""
    if run.config["data"] not in DATA or run.data.entropy is None:
        return None
    return importlib.import_module(f"..data.{DATA[run.config['data']].module}", __package__).log_density


def density(log_density, points):
    """p of points (N, D) in double precision, from a function log p: (N,)"""
    with np.errstate(divide="ignore"), no_grad():
        found = log_density(points)
    return np.exp(np.asarray(getattr(found, "data", found), np.float64))


def model_density(model, points):
    """p of points (N, D) by a model, a Flow or a ToyVAE: (N,)"""
    points = points.astype(model.dtype)
    if isinstance(model, Flow):
        return density(model.log_prob, points)
    rng = np.random.default_rng(0)
    return density(lambda x: model.importance_log_prob(x, ESTIMATE, rng), points)


def cost(run):
    """The nats of a test example, and as much in words; of a bound, that it is one."""
    nats = evaluate(run.model, run.data.test, np.random.default_rng(0))
    return nats, f"{'' if run.model.exact else run.model.inexact + ' '}{nats:.3f} nats"


def line_flow(run):
    """The learned map of the line to noise, and the density that it makes."""
    model = run.model
    run.demand(isinstance(model, Flow) and model.shape == (1,), "line_flow",
               "flows of single numbers, such as piecewise_linear")
    test, log_target = run.data.test[:, 0], target(run)
    low, high = np.quantile(test, [0.001, 0.999])
    x = np.linspace(1.1 * low - 0.1 * high, 1.1 * high - 0.1 * low, 1500)
    z, noise = mapped(model, x), mapped(model, test)
    drawn, (left, middle, right) = figure(11, 3.9, 1, 3)
    left.hist(test, 80, density=True, color="0.85", label=f"{len(test):,} test numbers")
    if log_target is not None:
        left.plot(x, density(log_target, x[:, None]), color="0.5", linewidth=4, alpha=0.7, label="target")
    left.plot(x, model_density(model, x[:, None]), color="black", linewidth=1.2, label="learned")
    left.set(xlabel="x", ylabel="density", title="the data", xlim=(x[0], x[-1]))
    middle.plot(x, z, color="black")
    middle.set(xlabel="x", ylabel="z = f(x)", title="the map")
    middle.grid(color="0.9")
    right.hist(noise, 80, density=True, color="0.85", label="f of the test numbers")
    line = np.linspace(-4, 4, 300)
    right.plot(line, np.exp(-line ** 2 / 2) / math.sqrt(2 * math.pi), color="black", linestyle="--", label="normal")
    right.set(xlabel="z", ylabel="density", title="the noise")
    for ax in (left, right):
        ax.set_ylim(0, 1.4 * ax.get_ylim()[1])             # room for the legend
        ax.legend(frameon=False, loc="upper left")
    drawn.suptitle(f"{run.full_name}: {cost(run)[1]} a number{least(run)}")
    return drawn


def mapped(model, x):
    """f of points: (N,) or (N, D) -> the same shape"""
    with no_grad():
        z, _ = model(tensor(x.reshape(len(x), -1).astype(model.dtype)))
    return z.data.reshape(x.shape)


def unmapped(model, z):
    """The inverse of f, for points (N, D)."""
    with no_grad():
        return model.inverse(tensor(z.astype(model.dtype))).data


def least(run):
    """What the data's entropy says of a run, for titles."""
    entropy = run.data.entropy
    return "" if entropy is None else f", {entropy:.3f} being the least that is possible"


def in_the_plane(run, figure):
    """Demand that a run is of a flow in the plane."""
    run.demand(isinstance(run.model, Flow) and run.model.shape == (2,), figure,
               "flows in the plane, such as nvp or planar")


def warped_grid(run):
    """A flow in the plane, as what it makes of a grid of the noise."""
    in_the_plane(run, "warped_grid")
    model, test = run.model, run.data.test[:3000]
    radius = math.sqrt(-2 * math.log(1 - INSIDE))
    noise = mapped(model, test)
    inside = (mapped(model, run.data.test) ** 2).sum(1) <= radius ** 2
    drawn, (left, right) = figure(10, 5.4, 1, 2, layout="compressed")
    for ax, points, back in ((left, test, lambda z: unmapped(model, z)), (right, noise, lambda z: z)):
        ax.plot(points[:, 0], points[:, 1], ".", color="0.7", markersize=2, zorder=0)
        for line in grid_lines():
            curve = back(line)
            ax.plot(curve[:, 0], curve[:, 1], color="black", linewidth=0.6)
        angle = np.linspace(0, 2 * math.pi, 400)
        circle = back(radius * np.stack([np.cos(angle), np.sin(angle)], 1))
        ax.plot(circle[:, 0], circle[:, 1], color="black", linewidth=2.4)
        ax.set_aspect("equal")
    low, high = window(run.data.test)
    centre, half = (low + high) / 2, (high - low).max() / 2
    left.set(xlim=(centre[0] - half, centre[0] + half), ylim=(centre[1] - half, centre[1] + half), xlabel="$x_1$",
             ylabel="$x_2$", title="the data, and the grid that f makes straight")
    right.set(xlim=(-3.6, 3.6), ylim=(-3.6, 3.6), xlabel="$z_1$", ylabel="$z_2$", title="f of the data, and the grid")
    drawn.suptitle(f"{run.full_name}: {inside.mean():.1%} of the test points lie within the circle that holds "
                   f"{INSIDE:.0%} of the noise")
    return drawn


def grid_lines():
    """The lines of a grid of the noise: arrays (N, 2)"""
    along = np.linspace(-3, 3, 600)
    for place in np.arange(-3, 3.1, 0.5):
        across = np.full_like(along, place)
        yield np.stack([along, across], 1)
        yield np.stack([across, along], 1)


def window(points):
    """The corners of a rectangle that holds all points, with a margin: low (2,), high (2,)"""
    low, high = points.min(0), points.max(0)
    margin = 0.08 * (high - low)
    return low - margin, high + margin


def densities(*trained):
    """Densities in the plane, beside that of the data."""
    data = same_data("densities", trained)
    for run in trained:
        run.demand(isinstance(run.model, (Flow, ToyVAE)) and run.model.shape == (2,), "densities",
                   "models of the plane, such as nvp, planar or toy_vae")
    low, high = window(data.test)
    points, cell = lattice(low, high)
    panels, best = [], []
    if target(trained[0]) is not None:
        panels.append(("the data's own", f"entropy {data.entropy:.3f} nats", density(target(trained[0]), points)))
    for run in trained:
        nats, words = cost(run)
        best.append((nats, f"{run.full_name}: {words}{least(run)}"))
        panels.append((run.name, words, model_density(run.model, points)))
    drawn, axes = figure(3.5 * len(panels) + 1, 1.4 + 3.2 * min(1, (high - low)[1] / (high - low)[0]), 1, len(panels),
                         layout="compressed", squeeze=False, sharey=True)
    highest = panels[0][2].max()
    for ax, (name, words, p) in zip(axes[0], panels):
        picture = ax.imshow(p.reshape(GRID, GRID), cmap="Greys", vmin=0, vmax=highest, origin="lower",
                            extent=(low[0], high[0], low[1], high[1]), aspect="equal")
        ax.set(title=f"{name}: {words}\nintegral here {p.sum() * cell:.3f}", xlabel="$x_1$")
    axes[0, 0].set_ylabel("$x_2$")
    higher = max(p.max() for _, _, p in panels) > highest
    drawn.colorbar(picture, ax=axes, label="density", extend="max" if higher else "neither")
    drawn.suptitle(min(best)[1])
    return drawn


def lattice(low, high):
    """The midpoints of GRID x GRID equal rectangles, row by row from below, (GRID ** 2, 2), and the area of each."""
    step = (high - low) / GRID
    x1, x2 = (low[i] + step[i] * (np.arange(GRID) + 0.5) for i in (0, 1))
    return np.stack(np.meshgrid(x1, x2), -1).reshape(-1, 2), float(step.prod())
