"""Synthetic series as training data: added, tried, and held to account.

Series with labels or targets (`_targets`) are learned by generators (`_sources`), which
draw as many as wanted (`_strategy`). `SyntheticAugmenter` adds them to a training set;
`AugmentedClassifier` and `AugmentedRegressor` do so inside `fit`; `tstr_score` trains
on synthetic series alone; `harm_check` measures whether any of it helps.
"""

from tsgen.augmentation.augmenter import SyntheticAugmenter
from tsgen.augmentation.classifier import AugmentedClassifier
from tsgen.augmentation.harm import harm_check
from tsgen.augmentation.regressor import AugmentedRegressor
from tsgen.augmentation.result import HarmCheck
from tsgen.augmentation.tstr import tstr_score

__all__ = [
    "AugmentedClassifier",
    "AugmentedRegressor",
    "HarmCheck",
    "SyntheticAugmenter",
    "harm_check",
    "tstr_score",
]
