"""What likelihood and form leave to the latent, and how good the samples then are.

The stable posterior on the earthquakes, blocks of time held out: log-likelihood of
held-out series with their own latents, with those of other series and with noise, and
of training series with their own; classifier two-sample test of samples and of encoded
held-out series, decoded; sliced Wasserstein distance, spread and nearness to training
series of samples. One thread, two to four minutes a form; without names all forms are
taken. With the folder of the MIMIC-III demo in `TSGEN_MIMIC` widths of the latent are
compared on it too, patients held out, and with the file of the PhysioNet challenge 2012
in `TSGEN_PHYSIONET2012` on that, stays held out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from measure import SEED, Row, run_benchmarks
from paper.generators import FORM_OF_THE_PAPER, STABLE
from paper.sets import Places, Split, earthquakes, mimic, physionet2012

from tsgen import StablePosteriorGenerator, memorization_report
from tsgen.metrics import (
    classifier_two_sample_test,
    sliced_wasserstein_distance,
    spread_ratio,
)

N_REPORTED = 250  # series whose likelihood is looked at
WIDTHS: dict[str, dict[str, Any]] = {
    "default": {},
    "latent of 8": {"latent_size": 8},
    "latent of 64": {"latent_size": 64},
}
FORMS = WIDTHS | {
    "first step, 50 levels": {"skip_connections": False, "n_inference_levels": 50},
    "50 levels": {"n_inference_levels": 50},
    "400 levels": {"n_inference_levels": 400, "gamma": 1.0},
    "50 levels, masking 0.5": {"n_inference_levels": 50, "variable_masking": 0.5},
    "as in the paper": FORM_OF_THE_PAPER[STABLE],
}
PLACES = Places(
    mimic=os.environ.get("TSGEN_MIMIC"),
    physionet2012=os.environ.get("TSGEN_PHYSIONET2012"),
)


def likelihoods(model: StablePosteriorGenerator, X: np.ndarray) -> dict[str, float]:
    """Log-likelihood of series drawn from all, by whose latents are decoded."""
    rows = np.random.default_rng(SEED).permutation(len(X))[:N_REPORTED]
    return dict(model.posterior_report(X[rows]).log_likelihood)


def form(name: str, load: Callable[[Places], Split] = earthquakes) -> Iterator[Row]:
    """Fit a form; look at its use of the latent and at its samples."""
    X_train, X_test = load(PLACES)
    model = StablePosteriorGenerator(
        **FORMS[name], check_collapse=False, random_state=SEED
    )
    model.fit(X_train)
    found = likelihoods(model, X_test)
    found["training"] = likelihoods(model, X_train)["own"]
    for latent, value in found.items():
        what = f"{latent} latents, nats per entry"
        yield Row(f"{name} {latent}", what, value, "", "")
    samples = model.sample(len(X_test))
    decoded = model.inverse_transform(model.transform(X_test), noise=True)
    for part, series in (("samples", samples), ("decoded", decoded)):
        value = classifier_two_sample_test(X_test, series, random_state=SEED)
        yield Row(f"{name} classifier {part}", f"classifier, {part}", value, "", "")
    for what, value in scores(X_train, X_test, samples).items():
        yield Row(f"{name} {what}", what, value, "", "")


def scores(
    X_train: np.ndarray, X_test: np.ndarray, samples: np.ndarray
) -> dict[str, float]:
    """Score as many samples as there are held-out series."""
    near = memorization_report(samples, X_train, X_test, random_state=SEED)
    return {
        "sliced Wasserstein": float(
            sliced_wasserstein_distance(X_test, samples, random_state=SEED)
        ),
        "spread": float(spread_ratio(X_test, samples)),
        "nearer to training": near.share_nearer_train,
    }


BENCHMARKS = {name: partial(form, name) for name in FORMS}
if PLACES.mimic:
    BENCHMARKS |= {f"MIMIC, {name}": partial(form, name, mimic) for name in WIDTHS}
if PLACES.physionet2012:
    BENCHMARKS |= {
        f"PhysioNet, {name}": partial(form, name, physionet2012) for name in WIDTHS
    }

if __name__ == "__main__":
    run_benchmarks(BENCHMARKS, "likelihoods.csv")
