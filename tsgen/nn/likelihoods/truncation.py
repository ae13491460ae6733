r"""Truncated normals: what is left of N(0, 1) between two ends.

.. math:: p(u) = N(u; 0, 1) / (\Phi(h) - \Phi(l)), \quad l \le u \le h

Ends above 0 are mirrored: there :math:`\Phi` is so near 1 that digits are lost. It is
taken of erfc, which keeps those near 0.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def mass_between(low: Tensor, high: Tensor) -> Tensor:
    r"""Probability of N(0, 1) between two ends, :math:`\Phi(h) - \Phi(l)`."""
    low, high, _ = _mirrored(low, high)
    return _cdf(high) - _cdf(low)


def truncated_quantile(deviation: Tensor, low: Tensor, high: Tensor) -> Tensor:
    r"""Turn standard normal numbers u into such between two ends.

    .. math:: \Phi^{-1}(\Phi(l) + \Phi(u) (\Phi(h) - \Phi(l)))

    Without ends, -inf and inf, they stay what they are; far from 0 they are at the end
    that is nearer to it. In float64.
    """
    low, high, is_mirrored = _mirrored(low.double(), high.double())
    deviation = torch.where(is_mirrored, -deviation, deviation).double()
    below, mass = _cdf(low), _cdf(high) - _cdf(low)
    found = torch.special.ndtri(below + _cdf(deviation) * mass).clamp(low, high)
    found = torch.where(mass > 0, found, high)
    return torch.where(is_mirrored, -found, found)


def _cdf(x: Tensor) -> Tensor:
    """Distribution function of N(0, 1)."""
    return 0.5 * torch.erfc(-x / math.sqrt(2))


def _mirrored(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mirror ends at 0 where both are above it, and tell where that is."""
    is_above = low > 0
    ends = torch.where(is_above, -high, low), torch.where(is_above, -low, high)
    return *ends, is_above
