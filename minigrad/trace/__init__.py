"""Step through a computation, one operation at a time, with every number in view.

    from minigrad import trace

    with trace.record():                       # only if the steps are to know their lines of code, and their layers
        loss = model.loss(x)
    for step in trace.forward(loss):
        print(step)
    for step in trace.backward(loss):
        print(step)                            # or step.draw(): the graph, with this operation lit
    trace.walk(trace.backward(loss))           # in a terminal: enter goes on, b back, q quits

The trace reads what the core has recorded anyway.  The core knows nothing of it, and it costs nothing while it is not
used.  Where to find what:

    recording       which line of code, and which module, made a tensor
    graph           the recorded graph as boxes, of operations or of whole layers
    steps, text, terminal           one operation at a time; in words; by keys
    layout, picture, and page       the same in pictures
    anomaly         stops at the first NaN or infinity
    profile         time and memory of each operation
    expression      python -m minigrad.trace "a=2; b=a+a; c=b+b; c*b"
"""
from .anomaly import anomaly
from .graph import Graph
from .picture import strip
from .profile import profile
from .recording import record
from .steps import Step, backward, forward, page
from .terminal import walk

__all__ = ["Graph", "Step", "anomaly", "backward", "forward", "page", "profile", "record", "strip",
           "walk"]
