"""Categories: labels in a column of a data frame, which numbers stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsgen._forms.axes import ListedAxis, axis_from_facts, import_pandas, listed_axis_of
from tsgen._reading.arrays import shortened

if TYPE_CHECKING:
    from pandas import DataFrame, Series

TEXT = ("object", "str", "string")  # names of types of columns


@dataclass(frozen=True)
class Categories:
    """Labels of a column that does not hold numbers; 0, 1, 2, ... stand for them.

    Parameters
    ----------
    dtype : str
        Name of the type of the column: "category", or one of text.
    ordered : bool
        Whether the categories have an order.
    labels : ListedAxis
        Categories in their order; text sorted.
    unused : tuple of int
        Categories that no entry had.
    """

    dtype: str
    ordered: bool
    labels: ListedAxis
    unused: tuple[int, ...]

    @classmethod
    def of(cls, column: Series, what: str) -> Categories:
        """Look at the labels of a column.

        Parameters
        ----------
        column : pandas.Series
            Categories, or text or booleans of type object; some may be missing.
        what : str
            What the messages call the column.

        Raises
        ------
        TypeError
            If labels are of another type.
        """
        found = import_pandas().Categorical(column)
        labels = listed_axis_of(found.categories, f"The categories of {what}")
        used = np.unique(found.codes)
        unused = np.setdiff1d(np.arange(len(found.categories)), used)
        made = cls(column.dtype.name, found.ordered, labels, tuple(unused.tolist()))
        if not made._has_labels_of_its_type():
            raise TypeError(
                f"{what} must hold numbers, text or pandas categories, got a column of "
                f"type object with {shortened(labels.labels)}.\n"
                "Convert it, e.g. with pandas.to_numeric or astype(str)."
            )
        return made

    def codes(self, column: Series, what: str) -> np.ndarray:
        """Return the numbers that stand for the labels of a column.

        Parameters
        ----------
        column : pandas.Series
        what : str
            What the messages call the column.

        Returns
        -------
        ndarray of shape (n,), float64
            NaN where a label is missing.

        Raises
        ------
        ValueError
            If a label was not there in `fit`.
        """
        index = self.labels.index(len(self.labels.labels))
        codes = index.get_indexer_for(column)
        missing = column.isna().to_numpy()
        new = ~missing & ((codes < 0) | np.isin(codes, self.unused))
        if new.any():
            came = column[new].unique().tolist()
            raise ValueError(
                f"{what} must hold categories of fit, got {shortened(came)} in "
                f"{new.sum()} rows.\nThose of fit are {shortened(self._used(), 9)}."
            )
        return np.where(missing, np.nan, codes)

    def restore(self, codes: np.ndarray) -> Any:
        """Return the column, without its index, that numbers stand for."""
        pandas = import_pandas()
        index = self.labels.index(len(self.labels.labels))
        places = np.where(np.isnan(codes), -1, codes).astype(np.intp)
        if self.dtype == "category":
            return pandas.Categorical.from_codes(places, index, ordered=self.ordered)
        taken = pandas.api.extensions.take(index.array, places, allow_fill=True)
        return pandas.Series(taken, dtype=self.dtype)  # else pandas guesses one

    def has_codes(self, values: np.ndarray) -> bool:
        """Tell whether these numbers, increasing, stand for the labels of entries."""
        codes = np.arange(len(self.labels.labels))
        return np.array_equal(values, np.setdiff1d(codes, self.unused))

    def facts(self) -> dict[str, Any]:
        """Return the categories as JSON values."""
        plain = {"labels": self.labels.facts(), "unused": list(self.unused)}
        return {**vars(self), **plain}

    @staticmethod
    def from_facts(facts: dict[str, Any]) -> Categories:
        """Make categories again from what `facts` returned; or raise ValueError."""
        if facts.keys() != {"dtype", "ordered", "labels", "unused"}:
            raise ValueError("categories must have their keys")
        labels, unused = axis_from_facts(facts["labels"]), facts["unused"]
        if not isinstance(labels, ListedAxis) or not isinstance(unused, list):
            raise ValueError("categories must have labels and a list of those unused")
        made = Categories(facts["dtype"], facts["ordered"], labels, tuple(unused))
        if not made._is_sound():
            raise ValueError("categories must have labels of their type")
        return made

    def _used(self) -> list[Any]:
        labels = enumerate(self.labels.labels)
        return [label for code, label in labels if code not in self.unused]

    def _has_labels_of_its_type(self) -> bool:
        kinds = (str, bool) if self.dtype == "object" else (str,)
        return self.dtype == "category" or all(
            type(label) in kinds for label in self.labels.labels
        )

    def _is_sound(self) -> bool:
        """Tell whether the fields, of unknown origin, are what they must be."""
        labels, unused = self.labels.labels, self.unused
        if self.dtype not in ("category", *TEXT) or type(self.ordered) is not bool:
            return False
        if self.ordered > (self.dtype == "category") or len(set(labels)) != len(labels):
            return False
        if not all(type(code) is int and 0 <= code < len(labels) for code in unused):
            return False
        few = len(set(unused)) == len(unused) < len(labels)
        return few and self._has_labels_of_its_type()


def categories_of(X: DataFrame) -> tuple[Categories | None, ...]:
    """Look at the columns of a data frame; None for one that holds numbers."""
    return tuple(
        Categories.of(X.iloc[:, k], f"X[{label!r}]") if is_categorical(dtype) else None
        for k, (label, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True))
    )


def is_categorical(dtype: Any) -> bool:
    """Tell whether a column of a type can hold categories."""
    return dtype.name in ("category", *TEXT)
