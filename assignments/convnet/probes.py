"""What the grader calls: functions of arrays that give arrays, computed by what the student wrote."""
import numpy as np
import layers as nn
import layers.functional as F
import minigrad as torch
from layers import convolution, pooling
from layers.kernels import loops
from layers.kernels.geometry import Geometry, all_taps
from . import ASSIGNMENT
from .scan import suspicious


# ---------------------------------------------------------------------------------------------------------------------
# Tasks 1 to 5.   A geometry is (size, kernel, stride, padding (top, bottom, left, right), dilation, groups, taps)

def geometry_of(size, kernel, stride, padding, dilation, groups, taps):
    """A Geometry; `taps` None means all."""
    return Geometry(size, kernel, stride, padding, dilation, groups, all_taps(kernel) if taps is None else taps)


def output_size(*geometry):
    """Geometry.output_size, as an array."""
    return np.array(geometry_of(*geometry).output_size)


def pixels(positions, stride, padding, dilation):
    """The pixel of each row (r, q, a, b) of `positions`."""
    return np.array([loops.pixel(*map(int, row), stride, padding, dilation) for row in positions])


def convolve(x, w, y, *geometry):
    """y + w * x.   What must not change is given back too, here and below."""
    loops.convolve(x, w, y, *loops.numbers(geometry_of(*geometry)))
    return y, x, w


def convolve_transposed(x, w, y, *geometry):
    """x + the transposed convolution of y."""
    loops.convolve_transposed(x, w, y, *loops.numbers(geometry_of(*geometry)))
    return x, w, y


def correlate(x, w, y, *geometry):
    """w + the weight gradient."""
    loops.correlate(x, w, y, *loops.numbers(geometry_of(*geometry)))
    return w, x, y


def adjoint(x, w, y, *geometry):
    """<w * x, y>, <x, transposed(y)> and <w, weight gradient(x, y)>: they are equal."""
    settings = loops.numbers(geometry_of(*geometry))
    convolved, transposed, weight = (np.zeros_like(array) for array in (y, x, w))
    loops.convolve(x, w, convolved, *settings)
    loops.convolve_transposed(transposed, w, y, *settings)
    loops.correlate(x, weight, y, *settings)
    return np.array([(convolved * y).sum(), (transposed * x).sum(), (weight * w).sum()])


def forward(x, w, b, *geometry):
    """The convolution w * x + b, as the engine calls it."""
    return loops.forward(x, w, b, geometry_of(*geometry))


def filled(shape, b):
    """The array that the bias is in before the convolution is added."""
    return loops.filled(shape, b, b.dtype)


def bias_gradient(g):
    """The gradient in a bias."""
    return np.asarray(convolution.bias_gradient(g))


def gradients(x, w, b, g, *settings):
    """conv2d of images that lie on their side in memory, and its gradients in x, w and b, by backward."""
    x, w, b = (torch.tensor(array, requires_grad=True) for array in (x, w, b))
    y = torch.transpose(F.conv2d(torch.transpose(x, 2, 3), w, b, *settings), 2, 3)
    y.backward(torch.tensor(g))
    return y.data, x.grad.data, w.grad.data, b.grad.data


# ---------------------------------------------------------------------------------------------------------------------
# Task 6

def pool_size(*windows):
    """How many windows there are along each axis."""
    return np.array(pooling.output_size(pooling.Windows(*windows)))


def max_pool(x, *settings):
    """max_pool2d: its values, and x, which must not change."""
    x = torch.tensor(x)
    return F.max_pool2d(x, *settings).data, x.data


def max_pool_gradient(x, g, *settings):
    """max_pool2d: its values, and its gradient in x."""
    return pooled(F.max_pool2d, x, g, *settings)


def max_pool_on_its_side(x, g, *settings):
    """The same for images whose axes lie in another order in memory."""
    return pooled(lambda x, *settings: torch.transpose(F.max_pool2d(torch.transpose(x, 2, 3), *settings), 2, 3),
                  x, g, *settings)


def avg_pool_gradient(x, g, *settings):
    """avg_pool2d: its values, and its gradient in x, of which every entry of a window gets its share."""
    return pooled(F.avg_pool2d, x, g, *settings)


def pooled(function, x, g, *settings):
    """The values of a pooling function, and its gradient in x."""
    x = torch.tensor(x, requires_grad=True)
    y = function(x, *settings)
    y.backward(torch.tensor(g))
    return y.data, x.grad.data


# ---------------------------------------------------------------------------------------------------------------------
# Task 7

def network(weights):
    """A small convolutional classifier of 28 x 28 images, with the given weights."""
    net = nn.Sequential(nn.Conv2d(1, 6, 5, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 12, 3, padding=1),
                        nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(108, 10))
    for parameter, array in zip(net.parameters(), weights):
        parameter.data = array.copy()
    return net


def train(x, labels, steps, rate, *weights):
    """Train the classifier with Adam: its loss at each step, and its logits at the end."""
    net, labels, losses = network(weights), torch.tensor(labels), []
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    for _ in range(steps):
        loss = F.cross_entropy(net(torch.tensor(x)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses), net(torch.tensor(x)).data


# ---------------------------------------------------------------------------------------------------------------------
# Method

def scan(sources):
    """What in the files to hand in may be against the rules."""
    return suspicious(ASSIGNMENT.files, sources, ASSIGNMENT.imports)
