"""Fit generators on the same series and score them on the same held-out ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from threading import Event, Thread
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import check_cv

from tsgen._contract import check_generator, takes
from tsgen._random import RandomState, numpy_generator
from tsgen._validation import as_it_came, as_series, check_count, check_same_names
from tsgen.comparison.result import COSTS, FLOOR, Comparison
from tsgen.datasets._overlap import warn_of_overlap
from tsgen.metrics import (
    classifier_two_sample_test,
    mmd,
    sliced_wasserstein_distance,
    spread_ratio,
    wasserstein_distance,
)
from tsgen.metrics._catalogue import Metric, Metrics, resolve
from tsgen.metrics._folds import block_folds, group_folds, positions
from tsgen.reference import BlockBootstrapGenerator, GaussianGenerator

__all__ = ["compare"]

DUMMIES = {
    "block bootstrap": BlockBootstrapGenerator(),
    "Gaussian": GaussianGenerator(),
}
_DEFAULT_METRICS: Metrics = {
    "sliced_wasserstein_distance": sliced_wasserstein_distance,
    "wasserstein_distance": partial(wasserstein_distance, max_samples=2000),
    "mmd": mmd,
    "classifier_two_sample_test": classifier_two_sample_test,
    "spread_ratio": spread_ratio,
}
_TAKEN = ("generator", "split", "repeat", "error", *COSTS)  # entries of a run
_LOOK_AGAIN = 0.005  # seconds between two looks at the memory

Split = tuple[np.ndarray, np.ndarray]


def compare(
    generators: Mapping[str, Any] | Sequence[Any],
    X: ArrayLike,
    *,
    metrics: Metrics | None = None,
    X_test: ArrayLike | None = None,
    cv: Any = None,
    groups: ArrayLike | None = None,
    gap: int = 0,
    n_repeats: int | None = None,
    n_samples: int | None = None,
    dummies: bool = True,
    n_jobs: int | None = None,
    random_state: RandomState = 0,
    verbose: int = 0,
) -> Comparison:
    """Fit generators on the same series and score their samples on held-out ones.

    Every figure stands beside its floor, the same metric of real training series in the
    place of synthetic ones, and beside those of two generators without a network.

    Parameters
    ----------
    generators : dict of str to estimator, or sequence of estimators
        Unfitted generators; those of a sequence are called by their class. They are
        cloned, and `random_state` is set anew for every run.
    X : array-like of shape (n_series, n_timesteps, n_channels)
        Real series to fit on, and to hold out from if `X_test` is None. Shape
        (n_series, n_timesteps) means one channel.
    metrics : str, callable, sequence, dict of str to callable or None, default=None
        Names are those of functions in `tsgen.metrics`; any other callable is taken as
        a distance. None means five that see different things: sliced and exact
        Wasserstein distance (the latter of at most 2,000 series of each set), MMD,
        classifier two-sample test and spread ratio.
    X_test : array-like of shape (n_test, n_timesteps, n_channels) or None, default=None
        Held-out real series. With them all generators are fitted on all of `X`.
    cv : int, splitter, iterable of (train, test) or None, default=None
        Without `X_test`, how to hold out. None means 5, and an int that many folds, of
        up to four blocks of neighbouring series each, spread over `X`.
    groups : array-like of shape (n_series,) or None, default=None
        Labels, such as patients, that must not stand on both sides of a split.
    gap : int, default=0
        Series on both sides of a block held out that are not fitted on, where `cv` is
        an int or None and there are no `groups`. For windows that overlap, those that
        share a row with a neighbour, e.g. `n_timesteps - 1` with a stride of 1; or use
        `tsgen.datasets.WindowSplit` as `cv`, which counts in rows.
    n_repeats : int or None, default=None
        Fits of each generator on each split, with seeds of their own. None means 5 with
        `X_test` and 1 otherwise: five runs in either case.
    n_samples : int or None, default=None
        Synthetic series of a run, and real ones for the floor: at most as many as there
        are to train on. None means as many as there are test series, or training series
        if those are fewer.
    dummies : bool, default=True
        Whether to add `BlockBootstrapGenerator` and `GaussianGenerator`.
    n_jobs : int or None, default=None
        Runs at a time, as in scikit-learn. Scores do not depend on it, times do.
    random_state : int, RandomState, Generator or None, default=0
        Seeds of the runs: the same for every generator.
    verbose : int, default=0
        Passed on to joblib, which reports the progress.

    Returns
    -------
    Comparison
        Prints as a table.

    Warns
    -----
    sklearn.exceptions.FitFailedWarning
        If a run ended with an error: its figures are NaN, and its text is in
        `Comparison.runs`.
    tsgen.exceptions.OverlappingWindowsWarning
        If more than one held-out series in ten shares at least half of its rows, one
        after the other, with a series that is fitted on, beyond what happens by chance:
        a generator that copies would look good. See
        `tsgen.datasets.overlapping_windows`.

    Raises
    ------
    ValueError
        If series, metrics or options are not valid or exclude each other.
    TypeError
        If a generator cannot be fitted or cannot sample.

    Notes
    -----
    The intervals are those of Student's t over the runs. They tell how a figure varies
    with the seed and with the split; runs share data, so they are a little short. There
    is none of figures that are equal in all runs, such as the floor of a single split
    whose training series are no more than the test series: it takes them all.

    Where a floor is far from the best value, as that of an exact distance in many
    dimensions, only the difference from it means something. A split in time makes the
    floor measure drift.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen import BlockBootstrapGenerator, compare
    >>> X = np.random.default_rng(0).normal(size=(120, 6, 1)).cumsum(axis=1)
    >>> wide = {"two blocks": BlockBootstrapGenerator(n_blocks=2)}
    >>> result = compare(wide, X, metrics="sliced_wasserstein_distance", cv=3)
    >>> result.generators
    ['two blocks', 'block bootstrap', 'Gaussian']
    >>> means = result.mean["sliced_wasserstein_distance"]
    >>> means["two blocks"] > means["Gaussian"]
    True
    """
    named = _named(generators) | (DUMMIES if dummies else {})
    found = _metrics(metrics)
    checked = as_series(X, "X")
    splits, series = _splits(checked, X_test, cv, groups, gap)
    check_same_names(X=X, X_test=X_test)
    if n_repeats is None:
        n_repeats = 1 if X_test is None else 5
    n_repeats = check_count(n_repeats, "n_repeats", minimum=1)
    if n_samples is not None:
        n_samples = _check_n_samples(n_samples, splits)
    tasks = list(_tasks(named, splits, n_repeats, n_samples, random_state))
    warn_of_overlap(series, splits)
    series = as_it_came(X, series)  # some estimators take no more axes
    pool = Parallel(n_jobs=n_jobs, verbose=verbose)
    runs = pool(delayed(_run)(task, series, found) for task in tasks)
    _warn_of_failures(runs)
    return Comparison(
        generators=list(named),
        dummies=tuple(DUMMIES) if dummies else (),
        best={name: metric.best for name, metric in found.items()},
        runs=runs,
    )


def _named(generators: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    """Check generators and give each a name."""
    if isinstance(generators, Mapping):
        pairs = list(generators.items())
    elif isinstance(generators, Sequence):
        pairs = [(type(generator).__name__, generator) for generator in generators]
    else:
        raise TypeError(
            "generators must be a dict or a list of estimators, got "
            f"{type(generators).__name__}."
        )
    for name, generator in pairs:
        _check_named(name, generator)
    names = [name for name, _ in pairs]
    if not names or len(set(names)) < len(names) or set(names) & {FLOOR, *DUMMIES}:
        raise ValueError(
            f"generators must be at least one, of different names, got {names}. Give a "
            "dict to name them; those of the dummies and the floor are taken."
        )
    return dict(pairs)


def _check_named(name: Any, generator: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"generators must have str as names, got {name!r}.")
    check_generator(generator, f"generators[{name!r}]")


def _metrics(metrics: Metrics | None) -> dict[str, Metric]:
    found = resolve(_DEFAULT_METRICS if metrics is None else metrics)
    taken = set(found) & set(_TAKEN)
    if taken:
        raise ValueError(
            f"metrics must not be called {', '.join(_TAKEN)}, got {sorted(taken)}. "
            "Name them in a dict."
        )
    return found


def _check_n_samples(n_samples: int, splits: list[Split]) -> int:
    n_samples = check_count(n_samples, "n_samples", minimum=2)
    smallest = min(len(train) for train, _ in splits)
    if n_samples > smallest:
        raise ValueError(
            f"n_samples must be at most the number of training series, {smallest}, got "
            f"{n_samples}: the floor needs as many real ones."
        )
    return n_samples


def _splits(
    X: np.ndarray,
    X_test: ArrayLike | None,
    cv: Any,
    groups: ArrayLike | None,
    gap: int,
) -> tuple[list[Split], np.ndarray]:
    """Rows to fit on and to test on, and the array they belong to."""
    if X_test is None:
        return list(_folds(len(X), 5 if cv is None else cv, groups, gap)), X
    if cv is not None or groups is not None or gap:
        raise ValueError(
            "X_test must come without cv, groups and gap, got both. Leave out one."
        )
    test = as_series(X_test, "X_test")
    if test.shape[1:] != X.shape[1:]:
        raise ValueError(
            "X and X_test must have the same time steps and channels, got "
            f"{X.shape} and {test.shape}."
        )
    rows = np.arange(len(X) + len(test))
    return [(rows[: len(X)], rows[len(X) :])], np.concatenate([X, test])


def _folds(
    n_series: int, cv: Any, groups: ArrayLike | None, gap: int
) -> Iterator[Split]:
    """Split as scikit-learn does; an int means blocks of neighbours, or groups."""
    if not isinstance(cv, int | np.integer):
        _refuse_gap(gap, "a splitter as cv")
        splits = check_cv(cv).split(np.arange(n_series), groups=groups)
        return ((positions(train), positions(test)) for train, test in splits)
    n_splits = check_count(cv, "cv", minimum=2)
    if groups is None:
        folds = block_folds(n_series, n_splits, check_count(gap, "gap"))
    else:
        _refuse_gap(gap, "groups")
        folds = group_folds(groups, n_series, n_splits)
    return ((folds.outside(k), folds.inside(k)) for k in range(n_splits))


def _refuse_gap(gap: int, beside: str) -> None:
    if gap:
        raise ValueError(f"gap must be 0 beside {beside}, got gap={gap!r}.")


class _Task(NamedTuple):
    """One fit of one generator, or one floor (no estimator)."""

    generator: str
    estimator: Any
    train: np.ndarray
    test: np.ndarray
    split: int
    repeat: int
    n_samples: int
    seed: int


def _tasks(
    named: dict[str, Any],
    splits: list[Split],
    n_repeats: int,
    n_samples: int | None,
    random_state: RandomState,
) -> Iterator[_Task]:
    """All runs; those of one split and repeat share a seed.

    The floor comes last: joblib replaces a worker that grows much after its first job,
    as one does that loads PyTorch for the second.
    """
    rng = numpy_generator(random_state, "compare")
    everyone = {**named, FLOOR: None}
    for split, (train, test) in enumerate(splits):
        size = n_samples or min(len(train), len(test))
        for repeat in range(n_repeats):
            seed = int(rng.integers(2**31))
            for name, estimator in everyone.items():
                yield _Task(name, estimator, train, test, split, repeat, size, seed)


def _run(task: _Task, X: np.ndarray, metrics: dict[str, Metric]) -> dict[str, Any]:
    """Fit, sample and score; an error becomes NaN and its text."""
    run: dict[str, Any] = {
        "generator": task.generator,
        "split": task.split,
        "repeat": task.repeat,
        **dict.fromkeys((*metrics, *COSTS), np.nan),
        "error": "",
    }
    try:
        samples, costs = _samples(task, X)
    except Exception as error:  # of any generator: the others go on
        return run | {"error": f"{type(error).__name__}: {error}"}
    errors = []
    for name, metric in metrics.items():
        try:
            run[name] = metric(X[task.test], samples, task.seed)
        except Exception as error:  # of any metric: the others go on
            errors.append(f"{name}: {type(error).__name__}: {error}")
    return run | costs | {"error": "; ".join(errors)}


def _samples(task: _Task, X: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
    """Synthetic series and what they cost, or real ones for the floor."""
    if task.estimator is None:
        rng = np.random.default_rng(task.seed)
        size = min(task.n_samples, len(task.train))
        return X[rng.choice(task.train, size, replace=False)], {}
    estimator = _seeded(task.estimator, task.seed)
    X_train = X[task.train]
    _, seconds, mebibytes = _measured(lambda: estimator.fit(X_train))
    draw = partial(estimator.sample, task.n_samples)
    if takes(estimator.sample, "random_state"):
        draw = partial(draw, random_state=task.seed)
    samples, sample_seconds, _ = _measured(draw)
    if len(samples) != task.n_samples:
        raise ValueError(
            f"sample must return as many series as asked for, {task.n_samples}, got "
            f"{len(samples)}."
        )
    costs = zip(COSTS, (seconds, sample_seconds, mebibytes), strict=True)
    return samples, dict(costs)


def _seeded(estimator: Any, seed: int) -> Any:
    """Clone an estimator, and set its seed and those of its parts."""
    copy = clone(estimator)
    names = [name for name in copy.get_params() if name.endswith("random_state")]
    return copy.set_params(**dict.fromkeys(names, seed))


def _measured(job: Callable[[], Any]) -> tuple[Any, float, float]:
    """Do a job: its result, seconds, and the MiB by which memory grew at most."""
    from psutil import Process

    memory = Process().memory_info
    before = memory().rss
    peak, done = [before], Event()

    def watch() -> None:
        while not done.wait(_LOOK_AGAIN):
            peak.append(max(peak.pop(), memory().rss))

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    start = perf_counter()
    try:
        result = job()
        seconds = perf_counter() - start
    finally:
        done.set()
        watcher.join()
    return result, seconds, (max(*peak, memory().rss) - before) / 2**20


def _warn_of_failures(runs: list[dict[str, Any]]) -> None:
    failed = [run for run in runs if run["error"]]
    if failed:
        first = failed[0]
        warnings.warn(
            f"{len(failed)} of {len(runs)} runs failed and count as NaN, the first of "
            f"{first['generator']!r}: {first['error']}",
            FitFailedWarning,
            stacklevel=3,
        )
