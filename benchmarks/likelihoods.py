"""What likelihood and form leave to the latent, and how good the samples then are.

The stable posterior on all earthquakes, split at random, 80 per cent to fit on
(overlapping windows stand on both sides): log-likelihood of held-out series with their
own latents, with those of other series and with noise; classifier two-sample test of
samples and of encoded held-out series, decoded; sliced Wasserstein distance of samples.
One thread, three to five minutes a form; without names all forms are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from measure import SEED, Row, run_benchmarks

from tsgen import StablePosteriorGenerator
from tsgen.datasets import load_earthquakes
from tsgen.metrics import classifier_two_sample_test, sliced_wasserstein_distance

N_REPORTED = 100  # series whose likelihood is looked at
FORMS: dict[str, dict[str, Any]] = {
    "default": {},
    "first step, 50 levels": {"skip_connections": False, "n_inference_levels": 50},
    "50 levels": {"n_inference_levels": 50},
    "400 levels": {"n_inference_levels": 400, "gamma": 1.0},
    "50 levels, masking 0.5": {"n_inference_levels": 50, "variable_masking": 0.5},
    "gaussian": {
        "likelihood": "gaussian",
        "skip_connections": False,
        "n_inference_levels": 50,
    },
}


def split() -> tuple[np.ndarray, np.ndarray]:
    """Take 80 % of the series at random to fit on."""
    parts = load_earthquakes()
    X = np.concatenate([parts.train, parts.val, parts.test])
    order = np.random.default_rng(SEED).permutation(len(X))
    return np.split(X[order], [int(0.8 * len(X))])


def form(name: str) -> Iterator[Row]:
    """Fit a form; look at its use of the latent and at its samples."""
    X_train, X_test = split()
    model = StablePosteriorGenerator(
        **FORMS[name], check_collapse=False, random_state=SEED
    )
    report = model.fit(X_train).posterior_report(X_test[:N_REPORTED])
    for latent, value in report.log_likelihood.items():
        what = f"{latent} latents, nats per entry"
        yield Row(f"{name} {latent}", what, value, "", "")
    samples = model.sample(len(X_test))
    decoded = model.inverse_transform(model.transform(X_test), noise=True)
    for part, series in (("samples", samples), ("decoded", decoded)):
        value = classifier_two_sample_test(X_test, series, random_state=SEED)
        yield Row(f"{name} classifier {part}", f"classifier, {part}", value, "", "")
    value = float(sliced_wasserstein_distance(X_test, samples, random_state=SEED))
    yield Row(f"{name} sliced_wasserstein", "sliced Wasserstein", value, "", "")


BENCHMARKS = {name: partial(form, name) for name in FORMS}

if __name__ == "__main__":
    run_benchmarks(BENCHMARKS, "likelihoods.csv")
