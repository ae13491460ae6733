"""Autoregressive decoders: features h_t from the latent and x_1 ... x_{t-1} (app. B).

Both share one interface. `forward` reads a whole prefix at once (teacher forcing);
`begin` and `step` give the same features one step at a time, for generation.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tsgen.nn.layers import (
    CausalCache,
    Dropout,
    TransformerBlock,
    sinusoidal_embedding,
)


def delayed(x: Tensor) -> Tensor:
    """Shift series (B, T, C) by one step, with zeros at the first: the prefix."""
    return torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], dim=1)


class LSTMState:
    """What an `LSTMDecoder` carries from step to step."""

    def __init__(self, z: Tensor, layers: list[tuple[Tensor, Tensor]]) -> None:
        self.z = z
        self.layers = layers


class LSTMDecoder(nn.Module):
    """Stacked LSTMs whose first states are linear in the latent, s_0 = W z.

    With `skip_connections` the latent is also part of the input of every step
    (Dieng et al., "Avoiding Latent Variable Collapse with Generative Skip Models",
    2019).
    """

    def __init__(
        self,
        n_channels: int,
        latent_size: int,
        hidden_size: int,
        n_layers: int,
        dropout: float,
        *,
        skip_connections: bool,
    ) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.skip_connections = skip_connections
        self.initial_state = nn.Linear(latent_size, 2 * n_layers * hidden_size)
        first = n_channels + latent_size * skip_connections
        widths = [first] + [hidden_size] * (n_layers - 1)
        self.layers = nn.ModuleList(
            nn.LSTM(width, hidden_size, batch_first=True) for width in widths
        )
        self.dropout = Dropout(dropout)

    def forward(
        self, z: Tensor, prefix: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Map a latent (B, K) and a prefix (B, T, C) to features (B, T, H)."""
        return self._advance(self.begin(z), prefix, generator)

    def begin(self, z: Tensor) -> LSTMState:
        """Return the state before the first step."""
        states = self.initial_state(z)[None].chunk(2 * self.n_layers, dim=-1)
        states = [state.contiguous() for state in states]  # (1, B, H) each
        return LSTMState(z, list(zip(states[::2], states[1::2], strict=True)))

    def step(self, state: LSTMState, previous: Tensor) -> Tensor:
        """Map the previous observation (B, C) to features (B, H); advance `state`."""
        return self._advance(state, previous[:, None])[:, 0]

    def _advance(
        self, state: LSTMState, x: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        if self.skip_connections:
            skip = state.z[:, None].expand(-1, x.shape[1], -1)
            x = torch.cat([x, skip], dim=-1)  # (B, T, C + K)
        for index, layer in enumerate(self.layers):
            x, state.layers[index] = layer(x, state.layers[index])  # (B, T, H)
            x = self.dropout(x, generator)
        return x


class TransformerState:
    """What a `TransformerDecoder` carries from step to step."""

    def __init__(self, z: Tensor, n_layers: int) -> None:
        self.z = z
        self.cache = CausalCache(n_layers)


class TransformerDecoder(nn.Module):
    """Causal self-attention over the tokens z, x_1 ... x_{T-1}.

    The output at a token predicts the observation after it. With `skip_connections`
    a projection of the latent is added to every token.
    """

    def __init__(
        self,
        n_channels: int,
        latent_size: int,
        hidden_size: int,
        n_layers: int,
        n_heads: int,
        dropout: float,
        *,
        skip_connections: bool,
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(n_channels, hidden_size)
        self.embed_latent = nn.Linear(latent_size, hidden_size)
        self.skip = (
            nn.Linear(latent_size, hidden_size, bias=False)
            if skip_connections
            else None
        )
        self.blocks = nn.ModuleList(
            TransformerBlock(hidden_size, n_heads, dropout, causal=True)
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)

    def forward(
        self, z: Tensor, prefix: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """Map a latent (B, K) and a prefix (B, T, C) to features (B, T, H)."""
        first = self.embed_latent(z)[:, None]
        h = torch.cat([first, self.embed(prefix[:, 1:])], dim=1)  # (B, T, H)
        h = self._placed(h, z, 0)
        for block in self.blocks:
            h = block(h, generator)
        return self.norm(h)

    def begin(self, z: Tensor) -> TransformerState:
        """Return the state before the first step."""
        return TransformerState(z, len(self.blocks))

    def step(self, state: TransformerState, previous: Tensor) -> Tensor:
        """Map the previous observation (B, C) to features (B, H); advance `state`."""
        cache = state.cache
        token = self.embed(previous) if cache.length else self.embed_latent(state.z)
        h = self._placed(token[:, None], state.z, cache.length)  # (B, 1, H)
        for layer, block in enumerate(self.blocks):
            h = block(h, cache=cache, layer=layer)
        cache.length += 1
        return self.norm(h)[:, 0]

    def _placed(self, tokens: Tensor, z: Tensor, start: int) -> Tensor:
        stop = start + tokens.shape[1]
        position = torch.arange(start, stop, device=tokens.device)
        tokens = tokens + sinusoidal_embedding(position, tokens.shape[2]).to(tokens)
        return tokens if self.skip is None else tokens + self.skip(z)[:, None]


Decoder = LSTMDecoder | TransformerDecoder


def generate(
    decoder: Decoder,
    z: Tensor,
    emit: Callable[[Tensor, int], Tensor],
    n_timesteps: int,
    n_channels: int,
) -> Tensor:
    """Decode series freely: each emitted observation is the input of the next step.

    Parameters
    ----------
    decoder : LSTMDecoder or TransformerDecoder
    z : Tensor of shape (B, K)
    emit : callable
        From features (B, H) and the index of the step to an observation (B, C).
    n_timesteps, n_channels : int

    Returns
    -------
    Tensor of shape (B, T, C)
    """
    state = decoder.begin(z)
    observations = [z.new_zeros(len(z), n_channels)]
    for t in range(n_timesteps):
        features = decoder.step(state, observations[-1])  # type: ignore[arg-type]  # state of its own kind
        observations.append(emit(features, t))
    return torch.stack(observations[1:], dim=1)
