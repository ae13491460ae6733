"""Options of metrics that are one of a few words, or a share."""

from __future__ import annotations

from numbers import Real


def check_choice(value: object, name: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is none of the choices."""
    if value not in choices:
        known = ", ".join(map(repr, choices[:-1])) + f" or {choices[-1]!r}"
        raise ValueError(f"{name} must be {known}, got {value!r}.")


def check_share(value: object, name: str) -> None:
    """Refuse what is not strictly between 0 and 1."""
    if isinstance(value, bool) or not (
        isinstance(value, Real) and 0 < float(value) < 1
    ):
        raise ValueError(f"{name} must be a share between 0 and 1, got {value!r}.")
