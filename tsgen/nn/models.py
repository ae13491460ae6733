"""The whole network: encoder, posterior, decoder, likelihood and denoiser."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tsgen.nn.decoders import Decoder, LSTMDecoder, TransformerDecoder, generate
from tsgen.nn.denoisers import ResidualMLP, UNet1d
from tsgen.nn.diffusion import Diffusion, widened_range
from tsgen.nn.encoders import (
    DeterministicPosterior,
    GaussianPosterior,
    LSTMEncoder,
    TransformerEncoder,
)
from tsgen.nn.likelihoods import (
    GaussianLikelihood,
    Likelihood,
    MixtureLikelihood,
    Observation,
)

DENOISERS = {"mlp": ResidualMLP, "unet": UNet1d}
Posterior = DeterministicPosterior | GaussianPosterior


class LatentDiffusion(Diffusion):
    """A latent diffusion model for series of one length.

    Buffers set by `calibrate` bound what generation may reach: `latent_range` the
    clean latents that the reverse chain predicts, `series_range` the observations
    fed back to the decoder, widened on each side by half the width seen in training.
    """

    latent_range: Tensor
    series_range: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        posterior: Posterior,
        decoder: Decoder,
        likelihood: Likelihood,
        denoiser: nn.Module,
        n_levels: int,
        prediction: str,
    ) -> None:
        super().__init__()
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
        self.register_buffer("latent_range", torch.zeros(2, latent_size))
        self.register_buffer("series_range", torch.zeros(2, likelihood.n_channels))

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
        return self.posterior(self.encoder(x, generator))

    def decode(
        self, z: Tensor, previous: Tensor, generator: torch.Generator | None = None
    ) -> Observation:
        """Map latents (B, K) and previous observations to p(x_t | z, x_1 ... x_{t-1}).

        `previous` (B, T, C) is the series delayed by one step, NaN where nothing is
        known: at the first step, and where an observation is hidden.
        """
        h = self.decoder(z, previous.nan_to_num(), generator)
        return self.likelihood(h, previous)

    def generate(self, z: Tensor, eps: Tensor) -> Tensor:
        """Decode latents (B, K) freely into series, with noise `eps` (B, T, C)."""

        def emit(h: Tensor, previous: Tensor, t: int) -> Tensor:
            drawn = self.likelihood(h, previous).draw(eps[:, t])
            return drawn.clamp(*self.series_range)

        return generate(self.decoder, z, emit, *eps.shape[1:])

    @torch.no_grad()
    def calibrate(self, x: Tensor, batch_size: int = 1024) -> None:
        """Set the statistics of the latents and the ranges from training series."""
        device = self.alpha_bar.device
        parts = [self.encoder(part.to(device)) for part in x.split(batch_size)]
        features = torch.cat(parts)  # (n, H)
        mean, spread = self._raw_latents(features)
        standardizer = self.posterior.standardizer
        standardizer.running_mean.copy_(mean.mean(0))
        standardizer.running_var.copy_(mean.var(0, unbiased=False) + spread.mean(0))
        clean = standardizer(mean)
        reach = 3 * spread.sqrt() / standardizer.log_scale.exp()
        self.latent_range[0] = (clean - reach).amin(0)
        self.latent_range[1] = (clean + reach).amax(0)
        self.series_range.copy_(widened_range(x))

    def reset_statistics(self) -> None:
        """Set the buffers other than the schedule to their first values."""
        self.posterior.standardizer.reset_running_stats()
        self.latent_range.zero_()
        self.series_range.zero_()

    @torch.no_grad()
    def cached_latents(self, x: Tensor, batch_size: int = 1024) -> tuple[Tensor, ...]:
        """Encode series once: (mean,) or (mean, log scale), each (n, K)."""
        device = self.alpha_bar.device
        parts = [self.encode(part.to(device)) for part in x.split(batch_size)]
        columns = zip(*parts, strict=True)
        return tuple(torch.cat(column) for column in columns if column[0] is not None)

    def _raw_latents(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the latents before they are standardised."""
        raw = self.posterior.project(features)
        if isinstance(self.posterior, DeterministicPosterior):
            return raw, torch.zeros_like(raw)
        mean, log_scale = raw.chunk(2, dim=-1)
        return mean, (2 * log_scale).exp()


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
    likelihood: str,
    n_components: int,
    min_scale: float,
    denoiser: str,
    n_levels: int,
    prediction: str,
    inverse_lipschitz: float = 0.0,
) -> LatentDiffusion:
    """Assemble a model from the options of a generator.

    Build it under ``torch.device("meta")`` and give it weights with
    `tsgen.nn.diffusion.initialized` or a state: then neither the global random
    generator nor memory is touched.
    """
    shape = (hidden_size, n_layers)
    entering: dict[str, Any] = {
        "skip_connections": skip_connections,
        "inverse_lipschitz": inverse_lipschitz,
    }
    encoder: nn.Module
    decoder: Decoder
    if backbone == "lstm":
        encoder = LSTMEncoder(n_channels, *shape, dropout)
        decoder = LSTMDecoder(n_channels, latent_size, *shape, dropout, **entering)
    else:
        encoder = TransformerEncoder(n_channels, *shape, n_heads, dropout)
        decoder = TransformerDecoder(
            n_channels, latent_size, *shape, n_heads, dropout, **entering
        )
    return LatentDiffusion(
        encoder,
        _posterior(posterior, hidden_size, latent_size),
        decoder,
        _likelihood(likelihood, hidden_size, n_channels, min_scale, n_components),
        DENOISERS[denoiser](latent_size, n_levels),
        n_levels,
        prediction,
    )


def _posterior(kind: str, hidden_size: int, latent_size: int) -> Posterior:
    if kind == "gaussian":
        return GaussianPosterior(hidden_size, latent_size)
    return DeterministicPosterior(hidden_size, latent_size)


def _likelihood(
    kind: str, hidden_size: int, n_channels: int, min_scale: float, n_components: int
) -> Likelihood:
    if kind == "gaussian":
        return GaussianLikelihood(hidden_size, n_channels, min_scale)
    return MixtureLikelihood(hidden_size, n_channels, min_scale, n_components)
