"""Shares of a step: bars, the view they are seen in, and what leaves the view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsgen._validation import check_count
from tsgen.plots._style import BLUE, INK, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tsgen.inspection.dependency import Dependency

LOWEST, HIGHEST = -0.5, 1.5
NAMES = ("global (latent)", "first order (step before)")
COLOURS = (BLUE, ORANGE)
_LONG = 80  # steps from which two bars beside each other are too thin to see


class Share(NamedTuple):
    """Shares of one order; `middle`, `low` and `high` are (n_timesteps,)."""

    order: int
    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray


def single(dependency: Dependency, series: int) -> list[Share]:
    """Shares of one series, which have no spread."""
    values = [shares[series] for shares in both_orders(dependency)]
    return [Share(order, row, row, row) for order, row in enumerate(values)]


def averaged(dependency: Dependency) -> list[Share]:
    """Mean and one standard deviation over series."""
    found = []
    for order in range(len(both_orders(dependency))):
        mean, std = dependency.mean(order), dependency.std(order)
        found.append(Share(order, mean, mean - std, mean + std))
    return found


def quartiles(dependency: Dependency) -> list[Share]:
    """Median and quartiles over series."""
    found = []
    for order, shares in enumerate(both_orders(dependency)):
        low, middle, high = _quantiles(shares, [0.25, 0.5, 0.75])
        found.append(Share(order, middle, low, high))
    return found


def both_orders(dependency: Dependency) -> list[np.ndarray]:
    """Global and first-order dependency, or the former if it alone was measured."""
    return [
        dependency.global_,
        *([dependency.local(1)] if dependency.max_order else []),
    ]


def _quantiles(values: np.ndarray, q: list[float]) -> np.ndarray:
    """Quantiles over series (len(q), n_timesteps), NaN where no series has a value."""
    known = np.isfinite(values).any(axis=0)
    found = np.full((len(q), values.shape[1]), np.nan)
    if known.any():
        found[:, known] = np.nanquantile(values[:, known], q, axis=0)
    return found


def view(shares: list[Share]) -> tuple[float, float]:
    """Limits that hold 0, 1 and all shares, but nothing beyond -0.5 and 1.5."""
    ends = np.concatenate([[0.0, 1.0], *([s.low, s.high] for s in shares)], axis=None)
    ends = ends[np.isfinite(ends)]
    low, high = ends.min(), ends.max()
    margin = 0.04 * (high - low)
    return max(LOWEST, low - margin * (low < 0)), min(HIGHEST, high + margin)


def draw_bars(ax: Axes, shares: list[Share], limits: tuple[float, float]) -> list[Any]:
    """Bars of each order beside each other; return what a legend should list.

    Long series have bars over each other, the smaller in front.
    """
    ax.set_ylim(limits)
    handles, cut = [], []
    for share in shares:
        width, offset = _place(share.order, len(shares), len(share.middle))
        steps = np.arange(1, len(share.middle) + 1) + offset
        handles.append(_draw_order(ax, share, steps, width))
        cut += _mark_cut(ax, share, steps)
    ax.axhline(0, color=INK, linewidth=0.8, zorder=3)
    return handles + cut[:1]


def _place(order: int, n_orders: int, n_timesteps: int) -> tuple[float, float]:
    """Width of a bar and its offset from the step."""
    if n_timesteps >= _LONG:
        return 1.0, 0.0
    return (0.7, 0.0) if n_orders == 1 else (0.4, 0.4 * (order - 0.5))


def _draw_order(ax: Axes, share: Share, steps: np.ndarray, width: float) -> Any:
    is_long = len(steps) >= _LONG
    look: dict[str, Any] = {"color": COLOURS[share.order], "label": NAMES[share.order]}
    look |= {"antialiased": not is_long, "snap": not is_long}
    if not np.array_equal(share.low, share.high, equal_nan=True):
        ink, thick = (COLOURS[share.order], 0.5) if is_long else (INK, 1.0)
        look["yerr"] = share.high - share.middle
        look["error_kw"] = {"elinewidth": thick, "ecolor": ink, "alpha": 0.8}
    bars = ax.bar(steps, share.middle, width, linewidth=0, **look)
    for bar, size in zip(bars, np.nan_to_num(np.abs(share.middle)), strict=True):
        bar.set_zorder(1 + 0.5 / (1 + size))
    return bars


def _mark_cut(ax: Axes, share: Share, steps: np.ndarray) -> list[Any]:
    """Triangles at the edge of the view, where a share goes on beyond it."""
    low, high = ax.get_ylim()
    beyond = ((share.high > high, high, "^"), (share.low < low, low, "v"))
    look: dict[str, Any] = {"color": INK, "clip_on": False, "markersize": 4}
    look |= {"linestyle": "none", "zorder": 5, "label": "beyond the view"}
    return [
        ax.plot(steps[cut], np.full(cut.sum(), edge), marker=marker, **look)[0]
        for cut, edge, marker in beyond
        if cut.any()
    ]


def check_dependency(dependency: Any, name: str = "dependency") -> None:
    """Refuse what has no shares."""
    if not all(hasattr(dependency, a) for a in ("global_", "local", "max_order")):
        raise TypeError(
            f"{name} must be a Dependency, got {type(dependency).__name__}. Measure it "
            "with `dependency` of a fitted generator, or tsgen.inspection."
            "dependency_measure."
        )


def check_one_series(series: Any, n_series: int) -> int:
    """Check the position of a series."""
    series = check_count(series, "series")
    if series >= n_series:
        raise ValueError(
            f"series must be a position from 0 to {n_series - 1}, got {series}. Leave "
            "it out to average over all series."
        )
    return series
