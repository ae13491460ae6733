"""The defaults on the protocol by which other packages were measured.

Series are scaled to [0, 1] by the range of the training series and split at random, 80
per cent to fit on, as published tables do: overlapping windows stand on both sides,
which flatters every generator. At most 1,500 held-out series are scored against as many
synthetic ones: sliced Wasserstein distance (500 projections), the standard
discriminative score (GRU of max(4, C // 2) units, 2,000 iterations, three splits),
spread ratio and the share nearer to training series than to held-out ones. Fitting is
on one thread, in CPU seconds. Encoded held-out series, decoded, tell the decoder's
share. "Longer" is with more epochs, as published generators train for hours.

``OMP_NUM_THREADS=1 python benchmarks/peers.py "energy, stable posterior"`` fits one
generator to one set, no names everything; Stocks and PhysioNet 2012 must be in the data
folder (`TSGEN_DATA`) or are skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from time import process_time
from typing import Any, NamedTuple

import numpy as np
from measure import SEED, Row, run_benchmarks

from tsgen import (
    GaussianGenerator,
    LatentDiffusionGenerator,
    StablePosteriorGenerator,
    memorization_report,
)
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
N_SPLITS = 3  # of what the discriminative score trains and tests on
REFERENCES, STABLE, LONGER = "references", "stable posterior", "stable, longer"
GAUSSIAN = "Gaussian"
GENERATORS: dict[str, type] = {
    STABLE: StablePosteriorGenerator,
    "latent diffusion": LatentDiffusionGenerator,
    LONGER: StablePosteriorGenerator,
}
EPOCHS_IF_LONGER = {"energy": 40}  # of both stages


class Targets(NamedTuple):
    """What the best generator measured before had, by metric."""

    sliced_wasserstein: str
    discriminative_score: str
    spread_ratio: str = "0.95 to 1.05"
    share_nearer_train: str = ""


TARGETS = {
    ("energy", STABLE): Targets("< 0.019", "< 0.22"),
    ("stocks", STABLE): Targets("< 0.020", "< 0.16"),
    ("physionet2012", STABLE): Targets("< 0.012", "< 0.04"),
    ("energy", LONGER): Targets("< 0.019", "<= 0.05"),
}


Candidate = tuple[str, np.ndarray, str]  # who, series, how it came about


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


def protocol(
    data: str, load: Callable[[], np.ndarray], generator: str
) -> Iterator[Row]:
    """Score a generator, or the references, on a data set."""
    try:
        X_train, X_test = split(load())
    except FileNotFoundError as error:
        print(error)
        return
    X_test = X_test[:MOST_SCORED]
    if generator == REFERENCES:
        candidates = references(X_train, len(X_test))
    else:
        candidates = fitted(unfitted(generator, data), generator, X_train, X_test)
    for name, X, detail in candidates:
        for metric, value in scores(name, X_train, X_test, X):
            target = getattr(TARGETS.get((data, name)), metric, "")
            yield Row(
                f"{data} {name} {metric}", f"{name}: {metric}", value, target, detail
            )


def references(X_train: np.ndarray, size: int) -> Iterator[Candidate]:
    """Take real series, and draw from the Gaussian."""
    yield "real, the floor", X_train[:size], ""
    gaussian = GaussianGenerator(random_state=SEED).fit(X_train)
    yield GAUSSIAN, gaussian.sample(size), ""


def unfitted(generator: str, data: str) -> Any:
    """Make a generator with its defaults, but for the epochs if trained longer."""
    epochs = EPOCHS_IF_LONGER[data] if generator == LONGER else "auto"
    return GENERATORS[generator](
        max_iter=epochs,
        prior_max_iter=epochs,
        check_collapse=False,
        random_state=SEED,
    )


def fitted(
    model: Any, name: str, X_train: np.ndarray, X_test: np.ndarray
) -> Iterator[Candidate]:
    """Fit, sample, and decode what is encoded."""
    start = process_time()
    model.fit(X_train)
    detail = f"fit in {process_time() - start:.0f} CPU s"
    yield name, model.sample(len(X_test)), detail
    decoded = model.inverse_transform(model.transform(X_test), noise=True)
    yield f"{name}, decoded", decoded, detail


def scores(
    who: str, X_train: np.ndarray, X_test: np.ndarray, X: np.ndarray
) -> Iterator[tuple[str, float]]:
    """Score series against held-out ones; synthetic ones for memorisation too."""
    if who in (GAUSSIAN, *GENERATORS):
        report = memorization_report(X, X_train, X_test, random_state=SEED)
        yield "share_nearer_train", report.share_nearer_train
    metrics = {
        "sliced_wasserstein": partial(
            sliced_wasserstein_distance, standardize=False, random_state=SEED
        ),
        "discriminative_score": over_splits,
        "spread_ratio": spread_ratio,
    }
    for metric, score in metrics.items():
        yield metric, float(score(X_test, X))


def over_splits(X_test: np.ndarray, X: np.ndarray) -> float:
    """Average the standard discriminative score over splits."""
    width = max(4, X.shape[2] // 2)
    return np.mean(
        [
            discriminative_score(X_test, X, hidden_size=width, random_state=SEED + k)
            for k in range(N_SPLITS)
        ]
    )


SETS = (energy, stocks, physionet2012)
BENCHMARKS = {
    f"{load.__name__}, {generator}": partial(protocol, load.__name__, load, generator)
    for generator in (REFERENCES, *GENERATORS)
    for load in SETS
    if generator != LONGER or load.__name__ in EPOCHS_IF_LONGER
}

if __name__ == "__main__":
    run_benchmarks(BENCHMARKS, "peers.csv")
