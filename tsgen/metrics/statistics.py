"""Differences of single statistics: what a distance says in one number, in its parts.

Spread, shape of the values, dependence in time and between channels. Except where a
step is compared with the same step, series may be longer, shorter or of unequal length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import kurtosis, skew

from tsgen._validation import check_choice, check_count
from tsgen.metrics._pairs import (
    ROUNDING,
    check_collections,
    check_pair,
    magnitudes,
    pooled,
    varying_columns,
)

__all__ = [
    "autocorrelation",
    "autocorrelation_difference",
    "channel_correlation",
    "correlational_score",
    "kurtosis_difference",
    "marginal_density_difference",
    "skewness_difference",
    "spread_ratio",
]

Collection = Sequence[np.ndarray]  # parts of shape (count, length, n_channels)


def spread_ratio(X_real: ArrayLike, X_synthetic: ArrayLike) -> float:
    """Spread of the synthetic series over the spread of the real ones.

    The mean, over every step of every channel, of the standard deviation across the
    synthetic series divided by that across the real series.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, at least two. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least two.

    Returns
    -------
    float
        1 is right. Less means smoothed or collapsed samples, which many distances
        reward; more means noise.

    Raises
    ------
    ValueError
        If a set has fewer than two series, holds NaN or infinity, if the shapes do not
        match, or if the real series are all equal.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    Steps of a channel at which all real series are equal are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import spread_ratio
    >>> X = np.random.default_rng(0).normal(size=(500, 12, 2))
    >>> round(spread_ratio(X, 0.25 * X), 6)
    0.25
    """
    X_real, X_synthetic = check_pair(X_real, X_synthetic)
    units = magnitudes(X_real)
    spread_real, spread_synthetic = _spread(X_real), _spread(X_synthetic)
    varies = np.ptp(X_real, axis=0) > ROUNDING * units
    if not varies.any():
        raise ValueError(
            "X_real must vary from series to series, got "
            f"{len(X_real)} equal series. Give at least two different ones."
        )
    return float(np.mean(spread_synthetic[varies] / spread_real[varies]))


def _spread(X: np.ndarray) -> np.ndarray:
    """Take the standard deviation of every step and channel, squares in range."""
    units = magnitudes(X)
    return (X / units).std(axis=0) * units


def skewness_difference(X_real: Any, X_synthetic: Any) -> float:
    r"""Difference of the skewness of the values of a channel.

    :math:`|E(x - \mu)^3 / \sigma^3 - E(y - \nu)^3 / \tau^3|` over all series and steps,
    averaged over the channels.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels), or list of arrays
        Real series, at least two. A list may hold series of unequal length. Shape
        (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels), or list
        Synthetic series, of the same channels and any length.

    Returns
    -------
    float
        0 or more; lower is better.

    Raises
    ------
    ValueError
        If a set has fewer than two series, holds NaN or infinity, if the channels do
        not match, if no real channel varies, or if one that does is constant in
        `X_synthetic`.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    Channels that are constant in `X_real` are left out. The third power follows single
    large values: on heavy tails the floor is high.

    References
    ----------
    .. [1] Ang, Y., Huang, Q., Bao, Y., Tung, A. K. H., & Huang, Z. (2023). TSGBench:
       Time series generation benchmark. PVLDB, 17(3), 305-318.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import skewness_difference
    >>> X = np.random.default_rng(0).normal(size=(500, 24, 1))
    >>> skewness_difference(X, X)
    0.0
    >>> skewness_difference(X, np.exp(X)) > 2
    True
    """
    return _shape_difference(skew, X_real, X_synthetic)


def kurtosis_difference(X_real: Any, X_synthetic: Any) -> float:
    r"""Difference of the kurtosis of the values of a channel.

    :math:`|E(x - \mu)^4 / \sigma^4 - E(y - \nu)^4 / \tau^4|` over all series and steps,
    averaged over the channels.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels), or list of arrays
        Real series, at least two. A list may hold series of unequal length. Shape
        (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels), or list
        Synthetic series, of the same channels and any length.

    Returns
    -------
    float
        0 or more; lower is better.

    Raises
    ------
    ValueError
        If a set has fewer than two series, holds NaN or infinity, if the channels do
        not match, if no real channel varies, or if one that does is constant in
        `X_synthetic`.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    Channels that are constant in `X_real` are left out. The fourth power follows single
    large values: on heavy tails the floor is high.

    References
    ----------
    .. [1] Ang, Y., Huang, Q., Bao, Y., Tung, A. K. H., & Huang, Z. (2023). TSGBench:
       Time series generation benchmark. PVLDB, 17(3), 305-318.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import kurtosis_difference
    >>> rng = np.random.default_rng(0)
    >>> X, flat = rng.normal(size=(500, 24, 1)), rng.uniform(size=(500, 24, 1))
    >>> round(kurtosis_difference(X, flat), 1)
    1.2
    """
    return _shape_difference(kurtosis, X_real, X_synthetic)


def _shape_difference(shape: Any, X_real: Any, X_synthetic: Any) -> float:
    """Mean over channels of the difference of a statistic of all their values."""
    real, synthetic = _varying_channels(X_real, X_synthetic)
    sides = [shape(pooled(side) / _largest(side), axis=0) for side in (real, synthetic)]
    return float(np.abs(sides[0] - sides[1]).mean())


def marginal_density_difference(
    X_real: Any, X_synthetic: Any, *, n_bins: int = 50, by_step: bool = True
) -> float:
    r"""Difference of the histograms of single values.

    With the range of the real values cut into bins, and everything below or above in
    two more, :math:`\sum_b |p_b - q_b|` of the shares of both sets, averaged over steps
    and channels: twice the total variation distance of the histograms.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels), or list of arrays
        Real series, at least two. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels), or list
        Synthetic series, of the same channels.
    n_bins : int, default=50
        Bins between the lowest and the highest real value of a channel (and step).
    by_step : bool, default=True
        Whether to compare every step with the same step. If not, all steps of a channel
        are taken together, and series may have any lengths.

    Returns
    -------
    float
        Between 0 and 2; lower is better. With many bins and few series the floor is
        high.

    Raises
    ------
    ValueError
        If a set has fewer than two series, holds NaN or infinity, or if shapes do not
        match: channels always, steps if `by_step`.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    It sees neither the order of the steps nor any dependence.

    References
    ----------
    .. [1] Ang, Y., Huang, Q., Bao, Y., Tung, A. K. H., & Huang, Z. (2023). TSGBench:
       Time series generation benchmark. PVLDB, 17(3), 305-318.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import marginal_density_difference
    >>> X = np.random.default_rng(0).normal(size=(500, 24, 1))
    >>> marginal_density_difference(X, X)
    0.0
    >>> round(marginal_density_difference(X, X + 100), 6)
    2.0
    """
    n_bins = check_count(n_bins, "n_bins", minimum=1)
    if by_step:
        real, synthetic = check_pair(X_real, X_synthetic)
    else:
        sides = check_collections(X_real, X_synthetic)
        real, synthetic = (pooled(side)[:, None] for side in sides)
    pairs = zip(_columns(real), _columns(synthetic), strict=True)
    return float(np.mean([_histogram_difference(x, y, n_bins) for x, y in pairs]))


def _columns(X: np.ndarray) -> np.ndarray:
    return X.reshape(len(X), -1).T


def _histogram_difference(x: np.ndarray, y: np.ndarray, n_bins: int) -> float:
    edges = _bin_edges(x, n_bins)
    shares = [
        np.bincount(np.searchsorted(edges, z, side="right"), minlength=len(edges) + 1)
        / len(z)
        for z in (x, y)
    ]
    return float(np.abs(shares[0] - shares[1]).sum())


def _bin_edges(x: np.ndarray, n_bins: int) -> np.ndarray:
    """Edges of bins that hold all of `x`; a constant has one, as wide as rounding."""
    error = ROUNDING * np.abs(x).max()
    if np.ptp(x) <= error:
        return np.array([x.min() - error, np.nextafter(x.max() + error, np.inf)])
    edges = np.histogram_bin_edges(x, n_bins)
    edges[-1] = np.nextafter(edges[-1], np.inf)  # the highest real value is inside
    return edges


def autocorrelation_difference(
    X_real: Any, X_synthetic: Any, *, max_lag: int = 64
) -> float:
    r"""Difference of the autocorrelation of the channels.

    :math:`\sqrt{\sum_l (r_l - s_l)^2}` over the lags 1 to `max_lag` of the
    autocorrelations `r` of the real and `s` of the synthetic series, averaged over the
    channels.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels), or list of arrays
        Real series, at least two. A list may hold series of unequal length. Shape
        (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels), or list
        Synthetic series, of the same channels and any length.
    max_lag : int, default=64
        Largest lag, 1 or more; at most the longest series of either set less one step.

    Returns
    -------
    float
        0 or more; lower is better.

    Raises
    ------
    ValueError
        If a set has fewer than two series or none of two steps, holds NaN or infinity,
        if the channels do not match, if no real channel varies, or if one that does is
        constant in `X_synthetic`.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    Channels that are constant in `X_real` are left out. Time reversal goes unnoticed.

    References
    ----------
    .. [1] Ang, Y., Huang, Q., Bao, Y., Tung, A. K. H., & Huang, Z. (2023). TSGBench:
       Time series generation benchmark. PVLDB, 17(3), 305-318.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import autocorrelation_difference
    >>> X = np.random.default_rng(0).normal(size=(500, 24, 1)).cumsum(axis=1)
    >>> autocorrelation_difference(X, X[:, ::-1]) < 1e-12
    True
    >>> shuffled = np.random.default_rng(0).permuted(X, axis=1)
    >>> autocorrelation_difference(X, shuffled) > 0.5
    True
    """
    max_lag = check_count(max_lag, "max_lag", minimum=1)
    real, synthetic = _varying_channels(X_real, X_synthetic)
    max_lag = min(max_lag, _longest(real) - 1, _longest(synthetic) - 1)
    if max_lag < 1:
        raise ValueError(
            "X_real and X_synthetic must have series of at least 2 time steps for an "
            "autocorrelation, got 1. Use a metric of single values."
        )
    gaps = autocorrelation(real, max_lag) - autocorrelation(synthetic, max_lag)
    return float(np.sqrt((gaps[1:] ** 2).sum(axis=0)).mean())


def autocorrelation(X: np.ndarray | Collection, max_lag: int) -> np.ndarray:
    r"""Autocorrelation of each channel, over all series together.

    .. math::
        r_l = \frac{\operatorname{mean}_{i,t} (x_{i,t} - \mu)(x_{i,t+l} - \mu)}
                   {\operatorname{mean}_{i,t} (x_{i,t} - \mu)^2}

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_timesteps, n_channels), or list of such
        Checked series in which every channel varies; those of unequal length in one
        array for each length.
    max_lag : int
        Largest lag, less than the longest series.

    Returns
    -------
    ndarray of shape (max_lag + 1, n_channels)
        The entry of lag 0 is 1.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics.statistics import autocorrelation
    >>> X = np.random.default_rng(0).normal(size=(1000, 24, 1))
    >>> autocorrelation((X[:, 1:] + X[:, :-1]) / 2, 2).round(1).ravel().tolist()
    [1.0, 0.5, 0.0]
    """
    parts = [X] if isinstance(X, np.ndarray) else X
    units = _largest(parts)
    mean = np.mean(pooled(parts) / units, axis=0)
    centred = [part / units - mean for part in parts]
    products = [_lagged_product(centred, lag) for lag in range(max_lag + 1)]
    return np.array(products) / products[0]


def _lagged_product(parts: Collection, lag: int) -> np.ndarray:
    """Mean product of values `lag` steps apart, (n_channels,)."""
    long = [part for part in parts if part.shape[1] > lag]
    sums = [
        (part[:, lag:] * part[:, : part.shape[1] - lag]).sum((0, 1)) for part in long
    ]
    return np.sum(sums, axis=0) / sum(p.shape[0] * (p.shape[1] - lag) for p in long)


def correlational_score(
    X_real: Any, X_synthetic: Any, *, mode: str = "standard"
) -> float:
    r"""Difference of the correlations between channels.

    With the correlations :math:`r_{ij}` of channels over all series and steps, at lag
    0, and :math:`s_{ij}` of the synthetic ones:

    .. math::
        \frac{1}{10} \sum_{i \ge j} |r_{ij} - s_{ij}|

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels), or list of arrays
        Real series, at least two, of at least two channels. A list may hold series of
        unequal length.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels), or list
        Synthetic series, of the same channels and any length.
    mode : {"standard", "sound"}, default="standard"
        "standard" is the sum above, as in published tables: it grows with the square of
        the number of channels. "sound" is the mean over pairs of different channels
        that both vary in `X_real`, between 0 and 2.

    Returns
    -------
    float
        0 or more; lower is better.

    Raises
    ------
    ValueError
        If a set has fewer than two series or two channels, holds NaN or infinity, if
        the channels do not match, if fewer than two real channels vary, or if `mode` is
        another.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    The correlation of a constant channel with any other counts as 0. Published values
    are means over small random subsets; their floor is higher than that of all series.

    References
    ----------
    .. [1] Yuan, X., & Qiao, Y. (2024). Diffusion-TS: Interpretable diffusion for
       general time series generation. ICLR. https://arxiv.org/abs/2403.01742

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import correlational_score
    >>> X = np.random.default_rng(0).normal(size=(500, 24, 2))
    >>> same = X[:, :, [0, 0]]
    >>> round(correlational_score(X, same), 2)
    0.1
    >>> round(correlational_score(X, same, mode="sound"), 1)
    1.0
    """
    check_choice(mode, "mode", ("standard", "sound"))
    sides = check_collections(X_real, X_synthetic)
    varies = varying_columns(pooled(sides[0]))
    if varies.sum() < 2:
        raise ValueError(
            "X_real must have at least two channels that vary to be correlated, got "
            f"{varies.sum()}. Use a metric of single channels."
        )
    r, s = (channel_correlation(side) for side in sides)
    pairs = np.tril_indices(len(varies), -1)
    gaps = np.abs(r - s)[pairs]
    if mode == "standard":
        return float(gaps.sum() / 10)
    return float(gaps[np.outer(varies, varies)[pairs]].mean())


def channel_correlation(X: np.ndarray | Collection) -> np.ndarray:
    """Correlation of the channels over all series and steps, at lag 0.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_timesteps, n_channels), or list of such
        Checked series; those of unequal length in one array for each length.

    Returns
    -------
    ndarray of shape (n_channels, n_channels)
        1 on the diagonal, and 0 between a constant channel and any other.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics.statistics import channel_correlation
    >>> X = np.random.default_rng(0).normal(size=(100, 24, 1))
    >>> channel_correlation(np.concatenate([X, -X], axis=2)).round().tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    parts = [X] if isinstance(X, np.ndarray) else X
    values = pooled(parts)
    varies = varying_columns(values)
    correlation = np.eye(len(varies))
    if varies.any():
        varying = values[:, varies] / _largest(parts)[varies]
        correlation[np.ix_(varies, varies)] = np.corrcoef(varying, rowvar=False)
    return correlation


def _varying_channels(X_real: Any, X_synthetic: Any) -> tuple[Collection, Collection]:
    """Leave out the channels that are constant in `X_real`."""
    real, synthetic = check_collections(X_real, X_synthetic)
    varies = varying_columns(pooled(real))
    if not varies.any():
        raise ValueError("X_real must have a channel that varies, got constant ones.")
    still = varies & ~varying_columns(pooled(synthetic))
    if still.any():
        raise ValueError(
            f"X_synthetic must vary where X_real does, got constant channels "
            f"{np.flatnonzero(still).tolist()}: the statistic is not defined there. "
            "spread_ratio and the distances are."
        )
    return [part[:, :, varies] for part in real], [p[:, :, varies] for p in synthetic]


def _largest(parts: Collection) -> np.ndarray:
    return np.max([magnitudes(part) for part in parts], axis=0)


def _longest(parts: Collection) -> int:
    return max(part.shape[1] for part in parts)
