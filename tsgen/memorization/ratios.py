"""Ratios of the distances to training and to unseen series, and what is fair."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma

_N_LOCAL = 20  # neighbours that tell the dimension; there are at least as many


def distance_ratio(near: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Divide distances; 1 where both are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(near == far, 1.0, near / far)


def mirrored_ratio(ratio: np.ndarray, centre: float) -> np.ndarray:
    """Ratios with the sets exchanged, and the effect of their sizes undone."""
    with np.errstate(divide="ignore"):
        return centre**2 / ratio


def ratio_quantile(values: np.ndarray, level: float) -> float:
    """Return one of the values: some are infinite."""
    return float(np.quantile(values, level, method="inverted_cdf"))


def fair_quantile(ratio: np.ndarray, centre: float, level: float) -> float:
    """Quantile of the mirrored ratios, which copies of training series only raise."""
    return min(ratio_quantile(mirrored_ratio(ratio, centre), level), centre)


def ratio_centre(distances: np.ndarray, n_train: int, n_holdout: int) -> float:
    r"""Median of the ratio in a cloud of points that has D dimensions around each.

    The number of points within a distance grows with its D-th power. The nearest
    neighbour, which may be a copy, does not count.

    .. math::
        (n_{holdout} / n_{train})^{1/D}, \quad
        1/D = \operatorname{median} \ln(d_k / d_2) / (\psi(k) - \psi(2))
    """
    second, last = distances[:, 1], distances[:, _N_LOCAL - 1]
    apart = second > 0
    if n_train == n_holdout or not apart.any():
        return 1.0
    growth = np.median(np.log(last[apart] / second[apart]))
    inverse_dimension = growth / (digamma(_N_LOCAL) - digamma(2))
    return float((n_holdout / n_train) ** inverse_dimension)
