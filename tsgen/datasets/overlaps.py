"""Windows that a split tears apart: whether tests share rows with training."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tsgen._validation import as_series, check_count, check_same_names
from tsgen.datasets._overlap import (
    default_rows,
    find_shared,
    hash_rows,
    number_stretches,
)

__all__ = ["overlapping_windows"]


def overlapping_windows(
    X_train: ArrayLike, X_test: ArrayLike, *, min_rows: int | None = None
) -> np.ndarray:
    """Find the test series that share consecutive rows with a training series.

    Overlapping windows of one series that were shuffled, and series that occur twice,
    are found out however the sets were made.

    Parameters
    ----------
    X_train : array-like of shape (n_train, n_timesteps, n_channels)
        Series to fit on. Shape (n_train, n_timesteps) means one channel.
    X_test : array-like of shape (n_test, n_timesteps, n_channels)
        Held-out series.
    min_rows : int or None, default=None
        Consecutive rows that must be equal in all channels, at any places in the two
        series, from 2 to `n_timesteps`. None means half of the series, rounded up, and
        at least 2.

    Returns
    -------
    ndarray of shape (n_test,), bool
        True where a test series shares so many rows with a training series; its mean
        is their share.

    Raises
    ------
    ValueError
        If series are not valid, if steps, channels or their names differ, or `min_rows`
        is out of its range.
    TypeError
        If `min_rows` is not an integer.

    See Also
    --------
    WindowSplit, train_test_windows : Splits of windows that do not overlap.
    tsgen.compare : Warns where more than one held-out series in ten overlaps.

    Notes
    -----
    Equal means to the last bit, in float32 if either set is float32: sets that were
    scaled apart share nothing. A stretch that training series hold backwards too does
    not count, for it may well be there by chance: constant stretches are out so, and
    series of a single step never overlap. Of series of few different values, such as
    counts, some share stretches by chance all the same: as many as with the test series
    backwards, ``X_test[:, ::-1]``, which the warnings subtract.

    Rows are compared by hashes of 64 bits. Time and memory grow with the number of
    rows, not of pairs: 20,000 windows of 24 steps and 28 channels take half a second.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.datasets import make_windows, overlapping_windows, train_test_windows
    >>> series = np.random.default_rng(0).normal(size=1000)
    >>> X = np.random.default_rng(1).permutation(make_windows(series, 10))
    >>> float(overlapping_windows(X[:800], X[800:]).mean())
    1.0
    >>> parts = train_test_windows(series, 10, random_state=0)
    >>> float(overlapping_windows(*parts).mean())
    0.0
    """
    train, test = _alike(as_series(X_train, "X_train"), as_series(X_test, "X_test"))
    check_same_names(X_train=X_train, X_test=X_test)
    n_timesteps = train.shape[1]
    n_rows = _check_min_rows(min_rows, n_timesteps)
    if n_rows > n_timesteps:
        return np.zeros(len(test), dtype=bool)
    rows = np.concatenate([hash_rows(train), hash_rows(test)])
    positions = np.split(np.arange(len(rows)), [len(train)])
    return find_shared(number_stretches(rows, n_rows), *positions)[0]


def _alike(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sets in the coarser of their dtypes."""
    if train.shape[1:] != test.shape[1:]:
        raise ValueError(
            "X_train and X_test must have the same time steps and channels, got "
            f"{train.shape} and {test.shape}. Cut them to the same windows."
        )
    dtype = min(train.dtype, test.dtype, key=lambda dtype: dtype.itemsize)
    with np.errstate(over="ignore"):
        return train.astype(dtype, copy=False), test.astype(dtype, copy=False)


def _check_min_rows(min_rows: int | None, n_timesteps: int) -> int:
    if min_rows is None:
        return default_rows(n_timesteps)
    min_rows = check_count(min_rows, "min_rows", minimum=2)
    if min_rows > n_timesteps:
        raise ValueError(
            f"min_rows must be at most the {n_timesteps} time steps, got {min_rows}. "
            "Lower it, or leave it out for half of them."
        )
    return min_rows
