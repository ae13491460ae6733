"""Mixtures of normals, and how noise chooses between what has a probability."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from tsgen.nn.likelihoods.normal import (
    normal_divergence,
    normal_log_prob,
    standard_normal_log_prob,
)
from tsgen.nn.likelihoods.truncation import mass_between, truncated_quantile

SMALLEST_MASS = 1e-4  # between the ends, that a density is divided by
SMALLEST_PART = 1e-15  # of a component between the ends, in float64
LOG_BEYOND = math.log(1e-3)  # share of the density that is left beyond the ends
SMALLEST_SHARE = 1e-9  # that something is divided by


class Mixture(NamedTuple):
    """A mixture of normals for every entry; (..., components, C) each.

    Truncated to ends (2, C) if there are any.
    """

    log_weight: Tensor
    mean: Tensor
    scale: Tensor
    ends: Tensor | None = None

    def log_prob(self, x: Tensor) -> Tensor:
        r"""Log-density of each entry: :math:`\ln \sum_k w_k N(x; \mu_k, \sigma_k)`.

        Divided by the probability between the ends. Beyond them, where only series that
        are not of training can be, a thousandth is left.
        """
        each = normal_log_prob(x[..., None, :], self.mean, self.scale)
        found = torch.logsumexp(self.log_weight + each, dim=-2)
        if self.ends is None:
            return found
        low, high = self.ends
        is_inside = (x >= low) & (x <= high)
        return found + torch.where(is_inside, -self.log_mass, LOG_BEYOND)

    @property
    def log_mass(self) -> Tensor:
        """Log-probability between the ends before they truncate, (..., C)."""
        mass = (self.log_weight.exp() * mass_between(*self._limits())).sum(dim=-2)
        return mass.clamp(min=SMALLEST_MASS).log()

    def _limits(self) -> Iterator[Tensor]:
        """Tell where the ends lie in each normal, from its mean and in its scale."""
        assert self.ends is not None
        return ((end - self.mean) / self.scale for end in self.ends)

    def reference(self, x: Tensor) -> Tensor:
        """Log-density of who knows nothing but the ends: N(0, 1), truncated to them."""
        found = standard_normal_log_prob(x)
        if self.ends is None:
            return found
        return found - mass_between(*self.ends).clamp(min=SMALLEST_MASS).log()

    def draw(self, probability: Tensor, deviation: Tensor) -> Tensor:
        """Turn noise (..., C) into observations.

        The probability, uniform in (0, 1), picks the component, 1/2 the likeliest one,
        and the deviation, standard normal, the place in it. One number for both would
        do, by quantiles, but at the ends of a component they magnify rounding.
        """
        place = chosen(self._log_share().movedim(-2, -1), probability)
        mean, scale = (
            part.gather(-2, place[..., None, :])[..., 0, :]
            for part in (self.mean, self.scale)
        )
        if self.ends is None:
            return mean + scale * deviation
        limits = ((end - mean) / scale for end in self.ends)
        found = mean + scale * truncated_quantile(deviation, *limits).to(mean)
        return found.clamp(*self.ends)

    def _log_share(self) -> Tensor:
        """Log-probability of each component, of what lies between the ends."""
        if self.ends is None:
            return self.log_weight
        mass = mass_between(*(limit.double() for limit in self._limits()))
        log_share = self.log_weight + mass.clamp(min=SMALLEST_PART).log()
        return log_share.log_softmax(dim=-2)

    def divergence(self) -> Tensor:
        """Bound the divergence of each entry to N(0, 1): the mean over components.

        The Kullback-Leibler divergence is convex, so that of the mixture is lower. That
        of both truncated, times the probability between the ends, is a part of it.
        """
        each = normal_divergence(self.mean, self.scale)
        found = (self.log_weight.exp() * each).sum(dim=-2)
        return found if self.ends is None else found / self.log_mass.exp()


def chosen(log_weight: Tensor, probability: Tensor) -> Tensor:
    """Choose one of several by numbers that are uniform in (0, 1).

    They lie on a circle, turned so that 1/2 is the middle of the likeliest one.

    Parameters
    ----------
    log_weight : Tensor of shape (..., n)
        Log-probabilities.
    probability : Tensor of shape (...,)

    Returns
    -------
    Tensor of shape (...,)
        Index of the chosen one.
    """
    upper, turned = _turned(log_weight.double().exp(), probability)
    return _located(upper, turned)[..., 0]


def chosen_within(log_weight: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
    """Choose as `chosen` does; tell also how far numbers lie within the chosen share.

    From 0 to 1, in float64: uniform, whichever is chosen.
    """
    weight = log_weight.double().exp()
    upper, turned = _turned(weight, probability)
    place = _located(upper, turned)
    share, end = (part.gather(-1, place)[..., 0] for part in (weight, upper))
    within = (turned - end + share) / share.clamp(min=SMALLEST_SHARE)
    return place[..., 0], within.clamp(0, 1)


def _turned(weight: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the shares end, one after the other, and numbers turned to them."""
    upper = weight.cumsum(dim=-1)
    largest = weight.argmax(dim=-1, keepdim=True)
    middle = (upper - weight / 2).gather(-1, largest)[..., 0]
    return upper, (probability.double() + middle - 0.5).remainder(1)


def _located(upper: Tensor, probability: Tensor) -> Tensor:
    """Tell in whose share probabilities (...,) lie, by the ends of shares (..., n)."""
    return (probability[..., None] > upper[..., :-1]).sum(dim=-1, keepdim=True)
