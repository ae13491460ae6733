"""Columns of data frames: the same ones, in the same order, wherever they are given."""

from __future__ import annotations

from itertools import pairwise
from numbers import Number
from typing import Any

from tsgen._forms import Form, LongForm, WideForm, long_columns
from tsgen._reading.arrays import is_frame, shortened
from tsgen._reading.long import is_long


def check_columns(X: Any, form: Form, n_channels: int, name: str = "X") -> None:
    """Check that a frame has the columns of `fit`, if that was given its like too.

    Parameters
    ----------
    X : object
        Anything but a data frame passes, and so does a wide frame of other steps.
    form : Form
        Of the series of `fit`.
    n_channels : int
        Of the series of `fit`.
    name : str, default="X"
        What the message calls the frame.

    Raises
    ------
    ValueError
        If the columns are others, or in another order.
    """
    if is_wide(X) and isinstance(form, WideForm):
        _check_order_of_steps(X, form, name)
    if not is_long(X) or not isinstance(form, LongForm):
        return
    wanted = form.columns.first(n_channels)
    came = long_columns(X).first(X.shape[1])
    if came != wanted:
        raise ValueError(
            f"{name} must have the columns of fit in their order, {shortened(wanted)}, "
            f"got {shortened(came)}.\nSelect them: {name}[[...]]."
        )


def _check_order_of_steps(X: Any, form: WideForm, name: str) -> None:
    """Refuse a wide frame whose columns are those of `fit` in another order."""
    came = list(X.columns)
    if not form.columns.reaches(len(came)):
        return
    wanted = list(form.columns.index(len(came)))
    if _names_differ(wanted, came, [False, False]):
        raise ValueError(
            f"{name} must have the columns of fit in their order, {_shown(wanted)}, "
            f"got {_shown(came)}.\nSelect them: {name}[[...]]."
        )


def check_first_steps(X: Any, form: Form, n_timesteps: int, name: str) -> None:
    """Check that a wide frame of the steps of `fit` has the first ones, in their order.

    Parameters
    ----------
    X : object
        Anything but a wide frame passes, and so does one of other steps.
    form : Form
        Of the series of `fit`.
    n_timesteps : int
        Of the series of `fit`.
    name : str
        What the message calls the frame.

    Raises
    ------
    ValueError
        If all its columns are those of `fit`, but not the first ones in their order.
    """
    if not is_wide(X) or not isinstance(form, WideForm):
        return
    steps, came = list(form.columns.index(n_timesteps)), list(X.columns)
    wanted = steps[: len(came)]
    if came != wanted and set(came) <= set(steps):
        raise ValueError(
            f"{name} must have the first columns of fit in their order, "
            f"{_shown(wanted)}, got {_shown(came)}.\nSelect them: {name}[[...]]; "
            f"or give {name}.to_numpy(), if these steps are to stand there."
        )


def check_same_names(**sets: Any) -> None:
    """Check that the columns of data frames mean the same in all of them.

    Parameters
    ----------
    **sets : object
        Sets of series, under the names that the message calls them. What is no data
        frame passes, and so do wide frames of other steps.

    Raises
    ------
    ValueError
        If long frames have other columns, or frames the same in another order.
    """
    frames = {name: X for name, X in sets.items() if is_frame(X)}
    for first, other in pairwise(frames):
        wanted, came = (list(frames[name].columns) for name in (first, other))
        if _names_differ(wanted, came, [is_long(frames[k]) for k in (first, other)]):
            raise ValueError(
                f"{other} must have the columns of {first} in their order, "
                f"{_shown(wanted)}, got {_shown(came)}.\n"
                f"Select them: {other}[{first}.columns]."
            )


def is_wide(X: Any) -> bool:
    return is_frame(X) and not is_long(X)


def _shown(columns: list[Any]) -> str:
    """List a few columns in a message, dates as text."""
    return shortened([c if isinstance(c, str | Number) else str(c) for c in columns])


def _names_differ(wanted: list[Any], came: list[Any], long: list[bool]) -> bool:
    """Tell whether columns are others, or for wide frames in another order."""
    if wanted == came or long[0] != long[1]:
        return False
    return long[0] or set(wanted) == set(came)
