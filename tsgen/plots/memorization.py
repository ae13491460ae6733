"""Do synthetic series repeat those of the training? A report in two panels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tsgen.memorization.ratios import mirrored_ratio
from tsgen.plots._style import (
    BLUE,
    INK,
    ORANGE,
    SMALL,
    check_panels,
    check_parts,
    label_axes,
    new_figure,
    tidy,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tsgen.memorization import MemorizationReport

_PARTS = ("distance_to_train", "distance_to_holdout", "suspects", "copy_threshold")
_WIDEST = 4.0  # largest ratio in view, in multiples of what it is around
_N_BINS = 40


def plot_memorization_report(
    report: MemorizationReport, *, axes: Any = None
) -> np.ndarray:
    """Plot in two panels whether synthetic series are near to those of the training.

    Left, the distance of each synthetic series to the nearest training series and to
    the nearest unseen one: points on the line are as near to both, and suspects, left
    of the threshold, are orange. Right, how the ratio of both distances is spread; the
    outline shows the ratios with training and unseen series exchanged: what to expect
    if nothing is memorised.

    Parameters
    ----------
    report : MemorizationReport
        Made by `memorization_report`.
    axes : array-like of Axes or None, default=None
        Where to draw, one for each panel. None makes a new figure.

    Returns
    -------
    ndarray of Axes of shape (2,)
        Distances, ratios. Or of the shape of `axes`.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there are not two `axes`.
    TypeError
        If `report` lacks a part, or `axes` holds anything but Axes.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.memorization import memorization_report
    >>> from tsgen.plots.memorization import plot_memorization_report
    >>> X_train, X_holdout, X = np.random.default_rng(0).normal(size=(3, 50, 6))
    >>> report = memorization_report(X, X_train, X_holdout, random_state=0)
    >>> axes = plot_memorization_report(report)
    >>> axes[0].get_xlabel()
    'distance to the nearest training series'
    """
    check_parts(report, "report", _PARTS, "MemorizationReport", "memorization_report")
    axes = _row() if axes is None else check_panels(axes, 2)
    for ax in axes.flat:
        tidy(ax)
    _draw_distances(axes.flat[0], report)
    _draw_ratios(axes.flat[1], report)
    return axes


def _row() -> np.ndarray:
    axes = new_figure(9.5, 4).subplots(1, 2, width_ratios=(1, 1.15))
    axes[0].figure.get_layout_engine().set(wspace=0.06)
    return axes


# distances


def _draw_distances(ax: Axes, report: MemorizationReport) -> None:
    """Draw a point for each synthetic series, suspects in front."""
    near, far = report.distance_to_train, report.distance_to_holdout
    end = 1.06 * float(max(near.max(), far.max())) or 1.0
    _draw_copy_region(ax, report.copy_threshold, end)
    suspect = _suspects(report)
    size = float(np.clip(4000 / len(near), 5, 20))
    look: dict[str, Any] = {"s": size, "linewidth": 0, "clip_on": False}
    ax.scatter(near[~suspect], far[~suspect], color=BLUE, alpha=0.45, **look)
    look |= {"color": ORANGE, "alpha": 0.9, "zorder": 3}
    ax.scatter(near[suspect], far[suspect], label="suspects", **look)
    ax.set(xlim=(0, end), ylim=(0, end), aspect="equal")
    ax.locator_params(nbins=5)
    ax.grid(axis="x", color="0.9", linewidth=0.6)
    label_axes(
        ax, "distance to the nearest training series", "distance to the nearest unseen"
    )
    title(ax, "Distances of each synthetic series")


def _draw_copy_region(ax: Axes, threshold: float, end: float) -> None:
    """Shade where distances are in a ratio below the threshold; mark the diagonal."""
    look: dict[str, Any] = {"color": ORANGE, "alpha": 0.1, "linewidth": 0}
    ax.fill([0, threshold * end, 0], [0, end, end], **look)
    ax.plot([0, end], [0, end], color=INK, linewidth=0.8, linestyle=":")
    look = {"color": INK, "fontsize": SMALL, "rotation": 45, "va": "top"}
    ax.text(0.07 * end, 0.05 * end, "as near to both", rotation_mode="anchor", **look)


def _suspects(report: MemorizationReport) -> np.ndarray:
    """Tell which synthetic series are suspects, (n_synthetic,) of bool."""
    chosen = np.zeros(len(report.distance_to_train), dtype=bool)
    chosen[report.suspects] = True
    return chosen


# ratios


def _draw_ratios(ax: Axes, report: MemorizationReport) -> None:
    """Draw a histogram of the ratios, and the outline of the mirrored ones."""
    ratio, suspect = report.nearest_ratio, _suspects(report)
    mirrored = mirrored_ratio(ratio, report.ratio_centre)
    edges, share = _edges(ratio, report.ratio_centre), 100 * report.copy_share
    names = [f"{suspect.sum():,} suspects", "other synthetic series"]
    look: dict[str, Any] = {"color": [ORANGE, BLUE], "alpha": 0.8, "linewidth": 0}
    parts = [ratio[suspect], ratio[~suspect]]
    ax.hist(parts, edges.tolist(), stacked=True, label=names, **look)
    look = {"color": INK, "linewidth": 1.2, "baseline": None}
    counts, _ = np.histogram(mirrored, edges)
    ax.stairs(counts, edges, label="both sets exchanged", **look)
    ax.set_xlim(edges[0], edges[-1])
    ax.locator_params(nbins=6)
    label_axes(ax, "distance to training over distance to unseen", "synthetic series")
    title(ax, f"Near-copies {share:.1f} %, test p = {report.p_value:.2g}")
    ax.legend(frameon=False, fontsize=SMALL, handlelength=1.4)


def _edges(ratio: np.ndarray, centre: float) -> np.ndarray:
    """Edges of bins from the smallest ratio to where hardly any is larger."""
    view = np.quantile(ratio, [0, 0.995], method="inverted_cdf")
    low, high = np.clip(view, 0, [centre, _WIDEST * centre])
    reach = max(high, centre**2 / max(low, 0.6 * centre))
    margin = 0.03 * (reach - low) or 0.1 * centre
    return np.linspace(max(low - margin, 0), reach + margin, _N_BINS + 1)
