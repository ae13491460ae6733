"""A regressor that is fitted on real and synthetic series."""

from __future__ import annotations

from typing import Any

import numpy as np

from tsgen._validation import as_series, check_enough_series
from tsgen.augmentation._base import BaseAugmented
from tsgen.augmentation._sources import (
    Labelled,
    draw_jointly,
    fit_jointly,
    resolve_generator,
)
from tsgen.augmentation._strategy import share_of
from tsgen.augmentation._targets import check_numbers

__all__ = ["AugmentedRegressor"]


class AugmentedRegressor(BaseAugmented):
    """Fit a regressor on real series and synthetic ones beside them.

    Series and target are drawn together: the generator learns the series with one more
    channel, which holds the target at every step, and the target of a synthetic series
    is the mean of that channel over time. Generators are fitted inside `fit`, on what
    `fit` is given: cross-validation never lets one see the series it tests on.

    Parameters
    ----------
    estimator : regressor or None, default=None
        Anything with `fit` and `predict`. It is cloned. None joins features of series
        (values, products of channels, moments and steps) and randomised trees.
    generator : object with `fit` and `sample`, or None, default=None
        It is cloned, and fitted on series of shape (n_samples, n_timesteps,
        n_channels + 1), also if `X` has two axes. None is
        `StablePosteriorGenerator()`, which trains for minutes.
    sampling_strategy : float, default=1.0
        Synthetic series for each real one, 0 or more.
    flatten : bool, default=True
        Whether `estimator` gets rows (n_samples, n_timesteps * n_channels), as
        scikit-learn's regressors need, or series in the form of `X`. None as
        `estimator` always reads series.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the draws, and generator and estimator where they have no seed of their
        own. None leaves all to them.

    Attributes
    ----------
    estimator_ : regressor
        Fitted on real and synthetic series.
    generator_ : object or None
        The fitted generator of series with their target; None if no series was to be
        added.
    n_features_in_, n_timesteps_ : int
        Steps of a series.
    n_channels_ : int
        Channels of a series.

    See Also
    --------
    harm_check : Whether the synthetic series help at all.
    AugmentedClassifier : The same for labels.

    Notes
    -----
    What the pairs are worth depends on the generator. `GaussianGenerator` draws from
    the joint normal law of series and target. `BlockBootstrapGenerator` joins parts of
    several series, so that the target is a mean of theirs and varies less than the real
    ones. Any generator may leave the range of the target, and counts become fractions.

    Neither `sample_weight` in `fit` nor metadata routing are supported: both raise.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from tsgen import AugmentedRegressor, GaussianGenerator
    >>> X = np.random.default_rng(0).normal(size=(100, 6, 2))
    >>> y = X[:, :, 0].sum(axis=1)
    >>> model = AugmentedRegressor(Ridge(), GaussianGenerator(), random_state=0)
    >>> bool(model.fit(X[:80], y[:80]).score(X[80:], y[80:]) > 0.9)
    True
    """

    _kind = "regressor"

    def _augmented(
        self, X: np.ndarray, y: Any, rng: np.random.Generator | None
    ) -> Labelled:
        target = check_numbers(y, len(X))
        n_synthetic = share_of(len(X), self.sampling_strategy)
        generator = resolve_generator(self.generator)
        self.generator_ = None
        if not n_synthetic:
            return X, target
        series = as_series(X)
        check_enough_series(series, 2, self)
        self.generator_ = fit_jointly(generator, series, target, rng)
        drawn = draw_jointly(self.generator_, n_synthetic, series, rng)
        return (
            np.concatenate([X, drawn[0].reshape(-1, *X.shape[1:])]),
            np.concatenate([target, drawn[1]]),
        )
