"""Series: from whatever they came in to an array of three axes and their lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from tsgen._forms import ArrayForm, Form, ListForm, LongForm, form_of
from tsgen._forms.categories import Categories, categories_of
from tsgen._reading.arrays import (
    as_array,
    as_floats,
    check_kinds,
    is_frame,
    type_name,
    unequal_lengths_message,
)
from tsgen._reading.long import is_long, read_long
from tsgen._reading.parts import is_mapped
from tsgen._reading.ragged import is_unequal, items_of, read_ragged, refuse_frames
from tsgen._reading.values import check_observed, check_values, laid_out
from tsgen._validation.axes import (
    check_axes,
    check_channels,
    check_not_longer,
    check_not_shorter,
    check_shape,
)
from tsgen._validation.columns import check_columns, is_wide


class Series(NamedTuple):
    """Series as they came, not yet compared with those of a fit."""

    values: np.ndarray  # (n_samples, longest, n_channels)
    lengths: np.ndarray  # (n_samples,)
    form: Form
    n_axes: int  # 2 without a channel axis, otherwise 3
    one_by_one: bool  # so each could have had a length of its own


def check_any_series(
    X: Any, *, estimator: BaseEstimator, reset: bool, shorter: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Check series that may differ in length, and remember or compare their axes.

    Parameters
    ----------
    X : array-like, torch tensor, pandas DataFrame, or list of array-like
        One of these; the order of axes is never guessed. It is not modified.

        * An array or tensor (n_samples, n_timesteps, n_channels), or
          (n_samples, n_timesteps) for one channel.
        * A list of series (length, n_channels), or (length,) for one channel; an array
          of objects is taken for a list.
        * A wide frame: a row for each series, a column for each step, one channel.
        * A long frame: rows of two levels (series, time), a column for each channel.
          The rows of a series are together, its times increase; gaps between times are
          not filled.
        * A memory map of an array, which may be larger than memory.
    estimator : BaseEstimator
        NaN in a series is allowed if its `missing` is "mask", and columns of text or
        pandas categories if it `_takes_categories`: the codes 0, 1, 2, ... then stand
        for those of `fit`. With `reset` it receives
        `n_features_in_` and `n_timesteps_` (both the length of the longest series),
        `n_channels_`, `_form`, the column names of a wide frame as scikit-learn keeps
        them, and nothing at all if `X` is refused.
    reset : bool
        True in `fit`, False in every other method.
    shorter : bool, default=False
        Whether the series of a list or a long frame may end earlier than those of
        `fit`. After a fit on series of unequal length any may.

    Returns
    -------
    values : ndarray of shape (n_samples, longest, n_channels)
        float32 if `X` was float32, otherwise float64; NaN after the end of shorter
        series. It may share memory with `X`: never write to it. A memory map stays as
        it is, of any type of real numbers and any layout; `tsgen._reading.parts.read`
        reads it.
    lengths : ndarray of shape (n_samples,)
        Steps of each series, from 1 to `longest`.

    Raises
    ------
    ValueError
        If the shape, a row or a value of `X` is not allowed, if a series or, in
        `fit`, a channel has no value at all, or if its axes or categories are not those
        of `fit`.
    TypeError
        If `X` does not hold real numbers.

    Examples
    --------
    >>> from sklearn.base import BaseEstimator
    >>> from tsgen._validation import check_any_series
    >>> estimator = BaseEstimator()
    >>> X = [[1, 2, 3], [4, 5]]
    >>> values, lengths = check_any_series(X, estimator=estimator, reset=True)
    >>> values[:, :, 0]
    array([[ 1.,  2.,  3.],
           [ 4.,  5., nan]])
    >>> lengths
    array([3, 2])
    >>> estimator._form.restore(values, lengths)
    [array([1., 2., 3.]), array([4., 5.])]
    """
    if not reset:
        check_is_fitted(estimator, "n_timesteps_")
    series = _read_any(X, _categories(X, estimator, reset))
    if not reset:
        _check_known(series, estimator, shorter)
    _check_any_values(series, estimator, reset)
    mapped = is_mapped(series.values)
    values = series.values if mapped else laid_out(series.values)
    if reset or values.shape[1] == estimator.n_timesteps_:
        named = X if is_wide(X) else values
        validate_data(estimator, named, reset=reset, skip_check_array=True)
    if not reset:
        check_columns(X, estimator._form, estimator.n_channels_)
    if reset:
        _, estimator.n_timesteps_, estimator.n_channels_ = values.shape
        estimator._form = series.form
    return values, series.lengths


def check_series(
    X: Any, *, estimator: BaseEstimator, reset: bool, minimum: int = 1
) -> np.ndarray:
    """Check the series given to an estimator, and remember or compare their axes.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_timesteps, n_channels) or \
            (n_samples, n_timesteps)
        The series; two axes mean `n_samples` series of one channel. It is not
        modified.
    estimator : BaseEstimator
        With `reset`, receives `n_features_in_` and `n_timesteps_` (both the length
        of a series), `n_channels_`, `_input_ndim` (2 or 3) and `_form`, and nothing
        at all if `X` is refused.
    reset : bool
        True in `fit`, False in every other method.
    minimum : int, default=1
        The smallest number of series.

    Returns
    -------
    ndarray of shape (n_samples, n_timesteps, n_channels)
        float32 if `X` was float32, otherwise float64. It may share memory with
        `X`: never write to it.

    Raises
    ------
    ValueError
        If the shape or a value of `X` is not allowed, there are too few series, or if
        its axes are not those seen in `fit`.
    TypeError
        If `X` does not hold real numbers.
    """
    if not reset:
        check_is_fitted(estimator, "n_timesteps_")
    array = _read(X, "X")
    if not reset:
        check_axes(array.shape, estimator)
    series = _as_three_axes(array, "X")
    check_enough_series(series, minimum, estimator)
    named = X if is_wide(X) else array
    validate_data(estimator, named, reset=reset, skip_check_array=True)
    if not reset:
        check_columns(X, estimator._form, estimator.n_channels_)
    if reset:
        _, estimator.n_timesteps_, estimator.n_channels_ = series.shape
        estimator._input_ndim, estimator._form = array.ndim, _form_of_equal(X, array)
    return series


def as_series(
    X: Any,
    name: str = "X",
    categories: tuple[Categories | None, ...] = (),
    missing: str | None = None,
) -> np.ndarray:
    """Check series that belong to no estimator, such as the arguments of a metric.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_timesteps, n_channels) or \
            (n_samples, n_timesteps)
        The series; it is not modified.
    name : str, default="X"
        What the messages call `X`.
    categories : tuple of Categories or None, default=()
        Of each column of a long frame, None for one of numbers; () if all are numeric.
    missing : str or None, default=None
        "mask" allows NaN, but not in all of a series; None says that there is no such
        choice.

    Returns
    -------
    ndarray of shape (n_samples, n_timesteps, n_channels)
        float32 if `X` was float32, otherwise float64. It may share memory with
        `X`: never write to it.

    Raises
    ------
    ValueError
        If the shape or a value is not allowed.
    TypeError
        If `X` does not hold real numbers.

    Examples
    --------
    >>> from tsgen._validation import as_series
    >>> as_series([[1, 2, 3], [4, 5, 6]]).shape
    (2, 3, 1)
    """
    return _as_three_axes(_read(X, name, categories), name, missing)


def as_it_came(X: Any, series: np.ndarray) -> np.ndarray:
    """Drop the channel axis of series (n, T, C) whose `X` came without one."""
    return series[:, :, 0] if np.ndim(X) == 2 and not is_long(X) else series


def as_numbers(X: Any, name: str) -> np.ndarray:
    """Check that an array holds real numbers, and leave them and its axes alone.

    Parameters
    ----------
    X : array-like
        Missing values are allowed.
    name : str
        What the messages call `X`.

    Returns
    -------
    ndarray
        With the dtype of `X`. It may share memory with it: never write to it.

    Raises
    ------
    ValueError
        If a value is complex or masked, or nested lists differ in length.
    TypeError
        If `X` does not hold real numbers.
    """
    array = as_array(X, name)
    check_kinds(array, name)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} must hold real numbers, got values of type {array.dtype}.\n"
            "Convert them, e.g. with astype(float), or drop what is not a number."
        )
    return array


def restore_form(X: np.ndarray, estimator: BaseEstimator) -> np.ndarray:
    """Give series the form of the data the estimator was fitted on.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_timesteps, n_channels)
        Series made by the estimator.
    estimator : BaseEstimator
        Fitted with `check_series`.

    Returns
    -------
    ndarray of shape (n_samples, n_timesteps, n_channels) or (n_samples, n_timesteps)
        Without the channel axis if `fit` was given two axes.
    """
    return X[:, :, 0] if estimator._input_ndim == 2 else X


def check_enough_series(X: np.ndarray, minimum: int, estimator: BaseEstimator) -> None:
    """Check that there are enough series to learn from.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_timesteps, n_channels)
        Series that passed `check_series`.
    minimum : int
        The smallest number of series the estimator can be fitted on.
    estimator : BaseEstimator
        Named in the message.

    Raises
    ------
    ValueError
        If there are fewer series than `minimum`.
    """
    if len(X) < minimum:
        raise ValueError(
            f"{type_name(estimator)} needs at least {minimum} series, but X has "
            f"{len(X)} sample(s), n_samples = {len(X)}.\n"
            "Give more series; one long series can be cut with "
            "tsgen.datasets.make_windows."
        )


def _categories(
    X: Any, estimator: BaseEstimator, reset: bool
) -> tuple[Categories | None, ...]:
    """Return the categories of each column of a long frame, or () if it has none."""
    if not is_long(X):
        return ()
    if reset:
        takes = getattr(estimator, "_takes_categories", False)
        return categories_of(X) if takes else ()
    if not isinstance(estimator._form, LongForm):
        return ()
    check_columns(X, estimator._form, estimator.n_channels_)
    return estimator._form.categories


def _read_any(X: Any, categories: tuple[Categories | None, ...]) -> Series:
    """Read series of equal or unequal length; their values are not checked."""
    items = items_of(X)
    if items is not None:
        return _read_items(X, items)
    if is_long(X):
        values, lengths = read_long(X, "X", categories)
        form = LongForm.of(X, lengths, categories)
        return Series(values, lengths, form, 3, one_by_one=True)
    array = _read_mapped(X, "X") if is_mapped(X) else _read(X, "X")
    return _of_one_length(array, form_of(X, array.ndim), one_by_one=False)


def _form_of_equal(X: Any, array: np.ndarray) -> Form:
    """Look at the form of series of one length, read as an array."""
    if is_long(X):
        return LongForm.of(X, np.full(len(array), array.shape[1]))
    return form_of(X, array.ndim)


def _read_items(X: Any, items: Sequence[Any]) -> Series:
    if not is_unequal(items):
        array = _read(X, "X")
        return _of_one_length(array, ArrayForm(array.ndim), one_by_one=True)
    refuse_frames(items, "X")
    values, lengths, n_axes = read_ragged(items, "X")
    differ = (lengths != lengths[0]).any()
    form = ListForm.of(items, n_axes) if differ else ArrayForm(n_axes + 1)
    return Series(values, lengths, form, n_axes + 1, one_by_one=True)


def _of_one_length(array: np.ndarray, form: Form, *, one_by_one: bool) -> Series:
    lengths = np.full(len(array), array.shape[1])
    return Series(_with_channels(array), lengths, form, array.ndim, one_by_one)


def _read(
    X: Any, name: str, categories: tuple[Categories | None, ...] = ()
) -> np.ndarray:
    """Return an array of two or three axes that holds floating-point numbers."""
    if is_long(X):
        return _read_long_of_one_length(X, name, categories)
    refuse_frames(items_of(X) or (), name)
    numbers = X if is_frame(X) else as_array(X, name)
    check_kinds(numbers, name)
    array = as_floats(numbers, name)
    check_shape(array, name)
    return array


def _read_mapped(X: np.ndarray, name: str) -> np.ndarray:
    """Return a memory map as an array of two or three axes, without a copy."""
    array = as_array(X, name)
    check_shape(array, name)
    return array


def _read_long_of_one_length(
    X: Any, name: str, categories: tuple[Categories | None, ...]
) -> np.ndarray:
    values, lengths = read_long(X, name, categories)
    if (lengths != lengths[0]).any():
        raise ValueError(unequal_lengths_message(lengths, name))
    return values


def _as_three_axes(
    array: np.ndarray, name: str, missing: str | None = None
) -> np.ndarray:
    """Add a missing channel axis, check the values and lay them out for torch."""
    series = _with_channels(array)
    check_values(series, name, missing=missing)
    if missing == "mask":
        check_observed(series, name, channels=False)
    return laid_out(series)


def _with_channels(array: np.ndarray) -> np.ndarray:
    return array[:, :, None] if array.ndim == 2 else array  # (B, T, C)


def _check_any_values(series: Series, estimator: BaseEstimator, reset: bool) -> None:
    """Check the values, and that there are enough of them if some may be missing."""
    values, lengths, *_ = series
    missing = getattr(estimator, "missing", None)
    if not reset:
        missing = getattr(estimator, "_missing", missing)  # that of fit
    check_values(values, "X", lengths, missing)
    if missing == "mask":
        check_observed(values, "X", channels=reset)


def _check_known(series: Series, estimator: BaseEstimator, shorter: bool) -> None:
    """Compare the axes with those seen in `fit`."""
    may_end = estimator._form.unequal or (shorter and series.one_by_one)
    of_one_length = (series.lengths == series.lengths[0]).all()
    if of_one_length and not may_end:
        check_axes(series.values.shape[: series.n_axes], estimator)
        return
    check_channels(series.values, estimator)
    check_not_longer(series.lengths, estimator)
    if not may_end:
        check_not_shorter(series.lengths, estimator)
