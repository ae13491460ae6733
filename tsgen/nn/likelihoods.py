"""Likelihoods: features of the decoder become a distribution of one observation.

A likelihood maps features (..., H) to an object with `log_prob(x)`, the log-density of
every entry (..., C), whose sum is that of the observation, `draw(eps)` and
`divergence(x)`. The normal takes the channels as independent given the features; the
mixture takes each given the features and the channels before it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsgen.nn.layers import full_precision

LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
SMALLEST_WIDTH, LARGEST_WIDTH = 64, 256  # of the mixture's hidden layer
UNITS_PER_CHANNEL = 5
ROUNDING = 1e-9  # keeps probabilities inside (0, 1), where quantiles are finite


def normal_log_prob(x: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    r"""Log-density of a normal distribution.

    .. math:: -\tfrac12 ((x-\mu)/\sigma)^2 - \ln\sigma - \tfrac12\ln 2\pi
    """
    return -0.5 * ((x - mean) / scale).square() - scale.log() - LOG_SQRT_2PI


def normal_divergence(mean: Tensor, scale: Tensor) -> Tensor:
    """Kullback-Leibler divergence of a normal distribution to N(0, 1)."""
    return 0.5 * (mean.square() + scale.square() - 1) - scale.log()


def standard_normal_log_prob(x: Tensor) -> Tensor:
    """Log-density of N(0, 1), the uninformed reference, at each entry of `x`."""
    return -0.5 * x.square() - LOG_SQRT_2PI


class Gaussian(NamedTuple):
    """A diagonal normal distribution: mean and standard deviation of equal shape."""

    mean: Tensor
    scale: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of each entry."""
        return normal_log_prob(x, self.mean, self.scale)

    def draw(self, eps: Tensor) -> Tensor:
        """Turn standard normal noise into observations."""
        return self.mean + self.scale * eps

    def divergence(self, x: Tensor) -> Tensor:
        """Kullback-Leibler divergence of each entry to N(0, 1), whatever `x` is."""
        return normal_divergence(self.mean, self.scale).expand_as(x)


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

    def forward(self, h: Tensor) -> Gaussian:
        """Map features (..., H) to distributions over (..., C)."""
        mean, raw_scale = full_precision(self.project(h)).chunk(2, dim=-1)
        return Gaussian(mean, self.min_scale + F.softplus(raw_scale))


class Mixture(NamedTuple):
    """A mixture of normals for every entry; (..., C, components) each."""

    log_weight: Tensor
    mean: Tensor
    scale: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        r"""Log-density of each entry: :math:`\ln \sum_k w_k N(x; \mu_k, \sigma_k)`."""
        each = normal_log_prob(x[..., None], self.mean, self.scale)
        return torch.logsumexp(self.log_weight + each, dim=-1)

    def draw(self, eps: Tensor) -> Tensor:
        """Turn standard normal noise into observations.

        One number an entry does both: its probability under the normal distribution
        picks the component, and where it lies within the share of that component is
        the quantile of it. So an entry is continuous in `eps` but between components.
        """
        probability = torch.special.ndtr(eps.double())[..., None]
        weight = self.log_weight.double().exp()
        upper = weight.cumsum(dim=-1)
        chosen = (probability > upper[..., :-1]).sum(dim=-1, keepdim=True)
        weight, upper = weight.gather(-1, chosen), upper.gather(-1, chosen)
        within = (probability - upper + weight) / weight
        deviation = torch.special.ndtri(within.clamp(ROUNDING, 1 - ROUNDING)).to(eps)
        mean, scale = self.mean.gather(-1, chosen), self.scale.gather(-1, chosen)
        return (mean + scale * deviation)[..., 0]

    def divergence(self) -> Tensor:
        """Bound the divergence of each entry to N(0, 1): the mean over components.

        The Kullback-Leibler divergence is convex, so that of the mixture is lower.
        """
        each = normal_divergence(self.mean, self.scale)
        return (self.log_weight.exp() * each).sum(dim=-1)


class MixtureLikelihood(nn.Module):
    r"""Mixtures of normals, each channel given the features and the channels before it.

    .. math:: p(x_t | h_t) = \prod_c \sum_k w_{ck} \, N(x_{tc}; \mu_{ck}, \sigma_{ck})

    with weights, means and scales computed from :math:`h_t` and
    :math:`x_{t,1} \ldots x_{t,c-1}` by a layer of masked units, and means that are also
    linear in those channels. It holds what a diagonal normal cannot: channels that
    move together or are equal, steps, exact repeats, heavy tails.

    Germain et al., "MADE: Masked Autoencoder for Distribution Estimation", 2015;
    Uria et al., "RNADE: The real-valued neural autoregressive density-estimator", 2013.

    Parameters
    ----------
    hidden_size, n_channels : int
    min_scale : float
        Smallest standard deviation of a component, in units of the standardised
        series.
    n_components : int
        Normals in the mixture of a channel.
    """

    def __init__(
        self, hidden_size: int, n_channels: int, min_scale: float, n_components: int
    ) -> None:
        super().__init__()
        self.n_channels = n_channels
        self.min_scale = min_scale
        self.n_components = n_components
        width = UNITS_PER_CHANNEL * n_channels
        width = min(LARGEST_WIDTH, max(SMALLEST_WIDTH, width))
        n_outputs = 3 * n_channels * n_components
        self.from_features = nn.Linear(hidden_size, width)
        self.from_channels = nn.Linear(n_channels, width, bias=False)
        self.project = nn.Linear(hidden_size, n_outputs)
        self.project_units = nn.Linear(width, n_outputs, bias=False)
        self.shift = nn.Linear(n_channels, n_channels * n_components, bias=False)

    def forward(self, h: Tensor) -> ChannelMixtures:
        """Map features (..., H) to distributions over (..., C)."""
        return ChannelMixtures(self, h)

    def conditionals(self, h: Tensor, x: Tensor) -> Mixture:
        """Mixture of every channel of `x` (..., C), given those before it."""
        into_units, into_outputs, into_means = self._masked_weights()
        units = F.relu(self.from_features(h) + F.linear(x, into_units))
        raw = self.project(h) + F.linear(units, into_outputs)
        return self._mixture(raw, F.linear(x, into_means))

    def draw(self, h: Tensor, eps: Tensor) -> Tensor:
        """Turn noise (..., C) into observations, one channel after the other."""
        into_units, into_outputs, into_means = self._masked_weights()
        units, outputs = self.from_features(h), self.project(h)
        size, drawn = self.n_components, []
        means = h.new_zeros(*h.shape[:-1], self.n_channels * size)
        for c, noise in enumerate(eps.split(1, dim=-1)):
            rows = slice(3 * size * c, 3 * size * (c + 1))
            raw = outputs[..., rows] + F.linear(F.relu(units), into_outputs[rows])
            shift = means[..., size * c : size * (c + 1)]
            drawn.append(self._mixture(raw, shift).draw(noise))
            units = units + drawn[-1] * into_units[:, c]
            means = means + drawn[-1] * into_means[:, c]
        return torch.cat(drawn, dim=-1)

    def _mixture(self, raw: Tensor, shift: Tensor) -> Mixture:
        """Read outputs (..., 3 C components) and shifts of the means as mixtures."""
        parts = full_precision(raw).unflatten(-1, (-1, 3, self.n_components))
        logits, mean, raw_scale = parts.unbind(dim=-2)
        mean = mean + full_precision(shift).unflatten(-1, (-1, self.n_components))
        scale = self.min_scale + F.softplus(raw_scale)
        return Mixture(logits.log_softmax(dim=-1), mean, scale)

    def _masked_weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights without those that would let a channel see itself or a later one.

        Unit j of W sees the first ``j * C // W`` channels; the outputs of channel c
        see the units that see no channel from c on.
        """
        weight = self.from_channels.weight
        width, n_channels = weight.shape
        channel = torch.arange(n_channels, device=weight.device)
        seen = torch.arange(width, device=weight.device) * n_channels // width
        into_outputs = (seen <= channel[:, None]).repeat_interleave(
            3 * self.n_components, dim=0
        )
        into_means = (channel < channel[:, None]).repeat_interleave(
            self.n_components, dim=0
        )
        return (
            weight * (channel < seen[:, None]),
            self.project_units.weight * into_outputs,
            self.shift.weight * into_means,
        )


class ChannelMixtures(NamedTuple):
    """Distributions of observations by a `MixtureLikelihood`, given its features."""

    likelihood: MixtureLikelihood
    features: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of each entry, given the channels before it."""
        return self.likelihood.conditionals(self.features, x).log_prob(x)

    def draw(self, eps: Tensor) -> Tensor:
        """Turn standard normal noise into observations."""
        return self.likelihood.draw(self.features, eps)

    def divergence(self, x: Tensor) -> Tensor:
        """Bound the divergence to N(0, 1) of each entry, given the ones before it."""
        return self.likelihood.conditionals(self.features, x).divergence()


Likelihood = GaussianLikelihood | MixtureLikelihood
Observation = Gaussian | ChannelMixtures
