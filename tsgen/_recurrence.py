"""Recurrence: values that channels take again and again, exactly.

The value of the step before, the few values of a channel that stand out, such as the
zeros of sales or the end of a range, the next value on a straight line, where values
were interpolated, and the grid that all values of a channel are of, as whole numbers.
Whoever draws series from densities alone never meets them, nor ends that are abrupt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from tsgen._ends import Ends
from tsgen._grid import Grid
from tsgen._supports import MAX_VALUES, Support

MOST_COUNTED = 5_000_000  # entries that are looked at
LEAST_SHARE = 0.05  # of the values that do not repeat the one before
LEAST_COUNT = 20  # how often a value recurs at least
LEAST_STRAIGHT = 0.25  # of the values that do not repeat; fewer go on so by chance
LINE_TOLERANCE = 3e-3  # of a typical change, off a straight line
STEEP = 10  # times that, what a line rises or falls by at least


class Recurrence(NamedTuple):
    """How often values repeat the one before, change else, and which others recur.

    The share of repeats of each channel, strictly between 0 and 1; the typical size of
    a change, the median of those that are not 0, or 0 without any; the number of
    recurring values of each channel; the values of all channels in a row, and their
    shares among the values that do not repeat; and the grids and the ends of channels.
    The last value of a channel may be NaN: it stands for the next value on the straight
    line through the last two.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen._recurrence import Recurrence
    >>> sales = np.random.default_rng(0).gamma(2.0, size=(100, 8, 1))
    >>> sales[:, ::2] = 0.0
    >>> found = Recurrence.of(sales)
    >>> found.sizes, found.values
    ((1,), array([0.]))
    """

    repeats: np.ndarray  # (C,)
    changes: np.ndarray  # (C,)
    sizes: tuple[int, ...]
    values: np.ndarray  # (R,)
    shares: np.ndarray  # (R,)
    grid: Grid
    ends: Ends

    @property
    def owner(self) -> np.ndarray:
        """Channel of each recurring value, (R,)."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @classmethod
    def of(cls, X: np.ndarray, discrete: Sequence[int] = ()) -> Self:
        """Look at series (n, T, C); `discrete` channels have no values."""
        whole, X = X, _some(X)
        grid = Grid.of(X, discrete)
        steps = np.abs(np.diff(X, axis=1))
        repeats = steps == 0
        columns = np.moveaxis(steps, 2, 0)
        changes = np.array([_median(column[column > 0]) for column in columns])
        straight, may_be = _go_on_straight(X, LINE_TOLERANCE * changes)
        share = (repeats.sum((0, 1)) + 0.5) / (_n_that_may_repeat(X) + 1)  # in (0, 1)
        X[:, 1:][repeats] = np.nan
        parts = (np.moveaxis(part, 2, 0) for part in (X, straight, may_be))
        found = [_standing_out(*column) for column in zip(*parts, strict=True)]
        nothing = Support(*2 * [np.zeros(0)])
        found = [nothing if c in discrete else part for c, part in enumerate(found)]
        values, shares = (np.concatenate(part) for part in zip(*found, strict=True))
        ends = Ends.of(whole, X, [part.values for part in found], discrete)
        numbers = tuple(len(part.values) for part in found)
        return cls(share, changes, numbers, values, shares, grid, ends)

    def merged(self, standardised: np.ndarray) -> Self:
        """Keep one of neighbouring values whose standardised ones (R,) are equal."""
        if not len(self.values):
            return self
        first = np.ones(len(self.values), bool)
        first[1:] = (np.diff(self.owner) > 0) | ~(np.diff(standardised) <= 0)
        shares = np.bincount(np.cumsum(first) - 1, self.shares, int(first.sum()))
        sizes = np.bincount(self.owner[first], minlength=len(self.sizes))
        values = self.values[first]
        return self._replace(sizes=tuple(sizes.tolist()), values=values, shares=shares)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what was learned, by name; `restored` also needs the sizes."""
        lines = np.isnan(self.values)
        values = np.where(lines, 0.0, self.values)
        of_values = values, lines.astype(float), self.shares
        parts = self.repeats, self.changes, *self.grid, *self.ends, *of_values
        return dict(zip(self.layout(self.sizes), parts, strict=True))

    @staticmethod
    def layout(sizes: Sequence[int]) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Return the type and the shape of `arrays`."""
        of_channels = "repeats", "changes", *Grid._fields, *Ends._fields
        lengths = dict.fromkeys(of_channels, len(sizes))
        lengths |= dict.fromkeys(("values", "lines", "shares"), sum(sizes))
        return {f"recurrence_{k}": ("float64", (n,)) for k, n in lengths.items()}

    @classmethod
    def restored(cls, sizes: Sequence[int], arrays: dict[str, np.ndarray]) -> Self:
        """Return what `sizes` and `arrays` were taken from.

        Raises
        ------
        ValueError
            If they are not those of a recurrence.
        """
        parts = (arrays[name] for name in cls.layout(sizes))
        repeats, changes, origins, spacings, *ends, values, lines, shares = parts
        values, grid = np.where(lines, np.nan, values), Grid(origins, spacings)
        found = cls(repeats, changes, tuple(sizes), values, shares, grid, Ends(*ends))
        total = np.bincount(found.owner, shares, len(sizes))
        if not ((repeats > 0) & (repeats < 1)).all():
            raise ValueError("its shares of repeats must lie between 0 and 1")
        if (changes < 0).any() or (spacings < 0).any():
            raise ValueError("its changes and spacings must not be negative")
        if not found.ends.are_sound():
            raise ValueError("its ends must be in order, and abrupt or not")
        if (shares < LEAST_SHARE / 2).any() or (total >= 1).any():
            raise ValueError("shares of recurring values must leave some to others")
        is_last = np.diff(found.owner, append=len(sizes)) > 0
        if (lines != (lines == 1)).any() or (lines > is_last).any():
            raise ValueError("only the last value of a channel may be on a line")
        return found


def _some(X: np.ndarray) -> np.ndarray:
    """Choose series at random, always the same, and of long ones their beginnings."""
    n_steps = max(2, MOST_COUNTED // X.shape[2])
    X = X[:, :n_steps]
    n_rows = max(1, MOST_COUNTED // (X.shape[1] * X.shape[2]))
    if n_rows < len(X):
        X = X[np.sort(np.random.default_rng(0).permutation(len(X))[:n_rows])]
    return np.array(X, np.float64)


def _n_that_may_repeat(X: np.ndarray) -> np.ndarray:
    """Count the values that follow one that is known, (C,).

    If there is none, all: nothing says that they repeat.
    """
    there = ~np.isnan(X)
    follow = (there[:, 1:] & there[:, :-1]).sum((0, 1))
    return np.where(follow > 0, follow, there.sum((0, 1)))


def _median(sizes: np.ndarray) -> float:
    return float(np.median(sizes)) if len(sizes) else 0.0


def _go_on_straight(
    X: np.ndarray, tolerance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tell which entries of series (n, T, C) lie on the line through the two before.

    And where there is such a line: it rises by far more than the `tolerance` (C,) that
    an entry may be off, or falls.
    """
    change = np.diff(X, axis=1)
    on_line, may_be = np.zeros((2, *X.shape), bool)
    may_be[:, 2:] = np.abs(change[:, :-1]) > STEEP * tolerance
    on_line[:, 2:] = np.abs(np.diff(change, axis=1)) <= tolerance
    return on_line & may_be, may_be


def _standing_out(
    changes: np.ndarray, straight: np.ndarray, may_be: np.ndarray
) -> Support:
    """Find the values of a channel (n, T) that recur, and their shares.

    NaN is none; in what is found it stands for the entries that go on straight, with
    their share of those that may.
    """
    there = ~np.isnan(changes)
    column, straight = changes[there], straight[there]
    values, counts = np.unique(column, return_counts=True)
    enough = counts >= max(LEAST_COUNT, LEAST_SHARE * len(column))
    values, counts = values[enough], counts[enough]
    shares = counts / (len(column) + 1)  # 1 for others
    n_straight = (straight & ~np.isin(column, values)).sum()
    n_there = may_be[there].sum()
    if n_straight >= max(LEAST_COUNT, LEAST_STRAIGHT * n_there):
        left = 1 - shares.sum()
        share = min(n_straight / (n_there + 1), left * (1 - 1 / (n_there + 1)))
        values, shares = np.append(values, np.nan), np.append(shares, share)
    return Support(values, shares)


def are_recurring(value: object, n_channels: object) -> bool:
    """Tell whether there is a number of recurring values for each channel, or none."""
    if not isinstance(value, list) or len(value) not in (0, n_channels):
        return False
    return all(type(n) is int and 0 <= n <= MAX_VALUES for n in value)
