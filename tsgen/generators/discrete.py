"""Choosing which channels are discrete, and learning their values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tsgen._forms import Form
from tsgen._reading.arrays import shortened
from tsgen._supports import MAX_VALUES, Support, Supports

KINDS = ("mixture", "discrete")
LARGEST_EXACT = 2.0**53  # floats hold all whole numbers up to it
FEW_VALUES = 64  # with which whole numbers of a data frame are discrete by themselves


def check_kinds(likelihood: str | Sequence[str]) -> None:
    """Check the kinds of channels, if they are given one by one."""
    others = [kind for kind in _one_by_one(likelihood) if kind not in KINDS]
    if others or not len(likelihood):
        raise ValueError(
            f"likelihood must be 'mixture', 'gaussian', or a sequence of {KINDS}, one "
            f"for each channel, got {shortened(others) or 'none'}. Choose one of them."
        )


def check_whole(X: np.ndarray, form: Form, name: str = "X") -> None:
    """Check that series (n, T, C) are whole where their form would round them.

    Raises
    ------
    ValueError
        If a value would not stay as it is.
    """
    rounded = X[:, form.rounds(*X.shape[1:])]
    there = rounded[np.isfinite(rounded)]
    large = there[np.abs(there) > LARGEST_EXACT]
    if large.size:
        raise ValueError(
            f"{name} must hold whole numbers of at most 2 ** 53 in magnitude, which "
            f"floats hold exactly, got {large.size} others, the first is "
            f"{large[0]:.0f}.\n"
            "Subtract the smallest one before fit."
        )
    others = there[there != np.round(there)]
    if others.size:
        raise ValueError(
            f"{name} must hold whole numbers where X of fit was of integers, got "
            f"{others.size} that are not, the first is {float(others[0])!r}.\n"
            "Fit on floats, e.g. with astype(float)."
        )


def learned_supports(
    likelihood: str | Sequence[str], form: Form, X: np.ndarray
) -> Supports:
    """Learn the values of the channels that are discrete.

    Parameters
    ----------
    likelihood : str or sequence of str
        Valid parameter of a generator.
    form : Form
        Tells which channels were categories or whole numbers of a data frame.
    X : ndarray of shape (n_samples, n_timesteps, n_channels)
        Training series, NaN where an entry is missing.

    Returns
    -------
    Supports

    Raises
    ------
    ValueError
        If there are more or fewer kinds than channels, a channel of categories is not
        to be discrete, or a discrete channel has too many values, or values too close.
    """
    must, may = discrete_channels(likelihood, form, X.shape[2])
    return Supports(
        [
            _support(X[:, :, channel], channel, must[channel])
            if must[channel] or may[channel]
            else None
            for channel in range(X.shape[2])
        ]
    )


def discrete_channels(
    likelihood: str | Sequence[str], form: Form, n_channels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Tell which channels must be discrete, and which may be, (n_channels,) each.

    Raises
    ------
    ValueError
        If there are more or fewer kinds than channels, or a channel of categories is
        not to be discrete.
    """
    coded = form.coded_channels(n_channels)
    kinds = _one_by_one(likelihood)
    if not kinds and likelihood != "gaussian":
        return coded, form.whole_channels(n_channels)
    kinds = kinds or ["gaussian"] * n_channels
    _check_number(kinds, n_channels)
    must = np.array(kinds) == "discrete"
    _check_coded(coded & ~must)
    return must, np.zeros(n_channels, bool)


def check_same_labels(fitted: Form, came: Form) -> None:
    """Check that codes stand for the same categories, if series come with some."""
    known, new = (
        [kind and kind.labels for kind in form.categories] for form in (fitted, came)
    )
    if new and new != known:
        raise ValueError(
            "warm_start goes on with the categories of the last fit, got others. Give "
            "the columns the same categories, or set warm_start=False to start anew."
        )


def _one_by_one(likelihood: str | Sequence[str]) -> list[str]:
    """Return the kinds of channels; none if one serves for all."""
    return [] if isinstance(likelihood, str) else list(map(str, likelihood))


def _support(column: np.ndarray, channel: int, must: bool) -> Support | None:
    """Return the values of a channel, None if it need not be discrete and cannot."""
    support = Support.of(column)
    problem = support.problem(MAX_VALUES if must else FEW_VALUES)
    if problem and must:
        raise ValueError(
            f"X must have {problem}, in the discrete channel {channel}.\nRound them or "
            "join rare ones, or set likelihood='mixture' for numbers."
        )
    return None if problem else support


def _check_number(kinds: list[str], n_channels: int) -> None:
    if len(kinds) != n_channels:
        raise ValueError(
            f"likelihood must be one for all channels or one for each of {n_channels}, "
            f"got {len(kinds)}. Give as many as X has channels."
        )


def _check_coded(wrong: np.ndarray) -> None:
    if wrong.any():
        raise ValueError(
            "likelihood must be 'discrete' for channels of text or categories, got "
            f"another for channel {np.flatnonzero(wrong)[0]}. With 'mixture' for all "
            "they are by themselves."
        )
