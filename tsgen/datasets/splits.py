"""A splitter for scikit-learn that keeps overlapping windows on one side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_array, indexable

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import check_count
from tsgen.datasets._blocks import keep_apart, most_blocks, reach_of

__all__ = ["WindowSplit"]


class WindowSplit(BaseCrossValidator):
    """Cross-validate on windows of a long series without leaks.

    Time is cut into `n_blocks` equal stretches, and each gives one run of neighbouring
    windows to the test of every fold. What is near to a run is not trained on, so no
    row of a test window is in a training window, and both sides see every season. Every
    window is tested on once.

    Parameters
    ----------
    n_splits : int, default=5
        Folds, at least 2.
    length : int
        Rows of a window, as in `make_windows`.
    stride : int, default=1
        Rows from the start of a window to the start of the next, as in `make_windows`.
    gap : int, default=0
        Fewest rows between a training and a test window. With 0 they share none;
        `gap=length` leaves a whole window between them, as `train_test_windows` does.
    n_blocks : int or "auto", default="auto"
        Stretches of time, so runs of windows in the test of a fold. More of them make
        both sides more alike and drop more windows. "auto" takes as many as drop at
        most one training window in eight, and at least one.
    random_state : int, RandomState, Generator or None, default=0
        In each stretch draws the order in which the folds have their runs: always the
        same one could be that of the days of the week. An int, such as the default,
        gives the same folds on every call; None fresh ones.

    Attributes
    ----------
    n_splits, length, stride, gap, n_blocks, random_state
        As given.

    Raises
    ------
    ValueError
        If a count is too small, or `n_blocks` is another word.
    TypeError
        If a count is not an integer.

    See Also
    --------
    train_test_windows : One such split, of the series itself.
    overlapping_windows : Which windows of a test set share rows with training windows.
    sklearn.model_selection.GroupKFold : Holds out whole series, such as patients.

    Notes
    -----
    The windows must come in the order of time, as `make_windows` returns them; how they
    were cut cannot be seen from their number, so `length` and `stride` are believed.
    Smaller strides than the true one drop windows needlessly, and so do windows left
    out; **larger strides, shorter lengths and windows in another order leak**, which
    `overlapping_windows` finds out.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_val_score
    >>> from tsgen import BlockBootstrapGenerator
    >>> from tsgen.datasets import WindowSplit, make_windows
    >>> from tsgen.scorers import neg_sliced_wasserstein_scorer
    >>> X = make_windows(np.random.default_rng(0).normal(size=500).cumsum(), 10)
    >>> cv = WindowSplit(3, length=10)
    >>> [(len(train), len(test)) for train, test in cv.split(X)]
    [(310, 163), (291, 164), (309, 164)]
    >>> generator = BlockBootstrapGenerator(random_state=0)
    >>> scoring = neg_sliced_wasserstein_scorer
    >>> len(cross_val_score(generator, X, cv=cv, scoring=scoring))
    3
    """

    __metadata_request__split = {"groups": True}  # scikit-learn routes them to split

    def __init__(
        self,
        n_splits: int = 5,
        *,
        length: int,
        stride: int = 1,
        gap: int = 0,
        n_blocks: int | Literal["auto"] = "auto",
        random_state: RandomState = 0,
    ):
        self.n_splits = check_count(n_splits, "n_splits", minimum=2)
        self.length = check_count(length, "length", minimum=1)
        self.stride = check_count(stride, "stride", minimum=1)
        self.gap = check_count(gap, "gap")
        self.n_blocks = _check_n_blocks(n_blocks)
        numpy_generator(random_state, "folds")  # refuses what is no random state
        self.random_state = random_state

    def split(
        self, X: Any, y: Any = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give the windows of each fold.

        Parameters
        ----------
        X : array-like of shape (n_windows, ...)
            Windows in the order of time, of which only the number counts.
        y : array-like of shape (n_windows,) or None, default=None
            Ignored; scikit-learn passes it.
        groups : array-like of shape (n_windows,) or None, default=None
            Label of the long series that each window was cut from, such as a patient.
            Windows of different series share no row, so none is dropped for one of
            another. Those of a series must be in the order of time; series may come
            one after the other or mixed. A series is in the training and in the test:
            to hold out whole ones, take scikit-learn's `GroupKFold`.

        Returns
        -------
        iterator of (train, test)
            Positions in `X`, ascending, for each of the `n_splits` folds.

        Raises
        ------
        ValueError
            If there are fewer windows than runs, if a fold would have nothing to train
            on, if windows of three axes have more than `length` rows, or if lengths
            of the arguments differ.
        TypeError
            If `groups` mixes kinds of labels, such as text and None.
        """
        X, y, groups = indexable(X, y, groups)
        self._check_length(X)
        n_windows = X.shape[0] if hasattr(X, "shape") else len(X)
        order, borders = _in_series(groups, n_windows)
        reach = min(reach_of(self.length, self.stride, self.gap), n_windows)
        runs, folds = self._runs(borders, reach)
        parts = [
            keep_apart(runs[folds == k], borders, reach) for k in range(self.n_splits)
        ]
        self._check_trained(parts, n_windows)
        return iter([(np.sort(order[a]), np.sort(order[b])) for a, b in parts])

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored; scikit-learn passes them.

        Returns
        -------
        int
        """
        return self.n_splits

    def _runs(self, borders: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
        """Return runs of windows, cut where a series ends, and the fold of each."""
        n_windows = int(borders[-1])
        n_blocks = self._count_blocks(n_windows, reach)
        rng = numpy_generator(self.random_state, "folds")
        in_turn = np.tile(np.arange(self.n_splits), (n_blocks, 1))
        folds = rng.permuted(in_turn, axis=1).ravel()
        edges = np.arange(len(folds) + 1) * n_windows // len(folds)
        cuts = np.union1d(edges, borders)
        of_cut = np.searchsorted(edges, cuts[:-1], side="right") - 1
        return np.stack([cuts[:-1], cuts[1:]], axis=1), folds[of_cut]

    def _count_blocks(self, n_windows: int, reach: int) -> int:
        n_blocks = self.n_blocks
        if n_blocks == "auto":
            n_blocks = most_blocks(n_windows, 1 / self.n_splits, reach)
        if n_windows < n_blocks * self.n_splits:
            raise ValueError(
                "n_splits times n_blocks must be at most the number of windows, got "
                f"n_splits={self.n_splits}, n_blocks={n_blocks} and {n_windows} "
                "windows. Lower them, or cut more windows."
            )
        return n_blocks

    def _check_length(self, X: Any) -> None:
        shape: tuple[int, ...] = getattr(X, "shape", ())
        if len(shape) == 3 and shape[1] > self.length:
            raise ValueError(
                f"length must be that of the windows, got length={self.length} and "
                f"windows of {shape[1]} rows, shape {tuple(shape)}: they would leak. "
                "Pass what make_windows was given."
            )

    def _check_trained(
        self, parts: list[tuple[np.ndarray, np.ndarray]], n_windows: int
    ) -> None:
        empty = [k for k, (train, _) in enumerate(parts) if len(train) == 0]
        if empty:
            raise ValueError(
                f"gap and length must leave windows to train on, got none in fold "
                f"{empty[0]} with length={self.length}, stride={self.stride}, "
                f"gap={self.gap} and {n_windows} windows. Lower gap or n_blocks, or "
                "cut more windows."
            )


def _check_n_blocks(n_blocks: int | Literal["auto"]) -> int | Literal["auto"]:
    if n_blocks == "auto":
        return "auto"
    if isinstance(n_blocks, str):
        raise ValueError(f"n_blocks must be an integer or 'auto', got {n_blocks!r}.")
    return check_count(n_blocks, "n_blocks", minimum=1)


def _in_series(
    groups: ArrayLike | None, n_windows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Order that puts series one after the other, and where each begins in it."""
    if groups is None:
        return np.arange(n_windows), np.array([0, n_windows])
    labels = check_array(groups, ensure_2d=False, dtype=None, input_name="groups")
    if labels.ndim != 1:
        raise ValueError(
            f"groups must have one label for each of the {n_windows} windows, got "
            f"shape {labels.shape}. Pass one column."
        )
    try:
        series, sizes = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    except TypeError as error:
        raise TypeError(
            "groups must hold labels of one kind, numbers or text, got a mixture. Give "
            "every window a label."
        ) from error
    return np.argsort(series, kind="stable"), np.append(0, np.cumsum(sizes))
