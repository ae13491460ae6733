"""The form in which series came, and in which they are given back.

A form is what `fit` remembers of its `X` beside the numbers: whether it was a list, a
tensor or a data frame, and the names in it. It holds plain values only, so that it is
pickled without pandas or torch, and saved as JSON.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tsgen._forms.axes import (
    Axis,
    EvenAxis,
    Label,
    ListedAxis,
    axis_from_facts,
    axis_of,
    continued,
    import_pandas,
    is_label,
    times_of,
)
from tsgen._forms.casting import (
    cast_column,
    cast_tensor,
    column_dtype,
    is_column_dtype,
    is_tensor_dtype,
    is_whole_dtype,
)
from tsgen._forms.categories import Categories
from tsgen._reading.arrays import is_frame, is_tensor, shortened

if TYPE_CHECKING:
    from pandas import DataFrame, Index

Facts = dict[str, Any]
Name = Label | None


class Form:
    """What all forms have in common; a form is a frozen dataclass of plain values."""

    kind: ClassVar[str]
    categories: tuple[Categories | None, ...] = ()  # of the channels; () for none

    @property
    def unequal(self) -> bool:
        """Whether the lengths of the series differed."""
        return False

    @property
    def has_channels(self) -> bool:
        """Whether each series came with an axis of channels."""
        raise NotImplementedError("a form knows its axes")

    def coded_channels(self, n_channels: int) -> np.ndarray:
        """Tell which channels hold numbers that stand for categories, (n_channels,)."""
        coded = [kind is not None for kind in self.categories]
        return np.array(coded or [False] * n_channels)

    def whole_channels(self, n_channels: int) -> np.ndarray:
        """Tell which channels were booleans or integers in a frame, (n_channels,)."""
        return np.zeros(n_channels, bool)

    def rounds(self, n_steps: int, n_channels: int) -> np.ndarray:
        """Tell which entries `restore` rounds to whole numbers, (n_steps, C)."""
        return np.full((n_steps, n_channels), False)

    def restore(
        self,
        values: np.ndarray,
        lengths: np.ndarray | None = None,
        like: Any = None,
    ) -> Any:
        """Give series this form.

        Parameters
        ----------
        values : ndarray of shape (n_samples, longest, n_channels)
            Floats; what stands after the end of a series is not used.
        lengths : ndarray of shape (n_samples,) or None, default=None
            Steps of each series; None means all.
        like : object, default=None
            What the series were made from, one for one: the labels of a data frame are
            kept, if this is the form of one.

        Returns
        -------
        ndarray, Tensor, DataFrame or list
            Series of unequal length that came as one array, or one tensor, are given
            in a list. Columns and tensors of whole numbers are rounded.
        """
        if lengths is None:
            lengths = np.full(len(values), values.shape[1])
        longest = lengths.max() if len(lengths) else values.shape[1]
        made = self._made(values[:, :longest], lengths)
        labelled = is_frame(like) and hasattr(like, "index") and is_frame(made)
        if labelled and like.shape == made.shape:
            made.index, made.columns = like.index, like.columns
        return made

    def after(self, made: Any, prefix: Any, lengths: np.ndarray) -> Any:
        """Let what was made go on from the labels of beginnings, if they are frames.

        Parameters
        ----------
        made : object
            What `restore` returned.
        prefix : object
            The beginnings, one for each series or one for all.
        lengths : ndarray of shape (n_samples,)
            Steps of each series.

        Returns
        -------
        object
            `made`, with other labels if it is a frame.
        """
        return made

    def _made(self, values: np.ndarray, lengths: np.ndarray) -> Any:
        """Give this form to series cut to the longest."""
        raise NotImplementedError("a form makes itself")

    def fits(self, n_timesteps: int, n_channels: int) -> bool:
        """Tell whether series of these axes can have this form."""
        raise NotImplementedError("a form knows its axes")

    def _is_sound(self) -> bool:
        """Tell whether the fields, of unknown origin, are what they must be."""
        raise NotImplementedError("a form knows its fields")

    def facts(self) -> Facts:
        """Return the form as JSON values."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]  # every form is a dataclass
        return {"kind": self.kind, **{name: _plain(own[name]) for name in own}}

    @staticmethod
    def from_facts(facts: object) -> Form:
        """Make a form again from what `facts` returned.

        Parameters
        ----------
        facts : object
            Of unknown origin; ask `fits` whether its axes are those of the series.

        Returns
        -------
        Form

        Raises
        ------
        ValueError
            If they are not the facts of a form.
        """
        kinds = {form.kind: form for form in _FORMS}
        found = dict(facts) if isinstance(facts, dict) else {}
        kind = kinds.get(str(found.pop("kind", None)))
        if kind is None or found.keys() != {field.name for field in fields(kind)}:
            raise ValueError("a form must be of a known kind and have its keys")
        form = kind(**{name: _parsed(value) for name, value in found.items()})
        if not form._is_sound():
            raise ValueError(f"the form {kind.kind!r} has an impossible value")
        return form


@dataclass(frozen=True)
class ArrayForm(Form):
    """An array, or what becomes one: nested lists, series of one length in a list."""

    kind = "array"
    n_axes: int

    @property
    def has_channels(self) -> bool:
        return self.n_axes == 3

    def _made(self, values: np.ndarray, lengths: np.ndarray) -> Any:
        series = _without_channels(values, not self.has_channels)
        return series if _are_whole(values, lengths) else _one_by_one(series, lengths)

    def fits(self, n_timesteps: int, n_channels: int) -> bool:
        return self.has_channels or n_channels == 1

    def _is_sound(self) -> bool:
        return type(self.n_axes) is int and self.n_axes in (2, 3)


@dataclass(frozen=True)
class TensorForm(Form):
    """A torch tensor; what is made is on the CPU."""

    kind = "tensor"
    n_axes: int
    dtype: str

    @property
    def has_channels(self) -> bool:
        return self.n_axes == 3

    def _made(self, values: np.ndarray, lengths: np.ndarray) -> Any:
        series = _without_channels(values, not self.has_channels)
        if _are_whole(values, lengths):
            return cast_tensor(series, self.dtype)
        return [cast_tensor(x, self.dtype) for x in _one_by_one(series, lengths)]

    def rounds(self, n_steps: int, n_channels: int) -> np.ndarray:
        return np.full((n_steps, n_channels), is_whole_dtype(self.dtype))

    def fits(self, n_timesteps: int, n_channels: int) -> bool:
        return self.has_channels or n_channels == 1

    def _is_sound(self) -> bool:
        axes = type(self.n_axes) is int and self.n_axes in (2, 3)
        return axes and is_tensor_dtype(self.dtype)


@dataclass(frozen=True)
class ListForm(Form):
    """A list of series of unequal length: arrays, or tensors of one type."""

    kind = "list"
    n_axes: int  # of each series: 1 without a channel axis
    dtype: str | None  # of tensors

    @property
    def unequal(self) -> bool:
        return True

    @property
    def has_channels(self) -> bool:
        return self.n_axes == 2

    @classmethod
    def of(cls, items: Sequence[Any], n_axes: int) -> ListForm:
        """Look at the types of series."""
        types = {str(item.dtype) if is_tensor(item) else None for item in items}
        only = types.pop() if len(types) == 1 else None
        return cls(n_axes, only and only.removeprefix("torch."))

    def _made(self, values: np.ndarray, lengths: np.ndarray) -> list[Any]:
        series = _one_by_one(_without_channels(values, not self.has_channels), lengths)
        if self.dtype is None:
            return series
        return [cast_tensor(x, self.dtype) for x in series]

    def rounds(self, n_steps: int, n_channels: int) -> np.ndarray:
        whole = self.dtype is not None and is_whole_dtype(self.dtype)
        return np.full((n_steps, n_channels), whole)

    def fits(self, n_timesteps: int, n_channels: int) -> bool:
        return self.has_channels or n_channels == 1

    def _is_sound(self) -> bool:
        axes = type(self.n_axes) is int and self.n_axes in (1, 2)
        return axes and (self.dtype is None or is_tensor_dtype(self.dtype))


@dataclass(frozen=True)
class WideForm(Form):
    """A data frame with a row for each series and a column for each step."""

    kind = "wide"
    columns: Axis
    columns_name: Name
    index_name: Name
    dtypes: tuple[str, ...]  # of the columns, or the one of all

    @property
    def has_channels(self) -> bool:
        return False

    @classmethod
    def of(cls, X: DataFrame) -> WideForm:
        """Look at the columns of a frame."""
        columns = _columns_of(X, "give a long frame with rows (series, time)")
        index_name = _name(X.index.name, "index")
        return cls(columns, _name(X.columns.name, "columns"), index_name, _dtypes(X))

    def _made(self, values: np.ndarray, lengths: np.ndarray) -> DataFrame:
        ended = np.arange(values.shape[1]) >= lengths[:, None]
        table = np.where(ended, np.nan, values[:, :, 0])
        index = import_pandas().RangeIndex(len(values), name=self.index_name)
        columns = self.columns.index(values.shape[1]).rename(self.columns_name)
        return _frame(table, self.dtypes, index, columns)

    def whole_channels(self, n_channels: int) -> np.ndarray:
        return np.array([all(map(is_whole_dtype, self.dtypes))])

    def rounds(self, n_steps: int, n_channels: int) -> np.ndarray:
        whole = np.array([is_whole_dtype(dtype) for dtype in self.dtypes])
        return np.broadcast_to(whole, (max(n_steps, len(whole)),))[:n_steps, None]

    def fits(self, n_timesteps: int, n_channels: int) -> bool:
        known = len(self.dtypes) in (1, n_timesteps)
        return known and n_channels == 1 and self.columns.reaches(n_timesteps)

    def _is_sound(self) -> bool:
        names = _are_names(self.columns_name, self.index_name)
        return names and _is_axis(self.columns) and _are_dtypes(self.dtypes)


@dataclass(frozen=True)
class LongForm(Form):
    """A data frame with a row (series, time) for each step and a column a channel.

    What is made numbers its series from 0. Its times are those of `fit` if all series
    had the same, up to their end. If they had not, but the same distance was between
    all times, they start where the first series did and go on at that distance;
    otherwise they are 0, 1, 2, ...
    """

    kind = "long"
    columns: Axis
    columns_name: Name
    index_names: tuple[Name, ...]
    dtypes: tuple[str, ...]  # of the columns, or the one of all
    times: Axis
    ragged: bool
    categories: tuple[Categories | None, ...] = ()

    @property
    def unequal(self) -> bool:
        return self.ragged

    @property
    def has_channels(self) -> bool:
        return True

    @classmethod
    def of(
        cls,
        X: DataFrame,
        lengths: np.ndarray,
        categories: tuple[Categories | None, ...] = (),
    ) -> LongForm:
        """Look at the index and the columns of a frame whose rows are in order."""
        return cls(
            columns=long_columns(X),
            columns_name=_name(X.columns.name, "columns"),
            index_names=tuple(_name(name, "index levels") for name in X.index.names),
            dtypes=_dtypes(X),
            times=times_of(X.index, lengths, "The times of X"),
            ragged=bool((lengths != lengths[0]).any()),
            categories=categories if any(categories) else (),
        )

    def whole_channels(self, n_channels: int) -> np.ndarray:
        whole = [is_whole_dtype(dtype) for dtype in self.dtypes]
        return np.array(whole * n_channels if len(whole) == 1 else whole)

    def rounds(self, n_steps: int, n_channels: int) -> np.ndarray:
        return np.tile(self.whole_channels(n_channels), (n_steps, 1))

    def _made(self, values: np.ndarray, lengths: np.ndarray) -> DataFrame:
        pandas = import_pandas()
        inside = np.arange(values.shape[1]) < lengths[:, None]
        levels = [pandas.RangeIndex(len(values)), self.times.index(values.shape[1])]
        codes = np.nonzero(inside)
        index = pandas.MultiIndex(levels, codes, names=self.index_names)
        columns = self.columns.index(values.shape[2]).rename(self.columns_name)
        return _frame(values[inside], self.dtypes, index, columns, self.categories)

    def after(self, made: Any, prefix: Any, lengths: np.ndarray) -> Any:
        """Take the labels of the series, unless one beginning is for several.

        And the times, if those of every beginning are at the one distance of `fit`:
        series go on from there. It warns if they are not, nor those of `fit`.
        """
        if not is_frame(prefix) or prefix.index.nlevels != 2 or not len(lengths):
            return made
        labels = prefix.index.droplevel(1)
        starts = np.flatnonzero(~labels.duplicated())
        own = range(len(lengths)) if len(starts) < len(lengths) else labels[starts]
        series = import_pandas().Index(own).repeat(lengths)
        came = prefix.index.get_level_values(1)
        times = continued(self.times, came, starts, lengths)
        if times is None:
            times = made.index.get_level_values(1)
            self._warn_of_other_times(came, len(starts))
        names = made.index.names
        made.index = import_pandas().MultiIndex.from_arrays(
            [series, times], names=names
        )
        return made

    def _warn_of_other_times(self, times: Index, n_series: int) -> None:
        """Warn if times of beginnings are not those of the first steps of `fit`."""
        first = list(self.times.index(len(times) // n_series))
        if list(times) != first * n_series:
            warnings.warn(
                "The times of prefix should be at the one distance of those of fit, or "
                f"the first ones there, {shortened(first)}, got "
                f"{shortened(list(times))}. The series have the times of fit; set "
                "others by set_axis.",
                UserWarning,
                stacklevel=4,
            )

    def fits(self, n_timesteps: int, n_channels: int) -> bool:
        known = len(self.dtypes) in (1, n_channels)
        known = known and len(self.categories) in (0, n_channels)
        named = known and self.columns.reaches(n_channels)
        return named and self.times.reaches(n_timesteps)

    def _is_sound(self) -> bool:
        axes = _is_axis(self.columns) and _is_axis(self.times, unique=True)
        pair = isinstance(self.index_names, tuple) and len(self.index_names) == 2
        named = pair and _are_names(self.columns_name, *self.index_names)
        typed = _are_dtypes(self.dtypes) and _are_categories(self.categories)
        return axes and named and typed and type(self.ragged) is bool


_FORMS = (ArrayForm, TensorForm, ListForm, WideForm, LongForm)


def form_of(X: Any, n_axes: int) -> Form:
    """Look at the form of series that came as a whole, with two or three axes."""
    if is_tensor(X):
        return TensorForm(n_axes, str(X.dtype).removeprefix("torch."))
    if is_frame(X) and hasattr(X, "index"):
        return WideForm.of(X)
    return ArrayForm(n_axes)


# Looking


def long_columns(X: DataFrame) -> Axis:
    """Look at the columns of a long frame."""
    return _columns_of(X, "join the levels, X.columns = X.columns.map(str)")


def _columns_of(X: DataFrame, cure: str) -> Axis:
    if X.columns.nlevels > 1:
        raise ValueError(
            f"X must have columns of one level, got {X.columns.nlevels} levels: axes "
            f"are never guessed.\nInstead, {cure}."
        )
    return axis_of(X.columns, "The columns of X")


def _dtypes(X: DataFrame) -> tuple[str, ...]:
    dtypes = tuple(column_dtype(dtype) for dtype in X.dtypes)
    return dtypes[:1] if len(set(dtypes)) == 1 else dtypes


def _name(value: Any, what: str) -> Name:
    """Keep the name of an axis."""
    if value is None or is_label(value):
        return value
    raise TypeError(
        f"The {what} of X must be named by text or a number, or not, got "
        f"{shortened([value])}.\nRename them, e.g. with X.rename_axis."
    )


# Making


def _without_channels(values: np.ndarray, drop: bool) -> np.ndarray:
    return values[:, :, 0] if drop else values


def _are_whole(values: np.ndarray, lengths: np.ndarray) -> bool:
    return bool((lengths == values.shape[1]).all())


def _one_by_one(series: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    return [x[:length].copy() for x, length in zip(series, lengths, strict=True)]


def _frame(
    table: np.ndarray,
    dtypes: tuple[str, ...],
    index: Index,
    columns: Index,
    categories: tuple[Categories | None, ...] = (),
) -> DataFrame:
    """Make a frame whose columns have types of their own."""
    names = dtypes * table.shape[1] if len(dtypes) == 1 else dtypes[: table.shape[1]]
    made = {k: cast_column(table[:, k], name) for k, name in enumerate(names)}
    for k, kind in enumerate(categories):
        made[k] = made[k] if kind is None else kind.restore(table[:, k])
    frame = import_pandas().DataFrame(made)
    frame.index, frame.columns = index, columns
    return frame


# Facts


def _plain(value: Any) -> Any:
    if isinstance(value, ListedAxis | EvenAxis | Categories):
        return value.facts()
    return list(map(_plain, value)) if isinstance(value, tuple) else value


def _parsed(value: Any) -> Any:
    if isinstance(value, dict):
        return (Categories.from_facts if "ordered" in value else axis_from_facts)(value)
    return tuple(map(_parsed, value)) if isinstance(value, list) else value


def _is_axis(value: object, unique: bool = False) -> bool:
    if isinstance(value, ListedAxis) and unique:
        return len(set(value.labels)) == len(value.labels)
    return isinstance(value, ListedAxis | EvenAxis)


def _are_names(*values: object) -> bool:
    return all(value is None or is_label(value) for value in values)


def _are_dtypes(value: object) -> bool:
    if not isinstance(value, tuple) or not value:
        return False
    return all(is_column_dtype(dtype) for dtype in value)


def _are_categories(value: object) -> bool:
    if not isinstance(value, tuple):
        return False
    kinds = all(kind is None or isinstance(kind, Categories) for kind in value)
    return kinds and (not value or any(value))
