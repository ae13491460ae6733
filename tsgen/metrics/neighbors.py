"""Do samples lie where data lie, and does every datum have a sample: density, coverage.

Both look at balls around the real series that reach to their k-th nearest real
neighbour, in the space of flattened series.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import euclidean_distances

from tsgen._validation import check_count
from tsgen.metrics._pairs import parts_of, points

__all__ = ["coverage", "density"]

_ROUNDING = 1e-12  # of the squared norms


def coverage(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    n_neighbors: int = 5,
    standardize: bool = True,
) -> float:
    r"""Share of real series that have a synthetic one among their neighbours.

    :math:`\frac{1}{n} \sum_i 1[\min_j \lVert x_i - y_j \rVert \le r_i]`, where
    :math:`r_i` is the distance of :math:`x_i` from its k-th nearest real neighbour.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, more than `n_neighbors`. Shape (n_real, n_timesteps) means one
        channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least two. `n_synthetic` may differ from `n_real`.
    n_neighbors : int, default=5
        The number k of neighbours.
    standardize : bool, default=True
        Whether to subtract the mean and divide by the standard deviation of each
        channel of `X_real` first.

    Returns
    -------
    float
        Between 0 and 1; higher is better. For two sets of `n` and `m` series from one
        continuous distribution it is on average :math:`1 - \prod_{a=1}^{k}
        \frac{n - a}{n + m - a}`: with five neighbours and equal sizes, 0.97.

    Raises
    ------
    ValueError
        If a set has too few series, holds NaN or infinity, or if the shapes do not
        match.
    TypeError
        If a set does not hold real numbers.

    Notes
    -----
    A generator that leaves out a mode loses its share here. One that copies the real
    series scores best: give real series that it was not fitted on.

    References
    ----------
    .. [1] Naeem, M. F., Oh, S. J., Uh, Y., Choi, Y., & Yoo, J. (2020). Reliable
       fidelity and diversity metrics for generative models. ICML.
       https://arxiv.org/abs/2002.09797

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import coverage
    >>> X, Y = np.random.default_rng(0).normal(size=(2, 500, 4, 1))
    >>> round(coverage(X, Y), 1)
    1.0
    >>> coverage(X, Y + 100)
    0.0
    """
    balls = _balls(X_real, X_synthetic, n_neighbors, standardize)
    covered = np.any([part.any(axis=0) for part in _inside(*balls)], axis=0)
    return float(covered.mean())


def density(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    n_neighbors: int = 5,
    standardize: bool = True,
) -> float:
    r"""Mean number of neighbourhoods of real series that a synthetic one lies in.

    :math:`\frac{1}{k m} \sum_{ij} 1[\lVert x_i - y_j \rVert \le r_i]`, where
    :math:`r_i` is the distance of :math:`x_i` from its k-th nearest real neighbour.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, more than `n_neighbors`. Shape (n_real, n_timesteps) means one
        channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least two. `n_synthetic` may differ from `n_real`.
    n_neighbors : int, default=5
        The number k of neighbours.
    standardize : bool, default=True
        Whether to subtract the mean and divide by the standard deviation of each
        channel of `X_real` first.

    Returns
    -------
    float
        0 or more. 1 is right; less means that samples lie where there are no data, more
        that they crowd in the middle, as smoothed samples of many values do.

    Raises
    ------
    ValueError
        If a set has too few series, holds NaN or infinity, or if the shapes do not
        match.
    TypeError
        If a set does not hold real numbers.

    References
    ----------
    .. [1] Naeem, M. F., Oh, S. J., Uh, Y., Choi, Y., & Yoo, J. (2020). Reliable
       fidelity and diversity metrics for generative models. ICML.
       https://arxiv.org/abs/2002.09797

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.metrics import density
    >>> X, Y = np.random.default_rng(0).normal(size=(2, 500, 4, 1))
    >>> round(density(X, Y), 1)
    1.0
    >>> density(X, 3 * Y) < 0.5
    True
    """
    x, y, radii = _balls(X_real, X_synthetic, n_neighbors, standardize)
    inside = sum(int(part.sum()) for part in _inside(x, y, radii))
    return inside / (n_neighbors * len(y))


def _balls(
    X_real: ArrayLike, X_synthetic: ArrayLike, n_neighbors: int, scale: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both sets as points, and the squared radius of the ball around each real one."""
    n_neighbors = check_count(n_neighbors, "n_neighbors", minimum=1)
    x, y = points(X_real, X_synthetic, scale)
    if len(x) <= n_neighbors:
        raise ValueError(
            f"X_real must hold more than n_neighbors = {n_neighbors} series, got "
            f"n_samples = {len(x)}. Give more series or fewer neighbours."
        )
    sorted_parts = (np.partition(part, n_neighbors) for part in _squares(x, x))
    radii = [part[:, n_neighbors] for part in sorted_parts]  # the first is itself
    return x, y, np.concatenate(radii)


def _inside(x: np.ndarray, y: np.ndarray, radii: np.ndarray) -> Iterator[np.ndarray]:
    """Whether some rows of `y` at a time lie in the balls, (n_rows, len(x)).

    Equal series, at distance 0 of each other, must not fall out by rounding.
    """
    norms = (x**2).sum(axis=1), (y**2).sum(axis=1)
    start = 0
    for part in _squares(y, x):
        rows = norms[1][start : start + len(part), None]
        yield part <= radii + _ROUNDING * (norms[0] + rows)
        start += len(part)


def _squares(y: np.ndarray, x: np.ndarray) -> Iterator[np.ndarray]:
    """Squared distances of some rows of `y` at a time from all of `x`."""
    parts = parts_of(y, len(x))
    return (euclidean_distances(part, x, squared=True) for part in parts)
