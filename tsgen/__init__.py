"""Synthetic time series by latent diffusion with a stable posterior.

The way of a series through `fit`::

    X (n_samples, n_timesteps, n_channels), a list, a frame or a tensor
      -> _validation.check_any_series   values and lengths, or an error that helps
      -> _conditions.Conditions         class, static variables and length of each
      -> _recurrence.Recurrence         values that recur, to be drawn exactly
      -> _scaling.SeriesScaler          mean 0 and variance 1 per channel
      -> nn.encoders                    the latent z0
      -> nn.noise.diffuse               the latent at a level of the diffusion
      -> nn.decoders, nn.denoisers      likelihood of the series, noise in the latent
      -> nn.objectives                  the terms of the loss
      -> nn.training.train              one record per epoch

and back through `sample`::

    noise
      -> nn.samplers.sample_latents     the reverse chain, from the last level down
      -> nn.models.generate             step by step through the decoder
      -> SeriesScaler.inverse_transform
      -> _forms.Form.restore            X in its own units and form

`DiffusionGenerator` goes without encoder and decoder: what is diffused is the series.

What the decoder relies on is measured by `dependency` and `posterior_report`::

    X -> encoder -> z, and X again
      -> nn.dependency.measure          shares of the latent and of earlier steps
      -> inspection.Dependency          a result with arrays, a text and plots
      -> inspection.PosteriorReport     a verdict in words

How good samples are, beside floors and dummies::

    generators, X
      -> comparison.compare             fits, samples and scores on held-out series
      -> metrics                        distances and tests, functions of two arrays
      -> comparison.Comparison          a table with intervals, and its plot
    samples, training and unseen series
      -> memorization_report            whether training series are repeated

    labelled series, a generator
      -> augmentation                   synthetic series beside real ones to train on
      -> harm_check                     whether they help or harm

`scorers` puts the same metrics into scikit-learn's searches. `datasets` reads and makes
series and cuts them into windows, `reference` holds the generators without a network,
`plots` draws series and results, and `persistence` saves and loads fitted generators.

Importing the package is cheap: PyTorch loads with the first generator.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsgen.augmentation import (
        AugmentedClassifier,
        AugmentedRegressor,
        HarmCheck,
        SyntheticAugmenter,
        harm_check,
        tstr_score,
    )
    from tsgen.comparison import Comparison, compare
    from tsgen.exceptions import PosteriorCollapseWarning
    from tsgen.generators import (
        DiffusionGenerator,
        LatentDiffusionGenerator,
        StablePosteriorGenerator,
    )
    from tsgen.memorization import MemorizationReport, memorization_report
    from tsgen.reference import BlockBootstrapGenerator, GaussianGenerator

__all__ = [
    "AugmentedClassifier",
    "AugmentedRegressor",
    "BlockBootstrapGenerator",
    "Comparison",
    "DiffusionGenerator",
    "GaussianGenerator",
    "HarmCheck",
    "LatentDiffusionGenerator",
    "MemorizationReport",
    "PosteriorCollapseWarning",
    "StablePosteriorGenerator",
    "SyntheticAugmenter",
    "__version__",
    "compare",
    "harm_check",
    "memorization_report",
    "tstr_score",
]

__version__ = "0.1.0"

_HOMES = {
    "AugmentedClassifier": "tsgen.augmentation",
    "AugmentedRegressor": "tsgen.augmentation",
    "BlockBootstrapGenerator": "tsgen.reference",
    "Comparison": "tsgen.comparison",
    "DiffusionGenerator": "tsgen.generators",
    "GaussianGenerator": "tsgen.reference",
    "HarmCheck": "tsgen.augmentation",
    "LatentDiffusionGenerator": "tsgen.generators",
    "MemorizationReport": "tsgen.memorization",
    "PosteriorCollapseWarning": "tsgen.exceptions",
    "StablePosteriorGenerator": "tsgen.generators",
    "SyntheticAugmenter": "tsgen.augmentation",
    "compare": "tsgen.comparison",
    "harm_check": "tsgen.augmentation",
    "memorization_report": "tsgen.memorization",
    "tstr_score": "tsgen.augmentation",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tsgen' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
