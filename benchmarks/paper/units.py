"""One unit of work: a fit of one generator, or a reference, and all its figures."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from benchmarks.paper import generators
from benchmarks.paper.sets import Places, load, subset
from tsgen import memorization_report
from tsgen.comparison.runs import _DEFAULT_METRICS
from tsgen.metrics import discriminative_score
from tsgen.metrics._catalogue import Metric, resolve

METRICS = resolve({**_DEFAULT_METRICS, "discriminative_score": discriminative_score})
DECODED = resolve(_DEFAULT_METRICS)
DEPENDENCIES = tuple(f"global_dependency_{k}" for k in ("first", "middle", "last"))
SAMPLES, DECODINGS, NO_PART = "samples", "decoded", ""
N_EXPLAINED = 100  # series whose dependency is measured
MOST_SCORED = {"quick": 1000, "full": 1500}  # series of each kind


class Unit(NamedTuple):
    """What tells a unit of work from all others."""

    mode: str
    data: str
    generator: str
    backbone: str
    seed: int


class Series(NamedTuple):
    """Real series: all to fit on, and equally many of both parts to score against."""

    train: np.ndarray
    fitted: np.ndarray
    held_out: np.ndarray


Figure = tuple[str, str, float, float]  # metric, part, value, CPU seconds


def measure(unit: Unit, places: Places) -> list[dict[str, Any]]:
    """Fit, sample and score; return a row for each figure."""
    X = real_series(unit, places)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if unit.generator == generators.FLOOR:
            figures = list(_floor(X, unit.seed))
        else:
            figures = list(_figures(X, unit))
    names = ("metric", "part", "value", "seconds")
    return [unit._asdict() | dict(zip(names, f, strict=True)) for f in figures]


def real_series(unit: Unit, places: Places) -> Series:
    """Load the data set, and draw by the seed what is scored against."""
    train, test = load(unit.data, unit.mode, places)
    size = min(len(train), len(test), MOST_SCORED[unit.mode])
    return Series(train, *(subset(part, size, unit.seed) for part in (train, test)))


def _floor(X: Series, seed: int) -> Iterator[Figure]:
    """Real series against real ones, for samples and for what is decoded."""
    yield from _scores(METRICS, X.held_out, X.fitted, seed, SAMPLES)
    yield from _scores(DECODED, X.fitted, X.held_out, seed, DECODINGS)


def _figures(X: Series, unit: Unit) -> Iterator[Figure]:
    generator = generators.make(*_options(unit))
    _, seconds = timed(lambda: generator.fit(X.train))
    yield "fit_cpu_seconds", NO_PART, seconds, seconds
    size, seed = len(X.held_out), unit.seed
    samples, seconds = timed(lambda: generator.sample(size, random_state=seed))
    yield "sample_cpu_seconds", NO_PART, seconds, seconds
    yield from _scores(METRICS, X.held_out, samples, seed, SAMPLES)
    yield _figure("share_nearer_train", SAMPLES, lambda: _share(samples, X, seed))
    if hasattr(generator, "inverse_transform"):
        yield from _decoded(generator, X, seed)
        yield from _dependencies(generator, X, seed)


def _options(unit: Unit) -> tuple[str, str, str, int]:
    return unit.generator, unit.backbone, unit.mode, unit.seed


def _scores(
    metrics: dict[str, Metric],
    X_real: np.ndarray,
    X: np.ndarray,
    seed: int,
    part: str,
) -> Iterator[Figure]:
    for name, metric in metrics.items():
        yield _figure(name, part, lambda metric=metric: metric(X_real, X, seed))


def _share(samples: np.ndarray, X: Series, seed: int) -> float:
    report = memorization_report(samples, X.train, X.held_out, random_state=seed)
    return report.share_nearer_train


def _decoded(generator: Any, X: Series, seed: int) -> Iterator[Figure]:
    """Score held-out series that were encoded and decoded against the training ones.

    Against themselves a decoding would be nearer than any two sets of real series.
    """
    Z = generator.transform(X.held_out)
    decoded = generator.inverse_transform(Z, noise=True, random_state=seed)
    yield from _scores(DECODED, X.fitted, decoded, seed, DECODINGS)


def _dependencies(generator: Any, X: Series, seed: int) -> Iterator[Figure]:
    """Mean global dependency of held-out series at the first, middle, last step."""
    chosen = subset(X.held_out, N_EXPLAINED, seed)
    found, seconds = timed(lambda: generator.dependency(chosen, random_state=seed))
    mean = found.mean()
    steps = (0, (len(mean) - 1) // 2, len(mean) - 1)
    for name, step in zip(DEPENDENCIES, steps, strict=True):
        yield name, NO_PART, float(mean[step]), seconds


def _figure(name: str, part: str, job: Callable[[], float]) -> Figure:
    """Compute a figure; NaN where that fails: the others are worth keeping."""
    try:
        return name, part, *timed(job)
    except (ValueError, ArithmeticError) as error:
        print(f"{name} failed: {error}")
        return name, part, np.nan, np.nan


def timed(job: Callable[[], Any]) -> tuple[Any, float]:
    """Do a job; return its result and the CPU seconds of this process."""
    start = process_time()
    result = job()
    return result, process_time() - start
