"""What each likelihood leaves to the latent, and how good its samples are.

The stable posterior with its defaults on all earthquakes, split at random, 80 per cent
to fit on (overlapping windows stand on both sides): log-likelihood of held-out series
with their own latents, with those of other series and with noise; classifier two-sample
test and discriminative score of samples. One thread, three minutes a likelihood.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from measure import SEED, Row, run_benchmarks

from tsgen import StablePosteriorGenerator
from tsgen.datasets import load_earthquakes
from tsgen.metrics import classifier_two_sample_test, discriminative_score

N_REPORTED = 100  # series whose likelihood is looked at


def split() -> tuple[np.ndarray, np.ndarray]:
    """Take 80 % of the series at random to fit on."""
    parts = load_earthquakes()
    X = np.concatenate([parts.train, parts.val, parts.test])
    order = np.random.default_rng(SEED).permutation(len(X))
    return np.split(X[order], [int(0.8 * len(X))])


def likelihood(kind: str) -> Iterator[Row]:
    """Fit with a likelihood; look at its use of the latent and at its samples."""
    X_train, X_test = split()
    model = StablePosteriorGenerator(likelihood=kind, random_state=SEED)
    report = model.fit(X_train).posterior_report(X_test[:N_REPORTED])
    for latent, value in report.log_likelihood.items():
        yield Row(
            f"{kind} {latent}", f"{latent} latents, nats per entry", value, "", ""
        )
    samples = model.sample(len(X_test))
    for score in (classifier_two_sample_test, discriminative_score):
        value = score(X_test, samples, random_state=SEED)
        yield Row(f"{kind} {score.__name__}", score.__name__, value, "", "")


BENCHMARKS = {kind: partial(likelihood, kind) for kind in ("mixture", "gaussian")}

if __name__ == "__main__":
    run_benchmarks(BENCHMARKS, "likelihoods.csv")
