"""Floats become the numbers of another type: rounded, and kept in its range."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tsgen._forms.axes import import_pandas

if TYPE_CHECKING:
    from torch import Tensor

_NUMBERS = r"float16|bool|u?int(8|16|32|64)|float(32|64)"
_NULLABLE = r"boolean|U?Int(8|16|32|64)|Float(32|64)"
_ARROW = r"(bool|u?int(8|16|32|64)|float|double|halffloat)\[pyarrow\]"
_COLUMN = re.compile(rf"{_NUMBERS}|{_NULLABLE}|{_ARROW}")
_TENSOR = re.compile(rf"{_NUMBERS}|bfloat16")
_OTHER_NAMES = {
    "boolean": "bool",
    "double": "float64",
    "float": "float32",
    "halffloat": "float16",
    "bfloat16": "float32",  # NumPy has none; the range is the same
}


def is_column_dtype(value: object) -> bool:
    """Tell whether `cast_column` knows a type."""
    return isinstance(value, str) and bool(_COLUMN.fullmatch(value))


def is_tensor_dtype(value: object) -> bool:
    """Tell whether `cast_tensor` knows a type."""
    return isinstance(value, str) and bool(_TENSOR.fullmatch(value))


def is_whole_dtype(name: str) -> bool:
    """Tell whether a type that `cast_column` knows is of booleans or integers."""
    return _in_numpy(name).kind in "biu"


def column_dtype(dtype: Any) -> str:
    """Name the type of a column; float64 if it is not one of numbers."""
    return dtype.name if is_column_dtype(dtype.name) else "float64"


def cast_column(values: np.ndarray, dtype: str) -> Any:
    """Turn floats into the values of a column of a data frame.

    Parameters
    ----------
    values : ndarray of shape (n,)
        NaN is missing.
    dtype : str
        A type of NumPy, a nullable one of pandas or one of pyarrow.

    Returns
    -------
    ndarray or pandas.ExtensionArray of shape (n,)
        Whole numbers that NumPy cannot mark as missing become float64.
    """
    target = _in_numpy(dtype)
    fitting = within(values, target)
    if not re.fullmatch(_NUMBERS, dtype):
        return import_pandas().array(fitting, dtype=dtype)
    if target.kind != "f" and np.isnan(fitting).any():
        return fitting.astype(np.float64)
    return fitting.astype(target)


def cast_tensor(values: np.ndarray, dtype: str) -> Tensor:
    """Turn finite floats into a tensor of a type of torch, on the CPU."""
    import torch

    target = _in_numpy(dtype)
    fitting = np.ascontiguousarray(within(values, target).astype(target))
    return torch.from_numpy(fitting).to(getattr(torch, dtype))


def within(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Bring floats into the range of a type, and to whole numbers if it has no other.

    Parameters
    ----------
    values : ndarray of floats
        NaN passes.
    dtype : dtype
        Of booleans, integers or floats.

    Returns
    -------
    ndarray of float64
        Half a number goes to the even one.
    """
    values = values.astype(np.float64)
    if dtype.kind == "f":
        limits = np.finfo(dtype)
        return np.clip(values, float(limits.min), float(limits.max))
    low, high = (0, 1) if dtype.kind == "b" else _integer_limits(dtype)
    return np.clip(np.rint(values), low, high)


def _integer_limits(dtype: np.dtype) -> tuple[float, float]:
    """Return the smallest and the largest float64 that are in the range of a type."""
    limits = np.iinfo(dtype)
    high = float(limits.max)
    return float(limits.min), high if high <= limits.max else np.nextafter(high, 0.0)


def _in_numpy(dtype: str) -> np.dtype:
    """Return the type of NumPy with the range of another type."""
    name = dtype.removesuffix("[pyarrow]")
    return np.dtype(_OTHER_NAMES.get(name, name.lower()))
