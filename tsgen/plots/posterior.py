"""Is the latent used? A posterior report in three panels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tsgen.plots import _shares
from tsgen.plots._style import (
    BLUE,
    INK,
    SMALL,
    check_panels,
    check_parts,
    count_axis,
    label_axes,
    new_figure,
    tidy,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tsgen.inspection.dependency import Dependency
    from tsgen.inspection.posterior import PosteriorReport

_PARTS = ("dependency", "shuffled", "kl", "log_likelihood")
_LEAST_WIDTH = 0.1  # nats: differences much below this are noise, and should look so


def plot_posterior_report(report: PosteriorReport, *, axes: Any = None) -> np.ndarray:
    """Plot in three panels whether the decoder uses the latent.

    What each step relies on, as medians with the quartiles shaded, for series in order
    and shuffled; how far the posterior is from the prior, dimension by dimension; and
    how likely series are with their own latent, that of another series, and noise.

    Parameters
    ----------
    report : PosteriorReport
        With `dependency` and `shuffled`, both a Dependency; `kl`, nats per dimension of
        the latent; and `log_likelihood`, nats per entry for each choice of latent.
    axes : array-like of Axes or None, default=None
        Where to draw, one for each panel. None makes a new figure.

    Returns
    -------
    ndarray of Axes of shape (3,)
        Dependency, divergence, likelihood. Or of the shape of `axes`.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there are not three `axes`.
    TypeError
        If `report` lacks a part, or `axes` holds anything but Axes.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import numpy as np
    >>> from tsgen.inspection import Dependency
    >>> from tsgen.plots import plot_posterior_report
    >>> shares = np.array([[1.0, 0.25]]), np.array([[[np.nan], [0.75]]])
    >>> dependency = Dependency(*shares, np.zeros((1, 2)))
    >>> report = SimpleNamespace(
    ...     dependency=dependency,
    ...     shuffled=dependency,
    ...     kl=np.array([0.1, 2.0]),
    ...     log_likelihood={"own": -0.9, "permuted": -1.3, "noise": -1.4},
    ... )
    >>> axes = plot_posterior_report(report)
    >>> [float(bar.get_height()) for bar in axes[1].patches]
    [2.0, 0.1]
    """
    _check_report(report)
    axes = _row() if axes is None else check_panels(axes, 3)
    for ax in axes.flat:
        tidy(ax)
    _draw_dependencies(axes.flat[0], report.dependency, report.shuffled)
    _draw_divergence(axes.flat[1], np.asarray(report.kl, dtype=float))
    _draw_likelihoods(axes.flat[2], report.log_likelihood)
    return axes


def _row() -> np.ndarray:
    axes = new_figure(11, 3.4).subplots(1, 3, width_ratios=(2.2, 1.3, 1.2))
    axes[0].figure.get_layout_engine().set(wspace=0.06)
    return axes


def _draw_dependencies(ax: Axes, ordered: Dependency, shuffled: Dependency) -> None:
    sides = {
        "series in order": _shares.quartiles(ordered),
        "shuffled": _shares.quartiles(shuffled),
    }
    for number, (name, shares) in enumerate(sides.items()):
        for share in shares:
            _draw_band(ax, share, ("-", (0, (3, 1.5)))[number], name)
    everything = [share for shares in sides.values() for share in shares]
    count_axis(ax, max(len(share.middle) for share in everything))
    ax.set_ylim(_shares.view(everything))
    ax.locator_params(axis="y", nbins=5)
    label_axes(ax, "step", "share, median and quartiles")
    title(ax, "What a step relies on")
    _legend_below(ax)


def _draw_band(ax: Axes, share: _shares.Share, style: Any, side: str) -> None:
    steps = np.arange(1, len(share.middle) + 1)
    colour = _shares.COLOURS[share.order]
    name = f"{('global', 'first order')[share.order]}, {side}"
    marker = "o" if len(steps) <= 12 else None
    look: dict[str, Any] = {"linestyle": style, "marker": marker, "markersize": 3}
    ax.fill_between(steps, share.low, share.high, color=colour, alpha=0.14, linewidth=0)
    ax.plot(steps, share.middle, color=colour, linewidth=1.5, label=name, **look)


def _legend_below(ax: Axes) -> None:
    look: dict[str, Any] = {"frameon": False, "fontsize": SMALL, "handlelength": 2.6}
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, **look)


def _draw_divergence(ax: Axes, kl: np.ndarray) -> None:
    """Bars from the largest to the smallest; no more than noise looks like nothing."""
    kl = -np.sort(-kl)
    width, smooth = (0.8, True) if len(kl) <= 40 else (1.0, False)
    look: dict[str, Any] = {"color": BLUE, "linewidth": 0, "antialiased": smooth}
    ax.bar(np.arange(1, len(kl) + 1), kl, width, snap=smooth, **look)
    count_axis(ax, len(kl))
    ax.set_ylim(0, max(_LEAST_WIDTH, 1.05 * np.nanmax(kl, initial=0.0)))
    ax.locator_params(axis="y", nbins=5)
    label_axes(ax, "latent dimension, sorted", "nats")
    title(ax, f"KL to the prior, sum {np.nansum(kl):.3g}")


def _draw_likelihoods(ax: Axes, likelihoods: Mapping[str, float]) -> None:
    """Draw a point for each latent, and how far it falls behind the first one."""
    values = np.array([float(value) for value in likelihoods.values()])
    rows = np.arange(len(values))
    ax.hlines(rows, values[0], values, color=BLUE, linewidth=1.4, alpha=0.5)
    ax.axvline(values[0], color=INK, linewidth=0.8, linestyle=":")
    ax.plot(values, rows, "o", color=BLUE, markersize=7)
    names = [
        f"{name}\n{value:.3f}".replace("-", "−") for name, value in likelihoods.items()
    ]
    ax.set_yticks(rows, names)
    ax.set_ylim(len(values) - 0.4, -0.6)
    ax.set_xlim(_width(values))
    ax.locator_params(axis="x", nbins=4)
    label_axes(ax, "nats per entry")
    title(ax, "Log-likelihood by latent")


def _width(values: np.ndarray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return -1.0, 0.0
    middle = (known.min() + known.max()) / 2
    half = 0.6 * max(np.ptp(known), _LEAST_WIDTH)
    return middle - half, middle + half


def _check_report(report: Any) -> None:
    cure = "`posterior_report` of a fitted generator"
    check_parts(report, "report", _PARTS, "PosteriorReport", cure)
    _shares.check_dependency(report.dependency, "report.dependency")
    _shares.check_dependency(report.shuffled, "report.shuffled")
