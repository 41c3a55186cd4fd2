"""Optimisers against their formulas written out, exact resuming, clipping, schedules."""
import math
import numpy as np
import pytest
import minigrad
from minigrad import Tensor, optim, tensor
from minigrad.optim import lr_scheduler


def parameters(dtype=np.float64):
    rng = np.random.default_rng(0)
    return [Tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True) for shape in ((3, 2), (4,), ())]


def train(params, optimizer, steps, first=0, scheduler=None):
    """Steps along given gradients, different in each step."""
    for k in range(first, first + steps):
        rng = np.random.default_rng(k)
        for p in params:
            p.grad = Tensor(rng.standard_normal(p.shape).astype(p.dtype))
        optimizer.step()
        if scheduler:
            scheduler.step()


# The formulas in another form: sums over the history of gradients instead of running averages.  `gs` are all gradients
# up to now, and p the parameter before the step.

def sgd(p, gs, lr=1e-3):
    return p - lr * gs[-1]


def sgd_momentum(p, gs, lr, momentum, nesterov=False):
    b = sum(momentum ** (len(gs) - 1 - i) * g for i, g in enumerate(gs))
    return p - lr * (gs[-1] + momentum * b if nesterov else b)


def average(gs, beta):
    return sum((1 - beta) * beta ** (len(gs) - 1 - i) * g for i, g in enumerate(gs))


def rmsprop(p, gs, lr=1e-2, alpha=0.99, eps=1e-8):
    return p - lr * gs[-1] / (np.sqrt(average([g ** 2 for g in gs], alpha)) + eps)


def rmsprop_momentum(p, gs, lr, alpha, momentum):
    divided = [g / (np.sqrt(average([h ** 2 for h in gs[:i + 1]], alpha)) + 1e-8) for i, g in enumerate(gs)]
    return sgd_momentum(p, divided, lr, momentum)


def adagrad(p, gs, lr=1e-2, lr_decay=0, eps=1e-10):
    return p - lr / (1 + (len(gs) - 1) * lr_decay) * gs[-1] / (np.sqrt(sum(g ** 2 for g in gs)) + eps)


def adam(p, gs, lr=1e-3, b1=0.9, b2=0.999, eps=1e-8):
    m = average(gs, b1) / (1 - b1 ** len(gs))
    v = average([g ** 2 for g in gs], b2) / (1 - b2 ** len(gs))
    return p - lr * m / (np.sqrt(v) + eps)


def adamw(p, gs, lr=1e-3, weight_decay=1e-2):
    return adam(p, gs, lr) - lr * weight_decay * p


CASES = {
    "SGD": (optim.SGD, {}, sgd, 0),
    "SGD momentum": (optim.SGD, dict(lr=0.1, momentum=0.9), lambda p, gs: sgd_momentum(p, gs, 0.1, 0.9), 0),
    "SGD nesterov": (optim.SGD, dict(lr=0.1, momentum=0.8, nesterov=True),
                     lambda p, gs: sgd_momentum(p, gs, 0.1, 0.8, True), 0),
    "SGD decay": (optim.SGD, dict(lr=0.1, weight_decay=0.3), lambda p, gs: sgd(p, gs, 0.1), 0.3),
    "RMSprop": (optim.RMSprop, {}, rmsprop, 0),
    "RMSprop momentum": (optim.RMSprop, dict(lr=0.1, alpha=0.5, momentum=0.7, weight_decay=0.2),
                         lambda p, gs: rmsprop_momentum(p, gs, 0.1, 0.5, 0.7), 0.2),
    "Adagrad": (optim.Adagrad, {}, adagrad, 0),
    "Adagrad decay": (optim.Adagrad, dict(lr=0.1, lr_decay=0.5, weight_decay=0.1),
                      lambda p, gs: adagrad(p, gs, 0.1, 0.5), 0.1),
    "Adam": (optim.Adam, {}, adam, 0),
    "Adam settings": (optim.Adam, dict(lr=0.1, betas=(0.5, 0.7), eps=1e-3, weight_decay=0.2),
                      lambda p, gs: adam(p, gs, 0.1, 0.5, 0.7, 1e-3), 0.2),
    "AdamW": (optim.AdamW, {}, adamw, 0),
    "AdamW settings": (optim.AdamW, dict(lr=0.1, weight_decay=0.5), lambda p, gs: adamw(p, gs, 0.1, 0.5), 0),
}


@pytest.mark.parametrize("kind, settings, formula, decay", CASES.values(), ids=CASES)
def test_formulas(kind, settings, formula, decay):
    """decay is added to the formula's gradients: weight decay in the gradient."""
    params = parameters()
    optimizer = kind(params, **settings)
    expected, history = [p.data.copy() for p in params], [[] for _ in params]
    for k in range(5):
        for i, p in enumerate(params):
            g = np.random.default_rng(k).standard_normal(p.shape)
            p.grad = Tensor(np.asarray(g))
            history[i].append(g + decay * expected[i])
            expected[i] = formula(expected[i], history[i])
        optimizer.step()
        for p, e in zip(params, expected):
            assert np.allclose(p.data, e, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind, settings", [case[:2] for case in CASES.values()], ids=CASES)
def test_resuming_is_exact_through_a_file(kind, settings, tmp_path):
    straight = parameters(np.float32)
    optimizer = kind(straight, **settings)
    train(straight, optimizer, 7)

    params = parameters(np.float32)
    optimizer = kind(params, **settings)
    train(params, optimizer, 3)
    minigrad.save({"params": params, "optimizer": optimizer.state_dict()}, tmp_path / "run")
    train(params, optimizer, 2)                          # what was saved does not change any more
    saved = minigrad.load(tmp_path / "run")
    resumed = [Tensor(p.data, requires_grad=True) for p in saved["params"]]
    optimizer = kind(resumed, lr=123.0)
    optimizer.load_state_dict(saved["optimizer"])
    train(resumed, optimizer, 4, first=3)
    for a, b in zip(straight, resumed):
        assert a.dtype == b.dtype == np.float32 and a.data.tobytes() == b.data.tobytes()


@pytest.mark.parametrize("kind, settings", [case[:2] for case in CASES.values()], ids=CASES)
def test_state_is_kept_in_the_parameters_type_and_grads_are_left_alone(kind, settings):
    params = parameters(np.float32)
    optimizer = kind(params, **settings)
    for p in params:
        p.grad = Tensor(np.ones(p.shape, np.float32))
    memory = [p.data for p in params]
    for _ in range(2):
        optimizer.step()
    assert all(p.data is m and p.data.dtype == np.float32 and (p.grad.data == 1).all() for p, m in zip(params, memory))
    assert all(v.dtype == np.float32 for kept in optimizer.state.values() for v in kept.values() if np.ndim(v))


def test_a_state_dict_is_a_copy():
    params = parameters()
    optimizer = optim.Adam(params)
    train(params, optimizer, 1)
    state = optimizer.state_dict()
    before = state["state"]["0"]["exp_avg"].copy()
    optimizer.load_state_dict(state)
    train(params, optimizer, 1, first=1)
    assert np.array_equal(state["state"]["0"]["exp_avg"], before) and state["state"]["0"]["step"] == 1


def test_a_step_stamps_what_it_writes():
    x = Tensor(np.ones(2), requires_grad=True)
    y = (x * x).sum()
    x.grad = Tensor(np.ones(2))
    optim.Adam([x]).step()
    with pytest.raises(RuntimeError, match="overwritten by Adam.step"):
        y.backward()


def test_parameters_without_a_gradient_are_passed_over():
    a, b, _ = parameters()
    before = b.data.copy()
    a.grad = Tensor(np.ones(a.shape))
    optimizer = optim.Adam([a, b])
    optimizer.step()
    assert np.array_equal(b.data, before) and list(optimizer.state) == [a]


def test_zero_grad():
    a, b, _ = parameters()
    optimizer = optim.SGD([a, b])
    a.grad = Tensor(np.ones(a.shape))
    optimizer.zero_grad(set_to_none=False)
    assert not a.grad.data.any() and a.grad.shape == a.shape and b.grad is None
    optimizer.zero_grad()
    assert a.grad is None


def test_groups_with_settings_of_their_own():
    a, b, c = parameters()
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    optimizer.add_param_group({"params": [c], "weight_decay": 2.0})
    before = [p.data.copy() for p in (a, b, c)]
    for p in (a, b, c):
        p.grad = Tensor(np.ones(p.shape))
    optimizer.step()
    assert np.allclose(a.data, before[0] - 0.1) and np.allclose(b.data, before[1] - 0.5)
    assert np.allclose(c.data, before[2] - 0.1 * (1 + 2 * before[2]))


def test_it_minimises():
    """Rosenbrock's valley, minimum at (1, 1)."""
    x = Tensor(np.array([-1.0, 1.0]), requires_grad=True)
    optimizer = optim.Adam([x], lr=0.05)
    for _ in range(2000):
        optimizer.zero_grad()
        ((1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2).backward()
        optimizer.step()
    assert np.allclose(x.data, 1, atol=0.03)


@pytest.mark.parametrize("make, error, words", [
    (lambda p: optim.Adam([]), ValueError, "Adam: the list of parameters is empty"),
    (lambda p: optim.Adam(iter([])), ValueError, "empty"),
    (lambda p: optim.SGD(p), TypeError, "not a single tensor"),
    (lambda p: optim.SGD([p, 3.0]), TypeError, "parameter 1 must be a tensor, not float"),
    (lambda p: optim.SGD([p.data]), TypeError, "parameter 0 must be a tensor, not ndarray"),
    (lambda p: optim.SGD([p * 2]), RuntimeError, r"parameter 0, of shape \(2,\), is the result of an operation"),
    (lambda p: optim.SGD([p, p]), ValueError, "parameter 1, of shape .* comes twice"),
    (lambda p: optim.SGD([{"params": [p]}, {"params": [p]}]), ValueError, "comes twice"),
    (lambda p: optim.SGD([p], lr=-0.1), ValueError, "SGD: lr must not be negative, and is -0.1"),
    (lambda p: optim.SGD([p], lr=math.nan), ValueError, "SGD: lr must not be negative, and is nan"),
    (lambda p: optim.Adam([{"params": [p], "lr": -1}]), ValueError, "lr must not be negative"),
    (lambda p: optim.Adam([p], betas=(0.9, 1.0)), ValueError, r"betas must lie in \[0, 1\), and is \(0.9, 1.0\)"),
    (lambda p: optim.SGD([p], nesterov=True), ValueError, "nesterov needs a momentum above 0"),
    (lambda p: optim.SGD([{"params": [p], "betas": 1}]), ValueError, r"\['betas'\] are unknown"),
    (lambda p: optim.SGD([{"lr": 1}]), ValueError, "'params' is missing"),
])
def test_errors(make, error, words):
    with pytest.raises(error, match=words):
        make(Tensor(np.ones(2), requires_grad=True))


def test_a_state_that_does_not_fit():
    a, b, _ = parameters()
    optimizer = optim.Adam([a, b])
    train([a, b], optimizer, 1)
    state = optimizer.state_dict()
    with pytest.raises(ValueError, match=r"groups of \[2\] parameters, and here are \[1\]"):
        optim.Adam([a]).load_state_dict(state)
    with pytest.raises(ValueError, match="the settings"):
        optim.SGD([a, b]).load_state_dict(state)
    swapped = optim.Adam([b, a])
    with pytest.raises(ValueError, match=r"exp_avg of parameter 0 has shape \(3, 2\), and the parameter \(4,\)"):
        swapped.load_state_dict(state)
    assert not swapped.state


# Clipping

def test_clip_grad_norm():
    a, b, c = parameters(np.float32)
    a.grad, b.grad = Tensor(np.full(a.shape, 3.0, np.float32)), Tensor(np.full(b.shape, -4.0, np.float32))
    norm = math.sqrt(6 * 9 + 4 * 16)
    assert np.isclose(optim.clip_grad_norm_([a, b, c], 100.0).item(), norm) and (a.grad.data == 3).all()
    total = optim.clip_grad_norm_(iter([a, b, c]), 2.0)
    assert total.shape == () and total.dtype == np.float32 and np.isclose(total.item(), norm)
    assert np.allclose(a.grad.data, 3 * 2 / norm) and np.allclose(b.grad.data, -4 * 2 / norm)
    assert np.isclose(optim.clip_grad_norm_([a, b], 1.0).item(), 2, rtol=1e-5) and c.grad is None
    assert optim.clip_grad_norm_(c, 1.0).item() == 0
    with pytest.raises(ValueError, match="max_norm must not be negative"):
        optim.clip_grad_norm_([a], -1.0)


# Schedules

def rates(make, steps, lr=2.0):
    optimizer = optim.SGD([Tensor(np.ones(1), requires_grad=True)], lr=lr)
    scheduler = make(optimizer)
    seen = []
    for _ in range(steps):
        assert scheduler.get_last_lr() == [optimizer.param_groups[0]["lr"]]
        seen += scheduler.get_last_lr()
        scheduler.step()
    return seen


def test_step_cosine_and_linear():
    assert np.allclose(rates(lambda o: lr_scheduler.StepLR(o, 2, gamma=0.1), 5), [2, 2, 0.2, 0.2, 0.02])
    assert np.allclose(rates(lambda o: lr_scheduler.CosineAnnealingLR(o, 4, eta_min=1.0), 5),
                       [1 + (1 + math.cos(math.pi * t / 4)) / 2 for t in range(5)])
    assert np.allclose(rates(lambda o: lr_scheduler.LinearLR(o, 0.25, total_iters=3), 5), [0.5, 1, 1.5, 2, 2])


def warmup_and_cosine(optimizer):
    return lr_scheduler.SequentialLR(optimizer, [lr_scheduler.LinearLR(optimizer, 0.5, total_iters=2),
                                                 lr_scheduler.CosineAnnealingLR(optimizer, 4)], milestones=[2])


def test_sequential():
    assert np.allclose(rates(warmup_and_cosine, 7), [1, 1.5, *(1 + math.cos(math.pi * t / 4) for t in range(5))])


def test_each_group_has_its_own_rate():
    a, b, _ = parameters()
    optimizer = optim.SGD([{"params": [a], "lr": 1.0}, {"params": [b], "lr": 10.0}])
    scheduler = lr_scheduler.StepLR(optimizer, 1, 0.5)
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5, 5.0]
    train([a, b], optimizer, 1)


def test_a_schedule_resumes_exactly(tmp_path):
    def start():
        params = parameters(np.float32)
        optimizer = optim.Adam(params, lr=0.1)
        return params, optimizer, warmup_and_cosine(optimizer)
    straight, optimizer, scheduler = start()
    train(straight, optimizer, 6, scheduler=scheduler)

    params, optimizer, scheduler = start()
    train(params, optimizer, 3, scheduler=scheduler)
    minigrad.save([params, optimizer.state_dict(), scheduler.state_dict()], tmp_path / "run")
    resumed, optimizer, scheduler = start()
    saved, optimizer_state, scheduler_state = minigrad.load(tmp_path / "run")
    for p, s in zip(resumed, saved):
        p.data[...] = s.data
    optimizer.load_state_dict(optimizer_state)
    scheduler.load_state_dict(scheduler_state)
    train(resumed, optimizer, 3, first=3, scheduler=scheduler)
    assert all(a.data.tobytes() == b.data.tobytes() for a, b in zip(straight, resumed))


def test_schedules_errors():
    optimizer = optim.SGD([Tensor(np.ones(1), requires_grad=True)])
    with pytest.raises(ValueError, match="T_max must be above 0, and is 0"):
        lr_scheduler.CosineAnnealingLR(optimizer, 0)
    with pytest.raises(ValueError, match="2 schedules need 1 milestones"):
        lr_scheduler.SequentialLR(optimizer, [None, None], [1, 2])


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("size", [optim.LARGE + 3, (1 << 17) + 5])         # one thread; several
@pytest.mark.parametrize("kind", [optim.Adam, optim.AdamW])
def test_the_fused_update_is_the_formula(kind, size, dtype, tolerance, monkeypatch):
    results = []
    for large in (optim.LARGE, size + 1):
        monkeypatch.setattr(optim, "LARGE", large)
        rng = np.random.default_rng(0)
        p = tensor(rng.normal(size=size).astype(dtype), requires_grad=True)
        optimizer = kind([p], lr=0.1, betas=(0.8, 0.9), weight_decay=0.1)
        for _ in range(3):
            p.grad = tensor(rng.normal(size=size).astype(dtype))
            before = p.grad.data.copy()
            optimizer.step()
            assert np.array_equal(p.grad.data, before)
        results.append([p.data, optimizer.state[p]["exp_avg"], optimizer.state[p]["exp_avg_sq"]])
    for fused, plain in zip(*results):
        assert fused.dtype == dtype and not np.array_equal(fused, 0 * fused)
        np.testing.assert_allclose(fused, plain, rtol=tolerance, atol=tolerance)


def test_the_fused_update_takes_gradients_of_any_layout():
    results = []
    for layout in (np.ascontiguousarray, np.asfortranarray):
        p = tensor(np.ones((200, 300), np.float32), requires_grad=True)
        p.grad = minigrad.Tensor(layout(np.random.default_rng(0).standard_normal((200, 300), np.float32)))
        optim.Adam([p], lr=0.1).step()
        results.append(p.data)
    assert np.array_equal(*results)
