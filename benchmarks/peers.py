"""The defaults on the protocol by which other packages were measured.

Series are scaled to [0, 1] by the range of the training series and split at random, 80
per cent to fit on, as published tables do: overlapping windows stand on both sides,
which flatters every generator. At most 1,500 held-out series are scored against as many
synthetic ones: sliced Wasserstein distance (500 projections), the standard
discriminative score (GRU of max(4, C // 2) units, 2,000 iterations, three splits) and
the spread ratio. Fitting is on one thread, in CPU seconds. Encoded held-out series,
decoded, tell the decoder's share.

``OMP_NUM_THREADS=1 python benchmarks/peers.py energy`` takes one set, none takes all;
Stocks and PhysioNet 2012 must be in the data folder (`TSGEN_DATA`) or are skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from time import process_time
from typing import NamedTuple

import numpy as np
from measure import SEED, Row, run_benchmarks

from tsgen import GaussianGenerator, LatentDiffusionGenerator, StablePosteriorGenerator
from tsgen.datasets import (
    fetch_physionet2012,
    fetch_stocks,
    load_energy,
    make_windows,
)
from tsgen.metrics import (
    discriminative_score,
    sliced_wasserstein_distance,
    spread_ratio,
)

MOST_SCORED = 1500
GENERATORS = {
    "stable posterior": StablePosteriorGenerator,
    "latent diffusion": LatentDiffusionGenerator,
}


class Targets(NamedTuple):
    """What the best generator measured before had, by metric."""

    sliced_wasserstein: str
    discriminative_score: str
    spread_ratio: str = "0.95 to 1.05"


TARGETS = {
    "energy": Targets("< 0.019", "< 0.22"),
    "stocks": Targets("< 0.020", "< 0.16"),
    "physionet2012": Targets("< 0.012", "< 0.04"),
}


def energy() -> np.ndarray:
    """All windows of four hours."""
    return make_windows(load_energy().data, 24)


def stocks() -> np.ndarray:
    """All windows of 24 trading days."""
    return make_windows(fetch_stocks(download_if_missing=False).data, 24)


def physionet2012() -> np.ndarray:
    """First 12 hours of stays with one value of every channel at least."""
    return fetch_physionet2012(min_hours=1, download_if_missing=False).data


def split(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take 80 % at random to fit on; scale both parts by their range."""
    order = np.random.default_rng(SEED).permutation(len(series))
    n_train = int(0.8 * len(series))
    train, test = series[order[:n_train]], series[order[n_train:]]
    low, high = train.min((0, 1)), train.max((0, 1))
    return (train - low) / (high - low), (test - low) / (high - low)


def protocol(name: str, load: Callable[[], np.ndarray]) -> Iterator[Row]:
    """Score the floor, the Gaussian and both generators."""
    try:
        X_train, X_test = split(load())
    except FileNotFoundError as error:
        print(error)
        return
    X_test = X_test[:MOST_SCORED]
    size = len(X_test)
    yield from scores(name, "real, the floor", X_test, X_train[:size], "")
    gaussian = GaussianGenerator(random_state=SEED).fit(X_train).sample(size)
    yield from scores(name, "Gaussian", X_test, gaussian, "")
    for generator in GENERATORS:
        yield from fitted(name, generator, X_train, X_test)


def fitted(
    name: str, generator: str, X_train: np.ndarray, X_test: np.ndarray
) -> Iterator[Row]:
    """Fit with the defaults, and score samples and what is decoded."""
    start = process_time()
    model = GENERATORS[generator](random_state=SEED, check_collapse=False)
    model.fit(X_train)
    seconds = process_time() - start
    yield Row(f"{name} {generator} fit", "CPU s", seconds, "<= 150", "one thread")
    decoded = model.inverse_transform(model.transform(X_test), noise=True)
    yield from scores(name, f"{generator}, decoded", X_test, decoded, "")
    sampled = model.sample(len(X_test))
    targets = TARGETS[name] if generator == "stable posterior" else None
    yield from scores(name, generator, X_test, sampled, f"{seconds:.0f} s", targets)


def scores(
    name: str,
    who: str,
    X_test: np.ndarray,
    X: np.ndarray,
    detail: str,
    targets: Targets | None = None,
) -> Iterator[Row]:
    """Give a row for each metric."""
    width = max(4, X.shape[2] // 2)
    metrics = {
        "sliced_wasserstein": partial(
            sliced_wasserstein_distance, standardize=False, random_state=SEED
        ),
        "discriminative_score": partial(
            discriminative_score, hidden_size=width, n_splits=3, random_state=SEED
        ),
        "spread_ratio": spread_ratio,
    }
    for metric, score in metrics.items():
        target = getattr(targets, metric) if targets else ""
        value = float(score(X_test, X))
        yield Row(f"{name} {who} {metric}", f"{who}: {metric}", value, target, detail)


BENCHMARKS = {
    load.__name__: partial(protocol, load.__name__, load)
    for load in (energy, stocks, physionet2012)
}

if __name__ == "__main__":
    run_benchmarks(BENCHMARKS, "peers.csv")
