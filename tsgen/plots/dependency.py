"""What each step relies on: shares of the latent and of the steps before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tsgen._validation import as_series, check_count
from tsgen.plots import _shares
from tsgen.plots._style import (
    GREY,
    INK,
    SMALL,
    check_panels,
    count_axis,
    label_axes,
    new_figure,
    one_axes,
    tidy,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tsgen.inspection.dependency import Dependency


def plot_dependency(
    dependency: Dependency,
    *,
    series: int | None = None,
    X: ArrayLike | None = None,
    channel: int = 0,
    ax: Any = None,
    label: str | None = None,
) -> Axes:
    """Plot global and first-order dependency at each step, of one series or of all.

    The view ends at -0.5 and 1.5 at the latest, since single series may have very large
    shares; triangles at its edge mark what goes on. Bars of 80 steps or more lie over
    each other, the smaller in front.

    Parameters
    ----------
    dependency : Dependency
        Only the global bars are drawn if its `max_order` is 0.
    series : int or None, default=None
        Position of one series. None shows the mean over all of them, with error bars of
        one standard deviation.
    X : array-like of shape (n_series, n_timesteps, n_channels) or None, default=None
        The series that were measured, or (n_series, n_timesteps): the curve of `series`
        is drawn over the bars, in grey and with an axis of its own at the right.
    channel : int, default=0
        Which channel of `X` to show, by position.
    ax : Axes or None, default=None
        Where to draw. None makes a new figure.
    label : str or None, default=None
        Title of the panel. None says which series it is, or how many.

    Returns
    -------
    Axes
        The one with the bars.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is no such series or channel, or `X` is not what was measured.
    TypeError
        If `dependency`, `series`, `channel` or `ax` has another type.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.inspection import Dependency
    >>> from tsgen.plots import plot_dependency
    >>> shares = np.array([[1.0, 0.25]]), np.array([[[np.nan], [0.75]]])
    >>> ax = plot_dependency(Dependency(*shares, np.zeros((1, 2))), series=0)
    >>> [float(bar.get_height()) for bar in ax.patches][:2]
    [1.0, 0.25]
    """
    shares = _chosen(dependency, series)
    curve = None if X is None else _check_curve(X, channel, series, dependency)
    ax = one_axes(ax, 7.5, 3)
    handles = _draw_panel(ax, shares, _shares.view(shares))
    _describe(ax, dependency, series, label)
    if curve is not None:
        handles += _draw_curve(ax, curve, f"series {series}, channel {channel}")
    _legend_above(ax, handles)
    return ax


def plot_dependencies(
    dependencies: Mapping[str, Dependency], *, axes: Any = None
) -> np.ndarray:
    """Plot several dependencies beside each other, each averaged over its series.

    Ordered series beside shuffled ones, or one generator beside another. All panels
    have the same limits of y; the bars are those of `plot_dependency`.

    Parameters
    ----------
    dependencies : dict of str to Dependency
        Title of each panel, and what it shows.
    axes : array-like of Axes or None, default=None
        Where to draw, one for each panel, in rows. None makes a new figure, of two
        columns if the number of panels is even and of one otherwise.

    Returns
    -------
    ndarray of Axes of shape (n_rows, n_columns)
        Or of the shape of `axes`.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is nothing to show, or not one of `axes` for each panel.
    TypeError
        If `dependencies` is not a dict of Dependency, or `axes` holds anything else.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.inspection import Dependency
    >>> from tsgen.plots import plot_dependencies
    >>> shares = np.array([[1.0, 0.25]]), np.array([[[np.nan], [0.75]]])
    >>> dependency = Dependency(*shares, np.zeros((1, 2)))
    >>> plot_dependencies({"ordered": dependency, "shuffled": dependency}).shape
    (1, 2)
    """
    _check_named(dependencies)
    panels = {name: _shares.averaged(d) for name, d in dependencies.items()}
    own = axes is None
    axes = _grid(len(panels)) if own else check_panels(axes, len(panels))
    limits = _shares.view([share for shares in panels.values() for share in shares])
    handles: dict[str, Any] = {}
    for ax, (name, shares) in zip(axes.flat, panels.items(), strict=True):
        for handle in _draw_panel(ax, shares, limits):
            handles.setdefault(handle.get_label(), handle)
        title(ax, name)
    _label_outside(axes) if own else _label_all(axes)
    _legend_once(axes, list(handles.values()), own)
    return axes


def plot_dependency_table(
    dependency: Dependency, *, series: int | None = None, ax: Any = None
) -> Axes:
    """Plot the full table of dependencies as a heat map.

    Each row is a step, each column what it relies on: z is the latent, a number the
    observation at that step. The colours end at shares of -1.5 and 1.5 at most.

    Parameters
    ----------
    dependency : Dependency
        Measured with ``max_order="all"``.
    series : int or None, default=None
        Position of one series. None shows the mean over all of them.
    ax : Axes or None, default=None
        Where to draw. None makes a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is no such series, or not all orders were measured.
    TypeError
        If `dependency`, `series` or `ax` has another type.

    Examples
    --------
    >>> import numpy as np
    >>> from tsgen.inspection import Dependency
    >>> from tsgen.plots import plot_dependency_table
    >>> shares = np.array([[1.0, 0.25]]), np.array([[[np.nan], [0.75]]])
    >>> ax = plot_dependency_table(Dependency(*shares, np.zeros((1, 2))))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('relies on', 'step')
    """
    _shares.check_dependency(dependency)
    table = np.ma.masked_invalid(dependency.m)
    if series is None:
        table = table.mean(axis=0)
    else:
        table = table[_shares.check_one_series(series, len(table))]
    ax = one_axes(ax, 5.4, 4.4)
    width = max(1.0, len(table) / 40)  # of the column of the latent
    _draw_table(ax, table, width)
    _label_table(ax, len(table), width)
    title(ax, _which(dependency, series))
    return ax


def _chosen(dependency: Dependency, series: int | None) -> list[_shares.Share]:
    _shares.check_dependency(dependency)
    if series is None:
        return _shares.averaged(dependency)
    series = _shares.check_one_series(series, len(dependency.global_))
    return _shares.single(dependency, series)


def _which(dependency: Dependency, series: int | None) -> str:
    n_series = len(dependency.global_)
    return f"mean of {n_series:,} series" if series is None else f"series {series}"


# bars


def _draw_panel(
    ax: Axes, shares: list[_shares.Share], limits: tuple[float, float]
) -> list[Any]:
    """Draw the bars on an axis of steps; return what a legend should list."""
    tidy(ax)
    ax.locator_params(axis="y", nbins=5)
    count_axis(ax, len(shares[0].middle))
    return _shares.draw_bars(ax, shares, limits)


def _describe(
    ax: Axes, dependency: Dependency, series: int | None, label: str | None
) -> None:
    title(ax, _which(dependency, series) if label is None else label)
    label_axes(ax, "step", "share" if series is not None else "share, mean ± sd")


def _draw_curve(ax: Axes, curve: np.ndarray, name: str) -> list[Any]:
    """One channel of the series over the bars, readable on any colour."""
    from matplotlib.patheffects import Normal, Stroke

    twin = ax.twinx()
    tidy(twin)
    twin.grid(visible=False)
    twin.spines["left"].set_visible(False)
    twin.spines["right"].set(visible=True, color=GREY)
    twin.tick_params(colors=GREY, labelsize=SMALL)
    twin.set_ylabel(name, color=GREY)
    twin.locator_params(axis="y", nbins=5)
    halo = [Stroke(linewidth=3.5, foreground="white"), Normal()]
    look: dict[str, Any] = {"color": GREY, "linewidth": 1.6, "path_effects": halo}
    steps = np.arange(1, len(curve) + 1)
    return twin.plot(steps, curve, label="series", **look)


def _legend_above(ax: Axes, handles: list[Any]) -> None:
    place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0)}
    ax.legend(
        handles=handles, ncols=len(handles), borderaxespad=0.2, **place, **_LEGEND
    )


def _legend_once(axes: np.ndarray, handles: list[Any], own: bool) -> None:
    """One for all panels: under a figure made here, in the first panel of another."""
    if own:
        figure, n_columns = axes.flat[0].figure, len(handles)
        figure.legend(
            handles=handles, loc="outside lower center", ncols=n_columns, **_LEGEND
        )
    else:
        axes.flat[0].legend(handles=handles, loc="upper right", fontsize=SMALL)


_LEGEND: dict[str, Any] = {
    "frameon": False,
    "fontsize": SMALL,
    "handlelength": 1.2,
    "columnspacing": 1.2,
}


# several panels


def _grid(n_panels: int) -> np.ndarray:
    n_columns = 2 - n_panels % 2
    n_rows = n_panels // n_columns
    figure = new_figure((7.5, 9)[n_columns - 1], 0.5 + 2.3 * n_rows)
    return figure.subplots(n_rows, n_columns, squeeze=False)


def _label_all(axes: np.ndarray) -> None:
    for ax in axes.flat:
        label_axes(ax, "step", "share, mean ± sd")


def _label_outside(axes: np.ndarray) -> None:
    _label_all(axes)
    for ax in axes[:-1].flat:
        ax.set_xlabel("")
    for ax in axes[:, 1:].flat:
        ax.set_ylabel("")
        ax.tick_params(labelleft=False)


# table


def _draw_table(ax: Axes, table: np.ma.MaskedArray, width: float) -> None:
    """Rows 1 ... T, columns z and 1 ... T - 1; blank where nothing is known."""
    largest = np.abs(table).max() if table.count() else 1.0
    end = float(np.clip(largest, 0.1, _shares.HIGHEST))
    edges = np.arange(len(table) + 1) + 0.5
    columns = np.concatenate([[0.5 - width], edges[:-1]])
    look: dict[str, Any] = {"cmap": "RdBu", "vmin": -end, "vmax": end}
    mesh = ax.pcolormesh(columns, edges, table, rasterized=True, **look)
    ax.axvline(0.5, color="white", linewidth=1.5)
    ax.set(aspect="equal", ylim=(edges[-1], edges[0]), xlim=columns[[0, -1]])
    extend = "both" if largest > end else "neither"
    bar = ax.figure.colorbar(mesh, ax=ax, extend=extend, shrink=0.9)
    bar.set_label("share", color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=INK, labelsize=SMALL)


def _label_table(ax: Axes, size: int, width: float) -> None:
    tidy(ax)
    ax.grid(visible=False)
    every = next(n for n in (1, 2, 5, 10, 20, 50, 100, size) if size <= 12 * n)
    steps = np.arange(every, size + 1, every)
    ax.set_yticks(steps)
    steps = steps[steps < size]
    ax.set_xticks([0.5 - width / 2, *steps], ["z", *map(str, steps)])
    label_axes(ax, "relies on", "step")


# checks


def _check_curve(
    X: ArrayLike, channel: int, series: int | None, dependency: Dependency
) -> np.ndarray:
    """Return one channel of one series, NaN beyond the last step that was measured."""
    if series is None:
        raise ValueError(
            "X is drawn for one series only, got series=None. Choose one with series=."
        )
    checked = as_series(X)
    shape = dependency.global_.shape
    if checked.shape[:2] != shape:
        raise ValueError(
            f"X must hold the series that were measured, {shape[0]} of {shape[1]} "
            f"steps, got shape {checked.shape}. Give the array that was measured."
        )
    known = np.isfinite(dependency.global_[series])
    last = np.flatnonzero(known).max(initial=-1)
    curve = checked[series, :, _check_channel(channel, checked.shape[2])]
    return np.where(np.arange(shape[1]) <= last, curve, np.nan)


def _check_channel(channel: int, n_channels: int) -> int:
    channel = check_count(channel, "channel")
    if channel >= n_channels:
        raise ValueError(
            f"channel must be a position from 0 to {n_channels - 1}, got {channel}. "
            "Count along the last axis of X."
        )
    return channel


def _check_named(dependencies: Any) -> None:
    if not isinstance(dependencies, Mapping):
        raise TypeError(
            "dependencies must be a dict of names to Dependency, got "
            f'{type(dependencies).__name__}. Write {{"ordered": dependency}}.'
        )
    if not dependencies:
        raise ValueError(
            "dependencies must hold at least one Dependency, got none. Write "
            '{"ordered": dependency}.'
        )
    for name, dependency in dependencies.items():
        _shares.check_dependency(dependency, f"dependencies[{name!r}]")
