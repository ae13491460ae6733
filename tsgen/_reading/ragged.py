"""Lists of series of unequal length: each one an array, all together a padded one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tsgen._reading.arrays import (
    as_floats,
    check_kinds,
    from_tensor,
    is_frame,
    length_of,
    refuse_mask,
    refuse_sparse,
    stack,
)


class Padded(NamedTuple):
    """Series of unequal length in one array: NaN after the end of the shorter ones."""

    values: np.ndarray  # (n_samples, longest, n_channels)
    lengths: np.ndarray  # (n_samples,)
    n_axes: int  # of each series as it came: 1 without a channel axis


def items_of(X: Any) -> Sequence[Any] | None:
    """Return series that come one by one, in a list or an array of objects."""
    if isinstance(X, list | tuple):
        return X
    if getattr(X, "ndim", None) == 1 and str(getattr(X, "dtype", "")) == "object":
        return list(np.asarray(X))
    return None


def refuse_frames(items: Sequence[Any], name: str) -> None:
    """Refuse data frames in a list: their columns may be in any order."""
    found = [k for k, item in enumerate(items) if is_frame(item)]
    if found:
        raise TypeError(
            f"{name} must be a list of arrays or one data frame, got data frames in a "
            f"list, the first {name}[{found[0]}].\nMake one frame of them: "
            f"pandas.concat({name}, keys=range(len({name})))."
        )


def is_unequal(items: Sequence[Any]) -> bool:
    """Tell whether series differ in shape, as far as can be seen without a look."""
    return len({getattr(item, "shape", (length_of(item),)) for item in items}) > 1


def read_ragged(items: Sequence[Any], name: str) -> Padded:
    """Read series that may differ in length.

    Parameters
    ----------
    items : sequence of array-like of shape (length, n_channels) or (length,)
        At least one; the number of axes and channels is the same in all.
    name : str
        What the messages call the list.

    Returns
    -------
    Padded
        float32 if all series are, otherwise float64; values are not checked.

    Raises
    ------
    ValueError
        If a series is empty, or has other axes or channels than the first.
    TypeError
        If a series does not hold real numbers.
    """
    arrays = [_numbers(item, f"{name}[{k}]") for k, item in enumerate(items)]
    _check_axes(arrays, name)
    _check_not_empty(arrays, name)
    _check_channels(arrays, name)
    lengths = np.array([len(array) for array in arrays])
    return Padded(_padded(arrays, lengths), lengths, arrays[0].ndim)


def _numbers(item: Any, name: str) -> np.ndarray:
    """Turn one series into an array of real numbers."""
    array = _array(item, name)
    check_kinds(array, name)
    return array if array.dtype.kind in "fiub" else as_floats(array, name)


def _array(item: Any, name: str) -> np.ndarray:
    refuse_sparse(item, name)
    refuse_mask(item, name)
    if isinstance(item, list | tuple):
        return stack(item, name, _steps_message)
    return np.asarray(from_tensor(item, name))


def _steps_message(steps: Sequence[Any], name: str) -> str:
    counts = sorted({length_of(step) for step in steps})
    came = f"from {counts[0]} to {counts[-1]}" if len(counts) > 1 else "others inside"
    return (
        f"{name} must have the same channels at every step, got {came} in "
        f"{len(steps)} steps.\nKeep the channels that all steps have."
    )


def _check_axes(arrays: list[np.ndarray], name: str) -> None:
    for k, array in enumerate(arrays):
        if array.ndim not in (1, 2):
            raise ValueError(
                f"{name}[{k}] must be a series of shape (length, n_channels) or "
                f"(length,), got shape {array.shape}.\nGive a list of series."
            )
        if array.ndim != arrays[0].ndim:
            raise ValueError(
                f"{name} must hold series with the same number of axes, got "
                f"{arrays[0].shape} in {name}[0] and {array.shape} in {name}[{k}].\n"
                "Add the channel axis to all, e.g. series[:, None]."
            )


def _check_not_empty(arrays: list[np.ndarray], name: str) -> None:
    empty = [k for k, array in enumerate(arrays) if not len(array)]
    if empty:
        raise ValueError(
            f"{name} must hold series of at least one step, got {len(empty)} of "
            f"length 0, the first {name}[{empty[0]}].\nDrop them."
        )


def _check_channels(arrays: list[np.ndarray], name: str) -> None:
    counts = [(*array.shape, 1)[1] for array in arrays]
    other = [k for k, count in enumerate(counts) if count != counts[0]]
    if other:
        raise ValueError(
            f"{name} must have the same channels in every series, got n_channels = "
            f"{counts[0]} in {name}[0] and others in {len(other)} series, the first "
            f"{name}[{other[0]}] with {counts[other[0]]}.\n"
            "Keep the channels that all of them have."
        )
    if counts[0] == 0:
        raise ValueError(
            f"{name} must hold series of at least one channel, got series of shape "
            f"{arrays[0].shape}.\nCheck what was cut off."
        )


def _padded(arrays: list[np.ndarray], lengths: np.ndarray) -> np.ndarray:
    single = all(array.dtype == np.float32 for array in arrays)
    shape = (len(arrays), lengths.max(), (*arrays[0].shape, 1)[1])
    values = np.full(shape, np.nan, np.float32 if single else np.float64)
    with np.errstate(over="ignore"):
        for row, array in zip(values, arrays, strict=True):
            row[: len(array)] = array.reshape(len(array), -1)
    return values
