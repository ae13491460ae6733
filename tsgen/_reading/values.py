"""Values of series: finite, in range, and present where they have to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tsgen._reading.parts import in_parts

LARGEST = 1e300
"""Largest magnitude accepted: sums and products of scaled values stay finite."""


def check_values(
    series: np.ndarray,
    name: str,
    lengths: np.ndarray | None = None,
    missing: str | None = None,
) -> None:
    """Refuse infinity, magnitudes whose arithmetic would overflow, and mostly NaN.

    Parameters
    ----------
    series : ndarray of shape (n_samples, longest, n_channels)
    name : str
        What the messages call the series.
    lengths : ndarray of shape (n_samples,) or None, default=None
        Steps of each series: NaN after them is not looked at. None means all.
    missing : str or None, default=None
        "mask" allows NaN everywhere; None says that there is no such choice.

    Raises
    ------
    ValueError
        If a value is not allowed, with its place.
    """
    if all(_is_small(part) for _, part in in_parts(series)):
        return  # so none is NaN
    if lengths is None:
        lengths = np.full(len(series), series.shape[1])
    nan = Places() if missing == "mask" else _find(np.isnan, series, lengths)
    infinity = _find(np.isinf, series, lengths)
    size = int(lengths.sum()) * series.shape[2]
    if nan.number or infinity.number:
        raise ValueError(_not_finite(nan, infinity, size, name, missing))
    large = _find(_is_large, series, lengths)
    if large.number:
        raise ValueError(
            f"{name} contains magnitudes above {LARGEST:g}: {large.of(size)}.\n"
            "Change the unit, e.g. divide by the largest value."
        )


class Places(NamedTuple):
    """How many values are of a kind, and where the first one is."""

    number: int = 0
    first: tuple[int, ...] = ()

    def __or__(self, other: Places) -> Places:
        firsts = [places.first for places in (self, other) if places.number]
        return Places(self.number + other.number, min(firsts, default=()))

    def of(self, size: int) -> str:
        """Say so, in words."""
        return (
            f"{self.number} of {size} values, the first at (series, step, channel) = "
            f"{self.first}"
        )


def check_observed(series: np.ndarray, name: str, *, channels: bool) -> None:
    """Check that every series, and maybe every channel, has a value.

    Parameters
    ----------
    series : ndarray of shape (n_samples, longest, n_channels)
        NaN is missing.
    name : str
        What the messages call the series.
    channels : bool
        Whether to look at the channels too.

    Raises
    ------
    ValueError
        If one has no value.
    """
    found, n_values = [], np.zeros(series.shape[2], np.int64)
    for _, part in in_parts(series):
        observed = ~np.isnan(part)
        found.append(observed.any(axis=(1, 2)))
        n_values += observed.sum(axis=(0, 1))
    _check_any(np.concatenate(found), name, "series", "Drop them.")
    if channels:
        _check_any(n_values > 0, name, "channel", "Leave them out.")


def laid_out(series: np.ndarray) -> np.ndarray:
    """Lay series out as torch takes them; without a copy if they are so already."""
    series = np.require(series, requirements=["C", "W", "A", "E"])
    # An axis of length 1 may keep a negative stride, which torch refuses.
    return series.reshape(-1).reshape(series.shape)


def _check_any(found: np.ndarray, name: str, what: str, cure: str) -> None:
    empty = np.flatnonzero(~found)
    if empty.size:
        raise ValueError(
            f"{name} must have at least one value in every {what}, got only NaN in "
            f"{empty.size} of {found.size}, the first is {what} {empty[0]}.\n{cure}"
        )


def _is_small(part: np.ndarray) -> bool:
    """Tell whether all values can be computed with; NaN cannot."""
    return float(np.maximum(part.max(), -part.min())) <= LARGEST


def _is_large(part: np.ndarray) -> np.ndarray:
    return np.abs(part) > np.float64(LARGEST)


def _find(
    of_kind: Callable[[np.ndarray], np.ndarray],
    series: np.ndarray,
    lengths: np.ndarray,
) -> Places:
    """Find values of a kind before the ends of series."""
    places = Places()
    for rows, part in in_parts(series):
        inside = np.arange(part.shape[1]) < lengths[rows, None]
        found = of_kind(part) & inside[:, :, None]
        if found.any():
            row, step, channel = (int(i) for i in np.argwhere(found)[0])
            first = (rows.start + row, step, channel)
            places |= Places(int(found.sum()), first)
    return places


def _not_finite(
    nan: Places, infinity: Places, size: int, name: str, missing: str | None
) -> str:
    kinds = {"NaN": nan.number, "infinity": infinity.number}
    found = " and ".join(kind for kind, number in kinds.items() if number)
    choice = ', or fit with missing="mask"' if nan.number and missing else ""
    return (
        f"{name} contains {found}: {(nan | infinity).of(size)}.\n"
        f"Fill or interpolate them, or drop those series{choice}."
    )
