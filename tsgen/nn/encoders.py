"""Encoders: a series becomes features, the features become a latent (paper, eq. 1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tsgen.nn.layers import (
    Dropout,
    TransformerBlock,
    full_precision,
    sinusoidal_embedding,
)


class LSTMEncoder(nn.Module):
    """Stacked LSTMs over the series; the features are the last hidden state."""

    def __init__(
        self, n_channels: int, hidden_size: int, n_layers: int, dropout: float
    ) -> None:
        super().__init__()
        widths = [n_channels] + [hidden_size] * (n_layers - 1)
        self.layers = nn.ModuleList(
            nn.LSTM(width, hidden_size, batch_first=True) for width in widths
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map series (B, T, C) to features (B, H)."""
        for layer in self.layers:
            x, _ = layer(x)  # (B, T, H)
            x = self.dropout(x, generator)
        return x[:, -1]


class TransformerEncoder(nn.Module):
    """Self-attention over the whole series; the features are its mean over time."""

    def __init__(
        self,
        n_channels: int,
        hidden_size: int,
        n_layers: int,
        n_heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(n_channels, hidden_size)
        self.blocks = nn.ModuleList(
            TransformerBlock(hidden_size, n_heads, dropout, causal=False)
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map series (B, T, C) to features (B, H)."""
        h = self.embed(x)  # (B, T, H)
        position = torch.arange(h.shape[1], device=h.device)
        h = h + sinusoidal_embedding(position, h.shape[2]).to(h)
        for block in self.blocks:
            h = block(h, generator)
        return self.norm(h).mean(dim=1)


class Standardizer(nn.BatchNorm1d):
    """Standardise latents to mean 0 and variance 1 over the training series.

    Batch statistics in training, running ones in evaluation, and no learned gain:
    noise levels mean nothing if the encoder may choose the scale of its output.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, latent_size: int) -> None:
        super().__init__(latent_size, affine=False)

    def inverse(self, z0: Tensor) -> Tensor:
        """Undo the standardisation by the running statistics."""
        return z0 * self.log_scale.exp() + self.running_mean

    @property
    def log_scale(self) -> Tensor:
        """Log standard deviation of the latents before they are standardised, (K,)."""
        return 0.5 * (self.running_var + self.eps).log()


class DeterministicPosterior(nn.Module):
    """Latent v = f_enc(X) of the stable posterior, standardised.

    The randomness of the posterior comes from the first diffusion levels (eq. 11).
    The decoder reads the latent in the scale of the diffusion.
    """

    def __init__(self, hidden_size: int, latent_size: int) -> None:
        super().__init__()
        self.project = nn.Linear(hidden_size, latent_size)
        self.standardizer = Standardizer(latent_size)

    def forward(self, features: Tensor) -> tuple[Tensor, None]:
        """Map features (B, H) to (latent (B, K), None): there is no spread to learn."""
        return self.standardizer(full_precision(self.project(features))), None

    def to_diffusion(self, z: Tensor) -> Tensor:
        """Latents of the decoder are latents of the diffusion."""
        return z

    def from_diffusion(self, z0: Tensor) -> Tensor:
        """Latents of the diffusion are latents of the decoder."""
        return z0


class GaussianPosterior(nn.Module):
    """Mean and log standard deviation of q(z | X) (eq. 1).

    The decoder reads z itself; the diffusion reads it standardised, as its scale is
    free when the weight of the KL term is small.
    """

    def __init__(self, hidden_size: int, latent_size: int) -> None:
        super().__init__()
        self.project = nn.Linear(hidden_size, 2 * latent_size)
        self.standardizer = Standardizer(latent_size)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map features (B, H) to the mean and the log scale, each (B, K)."""
        raw = full_precision(self.project(features))
        mean, log_scale = raw.chunk(2, dim=-1)
        return mean, log_scale

    def to_diffusion(self, z: Tensor) -> Tensor:
        """Standardise the decoder's latents (B, K) for the diffusion."""
        return self.standardizer(z)

    def from_diffusion(self, z0: Tensor) -> Tensor:
        """Give latents (B, K) of the diffusion the scale that the decoder reads."""
        return self.standardizer.inverse(z0)


def reparameterize(mean: Tensor, log_scale: Tensor, eps: Tensor) -> Tensor:
    r"""Draw from the approximate posterior (eq. 1).

    .. math:: z = \mu + \sigma \odot \epsilon

    Parameters
    ----------
    mean, eps : Tensor of shape (B, K)
    log_scale : Tensor of shape (B, K)
        Log of the standard deviation.

    Returns
    -------
    Tensor of shape (B, K)
    """
    return mean + log_scale.exp() * eps
