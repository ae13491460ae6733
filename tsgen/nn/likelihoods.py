"""Likelihoods: features of the decoder become a distribution of one observation."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from tsgen.nn.layers import full_precision

LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


class Gaussian(NamedTuple):
    """A diagonal normal distribution: mean and standard deviation of equal shape."""

    mean: Tensor
    scale: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        r"""Log-density of each entry.

        .. math:: -\tfrac12 ((x-\mu)/\sigma)^2 - \ln\sigma - \tfrac12\ln 2\pi
        """
        deviation = (x - self.mean) / self.scale
        return -0.5 * deviation.square() - self.scale.log() - LOG_SQRT_2PI

    def draw(self, eps: Tensor) -> Tensor:
        """Turn standard normal noise into observations."""
        return self.mean + self.scale * eps

    def kl_to_standard(self) -> Tensor:
        """Kullback-Leibler divergence of each entry to N(0, 1)."""
        spread = self.mean.square() + self.scale.square() - 1
        return 0.5 * spread - self.scale.log()


class GaussianLikelihood(nn.Module):
    r"""Normal with a learned mean and diagonal covariance (paper, eq. 6).

    .. math:: \mu_t = W_\mu h_t, \quad
        \sigma_t = \sigma_{\min} + \mathrm{softplus}(W_\sigma h_t)

    Parameters
    ----------
    hidden_size, n_channels : int
    min_scale : float
        Smallest standard deviation, in units of the standardised series. It bounds
        the likelihood where a channel repeats itself exactly.
    """

    def __init__(self, hidden_size: int, n_channels: int, min_scale: float) -> None:
        super().__init__()
        self.min_scale = min_scale
        self.project = nn.Linear(hidden_size, 2 * n_channels)

    def forward(self, h: Tensor) -> Gaussian:
        """Map features (..., H) to distributions over (..., C)."""
        mean, raw_scale = full_precision(self.project(h)).chunk(2, dim=-1)
        return Gaussian(mean, self.min_scale + F.softplus(raw_scale))


def standard_normal_log_prob(x: Tensor) -> Tensor:
    """Log-density of N(0, 1), the uninformed reference, at each entry of `x`."""
    return -0.5 * x.square() - LOG_SQRT_2PI
