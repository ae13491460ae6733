"""Gaps, classes, lengths and beginnings: what generators make of real data as they are.

``OMP_NUM_THREADS=1 python benchmarks/given.py`` takes all, or those named:

gaps          Energy without 30 % of its entries, at random: distance of samples from
              other windows, beside training on all entries and on gaps filled with the
              mean of their channel (split at random as in peers.py: windows of other
              weeks are so far away that no defect of samples is seen)
classes       ItalyPowerDemand: share of real test series and of synthetic ones, of
              classes asked for, that a classifier of real series puts in their class
lengths       JapaneseVowels: Kolmogorov-Smirnov test of the lengths of samples
continuation  Energy: continuous ranked probability score of the 6 steps after 18,
              beside the last value and windows of the block bootstrap with the nearest
              beginning

The labelled sets of the UCR and UEA archives (https://timeseriesclassification.com) lie
in a folder named by the environment variable ``TSGEN_UCR``, as
``<set>/<set>_TRAIN.ts``; without it their rows are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from measure import SEED, Row, run_benchmarks
from peers import energy as windows
from peers import split
from scipy.stats import ks_2samp

from tsgen import BlockBootstrapGenerator, StablePosteriorGenerator, tstr_score
from tsgen.datasets import load_energy, read_ts, train_test_windows
from tsgen.metrics import sliced_wasserstein_distance

N_SCORED = 1500
N_CONTINUED, N_DRAWS = 300, 50
N_KNOWN, N_AHEAD = 18, 6
BUDGET = {"max_iter": 12, "prior_max_iter": 24, "check_collapse": False}


def energy() -> tuple[np.ndarray, np.ndarray]:
    """Every third window of four hours, and windows held out by blocks of time."""
    train, test = train_test_windows(load_energy().data, 24, random_state=SEED)
    return train[::3], test[:: max(1, len(test) // N_SCORED)][:N_SCORED]


def archive(name: str, part: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Read a part of a labelled set: series (length, n_channels), and labels."""
    folder = Path(os.environ["TSGEN_UCR"])
    found = read_ts(folder / name / f"{name}_{part}.ts")
    return list(found.data), found.target


def gaps() -> Iterator[Row]:
    """Train on complete series, on those left of them, and on filled ones."""
    X, held_out = split(windows())
    X, held_out = X[::3], held_out[:N_SCORED]
    missing = np.random.default_rng(SEED).random(X.shape) < 0.3
    gappy = np.where(missing, np.nan, X)
    filled = np.where(missing, np.nanmean(gappy, axis=(0, 1)), X)
    distances = {}
    for name, series in (("complete", X), ("masked", gappy), ("mean filled", filled)):
        model = StablePosteriorGenerator(
            missing="mask", random_state=SEED, **BUDGET
        ).fit(series)
        samples = model.sample(len(held_out))
        distance = sliced_wasserstein_distance(held_out, samples, random_state=SEED)
        distances[name] = float(distance)
        yield Row(f"gaps {name}", f"sliced Wasserstein, {name}", distance, "", "")
    floor = sliced_wasserstein_distance(held_out, X[: len(held_out)], random_state=SEED)
    yield Row("gaps floor", "real against real", float(floor), "", "")
    masked = distances["masked"]
    yield Row(
        "gaps masked / complete",
        "ratio to complete",
        masked / distances["complete"],
        "<= 1.3",
        "30 % missing",
    )
    yield Row(
        "gaps masked / filled",
        "ratio to mean filling",
        masked / distances["mean filled"],
        "< 1",
        "30 % missing",
    )


def classes() -> Iterator[Row]:
    """Let a classifier of real series judge series of classes asked for."""
    if "TSGEN_UCR" not in os.environ:
        return
    name = "ItalyPowerDemand"
    (X, y), (X_test, y_test) = (archive(name, part) for part in ("TRAIN", "TEST"))
    X, X_test = np.stack(X), np.stack(X_test)
    model = StablePosteriorGenerator(random_state=SEED, check_collapse=False).fit(X, y)
    samples = model.sample(len(y_test), y=y_test)
    real, synthetic = (
        tstr_score(X, y, series, y_test, random_state=SEED)
        for series in (X_test, samples)
    )
    detail = f"{name}, {len(X)} training series"
    yield Row("classes real", "accuracy on real test series", real, "", detail)
    yield Row("classes synthetic", "the same on synthetic ones", synthetic, "", detail)
    yield Row("classes ratio", "synthetic / real", synthetic / real, ">= 0.9", detail)
    ours = tstr_score(samples, y_test, X_test, y_test, random_state=SEED)
    yield Row("classes tstr", "trained on synthetic, tested on real", ours, "", detail)


def lengths() -> Iterator[Row]:
    """Compare the lengths of samples with those of series held out."""
    if "TSGEN_UCR" not in os.environ:
        return
    name = "JapaneseVowels"
    (X, y), (X_test, _) = (archive(name, part) for part in ("TRAIN", "TEST"))
    model = StablePosteriorGenerator(random_state=SEED, check_collapse=False).fit(X, y)
    samples = model.sample(1000)
    found = [len(series) for series in samples]
    for part, series in (("training", X), ("held out", X_test)):
        test = ks_2samp(found, [len(one) for one in series])
        detail = f"{name}, statistic {test.statistic:.3f}"
        target = "> 0.05" if part == "training" else ""
        yield Row(f"lengths {part}", f"p against {part}", test.pvalue, target, detail)


def crps(draws: np.ndarray, truth: np.ndarray) -> float:
    r"""Continuous ranked probability score, averaged over all but the first axis.

    .. math:: E |X - x| - \tfrac12 E |X - X'|

    with unbiased means over draws (m, ...) of the forecast X (Gneiting and Raftery,
    "Strictly Proper Scoring Rules, Prediction, and Estimation", 2007, eq. 20).
    """
    n_draws = len(draws)
    ranked = np.sort(draws, axis=0)
    weight = 2 * np.arange(1, n_draws + 1) - n_draws - 1
    spread = np.tensordot(weight, ranked, axes=1) / (n_draws * (n_draws - 1))
    return float((np.abs(draws - truth).mean(axis=0) - spread).mean())


def continuation() -> Iterator[Row]:
    """Forecast the last steps of held-out windows from the first ones."""
    X, held_out = energy()
    truth = held_out[:: len(held_out) // N_CONTINUED][:N_CONTINUED]
    start, ahead = truth[:, :N_KNOWN], truth[:, N_KNOWN:] / X.std((0, 1))
    model = StablePosteriorGenerator(random_state=SEED, **BUDGET).fit(X)
    repeated = np.repeat(start, N_DRAWS, axis=0)
    draws = model.sample(len(repeated), prefix=repeated)[:, N_KNOWN:]
    draws = draws.reshape(len(truth), N_DRAWS, N_AHEAD, -1).swapaxes(0, 1)
    forecasts = {
        "stable posterior": draws / X.std((0, 1)),
        "last value": np.repeat(start[None, :, -1:], 2, axis=0) / X.std((0, 1)),
        "block bootstrap": bootstrapped(X, start) / X.std((0, 1)),
    }
    scores = {}
    for name, forecast in forecasts.items():
        shape = (len(forecast), *ahead.shape)
        scores[name] = crps(np.broadcast_to(forecast, shape), ahead)
        yield Row(
            f"continuation {name}",
            f"CRPS, {name}",
            scores[name],
            "",
            f"steps {N_KNOWN + 1} to {N_KNOWN + N_AHEAD}, in standard deviations",
        )
    for name in ("last value", "block bootstrap"):
        ratio = scores["stable posterior"] / scores[name]
        yield Row(f"continuation / {name}", f"ratio to {name}", ratio, "< 1", "")


def bootstrapped(X: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Go on as those windows of the block bootstrap do whose beginnings are nearest."""
    series = BlockBootstrapGenerator(random_state=SEED).fit(X).sample(len(X))
    scaled = series[:, :N_KNOWN] / X.std((0, 1))
    draws = []
    for one in start / X.std((0, 1)):
        nearest = np.square(scaled - one).sum(axis=(1, 2)).argsort()[:N_DRAWS]
        draws.append(series[nearest, N_KNOWN:])
    return np.stack(draws, axis=1)


BENCHMARKS = {job.__name__: job for job in (gaps, classes, lengths, continuation)}

if __name__ == "__main__":
    run_benchmarks(BENCHMARKS, "given.csv")
