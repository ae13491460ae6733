"""The normal likelihood of the paper: channels are independent given the features."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsgen.nn.decoders import Past
from tsgen.nn.layers import full_precision
from tsgen.nn.rows import any_change, widened

LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


def normal_log_prob(x: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    r"""Log-density of a normal distribution.

    .. math:: -\tfrac12 ((x-\mu)/\sigma)^2 - \ln\sigma - \tfrac12\ln 2\pi
    """
    return -0.5 * ((x - mean) / scale).square() - scale.log() - LOG_SQRT_2PI


def normal_divergence(mean: Tensor, scale: Tensor) -> Tensor:
    """Kullback-Leibler divergence of a normal distribution to N(0, 1)."""
    return 0.5 * (mean.square() + scale.square() - 1) - scale.log()


def standard_normal_log_prob(x: Tensor) -> Tensor:
    """Log-density of N(0, 1), the uninformed reference; 0 where `x` is missing."""
    return (-0.5 * x.square() - LOG_SQRT_2PI).nan_to_num()


def kept(known: Tensor | None, drawn: Tensor) -> Tensor:
    """Put what is known, where it is not NaN, in the place of what was drawn."""
    return drawn if known is None else torch.where(known.isnan(), drawn, known)


class Gaussian(NamedTuple):
    """A diagonal normal distribution: mean and standard deviation of equal shape."""

    mean: Tensor
    scale: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of each entry."""
        log_prob = normal_log_prob(x.nan_to_num(), self.mean, self.scale)
        return log_prob.masked_fill(x.isnan(), 0.0)

    def draw(self, eps: Tensor, known: Tensor | None = None) -> Tensor:
        """Turn noise (..., 2, C) into observations; there is nothing to choose."""
        return kept(known, self.mean + self.scale * eps[..., 1, :])

    def part(self, rows: slice) -> Gaussian:
        """Return the distributions of some of the series."""
        return Gaussian(self.mean[rows], self.scale[rows])

    def gain(self, x: Tensor) -> Tensor:
        """Log-density of each entry above that under N(0, 1)."""
        return self.log_prob(x) - standard_normal_log_prob(x)

    def divergence(self, x: Tensor) -> Tensor:
        """Kullback-Leibler divergence of each entry to N(0, 1), wherever it is."""
        return normal_divergence(self.mean, self.scale).masked_fill(x.isnan(), 0.0)


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
        self.n_channels = n_channels
        self.min_scale = min_scale
        self.project = nn.Linear(hidden_size, 2 * n_channels)

    def has_density(self, x: Tensor) -> Tensor:
        """Tell which entries of series (B, T, C) have a density: all observed ones."""
        return ~x.isnan()

    def ranges(self, value_ends: Tensor, change_ends: Tensor) -> tuple[Tensor, Tensor]:
        """Bound observations, (2, C), by the ends of their ranges in training.

        Changes from one to the next are free.
        """
        values = widened(value_ends)
        return values, any_change(values)

    def forward(self, h: Tensor, past: Past) -> Gaussian:
        """Map features (..., H) to distributions over (..., C), whatever was before."""
        mean, raw_scale = full_precision(self.project(h)).chunk(2, dim=-1)
        return Gaussian(mean, self.min_scale + F.softplus(raw_scale))
