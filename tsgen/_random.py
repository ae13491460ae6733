"""A `random_state` becomes explicit generators; nothing global is ever seeded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import check_random_state

if TYPE_CHECKING:
    import torch

RandomState = int | np.random.RandomState | np.random.Generator | None


def numpy_generator(random_state: RandomState) -> np.random.Generator:
    """Turn a `random_state` into a NumPy generator.

    Parameters
    ----------
    random_state : int, RandomState, Generator or None
        None gives a fresh stream, an int always the same one. A `RandomState` is
        advanced by one draw; a `Generator` is returned as it is, so both give
        different streams on successive calls.

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> from tsgen._random import numpy_generator
    >>> bool(numpy_generator(0).normal() == numpy_generator(0).normal())
    True
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    if random_state is None:
        return np.random.default_rng()
    check_random_state(random_state)  # scikit-learn's words for a bad value
    return np.random.default_rng(int(random_state))


def torch_generator(rng: np.random.Generator, device: str = "cpu") -> torch.Generator:
    """Seed a torch generator on `device` with one draw from `rng`."""
    import torch

    return torch.Generator(device).manual_seed(int(rng.integers(2**63)))
