"""What is not arithmetic: the overhead of an operation, the memory of a convolution, and the start of a program."""
import numpy as np
from .measure import Memory, StartUp, Timed

LENGTH = 1000              # operations in a chain


def workloads():
    """All of them."""
    yield from overhead()
    yield from memory()
    yield from start_up()


# ---------------------------------------------------------------------------------------------------------------------
# Overhead: tensors so small that all the time goes into keeping the books

def overhead():
    """Chains of operations; creating, indexing; switching the record off and on."""
    yield Timed("overhead chain forward", "overhead", chain(backward=False), 1.0, 0.6, operations=LENGTH)
    yield Timed("overhead chain forward+backward", "overhead", chain(backward=True), 1.0, 0.6, operations=LENGTH)
    yield Timed("overhead chain no_grad", "overhead", unrecorded_chain, operations=LENGTH)
    for name, function in SMALL.items():
        yield Timed(f"overhead {name}", "overhead", small(function), operations=LENGTH)


def chain(backward):
    """y = x * a + b, again and again, half multiplications and half additions."""
    def build(engine):
        x, a, b = operands(engine)
        x.requires_grad_()

        def run():
            y = x
            for _ in range(LENGTH // 2):
                y = y * a + b
            return (y, *engine.torch.autograd.grad(y.sum(), (x,))) if backward else (y,)
        return run, list
    return build


def unrecorded_chain(engine):
    """The forward chain under `no_grad`."""
    forward, results = chain(backward=False)(engine)

    def run():
        with engine.torch.no_grad():
            return forward()
    return run, results


def operands(engine):
    """Three tensors of 4 elements."""
    return [engine.tensor(np.array(values, np.float32))
            for values in ([1.0, 2.0, 3.0, 4.0], [0.999, 0.998, 1.001, 1.002], [0.01, -0.02, 0.03, -0.04])]


def small(function):
    """`function(engine, x, place)` many times; x has 4 elements, place is a tensor of two indices."""
    def build(engine):
        x, place = operands(engine)[0], engine.tensor(np.array([3, 1]))

        def run():
            for _ in range(LENGTH):
                result = function(engine.torch, x, place)
            return result
        return run, lambda result: [result]
    return build


def enter_no_grad(torch, x, place):
    with torch.no_grad():
        return x


SMALL = {"create from a list": lambda torch, x, place: torch.tensor([1.0, 2.0, 3.0, 4.0]),
         "create zeros": lambda torch, x, place: torch.zeros(4),
         "index with an integer": lambda torch, x, place: x[1],
         "index with a slice": lambda torch, x, place: x[1:3],
         "index with a tensor": lambda torch, x, place: x[place],
         "enter no_grad": enter_no_grad}


# ---------------------------------------------------------------------------------------------------------------------
# Memory: one large image

def memory():
    """What a 7x7 convolution of 8 channels of 160x160 allocates, as a multiple of its input and output."""
    yield Memory("memory forward", memory_of(backward=False), 2.0, 1.0)
    yield Memory("memory backward", memory_of(backward=True), 2.0, 1.0)


def memory_of(backward):
    def build(engine):
        rng = np.random.default_rng(0)
        x, w = (engine.tensor(rng.standard_normal(shape, np.float32)).requires_grad_()
                for shape in ((1, 8, 160, 160), (8, 8, 7, 7)))

        def forward(_=None):
            return engine.F.conv2d(x, w, padding=3)

        g = engine.tensor(rng.standard_normal(x.shape, np.float32))
        size = x.data.nbytes + g.data.nbytes
        if backward:
            return forward, lambda y: engine.torch.autograd.grad(y, (x, w), g), size
        return lambda: None, forward, size
    return build


# ---------------------------------------------------------------------------------------------------------------------
# Start-up: whole processes

FIRST_STEP = """
from tests.benchmarks import engines
from tests.benchmarks.workloads_step import pixelcnn, step
engine = engines.{engine}()
run, results = step(engine, *pixelcnn(engine, batch=1))
run()
"""


def start_up():
    """Importing everything; and everything up to the end of the first training step, of a PixelCNN on one image."""
    steps = {"ours": FIRST_STEP.format(engine="ours"), "torch": FIRST_STEP.format(engine="pytorch")}
    yield StartUp("start-up import", {"ours": "import minigrad, layers, models", "torch": "import torch"})
    yield StartUp("start-up first step, no cache", steps, "none", 20_000, 8_000)
    yield StartUp("start-up first step, warm cache", steps, "warm", 1_500, 500)
