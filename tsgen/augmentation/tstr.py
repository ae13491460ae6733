"""Train on synthetic series, test on real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tsgen._conditions.labels import are_continuous
from tsgen._conditions.static import check_order
from tsgen._random import RandomState, numpy_generator
from tsgen._validation import as_series, check_same_names
from tsgen.augmentation._estimators import kind_of, resolve_learner
from tsgen.augmentation._targets import check_classes, check_numbers

__all__ = ["tstr_score"]


def tstr_score(
    X_synthetic: ArrayLike,
    y_synthetic: ArrayLike,
    X_test: ArrayLike,
    y_test: ArrayLike,
    *,
    estimator: Any = None,
    scoring: Any = None,
    flatten: bool = True,
    random_state: RandomState = None,
) -> float:
    """Score on real series of an estimator trained on synthetic ones.

    Read it beside its floor: the same call with the real training series and their
    labels in the place of the synthetic ones, as many of them.

    Parameters
    ----------
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Series to train on. Shape (n_synthetic, n_timesteps) means one channel.
    y_synthetic : array-like of shape (n_synthetic,)
        Their labels, or numbers.
    X_test : array-like of shape (n_test, n_timesteps, n_channels)
        Real series that the generator was not fitted on.
    y_test : array-like of shape (n_test,)
        True labels, or numbers.
    estimator : classifier, regressor or None, default=None
        It is cloned. None joins features of series (values, products of channels,
        moments and steps) and randomised trees: a regressor if `y_test` holds numbers
        that are not all whole, otherwise a classifier.
    scoring : str, scorer or None, default=None
        As in scikit-learn, e.g. "balanced_accuracy". None is the estimator's own:
        accuracy or R².
    flatten : bool, default=True
        Whether `estimator` gets rows (n_samples, n_timesteps * n_channels), or series.
        None as `estimator` always reads series.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the estimator, unless it has a seed of its own.

    Returns
    -------
    float
        Higher is better.

    Raises
    ------
    ValueError
        If series or labels are refused or do not fit to each other, or the score is not
        finite.
    TypeError
        If `estimator` is of another kind than the labels need, or `scoring` none.

    See Also
    --------
    harm_check : Real, real and synthetic, synthetic alone, with intervals.

    References
    ----------
    .. [1] Esteban, C., Hyland, S. L., & Rätsch, G. (2017). Real-valued (medical) time
       series generation with recurrent conditional GANs.
       https://arxiv.org/abs/1706.02633

    Examples
    --------
    >>> from tsgen import tstr_score
    >>> from tsgen.datasets import make_regimes
    >>> train, test = (make_regimes(60, random_state=seed) for seed in (0, 1))
    >>> tstr_score(train.data, train.target, test.data, test.target, random_state=0)
    1.0
    """
    train, test = as_series(X_synthetic, "X_synthetic"), as_series(X_test, "X_test")
    if train.shape[1:] != test.shape[1:]:
        raise ValueError(
            "X_synthetic and X_test must have the same time steps and channels, got "
            f"{train.shape} and {test.shape}. Cut both to the same windows and "
            "channels."
        )
    check_same_names(X_synthetic=X_synthetic, X_test=X_test)
    check_order(y_synthetic, X_synthetic, "y_synthetic", "X_synthetic")
    check_order(y_test, X_test, "y_test", "X_test")
    continuous = is_regression(estimator, y_test)
    check = check_numbers if continuous else check_classes
    y_train = check(y_synthetic, len(train), "y_synthetic")
    y_true = check(y_test, len(test), "y_test")
    if not continuous:
        _check_common(y_train, y_true)
    learner = resolve_learner(
        estimator, flatten=flatten, scoring=scoring, continuous=continuous
    )
    seed = int(numpy_generator(random_state, "train on synthetic").integers(2**31))
    return learner.score((train, y_train), (test, y_true), seed)


def is_regression(estimator: Any, y: Any) -> bool:
    """Tell by the estimator, or else by `y`, whether numbers are to be predicted."""
    kind = kind_of(estimator)
    return are_continuous(np.ravel(y)) if kind is None else kind == "regressor"


def _check_common(y_synthetic: np.ndarray, y_test: np.ndarray) -> None:
    """Refuse labels of another kind, such as "1" for 1, which would score 0."""
    known, found = set(y_synthetic.tolist()), set(y_test.tolist())
    if not known & found:
        raise ValueError(
            "y_synthetic and y_test must have a class in common, got "
            f"{sorted(map(repr, known))[:3]} and {sorted(map(repr, found))[:3]}. Use "
            "the same labels in both."
        )
