"""Benchmarks of the scores: their speed and memory, their oracles, searches, a floor.

``python benchmarks/scores.py`` runs all, ``python benchmarks/scores.py speed`` only
those named. Each appends its rows to ``benchmarks/results/scores.csv`` as they come,
with seed, versions and hardware. `benchmarks/power.py` says what the metrics see.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from measure import SEED, Row, in_turns, peak_memory, ratio, run_benchmarks

RESULTS = "scores.csv"
N_FLOORS = 60


def gaussian_pair(*shape: int) -> np.ndarray:
    """Two sets of series from one law: (2, *shape)."""
    return np.random.default_rng(SEED).normal(size=(2, *shape))


def speed() -> Iterator[Row]:
    """Fast metrics against one matrix product, and all metrics at 1,000 series."""
    from tsgen.metrics import mmd, sliced_wasserstein_distance

    X, Y = gaussian_pair(10_000, 24, 28)
    points = X.reshape(10_000, 672)
    directions = np.random.default_rng(SEED).normal(size=(672, 500))
    jobs: list[Callable[[], object]] = [
        lambda: points @ directions,
        lambda: sliced_wasserstein_distance(X, Y, random_state=SEED),
        lambda: mmd(X, Y, random_state=SEED),
    ]
    product, sliced, kernel = in_turns(jobs, repeats=10)
    detail = "10000 x 672 each; the product is 10000 x 672 x 500"
    for name, seconds in (("sliced Wasserstein", sliced), ("MMD", kernel)):
        what = f"{name} / matrix product, time"
        yield Row(name, what, ratio(seconds, product), "<= 10", detail)


def each() -> Iterator[Row]:
    """Seconds of every metric on 1,000 series of each kind."""
    from tsgen.metrics._catalogue import NAMES, resolve

    X, Y = gaussian_pair(1000, 24, 28)
    for name, metric in resolve(NAMES).items():
        metric(X[:100], Y[:100], SEED)  # imports what it needs
        start = perf_counter()
        metric(X, Y, SEED)
        seconds = perf_counter() - start
        yield Row(name, f"{name}, s", seconds, "", "1000 x 24 x 28 each")


def memory() -> Iterator[Row]:
    """Peak memory of processes that score 50,000 series of each kind."""
    for metric in ("sliced_wasserstein_distance", "mmd"):
        code = (
            "import numpy as np; "
            f"from tsgen.metrics import {metric}; "
            "X, Y = np.random.default_rng(0).normal(size=(2, 50_000, 24, 28)); "
            f"{metric}(X, Y, random_state=0)"
        )
        detail = "50000 x 672 each, whole process with the series"
        what = f"peak memory of {metric}, GB"
        yield Row(metric, what, peak_memory(code), "<= 2", detail)


def oracles() -> Iterator[Row]:
    """Largest relative differences from other libraries and from definitions."""
    for name, (ours, theirs) in _oracles().items():
        gap = abs(ours - theirs) / abs(theirs)
        detail = f"ours {ours:.10g}, theirs {theirs:.10g}"
        yield Row(name, f"{name}, relative difference", gap, "<= 1e-6", detail)


def _oracles() -> dict[str, tuple[float, float]]:
    import geomloss
    import ot
    import scipy.stats
    import torch
    from scipy.optimize import linear_sum_assignment

    from tsgen import metrics
    from tsgen._random import numpy_generator

    rng = np.random.default_rng(SEED)
    x, y = rng.normal(size=(60, 6)), rng.normal(size=(60, 6)) + 0.3
    u, v = rng.normal(size=(60, 1)), rng.normal(size=(45, 1)) + 0.3
    plain: dict[str, Any] = {"standardize": False}
    costs = ((x[:, None] - y[None]) ** 2).sum(axis=2)
    paired = costs[linear_sum_assignment(costs)].mean() ** 0.5
    directions = numpy_generator(SEED, "directions").standard_normal((50, 6))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    tensors = torch.tensor(x), torch.tensor(y)
    energy = geomloss.SamplesLoss("energy", backend="tensorized")(*tensors).item()
    blur = float(np.sqrt(0.5 * costs.mean() / 2))
    sinkhorn = geomloss.SamplesLoss(
        "sinkhorn", blur=blur, scaling=0.9995, backend="tensorized"
    )
    kernel = np.exp(-costs / 2)
    within = [np.exp(-((z[:, None] - z[None]) ** 2).sum(axis=2) / 2) for z in (x, y)]
    discrepancy = sum(k[~np.eye(60, dtype=bool)].mean() for k in within)
    discrepancy -= 2 * kernel.mean()
    sliced = ot.sliced_wasserstein_distance(x, y, projections=directions.T)
    options = {"n_projections": 50, "random_state": SEED, **plain}
    return {
        "exact Wasserstein, SciPy's assignment": (
            metrics.wasserstein_distance(x, y, **plain),
            float(paired),
        ),
        "exact Wasserstein, POT, unequal sizes": (
            metrics.wasserstein_distance(x, y[:45], **plain),
            float(ot.emd2([], [], costs[:, :45])) ** 0.5,
        ),
        "order 1, SciPy": (
            metrics.wasserstein_distance(u, v, order=1, **plain),
            float(scipy.stats.wasserstein_distance(u[:, 0], v[:, 0])),
        ),
        "sliced Wasserstein, POT": (
            metrics.sliced_wasserstein_distance(x, y, **options),
            float(sliced),
        ),
        "Sinkhorn divergence, geomloss": (
            metrics.sinkhorn_divergence(x, y, **plain),
            2 * sinkhorn(*tensors).item(),
        ),
        "energy distance, geomloss": (
            metrics.energy_distance(x, y, biased=True, **plain),
            2 * energy + 2e-4 / 60,  # it takes 1e-4 for a point's own distance
        ),
        "energy distance, SciPy": (
            metrics.energy_distance(u, v, biased=True, **plain),
            float(scipy.stats.energy_distance(u[:, 0], v[:, 0])) ** 2,
        ),
        "MMD, all pairs by definition": (
            metrics.mmd(x, y, bandwidth=1.0, **plain),
            float(discrepancy),
        ),
    }


def search() -> Iterator[Row]:
    """Search a grid with two workers and in one, one inner thread each."""
    import torch
    from sklearn.model_selection import GridSearchCV

    from tsgen import StablePosteriorGenerator
    from tsgen.datasets import load_earthquakes
    from tsgen.scorers import neg_sliced_wasserstein_scorer

    os.environ["OMP_NUM_THREADS"] = "1"  # of the workers
    torch.set_num_threads(1)  # of this process
    grid = {"gamma": [1.0, 2.0, 4.0], "alpha": [0.1, 0.3, 1.0]}
    generator = StablePosteriorGenerator(
        max_iter=20, prior_max_iter=20, check_collapse=False, random_state=SEED
    )
    searches = {}
    for n_jobs in (1, 2):
        searches[n_jobs] = GridSearchCV(
            generator,
            grid,
            scoring=neg_sliced_wasserstein_scorer,
            cv=2,
            n_jobs=n_jobs,
            refit=False,
        )
    X = load_earthquakes().train
    seconds = {}
    for n_jobs, each_search in searches.items():
        start = perf_counter()
        each_search.fit(X)
        seconds[n_jobs] = perf_counter() - start
    scores = [s.cv_results_["mean_test_score"] for s in searches.values()]
    detail = f"3 x 3, 2 folds, 950 x 22 x 3, LSTM; serial {seconds[1]:.0f} s"
    what = "GridSearchCV, 2 workers / serial, time"
    yield Row("time", what, seconds[2] / seconds[1], "<= 0.65", detail)
    gap = float(np.abs(scores[0] - scores[1]).max())
    yield Row("scores", "largest difference of their scores", gap, "0", detail)


def floor() -> Iterator[Row]:
    """Compare the standard discriminative score of equal laws with its theory."""
    n = 1000
    scores = np.array(
        Parallel(n_jobs=2)(delayed(_score_of_equals)(n, k) for k in range(N_FLOORS))
    )
    theory = 0.5 * np.sqrt(2 / np.pi) / np.sqrt(2 * n * 0.2)
    error = scores.std(ddof=1) / np.sqrt(N_FLOORS) / theory
    detail = (
        f"{N_FLOORS} pairs of {n} series, mean {scores.mean():.4f}, "
        f"0.4 / sqrt(n_test) = {theory:.4f}, standard error of the ratio {error:.2f}"
    )
    what = "floor of the discriminative score / theory"
    yield Row("floor", what, scores.mean() / theory, "0.8 to 1.2", detail)


def _score_of_equals(n: int, seed: int) -> float:
    import torch

    from tsgen.metrics import discriminative_score

    torch.set_num_threads(1)  # of this process; the jobs share the cores
    X, Y = np.random.default_rng(seed).normal(size=(2, n, 24, 6)).cumsum(axis=2)
    return discriminative_score(X, Y, random_state=seed)


BENCHMARKS = {
    "speed": speed,
    "memory": memory,
    "oracles": oracles,
    "each": each,
    "floor": floor,
    "search": search,
}


if __name__ == "__main__":
    run_benchmarks(BENCHMARKS, RESULTS)
