"""Two sets of series that a metric compares: checked, scaled, flattened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tsgen._reading.arrays import length_of
from tsgen._reading.ragged import refuse_frames
from tsgen._validation import as_series, check_same_names

ROUNDING = 1e-12  # of the largest magnitude: a channel that varies less is constant
AT_ONCE = 2**22  # values: 32 MiB each time they are copied
_FARTHEST = 1e100  # standard deviations: squares beyond it overflow


def check_pair(
    X_real: ArrayLike, X_synthetic: ArrayLike, *, minimum: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Check two sets of series with the same steps and channels, as float64.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
    minimum : int, default=2
        The smallest number of series in each set.

    Returns
    -------
    real : ndarray of shape (n_real, n_timesteps, n_channels)
    synthetic : ndarray of shape (n_synthetic, n_timesteps, n_channels)
        They may share memory with what came: never write to them.

    Raises
    ------
    ValueError
        If a set has too few series, holds NaN or infinity, or if shapes or the names of
        columns differ.
    TypeError
        If a set does not hold real numbers.
    """
    real = as_series(X_real, "X_real").astype(np.float64, copy=False)
    synthetic = as_series(X_synthetic, "X_synthetic").astype(np.float64, copy=False)
    if real.shape[1:] != synthetic.shape[1:]:
        raise ValueError(
            "X_real and X_synthetic must have the same time steps and channels, got "
            f"{real.shape} and {synthetic.shape}. Cut both to the same windows and "
            "channels."
        )
    check_same_names(X_real=X_real, X_synthetic=X_synthetic)
    _check_enough(real, "X_real", minimum)
    _check_enough(synthetic, "X_synthetic", minimum)
    return real, synthetic


def check_collections(
    X_real: Any, X_synthetic: Any
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Check two sets of series that need only the same channels, as float64.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels), or list of arrays
        A list may hold series of unequal length, each (length, n_channels) or
        (length,).
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels), or list
        Its series may be longer or shorter than the real ones.

    Returns
    -------
    real : list of ndarray of shape (count, length, n_channels)
        Series of equal length together.
    synthetic : list of ndarray of shape (count, length, n_channels)

    Raises
    ------
    ValueError
        If a set has fewer than two series, holds NaN or infinity, or if the channels
        or their names differ.
    TypeError
        If a set does not hold real numbers.
    """
    real = _check_collection(X_real, "X_real")
    synthetic = _check_collection(X_synthetic, "X_synthetic")
    channels = {part.shape[2] for part in real}, {part.shape[2] for part in synthetic}
    if len(channels[0] | channels[1]) > 1:
        came = " and ".join(str(sorted(found)) for found in channels)
        raise ValueError(
            f"X_real and X_synthetic must have the same channels, got n_channels = "
            f"{came}. Keep the channels that all series have."
        )
    check_same_names(X_real=X_real, X_synthetic=X_synthetic)
    return real, synthetic


def _check_collection(X: Any, name: str) -> list[np.ndarray]:
    if not _is_ragged(X):
        series = as_series(X, name).astype(np.float64, copy=False)
        _check_enough(series, name, 2)
        return [series]
    refuse_frames(X, name)
    _check_enough(X, name, 2)
    parts = [_one_series(item, f"{name}[{k}]") for k, item in enumerate(X)]
    shapes = sorted({part.shape for part in parts})
    return [np.stack([p for p in parts if p.shape == shape]) for shape in shapes]


def _is_ragged(X: Any) -> bool:
    """Tell whether series come in a list and differ in length."""
    return isinstance(X, list | tuple) and len({length_of(item) for item in X}) > 1


def _one_series(item: Any, name: str) -> np.ndarray:
    """One series of a list as an array of shape (length, n_channels), float64."""
    return as_series([item], name)[0].astype(np.float64, copy=False)


def _check_enough(X: Any, name: str, minimum: int) -> None:
    if len(X) < minimum:
        raise ValueError(
            f"{name} must hold at least {minimum} series, got n_samples = {len(X)}. "
            "Give more series, or use a metric that needs fewer."
        )


def standardize(
    X_real: np.ndarray, X_synthetic: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Subtract the mean and divide by the standard deviation of each real channel.

    A channel that is constant in `X_real` is only centred.

    Parameters
    ----------
    X_real : ndarray of shape (n_real, n_timesteps, n_channels)
    X_synthetic : ndarray of shape (n_synthetic, n_timesteps, n_channels)

    Returns
    -------
    real : ndarray of shape (n_real, n_timesteps, n_channels)
    synthetic : ndarray of shape (n_synthetic, n_timesteps, n_channels)
    """
    mean, scale = channel_moments(X_real)
    return _scaled(X_real, mean, scale), _scaled(X_synthetic, mean, scale)


def channel_moments(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each channel, (n_channels,); 1 if constant."""
    units = magnitudes(X)
    mean = _mean(X, np.zeros_like(units), units)
    variance = _mean(X, mean * units, units, power=2)
    varies = X.max(axis=(0, 1)) - X.min(axis=(0, 1)) > ROUNDING * units
    return mean * units, np.where(varies, np.sqrt(variance) * units, 1.0)


def _mean(
    X: np.ndarray, centre: np.ndarray, units: np.ndarray, power: int = 1
) -> np.ndarray:
    """Mean over series and steps of ((X - centre) / units)^power, in small parts."""
    parts = parts_of(X, X[0].size)
    sums = [(((part - centre) / units) ** power).sum((0, 1)) for part in parts]
    return np.sum(sums, axis=0) / (X.shape[0] * X.shape[1])


def _scaled(X: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(X - mean) / scale without a second temporary copy, its squares in range."""
    scaled = X - mean
    with np.errstate(over="ignore"):
        scaled /= scale
    return np.clip(scaled, -_FARTHEST, _FARTHEST, out=scaled)


def parts_of(X: np.ndarray, width: int) -> Iterator[np.ndarray]:
    """Cut the rows into parts that are worked on at once, `width` values a row."""
    size = rows_at_once(width)
    return (X[start : start + size] for start in range(0, len(X), size))


def rows_at_once(width: int) -> int:
    """Rows of `width` values that fit in memory beside temporary copies."""
    return max(AT_ONCE // width, 1)


def magnitudes(X: np.ndarray) -> np.ndarray:
    """Largest magnitude of each channel, (n_channels,), or 1 if all values are 0.

    Divided by it, squares stay in the range of floating-point numbers.
    """
    largest = np.maximum(X.max(axis=(0, 1)), -X.min(axis=(0, 1)))
    return np.where(largest > 0, largest, 1.0)


def pooled(parts: Sequence[np.ndarray]) -> np.ndarray:
    """All steps of all series under each other: (n_values, n_channels)."""
    return np.concatenate([part.reshape(-1, part.shape[2]) for part in parts])


def varying_columns(values: np.ndarray) -> np.ndarray:
    """Tell which columns vary by more than rounding."""
    return np.ptp(values, axis=0) > ROUNDING * np.abs(values).max(axis=0)


def flatten(X: np.ndarray) -> np.ndarray:
    """Series as points: (n_samples, n_timesteps * n_channels)."""
    return X.reshape(len(X), -1)


def scaled_pair(
    X_real: ArrayLike, X_synthetic: ArrayLike, scale: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Check two sets of series and `standardize` them if `scale` is true."""
    pair = check_pair(X_real, X_synthetic)
    return standardize(*pair) if scale else pair


def points(
    X_real: ArrayLike, X_synthetic: ArrayLike, scale: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Check two sets of series and return them as points, standardised if wanted.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
    scale : bool
        Whether to `standardize` the series first.

    Returns
    -------
    real : ndarray of shape (n_real, n_timesteps * n_channels)
    synthetic : ndarray of shape (n_synthetic, n_timesteps * n_channels)
    """
    real, synthetic = check_pair(X_real, X_synthetic)
    if scale:
        real, synthetic = standardize(real, synthetic)
    else:  # only centred: no distance changes, and less is lost to rounding
        mean = channel_moments(real)[0]
        real, synthetic = real - mean, synthetic - mean
        _check_in_range(real, "X_real")
        _check_in_range(synthetic, "X_synthetic")
    return flatten(real), flatten(synthetic)


def _check_in_range(X: np.ndarray, name: str) -> None:
    largest = float(np.abs(X).max())
    if largest > _FARTHEST or 0 < largest < 1 / _FARTHEST:
        raise ValueError(
            f"{name} must be between {1 / _FARTHEST:g} and {_FARTHEST:g} in magnitude "
            f"with standardize=False, got {largest:g}. Change the unit or standardise."
        )


def subsample(
    points: np.ndarray, max_samples: int | None, rng: np.random.Generator
) -> np.ndarray:
    """Draw at most `max_samples` of the rows, without replacement."""
    if max_samples is None or len(points) <= max_samples:
        return points
    return points[rng.choice(len(points), max_samples, replace=False)]
