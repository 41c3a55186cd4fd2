"""The manifest of `convnet`."""
from ..manifest import Assignment, Task

LOOPS, POOLING = "layers/kernels/loops.py", "layers/pooling.py"

ASSIGNMENT = Assignment(
    id="convnet",
    title="A convolutional network from loops",
    tasks=(
        Task("1", "Stride, padding and dilation",
             ("layers/kernels/geometry.py:Geometry.output_size", f"{LOOPS}:pixel")),
        Task("2", "Convolution", (f"{LOOPS}:convolve",)),
        Task("3", "The transposed convolution", (f"{LOOPS}:convolve_transposed",)),
        Task("4", "The weight gradient", (f"{LOOPS}:correlate",)),
        Task("5", "The bias", (f"{LOOPS}:filled", "layers/convolution.py:bias_gradient")),
        Task("6", "Max-pooling", (f"{POOLING}:output_size", f"{POOLING}:largest", f"{POOLING}:first_largest",
                                  f"{POOLING}:spread")),
        Task("7", "A network that learns", ()),
    ),
    left_out=("layers/kernels/cuda", "layers/kernels/taps.py", "layers/kernels/layout.py", "layers/kernels/workspaces.py",
              "layers/steps"),
    rules=(
        "No Toeplitz matrix: never copy the image's patches into a matrix (im2col, unfold, sliding_window_view), and "
        "never compute a convolution as a matrix product (@, dot, matmul, tensordot, einsum) or with an FFT.",
        "The loops of tasks 2 to 4 are compiled by Numba (@njit), and do the work: no loop of Python over pixels.",
        "Files are not read or written, no process is started, nothing outside of the holes is changed.",
    ),
)
