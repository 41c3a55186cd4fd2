"""Sampling: 64 images of 28 x 28 pixels and 256 grey levels from a PixelCNN of 7 masked layers of 64 channels.

Ours computes each layer at the new pixel only, from what it has kept.  What a program without that must do is a pass
of the whole network for each pixel: one is measured, and counted 784 times.  The whole networks are those of
`workloads_step.pixelcnn`; what is sampled from is the project's own PixelCNN, whose first layer sees 32 channels in place
of one.
"""
import numpy as np
from .measure import Workload, compared, in_turn
from .workloads_step import as_images, integers, pixelcnn

IMAGES, SIZE = 64, 28
FASTER = 20, 40            # times that sampling must be than the whole network for each pixel, and what to reach for


def workloads():
    """Ours against a whole pass of PyTorch for each pixel; and such a pass in both engines."""
    yield Sampling("sampling, with what is kept", kept, *(1 / times for times in FASTER))
    yield Sampling("sampling, whole passes", whole)


class Sampling(Workload):
    """64 images, ours as `build` says, PyTorch's by whole passes.

    build       engine -> (run, how many such runs it takes to draw the images)
    """

    def __init__(self, name, build, must=None, reach=None):
        super().__init__(name, "sampling", must, reach)
        self.build = build

    def measure(self, engines, seconds):
        built = [(self.build if engine.name == "ours" else whole)(engine) for engine in engines]
        runs, numbers = zip(*built)
        for run in runs:
            run()                          # compile
        times, others = in_turn(runs, [1] * len(runs), 3)
        return self.row(**compared([[number * t for t in taken] for number, taken in zip(numbers, times)], others))


def kept(engine):
    """All of it, at once."""
    from models.pixelcnn import PixelCNN
    model = PixelCNN((1, SIZE, SIZE), levels=256, channels=64, layers=6, first_kernel_size=5)
    return lambda: model.sample(IMAGES, np.random.default_rng(0)), 1


def whole(engine):
    """One pass, for all pixels of which only one is needed."""
    model = engine.fill(pixelcnn(engine)[0])
    images = engine.tensor(as_images(integers(256, (IMAGES, SIZE, SIZE)), 256))

    def run():
        with engine.torch.no_grad():
            return model(images)
    return run, SIZE * SIZE
