"""The likelihood of a whole observation: each channel given those before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsgen.nn.decoders import Past, delayed
from tsgen.nn.layers import full_precision, readable
from tsgen.nn.likelihoods.discrete import Categorical, SideBySide
from tsgen.nn.likelihoods.duration import Durations
from tsgen.nn.likelihoods.grid import Grid
from tsgen.nn.likelihoods.inflated import Inflated
from tsgen.nn.likelihoods.masks import (
    Masks,
    aligned,
    are_near,
    by_channel,
    into_means,
    n_units,
)
from tsgen.nn.likelihoods.mixture import Mixture
from tsgen.nn.likelihoods.near import Near, Placement
from tsgen.nn.likelihoods.normal import kept
from tsgen.nn.likelihoods.recurrence import NEVER, RecurringValues
from tsgen.nn.rows import any_change, widened

SAME_VALUE = 0.25  # of the spacing of a grid, how far off one of its values is still it
FAR = 1e6  # standard deviations, where nothing is truncated


class Ahead(NamedTuple):
    """What the step before tells of the next one, of all channels or of one.

    Where values are expected, where the normals lie, the log odds of a repeat in
    training, (C,), the values that may recur next, and which of them cannot, (..., R)
    of all channels.
    """

    near: Near
    placement: Placement
    usual_log_odds: Tensor
    values: Tensor
    never: Tensor

    def of(self, channels: list[int] | slice) -> Ahead:
        """Return what is told of some channels, with the recurring values of all."""
        return self._replace(
            near=self.near.of(channels),
            placement=self.placement.of(channels),
            usual_log_odds=self.usual_log_odds[channels],
        )


class MixtureLikelihood(nn.Module):
    r"""Mixtures with atoms, each channel given the features and the channels before it.

    .. math:: p(x_t | h_t) = \prod_c p(x_{tc} | h_t, x_{t-1}, x_{t-2},
        x_{t,1} \ldots x_{t,c-1})

    with `Inflated` factors, whose odds, weights, means and scales are linear in
    :math:`h_t`, in the last value of the channel, its change, and whether it repeated,
    recurred or is not known, and in a layer of masked units that see those of all
    channels, and the channels before c; means are also linear in the latter. Half of
    the normals lie near the last value, see `Near`. It holds what a diagonal normal
    cannot: channels that move together or are equal, small steps from a known value,
    exact repeats, values that recur, straight lines, rounded values (see
    `tsgen.nn.likelihoods.grid`), abrupt ends, where it is truncated, heavy tails.
    Discrete channels have `Categorical` factors, whose logits, beside their shares in
    training, and the log odds of a repeat, which are added to that of the previous
    value, are computed likewise. `Durations` of a channel add to its log odds.

    Germain et al., "MADE: Masked Autoencoder for Distribution Estimation", 2015;
    Uria et al., "RNADE: The real-valued neural autoregressive density-estimator", 2013.

    Parameters
    ----------
    hidden_size, n_channels : int
    min_scale : float
        Smallest standard deviation of a component, in units of the standardised
        series. Near the last value of a channel that moves little it may be smaller.
    n_components : int
        Normals in the mixture of a channel.
    n_values : sequence of int, default=()
        Values of each channel, 0 for continuous ones; () if all are. `set_values` says
        which, before anything else.
    n_recurring : sequence of int, default=()
        Recurring values of each channel, 0 for discrete ones; () without any.
        `set_recurrence` says which, before anything else.
    """

    support: Tensor
    log_share: Tensor
    usual_log_odds: Tensor
    log_change: Tensor  # typical ones
    grid_origin: Tensor
    grid_spacing: Tensor
    ends: Tensor
    limits: Tensor  # of what is rounded to values between the ends

    def __init__(
        self,
        hidden_size: int,
        n_channels: int,
        min_scale: float,
        n_components: int,
        n_values: Sequence[int] = (),
        n_recurring: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.n_channels = n_channels
        self.min_scale = min_scale
        self.n_components = n_components
        self.n_values = list(n_values) or [0] * n_channels
        self.continuous = [c for c, n in enumerate(self.n_values) if not n]
        self.discrete = [c for c, n in enumerate(self.n_values) if n]
        self.recurring = RecurringValues(n_recurring, self.continuous)
        owners = [*self.continuous, *self.recurring.owners, *self.discrete]
        self.durations = Durations(owners)
        self.outputs = self._outputs()
        self.inputs = 4 * list(range(n_channels)) + self.recurring.owners
        self.width = n_units(n_channels)
        n_outputs, n_seen = len(self.outputs), len(self.inputs)
        n_both = self.width + n_outputs
        self.from_features = nn.Linear(hidden_size, n_both)
        self.from_past = nn.Linear(n_seen, n_both, bias=False)
        self.from_channels = nn.Linear(n_seen, self.width, bias=False)
        self.from_units = nn.Linear(self.width, n_outputs, bias=False)
        n_means = n_components * n_channels
        self.shift = nn.Linear(2 * n_channels, n_means, bias=False)
        self._register_buffers()
        self.on_grid: list[int] = []
        self.bounded: list[int] = []

    def _register_buffers(self) -> None:
        n_channels = self.n_channels
        padded = torch.zeros(len(self.discrete), max(self.n_values))
        self.register_buffer("support", padded, persistent=False)
        self.register_buffer("log_share", padded.clone(), persistent=False)
        for name in ("usual_log_odds", "log_change", "grid_origin", "grid_spacing"):
            self.register_buffer(name, torch.zeros(n_channels), persistent=False)
        for name in ("ends", "limits"):
            self.register_buffer(name, torch.zeros(2, n_channels), persistent=False)

    def _outputs(self) -> list[int]:
        """Channels that the outputs belong to.

        First 3 K times all continuous ones, of their normals, then those of log odds
        that durations add to, then of the values of discrete channels, then spare ones,
        of none.
        """
        normals = self.continuous * 3 * self.n_components
        discrete = [c for c in self.discrete for _ in range(self.n_values[c])]
        used = normals + self.durations.owners + discrete
        return used + (aligned(len(used)) - len(used)) * [self.n_channels]

    @property
    def typical_change(self) -> Tensor:
        """Typical size of a change that is not 0, standard deviations, (C,)."""
        return self.log_change.exp()

    def set_values(self, values: Tensor, shares: Tensor) -> None:
        """Set the values of discrete channels, and their shares, (D, S) each.

        Values increase; after the last one of a channel it is repeated, with share 0.
        """
        self.support.copy_(values)
        self.log_share.copy_(shares.log().clamp(min=NEVER))

    def set_recurrence(
        self, repeats: Tensor, changes: Tensor, values: Tensor, shares: Tensor
    ) -> None:
        """Set how often values repeat, how much they change typically, (C,) each.

        And which recur, and how often, (R,) each, see `RecurringValues`.
        """
        self.usual_log_odds.copy_(repeats.logit())
        self.log_change.copy_(changes.log())
        self.recurring.set(values, shares, changes)
        on_line = [self.recurring.owners[r] for r in self.recurring.lines]
        self.durations.set(repeats, on_line)

    def set_grid(self, origins: Tensor, spacings: Tensor) -> None:
        """Set a value of the grid of each channel, and the spacing, 0 without; (C,).

        After `set_recurrence`.
        """
        self.grid_origin.copy_(origins)
        self.grid_spacing.copy_(spacings)
        self.on_grid = spacings.nonzero()[:, 0].tolist()
        self.recurring.tolerate(spacings * SAME_VALUE)

    def set_ends(self, ends: Tensor, abrupt: Tensor) -> None:
        """Set the ends of each channel, (2, C), and whether one is abrupt, (C,).

        After `set_grid`. The mixtures of channels with an abrupt end are truncated, and
        their lines go no further.
        """
        grid = Grid(self.grid_origin, self.grid_spacing)
        self.ends.copy_(grid.inside(ends.to(self.ends)))
        out = (grid.spacing / 2).where(abrupt > 0, FAR)
        self.limits.copy_(self.ends + torch.stack([-out, out]))
        self.recurring.limit(self.limits)
        self.bounded = abrupt.nonzero()[:, 0].tolist()

    def has_density(self, x: Tensor) -> Tensor:
        """Tell which entries of series (B, T, C) have a density.

        The others are missing, or have a probability: they repeat, recur, or are
        discrete or of a grid.
        """
        past, recurring = Past.before_each(delayed(x, first=torch.nan)), self.recurring
        there = ~x.isnan() & (x != past.value)
        at = recurring.at(x, recurring.after(past))
        for place, owner in enumerate(recurring.owners):
            there[..., owner] &= ~at[..., place]
        there[..., self.discrete + self.on_grid] = False
        return there

    def ranges(self, value_ends: Tensor, change_ends: Tensor) -> tuple[Tensor, Tensor]:
        """Bound observations and their changes by the ends of ranges in training.

        Changes may go beyond these, those of discrete channels are free. Values have
        the ends of `set_ends`. (2, C) each.
        """
        is_free = change_ends.isinf()
        is_free[:, self.discrete] = True
        steps = Grid(torch.zeros_like(self.grid_origin), self.grid_spacing)
        changes = steps.inside(widened(change_ends))
        return self.ends, torch.where(is_free, any_change(self.ends), changes)

    def forward(self, h: Tensor, past: Past) -> ChannelMixtures:
        """Map features (..., H) and what was just before to distributions (..., C)."""
        return ChannelMixtures(self, h, past)

    def conditionals(self, h: Tensor, past: Past, x: Tensor) -> Inflated | SideBySide:
        """Distribution of every channel of `x` (..., C), given those before it."""
        from_past, into_units, from_units, into_means = self._masked_weights()
        units, raw = self._before(h, past, from_past)
        ahead = self._ahead(past)
        seen = self._seen(x, ahead)
        units = F.relu(units + F.linear(seen, into_units))
        raw = raw + F.linear(units, from_units)
        shift = self._shift(x, ahead, into_means)
        some, others = self.continuous, self.discrete
        size = len(some) * (3 * self.n_components + 1)
        n_recurring = len(self.recurring.owners)
        sizes = [size, n_recurring, len(others), *(self.n_values[c] for c in others)]
        each, recurs, stays, *logits = raw[..., : sum(sizes)].split(sizes, dim=-1)
        if not others:
            return self._inflated(each, recurs, shift, ahead)
        return SideBySide(
            self._inflated(each, recurs, shift[..., some], ahead.of(some)),
            self._categorical(stays, logits, past.value[..., others]),
            (some, others),
        )

    def draw(
        self, h: Tensor, past: Past, eps: Tensor, known: Tensor | None = None
    ) -> Tensor:
        """Turn noise (..., 2, C) into observations, one channel after the other."""
        from_past, into_units, from_units, into_means = self._masked_weights()
        units, raw = self._before(h, past, from_past)
        outputs, rows, columns = (
            by_channel(part, dim, owners, self.n_channels)
            for part, dim, owners in (
                (raw, -1, self.outputs),
                (from_units, 0, self.outputs),
                (into_units, 1, self.inputs),
            )
        )
        ahead, told, drawn = self._ahead(past), h.new_zeros(*h.shape[:-1], 0), []
        for c, noise in enumerate(eps.split(1, dim=-1)):
            here = ahead.of(slice(c, c + 1))
            each = outputs[c] + F.linear(F.relu(units), rows[c])
            shift = F.linear(told, into_means[:, c, : 2 * c])[..., None]  # (..., K, 1)
            x = self._entry(c, each, shift, here).draw(noise)
            x = x if known is None else kept(known[..., c : c + 1], x)
            units = units + F.linear(self._seen(x, here, c), columns[c])
            told = torch.cat([told, here.near.news(x), readable(x)], dim=-1)
            drawn.append(x)
        return torch.cat(drawn, dim=-1)

    def _shift(self, x: Tensor, ahead: Ahead, weight: Tensor) -> Tensor:
        """How the channels before each move its means, (..., K, C)."""
        told = torch.stack([ahead.near.news(x), readable(x)], dim=-1)  # (..., C, 2)
        shift = F.linear(told.flatten(-2), weight.flatten(0, 1))
        return shift.unflatten(-1, (self.n_components, self.n_channels))

    def _before(self, h: Tensor, past: Past, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Units and outputs before any channel of the step is seen."""
        both = self.from_features(h) + F.linear(self._seen_before(past), weight)
        units, outputs = both.split([self.width, len(self.outputs)], dim=-1)
        odds = self.durations(past.run)
        first = 3 * self.n_components * len(self.continuous)
        rest = len(self.outputs) - first - odds.shape[-1]
        return units, outputs + F.pad(odds, (first, rest))

    def _ahead(self, past: Past) -> Ahead:
        """Look ahead from what was just before."""
        near = Near.after(past.value, self.typical_change)
        is_near = are_near(self.n_components, near.change.device)
        values = self.recurring.after(past)
        return Ahead(
            near,
            near.placement(is_near, self.min_scale, self.grid_spacing / 2),
            self.usual_log_odds,
            values,
            self.recurring.never(values, past.value),
        )

    def _seen(self, x: Tensor, ahead: Ahead, channel: int | None = None) -> Tensor:
        """Put what is seen of all channels side by side, or (..., 4 + R) of one."""
        changes = self.typical_change[slice(None) if channel is None else channel]
        change = (x - ahead.near.previous) / changes
        recurs = self.recurring.at(x, ahead.values, channel)
        return _side_by_side(x, change, x.isnan(), recurs)

    def _seen_before(self, past: Past) -> Tensor:
        """Put what is seen of the last step side by side, (..., 4 C + R)."""
        change = past.change / self.typical_change
        return _side_by_side(
            past.value, change, past.missing, self.recurring.at_last(past)
        )

    def _entry(
        self, channel: int, raw: Tensor, shift: Tensor, ahead: Ahead
    ) -> Inflated | Categorical:
        """Read the outputs of one channel as the distribution of its kind."""
        if not self.n_values[channel]:
            size = 3 * self.n_components + 1
            each, recurs = raw[..., :size], raw[..., size:]
            return self._inflated(each, recurs, shift, ahead, channel)
        place = self.discrete.index(channel)
        which = slice(place, place + 1)
        return self._categorical(
            raw[..., :1], [raw[..., 1:]], ahead.near.previous, which
        )

    def _inflated(
        self,
        raw: Tensor,
        recurs: Tensor,
        shift: Tensor,
        ahead: Ahead,
        channel: int | None = None,
    ) -> Inflated:
        """Read outputs of all continuous channels, or of one, as distributions.

        Outputs have shapes (..., (3 K + 1) C) and, of recurring values, (..., R),
        shifts of means (..., K, C). What is told of the next step is of these channels.
        """
        size = self.n_components
        raw, recurs = full_precision(raw), full_precision(recurs)
        raw = raw.unflatten(-1, (3 * size + 1, shift.shape[-1]))
        logits, mean, raw_scale, log_odds = raw.split([size, size, size, 1], dim=-2)
        mean, scale = ahead.placement.placed(
            mean + full_precision(shift), F.softplus(raw_scale)
        )
        return Inflated(
            log_odds[..., 0, :] + ahead.usual_log_odds,
            ahead.usual_log_odds,
            ahead.near.previous,
            self.recurring.read(recurs, ahead.values, ahead.never, channel),
            Mixture(logits.log_softmax(dim=-2), mean, scale, self._truncation(channel)),
            self._grid(channel),
        )

    def _truncation(self, channel: int | None) -> Tensor | None:
        """Return where all continuous channels, or one, are truncated; None if not."""
        if not self.bounded or (channel is not None and channel not in self.bounded):
            return None
        return self.limits[:, self._continuous(channel)]

    def _grid(self, channel: int | None) -> Grid | None:
        """Return the grids of all continuous channels, or of one; None without any."""
        if not self.on_grid or (channel is not None and channel not in self.on_grid):
            return None
        which = self._continuous(channel)
        return Grid(self.grid_origin[which], self.grid_spacing[which])

    def _continuous(self, channel: int | None) -> slice | list[int]:
        """Tell which are all continuous channels, or choose one."""
        if channel is not None:
            return slice(channel, channel + 1)
        return self.continuous if self.discrete else slice(None)

    def _categorical(
        self,
        log_odds: Tensor,
        logits: list[Tensor],
        previous: Tensor,
        which: slice = slice(None),
    ) -> Categorical:
        """Read outputs of some discrete channels as distributions.

        The log odds of repeats (..., D), and the logits (..., S) of each.
        """
        support, log_share = self.support[which], self.log_share[which]
        width = support.shape[-1]
        padded = [F.pad(part, (0, width - part.shape[-1])) for part in logits]
        repeats = full_precision(log_odds)[..., None] * (support == previous[..., None])
        log_weight = log_share + full_precision(torch.stack(padded, -2)) + repeats
        log_weight = log_weight.log_softmax(dim=-1)
        return Categorical(log_weight, log_share, support)

    def _masked_weights(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Weights from the past, into the units, out of them, and into the means.

        The last ones are (K, C, 2 C). Left out are those of `Masks` and `into_means`.
        """
        device = self.shift.weight.device
        inputs, outputs = (
            torch.tensor(owners, device=device)
            for owners in (self.inputs, self.outputs)
        )
        used = Masks.of(inputs, outputs, self.width, self.n_channels)
        shape = (self.n_components, self.n_channels)
        shift = self.shift.weight.view(*shape, 2, self.n_channels)
        return (
            self.from_past.weight * used.from_past,
            self.from_channels.weight * used.into_units,
            self.from_units.weight * used.from_units,
            (shift * into_means(*shape, device)).transpose(-1, -2).flatten(-2),
        )


def _side_by_side(x: Tensor, change: Tensor, missing: Tensor, recurs: Tensor) -> Tensor:
    """Put side by side changes, values, and whether these repeat, lack or recur."""
    flags = (part.to(x) for part in (change == 0, missing, recurs))
    return torch.cat([readable(change.asinh()), readable(x), *flags], dim=-1)


class ChannelMixtures(NamedTuple):
    """Distributions of observations by a `MixtureLikelihood`, given its features."""

    likelihood: MixtureLikelihood
    features: Tensor
    past: Past

    def part(self, rows: slice) -> ChannelMixtures:
        """Return the distributions of some of the series."""
        past = Past(*(part[rows] for part in self.past))
        return self._replace(features=self.features[rows], past=past)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-likelihood of each entry, given the channels before it."""
        log_prob = self._given(x).log_prob(x.nan_to_num())
        return log_prob.masked_fill(x.isnan(), 0.0)

    def draw(self, eps: Tensor, known: Tensor | None = None) -> Tensor:
        """Turn noise (..., 2, C) into observations."""
        return self.likelihood.draw(self.features, self.past, eps, known)

    def gain(self, x: Tensor) -> Tensor:
        """Log-likelihood of each entry above that of who knows only the marginals."""
        return self._given(x).gain(x).masked_fill(x.isnan(), 0.0)

    def divergence(self, x: Tensor) -> Tensor:
        """Bound the expected gain of each entry over its reference."""
        return self._given(x).divergence().masked_fill(x.isnan(), 0.0)

    def _given(self, x: Tensor) -> Inflated | SideBySide:
        return self.likelihood.conditionals(self.features, self.past, x)
