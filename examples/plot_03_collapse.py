"""Diagnose a collapsed model, and mend it.

A latent diffusion model of earthquakes is fitted at its defaults, and warns that its
posterior has collapsed: the decoder does not use the latent. The report says so in
figures. Then two cures are tried: a small weight of the KL term with masked inputs, and
the stable posterior. Takes a few minutes on two CPU cores.
"""

import warnings

import numpy as np

from tsgen import (
    LatentDiffusionGenerator,
    PosteriorCollapseWarning,
    StablePosteriorGenerator,
)
from tsgen.datasets import load_earthquakes
from tsgen.plots import plot_history

events = load_earthquakes()
X_train, X_test = events.train, np.concatenate([events.val, events.test])
options = {"max_iter": 40, "prior_max_iter": 0, "verbose": 1, "random_state": 0}

# Diagnose: `fit` warns, and the report tells why.
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", PosteriorCollapseWarning)
    plain = LatentDiffusionGenerator(**options).fit(X_train)
print(f"\n{caught[0].category.__name__}: {caught[0].message}\n")
report = plain.posterior_report(X_test)
print(report)
report.plot()[0].figure.savefig("collapse_plain.png", dpi=150)

# Mend, by options of the same generator: a KL term that leaves room for the latent, and
# a decoder that cannot see a third of the past.
print("\nkl_weight=1e-3, variable_masking=0.3")
masked = LatentDiffusionGenerator(kl_weight=1e-3, variable_masking=0.3, **options)
print(masked.fit(X_train).posterior_report(X_test))

# Mend, by the stable posterior, and watch how it learns to listen.
print("\nstable posterior")
stable = StablePosteriorGenerator(dependency_every=4, **options).fit(X_train)
report = stable.posterior_report(X_test)
print(report)
report.plot()[0].figure.savefig("collapse_mended.png", dpi=150)
axes = plot_history(stable.history_)
axes[0].figure.savefig("collapse_history.png", dpi=150)
print("\nsaved collapse_plain.png, collapse_mended.png and collapse_history.png")
