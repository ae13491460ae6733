"""Real series beside synthetic ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tsgen._random import RandomState, numpy_generator
from tsgen._validation import check_count
from tsgen.metrics._pairs import check_pair
from tsgen.plots._channels import check_channels, check_names
from tsgen.plots._style import (
    BLUE,
    INK,
    LARGE,
    ORANGE,
    SMALL,
    check_ax,
    new_figure,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KEY = "thick: median    shaded: middle 90 % of all series    thin: single series"
_MAX_DEFAULT_CHANNELS = 4


def plot_series(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    n_series: int = 6,
    channels: Sequence[int] | None = None,
    channel_names: Sequence[str] | None = None,
    axes: Any = None,
    random_state: RandomState = 0,
) -> np.ndarray:
    """Plot real series beside synthetic ones, one row per channel.

    Each panel shows the median and the range of the middle 90 % of *all* series, and
    a few single series over it. Both panels of a row have the same limits.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels)
        Real series, left. Shape (n_real, n_timesteps) means one channel.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels)
        Synthetic series, right.
    n_series : int, default=6
        Single series to draw on each side, 0 or more.
    channels : sequence of int or None, default=None
        Which channels to show, by position. None means the first four.
    channel_names : sequence of str or None, default=None
        Names of *all* channels, in the order of the last axis. None means
        "channel 0", "channel 1" and so on.
    axes : array-like of Axes of shape (n_shown, 2) or None, default=None
        Where to draw. None makes a new figure.
    random_state : int, RandomState, Generator or None, default=0
        Chooses the single series; the default shows the same ones every time.

    Returns
    -------
    ndarray of Axes of shape (n_shown, 2)
        Real in the left column, synthetic in the right one.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If shapes, channels or names do not match, or a value is not finite.
    TypeError
        If `n_series` is not an integer.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.plots import plot_series
    >>> X = np.random.default_rng(0).normal(size=(100, 24, 2)).cumsum(axis=1)
    >>> axes = plot_series(X, X[::-1], channel_names=["north", "east"])
    >>> axes.shape, axes[1, 0].get_ylabel()
    ((2, 2), 'east')
    """
    sides = check_pair(X_real, X_synthetic, minimum=1)
    channels = check_channels(channels, sides[0].shape[2], _MAX_DEFAULT_CHANNELS)
    names = check_names(channel_names, sides[0].shape[2])
    n_series = check_count(n_series, "n_series")
    axes = _make_axes(len(channels)) if axes is None else _check_axes(axes, channels)
    rng = numpy_generator(random_state, "plot")
    for column, X in enumerate(sides):
        chosen = X[rng.permutation(len(X))[:n_series]]
        for row, channel in enumerate(channels):
            colour = (BLUE, ORANGE)[column]
            _draw_band(axes[row, column], X[:, :, channel], colour)
            _draw_lines(axes[row, column], chosen[:, :, channel], colour)
    _share_limits(axes)
    _label(axes, [names[channel] for channel in channels], [len(X) for X in sides])
    return axes


def _make_axes(n_rows: int) -> np.ndarray:
    figure = new_figure(8, 0.9 + 1.6 * n_rows)
    figure.supxlabel(_KEY, fontsize=SMALL, color=INK)
    axes = figure.subplots(n_rows, 2, sharex=True, squeeze=False)
    figure.align_ylabels(axes[:, 0])
    return axes


def _draw_band(ax: Axes, values: np.ndarray, colour: str) -> None:
    """Median and middle 90 % of all series; `values` is (n_samples, n_timesteps)."""
    low, median, high = np.quantile(values, [0.05, 0.5, 0.95], axis=0)
    steps = np.arange(values.shape[1])
    ax.fill_between(
        steps, low, high, color=colour, alpha=0.16, linewidth=0, label="middle 90 %"
    )
    look: dict[str, Any] = {"linewidth": 1.8, "label": "median", "zorder": 3}
    ax.plot(steps, median, color=colour, **_points(values, 7), **look)
    if values.shape[1] == 1:
        ax.vlines(steps, low, high, color=colour, alpha=0.16, linewidth=8)


def _draw_lines(ax: Axes, values: np.ndarray, colour: str) -> None:
    for number, series in enumerate(values):
        label = "single series" if number == 0 else None
        look: dict[str, Any] = {"linewidth": 0.8, "alpha": 0.6, "label": label}
        ax.plot(series, color=colour, **_points(values, 4), **look)


def _points(values: np.ndarray, size: float) -> dict[str, Any]:
    """Mark what would be a line of no length, that of a single time step."""
    return {"marker": "o", "markersize": size} if values.shape[1] == 1 else {}


def _share_limits(axes: np.ndarray) -> None:
    """Give both panels of a row the wider limits of the two."""
    for row in axes:
        limits = np.array([ax.get_ylim() for ax in row])
        for ax in row:
            ax.set_ylim(limits.min(), limits.max())


def _label(axes: np.ndarray, names: list[str], counts: list[int]) -> None:
    for ax in axes.flat:
        tidy(ax)
        ax.margins(x=0)
        ax.locator_params(axis="x", integer=True, min_n_ticks=1)
        ax.locator_params(axis="y", nbins=4)
    for ax, name in zip(axes[:, 0], names, strict=True):
        ax.set_ylabel(name)
    for ax in axes[:, 1]:
        ax.tick_params(labelleft=False)
    for ax in axes[-1]:
        ax.set_xlabel("time step", color=INK)
    for ax, side, count in zip(axes[0], ("Real", "Synthetic"), counts, strict=True):
        ax.set_title(f"{side}, {count:,} series", loc="left", fontsize=LARGE)


def _check_axes(axes: Any, channels: list[int]) -> np.ndarray:
    axes = np.asarray(axes, dtype=object)
    wanted = (len(channels), 2)
    if axes.shape != wanted:
        raise ValueError(
            f"axes must have shape {wanted}, a row per channel and two columns, got "
            f"{axes.shape}. Make them with plt.subplots({len(channels)}, 2, "
            "squeeze=False)."
        )
    for ax in axes.flat:
        check_ax(ax, "axes")
    return axes
