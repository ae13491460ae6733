"""Whatever holds numbers becomes an array of them, or an error that helps.

Every message is in four parts: the parameter, the rule, what came, what to do.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array

SHAPES = "(n_samples, n_timesteps, n_channels) or (n_samples, n_timesteps)"
Layout = dict[str, tuple[str, tuple[int, ...]]]  # type and shape of arrays, by name


def as_array(X: Any, name: str) -> np.ndarray:
    """Turn anything but a data frame into an array, and lose nothing on the way."""
    refuse_sparse(X, name)
    refuse_mask(X, name)
    if isinstance(X, list | tuple):
        return stack(X, name)
    array = np.asarray(from_tensor(X, name))
    if array.ndim == 0 and array.dtype.kind in "OSU":
        message = f"{name} must be an array of shape {SHAPES}, got {type_name(X)}."
        raise TypeError(message)
    if array.dtype == object and array.ndim == 1:
        return stack(list(array), name)
    return array


def unequal_message(items: Sequence[Any], name: str) -> str:
    """Say in what series differ that cannot be stacked."""
    lengths = {length_of(item) for item in items}
    if len(lengths) == 1:
        return (
            f"{name} must have the same channels at every step of every series, got "
            f"{len(items)} series whose channels differ.\n"
            "Keep the channels that all of them have."
        )
    return unequal_lengths_message([length_of(item) for item in items], name)


def unequal_lengths_message(lengths: Sequence[int] | np.ndarray, name: str) -> str:
    """Say of which lengths series are that must be of one."""
    return (
        f"{name} must hold series of equal length, got lengths from {min(lengths)} to "
        f"{max(lengths)} in {len(lengths)} series.\nPad or cut them to equal length, "
        "e.g. with tsgen.datasets.make_windows."
    )


def stack(
    items: Sequence[Any], name: str, message: Callable[..., str] = unequal_message
) -> np.ndarray:
    """Stack series of one length, or steps of one series with their own message."""
    for item in items:
        refuse_sparse(item, name)
        refuse_mask(item, name)
    items = [from_tensor(item, name) for item in items]
    try:
        return np.asarray(items)
    except ValueError as error:
        raise ValueError(message(items, name)) from error


def length_of(item: Any) -> int:
    """Return the length of a series, 0 for a number."""
    try:
        return len(item)
    except TypeError:
        return 0


def from_tensor(X: Any, name: str) -> Any:
    """Turn a torch tensor into an array; anything else passes through."""
    if not is_tensor(X):
        return X
    if str(X.layout) != "torch.strided":
        raise TypeError(_sparse_message(name, "to_dense"))
    tensor = X.detach().cpu()
    if tensor.is_floating_point() and tensor.element_size() < 4:
        tensor = tensor.double()  # NumPy has no bfloat16
    return tensor.numpy(force=True)


def refuse_sparse(X: Any, name: str) -> None:
    if issparse(X):
        raise TypeError(_sparse_message(name, "toarray"))


def _sparse_message(name: str, method: str) -> str:
    return (
        f"Sparse data was passed for {name}, but dense data is required. "
        f"Use {name}.{method}() to convert it."
    )


def refuse_mask(X: Any, name: str) -> None:
    """Refuse hidden values: as an ordinary array they would reappear unnoticed."""
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        count, size = np.count_nonzero(np.ma.getmaskarray(X)), np.size(X)
        raise ValueError(
            f"{name} must not be masked, got an array with {count} of {size} values "
            f"masked.\nFill them, e.g. with {name}.filled(0), or drop those series."
        )


def check_kinds(X: Any, name: str) -> None:
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
    if is_frame(X):
        return {getattr(dtype, "kind", "O") for dtype in X.dtypes}
    if X.dtype != object:
        return {X.dtype.kind}
    return {value.dtype.kind for value in X.flat if isinstance(value, np.generic)}


def as_floats(X: Any, name: str) -> np.ndarray:
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
        raise TypeError(not_numbers_message(name, error) + _suspects(X)) from error
    except (ValueError, OverflowError) as error:
        raise ValueError(not_numbers_message(name, error) + _suspects(X)) from error


def not_numbers_message(name: str, error: Exception) -> str:
    """Pass on why a cast to numbers failed."""
    reason = str(error)[:120].rstrip(".")
    return (
        f"{name} must hold real numbers, got: {reason}.\n"
        "Convert or drop what is not a number."
    )


def _suspects(X: Any) -> str:
    """Name the columns of a data frame that are not numeric."""
    if not is_frame(X):
        return ""
    found = zip(X.columns, X.dtypes, strict=True)
    suspects = [name for name, dtype in found if getattr(dtype, "kind", "O") == "O"]
    return f" Look at the columns {shortened(suspects)}." if suspects else ""


def shortened(values: Sequence[Any], most: int = 3) -> str:
    """List a few values in a message, and how many there are beyond them."""
    shown = ", ".join(reprlib.repr(value) for value in values[:most])
    beyond = len(values) - most
    return f"{shown} and {beyond} more" if beyond > 0 else shown


def is_tensor(X: Any) -> bool:
    """Tell whether something is a torch tensor, without torch."""
    return hasattr(X, "detach") and hasattr(X, "element_size")


def is_frame(X: Any) -> bool:
    """Tell whether something is a data frame, without pandas."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def type_name(value: Any) -> str:
    """Name the type of a value, for messages."""
    return type(value).__name__
