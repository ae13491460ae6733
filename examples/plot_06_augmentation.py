"""Augment a training set, and ask whether that helps.

Series of four regimes are to be told apart, one of them rare. Synthetic series fill the
rare class up: inside an estimator, so that cross-validation and searches test on real
series that no generator has seen; or once, by hand. Then the harm check compares
generators, one of which only copies: what that gains, balance alone is worth. Takes
about ten seconds on one CPU core.

`StablePosteriorGenerator` goes wherever a generator stands here, and takes minutes a
fit, not milliseconds.
"""

import numpy as np
from matplotlib.figure import Figure
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tsgen import (
    AugmentedClassifier,
    BlockBootstrapGenerator,
    GaussianGenerator,
    SyntheticAugmenter,
    harm_check,
)
from tsgen.datasets import make_regimes

# 150 series of three regimes, 30 of the last.
regimes = make_regimes(1000, noise=1.5, random_state=0)
rows = [np.flatnonzero(regimes.target == k)[:n] for k, n in enumerate([150] * 3 + [30])]
X, y = (part[np.concatenate(rows)] for part in (regimes.data, regimes.target))

# A pipeline for rows of numbers becomes one for series that augments when it is fitted.
neighbors = make_pipeline(StandardScaler(), KNeighborsClassifier())
model = AugmentedClassifier(
    neighbors, GaussianGenerator(), sampling_strategy="auto", random_state=0
)
folds = StratifiedKFold(5, shuffle=True, random_state=0)
scoring = "balanced_accuracy"
plain = cross_val_score(neighbors, X.reshape(len(X), -1), y, cv=folds, scoring=scoring)
augmented = cross_val_score(model, X, y, cv=folds, scoring=scoring)
print(f"balanced accuracy {plain.mean():.3f}, augmented {augmented.mean():.3f}")

# Generator and number of series are parameters like others; 0.0 adds none.
grid = {
    "generator": [GaussianGenerator(), BlockBootstrapGenerator()],
    "sampling_strategy": ["auto", 0.0, 1.0],
}
search = GridSearchCV(model, grid, cv=folds, scoring=scoring).fit(X, y)
print(f"the search prefers {search.best_params_}")

# By hand, or as a step of imbalanced-learn's pipeline.
augmenter = SyntheticAugmenter(GaussianGenerator(), random_state=0)
X_more, y_more = augmenter.fit_resample(X, y)
print(f"{len(X)} series, {len(X_more)} with {augmenter.synthetic_counts_}\n")

# Does it help beyond the luck of the folds? Two generators that learn, one that copies.
generators = {
    "Gaussian": GaussianGenerator(),
    "block bootstrap": BlockBootstrapGenerator(),
    "copies": BlockBootstrapGenerator(n_blocks=1),
}
figure = Figure(figsize=(6.5, 6.5), layout="constrained")
axes = figure.subplots(len(generators), sharex=True)
for ax, (name, generator) in zip(axes, generators.items(), strict=True):
    check = harm_check(
        generator,
        X,
        y,
        estimator=neighbors,
        sampling_strategy="auto",
        scoring=scoring,
        n_repeats=4,
        random_state=0,
    )
    print(f"{name}\n{check}\n")
    check.plot(ax=ax).set_title(f"{name}: {check.outcome}", loc="left")
figure.savefig("augmentation.png", dpi=150)
print("saved augmentation.png")
