"""Controls: series from which one property has been taken away on purpose."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import as_it_came, as_series

__all__ = ["shuffle_timesteps"]


def shuffle_timesteps(X: ArrayLike, random_state: RandomState = None) -> np.ndarray:
    """Put the time steps of every series in a random order of its own.

    What a series holds stays, when it holds it is lost: a method that cannot tell
    the result from `X` does not look at time.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_timesteps, n_channels) or \
            (n_samples, n_timesteps)
        The series; two axes mean `n_samples` series of one channel. It is not
        modified.
    random_state : int, RandomState, Generator or None, default=None
        Draws the orders. An int gives the same ones on every call, None fresh ones.

    Returns
    -------
    ndarray of shape (n_samples, n_timesteps, n_channels) or (n_samples, n_timesteps)
        A new array with the axes of `X`, and its dtype if `X` is an array of numbers;
        anything else becomes floats. The channels of a step stay together.

    Raises
    ------
    ValueError
        If `X` is empty, has other axes, or holds NaN or infinity.
    TypeError
        If `X` does not hold real numbers.

    Notes
    -----
    Every order is equally likely, the one that came included. Within a series of `T`
    steps the expected correlation of any two steps is then `-1 / (T - 1)` about the
    series' own mean: 0 but for the sampling without replacement. Differences between
    the series, such as their means, stay.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.datasets import shuffle_timesteps
    >>> X = np.arange(12).reshape(2, 3, 2)
    >>> shuffled = shuffle_timesteps(X, random_state=0)
    >>> shuffled.shape
    (2, 3, 2)
    >>> bool((np.sort(shuffled, axis=1) == X).all())
    True
    """
    series = as_series(X)
    n_samples, n_timesteps, _ = series.shape
    rng = numpy_generator(random_state, "shuffle")
    orders = rng.permuted(np.tile(np.arange(n_timesteps), (n_samples, 1)), axis=1)
    return _values_of(X, series)[np.arange(n_samples)[:, None], orders]


def _values_of(X: ArrayLike, series: np.ndarray) -> np.ndarray:
    """Values of `X` in its dtype if it is an array of numbers, else as read."""
    if isinstance(X, np.ndarray) and X.dtype.kind in "biuf":
        return np.asarray(X)
    return as_it_came(X, series)
