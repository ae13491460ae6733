"""Each symbol of the objective, varied by scikit-learn's GridSearchCV.

The stable posterior in the form of the paper, one symbol at a time, the others at their
defaults, over some seeds, on the split of the tables. ``python
benchmarks/paper/ablations.py earthquakes`` takes the symbols whose rows are not yet in
``benchmarks/results/ablations.csv``, half an hour in all; ``mimic`` needs the folder of
the MIMIC-III demo as ``--mimic``. ``--report`` prints the tables.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.paper.generators import FORM_OF_THE_PAPER, STABLE
from benchmarks.paper.sets import Places, Split, load
from benchmarks.report import append_rows, read_rows
from tsgen import StablePosteriorGenerator
from tsgen.scorers import GeneratorScorer

RESULTS = "ablations.csv"
SETS = ("earthquakes", "mimic")
GRIDS: dict[str, tuple[str, tuple[float, ...]]] = {
    "N": ("n_inference_levels", (10, 50, 100, 200)),
    "M": ("n_collapse_levels", (0, 50, 100, 200)),
    "gamma": ("gamma", (1.0, 2.0, 4.0)),
    "alpha": ("alpha", (0.0, 0.3, 1.0, 3.0)),
    "eta": ("eta", (1.0, 2.0, 5.0)),
}
SCORER = GeneratorScorer(
    ["sliced_wasserstein_distance", "wasserstein_distance", "mmd", "spread_ratio"]
)
DEPENDENCY = "global dependency at the last step"
N_EXPLAINED = 100  # series whose dependency is measured

Row = dict[str, Any]


def scores(generator: StablePosteriorGenerator, X: np.ndarray) -> dict[str, float]:
    """Score samples against held-out series, and the use of the latent on them."""
    found = generator.dependency(X[:N_EXPLAINED], random_state=0)
    return {**SCORER(generator, X), DEPENDENCY: float(found.mean()[-1])}


def search(symbol: str, split: Split, n_seeds: int) -> GridSearchCV:
    """Fit every value of a symbol with every seed, on the one split."""
    option, values = GRIDS[symbol]
    n_train, n_test = map(len, split)
    rows = np.arange(n_train + n_test)
    found = GridSearchCV(
        StablePosteriorGenerator(check_collapse=False, **FORM_OF_THE_PAPER[STABLE]),
        {option: values, "random_state": range(n_seeds)},
        scoring=scores,
        refit=False,
        cv=[(rows[:n_train], rows[n_train:])],
    )
    return found.fit(np.concatenate(split))


def rows_of(data: str, symbol: str, results: dict[str, Any]) -> Iterator[Row]:
    """Turn the results of a search into rows, one for each score of each candidate."""
    option, _ = GRIDS[symbol]
    for index, candidate in enumerate(results["params"]):
        for metric in (key for key in results if key.startswith("mean_test_")):
            yield {
                "data": data,
                "symbol": symbol,
                "setting": candidate[option],
                "seed": candidate["random_state"],
                "metric": metric.removeprefix("mean_test_"),
                "value": results[metric][index],
                "seconds": f"{results['mean_fit_time'][index]:.4g}",
            }


def table(rows: list[dict[str, str]]) -> str:
    """Lay out the means over the seeds of one data set."""
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    lines = [["", "seeds", *metrics], ["---"] * (2 + len(metrics))]
    for symbol, setting in dict.fromkeys((r["symbol"], r["setting"]) for r in rows):
        own = [r for r in rows if (r["symbol"], r["setting"]) == (symbol, setting)]
        n_seeds = str(len({row["seed"] for row in own}))
        values = [[float(r["value"]) for r in own if r["metric"] == m] for m in metrics]
        figures = [f"{np.mean(value):.4g}" for value in values]
        lines.append([f"{symbol} = {setting}", n_seeds, *figures])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Search the symbols that have no rows yet, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", metavar="set", help=", ".join(SETS))
    parser.add_argument("--mimic", metavar="FOLDER")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args(arguments)
    if set(options.sets) - set(SETS):
        parser.error(f"sets must be among {', '.join(SETS)}, got {options.sets}")
    for data in options.sets or SETS[:1]:
        if not options.report:
            run(data, Places(mimic=options.mimic), options.seeds)
        own = [row for row in read_rows(RESULTS) if row["data"] == data]
        print(f"### {data}\n\n{table(own)}\n")


def run(data: str, places: Places, n_seeds: int) -> None:
    """Append the rows of every symbol that has none, as it is finished."""
    finished = {(row["data"], row["symbol"]) for row in read_rows(RESULTS)}
    for symbol in GRIDS:
        if (data, symbol) not in finished:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = search(symbol, load(data, "full", places), n_seeds)
            append_rows(RESULTS, list(rows_of(data, symbol, found.cv_results_)))


if __name__ == "__main__":
    main()
