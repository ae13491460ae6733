"""Channels: which are shown, under which names, and in which panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsgen._validation import check_count
from tsgen.plots._style import SMALL, check_panels, label_axes, new_figure, tidy, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 30  # panels that are drawn without being asked for
_COLUMNS = 4


def check_channels(
    channels: Sequence[int] | None, n_channels: int, most: int = MOST
) -> list[int]:
    """Return positions of channels, by default the first `most` of them."""
    if channels is None:
        return list(range(min(n_channels, most)))
    channels = [check_count(channel, "channels") for channel in channels]
    if not channels or max(channels) >= n_channels:
        raise ValueError(
            f"channels must be one or more positions from 0 to {n_channels - 1}, got "
            f"{channels}."
        )
    return channels


def check_names(names: Sequence[str] | None, n_channels: int) -> list[str]:
    """Return the names of all channels, by default "channel 0" and so on."""
    if names is None:
        return [f"channel {channel}" for channel in range(n_channels)]
    if len(names) != n_channels:
        raise ValueError(
            f"channel_names must name all {n_channels} channels, got {len(names)} "
            "names. Choose what is shown with channels=."
        )
    return list(names)


def side_labels(sides: Sequence[list[np.ndarray]]) -> list[str]:
    """Say for the legend which side is real, and how many series each has."""
    counts = [sum(len(part) for part in parts) for parts in sides]
    return [f"real, {counts[0]:,} series", f"synthetic, {counts[1]:,} series"]


def panels(axes: Any, names: list[str], x: str, y: str) -> np.ndarray:
    """Return one panel for each name, of those that came or of a new figure."""
    own = axes is None
    axes = _grid(len(names)) if own else check_panels(axes, len(names))
    for ax, name in zip(axes.flat, names, strict=True):
        tidy(ax)
        title(ax, name)
        label_axes(ax, x, y)
    if own:
        _label_outside(axes)
    return axes


def legend(axes: np.ndarray, own: bool, **look: Any) -> Any:
    """One for all panels: under a figure made here, in the first panel of another."""
    look = {"frameon": False, "fontsize": SMALL, **look}
    first = axes.flat[0]
    if own:
        entries = first.get_legend_handles_labels()
        return _legend_below(first.figure, entries, **look)
    return first.legend(loc="upper right", **look)


def _legend_below(
    figure: Any, entries: tuple[list[Any], list[str]], **look: Any
) -> Any:
    """Put a legend under a figure, in as many columns as its width has room for."""
    for n_columns in range(len(entries[0]), 0, -1):
        place: dict[str, Any] = {"loc": "outside lower center", "ncols": n_columns}
        made = figure.legend(*entries, **place, **look)
        if n_columns == 1 or made.get_window_extent().width <= figure.bbox.width:
            return made
        made.remove()
    return None


def _grid(n_panels: int) -> np.ndarray:
    """Make panels in rows of four, as one flat array."""
    n_columns = min(n_panels, _COLUMNS)
    n_rows = -(-n_panels // n_columns)
    width, height = (5.0, 2.9) if n_panels == 1 else (2.6 * n_columns, 1.85 * n_rows)
    figure = new_figure(width, 0.65 + height)
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for ax in axes[n_panels:]:
        ax.remove()
    return axes[:n_panels]


def _label_outside(axes: np.ndarray) -> None:
    """Keep the names of x under the lowest panels, and those of y at the left."""
    for number, ax in enumerate(axes):
        if number + _COLUMNS < len(axes):
            ax.set_xlabel("")
        if number % _COLUMNS:
            ax.set_ylabel("")


def say(ax: Axes, text: str, x: float, y: float, **look: Any) -> None:
    """Write a small text in a panel; x and y run from 0 to 1."""
    look = {"fontsize": SMALL, "va": "top", **look}
    ax.text(x, y, text, transform=ax.transAxes, **look)
