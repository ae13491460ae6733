"""What does each step rely on? The figures of the paper, on public data.

Fits plain latent diffusion and the stable posterior to earthquakes in Japan, once to
series in order and once to series whose time steps were shuffled, and measures how much
each decoded event relies on the latent and on the event before it. Plain latent
diffusion forgets its latent within a few steps, and relies on the last event even where
the order means nothing: posterior collapse and dependency illusion. Takes about three
minutes on two CPU cores.

With the file of the PhysioNet challenge 2012 it does the same for vital signs of
intensive care: ``python plot_02_dependency.py set-a.tar.gz``. The file is at
https://physionet.org/files/challenge-2012/1.0.0/set-a.tar.gz
"""

import sys
import warnings

import numpy as np

from tsgen import (
    LatentDiffusionGenerator,
    PosteriorCollapseWarning,
    StablePosteriorGenerator,
)
from tsgen.datasets import fetch_physionet2012, load_earthquakes, shuffle_timesteps
from tsgen.plots import (
    plot_dependencies,
    plot_dependency,
    plot_dependency_table,
    plot_history,
)

warnings.simplefilter("ignore", PosteriorCollapseWarning)  # it is the point here

# Series of 22 events (log of the time gap, longitude, latitude), or of 12 hours.
if len(sys.argv) > 1:
    vitals = fetch_physionet2012(sys.argv[1])
    series, name = np.random.default_rng(0).permutation(vitals.data), "vitals"
    X_train, X_test, names = series[500:], series[:200], vitals.channel_names
else:
    events = load_earthquakes()
    X_train, X_test = events.train, np.concatenate([events.val, events.test])
    names, name = events.channel_names, "earthquakes"

# Fit both generators to both kinds of series. The prior is not needed here.
generators = {
    "latent diffusion": LatentDiffusionGenerator,
    "stable posterior": StablePosteriorGenerator,
}
fitted, dependencies = {}, {}
for kind, make in generators.items():
    for order in ("ordered", "shuffled"):
        train, test = X_train, X_test
        if order == "shuffled":
            train, test = (shuffle_timesteps(X, random_state=0) for X in (train, test))
        generator = make(max_iter=40, prior_max_iter=0, verbose=1, random_state=0)
        fitted[kind, order] = generator.fit(train)
        dependencies[f"{kind}, {order}"] = generator.dependency(test)
        print(f"\n{kind}, {order}")
        print(dependencies[f"{kind}, {order}"])

# Averages over series, ordered beside shuffled, baseline above stable posterior.
axes = plot_dependencies(dependencies)
axes.flat[0].figure.savefig(f"{name}_dependencies.png", dpi=150)

# One series: what its events rely on, over the latitude of the events.
generator = fitted["stable posterior", "ordered"]
few = generator.dependency(X_test[:20])
ax = plot_dependency(few, series=3, X=X_test[:20], channel=len(names) - 1)
ax.figure.savefig(f"{name}_one_series.png", dpi=150)

# The full table of the baseline: a row is a decoded step, a column what it relies on.
baseline = fitted["latent diffusion", "ordered"]
ax = plot_dependency_table(baseline.dependency(X_test, max_order="all"))
ax.figure.savefig(f"{name}_table.png", dpi=150)

# How training went, term by term.
axes = plot_history(generator.history_)
axes[0].figure.savefig(f"{name}_history.png", dpi=150)
print(f"\nsaved four pictures, {name}_*.png")
