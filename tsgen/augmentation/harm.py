"""Does augmentation help, or does it harm? Three arms on the same folds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
)

from tsgen._conditions.static import check_order
from tsgen._random import RandomState, numpy_generator
from tsgen._validation import as_it_came, as_series, check_count
from tsgen.augmentation._estimators import Learner, resolve_learner
from tsgen.augmentation._sources import (
    Labelled,
    draw_by_class,
    draw_jointly,
    fit_by_class,
    fit_jointly,
    resolve_generator,
)
from tsgen.augmentation._strategy import Strategy, share_of, synthetic_counts
from tsgen.augmentation._targets import check_classes, check_numbers
from tsgen.augmentation.result import BOTH, REAL, SYNTHETIC, HarmCheck
from tsgen.augmentation.tstr import is_regression
from tsgen.metrics._folds import positions

__all__ = ["harm_check"]

_ARMS = (REAL, BOTH, SYNTHETIC)
_REPEATS = 2  # of folds that are drawn here


def harm_check(
    generator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    estimator: Any = None,
    sampling_strategy: Strategy = 1.0,
    cv: Any = 5,
    n_repeats: int | None = None,
    groups: ArrayLike | None = None,
    scoring: Any = None,
    flatten: bool = True,
    n_jobs: int | None = None,
    random_state: RandomState = None,
) -> HarmCheck:
    """Measure what synthetic series do to an estimator, by cross-validation.

    On each split the generator is fitted on the training series, and the estimator
    three times: on the real training series, on them and synthetic ones, and on as many
    synthetic ones of each class as there are real ones. All are tested on the same real
    series, and compared split by split.

    Parameters
    ----------
    generator : object with `fit` and `sample`, or None
        As in `AugmentedClassifier` and `AugmentedRegressor`.
    X : array-like of shape (n_samples, n_timesteps, n_channels)
        Real series. Shape (n_samples, n_timesteps) means one channel.
    y : array-like of shape (n_samples,)
        Class labels, or numbers.
    estimator : classifier, regressor or None, default=None
        It is cloned. None joins features of series (values, products of channels,
        moments and steps) and randomised trees: a regressor if `y` holds numbers that
        are not all whole, otherwise a classifier.
    sampling_strategy : str, float or dict, default=1.0
        How many synthetic series are added to the real ones: a float for each real one,
        or, with class labels, as in `SyntheticAugmenter`.
    cv : int, splitter or iterable of (train, test), default=5
        An int means that many folds, shuffled, with the classes in proportion.
    n_repeats : int or None, default=None
        How often folds are drawn anew, where `cv` is an int. None means 2. The interval
        gets shorter with the first ten or so.
    groups : array-like of shape (n_samples,) or None, default=None
        What series belong to, such as patients: never on both sides of a split. Give
        them for windows that overlap, too.
    scoring : str, scorer or None, default=None
        As in scikit-learn, e.g. "balanced_accuracy". None is the estimator's own:
        accuracy or R².
    flatten : bool, default=True
        Whether `estimator` gets rows (n_samples, n_timesteps * n_channels), or series
        in the form of `X`. None as `estimator` always reads series.
    n_jobs : int or None, default=None
        Splits at a time, as in scikit-learn. Scores do not depend on it.
    random_state : int, RandomState, Generator or None, default=None
        Seeds folds, draws, and generator and estimator where they have no seed of their
        own. The three fits of a split share their seed.

    Returns
    -------
    HarmCheck
        Prints as a table with a verdict.

    Raises
    ------
    ValueError
        If series or labels are refused, if a class is too small for the folds or for a
        generator of its own, if options exclude each other, or if a generator returns
        series of another shape or values that are not finite.
    TypeError
        If `generator`, `estimator` or `scoring` cannot be used.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from tsgen import GaussianGenerator, harm_check
    >>> from tsgen.datasets import make_regimes
    >>> regimes = make_regimes(60, n_regimes=2, noise=2.0, random_state=0)
    >>> result = harm_check(
    ...     GaussianGenerator(),
    ...     regimes.data,
    ...     regimes.target,
    ...     estimator=KNeighborsClassifier(),
    ...     random_state=0,
    ... )
    >>> result.low["real + synthetic"] < result.high["real + synthetic"]
    True
    """
    generator = resolve_generator(generator)
    continuous = is_regression(estimator, y)
    learner = resolve_learner(
        estimator, flatten=flatten, scoring=scoring, continuous=continuous
    )
    series = as_series(X)
    check_order(y, X, "y")
    target = (check_numbers if continuous else check_classes)(y, len(series))
    if not continuous:
        series = as_it_came(X, series)  # some generators take no more axes
    rng = numpy_generator(random_state, "harm check")
    splits = list(_splits(target, cv, n_repeats, groups, continuous, rng))
    _check_splits(splits)
    tasks = [_Task(*split, int(rng.integers(2**31))) for split in splits]
    draw = partial(_draw_numbers if continuous else _draw_classes, generator)
    pool, data = Parallel(n_jobs=n_jobs), (series, target)
    rows = pool(delayed(_run)(t, data, learner, draw, sampling_strategy) for t in tasks)
    return HarmCheck(
        scores={arm: np.array([row[arm] for row in rows]) for arm in _ARMS},
        n_train=np.array([len(task.train) for task in tasks]),
        n_test=np.array([len(task.test) for task in tasks]),
        n_added=np.array([row["n_added"] for row in rows]),
        generator=type(generator).__name__,
        scoring=_scoring_name(scoring, estimator, continuous),
    )


class _Task(NamedTuple):
    """One split: positions, and the seed of everything drawn on it."""

    train: np.ndarray
    test: np.ndarray
    seed: int


def _run(
    task: _Task, data: Labelled, learner: Learner, draw: Any, strategy: Strategy
) -> dict[str, Any]:
    """Score the three arms on one split."""
    train, test = ((data[0][rows], data[1][rows]) for rows in task[:2])
    rng = numpy_generator(task.seed, "synthetic series")
    added, alone = draw(*train, strategy, rng)
    both = tuple(np.concatenate(pair) for pair in zip(train, added, strict=True))
    arms = zip(_ARMS, (train, both, alone), strict=True)
    scores = {arm: learner.score(part, test, task.seed) for arm, part in arms}
    return {**scores, "n_added": len(added[1])}


# synthetic series: those to add, and those to stand alone; both from the same draw


def _draw_classes(
    generator: Any,
    X: np.ndarray,
    y: np.ndarray,
    strategy: Strategy,
    rng: np.random.Generator,
) -> tuple[Labelled, Labelled]:
    classes, counts = np.unique(y, return_counts=True)
    wanted = synthetic_counts(strategy, classes, counts)
    most = np.maximum(counts, wanted)
    generators = fit_by_class(generator, X, y, classes, rng)
    drawn = draw_by_class(generators, classes, most, X, rng)
    place = np.concatenate([np.arange(n) for n in most])  # of a series in its class
    return (
        _chosen(drawn, place < np.repeat(wanted, most)),
        _chosen(drawn, place < np.repeat(counts, most)),
    )


def _draw_numbers(
    generator: Any,
    X: np.ndarray,
    y: np.ndarray,
    strategy: Strategy,
    rng: np.random.Generator,
) -> tuple[Labelled, Labelled]:
    wanted = share_of(len(X), strategy)
    fitted = fit_jointly(generator, X, y, rng)
    drawn = draw_jointly(fitted, max(wanted, len(X)), X, rng)
    place = np.arange(len(drawn[1]))
    return _chosen(drawn, place < wanted), _chosen(drawn, place < len(X))


def _chosen(drawn: Labelled, rows: np.ndarray) -> Labelled:
    return drawn[0][rows], drawn[1][rows]


# splits


def _splits(
    y: np.ndarray,
    cv: Any,
    n_repeats: int | None,
    groups: ArrayLike | None,
    continuous: bool,
    rng: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions to train and to test on."""
    if isinstance(cv, int | np.integer):
        n_splits = check_count(cv, "cv", minimum=2)
        if not continuous and groups is None:
            _check_class_sizes(y, n_splits)
        default = _REPEATS if n_repeats is None else n_repeats
        kind = _FOLDS[continuous, groups is not None]
        for _ in range(check_count(default, "n_repeats", minimum=1)):
            seed = int(rng.integers(2**31))
            folds = kind(n_splits, shuffle=True, random_state=seed)
            yield from folds.split(np.zeros(len(y)), y, groups)
        return
    if n_repeats not in (None, 1):
        raise ValueError(
            f"n_repeats must be None beside a splitter as cv, got {n_repeats!r}. Use a "
            "splitter that repeats, such as RepeatedStratifiedKFold."
        )
    for split in check_cv(cv, y, classifier=not continuous).split(y, y, groups):
        train, test = (positions(rows) for rows in split)
        yield train, test


_FOLDS: dict[tuple[bool, bool], Any] = {  # by whether continuous, whether in groups
    (False, False): StratifiedKFold,
    (False, True): StratifiedGroupKFold,
    (True, False): KFold,
    (True, True): GroupKFold,
}


def _check_class_sizes(y: np.ndarray, n_splits: int) -> None:
    classes, counts = np.unique(y, return_counts=True)
    least = counts.argmin()
    if counts[least] < n_splits:
        raise ValueError(
            f"y must hold at least cv = {n_splits} series of each class, got "
            f"{counts[least]} of class {classes.tolist()[least]!r}. Lower cv, or leave "
            "that class out."
        )


def _check_splits(splits: list[tuple[np.ndarray, np.ndarray]]) -> None:
    leaks = any(np.intersect1d(train, test).size for train, test in splits)
    if len(splits) < 2 or leaks:
        found = "series on both sides of a split" if leaks else f"{len(splits)} split"
        raise ValueError(
            "cv must give at least two splits, none of which tests on series it trains "
            f"on, got {found}. Use e.g. cv=5."
        )


def _scoring_name(scoring: Any, estimator: Any, continuous: bool) -> str:
    if scoring is None and estimator is None:
        return "R²" if continuous else "accuracy"
    return scoring if isinstance(scoring, str) else _name_of(scoring)


def _name_of(scoring: Any) -> str:
    return "score" if scoring is None else getattr(scoring, "__name__", str(scoring))
