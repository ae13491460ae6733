r"""Truncated normals: what is left of N(0, 1) between two ends.

.. math:: p(u) = N(u; 0, 1) / (\Phi(h) - \Phi(l)), \quad l \le u \le h
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SQRT_2 = math.sqrt(2)


def mass_between(low: Tensor, high: Tensor) -> Tensor:
    r"""Probability of N(0, 1) between two ends, :math:`\Phi(h) - \Phi(l)`.

    Exact up to the rounding of 1, so a small one has few digits.
    """
    return 0.5 * (torch.erf(high / SQRT_2) - torch.erf(low / SQRT_2))


def truncated_quantile(deviation: Tensor, low: Tensor, high: Tensor) -> Tensor:
    r"""Turn standard normal numbers u into such between two ends.

    .. math:: \Phi^{-1}(\Phi(l) + \Phi(u) (\Phi(h) - \Phi(l)))

    Without ends, -inf and inf, they stay what they are; between ends far from 0 they
    are at the nearer one. In float64; ends above 0 are mirrored, as :math:`\Phi` has
    its digits near 0.
    """
    is_mirrored = low > 0
    low, high = (
        torch.where(is_mirrored, -other, end).double()
        for end, other in ((low, high), (high, low))
    )
    deviation = torch.where(is_mirrored, -deviation, deviation).double()
    below, mass = _cdf(low), _cdf(high) - _cdf(low)
    found = torch.special.ndtri(below + _cdf(deviation) * mass).clamp(low, high)
    found = torch.where(mass > 0, found, high)
    return torch.where(is_mirrored, -found, found)


def _cdf(x: Tensor) -> Tensor:
    """Distribution function of N(0, 1); of erfc, so that it has its digits near 0."""
    return 0.5 * torch.erfc(-x / SQRT_2)
