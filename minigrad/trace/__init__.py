"""Step through a computation, one operation at a time, with every number in view.

    from minigrad import trace

    with trace.record():                       # only if the steps are to know their lines of code, and their layers
        loss = model.loss(x)
    for step in trace.forward(loss):
        print(step)
    for step in trace.backward(loss):
        print(step)                            # or step.draw(): the graph, with this operation lit

The trace reads what the core has recorded anyway.  The core knows nothing of it, and it costs nothing when it is not used.
"""
from .anomaly import anomaly
from .graph import Graph
from .picture import strip
from .profile import profile
from .recording import record
from .steps import Step, backward, forward, page

__all__ = ["Graph", "Step", "anomaly", "backward", "forward", "page", "profile", "record", "strip"]
