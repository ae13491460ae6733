"""What the steps of the reverse chain cost in quality, sampler by sampler.

The stable posterior on PhysioNet 2012, on the split of `peers.py` and in its scale:
mean sliced Wasserstein distance and spread ratio of samples of five seeds, of one fit.
``OMP_NUM_THREADS=1 python benchmarks/samplers.py``, ten minutes; the files must be in
the data folder (`TSGEN_DATA`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from measure import SEED, Row, run_benchmarks
from peers import MOST_SCORED, physionet2012, split

from tsgen import StablePosteriorGenerator
from tsgen.metrics import sliced_wasserstein_distance, spread_ratio

N_SEEDS = 5
CHAINS = (
    ("dpm", 10),
    ("dpm", 25),
    ("dpm", 50),
    ("ddim", 50),
    ("ddim", 200),
    ("ddim", 1000),
)


def samplers() -> Iterator[Row]:
    """Draw from one fit by every chain, and score."""
    X_train, X_test = split(physionet2012())
    X_test = X_test[:MOST_SCORED]
    generator = StablePosteriorGenerator(check_collapse=False, random_state=SEED)
    generator.fit(X_train)
    for sampler, n_steps in CHAINS:
        generator.set_params(sampler=sampler, n_sampling_steps=n_steps)
        yield from scores(generator, f"{sampler}, {n_steps} steps", X_test)


def scores(
    generator: StablePosteriorGenerator, chain: str, X_test: np.ndarray
) -> Iterator[Row]:
    """Give the mean of each metric over the seeds."""
    distances, spreads = [], []
    for seed in range(N_SEEDS):
        X = generator.sample(len(X_test), random_state=seed)
        distance = sliced_wasserstein_distance(
            X_test, X, standardize=False, random_state=SEED
        )
        distances.append(distance)
        spreads.append(spread_ratio(X_test, X))
    for metric, values in (("sliced Wasserstein", distances), ("spread", spreads)):
        detail = f"{N_SEEDS} seeds, sd {np.std(values, ddof=1):.2g}"
        yield Row(
            f"{chain} {metric}", f"{chain}: {metric}", np.mean(values), "", detail
        )


BENCHMARKS = {"samplers": samplers}

if __name__ == "__main__":
    run_benchmarks(BENCHMARKS, "samplers.csv")
