"""Denoisers: from what is noisy and its level to what was lost (eq. 4 and 5)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsgen.nn.layers import TransformerBlock, sinusoidal_embedding


class LevelEmbedding(nn.Module):
    """Embed a level as features of a given width."""

    def __init__(self, n_levels: int, width: int) -> None:
        super().__init__()
        self.n_levels = n_levels
        self.width = width
        self.mix = nn.Linear(width, width)

    def forward(self, level: Tensor) -> Tensor:
        """Map levels (B,) in 0 ... L to (B, width)."""
        position = level.float() * (1000 / self.n_levels)
        embedding = sinusoidal_embedding(position, self.width)
        return F.silu(self.mix(embedding.to(self.mix.weight.dtype)))


class ConditionEmbedding(nn.Module):
    """Embed a level, and a condition (B, P) if there is one, of a given width.

    None stands for a condition that is not known, as zeros do.
    """

    def __init__(self, n_levels: int, n_conditions: int, width: int) -> None:
        super().__init__()
        self.embed_level = LevelEmbedding(n_levels, width)
        self.mix = nn.Linear(n_conditions, width, bias=False) if n_conditions else None

    def forward(self, level: Tensor, condition: Tensor | None) -> Tensor:
        """Map levels (B,) and conditions (B, P) to (B, width)."""
        embedding = self.embed_level(level)
        if self.mix is None or condition is None:
            return embedding
        return embedding + self.mix(condition.to(embedding))


class ResidualMLP(nn.Module):
    """Residual perceptron blocks, each shifted by level and condition."""

    def __init__(
        self,
        latent_size: int,
        n_levels: int,
        n_conditions: int = 0,
        width: int = 256,
        n_blocks: int = 3,
    ) -> None:
        super().__init__()
        self.embed = ConditionEmbedding(n_levels, n_conditions, width)
        self.first = nn.Linear(latent_size, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(n_blocks))
        self.shifts = nn.ModuleList(nn.Linear(width, width) for _ in range(n_blocks))
        self.widen = nn.ModuleList(nn.Linear(width, width) for _ in range(n_blocks))
        self.narrow = nn.ModuleList(nn.Linear(width, width) for _ in range(n_blocks))
        self.last = nn.Linear(width, latent_size)

    def forward(
        self, z_level: Tensor, level: Tensor, condition: Tensor | None = None
    ) -> Tensor:
        """Map noisy latents (B, K) at levels (B,) to a prediction (B, K)."""
        given = self.embed(level, condition)
        h = self.first(z_level)  # (B, width)
        blocks = zip(self.norms, self.shifts, self.widen, self.narrow, strict=True)
        for norm, shift, widen, narrow in blocks:
            h = h + narrow(F.silu(widen(norm(h)) + shift(given)))
        return self.last(h)


class ConvBlock(nn.Module):
    """Two convolutions along the latent, the second shifted, residual."""

    def __init__(self, n_in: int, n_out: int, level_width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(n_in, n_out, 3, padding=1)
        self.second = nn.Conv1d(n_out, n_out, 3, padding=1)
        self.norm_first = nn.GroupNorm(4, n_out)
        self.norm_second = nn.GroupNorm(4, n_out)
        self.shift = nn.Linear(level_width, n_out)
        self.bypass = nn.Conv1d(n_in, n_out, 1)

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        """Map (B, n_in, K) to (B, n_out, K)."""
        h = F.silu(self.norm_first(self.first(x)))
        h = h + self.shift(given)[:, :, None]
        h = F.silu(self.norm_second(self.second(h)))
        return h + self.bypass(x)


class UNet1d(nn.Module):
    """Convolutional U-Net along the latent vector, as in the paper.

    Two halvings; a latent whose width is not a multiple of four is padded with zeros.
    """

    def __init__(
        self, latent_size: int, n_levels: int, n_conditions: int = 0, width: int = 32
    ) -> None:
        super().__init__()
        level_width = 4 * width
        self.padding = -latent_size % 4
        self.embed = ConditionEmbedding(n_levels, n_conditions, level_width)
        self.first = nn.Conv1d(1, width, 3, padding=1)
        self.down_1 = ConvBlock(width, width, level_width)
        self.down_2 = ConvBlock(width, 2 * width, level_width)
        self.middle = ConvBlock(2 * width, 2 * width, level_width)
        self.up_2 = ConvBlock(4 * width, width, level_width)
        self.up_1 = ConvBlock(2 * width, width, level_width)
        self.last = nn.Conv1d(width, 1, 3, padding=1)

    def forward(
        self, z_level: Tensor, level: Tensor, condition: Tensor | None = None
    ) -> Tensor:
        """Map noisy latents (B, K) at levels (B,) to a prediction (B, K)."""
        given = self.embed(level, condition)
        x = F.pad(z_level, (0, self.padding))[:, None]  # (B, 1, K)
        fine = self.down_1(self.first(x), given)  # (B, w, K)
        coarse = self.down_2(F.avg_pool1d(fine, 2), given)  # (B, 2w, K/2)
        h = self.middle(F.avg_pool1d(coarse, 2), given)  # (B, 2w, K/4)
        h = torch.cat([_doubled(h), coarse], dim=1)  # (B, 4w, K/2)
        h = torch.cat([_doubled(self.up_2(h, given)), fine], dim=1)  # (B, 2w, K)
        h = self.last(self.up_1(h, given))[:, 0]
        return h[:, : z_level.shape[1]]


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class SeriesTransformer(nn.Module):
    """Self-attention over the steps of a noisy series, each block shifted by the level.

    It reads and returns flattened series, of width K = T C.
    """

    def __init__(
        self,
        n_timesteps: int,
        n_channels: int,
        n_levels: int,
        width: int,
        n_blocks: int,
        n_heads: int,
    ) -> None:
        super().__init__()
        self.shape = (n_timesteps, n_channels)
        self.embed_level = LevelEmbedding(n_levels, width)
        self.embed = nn.Linear(n_channels, width)
        self.shifts = nn.ModuleList(nn.Linear(width, width) for _ in range(n_blocks))
        self.blocks = nn.ModuleList(
            TransformerBlock(width, n_heads, dropout=0.0, causal=False)
            for _ in range(n_blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, n_channels)

    def forward(self, x_level: Tensor, level: Tensor, condition: None = None) -> Tensor:
        """Map noisy series (B, K) at levels (B,) to a prediction (B, K)."""
        given = self.embed_level(level)
        h = self.embed(x_level.unflatten(1, self.shape))  # (B, T, width)
        position = torch.arange(h.shape[1], device=h.device)
        h = h + sinusoidal_embedding(position, h.shape[2]).to(h)
        for shift, block in zip(self.shifts, self.blocks, strict=True):
            h = block(h + shift(given)[:, None])
        return self.last(self.norm(h)).flatten(1)


class Bypass(nn.Module):
    """A denoiser beside a gain by which each noisy entry also passes it, by level.

    A network narrower than a series cannot carry noise, which has no structure; what
    is left for it to predict then does (after the skip scaling of Karras et al.,
    "Elucidating the Design Space of Diffusion-Based Generative Models", 2022, with a
    learned scale).
    """

    def __init__(self, denoiser: nn.Module, n_entries: int, n_levels: int, width: int):
        super().__init__()
        self.denoiser = denoiser
        self.embed_level = LevelEmbedding(n_levels, width)
        self.gain = nn.Linear(width, n_entries)

    def forward(self, z_level: Tensor, level: Tensor, condition: None = None) -> Tensor:
        """Map noisy entries (B, K) at levels (B,) to a prediction (B, K)."""
        gain = self.gain(self.embed_level(level))
        return self.denoiser(z_level, level) + gain * z_level
