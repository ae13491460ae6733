"""Mixtures of normals, and how noise chooses between what has a probability."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tsgen.nn.likelihoods.normal import normal_divergence, normal_log_prob

SMALLEST_SHARE = 1e-9  # that something is divided by


class Mixture(NamedTuple):
    """A mixture of normals for every entry; (..., components, C) each."""

    log_weight: Tensor
    mean: Tensor
    scale: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        r"""Log-density of each entry: :math:`\ln \sum_k w_k N(x; \mu_k, \sigma_k)`."""
        each = normal_log_prob(x[..., None, :], self.mean, self.scale)
        return torch.logsumexp(self.log_weight + each, dim=-2)

    def draw(self, probability: Tensor, deviation: Tensor) -> Tensor:
        """Turn noise (..., C) into observations.

        The probability, uniform in (0, 1), picks the component, 1/2 the likeliest one,
        and the deviation, standard normal, the place in it. One number for both would
        do, by quantiles, but at the ends of a component they magnify rounding.
        """
        place = chosen(self.log_weight.movedim(-2, -1), probability)
        mean, scale = (
            part.gather(-2, place[..., None, :])[..., 0, :]
            for part in (self.mean, self.scale)
        )
        return mean + scale * deviation

    def divergence(self) -> Tensor:
        """Bound the divergence of each entry to N(0, 1): the mean over components.

        The Kullback-Leibler divergence is convex, so that of the mixture is lower.
        """
        each = normal_divergence(self.mean, self.scale)
        return (self.log_weight.exp() * each).sum(dim=-2)


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
