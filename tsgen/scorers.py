"""Scorers for scikit-learn's searches: how close samples are to held-out series.

A scorer is called as `scorer(generator, X_test)`; higher is better, so distances come
with a minus sign, as in scikit-learn. The ready ones compute one metric::

    GridSearchCV(generator, grid, scoring=neg_sliced_wasserstein_scorer)

and `GeneratorScorer` as many as wanted from one draw of samples.
"""

from __future__ import annotations

import warnings
from math import nan
from typing import Any

from numpy.typing import ArrayLike
from sklearn.exceptions import FitFailedWarning, NotFittedError

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import check_count
from tsgen.metrics._catalogue import Metric, Metrics, is_single, resolve
from tsgen.metrics._pairs import check_pair

__all__ = [
    "GeneratorScorer",
    "coverage_scorer",
    "neg_c2st_scorer",
    "neg_context_fid_scorer",
    "neg_correlational_scorer",
    "neg_discriminative_scorer",
    "neg_energy_scorer",
    "neg_max_sliced_wasserstein_scorer",
    "neg_mmd_scorer",
    "neg_predictive_scorer",
    "neg_sinkhorn_scorer",
    "neg_sliced_wasserstein_scorer",
    "neg_wasserstein_scorer",
]


class GeneratorScorer:
    """Draw samples once and score them by one metric or many.

    Parameters
    ----------
    metrics : str, callable, sequence of them, or dict of str to callable
        Names are those of functions in `tsgen.metrics`. Any other callable
        `metric(X_real, X_synthetic)` is taken as a distance: lower is better.
    n_samples : int or None, default=None
        Series to draw, at least two. None draws as many as there are test series:
        distances from sets of unequal size do not compare.
    random_state : int, RandomState, Generator or None, default=0
        Source of the samples and of what the metrics draw. An int, such as the default,
        gives every candidate of a search the same noise and the same directions, so
        that their differences are their own.

    Attributes
    ----------
    metrics, n_samples, random_state
        As given.

    See Also
    --------
    tsgen.compare : The same metrics of several generators, with their floors.

    Notes
    -----
    Keys of the scores are `neg_` and the name of a metric of which less is better, the
    plain name where more is, and `neg_..._error`, the negative distance from the right
    value, where there is one, as for `spread_ratio`.

    A generator that raises an error while it samples, or samples that a metric refuses,
    as those that are not finite, become NaN in scikit-learn's searches: a single metric
    raises, and the search decides by its `error_score`; of many metrics, which
    scikit-learn cannot mix with a failure, those that failed are NaN, with a warning.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import cross_validate
    >>> from tsgen import GaussianGenerator
    >>> from tsgen.scorers import GeneratorScorer
    >>> X = np.random.default_rng(0).normal(size=(60, 4, 1))
    >>> scorer = GeneratorScorer(["sliced_wasserstein_distance", "spread_ratio"])
    >>> result = cross_validate(GaussianGenerator(), X, scoring=scorer, cv=3)
    >>> [key for key in sorted(result) if key.startswith("test_")]
    ['test_neg_sliced_wasserstein_distance', 'test_neg_spread_ratio_error']
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        n_samples: int | None = None,
        random_state: RandomState = 0,
    ):
        resolve(metrics)
        numpy_generator(random_state, "scorer")  # refuses what is no random state
        if n_samples is not None:
            check_count(n_samples, "n_samples", minimum=2)
        self.metrics = metrics
        self.n_samples = n_samples
        self.random_state = random_state

    def __call__(
        self, estimator: Any, X: ArrayLike, y: Any = None
    ) -> float | dict[str, float]:
        """Score a fitted generator on held-out series.

        Parameters
        ----------
        estimator : object with `sample(n_samples, random_state=...)`
            Fitted generator.
        X : array-like of shape (n_samples, n_timesteps, n_channels)
            Real series that the generator was not fitted on, at least two.
        y : None
            Ignored; scikit-learn passes it.

        Returns
        -------
        float or dict of str to float
            A float if `metrics` is a single name or callable. Higher is better.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the generator is not fitted.
        ValueError
            If there are fewer than two series, or a metric refuses them or the samples.
        TypeError
            If the estimator cannot sample.
        """
        n_real = self._check(estimator, X)
        found = resolve(self.metrics)
        if is_single(self.metrics):
            (metric,) = found.values()
            samples = self._draw(estimator, n_real)
            return metric.score(metric(X, samples, self.random_state))
        scores = dict.fromkeys((m.score_name(name) for name, m in found.items()), nan)
        try:
            samples = self._draw(estimator, n_real)
        except NotFittedError:
            raise
        except Exception as error:
            _warn_of_failure("sample", error)
            return scores
        return scores | self._scores(found, X, samples)

    def _scores(
        self, metrics: dict[str, Metric], X: Any, samples: Any
    ) -> dict[str, float]:
        """Scores of the metrics that do not fail."""
        scores = {}
        for name, metric in metrics.items():
            try:
                value = metric(X, samples, self.random_state)
            except Exception as error:
                _warn_of_failure(name, error)
            else:
                scores[metric.score_name(name)] = metric.score(value)
        return scores

    def _check(self, estimator: Any, X: Any) -> int:
        """Check what is to be scored; return the number of real series."""
        if not hasattr(estimator, "sample"):
            raise TypeError(
                "estimator must have a method sample(n_samples, random_state=...), got "
                f"{type(estimator).__name__}. In a Pipeline, score its last step."
            )
        return len(check_pair(X, X)[0])

    def _draw(self, estimator: Any, n_real: int) -> Any:
        n_samples = n_real if self.n_samples is None else self.n_samples
        return estimator.sample(n_samples, random_state=self.random_state)

    def __repr__(self) -> str:
        return (
            f"GeneratorScorer({self.metrics!r}, n_samples={self.n_samples!r}, "
            f"random_state={self.random_state!r})"
        )


def _warn_of_failure(name: str, error: Exception) -> None:
    warnings.warn(
        f"{name} failed and its score is NaN: {type(error).__name__}: {error}",
        FitFailedWarning,
        stacklevel=4,
    )


coverage_scorer = GeneratorScorer("coverage")
neg_c2st_scorer = GeneratorScorer("classifier_two_sample_test")
neg_context_fid_scorer = GeneratorScorer("context_fid")
neg_correlational_scorer = GeneratorScorer("correlational_score")
neg_discriminative_scorer = GeneratorScorer("discriminative_score")
neg_energy_scorer = GeneratorScorer("energy_distance")
neg_max_sliced_wasserstein_scorer = GeneratorScorer("max_sliced_wasserstein_distance")
neg_mmd_scorer = GeneratorScorer("mmd")
neg_predictive_scorer = GeneratorScorer("predictive_score")
neg_sinkhorn_scorer = GeneratorScorer("sinkhorn_divergence")
neg_sliced_wasserstein_scorer = GeneratorScorer("sliced_wasserstein_distance")
neg_wasserstein_scorer = GeneratorScorer("wasserstein_distance")
