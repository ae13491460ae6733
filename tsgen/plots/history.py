"""Training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tsgen.plots._style import (
    BLUE,
    GOLD,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SMALL,
    TEAL,
    check_panels,
    count_axis,
    label_axes,
    new_figure,
    tidy,
    title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SECOND = "prior_"
_GLOBAL = "global_dependency_"
_EPOCHS = "dependency_epoch"
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, GOLD, TEAL)


class _Panel(NamedTuple):
    """Columns of a history that are drawn together; `strip` starts their names."""

    title: str
    y: str
    strip: str
    columns: dict[str, Any]


def plot_history(
    history: Mapping[str, Sequence[float]],
    *,
    terms: Sequence[str] | None = None,
    axes: Any = None,
) -> np.ndarray:
    """Plot the terms of the loss against epochs.

    One panel for each of these that there is something of: the first stage; the second
    stage, columns ``"prior_..."``; and columns ``"global_dependency_..."``, which were
    recorded at the epochs in ``"dependency_epoch"``.

    Parameters
    ----------
    history : dict of str to list of float
        Attribute `history_` of a fitted generator.
    terms : sequence of str or None, default=None
        Names of the columns to show. None means all.
    axes : array-like of Axes or None, default=None
        Where to draw, one for each panel. None makes a new figure.

    Returns
    -------
    ndarray of Axes of shape (n_panels,)
        First stage, second stage, dependency, without those that have nothing to show.
        Or of the shape of `axes`.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is nothing to show, a term is not in the history, or there is not one
        of `axes` for each panel.
    TypeError
        If `history` is not a dict, `terms` one string, or `axes` holds anything else.

    Examples
    --------
    >>> from tsgen.plots import plot_history
    >>> history = {"kl": [0.4, 0.1], "loss": [2.1, 1.7], "prior_loss": [0.9, 0.5]}
    >>> axes = plot_history(history)
    >>> [ax.get_title(loc="left") for ax in axes]
    ['First stage', 'Second stage']
    """
    panels = _panels(_chosen(history, terms), history)
    axes = _column(len(panels)) if axes is None else check_panels(axes, len(panels))
    for ax, panel in zip(axes.flat, panels, strict=True):
        tidy(ax)
        title(ax, panel.title)
        label_axes(ax, "epoch", panel.y)
        _draw(ax, panel, history.get(_EPOCHS))
        _legend_beside(ax)
    return axes


def _panels(shown: list[str], history: Mapping[str, Any]) -> list[_Panel]:
    """Sort the columns into panels."""
    second = [name for name in shown if name.startswith(_SECOND)]
    measured = [name for name in shown if name.startswith(_GLOBAL)]
    first = [name for name in shown if name not in (*second, *measured)]
    panels = [
        _Panel("First stage", "nats per entry", "", _part(history, first)),
        _Panel("Second stage", "nats per entry", _SECOND, _part(history, second)),
        _Panel("Global dependency", "share", _GLOBAL, _part(history, measured)),
    ]
    return [panel for panel in panels if panel.columns]


def _part(history: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: history[name] for name in names}


def _draw(ax: Axes, panel: _Panel, measured: Any) -> None:
    """Draw one line for each column; a single epoch is a dot."""
    colours = iter(_COLOURS * len(panel.columns))
    is_share = panel.strip == _GLOBAL
    last = 1
    for name, column in panel.columns.items():
        short = name.removeprefix(panel.strip).replace("_", " ")
        epochs = np.asarray(measured if is_share else range(1, len(column) + 1))
        look = _look(short) or {"color": next(colours)}
        look["marker"] = "o" if is_share or len(column) == 1 else None
        text = f"step {short}" if is_share else short
        ax.plot(epochs, column, label=text, markersize=4, **look)
        last = max(last, epochs.max())
    if is_share:
        _show_zero_and_one(ax)
    count_axis(ax, last)
    ax.locator_params(axis="y", nbins=5)


def _show_zero_and_one(ax: Axes) -> None:
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, -0.04), max(high, 1.04))


def _look(name: str) -> dict[str, Any]:
    """Let the loss stand out."""
    if name == "loss":
        return {"color": INK, "linewidth": 2.0}
    if name == "validation loss":
        return {"color": INK, "linewidth": 1.4, "linestyle": (0, (3, 1.5))}
    return {}


def _legend_beside(ax: Axes) -> None:
    ax.legend(
        loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=SMALL
    )


def _column(n_panels: int) -> np.ndarray:
    figure = new_figure(7.5, 0.4 + 2.2 * n_panels)
    return figure.subplots(n_panels, 1, squeeze=False)[:, 0]


def _chosen(history: Any, terms: Sequence[str] | None) -> list[str]:
    """Return the names of the columns to show."""
    _check_history(history)
    known = [name for name in history if name != _EPOCHS and len(history[name])]
    if isinstance(terms, str):
        raise TypeError(
            f'terms must be a sequence of names, got the string "{terms}". Write '
            f'["{terms}"].'
        )
    missing = [name for name in terms or () if name not in known]
    if missing:
        raise ValueError(
            f"terms must be columns of the history, {', '.join(known)}, got "
            f"{', '.join(map(str, missing))}. Leave terms out to show all."
        )
    return _check_some(known) if terms is None else _check_named(list(terms))


def _check_history(history: Any) -> None:
    if not isinstance(history, Mapping):
        raise TypeError(
            "history must be a dict of names to one value an epoch, got "
            f"{type(history).__name__}. Give generator.history_."
        )
    n_epochs = len(history.get(_EPOCHS, ()))
    for name in history:
        if name.startswith(_GLOBAL) and len(history[name]) != n_epochs:
            raise ValueError(
                f'history must hold one "{name}" for each of {n_epochs} values of '
                f'"{_EPOCHS}", got {len(history[name])}. Give generator.history_ as '
                "it is."
            )


def _check_some(known: list[str]) -> list[str]:
    if not known:
        raise ValueError(
            "history must have at least one epoch of one term, got none. Fit the "
            "generator first."
        )
    return known


def _check_named(terms: list[str]) -> list[str]:
    if not terms:
        raise ValueError(
            "terms must name at least one column, got none. Leave terms out to show "
            "all."
        )
    return terms
