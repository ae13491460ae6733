"""What a series is given: a class or a number, static variables, and its length."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from tsgen._conditions.labels import (
    LabelEncoder,
    are_continuous,
    as_values,
    check_labels,
    refuse_missing,
)
from tsgen._conditions.static import NumberEncoder, StaticEncoder, check_order
from tsgen._reading.arrays import Layout, shortened
from tsgen._reading.parts import in_parts
from tsgen._validation import check_lengths

MAX_SERIES = 2**31


def missing_entries(X: np.ndarray, lengths: np.ndarray) -> np.ndarray | None:
    """Tell which entries of series are missing before their end; None if none are.

    Parameters
    ----------
    X : ndarray of shape (n_series, n_timesteps, n_channels)
        NaN where an entry is missing, and after the end of a series.
    lengths : ndarray of shape (n_series,)
    """
    gaps = None
    for rows, part in in_parts(X):
        within = np.arange(X.shape[1]) < lengths[rows, None]  # (n_rows, n_timesteps)
        found = np.isnan(part) & within[:, :, None]
        if found.any():
            gaps = np.zeros(X.shape, bool) if gaps is None else gaps
            gaps[rows] = found
    return gaps


class Conditions:
    """Conditions of the training series, as rows of numbers for the networks.

    A row holds a place for every class, or one standardised number, then the encoded
    static variables, then the length as a share of the longest, each only if there is
    something to tell. Zeros stand for a class or variables that are not known.

    Attributes
    ----------
    target : LabelEncoder, NumberEncoder or None
        Of the classes or numbers `y`.
    static : StaticEncoder or None
    unequal : bool
        Whether the lengths of the series differ.
    rows : ndarray of shape (n_series, width), float32
    lengths : ndarray of shape (n_series,)
    gaps : ndarray of shape (n_series, n_timesteps, n_channels) or None
        Which entries of the training series are missing.
    """

    def __init__(self) -> None:
        self.target: LabelEncoder | NumberEncoder | None = None
        self.static: StaticEncoder | None = None
        self.unequal = False
        self.rows = np.zeros((0, 0), np.float32)
        self.lengths = np.zeros(0, np.int64)
        self.gaps: np.ndarray | None = None

    def fit(
        self,
        lengths: np.ndarray,
        y: ArrayLike | None = None,
        static: Any = None,
        gaps: np.ndarray | None = None,
        X: Any = None,
    ) -> Self:
        """Learn from the training series; refuse what does not fit to them.

        Parameters
        ----------
        lengths : ndarray of shape (n_series,)
        y : array-like of shape (n_series,) or None, default=None
            Class labels, or numbers that are not whole.
        static : array-like or DataFrame of shape (n_series, n_variables), optional
        gaps : ndarray of shape (n_series, n_timesteps, n_channels) or None
        X : object, default=None
            The series as they came: if they are a data frame, the rows of `static` and
            `y`, if they are of pandas, must be in the same order.
        """
        self.lengths, self.gaps = lengths.astype(np.int64), gaps
        self.unequal = bool((lengths != lengths[0]).any())
        if y is not None:
            self.target = _target_encoder(y, len(lengths))
        if static is not None:
            self.static = StaticEncoder().fit(static, len(lengths), X)
        self.rows = self.encode(lengths, y, static, X)
        return self

    @property
    def classes(self) -> np.ndarray | None:
        """Classes of the training series, sorted; None without any."""
        return getattr(self.target, "classes_", None)

    @property
    def width(self) -> int:
        """Numbers that stand for the conditions of a series."""
        return sum(self.widths)

    @property
    def widths(self) -> tuple[int, int, int]:
        """Count the numbers for class or number, static variables and length."""
        encoders = (self.target, self.static)
        target, static = (0 if e is None else e.width for e in encoders)
        return target, static, int(self.unequal)

    def encode(
        self,
        lengths: np.ndarray,
        y: ArrayLike | None = None,
        static: Any = None,
        X: Any = None,
    ) -> np.ndarray:
        """Return conditions as rows of numbers, (n_series, width), float32."""
        n_series, widths = len(lengths), self.widths
        target, variables, length = (np.zeros((n_series, w)) for w in widths)
        if y is not None:
            check_order(y, X, "y")
            target = self._encoded_target(y, n_series)
        if static is not None:
            variables = self._encoded_static(static, n_series, X)
        if self.unequal:
            length = self._shares(lengths)
        return np.concatenate([target, variables, length], axis=1).astype(np.float32)

    def _shares(self, lengths: np.ndarray) -> np.ndarray:
        """Return lengths as shares of the longest, (n_series, 1), float32."""
        return (lengths[:, None] / self.lengths.max()).astype(np.float32)

    def _encoded_target(self, y: ArrayLike, n_series: int) -> np.ndarray:
        if self.target is None:
            raise ValueError(
                f"y must be left out: the generator was fitted without, got values for "
                f"{n_series} series. Fit with fit(X, y)."
            )
        _one_each(y, n_series)
        return self.target.transform(y)

    def _encoded_static(self, static: Any, n_series: int, X: Any) -> np.ndarray:
        if self.static is None:
            raise ValueError(
                "static must be left out: the generator was fitted without, got "
                f"variables of {n_series} series. Fit with fit(X, static=...)."
            )
        return self.static.transform(static, n_series, X)

    def draw(
        self,
        n_series: int,
        rng: np.random.Generator,
        y: ArrayLike | None = None,
        static: Any = None,
        lengths: ArrayLike | None = None,
        after: int = 0,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw conditions as in training; what is given is kept.

        A single class or number `y` serves for all series. What is not given is that of
        a training series: of the class, if one is given, with equal variables, number
        and length, so far as they are given, or one of the nearest; and with more than
        `after` steps, those of a beginning.

        Returns
        -------
        rows : ndarray of shape (n_series, width), float32
        lengths : ndarray of shape (n_series,)
        chosen : ndarray of shape (n_series,)
            The training series whose conditions were taken.
        """
        y = None if y is None else _for_each(y, n_series)
        found = np.full(n_series, self.lengths.max())
        if lengths is not None:
            found = check_lengths(lengths, n_series, int(self.lengths.max()))
            _check_longer(found, after)
        rows = self.encode(found, y, static)
        given = (y is not None, static is not None, lengths is not None)
        kept = np.repeat(given, self.widths)
        longer = np.flatnonzero(self.lengths > (after if lengths is None else 0))
        self._check_any_longer(longer, y, after)
        chosen = longer[self._chosen(rows, kept, self.rows[longer], rng)]
        found = self.lengths[chosen] if lengths is None else found
        return np.where(kept, rows, self.rows[chosen]), found, chosen

    def _chosen(
        self,
        rows: np.ndarray,
        kept: np.ndarray,
        known: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Choose one of the `known` rows for each, at random of those most like it."""
        if not self.width and self.gaps is None:
            return np.zeros(len(rows), np.int64)  # all are alike
        share = rng.random(len(rows))
        if not kept.any() or not len(rows):
            return (share * len(known)).astype(np.int64)
        chosen = np.empty(len(rows), np.int64)
        n_classes = len(self.classes) if self.classes is not None and kept[0] else 0
        known = known[:, kept]
        each, group = np.unique(rows[:, kept], axis=0, return_inverse=True)
        order, ends = np.argsort(group, kind="stable"), np.bincount(group).cumsum()
        for row, members in zip(each, np.split(order, ends[:-1]), strict=True):
            near = _nearest(known, row, n_classes)
            chosen[members] = near[(share[members] * len(near)).astype(np.int64)]
        return chosen

    def _check_any_longer(
        self, longer: np.ndarray, y: np.ndarray | None, after: int
    ) -> None:
        """Refuse classes whose training series all end within the beginnings."""
        if y is None or not isinstance(self.target, LabelEncoder):
            return
        known = self.rows[longer, : self.target.width].argmax(axis=1)
        short = ~np.isin(self.target.codes(y), known)
        if short.any():
            came = list(dict.fromkeys(y[short].tolist()))
            raise ValueError(
                f"y must be of classes with training series of more than the {after} "
                f"steps of prefix, got {shortened(came)}.\nCut the prefix, or give "
                "lengths."
            )

    def missing(self, chosen: np.ndarray) -> np.ndarray:
        """Return the gaps of chosen training series, (n, n_timesteps, n_channels)."""
        if self.gaps is None:
            raise ValueError(
                "gaps=True needs training series with missing entries, got none. Leave "
                "it out."
            )
        return self.gaps[chosen]

    def facts(self) -> dict[str, Any]:
        """Return what is not an array, as JSON values."""
        encoders = (self.target, self.static)
        target, static = (None if e is None else e.facts() for e in encoders)
        return {
            "n_series": len(self.lengths),
            "unequal": self.unequal,
            "target": target,
            "static": static,
            "gaps": None if self.gaps is None else list(self.gaps.shape),
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays, by name."""
        arrays: dict[str, np.ndarray] = {"rows": self.rows, "lengths": self.lengths}
        if self.gaps is not None:
            arrays["gaps"] = np.packbits(self.gaps)
        return arrays

    @classmethod
    def from_facts(cls, facts: object) -> Self:
        """Make conditions again from what `facts` returned, but for the arrays.

        Parameters
        ----------
        facts : object
            Of unknown origin.

        Returns
        -------
        Conditions
            Their `width` is known.

        Raises
        ------
        ValueError
            If they are not the facts of conditions.
        """
        if not isinstance(facts, dict) or not _are_facts(facts):
            raise ValueError("conditions must have counts of series and their keys")
        conditions = cls()
        conditions.unequal = facts["unequal"]
        if facts["target"] is not None:
            encoder = LabelEncoder if "classes" in facts["target"] else NumberEncoder
            conditions.target = encoder.from_facts(facts["target"], "y")
        if facts["static"] is not None:
            conditions.static = StaticEncoder.from_facts(facts["static"])
        return conditions

    def layout(self, facts: dict[str, Any]) -> Layout:
        """Return the type and the shape that each array of sound facts must have."""
        n_series, gaps = facts["n_series"], facts["gaps"]
        layout: Layout = {
            "rows": ("float32", (n_series, self.width)),
            "lengths": ("int64", (n_series,)),
        }
        if gaps is not None:
            layout["gaps"] = ("uint8", (-(-math.prod(gaps) // 8),))
        return layout

    @classmethod
    def restored(cls, facts: object, arrays: dict[str, np.ndarray]) -> Self:
        """Return what `facts` and `arrays` were taken from.

        Raises
        ------
        ValueError
            If they cannot have been taken from the conditions of a fit.
        """
        conditions = cls.from_facts(facts)
        assert isinstance(facts, dict)
        found = {
            name: (array.dtype.name, array.shape) for name, array in arrays.items()
        }
        if found != conditions.layout(facts):
            raise ValueError("conditions must have arrays of their series")
        conditions.rows, conditions.lengths = arrays["rows"], arrays["lengths"]
        if facts["gaps"] is not None:
            conditions.gaps = _unpacked(arrays["gaps"], tuple(facts["gaps"]))
        if not conditions._are_sound():
            raise ValueError("conditions must be those of a fit, others came")
        return conditions

    def _are_sound(self) -> bool:
        """Tell whether arrays of the right shape can be those of a fit."""
        target, static, _ = self.widths
        parts = np.split(self.rows, [target, target + static], axis=1)
        pairs = zip((self.target, self.static), parts[:2], strict=True)
        made = all(encoder is None or encoder.made(part) for encoder, part in pairs)
        return made and self._has_lengths(parts[2]) and self._has_gaps()

    def _has_lengths(self, column: np.ndarray) -> bool:
        """Tell whether lengths are as they must be, and in a column if they differ."""
        differ = (self.lengths != self.lengths[0]).any()
        if self.lengths.min() < 1 or bool(differ) != self.unequal:
            return False
        return not self.unequal or np.array_equal(column, self._shares(self.lengths))

    def _has_gaps(self) -> bool:
        """Tell whether gaps lie within series and leave something of each, if any."""
        if self.gaps is None:
            return True
        steps = np.arange(self.gaps.shape[1])
        within = (steps < self.lengths[:, None])[:, :, None]
        left = within & ~self.gaps
        whole = left.any(axis=(1, 2)).all() and left.any(axis=(0, 1)).all()
        return bool(whole and self.gaps.any() and not (self.gaps & ~within).any())


def _check_longer(lengths: np.ndarray, after: int) -> None:
    """Refuse lengths that beginnings of so many steps leave no room in."""
    short = np.flatnonzero(lengths <= after)
    if short.size:
        raise ValueError(
            f"lengths must be above the {after} steps of prefix, got {short.size} "
            f"that are not, the first is {lengths[short[0]]} for series {short[0]}.\n"
            "Cut the prefix, or ask for longer series."
        )


def _nearest(known: np.ndarray, row: np.ndarray, n_classes: int) -> np.ndarray:
    """Find the known rows (n, W) that equal a row or, without any, those near it.

    Near are as many as the square root of their number, a usual choice for neighbours.
    Of the first `n_classes` entries, a class, none may differ.
    """
    same = (known[:, :n_classes] == row[:n_classes]).all(axis=1)
    candidates = np.flatnonzero(same)
    differences = known[candidates, n_classes:] - row[n_classes:]
    distance = np.einsum("ij,ij->i", differences, differences)
    if not distance.all():
        return candidates[distance == 0]
    n_near = math.isqrt(len(candidates))
    return np.sort(candidates[np.argpartition(distance, n_near - 1)[:n_near]])


def _target_encoder(y: ArrayLike, n_series: int) -> LabelEncoder | NumberEncoder:
    """Return an encoder of classes, or of numbers that are not whole."""
    values = _one_each(y, n_series)
    refuse_missing(y, values, "y")
    if are_continuous(values):
        return NumberEncoder("y").fit(y)
    return LabelEncoder().fit(check_labels(y, n_series))


def _for_each(y: ArrayLike, n_series: int) -> np.ndarray:
    """Return `y` as an array of one value for each series; a single one is for all."""
    values = as_values(y, "y")
    return np.repeat(values, n_series) if values.ndim == 0 else _one_each(y, n_series)


def _one_each(y: ArrayLike, n_series: int) -> np.ndarray:
    """Return `y` as an array of one value for each series."""
    values = as_values(y, "y")
    if values.shape != (n_series,):
        raise ValueError(
            f"y must have one value for each of {n_series} series, got shape "
            f"{values.shape}.\nGive values and series in the same order."
        )
    return values


# Facts


def _are_facts(facts: dict[str, Any]) -> bool:
    """Tell whether there are the keys of facts, and what no encoder looks at."""
    if facts.keys() != {"n_series", "unequal", "target", "static", "gaps"}:
        return False
    n_series, gaps, target = (facts[name] for name in ("n_series", "gaps", "target"))
    counted = type(n_series) is int and 2 <= n_series <= MAX_SERIES
    placed = gaps is None or (_are_axes(gaps) and gaps[0] == n_series)
    known = target is None or isinstance(target, dict)
    return counted and placed and known and type(facts["unequal"]) is bool


def _are_axes(shape: object) -> bool:
    if not isinstance(shape, list) or len(shape) != 3:
        return False
    return all(type(n) is int and n >= 1 for n in shape)


def _unpacked(packed: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Undo `numpy.packbits`; ValueError if bits are set beyond the end."""
    gaps = np.unpackbits(packed, count=math.prod(shape)).view(bool)
    if not np.array_equal(np.packbits(gaps), packed):
        raise ValueError("gaps must have no bits after their end")
    return gaps.reshape(shape)
