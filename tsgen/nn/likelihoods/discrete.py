"""The likelihood of discrete channels, alone and beside continuous ones."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from tsgen.nn.likelihoods.inflated import Inflated
from tsgen.nn.likelihoods.mixture import chosen


class Categorical(NamedTuple):
    r"""One of the values that a discrete channel takes, in increasing order.

    The log-probabilities of values have shape (..., D, S); the logs of their shares of
    the training series, which are the reference, and the values themselves (D, S).
    Channels with fewer values than others end with repeats of their last one, which
    have no share and no weight.
    """

    log_weight: Tensor
    log_share: Tensor
    support: Tensor

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probability of each entry (..., D); minus infinity if it is no value."""
        place = (self.support < x[..., None]).sum(dim=-1, keepdim=True)
        place = place.clamp(max=self.support.shape[-1] - 1)
        value = self.support.expand(*x.shape, -1).gather(-1, place)
        log_prob = self.log_weight.expand(*x.shape, -1).gather(-1, place)
        return log_prob.masked_fill(value != x[..., None], -torch.inf)[..., 0]

    def draw(self, eps: Tensor) -> Tensor:
        """Turn noise (..., 2, D) into observations, 0 into the likeliest ones."""
        which = torch.special.ndtr(eps[..., 0, :].double())
        place = chosen(self.log_weight, which)
        support = self.support.expand_as(self.log_weight)
        return support.gather(-1, place[..., None])[..., 0]

    def gain(self, x: Tensor) -> Tensor:
        """Log-probability of each entry above the log of its share in training."""
        marginals = Categorical(self.log_share, self.log_share, self.support)
        x = x.nan_to_num()
        return self.log_prob(x) - marginals.log_prob(x)

    def divergence(self) -> Tensor:
        r"""Kullback-Leibler divergence of each entry to the shares q in training.

        .. math:: \sum_v p_v (\ln p_v - \ln q_v)
        """
        gain = self.log_weight - self.log_share
        return (self.log_weight.exp() * gain).sum(dim=-1)


class SideBySide(NamedTuple):
    """Entries of channels of which some are continuous and the others discrete.

    `channels` tells which ones are the C - D continuous ones, and which the D others.
    """

    continuous: Inflated
    discrete: Categorical
    channels: tuple[list[int], list[int]]

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probability or log-density of each entry."""
        first, second = (x[..., which] for which in self.channels)
        return self._joined(
            self.continuous.log_prob(first), self.discrete.log_prob(second)
        )

    def gain(self, x: Tensor) -> Tensor:
        """Log-likelihood of each entry above that of the marginals."""
        first, second = (x[..., which] for which in self.channels)
        return self._joined(self.continuous.gain(first), self.discrete.gain(second))

    def divergence(self) -> Tensor:
        """Bound the expected gain of each entry over the reference."""
        return self._joined(self.continuous.divergence(), self.discrete.divergence())

    def _joined(self, continuous: Tensor, discrete: Tensor) -> Tensor:
        """Put figures of both kinds in the order of the channels."""
        channels = [*self.channels[0], *self.channels[1]]
        order = sorted(range(len(channels)), key=channels.__getitem__)
        return torch.cat([continuous, discrete], dim=-1)[..., order]
