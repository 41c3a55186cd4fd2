"""The manifest of `autoregression`."""
from ..manifest import Assignment, Task

MASKED, LIKELIHOOD, LOOP = (f"models/{name}.py" for name in ("masked_linear", "likelihood", "autoregressive"))

ASSIGNMENT = Assignment(
    id="autoregression",
    title="Autoregressive models",
    tasks=(
        Task("1", "The shift: padding with any margins", ("minigrad/shapes.py:pad", "minigrad/shapes.py:pad_rule")),
        Task("2", "Causal convolutions, dilated", ("layers/convolution.py:causal_zeros",
                                                   "layers/conv.py:CausalConv1d.forward",
                                                   "models/causal.py:causal_layers")),
        Task("3", "MADE's masks", (f"{MASKED}:connected", f"{MASKED}:masked_product", f"{MASKED}:masked_outer",
                                   "models/made.py:MADE.draw_degrees", "models/made.py:MADE.wiring")),
        Task("4", "Likelihood, bits and perplexity", (f"{LOOP}:Autoregressive.log_prob", f"{LIKELIHOOD}:bits_per_dim",
                                                      f"{LIKELIHOOD}:perplexity", f"{LIKELIHOOD}:mean_cost")),
        Task("5", "Drawing", (f"{LOOP}:Autoregressive.positions", "minigrad/random.py:inverse_cdf", f"{LOOP}:draw",
                              f"{LOOP}:fill")),
    ),
    left_out=("models/bengio.py",),
    rules=(
        "Convolutions are those of `layers`: causality comes from padding and shifting, not from a mask on the output.",
        "Random numbers come from the generator that a function is given, as many and in the order that its docstring "
        "says: only so are two right solutions' samples equal.",
        "Files are not read or written, no process is started, nothing outside of the holes is changed.",
    ),
)
