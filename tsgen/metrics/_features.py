"""What a fast classifier reads of a series: values, moments, steps and products."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tsgen.metrics._pairs import flatten

_MOST_STEPS = 48  # longer series are averaged over as many stretches
_MOST_PRODUCTS = 1200  # pairs of channels, at lags 0 and 1
_FARTHEST = 100.0  # standard deviations: cubes of generated outliers stay in range
_ROWS = 256


class Features(NamedTuple):
    """Features of two sets of series; the last `n_summaries` columns are summaries."""

    real: np.ndarray
    synthetic: np.ndarray
    n_summaries: int


def series_features(
    real: np.ndarray, synthetic: np.ndarray, rng: np.random.Generator
) -> Features:
    """Compute the features of standardised series.

    Parameters
    ----------
    real : ndarray of shape (n_real, n_timesteps, n_channels)
    synthetic : ndarray of shape (n_synthetic, n_timesteps, n_channels)
    rng : numpy.random.Generator
        Chooses among the products if there are too many.

    Returns
    -------
    Features
    """
    pairs = channel_pairs(real.shape[2], rng)
    parts = [feature_parts(side, pairs) for side in (real, synthetic)]
    first, second = (np.concatenate(part, axis=1) for part in parts)
    return Features(first, second, n_summaries=parts[0][-1].shape[1])


def feature_parts(X: np.ndarray, pairs: np.ndarray) -> list[np.ndarray]:
    """Values, products and summaries of standardised series: (n_samples, ...) each."""
    X = X.clip(-_FARTHEST, _FARTHEST)
    parts = [X[start : start + _ROWS] for start in range(0, len(X), _ROWS)]
    products = np.concatenate([_products(part)[:, pairs] for part in parts])
    return [flatten(_coarse(X)), products, _summaries(X)]


def _coarse(X: np.ndarray) -> np.ndarray:
    """Mean of each stretch of time: (n_samples, at most _MOST_STEPS, n_channels)."""
    n_timesteps = X.shape[1]
    if n_timesteps <= _MOST_STEPS:
        return X
    edges = np.arange(_MOST_STEPS + 1) * n_timesteps // _MOST_STEPS
    return np.add.reduceat(X, edges[:-1], axis=1) / np.diff(edges)[:, None]


def channel_pairs(n_channels: int, rng: np.random.Generator) -> np.ndarray:
    """Columns of `_products` to look at: both ways at lag 1, once at lag 0."""
    once = np.triu(np.ones((n_channels, n_channels), dtype=bool))
    columns = np.flatnonzero(np.stack([once, np.ones_like(once)]))
    if len(columns) <= _MOST_PRODUCTS:
        return columns
    return np.sort(rng.choice(columns, _MOST_PRODUCTS, replace=False))


def _products(X: np.ndarray) -> np.ndarray:
    """Mean products of channels at lags 0 and 1: (n_samples, 2 * n_channels^2)."""
    now = X.transpose(0, 2, 1)
    lags = [now @ X, now[:, :, 1:] @ X[:, :-1]]
    return np.stack(lags, axis=1).reshape(len(X), -1) / X.shape[1]


def _summaries(X: np.ndarray) -> np.ndarray:
    """Figures of each channel of each series: (n_samples, 13 * n_channels)."""
    steps = np.diff(X, axis=1, prepend=X[:, :1])  # one time step too has its steps
    lagged = (X[:, 1:] * X[:, :-1]).sum(axis=1) / X.shape[1]
    figures = [X[:, 0], X[:, -1], lagged, np.abs(steps).mean(axis=1)]
    for part in (X, steps):
        figures += [part.std(axis=1), part.min(axis=1), part.max(axis=1)]
        figures += [(part**3).mean(axis=1)]
    return np.concatenate([X.mean(axis=1), *figures], axis=1)
