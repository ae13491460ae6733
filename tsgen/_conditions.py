"""What a series is given: a class or a number, static variables, and its length."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.multiclass import type_of_target

from tsgen._labels import LabelEncoder, check_labels
from tsgen._parts import in_parts
from tsgen._static import NumberEncoder, StaticEncoder
from tsgen._validation import check_lengths


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
    rows : ndarray of shape (n_series, width), float32
    lengths : ndarray of shape (n_series,)
    gaps : ndarray of shape (n_series, n_timesteps, n_channels) or None
        Which entries of the training series are missing.
    """

    def __init__(self) -> None:
        self.target: LabelEncoder | NumberEncoder | None = None
        self.static: StaticEncoder | None = None
        self.rows = np.zeros((0, 0), np.float32)
        self.lengths = np.zeros(0, np.int64)
        self.gaps: np.ndarray | None = None

    def fit(
        self,
        lengths: np.ndarray,
        y: ArrayLike | None = None,
        static: Any = None,
        gaps: np.ndarray | None = None,
    ) -> Self:
        """Learn from the training series; refuse what does not fit to them.

        Parameters
        ----------
        lengths : ndarray of shape (n_series,)
        y : array-like of shape (n_series,) or None, default=None
            Class labels, or numbers that are not whole.
        static : array-like or DataFrame of shape (n_series, n_variables), optional
        gaps : ndarray of shape (n_series, n_timesteps, n_channels) or None
        """
        self.lengths, self.gaps = lengths.astype(np.int64), gaps
        if y is not None:
            self.target = _target_encoder(y, len(lengths))
        if static is not None:
            self.static = StaticEncoder().fit(static, len(lengths))
        self.rows = self.encode(lengths, y, static)
        return self

    @property
    def classes(self) -> np.ndarray | None:
        """Classes of the training series, sorted; None without any."""
        return getattr(self.target, "classes_", None)

    @property
    def width(self) -> int:
        """Numbers that stand for the conditions of a series."""
        return sum(self._widths())

    def _widths(self) -> tuple[int, int, int]:
        """Count the numbers for class or number, static variables and length."""
        encoders = (self.target, self.static)
        target, static = (0 if e is None else e.width for e in encoders)
        return target, static, int((self.lengths != self.lengths.max(initial=0)).any())

    def encode(
        self, lengths: np.ndarray, y: ArrayLike | None = None, static: Any = None
    ) -> np.ndarray:
        """Return conditions as rows of numbers, (n_series, width), float32."""
        n_series, widths = len(lengths), self._widths()
        target, variables, length = (np.zeros((n_series, w)) for w in widths)
        if y is not None:
            target = self._encoded_target(y, n_series)
        if static is not None:
            variables = self._encoded_static(static, n_series)
        if widths[2]:
            length = lengths[:, None] / self.lengths.max()
        return np.concatenate([target, variables, length], axis=1).astype(np.float32)

    def _encoded_target(self, y: ArrayLike, n_series: int) -> np.ndarray:
        if self.target is None:
            raise ValueError(
                f"y must be left out: the generator was fitted without, got values for "
                f"{n_series} series. Fit with fit(X, y)."
            )
        _check_one_each(y, n_series)
        return self.target.transform(y)

    def _encoded_static(self, static: Any, n_series: int) -> np.ndarray:
        if self.static is None:
            raise ValueError(
                "static must be left out: the generator was fitted without, got "
                f"variables of {n_series} series. Fit with fit(X, static=...)."
            )
        return self.static.transform(static, n_series)

    def draw(
        self,
        n_series: int,
        rng: np.random.Generator,
        y: ArrayLike | None = None,
        static: Any = None,
        lengths: ArrayLike | None = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw conditions as in training; what is given is kept.

        Given classes, the rest is that of a training series of the class.

        Returns
        -------
        rows : ndarray of shape (n_series, width), float32
        lengths : ndarray of shape (n_series,)
        chosen : ndarray of shape (n_series,)
            The training series whose conditions were taken.
        """
        chosen = self._chosen(n_series, rng, y)
        found = self.lengths[chosen]
        if lengths is not None:
            found = check_lengths(lengths, n_series, int(self.lengths.max()))
        given = (y is not None, static is not None, True)
        kept = np.repeat(given, self._widths())
        rows = np.where(kept, self.encode(found, y, static), self.rows[chosen])
        return rows, found, chosen

    def _chosen(
        self, n_series: int, rng: np.random.Generator, y: ArrayLike | None
    ) -> np.ndarray:
        """Choose training series at random, of the given classes if there are any."""
        if not self.width and self.gaps is None:
            return np.zeros(n_series, np.int64)  # all are alike
        share = rng.random(n_series)
        if y is None or not isinstance(self.target, LabelEncoder):
            return (share * len(self.rows)).astype(np.int64)
        _check_one_each(y, n_series)
        known = self.rows[:, : self.target.width].argmax(axis=1)
        order = np.argsort(known, kind="stable")
        start, stop = (
            np.searchsorted(known[order], self.target.codes(y), side=side)
            for side in ("left", "right")
        )
        return order[(start + share * (stop - start)).astype(np.int64)]

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
        shape = None if self.gaps is None else list(self.gaps.shape)
        return {"target": target, "static": static, "gaps": shape}

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays, by name."""
        arrays: dict[str, np.ndarray] = {"rows": self.rows, "lengths": self.lengths}
        if self.gaps is not None:
            arrays["gaps"] = np.packbits(self.gaps)
        return arrays

    @classmethod
    def restored(cls, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """Return what `facts` and `arrays` were taken from; or raise ValueError."""
        conditions = cls()
        conditions.rows, conditions.lengths = arrays["rows"], arrays["lengths"]
        if facts["target"] is not None:
            encoder = LabelEncoder if "classes" in facts["target"] else NumberEncoder
            conditions.target = encoder.from_facts(facts["target"], "y")
        if facts["static"] is not None:
            conditions.static = StaticEncoder.from_facts(facts["static"])
        if facts["gaps"] is not None:
            shape = tuple(facts["gaps"])
            bits = np.unpackbits(arrays["gaps"], count=int(np.prod(shape)))
            conditions.gaps = bits.astype(bool).reshape(shape)
        return conditions


def _target_encoder(y: ArrayLike, n_series: int) -> LabelEncoder | NumberEncoder:
    """Return an encoder of classes, or of numbers that are not whole."""
    _check_one_each(y, n_series)
    if type_of_target(y) == "continuous":
        return NumberEncoder("y").fit(y)
    check_labels(y, n_series)
    return LabelEncoder().fit(y)


def _check_one_each(y: ArrayLike, n_series: int) -> None:
    if np.shape(y) != (n_series,):
        raise ValueError(
            f"y must have one value for each of {n_series} series, got shape "
            f"{np.shape(y)}."
        )
