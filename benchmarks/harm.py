"""Do synthetic series help a classifier, or harm it? On labelled sets of the archives.

``python benchmarks/harm.py FOLDER`` reads GunPoint, ItalyPowerDemand and JapaneseVowels
from ``FOLDER/<set>/<set>_TRAIN.ts`` and ``_TEST.ts`` (the UCR and UEA archives, at
https://timeseriesclassification.com), pools both files, keeps ``--most`` series with
the classes in proportion, since augmentation is for those who have few, and runs
`harm_check` with each generator: ``--rounds`` of five folds, as many synthetic series
added as there are real ones. Where lengths differ, series are stretched to 24 steps.

Rows go to ``benchmarks/results/harm.csv``, one a split, as a round of folds is
finished; rounds whose rows are there are not repeated. ``--summary`` prints the
verdicts only; ``--quick`` trains networks for two epochs and is kept apart.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from report import append_rows, read_rows
from sklearn.model_selection import train_test_split

from tsgen import (
    BlockBootstrapGenerator,
    GaussianGenerator,
    HarmCheck,
    StablePosteriorGenerator,
    harm_check,
)
from tsgen.datasets import read_ts

RESULTS = "harm.csv"
SETS = ("GunPoint", "ItalyPowerDemand", "JapaneseVowels")
GENERATORS = ("block bootstrap", "Gaussian", "stable posterior")
LENGTH = 24  # steps of series that were of unequal length
ARMS = ("real", "real + synthetic", "synthetic")
SIZES = ("n_train", "n_test", "n_added")

Row = dict[str, Any]


def read_set(folder: Path, name: str, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Read both files of a set; keep at most so many series, with their labels."""
    parts = [read_ts(folder / name / f"{name}_{part}.ts") for part in ("TRAIN", "TEST")]
    series = [one for part in parts for one in part.data]
    y = np.concatenate([part.target for part in parts])
    if len({len(one) for one in series}) > 1:
        series = [stretched(one) for one in series]
    X = np.stack(series)
    if len(X) <= most:
        return X, y
    X, _, y, _ = train_test_split(X, y, train_size=most, stratify=y, random_state=0)
    return X, y


def stretched(series: np.ndarray) -> np.ndarray:
    """Interpolate a series to `LENGTH` steps, channel by channel."""
    places = np.linspace(0, len(series) - 1, LENGTH)
    steps = np.arange(len(series))
    return np.stack([np.interp(places, steps, column) for column in series.T], axis=1)


def make_generator(name: str, quick: bool) -> Any:
    """Make a generator, with its defaults unless `quick`."""
    if name == "block bootstrap":
        return BlockBootstrapGenerator()
    if name == "Gaussian":
        return GaussianGenerator()
    epochs = {"max_iter": 2, "prior_max_iter": 2} if quick else {}
    return StablePosteriorGenerator(check_collapse=False, **epochs)


def keys(options: argparse.Namespace) -> Iterator[Row]:
    """List the rounds to check."""
    for name in options.sets:
        for generator in options.generators:
            for number in range(options.rounds):
                yield {
                    "mode": "quick" if options.quick else "full",
                    "set": name,
                    "most": options.most,
                    "generator": generator,
                    "round": number,
                }


def measure(X: np.ndarray, y: np.ndarray, key: Row, n_jobs: int) -> list[Row]:
    """Check one round of folds; return a row for each split."""
    generator = make_generator(key["generator"], key["mode"] == "quick")
    start = perf_counter()
    check = harm_check(
        generator, X, y, n_repeats=1, n_jobs=n_jobs, random_state=key["round"]
    )
    n_splits = len(check.n_test)
    seconds = f"{(perf_counter() - start) / n_splits:.3g}"
    columns = {**check.scores, **{name: getattr(check, name) for name in SIZES}}
    rows = [
        {n: f"{column[k]:.6g}" for n, column in columns.items()}
        for k in range(n_splits)
    ]
    return [
        {**key, "split": k, **row, "seconds": seconds} for k, row in enumerate(rows)
    ]


def run(options: argparse.Namespace) -> None:
    """Check the rounds that are missing, and append their rows."""
    found = read_rows(RESULTS)
    for key in keys(options):
        if not rows_of(key, found):
            X, y = read_set(options.folder, key["set"], options.most)
            append_rows(RESULTS, measure(X, y, key, options.n_jobs))


def rows_of(key: Row, rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Choose the rows of a round."""
    return [r for r in rows if all(r[name] == str(key[name]) for name in key)]


def summary(options: argparse.Namespace) -> str:
    """Lay the gains out as a table, a row for each set and generator."""
    lines = [
        "| set | generator | real | real + synthetic | gain | synthetic | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    found, own = read_rows(RESULTS), {}
    for key in keys(options):
        rows = rows_of(key, found)
        own.setdefault((key["set"], key["generator"]), []).extend(rows)
    return "\n".join(
        lines + [_line(*names, rows) for names, rows in own.items() if rows]
    )


def _line(name: str, generator: str, rows: list[dict[str, str]]) -> str:
    def column(key: str) -> np.ndarray:
        return np.array([float(row[key]) for row in rows])

    check = HarmCheck(
        scores={arm: column(arm) for arm in ARMS},
        generator=generator,
        scoring="accuracy",
        **{size: column(size) for size in SIZES},
    )
    real, both, alone = (f"{check.mean[arm]:.3f}" for arm in ARMS)
    gain, low, high = (
        part["real + synthetic"] for part in (check.gain, check.low, check.high)
    )
    interval = f" ({low:+.3f} to {high:+.3f})" if low < high else " in every split"
    gain = f"{gain:+.3f}{interval}"
    return (
        f"| {' | '.join([name, generator, real, both, gain, alone, check.outcome])} |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the sets lie, a folder each")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument(
        "--generators", nargs="+", choices=GENERATORS, default=GENERATORS
    )
    parser.add_argument("--most", type=int, default=100, help="series of a set")
    parser.add_argument("--rounds", type=int, default=4, help="of five folds")
    parser.add_argument("--n-jobs", type=int, default=1, help="splits at a time")
    parser.add_argument("--quick", action="store_true", help="two epochs a network")
    parser.add_argument("--summary", action="store_true", help="only print the table")
    options = parser.parse_args()
    if not options.summary:
        run(options)
    print(summary(options))
