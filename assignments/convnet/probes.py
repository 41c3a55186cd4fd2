"""What the grader calls: functions of arrays that give arrays, computed by what the student wrote."""
import numpy as np
import layers as nn
import layers.functional as F
import minigrad as torch
from layers import convolution, kernels, pooling
from layers.kernels import loops
from layers.kernels.geometry import Geometry, all_taps


# ---------------------------------------------------------------------------------------------------------------------
# Tasks 1 to 5.   A geometry is (size, kernel, stride, padding (top, bottom, left, right), dilation, groups, taps)

def geometry_of(size, kernel, stride, padding, dilation, groups, taps):
    """A Geometry; `taps` None means all."""
    return Geometry(size, kernel, stride, padding, dilation, groups, all_taps(kernel) if taps is None else taps)


def output_size(*geometry):
    """Geometry.output_size, as an array."""
    return np.array(geometry_of(*geometry).output_size, np.int64)


def pixels(positions, stride, padding, dilation):
    """The pixel of each row (r, q, a, b) of `positions`."""
    return np.array([loops.pixel(*map(int, row), stride, padding, dilation) for row in positions], np.int64)


def forward(x, w, b, *geometry):
    """The convolution w * x + b."""
    return kernels.active().forward(x, w, b, geometry_of(*geometry))


def input_gradient(y, w, b, *geometry):
    """The transposed convolution of y, plus b."""
    return kernels.active().input_gradient(y, w, b, geometry_of(*geometry))


def weight_gradient(x, y, *geometry):
    """The gradient of <w * x, y> in w."""
    return kernels.active().weight_gradient(x, y, geometry_of(*geometry))


def filled(shape, b):
    """The array that the bias is in before the convolution is added."""
    return loops.filled(shape, b, b.dtype)


def bias_gradient(g):
    """The gradient in a bias."""
    return np.asarray(convolution.bias_gradient(g))


def adjoint(x, w, y, *geometry):
    """<w * x, y> and <x, transposed(y)>, which are equal, and <w, weight gradient(x, y)>, which is equal to both."""
    geometry, run = geometry_of(*geometry), kernels.active()
    return np.array([(run.forward(x, w, None, geometry) * y).sum(), (run.input_gradient(y, w, None, geometry) * x).sum(),
                     (run.weight_gradient(x, y, geometry) * w).sum()])


def gradients(x, w, b, g, *settings):
    """conv2d and its gradients in x, w and b, by backward; x and g may lie in any order."""
    x, w, b = (torch.tensor(array, requires_grad=True) for array in (x, w, b))
    y = F.conv2d(x, w, b, *settings)
    y.backward(torch.tensor(g))
    return tuple(t.data if t is y else t.grad.data for t in (y, x, w, b))


# ---------------------------------------------------------------------------------------------------------------------
# Task 6

def pool_size(*windows):
    """How many windows there are along each axis."""
    return np.array(pooling.output_size(pooling.Windows(*windows)), np.int64)


def max_pool(x, *settings):
    """max_pool2d: its values."""
    return F.max_pool2d(torch.tensor(x), *settings).data


def max_pool_gradient(x, g, *settings):
    """max_pool2d: its values, and its gradient in x."""
    x = torch.tensor(x, requires_grad=True)
    y = F.max_pool2d(x, *settings)
    y.backward(torch.tensor(g))
    return y.data, x.grad.data


def avg_pool_gradient(x, g, *settings):
    """The gradient of avg_pool2d, which gives every entry of a window its share."""
    x = torch.tensor(x, requires_grad=True)
    F.avg_pool2d(x, *settings).backward(torch.tensor(g))
    return x.grad.data


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
