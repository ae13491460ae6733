"""What is not series: counts, shares, words, lengths and latents."""

from __future__ import annotations

import reprlib
from numbers import Integral, Real
from typing import Any

import numpy as np

from tsgen._reading.arrays import (
    from_tensor,
    not_numbers_message,
    refuse_mask,
    type_name,
)


def check_count(value: Any, name: str, minimum: int = 0) -> int:
    """Check a parameter that counts something.

    Parameters
    ----------
    value : int
        The count; NumPy integers pass, booleans and floats do not.
    name : str
        The parameter's name, for the message.
    minimum : int, default=0
        The smallest value allowed.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If `value` is not an integer.
    ValueError
        If `value` is below `minimum`.
    """
    rule = f"{name} must be an integer of at least {minimum}"
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{rule}, got a value of type {type_name(value)}.")
    if value < minimum:
        raise ValueError(f"{rule}, got {reprlib.repr(int(value))}.")
    return int(value)


def check_share(value: object, name: str, cure: str = "") -> None:
    """Refuse what is not strictly between 0 and 1."""
    if not (isinstance(value, Real) and 0 < float(value) < 1):
        text = f"{name} must be a share between 0 and 1, got {value!r}. {cure}"
        raise ValueError(text.rstrip())


def check_choice(value: object, name: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the choices."""
    if value not in choices:
        known = ", ".join(map(repr, choices[:-1])) + f" or {choices[-1]!r}"
        raise ValueError(f"{name} must be {known}, got {value!r}.")


def check_lengths(lengths: Any, n_samples: int, n_timesteps: int) -> np.ndarray:
    """Check how many steps each of some series is to have.

    Parameters
    ----------
    lengths : int or array-like of shape (n_samples,)
        One length for all, or one for each.
    n_samples : int
        Number of series.
    n_timesteps : int
        The largest length allowed.

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    TypeError
        If a length is not an integer.
    ValueError
        If there are more or fewer lengths than series, or one is not from 1 to
        `n_timesteps`.

    Examples
    --------
    >>> from tsgen._validation import check_lengths
    >>> check_lengths(5, n_samples=3, n_timesteps=8)
    array([5, 5, 5])
    """
    array = _as_loose_array(lengths, "lengths")
    rule = f"lengths must be an integer from 1 to {n_timesteps}, or {n_samples} of them"
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{rule}, got {array.dtype} values.\nRound them: astype(int).")
    if array.shape not in ((), (n_samples,)):
        raise ValueError(f"{rule}, got shape {array.shape}.\nGive one for each series.")
    bad = np.flatnonzero((array < 1) | (array > n_timesteps))
    if bad.size:
        raise ValueError(
            f"{rule}, got {bad.size} that are not, the first is {array.flat[bad[0]]} "
            f"for series {bad[0]}.\nLonger series need a fit on longer ones."
        )
    return np.broadcast_to(array, n_samples).astype(np.int64)


def _as_loose_array(values: Any, name: str) -> np.ndarray:
    """Turn values of any type and shape into an array."""
    refuse_mask(values, name)
    try:
        return np.asarray(from_tensor(values, name))
    except ValueError:  # of unequal length
        return np.asarray(values, dtype=object)


def check_latents(Z: Any, latent_size: int, n_series: int | None = None) -> np.ndarray:
    """Check latents given to an estimator.

    Parameters
    ----------
    Z : array-like of shape (n_series, latent_size)
    latent_size : int
    n_series : int or None, default=None
        Number of rows there must be; None takes any but 0.

    Returns
    -------
    ndarray of shape (n_series, latent_size), float32

    Raises
    ------
    ValueError
        If the shape is another, or a value is not finite.
    """
    try:
        Z = np.asarray(from_tensor(Z, "Z"), dtype=np.float32)
    except ValueError as error:
        raise ValueError(not_numbers_message("Z", error)) from error
    rows = "n_samples" if n_series is None else n_series
    n_wanted = n_series or max(1, len(Z) if Z.ndim else 1)
    finite = bool(np.isfinite(Z).all())
    if Z.shape != (n_wanted, latent_size) or not finite:
        kind = "" if finite else " with values that are not finite"
        raise ValueError(
            f"Z must hold finite latents of shape ({rows}, {latent_size}), at least "
            f"one, got shape {Z.shape}{kind}. Use what transform returns."
        )
    return Z
