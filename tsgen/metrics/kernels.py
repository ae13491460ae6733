"""Distances from all pairs of series: maximum mean discrepancy and energy distance.

Both compare how close series of two sets are with how close series of one set are, and
both can be estimated without bias: two sets from one distribution give 0 on average.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import euclidean_distances

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import check_count
from tsgen.metrics._pairs import parts_of, points, rows_at_once, subsample

__all__ = ["energy_distance", "mmd"]

Kernel = Callable[[np.ndarray], np.ndarray]  # of squared distances, element by element

_MAX_EXACT = 2000  # series of a set up to which n_features="auto" takes all pairs
_N_FEATURES = 1000
_N_FOR_MEDIAN = 1000
_FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the median: bandwidth="multiple"


def mmd(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    bandwidth: str | float | Sequence[float] = "median",
    biased: bool = False,
    n_features: int | str | None = "auto",
    standardize: bool = True,
    random_state: RandomState = None,
) -> float:
    r"""Squared maximum mean discrepancy of two sets of series.

    With the kernel :math:`k(x, y) = \exp(-\lVert x - y \rVert^2 / 2 \sigma^2)` on
    flattened series,

    .. math::
        MMD^2 = \frac{\sum_{i \ne j} k(x_i, x_j)}{n (n - 1)}
              + \frac{\sum_{i \ne j} k(y_i, y_j)}{m (m - 1)}
              - \frac{2 \sum_{ij} k(x_i, y_j)}{n m}

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, at least two. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least two. `n_synthetic` may differ from `n_real`.
    bandwidth : {"median", "multiple"}, float or sequence of float, default="median"
        :math:`\sigma`. "median" is the median distance between real series (of 1,000
        drawn at random if there are more); "multiple" the mean of five kernels at
        1/4, 1/2, 1, 2 and 4 times that; a sequence the mean of kernels at its entries,
        in the units of the distances.
    biased : bool, default=False
        Whether to count each series as a neighbour of itself, as in the V-statistic
        :math:`\sum_{ij} / n^2`: never negative, and above 0 on equal distributions.
    n_features : int, "auto" or None, default="auto"
        None takes all pairs, at a cost of `n_real * n_synthetic`. An int approximates
        the kernel by so many random Fourier features, at a cost that grows with the
        number of series only and an error of a few per cent of the value; still
        unbiased. "auto" takes all pairs of up to 2,000 series in each set, and 1,000
        features beyond.
    standardize : bool, default=True
        Whether to subtract the mean and divide by the standard deviation of each
        channel of `X_real` first.
    random_state : int, RandomState, Generator or None, default=None
        Draws the features and the series that the median is taken of. Give an int to
        compare generators on the same features.

    Returns
    -------
    float
        The *squared* discrepancy; lower is better. Unbiased, it is 0 on average for
        equal distributions and then often negative; at most 2.

    Raises
    ------
    ValueError
        If a set has fewer than two series, holds NaN or infinity, if the shapes do not
        match, if a bandwidth is not above 0, or if all real series are equal and
        `bandwidth` is to follow from them.
    TypeError
        If a set does not hold real numbers.

    References
    ----------
    .. [1] Gretton, A., Borgwardt, K. M., Rasch, M. J., Schölkopf, B., & Smola, A.
       (2012). A kernel two-sample test. Journal of Machine Learning Research, 13,
       723-773. https://jmlr.org/papers/v13/gretton12a.html
    .. [2] Rahimi, A., & Recht, B. (2007). Random features for large-scale kernel
       machines. NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import mmd
    >>> X, Y = np.random.default_rng(0).normal(size=(2, 500, 4, 1))
    >>> abs(mmd(X, Y)) < 0.002
    True
    >>> round(mmd(X, Y + 1), 1)
    0.3
    """
    x, y = points(X_real, X_synthetic, standardize)
    n_drawn = _check_features(n_features, max(len(x), len(y)))
    rng = numpy_generator(random_state, "features")
    sigmas = _bandwidths(bandwidth, x, rng)
    if n_drawn is None:
        return _discrepancy(x, y, lambda squares: _gaussian(squares, sigmas), biased)
    return _fourier_discrepancy(x, y, _frequencies(n_drawn, sigmas, x, rng), biased)


def energy_distance(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    biased: bool = False,
    standardize: bool = True,
) -> float:
    r"""Energy distance of two sets of series.

    .. math::
        E = 2 \, \mathbb{E} \lVert x - y \rVert - \mathbb{E} \lVert x - x' \rVert
            - \mathbb{E} \lVert y - y' \rVert

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, at least two. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least two. `n_synthetic` may differ from `n_real`.
    biased : bool, default=False
        Whether to count the distance 0 of each series from itself: then the result is
        never negative, and above 0 on equal distributions.
    standardize : bool, default=True
        Whether to subtract the mean and divide by the standard deviation of each
        channel of `X_real` first.

    Returns
    -------
    float
        Lower is better. Unbiased, it is 0 on average for equal distributions and then
        often negative. In standard deviations of a channel, times the root of the
        number of values of a series, or in the units of `X` with `standardize=False`.

    Raises
    ------
    ValueError
        If a set has fewer than two series, holds NaN or infinity, or if the shapes do
        not match.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    Some libraries return half of it, some its root. The cost is that of all pairs:
    10,000 series of each set take seconds to minutes.

    References
    ----------
    .. [1] Székely, G. J., & Rizzo, M. L. (2013). Energy statistics: A class of
       statistics based on distances. Journal of Statistical Planning and Inference,
       143(8), 1249-1272. https://doi.org/10.1016/j.jspi.2013.03.018

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import energy_distance
    >>> X, Y = np.random.default_rng(0).normal(size=(2, 500, 1))
    >>> abs(energy_distance(X, Y)) < 0.01
    True
    >>> round(energy_distance(X, Y + 10, standardize=False))
    18
    """
    x, y = points(X_real, X_synthetic, standardize)
    return _discrepancy(x, y, lambda squares: -np.sqrt(squares), biased)


def _discrepancy(x: np.ndarray, y: np.ndarray, kernel: Kernel, biased: bool) -> float:
    """Mean kernel within `x` and within `y` less twice that between them."""
    within = sum(_mean_within(z, kernel, biased) for z in (x, y))
    between = _kernel_sum(x, y, kernel) / (len(x) * len(y))
    return float(within - 2 * between)


def _mean_within(x: np.ndarray, kernel: Kernel, biased: bool) -> float:
    """Mean kernel between members of one set, without or with each and itself."""
    n = len(x)
    own = n * float(kernel(np.zeros(1))[0])  # where rounding might leave a distance
    others = 2 * _kernel_sum_of_pairs(x, kernel)
    return (others + own) / n**2 if biased else others / (n * (n - 1))


def _kernel_sum(x: np.ndarray, y: np.ndarray, kernel: Kernel) -> float:
    parts = parts_of(x, len(y))
    return sum(
        float(kernel(euclidean_distances(p, y, squared=True)).sum()) for p in parts
    )


def _kernel_sum_of_pairs(x: np.ndarray, kernel: Kernel) -> float:
    """Sum over pairs i < j: a triangle at a time, then the rows beyond it."""
    size = rows_at_once(len(x))
    edges = [*range(0, len(x), size), len(x)]
    total = 0.0
    for start, stop in pairwise(edges):
        own = kernel(euclidean_distances(x[start:stop], squared=True))
        total += float(np.triu(own, 1).sum())
        if stop < len(x):
            total += _kernel_sum(x[start:stop], x[stop:], kernel)
    return total


def _gaussian(squares: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Mean over bandwidths of exp(-squares / 2 sigma^2)."""
    kernels = (np.exp(squares / (-2 * sigma**2)) for sigma in sigmas)
    return sum(kernels) / len(sigmas)


def _bandwidths(
    bandwidth: str | float | Sequence[float], x: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Bandwidths as an array, (n_kernels,)."""
    if isinstance(bandwidth, str):
        if bandwidth not in ("median", "multiple"):
            raise ValueError(_bandwidth_message(bandwidth))
        factors = _FACTORS if bandwidth == "multiple" else (1.0,)
        return _median_distance(x, rng) * np.array(factors)
    if isinstance(bandwidth, bool | Mapping):
        raise ValueError(_bandwidth_message(bandwidth))
    sigmas = np.atleast_1d(np.asarray(bandwidth, dtype=np.float64))
    in_range = (sigmas > 0) & (sigmas < np.inf)
    if not (sigmas.ndim == 1 and sigmas.size and in_range.all()):
        raise ValueError(_bandwidth_message(bandwidth))
    return sigmas


def _bandwidth_message(bandwidth: object) -> str:
    return (
        'bandwidth must be "median", "multiple", a number above 0 or a sequence of '
        f"them, got {bandwidth!r}."
    )


def _median_distance(x: np.ndarray, rng: np.random.Generator) -> float:
    """Median distance between different rows of `x`, of at most 1,000 of them."""
    some = subsample(x, _N_FOR_MEDIAN, rng)
    squares = euclidean_distances(some, squared=True)
    median = float(np.median(squares[np.triu_indices(len(some), 1)]))
    if median <= 0:
        raise ValueError(
            "bandwidth cannot follow from X_real, of which most series are equal. Give "
            "a number, e.g. bandwidth=1.0."
        )
    return median**0.5


def _check_features(n_features: int | str | None, n_series: int) -> int | None:
    """Return the number of features to draw, or None for all pairs."""
    if isinstance(n_features, str) and n_features == "auto":
        return None if n_series <= _MAX_EXACT else _N_FEATURES
    if n_features is None:
        return None
    return check_count(n_features, "n_features", minimum=1)


def _frequencies(
    n_features: int, sigmas: np.ndarray, x: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw frequencies from the spectrum of the kernel: (n_features, n_values)."""
    which = np.arange(n_features) % len(sigmas)
    return rng.standard_normal((n_features, x.shape[1])) / sigmas[which, None]


def _fourier_discrepancy(
    x: np.ndarray, y: np.ndarray, frequencies: np.ndarray, biased: bool
) -> float:
    r"""Discrepancy with :math:`k(x, y) \approx \langle \phi(x), \phi(y) \rangle`.

    The features :math:`\phi(x) = K^{-1/2} (\cos \omega_k^\top x, \sin \omega_k^\top x)`
    have length 1, so a set's kernels with itself follow from the length of their sum.
    """
    sums = _sum_of_features(x, frequencies), _sum_of_features(y, frequencies)
    within = 0.0
    for total, n in zip(sums, (len(x), len(y)), strict=True):
        all_pairs = float(total @ total)
        within += all_pairs / n**2 if biased else (all_pairs - n) / (n * (n - 1))
    return within - 2 * float(sums[0] @ sums[1]) / (len(x) * len(y))


def _sum_of_features(x: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Sum of the Fourier features of all rows: (2 * n_features,)."""
    parts = parts_of(x, len(frequencies))
    sums = [_feature_sums(part @ frequencies.T) for part in parts]
    return np.sum(sums, axis=0) / len(frequencies) ** 0.5


def _feature_sums(phases: np.ndarray) -> np.ndarray:
    return np.concatenate([np.cos(phases).sum(axis=0), np.sin(phases).sum(axis=0)])
