"""A `random_state` becomes explicit generators; nothing global is ever seeded."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

RandomState = int | np.random.RandomState | np.random.Generator | None


def numpy_generator(random_state: RandomState, purpose: str) -> np.random.Generator:
    """Turn a `random_state` into a NumPy generator for one purpose.

    Purposes have streams of their own: with the same seed, the noise of a sample must
    not repeat the numbers that its training series, or the directions it is later
    projected on, were made from.

    Parameters
    ----------
    random_state : int, RandomState, Generator or None
        None gives a fresh stream, an int always the same one. A `RandomState` is
        advanced by one draw; a `Generator` is returned as it is, so both give
        different streams on successive calls.
    purpose : str
        What the numbers are for.

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> from tsgen._random import numpy_generator
    >>> first, again = (numpy_generator(0, "sample") for _ in range(2))
    >>> bool(first.normal() == again.normal())
    True
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return _stream(random_state.randint(2**31), purpose)
    if random_state is None:
        return np.random.default_rng()
    check_random_state(random_state)  # scikit-learn's words for a bad value
    return _stream(int(random_state), purpose)


def _stream(seed: int, purpose: str) -> np.random.Generator:
    return np.random.default_rng([crc32(purpose.encode()), seed])


def seeded_clone(estimator: Any, rng: np.random.Generator) -> Any:
    """Copy an estimator and give seeds to its parts that have none.

    Parameters
    ----------
    estimator : estimator
    rng : numpy.random.Generator
        Source of the seeds.

    Returns
    -------
    estimator
        Unfitted.
    """
    copy = clone(estimator)
    empty = [
        name
        for name, value in sorted(copy.get_params().items())
        if name.split("__")[-1] == "random_state" and value is None
    ]
    return copy.set_params(**{name: int(rng.integers(2**31)) for name in empty})
