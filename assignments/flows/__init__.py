"""The homework on flows."""
from ..manifest import Assignment, Task

FLOW, REALNVP = "models/flow.py", "models/realnvp.py"

ASSIGNMENT = Assignment(
    id="flows",
    title="Normalising flows: densities by change of variables",
    tasks=(
        Task("1", "The change of variables", (f"{FLOW}:Flow.base_log_prob", f"{FLOW}:Flow.log_density",
                                              f"{FLOW}:through", f"{FLOW}:back")),
        Task("2", "Integers: dequantisation and the logit", (f"{FLOW}:Flow.real", f"{FLOW}:Flow.nats",
                                                             f"{FLOW}:Logit.forward", f"{FLOW}:Logit.inverse")),
        Task("3", "The affine coupling layer",
             ("models/nvp.py:Coupling.scale_and_shift", "models/nvp.py:Coupling.forward",
              "models/nvp.py:Coupling.inverse")),
        Task("4", "Masks and squeeze", (f"{REALNVP}:checkerboard", f"{REALNVP}:channel_mask", f"{REALNVP}:alternate",
                                        f"{REALNVP}:Squeeze.forward", f"{REALNVP}:Squeeze.inverse")),
        Task("5", "RealNVP: several scales", (f"{REALNVP}:Scale.forward", f"{REALNVP}:Scale.inverse")),
        Task("6", "A flow of the line, by double backward",
             tuple(f"models/piecewise_linear.py:Increasing.{name}" for name in ("knots", "map", "forward", "inverse"))),
        Task("7", "Train them, and look", ()),
    ),
    left_out=("models/nice.py",),
    rules=(
        "Write in the functions that raise NotImplementedError; change no signature, and nothing outside of them "
        "except for helper functions and imports of your own in the same files.",
        "In task 6 the derivative f' comes from automatic differentiation, not from a formula of your own.",
        "Random numbers come from the generator that a function is given, and from nowhere else.",
    ),
)
