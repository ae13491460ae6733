"""Distances to the nearest training and unseen series, over time shifts."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

_ROUNDING = 1e-13  # of the squared norms: squared distances below it are 0
_BLOCK = 2**22  # distances held at once: 32 MiB
_MISSED = 1e-6  # chance that a list of neighbours holds none of one of the sets
_CONSTANT = 1e-9  # deviation of a window, of its largest value, that is rounding


class Search(NamedTuple):
    """Series to compare, each a row (n_timesteps * n_channels,), and how."""

    synthetic: np.ndarray
    real: np.ndarray
    n_channels: int
    max_lag: int
    ignore_scale: bool

    def lags(self) -> list[int]:
        """Shifts of the synthetic series, the smallest first."""
        return sorted(range(-self.max_lag, self.max_lag + 1), key=abs)

    def overlap(self, rows: slice, lag: int) -> tuple[np.ndarray, np.ndarray]:
        """Cut synthetic series that come `lag` steps later, and real ones, to size."""
        gap = abs(lag) * self.n_channels
        stop = self.real.shape[1] - gap
        late, early = slice(gap, None), slice(stop)
        own, other = (late, early) if lag >= 0 else (early, late)
        parts = self.synthetic[rows, own], self.real[:, other]
        if self.ignore_scale:
            return _unit_scale(parts[0], self.n_channels), _unit_scale(
                parts[1], self.n_channels
            )
        return parts

    def squares(self, rows: slice) -> np.ndarray:
        """Mean squared differences at the best lag, (n_rows, n_real)."""
        parts = self.overlap(rows, 0)
        best = _mean_squares(*parts)
        for lag in self.lags()[1:]:
            np.minimum(best, _mean_squares(*self.overlap(rows, lag)), out=best)
        best[best <= _ROUNDING * np.add.outer(*map(_norms, parts))] = 0
        return best

    def best_lags(self, rows: slice, partners: np.ndarray) -> np.ndarray:
        """Lag at which each synthetic series is nearest to one real series."""
        squares = []
        for lag in self.lags():
            own, other = self.overlap(rows, lag)
            squares.append(_norms(own - other[partners]))
        return np.array(self.lags())[np.argmin(squares, axis=0)]


def _norms(rows: np.ndarray) -> np.ndarray:
    """Mean square of each row."""
    return np.einsum("ij,ij->i", rows, rows) / rows.shape[1]


def _mean_squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean squared difference of each row of `a` from each of `b`, to rounding."""
    squares = (a * (-2 / a.shape[1])) @ b.T
    squares += _norms(a)[:, None]
    squares += _norms(b)
    return squares


def _unit_scale(rows: np.ndarray, n_channels: int) -> np.ndarray:
    """Bring each channel of each row to mean 0 and deviation 1; constants to 0."""
    series = rows.reshape(len(rows), -1, n_channels)
    deviations = series - series.mean(axis=1, keepdims=True)
    size = np.sqrt((deviations**2).mean(axis=1, keepdims=True))
    varies = size > _CONSTANT * np.abs(series).max(axis=1, keepdims=True)
    deviations /= np.where(varies, size, np.inf)
    return deviations.reshape(rows.shape)


class Neighbours(NamedTuple):
    """What is near: from each synthetic series, and to each real one."""

    to_train: np.ndarray  # (n_synthetic,)
    to_holdout: np.ndarray  # (n_synthetic,)
    nearest_train: np.ndarray  # (n_synthetic,)
    lag: np.ndarray  # (n_synthetic,)
    order: np.ndarray  # (n_synthetic, n_listed), positions of real series
    distances: np.ndarray  # (n_synthetic, n_listed), growing along a row
    to_synthetic: np.ndarray  # (n_real,)


def find_neighbours(search: Search, n_train: int) -> Neighbours:
    """Search blocks of synthetic series among all real ones."""
    n_real = len(search.real)
    n_listed = _list_length(n_train, n_real - n_train)
    size = max(1, _BLOCK // n_real)
    found, to_synthetic = [], np.full(n_real, np.inf)
    for start in range(0, len(search.synthetic), size):
        rows = slice(start, start + size)
        squares = search.squares(rows)
        np.minimum(to_synthetic, squares.min(axis=0), out=to_synthetic)
        found.append(_nearest(search, rows, squares, n_train, n_listed))
    columns = [np.concatenate(column) for column in zip(*found, strict=True)]
    return Neighbours(*[*columns, np.sqrt(to_synthetic)])


def _nearest(
    search: Search, rows: slice, squares: np.ndarray, n_train: int, n_listed: int
) -> tuple[np.ndarray, ...]:
    """Return the first six columns of `Neighbours` for a block of squares."""
    partners = squares[:, :n_train].argmin(axis=1)
    order = np.argpartition(squares, n_listed - 1, axis=1)[:, :n_listed]
    listed = np.take_along_axis(squares, order, axis=1)
    ranks = np.argsort(listed, axis=1, kind="stable")
    return (
        np.sqrt(squares[:, :n_train].min(axis=1)),
        np.sqrt(squares[:, n_train:].min(axis=1)),
        partners,
        search.best_lags(rows, partners),
        np.take_along_axis(order, ranks, axis=1),
        np.sqrt(np.take_along_axis(listed, ranks, axis=1)),
    )


def _list_length(n_train: int, n_holdout: int) -> int:
    """Neighbours to keep, so that any split leaves some of both sets among them."""
    n_real = n_train + n_holdout
    n_more = max(n_train, n_holdout)
    return min(n_real, math.ceil(math.log(_MISSED) / math.log(n_more / n_real)))
