"""What comes in as `y`: labels or numbers, one for each series, or a clear error."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target


def check_classes(y: Any, n_series: int, name: str = "y") -> np.ndarray:
    """Check class labels.

    Parameters
    ----------
    y : array-like of shape (n_series,)
        Strings, integers, booleans or objects.
    n_series : int
        How many there must be.
    name : str, default="y"
        What the messages call `y`.

    Returns
    -------
    ndarray of shape (n_series,)

    Raises
    ------
    ValueError
        If labels are missing, too many, too few, or continuous numbers.
    """
    labels = _check_target(y, n_series, name)
    kind = type_of_target(labels)
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"Unknown label type: {name} must hold class labels, got {kind} values.\n"
            "Cut them into classes, or use AugmentedRegressor for a continuous target."
        )
    return labels


def check_numbers(y: Any, n_series: int, name: str = "y") -> np.ndarray:
    """Check a continuous target.

    Parameters
    ----------
    y : array-like of shape (n_series,)
        Numbers.
    n_series : int
        How many there must be.
    name : str, default="y"
        What the messages call `y`.

    Returns
    -------
    ndarray of shape (n_series,), float64

    Raises
    ------
    ValueError
        If numbers are missing, too many, too few, not finite, or no numbers.
    """
    target = _check_target(y, n_series, name)
    try:
        return target.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must hold real numbers, got: {str(error)[:120]}.\n"
            "Use AugmentedClassifier for class labels."
        ) from error


def _check_target(y: Any, n_series: int, name: str) -> np.ndarray:
    if y is None:
        raise ValueError(
            f"{name} must hold one value for each series: this method requires y to be "
            "passed, but the target y is None."
        )
    target = column_or_1d(y, warn=True)
    if len(target) != n_series:
        raise ValueError(
            f"{name} must hold one value for each series, got {len(target)} values for "
            f"n_samples = {n_series}. Drop what has no counterpart."
        )
    missing = np.flatnonzero([_is_missing(value) for value in target.tolist()])
    if len(missing):
        raise ValueError(
            f"{name} contains NaN, infinity or None: {len(missing)} of {n_series} "
            f"values, the first at {missing[0]}.\nDrop those series."
        )
    return target


def _is_missing(value: Any) -> bool:
    """Tell what is no value: None, NaN, infinity, or pandas' NA, which has no truth."""
    if isinstance(value, float):
        return not np.isfinite(value)
    try:
        return value is None or bool(value != value)
    except TypeError:
        return True
