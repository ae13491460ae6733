"""Posterior reports: figures of the latent, and whether it has collapsed, in words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.special import logsumexp

from tsgen.inspection.dependency import Dependency, spread_steps

COLLAPSED = 0.1  # median global dependency of late steps below which a latent is unused
FADING = 0.3  # median global dependency of any step below which a latent fades
ILLUSION = (
    0.05  # first-order dependency without structure above which it is an illusion
)
ACTIVE = 0.01  # variance of a posterior mean over series above which a unit is active
NEGLIGIBLE = 0.01  # global dependency at which the fit of its decay ends
N_SHOWN = 5  # steps in the text of a report


def kl_per_dimension(mean: np.ndarray, log_scale: np.ndarray) -> np.ndarray:
    r"""Divergence of the posterior from N(0, 1) in each latent dimension.

    .. math:: \tfrac12 (\mu_k^2 + \sigma_k^2 - 1) - \ln \sigma_k

    Parameters
    ----------
    mean, log_scale : ndarray of shape (n_series, latent_size)

    Returns
    -------
    ndarray of shape (latent_size,)
        Nats, mean over series.
    """
    return (0.5 * (mean**2 + np.exp(2 * log_scale) - 1) - log_scale).mean(axis=0)


def signal_to_noise(mean: np.ndarray, log_scale: np.ndarray) -> np.ndarray:
    """Variance of the posterior's mean over its own mean variance, (latent_size,)."""
    return mean.var(axis=0) / np.exp(2 * log_scale).mean(axis=0)


def active_units(mean: np.ndarray) -> np.ndarray:
    """Tell which latent dimensions vary with the series, (latent_size,) of bool.

    Those whose posterior mean has a variance above 0.01 over series (Burda et al.,
    "Importance Weighted Autoencoders", 2016).
    """
    return mean.var(axis=0) > ACTIVE


def mutual_information(mean: np.ndarray, log_scale: np.ndarray, z: np.ndarray) -> float:
    r"""Estimate the information that the latent carries about the series.

    .. math:: \frac1n \sum_i \ln q(z_i | X_i) - \ln \frac1n \sum_j q(z_i | X_j)

    It cannot exceed ln n (Hoffman and Johnson, "ELBO surgery", 2016).

    Parameters
    ----------
    mean, log_scale : ndarray of shape (n_series, latent_size)
    z : ndarray of shape (n_series, latent_size)
        One draw from the posterior of each series.

    Returns
    -------
    float
        Nats.
    """
    log_q = np.stack(
        [_log_normal(z, *row) for row in zip(mean, log_scale, strict=True)]
    )
    own = np.diag(log_q)
    return float((own - logsumexp(log_q, axis=0) + math.log(len(z))).mean())


def _log_normal(z: np.ndarray, mean: np.ndarray, log_scale: np.ndarray) -> np.ndarray:
    """Log-density of points (n, K) under one diagonal normal, but for a constant."""
    return -(0.5 * ((z - mean) * np.exp(-log_scale)) ** 2 + log_scale).sum(axis=1)


def decay_rate(median: np.ndarray) -> float:
    r"""Fit :math:`\exp(-\lambda (t - 1))` to a median global dependency.

    Least squares on the logarithm, up to the first step that is negligible.

    Parameters
    ----------
    median : ndarray of shape (n_timesteps,)
        1 at the first step.

    Returns
    -------
    float
        The rate per step: 0 does not fade, 0.7 halves with every step. NaN if
        undefined.
    """
    size = np.abs(median)
    small = np.flatnonzero(~(size > NEGLIGIBLE))
    stop = small[0] + 1 if len(small) else len(size)
    if stop < 2:
        return math.nan
    steps = np.arange(stop)
    fall = -np.log(np.maximum(size[:stop], NEGLIGIBLE))
    return float((steps * fall).sum() / (steps**2).sum())


class PosteriorReport:
    """What a generator's latent is worth; its method `posterior_report` returns it.

    Parameters
    ----------
    dependency : Dependency
        Of series as they are.
    shuffled : Dependency
        Of series whose time steps were shuffled: the control, without any structure.
    shuffle : ndarray of shape (n_shuffled,)
        Which shuffle each series of `shuffled` belongs to.
    mean, log_scale, z : ndarray of shape (n_series, latent_size)
        Posteriors of the latents, and one draw from each.
    log_likelihood : dict of str to float
        Nats per entry of the standardised series given its "own" latent, that of
        another series ("permuted"), and "noise" from the prior.
    remedies : str
        What to try if the posterior has collapsed.

    Attributes
    ----------
    dependency, shuffled : Dependency
    late_dependency : float
        Median global dependency over series and the second half of the steps.
    is_collapsed : bool
        Whether `late_dependency` is below 0.1: series are continued from their own
        past, and the latent decides how they start at most.
    decay_rate : float
        Rate per step at which the median global dependency falls, see `decay_rate`.
    first_order, first_order_interval : float, tuple of float
        Mean first-order dependency on the shuffled series, and the range of the middle
        95 % of the means of single shuffles.
    has_illusion : bool
        Dependency illusion: the interval lies above 0.05 or below -0.05. The decoder
        relies on the last observation even where it tells nothing.
    kl, signal_to_noise : ndarray of shape (latent_size,)
        Nats, and ratio of variances, of each latent dimension.
    active_units : ndarray of shape (latent_size,), bool
        Dimensions that vary with the series.
    mutual_information, mutual_information_limit : float
        Nats between series and latent, and the largest value that can be estimated
        from so many series.
    log_likelihood : dict of str to float
    verdict : str
        All of it in words.

    Notes
    -----
    For the stable posterior, whose randomness is that of the first diffusion levels,
    the posterior is that at its last inference level.

    References
    ----------
    "A Study of Posterior Stability in Time-Series Latent Diffusion",
    arXiv 2405.14021, section 3.
    """

    def __init__(
        self,
        *,
        dependency: Dependency,
        shuffled: Dependency,
        shuffle: np.ndarray,
        mean: np.ndarray,
        log_scale: np.ndarray,
        z: np.ndarray,
        log_likelihood: dict[str, float],
        remedies: str,
    ) -> None:
        self._remedies = remedies
        self.dependency = dependency
        self.shuffled = shuffled
        self.late_dependency = late_dependency(dependency.global_)
        self.decay_rate = decay_rate(dependency.median())
        first_order = mean_of_shuffles(shuffled.local(1), shuffle)
        low, high = np.quantile(first_order, [0.025, 0.975])
        self.first_order = float(first_order.mean())
        self.first_order_interval = float(low), float(high)
        self.kl = kl_per_dimension(mean, log_scale)
        self.signal_to_noise = signal_to_noise(mean, log_scale)
        self.active_units = active_units(mean)
        self.mutual_information = mutual_information(mean, log_scale, z)
        self.mutual_information_limit = math.log(len(z))
        self.log_likelihood = log_likelihood

    @property
    def is_collapsed(self) -> bool:
        """Whether late steps do not depend on the latent."""
        return is_collapsed(self.late_dependency)

    @property
    def has_illusion(self) -> bool:
        """Whether the decoder relies on the past of series that have no structure."""
        low, high = self.first_order_interval
        return low > ILLUSION or high < -ILLUSION

    @property
    def verdict(self) -> str:
        """Say in words what the figures mean."""
        if not np.isfinite(self.late_dependency):
            return "Undefined: the decoder's features do not change with its input."
        illusion = (
            " Dependency illusion: the decoder relies on the last observation even "
            "where time steps are shuffled and it tells nothing."
        )
        return self._use() + illusion * self.has_illusion

    def _use(self) -> str:
        """Say how much the latent is used."""
        median = self.dependency.median()
        weak = np.flatnonzero(median < FADING) + 1
        if not len(weak):
            least = np.nanmin(median)
            return f"Stable: at every step at least {least:.2f} comes from the latent."
        where = (
            f"at {len(weak)} of {len(median)} steps, the first of them step {weak[0]}, "
            f"less than {FADING} comes from the latent"
        )
        if not self.is_collapsed:
            return f"Fading: {where}."
        return (
            f"Collapsed: {where}; series are continued from their own past. "
            f"Try {self._remedies}."
        )

    def plot(self, *, axes: Any = None) -> np.ndarray:
        """Plot dependencies, divergences and likelihoods; see `plot_posterior_report`.

        Parameters
        ----------
        axes : array-like of three Axes or None, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        ndarray of Axes of shape (3,)
        """
        from tsgen.plots import plot_posterior_report

        return plot_posterior_report(self, axes=axes)

    def __repr__(self) -> str:
        n_series, n_timesteps = self.dependency.global_.shape
        median = self.dependency.median()
        shown = [
            f"{median[step - 1]:z.2f} at step {step}"
            for step in spread_steps(n_timesteps, N_SHOWN)[1:]
        ]
        low, high = self.first_order_interval
        logs = [f"{value:.2f} {name}" for name, value in self.log_likelihood.items()]
        return "\n".join(
            [
                f"Posterior of {n_series:,} series of {n_timesteps} steps",
                f"on the latent   {', '.join(shown)} (median); falls by "
                f"{self.decay_rate:.2g} per step",
                f"if shuffled     {self.first_order:z.3f} on 1 step back, 95 % of "
                f"shuffles in [{low:z.3f}, {high:z.3f}]",
                f"log-likelihood  {', '.join(logs)} latent; nats per entry",
                f"latent          {self.active_units.sum()} of {len(self.kl)} units "
                f"active, KL {self.kl.sum():.1f} nats, information "
                f"{self.mutual_information:.1f} of at most "
                f"{self.mutual_information_limit:.1f} nats",
                self.verdict,
            ]
        )


def mean_of_shuffles(shares: np.ndarray, shuffle: np.ndarray) -> np.ndarray:
    """Average shares (n, T) over the series and steps of each shuffle; NaN left out."""
    defined = np.isfinite(shares)
    counts = np.bincount(shuffle, defined.sum(axis=1))
    sums = np.bincount(shuffle, np.where(defined, shares, 0).sum(axis=1))
    some = counts > 0
    return sums[some] / counts[some] if some.any() else np.array([np.nan])


def late_dependency(global_: np.ndarray) -> float:
    """Median over series and the second half of the steps; NaN if undefined."""
    late = global_[:, global_.shape[1] // 2 :]
    late = late[np.isfinite(late)]
    return float(np.median(late)) if len(late) else math.nan


def is_collapsed(late_dependency: float) -> bool:
    """Whether so little depends on the latent that the posterior has collapsed."""
    return abs(late_dependency) < COLLAPSED
