"""Do synthetic series help? The gain of every split, arm by arm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsgen.plots._style import (
    BLUE,
    INK,
    ORANGE,
    SMALL,
    check_parts,
    label_axes,
    one_axes,
    tidy,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tsgen.augmentation import HarmCheck

_PARTS = ("gains", "gain", "low", "high", "outcome", "scoring", "generator")


def plot_harm_check(check: HarmCheck, *, ax: Any = None) -> Axes:
    """Plot what synthetic series change, beside real ones and in their place.

    A row for each arm with synthetic series: small dots for the splits, the score less
    that of real series alone; a dot at the mean, and a line over its 95 % interval.
    Right of the dashed line synthetic series help.

    Parameters
    ----------
    check : HarmCheck
        Made by `harm_check`.
    ax : Axes or None, default=None
        Where to draw. None makes a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If `check` lacks a part, or `ax` is anything but Axes.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from tsgen import GaussianGenerator, harm_check
    >>> from tsgen.datasets import make_regimes
    >>> from tsgen.plots import plot_harm_check
    >>> X = make_regimes(60, noise=2.0, random_state=0)
    >>> options = {"estimator": KNeighborsClassifier(), "random_state": 0}
    >>> check = harm_check(GaussianGenerator(), X.data, X.target, **options)
    >>> ax = plot_harm_check(check)
    >>> ax.get_xlabel()
    'change of the score'
    """
    check_parts(check, "check", _PARTS, "HarmCheck", "harm_check")
    ax = one_axes(ax, 6.5, 2.6)
    tidy(ax)
    ax.grid(visible=False, axis="y")
    ax.axvline(0, color=INK, linewidth=1, linestyle="--", zorder=0)
    colours = {arm: (BLUE, ORANGE)[row] for row, arm in enumerate(check.gains)}
    for row, (arm, colour) in enumerate(colours.items()):
        _draw_arm(ax, row, check, arm, colour)
    ax.set_yticks(range(len(colours)), list(colours))
    ax.set_ylim(len(colours) - 0.5, -0.5)
    label_axes(ax, f"change of the {check.scoring.replace('_', ' ')}")
    title(ax, f"{check.generator}: {check.outcome}")
    return ax


def _draw_arm(ax: Axes, row: int, check: HarmCheck, arm: str, colour: str) -> None:
    """Draw the splits below a row, the mean and its interval on it."""
    gains = check.gains[arm]
    look: dict[str, Any] = {"color": colour, "clip_on": False}
    below = np.full(len(gains), row + 0.2)
    ax.plot(gains, below, "o", markersize=3, alpha=0.5, **look)
    ax.hlines(row, check.low[arm], check.high[arm], linewidth=2, **look)
    ax.plot(check.gain[arm], row, "o", markersize=7, **look)
    text = f"{check.gain[arm]:+.3g}".replace("-", "−")
    place = ax.get_yaxis_transform()  # x from 0 to 1, y in rows
    ax.text(1.02, row, text, transform=place, va="center", fontsize=SMALL, color=colour)
