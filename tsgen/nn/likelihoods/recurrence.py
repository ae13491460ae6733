r"""Values that channels take again and again, exactly: atoms beside a mixture.

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
from torch.nn import functional as F

from tsgen.nn.decoders import Past
from tsgen.nn.likelihoods.grid import Grid
from tsgen.nn.likelihoods.mixture import Mixture, chosen_within
from tsgen.nn.likelihoods.normal import standard_normal_log_prob

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


class Inflated(NamedTuple):
    r"""A mixture of normals, inflated at values that are taken exactly.

    .. math:: \ln p(x) = \begin{cases}
        \ln \rho & x = x_{t-1} \\
        \ln(1 - \rho) + \ln p_r & x = v_r, \text{else} \\
        \ln(1 - \rho) + \ln p_0 + \ln \textstyle\sum_k w_k N(x; \mu_k, \sigma_k) &
        \text{else} \end{cases}

    A probability where values repeat or recur, a density elsewhere. On a grid what the
    mixture has there is a probability too, and adds to the others: it may be rounded to
    a value that repeats or recurs. The log odds of a repeat, those in training, and the
    previous value have shape (..., C); where that is not known, it is NaN and
    :math:`\rho = 0`.
    """

    log_odds: Tensor
    usual_log_odds: Tensor
    previous: Tensor
    recurring: Recurring
    mixture: Mixture
    grid: Grid | None = None  # if a channel has one

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probability of what repeats, recurs or is of a grid, log-density else."""
        repeats, changes = self._log_probabilities()
        at, is_other = self._recurs(x)
        none, density = self._log_none(), self.mixture.log_prob(x)
        recurs = self._sum(at * self.recurring.log_odds) + none
        other = changes + recurs + torch.where(is_other, density, 0.0)
        found = torch.where(x == self.previous, repeats, other)
        if self.grid is None:
            return found
        rounded = changes + none + density + self.grid.step.log()
        both = torch.logaddexp(found, rounded)
        both = torch.where(is_other & (x != self.previous), rounded, both)
        return torch.where(self.grid.exists, both, found)

    def gain(self, x: Tensor) -> Tensor:
        r"""Log-likelihood of what each entry does, above that of the marginals.

        .. math:: \begin{cases} \ln \rho - \ln r & x = x_{t-1} \\
            \ln p_r - \ln q_r & x = v_r, \text{else} \\
            \ln \textstyle\sum_k w_k N(x; \mu_k, \sigma_k) - \ln N(x; 0, 1) &
            \text{else} \end{cases}

        with the shares r and q in training, both densities truncated to the ends if
        there are any. The probability of being none of these does not count: else they
        would be made likely to hide a density.
        """
        repeats, _ = self._log_probabilities()
        at, is_other = self._recurs(x)
        gains = self.recurring.log_odds - self.recurring.log_share
        recurs = self._sum(at * gains) + self._log_none()
        density = self.mixture.log_prob(x.nan_to_num()) - self.mixture.reference(x)
        return torch.where(
            x == self.previous,
            repeats - F.logsigmoid(self.usual_log_odds),
            torch.where(is_other, density, recurs),
        )

    def draw(self, eps: Tensor) -> Tensor:
        """Turn noise (..., 2, C) into observations, 0 into the likeliest ones."""
        which, deviation = eps.unbind(-2)
        repeats, changes = self._log_probabilities()
        other = changes + self._log_none()
        log_odds, values = self.recurring.spread(other.shape[-1])  # (..., C, S) each
        log_weight = torch.stack([other, repeats], dim=-1)
        log_weight = torch.cat([log_weight, other[..., None] + log_odds], dim=-1)
        place, within = chosen_within(log_weight, torch.special.ndtr(which.double()))
        exact = torch.cat([self.previous[..., None], values], dim=-1)
        exact = exact.gather(-1, (place - 1).clamp(min=0)[..., None])[..., 0]
        return torch.where(place == 0, self._drawn(within, deviation), exact)

    def _drawn(self, probability: Tensor, deviation: Tensor) -> Tensor:
        """Draw from the mixture, and round to the grid if there is one."""
        if self.grid is None:
            return self.mixture.draw(probability, deviation)
        narrow = self.mixture._replace(scale=self.grid.narrowed(self.mixture.scale))
        return self.grid.nearest(narrow.draw(probability, deviation), self.previous)

    def divergence(self) -> Tensor:
        r"""Bound the divergence of each entry from N(0, 1) and the shares in training.

        .. math:: \rho \, (\ln\rho - \ln N(x_{t-1}; 0, 1)) + (1 - \rho) \big(
            \ln(1 - \rho) + \textstyle\sum_r p_r (\ln p_r - \ln q_r)
            + p_0 (\ln p_0 - \ln q_0 + \textstyle\sum_k w_k KL_k) \big)

        with the shares q of recurring values, and :math:`q_0` of any other.
        """
        repeats, changes = self._log_probabilities()
        reference = standard_normal_log_prob(self.previous.nan_to_num())
        repeated = repeats.exp() * (repeats - reference)
        none, log_odds = self._log_none(), self.recurring.log_odds
        gains = (none[..., self.recurring.owner] + log_odds) - self.recurring.log_share
        recurring = none.exp() * self._sum(log_odds.exp() * gains)
        shares = self._sum(self.recurring.log_share.exp())
        usual = (-shares).log1p()
        other = none.exp() * (none - usual + self.mixture.divergence())
        return repeated + changes.exp() * (changes + recurring + other)

    def _recurs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Tell which recurring values entries are at, (..., R), and which at none."""
        at = self.recurring.at(x)
        return at, self._sum(at.to(x)) == 0

    def _sum(self, each: Tensor) -> Tensor:
        return self.recurring.by_channel(each, self.previous.shape[-1])

    def _log_none(self) -> Tensor:
        return self.recurring.log_none(self.previous.shape[-1])

    def _log_probabilities(self) -> tuple[Tensor, Tensor]:
        """Log-probability of a repeat, and of a change."""
        log_odds = self.log_odds.masked_fill(self.previous.isnan(), NEVER)
        return F.logsigmoid(log_odds), F.logsigmoid(-log_odds)


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
