r"""Windows that share rows, found by hashes of the rows.

A stretch is as many consecutive rows of a series as must be shared. Rows become numbers
:math:`h_t` of 64 bits, and the stretch of :math:`k` rows that begins at row :math:`t`
has the key

.. math:: \sum_{j=0}^{k-1} h_{t+j} b^j \mod 2^{64}

Equal stretches have equal keys, others by a chance of about :math:`2^{-64}`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from tsgen.exceptions import OverlappingWindowsWarning

_BASE = 0x9E3779B97F4A7C15  # b: odd, so that it has an inverse
_AT_ONCE = 2**15  # rows that are copied at a time to be hashed
_TOLERATED = 0.1  # share of held-out series that may overlap without a warning


def default_rows(n_timesteps: int) -> int:
    """Rows that must be shared: half of a series, and at least two."""
    return max(2, -(-n_timesteps // 2))


def hash_rows(X: np.ndarray) -> np.ndarray:
    """Turn the rows of series into numbers, equal where all channels are.

    Parameters
    ----------
    X : ndarray of shape (n_series, n_timesteps, n_channels)

    Returns
    -------
    ndarray of shape (n_series, n_timesteps), uint64
    """
    rows = X.reshape(-1, X.shape[2])
    parts = range(0, len(rows), _AT_ONCE)
    hashes = [_hash(rows[start : start + _AT_ONCE]) for start in parts]
    return np.concatenate(hashes).reshape(X.shape[:2])


def _hash(rows: np.ndarray) -> np.ndarray:
    rows = np.ascontiguousarray(rows + 0.0)  # -0.0 becomes 0.0
    whole = rows.view(np.dtype((np.void, rows[0].nbytes)))[:, 0]
    return np.fromiter(map(hash, whole.tolist()), np.int64).view(np.uint64)


def number_stretches(rows: np.ndarray, n_rows: int) -> np.ndarray:
    """Give equal stretches one number, as they come and read backwards.

    Parameters
    ----------
    rows : ndarray of shape (n_series, n_timesteps), uint64
        From `hash_rows`.
    n_rows : int
        Rows of a stretch, from 1 to `n_timesteps`.

    Returns
    -------
    ndarray of shape (2, n_series, n_timesteps - n_rows + 1), int
        The numbers of the stretches, and those that they would have backwards.
    """
    backwards = _keys(rows[:, ::-1], n_rows)[:, ::-1]
    keys = np.stack([_keys(rows, n_rows), backwards])
    return np.unique(keys, return_inverse=True)[1].reshape(keys.shape)


def _keys(rows: np.ndarray, n_rows: int) -> np.ndarray:
    sums = np.cumsum(rows * _powers(_BASE, rows.shape[1]), axis=1)
    before = np.pad(sums[:, :-n_rows], [(0, 0), (1, 0)])
    inverse = pow(_BASE, -1, 2**64)
    return (sums[:, n_rows - 1 :] - before) * _powers(inverse, before.shape[1])


def _powers(base: int, n: int) -> np.ndarray:
    return np.cumprod(np.full(n, base, dtype=np.uint64))


def find_shared(numbers: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Tell which held-out series hold a stretch of a training series.

    Stretches that training series hold in both directions do not count: constant ones
    are among them, and those of few different values, which are equal by chance.

    Parameters
    ----------
    numbers : ndarray of shape (2, n_series, n_stretches), int
        From `number_stretches`.
    train, test : ndarray of int
        Positions of the series.

    Returns
    -------
    ndarray of shape (2, n_test), bool
        For the held-out series as they come, and read backwards: what chance does.
    """
    known = np.zeros(numbers.max() + 1, dtype=bool)
    known[numbers[0, train]] = True
    found = known[numbers[:, test]]  # (2, n_test, n_stretches)
    return (found & ~found[::-1]).any(axis=2)


def warn_of_overlap(
    X: np.ndarray, splits: Sequence[tuple[np.ndarray, np.ndarray]], stacklevel: int = 3
) -> None:
    """Warn, once, if held-out series share half of their rows with training series.

    Those that do so read backwards are subtracted, as many would by chance.

    Parameters
    ----------
    X : ndarray of shape (n_series, n_timesteps, n_channels)
    splits : sequence of (train, test)
        Positions in `X`; held-out series of all splits are counted together.
    stacklevel : int, default=3
        The default blames the caller of the function that calls this one.
    """
    n_rows = default_rows(X.shape[1])
    if n_rows > X.shape[1]:
        return
    numbers = number_stretches(hash_rows(X), n_rows)
    shared, by_chance, n_held_out = 0, 0, 0
    for train, test in splits:
        if len(train) and len(test):
            counts = find_shared(numbers, train, test).sum(axis=1)
            shared, by_chance = shared + counts[0], by_chance + counts[1]
            n_held_out += len(test)
    if shared - by_chance > _TOLERATED * n_held_out:
        warnings.warn(
            f"{shared / n_held_out:.0%} of the held-out series share at least {n_rows} "
            "consecutive rows with series that are fitted on, so that copying looks "
            "like skill. Hold out blocks of time with a gap, as "
            "tsgen.datasets.WindowSplit and train_test_windows do.",
            OverlappingWindowsWarning,
            stacklevel=stacklevel,
        )
