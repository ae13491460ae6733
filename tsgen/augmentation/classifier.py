"""A classifier that is fitted on real and synthetic series."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if

from tsgen.augmentation._base import BaseAugmented, offers
from tsgen.augmentation._sources import Generators, Labelled
from tsgen.augmentation.augmenter import SyntheticAugmenter

__all__ = ["AugmentedClassifier"]


class AugmentedClassifier(BaseAugmented):
    """Fit a classifier on real series and synthetic ones beside them.

    Generators are fitted inside `fit`, on what `fit` is given: cross-validation and
    searches never let a generator see the series they test on.

    Parameters
    ----------
    estimator : classifier or None, default=None
        Anything with `fit` and `predict`. It is cloned. None joins features of series
        (values, products of channels, moments and steps) and randomised trees.
    generator : object with `fit` and `sample`, or None, default=None
        As in `SyntheticAugmenter`: it is cloned, and fitted once a class unless its
        `sample` takes `y`. None is `StablePosteriorGenerator()`, which trains for
        minutes.
    sampling_strategy : str, float or dict, default=1.0
        How many series to add: a float for each real one of a class, or as in
        `SyntheticAugmenter`.
    flatten : bool, default=True
        Whether `estimator` gets rows (n_samples, n_timesteps * n_channels), as
        scikit-learn's classifiers need, or series in the form of `X`. None as
        `estimator` always reads series.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the draws, and generator and estimator where they have no seed of their
        own. None leaves all to them.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on real and synthetic series.
    generators_ : dict
        Class to fitted generator, for the classes that got synthetic series.
    synthetic_counts_ : dict
        Class to the number of series added.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    n_features_in_, n_timesteps_ : int
        Steps of a series.
    n_channels_ : int
        Channels of a series.

    See Also
    --------
    harm_check : Whether the synthetic series help at all.
    SyntheticAugmenter : The same as a step of imbalanced-learn's pipeline.

    Notes
    -----
    `predict_proba`, `predict_log_proba`, `decision_function` and `score` are there if
    the classifier has them. Synthetic series change the frequencies of the classes, and
    with them the probabilities, unless `sampling_strategy` is a float.

    Neither `sample_weight` in `fit` nor metadata routing are supported: both raise.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from tsgen import AugmentedClassifier, GaussianGenerator
    >>> from tsgen.datasets import make_regimes
    >>> regimes = make_regimes(80, noise=1.0, random_state=0)
    >>> model = AugmentedClassifier(
    ...     LogisticRegression(), GaussianGenerator(), random_state=0
    ... )
    >>> scores = cross_val_score(model, regimes.data, regimes.target, cv=4)
    >>> bool(scores.mean() > 0.9)
    True
    """

    _kind = "classifier"

    generators_: Generators

    def _augmented(
        self, X: np.ndarray, y: Any, rng: np.random.Generator | None
    ) -> Labelled:
        augmenter = SyntheticAugmenter(
            self.generator,
            sampling_strategy=self.sampling_strategy,
            random_state=rng,
        )
        series, labels = augmenter.fit_resample(X, y)
        self.generators_ = augmenter.generators_
        self.synthetic_counts_ = augmenter.synthetic_counts_
        self.classes_ = augmenter.classes_
        return series, labels

    @available_if(offers("predict_proba"))
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return self._ask("predict_proba", X)

    @available_if(offers("predict_log_proba"))
    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._ask("predict_log_proba", X)

    @available_if(offers("decision_function"))
    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Confidence in the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples,)
            As the classifier gives it.
        """
        return self._ask("decision_function", X)
