"""Distances and scores between real and synthetic series: pure functions on arrays.

No single figure is enough. `sliced_wasserstein` says how far apart two sets of series
are, `spread_ratio` whether the synthetic ones vary enough. Read a distance beside its
floor: the distance between two sets of real series of the same size.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import as_series, check_count

__all__ = ["sliced_wasserstein", "spread_ratio"]

_MAX_PROJECTED = 2**23  # values of projected series held at once: 64 MiB


def sliced_wasserstein(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    n_projections: int = 500,
    standardize: bool = True,
    random_state: RandomState = None,
) -> float:
    r"""Distance between two sets of series, averaged over one-dimensional views.

    Each series is flattened to a point, and the points are projected on random
    directions :math:`\theta_k` of unit length. In one dimension the 2-Wasserstein
    distance follows from the quantile functions :math:`Q`, exactly and for any two
    sample sizes:

    .. math::
        SW_2^2 = \frac{1}{K} \sum_{k=1}^{K} \int_0^1
        \left(Q_{\theta_k^\top x}(u) - Q_{\theta_k^\top y}(u)\right)^2 du

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series. `n_synthetic` may differ from `n_real`.
    n_projections : int, default=500
        Number :math:`K` of directions.
    standardize : bool, default=True
        Whether to subtract the mean and divide by the standard deviation of each
        channel **of `X_real`** first. Without it the channels with large numbers
        decide. A channel that is constant in `X_real` is only centred.
    random_state : int, RandomState, Generator or None, default=None
        Draws the directions. None draws new ones on every call, and the result varies
        by a few per cent; give an int to compare generators on the same directions.

    Returns
    -------
    float
        The distance, 0 or more; lower is better. In standard deviations of a channel,
        or in the units of `X` with `standardize=False`.

    Raises
    ------
    ValueError
        If a set is empty, holds NaN or infinity, or if the shapes do not match.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    The distance of two samples from the *same* distribution is not 0 and falls with
    the sample size: compare equal sizes only, and with a floor. The directions are
    taken in the plain space of the `n_timesteps * n_channels` values, so the result
    hardly depends on their number.

    References
    ----------
    .. [1] Bonneel, N., Rabin, J., Peyré, G., & Pfister, H. (2015). Sliced and Radon
       Wasserstein barycenters of measures. Journal of Mathematical Imaging and Vision,
       51(1), 22-45. https://doi.org/10.1007/s10851-014-0506-3

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import sliced_wasserstein
    >>> X = np.random.default_rng(0).normal(size=(500, 12, 2))
    >>> sliced_wasserstein(X, X, random_state=0)
    0.0
    >>> round(sliced_wasserstein(X, X + 0.5, standardize=False, random_state=0), 1)
    0.5
    """
    X_real, X_synthetic = _check_pair(X_real, X_synthetic)
    n_projections = check_count(n_projections, "n_projections", minimum=1)
    if standardize:
        X_real, X_synthetic = _standardize(X_real, X_synthetic)
    points_real, points_synthetic = _flatten(X_real), _flatten(X_synthetic)
    rng = numpy_generator(random_state, "directions")
    directions = _draw_directions(n_projections, points_real.shape[1], rng)
    squares = [
        _squared_wasserstein_1d(part @ points_real.T, part @ points_synthetic.T)
        for part in _chunks(directions, len(points_real) + len(points_synthetic))
    ]
    return float(np.sqrt(np.concatenate(squares).mean()))


def _draw_directions(
    n_projections: int, n_values: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw directions uniformly on the sphere: (n_projections, n_values)."""
    directions = rng.standard_normal((n_projections, n_values))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _chunks(directions: np.ndarray, n_points: int) -> list[np.ndarray]:
    """Cut the directions so that the projections of all points fit in memory."""
    size = max(_MAX_PROJECTED // n_points, 1)
    return [directions[k : k + size] for k in range(0, len(directions), size)]


def _squared_wasserstein_1d(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Squared 2-Wasserstein distance of each row of `u` from the same row of `v`.

    The quantile functions of `n` and `m` points are steps with edges at multiples of
    `1 / n` and `1 / m`: here whole numbers, counted in units of `1 / (n * m)`.
    """
    n, m = u.shape[1], v.shape[1]
    edges = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    widths = np.diff(edges, prepend=0) / (n * m)
    u, v = np.sort(u, axis=1), np.sort(v, axis=1)
    gaps = u[:, (edges - 1) // m] - v[:, (edges - 1) // n]
    return gaps**2 @ widths


def spread_ratio(X_real: ArrayLike, X_synthetic: ArrayLike) -> float:
    """Spread of the synthetic series over the spread of the real ones.

    The mean, over every step of every channel, of the standard deviation across the
    synthetic series divided by that across the real series.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, at least two. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series.

    Returns
    -------
    float
        1 is right. Less means smoothed or collapsed samples, which many distances
        reward; more means noise.

    Raises
    ------
    ValueError
        If a set is empty, holds NaN or infinity, if the shapes do not match, or if
        the real series are all equal.
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
    X_real, X_synthetic = _check_pair(X_real, X_synthetic)
    units = _units(X_real)
    spread_real = (X_real / units).std(axis=0)
    spread_synthetic = (X_synthetic / units).std(axis=0)
    varies = np.ptp(X_real, axis=0) > 0
    if not varies.any():
        raise ValueError(
            "X_real must vary from series to series, got "
            f"{len(X_real)} equal series. Give at least two different ones."
        )
    return float(np.mean(spread_synthetic[varies] / spread_real[varies]))


def _check_pair(
    X_real: ArrayLike, X_synthetic: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    real = as_series(X_real, "X_real").astype(np.float64, copy=False)
    synthetic = as_series(X_synthetic, "X_synthetic").astype(np.float64, copy=False)
    if real.shape[1:] != synthetic.shape[1:]:
        raise ValueError(
            "X_real and X_synthetic must have the same time steps and channels, got "
            f"{real.shape} and {synthetic.shape}. Cut both to the same windows and "
            "channels."
        )
    return real, synthetic


def _units(X: np.ndarray) -> np.ndarray:
    """Largest magnitude of each channel: divided by it, squares stay in range."""
    largest = np.maximum(X.max(axis=(0, 1)), -X.min(axis=(0, 1)))
    return np.where(largest > 0, largest, 1.0)


def _standardize(
    X_real: np.ndarray, X_synthetic: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    units = _units(X_real)
    relative = X_real / units
    mean, std = relative.mean(axis=(0, 1)) * units, relative.std(axis=(0, 1)) * units
    scale = np.where(np.ptp(relative, axis=(0, 1)) > 0, std, 1.0)
    return (X_real - mean) / scale, (X_synthetic - mean) / scale


def _flatten(X: np.ndarray) -> np.ndarray:
    return X.reshape(len(X), -1)  # (n_samples, n_timesteps * n_channels)
