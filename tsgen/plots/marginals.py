"""Which values each channel takes: real and synthetic densities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tsgen.metrics._pairs import check_collections, pooled
from tsgen.plots._channels import (
    check_channels,
    check_names,
    legend,
    panels,
    say,
    side_labels,
)
from tsgen.plots._style import BLUE, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RANGE = (0.001, 0.999)  # quantiles of the real values, between which the view lies
_MOST_BINS = 40


def plot_marginals(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    channels: Sequence[int] | None = None,
    channel_names: Sequence[str] | None = None,
    axes: Any = None,
) -> np.ndarray:
    """Plot the density of the values of each channel, of all steps together.

    Histograms with the same bins for both sides. The view holds the middle 99.8 % of
    the real values; the share of the synthetic ones that lie beyond is written at its
    edge. Values on a coarse grid, such as whole numbers, fall into bins that hold
    equally many points of the grid.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels), or list of arrays
        Real series, shaded. Shape (n_real, n_timesteps) means one channel; a list may
        hold series of unequal length.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels), or list
        Synthetic series, the line. They may have another length.
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
        If channels or names do not match, a value is not finite, a side has fewer than
        two series, or there is not one of `axes` for each channel.
    TypeError
        If `channels` are not integers, or `axes` holds anything else.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.plots import plot_marginals
    >>> X = np.random.default_rng(0).normal(size=(100, 24, 2))
    >>> axes = plot_marginals(X, 2 * X, channel_names=["north", "east"])
    >>> [ax.get_title(loc="left") for ax in axes]
    ['north', 'east']
    """
    sides = check_collections(X_real, X_synthetic)
    n_channels = sides[0][0].shape[2]
    channels = check_channels(channels, n_channels)
    names = check_names(channel_names, n_channels)
    own = axes is None
    axes = panels(axes, [names[channel] for channel in channels], "value", "density")
    labels = side_labels(sides)
    real, synthetic = pooled(sides[0]), pooled(sides[1])
    for ax, channel in zip(axes.flat, channels, strict=True):
        _draw(ax, real[:, channel], synthetic[:, channel], labels)
    legend(axes, own)
    return axes


def _draw(ax: Axes, real: np.ndarray, synthetic: np.ndarray, labels: list[str]) -> None:
    edges = _edges(real)
    heights = _density(real, edges), _density(synthetic, edges)
    ax.stairs(heights[0], edges, fill=True, color=BLUE, alpha=0.35, label=labels[0])
    line: dict[str, Any] = {"color": ORANGE, "linewidth": 1.4, "label": labels[1]}
    ax.stairs(heights[1], edges, baseline=None, **line)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0, 1.25 * np.max(heights))
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.locator_params(axis="x", nbins=4)
    _name_outside(ax, synthetic, edges)


def _density(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Share of all values that fall into each bin, divided by its width."""
    counts, _ = np.histogram(values, edges)
    return counts / len(values) / np.diff(edges)


def _name_outside(ax: Axes, values: np.ndarray, edges: np.ndarray) -> None:
    below, above = np.mean(values < edges[0]), np.mean(values > edges[-1])
    if below:
        say(ax, f"‹ {_per_cent(below)}", 0.01, 0.98, color=ORANGE)
    if above:
        say(ax, f"{_per_cent(above)} ›", 0.99, 0.98, color=ORANGE, ha="right")


def _per_cent(share: float) -> str:
    share = 100 * share
    return "<0.1 %" if share < 0.1 else f"{share:.{1 if share < 10 else 0}f} %"


# bins


def _edges(values: np.ndarray) -> np.ndarray:
    """Edges of equal bins that hold the middle of `values`."""
    low, high = _middle(values)
    if low == high:
        return low + (abs(low) / 10 or 1.0) * np.linspace(-1, 1, 22)
    width = (high - low) / np.clip(2 * np.cbrt(len(values)), 8, _MOST_BINS)
    step = _resolution(values[(values >= low) & (values <= high)])
    if step > width / 10:
        low, high = low - step / 2, high + step / 2
        width = step * np.ceil(width / step)
    return low + width * np.arange(np.ceil((high - low) / width - 1e-6) + 1)


def _middle(values: np.ndarray) -> tuple[float, float]:
    """Range of nearly all values, or of all if nearly all are the same."""
    low, high = np.quantile(values, _RANGE, method="nearest")
    return (low, high) if low < high else (values.min(), values.max())


def _resolution(values: np.ndarray) -> float:
    """Smallest gap between two different values."""
    return float(np.diff(np.unique(values)).min())
