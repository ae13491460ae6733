"""What is asked of objects made elsewhere: that they generate, and what they take."""

from __future__ import annotations

from inspect import signature
from typing import Any


def check_generator(generator: Any, name: str) -> None:
    """Refuse what is not an instance that can be fitted and sampled from."""
    is_class = isinstance(generator, type)
    if is_class or not (hasattr(generator, "fit") and hasattr(generator, "sample")):
        kind = "a class" if is_class else type(generator).__name__
        raise TypeError(
            f"{name} must be an instance with methods fit and sample, got {kind}. "
            "Pass e.g. GaussianGenerator()."
        )


def takes(function: Any, name: str) -> bool:
    """Tell whether a function has a parameter of this name."""
    try:
        return name in signature(function).parameters
    except ValueError:  # some built-in functions hide theirs
        return False
