"""The homework on PixelCNN."""
from ..manifest import Assignment, Task

ASSIGNMENT = Assignment(
    id="pixelcnn",
    title="PixelCNN: draw an image pixel by pixel",
    tasks=(
        Task("1", "Masks A and B", ("layers/conv.py:raster_mask",)),
        Task("2", "The masked convolution", ("layers/conv.py:MaskedConv2d.forward",)),
        Task("3", "The network", ("models/pixelcnn.py:PixelCNN.forward",)),
        Task("4", "The loss, and its unit",
             ("models/autoregressive.py:Autoregressive.log_prob", "models/likelihood.py:bits_per_dim")),
        Task("5", "One value at a time",
             ("models/autoregressive.py:Autoregressive.positions", "models/autoregressive.py:draw")),
        Task("6", "Sampling and in-painting", ("models/autoregressive.py:fill",)),
        Task("7", "Sampling fast", ("models/pixelcnn.py:PixelCNNCache.logits",)),
        Task("8", "Train it, and look", ()),
    ),
    left_out=("models/gated.py", "models/two_stack.py", "models/causal.py", "models/figures/fields.py",
              "models/figures/lags.py"),
    rules=(
        "Write in the functions that raise NotImplementedError; change no signature, and nothing outside of them "
        "except for helper functions and imports of your own in the same files.",
        "The convolution itself is the engine's, `conv2d`: don't write another one.",
        "Random numbers come from the generator that a function is given, and from nowhere else.",
    ),
)
