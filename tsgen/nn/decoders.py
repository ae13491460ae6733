"""Autoregressive decoders: features h_t from the latent and x_1 ... x_{t-1} (app. B).

Both share one interface. `forward` reads a whole prefix at once (teacher forcing), by
torch's fused kernels. `begin` and `step` give the same features one step at a time:
pure functions from state to state, in operations that torch differentiates forwards,
for generation and for the dependency measure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from tsgen.nn.layers import (
    Dropout,
    InverseLipschitz,
    KeysValues,
    TransformerBlock,
    lstm_cell,
    readable,
    sinusoidal_embedding,
)

BEND = 0.02  # of a change, how far the one before differs at least where series bend
ROUNDING = 2e-6  # of a bend of standardised values in float32, standard deviations


def delayed(x: Tensor, first: float = 0.0) -> Tensor:
    """Shift series (B, T, C) by one step, with `first` before them: the prefix."""
    return torch.cat([torch.full_like(x[:, :1], first), x[:, :-1]], dim=1)


class Past(NamedTuple):
    """What was observed just before, (..., C) each; NaN where that is not known.

    In a channel that lacks the last value the one observed before it stands for it.
    """

    value: Tensor
    change: Tensor  # from the value before it
    bend: Tensor  # how far that differs from the change before it
    missing: Tensor  # whether the last value is
    run: Tensor  # steps since it bent; -1, -2, ... since the beginning if it has not

    @classmethod
    def before_each(cls, previous: Tensor) -> Self:
        """Look back from every step, at the series delayed by one step (B, T, C).

        Steps of which nothing is observed are hidden: nothing stands for them.
        """
        value = carried(previous)
        change = value - delayed(value, first=torch.nan)
        bend = change - delayed(change, first=torch.nan)
        run = durations(bends(change, bend))
        return cls(value, change, bend, previous.isnan(), run)

    @classmethod
    def unknown(cls, x: Tensor) -> Self:
        """Look back from the first step, of observations like `x` (B, C)."""
        unknown = torch.full_like(x, torch.nan)
        first = torch.full_like(x, -1, dtype=torch.long)
        return cls(unknown, unknown, unknown, unknown.isnan(), first)

    def then(self, value: Tensor) -> Self:
        """Look back from one step later, after an observation (B, C)."""
        change = value - self.value
        bend = change - self.change
        run = self.run + self.run.sign() + (self.run == 0)
        run = run.masked_fill(bends(change, bend), 0)
        return type(self)(value, change, bend, value.isnan(), run)


def bends(change: Tensor, bend: Tensor) -> Tensor:
    """Tell where series bend: go on neither as they are, nor straight.

    Given how they change, and how far that differs from the change before. Not where
    either is not known.
    """
    return bend.abs() > BEND * change.abs() + ROUNDING


def durations(bent: Tensor) -> Tensor:
    """Count the steps (B, T, C) since series bent.

    Where they have not so far, -1, -2, ... are steps since the beginning.
    """
    step = torch.arange(bent.shape[1], device=bent.device)[:, None]
    last = torch.where(bent, step, -1).cummax(dim=1).values
    return torch.where(last < 0, -1 - step, step - last)


def carried(x: Tensor) -> Tensor:
    """Carry values on into gaps (B, T, C), but not into steps that are all gaps."""
    there = ~x.isnan()
    step = torch.arange(x.shape[1], device=x.device)[:, None]
    last = torch.where(there, step, 0).cummax(dim=1).values
    return x.gather(1, last).where(there.any(dim=2, keepdim=True), torch.nan)


def changes_of(x: Tensor) -> Tensor:
    """Tell how series (B, T, C) change from the last value observed; NaN if none was.

    In sparse channels few steps that follow each other are both observed.
    """
    return x - carried(delayed(x, first=torch.nan))


def _entrance(
    latent_size: int, width: int, inverse_lipschitz: float, *, bias: bool = True
) -> nn.Module:
    """Return the layer by which the latent enters: linear, or inverse-Lipschitz."""
    if inverse_lipschitz:
        return InverseLipschitz(latent_size, width, inverse_lipschitz)
    return nn.Linear(latent_size, width, bias=bias)


class LSTMState(NamedTuple):
    """What an `LSTMDecoder` carries from step to step; (B, ...) each.

    `z` is what every step reads of the latent, with skip connections.
    """

    z: Tensor
    hidden: tuple[Tensor, ...]
    cell: tuple[Tensor, ...]


class LSTMDecoder(nn.Module):
    """Stacked LSTMs whose first states are linear in the latent, s_0 = W z.

    With `skip_connections` the latent is also part of the input of every step
    (Dieng et al., "Avoiding Latent Variable Collapse with Generative Skip Models",
    2019). With `inverse_lipschitz` both enter by `InverseLipschitz` maps.
    """

    layers: Any  # nn.ModuleList of nn.LSTM

    def __init__(
        self,
        n_channels: int,
        latent_size: int,
        hidden_size: int,
        n_layers: int,
        dropout: float,
        *,
        skip_connections: bool,
        inverse_lipschitz: float = 0.0,
    ) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.skip_connections = skip_connections
        self.initial_state = _entrance(
            latent_size, 2 * n_layers * hidden_size, inverse_lipschitz
        )
        self.skip = (
            InverseLipschitz(latent_size, latent_size, inverse_lipschitz)
            if skip_connections and inverse_lipschitz
            else nn.Identity()
        )
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
        z, hidden, cell = self.begin(z)
        x = self._with_latent(prefix, z[:, None].expand(-1, prefix.shape[1], -1))
        for layer, h, c in zip(self.layers, hidden, cell, strict=True):
            x, _ = layer(x, (h[None].contiguous(), c[None].contiguous()))  # (B, T, H)
            x = self.dropout(x, generator)
        return x

    def begin(self, z: Tensor) -> LSTMState:
        """Return the state before the first step."""
        states = self.initial_state(z).chunk(2 * self.n_layers, dim=-1)  # (B, H) each
        return LSTMState(self.skip(z), states[::2], states[1::2])

    def step(self, state: LSTMState, previous: Tensor) -> tuple[Tensor, LSTMState]:
        """Map the previous observation (B, C) to features (B, H) and the next state."""
        x = self._with_latent(previous, state.z)
        after = []
        for layer, h, c in zip(self.layers, state.hidden, state.cell, strict=True):
            after.append(lstm_cell(layer, x, h, c))
            x = after[-1][0]
        hidden, cell = zip(*after, strict=True)
        return x, LSTMState(state.z, hidden, cell)

    def _with_latent(self, x: Tensor, z: Tensor) -> Tensor:
        return torch.cat([x, z], dim=-1) if self.skip_connections else x


class TransformerState(NamedTuple):
    """What a `TransformerDecoder` carries from step to step."""

    z: Tensor
    caches: tuple[KeysValues, ...]


class TransformerDecoder(nn.Module):
    """Causal self-attention over the tokens z, x_1 ... x_{T-1}.

    The output at a token predicts the observation after it. With `skip_connections`
    a projection of the latent is added to every token. With `inverse_lipschitz` both
    enter by `InverseLipschitz` maps.
    """

    blocks: Any  # nn.ModuleList of TransformerBlock

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
        inverse_lipschitz: float = 0.0,
    ) -> None:
        super().__init__()
        self.embed = nn.Linear(n_channels, hidden_size)
        self.embed_latent = _entrance(latent_size, hidden_size, inverse_lipschitz)
        self.skip = (
            _entrance(latent_size, hidden_size, inverse_lipschitz, bias=False)
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
        caches = (block.attention.empty_cache(z) for block in self.blocks)
        return TransformerState(z, tuple(caches))

    def step(
        self, state: TransformerState, previous: Tensor
    ) -> tuple[Tensor, TransformerState]:
        """Map the previous observation (B, C) to features (B, H) and the next state."""
        t = state.caches[0].key.shape[2]
        token = self.embed(previous) if t else self.embed_latent(state.z)
        h = self._placed(token[:, None], state.z, t)  # (B, 1, H)
        caches = []
        for block, cache in zip(self.blocks, state.caches, strict=True):
            h, cache = block.step(h, cache)
            caches.append(cache)
        return self.norm(h)[:, 0], TransformerState(state.z, tuple(caches))

    def _placed(self, tokens: Tensor, z: Tensor, start: int) -> Tensor:
        stop = start + tokens.shape[1]
        position = torch.arange(start, stop, device=tokens.device)
        tokens = tokens + sinusoidal_embedding(position, tokens.shape[2]).to(tokens)
        return tokens if self.skip is None else tokens + self.skip(z)[:, None]


Decoder = LSTMDecoder | TransformerDecoder


def generate(
    decoder: Decoder,
    z: Tensor,
    emit: Callable[[Tensor, Past, int], Tensor],
    n_timesteps: int,
    n_channels: int,
) -> Tensor:
    """Decode series freely: each emitted observation is the input of the next step.

    Parameters
    ----------
    decoder : LSTMDecoder or TransformerDecoder
    z : Tensor of shape (B, K)
    emit : callable
        From features (B, H), what was just before, and the index of the step to an
        observation (B, C).
    n_timesteps, n_channels : int

    Returns
    -------
    Tensor of shape (B, T, C)
    """
    state: Any = decoder.begin(z)
    past = Past.unknown(z.new_empty(len(z), n_channels))
    observations = []
    for t in range(n_timesteps):
        features, state = decoder.step(state, readable(past.value))
        observations.append(emit(features, past, t))
        past = past.then(observations[-1])
    return torch.stack(observations, dim=1)
