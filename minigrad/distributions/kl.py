"""The Kullback-Leibler divergence."""
from ..elementwise import log
from ..reductions import sum
from .bernoulli import Bernoulli
from .categorical import Categorical
from .distribution import expected
from .normal import Normal


def kl_divergence(p, q):
    """KL(p || q) = E_p[log p - log q], in nats, of the shape that both batches broadcast to, in closed form.

    Raises NotImplementedError unless p and q are both Categorical, both Bernoulli, or both Normal.
    """
    for kind, formula in ((Categorical, kl_categorical), (Bernoulli, kl_bernoulli), (Normal, kl_normal)):
        if isinstance(p, kind) and isinstance(q, kind):
            return formula(p, q)
    raise NotImplementedError(f"kl_divergence: there is no formula for {type(p).__name__} and {type(q).__name__}")


def kl_categorical(p, q):
    """sum_k p_k (log p_k - log q_k); infinite where p_k > 0 = q_k."""
    if p.probs.shape[-1] != q.probs.shape[-1]:
        raise ValueError(f"kl_divergence: distributions over {p.probs.shape[-1]} and {q.probs.shape[-1]} classes")
    return sum(expected(p.probs, p.logits) - expected(p.probs, q.logits), -1)


def kl_bernoulli(p, q):
    """p log(p/q) + (1 - p) log((1 - p)/(1 - q))."""
    return (expected(p.probs, p.log_one) - expected(p.probs, q.log_one)
            + expected(p.counter_probs, p.log_zero) - expected(p.counter_probs, q.log_zero))


def kl_normal(p, q):
    """((s_p/s_q)^2 + ((m_p - m_q)/s_q)^2 - 1) / 2 - log(s_p/s_q)."""
    ratio = p.scale / q.scale
    return 0.5 * (ratio ** 2 + ((p.loc - q.loc) / q.scale) ** 2 - 1) - log(ratio)
