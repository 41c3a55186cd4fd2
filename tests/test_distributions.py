"""Distributions: everything sums to one, agrees with its closed form, and samples as often as it says."""
import math
import numpy as np
import pytest
import minigrad
from minigrad import Tensor, gradcheck, gradgradcheck, tensor
from minigrad.distributions import Bernoulli, Categorical, Normal, kl_divergence


def float64(x, requires_grad=False):
    return Tensor(np.asarray(x, np.float64), requires_grad=requires_grad)


RNG = np.random.default_rng(0)
LOGITS, OTHER_LOGITS = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 3, 4))
PROBS, OTHER_PROBS = np.exp(LOGITS), np.exp(OTHER_LOGITS)
COINS, OTHER_COINS = RNG.random((2, 3)), RNG.random((2, 3))
LOC, SCALE = RNG.standard_normal((2, 3)), np.exp(RNG.standard_normal(3))

DISCRETE = {
    "Categorical probs": (Categorical(probs=float64(PROBS)), 4),
    "Categorical logits": (Categorical(logits=float64(LOGITS)), 4),
    "Categorical with zeros": (Categorical(probs=float64([[0.0, 0.5, 0.5, 0.0], [0.0, 0.0, 3.0, 0.0]])), 4),
    "Categorical with -inf": (Categorical(logits=float64([[-np.inf, 1, 2.0], [0, 1, 2]])), 3),
    "Bernoulli probs": (Bernoulli(probs=float64(COINS)), 2), "Bernoulli logits": (Bernoulli(logits=float64(LOGITS)), 2),
    "Bernoulli certain": (Bernoulli(probs=float64([0.0, 1.0])), 2),
}
discrete = pytest.mark.parametrize("p, outcomes", DISCRETE.values(), ids=DISCRETE)


def log_probs(p, outcomes):
    """log p of every outcome, along a new first axis."""
    values = np.arange(outcomes).reshape(-1, *[1] * len(p.batch_shape))
    table = p.log_prob(Tensor(values))
    assert table.shape == (outcomes, *p.batch_shape)
    return table.data


# Discrete distributions

@discrete
def test_probabilities_sum_to_one(p, outcomes):
    assert np.allclose(np.exp(log_probs(p, outcomes)).sum(0), 1, rtol=1e-14)


@discrete
def test_entropy_is_minus_the_expected_log_probability(p, outcomes):
    table = log_probs(p, outcomes)
    with np.errstate(invalid="ignore"):
        terms = np.where(table > -np.inf, np.exp(table) * table, 0)
    assert np.allclose(p.entropy().data, -terms.sum(0), atol=1e-14) and p.entropy().shape == p.batch_shape


@discrete
def test_samples_are_as_frequent_as_probable(p, outcomes):
    n = 20_000
    x = p.sample((n,), generator=np.random.default_rng(1))
    assert x.shape == (n, *p.batch_shape) and not x.requires_grad
    expected = n * np.exp(log_probs(p, outcomes))
    counts = np.stack([(x.data == k).sum(0) for k in range(outcomes)])
    assert not counts[expected == 0].any()
    chi_square = np.sum((counts - expected) ** 2 / np.where(expected == 0, 1, expected), 0)
    assert (chi_square < 25).all()               # at most 3 degrees of freedom: exceeded once in 60,000


def test_the_chi_square_bound_can_fail():
    n = 20_000
    x = Bernoulli(probs=float64(0.53)).sample((n,), generator=np.random.default_rng(1)).data
    counts = np.array([(x == 0).sum(), (x == 1).sum()])
    assert np.sum((counts - n / 2) ** 2 / (n / 2)) > 25


def test_probs_and_logits_are_two_ways_to_say_the_same():
    a, b = Categorical(probs=float64(PROBS)), Categorical(logits=float64(LOGITS))
    assert np.allclose(a.probs.data, b.probs.data) and np.allclose(a.logits.data, b.logits.data)
    assert np.allclose(a.probs.data.sum(-1), 1)
    c, d = Bernoulli(logits=float64(LOGITS)), Bernoulli(probs=float64(1 / (1 + np.exp(-LOGITS))))
    assert np.allclose(c.probs.data, d.probs.data) and np.allclose(c.logits.data, LOGITS)
    assert np.allclose(d.logits.data, LOGITS)
    assert np.allclose(c.entropy().data, d.entropy().data)


def test_the_lectures_example():
    p = Categorical(logits=tensor([math.log(0.8), math.log(0.1), math.log(0.1)]))
    x = p.sample((10_000,), generator=np.random.default_rng(0))
    assert x.dtype == np.int64 and np.allclose(np.bincount(x.data) / 10_000, [0.8, 0.1, 0.1], atol=0.015)
    assert np.isclose(p.log_prob(tensor(0)).item(), math.log(0.8), rtol=1e-6)
    assert minigrad.distributions.categorical.Categorical is Categorical


def test_impossible_outcomes():
    p = Categorical(probs=[0.0, 1.0])
    assert p.log_prob(0).item() == -math.inf and p.log_prob(1).item() == 0 and p.entropy().item() == 0
    q = Bernoulli(probs=[0.0, 1.0])
    assert q.log_prob(tensor([0, 1])).data.tolist() == [0, 0] and (q.log_prob(tensor([1, 0])).data == -np.inf).all()


def test_extreme_logits():
    p = Bernoulli(logits=tensor([-1000.0, 1000.0]))
    assert p.log_prob(tensor([1.0, 0.0])).data.tolist() == [-1000, -1000] and not p.entropy().data.any()
    q = Categorical(logits=tensor([0.0, 1e4]))
    assert q.log_prob(0).item() == -1e4 and q.entropy().item() == 0


def test_bernoullis_moments():
    p = Bernoulli(probs=float64(COINS))
    assert np.allclose(p.mean.data, COINS) and np.allclose(p.variance.data, COINS * (1 - COINS))
    assert np.allclose(p.stddev.data ** 2, p.variance.data)


# The normal distribution

GRID = np.linspace(-40, 40, 20_001)


def normal(requires_grad=False):
    return Normal(float64(LOC, requires_grad), float64(SCALE, requires_grad))


def integral(values):
    """Of a function on GRID, by the trapezoidal rule, which is exact to rounding for what decays like a Gaussian."""
    return np.sum(values, 0) * (GRID[1] - GRID[0])


def test_normal_density_integrates_to_one_and_has_its_moments():
    p = normal()
    x = GRID.reshape(-1, 1, 1)
    density = np.exp(p.log_prob(Tensor(x)).data)
    assert density.shape == (len(GRID), 2, 3) and np.allclose(integral(density), 1, rtol=1e-10)
    mean = integral(x * density)
    assert np.allclose(mean, p.mean.data, atol=1e-10)
    assert np.allclose(integral((x - mean) ** 2 * density), p.variance.data)
    assert np.allclose(p.stddev.data ** 2, p.variance.data)
    assert np.allclose(integral(-density * p.log_prob(Tensor(x)).data), p.entropy().data)


def test_normal_samples():
    p, n = normal(), 20_000
    x = p.sample((n,), generator=np.random.default_rng(2)).data
    assert x.shape == (n, 2, 3) and x.dtype == np.float64
    z = (x - LOC) / SCALE
    assert np.abs(z.mean(0)).max() < 4.5 / math.sqrt(n) and np.abs((z ** 2).mean(0) - 1).max() < 4.5 * math.sqrt(2 / n)
    below = (z < 1).mean(0)
    assert np.allclose(below, 0.8413, atol=0.012)


def test_rsample_lets_gradients_through_and_sample_does_not():
    loc, scale = float64(LOC, True), float64(SCALE, True)
    p = Normal(loc, scale)
    x = p.rsample((5,), generator=np.random.default_rng(0))
    x.sum().backward()
    assert np.allclose(loc.grad.data, 5)
    assert np.allclose(scale.grad.data, ((x.data - LOC) / SCALE).sum((0, 1)))
    same = p.sample((5,), generator=np.random.default_rng(0))
    assert np.array_equal(same.data, x.data) and not same.requires_grad


# All of them

@pytest.mark.parametrize("p, sample_shape, shape", [
    (Categorical(logits=float64(LOGITS)), (), (2, 3)), (Categorical(logits=float64(LOGITS)), (5, 6), (5, 6, 2, 3)),
    (Categorical(probs=[1.0, 2.0]), (), ()), (Categorical(probs=np.ones((0, 3))), (2,), (2, 0)),
    (Categorical(probs=[1.0, 2.0]), (0,), (0,)), (Bernoulli(0.5), (), ()), (Bernoulli(float64(COINS)), (4,), (4, 2, 3)),
    (Normal(0.0, 1.0), (3,), (3,)), (Normal(float64(LOC), 1.0), (), (2, 3)),
    (Normal(float64(LOC[:, :1]), float64(SCALE)), (1,), (1, 2, 3)),
])
def test_shapes(p, sample_shape, shape):
    x = p.sample(sample_shape)
    assert x.shape == shape == (*sample_shape, *p.batch_shape)
    assert p.log_prob(x).shape == shape and p.entropy().shape == p.batch_shape


def test_a_given_position_gets_its_own_samples():
    """Positions of the batch are not mixed up with samples."""
    p = Categorical(probs=np.eye(6).reshape(2, 3, 6))
    assert np.array_equal(p.sample((4, 5)).data, np.broadcast_to(np.arange(6).reshape(2, 3), (4, 5, 2, 3)))


@pytest.mark.parametrize("p", [Categorical(probs=[1.0, 2.0, 3.0]), Bernoulli(0.5), Normal(0, 1)])
def test_samples_are_repeatable(p):
    draws = [p.sample((20,), generator=np.random.default_rng(3)).data for _ in range(2)]
    minigrad.manual_seed(3)
    assert np.array_equal(*draws) and np.array_equal(p.sample((20,)).data, draws[0])


def test_float32_stays_float32():
    for p in (Categorical(logits=tensor([0.0, 1.0])), Bernoulli(tensor([0.5, 0.5])), Normal(tensor([0.0, 1.0]), 2.0)):
        for t in (p.log_prob(tensor([0, 1])), p.entropy(), kl_divergence(p, p)):
            assert t.dtype == np.float32
    assert Normal(0.0, 1.0).sample().dtype == np.float32
    x = Tensor(np.zeros(2, np.float32))
    assert Normal(x, np.float64(2)).sample().dtype == Normal(x, np.sqrt(2.0)).log_prob(x).dtype == np.float32


# Divergences

PAIRS = {
    "Categorical": (Categorical(probs=float64(PROBS)), Categorical(logits=float64(OTHER_LOGITS)), 4),
    "Categorical with zeros": (Categorical(probs=float64([0, 0.5, 0.5])), Categorical(probs=float64([0, 0.2, 0.8])), 3),
    "Bernoulli": (Bernoulli(probs=float64(COINS)), Bernoulli(probs=float64(OTHER_COINS)), 2),
    "Bernoulli certain": (Bernoulli(probs=float64([0.0, 1.0])), Bernoulli(probs=float64([0.0, 0.3])), 2),
}


@pytest.mark.parametrize("p, q, outcomes", PAIRS.values(), ids=PAIRS)
def test_divergence_of_discrete_distributions(p, q, outcomes):
    a, b = log_probs(p, outcomes), log_probs(q, outcomes)
    with np.errstate(invalid="ignore"):
        terms = np.where(a > -np.inf, np.exp(a) * (a - b), 0)
    assert np.allclose(kl_divergence(p, q).data, terms.sum(0), atol=1e-14)
    assert np.allclose(kl_divergence(p, p).data, 0, atol=1e-15) and (kl_divergence(p, q).data >= 0).all()


def test_divergence_of_normal_distributions_by_quadrature():
    p, q = normal(), Normal(float64(0.5), float64(SCALE[::-1].copy()))
    x = Tensor(GRID.reshape(-1, 1, 1))
    a, b = p.log_prob(x).data, q.log_prob(x).data
    assert np.allclose(kl_divergence(p, q).data, integral(np.exp(a) * (a - b)))
    assert not kl_divergence(p, p).data.any()


def test_divergence_is_infinite_where_the_impossible_happens():
    assert kl_divergence(Categorical(probs=[0.5, 0.5]), Categorical(probs=[0.0, 1.0])).item() == math.inf
    assert kl_divergence(Bernoulli(0.5), Bernoulli(0.0)).item() == math.inf
    assert np.isclose(kl_divergence(Bernoulli(0.0), Bernoulli(0.5)).item(), math.log(2))


# Gradients

GRADIENTS = {
    "categorical log_prob": (lambda x: Categorical(logits=x).log_prob(tensor([[0, 1, 2], [3, 0, 1]])), LOGITS),
    "categorical probs": (lambda x: Categorical(probs=x).log_prob(tensor([[0, 1, 2], [3, 0, 1]])), PROBS),
    "categorical entropy": (lambda x: Categorical(logits=x).entropy(), LOGITS),
    "bernoulli log_prob": (lambda x: Bernoulli(logits=x).log_prob(Tensor((OTHER_LOGITS > 0) * 1)), LOGITS),
    "bernoulli probs": (lambda x: Bernoulli(probs=x).log_prob(tensor([0, 1, 1])), COINS),
    "bernoulli entropy": (lambda x: Bernoulli(probs=x).entropy(), COINS),
    "normal log_prob": (lambda m, s, x: Normal(m, s).log_prob(x), LOC, SCALE, LOC[::-1].copy()),
    "normal entropy": (lambda s: Normal(0.0, s).entropy(), SCALE),
    "kl categorical": (lambda x, y: kl_divergence(Categorical(logits=x), Categorical(probs=y)), LOGITS, OTHER_PROBS),
    "kl bernoulli": (lambda x, y: kl_divergence(Bernoulli(probs=x), Bernoulli(probs=y)), COINS, OTHER_COINS),
    "kl normal": (lambda m, s, n: kl_divergence(Normal(m, s), Normal(n, 1.5)), LOC, SCALE, LOC[::-1].copy()),
}


@pytest.mark.parametrize("function, inputs", [(f, xs) for f, *xs in GRADIENTS.values()], ids=GRADIENTS)
def test_gradients(function, inputs):
    inputs = [float64(x, requires_grad=True) for x in inputs]
    assert gradcheck(function, inputs) and gradgradcheck(function, inputs)


def test_zero_probabilities_give_finite_gradients():
    p = float64([0.0, 0.4, 0.6], requires_grad=True)
    d = Categorical(probs=p)
    (d.entropy() + d.log_prob(1) + kl_divergence(d, Categorical(probs=float64([0.0, 0.5, 0.5])))).backward()
    assert np.isfinite(p.grad.data).all()
    x = float64([-np.inf, 0.0, 1.0], requires_grad=True)
    (Categorical(logits=x).entropy() + Categorical(logits=x).log_prob(2)).backward()
    assert np.isfinite(x.grad.data).all()


# Bad input

@pytest.mark.parametrize("make, error, words", [
    (lambda: Categorical(), ValueError, "Categorical: give either probs or logits, not neither"),
    (lambda: Bernoulli(probs=0.5, logits=0.0), ValueError, "Bernoulli: give either probs or logits, not both"),
    (lambda: Categorical(probs=[0.5, -0.25]), ValueError, "finite and not negative, and there is -0.25"),
    (lambda: Categorical(probs=[0.0, 0.0]), ValueError, "not all be zero"),
    (lambda: Categorical(probs=0.5), ValueError, "last axis"),
    (lambda: Categorical(logits=[0.0, math.nan]), ValueError, "no NaN, and there is nan"),
    (lambda: Categorical(logits=[-math.inf, -math.inf]), ValueError, "not all be -infinity"),
    (lambda: Bernoulli(probs=[0.5, 1.5]), ValueError, r"probs must lie in \[0, 1\], and there is 1.5"),
    (lambda: Bernoulli(logits=math.nan), ValueError, "logits must be numbers"),
    (lambda: Normal(0.0, -1.0), ValueError, "Normal: scale must be positive, and there is -1.0"),
    (lambda: Normal(0.0, [1.0, 0.0]), ValueError, "scale must be positive, and there is 0.0"),
    (lambda: Normal(math.nan, 1.0), ValueError, "loc must be numbers"),
    (lambda: Normal(np.zeros(2), np.ones(3)), ValueError, r"loc \(2,\) and scale \(3,\) can't be broadcast"),
    (lambda: Categorical(probs=[0.5, 0.5]).log_prob(tensor([0, 2])), ValueError, "number below 2, and there is 2"),
    (lambda: Categorical(probs=[0.5, 0.5]).log_prob(-1), ValueError, "there is -1"),
    (lambda: Categorical(probs=[0.5, 0.5]).log_prob(0.5), ValueError, "there is 0.5"),
    (lambda: Bernoulli(0.5).log_prob(0.5), ValueError, "must be 0 or 1, and there is 0.5"),
    (lambda: Normal(0.0, 1.0).log_prob(math.nan), ValueError, "value must be a number"),
    (lambda: kl_divergence(Normal(0.0, 1.0), Bernoulli(0.5)), NotImplementedError, "for Normal and Bernoulli"),
    (lambda: kl_divergence(Categorical([1.0, 1.0]), Categorical([1.0, 1.0, 1.0])), ValueError, "over 2 and 3 classes"),
])
def test_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()
