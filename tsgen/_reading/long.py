"""Long data frames: one row for each step of each series, indexed by (series, time)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsgen._forms.axes import ranks_of
from tsgen._forms.categories import Categories
from tsgen._reading.arrays import is_frame, shortened

if TYPE_CHECKING:
    from pandas import DataFrame, Index, MultiIndex

_SORT = "Sort the rows with X.sort_index()."


def is_long(X: Any) -> bool:
    """Tell whether something is a data frame with rows of more than one level."""
    return is_frame(X) and getattr(getattr(X, "index", None), "nlevels", 1) > 1


def read_long(
    X: DataFrame, name: str, categories: Sequence[Categories | None] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Read the series of a long data frame.

    Parameters
    ----------
    X : pandas.DataFrame
        Rows (series, time): those of a series together, its times increasing. One
        column for each channel.
    name : str
        What the messages call `X`.
    categories : sequence of Categories or None, default=()
        Of each column, None for one of numbers; () if all are numeric.

    Returns
    -------
    values : ndarray of shape (n_samples, longest, n_channels)
        float32 if all columns are, otherwise float64; NaN after the end of shorter
        series. Values are not checked, but that categories are known.
    lengths : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If rows are missing, repeated or out of order, or a category is new.
    TypeError
        If a column is not numeric, or times have no order.
    """
    _check_levels(X, name)
    categories = categories or [None] * X.shape[1]
    _check_columns(X, name, categories)
    lengths = _lengths(X.index, name)
    return _padded(X, lengths, name, categories), lengths


def _check_levels(X: DataFrame, name: str) -> None:
    if X.index.nlevels != 2:
        raise ValueError(
            f"{name} must have rows of two levels (series, time), got "
            f"{X.index.nlevels} levels.\nDrop or join the others, e.g. with "
            f"{name}.droplevel."
        )
    if 0 in X.shape:
        what = "row(s)" if len(X) == 0 else "column(s)"
        raise ValueError(
            f"{name} must hold at least one row and one column, got 0 {what} "
            f"(shape={X.shape}).\nCheck what was left out."
        )


def _check_columns(
    X: DataFrame, name: str, categories: Sequence[Categories | None]
) -> None:
    if not X.columns.is_unique:
        repeated = X.columns[X.columns.duplicated()].unique().tolist()
        raise ValueError(
            f"{name} must have columns of different names, got {shortened(repeated)} "
            "more than once.\nDrop or rename them."
        )
    bad = [
        f"{label} ({dtype})"
        for label, dtype, kind in zip(X.columns, X.dtypes, categories, strict=True)
        if kind is None and dtype.kind not in "iufb"
    ]
    if bad:
        raise TypeError(
            f"{name} must have numeric columns, got {shortened(bad)}.\nDrop them or "
            f'turn them into numbers; {name}.select_dtypes("number") leaves the others.'
        )


def _lengths(index: MultiIndex, name: str) -> np.ndarray:
    """Count the rows of each series, once they are found to be in order."""
    series, times = (np.asarray(codes) for codes in index.codes)
    _check_none_missing(series, times, name)
    ranks = _ranks(index.levels[1], name)[times]
    first = np.append(True, series[1:] != series[:-1])  # rows where a series starts
    late = np.append(True, ranks[1:] > ranks[:-1]) | first
    if not late.all() or first.sum() > np.count_nonzero(np.bincount(series)):
        raise ValueError(_disorder(index, late, first, name))
    starts = np.flatnonzero(first)
    return np.diff(starts, append=len(series))


def _check_none_missing(series: np.ndarray, times: np.ndarray, name: str) -> None:
    for level, codes in (("series", series), ("time", times)):
        missing = np.flatnonzero(codes < 0)
        if missing.size:
            raise ValueError(
                f"{name} must have a {level} in every row, got {missing.size} rows "
                f"without (NaN), the first is row {missing[0]}.\nDrop or name them."
            )


def _ranks(level: Index, name: str) -> np.ndarray:
    try:
        return ranks_of(level)
    except TypeError as error:
        raise TypeError(
            f"{name} must have times that can be ordered, got a mixture: {error}.\n"
            "Turn them into numbers or dates, e.g. with pandas.to_datetime."
        ) from error


def _disorder(index: MultiIndex, late: np.ndarray, first: np.ndarray, name: str) -> str:
    """Say what is wrong with the order of rows, and where."""
    repeated = np.flatnonzero(index.duplicated())
    if repeated.size:
        return (
            f"{name} must have each (series, time) once, got {repeated.size} repeated "
            f"rows, the first is {_row(index, repeated[0])}.\n"
            f"Drop them, e.g. {name}[~{name}.index.duplicated()]."
        )
    if not late.all():
        early = np.flatnonzero(~late)
        return (
            f"{name} must have increasing times within each series, got {early.size} "
            f"rows before the one above, the first is {_row(index, early[0])}.\n{_SORT}"
        )
    again = _returns(index.codes[0], np.flatnonzero(first))
    return (
        f"{name} must have the rows of a series together, got {again.size} series in "
        f"parts, the first goes on in {_row(index, again[0])}.\n{_SORT}"
    )


def _returns(series: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the rows where a series starts that was there before."""
    _, first = np.unique(series[starts], return_index=True)
    return np.delete(starts, first)


def _row(index: MultiIndex, row: int) -> str:
    """Name a row, for messages."""
    labels = ", ".join(str(label)[:40] for label in index[row])
    return f"row {row}: ({labels})"


def _padded(
    X: DataFrame, lengths: np.ndarray, name: str, categories: Sequence[Any]
) -> np.ndarray:
    """Copy the columns to where they belong, one at a time."""
    single = all(dtype == np.float32 for dtype in X.dtypes)
    dtype = np.dtype(np.float32 if single else np.float64)
    shape = (len(lengths), lengths.max(), X.shape[1])
    inside = (np.arange(shape[1]) < lengths[:, None]).ravel()
    values = np.full(shape, np.nan, dtype)
    flat = values.reshape(-1, shape[2])
    for channel, kind in enumerate(categories):
        column = X.iloc[:, channel]
        if kind is None:
            numbers = column.to_numpy(dtype=dtype, na_value=np.nan)
        else:
            numbers = kind.codes(column, f"{name}[{X.columns[channel]!r}]")
        flat[inside, channel] = numbers
    return values
