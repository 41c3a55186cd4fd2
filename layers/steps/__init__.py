"""Convolutions step by step: every number, as text, as a picture, and as a page with a slider.

    from layers import steps

    for step in steps.convolution(x, w, stride=2, padding=1):
        print(step)
    steps.strip(steps.convolution(x, w))                       a figure of small multiples
    steps.page(steps.convolution(x, w), "convolution.html")    a file with a slider

x and w may be tensors or arrays, with the axes that functional.conv1d and conv2d take, or just a row and a kernel, or
an image and a kernel.  Nothing here is fast, and nothing uses the kernels: tests prove that the last step's output is
what they give.

    convolution, transposed_convolution, weight_gradient       the three operations, from arrays
    layer(module, x)                                           a convolutional module with its own settings and masks
    inputs(layers, size, position)                             which inputs an output of a stack of layers sees
"""
from minigrad.step import page, strip
from .operations import convolution, layer, transposed_convolution, weight_gradient
from .reach import inputs
