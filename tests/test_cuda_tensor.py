"""Tensors on the device: how they get there and back, what they say, modules, optimisers and files."""
import copy
import pickle
import re
import subprocess
import sys
import numpy as np
import pytest
import minigrad
import layers as nn
from minigrad import Tensor, trace
from minigrad.autograd import grad
from minigrad.cuda import driver
from tests.on_device import equal


def on_cuda(*shape, seed=0, dtype=np.float32):
    """A leaf on the device that requires a gradient, and its twin on the CPU."""
    array = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    return Tensor(array, True).to("cuda").detach().requires_grad_(), Tensor(array.copy(), True)


def test_there_and_back():
    """to("cuda") copies, cpu() copies back, and the gradient takes the same way back."""
    x = minigrad.tensor([[1.0, -2.0, 3.0]], requires_grad=True)
    y = x.to("cuda")
    assert (x.device, y.device) == ("cpu", "cuda") and y.is_cuda and not x.is_cuda and not y.is_leaf
    assert y.to("cuda") is y and x.to("cpu") is x and x.cpu() is x and y.to("cuda:0") is y and y.cuda() is y
    z = (y * y).cpu()
    assert z.device == "cpu" and np.array_equal(z.detach().numpy(), [[1, 4, 9]])
    (z * minigrad.tensor([1.0, 10.0, 100.0])).backward(minigrad.ones(1, 3))
    assert x.grad.device == "cpu" and np.array_equal(x.grad.numpy(), [[2, -40, 600]])
    g, = grad(x.cuda() * x.cuda(), x, minigrad.ones(1, 3).cuda(), create_graph=True)
    h, = grad(g, x, minigrad.ones(1, 3))
    assert np.array_equal(g.detach().numpy(), [[2, -4, 6]]) and np.array_equal(h.numpy(), [[2, 2, 2]])


def test_to_takes_devices_types_and_tensors():
    x = minigrad.tensor([1.5, 2.0], dtype=minigrad.float64, requires_grad=True)
    y = x.to("cuda", minigrad.float32)
    assert y.is_cuda and y.dtype == minigrad.float32
    y.backward(minigrad.ones(2, device="cuda"))
    assert x.grad.device == "cpu" and x.grad.dtype == minigrad.float64
    assert x.to(y).device == "cuda" and x.to(y).dtype == minigrad.float32
    assert x.to(device="cuda", dtype=minigrad.int64).dtype == minigrad.int64
    assert y.to(minigrad.float64).is_cuda and y.to("float64").dtype == minigrad.float64
    half = minigrad.tensor([1.5], dtype=minigrad.float16)
    assert half.to("cuda", minigrad.float32).is_cuda and y.to("cpu", minigrad.float16).dtype == minigrad.float16
    with pytest.raises(ValueError, match="'gpu' is no device"):
        x.to("gpu")
    with pytest.raises(ValueError, match="'cuda:1' is unknown; there are"):
        x.to("cuda:1")
    with pytest.raises(TypeError, match="float16"):
        half.cuda()


def test_a_device_is_a_name():
    """It prints, compares and serves as its name."""
    assert str(minigrad.device("cuda:0")) == "cuda" and minigrad.device("cpu") == "cpu" != minigrad.device("cuda")
    assert repr(minigrad.device("cuda")) == "device('cuda')" and minigrad.device("cuda").type == "cuda"
    assert minigrad.zeros(1, device=minigrad.device("cuda")).is_cuda
    assert minigrad.cuda.is_available()
    with pytest.raises(ValueError, match="'tpu' is unknown"):
        minigrad.device("tpu")
    with pytest.raises(AttributeError, match="no attribute 'cudnn'"):
        minigrad.cudnn


def test_without_a_driver(monkeypatch):
    """The error is one that says so, and nothing has changed."""
    def none():
        raise driver.CudaError("cuda: there is no NVIDIA driver on this machine")
    net = nn.Linear(2, 2)
    before, x = copy.deepcopy(net.state_dict()), minigrad.ones(2)
    monkeypatch.setattr(driver, "simulated", False)
    monkeypatch.setattr(driver, "get", none)
    assert not minigrad.cuda.is_available()
    for move in (lambda: x.to("cuda"), lambda: net.cuda(), lambda: minigrad.zeros(2, device="cuda")):
        with pytest.raises(driver.CudaError, match="no NVIDIA driver"):
            move()
    assert x.device == "cpu" and all(p.device == "cpu" for p in net.parameters())
    assert all(np.array_equal(before[name].data, p.data) for name, p in net.state_dict().items())


def test_what_waits_for_the_device():
    """Numbers, lists, printing; NumPy is told to ask for a copy."""
    x, _ = on_cuda(2, 3)
    y = minigrad.tensor([2.5], device="cuda")
    assert y.item() == 2.5 and float(y) == 2.5 and bool(y) and int(y) == 2 and f"{y[0]:.2f}" == "2.50"
    assert minigrad.tensor([[1, 2]], device="cuda").tolist() == [[1, 2]]
    assert [v.item() for v in minigrad.tensor([1, 2], device="cuda")] == [1, 2]
    assert list(range(minigrad.tensor(3, device="cuda"))) == [0, 1, 2]
    assert repr(y) == "tensor([2.5], device='cuda')" and "device='cuda', requires_grad=True" in repr(x)
    for convert in (lambda: y.numpy(), lambda: np.asarray(y), lambda: np.exp(1) * np.asarray(y)):
        with pytest.raises(TypeError, match=r"x\.cpu\(\)\.numpy\(\)"):
            convert()
    with pytest.raises(RuntimeError, match=r"x\.detach\(\)\.cpu\(\)\.numpy\(\)"):
        x.numpy()


def test_new_tensors():
    """`device=` everywhere, `_like` follows its argument; random numbers are the CPU's."""
    for make in (lambda **d: minigrad.zeros(2, 3, **d), lambda **d: minigrad.ones(2, **d),
                 lambda **d: minigrad.eye(3, **d), lambda **d: minigrad.full((2, 2), 7, **d), lambda **d: minigrad.arange(5, **d),
                 lambda **d: minigrad.linspace(0, 1, 5, **d), lambda **d: minigrad.tensor([[1, 2]], **d),
                 lambda **d: minigrad.as_tensor(np.arange(3), **d), lambda **d: minigrad.randn(2, 2, **d),
                 lambda **d: minigrad.rand(3, **d), lambda **d: minigrad.randint(9, (4,), **d),
                 lambda **d: minigrad.randperm(5, **d)):
        minigrad.manual_seed(3)
        here = make()
        minigrad.manual_seed(3)
        there = make(device="cuda")
        assert there.is_cuda and here.device == "cpu" and equal(there.data, here.data)
    x = minigrad.tensor([[1.0, 2.0]], device="cuda")
    for like in (minigrad.zeros_like, minigrad.ones_like, minigrad.empty_like, minigrad.randn_like, minigrad.rand_like,
                 lambda x, **d: minigrad.full_like(x, 3, **d)):
        assert like(x).is_cuda and like(x).shape == (1, 2) and not like(x, device="cpu").is_cuda
    assert minigrad.tensor(x).is_cuda and minigrad.tensor(x).data is not x.data and minigrad.as_tensor(x) is x
    assert x.new_zeros(2).is_cuda and x.new_full((2,), 5).tolist() == [5, 5] and x.new_ones(1).is_cuda
    assert minigrad.empty(2, device="cuda").is_cuda and x.new_empty(3).is_cuda
    minigrad.manual_seed(0)
    here = [minigrad.bernoulli(minigrad.tensor([0.5] * 9)), minigrad.normal(minigrad.zeros(3), 2.0),
            minigrad.multinomial(minigrad.ones(4), 2)]
    minigrad.manual_seed(0)
    there = [minigrad.bernoulli(minigrad.tensor([0.5] * 9, device="cuda")),
             minigrad.normal(minigrad.zeros(3, device="cuda"), 2.0),
             minigrad.multinomial(minigrad.ones(4, device="cuda"), 2)]
    assert all(equal(b.data, a.data) for a, b in zip(here, there))


@pytest.mark.parametrize("name, operation", [
    ("add", lambda x, y: x + y), ("mul", lambda x, y: y * x), ("matmul", lambda x, y: x @ y.T),
    ("where", lambda x, y: minigrad.where(x > 0, x, y)), ("pow", lambda x, y: x ** y),
    ("lt", lambda x, y: x < y), ("add", lambda x, y: y.add_(x))])
def test_mixed_devices(name, operation):
    """The error names the operation, both shapes and both devices."""
    x, y = minigrad.ones(2, 3, device="cuda"), minigrad.ones(2, 3)
    with pytest.raises(TypeError, match=rf"^{name}: shapes .*\(\d, \d\) on (cuda|cpu).* on (cpu|cuda).* bring all to"):
        operation(x, y)


def test_numbers_mix_with_the_device():
    """A CPU tensor without axes is a number, and its gradient comes back to the CPU."""
    x, scale = minigrad.tensor([1.0, 2.0], device="cuda"), minigrad.tensor(3.0, requires_grad=True)
    y = x * scale
    assert y.tolist() == [3, 6]
    y.backward(minigrad.ones(2, device="cuda"))
    assert scale.grad.device == "cpu" and scale.grad.item() == 3
    with pytest.raises(TypeError, match="the output on cuda"):
        (x * scale).backward(minigrad.ones(2))


def test_in_place_writes():
    """They are followed by gradients, and copy_ takes what is on another device."""
    x = minigrad.zeros(2, 3, device="cuda")
    x.copy_(minigrad.tensor([1.0, 2.0, 3.0]))
    x.add_(1).mul_(2).clamp_(max=7)
    assert x.tolist() == [[4, 6, 7], [4, 6, 7]]
    x.zero_()
    x.fill_(minigrad.tensor(5.0))
    assert x.tolist() == [[5] * 3] * 2
    minigrad.manual_seed(1)
    y = minigrad.zeros(4, device="cuda").normal_()
    minigrad.manual_seed(1)
    assert equal(y.data, minigrad.zeros(4).normal_().data)
    source = minigrad.tensor([1.0, 2.0], requires_grad=True)
    target = minigrad.zeros(2, device="cuda")
    target.copy_(source)
    (target * target).backward(minigrad.ones(2, device="cuda"))
    assert source.grad.tolist() == [2, 4]
    used = source.cuda()
    product = used * used
    with minigrad.no_grad():
        used.mul_(2)
    with pytest.raises(RuntimeError, match="was overwritten by mul_"):
        product.backward(minigrad.ones(2, device="cuda"))


def test_leaves_are_copied_and_pickled():
    x, _ = on_cuda(3)
    x.grad = x.detach() * 2
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert other.is_cuda and other.requires_grad and equal(other.data, x.data.numpy())
        assert other.data is not x.data and equal(other.grad.data, 2 * x.data.numpy())
    clone = x.clone()
    assert clone.is_cuda and clone.data.block is not x.data.block
    assert x.detach().data is x.data and x[::2].contiguous().is_contiguous()


# ---------------------------------------------------------------------------------------------------------------------
# Modules, optimisers, files

class Net(nn.Module):
    """A parameter, one inside, a floating and an integer buffer."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(minigrad.tensor([1.0, 2.0]))
        self.inner = nn.Linear(2, 2)
        self.register_buffer("mean", minigrad.ones(2))
        self.register_buffer("steps", minigrad.tensor([3]))


def test_modules_move():
    """Parameters stay the same objects; gradients and buffers move along."""
    net = Net()
    parameters, buffers = list(net.parameters()), list(net.buffers())
    net.scale.grad = minigrad.ones(2)
    view = net.scale.detach()
    assert net.to("cuda") is net
    assert all(p is q for p, q in zip(parameters + buffers, (*net.parameters(), *net.buffers())))
    assert all(x.is_cuda for x in (*net.parameters(), *net.buffers(), net.scale.grad))
    assert view.device == "cpu" and isinstance(net.scale, nn.Parameter) and net.steps.dtype == minigrad.int64
    net.to("cuda", minigrad.float64)
    assert net.scale.dtype == net.scale.grad.dtype == net.mean.dtype == minigrad.float64 and net.scale.is_cuda
    assert net.steps.dtype == minigrad.int64
    assert net.cpu().float().scale.tolist() == [1, 2] and not net.mean.is_cuda and net.cuda().mean.is_cuda
    y = net.scale * net.scale
    net.cpu()
    with pytest.raises(RuntimeError, match="overwritten by Module.to"):
        y.backward(minigrad.ones(2, device="cuda"))


def test_states_of_modules_and_files(tmp_path):
    """Files know nothing of devices; a state is loaded where the parameters are."""
    net, other = Net().cuda(), Net()
    minigrad.save({"net": net.state_dict(), "x": net.scale.data}, tmp_path / "file")
    loaded = minigrad.load(tmp_path / "file")
    assert all(x.device == "cpu" for x in loaded["net"].values()) and type(loaded["x"]) is np.ndarray
    other.load_state_dict(loaded["net"])
    assert all(equal(p.data, q.data) for p, q in zip(net.parameters(), other.parameters()))
    with minigrad.no_grad():
        other.scale.mul_(3)
    net.load_state_dict(other.state_dict())
    assert net.scale.is_cuda and net.scale.tolist() == [3, 6]
    other.load_state_dict(net.state_dict())
    assert not other.scale.is_cuda


OPTIMISERS = {
    "SGD": lambda p: minigrad.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "RMSprop": lambda p: minigrad.optim.RMSprop(p, lr=0.1, momentum=0.5),
    "Adagrad": lambda p: minigrad.optim.Adagrad(p, lr=0.1),
    "Adam": lambda p: minigrad.optim.Adam(p, lr=0.1, weight_decay=0.01),
    "AdamW": lambda p: minigrad.optim.AdamW(p, lr=0.1)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)
def test_optimisers(make, dtype):
    """Their steps are the CPU's, and their state moves with the parameters, there, back and through a state dict."""
    (there, here), gradients = on_cuda(3, 2, dtype=dtype), np.random.default_rng(1)
    a, b = make([there]), make([here])
    for step in range(4):
        g = gradients.standard_normal((3, 2)).astype(dtype)
        if step == 2:
            fresh = make([there])
            fresh.load_state_dict(a.state_dict())
            a = fresh
        if step == 3:
            there.data = there.data.numpy()                # as Module.cpu() does
        there.grad, here.grad = Tensor(g).to(there.device), Tensor(g)
        a.step()
        b.step()
        assert equal(there.detach().cuda().data, here.data)
    assert all(type(kept) is np.ndarray for kept in a.state[there].values() if np.ndim(kept))


def test_the_fused_step_is_the_formula():
    """Adam on a view, which takes the formula in single operations, gives what the one kernel gives."""
    array, g = np.linspace(-1, 1, 6, dtype="f"), Tensor(np.arange(6, dtype="f") - 2).cuda()
    whole = Tensor(array).cuda()
    apart = Tensor(np.stack([array, array], 1)).cuda()[:, 0]
    apart.rule = None
    optimisers = [minigrad.optim.Adam([p], lr=0.1) for p in (whole, apart)]
    for _ in range(3):
        for p, optimiser in zip((whole, apart), optimisers):
            p.grad = g
            optimiser.step()
    assert not apart.is_contiguous() and equal(whole.data, apart.data.numpy())


def test_clip_grad_norm():
    """One number scales all gradients; the device is waited for once."""
    (a, _), (b, _) = on_cuda(2), on_cuda(2)
    a.grad, b.grad = minigrad.tensor([3.0, 0.0], device="cuda"), minigrad.tensor([0.0, 4.0], device="cuda")
    norm = minigrad.optim.clip_grad_norm_([a, b], 1.0)
    assert norm.item() == 5 and np.allclose(a.grad.tolist() + b.grad.tolist(), [0.6, 0, 0, 0.8], atol=1e-6)
    assert minigrad.optim.clip_grad_norm_([a, b], 2.0).item() == pytest.approx(1, abs=1e-6)


def test_gradcheck_on_the_device():
    """Finite differences of what runs on the device; a wrong rule is found there, and named."""
    x, _ = on_cuda(2, 3, dtype=np.float64)
    y, _ = on_cuda(3, dtype=np.float64, seed=1)
    product, wrong = (
        minigrad.operation(lambda a, b: a * b, lambda g, y, a, b, c=c: (g * b * c, minigrad.sum_to(g * a, b.shape)), name)
        for c, name in ((1, "product"), (1.01, "wrong")))
    assert minigrad.gradcheck(product, [x, y]) and minigrad.gradgradcheck(product, [x, y])
    with pytest.raises(AssertionError, match=r"gradcheck: wrong, argument 0, index \(0, 0\)"):
        minigrad.gradcheck(wrong, [x, y])


def test_jacobians_on_the_device():
    x, here = on_cuda(3, dtype=np.float64)
    f = lambda x: x * x * x
    there, expected = minigrad.autograd.jacobian(f, x), minigrad.autograd.jacobian(f, here)
    assert there.is_cuda and equal(there.data, expected.data)
    y, product = minigrad.autograd.jvp(f, x, minigrad.ones(3, dtype=minigrad.float64, device="cuda"))
    assert product.is_cuda and equal(product.data, 3 * here.data ** 2)


def test_cpu_users_pay_nothing():
    """Neither minigrad.cuda nor Numba's CUDA part is imported before something is put on the device."""
    program = """if True:
        import sys, minigrad, layers, models, models.__main__
        loss = layers.Linear(2, 2)(minigrad.ones(3, 2)).to("cpu").mean()
        loss.backward()
        loaded = [name for name in sys.modules if name.startswith(("minigrad.cuda", "numba.cuda"))]
        assert not loaded, loaded
        assert minigrad.cuda.Array                         # and then it is
        assert "minigrad.cuda" in sys.modules
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_distributions_on_the_device():
    """Draws are the CPU's, on the parameters' device; so are log-probabilities; wrong parameters are named."""
    p, logits = minigrad.tensor([0.2, 0.9]), minigrad.tensor([[0.1, 1.0, -1.0], [2.0, 0.0, 0.5]])
    for make, parameters in ((minigrad.distributions.Bernoulli, [p]),
                             (minigrad.distributions.Categorical, [None, logits]),
                             (minigrad.distributions.Normal, [p, 2 * p])):
        here, there = make(*parameters), make(*(x if x is None else x.cuda() for x in parameters))
        minigrad.manual_seed(0)
        x = here.sample((3,))
        minigrad.manual_seed(0)
        y = there.sample((3,))
        assert y.is_cuda and equal(y.data, x.data)
        assert equal(there.log_prob(y).data, here.log_prob(x).data) and equal(there.entropy().data, here.entropy().data)
    with pytest.raises(ValueError, match="scale must be positive, and there is -1.0"):
        minigrad.distributions.Normal(p.cuda(), minigrad.tensor([1.0, -1.0], device="cuda"))


def steps_of(x):
    """The text of the steps of a small computation."""
    y = x * x
    return [re.sub(r"#\d+", "", str(step)) for step in trace.backward(y.sum())]


def test_the_trace_shows_what_is_on_the_device():
    x, here = (minigrad.tensor([2.0, 3.0], device=place, requires_grad=True) for place in ("cuda", "cpu"))
    assert steps_of(x) == steps_of(here) and "[4, 6]" in steps_of(x)[-1]
    with trace.anomaly(), pytest.raises(FloatingPointError, match=r"log .*-inf at index \(1,\)"):
        minigrad.log(minigrad.tensor([1.0, 0.0], device="cuda", requires_grad=True))
