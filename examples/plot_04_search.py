"""Search `gamma` and `alpha` with scikit-learn, and see what the search can tell.

A grid of nine stable posteriors is scored on held-out earthquakes by three metrics from
one draw of samples each. A search always names a winner; the picture shows how far the
candidates differ beyond the spread of their folds. Takes a few minutes on two CPU
cores.
"""

import numpy as np
from matplotlib.figure import Figure
from sklearn.model_selection import GridSearchCV

from tsgen import StablePosteriorGenerator
from tsgen.datasets import load_earthquakes
from tsgen.scorers import GeneratorScorer, neg_sliced_wasserstein_scorer

events = load_earthquakes()
X_train, X_test = events.train, np.concatenate([events.val, events.test])

search = GridSearchCV(
    StablePosteriorGenerator(
        max_iter=10, prior_max_iter=20, check_collapse=False, random_state=0
    ),
    {"gamma": [1.0, 2.0, 4.0], "alpha": [0.1, 0.3, 1.0]},
    scoring=GeneratorScorer(["sliced_wasserstein_distance", "mmd", "spread_ratio"]),
    refit="neg_sliced_wasserstein_distance",
    cv=2,  # contiguous folds: neighbouring windows of events overlap
    n_jobs=2,  # workers; inside, one thread is fastest for networks of this size
).fit(X_train)

# Every candidate, with the spread of its folds.
results = search.cv_results_
print(f"{'gamma':>6}{'alpha':>7}{'sliced Wasserstein':>24}{'MMD':>9}{'spread':>9}")
for k, candidate in enumerate(results["params"]):
    mean, spread = (
        results[f"{part}_test_neg_sliced_wasserstein_distance"][k]
        for part in ("mean", "std")
    )
    mmd = -results["mean_test_neg_mmd"][k]
    error = -results["mean_test_neg_spread_ratio_error"][k]
    print(
        f"{candidate['gamma']:6}{candidate['alpha']:7}{-mean:16.3f} ± {spread:.3f}"
        f"{mmd:z9.4f}{error:9.3f}"
    )
best = search.best_estimator_
score = neg_sliced_wasserstein_scorer(best, X_test)
print(f"\nbest: {search.best_params_}; on series never searched on: {-score:.3f}")

# The same as a picture.
mean = -results["mean_test_neg_sliced_wasserstein_distance"].reshape(3, 3)
spread = results["std_test_neg_sliced_wasserstein_distance"].reshape(3, 3)
figure = Figure(figsize=(5, 3.4), layout="constrained")
ax = figure.subplots()
for row, alpha in enumerate(search.param_grid["alpha"]):
    x = np.arange(3) + 0.08 * (row - 1)
    ax.errorbar(
        x, mean[row], spread[row], fmt="o-", capsize=3, label=f"alpha = {alpha}"
    )
ax.set_xticks(range(3), search.param_grid["gamma"])
ax.set_xlabel("gamma")
ax.set_ylabel("sliced Wasserstein distance")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
figure.savefig("search.png", dpi=150)
print("saved search.png")
