"""The linear layer, and Flatten, which makes its input."""
import math
from minigrad import add, empty, flatten, matmul, record, sum
from minigrad.products import rows
from minigrad.tensor import raw
from . import init
from .module import Module, Parameter


def linear(input, weight, bias=None):
    """input @ weight.T + bias, torch.nn.functional.linear.

    input       (..., in_features)
    weight      (out_features, in_features)
    bias        (out_features,) or None
    Returns (..., out_features).  Raises ValueError when shapes do not fit.
    """
    if len(weight.shape) != 2:
        raise ValueError("linear: the weight must have 2 axes, (out_features, in_features); "
                         f"its shape is {weight.shape}")
    if not input.shape or input.shape[-1] != weight.shape[1]:
        raise ValueError(f"linear: weight {weight.shape} expects inputs (..., {weight.shape[1]}), not {input.shape}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"linear: weight {weight.shape} needs a bias of shape {weight.shape[:1]}, not {bias.shape}")
    y = matmul(raw(input), raw(weight).T)
    return record(y if bias is None else add(y, raw(bias)), linear_rule, input, weight, bias)


def linear_rule(g, y, x, w, b):
    """dy = dx W' + x dW' + db: x gets g W; W gets g' x and b gets g, added up over all rows.

    As a composition of a transpose and a product, W's gradient would come out as the transpose of x' g, with its
    numbers in another order in memory than W's, and the optimiser would have to hop from one to the next.
    """
    return ((lambda: matmul(g, w)), (lambda: matmul(rows(g).T, rows(x))), (lambda: sum(rows(g), 0)))


class Linear(Module):
    """y = x @ weight.T + bias on the last axis.  Weight and bias are drawn from U(-k, k), k = 1 / sqrt(in_features)."""

    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        if in_features < 1 or out_features < 1:
            raise ValueError(f"Linear: features must be positive, not {in_features} and {out_features}")
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(empty(out_features, in_features))
        self.register_parameter("bias", Parameter(empty(out_features)) if bias else None)
        bound = 1 / math.sqrt(in_features)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, x):
        return linear(x, self.weight, self.bias)

    def extra_repr(self):
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Flatten(Module):
    """One axis in place of the axes start_dim to end_dim: by default (N, C, H, W) becomes (N, C * H * W)."""

    def __init__(self, start_dim=1, end_dim=-1):
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x):
        return flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self):
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
