"""Mixtures inflated at values that repeat or recur: atoms beside a density."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from tsgen.nn.likelihoods.grid import Grid
from tsgen.nn.likelihoods.mixture import Mixture, chosen_within
from tsgen.nn.likelihoods.normal import standard_normal_log_prob
from tsgen.nn.likelihoods.recurrence import NEVER, Recurring


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
