"""Metrics by name: what `tsgen.scorers` and `tsgen.compare` are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import tsgen.metrics as home
from tsgen._contract import takes
from tsgen._random import RandomState

Function = Callable[..., float]
Metrics = str | Function | Sequence[str | Function] | Mapping[str, str | Function]
Best = str | float  # "low", "high", or the value that is right

_NOT_LOW: dict[str, Best] = {
    "classifier_two_sample_test": 0.5,
    "coverage": "high",
    "density": 1.0,
    "spread_ratio": 1.0,
}
NAMES = tuple(name for name in home.__all__ if name != "frechet_distance")


class Metric(NamedTuple):
    """A function of real and synthetic series, and what its best value is."""

    function: Function
    best: Best

    def __call__(
        self, X_real: Any, X_synthetic: Any, random_state: RandomState
    ) -> float:
        """Compute the metric; `random_state` is for those that draw something."""
        if not _takes_seed(self.function):
            return float(self.function(X_real, X_synthetic))
        return float(self.function(X_real, X_synthetic, random_state=random_state))

    def score(self, value: float) -> float:
        """Turn a value into one of which more is better."""
        if self.best == "low":
            return -value
        return value if self.best == "high" else -abs(value - float(self.best))

    def score_name(self, name: str) -> str:
        """Name of the score: as in scikit-learn, `neg_` where less is better."""
        if self.best == "high":
            return name
        return f"neg_{name}" if self.best == "low" else f"neg_{name}_error"


def _takes_seed(function: Function) -> bool:
    """Tell whether a function takes a `random_state` that is not fixed already."""
    fixed = function.keywords if isinstance(function, partial) else {}
    return "random_state" not in fixed and takes(function, "random_state")


def resolve(metrics: Metrics) -> dict[str, Metric]:
    """Look metrics up.

    Parameters
    ----------
    metrics : str, callable, sequence of them, or dict of str to callable
        Names are those of functions in `tsgen.metrics`. Any other callable is taken as
        a distance: lower is better.

    Returns
    -------
    dict of str to Metric
        In the order given.

    Raises
    ------
    ValueError
        If a name is not known, given twice, or there is none.
    TypeError
        If a metric is neither a name nor a callable.
    """
    if isinstance(metrics, Mapping):
        found = [(name, _metric(value)) for name, value in metrics.items()]
    elif not (isinstance(metrics, Sequence) or callable(metrics)):
        raise TypeError(_kinds_message(metrics))
    else:
        each: Any = [metrics] if is_single(metrics) else metrics
        found = [(_name(metric), _metric(metric)) for metric in each]
    named = dict(found)
    if not found or len(named) < len(found):
        names = [name for name, _ in found]
        raise ValueError(
            f"metrics must hold at least one metric and none twice, got {names}. Give "
            "a dict to name them yourself."
        )
    return named


def is_single(metrics: Metrics) -> bool:
    """Tell one metric from a collection of them."""
    return isinstance(metrics, str) or callable(metrics)


def _metric(metric: Any) -> Metric:
    if isinstance(metric, str):
        return _by_name(metric)
    if not callable(metric):
        raise TypeError(_kinds_message(metric))
    plain = metric.func if isinstance(metric, partial) else metric
    name = getattr(plain, "__name__", "")
    is_ours = name in NAMES and getattr(home, name) is plain
    return Metric(metric, _NOT_LOW.get(name, "low") if is_ours else "low")


def _kinds_message(came: object) -> str:
    return (
        "metrics must be names or functions of X_real and X_synthetic, a list or a "
        f"dict of them, got {type(came).__name__}."
    )


def _by_name(name: str) -> Metric:
    if name not in NAMES:
        known = ", ".join(NAMES)
        raise ValueError(f"metrics must be among {known}, got {name!r}.")
    return Metric(getattr(home, name), _NOT_LOW.get(name, "low"))


def _name(metric: Any) -> str:
    if isinstance(metric, str):
        return metric
    plain = metric.func if isinstance(metric, partial) else metric
    return str(getattr(plain, "__name__", type(plain).__name__))
