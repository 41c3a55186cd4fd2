"""Probability distributions, with PyTorch's names: log_prob, sample, entropy, kl_divergence; all differentiable."""
from .bernoulli import Bernoulli
from .categorical import Categorical
from .distribution import Distribution
from .kl import kl_divergence
from .normal import Normal
