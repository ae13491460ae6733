"""Forms of the stable posterior, and which keep the latent in use at late steps.

"Default" is the form of the paper: one normal, the latent at the first step only.
``python benchmarks/dependency_forms.py`` fits one form after the other to Energy and to
Earthquakes, one seed, and appends a row for each to
``benchmarks/results/dependency_forms.csv``: the lowest median global dependency of any
step, what a fixed rule of 16 nodes would have said, the first-order dependency, and how
far decoded and sampled series are from held-out ones. Rows that are there are not
measured again. ``--summary`` prints the table.
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np
from dependency_facts import load
from joblib import Parallel, delayed
from paper.generators import FORM_OF_THE_PAPER, STABLE
from report import append_row, read_rows

RESULTS = "dependency_forms.csv"
SEED = 0
FORMS: dict[str, dict[str, Any]] = {
    "default": {},
    "no masking": {"variable_masking": 0.0},
    "masking 0.5": {"variable_masking": 0.5},
    "skip connections": {"skip_connections": True},
    "skip connections, no masking": {"skip_connections": True, "variable_masking": 0.0},
    "no penalty": {"alpha": 0.0},
    "no penalty, no masking": {"alpha": 0.0, "variable_masking": 0.0},
    "penalty per entry": {"collapse_penalty": "entry"},
    "penalty per series": {"collapse_penalty": "series"},
    "penalty by divergence": {"collapse_penalty": "kl"},
    "transformer": {"backbone": "transformer"},
    "transformer, skip connections": {
        "backbone": "transformer",
        "skip_connections": True,
    },
}


def fit_and_measure(data: str, form: str) -> dict[str, Any]:
    """Fit one form; return its row."""
    import torch

    from tsgen import StablePosteriorGenerator
    from tsgen.metrics import sliced_wasserstein_distance

    torch.set_num_threads(1)  # of this process; the jobs share the cores
    warnings.simplefilter("ignore")
    X_train, X_test, max_iter = load(data, None)
    generator = StablePosteriorGenerator(
        max_iter=max_iter,
        prior_max_iter=20,
        check_collapse=False,
        random_state=SEED,
        **(FORM_OF_THE_PAPER[STABLE] | FORMS[form]),
    ).fit(X_train)
    order = np.random.default_rng(0).permutation(len(X_test))[:1000]
    X_test = X_test[order]
    measured = generator.dependency(X_test[:100], random_state=0)
    fixed = generator.dependency(X_test[:100], tol=np.inf, random_state=0)
    latents = generator.transform(X_test)
    decoded = generator.inverse_transform(latents, noise=True, random_state=SEED)
    return {
        "data": data,
        "form": form,
        "lowest_median": np.nanmin(measured.median()),
        "last_median": measured.median()[-1],
        "completeness_error": np.nanmedian(measured.completeness_error),
        "fixed_lowest_median": np.nanmin(fixed.median()),
        "fixed_completeness_error": np.nanmedian(fixed.completeness_error),
        "first_order": np.nanmean(measured.mean(order=1)),
        "decoded_distance": sliced_wasserstein_distance(
            X_test, decoded, random_state=SEED
        ),
        "sampled_distance": np.mean(
            [
                sliced_wasserstein_distance(
                    X_test,
                    generator.sample(len(X_test), random_state=seed),
                    random_state=SEED,
                )
                for seed in range(3)
            ]
        ),
        "seed": SEED,
    }


def run(n_jobs: int) -> None:
    """Measure the forms that are missing and append their rows as they come."""
    finished = {(row["data"], row["form"]) for row in read_rows(RESULTS)}
    todo = [(d, f) for f in FORMS for d in ("energy", "earthquakes")]
    fits = (delayed(fit_and_measure)(*job) for job in todo if job not in finished)
    for row in Parallel(n_jobs=n_jobs, return_as="generator_unordered")(fits):
        figures = {k: f"{v:.4g}" for k, v in row.items() if isinstance(v, float)}
        append_row(RESULTS, {**row, **figures})
        print(*row.values())


def summary() -> str:
    """Lay the rows out as a table."""
    names = list(read_rows(RESULTS)[0])[:10]
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    rows = sorted(
        read_rows(RESULTS), key=lambda row: (row["data"], [*FORMS].index(row["form"]))
    )
    lines += [f"| {' | '.join(row[name] for name in names)} |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-jobs", type=int, default=-1)
    parser.add_argument("--summary", action="store_true", help="only print the table")
    options = parser.parse_args()
    if not options.summary:
        run(options.n_jobs)
    print(summary())
