"""The layout of aeon and sktime: channels before time.

tsgen takes collections of series as (n_samples, n_timesteps, n_channels); aeon and
sktime as (n_cases, n_channels, n_timepoints), which cannot be told from the numbers.
So the axes are never guessed: the name of the function says what comes in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from tsgen._reading.long import is_long, read_long
from tsgen._reading.ragged import refuse_frames
from tsgen._validation import as_numbers

__all__ = ["from_aeon", "to_aeon"]


def to_aeon(
    X: ArrayLike | list[ArrayLike],
) -> np.ndarray | list[np.ndarray]:
    """Turn series of tsgen into the layout of aeon and sktime.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_timesteps, n_channels) or \
            (n_samples, n_timesteps), or list of array-like of shape \
            (length, n_channels) or (length,)
        An array, in which two axes mean series of one channel, or a list of series,
        which may differ in length; or a data frame, wide or long, as generators take
        it. Values are left alone, missing ones too.

    Returns
    -------
    ndarray of shape (n_samples, n_channels, n_timesteps), or list of ndarray of \
            shape (n_channels, length)
        aeon's "numpy3D", which sktime calls the same, for an array; aeon's "np-list"
        for a list, of equal lengths too, and for a long frame of unequal ones. Always
        copies, contiguous, in the dtype of `X`; in float32 or float64 for a long frame.

    Raises
    ------
    ValueError
        If there are other axes, series of a list differ in their channels, or rows of a
        long frame are out of order.
    TypeError
        If `X` does not hold real numbers, or is a list of data frames.

    See Also
    --------
    from_aeon : The way back.

    Notes
    -----
    sktime has no lists of arrays. For series of unequal length it takes data frames
    with a row for each time step: ``[pandas.DataFrame(x) for x in X]`` of tsgen's own
    layout.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.datasets import to_aeon
    >>> to_aeon(np.zeros((100, 24, 3))).shape
    (100, 3, 24)
    >>> [x.shape for x in to_aeon([np.zeros((7, 3)), np.zeros((9, 3))])]
    [(3, 7), (3, 9)]
    """
    if is_long(X):
        return _from_long(X)
    if _is_list(X):
        refuse_frames(X, "X")
        items = [item[:, None] if item.ndim == 1 else item for item in _items(X)]
        _check_items(items, "(length, n_channels) or (length,)", channel_axis=1)
        return [_swap(item) for item in items]
    series = as_numbers(X, "X")
    if series.ndim == 2:
        series = series[:, :, None]  # (n_samples, n_timesteps, 1)
    if series.ndim != 3:
        raise ValueError(
            "X must have shape (n_samples, n_timesteps, n_channels) or (n_samples, "
            f"n_timesteps), got {series.shape}. A single series x is X = [x]."
        )
    return _swap(series)


def from_aeon(
    X: ArrayLike | list[ArrayLike],
) -> np.ndarray | list[np.ndarray]:
    """Turn series in the layout of aeon and sktime into that of tsgen.

    Parameters
    ----------
    X : array-like of shape (n_cases, n_channels, n_timepoints), or list of array-like \
            of shape (n_channels, n_timepoints)
        aeon's and sktime's "numpy3D", or aeon's "np-list", whose series may differ in
        length. Values are left alone, missing ones too.

    Returns
    -------
    ndarray of shape (n_cases, n_timepoints, n_channels), or list of ndarray of shape \
            (n_timepoints, n_channels)
        An array for an array, a list for a list. Always copies, contiguous, in the
        dtype of `X`.

    Raises
    ------
    ValueError
        If there are other axes, or series of a list differ in their channels. Two axes
        are refused: in aeon they are one series of many channels or many of one.
    TypeError
        If `X` does not hold real numbers.

    See Also
    --------
    to_aeon : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.datasets import from_aeon
    >>> from_aeon(np.zeros((100, 3, 24))).shape
    (100, 24, 3)
    """
    if _is_list(X):
        items = _items(X)
        _check_items(items, "(n_channels, n_timepoints)", channel_axis=0)
        return [_swap(item) for item in items]
    series = as_numbers(X, "X")
    if series.ndim != 3:
        raise ValueError(
            "X must have shape (n_cases, n_channels, n_timepoints), got "
            f"{series.shape}. Pass X[:, None, :] if it holds series of one channel, "
            "X[None] if it is one series of many channels."
        )
    return _swap(series)


def _from_long(X: Any) -> np.ndarray | list[np.ndarray]:
    series, lengths = read_long(X, "X")
    if (lengths == lengths[0]).all():
        return _swap(series)
    return [_swap(x[:length]) for x, length in zip(series, lengths, strict=True)]


def _is_list(X: Any) -> TypeGuard[Sequence[Any]]:
    """Tell whether series come one by one; NumPy keeps unequal ones as objects."""
    loose = isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    return loose or isinstance(X, list | tuple)


def _items(X: Any) -> list[np.ndarray]:
    return [as_numbers(item, f"X[{k}]") for k, item in enumerate(X)]


def _check_items(items: list[np.ndarray], shape: str, channel_axis: int) -> None:
    for k, item in enumerate(items):
        if item.ndim != 2:
            raise ValueError(
                f"X[{k}] must have shape {shape}, got {item.shape}. A list holds one "
                "series an item."
            )
    channels = {item.shape[channel_axis] for item in items}
    if len(channels) > 1:
        raise ValueError(
            f"X must hold series of the same channels, got {sorted(channels)} of them. "
            f"Each must have shape {shape}; keep the channels that all have."
        )


def _swap(series: np.ndarray) -> np.ndarray:
    """Copy with the last two axes exchanged."""
    return np.array(np.swapaxes(series, -1, -2), order="C")
