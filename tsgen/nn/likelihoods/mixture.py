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
        place, _ = chosen(self.log_weight.movedim(-2, -1), probability)
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


def located(probability: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Tell in whose share probabilities (...,) lie, and how far within it, (...,) each.

    The shares, of weights (..., n) that sum to 1, follow one another from 0 to 1.
    """
    upper = weight.cumsum(dim=-1)
    place = (probability[..., None] > upper[..., :-1]).sum(dim=-1, keepdim=True)
    share, end = weight.gather(-1, place), upper.gather(-1, place)
    within = (probability[..., None] - end + share) / share.clamp(min=SMALLEST_SHARE)
    return place[..., 0], within.clamp(0, 1)[..., 0]


def chosen(log_weight: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
    """Choose one of several by numbers that are uniform in (0, 1).

    They lie on a circle, turned so that 1/2 is the middle of the likeliest one.

    Parameters
    ----------
    log_weight : Tensor of shape (..., n)
        Log-probabilities.
    probability : Tensor of shape (...,)

    Returns
    -------
    place : Tensor of shape (...,)
        Index of the chosen one.
    within : Tensor of shape (...,), float64
        How far the number is within the share of the chosen one, from 0 to 1: uniform,
        whichever is chosen.
    """
    weight = log_weight.double().exp()
    middles = weight.cumsum(dim=-1) - weight / 2
    middle = middles.gather(-1, weight.argmax(dim=-1, keepdim=True))[..., 0]
    return located((probability.double() + middle - 0.5).remainder(1), weight)
