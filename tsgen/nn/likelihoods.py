"""Likelihoods: features of the decoder become a distribution of one observation.

A likelihood maps features (..., H) and the previous observation (..., C), NaN where it
is not known, to an object with `log_prob(x)` of every entry (..., C), whose sum is that
of the observation, `draw(eps, known)`, which keeps what is known, `gain(x)` of each
entry over who knows nothing but the marginals, and `divergence(x)` from that.
Entries of `x` that are missing are NaN and count 0. The normal takes the channels as
independent given the features; the mixture takes each given the features and the
channels before it, can repeat the previous value exactly, and gives the values of
discrete channels probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsgen.nn.layers import full_precision

LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)
SMALLEST_WIDTH, LARGEST_WIDTH = 64, 256  # of the mixture's hidden layer
UNITS_PER_CHANNEL = 5
NEVER = -1e4  # log odds of what cannot be
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
        """Turn standard normal noise into observations."""
        return kept(known, self.mean + self.scale * eps)

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

    def forward(self, h: Tensor, previous: Tensor) -> Gaussian:
        """Map features (..., H) to distributions over (..., C), of any `previous`."""
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

    def quantile(self, probability: Tensor) -> Tensor:
        """Turn numbers that are uniform in (0, 1) into observations.

        One number an entry does both: it picks the component, and where it lies within
        the share of that component is the quantile of it. So an entry is continuous in
        it but between components.
        """
        probability = probability.double()[..., None]
        weight = self.log_weight.double().exp()
        upper = weight.cumsum(dim=-1)
        chosen = (probability > upper[..., :-1]).sum(dim=-1, keepdim=True)
        weight, upper = weight.gather(-1, chosen), upper.gather(-1, chosen)
        within = (probability - upper + weight) / weight
        deviation = torch.special.ndtri(within.clamp(ROUNDING, 1 - ROUNDING))
        deviation = deviation.to(self.mean)
        mean, scale = self.mean.gather(-1, chosen), self.scale.gather(-1, chosen)
        return (mean + scale * deviation)[..., 0]

    def divergence(self) -> Tensor:
        """Bound the divergence of each entry to N(0, 1): the mean over components.

        The Kullback-Leibler divergence is convex, so that of the mixture is lower.
        """
        each = normal_divergence(self.mean, self.scale)
        return (self.log_weight.exp() * each).sum(dim=-1)


class Repeatable(NamedTuple):
    r"""Repeat the previous value exactly, or else draw from a mixture of normals.

    .. math:: \ln p(x) = \begin{cases}
        \ln \rho & x = x_{t-1} \\
        \ln(1 - \rho) + \ln \textstyle\sum_k w_k N(x; \mu_k, \sigma_k) & \text{else}
        \end{cases}

    A probability where values repeat, a density elsewhere. The log odds of a repeat and
    the previous value have shape (..., C); where that is not known, it is NaN and
    :math:`\rho = 0`.
    """

    log_odds: Tensor
    previous: Tensor
    mixture: Mixture

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probability of entries that repeat, log-density of the others."""
        repeats, changes = self._log_probabilities()
        changes = changes + self.mixture.log_prob(x)
        return torch.where(x == self.previous, repeats, changes)

    def gain(self, x: Tensor) -> Tensor:
        r"""Log-likelihood of what each entry does, above that of the marginals.

        .. math:: \begin{cases} \ln \rho - \ln r & x = x_{t-1} \\
            \ln \textstyle\sum_k w_k N(x; \mu_k, \sigma_k) - \ln N(x; 0, 1) &
            \text{else} \end{cases}

        with the share r of observed entries of the channel that repeat. The probability
        of a change does not count: else repeats would be made likely to hide a density.
        """
        repeats, _ = self._log_probabilities()
        is_repeat = x == self.previous
        known = (~(x - self.previous).isnan()).flatten(0, -2).sum(dim=0)
        share = is_repeat.flatten(0, -2).sum(dim=0) / known.clamp(min=1).float()
        return torch.where(
            is_repeat,
            repeats - share.clamp(min=ROUNDING).log(),
            self.mixture.log_prob(x.nan_to_num()) - standard_normal_log_prob(x),
        )

    def draw(self, eps: Tensor) -> Tensor:
        """Turn standard normal noise into observations.

        The probability of the noise under the normal distribution tells whether the
        value repeats; how far it is beyond that is the quantile of the mixture.
        """
        probability = torch.special.ndtr(eps.double())
        repeats, changes = (log.double().exp() for log in self._log_probabilities())
        beyond = (probability - repeats) / changes.clamp(min=ROUNDING)
        drawn = self.mixture.quantile(beyond.clamp(0, 1))
        return torch.where(probability < repeats, self.previous, drawn)

    def divergence(self) -> Tensor:
        r"""Bound the expected gain of each entry over N(0, 1).

        .. math:: \rho \, (\ln\rho - \ln N(x_{t-1}; 0, 1))
            + (1 - \rho) (\ln(1 - \rho) + \textstyle\sum_k w_k KL_k)
        """
        repeats, changes = self._log_probabilities()
        reference = standard_normal_log_prob(self.previous.nan_to_num())
        repeated = repeats.exp() * (repeats - reference)
        return repeated + changes.exp() * (changes + self.mixture.divergence())

    def _log_probabilities(self) -> tuple[Tensor, Tensor]:
        """Log-probability of a repeat, and of a change."""
        log_odds = self.log_odds.masked_fill(self.previous.isnan(), NEVER)
        return F.logsigmoid(log_odds), F.logsigmoid(-log_odds)


class Categorical(NamedTuple):
    r"""One of the values that a discrete channel takes, in increasing order.

    The log-probabilities of values have shape (..., D, S); the logs of their shares of
    the training series, which are the reference, and the values themselves (D, S).
    Channels with fewer values than others end with repeats of their last one, which
    have no share and no weight.
    """

    log_weight: Tensor
    log_share: Tensor
    support: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probability of each entry (..., D); minus infinity if it is no value."""
        place = (self.support < x[..., None]).sum(dim=-1, keepdim=True)
        place = place.clamp(max=self.support.shape[-1] - 1)
        value = self.support.expand(*x.shape, -1).gather(-1, place)
        log_prob = self.log_weight.expand(*x.shape, -1).gather(-1, place)
        return log_prob.masked_fill(value != x[..., None], -torch.inf)[..., 0]

    def draw(self, eps: Tensor) -> Tensor:
        """Turn standard normal noise into observations, 0 into the likeliest ones.

        The probability of the noise under the normal distribution, on a circle turned
        so that 1/2 is the middle of the likeliest value, tells the value.
        """
        weight = self.log_weight.double().exp()
        upper = weight.cumsum(dim=-1)
        likeliest = weight.argmax(dim=-1, keepdim=True)
        middle = (upper - weight / 2).gather(-1, likeliest)
        probability = torch.special.ndtr(eps.double())[..., None]
        turned = (probability + middle - 0.5).remainder(1)
        place = (turned > upper[..., :-1]).sum(dim=-1, keepdim=True)
        return self.support.expand_as(weight).gather(-1, place)[..., 0]

    def gain(self, x: Tensor) -> Tensor:
        """Log-probability of each entry above the log of its share in training."""
        marginals = Categorical(self.log_share, self.log_share, self.support)
        x = x.nan_to_num()
        return self.log_prob(x) - marginals.log_prob(x)

    def divergence(self) -> Tensor:
        r"""Kullback-Leibler divergence of each entry to the shares q in training.

        .. math:: \sum_v p_v (\ln p_v - \ln q_v)
        """
        gain = self.log_weight - self.log_share
        return (self.log_weight.exp() * gain).sum(dim=-1)


class SideBySide(NamedTuple):
    """Entries of channels of which some are continuous and the others discrete.

    `channels` tells which ones are the C - D continuous ones, and which the D others.
    """

    continuous: Repeatable
    discrete: Categorical
    channels: tuple[list[int], list[int]]

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probability or log-density of each entry."""
        first, second = (x[..., which] for which in self.channels)
        return self._joined(
            self.continuous.log_prob(first), self.discrete.log_prob(second)
        )

    def gain(self, x: Tensor) -> Tensor:
        """Log-likelihood of each entry above that of the marginals."""
        first, second = (x[..., which] for which in self.channels)
        return self._joined(self.continuous.gain(first), self.discrete.gain(second))

    def divergence(self) -> Tensor:
        """Bound the expected gain of each entry over the reference."""
        return self._joined(self.continuous.divergence(), self.discrete.divergence())

    def _joined(self, continuous: Tensor, discrete: Tensor) -> Tensor:
        """Put figures of both kinds in the order of the channels."""
        channels = [*self.channels[0], *self.channels[1]]
        order = sorted(range(len(channels)), key=channels.__getitem__)
        return torch.cat([continuous, discrete], dim=-1)[..., order]


class MixtureLikelihood(nn.Module):
    r"""Repeats or mixtures, each channel given the features and the channels before it.

    .. math:: p(x_t | h_t) = \prod_c p(x_{tc} | h_t, x_{t,1} \ldots x_{t,c-1})

    with `Repeatable` factors, whose odds, weights, means and scales are computed from
    :math:`h_t`, the channels before c, and which of those repeat or are missing, by a
    layer of masked units; means are also linear in those channels. It holds what a
    diagonal normal cannot: channels that move together or are equal, steps, exact
    repeats, heavy tails. Discrete channels have `Categorical` factors, whose logits,
    beside their shares in training, and the log odds of a repeat, which are added to
    that of the previous value, are computed likewise.

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
    n_values : sequence of int, default=()
        Values of each channel, 0 for continuous ones; () if all are. `set_values` says
        which, before anything else.
    """

    support: Tensor
    log_share: Tensor

    def __init__(
        self,
        hidden_size: int,
        n_channels: int,
        min_scale: float,
        n_components: int,
        n_values: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.n_channels = n_channels
        self.min_scale = min_scale
        self.n_components = n_components
        self.n_values = list(n_values) or [0] * n_channels
        self.continuous = [c for c, n in enumerate(self.n_values) if not n]
        self.discrete = [c for c, n in enumerate(self.n_values) if n]
        width = UNITS_PER_CHANNEL * n_channels
        width = min(LARGEST_WIDTH, max(SMALLEST_WIDTH, width))
        self.sizes = [1 + (n or 3 * n_components) for n in self.n_values]
        n_outputs = sum(self.sizes)
        self.from_features = nn.Linear(hidden_size, width)
        self.from_channels = nn.Linear(3 * n_channels, width, bias=False)
        self.project = nn.Linear(hidden_size, n_outputs)
        self.project_units = nn.Linear(width, n_outputs, bias=False)
        self.shift = nn.Linear(n_channels, n_channels * n_components, bias=False)
        padded = torch.zeros(len(self.discrete), max(self.n_values))
        self.register_buffer("support", padded, persistent=False)
        self.register_buffer("log_share", padded.clone(), persistent=False)

    def set_values(self, values: Tensor, shares: Tensor) -> None:
        """Set the values of discrete channels, and their shares, (D, S) each.

        Values increase; after the last one of a channel it is repeated, with share 0.
        """
        self.support.copy_(values)
        self.log_share.copy_(shares.log().clamp(min=NEVER))

    def forward(self, h: Tensor, previous: Tensor) -> ChannelMixtures:
        """Map features (..., H) and previous observations to distributions (..., C)."""
        return ChannelMixtures(self, h, previous)

    def conditionals(
        self, h: Tensor, previous: Tensor, x: Tensor
    ) -> Repeatable | SideBySide:
        """Distribution of every channel of `x` (..., C), given those before it."""
        into_units, into_outputs, into_means = self._masked_weights()
        units = F.relu(self.from_features(h) + F.linear(_seen(x, previous), into_units))
        raw = self.project(h) + F.linear(units, into_outputs)
        shift = F.linear(x.nan_to_num(), into_means)
        shift = shift.unflatten(-1, (self.n_channels, -1))
        if not self.discrete:
            return self._repeatable(raw, shift, previous)
        parts, some, others = raw.split(self.sizes, -1), self.continuous, self.discrete
        raw = torch.cat([raw[..., :0], *(parts[c] for c in some)], dim=-1)
        return SideBySide(
            self._repeatable(raw, shift[..., some, :], previous[..., some]),
            self._categorical([parts[c] for c in others], previous[..., others]),
            (some, others),
        )

    def draw(
        self, h: Tensor, previous: Tensor, eps: Tensor, known: Tensor | None = None
    ) -> Tensor:
        """Turn noise (..., C) into observations, one channel after the other."""
        into_units, into_outputs, into_means = self._masked_weights()
        rows = into_outputs.split(self.sizes)
        units = self.from_features(h)
        outputs = self.project(h).split(self.sizes, dim=-1)
        means = h.new_zeros(*h.shape[:-1], self.n_channels, self.n_components)
        drawn = []
        for c, (before, noise) in enumerate(
            zip(previous.split(1, dim=-1), eps.split(1, dim=-1), strict=True)
        ):
            raw = outputs[c] + F.linear(F.relu(units), rows[c])
            x = self._entry(c, raw, means[..., c : c + 1, :], before).draw(noise)
            x = x if known is None else kept(known[..., c : c + 1], x)
            into = into_units[:, c :: self.n_channels]
            units = units + F.linear(_seen(x, before), into)
            means = means + x[..., None] * into_means[:, c].view(means.shape[-2:])
            drawn.append(x)
        return torch.cat(drawn, dim=-1)

    def _entry(
        self, channel: int, raw: Tensor, shift: Tensor, previous: Tensor
    ) -> Repeatable | Categorical:
        """Read the outputs of one channel as the distribution of its kind."""
        if not self.n_values[channel]:
            return self._repeatable(raw, shift, previous)
        place = self.discrete.index(channel)
        return self._categorical([raw], previous, slice(place, place + 1))

    def _repeatable(self, raw: Tensor, shift: Tensor, previous: Tensor) -> Repeatable:
        """Read outputs (..., C (3 K + 1)) and shifts (..., C, K) as distributions."""
        size = self.n_components
        raw = full_precision(raw).unflatten(-1, (shift.shape[-2], 3 * size + 1))
        logits, mean, raw_scale, log_odds = raw.split([size, size, size, 1], dim=-1)
        mean = mean + full_precision(shift)
        scale = self.min_scale + F.softplus(raw_scale)
        mixture = Mixture(logits.log_softmax(dim=-1), mean, scale)
        return Repeatable(log_odds[..., 0], previous, mixture)

    def _categorical(
        self, raw: list[Tensor], previous: Tensor, which: slice = slice(None)
    ) -> Categorical:
        """Read outputs (..., S + 1) of some discrete channels as distributions."""
        support, log_share = self.support[which], self.log_share[which]
        width = support.shape[-1] + 1
        padded = [F.pad(part, (0, width - part.shape[-1])) for part in raw]
        log_odds, logits = full_precision(torch.stack(padded, -2)).split(
            [1, width - 1], dim=-1
        )
        repeats = log_odds * (support == previous[..., None])
        log_weight = (log_share + logits + repeats).log_softmax(dim=-1)
        return Categorical(log_weight, log_share, support)

    def _masked_weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights without those that would let a channel see itself or a later one.

        Unit j of W sees the first ``j * C // W`` channels, which of them repeat and
        which are missing; the outputs of channel c see the units that see no channel
        from c on.
        """
        weight = self.from_channels.weight
        width, n_channels = len(weight), self.n_channels
        channel = torch.arange(n_channels, device=weight.device)
        seen = torch.arange(width, device=weight.device) * n_channels // width
        sizes = torch.tensor(self.sizes, device=weight.device)
        into_units = (channel < seen[:, None]).repeat(1, 3)
        into_outputs = (seen <= channel[:, None]).repeat_interleave(
            sizes, dim=0, output_size=sum(self.sizes)
        )
        into_means = (channel < channel[:, None]).repeat_interleave(
            self.n_components, dim=0
        )
        return (
            weight * into_units,
            self.project_units.weight * into_outputs,
            self.shift.weight * into_means,
        )


def _seen(x: Tensor, previous: Tensor) -> Tensor:
    """Put values, whether they repeat, and whether they are missing side by side."""
    parts = (x.nan_to_num(), (x == previous).to(x), x.isnan().to(x))
    return torch.cat(parts, dim=-1)


class ChannelMixtures(NamedTuple):
    """Distributions of observations by a `MixtureLikelihood`, given its features."""

    likelihood: MixtureLikelihood
    features: Tensor
    previous: Tensor

    def part(self, rows: slice) -> ChannelMixtures:
        """Return the distributions of some of the series."""
        return self._replace(features=self.features[rows], previous=self.previous[rows])

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-likelihood of each entry, given the channels before it."""
        log_prob = self._given(x).log_prob(x.nan_to_num())
        return log_prob.masked_fill(x.isnan(), 0.0)

    def draw(self, eps: Tensor, known: Tensor | None = None) -> Tensor:
        """Turn standard normal noise into observations."""
        return self.likelihood.draw(self.features, self.previous, eps, known)

    def gain(self, x: Tensor) -> Tensor:
        """Log-likelihood of each entry above that of who knows only the marginals."""
        return self._given(x).gain(x).masked_fill(x.isnan(), 0.0)

    def divergence(self, x: Tensor) -> Tensor:
        """Bound the expected gain of each entry over its reference."""
        return self._given(x).divergence().masked_fill(x.isnan(), 0.0)

    def _given(self, x: Tensor) -> Repeatable | SideBySide:
        return self.likelihood.conditionals(self.features, self.previous, x)


Likelihood = GaussianLikelihood | MixtureLikelihood
Observation = Gaussian | ChannelMixtures
