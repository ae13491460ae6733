"""Distances and scores between real and synthetic series: pure functions on arrays.

Each is `metric(X_real, X_synthetic, ...) -> float`. No single figure is enough, because
each is blind to something:

=================================  ==================================================
`wasserstein_distance`             exact transport; rewards smoothing when series are
                                   long
`sinkhorn_divergence`              the same, smoothed and without bias
`sliced_wasserstein_distance`      fast at any size; averages small defects away
`max_sliced_wasserstein_distance`  the one direction that shows most
`marginal_wasserstein_distance`    single values, `marginal_density_difference` too
`spectral_wasserstein_distance`    amplitudes of frequencies; not phases
`mmd`, `energy_distance`           all pairs, unbiased: 0 on average if equal
`classifier_two_sample_test`       the strongest: what a classifier finds
`discriminative_score`             the same as in published tables
`predictive_score`                 train on synthetic, test on real; saturates
`context_fid`                      learned features of whole series
`coverage`, `density`              modes left out; samples where there are no data
`spread_ratio`                     smoothing and collapse: 1 is right
`autocorrelation_difference`       dependence in time
`correlational_score`              dependence between channels
`skewness_difference`              shape of the values, `kurtosis_difference` too
=================================  ==================================================

Read each beside its floor, the figure of real series in the place of synthetic ones,
with equal sizes and one `random_state`; `tsgen.compare` does so.
"""

from tsgen.metrics.classification import (
    classifier_two_sample_test,
    discriminative_score,
)
from tsgen.metrics.embedding import context_fid, frechet_distance
from tsgen.metrics.kernels import energy_distance, mmd
from tsgen.metrics.neighbors import coverage, density
from tsgen.metrics.prediction import predictive_score
from tsgen.metrics.statistics import (
    autocorrelation_difference,
    correlational_score,
    kurtosis_difference,
    marginal_density_difference,
    skewness_difference,
    spread_ratio,
)
from tsgen.metrics.wasserstein import (
    marginal_wasserstein_distance,
    max_sliced_wasserstein_distance,
    sinkhorn_divergence,
    sliced_wasserstein_distance,
    spectral_wasserstein_distance,
    wasserstein_distance,
)

__all__ = [
    "autocorrelation_difference",
    "classifier_two_sample_test",
    "context_fid",
    "correlational_score",
    "coverage",
    "density",
    "discriminative_score",
    "energy_distance",
    "frechet_distance",
    "kurtosis_difference",
    "marginal_density_difference",
    "marginal_wasserstein_distance",
    "max_sliced_wasserstein_distance",
    "mmd",
    "predictive_score",
    "sinkhorn_divergence",
    "skewness_difference",
    "sliced_wasserstein_distance",
    "spectral_wasserstein_distance",
    "spread_ratio",
    "wasserstein_distance",
]
