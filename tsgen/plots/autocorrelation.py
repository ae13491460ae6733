"""How long each channel remembers: real and synthetic autocorrelation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tsgen._validation import check_count
from tsgen.metrics._pairs import check_collections, pooled, varying_columns
from tsgen.metrics.statistics import autocorrelation
from tsgen.plots._channels import (
    check_channels,
    check_names,
    legend,
    panels,
    say,
    side_labels,
)
from tsgen.plots._style import BLUE, GREY, INK, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_LAGS = 100  # that are drawn without being asked for
_DOTS = 12  # lags up to which each has a dot


def plot_autocorrelation(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    max_lag: int | None = None,
    channels: Sequence[int] | None = None,
    channel_names: Sequence[str] | None = None,
    axes: Any = None,
) -> np.ndarray:
    r"""Plot the autocorrelation of each channel, of all series together.

    With the mean :math:`\bar x` and the variance :math:`s^2` of the channel over all
    series and steps, and the mean taken over all series and all steps that have a
    partner,

    .. math:: r_l = \text{mean}\,(x_t - \bar x)(x_{t+l} - \bar x) / s^2

    so that levels which differ from series to series count as memory. A channel that
    is constant has no autocorrelation; the panel says so.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels), or list of arrays
        Real series, shaded. Shape (n_real, n_timesteps) means one channel; a list may
        hold series of unequal length.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels), or list
        Synthetic series, the line. They may have another length.
    max_lag : int or None, default=None
        The last lag to show, less than the steps of the longest series on either side.
        None shows all lags that both sides have, up to 100.
    channels : sequence of int or None, default=None
        Which channels to show, by position. None means the first 30.
    channel_names : sequence of str or None, default=None
        Names of *all* channels, in the order of the last axis. None means
        "channel 0", "channel 1" and so on.
    axes : array-like of Axes or None, default=None
        Where to draw, one for each channel. None makes a new figure.

    Returns
    -------
    ndarray of Axes of shape (n_shown,)
        Or of the shape of `axes`.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is a single step, `max_lag` is too large, channels or names do not
        match, a value is not finite, a side has fewer than two series, or there is not
        one of `axes` for each channel.
    TypeError
        If `max_lag` or `channels` are not integers, or `axes` holds anything else.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.plots import plot_autocorrelation
    >>> X = np.random.default_rng(0).normal(size=(100, 24, 2)).cumsum(axis=1)
    >>> axes = plot_autocorrelation(X, X[:, ::-1], max_lag=12)
    >>> axes[1].get_title(loc="left"), len(axes[1].get_lines()[0].get_ydata())
    ('channel 1', 13)
    """
    sides = check_collections(X_real, X_synthetic)
    n_channels = sides[0][0].shape[2]
    max_lag = _check_max_lag(max_lag, sides)
    channels = check_channels(channels, n_channels)
    names = check_names(channel_names, n_channels)
    own = axes is None
    chosen = [[part[:, :, channels] for part in parts] for parts in sides]
    curves = [_curves(parts, max_lag) for parts in chosen]
    shown = [names[channel] for channel in channels]
    axes = panels(axes, shown, "lag", "autocorrelation")
    for ax, real, synthetic in zip(axes.flat, *curves, strict=True):
        _draw(ax, real, synthetic, side_labels(sides))
    _limit(axes, curves)
    legend(axes, own)
    return axes


def _draw(ax: Axes, real: np.ndarray, synthetic: np.ndarray, labels: list[str]) -> None:
    lags = np.arange(len(real))
    marker = "o" if len(lags) <= _DOTS + 1 else None
    look: dict[str, Any] = {"marker": marker, "markersize": 3}
    ax.fill_between(lags, real, color=BLUE, alpha=0.16, linewidth=0)
    ax.plot(lags, real, color=BLUE, linewidth=1.8, label=labels[0], **look)
    ax.plot(lags, synthetic, color=ORANGE, linewidth=1.4, label=labels[1], **look)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.set_xlim(0, lags[-1])
    ax.locator_params(axis="x", nbins=5, integer=True)
    ax.locator_params(axis="y", nbins=4)
    _name_constant(ax, real, synthetic)


def _name_constant(ax: Axes, *curves: np.ndarray) -> None:
    sides = zip(("real", "synthetic"), curves, strict=True)
    constant = [side for side, curve in sides if not np.isfinite(curve).any()]
    if constant:
        text = f"constant: {', '.join(constant)}"
        say(ax, text, 0.97, 0.95, color=GREY, ha="right")


def _limit(axes: np.ndarray, curves: list[np.ndarray]) -> None:
    """Give all panels the same limits, which hold 0, 1 and all curves."""
    low = np.nanmin([0.0, *(np.nan_to_num(curve).min() for curve in curves)])
    for ax in axes.flat:
        ax.set_ylim(low - 0.04 * (low < 0), 1.04)


# what is drawn


def _curves(parts: list[np.ndarray], max_lag: int) -> np.ndarray:
    """Autocorrelation of each channel, NaN if it is constant: (n_channels, n_lags)."""
    varies = varying_columns(pooled(parts))
    curves = np.full((len(varies), max_lag + 1), np.nan)
    if varies.any():
        curves[varies] = autocorrelation([p[:, :, varies] for p in parts], max_lag).T
    return curves


def _check_max_lag(
    max_lag: int | None, sides: tuple[list[np.ndarray], list[np.ndarray]]
) -> int:
    lengths = [max(part.shape[1] for part in parts) for parts in sides]
    for name, length in zip(("X_real", "X_synthetic"), lengths, strict=True):
        if length < 2:
            raise ValueError(
                f"{name} must have at least two time steps for an autocorrelation, "
                "got n_timesteps = 1. Give longer series."
            )
    most = min(lengths) - 1
    if max_lag is None:
        return min(most, _MOST_LAGS)
    max_lag = check_count(max_lag, "max_lag", minimum=1)
    if max_lag > most:
        raise ValueError(
            "max_lag must be at most the steps of the longest series less one, on both "
            f"sides, which is {most}, got {max_lag}. Leave it out to show all lags."
        )
    return max_lag
