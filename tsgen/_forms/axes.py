"""Labels along an axis of a data frame, as plain values that JSON can hold.

Dates and durations are kept as counts of their unit, periods as counts of their
frequency. pandas is imported when an index is made again, not before.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tsgen._reading.arrays import shortened

if TYPE_CHECKING:
    from pandas import Index, MultiIndex

Label = str | int | float | bool

_UNIT = "(s|ms|us|ns)"
_ZONE = r"(?!dateutil)[\w+\-:/]{1,64}"  # what follows dateutil may be any file
_DATES = rf"datetime64\[{_UNIT}(, {_ZONE})?\]"
_COUNTED = re.compile(rf"{_DATES}|timedelta64\[{_UNIT}\]|period\[[\w\-]{{1,32}}\]")
_INTEGERS = re.compile(r"u?int(8|16|32|64)")
_FLOATS = ("float32", "float64")
_MIXED = ("object", "str", "string", "category")
_LIMIT = 2**63


@dataclass(frozen=True)
class ListedAxis:
    """Labels one by one."""

    dtype: str
    labels: tuple[Label, ...]

    def index(self, n: int) -> Index:
        """Make a pandas index of the first `n` labels."""
        return _index(self.dtype, self.first(n))

    def first(self, n: int) -> list[Label]:
        """Return the first `n` labels as they are kept."""
        return list(self.labels[:n])

    def reaches(self, n: int) -> bool:
        """Tell whether there are `n` labels."""
        return n <= len(self.labels)

    def facts(self) -> dict[str, Any]:
        """Return the axis as JSON values."""
        return {"dtype": self.dtype, "labels": list(self.labels)}


@dataclass(frozen=True)
class EvenAxis:
    """Labels at even distances, as many as wanted."""

    dtype: str
    start: int | float
    step: int | float

    def index(self, n: int) -> Index:
        """Make a pandas index of the first `n` labels."""
        return _index(self.dtype, self.first(n))

    def first(self, n: int) -> list[Label]:
        """Return the first `n` labels as they are kept."""
        return [self.at(k) for k in range(n)]

    def at(self, k: int) -> int | float:
        """Return label `k`, counted from 0."""
        return self.start + self.step * k

    def reaches(self, n: int) -> bool:
        """Tell whether the first `n` labels are in the range of their type."""
        return abs(self.at(n)) < _LIMIT

    def facts(self) -> dict[str, Any]:
        """Return the axis as JSON values."""
        return {"dtype": self.dtype, "start": self.start, "step": self.step}


Axis = ListedAxis | EvenAxis
COUNT = EvenAxis("int64", 0, 1)


def axis_of(index: Index, what: str) -> Axis:
    """Keep the labels of an axis.

    Parameters
    ----------
    index : pandas.Index
        Numbers, text, booleans, dates, durations or periods; of categories without an
        order, the values are kept.
    what : str
        What the message calls the axis.

    Returns
    -------
    ListedAxis or EvenAxis

    Raises
    ------
    TypeError
        If a label is missing or of another type.
    """
    listed = listed_axis_of(index, what)
    even = _even(listed.dtype, listed.labels)
    return listed if even is None else even


def listed_axis_of(index: Index, what: str) -> ListedAxis:
    """Keep the labels of an axis one by one: see `axis_of`."""
    dtype, plain = _plain(index)
    return ListedAxis(dtype, _labels(plain, index.hasnans, what))


def times_of(index: MultiIndex, lengths: np.ndarray, what: str) -> Axis:
    """Keep the times of series, as far as all series share them.

    Parameters
    ----------
    index : pandas.MultiIndex
        With levels (series, time); the rows of a series are together.
    lengths : ndarray of shape (n_samples,)
        Number of rows of each series, in their order.
    what : str
        What the message calls the times.

    Returns
    -------
    ListedAxis or EvenAxis
        If the times of every series are the first ones of the longest, these. If
        not, but the same distance is between all times, that distance from the first
        time of the first series on. Otherwise 0, 1, 2, ...
    """
    codes, level = np.asarray(index.codes[1]), index.levels[1]
    starts = np.cumsum(lengths) - lengths
    longest = lengths.argmax()
    own = codes[starts[longest] :][: lengths[longest]]
    steps = np.arange(len(codes)) - np.repeat(starts, lengths)
    if (codes == own[steps]).all():
        return axis_of(level.take(own), what)
    return _evenly_spaced(level, codes, starts)


def continued(
    axis: Axis, times: Index, starts: np.ndarray, lengths: np.ndarray
) -> Index | None:
    """Go on from the times of beginnings, which stay, at the distance of an axis.

    Parameters
    ----------
    axis : ListedAxis or EvenAxis
        Of the training series.
    times : pandas.Index
        Of all beginnings, of equal length, one after the other.
    starts : ndarray of shape (n_beginnings,)
        Where each begins.
    lengths : ndarray of shape (n_samples,)
        Steps of the series that go on; one beginning may be for all.

    Returns
    -------
    pandas.Index or None
        Times of all steps of all series; None if the axis has no one distance, or the
        beginnings another, or times of another kind.
    """
    even = _as_even(axis)
    plain = None if even is None else _counted_as(times, even.dtype)
    if even is None or plain is None:
        return None
    begun = plain.reshape(len(starts), -1)
    off = np.abs(np.diff(begun, axis=1) - even.step)
    if (off > _rounding(plain.dtype, np.abs(plain).max())).any():
        return None
    begun = np.broadcast_to(begun, (len(lengths), begun.shape[1]))
    inside = np.arange(lengths.max()) < lengths[:, None]
    further = even.step * np.arange(1, lengths.max() - begun.shape[1] + 1)
    made = np.concatenate([begun, begun[:, -1:] + further], axis=1)
    return _index(even.dtype, made[inside].tolist())


def _as_even(axis: Axis) -> EvenAxis | None:
    """Return an axis of one distance, numbers as int64 or float64; None without."""
    if isinstance(axis, EvenAxis):
        return axis
    if not (axis.dtype in _FLOATS or _INTEGERS.fullmatch(axis.dtype)):
        return None
    labels = np.array(axis.labels, axis.dtype if axis.dtype in _FLOATS else "int64")
    step = _only_step(np.diff(labels), np.abs(labels).max())
    kind = "float64" if axis.dtype in _FLOATS else "int64"
    return None if step is None else EvenAxis(kind, labels[0].item(), step)


def _counted_as(times: Index, dtype: str) -> np.ndarray | None:
    """Return times as counts or numbers of a type; None if they are of another kind."""
    own, plain = _plain(times)
    if own == dtype:
        return plain
    if _COUNTED.fullmatch(own) or _COUNTED.fullmatch(dtype):
        alike = own.split("[")[0] == dtype.split("[")[0] != "period"
        return _counts(times, dtype) if alike else None
    known = plain.dtype.kind in "iuf"
    known = known and (dtype == "float64" or bool((plain == np.rint(plain)).all()))
    return plain.astype(dtype) if known else None


def _counts(times: Any, dtype: str) -> np.ndarray | None:
    """Count dates and durations in another unit or zone; None if some would change."""
    try:
        found = times.astype(dtype)
    except (TypeError, ValueError):  # a zone on one side only, or out of range
        return None
    return found.asi8 if (found == times).all() else None


def axis_from_facts(facts: object) -> Axis:
    """Make an axis again from what `facts` returned.

    Parameters
    ----------
    facts : object
        Of unknown origin.

    Returns
    -------
    ListedAxis or EvenAxis

    Raises
    ------
    ValueError
        If they are not the facts of an axis.
    """
    if not isinstance(facts, dict) or not _is_dtype(facts.get("dtype")):
        raise ValueError("an axis must have a known dtype")
    if facts.keys() == {"dtype", "labels"} and _are_labels(**facts):
        return ListedAxis(facts["dtype"], tuple(facts["labels"]))
    if facts.keys() == {"dtype", "start", "step"} and _are_even(**facts):
        return EvenAxis(**facts)
    raise ValueError("an axis must have labels of its dtype")


def ranks_of(level: Index) -> np.ndarray:
    """Return the rank of each label of an index without repeats, from 0.

    Raises
    ------
    TypeError
        If the labels have no order.
    """
    level = _decoded(level)
    ranks = np.arange(len(level))
    if not level.is_monotonic_increasing:
        ranks[level.argsort()] = np.arange(len(level))
    return ranks


def is_label(value: object) -> bool:
    """Tell whether a value can be a label, or the name of an axis."""
    if type(value) is int:
        return abs(value) < _LIMIT
    return type(value) in (str, bool) or (type(value) is float and math.isfinite(value))


def _plain(index: Index) -> tuple[str, np.ndarray]:
    """Return the name of the dtype, and numbers, counts or objects."""
    index = _decoded(index)
    dtype = str(index.dtype)
    if _COUNTED.fullmatch(dtype):
        return dtype, index.asi8
    array = index.to_numpy()
    if array.dtype.kind in "biuf" and dtype != "category":
        return array.dtype.name, array
    if array.dtype.kind in "mM":  # of pyarrow
        return array.dtype.name, array.view(np.int64)
    return dtype if dtype in _MIXED else "object", array


def _decoded(index: Index) -> Index:
    """Return the values of categories that have no order of their own."""
    if str(index.dtype) != "category" or index.ordered:
        return index
    return index.astype(index.categories.dtype)


def _labels(plain: np.ndarray, has_missing: bool, what: str) -> tuple[Label, ...]:
    labels = [v.item() if isinstance(v, np.generic) else v for v in plain.tolist()]
    odd = [label for label in labels if not is_label(label)]
    if has_missing or odd:
        came = "missing ones" if has_missing else shortened(odd)
        raise TypeError(
            f"{what} must be labelled by numbers, text or dates, got {came}.\n"
            "Convert them, e.g. with pandas.to_datetime or map(str)."
        )
    return tuple(labels)


def _even(dtype: str, labels: tuple[Label, ...]) -> EvenAxis | None:
    """Return the axis of labels that are whole numbers at even distances."""
    if len(labels) < 2 or not _is_counted(dtype):
        return None
    found = EvenAxis(dtype, labels[0], labels[1] - labels[0])  # type: ignore[arg-type, operator]  # they are int
    same = all(found.at(k) == label for k, label in enumerate(labels))
    return found if same else None


def _evenly_spaced(level: Index, codes: np.ndarray, starts: np.ndarray) -> EvenAxis:
    """Return times at the one distance there is between all, or else 0, 1, 2, ..."""
    dtype, plain = _plain(level)
    if plain.dtype.kind not in "iuf" or plain.max() >= _LIMIT or not plain.size > 1:
        return COUNT
    kind = "float64" if plain.dtype.kind == "f" else "int64"
    times = plain.astype(kind)[codes]
    with np.errstate(invalid="ignore"):
        gaps = np.delete(np.diff(times), starts[1:] - 1)
    step = _only_step(gaps, np.abs(times).max())
    kept = dtype if _is_counted(dtype) else kind
    return COUNT if step is None else EvenAxis(kept, times[0].item(), step)


def _only_step(gaps: np.ndarray, largest: float) -> int | float | None:
    """Return the distance between all times, if it is one up to rounding."""
    if not gaps.size or not np.isfinite(largest):
        return None
    rounding = _rounding(gaps.dtype, largest)
    if gaps.min() <= 0 or not gaps.max() - gaps.min() <= rounding:
        return None
    return gaps[0].item() if gaps.dtype.kind == "i" else float(np.median(gaps))


def _rounding(dtype: np.dtype, largest: float) -> float:
    """Bound what distances between numbers of a type may be off by, 0 for integers."""
    return 4 * float(np.finfo(dtype).eps) * largest if dtype.kind == "f" else 0.0


def _is_counted(dtype: str) -> bool:
    return dtype == "int64" or bool(_COUNTED.fullmatch(dtype))


def _is_dtype(value: object) -> bool:
    if not isinstance(value, str):
        return False
    known = value in (*_MIXED, *_FLOATS, "bool") or _INTEGERS.fullmatch(value)
    return bool(known or _COUNTED.fullmatch(value))


def _are_labels(dtype: str, labels: object) -> bool:
    if not isinstance(labels, list) or not all(is_label(label) for label in labels):
        return False
    if dtype in _MIXED:
        return True
    kind = bool if dtype == "bool" else float if dtype in _FLOATS else int
    if not all(type(label) is kind for label in labels):
        return False
    limits = np.iinfo(dtype if _INTEGERS.fullmatch(dtype) else "int64")
    return kind is not int or all(limits.min <= n <= limits.max for n in labels)


def _are_even(dtype: str, start: object, step: object) -> bool:
    kind = float if dtype == "float64" else int
    known = dtype == "float64" or _is_counted(dtype)
    return known and all(type(v) is kind and is_label(v) for v in (start, step))


def _index(dtype: str, labels: list[Label]) -> Index:
    """Make a pandas index of plain labels."""
    pandas = import_pandas()
    if dtype == "category":
        known = list(dict.fromkeys(labels))
        return pandas.CategoricalIndex(labels, categories=known, ordered=True)
    if not _COUNTED.fullmatch(dtype):
        return pandas.Index(labels, dtype=dtype)
    parsed = pandas.api.types.pandas_dtype(dtype)
    counts = np.array(labels, dtype=np.int64)
    if dtype.startswith("period"):
        return pandas.PeriodIndex.from_ordinals(counts, freq=parsed.freq)
    if dtype.startswith("timedelta64"):
        return pandas.TimedeltaIndex(counts.view(dtype))
    if not hasattr(parsed, "tz"):
        return pandas.DatetimeIndex(counts.view(dtype))
    moments = counts.view(f"datetime64[{parsed.unit}]")
    return pandas.DatetimeIndex(moments, tz="UTC").tz_convert(parsed.tz)


def import_pandas() -> Any:
    """Import pandas, which only those need who fitted on a data frame."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "The generator was fitted on a data frame and makes data frames, but "
            "pandas is not installed. Install it: pip install pandas."
        ) from error
    return pandas
