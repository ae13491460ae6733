"""How many synthetic series of each class are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from tsgen._validation import check_count

Strategy = str | float | Mapping[Any, int]

WORDS = ("auto", "minority", "not minority", "not majority", "all")


def synthetic_counts(
    strategy: Strategy, classes: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Count the series to make of each class.

    Parameters
    ----------
    strategy : str, float or dict
        The parameter `sampling_strategy` of `SyntheticAugmenter`.
    classes : ndarray of shape (n_classes,)
        Labels.
    counts : ndarray of shape (n_classes,)
        Real series of each class.

    Returns
    -------
    ndarray of shape (n_classes,), int

    Raises
    ------
    ValueError
        If the strategy is none of those known, or asks for fewer series than there
        are.
    TypeError
        If a number of series is not an integer.
    """
    if isinstance(strategy, Mapping):
        return _by_class(strategy, classes.tolist(), counts)
    if isinstance(strategy, str) and strategy in WORDS:
        return np.where(_chosen(strategy, counts), counts.max() - counts, 0)
    return np.array([share_of(n, strategy) for n in counts.tolist()])


def share_of(n_series: int, share: Any) -> int:
    """Count the synthetic series beside `n_series` real ones, if it is by a share."""
    known = isinstance(share, Real) and not isinstance(share, bool)
    if not (known and 0 <= share < np.inf):
        raise ValueError(
            "sampling_strategy must be the number of synthetic series for each real "
            "one, 0 or more, or of class labels also one of "
            f"{', '.join(map(repr, WORDS))} or a dict, got {share!r}."
        )
    return round(share * n_series)


def _chosen(word: str, counts: np.ndarray) -> np.ndarray:
    """Tell which classes are filled up to the largest, (n_classes,) of bool."""
    order = np.arange(len(counts))
    if word == "minority":
        return order == counts.argmin()
    return order != counts.argmin() if word == "not minority" else order >= 0


def _by_class(
    strategy: Mapping[Any, int], labels: list[Any], counts: np.ndarray
) -> np.ndarray:
    unknown = [label for label in strategy if label not in labels]
    if unknown:
        raise ValueError(
            f"sampling_strategy must name classes of y, {labels}, got {unknown}."
        )
    rows = zip(labels, counts.tolist(), strict=True)
    return np.array([_missing(strategy, label, count) for label, count in rows])


def _missing(strategy: Mapping[Any, int], label: Any, count: int) -> int:
    """Series that a class lacks of the number wanted in the end."""
    if label not in strategy:
        return 0
    wanted = check_count(strategy[label], f"sampling_strategy[{label!r}]")
    if wanted < count:
        raise ValueError(
            f"sampling_strategy[{label!r}] must be the number of series after "
            f"resampling, at least the {count} real ones, got {wanted}. Real series "
            "are never dropped."
        )
    return wanted - count
