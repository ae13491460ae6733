r"""Scaling: every channel is brought to mean 0 and standard deviation 1, in float64.

.. math:: z = (x / u - m) / s

where the unit :math:`u` is the power of two next to the largest magnitude of the
channel. Dividing by it is exact and leaves numbers below 2, so the moments :math:`m`
and :math:`s` neither overflow nor vanish for data from 1e-320 to 1e300. Values of
discrete channels are exact in both directions.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Self

import numpy as np

from tsgen._reading.arrays import Layout
from tsgen._reading.parts import channel_range, channel_totals, in_parts
from tsgen._recurrence import Recurrence
from tsgen._supports import Support, Supports
from tsgen.exceptions import ConstantInputWarning

SMALLEST_CHANGE = 1e-4  # standard deviations; float32 holds a thousandth of it
MOMENTS = ("unit_", "relative_mean_", "relative_scale_")


class SeriesScaler:
    """Standardise every channel over all series and time steps.

    A channel whose values are all equal becomes exactly 0, and its inverse is exactly
    that constant whatever comes in.

    Parameters
    ----------
    supports : Supports or None, default=None
        Values of discrete channels; others are refused, and never come back.
    recurrence : Recurrence or None, default=None
        Values of other channels that come back exactly.

    Attributes
    ----------
    unit_ : ndarray of shape (n_channels,)
        Power of two by which each channel is divided first.
    relative_mean_, relative_scale_ : ndarray of shape (n_channels,)
        Mean and standard deviation in multiples of `unit_`; the scale of a constant
        channel is 0.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen._scaling import SeriesScaler
    >>> X = np.array([[[1.0], [3.0]], [[3.0], [1.0]]])
    >>> scaler = SeriesScaler().fit(X)
    >>> scaler.transform(X).ravel()
    array([-1.,  1.,  1., -1.])
    """

    unit_: np.ndarray
    relative_mean_: np.ndarray
    relative_scale_: np.ndarray

    def __init__(
        self, supports: Supports | None = None, recurrence: Recurrence | None = None
    ) -> None:
        self.supports = supports or Supports()
        self.recurrence = recurrence

    @property
    def mean_(self) -> np.ndarray:
        """Mean of each channel in the units of `X`, of shape (n_channels,)."""
        return self.relative_mean_ * self.unit_

    @property
    def scale_(self) -> np.ndarray:
        """Standard deviation in the units of `X`; 0 for a constant channel.

        Of shape (n_channels,). Below 1e-307 it loses digits, `transform` does not.
        """
        return self.relative_scale_ * self.unit_

    @property
    def constant_(self) -> np.ndarray:
        """Which channels have a single value, bool of shape (n_channels,)."""
        return self.relative_scale_ == 0

    def fit(self, X: np.ndarray, stacklevel: int = 3) -> Self:
        """Measure the mean and standard deviation of every channel.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_timesteps, n_channels)
            Series of magnitude up to 1e300; NaN where an entry is missing, but not in
            the whole of a channel.
        stacklevel : int, default=3
            Of the warning; 3 is the line that calls what calls this.

        Returns
        -------
        SeriesScaler
            The scaler itself.

        Warns
        -----
        ConstantInputWarning
            If every channel is constant.
        """
        low, high = channel_range(X)  # (C,)
        self.unit_ = _power_of_two(np.maximum(high, -low))
        low, high = low / self.unit_, high / self.unit_
        middle = low + (high - low) / 2
        deviation, self.relative_scale_ = _moments(X, self.unit_, middle)
        self.relative_mean_ = middle + deviation
        if self.recurrence is not None:
            self.recurrence = self.recurrence.merged(self.standardised_recurrence())
        if self.constant_.all():
            _warn_constant(stacklevel + 1)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Standardise.

        Parameters
        ----------
        X : ndarray of shape (..., n_channels)
            Values in the units of the fit.

        Returns
        -------
        ndarray of shape (..., n_channels), float64
            Exactly 0 in constant channels.

        Raises
        ------
        ValueError
            If a value of a discrete channel is not in its support.
        """
        return self._standardised(self.supports.checked(X))

    def inverse_transform(self, Z: np.ndarray) -> np.ndarray:
        """Return to the units of the fit.

        Parameters
        ----------
        Z : ndarray of shape (..., n_channels)
            Standardised values.

        Returns
        -------
        ndarray of shape (..., n_channels), float64
            Exactly the constant in constant channels, a value of the support in
            discrete ones, the nearest of the grid in those that have one, and a
            recurring value where `Z` is, in float32, its standardised one.
        """
        X = (self.relative_mean_ + self.relative_scale_ * Z) * self.unit_
        if self.recurrence is not None:
            X = self.recurrence.grid.nearest(X)
            for channel, value, scaled in zip(
                self.recurrence.owner,
                self.recurrence.values,
                self.standardised_recurrence(),
                strict=True,
            ):
                X[..., channel][Z[..., channel].astype(np.float32) == scaled] = value
        return self.supports.nearest(X)

    def standardised_recurrence(self) -> np.ndarray:
        """Return the recurring values as `transform` gives them, (R,), in float32.

        NaN for the next value on a line, which is another every time.
        """
        assert self.recurrence is not None
        row, owner = np.arange(len(self.recurrence.values)), self.recurrence.owner
        X = np.zeros((len(row), len(self.recurrence.sizes)))
        X[row, owner] = self.recurrence.values
        return self._standardised(X)[row, owner].astype(np.float32)

    def standardised_changes(self) -> np.ndarray:
        """Return the typical changes in standard deviations, (C,), from 1e-4 to 1."""
        assert self.recurrence is not None
        changes = self.recurrence.changes / self.unit_ / self._divisor
        return np.where(changes > 0, changes, 1.0).clip(SMALLEST_CHANGE, 1.0)

    def standardised_grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Return origins and spacings of the grids as `transform` gives them, (C,)."""
        assert self.recurrence is not None
        origins, spacings = self.recurrence.grid
        return self._standardised(origins), spacings / self.unit_ / self._divisor

    def widen(self, X: np.ndarray) -> None:
        """Let values go as far as those of series (n, T, C) that are added to a fit."""
        if self.recurrence is not None:
            ends = self.recurrence.ends.widened(X)
            self.recurrence = self.recurrence._replace(ends=ends)

    def standardised_ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of ranges as `transform` gives them, (2, C), and `abrupt`."""
        assert self.recurrence is not None
        *ends, abrupt = self.recurrence.ends
        return self._standardised(np.stack(ends)), abrupt

    def _check_recurrence(self) -> None:
        """Check that recurring values, of unknown origin, can be told apart."""
        if self.recurrence is None:
            return
        with np.errstate(over="ignore"):
            scaled = self.standardised_recurrence()
        apart = ~(np.diff(scaled) <= 0) | (np.diff(self.recurrence.owner) > 0)
        if np.isinf(scaled).any() or not apart.all():
            raise ValueError("recurring values must increase and be finite")

    @property
    def _divisor(self) -> np.ndarray:
        """What values are divided by in multiples of `unit_`, (C,)."""
        return np.where(self.constant_, 1.0, self.relative_scale_)

    def _standardised(self, X: np.ndarray) -> np.ndarray:
        Z = X / self.unit_
        Z -= self.relative_mean_
        Z /= self._divisor
        Z[..., self.constant_] = 0.0
        return Z

    def log_volume(self) -> float:
        """Return the log volume of one standardised time step in the units of `X`.

        Subtract it per time step from the log density of `transform(X)` to get that
        of `X`. Constant channels have no density and are left out.

        Returns
        -------
        float
            Sum of log `scale_` over the channels that vary.
        """
        return float(self.log_scales().sum())

    def log_scales(self) -> np.ndarray:
        """Return the log of `scale_`, 0 for constant channels; (n_channels,)."""
        varies = ~self.constant_
        logs = np.zeros(len(varies))
        logs[varies] = np.log(self.relative_scale_[varies]) + np.log(self.unit_[varies])
        return logs

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what the fit has learned, by name."""
        recurrence = {} if self.recurrence is None else self.recurrence.arrays()
        moments = {name: getattr(self, name) for name in MOMENTS}
        return moments | self.supports.arrays() | recurrence

    @staticmethod
    def layout(
        sizes: Sequence[int], n_recurring: Sequence[int], n_channels: int
    ) -> Layout:
        """Return the type and the shape of `arrays`, of supports of such sizes."""
        layout: Layout = dict.fromkeys(MOMENTS, ("float64", (n_channels,)))
        if n_recurring:
            layout |= Recurrence.layout(n_recurring)
        if sizes:
            layout |= dict.fromkeys(Support._fields, ("float64", (sum(sizes),)))
        return layout

    @classmethod
    def restored(
        cls,
        sizes: Sequence[int],
        n_recurring: Sequence[int],
        arrays: dict[str, np.ndarray],
    ) -> Self:
        """Return what `Supports.sizes`, `Recurrence.sizes` and `arrays` are from.

        Raises
        ------
        ValueError
            If they are not those of a scaler.
        """
        supports = Supports.restored(sizes, arrays)
        recurs = Recurrence.restored(n_recurring, arrays) if n_recurring else None
        scaler = cls(supports, recurs)
        moments = (arrays[name] for name in MOMENTS)
        scaler.unit_, scaler.relative_mean_, scaler.relative_scale_ = moments
        if (scaler.unit_ <= 0).any() or (scaler.relative_scale_ < 0).any():
            raise ValueError("its units must be positive, its scales not negative")
        scaler._check_recurrence()
        return scaler


def _power_of_two(magnitude: np.ndarray) -> np.ndarray:
    """Return the largest power of two up to each magnitude, 1 for a magnitude of 0."""
    _, exponent = np.frexp(magnitude.astype(np.float64))
    return np.where(magnitude > 0, np.ldexp(1.0, exponent - 1), 1.0)


def _moments(
    X: np.ndarray, unit: np.ndarray, middle: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of the deviations from the middle, (C,) each.

    Deviations from the middle of the range are averaged, not the values: a large
    offset then costs no digits, and a constant is exact. Parts are joined by the law of
    total variance.
    """
    found = [_part_moments(part / unit - middle) for _, part in in_parts(X)]
    counts, means, variances = (np.stack(column) for column in zip(*found, strict=True))
    share = counts / counts.sum(axis=0)  # (n_parts, C)
    mean = (share * means).sum(axis=0)
    variance = (share * (variances + (means - mean) ** 2)).sum(axis=0)
    return mean, np.sqrt(variance)


def _part_moments(
    deviations: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the values of each channel; their mean and variance, 0 without any."""
    there = ~np.isnan(deviations)  # (B, T, C)
    count = channel_totals(there.astype(np.int64))
    divisor = np.maximum(count, 1)
    mean = channel_totals(np.where(there, deviations, 0.0)) / divisor
    squares = np.where(there, deviations - mean, 0.0) ** 2
    return count, mean, channel_totals(squares) / divisor


def _warn_constant(stacklevel: int) -> None:
    warnings.warn(
        "X is constant in every channel, so there is nothing to learn; "
        "samples will repeat it. Check that X holds the data you meant.",
        ConstantInputWarning,
        stacklevel=stacklevel,
    )
