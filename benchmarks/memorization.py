"""False alarms and power of the memorisation report, over defects and seeds.

``python benchmarks/memorization.py`` makes training, unseen and synthetic series of an
AR(1) of 24 steps, plants copies of training series among the synthetic ones, and asks
`memorization_report`. The rows go to ``benchmarks/results/memorization.csv``, one per
draw, as they come; draws whose rows are there are not repeated. ``--summary`` prints
the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from report import append_row, read_rows

from tsgen.memorization import memorization_report
from tsgen.reference import BlockBootstrapGenerator

RESULTS = "memorization.csv"
T = 24
KEYS = ("defect", "seed")
DEFAULTS = {
    "n": 200,  # series in each set
    "n_holdout": None,  # unseen series, if not as many
    "share": 0.0,  # of synthetic series that are copies
    "noise": 0.05,  # deviation of what is added to a copy
    "shift": 0,  # steps by which a copy comes earlier
    "rescale": False,  # whether a copy is stretched by half and moved by 1
    "phi": 0.7,  # of the synthetic series that are no copies; 0.7 is that of the data
    "windows": False,  # whether all are overlapping windows, split at random
    "bootstrap": False,  # whether all synthetic series are exact copies
    "options": {},
    "seeds": 100,
}
DEFECTS: dict[str, dict[str, Any]] = {
    "none": {"seeds": 400},
    "none, generator too smooth": {"phi": 0.9, "seeds": 400},
    "none, 100 unseen to 400": {"n": 400, "n_holdout": 100, "seeds": 1000},
    "2 % copies": {"share": 0.02},
    "5 % copies": {"share": 0.05, "seeds": 200},
    "5 % copies, no shifts searched": {"share": 0.05, "options": {"max_lag": 0}},
    "10 % copies": {"share": 0.1},
    "25 % copies": {"share": 0.25},
    "5 % copies shifted by 3": {"share": 0.05, "shift": 3, "seeds": 200},
    "5 % copies shifted by 3, no shifts searched": {
        "share": 0.05,
        "shift": 3,
        "options": {"max_lag": 0},
    },
    "100 % copies, noise 0.3": {"share": 1.0, "noise": 0.3},
    "100 % copies, noise 0.6": {"share": 1.0, "noise": 0.6},
    "block bootstrap of one block": {"bootstrap": True},
    "10 % copies, rescaled": {"share": 0.1, "rescale": True},
    "10 % copies, rescaled, scale ignored": {
        "share": 0.1,
        "rescale": True,
        "options": {"ignore_scale": True},
    },
    "none, scale ignored": {"options": {"ignore_scale": True}, "seeds": 200},
    "10 % copies, 100 unseen to 400": {"n": 400, "n_holdout": 100, "share": 0.1},
    "10 % copies, overlapping windows": {"share": 0.1, "windows": True},
    "none, n = 1000": {"n": 1000, "seeds": 100},
    "10 % copies, n = 1000": {"n": 1000, "share": 0.1, "seeds": 100},
}


def autoregressive(
    rng: np.random.Generator, n: int, length: int, phi: float
) -> np.ndarray:
    """Draw series of an AR(1) of variance 1, (n, length)."""
    noise = rng.normal(size=(n, length)) * np.sqrt(1 - phi**2)
    noise[:, 0] = rng.normal(size=n)
    series = noise
    for t in range(1, length):
        series[:, t] += phi * series[:, t - 1]
    return series


def real_series(
    case: dict[str, Any], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return training and unseen series, long enough to be shifted."""
    n_train, n_holdout = case["n"], case["n_holdout"] or case["n"]
    n, length = n_train + n_holdout, T + case["shift"]
    if case["windows"]:
        (long,) = autoregressive(rng, 1, 4 * n + length, 0.7)
        starts = 4 * rng.permutation(n)
        series = np.stack([long[start : start + length] for start in starts])
    else:
        series = autoregressive(rng, n, length, 0.7)
    return series[:n_train], series[n_train:]


def copies(
    X_train: np.ndarray, case: dict[str, Any], rng: np.random.Generator
) -> np.ndarray:
    """Copy training series drawn at random, not exactly."""
    n_copies = round(case["share"] * case["n"])
    sources = X_train[rng.integers(len(X_train), size=n_copies), case["shift"] :]
    near = sources + case["noise"] * rng.normal(size=sources.shape)
    return 1.5 * near + 1 if case["rescale"] else near


def measure(defect: str, seed: int) -> dict[str, Any]:
    """Draw three sets with a defect; return a row."""
    case = DEFAULTS | DEFECTS[defect]
    rng = np.random.default_rng(seed)
    X_train, X_holdout = real_series(case, rng)
    X = autoregressive(rng, case["n"], T, case["phi"])
    copied = copies(X_train, case, rng)
    X[: len(copied)] = copied
    X_train, X_holdout = X_train[:, :T], X_holdout[:, :T]
    if case["bootstrap"]:
        X = BlockBootstrapGenerator(1, random_state=seed).fit(X_train).sample(case["n"])
    start = perf_counter()
    report = memorization_report(
        X, X_train, X_holdout, random_state=seed, **case["options"]
    )
    return {
        "defect": defect,
        "seed": seed,
        "memorizes": int(report.memorizes),
        "p_value": report.p_value,
        **{f"p_{name}": value for name, value in report.p_values.items()},
        "share_nearer_train": report.share_nearer_train,
        "ratio_tail": report.ratio_tail,
        "ratio_tail_control": report.ratio_tail_control,
        "attack_auc": report.attack_auc,
        "copy_share": report.copy_share,
        "copy_share_low": report.copy_share_interval[0],
        "copy_share_high": report.copy_share_interval[1],
        "seconds": perf_counter() - start,
    }


def jobs() -> Iterator[tuple[str, int]]:
    """List the draws to make."""
    for defect, case in DEFECTS.items():
        for seed in range((DEFAULTS | case)["seeds"]):
            yield defect, seed


def run(n_jobs: int) -> None:
    """Make the draws that are missing, in parallel, and append their rows."""
    finished = {tuple(row[key] for key in KEYS) for row in read_rows(RESULTS)}
    todo = [job for job in jobs() if tuple(map(str, job)) not in finished]
    draws = (delayed(measure)(*job) for job in todo)
    for row in Parallel(n_jobs=n_jobs, return_as="generator_unordered")(draws):
        rounded = {k: f"{v:.5g}" for k, v in row.items() if isinstance(v, float)}
        append_row(RESULTS, {**row, **rounded})


def summary() -> str:
    """Lay out the share of flagged draws and the mean figures as a table."""
    lines = [
        "| defect | draws | flagged | share nearer train | 5 % ratio tail | if fair | "
        "attack AUC | near-copies | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    rows = read_rows(RESULTS)
    for defect in DEFECTS:
        own = [row for row in rows if row["defect"] == defect]
        if own:
            lines.append(f"| {defect} | {len(own)} | {' | '.join(_figures(own))} |")
    return "\n".join(lines)


def _figures(rows: list[dict[str, str]]) -> list[str]:
    def column(name: str) -> np.ndarray:
        return np.array([float(row[name]) for row in rows])

    return [
        f"{100 * column('memorizes').mean():.1f} %",
        *[_mean(column(name)) for name in ("share_nearer_train", "ratio_tail")],
        f"{column('ratio_tail_control').mean():.3f}",
        _mean(column("attack_auc")),
        f"{100 * column('copy_share').mean():.1f} ± "
        f"{100 * column('copy_share').std():.1f} %",
        f"{np.median(column('seconds')):.2f}",
    ]


def _mean(values: np.ndarray) -> str:
    return f"{values.mean():.3f} ± {values.std():.3f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-jobs", type=int, default=-1)
    parser.add_argument("--summary", action="store_true", help="only print the table")
    options = parser.parse_args()
    if not options.summary:
        run(options.n_jobs)
    print(summary())
