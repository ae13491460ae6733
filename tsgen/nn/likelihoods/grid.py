r"""Grids: what is rounded in training, as to whole numbers, has a probability.

.. math:: P(x) = \int_{x - d/2}^{x + d/2} \sum_k w_k N(u; \mu_k, \sigma_k^2 - d^2 / 12)
    \, du \approx d \sum_k w_k N(x; \mu_k, \sigma_k^2), \quad \sigma_k \ge d / 2

with the spacing d: rounding adds the variance :math:`d^2 / 12`. From half of the
spacing on these sum to 1 within 2 per cent. A density would be the higher the more
narrowly its normals stand on values of the grid, and tell little of all others.

Salimans et al., "PixelCNN++", 2017, take the integral, of logistic distributions.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

INWARD = 1e-3  # of the spacing, what rounding may have moved an end by


class Grid(NamedTuple):
    """One value of the grid of each channel, and the spacing, 0 without; (C,) each."""

    origin: Tensor
    spacing: Tensor

    @property
    def exists(self) -> Tensor:
        """Tell which channels have one, (C,)."""
        return self.spacing > 0

    @property
    def step(self) -> Tensor:
        """Spacing to divide by, 1 where there is none, (C,)."""
        return self.spacing.where(self.exists, 1.0)

    def nearest(self, x: Tensor, previous: Tensor) -> Tensor:
        """Round values (..., C), to the previous ones exactly if they are nearest."""
        found = self.origin + self.step * ((x - self.origin) / self.step).round()
        is_repeat = (found - previous).abs() < self.step / 2  # false after NaN
        return previous.where(is_repeat, found).where(self.exists, x)

    def narrowed(self, scale: Tensor) -> Tensor:
        """Take the variance of rounding from that of normals, of scales (..., C)."""
        return (scale.square() - self.spacing.square() / 12).sqrt()

    def inside(self, ends: Tensor) -> Tensor:
        """Move the ends of ranges (2, C) inward to the grid."""
        low, high = (ends - self.origin) / self.step
        low, high = (low - INWARD).ceil(), (high + INWARD).floor()
        found = self.origin + self.step * torch.stack([low, high])
        return found.where(self.exists, ends)
