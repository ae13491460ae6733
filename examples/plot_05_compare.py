"""Compare five generators fairly: one call, with floors and dummies.

``python examples/plot_05_compare.py set-a.tar.gz`` compares them on vital signs of
stays in intensive care (`tsgen.datasets.fetch_physionet2012` says where to get the
file); without a file, on earthquakes. Real series in the place of synthetic ones give
the floor of every metric, two generators without a network what is easily reached.
Then the stable posterior is looked at, and tested for copying. Takes a few minutes
on two CPU cores, and ten with the file.
"""

import sys

import numpy as np

from tsgen import (
    LatentDiffusionGenerator,
    StablePosteriorGenerator,
    compare,
    memorization_report,
)
from tsgen.datasets import fetch_physionet2012, load_earthquakes
from tsgen.plots import plot_correlations, plot_embedding, plot_marginals

if len(sys.argv) > 1:
    vitals = fetch_physionet2012(sys.argv[1])
    order = np.random.default_rng(0).permutation(len(vitals.data))  # one series a stay
    X_test, X_train = np.split(vitals.data[order], [800])
    names, epochs = vitals.channel_names, 30
else:
    events = load_earthquakes()
    X_train, X_test = events.train, np.concatenate([events.val, events.test])
    names, epochs = events.channel_names, 10

options = {"max_iter": epochs, "prior_max_iter": 2 * epochs, "check_collapse": False}
generators = {
    "stable posterior": StablePosteriorGenerator(**options),
    "the same, transformer": StablePosteriorGenerator(
        backbone="transformer", **options
    ),
    "latent diffusion": LatentDiffusionGenerator(**options),
    "+ variable masking": LatentDiffusionGenerator(variable_masking=0.3, **options),
    "+ skip connections": LatentDiffusionGenerator(skip_connections=True, **options),
}
result = compare(generators, X_train, X_test=X_test, n_repeats=3, n_jobs=2)
print(result)
result.plot()[0].figure.savefig("compare.png", dpi=150)

# Look at one of them, and ask whether it copies.
fitted = generators["stable posterior"].set_params(random_state=0).fit(X_train)
samples = fitted.sample(len(X_test))
print("\nstable posterior:")
print(memorization_report(samples, X_train, X_test, random_state=0))
plot_embedding(X_test, samples).figure.savefig("clouds.png", dpi=150)
axes = plot_marginals(X_test, samples, channel_names=names)
axes[0].figure.savefig("marginals.png", dpi=150)
axes = plot_correlations(X_test, samples, channel_names=names)
axes[0].figure.savefig("correlations.png", dpi=150)
print("\nsaved compare.png, clouds.png, marginals.png and correlations.png")
