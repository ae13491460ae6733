"""Benchmarks of the main job: what fitting and sampling cost, and what they reach.

``python benchmarks/main_job.py`` runs all, ``python benchmarks/main_job.py import
memory`` only those named. Each appends its rows to ``benchmarks/results/main_job.csv``
as they come, with seed, versions and hardware. What is compared is measured in turns in
one run, so that the ratios hold on a noisy machine; absolute times do not.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from measure import SEED, Row, in_turns, peak_memory, ratio, run_benchmarks

RESULTS = "main_job.csv"


def energy_windows() -> tuple[np.ndarray, np.ndarray]:
    """Windows of Energy, shuffled and cut 80/20: the field's habit, for comparison."""
    from tsgen.datasets import load_energy, train_test_windows

    return train_test_windows(
        load_energy().data, 24, split="shuffled", random_state=SEED
    )


def overhead() -> Iterator[Row]:
    """`fit` against a hand-written loop over the same modules."""
    import torch

    from tsgen import StablePosteriorGenerator
    from tsgen.nn.diffusion import initialized
    from tsgen.nn.noise import SCHEDULES
    from tsgen.nn.training import weighted_sum

    X = energy_windows()[0][:3000]
    n_epochs = 8

    def fitted() -> None:
        new_generator().fit(X)

    def new_generator() -> StablePosteriorGenerator:
        return StablePosteriorGenerator(
            max_iter=n_epochs, prior_max_iter=0, batch_size=128, random_state=SEED
        )

    generator = StablePosteriorGenerator(
        max_iter=1, prior_max_iter=0, random_state=SEED
    )
    generator.fit(X)

    def bare() -> None:
        x = torch.from_numpy(generator.scaler_.transform(X).astype(np.float32))
        random = torch.Generator().manual_seed(SEED)
        alpha_bar = SCHEDULES[generator.noise_schedule](generator.n_levels)
        model = initialized(generator._blueprint(), alpha_bar, SEED)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        model.train()
        for _ in range(n_epochs):
            order = torch.randperm(len(x), generator=random)
            for rows in order.tensor_split(len(x) // 128):
                terms = generator._loss_terms(model, batch(x[rows]), random, 0.0)
                loss = weighted_sum(terms)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    ours, theirs = in_turns([fitted, bare], repeats=6)
    detail = f"LSTM, {len(X)} x 24 x 28, {n_epochs} epochs, 6 turns"
    yield Row(
        "overhead", "fit / bare loop, time", ratio(ours, theirs), "<= 1.10", detail
    )


def one_epoch(generator: Any, X: np.ndarray) -> Callable[[], object]:
    """Return a job that trains a fitted generator for one more epoch, nothing else."""
    from tsgen.generators.fitting import TwoStageFit
    from tsgen.nn.training import train

    x = generator.fit(X)._scaled(X)
    trainer = TwoStageFit(generator, None)._joint
    return lambda: list(train(trainer, batch(x), batch_size=128, max_iter=1))


def batch(x: Any) -> tuple[Any, Any]:
    """Pair series with conditions of width 0: there is nothing to tell of them."""
    return x, x[:, 0, :0]


def methods() -> Iterator[Row]:
    """Time the stable posterior against plain latent diffusion, both backbones."""
    from tsgen import LatentDiffusionGenerator, StablePosteriorGenerator

    X = energy_windows()[0][:5000]
    for backbone in ("lstm", "transformer"):
        options = {"backbone": backbone, "batch_size": 128, "random_state": SEED}
        stable = StablePosteriorGenerator(max_iter=1, prior_max_iter=0, **options)
        plain = LatentDiffusionGenerator(max_iter=1, prior_max_iter=0, **options)
        epochs = in_turns([one_epoch(stable, X), one_epoch(plain, X)], repeats=8)
        name, what = f"fit {backbone}", "stable / plain, fit per epoch"
        detail = f"{backbone}, one epoch of 5000 x 24 x 28, 8 turns"
        yield Row(name, what, ratio(*epochs), "<= 1.35", detail)
        jobs = [partial(stable.sample, 1000), partial(plain.sample, 1000)]
        samples = in_turns(jobs, repeats=20)
        detail = f"{backbone}, 1000 series, 20 turns"
        yield Row(
            f"sample {backbone}",
            "stable / plain, sample",
            ratio(*samples),
            "<= 1.05",
            detail,
        )


def sample_in_steps(generator: Any, n_steps: int, seed: int = SEED) -> np.ndarray:
    """Draw 1,000 series by a reverse chain of `n_steps`."""
    generator.set_params(n_sampling_steps=n_steps)
    return generator.sample(1000, random_state=seed)


def steps() -> Iterator[Row]:
    """Strided sampling against the full chain, in time and in distance."""
    from tsgen import StablePosteriorGenerator
    from tsgen.metrics import sliced_wasserstein_distance

    X_train, X_test = energy_windows()
    generator = StablePosteriorGenerator(
        max_iter=10, prior_max_iter=20, random_state=SEED
    ).fit(X_train)
    for sampler in ("dpm", "ddim", "ancestral"):
        generator.set_params(sampler=sampler)

        draw = partial(sample_in_steps, generator)
        full, strided = in_turns([partial(draw, 1000), partial(draw, 50)], repeats=3)
        detail = f"{sampler}, LSTM, 1000 series of Energy, 3 turns"
        yield Row(
            f"time {sampler}",
            "1000 / 50 steps, time",
            ratio(full, strided),
            ">= 15",
            detail,
        )
        for n_steps in (1000, 50, 20):
            distances = [
                sliced_wasserstein_distance(
                    X_test, draw(n_steps, seed), random_state=SEED
                )
                for seed in range(5)
            ]
            detail = f"{sampler}, 5 seeds, sd {np.std(distances, ddof=1):.4f}"
            name = f"sliced Wasserstein, {n_steps} steps"
            yield Row(
                f"{sampler} {n_steps}", name, float(np.mean(distances)), "", detail
            )


def decoder() -> Iterator[Row]:
    """Decode encoded held-out windows: what the decoder costs, without the prior."""
    from tsgen import StablePosteriorGenerator
    from tsgen.metrics import sliced_wasserstein_distance, spread_ratio

    X_train, X_test = energy_windows()
    floor = sliced_wasserstein_distance(
        X_test[:1500], X_train[:1500], random_state=SEED
    )
    yield Row(
        "floor",
        "real against real, sliced Wasserstein",
        floor,
        "",
        "Energy, shuffled, 1500 windows each",
    )
    for max_iter in (10, 20):
        generator = StablePosteriorGenerator(
            max_iter=max_iter, prior_max_iter=0, random_state=SEED
        )
        start = perf_counter()
        latents = generator.fit(X_train).transform(X_test[1500:3000])
        seconds = perf_counter() - start
        decoded = generator.inverse_transform(latents, noise=True, random_state=SEED)
        distance = sliced_wasserstein_distance(
            X_test[:1500], decoded, random_state=SEED
        )
        spread = spread_ratio(X_test[:1500], decoded)
        detail = (
            f"{max_iter} epochs, {seconds:.0f} s, sliced Wasserstein {distance:.4f}, "
            f"spread {spread:.2f}"
        )
        yield Row(
            f"{max_iter} epochs",
            "decoded / real against real",
            distance / floor,
            "<= 2",
            detail,
        )


def import_time() -> Iterator[Row]:
    """`import tsgen` after `import sklearn`, each time in a fresh process."""
    code = (
        "from time import perf_counter; import sklearn; start = perf_counter(); "
        "import tsgen; print(perf_counter() - start)"
    )
    seconds = [
        float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(15)
    ]
    detail = f"median of 15 processes, slowest {max(seconds):.4f}"
    what = "import tsgen beyond sklearn, s"
    yield Row("import", what, median(seconds), "<= 0.3", detail)


def memory() -> Iterator[Row]:
    """Peak memory of a process that makes series and fits on them."""
    code = (
        "import numpy as np; from tsgen import StablePosteriorGenerator; "
        "X = np.random.default_rng(0).normal(size=(20_000, 24, 28)).cumsum(1); "
        "StablePosteriorGenerator(max_iter=1, prior_max_iter=1, random_state=0).fit(X)"
    )
    what, detail = "peak memory of a fit, GB", "20000 x 24 x 28, LSTM"
    yield Row("memory", what, peak_memory(code), "<= 1.5", detail)


BENCHMARKS = {
    "memory": memory,
    "import": import_time,
    "overhead": overhead,
    "methods": methods,
    "steps": steps,
    "decoder": decoder,
}


if __name__ == "__main__":
    run_benchmarks(BENCHMARKS, RESULTS)
