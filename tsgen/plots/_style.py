"""What all pictures share: colours, figures without pyplot, Axes that come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE = "#2a5d8c"
ORANGE = "#c4552d"
GREEN = "#4d8b57"
PURPLE = "#7d5ba6"
GOLD = "#b8902f"
TEAL = "#3a9aa3"
GREY = "#777777"
INK = "#444444"
SMALL = 9
LARGE = 11


def new_figure(width: float, height: float) -> Figure:
    """Make a figure that no window shows; the size is in inches."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise ImportError(
            "Plots need matplotlib, which is not installed. Install it with: "
            'pip install "tsgen-latent[plot]"'
        ) from error
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08)  # inches
    return Figure(figsize=(width, height), layout=layout)


def one_axes(ax: Any, width: float, height: float) -> Axes:
    """Return the Axes that came, or those of a new figure."""
    return new_figure(width, height).subplots() if ax is None else check_ax(ax, "ax")


def check_ax(ax: Any, name: str) -> Axes:
    """Refuse anything but matplotlib Axes."""
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        raise TypeError(
            f"{name} must be matplotlib Axes, got {type(ax).__name__}. Make them with "
            "plt.subplots()."
        )
    return ax


def check_parts(
    value: Any, name: str, parts: tuple[str, ...], kind: str, cure: str
) -> None:
    """Refuse a result that lacks a part of what is drawn."""
    missing = [part for part in parts if not hasattr(value, part)]
    if missing:
        raise TypeError(
            f"{name} must be a {kind}, got {type(value).__name__} without "
            f"{', '.join(missing)}. Make it with {cure}."
        )


def check_panels(axes: Any, n_panels: int) -> np.ndarray:
    """Return Axes that came as an array, if there are as many as panels."""
    axes = np.asarray(axes, dtype=object)
    if axes.size != n_panels:
        raise ValueError(
            f"axes must hold one Axes for each of {n_panels} panels, got {axes.size}. "
            f"Make them with plt.subplots(1, {n_panels}, squeeze=False)."
        )
    for ax in axes.flat:
        check_ax(ax, "axes")
    return axes


def tidy(ax: Axes) -> None:
    """Thin the frame, the grid and the ticks."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(INK)
    ax.tick_params(colors=INK, labelsize=SMALL)
    ax.grid(axis="y", color="0.9", linewidth=0.6)
    ax.set_axisbelow(True)


def title(ax: Axes, text: str) -> None:
    """Write a title at the left."""
    ax.set_title(text, loc="left", fontsize=LARGE)


def label_axes(ax: Axes, x: str = "", y: str = "") -> None:
    """Write the names of both axes."""
    ax.set_xlabel(x, color=INK)
    ax.set_ylabel(y, color=INK)


def count_axis(ax: Axes, last: int) -> None:
    """Let x run over 1, 2 ... `last`, such as steps, with room for a bar at each."""
    ax.set_xlim(0.4, 1.003 * last + 0.6)
    ax.locator_params(axis="x", integer=True, min_n_ticks=1)
