"""Grids: evenly spaced values that all values of a channel are of, as whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

LEAST_COUNT = 20  # values of a channel; fewer are on a grid by chance
LOOKED_AT_FIRST = 1000  # values, enough to see that most channels have no grid
SMALLEST_SPACING = 1e-4  # standard deviations; a finer grid is not seen
TINY = 1e-14  # of the largest magnitude; what float64 may be off by
ROUNDINGS = (TINY, 2.5e-7)  # the same, and of what was float32 once
LEAST_CLEAR = 500  # times the rounding, what a spacing is; fractions come near all
MOST_DECIMALS = 15


class Grid(NamedTuple):
    """One value of the grid of each channel, and the spacing, 0 without a grid.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen._grid import Grid
    >>> pulse = np.random.default_rng(0).normal(70, 9, size=(20, 8, 1)).round()
    >>> grid = Grid.of(pulse)
    >>> grid.spacings, grid.nearest(np.array([61.3, 80.8])[:, None]).ravel()
    (array([1.]), array([61., 81.]))
    """

    origins: np.ndarray  # (C,)
    spacings: np.ndarray  # (C,)

    @classmethod
    def of(cls, X: np.ndarray, discrete: Sequence[int] = ()) -> Self:
        """Look at series (n, T, C), NaN where missing; `discrete` channels have none.

        Every value counts: with one between the others there is no grid.
        """
        channels = range(X.shape[-1])
        found = [(0.0, 0.0) if c in discrete else _grid(X[..., c]) for c in channels]
        origins, spacings = np.array(found).T
        return cls(origins, spacings)

    def nearest(self, X: np.ndarray) -> np.ndarray:
        """Move values (..., C) to the grids of their channels; NaN stays."""
        if not self.spacings.any():
            return X
        X = X.copy()
        for c in np.flatnonzero(self.spacings):
            X[..., c] = _nearest(X[..., c], self.origins[c], self.spacings[c])
        return X


def _grid(values: np.ndarray) -> tuple[float, float]:
    """Find a value and the spacing of the grid of a channel, 0 without one."""
    values = values[~np.isnan(values)]
    if len(values) < LEAST_COUNT:
        return 0.0, 0.0
    some = np.unique(values[:LOOKED_AT_FIRST])
    for rounding in ROUNDINGS:
        if _common(some, rounding)[1]:
            found = _common(np.unique(values), rounding)
            if found[1]:
                return found
    return 0.0, 0.0


def _common(values: np.ndarray, rounding: float) -> tuple[float, float]:
    """Find the grid of values (n,) that increase; the origin is one in the middle.

    The spacing is the greatest common divisor of the differences, by Euclid.
    """
    off = rounding * np.abs(values).max()
    gaps = np.diff(values)
    gaps = rest = gaps[gaps > TINY * np.abs(values).max()]
    if not len(gaps):
        return 0.0, 0.0
    span = values[-1] - values[0]
    deviation = span * np.std((values - values[0]) / span)
    smallest = max(SMALLEST_SPACING * deviation, LEAST_CLEAR * off)
    while (spacing := rest.min()) >= smallest:
        times = np.round(gaps / spacing)
        rest = np.abs(gaps - spacing * times)
        rest = rest[rest > off * np.maximum(times, 1)]
        if not rest.size:
            spacing = span / np.round(span / spacing)  # the widest tells it best
            return _in_decimals(values, values[len(values) // 2], spacing, 2 * off)
    return 0.0, 0.0


def _in_decimals(
    values: np.ndarray, origin: float, spacing: float, most: float
) -> tuple[float, float]:
    """Write a grid with as few decimals as its values have, or as it is.

    Zeros if a value is off the grid by more than `most`.
    """
    off = np.abs(_nearest(values, origin, spacing) - values).max()
    if off > most:
        return 0.0, 0.0
    off += TINY * np.abs(values).max()
    for decimals in range(MOST_DECIMALS + 1):
        found = round(float(origin), decimals), round(float(spacing), decimals)
        if found[1] and (np.abs(_nearest(values, *found) - values) <= off).all():
            return found
    return float(origin), float(spacing)


def _nearest(values: np.ndarray, origin: float, spacing: float) -> np.ndarray:
    """Move values to a grid, without what floats add to its decimals."""
    found = origin + spacing * np.round((values - origin) / spacing)
    decimals = _n_decimals(origin, spacing)
    return found if decimals is None else np.round(found, decimals)


def _n_decimals(*numbers: float) -> int | None:
    """Count the decimals that numbers are written with; None if they are many."""
    for decimals in range(MOST_DECIMALS + 1):
        if all(round(number, decimals) == number for number in numbers):
            return decimals
    return None
