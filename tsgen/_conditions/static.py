"""Static variables: what is known of each series beside its steps, such as an age."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any, NamedTuple, Self

import numpy as np

from tsgen._conditions.labels import LabelEncoder, as_values, refuse_missing
from tsgen._forms.axes import Label, is_label
from tsgen._reading.arrays import from_tensor, is_frame, shortened
from tsgen._reading.long import is_long
from tsgen._reading.values import LARGEST

MAX_DEVIATION = 1e6  # standard deviations; beyond it float32 arithmetic breaks
BEYOND = 0.1  # of the range of numbers in fit, that others may be beyond it


class Table(NamedTuple):
    """Static variables as they came, one array or pandas Series for each."""

    names: tuple[Label, ...] | None  # of the columns of a data frame
    columns: list[Any]


def check_static(static: Any, n_samples: int | None = None, X: Any = None) -> Table:
    """Check the shape of static variables.

    Parameters
    ----------
    static : array-like of shape (n_samples, n_variables), or DataFrame
        One row for each series, in their order.
    n_samples : int or None, default=None
        How many rows there must be; None takes any number.
    X : object, default=None
        The series: if both are data frames, their rows must be in the same order.

    Returns
    -------
    Table
        The variables; their values are not checked.

    Raises
    ------
    ValueError
        If the shape is another, names are repeated, or rows are in another order.
    TypeError
        If a name is neither text nor a number.
    """
    if is_frame(static) and hasattr(static, "iloc"):
        _check_shape(static.shape, n_samples)
        check_order(static, X, "static")
        columns = [static.iloc[:, k] for k in range(static.shape[1])]
        return Table(_names(static), columns)
    values = as_values(static, "static")
    _check_shape(values.shape, n_samples)
    return Table(None, list(values.T))


class StaticEncoder:
    """Static variables become columns of numbers for a network.

    Numeric variables are standardised. Text, booleans and pandas categories become a
    column of zeros and ones for each category of the fit.

    Attributes
    ----------
    names_ : tuple or None
        Names of the variables, if they came in a data frame.
    encoders_ : list
        The encoder of each variable.

    Examples
    --------
    >>> from tsgen._conditions.static import StaticEncoder
    >>> encoder = StaticEncoder().fit([[60, "f"], [70, "m"], [80, "f"]])
    >>> encoder.transform([[70, "m"], [80, "f"]]).round(2)
    array([[0.  , 0.  , 1.  ],
           [1.22, 1.  , 0.  ]], dtype=float32)
    """

    names_: tuple[Label, ...] | None
    encoders_: list[NumberEncoder | LabelEncoder]

    @property
    def width(self) -> int:
        """Number of columns that `transform` makes."""
        return sum(encoder.width for encoder in self.encoders_)

    def fit(self, static: Any, n_samples: int | None = None, X: Any = None) -> Self:
        """Learn scales and categories.

        Parameters
        ----------
        static : array-like of shape (n_samples, n_variables), or DataFrame
            One row for each series, in their order.
        n_samples : int or None, default=None
            How many rows there must be; None takes any number.
        X : object, default=None
            The series: if both are data frames, their rows must be in the same order.

        Returns
        -------
        StaticEncoder
            The encoder itself.

        Raises
        ------
        ValueError
            If the shape is another, or a value is missing or not finite.
        TypeError
            If a variable is neither numeric nor categorical.
        """
        table = check_static(static, n_samples, X)
        encoders = [
            _encoder(column)(_name(table.names, k)).fit(column)
            for k, column in enumerate(table.columns)
        ]
        self.names_, self.encoders_ = table.names, encoders
        return self

    def transform(
        self, static: Any, n_samples: int | None = None, X: Any = None
    ) -> np.ndarray:
        """Encode static variables.

        Parameters
        ----------
        static : array-like of shape (n_samples, n_variables), or DataFrame
            The variables of `fit`, in their order.
        n_samples : int or None, default=None
            How many rows there must be; None takes any number.
        X : object, default=None
            The series: if both are data frames, their rows must be in the same order.

        Returns
        -------
        ndarray of shape (n_samples, width), float32

        Raises
        ------
        ValueError
            If the variables are others, a category is new, a number is not finite or
            far from those of `fit`, or differs from the only one there was.
        """
        table = check_static(static, n_samples, X)
        self._check_columns(table)
        pairs = zip(self.encoders_, table.columns, strict=True)
        return np.hstack([encoder.transform(column) for encoder, column in pairs])

    def made(self, rows: np.ndarray) -> bool:
        """Tell whether `transform` can have made rows (n_samples, width) in fit."""
        stops = np.cumsum([encoder.width for encoder in self.encoders_])
        parts = np.split(rows, stops[:-1], axis=1)
        pairs = zip(self.encoders_, parts, strict=True)
        return all(encoder.made(part) for encoder, part in pairs)

    def _check_columns(self, table: Table) -> None:
        named = self.names_ is not None and table.names is not None
        if named and self.names_ != table.names:
            raise ValueError(
                f"static must have the columns of fit in their order, "
                f"{shortened(self.names_ or ())}, got {shortened(table.names or ())}.\n"
                "Select them: static[[...]]."
            )
        if len(table.columns) != len(self.encoders_):
            raise ValueError(
                f"static must have {len(self.encoders_)} columns, as in fit, got "
                f"{len(table.columns)}.\nGive the variables of fit in their order."
            )

    def facts(self) -> dict[str, Any]:
        """Return the encoder as JSON values."""
        names = None if self.names_ is None else list(self.names_)
        return {"names": names, "columns": [e.facts() for e in self.encoders_]}

    @classmethod
    def from_facts(cls, facts: object) -> Self:
        """Make a fitted encoder again from what `facts` returned.

        Parameters
        ----------
        facts : object
            Of unknown origin.

        Returns
        -------
        StaticEncoder

        Raises
        ------
        ValueError
            If they are not the facts of an encoder.
        """
        names, columns = _parsed(facts)
        encoder = cls()
        encoder.names_ = names
        encoder.encoders_ = [
            _kind_of(column).from_facts(column, _name(names, k))
            for k, column in enumerate(columns)
        ]
        return encoder


class NumberEncoder:
    """Numbers become one column of mean 0 and standard deviation 1.

    Parameters
    ----------
    name : str
        What the messages call the numbers.

    Attributes
    ----------
    mean_, scale_ : float
        Of the fit; the scale of a constant is 0.
    low_, high_ : float
        Ends of the range in the fit.
    """

    width = 1
    mean_: float
    scale_: float
    low_: float
    high_: float

    def __init__(self, name: str) -> None:
        self.name = name

    def fit(self, column: Any) -> Self:
        """Measure mean and standard deviation of numbers of shape (n_samples,)."""
        values = self._read(column)
        unit = np.abs(values).max() or 1.0  # squares stay in range, constants exact
        self.mean_ = float((values / unit).mean() * unit)
        self.scale_ = float((values / unit).std() * unit)
        self.low_, self.high_ = float(values.min()), float(values.max())
        return self

    def transform(self, column: Any) -> np.ndarray:
        """Standardise numbers of shape (n_samples,): (n_samples, 1), float32.

        Those more than a tenth of the range of the fit beyond it are read as that:
        networks know nothing of what lies farther out.
        """
        values = self._read(column)
        if self.scale_ == 0:
            self._refuse(
                values != self.mean_,
                values,
                f"hold {self.mean_:g}, the only value in fit",
            )
            return np.zeros((len(values), 1), np.float32)
        with np.errstate(over="ignore"):
            z = (values - self.mean_) / self.scale_
        self._refuse(
            np.abs(z) > MAX_DEVIATION,
            values,
            f"be within {MAX_DEVIATION:g} standard deviations of those of fit",
        )
        within = self._within(values)
        return ((within - self.mean_) / self.scale_).astype(np.float32)[:, None]

    def _within(self, values: np.ndarray) -> np.ndarray:
        """Clip numbers to a little more than the range of the fit; warn of the rest."""
        reach = BEYOND * self.high_ - BEYOND * self.low_
        low, high = self.low_ - reach, self.high_ + reach
        rows = np.flatnonzero((values < low) | (values > high))
        if rows.size:
            warnings.warn(
                f"{self.name} should be within a tenth of the range of fit, "
                f"{self.low_:g} to {self.high_:g}, got {rows.size} that are not, the "
                f"first is {values[rows[0]]:g} in row {rows[0]}. They are read as the "
                f"nearest of {low:g} and {high:g}; fit on more for what is beyond.",
                UserWarning,
                stacklevel=2,
            )
        return values.clip(low, high)

    def made(self, rows: np.ndarray) -> bool:
        """Tell whether `transform` can have made rows (n_samples, 1) in fit."""
        limit = MAX_DEVIATION if self.scale_ else 0.0
        return bool((np.abs(rows) <= limit).all())

    def _read(self, column: Any) -> np.ndarray:
        column = from_tensor(column, self.name)
        refuse_missing(column, np.asarray(column), self.name)
        try:
            values = np.asarray(column, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{self.name} must hold numbers, as in fit, got: {str(error)[:80]}.\n"
                "Give the variables of fit in their order."
            ) from error
        with np.errstate(invalid="ignore"):
            wrong = ~(np.abs(values) <= LARGEST)
        self._refuse(wrong, values, f"be finite and at most {LARGEST:g} in magnitude")
        return values

    def _refuse(self, wrong: np.ndarray, values: np.ndarray, rule: str) -> None:
        rows = np.flatnonzero(wrong)
        if rows.size:
            raise ValueError(
                f"{self.name} must {rule}, got {rows.size} that are not, the first is "
                f"{values[rows[0]]:g} in row {rows[0]}.\n"
                "Check its unit, or fit on more."
            )

    def facts(self) -> dict[str, Any]:
        """Return the encoder as JSON values."""
        facts = ("mean", "scale", "low", "high")
        return {name: getattr(self, f"{name}_") for name in facts}

    @classmethod
    def from_facts(cls, facts: dict[str, Any], name: str) -> Self:
        """Make a fitted encoder again; ValueError if `facts` are not of one."""
        if facts.keys() != {"mean", "scale", "low", "high"} or not _measured(**facts):
            raise ValueError(
                "an encoder of numbers must have a mean, a scale, and ends"
            )
        encoder = cls(name)
        encoder.mean_, encoder.scale_ = facts["mean"], facts["scale"]
        encoder.low_, encoder.high_ = facts["low"], facts["high"]
        return encoder


def _encoder(column: Any) -> type[NumberEncoder | LabelEncoder]:
    """Choose the encoder of a variable by what it holds."""
    if str(column.dtype) == "category":
        return LabelEncoder
    kind = column.dtype.kind
    numeric = kind in "iuf" or (kind == "O" and all(map(_is_number, column)))
    return NumberEncoder if numeric else LabelEncoder


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)


def _check_shape(shape: tuple[int, ...], n_samples: int | None) -> None:
    allowed = 0 if n_samples == 0 else 1  # rows at least
    if len(shape) != 2 or shape[0] < allowed or shape[1] == 0:
        raise ValueError(
            f"static must have shape (n_samples, n_variables), got {shape}.\nGive one "
            "row for each series; one variable is a single column, reshape(-1, 1)."
        )
    if n_samples is not None and shape[0] != n_samples:
        raise ValueError(
            f"static must have one row for each of {n_samples} series, got {shape[0]}."
            "\nGive rows and series in the same order."
        )


def check_order(values: Any, X: Any, name: str, of: str = "X") -> None:
    """Refuse rows that carry the labels of the series in another order.

    Parameters
    ----------
    values : object
        With rows for series; looked at if it has labels of pandas.
    X : object
        The series; looked at if they are a data frame.
    name : str
        What the message calls the values.
    of : str, default="X"
        What the message calls the series.

    Raises
    ------
    ValueError
        If the labels are the same, in another order.
    """
    labels: Any = getattr(values, "index", None)
    if not hasattr(labels, "equals") or not is_frame(X) or not hasattr(X, "index"):
        return
    series = X.index.get_level_values(0).unique() if is_long(X) else X.index
    if labels.equals(series) or set(labels) != set(series):
        return
    raise ValueError(
        f"{name} must have its rows in the order of the series of {of}, got the same "
        f"labels in another order.\nUse {name}.loc[{of}.index.get_level_values(0)"
        f".unique()], or {name}.to_numpy() if its labels say nothing."
    )


def _names(static: Any) -> tuple[Label, ...]:
    """Keep the names of the columns of a data frame."""
    found = static.columns.tolist()
    odd = [name for name in found if not is_label(name)]
    if odd:
        raise TypeError(
            f"static must have columns named by text or numbers, got {shortened(odd)}."
            "\nRename them, e.g. static.columns.map(str)."
        )
    repeated = [name for name in dict.fromkeys(found) if found.count(name) > 1]
    if repeated:
        raise ValueError(
            f"static must have columns of different names, got {shortened(repeated)} "
            "more than once.\nDrop or rename them."
        )
    return tuple(found)


def _name(names: tuple[Label, ...] | None, k: int) -> str:
    """Name a variable, for messages."""
    return f"static[:, {k}]" if names is None else f"static[{names[k]!r}]"


# Facts


def _parsed(facts: object) -> tuple[tuple[Label, ...] | None, list[dict[str, Any]]]:
    """Return names and the facts of each variable."""
    if not isinstance(facts, dict) or facts.keys() != {"names", "columns"}:
        raise ValueError("an encoder of static variables must have names and columns")
    names, columns = facts["names"], facts["columns"]
    if not _are_dicts(columns) or not (names is None or _are_names(names, columns)):
        raise ValueError("an encoder of static variables must have columns with names")
    return None if names is None else tuple(names), columns


def _are_dicts(columns: object) -> bool:
    if not isinstance(columns, list) or not columns:
        return False
    return all(isinstance(column, dict) for column in columns)


def _are_names(names: object, columns: list[Any]) -> bool:
    if not isinstance(names, list) or len(names) != len(columns):
        return False
    return all(is_label(name) for name in names)


def _kind_of(facts: dict[str, Any]) -> type[NumberEncoder | LabelEncoder]:
    return LabelEncoder if "classes" in facts else NumberEncoder


def _measured(mean: Any, scale: Any, low: Any, high: Any) -> bool:
    """Tell whether these can be mean, standard deviation and ends of numbers."""
    numbers = (mean, scale, low, high)
    if not all(type(number) is float for number in numbers):
        return False
    if not np.isfinite(np.array(numbers, np.float64)).all():
        return False
    return bool(scale >= 0 and low <= high)
