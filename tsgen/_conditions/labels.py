"""Class labels: one for each series, and as numbers for a network."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np

from tsgen._forms.axes import is_label
from tsgen._reading.arrays import from_tensor, refuse_mask, shortened, type_name

_KINDS = ("booleans", "numbers", "text")
_MAX_CHARACTERS = 2**21  # of classes in an array, where all are as long as the longest


def check_labels(y: Any, n_samples: int | None = None, name: str = "y") -> np.ndarray:
    """Check labels of classes.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Integers, text or booleans, all of one type; floats that are whole numbers pass.
    n_samples : int or None, default=None
        How many there must be; None takes any number.
    name : str, default="y"
        What the messages call the labels.

    Returns
    -------
    ndarray of shape (n_samples,)
        Integers, text, booleans or floats, as they came.

    Raises
    ------
    ValueError
        If the number of labels is another, or a label is missing or not whole.
    TypeError
        If labels are of another type, or of several.

    Examples
    --------
    >>> from tsgen._conditions.labels import check_labels
    >>> check_labels(["sick", "well", "sick"], 3)
    array(['sick', 'well', 'sick'], dtype='<U4')
    """
    values = as_values(y, name)
    _check_shape(values, n_samples, name)
    refuse_missing(y, values, name)
    labels = _of_one_type(values, name) if values.dtype == object else values
    if labels.dtype.kind == "T":
        labels = np.array(labels.tolist(), np.str_)
    _check_type(labels, name)
    _check_whole(labels, name)
    return labels


class LabelEncoder:
    """Labels become rows of zeros with a one in the place of their class.

    Parameters
    ----------
    name : str, default="y"
        What the messages call the labels.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels of the fit, sorted.

    Examples
    --------
    >>> from tsgen._conditions.labels import LabelEncoder
    >>> encoder = LabelEncoder().fit(["well", "sick", "well"])
    >>> encoder.transform(["sick", "well"])
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """

    classes_: np.ndarray

    def __init__(self, name: str = "y") -> None:
        self.name = name

    @property
    def width(self) -> int:
        """Number of columns that `transform` makes."""
        return len(self.classes_)

    def fit(self, y: Any) -> Self:
        """Learn the classes.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Labels that pass `check_labels`.

        Returns
        -------
        LabelEncoder
            The encoder itself.

        Raises
        ------
        ValueError
            If there are no labels, or they could not be saved.
        """
        labels = check_labels(y, name=self.name)
        if not len(labels):
            raise ValueError(
                f"{self.name} must have at least one label, got none.\n"
                "Give one for each series."
            )
        classes = np.unique(labels)
        _check_kept(classes.tolist(), self.name)
        self.classes_ = classes
        return self

    def transform(self, y: Any) -> np.ndarray:
        """Encode labels.

        Parameters
        ----------
        y : array-like of shape (n_samples,)

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float32

        Raises
        ------
        ValueError
            If a label was not there in `fit`.
        """
        codes = self.codes(y)
        rows = np.zeros((len(codes), self.width), np.float32)
        rows[np.arange(len(codes)), codes] = 1
        return rows

    def codes(self, y: Any) -> np.ndarray:
        """Return the place of each label among the classes, (n_samples,)."""
        labels = check_labels(y, name=self.name)
        is_text = (labels.dtype.kind == "U", self.classes_.dtype.kind == "U")
        if is_text[0] != is_text[1]:
            self._refuse(labels, np.arange(len(labels)))
        places = np.searchsorted(self.classes_, labels).clip(max=self.width - 1)
        self._refuse(labels, np.flatnonzero(self.classes_[places] != labels))
        return places

    def made(self, rows: np.ndarray) -> bool:
        """Tell whether `transform` made rows (n_samples, n_classes) from those of fit.

        Each then has one place with a one, and each class has a row.
        """
        ones = rows == 1
        either = bool((ones | (rows == 0)).all())
        each = bool((ones.sum(axis=1) == 1).all())
        return either and each and bool(ones.any(axis=0).all())

    def _refuse(self, labels: np.ndarray, rows: np.ndarray) -> None:
        """Refuse rows of labels that were not there in `fit`."""
        if rows.size:
            came = list(dict.fromkeys(labels[rows].tolist()))
            raise ValueError(
                f"{self.name} must hold labels of fit, got {shortened(came)} in "
                f"{rows.size} rows, {shortened(rows.tolist())}.\n"
                f"The labels of fit are {shortened(self.classes_.tolist(), 9)}."
            )

    def facts(self) -> dict[str, Any]:
        """Return the encoder as JSON values."""
        return {"classes": self.classes_.tolist()}

    @classmethod
    def from_facts(cls, facts: object, name: str = "y") -> Self:
        """Make a fitted encoder again from what `facts` returned.

        Parameters
        ----------
        facts : object
            Of unknown origin.
        name : str, default="y"
            What the messages call the labels.

        Returns
        -------
        LabelEncoder

        Raises
        ------
        ValueError
            If they are not the facts of an encoder.
        """
        classes = facts.get("classes") if isinstance(facts, dict) else None
        if not isinstance(facts, dict) or len(facts) > 1 or not _are_classes(classes):
            raise ValueError(
                "an encoder of labels must have sorted classes, not too long"
            )
        encoder = cls(name)
        encoder.classes_ = np.array(classes)
        return encoder


def are_continuous(values: np.ndarray) -> bool:
    """Tell whether values (n_samples,) are real numbers that are not all whole."""
    if values.dtype == object and all(isinstance(value, Real) for value in values):
        values = values.astype(np.float64)
    if values.dtype.kind != "f":
        return False
    return bool((np.isinf(values) | (np.floor(values) != values)).any())


def as_values(values: Any, name: str) -> np.ndarray:
    """Turn values into an array without a common type for what is in a list."""
    refuse_mask(values, name)
    if isinstance(values, list | tuple):
        return _of_objects([_scalar(value, name) for value in values], name)
    return np.asarray(from_tensor(values, name))


def _scalar(value: Any, name: str) -> Any:
    """Take a number out of a tensor or array without axes."""
    value = from_tensor(value, name)
    return value[()] if isinstance(value, np.ndarray) and not value.ndim else value


def _of_objects(items: list[Any], name: str) -> np.ndarray:
    try:
        return np.array(items, dtype=object)
    except ValueError as error:
        raise ValueError(
            f"{name} must have as many values in every row, got rows that differ.\n"
            "Give a value to every series."
        ) from error


def refuse_missing(source: Any, values: np.ndarray, name: str) -> None:
    """Refuse NaN, None and what pandas calls missing.

    Parameters
    ----------
    source : object
        What the values came in; pandas knows best what is missing in its own.
    values : ndarray of shape (n_samples,)
    name : str
        What the message calls the values.

    Raises
    ------
    ValueError
        If a value is missing.
    """
    found = source.isna() if hasattr(source, "isna") else _missing(values)
    rows = np.flatnonzero(np.asarray(found))
    if rows.size:
        raise ValueError(
            f"{name} must have a value for every series, got {rows.size} missing ones "
            f"(NaN) in rows {shortened(rows.tolist())}.\n"
            "Drop those series, or give them a value of their own."
        )


def _missing(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return np.array([_is_missing(value) for value in values], dtype=bool)
    kinds = values.dtype.kind
    return values != values if kinds in "fcmM" else np.zeros(len(values), bool)


def _is_missing(value: Any) -> bool:
    unequal = isinstance(value, Real | np.datetime64) and value != value
    return unequal or value is None or type_name(value) in ("NAType", "NaTType")


def _check_shape(values: np.ndarray, n_samples: int | None, name: str) -> None:
    if values.ndim != 1:
        raise ValueError(
            f"{name} must have shape (n_samples,), got {values.shape}.\n"
            "Give one label for each series, e.g. with ravel()."
        )
    if n_samples is not None and len(values) != n_samples:
        raise ValueError(
            f"{name} must have one label for each of {n_samples} series, got "
            f"{len(values)}.\nGive labels and series in the same order."
        )


def _of_one_type(values: np.ndarray, name: str) -> np.ndarray:
    """Give objects the type that all of them have."""
    kinds = sorted({_kind(value) for value in values})
    if len(kinds) > 1:
        raise TypeError(
            f"{name} must hold labels of one type, got {' and '.join(kinds)}.\n"
            "Turn them into text, e.g. with map(str)."
        )
    if kinds and kinds[0] not in _KINDS:
        raise TypeError(_type_message(kinds[0], name))
    return np.array(values.tolist(), dtype=None if kinds else np.int64)


def _kind(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "booleans"
    if isinstance(value, Real):
        return "numbers"
    return "text" if isinstance(value, str) else type_name(value)


def _check_type(labels: np.ndarray, name: str) -> None:
    if labels.dtype.kind not in "biufU":
        raise TypeError(_type_message(str(labels.dtype), name))


def _type_message(came: str, name: str) -> str:
    return (
        f"{name} must hold integers, text or booleans, got {came}.\n"
        "Turn them into text or codes."
    )


def _check_whole(labels: np.ndarray, name: str) -> None:
    if labels.dtype.kind != "f":
        return
    rows = np.flatnonzero(~np.isfinite(labels) | (np.floor(labels) != labels))
    if rows.size:
        raise ValueError(
            f"{name} must hold labels of classes, got numbers that are not whole in "
            f"{rows.size} rows, the first is {labels[rows[0]]} in row {rows[0]}.\n"
            "Cut continuous values into bins, e.g. with numpy.digitize."
        )


def _check_kept(classes: list[Any], name: str) -> None:
    """Refuse labels that could be fitted on, but not saved or pickled."""
    large = [label for label in classes if not is_label(label)]
    if large:
        raise ValueError(
            f"{name} must hold labels between -2**63 and 2**63, got "
            f"{shortened(large)}.\nNumber the classes, or turn them into text."
        )
    if not _fit_in_array(classes):
        raise ValueError(
            f"{name} must hold text of at most {_MAX_CHARACTERS:,} characters, the "
            f"longest label times the number of classes, got {len(classes)} classes of "
            f"up to {max(map(len, classes)):,}.\nGive them shorter names or numbers."
        )


def _are_classes(classes: object) -> bool:
    if not isinstance(classes, list) or not all(is_label(label) for label in classes):
        return False
    if len({type(label) for label in classes}) != 1 or not _fit_in_array(classes):
        return False
    return classes == sorted(set(classes))


def _fit_in_array(classes: list[Any]) -> bool:
    """Tell whether an array holds labels unchanged, and does not take much memory.

    Text in it has the length of the longest, and loses zeros at its end.
    """
    if not isinstance(classes[0], str):
        return True
    longest = max(map(len, classes))
    whole = not any(label.endswith("\0") for label in classes)
    return whole and longest * len(classes) <= _MAX_CHARACTERS
