"""Likelihoods: features of the decoder become a distribution of one observation.

A likelihood maps features (..., H) and what was observed just before (`Past`, (..., C)
each) to an object with `log_prob(x)` of every entry (..., C), whose sum is that of the
observation, `draw(eps, known)`, which keeps what is known, `gain(x)` of each entry over
who knows nothing but the marginals, and `divergence(x)` from that. Entries of `x` that
are missing are NaN and count 0. An entry is drawn by two standard normal numbers, `eps`
(..., 2, C): the first chooses, between components and exact values, the second deviates
from the mean of a normal. The normal takes the channels as independent given the
features; the mixture takes each given the features, what was before, for how long a
channel has been as it is and the channels before it, takes what repeats, recurs or goes
on straight exactly, and gives discrete channels, and those whose values are of a grid,
probabilities.
"""

from tsgen.nn.likelihoods.channels import ChannelMixtures, MixtureLikelihood
from tsgen.nn.likelihoods.discrete import Categorical
from tsgen.nn.likelihoods.inflated import Inflated
from tsgen.nn.likelihoods.mixture import Mixture
from tsgen.nn.likelihoods.normal import (
    LOG_SQRT_2PI,
    Gaussian,
    GaussianLikelihood,
    kept,
    normal_log_prob,
    standard_normal_log_prob,
)
from tsgen.nn.likelihoods.recurrence import Recurring

NORMALS_PER_ENTRY = 2  # the first chooses, the second deviates

Likelihood = GaussianLikelihood | MixtureLikelihood
Observation = Gaussian | ChannelMixtures

__all__ = [
    "LOG_SQRT_2PI",
    "NORMALS_PER_ENTRY",
    "Categorical",
    "ChannelMixtures",
    "Gaussian",
    "GaussianLikelihood",
    "Inflated",
    "Likelihood",
    "Mixture",
    "MixtureLikelihood",
    "Observation",
    "Recurring",
    "kept",
    "normal_log_prob",
    "standard_normal_log_prob",
]
