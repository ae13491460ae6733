"""Layers shared by the networks: dropout, LSTM cell, attention, embeddings."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FARTHEST = 4.0  # standard deviations that networks read


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


def readable(x: Tensor) -> Tensor:
    """Make standardised observations fit to be read: no gaps, and nothing far out.

    Zeros stand for gaps, 4 standard deviations for what is beyond. Else a decoder
    extrapolates from the few outliers that it knows, and what it draws leads, fed back,
    farther out still.
    """
    return x.nan_to_num().clamp(-FARTHEST, FARTHEST)


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
    places = torch.arange(width // 2, dtype=torch.float32, device=position.device)
    exponent = places / (width // 2)
    angle = position[..., None] * 10_000.0**-exponent
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def lstm_cell(
    layer: nn.LSTM, x: Tensor, hidden: Tensor, cell: Tensor
) -> tuple[Tensor, Tensor]:
    r"""Advance one layer by one step, in operations that torch differentiates forwards.

    .. math:: c' = \sigma(f) c + \sigma(i) \tanh(g), \quad h' = \sigma(o) \tanh(c')

    `torch.nn.LSTM` itself has no forward-mode derivative on the CPU or on CUDA; the
    weights are shared with it.

    Parameters
    ----------
    layer : nn.LSTM
        Of one layer and one direction.
    x : Tensor of shape (B, n_in)
    hidden, cell : Tensor of shape (B, H)

    Returns
    -------
    hidden, cell : Tensor of shape (B, H)
    """
    w_input, w_hidden, b_input, b_hidden = layer.all_weights[0]
    weight = torch.cat([w_input, w_hidden], dim=1)
    gates = F.linear(torch.cat([x, hidden], dim=1), weight, b_input + b_hidden)
    i, f, g, o = gates.chunk(4, dim=-1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


class InverseLipschitz(nn.Module):
    r"""A map whose outputs differ by at least L times as much as its inputs.

    .. math:: f(z) = L \, E z + A^\top \mathrm{softplus}(A E z + b) + c,
        \quad \|f(z) - f(z')\| \ge L \, \|z - z'\|

    E pads with zeros to the width of the output. On that width f is the gradient of a
    convex potential with curvature of at least L: a one-layer case of Chaudhari et al.,
    "Gradient Networks", 2024, in place of the input-convex network, differentiated, of
    Kinoshita et al., "Controlling Posterior Collapse by an Inverse Lipschitz Constraint
    on the Decoder Network", 2023.

    Parameters
    ----------
    n_in, n_out : int
        With n_out at least n_in.
    bound : float
        L, positive.
    """

    def __init__(self, n_in: int, n_out: int, bound: float) -> None:
        super().__init__()
        self.padding = n_out - n_in
        self.bound = bound
        self.weight = nn.Parameter(torch.empty(n_out, n_out))
        self.bias = nn.Parameter(torch.empty(n_out))
        self.shift = nn.Parameter(torch.empty(n_out))

    def forward(self, z: Tensor) -> Tensor:
        """Map (..., n_in) to (..., n_out)."""
        padded = F.pad(z, (0, self.padding))
        slope = F.softplus(F.linear(padded, self.weight, self.bias))
        return self.bound * padded + F.linear(slope, self.weight.T, self.shift)


class KeysValues(NamedTuple):
    """Keys and values of the steps already decoded, (B, heads, t, H / heads) each."""

    key: Tensor
    value: Tensor


class SelfAttention(nn.Module):
    """Multi-head self-attention, causal or over the whole series."""

    def __init__(self, width: int, n_heads: int, causal: bool) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.head_size = width // n_heads
        self.causal = causal
        self.project = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within `x` of shape (B, T, H)."""
        query, key, value = self._split(x)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=self.causal)
        return self._merged(mixed)

    def step(self, x: Tensor, cache: KeysValues) -> tuple[Tensor, KeysValues]:
        """Attend from one new step (B, 1, H) to those before it and to itself.

        Written out in operations that torch differentiates forwards, unlike its fused
        attention.
        """
        query, key, value = self._split(x)
        key = torch.cat([cache.key, key], dim=2)  # (B, heads, t, H / heads)
        value = torch.cat([cache.value, value], dim=2)
        scores = query @ key.transpose(2, 3) / math.sqrt(key.shape[3])
        return self._merged(scores.softmax(dim=3) @ value), KeysValues(key, value)

    def empty_cache(self, like: Tensor) -> KeysValues:
        """Return the cache before the first step, for rows like those of `like`."""
        empty = like.new_zeros(len(like), self.n_heads, 0, self.head_size)
        return KeysValues(empty, empty)

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        B, T, _ = x.shape
        split = self.project(x).view(B, T, 3, self.n_heads, self.head_size)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # (B, heads, T, H / heads)
        return query, key, value

    def _merged(self, mixed: Tensor) -> Tensor:
        return self.merge(mixed.transpose(1, 2).flatten(2))  # (B, T, H)


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

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Map (B, T, H) to (B, T, H)."""
        mixed = self.attention(self.attention_norm(x))
        x = x + self.dropout(mixed, generator)
        return x + self.dropout(self.perceptron(x), generator)

    def step(self, x: Tensor, cache: KeysValues) -> tuple[Tensor, KeysValues]:
        """Map one step (B, 1, H) to (B, 1, H), without dropout."""
        mixed, cache = self.attention.step(self.attention_norm(x), cache)
        x = x + mixed
        return x + self.perceptron(x), cache
