"""The public door: what comes in as `X` leaves as a clean array, or with a clear error.

Every message about `X` is written here, in four parts: the parameter, the rule, what
came, what to do. Behind this door shapes and values are trusted.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

LARGEST = 1e300
"""Largest magnitude accepted: sums and products of scaled values stay finite."""

_SHAPES = "(n_samples, n_timesteps, n_channels) or (n_samples, n_timesteps)"


def check_series(X: Any, *, estimator: BaseEstimator, reset: bool) -> np.ndarray:
    """Check the series given to an estimator, and remember or compare their axes.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_timesteps, n_channels) or \
            (n_samples, n_timesteps)
        The series; two axes mean `n_samples` series of one channel. It is not
        modified.
    estimator : BaseEstimator
        With `reset`, receives `n_features_in_` and `n_timesteps_` (both the length
        of a series), `n_channels_` and `_input_ndim` (2 or 3), and nothing at all
        if `X` is refused.
    reset : bool
        True in `fit`, False in every other method.

    Returns
    -------
    ndarray of shape (n_samples, n_timesteps, n_channels)
        float32 if `X` was float32, otherwise float64. It may share memory with
        `X`: never write to it.

    Raises
    ------
    ValueError
        If the shape or a value of `X` is not allowed, or if its axes are not those
        seen in `fit`.
    TypeError
        If `X` does not hold real numbers.
    """
    if not reset:
        check_is_fitted(estimator, "n_timesteps_")
    array = _read(X, "X")
    if not reset:
        _check_axes(array, estimator)
    series = _as_three_axes(array, "X")
    named = X if _is_frame(X) else array
    validate_data(estimator, named, reset=reset, skip_check_array=True)
    if reset:
        _, estimator.n_timesteps_, estimator.n_channels_ = series.shape
        estimator._input_ndim = array.ndim
    return series


def as_series(X: Any, name: str = "X") -> np.ndarray:
    """Check series that belong to no estimator, such as the arguments of a metric.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_timesteps, n_channels) or \
            (n_samples, n_timesteps)
        The series; it is not modified.
    name : str, default="X"
        What the messages call `X`.

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
    return _as_three_axes(_read(X, name), name)


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
    array = _as_array(X, name)
    _check_kinds(array, name)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} must hold real numbers, got values of type {array.dtype}.\n"
            "Convert them, e.g. with astype(float), or drop what is not a number."
        )
    return array


def is_ragged(X: Any, n_timesteps: int) -> bool:
    """Tell whether `X` is a list of series that are not all of one known length."""
    if not isinstance(X, list | tuple) or not len(X):
        return False
    return {_length(series) for series in X} != {n_timesteps}


def pad_series(X: Any, *, estimator: BaseEstimator) -> tuple[np.ndarray, np.ndarray]:
    """Check series that may end earlier than those of `fit`, and pad them.

    The last value is repeated, which is in the range of the others.

    Parameters
    ----------
    X : sequence of array-like of shape (length, n_channels) or (length,)
        Each of 1 to `n_timesteps_` steps.
    estimator : BaseEstimator
        Fitted with `check_series`.

    Returns
    -------
    series : ndarray of shape (n_samples, longest, n_channels)
    lengths : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If a series is not valid, is longer, or has other channels.
    """
    items = [as_series(item[None], f"X[{k}]")[0] for k, item in enumerate(_arrays(X))]
    channels = {item.shape[1] for item in items}
    lengths = np.array([len(item) for item in items])
    wanted = estimator.n_channels_
    if channels != {wanted} or lengths.max() > estimator.n_timesteps_:
        raise ValueError(
            f"X must hold series of n_channels = {wanted} and at most n_timesteps = "
            f"{estimator.n_timesteps_}, as in fit, got n_channels = "
            f"{sorted(channels)} and up to {lengths.max()} time steps."
        )
    last = lengths.max()
    padded = [np.pad(a, ((0, last - len(a)), (0, 0)), mode="edge") for a in items]
    return np.stack(padded), lengths


def _arrays(X: Sequence[Any]) -> list[np.ndarray]:
    """Return series as arrays of two axes; `_read` will check them."""
    arrays = [_as_array(item, "X") for item in X]
    return [a[:, None] if a.ndim == 1 else a for a in arrays]


def check_latents(Z: Any, latent_size: int, n_series: int | None = None) -> np.ndarray:
    """Check latents given to an estimator.

    Parameters
    ----------
    Z : array-like of shape (n_series, latent_size)
    latent_size : int
    n_series : int or None, default=None
        Number of rows there must be; None takes any but 0.

    Returns
    -------
    ndarray of shape (n_series, latent_size), float32

    Raises
    ------
    ValueError
        If the shape is another, or a value is not finite.
    """
    try:
        Z = np.asarray(_from_tensor(Z, "Z"), dtype=np.float32)
    except ValueError as error:
        raise ValueError(_not_numbers_message("Z", error)) from error
    rows = "n_samples" if n_series is None else n_series
    n_wanted = n_series or max(1, len(Z) if Z.ndim else 1)
    finite = bool(np.isfinite(Z).all())
    if Z.shape != (n_wanted, latent_size) or not finite:
        kind = "" if finite else " with values that are not finite"
        raise ValueError(
            f"Z must hold finite latents of shape ({rows}, {latent_size}), at least "
            f"one, got shape {Z.shape}{kind}. Use what transform returns."
        )
    return Z


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


def check_count(value: Any, name: str, minimum: int = 0) -> int:
    """Check a parameter that counts something.

    Parameters
    ----------
    value : int
        The count; NumPy integers pass, booleans and floats do not.
    name : str
        The parameter's name, for the message.
    minimum : int, default=0
        The smallest value allowed.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If `value` is not an integer.
    ValueError
        If `value` is below `minimum`.
    """
    rule = f"{name} must be an integer of at least {minimum}"
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{rule}, got a value of type {_type_name(value)}.")
    if value < minimum:
        raise ValueError(f"{rule}, got {reprlib.repr(int(value))}.")
    return int(value)


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
            f"{_type_name(estimator)} needs at least {minimum} series, but X has "
            f"{len(X)} sample(s), n_samples = {len(X)}.\n"
            "Give more series; one long series can be cut with "
            "tsgen.datasets.make_windows."
        )


def _read(X: Any, name: str) -> np.ndarray:
    """Return an array of two or three axes that holds floating-point numbers."""
    numbers = X if _is_frame(X) else _as_array(X, name)
    _check_kinds(numbers, name)
    array = _as_floats(numbers, name)
    _check_shape(array, name)
    return array


def _as_three_axes(array: np.ndarray, name: str) -> np.ndarray:
    """Add a missing channel axis, check the values and lay them out for torch."""
    series = array[:, :, None] if array.ndim == 2 else array  # (B, T, C)
    _check_values(series, name)
    series = np.require(series, requirements=["C", "W", "A", "E"])
    # An axis of length 1 may keep a negative stride, which torch refuses.
    return series.reshape(-1).reshape(series.shape)


def _as_array(X: Any, name: str) -> np.ndarray:
    """Turn anything but a data frame into an array, and lose nothing on the way."""
    _refuse_sparse(X, name)
    _refuse_mask(X, name)
    if isinstance(X, list | tuple):
        return _stack(X, name)
    array = np.asarray(_from_tensor(X, name))
    if array.ndim == 0 and array.dtype.kind in "OSU":
        message = f"{name} must be an array of shape {_SHAPES}, got {_type_name(X)}."
        raise TypeError(message)
    if array.dtype == object and array.ndim == 1:
        return _stack(list(array), name)
    return array


def _stack(items: Sequence[Any], name: str) -> np.ndarray:
    """Stack series of one length."""
    for item in items:
        _refuse_sparse(item, name)
        _refuse_mask(item, name)
    items = [_from_tensor(item, name) for item in items]
    try:
        return np.asarray(items)
    except ValueError as error:
        raise ValueError(_unequal_message(items, name)) from error


def _unequal_message(items: Sequence[Any], name: str) -> str:
    lengths = {_length(item) for item in items}
    if len(lengths) == 1:
        return (
            f"{name} must have the same channels at every step of every series, got "
            f"{len(items)} series whose channels differ.\n"
            "Keep the channels that all of them have."
        )
    return (
        f"{name} must hold series of equal length, got lengths from {min(lengths)} to "
        f"{max(lengths)} in {len(items)} series.\nPad or cut them to equal length, "
        "e.g. with tsgen.datasets.make_windows."
    )


def _length(item: Any) -> int:
    """Return the length of a series, 0 for a number."""
    try:
        return len(item)
    except TypeError:
        return 0


def _from_tensor(X: Any, name: str) -> Any:
    """Turn a torch tensor into an array; anything else passes through."""
    if not (hasattr(X, "detach") and hasattr(X, "element_size")):
        return X
    if str(X.layout) != "torch.strided":
        raise TypeError(_sparse_message(name, "to_dense"))
    tensor = X.detach().cpu()
    if tensor.is_floating_point() and tensor.element_size() < 4:
        tensor = tensor.double()  # NumPy has no bfloat16
    return tensor.numpy(force=True)


def _refuse_sparse(X: Any, name: str) -> None:
    if issparse(X):
        raise TypeError(_sparse_message(name, "toarray"))


def _sparse_message(name: str, method: str) -> str:
    return (
        f"Sparse data was passed for {name}, but dense data is required. "
        f"Use {name}.{method}() to convert it."
    )


def _refuse_mask(X: Any, name: str) -> None:
    """Refuse hidden values: as an ordinary array they would reappear unnoticed."""
    if np.ma.is_masked(X):
        count, size = np.count_nonzero(np.ma.getmaskarray(X)), np.size(X)
        raise ValueError(
            f"{name} must not be masked, got an array with {count} of {size} values "
            f"masked.\nFill them, e.g. with {name}.filled(0), or drop those series."
        )


def _check_kinds(X: Any, name: str) -> None:
    """Refuse what a cast to floats would garble without a word."""
    kinds = _kinds(X)
    if "c" in kinds:
        raise ValueError(
            f"Complex data not supported: {name} must hold real numbers.\n"
            "Give the real and imaginary parts as two channels."
        )
    if kinds & {"m", "M"}:
        raise TypeError(
            f"{name} must hold real numbers, got dates or time differences.\n"
            "Leave the time axis out, or turn durations into numbers first."
        )
    if "V" in kinds:
        raise TypeError(
            f"{name} must hold real numbers, got a structured array.\n"
            "Stack its fields along the last axis as channels."
        )


def _kinds(X: Any) -> set[str]:
    """Return NumPy's letters for the kinds of values in an array or data frame."""
    if _is_frame(X):
        return {getattr(dtype, "kind", "O") for dtype in X.dtypes}
    if X.dtype != object:
        return {X.dtype.kind}
    return {value.dtype.kind for value in X.flat if isinstance(value, np.generic)}


def _as_floats(X: Any, name: str) -> np.ndarray:
    """Cast to float64, unless it is float32; too large for float64 becomes infinite."""
    try:
        with np.errstate(over="ignore"):
            return check_array(
                X,
                dtype=[np.float64, np.float32],
                allow_nd=True,
                ensure_2d=False,
                ensure_all_finite=False,
                ensure_min_samples=0,
                ensure_min_features=0,
            )
    except TypeError as error:
        raise TypeError(_not_numbers_message(name, error)) from error
    except (ValueError, OverflowError) as error:
        raise ValueError(_not_numbers_message(name, error)) from error


def _not_numbers_message(name: str, error: Exception) -> str:
    reason = str(error)[:120].rstrip(".")
    return (
        f"{name} must hold real numbers, got: {reason}.\n"
        "Convert or drop what is not a number."
    )


def _check_shape(array: np.ndarray, name: str) -> None:
    _check_axis_count(array, name)
    if array.shape[0] == 0:
        raise ValueError(_empty_message(array, "sample(s)", name))
    if array.shape[1] == 0:
        raise ValueError(_empty_message(array, "feature(s)", name))
    if array.shape[-1] == 0:
        raise ValueError(_empty_message(array, "channel(s)", name))


def _check_axis_count(array: np.ndarray, name: str) -> None:
    if array.ndim in (2, 3):
        return
    message = f"{name} must have shape {_SHAPES}, got shape {array.shape}."
    if array.ndim == 1:
        message += (
            f"\nReshape your data: {name}.reshape(1, -1) if it is one series, or cut "
            "windows with tsgen.datasets.make_windows."
        )
    if array.ndim > 3:
        message += "\nMerge the last axes into one channel axis."
    raise ValueError(message)


def _empty_message(array: np.ndarray, what: str, name: str) -> str:
    """Word an empty axis as scikit-learn does; its "features" are our time steps."""
    return (
        f"Found array with 0 {what} (shape={array.shape}) while a minimum of 1 is "
        "required.\n"
        f"{name} must have shape {_SHAPES} without an empty axis."
    )


def _check_values(series: np.ndarray, name: str) -> None:
    """Refuse NaN, infinity and magnitudes whose arithmetic would overflow."""
    largest = float(np.maximum(series.max(), -series.min()))  # NaN if any value is
    if largest <= LARGEST:
        return
    bad = ~np.isfinite(series)
    if bad.any():
        kinds = {"NaN": np.isnan(series).any(), "infinity": np.isinf(series).any()}
        found = " and ".join(kind for kind, present in kinds.items() if present)
        cure = "Fill or interpolate them, or drop those series."
    else:
        bad = np.abs(series) > LARGEST
        found = f"magnitudes above {LARGEST:g}"
        cure = "Change the unit, e.g. divide by the largest value."
    raise ValueError(f"{name} contains {found}: {_where(bad)}.\n{cure}")


def _where(bad: np.ndarray) -> str:
    """Say how many values are bad and where the first one is."""
    series, step, channel = (int(i) for i in np.argwhere(bad)[0])
    return (
        f"{np.count_nonzero(bad)} of {bad.size} values, the first at "
        f"(series, step, channel) = ({series}, {step}, {channel})"
    )


def _check_axes(array: np.ndarray, estimator: BaseEstimator) -> None:
    """Compare both axes with those seen in `fit`."""
    came = (array.shape[1], array.shape[2] if array.ndim == 3 else 1)
    wanted = (estimator.n_timesteps_, estimator.n_channels_)
    if came == wanted:
        return
    owner = _type_name(estimator)
    message = (
        f"X has n_timesteps = {came[0]} and n_channels = {came[1]}, but {owner} was "
        f"fitted on n_timesteps = {wanted[0]} and n_channels = {wanted[1]}."
    )
    if array.ndim == 2 and came[0] != wanted[0]:  # scikit-learn's words
        message = (
            f"X has {came[0]} features, but {owner} is expecting {wanted[0]} features "
            f"as input.\n{message}"
        )
    raise ValueError(message)


def _is_frame(X: Any) -> bool:
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def _type_name(value: Any) -> str:
    return type(value).__name__
