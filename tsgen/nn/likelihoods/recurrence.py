"""Values that channels take again and again, exactly.

The value of the step before, the few values of a channel that stand out in training,
such as the zeros of sales or the ends of a range, and the next value of a straight
line, where values were interpolated.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tsgen.nn.decoders import Past

NEVER = -1e4  # log odds of what cannot be
LARGEST_ODDS = 30.0  # logs; the exponential is finite in float32
LINE_TOLERANCE = 3e-3  # of a typical change, off a straight line
ROUNDING = 1e-6  # of standardised values in float32, standard deviations
STEEP = 10  # times how far off a line it rises or falls at least


class Recurring(NamedTuple):
    r"""Probabilities of recurring values of channels, given that none is repeated.

    .. math:: p_r = e^{l_r} p_0, \quad p_0 = 1 / (1 + \textstyle\sum_r e^{l_r})

    over the values r of a channel, with the probability :math:`p_0` of any other. The
    log odds :math:`l` have shape (..., R); the values that recur (R,), or (..., R) if
    some go on straight lines, NaN where there is none; the logs of their shares in
    training, the channels that they belong to, and how far off they are still met (R,).
    """

    log_odds: Tensor
    values: Tensor
    log_share: Tensor
    owner: Tensor
    tolerance: Tensor

    def at(self, x: Tensor) -> Tensor:
        """Tell which values entries (..., C) are at: (..., R)."""
        return met(x[..., self.owner], self.values, self.tolerance)

    def by_channel(self, each: Tensor, n_channels: int) -> Tensor:
        """Sum figures of values (..., R) over each channel: (..., C)."""
        zeros = each.new_zeros(*each.shape[:-1], n_channels)
        return zeros.index_add(-1, self.owner, each)

    def spread(self, n_channels: int) -> tuple[Tensor, Tensor]:
        """Put log odds and values by channel, (..., C, S) each; others never happen."""
        if n_channels == 1:
            values = self.values.expand_as(self.log_odds)
            return self.log_odds[..., None, :], values[..., None, :]
        first = torch.searchsorted(self.owner, self.owner)
        place = torch.arange(len(self.owner), device=first.device) - first
        width = int(place.max()) + 1 if len(place) else 0
        shape = (*self.log_odds.shape[:-1], n_channels, width)
        log_odds = self.log_odds.new_full(shape, NEVER)
        log_odds[..., self.owner, place] = self.log_odds
        values = torch.zeros_like(log_odds)
        values[..., self.owner, place] = self.values
        return log_odds, values

    def log_none(self, n_channels: int) -> Tensor:
        """Log-probability of any other value, (..., C)."""
        return -self.by_channel(self.log_odds.exp(), n_channels).log1p()


def met(x: Tensor, values: Tensor, tolerance: Tensor) -> Tensor:
    """Tell which entries are at their values, (..., R) each; none is at NaN."""
    return (x - values).abs() <= tolerance


class RecurringValues(nn.Module):
    """The values that recur of each channel, and how often each does in training.

    One of a channel may be NaN: it stands for the next value on the straight line
    through the last two.

    Parameters
    ----------
    sizes : sequence of int
        Number of each channel. `set` says which they are, before anything else.
    continuous : sequence of int
        Channels that are not discrete; the others have no recurring values.
    """

    values: Tensor
    log_share: Tensor
    usual_log_odds: Tensor  # to any other value of the channel, in training
    tolerance: Tensor  # how far off a value is still met
    limits: Tensor  # beyond which no line goes on
    owner: Tensor  # channel of each value
    place: Tensor  # of that channel among the continuous ones

    def __init__(self, sizes: Sequence[int], continuous: Sequence[int]) -> None:
        super().__init__()
        self.owners = [c for c, n in enumerate(sizes) for _ in range(n)]
        self.places = [continuous.index(c) for c in self.owners]
        self.lines: list[int] = []  # which values are on a line
        for name in ("values", "log_share", "usual_log_odds", "tolerance"):
            nothing = torch.zeros(len(self.owners))
            self.register_buffer(name, nothing, persistent=False)
        nothing = torch.zeros(2, len(self.owners))
        self.register_buffer("limits", nothing, persistent=False)
        for name in ("owner", "place"):
            nowhere = torch.zeros(len(self.owners), dtype=torch.long)
            self.register_buffer(name, nowhere, persistent=False)

    def set(self, values: Tensor, shares: Tensor, changes: Tensor) -> None:
        """Set the values, channel by channel, and their shares, (R,) each.

        And how much channels change typically, (C,).
        """
        assert len(values) == len(shares) == len(self.owners)
        owner = torch.tensor(self.owners, dtype=torch.long)
        self.owner.copy_(owner)
        self.place.copy_(torch.tensor(self.places))
        self.values.copy_(values)
        self.log_share.copy_(shares.log())
        total = shares.new_zeros(len(changes)).index_add(0, owner, shares)
        self.usual_log_odds.copy_(shares.log() - (-total[self.owners]).log1p())
        off = LINE_TOLERANCE * changes[self.owners] + ROUNDING
        self.tolerance.copy_(off * values.isnan())
        self.lines = values.isnan().nonzero()[:, 0].tolist()

    def tolerate(self, off: Tensor) -> None:
        """Let entries of channels be off by so much, (C,), from values not on lines."""
        on_line = self.values.isnan()
        self.tolerance.copy_(torch.where(on_line, self.tolerance, off[self.owners]))

    def limit(self, limits: Tensor) -> None:
        """Let no line go on beyond the limits of channels, (2, C)."""
        self.limits.copy_(limits[:, self.owners])

    def owned(self, channel: int | None) -> slice:
        """Tell which values are those of a channel; None is for all."""
        if channel is None:
            return slice(None)
        ends = bisect_left(self.owners, channel), bisect_right(self.owners, channel)
        return slice(*ends)

    def after(self, past: Past) -> Tensor:
        """Return the values that may come next, (..., R), or (R,) if none is on a line.

        NaN where no line goes on.
        """
        if not self.lines:
            return self.values
        values = self.values.repeat(*past.value.shape[:-1], 1)
        values[..., self.lines] = self._straight_on(past)
        return values

    def _straight_on(self, past: Past) -> Tensor:
        """Go on straight from the last two values, (..., L).

        NaN where these are equal or not known, where it comes to a recurring value, and
        beyond the limits.
        """
        channels = [self.owners[r] for r in self.lines]
        change = past.change[..., channels]
        ahead = past.value[..., channels] + change
        is_own = self.owner == self.owner[self.lines, None]  # (L, R)
        off = self.tolerance[self.lines]
        recurs = is_own & met(ahead[..., None], self.values, off[:, None])
        goes_on = (change.abs() > STEEP * off) & ~recurs.any(dim=-1)
        low, high = self.limits[:, self.lines]
        is_inside = (ahead >= low - off) & (ahead <= high + off)
        return ahead.where(goes_on & is_inside, torch.nan)

    def at_last(self, past: Past) -> Tensor:
        """Tell which values the last observations are at, (..., R)."""
        at = met(past.value[..., self.owner], self.values, self.tolerance)
        channels = [self.owners[r] for r in self.lines]
        bend, change = past.bend[..., channels], past.change[..., channels]
        off = self.tolerance[self.lines]
        at[..., self.lines] = (bend.abs() <= off) & (change.abs() > STEEP * off)
        return at

    def at(self, x: Tensor, values: Tensor, channel: int | None = None) -> Tensor:
        """Tell which of the values of `after` observations are at, (..., R).

        Observations have shape (..., C), or (..., 1) of one channel, whose values are
        told then.
        """
        if channel is None:
            return met(x[..., self.owner], values, self.tolerance)
        own = self.owned(channel)
        return met(x, values[..., own], self.tolerance[own])

    def never(self, values: Tensor, previous: Tensor) -> Tensor:
        """Tell which of the values of `after` cannot come after the previous (..., C).

        (..., R): they would be repeats, or there is no line to go on.
        """
        return met(previous[..., self.owner], values, self.tolerance) | values.isnan()

    def read(
        self, raw: Tensor, values: Tensor, never: Tensor, channel: int | None = None
    ) -> Recurring:
        """Read outputs of all values (..., R), or of those of one channel, as odds.

        Values of `after`, and which are never next, are of all.
        """
        which = self.owned(channel)
        log_odds = (raw + self.usual_log_odds[which]).clamp(max=LARGEST_ODDS)
        place = self.place[which]
        return Recurring(
            log_odds.masked_fill(never[..., which], NEVER),
            values[..., which],
            self.log_share[which],
            place if channel is None else torch.zeros_like(place),
            self.tolerance[which],
        )
