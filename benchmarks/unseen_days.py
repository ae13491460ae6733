"""How much of the standard discriminative score on Energy is memory of known days.

The protocol of `peers.py` splits overlapping windows at random, so that its classifier
meets, in training, neighbours of nearly every real window that it is tested on, and can
learn where they lie instead of what sets them apart. Here the same classifier, trained
as there, is tested on windows held out at random, and on those of days of which it saw
none: a fifth of all pairs of days, to which a synthetic window belongs by the real one
nearest to it. Accuracy less one half, not its absolute value, over eight splits, with
half of the 95 % interval; 0 if nothing is told apart. Fits of the peers' defaults, one
seed, beside training windows (the floor, as exact copies have) and a likelihood and a
Gaussian that are told apart. One thread, six minutes of splits and up to eight for a
fit each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from measure import SEED, Row, run_benchmarks
from peers import SPLIT_SEED, energy, split

from tsgen import GaussianGenerator, StablePosteriorGenerator
from tsgen.nn.critics import apply_critic, fit_discriminator

PAIR_OF_DAYS = 2 * 144  # windows, one every ten minutes
SHARE_TESTED = 0.2
N_SPLITS = 8
CLASSIFIER = {"hidden_size": 14, "n_iterations": 2000, "batch_size": 128}

Sides = tuple[np.ndarray, np.ndarray]  # real, synthetic
Drawing = Callable[[np.ndarray, int], np.ndarray]


def training_windows(X_train: np.ndarray, n: int) -> np.ndarray:
    """Take windows from the training set, at random."""
    return X_train[np.random.default_rng(SEED).permutation(len(X_train))[:n]]


def gaussian(X_train: np.ndarray, n: int) -> np.ndarray:
    """Draw from the normal distribution of whole windows."""
    return GaussianGenerator(random_state=SEED).fit(X_train).sample(n)


def stable_posterior(
    X_train: np.ndarray, n: int, likelihood: str = "mixture"
) -> np.ndarray:
    """Draw from the stable posterior, its defaults but for the likelihood."""
    model = StablePosteriorGenerator(
        likelihood=likelihood, check_collapse=False, random_state=SEED
    )
    return model.fit(X_train).sample(n)


def pairs_of_days() -> np.ndarray:
    """Return the pair of days of each held-out window of `peers.split`."""
    order = np.random.default_rng(SPLIT_SEED).permutation(len(energy()))
    return order[int(0.8 * len(order)) :] // PAIR_OF_DAYS


def nearest(X: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Find the row of `to` nearest to each series, channels standardised."""
    a, b = (np.reshape(x / to.std(axis=(0, 1)), (len(x), -1)) for x in (X, to))
    squares = (b**2).sum(axis=1)
    return np.concatenate(
        [
            np.argmin(squares - 2 * part @ b.T, axis=1)
            for part in np.array_split(a, 1 + len(a) // 500)
        ]
    )


def accuracy(sides: Sides, held_out: Sides, seed: int) -> float:
    """Mean share of held-out real and synthetic series recognised, less one half."""
    train = [x[~held] for x, held in zip(sides, held_out, strict=True)]
    reader = fit_discriminator(*train, **CLASSIFIER, seed=seed)
    real, synthetic = (
        apply_critic(reader.verdict, x[held])
        for x, held in zip(sides, held_out, strict=True)
    )
    return float((real > 0).mean() + (synthetic <= 0).mean()) / 2 - 0.5


def drawn(draw: Drawing) -> Iterator[Row]:
    """Tell series from held-out windows, at random and on days not seen."""
    X_train, X_test = split(energy())
    series = draw(X_train, len(X_test))
    days = pairs_of_days()
    days_of = days, days[nearest(series, X_test)]
    found: dict[str, list[float]] = {"windows at random": [], "days not seen": []}
    for seed in range(N_SPLITS):
        rng = np.random.default_rng(seed)
        unseen = rng.random(days.max() + 1) < SHARE_TESTED
        held_out = {
            "windows at random": [rng.random(len(days)) < SHARE_TESTED] * 2,
            "days not seen": [unseen[own] for own in days_of],
        }
        for how, held in held_out.items():
            found[how].append(accuracy((X_test, series), tuple(held), seed))
    for how, values in found.items():
        half = 2.36 * np.std(values, ddof=1) / N_SPLITS**0.5  # Student, 7 degrees
        yield Row(how, how, float(np.mean(values)), "", f"± {half:.3f}")


BENCHMARKS: dict[str, Callable[[], Iterator[Row]]] = {
    "training windows": partial(drawn, training_windows),
    "Gaussian": partial(drawn, gaussian),
    "stable posterior": partial(drawn, stable_posterior),
    "Gaussian likelihood": partial(
        drawn, partial(stable_posterior, likelihood="gaussian")
    ),
}

if __name__ == "__main__":
    run_benchmarks(BENCHMARKS, "unseen_days.csv")
