"""The permutation test: statistics of splits of the real series, and p-values."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from tsgen.memorization.distances import Neighbours
from tsgen.memorization.ratios import (
    distance_ratio,
    fair_quantile,
    mirrored_ratio,
    ratio_centre,
)

TESTED = ("share", "tail", "attack")
NAMES = (*TESTED, "copies")
_DECOYS = 0.01  # share of mirrored ratios under the threshold of near-copies


class Split:
    """Statistics of one split of the real series, the true one or one at random."""

    def __init__(self, near: Neighbours, n_train: int, n_holdout: int) -> None:
        self.near = near
        self.n_train, self.n_holdout = n_train, n_holdout
        self.centre = ratio_centre(near.distances, n_train, n_holdout)
        ratio = distance_ratio(near.to_train, near.to_holdout)
        self.threshold = fair_quantile(ratio, self.centre, _DECOYS)
        self._closeness = rankdata(-near.to_synthetic)
        n_equal, n_listed = min(n_train, n_holdout), near.order.shape[1]
        self._train_stays = _chance_of_any(n_train, n_equal, n_listed)
        self._holdout_stays = _chance_of_any(n_holdout, n_equal, n_listed)

    def statistics(self, trains: np.ndarray) -> np.ndarray:
        """Measure a split that takes the real series in `trains` for training.

        Parameters
        ----------
        trains : ndarray of shape (n_train + n_holdout,), bool

        Returns
        -------
        ndarray of shape (4,)
            Named by `NAMES`.
        """
        first_train, first_holdout = self._first(trains), self._first(~trains)
        rows = np.arange(len(first_train))
        to_train = self.near.distances[rows, first_train]
        to_holdout = self.near.distances[rows, first_holdout]
        ratio = distance_ratio(to_train, to_holdout)
        share = self._train_stays[first_holdout]
        share += (first_holdout == 0) * (1 - self._holdout_stays[first_train])
        share[to_train == to_holdout] = 0.5
        tail = (np.maximum(1 - ratio / self.centre, 0) ** 3).mean()
        return np.array([share.mean(), tail, self._auc(trains), self._copies(ratio)])

    def _first(self, chosen: np.ndarray) -> np.ndarray:
        """Place in each list of the first of the chosen series; the last if none."""
        hits = chosen[self.near.order]
        hits[:, -1] = True
        return hits.argmax(axis=1)

    def _auc(self, trains: np.ndarray) -> float:
        ranks = self._closeness[trains].sum() - self.n_train * (self.n_train + 1) / 2
        return ranks / (self.n_train * self.n_holdout)

    def _copies(self, ratio: np.ndarray) -> float:
        """Share of ratios under the threshold less that of mirrored ones."""
        mirrored = mirrored_ratio(ratio, self.centre)
        return (ratio < self.threshold).mean() - (mirrored < self.threshold).mean()


def _chance_of_any(n: int, n_kept: int, n_listed: int) -> np.ndarray:
    """Chance that any of 0, 1 ... ``n_listed - 1`` of `n` is among `n_kept` drawn."""
    left = np.maximum(n - np.arange(n_listed - 1), n_kept)
    return 1 - np.cumprod(np.append(1.0, 1 - n_kept / left))


def permutation_chances(statistics: np.ndarray) -> np.ndarray:
    """Share of the rows, itself among them, that are as large, for each value."""
    return rankdata(-statistics, method="max", axis=0) / len(statistics)
