"""What learns from series and their labels: the default, and how others are called."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.metrics import check_scoring
from sklearn.pipeline import make_pipeline

from tsgen._random import numpy_generator
from tsgen._validation import as_series
from tsgen.augmentation._sources import Labelled, prepared
from tsgen.metrics._features import channel_pairs, feature_parts
from tsgen.metrics._pairs import channel_moments


class SeriesFeatures(TransformerMixin, BaseEstimator):
    """Values, products of channels and summaries of series, as points.

    Channels are standardised by the moments of the series of `fit`.
    """

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Measure the moments of the channels."""
        series = as_series(X)
        self.mean_, self.scale_ = channel_moments(series)
        self.pairs_ = channel_pairs(series.shape[2], np.random.default_rng(0))
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Compute the features: (n_samples, n_features)."""
        with np.errstate(over="ignore"):  # what is far off is cut
            series = (as_series(X) - self.mean_) / self.scale_
        return np.concatenate(feature_parts(series, self.pairs_), axis=1)


class Learner(NamedTuple):
    """An estimator and how it is fitted and scored."""

    estimator: Any
    flatten: bool
    scoring: Any

    def score(self, train: Labelled, test: Labelled, seed: int) -> float:
        """Fit a copy on one set and score it on another; higher is better."""
        fitted = prepared(self.estimator, numpy_generator(seed, "estimator"))
        (X, y), (X_test, y_test) = train, test
        fitted.fit(rows_of(X, self.flatten), y)
        scorer = check_scoring(fitted, scoring=self.scoring)
        value = scorer(fitted, rows_of(X_test, self.flatten), y_test)
        return _check_score(value, self.scoring)


def resolve_learner(
    estimator: Any, *, flatten: bool, scoring: Any, continuous: bool
) -> Learner:
    """Check an estimator and a scoring; None becomes trees on features of series."""
    if not (scoring is None or isinstance(scoring, str) or callable(scoring)):
        raise TypeError(
            "scoring must be a name, a scorer or None, got "
            f"{type(scoring).__name__}. Score by one figure at a time."
        )
    kind = "regressor" if continuous else "classifier"
    flatten = flatten and estimator is not None
    return Learner(resolve_estimator(estimator, kind), flatten, scoring)


def resolve_estimator(estimator: Any, kind: str) -> Any:
    """Check that an estimator is of a kind; None becomes the default of that kind."""
    if estimator is None:
        is_regressor = kind == "regressor"
        trees = ExtraTreesRegressor() if is_regressor else ExtraTreesClassifier()
        return make_pipeline(SeriesFeatures(), trees)
    is_class = isinstance(estimator, type)
    found = kind_of(estimator)
    usable = hasattr(estimator, "fit") and hasattr(estimator, "predict")
    if is_class or not usable or found not in (kind, None):
        came = "a class" if is_class else type(estimator).__name__
        raise TypeError(
            f"estimator must be a {kind}, an instance with fit and predict, got "
            f"{came}. Pass e.g. KNeighbors{kind.capitalize()}()."
        )
    return estimator


def kind_of(estimator: Any) -> str | None:
    """Tell a classifier from a regressor; None if it does not say."""
    if isinstance(estimator, type) or not hasattr(estimator, "__sklearn_tags__"):
        return None
    return estimator.__sklearn_tags__().estimator_type


def rows_of(X: np.ndarray, flatten: bool) -> np.ndarray:
    """Series as points, (n_samples, n_timesteps * n_channels), or as they are."""
    return X.reshape(len(X), -1) if flatten else X


def _check_score(value: Any, scoring: Any) -> float:
    score = float(value)
    if not np.isfinite(score):
        raise ValueError(
            f"scoring must give a finite figure, got {score} by {scoring!r}. Use "
            "another, or test sets with more series of each class."
        )
    return score
