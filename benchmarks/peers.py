"""The defaults on the protocol by which other packages were measured.

Series are scaled to [0, 1] by the range of the training series and split at random, 80
per cent to fit on, as published tables do: overlapping windows stand on both sides,
which flatters every generator. At most 1,500 held-out series are scored against as many
synthetic ones: sliced Wasserstein distance (500 projections), the standard
discriminative score (GRU of max(4, C // 2) units, 2,000 iterations, three splits),
spread ratio and the share nearer to training series than to held-out ones. Fitting is
on one thread, in CPU seconds. Encoded held-out series, decoded, tell the decoder's
share. Every seed is a fit of its own, or a choice of real series.

``OMP_NUM_THREADS=1 python benchmarks/peers.py energy stocks`` measures what
`results/peers.csv` lacks of these sets, without names of all, and prints its table.
Stocks and PhysioNet 2012 must be in the data folder (`TSGEN_DATA`) or are skipped.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.report import append_rows, read_rows
from tsgen import GaussianGenerator, StablePosteriorGenerator, memorization_report
from tsgen.comparison.result import _figure
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

RESULTS = "peers.csv"
SEEDS = range(3)
SPLIT_SEED = 0  # of the series that are held out
MOST_SCORED = 1500
N_SPLITS = 3  # of what the discriminative score trains and tests on
FLOOR, GAUSSIAN, STABLE = "real, the floor", "Gaussian", "stable posterior"
DECODED = f"{STABLE}, decoded"
TABLE = {  # headings by metric
    "sliced_wasserstein": "sliced Wasserstein",
    "discriminative_score": "discriminative score",
    "spread_ratio": "spread",
    "share_nearer_train": "nearer to training",
    "fit_cpu_seconds": "fit, CPU s",
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


SETS = {"energy": energy, "stocks": stocks, "physionet2012": physionet2012}


def split(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take 80 % at random to fit on; scale both parts by their range."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(series))
    n_train = int(0.8 * len(series))
    train, test = series[order[:n_train]], series[order[n_train:]]
    low, high = train.min((0, 1)), train.max((0, 1))
    return (train - low) / (high - low), (test - low) / (high - low)


Figure = tuple[str, str, float]  # who, metric, value


def references(X_train: np.ndarray, X_test: np.ndarray, seed: int) -> Iterator[Figure]:
    """Score real series, and draws from the Gaussian."""
    rows = np.random.default_rng(seed).permutation(len(X_train))[: len(X_test)]
    yield from scores(FLOOR, X_test, X_train[rows], seed)
    drawn = GaussianGenerator(random_state=seed).fit(X_train).sample(len(X_test))
    yield from scores(GAUSSIAN, X_test, drawn, seed)
    yield GAUSSIAN, "share_nearer_train", nearness(X_train, X_test, drawn, seed)


def stable_posterior(
    X_train: np.ndarray, X_test: np.ndarray, seed: int
) -> Iterator[Figure]:
    """Fit, sample, and decode what is encoded."""
    model = StablePosteriorGenerator(check_collapse=False, random_state=seed)
    start = process_time()
    model.fit(X_train)
    yield STABLE, "fit_cpu_seconds", process_time() - start
    drawn = model.sample(len(X_test))
    yield from scores(STABLE, X_test, drawn, seed)
    yield STABLE, "share_nearer_train", nearness(X_train, X_test, drawn, seed)
    encoded = model.transform(X_test)
    decoded = model.inverse_transform(encoded, noise=True, random_state=seed)
    yield from scores(DECODED, X_test, decoded, seed)


GENERATORS = {"references": references, STABLE: stable_posterior}


def scores(who: str, X_test: np.ndarray, X: np.ndarray, seed: int) -> Iterator[Figure]:
    """Score series against held-out ones."""
    distance = sliced_wasserstein_distance(
        X_test, X, standardize=False, random_state=seed
    )
    yield who, "sliced_wasserstein", float(distance)
    yield who, "discriminative_score", over_splits(X_test, X, seed)
    yield who, "spread_ratio", float(spread_ratio(X_test, X))


def over_splits(X_test: np.ndarray, X: np.ndarray, seed: int) -> float:
    """Average the standard discriminative score over splits."""
    width = max(4, X.shape[2] // 2)
    seeds = range(N_SPLITS * seed, N_SPLITS * (seed + 1))
    found = [
        discriminative_score(X_test, X, hidden_size=width, random_state=k)
        for k in seeds
    ]
    return float(np.mean(found))


def nearness(
    X_train: np.ndarray, X_test: np.ndarray, X: np.ndarray, seed: int
) -> float:
    """Return the share of series nearer to training than to held-out ones."""
    report = memorization_report(X, X_train, X_test, random_state=seed)
    return report.share_nearer_train


def missing(names: list[str]) -> Iterator[tuple[str, str, int]]:
    """List the sets, generators and seeds that no row holds yet."""
    finished = {(r["data"], r["job"], int(r["seed"])) for r in read_rows(RESULTS)}
    for seed in SEEDS:
        for data in names or SETS:
            for job in GENERATORS:
                if (data, job, seed) not in finished:
                    yield data, job, seed


def measure(data: str, job: str, seed: int) -> None:
    """Score a generator, or the references, on a set; append the rows."""
    try:
        X_train, X_test = split(SETS[data]())
    except FileNotFoundError as error:
        print(error)
        return
    unit = {"data": data, "job": job, "seed": seed}
    found = list(GENERATORS[job](X_train, X_test[:MOST_SCORED], seed))
    append_rows(
        RESULTS, [unit | {"who": w, "metric": m, "value": v} for w, m, v in found]
    )


def table() -> str:
    """Lay out means over seeds, and half of their 95 % intervals."""
    lines = [f"| | seeds | {' | '.join(TABLE.values())} |", "|---" * 7 + "|"]
    rows = read_rows(RESULTS)
    for data in SETS:
        for who in (FLOOR, GAUSSIAN, STABLE, DECODED):
            own = [row for row in rows if (row["data"], row["who"]) == (data, who)]
            seeds = len({row["seed"] for row in own})
            cells = [cell(own, metric) for metric in TABLE]
            lines.append(f"| {data}: {who} | {seeds} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(rows: list[dict[str, str]], metric: str) -> str:
    """Write a mean, of three seeds with its interval; empty without rows."""
    values = np.array([float(r["value"]) for r in rows if r["metric"] == metric])
    if len(values) > 2:
        return _figure(values)
    return f"{values.mean():.3g}" if len(values) else ""


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for unit in missing(sys.argv[1:]):
        measure(*unit)
        print(*unit, flush=True)
    print(table())
