"""Series in parts: arrays larger than memory are read, checked and measured piecewise.

An array in memory costs no copy of the whole either.
"""

from __future__ import annotations

from collections.abc import Iterator
from mmap import mmap
from typing import Any

import numpy as np

MAX_ENTRIES = 2**18  # of one part: as float64 it fits into the cache of a processor


def is_mapped(X: object) -> bool:
    """Tell whether an array of real numbers is a memory map, or a view of one.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen._reading.parts import is_mapped
    >>> is_mapped(np.zeros((2, 3)))
    False
    """
    if not isinstance(X, np.ndarray) or X.dtype.kind not in "biuf":
        return False
    owner: Any = X
    while not (owner is None or isinstance(owner, mmap)):
        owner = owner.obj if isinstance(owner, memoryview) else _base(owner)
    return owner is not None


def _base(owner: Any) -> Any:
    return getattr(owner, "base", None)


def float_type(X: np.ndarray) -> np.dtype:
    """Return the type in which numbers are read: float32 stays, others are float64."""
    return X.dtype if X.dtype == np.float32 else np.dtype(np.float64)


def read(X: np.ndarray, rows: slice | np.ndarray) -> np.ndarray:
    """Read some series of any layout and byte order.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_timesteps, n_channels)
        Real numbers, in memory or in a memory map.
    rows : slice, or ndarray of integers

    Returns
    -------
    ndarray of shape (n_rows, n_timesteps, n_channels)
        Of `float_type`, contiguous; too large for it becomes infinite. It may share
        memory with `X`: never write to it.
    """
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(X[rows], dtype=float_type(X))


def in_parts(X: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Read series part by part.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_timesteps, n_channels)

    Yields
    ------
    rows : slice
        Where the part begins and ends.
    part : ndarray of shape (n_rows, n_timesteps, n_channels)
        What `read` returns.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen._reading.parts import in_parts
    >>> [len(part) for _, part in in_parts(np.zeros((5, 100_000, 1)))]
    [2, 2, 1]
    """
    n_rows = max(1, MAX_ENTRIES // (X.shape[1] * X.shape[2]))
    for start in range(0, len(X), n_rows):
        rows = slice(start, min(start + n_rows, len(X)))
        yield rows, read(X, rows)


def channel_range(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and the highest value of each channel.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_timesteps, n_channels)
        NaN is left out.

    Returns
    -------
    low, high : ndarray of shape (n_channels,)
        Of `float_type`; NaN in a channel that has no value.
    """
    lows, highs = [], []
    for _, part in in_parts(X):
        lows.append(_over_both(np.fmin, part))
        highs.append(_over_both(np.fmax, part))
    return np.fmin.reduce(lows), np.fmax.reduce(highs)


def channel_totals(part: np.ndarray) -> np.ndarray:
    """Add up a part of series (n_rows, n_timesteps, n_channels); (n_channels,)."""
    return _over_both(np.add, part)


def _over_both(operation: np.ufunc, part: np.ndarray) -> np.ndarray:
    """Reduce series and steps; rows as a whole first, which is faster."""
    steps = operation.reduce(part.reshape(len(part), -1), axis=0)
    return operation.reduce(steps.reshape(part.shape[1:]), axis=0)
