"""Runs of neighbouring windows that are held out, and what is kept away from them."""

from __future__ import annotations

import math

import numpy as np


def reach_of(length: int, stride: int, gap: int) -> int:
    """Count the windows on each side of one that are too near to it.

    Parameters
    ----------
    length, stride : int
        Rows of a window, and from the start of one to the start of the next.
    gap : int
        Fewest rows between two windows that are far enough.

    Returns
    -------
    int
    """
    return -(-(length + gap) // stride) - 1


def most_blocks(n_windows: int, test_size: float, reach: int) -> int:
    """Count the stretches of which each can give one run of windows to the test.

    As many as drop at most one training window in eight, and at least one.
    """
    shortest = max(16 * reach, 1) / (1 - test_size)  # drops 2 * reach: an eighth
    return max(n_windows // math.ceil(max(shortest, 1 / test_size)), 1)


def keep_apart(
    runs: np.ndarray, borders: np.ndarray, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """Test on the windows of the runs, and train on those beyond reach of them.

    Parameters
    ----------
    runs : ndarray of shape (n_runs, 2)
        First window of each run and the one after its last; a run is in one series.
    borders : ndarray of shape (n_series + 1,)
        First window of each series, then the number of windows: those of different
        series are never near.
    reach : int
        Windows on each side of a run that are too near.

    Returns
    -------
    train, test : ndarray of int
        Positions of the windows, ascending.
    """
    series = np.searchsorted(borders[1:-1], runs[:, 0], side="right")
    first = np.maximum(runs[:, 0] - reach, borders[series])
    stop = np.minimum(runs[:, 1] + reach, borders[series + 1])
    near = _covered(first, stop, borders[-1])
    in_test = _covered(runs[:, 0], runs[:, 1], borders[-1])
    return np.flatnonzero(~near), np.flatnonzero(in_test)


def _covered(first: np.ndarray, stop: np.ndarray, n_windows: int) -> np.ndarray:
    """Mask of the windows that are in any run."""
    changes = np.zeros(n_windows + 1, dtype=int)
    np.add.at(changes, first, 1)
    np.add.at(changes, stop, -1)
    return np.cumsum(changes[:-1]) > 0
