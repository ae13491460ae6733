"""How channels go together: real and synthetic correlations, and their difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tsgen.metrics._pairs import check_collections, pooled, varying_columns
from tsgen.metrics.statistics import channel_correlation
from tsgen.plots._channels import check_names
from tsgen.plots._style import INK, SMALL, check_panels, new_figure, tidy, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_END = 0.1  # of the colours: differences much below it should look like nothing
_MOST_NUMBERS = 6  # channels, up to which the values are written into the cells
_MOST_NAMES = 14
_BLANK = "0.85"


def plot_correlations(
    X_real: ArrayLike,
    X_synthetic: ArrayLike,
    *,
    channel_names: Sequence[str] | None = None,
    axes: Any = None,
) -> np.ndarray:
    """Plot the correlations between channels: real, synthetic, and their difference.

    At lag 0, over all series and steps together. Both matrices have the same colours,
    from -1 to 1; those of the difference, synthetic minus real, end at its largest
    magnitude, or at 0.1 if that is less. A channel that is constant has no
    correlations, which are left grey.

    Parameters
    ----------
    X_real : array-like of shape (n_real, n_timesteps, n_channels), or list of arrays
        Real series. Shape (n_real, n_timesteps) means one channel; a list may hold
        series of unequal length.
    X_synthetic : array-like of shape (n_synthetic, n_timesteps, n_channels), or list
        Synthetic series. They may have another length.
    channel_names : sequence of str or None, default=None
        Names of the channels, in the order of the last axis. None means their
        positions. Of more than 14 channels, every second or so is named.
    axes : array-like of Axes or None, default=None
        Where to draw, three. None makes a new figure.

    Returns
    -------
    ndarray of Axes of shape (3,)
        Real, synthetic, difference. Or of the shape of `axes`.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If channels or names do not match, a value is not finite, a side has fewer than
        two series, or there are not three `axes`.
    TypeError
        If a side does not hold real numbers, or `axes` holds anything but Axes.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.plots import plot_correlations
    >>> X = np.random.default_rng(0).normal(size=(100, 24, 3))
    >>> axes = plot_correlations(X, X[:, :, [0, 0, 2]])
    >>> [ax.get_title(loc="left") for ax in axes]
    ['Real', 'Synthetic', 'Synthetic − real']
    """
    sides = check_collections(X_real, X_synthetic)
    n_channels = sides[0][0].shape[2]
    if channel_names is None:
        channel_names = [str(channel) for channel in range(n_channels)]
    names = check_names(channel_names, n_channels)
    axes = _row(n_channels) if axes is None else check_panels(axes, 3)
    real, synthetic = (_matrix(parts) for parts in sides)
    gap = synthetic - real
    end = max(_LEAST_END, float(np.abs(gap).max()) if gap.count() else 0.0)
    first, second, third = axes.flat
    _draw(first, real, 1.0)
    mesh = _draw(second, synthetic, 1.0)
    _colour_bar([first, second], mesh)
    _colour_bar([third], _draw(third, gap, end))
    for ax, text in zip(axes.flat, _TITLES, strict=True):
        _label(ax, names, text)
    return axes


_TITLES = ("Real", "Synthetic", "Synthetic − real")


def _matrix(parts: list[np.ndarray]) -> np.ma.MaskedArray:
    """Correlations (n_channels, n_channels), without those of constant channels."""
    varies = varying_columns(pooled(parts))
    return np.ma.array(channel_correlation(parts), mask=~np.outer(varies, varies))


def _row(n_channels: int) -> np.ndarray:
    side = float(np.clip(2.0 + 0.06 * n_channels, 2.4, 4.0))
    return new_figure(3 * side + 2.2, side + 0.9).subplots(1, 3)


def _draw(ax: Axes, matrix: np.ma.MaskedArray, end: float) -> Any:
    """Cells in the order of a printed matrix; the first row is on top."""
    size = len(matrix)
    edges = np.arange(size + 1) - 0.5
    look: dict[str, Any] = {"cmap": "RdBu", "vmin": -end, "vmax": end}
    mesh = ax.pcolormesh(edges, edges, matrix, rasterized=True, **look)
    ax.set(aspect="equal", xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
    ax.set_facecolor(_BLANK)
    if size <= _MOST_NUMBERS:
        _write_numbers(ax, matrix, end)
    return mesh


def _write_numbers(ax: Axes, matrix: np.ma.MaskedArray, end: float) -> None:
    size = SMALL if len(matrix) <= 4 else SMALL - 2
    look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size}
    for (row, column), value in np.ndenumerate(matrix.filled(np.nan)):
        if np.isfinite(value):
            colour = "white" if abs(value) > 0.5 * end else INK
            text = f"{round(value, 2) + 0.0:.2f}".replace("-", "−")
            ax.text(column, row, text, color=colour, **look)


def _colour_bar(panels: list[Axes], mesh: Any) -> None:
    bar = mesh.axes.figure.colorbar(mesh, ax=panels, shrink=0.8, aspect=18)
    bar.set_label("correlation" if len(panels) > 1 else "difference", color=INK)
    bar.outline.set_visible(False)
    bar.ax.locator_params(nbins=4)
    bar.ax.tick_params(colors=INK, labelsize=SMALL)


def _label(ax: Axes, names: list[str], text: str) -> None:
    tidy(ax)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    title(ax, text)
    every = -(-len(names) // _MOST_NAMES)
    places = np.arange(0, len(names), every)
    shown = [names[place] for place in places]
    is_first = text == _TITLES[0]
    ax.set_xticks(places, shown, rotation=90 if max(map(len, shown)) > 2 else 0)
    ax.set_yticks(places, shown)
    ax.tick_params(length=0, labelleft=is_first)
