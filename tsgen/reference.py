"""Generators without a network: what every score of a learned generator is read beside.

Both fit in seconds. One knows everything about short stretches and nothing beyond them,
the other knows every mean and covariance and nothing else.
"""

from __future__ import annotations

import math
from abc import ABCMeta, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.covariance import ledoit_wolf
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from tsgen._forms import Form
from tsgen._random import RandomState, numpy_generator
from tsgen._scaling import SeriesScaler
from tsgen._validation import (
    check_count,
    check_series,
)

__all__ = ["BlockBootstrapGenerator", "GaussianGenerator"]

_LEAST_VARIANCE = 1e-6  # of any direction, where the variance of each value is 1


class _ReferenceGenerator(BaseEstimator, metaclass=ABCMeta):
    """Sampling as in every generator; a child draws series from its own law."""

    random_state: RandomState
    _form: Form

    def sample(self, n_samples: int = 1, *, random_state: RandomState = None) -> Any:
        """Draw synthetic series.

        Parameters
        ----------
        n_samples : int, default=1
            Number of series, 0 or more. The first of many are those of few: with one
            seed `sample(7)` is the head of `sample(20)`.
        random_state : int, RandomState, Generator or None, default=None
            Source of the draws. None takes that of the constructor: an int there gives
            the same series on every call.

        Returns
        -------
        ndarray of shape (n_samples, n_timesteps, n_channels)
            In the units, the dtype and the form of the `X` of `fit`: without the
            channel axis if that `X` had none, a DataFrame or a tensor if it was one.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the generator is not fitted.
        ValueError
            If `n_samples` is negative.
        TypeError
            If `n_samples` is not an integer.
        """
        check_is_fitted(self)
        n_samples = check_count(n_samples, "n_samples")
        source = self.random_state if random_state is None else random_state
        rng = numpy_generator(source, "sample")
        return self._form.restore(self._draw(n_samples, rng))

    @abstractmethod
    def _draw(self, n_samples: int, rng: np.random.Generator) -> np.ndarray:
        """Series of shape (n_samples, n_timesteps, n_channels)."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.estimator_type = "density_estimator"
        tags.input_tags.three_d_array = True
        return tags


class BlockBootstrapGenerator(_ReferenceGenerator):
    """Join blocks of training series, each from another series, in their places.

    The steps are cut into `n_blocks` blocks of equal length (or one step apart). Each
    block of a sample is copied from a training series drawn at random, so every value,
    every law of a single step and everything inside a block is real; blocks know
    nothing of each other. A generator that scores no better has learned nothing
    beyond short stretches. It copies: use it to read scores, not to share data.

    Parameters
    ----------
    n_blocks : int, default=3
        Blocks of a series, 1 or more; more than there are steps means one step each.
        With 1 the samples are training series.
    random_state : int, RandomState, Generator or None, default=None
        Source of the draws of `sample` where that is given none.

    Attributes
    ----------
    series_ : ndarray of shape (n_samples, n_timesteps, n_channels)
        The training series.
    n_features_in_, n_timesteps_ : int
        Steps of a series.
    n_channels_ : int
        Channels of a series.

    See Also
    --------
    GaussianGenerator : Knows the whole series, but only mean and covariance.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.reference import BlockBootstrapGenerator
    >>> X = np.repeat([[0.0], [1.0], [2.0]], 6, axis=1)
    >>> BlockBootstrapGenerator(n_blocks=2, random_state=0).fit(X).sample()
    array([[2., 2., 2., 0., 0., 0.]])
    """

    series_: np.ndarray

    def __init__(self, n_blocks: int = 3, random_state: RandomState = None) -> None:
        self.n_blocks = n_blocks
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Remember the training series.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
            Training series. Shape (n_samples, n_timesteps) means one channel.
        y : None
            Ignored.

        Returns
        -------
        BlockBootstrapGenerator
            The generator itself.

        Raises
        ------
        ValueError
            If `X` is refused, or if `n_blocks` is less than 1.
        TypeError
            If `n_blocks` is not an integer or `X` does not hold real numbers.
        """
        check_count(self.n_blocks, "n_blocks", minimum=1)
        self.series_ = check_series(X, estimator=self, reset=True).copy()
        return self

    def _draw(self, n_samples: int, rng: np.random.Generator) -> np.ndarray:
        n_series, n_timesteps, _ = self.series_.shape
        n_blocks = min(self.n_blocks, n_timesteps)
        donors = rng.integers(n_series, size=(n_samples, n_blocks))
        steps = np.arange(n_timesteps)
        return self.series_[donors[:, steps * n_blocks // n_timesteps], steps]


class GaussianGenerator(DensityMixin, _ReferenceGenerator):
    """Multivariate normal law of whole series.

    Mean and covariance of all values of a series, across steps and channels. The
    covariance of the standardised values is shrunk by the rule of Ledoit and Wolf [1]_,
    so that it has full rank also for few series or for channels that repeat one
    another. Hard to beat on distances; knows no skew, bounds, steps or bursts.

    Parameters
    ----------
    random_state : int, RandomState, Generator or None, default=None
        Source of the draws of `sample` where that is given none.

    Attributes
    ----------
    shrinkage_ : float
        Weight of the identity in the covariance, in [0, 1].
    n_features_in_, n_timesteps_ : int
        Steps of a series.
    n_channels_ : int
        Channels of a series.

    See Also
    --------
    BlockBootstrapGenerator : Knows every law of a short stretch, but nothing beyond.

    Notes
    -----
    A value that is the same in all training series is the same in all samples, and is
    left out of the density. Memory and time grow with the square and the cube of
    `n_timesteps * n_channels`: a thousand values take seconds, ten thousand gigabytes.

    References
    ----------
    .. [1] Ledoit, O., & Wolf, M. (2004). A well-conditioned estimator for
       large-dimensional covariance matrices. Journal of Multivariate Analysis, 88(2),
       365-411. https://doi.org/10.1016/S0047-259X(03)00096-4

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.reference import GaussianGenerator
    >>> X = np.random.default_rng(0).normal(size=(200, 12, 3)).cumsum(axis=1)
    >>> generator = GaussianGenerator(random_state=0).fit(X)
    >>> generator.sample(5).shape
    (5, 12, 3)
    >>> generator.score(X) > generator.score(X[:, ::-1])
    True
    """

    shrinkage_: float

    def __init__(self, random_state: RandomState = None) -> None:
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Measure mean and covariance.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
            Training series, at least two. Shape (n_samples, n_timesteps) means one
            channel.
        y : None
            Ignored.

        Returns
        -------
        GaussianGenerator
            The generator itself.

        Raises
        ------
        ValueError
            If `X` is refused or holds a single series.
        TypeError
            If `X` does not hold real numbers.

        Warns
        -----
        tsgen.exceptions.ConstantInputWarning
            If all series are equal.
        """
        X = check_series(X, estimator=self, reset=True, minimum=2)
        values = X.reshape(len(X), 1, -1)  # every value of a series is a channel
        self._scaler = SeriesScaler().fit(values)
        self._factor, self.shrinkage_ = _covariance_factor(self._points(values))
        self._dtype = X.dtype
        return self

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """Log density of each series.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
            Series with the steps and channels of the fit.

        Returns
        -------
        ndarray of shape (n_samples,)
            Natural logarithm of the density of the whole series in the units of `X`.
        """
        X = check_series(X, estimator=self, reset=False)
        points = self._points(X.reshape(len(X), 1, -1))
        white = solve_triangular(self._factor, points.T, lower=True)  # (D, B)
        log_volume = np.log(np.diag(self._factor)).sum() + self._scaler.log_volume()
        constant = len(white) * math.log(2 * math.pi) / 2 + log_volume
        return -(white**2).sum(axis=0) / 2 - constant

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Mean log density of the series, higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_timesteps, n_channels)
            Series with the steps and channels of the fit.
        y : None
            Ignored.

        Returns
        -------
        float
            Mean of `score_samples`.
        """
        return float(self.score_samples(X).mean())

    def _points(self, values: np.ndarray) -> np.ndarray:
        """Standardised values that vary: (n_samples, D)."""
        return self._scaler.transform(values)[:, 0, ~self._scaler.constant_]

    def _draw(self, n_samples: int, rng: np.random.Generator) -> np.ndarray:
        varies = ~self._scaler.constant_
        noise = rng.standard_normal((n_samples, len(self._factor)))
        Z = np.zeros((n_samples, len(varies)))
        Z[:, varies] = noise @ self._factor.T
        X = self._scaler.inverse_transform(Z).astype(self._dtype)
        return X.reshape(n_samples, self.n_timesteps_, self.n_channels_)


def _covariance_factor(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Cholesky factor of the shrunk covariance of centred points, and the shrinkage.

    Two points, for one, need no shrinkage by the rule and span a line; hence the least
    variance.
    """
    n_values = points.shape[1]
    if n_values == 0:
        return np.empty((0, 0)), 0.0
    covariance, shrinkage = ledoit_wolf(points, assume_centered=True)
    covariance[np.diag_indices(n_values)] += _LEAST_VARIANCE
    return np.linalg.cholesky(covariance), float(shrinkage)
