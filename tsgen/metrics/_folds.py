"""Splits of two sets of series that keep neighbours, or groups, on one side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tsgen._validation import check_count

_MOST_BLOCKS = 4  # of a fold
_SHARE_DROPPED = 8  # at most one training series in so many lies in a gap


class Folds(NamedTuple):
    """The fold of each series of a set, and how near ones are kept apart.

    Parameters
    ----------
    labels : ndarray of shape (n_series,)
        From 0 to `n_splits - 1`.
    gap : int
        Series on both sides of others that must not stand opposite to them.
    """

    labels: np.ndarray
    gap: int

    def inside(self, fold: int) -> np.ndarray:
        """Rows of a fold."""
        return np.flatnonzero(self.labels == fold)

    def outside(self, *folds: int) -> np.ndarray:
        """Rows of the other folds that are not within the gap of these."""
        chosen = np.isin(self.labels, folds)
        gap = min(self.gap, len(chosen))
        near = np.convolve(chosen, np.ones(2 * gap + 1))[gap:][: len(chosen)] > 0
        rows = np.flatnonzero(~near)
        if len(rows) == 0:
            raise ValueError(
                f"gap must leave series to train on, got gap={self.gap} for "
                f"{len(chosen)} series. Give more series or a smaller gap."
            )
        return rows


def fold_pair(
    n_real: int,
    n_synthetic: int,
    *,
    n_splits: int,
    groups: ArrayLike | None,
    gap: int,
) -> tuple[Folds, Folds]:
    """Assign the series of both sets to the same number of folds.

    Parameters
    ----------
    n_real, n_synthetic : int
    n_splits : int
    groups : array-like of shape (n_real,) or None
        A group of real series is in one fold. Without, series are cut into blocks.
    gap : int
        Of sets that are cut into blocks.

    Returns
    -------
    real, synthetic : Folds

    Raises
    ------
    ValueError
        If `gap` is negative or `groups` has another length or too few groups.
    """
    gap = check_count(gap, "gap")
    synthetic = block_folds(n_synthetic, n_splits, gap)
    if groups is None:
        return block_folds(n_real, n_splits, gap), synthetic
    return group_folds(groups, n_real, n_splits), synthetic


def block_folds(n_series: int, n_splits: int, gap: int) -> Folds:
    """Cut series, in their order, into blocks that go to the folds in turn.

    A fold has four blocks, so that it sees every season, or fewer if their gaps would
    take more than one training series in eight.
    """
    if n_splits > n_series:
        raise ValueError(
            f"n_splits must be at most the number of series, got {n_splits} folds of "
            f"{n_series} series.\nGive more series, or fewer folds (cv in compare)."
        )
    room = _MOST_BLOCKS
    if gap:
        room = n_series * (n_splits - 1) // (2 * gap * _SHARE_DROPPED * n_splits)
    per_fold = min(max(room, 1), _MOST_BLOCKS, n_series // n_splits)
    blocks = np.arange(n_series) * (per_fold * n_splits) // n_series
    return Folds(blocks % n_splits, gap)


def group_folds(groups: ArrayLike, n_series: int, n_splits: int) -> Folds:
    """Give each group, the largest first, to the fold with the fewest series."""
    array = np.asarray(groups)
    if array.shape != (n_series,):
        raise ValueError(
            f"groups must have one label for each of the {n_series} real series, got "
            f"shape {array.shape}."
        )
    members, sizes = np.unique(array, return_inverse=True, return_counts=True)[1:]
    if len(sizes) < n_splits:
        raise ValueError(
            f"groups must hold at least n_splits = {n_splits} groups, got "
            f"{len(sizes)}. Lower n_splits or give series of more groups."
        )
    fold_of_group, load = np.empty(len(sizes), dtype=int), np.zeros(n_splits)
    for group in np.argsort(-sizes, kind="stable"):
        fold_of_group[group] = np.argmin(load)
        load[fold_of_group[group]] += sizes[group]
    return Folds(fold_of_group[members], 0)


def positions(chosen: np.ndarray) -> np.ndarray:
    """Positions of the series that are chosen; scikit-learn also gives masks."""
    chosen = np.asarray(chosen)
    return np.flatnonzero(chosen) if chosen.dtype == bool else chosen
