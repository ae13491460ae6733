"""A forecast fan: where series may go on from where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tsgen._validation import as_series, check_count
from tsgen.plots._channels import check_channels, check_names, legend, panels
from tsgen.plots._style import INK, ORANGE

BANDS = {0.9: 0.2, 0.5: 0.45}  # middle shares of the draws, and how opaque they are


def plot_forecast(
    X: ArrayLike,
    n_known: int,
    *,
    truth: ArrayLike | None = None,
    channels: Sequence[int] | None = None,
    channel_names: Sequence[str] | None = None,
    axes: Any = None,
) -> np.ndarray:
    """Plot draws of how one series goes on, as a fan.

    Parameters
    ----------
    X : array-like of shape (n_draws, n_timesteps, n_channels)
        Series with a common beginning, from ``sample(n_draws, prefix=...)``; at least
        two.
    n_known : int
        Steps of that beginning, at least 1.
    truth : array-like of shape (n_timesteps, n_channels) or None, default=None
        The series itself, if it is known. Shape (n_timesteps,) means one channel.
    channels : sequence of int or None, default=None
        Which channels to show, by position. None means the first 30.
    channel_names : sequence of str or None, default=None
        Names of all channels. None means "channel 0" and so on.
    axes : array-like of Axes or None, default=None
        Where to draw, one for each channel shown. None makes a new figure.

    Returns
    -------
    ndarray of Axes
        The median, and the ranges of the middle 50 and 90 % of the draws.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If the series do not begin alike, or a shape does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.plots import plot_forecast
    >>> X = np.random.default_rng(0).normal(size=(100, 12, 1)).cumsum(axis=1)
    >>> X[:, :4] = X[0, :4]
    >>> plot_forecast(X, n_known=4, truth=X[0]).shape
    (1,)
    """
    X = as_series(X)
    n_known = _check_beginning(X, n_known)
    names = check_names(channel_names, X.shape[2])
    shown = check_channels(channels, X.shape[2])
    true = None if truth is None else _check_truth(truth, X)
    own = axes is None
    axes = panels(axes, [names[channel] for channel in shown], "step", "value")
    for ax, channel in zip(axes.flat, shown, strict=True):
        _draw_fan(ax, X[:, :, channel], n_known)
        ax.locator_params(axis="x", integer=True, min_n_ticks=1)
        if true is not None:
            steps = np.arange(1, len(true) + 1)
            ax.plot(steps, true[:, channel], color=INK, lw=1, label="what came")
    legend(axes, own)
    return axes


def _draw_fan(ax: Any, draws: np.ndarray, n_known: int) -> None:
    """Draw the bands and the median of draws (n_draws, n_timesteps)."""
    steps = np.arange(n_known, draws.shape[1] + 1)  # from the last that is known
    ahead = draws[:, n_known - 1 :]
    for band, alpha in BANDS.items():
        low, high = np.quantile(ahead, [0.5 - band / 2, 0.5 + band / 2], axis=0)
        label = f"middle {100 * band:.0f} %"
        ax.fill_between(steps, low, high, color=ORANGE, alpha=alpha, lw=0, label=label)
    ax.plot(steps, np.median(ahead, axis=0), color=ORANGE, lw=1.6, label="median")
    known = np.arange(1, n_known + 1)
    ax.plot(known, draws[0, :n_known], color=INK, lw=1.6, label="known")


def _check_beginning(X: np.ndarray, n_known: int) -> int:
    n_known = check_count(n_known, "n_known", minimum=1)
    if n_known >= X.shape[1]:
        raise ValueError(
            f"n_known must be less than the {X.shape[1]} steps of X, got {n_known}."
        )
    if len(X) < 2 or (X[:, :n_known] != X[0, :n_known]).any():
        raise ValueError(
            f"X must hold two series or more that are equal in their first {n_known} "
            f"steps, got {len(X)}. Use sample(n, prefix=...)."
        )
    return n_known


def _check_truth(truth: ArrayLike, X: np.ndarray) -> np.ndarray:
    true = np.asarray(truth, dtype=float)
    if true.ndim == 1 and X.shape[2] == 1:
        true = true[:, None]
    if true.shape != X.shape[1:]:
        raise ValueError(
            f"truth must be one series of shape {X.shape[1:]}, got {true.shape}."
        )
    return true
