"""What both augmented estimators share: rows in, answers of the inner estimator out."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import ClassifierTags, RegressorTags, Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from tsgen._conditions.static import check_order
from tsgen._random import RandomState
from tsgen._validation import check_series, restore_form
from tsgen.augmentation._estimators import kind_of, resolve_estimator, rows_of
from tsgen.augmentation._sources import Labelled, optional_rng, prepared
from tsgen.augmentation._strategy import Strategy


def offers(method: str) -> Callable[[Any], bool]:
    """Tell, for `available_if`, whether the inner estimator has a method."""

    def check(augmented: Any) -> bool:
        getattr(augmented._inner(), method)  # or an AttributeError that names it
        return True

    return check


class BaseAugmented(BaseEstimator, metaclass=ABCMeta):
    """Fit an estimator on real and synthetic series, and answer as it does."""

    _kind: str

    def __init__(
        self,
        estimator: Any = None,
        generator: Any = None,
        *,
        sampling_strategy: Strategy = 1.0,
        flatten: bool = True,
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.generator = generator
        self.sampling_strategy = sampling_strategy
        self.flatten = flatten
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike, **fit_params: Any) -> Self:
        """Fit generator and estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
            Real series. Shape (n_samples, n_timesteps) means one channel.
        y : array-like of shape (n_samples,)
            Class labels of a classifier, numbers of a regressor.
        **fit_params : dict
            None is supported, `sample_weight` neither: nothing says what a synthetic
            series would weigh.

        Returns
        -------
        AugmentedClassifier or AugmentedRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            If `X` or `y` is refused, or their labels of pandas are the same in another
            order, if there are too few series to fit a generator
            on, or if the generator returns series of another shape or values that are
            not finite.
        TypeError
            If `estimator` or `generator` cannot be used, or there are `fit_params`.
        """
        _refuse(fit_params, self)
        self.__dict__.pop("estimator_", None)  # unfitted, should this fail
        inner = resolve_estimator(self.estimator, self._kind)
        rng = optional_rng(self.random_state)
        series = check_series(X, estimator=self, reset=True)
        check_order(y, X, "y")
        series, target = self._augmented(restore_form(series, self), y, rng)
        self._flatten = self.flatten and self.estimator is not None
        estimator = prepared(inner, rng)
        estimator.fit(rows_of(series, self._flatten), target)
        self.estimator_ = estimator
        return self

    @abstractmethod
    def _augmented(
        self, X: np.ndarray, y: Any, rng: np.random.Generator | None
    ) -> Labelled:
        """Fit the generator; return real and synthetic series, in the form of `X`."""

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the label or the number of each series.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
            Series with the steps and channels of the fit.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._ask("predict", X)

    @available_if(offers("score"))
    def score(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Score the estimator as it scores itself, by accuracy or R².

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
        y : array-like of shape (n_samples,)
            True labels or numbers.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of these series, passed on.

        Returns
        -------
        float
            Higher is better.
        """
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return self._ask("score", X, y, **weights)

    def _ask(self, method: str, X: ArrayLike, *rest: Any, **named: Any) -> Any:
        """Call a method of the fitted estimator."""
        check_is_fitted(self)
        series = restore_form(check_series(X, estimator=self, reset=False), self)
        rows = rows_of(series, self._flatten)
        return getattr(self.estimator_, method)(rows, *rest, **named)

    def _inner(self) -> Any:
        """Return the fitted estimator, or the one that will be fitted."""
        if hasattr(self, "estimator_"):
            return self.estimator_
        given = self.estimator
        return resolve_estimator(None, self._kind) if given is None else given

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.required = True
        tags.estimator_type = self._kind
        known = kind_of(self.estimator) == self._kind
        inner = deepcopy(self.estimator.__sklearn_tags__()) if known else tags
        if self._kind == "classifier":
            tags.classifier_tags = inner.classifier_tags or ClassifierTags()
        else:
            tags.regressor_tags = inner.regressor_tags or RegressorTags()
        return tags


def _refuse(fit_params: dict[str, Any], owner: BaseEstimator) -> None:
    if fit_params:
        raise TypeError(
            f"{type(owner).__name__}.fit must be called with X and y only, got "
            f"{', '.join(fit_params)}: a synthetic series has no such thing. Set "
            "class_weight of the estimator, or sampling_strategy, to weigh classes."
        )
