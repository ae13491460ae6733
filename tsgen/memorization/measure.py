"""Testing for memorisation: the sets checked, searched and split at random."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import as_series, check_count, check_same_names, check_share
from tsgen.datasets._overlap import warn_of_overlap
from tsgen.memorization.distances import Search, find_neighbours
from tsgen.memorization.permutation import NAMES, TESTED, Split
from tsgen.memorization.report import MemorizationReport
from tsgen.metrics._pairs import channel_moments

__all__ = ["memorization_report"]

_MINIMUM = 10  # series in each set
_FAR = 1e100  # standard deviations: squares beyond it overflow


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

    Warns
    -----
    tsgen.exceptions.OverlappingWindowsWarning
        If more than one series in ten of `X_holdout` shares at least half of its
        rows, one after the other, with one of `X_train`: copies could not be told.

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
    check_share(level, "level", "0.01 means one false alarm in a hundred reports.")
    n_permutations = _check_permutations(n_permutations, level)
    _warn_of_overlap(*sets[1:])
    search = Search(*_standardized(*sets), max_lag, ignore_scale)
    split = Split(find_neighbours(search, len(sets[1])), len(sets[1]), len(sets[2]))
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
        observed=dict(zip(NAMES, split.statistics(trains).tolist(), strict=True)),
        permuted=dict(zip(NAMES, np.transpose(permuted), strict=True)),
        max_lag=max_lag,
        ignore_scale=ignore_scale,
        level=level,
    )


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
    check_same_names(**came)
    for name, X in sets.items():
        _check_enough(X, name)
    return [X.astype(np.float64, copy=False) for X in sets.values()]


def _check_enough(X: np.ndarray, name: str) -> None:
    if len(X) < _MINIMUM:
        raise ValueError(
            f"{name} must hold at least {_MINIMUM} series, got n_samples = {len(X)}. "
            "Give more series; some hundred are needed to see a few copies."
        )


def _warn_of_overlap(X_train: np.ndarray, X_holdout: np.ndarray) -> None:
    rows = np.arange(len(X_train) + len(X_holdout))
    split = rows[: len(X_train)], rows[len(X_train) :]
    warn_of_overlap(np.concatenate([X_train, X_holdout]), [split], stacklevel=4)


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


def _check_permutations(n_permutations: int, level: float) -> int:
    least = math.ceil(len(TESTED) / level * (1 - 1e-12)) - 1
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
