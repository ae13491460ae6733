"""Where labelled synthetic series come from.

A generator whose `sample` has a parameter `y` learns all classes at once and is told
which to draw. Any other one is cloned and fitted once a class. For a continuous target
a generator learns the series together with the target, as one more channel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from tsgen._contract import check_generator, takes
from tsgen._random import RandomState, numpy_generator, seeded_clone
from tsgen._validation import as_series

Generators = dict[Any, Any]  # label -> fitted generator
Labelled = tuple[np.ndarray, np.ndarray]  # series, y

_FEWEST = 2  # series that a generator is fitted on


def resolve_generator(generator: Any) -> Any:
    """Check a generator; None becomes the stable posterior."""
    if generator is None:
        from tsgen.generators import StablePosteriorGenerator

        return StablePosteriorGenerator()
    check_generator(generator, "generator")
    return generator


def optional_rng(random_state: RandomState) -> np.random.Generator | None:
    """Turn a `random_state` into a stream; None leaves seeds to the estimators."""
    if random_state is None:
        return None
    return numpy_generator(random_state, "augmentation")


def prepared(estimator: Any, rng: np.random.Generator | None) -> Any:
    """Copy an estimator, with seeds for its parts if there is a stream of them."""
    if rng is None or not hasattr(estimator, "get_params"):
        return clone(estimator, safe=False)
    return seeded_clone(estimator, rng)


# a class label for each series


def fit_by_class(
    generator: Any,
    X: np.ndarray,
    y: np.ndarray,
    classes: np.ndarray,
    rng: np.random.Generator | None,
) -> Generators:
    """Fit a generator of each class, or one of all if it takes labels.

    Parameters
    ----------
    generator : object with `fit` and `sample`
        It stays unfitted.
    X : ndarray of shape (n_samples, n_timesteps, n_channels) or \
            (n_samples, n_timesteps)
    y : ndarray of shape (n_samples,)
    classes : ndarray of shape (n_classes,)
        Labels of the classes that will be drawn.
    rng : numpy.random.Generator or None

    Returns
    -------
    dict
        For each of `classes`, its generator; the same one if it takes labels.

    Raises
    ------
    ValueError
        If there is only one series of a class to fit a generator on.
    """
    labels = classes.tolist()
    if labels and takes(generator.sample, "y"):
        return dict.fromkeys(labels, _fitted(generator, rng, X, y))
    rows = {label: y == known for label, known in zip(labels, classes, strict=True)}
    for label, chosen in rows.items():
        _check_enough(int(chosen.sum()), label, generator)
    return {label: _fitted(generator, rng, X[chosen]) for label, chosen in rows.items()}


def draw_by_class(
    generators: Generators,
    classes: np.ndarray,
    counts: np.ndarray,
    like: np.ndarray,
    rng: np.random.Generator | None,
) -> Labelled:
    """Draw series of each class.

    Parameters
    ----------
    generators : dict
        What `fit_by_class` returned.
    classes : ndarray of shape (n_classes,)
    counts : ndarray of shape (n_classes,), int
        Series of each class; 0 needs no generator.
    like : ndarray of shape (n_samples, n_timesteps, n_channels) or \
            (n_samples, n_timesteps)
        Real series: their form and dtype.
    rng : numpy.random.Generator or None

    Returns
    -------
    X : ndarray of shape (counts.sum(), ...)
        Class after class.
    y : ndarray of shape (counts.sum(),)

    Raises
    ------
    ValueError
        If a generator returns another shape, or values that are not finite.
    """
    y = np.repeat(classes, counts)
    each = dict(zip(classes.tolist(), counts.tolist(), strict=True))
    wanted = [(generators[label], n) for label, n in each.items() if n]
    if not wanted:
        return like[:0], y
    first, _ = wanted[0]
    if takes(first.sample, "y"):
        return _draw(first, len(y), like, rng, y=y), y
    parts = [_draw(generator, n, like, rng) for generator, n in wanted]
    return np.concatenate(parts), y


# a number for each series


def fit_jointly(
    generator: Any, X: np.ndarray, y: np.ndarray, rng: np.random.Generator | None
) -> Any:
    """Fit a generator of series whose last channel is the target, at every step.

    Parameters
    ----------
    generator : object with `fit` and `sample`
    X : ndarray of shape (n_samples, n_timesteps, n_channels)
    y : ndarray of shape (n_samples,)
    rng : numpy.random.Generator or None

    Returns
    -------
    object
        The fitted copy.
    """
    return _fitted(generator, rng, _joined(X, y))


def draw_jointly(
    generator: Any, n_samples: int, like: np.ndarray, rng: np.random.Generator | None
) -> Labelled:
    """Draw series and targets, each the mean over time of its channel.

    Parameters
    ----------
    generator : object
        What `fit_jointly` returned.
    n_samples : int
    like : ndarray of shape (n_series, n_timesteps, n_channels)
        Real series: their shape and dtype.
    rng : numpy.random.Generator or None

    Returns
    -------
    X : ndarray of shape (n_samples, n_timesteps, n_channels)
    y : ndarray of shape (n_samples,)
    """
    pairs = _draw(generator, n_samples, _joined(like[:1], np.zeros(1)), rng)
    return pairs[:, :, :-1].astype(like.dtype), pairs[:, :, -1].mean(axis=1)


def _joined(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Series with the target as their last channel: (n_samples, n_timesteps, C + 1)."""
    channel = np.broadcast_to(y[:, None, None], (*X.shape[:2], 1))
    return np.concatenate([X, channel], axis=2)


# one generator


def _fitted(generator: Any, rng: np.random.Generator | None, *data: np.ndarray) -> Any:
    copy = prepared(generator, rng)
    copy.fit(*data)
    return copy


def _check_enough(count: int, label: Any, generator: Any) -> None:
    if count < _FEWEST:
        raise ValueError(
            f"y must hold at least {_FEWEST} series of a class to fit "
            f"{type(generator).__name__} on, got {count} sample of class {label!r}.\n"
            "Give more, leave that class out of sampling_strategy, or use a generator "
            "whose sample takes y, which learns all classes at once."
        )


def _draw(
    generator: Any,
    n_samples: int,
    like: np.ndarray,
    rng: np.random.Generator | None,
    **labels: np.ndarray,
) -> np.ndarray:
    """Sample, and refuse what no series of this form can be."""
    seed: dict[str, Any] = {}
    if rng is not None and takes(generator.sample, "random_state"):
        seed = {"random_state": int(rng.integers(2**31))}
    drawn = generator.sample(n_samples, **labels, **seed)
    return _checked(drawn, (n_samples, *like.shape[1:]), like.dtype, generator)


def _checked(
    drawn: Any, shape: tuple[int, ...], dtype: np.dtype, generator: Any
) -> np.ndarray:
    owner = f"{type(generator).__name__}.sample"
    try:
        with np.errstate(over="ignore"):
            series = as_series(as_series(drawn, owner).astype(dtype), owner)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"generator must return finite series of shape {shape}, got: {error}"
        ) from error
    if series.shape != (*shape, 1)[:3]:  # (B, T) stands for one channel
        raise ValueError(
            "generator must return as many series as asked for, in the form of X, "
            f"{shape}, but {owner} returned shape {np.shape(drawn)}. Use another."
        )
    return series.reshape(shape)
