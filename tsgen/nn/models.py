"""The whole network: encoder, posterior, decoder, likelihood and denoiser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from tsgen.nn.decoders import (
    Decoder,
    LSTMDecoder,
    Past,
    TransformerDecoder,
    changes_of,
    generate,
)
from tsgen.nn.denoisers import ResidualMLP, UNet1d
from tsgen.nn.diffusion import Diffusion
from tsgen.nn.encoders import (
    DeterministicPosterior,
    GaussianPosterior,
    LSTMEncoder,
    TransformerEncoder,
)
from tsgen.nn.layers import readable
from tsgen.nn.likelihoods import (
    GaussianLikelihood,
    Likelihood,
    MixtureLikelihood,
    Observation,
    kept,
)
from tsgen.nn.rows import Rows, joined, observed_range

DENOISERS = {"mlp": ResidualMLP, "unet": UNet1d}
Posterior = DeterministicPosterior | GaussianPosterior


class LatentDiffusion(Diffusion):
    """A latent diffusion model of series, with or without a condition of width P.

    Decoder and denoiser read the condition; the encoder does not, so that latents can
    be inferred where it is not known. Zeros stand for parts of a condition, of widths
    `condition_widths`, that are not known. In series (B, T, C) missing entries are NaN;
    with `sees_gaps` the encoder is told which. The buffer `last_level` is the noisiest
    that the decoder reads. Those set by `calibrate` bound what may be reached:
    `latent_range` the clean latents that the reverse chain predicts, `series_range` the
    observations fed back to the decoder, widened on each side by a tenth of the width
    seen in training, but hardly beyond an end that is abrupt; `change_range`, of a
    mixture, how far these go in one step.
    """

    latent_range: Tensor
    series_range: Tensor
    change_range: Tensor
    last_level: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        posterior: Posterior,
        decoder: Decoder,
        likelihood: Likelihood,
        denoiser: nn.Module,
        n_levels: int,
        prediction: str,
        *,
        condition_widths: Sequence[int] = (),
        sees_gaps: bool = False,
    ) -> None:
        super().__init__()
        self.condition_widths = tuple(condition_widths)
        self.sees_gaps = sees_gaps
        self.encoder = encoder
        self.posterior = posterior
        self.decoder = decoder
        self.likelihood = likelihood
        self.denoiser = denoiser
        self.prediction = prediction
        latent_size = posterior.project.out_features
        if isinstance(posterior, GaussianPosterior):
            latent_size //= 2
        self.register_buffer("alpha_bar", torch.zeros(n_levels + 1))
        self.register_buffer("last_level", torch.zeros((), dtype=torch.long))
        self.register_buffer("latent_range", torch.zeros(2, latent_size))
        self.register_buffer("series_range", torch.zeros(2, likelihood.n_channels))
        self.register_buffer("change_range", torch.zeros(2, likelihood.n_channels))

    @property
    def latent_size(self) -> int:
        """Width of the latent K."""
        return self.latent_range.shape[1]

    @property
    def clean_range(self) -> Tensor:
        """Lowest and highest clean latents that sampling may reach, (2, K)."""
        return self.latent_range

    def encode(
        self, x: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Map series (B, T, C) to the posterior's mean and log scale, each (B, K)."""
        return self.posterior(self.features(x, generator))

    def features(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map series (B, T, C) to the features of the encoder (B, H)."""
        filled = x.nan_to_num()
        if self.sees_gaps:
            filled = torch.cat([filled, x.isnan().to(filled)], dim=-1)  # (B, T, 2 C)
        return self.encoder(filled, generator)

    def with_condition(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Put latents (B, K) and conditions (B, P) side by side, for the decoder."""
        if not self.n_conditions:
            return z
        if condition is None:
            condition = z.new_zeros(len(z), self.n_conditions)
        return torch.cat([z, condition.to(z)], dim=1)

    def decode(
        self,
        z: Tensor,
        previous: Tensor,
        generator: torch.Generator | None = None,
        condition: Tensor | None = None,
    ) -> Observation:
        """Map latents (B, K) and previous observations to p(x_t | z, x_1 ... x_{t-1}).

        `previous` (B, T, C) is the series delayed by one step, NaN where nothing is
        known: at the first step, and where an observation is hidden or missing.
        """
        z = self.with_condition(z, condition)
        h = self.decoder(z, readable(previous), generator)
        return self.likelihood(h, Past.before_each(previous))

    def generate(
        self,
        z: Tensor,
        eps: Tensor,
        condition: Tensor | None = None,
        known: Tensor | None = None,
    ) -> Tensor:
        """Decode latents (B, K) freely into series, with noise `eps` (B, T, 2, C).

        Where `known` (B, T, C) is not NaN, it is kept, and the rest goes on from it.
        """

        def emit(h: Tensor, past: Past, t: int) -> Tensor:
            fixed = None if known is None else known[:, t]
            drawn = self.likelihood(h, past).draw(eps[:, t], fixed)
            return kept(fixed, self._within_ranges(drawn, past.value))

        z = self.with_condition(z, condition)
        return generate(self.decoder, z, emit, eps.shape[1], eps.shape[-1])

    def _within_ranges(self, x: Tensor, previous: Tensor) -> Tensor:
        """Hold observations (B, C), and their changes from the last ones, in range.

        The first ones, after NaN, only the former; and where a channel always rises, or
        falls, it goes on to, out of its range.
        """
        low, high = self.change_range
        change = x - previous
        is_far = (change < low) | (change > high)  # false where nothing was before
        nearer = previous + folded(change, low, high)
        x = torch.where(is_far, nearer, x).clamp(*self.series_range)
        x = torch.where(x - previous < low, previous + low, x)
        return torch.where(x - previous > high, previous + high, x)

    @torch.no_grad()
    def calibrate(self, x: Rows, batch_size: int = 1024) -> None:
        """Set the statistics of the latents and the ranges from training series."""
        device = self.alpha_bar.device
        parts = [
            LatentMoments.of(*self._raw_latents(self.features(rows.to(device))))
            for rows in x.split(batch_size)
        ]
        found = LatentMoments.joined(parts)
        standardizer = self.posterior.standardizer
        standardizer.running_mean.copy_(found.mean)
        standardizer.running_var.copy_(found.variance)
        self.latent_range.copy_(standardizer(torch.stack([found.low, found.high])))
        of_values, of_changes = (
            observed_range(x, batch_size, of).to(device) for of in (None, changes_of)
        )
        values, changes = self.likelihood.ranges(of_values, of_changes)
        self.series_range.copy_(values)
        self.change_range.copy_(changes)

    def reset_statistics(self) -> None:
        """Set the buffers other than the schedule to their first values."""
        self.posterior.standardizer.reset_running_stats()
        self.last_level.zero_()
        self.latent_range.zero_()
        self.series_range.zero_()
        self.change_range.zero_()
        for buffer in self.likelihood.buffers():
            buffer.zero_()

    @torch.no_grad()
    def cached_latents(self, x: Rows, batch_size: int = 1024) -> tuple[Tensor, ...]:
        """Encode series once: (mean,) or (mean, log scale), each (n, K)."""
        device = self.alpha_bar.device
        encoded = (self.encode(rows.to(device)) for rows in x.split(batch_size))
        pairs = (mean if s is None else torch.cat([mean, s], 1) for mean, s in encoded)
        latents = joined(pairs, len(x))  # (n, K) or (n, 2 K)
        return latents.split(self.latent_size, dim=1)

    def _raw_latents(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the latents before they are standardised."""
        raw = self.posterior.project(features)
        if isinstance(self.posterior, DeterministicPosterior):
            return raw, torch.zeros_like(raw)
        mean, log_scale = raw.chunk(2, dim=-1)
        return mean, (2 * log_scale).exp()


def folded(change: Tensor, low: Tensor, high: Tensor) -> Tensor:
    r"""Bring changes (B, C) beyond a range, of ends l and h (C,), into it.

    .. math:: \begin{cases} \delta \bmod e & l \le 0 \le h \\
        l + (\delta - l) \bmod (h - l) & \text{else} \end{cases}

    with e the end that is passed: they keep their sign. Draws from normals far away are
    so spread over the range; at its ends they would make straight lines.
    """
    same_way = change.fmod(torch.where(change > high, high, low))
    inside = low + (change - low).remainder(high - low)
    has_zero = (low <= 0) & (high >= 0)
    found = torch.where(has_zero, same_way, inside)
    return found.nan_to_num().clamp(low, high)  # NaN after a division by 0


class LatentMoments(NamedTuple):
    """What `LatentDiffusion.calibrate` learns from latents, or from a part of them.

    Their number, and of each of K entries the mean, the variance with that of the
    posterior, and how low and how high three standard deviations of it reach.
    """

    number: int
    mean: Tensor
    variance: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, mean: Tensor, spread: Tensor) -> Self:
        """Measure posteriors by their means and variances, each (B, K)."""
        reach = 3 * spread.sqrt()
        variance = mean.var(0, unbiased=False) + spread.mean(0)
        low, high = (mean - reach).amin(0), (mean + reach).amax(0)
        return cls(len(mean), mean.mean(0), variance, low, high)

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Join parts by the law of total variance, in float64."""
        numbers, *figures = zip(*parts, strict=True)
        means, variances, lows, highs = (torch.stack(figure) for figure in figures)
        share = torch.tensor(numbers, dtype=torch.float64) / sum(numbers)  # (n_parts,)
        share = share.to(means.device)
        mean = share @ means.double()
        variance = share @ (variances + (means - mean).square())
        return cls(sum(numbers), mean, variance, lows.amin(0), highs.amax(0))


def build(
    *,
    n_channels: int,
    backbone: str,
    posterior: str,
    latent_size: int,
    hidden_size: int,
    n_layers: int,
    n_heads: int,
    dropout: float,
    skip_connections: bool,
    likelihood: str | Sequence[str],
    n_components: int,
    min_scale: float,
    denoiser: str,
    n_levels: int,
    prediction: str,
    inverse_lipschitz: float = 0.0,
    condition_widths: Sequence[int] = (),
    sees_gaps: bool = False,
    n_values: Sequence[int] = (),
    n_recurring: Sequence[int] = (),
) -> LatentDiffusion:
    """Assemble a model from the options of a generator, in float32.

    Build it under ``torch.device("meta")`` and give it weights with
    `tsgen.nn.diffusion.initialized` or a state: then neither the global random
    generator nor memory is touched.
    """
    shape = (hidden_size, n_layers)
    mixture = (min_scale, n_components, n_values, n_recurring)
    entering: dict[str, Any] = {
        "skip_connections": skip_connections,
        "inverse_lipschitz": inverse_lipschitz,
    }
    n_inputs = n_channels * (1 + sees_gaps)
    n_conditions = sum(condition_widths)
    n_given = latent_size + n_conditions
    encoder, decoder = _networks(
        backbone, n_inputs, n_channels, n_given, *shape, n_heads, dropout, **entering
    )
    return LatentDiffusion(
        encoder,
        _posterior(posterior, hidden_size, latent_size),
        decoder,
        _likelihood(likelihood, hidden_size, n_channels, *mixture),
        DENOISERS[denoiser](latent_size, n_levels, n_conditions),
        n_levels,
        prediction,
        condition_widths=condition_widths,
        sees_gaps=sees_gaps,
    ).float()  # whatever the default of torch is


def _networks(
    backbone: str,
    n_inputs: int,
    n_channels: int,
    n_given: int,
    hidden_size: int,
    n_layers: int,
    n_heads: int,
    dropout: float,
    **entering: Any,
) -> tuple[nn.Module, Decoder]:
    """Return the encoder and the decoder; `entering` is how the latent enters it."""
    shape = (hidden_size, n_layers)
    if backbone == "lstm":
        return (
            LSTMEncoder(n_inputs, *shape, dropout),
            LSTMDecoder(n_channels, n_given, *shape, dropout, **entering),
        )
    return (
        TransformerEncoder(n_inputs, *shape, n_heads, dropout),
        TransformerDecoder(n_channels, n_given, *shape, n_heads, dropout, **entering),
    )


def _posterior(kind: str, hidden_size: int, latent_size: int) -> Posterior:
    if kind == "gaussian":
        return GaussianPosterior(hidden_size, latent_size)
    return DeterministicPosterior(hidden_size, latent_size)


def _likelihood(
    kind: str | Sequence[str],
    hidden_size: int,
    n_channels: int,
    min_scale: float,
    n_components: int,
    n_values: Sequence[int],
    n_recurring: Sequence[int],
) -> Likelihood:
    if kind == "gaussian":
        return GaussianLikelihood(hidden_size, n_channels, min_scale)
    return MixtureLikelihood(
        hidden_size, n_channels, min_scale, n_components, n_values, n_recurring
    )
