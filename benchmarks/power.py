"""Which metric sees which defect: the power of every metric on series of known law.

``python benchmarks/power.py`` draws pairs of real and synthetic sets of 1,000 series of
24 x 3, of one law or with one defect in the synthetic ones, and counts how often a
metric lies beyond 99 % of its values on equal laws (a p-value of 0.01 for
`memorization_report`). Values go to ``benchmarks/results/power.csv``, ten a row, as
they come; those there are not computed again. ``--summary`` prints the table. Names as
arguments restrict it to some metrics.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from report import append_row, read_rows

RESULTS = "power.csv"
N_SERIES, N_STEPS = 1000, 24
N_DRAWS, N_NULL = 100, 200
N_FEW = 10  # draws, and thrice as many on equal laws, of metrics that train a network
FEW = ("discriminative_score", "predictive_score", "context_fid")
BATCH = 10  # draws of one job
WEIGHTS = np.array([0.5, 0.3, 0.2])  # of the three modes
CORRELATION = 0.7
MEMORIZATION = "memorization_report"

Series = np.ndarray  # (n_series, n_timesteps, n_channels)


def draw(
    rng: np.random.Generator,
    n: int = N_SERIES,
    *,
    weights: np.ndarray = WEIGHTS,
    correlation: float = CORRELATION,
) -> Series:
    """Draw series of three modes that rise suddenly and fall slowly.

    Autoregressive of first order, driven by skewed shocks, which makes the direction of
    time visible; the second channel follows the first, the third is on its own. A mode
    is a level of the first channel and a slope of the third.
    """
    shocks = rng.gamma(1.0, size=(n, N_STEPS + 20, 3)) - 1.0
    shocks[:, 1:, 1] = 0.6 * shocks[:, :-1, 0] + 0.8 * shocks[:, 1:, 1]
    x = shocks * np.sqrt(1 - correlation**2)
    for t in range(1, x.shape[1]):
        x[:, t] += correlation * x[:, t - 1]
    mode = rng.choice(3, size=n, p=weights / weights.sum())
    x = x[:, -N_STEPS:]
    x[:, :, 0] += np.array([0.0, 2.0, -2.0])[mode, None]
    x[:, :, 2] += np.array([0.0, 1.0, 2.0])[mode, None] * np.linspace(-1, 1, N_STEPS)
    return x


def shifted(rng: np.random.Generator, train: Series) -> Series:
    """Mean + 0.3 standard deviations."""
    x = draw(rng)
    return x + 0.3 * x.std(axis=(0, 1))


def narrowed(rng: np.random.Generator, train: Series) -> Series:
    """Variance x 0.8."""
    x = draw(rng)
    mean = x.mean(axis=(0, 1))
    return mean + np.sqrt(0.8) * (x - mean)


def without_a_mode(rng: np.random.Generator, train: Series) -> Series:
    """Drop the rarest mode, a fifth of the series."""
    return draw(rng, weights=WEIGHTS * [1, 1, 0])


def with_copies(rng: np.random.Generator, train: Series) -> Series:
    """Copy a tenth of the series from the training ones, with noise of 0.05 sd."""
    x = draw(rng)
    n = N_SERIES // 10
    copies = train[rng.choice(len(train), n, replace=False)]
    noise = rng.normal(scale=0.05 * train.std(axis=(0, 1)), size=copies.shape)
    return np.concatenate([copies + noise, x[n:]])


DEFECTS: dict[str, Callable[[np.random.Generator, Series], Series]] = {
    "none": lambda rng, train: draw(rng),
    "mean +0.3 sd": shifted,
    "variance x0.8": narrowed,
    "time reversed": lambda rng, train: draw(rng)[:, ::-1],
    "channels swapped": lambda rng, train: draw(rng)[:, :, [1, 0, 2]],
    "lag-1 corr. -0.2": lambda rng, train: draw(rng, correlation=CORRELATION - 0.2),
    "mode dropped": without_a_mode,
    "10 % copies": with_copies,
}


def value_of(name: str, real: Series, synthetic: Series, train: Series) -> float:
    """Compute a metric on held-out real series, or the report's p-value."""
    from tsgen import memorization_report
    from tsgen.metrics._catalogue import resolve

    if name == MEMORIZATION:
        report = memorization_report(synthetic, train, real, random_state=0)
        return report.p_value
    return resolve(name)[name](real, synthetic, 0)


def some_values(name: str, defect: str, first: int) -> dict[str, Any]:
    """Row of a few draws."""
    import torch

    torch.set_num_threads(1)  # of this process; the jobs share the cores
    warnings.simplefilter("ignore")
    values = []
    for seed in range(first, first + BATCH):
        rng = np.random.default_rng([list(DEFECTS).index(defect), seed])
        train, real = draw(rng), draw(rng)
        synthetic = DEFECTS[defect](rng, train)
        values.append(value_of(name, real, synthetic, train))
    text = " ".join(f"{value:.6g}" for value in values)
    return {"metric": name, "defect": defect, "first_seed": first, "values": text}


def pending(names: list[str]) -> Iterator[tuple[str, str, int]]:
    """Jobs whose rows are not there: nulls first, then one defect after the other."""
    known = {
        (r["metric"], r["defect"], int(r["first_seed"])) for r in read_rows(RESULTS)
    }
    for name in names:
        for defect in DEFECTS:
            n_draws = N_FEW if name in FEW else N_DRAWS
            if defect == "none":
                n_draws = 3 * N_FEW if name in FEW else N_NULL
            for first in range(0, n_draws, BATCH):
                if (name, defect, first) not in known:
                    yield name, defect, first


def bounds(name: str, null: np.ndarray) -> tuple[float, float]:
    """Return what 99 % of the values on equal laws lie between."""
    from tsgen.metrics._catalogue import resolve

    if name == MEMORIZATION:
        return 0.01, np.inf
    best = resolve(name)[name].best
    if best == "low":
        return -np.inf, float(np.quantile(null, 0.99))
    if best == "high":
        return float(np.quantile(null, 0.01)), np.inf
    low, high = np.quantile(null, [0.005, 0.995])
    return float(low), float(high)


def power_table() -> list[list[str]]:
    """Rows of the table: the share caught of each defect by each metric."""
    values: dict[tuple[str, str], list[float]] = {}
    for row in read_rows(RESULTS):
        drawn = values.setdefault((row["metric"], row["defect"]), [])
        drawn.extend(map(float, row["values"].split()))
    defects = [defect for defect in DEFECTS if defect != "none"]
    table = []
    for name in dict.fromkeys(name for name, _ in values):
        null = np.array(values[name, "none"])
        low, high = bounds(name, null)
        cells = []
        for defect in defects:
            x = np.array(values.get((name, defect), []))
            cells.append(f"{np.mean((x < low) | (x > high)):.2f}" if x.size else "")
        n_draws = len(values.get((name, defects[0]), []))
        table.append([f"`{name}`", *cells, str(n_draws)])
    return [["metric", *defects, "draws"], *table]


def summary() -> None:
    """Print the table in Markdown."""
    header, *rows = power_table()
    print(" | ".join(["", *header, ""]).strip())
    print("|---" * len(header) + "|")
    for row in rows:
        print(" | ".join(["", *row, ""]).strip())


def main() -> None:
    """Compute what is not there yet, or print the table."""
    from tsgen.metrics._catalogue import NAMES

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("metrics", nargs="*", help="names; all by default")
    parser.add_argument("--summary", action="store_true")
    parser.add_argument("--n-jobs", type=int, default=2)
    options = parser.parse_args()
    names = options.metrics or [*NAMES, MEMORIZATION]
    if not options.summary:
        pool = Parallel(n_jobs=options.n_jobs, return_as="generator")
        for row in pool(delayed(some_values)(*job) for job in pending(names)):
            append_row(RESULTS, row)
    summary()


if __name__ == "__main__":
    main()
