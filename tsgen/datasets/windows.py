"""Windows of a long series, and splits that do not leak."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from tsgen._random import RandomState, numpy_generator
from tsgen._reading.arrays import as_floats, check_kinds, is_frame
from tsgen._reading.long import is_long
from tsgen._validation import as_numbers, check_count, check_share
from tsgen.datasets._blocks import keep_apart, most_blocks, reach_of

__all__ = ["make_windows", "train_test_windows"]


def make_windows(series: ArrayLike, length: int, *, stride: int = 1) -> np.ndarray:
    """Cut one long series into windows.

    Parameters
    ----------
    series : array-like of shape (n_rows, n_channels) or (n_rows,)
        One series in time order. Values are left alone, missing ones too.
    length : int
        Rows of a window, from 1 to `n_rows`.
    stride : int, default=1
        Rows from the start of one window to the start of the next. With
        `stride=length` no two windows overlap.

    Returns
    -------
    ndarray of shape (n_windows, length, n_channels)
        A copy, with the dtype of `series`; float64 for columns of pandas' nullable
        types. Rows after the last full window are not used.

    Raises
    ------
    ValueError
        If `series` has another number of dimensions, is shorter than a window or holds
        masked values, or if `length` or `stride` is less than 1.
    TypeError
        If `series` does not hold real numbers, or `length` or `stride` is not an
        integer.

    Examples
    --------
    >>> from tsgen.datasets import make_windows
    >>> make_windows([0, 1, 2, 3, 4], length=3, stride=2)[:, :, 0]
    array([[0, 1, 2],
           [2, 3, 4]])
    """
    series = _check_long_series(series)
    starts = _window_starts(len(series), length, stride)
    return _cut_windows(series, starts, length)


def _window_starts(n_rows: int, length: int, stride: int) -> np.ndarray:
    length = check_count(length, "length", minimum=1)
    stride = check_count(stride, "stride", minimum=1)
    if length > n_rows:
        raise ValueError(
            f"length must not exceed the rows of series, got length={length} and "
            f"{n_rows} rows. Use shorter windows or a longer series."
        )
    return np.arange(0, n_rows - length + 1, stride)


def _cut_windows(series: np.ndarray, starts: np.ndarray, length: int) -> np.ndarray:
    rows = starts[:, None] + np.arange(length)  # (n_windows, length)
    return series[rows]  # (n_windows, length, n_channels)


def _check_long_series(series: ArrayLike) -> np.ndarray:
    """Read one series as real numbers (n_rows, n_channels), which may be missing."""
    values = _read(series)
    if values.ndim not in (1, 2):
        raise ValueError(
            "series must have shape (n_rows, n_channels) or (n_rows,), got "
            f"{values.shape}. Many short series are windows already: pass them to a "
            "generator as they are."
        )
    return values if values.ndim == 2 else values[:, None]


def _read(series: ArrayLike) -> np.ndarray:
    if is_long(series):
        raise ValueError(
            "series must be one long series, got a frame of many, indexed by series "
            "and time. Cut each of them, e.g. frame.loc[key]."
        )
    if not is_frame(series) or np.asarray(series).dtype != object:
        return as_numbers(series, "series")
    check_kinds(series, "series")
    return as_floats(series, "series")  # of nullable columns


def train_test_windows(
    series: ArrayLike,
    length: int,
    *,
    stride: int = 1,
    test_size: float = 0.2,
    split: Literal["blocks", "shuffled", "time"] = "blocks",
    n_blocks: int | Literal["auto"] = "auto",
    random_state: RandomState = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut one long series into windows for training and windows for testing.

    Parameters
    ----------
    series : array-like of shape (n_rows, n_channels) or (n_rows,)
        One series in time order.
    length : int
        Rows of a window, from 1 to `n_rows`.
    stride : int, default=1
        Rows from the start of one window to the start of the next.
    test_size : float, default=0.2
        Share of the windows that are for testing, in (0, 1).
    split : {"blocks", "shuffled", "time"}, default="blocks"
        "blocks": time is cut into `n_blocks` equal stretches and each gives one run
        of neighbouring windows to the test, at a random place. Between a window for
        training and one for testing lies at least a whole window; those nearer are
        dropped. Both parts see every season and share no row.

        "shuffled": windows go to either part at random. The habit of the field, and it
        **leaks** when `stride < length`: nearly every test window has most of its rows
        in the training windows too, so copying looks like skill.

        "time": the last windows are for testing, after a gap of one window. Measures
        **drift**: the test is about another season than the training, and even the
        training windows are far from it.
    n_blocks : int or "auto", default="auto"
        Stretches of "blocks". More of them make the two parts more alike and drop
        more windows at the gaps. "auto" takes as many as drop at most one training
        window in eight.
    random_state : int, RandomState, Generator or None, default=None
        Places the test windows ("blocks") or shuffles ("shuffled"). An int gives the
        same split on every call; None a fresh one.

    Returns
    -------
    X_train : ndarray of shape (n_train, length, n_channels)
        In time order, or shuffled with `split="shuffled"`.
    X_test : ndarray of shape (n_test, length, n_channels)
        Likewise.

    Raises
    ------
    ValueError
        If an argument is out of range, or if a part would be empty.
    TypeError
        If `series` does not hold real numbers, or a count is not an integer.

    See Also
    --------
    WindowSplit : Such splits for scikit-learn's cross-validation.
    overlapping_windows : Which windows of a test set share rows with training windows.

    Notes
    -----
    The distance between the two parts is the floor that no generator can be asked to
    beat. On Energy (windows of 24, 1,000 of each part, mean
    `sliced_wasserstein_distance` of 8 seeds), with the share of the windows that is
    kept:

    ==========  =========  =====  ====
    split       n_blocks   floor  kept
    ==========  =========  =====  ====
    "shuffled"              0.08  100%
    "blocks"    50          0.14   76%
    "blocks"    30          0.15   86%
    "blocks"    20 (auto)   0.19   91%
    "blocks"    10          0.25   95%
    "blocks"    5           0.31   98%
    "time"                  1.42  100%
    ==========  =========  =====  ====

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.datasets import train_test_windows
    >>> X_train, X_test = train_test_windows(np.arange(1000.0), 5, random_state=0)
    >>> X_train.shape, X_test.shape
    ((706, 5, 1), (200, 5, 1))
    >>> bool(np.isin(X_test, X_train).any())
    False
    """
    series = _check_long_series(series)
    starts = _window_starts(len(series), length, stride)
    check_share(test_size, "test_size")
    rng = numpy_generator(random_state, "split")
    reach = reach_of(length, stride, gap=length)
    if split == "shuffled":
        train, test = _cut_shuffled(len(starts), test_size, rng)
    elif split == "time":
        train, test = _cut_end(len(starts), test_size, reach)
    elif split == "blocks":
        n_blocks = _check_n_blocks(n_blocks, len(starts), test_size, reach)
        train, test = _cut_blocks(len(starts), n_blocks, test_size, reach, rng)
    else:
        raise ValueError(
            f"split must be 'blocks', 'shuffled' or 'time', got {split!r}."
        )
    _check_parts(train, test)
    return (
        _cut_windows(series, starts[train], length),
        _cut_windows(series, starts[test], length),
    )


def _cut_shuffled(
    n_windows: int, test_size: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    order = rng.permutation(n_windows)
    n_test = round(test_size * n_windows)
    return order[n_test:], order[:n_test]


def _cut_end(
    n_windows: int, test_size: float, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    first = n_windows - round(test_size * n_windows)
    return _cut_runs(n_windows, [(first, n_windows)], reach)


def _cut_blocks(
    n_windows: int,
    n_blocks: int,
    test_size: float,
    reach: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    runs = []
    for start, end in pairwise(np.arange(n_blocks + 1) * n_windows // n_blocks):
        size = round(test_size * (end - start))
        first = int(rng.integers(start, end - size + 1))
        runs.append((first, first + size))
    return _cut_runs(n_windows, runs, reach)


def _cut_runs(
    n_windows: int, runs: list[tuple[int, int]], reach: int
) -> tuple[np.ndarray, np.ndarray]:
    return keep_apart(np.array(runs), np.array([0, n_windows]), reach)


def _check_n_blocks(
    n_blocks: int | Literal["auto"], n_windows: int, test_size: float, reach: int
) -> int:
    if n_blocks != "auto":
        return check_count(n_blocks, "n_blocks", minimum=1)
    return most_blocks(n_windows, test_size, reach)


def _check_parts(train: np.ndarray, test: np.ndarray) -> None:
    if len(train) == 0 or len(test) == 0:
        raise ValueError(
            "Both parts of the split must hold a window, got "
            f"{len(train)} for training and {len(test)} for testing. Use a longer "
            "series, shorter windows, fewer blocks or another test_size."
        )
