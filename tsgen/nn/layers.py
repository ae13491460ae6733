"""Layers shared by the networks: dropout, attention, embeddings of steps and levels."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def initialize(module: nn.Module, generator: torch.Generator) -> None:
    """Draw every weight of `module` from `generator`, in the order of its parameters.

    Matrices and kernels are uniform with variance 1 / (3 fan_in), torch's own default
    for linear layers; vectors start at zero, gains of norms at one.
    """
    for owner in module.modules():
        for name, parameter in owner.named_parameters(recurse=False):
            if parameter.dim() > 1:
                bound = 1 / math.sqrt(parameter[0].numel())
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
            else:
                gain = isinstance(owner, nn.LayerNorm | nn.GroupNorm)
                nn.init.constant_(parameter, float(gain and name == "weight"))


class Dropout(nn.Module):
    """Inverted dropout with a mask from an explicit generator.

    Parameters
    ----------
    p : float in [0, 1)
        Share of entries set to zero in training; the others grow by 1 / (1 - p).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """Mask `x` while training; hand it on unchanged otherwise."""
        if not self.training or self.p == 0 or generator is None:
            return x
        keep = torch.empty_like(x).bernoulli_(1 - self.p, generator=generator)
        return x * keep / (1 - self.p)


def full_precision(x: Tensor) -> Tensor:
    """Widen the bfloat16 or float16 of mixed precision to float32."""
    return x.float() if x.element_size() < 4 else x


def sinusoidal_embedding(position: Tensor, width: int) -> Tensor:
    """Embed numbers by sines and cosines of geometrically spaced frequencies.

    Parameters
    ----------
    position : Tensor of shape (...,)
    width : int
        Even.

    Returns
    -------
    Tensor of shape (..., width)

    References
    ----------
    Vaswani et al., "Attention Is All You Need", 2017, section 3.5.
    """
    exponent = torch.arange(width // 2, device=position.device) / (width // 2)
    angle = position[..., None] * 10_000.0**-exponent
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class CausalCache:
    """Keys and values of the steps already decoded, one entry per attention layer."""

    def __init__(self, n_layers: int) -> None:
        self.entries: list[tuple[Tensor, Tensor] | None] = [None] * n_layers
        self.length = 0

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append one step to a layer's keys and values; return all of them."""
        seen = self.entries[layer]
        if seen is not None:
            key = torch.cat([seen[0], key], dim=2)  # (B, heads, t, H / heads)
            value = torch.cat([seen[1], value], dim=2)
        self.entries[layer] = (key, value)
        return key, value


class SelfAttention(nn.Module):
    """Multi-head self-attention, causal or over the whole series."""

    def __init__(self, width: int, n_heads: int, causal: bool) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.causal = causal
        self.project = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)

    def forward(
        self, x: Tensor, cache: CausalCache | None = None, layer: int = 0
    ) -> Tensor:
        """Attend within `x` of shape (B, T, H), or from one new step to the cache."""
        B, T, H = x.shape
        split = self.project(x).view(B, T, 3, self.n_heads, H // self.n_heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # (B, heads, T, H / heads)
        if cache is not None:
            key, value = cache.extend(layer, key, value)
        causal = self.causal and cache is None
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        return self.merge(mixed.transpose(1, 2).reshape(B, T, H))


class TransformerBlock(nn.Module):
    """A pre-norm transformer block: attention, then a two-layer perceptron."""

    def __init__(
        self, width: int, n_heads: int, dropout: float, *, causal: bool
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = SelfAttention(width, n_heads, causal)
        self.perceptron = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
        )
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        generator: torch.Generator | None = None,
        cache: CausalCache | None = None,
        layer: int = 0,
    ) -> Tensor:
        """Map (B, T, H) to (B, T, H)."""
        mixed = self.attention(self.attention_norm(x), cache, layer)
        x = x + self.dropout(mixed, generator)
        return x + self.dropout(self.perceptron(x), generator)
