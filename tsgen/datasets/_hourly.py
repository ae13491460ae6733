"""Hourly means of measurements at any time: counting, choosing and filling hours."""

from __future__ import annotations

import math

import numpy as np

from tsgen._validation import check_count


def check_hours(n_hours: int, min_hours: int | None, share: float) -> tuple[int, int]:
    """Check hours of a series and how many of them must have been observed.

    Parameters
    ----------
    n_hours : int
    min_hours : int or None
        From 1 to `n_hours`; None takes `share` of them, rounded up.
    share : float

    Returns
    -------
    n_hours, min_hours : int
    """
    n_hours = check_count(n_hours, "n_hours", minimum=1)
    if min_hours is None:
        return n_hours, math.ceil(share * n_hours)
    min_hours = check_count(min_hours, "min_hours", minimum=1)
    if min_hours > n_hours:
        raise ValueError(
            f"min_hours must not exceed n_hours, got min_hours={min_hours} and "
            f"n_hours={n_hours}. Ask for fewer observed hours or use longer series."
        )
    return n_hours, min_hours


def cell_means(
    rows: np.ndarray, columns: np.ndarray, values: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Mean of the values in every cell of a table, NaN where there is none.

    Parameters
    ----------
    rows, columns : ndarray of shape (n_values,), int
    values : ndarray of shape (n_values,)
    shape : tuple of 2 int

    Returns
    -------
    ndarray of shape `shape`, float64
    """
    cells = np.ravel_multi_index((rows, columns), shape)
    counts = np.bincount(cells, minlength=math.prod(shape))
    sums = np.bincount(cells, weights=values, minlength=math.prod(shape))
    means = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    return means.reshape(shape)


def find_observed(hourly: np.ndarray, min_hours: int) -> np.ndarray:
    """Series with enough observed hours in every channel: (n_series,), bool."""
    kept = np.isfinite(hourly).sum(axis=1).min(axis=1) >= min_hours
    if not kept.any():
        raise ValueError(
            f"min_hours must leave at least one series, got min_hours={min_hours}, "
            f"which leaves none of {len(kept)}. Ask for fewer observed hours."
        )
    return kept


def fill_hours(hourly: np.ndarray) -> np.ndarray:
    """Fill the hours of each series forward, then backward.

    Parameters
    ----------
    hourly : ndarray of shape (n_series, n_hours, n_channels)
        With NaN where nothing was observed, but never throughout a channel.

    Returns
    -------
    ndarray of shape (n_series, n_hours, n_channels)
    """
    observed = np.isfinite(hourly)
    hours = np.arange(hourly.shape[1])[:, None]
    last = np.maximum.accumulate(np.where(observed, hours, -1), axis=1)
    first = observed.argmax(axis=1)[:, None]
    source = np.where(last < 0, first, last)  # the hour that each value comes from
    return np.take_along_axis(hourly, source, axis=1)
