"""Memorisation: whether synthetic series repeat those of the training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma
from scipy.stats import rankdata

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import as_series, check_count
from tsgen.metrics._pairs import channel_moments

__all__ = ["MemorizationReport", "memorization_report"]

_MINIMUM = 10  # series in each set
_FAR = 1e100  # standard deviations: squares beyond it overflow
_ROUNDING = 1e-13  # of the squared norms: squared distances below it are 0
_BLOCK = 2**22  # distances held at once: 32 MiB
_MISSED = 1e-6  # chance that a list of neighbours holds none of one of the sets
_DECOYS = 0.01  # share of mirrored ratios under the threshold of near-copies
_TAIL = 0.05  # quantile of the ratio that is shown
_TESTED = ("share", "tail", "attack")
_NAMES = (*_TESTED, "copies")
_CONSTANT = 1e-9  # deviation of a window, of its largest value, that is rounding
_N_LOCAL = 20  # neighbours that tell the dimension; there are at least as many
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
        return _ratio(self.distance_to_train, self.distance_to_holdout)

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
        return _quantile(self.nearest_ratio, _TAIL)

    @property
    def ratio_tail_control(self) -> float:
        """Quantile at 5 % of the mirrored ratio, that of the opposite tail."""
        return _fair_quantile(self.nearest_ratio, self.ratio_centre, _TAIL)

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
        chances = _chances(self._tested())[0]
        return dict(zip(_TESTED, chances.tolist(), strict=True))

    @property
    def p_value(self) -> float:
        """Chance of the smallest of the three, by its own law under permutation."""
        least = _chances(self._tested()).min(axis=1)
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
        columns = [np.append(self.observed[k], self.permuted[k]) for k in _TESTED]
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


def memorization_report(
    X_synthetic: ArrayLike,
    X_train: ArrayLike,
    X_holdout: ArrayLike,
    *,
    max_lag: int | None = None,
    ignore_scale: bool = False,
    n_permutations: int = 1999,
    level: float = 0.01,
    random_state: RandomState = None,
) -> MemorizationReport:
    r"""Test whether synthetic series are nearer to training than to unseen series.

    Channels are standardised by the real series. The distance of two series is the
    root mean squared difference of the steps where they overlap, the smallest over
    time shifts. If nothing was memorised, nobody can tell from the synthetic series
    which real ones were used for training. So the real series are split at random
    many times, and three statistics of the true split are compared with those of the
    random ones:

    - the share of synthetic series nearer to the training than to unseen series;
    - the lower tail of the ratio :math:`r_i` of both distances,
      :math:`\frac1n \sum_i \max(0, 1 - r_i)^3`, which sees a few copies among many;
    - the area under the curve (AUC) of an attack that takes the real series with the
      nearest synthetic neighbour for training series.

    The smallest of the three p-values is compared with its own distribution over the
    random splits [2]_, so the chance of a false alarm is at most `level`.

    Parameters
    ----------
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, at least 10. Shape (n_synthetic, n_timesteps) means one
        channel.
    X_train : array-like of shape (n_train, n_timesteps, n_channels)
        The series that the generator was fitted on, at least 10.
    X_holdout : array-like of shape (n_holdout, n_timesteps, n_channels)
        Series from the same source that it never saw, at least 10; best as many as
        in `X_train`.
    max_lag : int or None, default=None
        Time shifts to search, in steps each way, from 0 to half of the steps. None
        means a quarter of them.
    ignore_scale : bool, default=False
        Whether to bring every channel of every series to mean 0 and standard deviation
        1 first, wherever two series overlap: finds copies that were moved and
        stretched, but not those that differ from others by just that.
    n_permutations : int, default=1999
        Random splits, at least ``3 / level - 1``.
    level : float, default=0.01
        Chance of a false alarm, between 0 and 1.
    random_state : int, RandomState, Generator or None, default=None
        Draws the random splits.

    Returns
    -------
    MemorizationReport
        Figures, the suspects and what they resemble, and a verdict in words.

    Raises
    ------
    ValueError
        If a set has fewer than 10 series, holds NaN or infinity, or if shapes differ;
        if an option is out of its range.
    TypeError
        If a set does not hold real numbers, or a count is not an integer.

    Notes
    -----
    **The split must have been random.** The test rests on training and unseen series
    being exchangeable. Split whole groups (patients, machines, stretches of time) and
    the sets differ by more than training: the test may raise a false alarm, or miss
    copies. Cut overlapping windows and split them at random, and copies have near
    relatives in both sets: the test misses them.

    **Small sets hide copies.** By chance alone, the originals of k copies all come from
    the training half with probability :math:`2^{-k}`: against as many unseen series,
    copies of fewer than seven different ones hardly show at the level of 1 %, and of
    ten nearly always do. A small holdout is worse: with a fifth of the real series,
    :math:`0.8^k`. All series are used, whatever the sizes: the share is its mean over
    all draws of equal numbers of both (many training series dilute it), and ratios are
    compared with :math:`(n_{holdout} / n_{train})^{1/D}`, the effect of the sizes in
    the dimension D that the distances of neighbours suggest [3]_.

    **Near-copies** are series whose ratio is below a threshold that 1 % of the mirrored
    ratios (unseen over training) pass. Those that pass it are the false alarms that
    `copy_share` subtracts.

    A report without findings **is no guarantee of privacy** [1]_. Copies of parts of
    series, or of some of the channels, are not searched.

    References
    ----------
    .. [1] "The DCR Delusion: Measuring the Privacy Risk of Synthetic Data" (2025).
       arXiv 2505.01524.
    .. [2] Westfall, P. H., & Young, S. S. (1993). Resampling-Based Multiple Testing.
       Wiley.
    .. [3] Levina, E., & Bickel, P. (2004). Maximum likelihood estimation of intrinsic
       dimension. Advances in Neural Information Processing Systems, 17.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.memorization import memorization_report
    >>> rng = np.random.default_rng(0)
    >>> X_train, X_holdout, fresh = rng.normal(size=(3, 100, 12)).cumsum(axis=2)
    >>> memorization_report(fresh, X_train, X_holdout, random_state=0).memorizes
    False
    >>> fresh[:15] = X_train[:15]
    >>> report = memorization_report(fresh, X_train, X_holdout, random_state=0)
    >>> report.memorizes, sorted(report.suspects[:15]) == list(range(15))
    (True, True)
    """
    sets = _check_sets(X_synthetic, X_train, X_holdout)
    max_lag = _check_max_lag(max_lag, sets[0].shape[1])
    n_permutations = _check_permutations(n_permutations, _check_level(level))
    search = _Search(*_standardized(*sets), max_lag, ignore_scale)
    split = _Split(_neighbours(search, len(sets[1])), len(sets[1]), len(sets[2]))
    rng = numpy_generator(random_state, "memorization")
    trains = np.arange(len(search.real)) < split.n_train
    draws = (rng.permutation(trains) for _ in range(n_permutations))
    permuted = [split.statistics(draw) for draw in draws]
    return MemorizationReport(
        distance_to_train=split.near.to_train,
        distance_to_holdout=split.near.to_holdout,
        nearest_train=split.near.nearest_train,
        lag=split.near.lag,
        n_train=split.n_train,
        n_holdout=split.n_holdout,
        ratio_centre=split.centre,
        copy_threshold=split.threshold,
        observed=dict(zip(_NAMES, split.statistics(trains).tolist(), strict=True)),
        permuted=dict(zip(_NAMES, np.transpose(permuted), strict=True)),
        max_lag=max_lag,
        ignore_scale=ignore_scale,
        level=level,
    )


# distances


class _Search(NamedTuple):
    """Series to compare, each a row (n_timesteps * n_channels,), and how."""

    synthetic: np.ndarray
    real: np.ndarray
    n_channels: int
    max_lag: int
    ignore_scale: bool

    def lags(self) -> list[int]:
        """Shifts of the synthetic series, the smallest first."""
        return sorted(range(-self.max_lag, self.max_lag + 1), key=abs)

    def overlap(self, rows: slice, lag: int) -> tuple[np.ndarray, np.ndarray]:
        """Cut synthetic series that come `lag` steps later, and real ones, to size."""
        gap = abs(lag) * self.n_channels
        stop = self.real.shape[1] - gap
        late, early = slice(gap, None), slice(stop)
        own, other = (late, early) if lag >= 0 else (early, late)
        parts = self.synthetic[rows, own], self.real[:, other]
        if self.ignore_scale:
            return _unit_scale(parts[0], self.n_channels), _unit_scale(
                parts[1], self.n_channels
            )
        return parts

    def squares(self, rows: slice) -> np.ndarray:
        """Mean squared differences at the best lag, (n_rows, n_real)."""
        parts = self.overlap(rows, 0)
        best = _mean_squares(*parts)
        for lag in self.lags()[1:]:
            np.minimum(best, _mean_squares(*self.overlap(rows, lag)), out=best)
        best[best <= _ROUNDING * np.add.outer(*map(_norms, parts))] = 0
        return best

    def best_lags(self, rows: slice, partners: np.ndarray) -> np.ndarray:
        """Lag at which each synthetic series is nearest to one real series."""
        squares = []
        for lag in self.lags():
            own, other = self.overlap(rows, lag)
            squares.append(_norms(own - other[partners]))
        return np.array(self.lags())[np.argmin(squares, axis=0)]


def _norms(rows: np.ndarray) -> np.ndarray:
    """Mean square of each row."""
    return np.einsum("ij,ij->i", rows, rows) / rows.shape[1]


def _mean_squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean squared difference of each row of `a` from each of `b`, to rounding."""
    squares = (a * (-2 / a.shape[1])) @ b.T
    squares += _norms(a)[:, None]
    squares += _norms(b)
    return squares


def _unit_scale(rows: np.ndarray, n_channels: int) -> np.ndarray:
    """Bring each channel of each row to mean 0 and deviation 1; constants to 0."""
    series = rows.reshape(len(rows), -1, n_channels)
    deviations = series - series.mean(axis=1, keepdims=True)
    size = np.sqrt((deviations**2).mean(axis=1, keepdims=True))
    varies = size > _CONSTANT * np.abs(series).max(axis=1, keepdims=True)
    deviations /= np.where(varies, size, np.inf)
    return deviations.reshape(rows.shape)


class _Neighbours(NamedTuple):
    """What is near: from each synthetic series, and to each real one."""

    to_train: np.ndarray  # (n_synthetic,)
    to_holdout: np.ndarray  # (n_synthetic,)
    nearest_train: np.ndarray  # (n_synthetic,)
    lag: np.ndarray  # (n_synthetic,)
    order: np.ndarray  # (n_synthetic, n_listed), positions of real series
    distances: np.ndarray  # (n_synthetic, n_listed), growing along a row
    to_synthetic: np.ndarray  # (n_real,)


def _neighbours(search: _Search, n_train: int) -> _Neighbours:
    """Search blocks of synthetic series among all real ones."""
    n_real = len(search.real)
    n_listed = _list_length(n_train, n_real - n_train)
    size = max(1, _BLOCK // n_real)
    found, to_synthetic = [], np.full(n_real, np.inf)
    for start in range(0, len(search.synthetic), size):
        rows = slice(start, start + size)
        squares = search.squares(rows)
        np.minimum(to_synthetic, squares.min(axis=0), out=to_synthetic)
        found.append(_nearest(search, rows, squares, n_train, n_listed))
    columns = [np.concatenate(column) for column in zip(*found, strict=True)]
    return _Neighbours(*[*columns, np.sqrt(to_synthetic)])


def _nearest(
    search: _Search, rows: slice, squares: np.ndarray, n_train: int, n_listed: int
) -> tuple[np.ndarray, ...]:
    """Return the first six columns of `_Neighbours` for a block of squares."""
    partners = squares[:, :n_train].argmin(axis=1)
    order = np.argpartition(squares, n_listed - 1, axis=1)[:, :n_listed]
    listed = np.take_along_axis(squares, order, axis=1)
    ranks = np.argsort(listed, axis=1, kind="stable")
    return (
        np.sqrt(squares[:, :n_train].min(axis=1)),
        np.sqrt(squares[:, n_train:].min(axis=1)),
        partners,
        search.best_lags(rows, partners),
        np.take_along_axis(order, ranks, axis=1),
        np.sqrt(np.take_along_axis(listed, ranks, axis=1)),
    )


def _list_length(n_train: int, n_holdout: int) -> int:
    """Neighbours to keep, so that any split leaves some of both sets among them."""
    n_real = n_train + n_holdout
    n_more = max(n_train, n_holdout)
    return min(n_real, math.ceil(math.log(_MISSED) / math.log(n_more / n_real)))


# statistics


class _Split:
    """Statistics of one split of the real series, the true one or one at random."""

    def __init__(self, near: _Neighbours, n_train: int, n_holdout: int) -> None:
        self.near = near
        self.n_train, self.n_holdout = n_train, n_holdout
        self.centre = _ratio_centre(near.distances, n_train, n_holdout)
        ratio = _ratio(near.to_train, near.to_holdout)
        self.threshold = _fair_quantile(ratio, self.centre, _DECOYS)
        self._closeness = rankdata(-near.to_synthetic)
        n_equal, n_listed = min(n_train, n_holdout), near.order.shape[1]
        self._train_stays = _chance_of_any(n_train, n_equal, n_listed)
        self._holdout_stays = _chance_of_any(n_holdout, n_equal, n_listed)

    def statistics(self, trains: np.ndarray) -> np.ndarray:
        """Measure a split that takes the real series in `trains` for training.

        Parameters
        ----------
        trains : ndarray of shape (n_train + n_holdout,), bool

        Returns
        -------
        ndarray of shape (4,)
            Named by `_NAMES`.
        """
        first_train, first_holdout = self._first(trains), self._first(~trains)
        rows = np.arange(len(first_train))
        to_train = self.near.distances[rows, first_train]
        to_holdout = self.near.distances[rows, first_holdout]
        ratio = _ratio(to_train, to_holdout)
        share = self._train_stays[first_holdout]
        share += (first_holdout == 0) * (1 - self._holdout_stays[first_train])
        share[to_train == to_holdout] = 0.5
        tail = (np.maximum(1 - ratio / self.centre, 0) ** 3).mean()
        return np.array([share.mean(), tail, self._auc(trains), self._copies(ratio)])

    def _first(self, chosen: np.ndarray) -> np.ndarray:
        """Place in each list of the first of the chosen series; the last if none."""
        hits = chosen[self.near.order]
        hits[:, -1] = True
        return hits.argmax(axis=1)

    def _auc(self, trains: np.ndarray) -> float:
        ranks = self._closeness[trains].sum() - self.n_train * (self.n_train + 1) / 2
        return ranks / (self.n_train * self.n_holdout)

    def _copies(self, ratio: np.ndarray) -> float:
        """Share of ratios under the threshold less that of mirrored ones."""
        mirrored = _mirrored(ratio, self.centre)
        return (ratio < self.threshold).mean() - (mirrored < self.threshold).mean()


def _ratio(near: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Divide distances; 1 where both are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(near == far, 1.0, near / far)


def _mirrored(ratio: np.ndarray, centre: float) -> np.ndarray:
    """Ratios with the sets exchanged, and the effect of their sizes undone."""
    with np.errstate(divide="ignore"):
        return centre**2 / ratio


def _quantile(values: np.ndarray, level: float) -> float:
    """Return one of the values: some are infinite."""
    return float(np.quantile(values, level, method="inverted_cdf"))


def _fair_quantile(ratio: np.ndarray, centre: float, level: float) -> float:
    """Quantile of the mirrored ratios, which copies of training series only raise."""
    return min(_quantile(_mirrored(ratio, centre), level), centre)


def _ratio_centre(distances: np.ndarray, n_train: int, n_holdout: int) -> float:
    r"""Median of the ratio in a cloud of points that has D dimensions around each.

    The number of points within a distance grows with its D-th power. The nearest
    neighbour, which may be a copy, does not count.

    .. math::
        (n_{holdout} / n_{train})^{1/D}, \quad
        1/D = \operatorname{median} \ln(d_k / d_2) / (\psi(k) - \psi(2))
    """
    second, last = distances[:, 1], distances[:, _N_LOCAL - 1]
    apart = second > 0
    if n_train == n_holdout or not apart.any():
        return 1.0
    growth = np.median(np.log(last[apart] / second[apart]))
    inverse_dimension = growth / (digamma(_N_LOCAL) - digamma(2))
    return float((n_holdout / n_train) ** inverse_dimension)


def _chance_of_any(n: int, n_kept: int, n_listed: int) -> np.ndarray:
    """Chance that any of 0, 1 ... ``n_listed - 1`` of `n` is among `n_kept` drawn."""
    left = np.maximum(n - np.arange(n_listed - 1), n_kept)
    return 1 - np.cumprod(np.append(1.0, 1 - n_kept / left))


def _chances(statistics: np.ndarray) -> np.ndarray:
    """Share of the rows, itself among them, that are as large, for each value."""
    return rankdata(-statistics, method="max", axis=0) / len(statistics)


# checks


def _check_sets(
    X_synthetic: ArrayLike, X_train: ArrayLike, X_holdout: ArrayLike
) -> list[np.ndarray]:
    """Return three sets of the same steps and channels, float64."""
    came = {"X_synthetic": X_synthetic, "X_train": X_train, "X_holdout": X_holdout}
    sets = {name: as_series(X, name) for name, X in came.items()}
    shapes = [X.shape for X in sets.values()]
    if len({shape[1:] for shape in shapes}) > 1:
        raise ValueError(
            "X_synthetic, X_train and X_holdout must have the same time steps and "
            f"channels, got {shapes[0]}, {shapes[1]} and {shapes[2]}. Cut them to the "
            "same windows and channels."
        )
    for name, X in sets.items():
        _check_enough(X, name)
    return [X.astype(np.float64, copy=False) for X in sets.values()]


def _check_enough(X: np.ndarray, name: str) -> None:
    if len(X) < _MINIMUM:
        raise ValueError(
            f"{name} must hold at least {_MINIMUM} series, got n_samples = {len(X)}. "
            "Give more series; some hundred are needed to see a few copies."
        )


def _check_max_lag(max_lag: int | None, n_timesteps: int) -> int:
    if max_lag is None:
        return n_timesteps // 4
    max_lag = check_count(max_lag, "max_lag")
    if max_lag > n_timesteps // 2:
        raise ValueError(
            f"max_lag must be at most half of the {n_timesteps} time steps, got "
            f"{max_lag}. Stretches of a few steps are like others by chance."
        )
    return max_lag


def _check_level(level: float) -> float:
    if not isinstance(level, Real) or not 0 < level < 1:
        raise ValueError(
            f"level must be a number between 0 and 1, got {level!r}. 0.01 means one "
            "false alarm in a hundred reports."
        )
    return float(level)


def _check_permutations(n_permutations: int, level: float) -> int:
    least = math.ceil(len(_TESTED) / level * (1 - 1e-12)) - 1
    if check_count(n_permutations, "n_permutations", minimum=1) < least:
        raise ValueError(
            f"n_permutations must be at least 3 / level - 1 = {least}, got "
            f"{n_permutations}: the smallest of three p-values would seldom be as rare "
            f"as level = {level}."
        )
    return int(n_permutations)


def _standardized(
    X_synthetic: np.ndarray, X_train: np.ndarray, X_holdout: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Scale channels by the moments of all real series; series become rows."""
    real = np.concatenate([X_train, X_holdout])
    mean, scale = channel_moments(real)
    with np.errstate(over="ignore"):
        rows = [((X - mean) / scale).reshape(len(X), -1) for X in (X_synthetic, real)]
    return np.clip(rows[0], -_FAR, _FAR), np.clip(rows[1], -_FAR, _FAR), len(mean)
