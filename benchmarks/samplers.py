"""What the steps of the reverse chain cost in quality, sampler by sampler.

The stable posterior on PhysioNet 2012, on the split of `peers.py` and in its scale:
mean sliced Wasserstein distance and spread ratio of samples of five seeds, of one fit.
``OMP_NUM_THREADS=1 python benchmarks/samplers.py samplers``, ten minutes; the files
must be in the data folder (`TSGEN_DATA`). ``exact`` tells at once what share of the
variance of normal latents a chain of second order keeps if the denoiser is exact, its
levels spaced evenly or in the log of the signal.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from measure import SEED, Row, run_benchmarks
from peers import MOST_SCORED, physionet2012, split

from tsgen import StablePosteriorGenerator
from tsgen.metrics import sliced_wasserstein_distance, spread_ratio
from tsgen.nn.noise import SCHEDULES
from tsgen.nn.samplers import log_snr_levels, reverse_chain, strided_levels

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


def exact() -> Iterator[Row]:
    """Give the variance that chains keep, as a share of what it should be."""
    alpha_bar, stop = SCHEDULES["cosine"](1000), torch.zeros(1, dtype=torch.long)
    variances = torch.tensor([10, 1, 0.01], dtype=torch.float64)

    def predict_clean(z: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        kept = alpha_bar[level].double()[:, None]
        return kept.sqrt() * variances / (kept * variances + 1 - kept) * z

    for n_steps in (25, 50):
        for spaced, levels in (
            ("even levels", strided_levels(1000, n_steps, stop)),
            ("even log of the signal", log_snr_levels(alpha_bar, n_steps, stop)),
        ):
            start = torch.ones(1, 3, dtype=torch.float64)
            chain = reverse_chain(
                predict_clean, start, levels, alpha_bar, second_order=True
            )
            *_, z = chain
            for variance, share in zip(
                variances, z[0].square() / variances, strict=True
            ):
                what = f"{spaced}, {n_steps} steps: variance {variance:g} kept"
                yield Row(what, what, float(share), "", "exact denoiser, cosine")


BENCHMARKS = {"samplers": samplers, "exact": exact}

if __name__ == "__main__":
    run_benchmarks(BENCHMARKS, "samplers.csv")
