"""The facts of the paper about posterior collapse, over data sets and seeds.

``python benchmarks/dependency_facts.py`` fits plain latent diffusion and the stable
posterior, in the form of the paper, to Earthquakes and Energy, to series in order and
to series whose time steps were shuffled, five seeds each, and measures what their
decoders rely on, on held-out series. With ``--physionet set-a.tar.gz`` it does so for
ICU vitals too. The rows go to ``benchmarks/results/dependency_facts.csv``, one per step
of every fit, as they come; fits whose rows are there are not repeated. ``--summary``
prints the table.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from paper.generators import FORM_OF_THE_PAPER, PLAIN, STABLE
from report import append_row, read_rows

RESULTS = "dependency_facts.csv"
SEEDS = range(5)
GENERATORS = ("plain", "stable")
N_SERIES = 100
KEYS = ("data", "generator", "series", "seed")


def load(data: str, path: str | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Return training series, held-out ones, and the number of epochs."""
    from tsgen import datasets

    if data == "earthquakes":
        events = datasets.load_earthquakes()
        return events.train, np.concatenate([events.val, events.test]), 60
    if data == "energy":
        split = datasets.train_test_windows(
            datasets.load_energy().data, 24, random_state=0
        )
        return *split, 10
    vitals = datasets.fetch_physionet2012(path).data
    order = np.random.default_rng(0).permutation(len(vitals))
    return vitals[order[500:]], vitals[order[:500]], 60


def fit_and_measure(
    data: str, generator: str, series: str, seed: int, path: str | None
) -> list[dict[str, Any]]:
    """Fit one generator; return a row per step."""
    import torch

    from tsgen import LatentDiffusionGenerator, StablePosteriorGenerator
    from tsgen.datasets import shuffle_timesteps

    torch.set_num_threads(1)  # of this process; the jobs share the cores
    warnings.simplefilter("ignore")
    X_train, X_test, max_iter = load(data, path)
    if series == "shuffled":
        X_train = shuffle_timesteps(X_train, random_state=0)
        X_test = shuffle_timesteps(X_test, random_state=1)
    make, form = {
        "plain": (LatentDiffusionGenerator, FORM_OF_THE_PAPER[PLAIN]),
        "stable": (StablePosteriorGenerator, FORM_OF_THE_PAPER[STABLE]),
    }[generator]
    fitted = make(
        max_iter=max_iter,
        prior_max_iter=0,
        check_collapse=False,
        random_state=seed,
        **form,
    )
    start = perf_counter()
    fitted.fit(X_train)
    seconds = perf_counter() - start
    rows = np.random.default_rng(0).permutation(len(X_test))[:N_SERIES]
    measured = fitted.dependency(X_test[rows])
    control = fitted.posterior_report(X_test[rows], n_series=N_SERIES)
    quartiles = np.nanquantile(measured.global_, [0.25, 0.5, 0.75], axis=0)
    low, high = control.first_order_interval
    shared = {
        "first_order_if_shuffled": control.first_order,
        "interval_low": low,
        "interval_high": high,
        "completeness_error": np.nanmedian(measured.completeness_error),
        "seconds": seconds,
    }
    return [
        {
            **dict(zip(KEYS, (data, generator, series, seed), strict=True)),
            "step": step + 1,
            "global_q25": quartiles[0, step],
            "global_median": quartiles[1, step],
            "global_q75": quartiles[2, step],
            "global_mean": measured.mean()[step],
            "first_order_mean": measured.mean(order=1)[step],
            **shared,
        }
        for step in range(measured.global_.shape[1])
    ]


def done() -> set[tuple[str, ...]]:
    """Return the keys of the fits whose rows are there."""
    return {tuple(row[key] for key in KEYS) for row in read_rows(RESULTS)}


def jobs(path: str | None) -> Iterator[tuple[str, str, str, int]]:
    """List the fits to do, seed by seed."""
    for seed in SEEDS:
        for data in ("earthquakes", "energy", *(["vitals"] if path else [])):
            for generator in GENERATORS:
                for series in ("ordered", "shuffled"):
                    yield data, generator, series, seed


def run(path: str | None, n_jobs: int) -> None:
    """Do the fits that are missing, in parallel, and append their rows."""
    finished = done()
    todo = [job for job in jobs(path) if tuple(map(str, job)) not in finished]
    fits = (delayed(fit_and_measure)(*job, path) for job in todo)
    results = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(fits)
    for number, rows in enumerate(results, start=1):
        for row in rows:
            rounded = {k: f"{v:.5g}" for k, v in row.items() if isinstance(v, float)}
            append_row(RESULTS, {**row, **rounded})
        print(f"{number} of {len(todo)}:", *rows[0].values())


def summary() -> str:
    """Lay out the extremes over steps and seeds as a table."""
    lines = [
        "| data | generator | series | median global dependency, second half | "
        "lowest median of any step | lowest mean of any step | first order | "
        "first order if shuffled |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = read_rows(RESULTS)
    groups = sorted({tuple(row[key] for key in KEYS[:3]) for row in rows})
    for group in groups:
        own = [row for row in rows if tuple(row[key] for key in KEYS[:3]) == group]
        lines.append(f"| {' | '.join(group)} | {' | '.join(_extremes(own))} |")
    return "\n".join(lines)


def _extremes(rows: list[dict[str, str]]) -> list[str]:
    def column(name: str, chosen: list[dict[str, str]] = rows) -> np.ndarray:
        return np.array([float(row[name]) for row in chosen])

    steps = column("step")
    late = steps > steps.max() // 2
    first = column("first_order_mean")[steps > 1]
    return [
        f"{np.median(column('global_median')[late]):.2f}",
        f"{column('global_median').min():.2f}",
        f"{column('global_mean').min():.2f}",
        f"{first.mean():.3f}",
        f"{column('first_order_if_shuffled').mean():.3f}, intervals in "
        f"[{column('interval_low').min():.3f}, {column('interval_high').max():.3f}]",
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--physionet", help="set-a.tar.gz of the 2012 challenge")
    parser.add_argument("--n-jobs", type=int, default=-1)
    parser.add_argument("--summary", action="store_true", help="only print the table")
    options = parser.parse_args()
    if not options.summary:
        run(options.physionet, options.n_jobs)
    print(summary())
