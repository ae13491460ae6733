"""What synthetic series did to an estimator: scores of three arms, and a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import t as student

from tsgen._frames import data_frame

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["HarmCheck"]

REAL, BOTH, SYNTHETIC = "real", "real + synthetic", "synthetic"
_CONFIDENCE = 0.95
_ROUNDING = 1e-12  # of the largest score: gains that differ less are the same


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class HarmCheck:
    r"""Scores with and without synthetic series. `harm_check` returns it.

    Parameters
    ----------
    scores : dict of str to ndarray of shape (n_splits,)
        Of "real", "real + synthetic" and "synthetic", what the estimator was trained
        on: the score on the real test series of each split, higher is better.
    n_train, n_test, n_added : ndarray of shape (n_splits,), int
        Real series to train and to test on, and synthetic ones added to the former.
    generator : str
        What made the synthetic series.
    scoring : str
        What the scores are.

    Attributes
    ----------
    mean : dict of str to float
        Mean score of each arm.
    gains : dict of str to ndarray of shape (n_splits,)
        Score less that of real series alone, for the arms with synthetic series.
    gain : dict of str to float
        Mean of the gains.
    low, high : dict of str to float
        Ends of the 95 % interval of the mean gain; NaN if gains are the same in all
        splits.
    outcome : str
        "helps", "harms" or "no difference seen": whether the interval of the gain of
        "real + synthetic" lies above 0, below 0, or neither.
    verdict : str
        The same as a sentence with figures.

    Notes
    -----
    Splits share training series, so their gains depend on each other, and the plain
    interval of Student's t is too short. With :math:`n` gains of variance :math:`s^2`
    the corrected one [1]_, for repeated folds [2]_, is

    .. math::
        \bar d \pm t_{n - 1, 0.975}
        \sqrt{\left(\frac{1}{n} + \frac{n_{test}}{n_{train}}\right) s^2}

    It tells how the gain varies with the split, the seed and the generator's fit, on
    series like these; not on others.

    References
    ----------
    .. [1] Nadeau, C., & Bengio, Y. (2003). Inference for the generalization error.
       Machine Learning, 52, 239-281. https://doi.org/10.1023/A:1024068626366
    .. [2] Bouckaert, R. R., & Frank, E. (2004). Evaluating the replicability of
       significance tests for comparing learning algorithms. PAKDD.
       https://doi.org/10.1007/978-3-540-24775-3_3
    """

    scores: dict[str, np.ndarray]
    n_train: np.ndarray
    n_test: np.ndarray
    n_added: np.ndarray
    generator: str
    scoring: str

    @property
    def mean(self) -> dict[str, float]:
        """Mean score of each arm."""
        return {arm: float(scores.mean()) for arm, scores in self.scores.items()}

    @property
    def gains(self) -> dict[str, np.ndarray]:
        """Score of an arm less that of real series alone, split by split."""
        real = self.scores[REAL]
        return {arm: self.scores[arm] - real for arm in (BOTH, SYNTHETIC)}

    @property
    def gain(self) -> dict[str, float]:
        """Mean gain."""
        return {arm: float(gains.mean()) for arm, gains in self.gains.items()}

    @property
    def low(self) -> dict[str, float]:
        """Lower end of the interval of the mean gain."""
        return {arm: self.gain[arm] - self._half(arm) for arm in self.gains}

    @property
    def high(self) -> dict[str, float]:
        """Upper end of the interval of the mean gain."""
        return {arm: self.gain[arm] + self._half(arm) for arm in self.gains}

    @property
    def outcome(self) -> str:
        """Say in a word what adding synthetic series does."""
        if self.low[BOTH] > 0:
            return "helps"
        return "harms" if self.high[BOTH] < 0 else "no difference seen"

    @property
    def verdict(self) -> str:
        """Say in a sentence what adding synthetic series does."""
        return (
            f"{self.outcome.capitalize()}: synthetic series beside real ones change "
            f"the {self._scoring_in_words()} by {self._gain_in_words(BOTH)}."
        )

    def rows(self) -> list[dict[str, Any]]:
        """Tidy table: one row for each arm.

        Returns
        -------
        list of dict
            With "arm", "mean", "gain", "low", "high" (NaN for "real"), "n_splits",
            "generator" and "scoring".
        """
        return [
            {
                "arm": arm,
                "mean": self.mean[arm],
                "gain": self.gain.get(arm, np.nan),
                "low": self.low.get(arm, np.nan),
                "high": self.high.get(arm, np.nan),
                "n_splits": len(self.n_test),
                "generator": self.generator,
                "scoring": self.scoring,
            }
            for arm in self.scores
        ]

    def to_frame(self) -> DataFrame:
        """Tidy table as a pandas data frame.

        Returns
        -------
        DataFrame
            The rows of `rows`.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return data_frame(self.rows())

    def plot(self, *, ax: Any = None) -> Any:
        """Plot the gain of every split, the mean and its interval.

        Parameters
        ----------
        ax : Axes or None, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        Axes
            See `tsgen.plots.plot_harm_check`.
        """
        from tsgen.plots import plot_harm_check

        return plot_harm_check(self, ax=ax)

    def _half(self, arm: str) -> float:
        """Half of the corrected interval of the mean gain."""
        gains = self.gains[arm]
        n_splits = len(gains)
        if np.ptp(gains) <= _ROUNDING * np.abs(self.scores[REAL]).max():
            return np.nan
        share = float((self.n_test / self.n_train).mean())
        error = sqrt((1 / n_splits + share) * gains.var(ddof=1))
        return error * float(student.ppf((1 + _CONFIDENCE) / 2, n_splits - 1))

    def _gain_in_words(self, arm: str) -> str:
        gain = f"{self.gain[arm]:+.3g}"
        if np.isnan(self.low[arm]):
            return f"{gain} in every split, which gives no interval"
        return f"{gain}, 95 % interval {self.low[arm]:+.3g} to {self.high[arm]:+.3g}"

    def _scoring_in_words(self) -> str:
        return self.scoring.replace("_", " ")

    def __repr__(self) -> str:
        return (
            f"HarmCheck(outcome={self.outcome!r}, gain={self.gain[BOTH]:.3g}, "
            f"generator={self.generator!r}, n_splits={len(self.n_test)})"
        )

    def __str__(self) -> str:
        return "\n".join([self._header(), *self._lines(), self.verdict])

    def _header(self) -> str:
        means = [f"{n.mean():,.0f}" for n in (self.n_train, self.n_test, self.n_added)]
        return (
            f"{self.generator}: {len(self.n_test)} splits of {means[0]} real series to "
            f"train and {means[1]} to test on, {means[2]} synthetic ones added; "
            f"{self._scoring_in_words()}, higher is better"
        )

    def _lines(self) -> Iterator[str]:
        for arm, mean in self.mean.items():
            gain = f"  gain {self._gain_in_words(arm)}" if arm in self.gains else ""
            yield f"{arm:18}{mean:.3f}{gain}"
