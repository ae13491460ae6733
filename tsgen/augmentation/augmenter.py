"""Add synthetic series to a training set: the sampler of imbalanced-learn's kind."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import Tags

from tsgen._conditions.static import check_order
from tsgen._random import RandomState
from tsgen._reading.arrays import is_frame, is_tensor
from tsgen._validation import check_series, restore_form
from tsgen.augmentation._sources import (
    Generators,
    draw_by_class,
    fit_by_class,
    optional_rng,
    resolve_generator,
)
from tsgen.augmentation._strategy import Strategy, synthetic_counts
from tsgen.augmentation._targets import check_classes

__all__ = ["SyntheticAugmenter"]


class SyntheticAugmenter(BaseEstimator):
    """Add synthetic series to labelled ones: `fit_resample(X, y)`.

    A step of imbalanced-learn's `Pipeline`, which calls `fit_resample` in `fit` only,
    so that cross-validation tests on real series alone. That package is not needed;
    scikit-learn's own pipeline takes no such step: use `AugmentedClassifier` there.

    Parameters
    ----------
    generator : object with `fit` and `sample`, or None, default=None
        It is cloned. If its `sample` has a parameter `y`, it is fitted once, on all
        series and their labels; otherwise once on each class that gets synthetic
        series, of which there must be two at least. None is
        `StablePosteriorGenerator()`, which trains for minutes.
    sampling_strategy : str, float or dict, default="auto"
        How many series to add, as in imbalanced-learn, but for the float:

        - "all", "not majority" and "auto": as many to each class as it lacks of the
          largest; "minority": to the smallest class only; "not minority": to all but
          the smallest;
        - dict of class to int: series of that class afterwards, the real ones included;
        - float: synthetic series for each real one of a class, 0 or more; 1.0 doubles
          every class.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the draws, and the generator where it has no seed of its own. None leaves
        both to the generator.

    Attributes
    ----------
    generators_ : dict
        Class to fitted generator, for the classes that get synthetic series. A
        generator that takes labels stands at each of them.
    synthetic_counts_ : dict
        Class to the number of series that are added.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    n_features_in_, n_timesteps_ : int
        Steps of a series.
    n_channels_ : int
        Channels of a series.

    See Also
    --------
    AugmentedClassifier : The same inside an estimator, for scikit-learn's pipelines.
    harm_check : Whether the synthetic series help at all.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen import GaussianGenerator, SyntheticAugmenter
    >>> X = np.random.default_rng(0).normal(size=(30, 8, 2))
    >>> y = np.repeat(["common", "rare"], [25, 5])
    >>> augmenter = SyntheticAugmenter(GaussianGenerator(), random_state=0)
    >>> X_resampled, y_resampled = augmenter.fit_resample(X, y)
    >>> X_resampled.shape, augmenter.synthetic_counts_
    ((50, 8, 2), {'common': 0, 'rare': 20})
    """

    generators_: Generators

    def __init__(
        self,
        generator: Any = None,
        *,
        sampling_strategy: Strategy = "auto",
        random_state: RandomState = None,
    ) -> None:
        self.generator = generator
        self.sampling_strategy = sampling_strategy
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit the generators, without drawing.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
            Real series. Shape (n_samples, n_timesteps) means one channel.
        y : array-like of shape (n_samples,)
            Class labels.

        Returns
        -------
        SyntheticAugmenter
            The augmenter itself.

        Raises
        ------
        ValueError
            As in `fit_resample`.
        """
        self._fit(X, y, optional_rng(self.random_state))
        return self

    def fit_resample(self, X: ArrayLike, y: ArrayLike) -> tuple[Any, Any]:
        """Fit the generators and add what they draw.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
            Real series. Shape (n_samples, n_timesteps) means one channel.
        y : array-like of shape (n_samples,)
            Class labels.

        Returns
        -------
        X_resampled : ndarray of shape (n_resampled, n_timesteps, n_channels)
            The real series, unchanged and in their order, then the synthetic ones,
            class after class. In the form of `X`; a data frame if `X` is one of pandas,
            whose series are numbered from 0 if it is a long one.
        y_resampled : ndarray of shape (n_resampled,)
            Their labels; a pandas series if `y` is one.

        Raises
        ------
        ValueError
            If `X` is refused; if `y` is of another length, has missing values or is
            continuous; if a class is too small for a generator of its own; if the
            strategy does not fit to the classes; or if the generator returns series of
            another shape or values that are not finite.
        TypeError
            If the generator has no `fit` or `sample`, or `X` does not hold real
            numbers.
        """
        rng = optional_rng(self.random_state)
        series, labels = self._fit(X, y, rng)
        counts = np.array(list(self.synthetic_counts_.values()))
        drawn = draw_by_class(self.generators_, self.classes_, counts, series, rng)
        resampled = np.concatenate([series, drawn[0]])
        return (
            self._in_form(resampled, X),
            _as_column(np.concatenate([labels, drawn[1]]), y),
        )

    def _fit(
        self, X: Any, y: Any, rng: np.random.Generator | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Check the series, fit the generators; return the series as they came."""
        self.__dict__.pop("synthetic_counts_", None)  # unfitted, should this fail
        generator = resolve_generator(self.generator)
        series = check_series(X, estimator=self, reset=True)
        check_order(y, X, "y")
        labels = check_classes(y, len(series))
        series = restore_form(series, self)
        classes, counts = np.unique(labels, return_counts=True)
        wanted = synthetic_counts(self.sampling_strategy, classes, counts)
        self.generators_ = fit_by_class(
            generator, series, labels, classes[wanted > 0], rng
        )
        self.classes_ = classes
        self.synthetic_counts_ = dict(
            zip(classes.tolist(), wanted.tolist(), strict=True)
        )
        return series, labels

    def _in_form(self, series: np.ndarray, like: Any) -> Any:
        """Make series a data frame or a tensor, if they came in one."""
        if not is_frame(like) and not is_tensor(like):
            return series
        shape = len(series), self.n_timesteps_, self.n_channels_
        return self._form.restore(series.reshape(shape))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "synthetic_counts_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.three_d_array = True
        return tags


def _as_column(y: np.ndarray, like: Any) -> Any:
    """Give labels the name and type of a series of pandas, if they came in one."""
    if not hasattr(like, "iloc") or like.ndim != 1:
        return y
    return type(like)(y, name=like.name, dtype=like.dtype)
