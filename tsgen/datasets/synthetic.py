"""Series drawn from a law that is known: the truth to compare with."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_discrete_lyapunov
from sklearn.utils import Bunch

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import check_count

__all__ = ["make_regimes", "make_sines", "make_var"]

_LICENCE = "Source: drawn by tsgen.datasets.{name}.\nLicence: none needed.\n"

_SINES = """\
Sines
=====

Every channel of every series is a sine of its own, with frequency f and phase p drawn
uniformly and independently: x(t) = (sin(f t + p) + 1) / 2 at t = 0, 1, 2, ...

"""
_VAR = """\
Vector autoregression
=====================

x(t) = A_1 x(t - 1) + ... + A_p x(t - p) + e(t), with Gaussian noise e, from its
stationary law on.

"""
_REGIMES = """\
Regimes
=======

A hidden regime, drawn once a series, decides everything but the noise: x(t, c) =
sin(2 pi f_k t / T + p_kc) + noise. Given the regime, which is the target, steps are
independent: nothing is to be learned from the past that the regime does not tell.

"""


def make_sines(
    n_samples: int,
    n_timesteps: int = 24,
    n_channels: int = 5,
    *,
    frequency_range: tuple[float, float] = (0.0, 0.1),
    phase_range: tuple[float, float] = (0.0, 0.1),
    random_state: RandomState = None,
) -> Bunch:
    """Draw sines of random frequency and phase, the recipe of TimeGAN.

    Parameters
    ----------
    n_samples : int
        Number of series.
    n_timesteps : int, default=24
        Length of a series.
    n_channels : int, default=5
        Channels, independent of each other.
    frequency_range : tuple of 2 float, default=(0.0, 0.1)
        Radians a step; drawn uniformly, for every series and channel.
    phase_range : tuple of 2 float, default=(0.0, 0.1)
        Radians; likewise.
    random_state : int, RandomState, Generator or None, default=None
        An int gives the same series on every call, None fresh ones.

    Returns
    -------
    sklearn.utils.Bunch
        `data` : ndarray of shape (n_samples, n_timesteps, n_channels), float64, in
        [0, 1].
        `frequencies`, `phases` : ndarray of shape (n_samples, n_channels).
        `channel_names` : list of str.
        `DESCR` : str.

    Raises
    ------
    ValueError
        If a count is less than 1, or a range is not two ascending finite numbers.
    TypeError
        If a count is not an integer.

    Notes
    -----
    `x(t) = (sin(f t + p) + 1) / 2`, for `t = 0, 1, ...`. With the ranges of TimeGAN
    24 steps are at most 0.4 of a wave.

    References
    ----------
    .. [1] Yoon, J., Jarrett, D., & van der Schaar, M. (2019). Time-series generative
       adversarial networks. NeurIPS 2019.

    Examples
    --------
    >>> from tsgen.datasets import make_sines
    >>> make_sines(100, random_state=0).data.shape
    (100, 24, 5)
    """
    size = _check_counts(n_samples, n_timesteps, n_channels)
    rng = numpy_generator(random_state, "sines")
    f = rng.uniform(*_check_range(frequency_range, "frequency_range"), size[::2])
    p = rng.uniform(*_check_range(phase_range, "phase_range"), size[::2])
    t = np.arange(n_timesteps)[:, None]  # (T, 1)
    return Bunch(
        data=(np.sin(f[:, None] * t + p[:, None]) + 1) / 2,
        frequencies=f,
        phases=p,
        channel_names=_name_channels(n_channels),
        DESCR=_SINES + _LICENCE.format(name="make_sines"),
    )


def make_var(
    n_samples: int,
    n_timesteps: int = 24,
    n_channels: int = 3,
    *,
    order: int = 1,
    spectral_radius: float = 0.8,
    coefficients: ArrayLike | None = None,
    noise_covariance: ArrayLike | None = None,
    random_state: RandomState = None,
) -> Bunch:
    """Draw series of a stationary vector autoregression whose moments are known.

    Parameters
    ----------
    n_samples : int
        Number of series, independent of each other.
    n_timesteps : int, default=24
        Length of a series.
    n_channels : int, default=3
        Channels.
    order : int, default=1
        Steps back on which a step depends; only without `coefficients`.
    spectral_radius : float, default=0.8
        Of the process, in [0, 1): how slowly the past is forgotten, by this factor a
        step in the long run. Only without `coefficients`.
    coefficients : array-like of shape (order, n_channels, n_channels) or None, \
            default=None
        Of the steps before, the last one first. None draws them.
    noise_covariance : array-like of shape (n_channels, n_channels) or None, \
            default=None
        Symmetric and positive definite. None takes the identity.
    random_state : int, RandomState, Generator or None, default=None
        Draws the coefficients first, then the series. An int gives the same ones on
        every call, None fresh ones.

    Returns
    -------
    sklearn.utils.Bunch
        `data` : ndarray of shape (n_samples, n_timesteps, n_channels), float64.
        `coefficients` : ndarray of shape (order, n_channels, n_channels).
        `noise_covariance` : ndarray of shape (n_channels, n_channels).
        `autocovariance` : ndarray of shape (n_timesteps, n_channels, n_channels), the
        true one: `autocovariance[h]` is the mean of `x(t + h) x(t)^T`.
        `spectral_radius` : float, that of the process.
        `channel_names` : list of str.
        `DESCR` : str.

    Raises
    ------
    ValueError
        If a count is less than 1, a shape does not fit, the process is not
        stationary, or the covariance is not positive definite.
    TypeError
        If a count is not an integer.

    Notes
    -----
    `x(t) = A_1 x(t-1) + ... + A_p x(t-p) + e(t)`. The spectral radius is the largest
    magnitude of an eigenvalue of the companion matrix; coefficients are drawn normal,
    and `A_j` is scaled by a factor to the power of `j`, which scales the eigenvalues by
    the factor. The first steps are drawn from the stationary law, whose covariance
    solves a Lyapunov equation, so that all steps have the same law.

    References
    ----------
    .. [1] Lütkepohl, H. (2005). New introduction to multiple time series analysis.
       Springer. Sections 2.1.1 and 2.1.4.

    Examples
    --------
    >>> from tsgen.datasets import make_var
    >>> process = make_var(100, spectral_radius=0.9, random_state=0)
    >>> process.data.shape, round(process.spectral_radius, 6)
    ((100, 24, 3), 0.9)
    """
    size = _check_counts(n_samples, n_timesteps, n_channels)
    rng = numpy_generator(random_state, "var")
    if coefficients is None:
        A = _draw_coefficients(order, n_channels, spectral_radius, rng)
    else:
        A = _check_coefficients(coefficients, n_channels)
    covariance = _check_covariance(noise_covariance, n_channels)
    stationary = _stationary_covariance(A, covariance)  # (p C, p C)
    return Bunch(
        data=_run_var(A, covariance, stationary, size, rng),
        coefficients=A,
        noise_covariance=covariance,
        autocovariance=_autocovariance(A, stationary, n_timesteps),
        spectral_radius=_spectral_radius(A),
        channel_names=_name_channels(n_channels),
        DESCR=_VAR + _LICENCE.format(name="make_var"),
    )


def make_regimes(
    n_samples: int,
    n_timesteps: int = 24,
    n_channels: int = 2,
    *,
    n_regimes: int = 4,
    noise: float = 0.1,
    random_state: RandomState = None,
) -> Bunch:
    """Draw series in which a hidden regime decides everything but the noise.

    A decoder that models them right relies on the latent at every step, and not on
    the steps before: the global dependency is known, which is what
    `tsgen.inspection.dependency_measure` is to find.

    Parameters
    ----------
    n_samples : int
        Number of series.
    n_timesteps : int, default=24
        Length of a series.
    n_channels : int, default=2
        Channels.
    n_regimes : int, default=4
        Regimes, equally likely. Regime `k` has `k + 1` waves in a series, and phases
        of its own for the channels.
    noise : float, default=0.1
        Standard deviation of the Gaussian noise, independent at every step; 0 leaves
        `n_regimes` different series.
    random_state : int, RandomState, Generator or None, default=None
        Draws regimes and noise; an int gives the same series on every call, None
        fresh ones. The means do not depend on it, so that two draws have one law.

    Returns
    -------
    sklearn.utils.Bunch
        `data` : ndarray of shape (n_samples, n_timesteps, n_channels), float64.
        `target` : ndarray of shape (n_samples,), int64, the regime of each series.
        `means` : ndarray of shape (n_regimes, n_timesteps, n_channels), the series of
        each regime without noise.
        `channel_names` : list of str.
        `DESCR` : str.

    Raises
    ------
    ValueError
        If a count is less than 1, or `noise` is negative or not finite.
    TypeError
        If a count is not an integer.

    Notes
    -----
    `x(t, c) = sin(2 pi ((k + 1) t / T + c / C + k / K)) + noise`, for regime `k` of
    `K` and channel `c` of `C`. Regimes of more than `T / 2` waves are aliases of
    slower ones.

    Examples
    --------
    >>> from tsgen.datasets import make_regimes
    >>> regimes = make_regimes(100, random_state=0)
    >>> regimes.data.shape, regimes.means.shape
    ((100, 24, 2), (4, 24, 2))
    """
    size = _check_counts(n_samples, n_timesteps, n_channels)
    n_regimes = check_count(n_regimes, "n_regimes", minimum=1)
    if not (isinstance(noise, Real) and 0 <= noise < np.inf):
        raise ValueError(f"noise must be a number of at least 0, got {noise!r}.")
    rng = numpy_generator(random_state, "regimes")
    means = _regime_means(n_regimes, n_timesteps, n_channels)
    target = rng.integers(n_regimes, size=n_samples)
    return Bunch(
        data=means[target] + noise * rng.normal(size=size),
        target=target,
        means=means,
        channel_names=_name_channels(n_channels),
        DESCR=_REGIMES + _LICENCE.format(name="make_regimes"),
    )


def _name_channels(n_channels: int) -> list[str]:
    return [f"channel_{i}" for i in range(n_channels)]


def _check_counts(
    n_samples: int, n_timesteps: int, n_channels: int
) -> tuple[int, int, int]:
    return (
        check_count(n_samples, "n_samples", minimum=1),
        check_count(n_timesteps, "n_timesteps", minimum=1),
        check_count(n_channels, "n_channels", minimum=1),
    )


def _check_range(bounds: tuple[float, float], name: str) -> tuple[float, float]:
    low, high = bounds if np.shape(bounds) == (2,) else (np.nan, np.nan)
    if not -np.inf < low <= high < np.inf:
        raise ValueError(f"{name} must be two ascending numbers, got {bounds!r}.")
    return low, high


def _regime_means(n_regimes: int, n_timesteps: int, n_channels: int) -> np.ndarray:
    k = np.arange(n_regimes)[:, None, None]  # (K, 1, 1)
    t = np.arange(n_timesteps)[:, None] / n_timesteps  # (T, 1)
    c = np.arange(n_channels) / n_channels  # (C,)
    return np.sin(2 * np.pi * ((k + 1) * t + c + k / n_regimes))


def _draw_coefficients(
    order: int, n_channels: int, radius: float, rng: np.random.Generator
) -> np.ndarray:
    order = check_count(order, "order", minimum=1)
    if not (isinstance(radius, Real) and 0 <= radius < 1):
        raise ValueError(
            f"spectral_radius must be in [0, 1) for a stationary process, got "
            f"{radius!r}."
        )
    A = rng.normal(size=(order, n_channels, n_channels))
    factor = radius / _spectral_radius(A)
    return A * factor ** np.arange(1, order + 1)[:, None, None]


def _check_coefficients(coefficients: ArrayLike, n_channels: int) -> np.ndarray:
    A = np.array(coefficients, dtype=float)
    if A.ndim != 3 or A.shape[1:] != (n_channels, n_channels) or len(A) == 0:
        raise ValueError(
            f"coefficients must have shape (order, {n_channels}, {n_channels}), got "
            f"{A.shape}. Set n_channels to theirs."
        )
    if not np.isfinite(A).all() or _spectral_radius(A) >= 1:
        raise ValueError(
            "coefficients must be of a stationary process, with a spectral radius "
            "below 1. Make them smaller."
        )
    return A


def _check_covariance(covariance: ArrayLike | None, n_channels: int) -> np.ndarray:
    if covariance is None:
        return np.eye(n_channels)
    S = np.array(covariance, dtype=float)
    square = S.shape == (n_channels, n_channels) and np.isfinite(S).all()
    if not (square and np.allclose(S, S.T) and np.linalg.eigvalsh(S).min() > 0):
        raise ValueError(
            "noise_covariance must be symmetric and positive definite, of shape "
            f"({n_channels}, {n_channels}), got shape {S.shape}."
        )
    return S


def _companion(A: np.ndarray) -> np.ndarray:
    """Matrix that carries the last p steps to the next: (p C, p C)."""
    order, n_channels, _ = A.shape
    matrix = np.eye(order * n_channels, k=-n_channels)
    matrix[:n_channels] = np.concatenate(A, axis=1)
    return matrix


def _spectral_radius(A: np.ndarray) -> float:
    return float(np.abs(np.linalg.eigvals(_companion(A))).max())


def _stationary_covariance(A: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Covariance of the last p steps, the newest first: (p C, p C)."""
    companion = _companion(A)
    n_channels = len(covariance)
    noise = np.zeros_like(companion)
    noise[:n_channels, :n_channels] = covariance
    return solve_discrete_lyapunov(companion, noise)


def _autocovariance(A: np.ndarray, stationary: np.ndarray, n_lags: int) -> np.ndarray:
    """Mean of x(t + h) x(t)^T for h = 0, ..., n_lags - 1: (n_lags, C, C)."""
    companion, n_channels = _companion(A), A.shape[1]
    moments = [stationary]
    for _ in range(n_lags - 1):
        moments.append(companion @ moments[-1])
    return np.stack(moments)[:, :n_channels, :n_channels]


def _run_var(
    A: np.ndarray,
    covariance: np.ndarray,
    stationary: np.ndarray,
    size: tuple[int, int, int],
    rng: np.random.Generator,
) -> np.ndarray:
    n_samples, n_timesteps, n_channels = size
    companion = _companion(A)
    state = rng.normal(size=(n_samples, len(companion))) @ _root(stationary).T
    noise = rng.normal(size=size) @ _root(covariance).T
    series = np.empty(size)
    for t in range(n_timesteps):
        series[:, t] = state[:, :n_channels]
        state = state @ companion.T
        state[:, :n_channels] += noise[:, t]
    return series


def _root(covariance: np.ndarray) -> np.ndarray:
    """Matrix R with R R^T = covariance, which may be singular."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return vectors * np.sqrt(np.maximum(values, 0))
