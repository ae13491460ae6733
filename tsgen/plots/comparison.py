"""Generators beside each other: one panel a metric, one row a generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsgen.plots._channels import say
from tsgen.plots._style import (
    BLUE,
    GREY,
    INK,
    LARGE,
    SMALL,
    check_panels,
    check_parts,
    new_figure,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PARTS = ("generators", "metrics", "dummies", "mean", "low", "high", "floor", "best")
_COLUMNS = 3
_REACH = 2.0  # how far beyond the others a dummy may stretch the view, in their range
_KEY = (
    "dot, line: mean, interval",
    "dashed, shaded: floor (real against real)",
    "grey: dummies",
)


class _Panel(NamedTuple):
    """One metric; `mean`, `low`, `high` and `is_dummy` are (n_generators,)."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    is_dummy: np.ndarray
    floor: tuple[float, float, float] | None
    best: str | float


def plot_comparison(
    comparison: Any, *, metrics: Sequence[str] | None = None, axes: Any = None
) -> np.ndarray:
    """Plot the scores of several generators, one panel for each metric.

    A row for each generator, in the order of the comparison: a dot at the mean, a line
    over the interval, the mean in figures at the right. The dashed line is the floor,
    what real series score against real ones. Dummies are grey; where one is so far off
    that the others could not be told apart, a triangle at the edge stands for it.

    Parameters
    ----------
    comparison : Comparison
        With `generators`, `metrics` and `dummies`, names; `mean`, `low` and `high`,
        dict of metric to dict of generator to float, NaN where a generator failed;
        `floor`, dict of metric to (mean, low, high) or None; and `best`, dict of metric
        to "low", "high" or the value that is right.
    metrics : sequence of str or None, default=None
        Which metrics to show, by name. None means all.
    axes : array-like of Axes or None, default=None
        Where to draw, one for each metric. None makes a new figure.

    Returns
    -------
    ndarray of Axes of shape (n_shown,)
        Or of the shape of `axes`.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is nothing to show, a metric is not in the comparison, or there is not
        one of `axes` for each.
    TypeError
        If `comparison` lacks a part, `metrics` is one string, or `axes` holds anything
        else.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from tsgen.plots import plot_comparison
    >>> comparison = SimpleNamespace(
    ...     generators=["ours", "noise"],
    ...     metrics=["distance"],
    ...     dummies={"noise"},
    ...     mean={"distance": {"ours": 0.2, "noise": 0.9}},
    ...     low={"distance": {"ours": 0.1, "noise": 0.8}},
    ...     high={"distance": {"ours": 0.3, "noise": 1.0}},
    ...     floor={"distance": (0.1, 0.05, 0.15)},
    ...     best={"distance": "low"},
    ... )
    >>> (ax,) = plot_comparison(comparison)
    >>> ax.get_title(loc="left"), [text.get_text() for text in ax.get_yticklabels()]
    ('distance', ['ours', 'noise'])
    """
    metrics = _check_metrics(comparison, metrics)
    names = list(comparison.generators)
    own = axes is None
    n_panels = len(metrics)
    axes = _grid(n_panels, names) if own else check_panels(axes, n_panels)
    for ax, metric in zip(axes.flat, metrics, strict=True):
        panel = _panel(comparison, metric)
        _draw(ax, panel)
        _label(ax, names, panel, metric.replace("_", " "))
    if own:
        _name_rows_once(axes)
    return axes


def _panel(comparison: Any, metric: str) -> _Panel:
    names = comparison.generators
    parts = (comparison.mean, comparison.low, comparison.high)
    mean, low, high = (
        np.array([part[metric][name] for name in names], float) for part in parts
    )
    is_dummy = np.array([name in comparison.dummies for name in names])
    floor, best = comparison.floor[metric], comparison.best[metric]
    return _Panel(mean, low, high, is_dummy, floor, best)


def _grid(n_panels: int, names: list[str]) -> np.ndarray:
    """Make panels in rows of three, as one flat array; names have room at the left."""
    n_columns = min(n_panels, _COLUMNS)
    n_rows = -(-n_panels // n_columns)
    width = 0.4 + 0.085 * max(map(len, names), default=0) + 2.9 * n_columns
    figure = new_figure(width, 0.4 + n_rows * (1.0 + 0.26 * len(names)))
    key = ("\n" if n_columns == 1 else "    ").join(_KEY)
    figure.supxlabel(key, fontsize=SMALL, color=INK)
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for ax in axes[n_panels:]:
        ax.remove()
    return axes[:n_panels]


def _name_rows_once(axes: np.ndarray) -> None:
    for number, ax in enumerate(axes):
        ax.tick_params(labelleft=not number % _COLUMNS)


# one panel


def _draw(ax: Axes, panel: _Panel) -> None:
    tidy(ax)
    ax.grid(visible=False, axis="y")
    ax.grid(visible=True, axis="x", color="0.9", linewidth=0.6)
    limits = _view(panel)
    _draw_targets(ax, panel)
    for row, dummy in enumerate(panel.is_dummy):
        _draw_row(ax, row, panel, GREY if dummy else BLUE, limits)
    ax.set_xlim(limits)
    ax.set_ylim(len(panel.mean) - 0.4, -0.6)
    ax.locator_params(axis="x", nbins=4)


def _draw_targets(ax: Axes, panel: _Panel) -> None:
    """Draw the floor, and the value that is right where that is a number."""
    if panel.floor is not None:
        mean, low, high = panel.floor
        ax.axvspan(low, high, color="0.9", linewidth=0, zorder=0)
        ax.axvline(mean, color=INK, linewidth=1, linestyle="--", zorder=1)
    if not isinstance(panel.best, str):
        ax.axvline(panel.best, color=INK, linewidth=1, linestyle=":", zorder=1)


def _draw_row(
    ax: Axes, row: int, panel: _Panel, colour: str, limits: tuple[float, float]
) -> None:
    """Draw a dot, its interval and its figure; a triangle if the dot is out of view."""
    mean, low, high = panel.mean[row], panel.low[row], panel.high[row]
    if np.isfinite(mean):
        marker = ">" if mean > limits[1] else "<" if mean < limits[0] else "o"
        ax.hlines(row, low, high, color=colour, linewidth=2, alpha=0.6)
        dot: dict[str, Any] = {"color": colour, "markersize": 6, "clip_on": False}
        ax.plot(np.clip(mean, *limits), row, marker, zorder=3, **dot)
    look: dict[str, Any] = {"va": "center", "fontsize": SMALL, "color": colour}
    place = ax.get_yaxis_transform()  # x from 0 to 1, y in rows
    ax.text(1.05, row, _figure(mean), transform=place, **look)


def _figure(mean: float) -> str:
    """Three digits of a mean, or what became of it."""
    if not np.isfinite(mean):
        return "failed"
    return f"{mean:#.3g}".rstrip(".").replace("-", "−")


def _label(ax: Axes, names: list[str], panel: _Panel, text: str) -> None:
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0)
    for tick, dummy in zip(ax.get_yticklabels(), panel.is_dummy, strict=True):
        tick.set_color(GREY if dummy else INK)
    ax.set_title(text, loc="left", fontsize=LARGE, pad=18)
    say(ax, _direction(panel.best), 0, 1.02, color=GREY, va="bottom")


def _direction(best: str | float) -> str:
    if best == "low":
        return "← lower is better"
    return "higher is better →" if best == "high" else f"{best:g} is right"


# what is in view


def _view(panel: _Panel) -> tuple[float, float]:
    """Limits that hold everything, dummies only if they are not too far off."""
    lasting = ~panel.is_dummy & np.isfinite(panel.mean)
    everything = _values(panel, np.ones_like(lasting))
    inner = _values(panel, lasting) if lasting.any() else everything
    if not len(inner):
        return 0.0, 1.0
    reach = _REACH * np.ptp(inner) or np.inf
    near = (everything >= inner.min() - reach) & (everything <= inner.max() + reach)
    low, high = everything[near].min(), everything[near].max()
    margin = 0.06 * (high - low) or 0.1 * abs(low) or 0.1
    return low - margin, high + margin


def _values(panel: _Panel, rows: np.ndarray) -> np.ndarray:
    """All known values of these rows, of the floor, and of what is right."""
    values = [panel.mean[rows], panel.low[rows], panel.high[rows], panel.floor or ()]
    if not isinstance(panel.best, str):
        values.append([panel.best])
    known = np.concatenate([np.ravel(part) for part in values])
    return known[np.isfinite(known)]


# checks


def _check_metrics(comparison: Any, metrics: Sequence[str] | None) -> list[str]:
    check_parts(comparison, "comparison", _PARTS, "Comparison", "tsgen.compare")
    if isinstance(metrics, str):
        raise TypeError(
            f'metrics must be a list of names, got one string. Write ["{metrics}"].'
        )
    known = list(comparison.metrics)
    metrics = known if metrics is None else list(metrics)
    unknown = [metric for metric in metrics if metric not in known]
    if unknown or not metrics:
        came = ", ".join(map(str, unknown)) or "none"
        raise ValueError(
            f"metrics must name one or more of {', '.join(known)}, got {came}. Leave "
            "metrics out to show all."
        )
    return metrics
