"""Modules: registration, states, containers, pictures."""
import copy
import numpy as np
import pytest
import layers as nn
import minigrad
from minigrad import tensor, zeros


class Block(nn.Module):
    """A module with one of everything."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(2, 3)
        self.scale = nn.Parameter(minigrad.ones(3))
        self.register_parameter("shift", None)
        self.register_buffer("steps", zeros(1))
        self.register_buffer("mask", zeros(3), persistent=False)
        self.note = "anything else"

    def forward(self, x):
        return self.inner(x) * self.scale


def names(pairs):
    return [name for name, _ in pairs]


def test_what_is_listed():
    block = Block()
    assert names(block.named_parameters()) == ["scale", "inner.weight", "inner.bias"]
    assert names(block.named_parameters(recurse=False)) == ["scale"]
    assert names(block.named_parameters("net")) == ["net.scale", "net.inner.weight", "net.inner.bias"]
    assert names(block.named_buffers()) == ["steps", "mask"]
    assert names(block.named_modules()) == ["", "inner"]
    assert names(block.named_children()) == ["inner"]
    assert list(block.children()) == [block.inner] and list(block.modules()) == [block, block.inner]
    assert list(block.state_dict()) == ["scale", "steps", "inner.weight", "inner.bias"]
    expected = [block.scale, block.inner.weight, block.inner.bias]
    assert all(p is q for p, q in zip(block.parameters(), expected, strict=True))
    assert block.num_parameters() == 3 + 6 + 3
    block.scale.requires_grad_(False)
    assert block.num_parameters() == 6 + 3


def test_assignments_change_the_lists():
    block = Block()
    block.shift = nn.Parameter(zeros(3))
    assert "shift" in names(block.named_parameters())
    block.shift = None
    del block.scale
    assert names(block.named_parameters()) == ["inner.weight", "inner.bias"]
    block.steps = zeros(1) + 5
    assert block.state_dict()["steps"].item() == 5
    del block.steps
    assert "steps" not in block.state_dict()
    block.mask = nn.Parameter(zeros(3))                    # a buffer that becomes a parameter
    assert names(block.named_buffers()) == [] and "mask" in block.state_dict()


def test_assignments_that_would_lose_something_are_refused():
    block = Block()
    with pytest.raises(TypeError, match="Block.scale is a Parameter and can't become a Tensor"):
        block.scale = block.scale * 2
    with pytest.raises(TypeError, match="Block.inner is a Linear and can't become a int"):
        block.inner = 3
    with pytest.raises(TypeError, match="Block.steps is a buffer"):
        block.steps = 3
    for name in ("scale", "forward", "a.b", ""):
        with pytest.raises(ValueError, match="register_buffer"):
            block.register_buffer(name, zeros(1))
    with pytest.raises(TypeError, match="'mean' must be a tensor or None, not a float"):
        block.register_buffer("mean", 0.5)
    with pytest.raises(TypeError, match="'gain' must be a Parameter or None, not a Tensor"):
        block.register_parameter("gain", zeros(1))
    with pytest.raises(TypeError, match="'1' must be a Module or None, not a function"):
        nn.Sequential(nn.ReLU(), minigrad.relu)


def test_shared_members_are_listed_once_and_saved_under_each_name():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(2, 2)
            self.b = self.a
            self.c = nn.Linear(2, 2, bias=False)
            self.c.weight = self.a.weight
    net = Twice()
    assert names(net.named_modules()) == ["", "a", "c"]
    assert names(net.named_parameters()) == ["a.weight", "a.bias"]
    assert list(net.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias", "c.weight"]
    twin = copy.deepcopy(net)
    assert twin.c.weight is twin.a.weight and twin.b is twin.a and twin.a.weight is not net.a.weight
    assert np.array_equal(twin.a.weight.data, net.a.weight.data)


def test_forgotten_init():
    class Forgot(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(2, 2)

    class Empty(nn.Module):
        def __init__(self):
            pass

    class Buffered(nn.Module):
        def __init__(self):
            self.register_buffer("x", zeros(1))
    with pytest.raises(AttributeError, match=r"Forgot: __init__ must call super\(\).__init__\(\)"):
        Forgot()
    with pytest.raises(AttributeError, match=r"Buffered: __init__ must call super\(\).__init__\(\)"):
        Buffered()
    with pytest.raises(AttributeError, match=r"did not call super\(\).__init__\(\)"):
        Empty().training


def test_missing_attribute_and_missing_forward():
    with pytest.raises(AttributeError, match="Block has no attribute 'iner'; it was given training, inner, scale"):
        Block().iner
    with pytest.raises(NotImplementedError, match="Module has no forward method"):
        nn.Module()(1)
    assert not hasattr(Block(), "nothing")


def test_parameter():
    array = np.ones(3, "float32")
    p = nn.Parameter(array)
    assert isinstance(p, minigrad.Tensor) and p.requires_grad and p.is_leaf and p.data is array
    assert not nn.Parameter(array, requires_grad=False).requires_grad
    assert type(p * 2) is minigrad.Tensor
    assert repr(p).startswith("Parameter containing:\ntensor([1., 1., 1.]")
    with pytest.raises(RuntimeError, match="floating-point"):
        nn.Parameter(tensor([1, 2]))
    source = minigrad.ones(3)                              # the memory is shared, and so is the note of its writes
    p = nn.Parameter(source)
    y = (p * p).sum()
    source.add_(1)
    with pytest.raises(RuntimeError, match="overwritten by add_"):
        y.backward()


# ---------------------------------------------------------------------------------------------------------------------
# State

def test_state_round_trip():
    first, second = Block(), Block()
    with minigrad.no_grad():
        first.steps.add_(7)
    before = list(second.parameters())
    assert second.load_state_dict(first.state_dict()) == ([], [])
    for a, b in zip(first.state_dict().values(), second.state_dict().values()):
        assert np.array_equal(a.data, b.data) and not np.shares_memory(a.data, b.data)
    assert all(a is b for a, b in zip(before, second.parameters()))
    arrays = {name: np.zeros(x.shape) for name, x in first.state_dict().items()}           # float64: cast
    second.load_state_dict(arrays)
    assert second.scale.dtype == np.float32 and not second.scale.data.any()


def test_wrong_states_change_nothing_and_all_faults_are_named():
    block = Block()
    before = {name: x.data.copy() for name, x in block.state_dict().items()}
    state = {name: x.data + 1 for name, x in block.state_dict().items()}
    del state["scale"], state["steps"]
    state["inner.weight"] = np.zeros((3, 5))
    state["outer.weight"] = np.zeros(1)
    with pytest.raises(RuntimeError) as error:
        block.load_state_dict(state)
    assert str(error.value) == (
        "load_state_dict: this is not the state of this Block: missing: scale, steps; unexpected: outer.weight; "
        "inner.weight has shape (3, 5) instead of (3, 2)")
    with pytest.raises(RuntimeError, match="inner.weight has shape"):
        block.load_state_dict(state, strict=False)
    assert all(np.array_equal(before[name], x.data) for name, x in block.state_dict().items())
    del state["inner.weight"]
    keys = block.load_state_dict(state, strict=False)
    assert keys.missing_keys == ["scale", "steps", "inner.weight"] and keys.unexpected_keys == ["outer.weight"]
    assert np.array_equal(block.inner.bias.data, before["inner.bias"] + 1)


def test_loading_is_seen_by_backward():
    block = Block()
    y = block(minigrad.ones(1, 2)).sum()
    block.load_state_dict(block.state_dict())
    with pytest.raises(RuntimeError, match="overwritten by load_state_dict"):
        y.backward()


def test_train_and_eval_reach_everything():
    net = nn.Sequential(Block(), nn.ModuleList([nn.Dropout()]))
    assert net.training and net.eval() is net
    assert not any(m.training for m in net.modules())
    assert all(m.training for m in net.train().modules())


def test_gradients_are_cleared_and_turned_off():
    block = Block()
    block(minigrad.ones(1, 2)).sum().backward()
    block.zero_grad(set_to_none=False)
    assert all(p.grad is not None and not p.grad.data.any() for p in block.parameters())
    block.zero_grad()
    assert all(p.grad is None for p in block.parameters())
    assert block.requires_grad_(False) is block and not block(minigrad.ones(1, 2)).requires_grad


def test_apply_goes_from_the_inside_out():
    seen = []
    net = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh())
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["ReLU", "Sequential", "Tanh", "Sequential"]


def test_casting_keeps_the_tensors():
    net = nn.BatchNorm1d(2)
    weight, y = net.weight, net(tensor([[1.0, 2.0], [3.0, 5.0]])).sum()
    y.backward(retain_graph=True)
    old, other = weight.detach(), minigrad.ones(2, requires_grad=True)
    z = (old * other).sum()                                # of the memory that the weight leaves: it stays as it is
    assert net.double() is net and net.weight is weight
    assert {weight.dtype, weight.grad.dtype, net.running_mean.dtype} == {np.dtype("float64")}
    assert net.num_batches_tracked.dtype == np.int64
    with pytest.raises(RuntimeError, match="overwritten by Module.to"):
        y.backward()
    z.backward()
    assert other.grad.tolist() == [1, 1]
    assert net.to("cpu").float().weight.dtype == np.float32


# ---------------------------------------------------------------------------------------------------------------------
# Containers

def test_sequential():
    a, b, c = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)
    net = nn.Sequential(a, b).append(c)
    x = minigrad.randn(4, 2)
    assert np.array_equal(net(x).data, c(b(a(x))).data)
    assert len(net) == 3 and list(net) == [a, b, c] and net[-1] is c
    assert type(net[1:]) is nn.Sequential and list(net[1:]) == [b, c]
    with pytest.raises(IndexError, match="Sequential: index 3 is out of range for 3 modules"):
        net[3]
    named = nn.Sequential({"first": a, "second": b})
    assert named.first is a and list(named.state_dict()) == ["first.weight", "first.bias"] and named[1] is b
    named[1] = c
    assert named.second is c


def test_module_list():
    a, b, c = nn.Linear(2, 3), nn.ReLU(), nn.Tanh()
    modules = nn.ModuleList([a]).append(b).extend([c])
    assert len(modules) == 3 and list(modules) == [a, b, c] and list(reversed(modules)) == [c, b, a]
    assert type(modules[:2]) is nn.ModuleList and list(modules[:2]) == [a, b]
    assert b in modules and list(modules.state_dict()) == ["0.weight", "0.bias"]
    assert nn.Identity()(a) is a


def test_repr():
    net = nn.Sequential(nn.Linear(2, 3), nn.ModuleList([nn.Linear(3, 1, bias=False), nn.Tanh()]), nn.LayerNorm(4))
    assert repr(net) == """Sequential(
  (0): Linear(in_features=2, out_features=3, bias=True)
  (1): ModuleList(
    (0): Linear(in_features=3, out_features=1, bias=False)
    (1): Tanh()
  )
  (2): LayerNorm((4,), eps=1e-05, elementwise_affine=True)
)"""
    assert repr(nn.Sequential()) == "Sequential()"
    assert repr(nn.MaxPool2d(2)) == "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1)"
