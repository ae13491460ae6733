"""What a set of synthetic series gives away: figures, suspects and words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np

from tsgen.memorization.permutation import TESTED, permutation_chances
from tsgen.memorization.ratios import distance_ratio, fair_quantile, ratio_quantile

__all__ = ["MemorizationReport"]

_TAIL = 0.05  # quantile of the ratio that is shown
_WIDTH = 88  # of the text of a report
_N_SHOWN = 3  # suspects in the text of a report


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MemorizationReport:
    """What a set of synthetic series gives away. `memorization_report` returns it.

    Parameters
    ----------
    distance_to_train, distance_to_holdout : ndarray of shape (n_synthetic,)
        From each synthetic series to the nearest training and the nearest unseen one.
    nearest_train : ndarray of shape (n_synthetic,), int
        Position of that training series in `X_train`.
    lag : ndarray of shape (n_synthetic,), int
        By how many steps the synthetic series comes later than that training series.
    n_train, n_holdout : int
        Numbers of training and of unseen series.
    ratio_centre : float
        What `nearest_ratio` is around if nothing is memorised, by the sizes of both
        sets: 1 if they are equal.
    copy_threshold : float
        Value of `nearest_ratio` below which a series is a suspect.
    observed : dict of str to float
        Statistics "share", "tail", "attack" and "copies" of the sets as they came.
    permuted : dict of str to ndarray of shape (n_permutations,)
        The same, with training and unseen series told apart at random.
    max_lag : int
        Time shifts searched, in steps each way.
    ignore_scale : bool
        Whether the mean and the scale of single series were left out.
    level : float
        Chance of a false alarm at which `memorizes` was decided.

    Attributes
    ----------
    memorizes : bool
        Whether `p_value` is at most `level`.
    p_value : float
        Chance that any of three statistics is so extreme if nothing is memorised.
    p_values : dict of str to float
        The same for each statistic alone.
    share_nearer_train : float
        Share of synthetic series nearer to the training series than to as many unseen
        ones, in [0, 1]; 0.5 is fair.
    share_nearer_train_interval, share_nearer_train_control : tuple of float
        Its 95 % interval, and the middle 95 % if nothing is memorised.
    nearest_ratio : ndarray of shape (n_synthetic,)
        `distance_to_train` over `distance_to_holdout`; 1 where both are 0. Near 0 for
        copies.
    ratio_tail, ratio_tail_control : float
        Quantile of `nearest_ratio` at 5 %, and what it would be without memorisation.
    copy_share : float
        Estimated share of near-copies among synthetic series, in [0, 1].
    copy_share_interval : tuple of float
        Its 95 % interval.
    attack_auc : float
        Area under the curve of the membership attack that takes series close to any
        synthetic one for training series, in [0, 1]; 0.5 is a coin.
    attack_auc_interval, attack_auc_control : tuple of float
        As for `share_nearer_train`.
    suspects : ndarray of shape (n_suspects,), int
        Positions in `X_synthetic` of series under `copy_threshold`, the worst first.
        About 1 % of series that are no copies come under it too.
    verdict : str
        The decision in words.

    Notes
    -----
    Intervals are the estimate plus and minus the spread under permutation.
    """

    distance_to_train: np.ndarray
    distance_to_holdout: np.ndarray
    nearest_train: np.ndarray
    lag: np.ndarray
    n_train: int
    n_holdout: int
    ratio_centre: float
    copy_threshold: float
    observed: dict[str, float]
    permuted: dict[str, np.ndarray]
    max_lag: int
    ignore_scale: bool
    level: float

    @property
    def nearest_ratio(self) -> np.ndarray:
        """Distance to the nearest training series over that to the nearest unseen."""
        return distance_ratio(self.distance_to_train, self.distance_to_holdout)

    @property
    def share_nearer_train(self) -> float:
        """Share of synthetic series nearer to training than to unseen series."""
        return self.observed["share"]

    @property
    def share_nearer_train_interval(self) -> tuple[float, float]:
        """Interval of 95 % around the share."""
        return self._interval("share", self.share_nearer_train)

    @property
    def share_nearer_train_control(self) -> tuple[float, float]:
        """Middle 95 % of the share if nothing is memorised."""
        return self._control("share")

    @property
    def ratio_tail(self) -> float:
        """Quantile of the ratio at 5 %."""
        return ratio_quantile(self.nearest_ratio, _TAIL)

    @property
    def ratio_tail_control(self) -> float:
        """Quantile at 5 % of the mirrored ratio, that of the opposite tail."""
        return fair_quantile(self.nearest_ratio, self.ratio_centre, _TAIL)

    @property
    def copy_share(self) -> float:
        """Share of suspects less that of false alarms, estimated."""
        return max(self.observed["copies"], 0.0)

    @property
    def copy_share_interval(self) -> tuple[float, float]:
        """Interval of 95 % around the share of near-copies."""
        return self._interval("copies", self.copy_share)

    @property
    def attack_auc(self) -> float:
        """Area under the curve of a membership attack by distance."""
        return self.observed["attack"]

    @property
    def attack_auc_interval(self) -> tuple[float, float]:
        """Interval of 95 % around the area."""
        return self._interval("attack", self.attack_auc)

    @property
    def attack_auc_control(self) -> tuple[float, float]:
        """Middle 95 % of the area if nothing is memorised."""
        return self._control("attack")

    @property
    def suspects(self) -> np.ndarray:
        """Synthetic series that look like copies, the worst first."""
        ratio = self.nearest_ratio
        order = np.argsort(ratio, kind="stable")
        return order[ratio[order] < self.copy_threshold]

    @property
    def p_values(self) -> dict[str, float]:
        """Chance of each statistic, or a larger one, if nothing is memorised."""
        chances = permutation_chances(self._tested())[0]
        return dict(zip(TESTED, chances.tolist(), strict=True))

    @property
    def p_value(self) -> float:
        """Chance of the smallest of the three, by its own law under permutation."""
        least = permutation_chances(self._tested()).min(axis=1)
        return float((least <= least[0]).mean())

    @property
    def memorizes(self) -> bool:
        """Whether training series are told from unseen ones at the level."""
        return self.p_value <= self.level

    @property
    def verdict(self) -> str:
        """Say in words what the figures mean."""
        if self.memorizes:
            return (
                f"Memorised, p = {self.p_value:.2g}: the synthetic series tell the "
                "training series from unseen ones."
            )
        return (
            f"No memorisation found, p = {self.p_value:.2g}. Copies of fewer than "
            f"{self._least_visible()} training series would hardly show beside so many "
            "unseen ones."
        )

    def plot(self, *, axes: Any = None) -> np.ndarray:
        """Plot distances and their ratios; see `plot_memorization_report`.

        Parameters
        ----------
        axes : array-like of two Axes or None, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        ndarray of Axes of shape (2,)
        """
        from tsgen.plots.memorization import plot_memorization_report

        return plot_memorization_report(self, axes=axes)

    def _tested(self) -> np.ndarray:
        """Statistics of the test, (1 + n_permutations, 3), the observed ones first."""
        columns = [np.append(self.observed[k], self.permuted[k]) for k in TESTED]
        return np.stack(columns, axis=1)

    def _control(self, name: str) -> tuple[float, float]:
        low, high = np.quantile(self.permuted[name], [0.025, 0.975])
        return float(low), float(high)

    def _interval(self, name: str, value: float) -> tuple[float, float]:
        """Estimate and spread under permutation, cut to [0, 1]."""
        middle = value + self.permuted[name].mean()
        low, high = self._control(name)
        ends = np.clip([middle - high, middle - low], 0, 1)
        return float(ends[0]), float(ends[1])

    def _least_visible(self) -> int:
        """Fewest series that do not all fall among the training ones by chance."""
        share = self.n_train / (self.n_train + self.n_holdout)
        return math.ceil(math.log(self.level) / math.log(share))

    def __repr__(self) -> str:
        return (
            f"MemorizationReport(memorizes={self.memorizes}, "
            f"p_value={self.p_value:.2g}, copy_share={self.copy_share:.2g}, "
            f"share_nearer_train={self.share_nearer_train:.2g}, "
            f"attack_auc={self.attack_auc:.2g})"
        )

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{len(self.lag):,} synthetic series beside {self.n_train:,} training "
                f"and {self.n_holdout:,} unseen ones",
                f"nearer to train  {self._with_range('share')}",
                f"5 % ratio tail   {self.ratio_tail:.2f}; if fair "
                f"{self.ratio_tail_control:.2f}",
                f"attack AUC       {self._with_range('attack')}",
                f"near-copies      {_percent(self.copy_share)}, 95 % interval "
                f"{' to '.join(map(_percent, self.copy_share_interval))}",
                *self._suspects_in_words(),
                fill(self.verdict, _WIDTH),
                fill(self._limits(), _WIDTH),
            ]
        )

    def _with_range(self, name: str) -> str:
        value = self.observed[name]
        ends = *self._interval(name, value), *self._control(name)
        text = "{:.2f}, 95 % interval {:.2f} to {:.2f}; if fair {:.2f} to {:.2f}"
        return text.format(value, *ends)

    def _suspects_in_words(self) -> Iterator[str]:
        ratio = self.nearest_ratio
        for number, k in enumerate(self.suspects[:_N_SHOWN]):
            yield (
                f"{'' if number else 'most suspicious':15}  synthetic {k}, nearest to "
                f"training {self.nearest_train[k]}, {_shift_in_words(self.lag[k])}: "
                f"ratio {ratio[k]:.2f}"
            )

    def _limits(self) -> str:
        scale = "" if self.ignore_scale else "rescaled series, "
        return (
            "This is no guarantee of privacy: sets that pass tests of distance fall to "
            "stronger membership attacks (arXiv 2505.01524). Not searched: shifts of "
            f"more than {self.max_lag} steps, {scale}parts of series, single channels."
        )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _shift_in_words(lag: int) -> str:
    if lag == 0:
        return "not shifted"
    when = "later" if lag > 0 else "earlier"
    return f"{abs(lag)} step{'s' * int(abs(lag) > 1)} {when}"
