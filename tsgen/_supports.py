"""Supports: the values that discrete channels take, and how often they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from tsgen._reading.parts import in_parts

MAX_VALUES = 256  # of a discrete channel
SPACING = 1e-6  # of the largest magnitude, between values; float32 tells them apart
ROUNDING = 1e-7  # of the largest magnitude; what was float32 once is off by less


class Support(NamedTuple):
    """The values of one channel, increasing, and their shares of the entries."""

    values: np.ndarray  # (n,), float64
    shares: np.ndarray  # (n,), sum 1

    @classmethod
    def of(cls, column: np.ndarray) -> Self:
        """Count the values of a channel, of one or two axes; NaN is left out."""
        found = [
            np.unique(part[~np.isnan(part)].astype(np.float64), return_counts=True)
            for _, part in in_parts(np.atleast_3d(column))
        ]
        pieces, n_each = (np.concatenate(column) for column in zip(*found, strict=True))
        values, place = np.unique(pieces, return_inverse=True)
        counts = np.bincount(place, n_each, len(values))
        return cls(values, counts / counts.sum())

    @property
    def largest(self) -> float:
        """Largest magnitude of a value."""
        return float(np.abs(self.values).max())

    def nearest(self, column: np.ndarray) -> np.ndarray:
        """Return the value next to each entry, of any shape; NaN stays."""
        middle = self.values[:-1] + np.diff(self.values) / 2
        found = self.values[np.searchsorted(middle, column)]
        return np.where(np.isnan(column), np.nan, found)

    def others(self, column: np.ndarray) -> np.ndarray:
        """Return the entries that are, beyond the rounding of float32, no value."""
        off = np.abs(column - self.nearest(column)) > ROUNDING * self.largest
        return column[off]

    def problem(self, most: int = MAX_VALUES) -> str | None:
        """Say why the values cannot be those of a discrete channel, if they cannot."""
        if len(self.values) > most:
            return f"at most {most} values, got {len(self.values)}"
        close = np.flatnonzero(np.diff(self.values) <= SPACING * self.largest)
        if close.size:
            low, high = self.values[close[0] : close[0] + 2].tolist()
            return (
                f"values that differ by {SPACING:g} of the largest, got {low!r} and "
                f"{high!r} where one is {self.largest:g}"
            )
        return None

    def _is_sound(self) -> bool:
        """Tell whether the fields, of unknown origin, are what they must be."""
        if self.values.shape != self.shares.shape or not np.isfinite(self).all():
            return False
        shared = bool((self.shares > 0).all()) and np.isclose(self.shares.sum(), 1)
        return bool(shared) and self.problem() is None


class Supports:
    """The supports of all channels; without any it leaves series as they are.

    Parameters
    ----------
    channels : sequence of Support or None, default=()
        One for each channel, None for a continuous one.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen._supports import Support, Supports
    >>> supports = Supports([Support.of(np.array([1.0, 3.0, 1.0])), None])
    >>> supports.sizes
    (2, 0)
    >>> supports.nearest(np.array([[2.7, 2.7]]))
    array([[3. , 2.7]])
    """

    def __init__(self, channels: Sequence[Support | None] = ()) -> None:
        discrete = any(support is not None for support in channels)
        self.channels = tuple(channels) if discrete else ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of values of each channel, 0 for a continuous one; () without any."""
        return tuple(0 if s is None else len(s.values) for s in self.channels)

    @property
    def discrete(self) -> dict[int, Support]:
        """Supports of the discrete channels, by channel."""
        return {c: s for c, s in enumerate(self.channels) if s is not None}

    def nearest(self, X: np.ndarray) -> np.ndarray:
        """Bring discrete channels of series (..., C) to their nearest values."""
        if not self.channels:
            return X
        X = np.array(X, np.float64)
        for channel, support in self.discrete.items():
            X[..., channel] = support.nearest(X[..., channel])
        return X

    def check(self, X: np.ndarray, name: str = "X") -> None:
        """Check that series (n, T, C) have the values of discrete channels.

        Raises
        ------
        ValueError
            If a value is, beyond the rounding of float32, not one of them.
        """
        for channel, support in self.discrete.items():
            parts = in_parts(X[:, :, channel : channel + 1])
            others = np.concatenate([support.others(part) for _, part in parts])
            if others.size:
                raise ValueError(
                    f"{name} must hold values of fit in the discrete channel {channel},"
                    f" got {others.size} that are not, the first is "
                    f"{float(others[0])!r}.\n"
                    "Fit on series that have it, or with likelihood='mixture' for that "
                    "channel."
                )

    def checked(self, X: np.ndarray) -> np.ndarray:
        """Return series (..., C) with exactly the values of discrete channels.

        Raises
        ------
        ValueError
            If a value is, beyond the rounding of float32, not one of them.
        """
        if self.channels:
            self.check(X.reshape(1, -1, X.shape[-1]))
        return self.nearest(X)

    def table(self) -> tuple[np.ndarray, np.ndarray]:
        """Return values and shares of the channels, (largest size, C) each.

        After its last value a discrete channel has repeats of it, with share 0.
        Continuous channels have zeros.
        """
        values, shares = np.zeros((2, max(self.sizes), len(self.channels)))
        for channel, support in self.discrete.items():
            size = len(support.values)
            values[:, channel] = support.values[-1]
            values[:size, channel], shares[:size, channel] = support
        return values, shares

    def arrays(self) -> dict[str, np.ndarray]:
        """Return values and shares of all channels in a row, by name."""
        if not self.channels:
            return {}
        columns = zip(*self.discrete.values(), strict=True)
        return dict(zip(Support._fields, map(np.concatenate, columns), strict=True))

    @classmethod
    def restored(cls, sizes: Sequence[int], arrays: dict[str, np.ndarray]) -> Self:
        """Return what `sizes` and `arrays` were taken from.

        Raises
        ------
        ValueError
            If they are not those of supports.
        """
        if not sizes:
            return cls()
        ends = np.cumsum(sizes)
        parts = [arrays[name] for name in Support._fields]
        pieces = zip(*(np.split(part, ends[:-1]) for part in parts), strict=True)
        channels = [Support(*piece) if len(piece[0]) else None for piece in pieces]
        whole = all(len(part) == ends[-1] for part in parts)
        if not whole or not all(part._is_sound() for part in filter(None, channels)):
            raise ValueError("supports must hold few finite values, increasing")
        return cls(channels)
