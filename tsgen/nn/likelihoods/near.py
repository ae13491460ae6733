"""Normals near the last value: how far from it a channel moves in one step."""

from __future__ import annotations

from typing import NamedTuple, Self

import torch
from torch import Tensor

from tsgen.nn.layers import readable

MEDIAN_CHANGE = 0.954  # of independent normal numbers of variance 1
SMALLEST_SCALE = 0.1  # of a normal near the last value, in typical changes


class Near(NamedTuple):
    r"""Last values, where the next ones are expected, typical changes, (..., C) each.

    .. math:: E x_t = \rho x_{t-1}, \quad \rho = \max(0, 1 - (s / 0.954)^2)

    of an autoregression of first order and variance 1, whose changes have the median
    size s. After a value that is not known, NaN, 0 is expected, and s = 1.
    """

    previous: Tensor
    middle: Tensor
    change: Tensor

    @classmethod
    def after(cls, previous: Tensor, changes: Tensor) -> Self:
        """Look ahead from values (..., C), NaN if unknown; changes (C,) are typical."""
        change = changes.expand_as(previous).masked_fill(previous.isnan(), 1.0)
        memory = (1 - (change / MEDIAN_CHANGE).square()).clamp(min=0)
        return cls(previous, memory * previous.nan_to_num(), change)

    def of(self, channels: list[int] | slice) -> Self:
        """Return those of some channels."""
        return type(self)(*(part[..., channels] for part in self))

    def news(self, x: Tensor) -> Tensor:
        """Tell how far values are from where they were expected, in units of means.

        At most 4: what jumps by more in one channel must not throw the others.
        """
        return readable((x - self.middle) / self.unit)

    @property
    def unit(self) -> Tensor:
        """Unit of means, between a typical change and a standard deviation.

        In typical changes a network is slow to learn what pulls values back to where
        the latent says they belong, in standard deviations small steps are lost.
        """
        return self.change.sqrt()

    def placement(
        self, is_near: Tensor, min_scale: float, narrowest: Tensor
    ) -> Placement:
        """Tell where normals lie: some of the K here, the others anywhere.

        The smallest scales are at most `min_scale`, but not below the `narrowest` (C,).
        """
        is_near = is_near[:, None]
        smallest = (SMALLEST_SCALE * self.change).clamp(max=min_scale)
        smallest = torch.maximum(smallest, narrowest)
        elsewhere = narrowest.clamp(min=min_scale)
        parts = (
            torch.where(is_near, here[..., None, :], far)
            for here, far in (
                (self.middle, 0.0),
                (self.unit, 1.0),
                (smallest, elsewhere),
                (self.change, 1.0),
            )
        )
        return Placement(*parts)


class Placement(NamedTuple):
    """Middles of normals, units of what shifts them, smallest scales and their units.

    (..., K, C) each.
    """

    middle: Tensor
    mean_unit: Tensor
    smallest: Tensor
    scale_unit: Tensor

    def of(self, channels: list[int] | slice) -> Self:
        """Return those of some channels."""
        return type(self)(*(part[..., channels] for part in self))

    def placed(self, mean: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Place normals, of means and scales (..., K, C) in these units."""
        placed = self.middle + self.mean_unit * mean
        return placed, self.smallest + self.scale_unit * scale
