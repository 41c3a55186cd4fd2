"""The manifest of `autograd`."""
from ..manifest import Assignment, Task

BROADCASTING, ENTRIES, REDUCTIONS, WALK, CHECK = (f"minigrad/{name}.py" for name in (
    "broadcasting", "elementwise", "reductions", "autograd", "gradcheck"))


def rules(path, *names):
    """The holes that are the rules of these operations."""
    return tuple(f"{path}:{name}_rule" for name in names)


ASSIGNMENT = Assignment(
    id="autograd",
    title="Reverse-mode differentiation",
    tasks=(
        Task("1", "Broadcasting undone", (f"{BROADCASTING}:sum_to", *rules(BROADCASTING, "sum_to", "expand"))),
        Task("2", "Rules that work entry by entry",
             rules(ENTRIES, "add", "sub", "div", "remainder", "pow", "exp", "log", "tanh", "sigmoid", "relu", "where")),
        Task("3", "Rules of reductions, products and indexing",
             (*rules(REDUCTIONS, "sum", "amax", "logsumexp", "softmax"), *rules("minigrad/products.py", "matmul"),
              *rules("minigrad/indexing.py", "getitem"), "minigrad/indexing.py:place")),
        Task("4", "The backward pass", (f"{WALK}:reachable", f"{WALK}:propagate")),
        Task("5", "A gradient check that wrong rules can't pass",
             tuple(f"{CHECK}:{name}" for name in (
                 "random_cotangents", "central_slope", "has_kink", "compare", "check"))),
    ),
    rules=(
        "A rule is written in minigrad's own operations, from g, y and the inputs: not with NumPy's functions, which "
        "know nothing of tensors, and not with numbers that were kept aside.",
        "No finite differences outside of task 5.",
        "Files are not read or written, no process is started, nothing outside of the holes is changed.",
    ),
)
