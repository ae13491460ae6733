"""Values of series: finite, in range, and present where they have to be."""

from __future__ import annotations

import numpy as np

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
    if float(np.maximum(series.max(), -series.min())) <= LARGEST:
        return  # so none is NaN
    inside = _inside(series, lengths)
    bad = ~np.isfinite(series) & inside
    if missing == "mask":
        bad &= ~np.isnan(series)
    if bad.any():
        raise ValueError(_not_finite(series, bad, inside, name, missing))
    bad = np.abs(series) > np.float64(LARGEST)
    if bad.any():
        raise ValueError(
            f"{name} contains magnitudes above {LARGEST:g}: {_where(bad, inside)}.\n"
            "Change the unit, e.g. divide by the largest value."
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
    observed = ~np.isnan(series)
    _check_any(observed.any(axis=(1, 2)), name, "series", "Drop them.")
    if channels:
        _check_any(observed.any(axis=(0, 1)), name, "channel", "Leave them out.")


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


def _inside(series: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
    """Tell which steps are before the end of a series: (n_samples, longest, 1)."""
    if lengths is None:
        return np.ones((*series.shape[:2], 1), bool)
    return (np.arange(series.shape[1]) < lengths[:, None])[:, :, None]


def _not_finite(
    series: np.ndarray,
    bad: np.ndarray,
    inside: np.ndarray,
    name: str,
    missing: str | None,
) -> str:
    kinds = {"NaN": np.isnan(series[bad]).any(), "infinity": np.isinf(series).any()}
    found = " and ".join(kind for kind, present in kinds.items() if present)
    choice = ', or set missing="mask"' if kinds["NaN"] and missing else ""
    return (
        f"{name} contains {found}: {_where(bad, inside)}.\n"
        f"Fill or interpolate them, or drop those series{choice}."
    )


def _where(bad: np.ndarray, inside: np.ndarray) -> str:
    """Say how many values are bad and where the first one is."""
    series, step, channel = (int(i) for i in np.argwhere(bad)[0])
    size = np.count_nonzero(inside) * bad.shape[2]
    return (
        f"{np.count_nonzero(bad)} of {size} values, the first at "
        f"(series, step, channel) = ({series}, {step}, {channel})"
    )
