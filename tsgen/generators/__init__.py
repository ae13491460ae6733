"""Generators of time series with a network: by diffusion of a latent, or of the series.

The method of the former is that of "A Study of Posterior Stability in Time-Series
Latent Diffusion" (arXiv 2405.14021).
"""

from tsgen.generators.base import BaseGenerator
from tsgen.generators.diffusion import DiffusionGenerator
from tsgen.generators.latent import BaseLatentGenerator
from tsgen.generators.latent_diffusion import LatentDiffusionGenerator
from tsgen.generators.stable_posterior import StablePosteriorGenerator

__all__ = [
    "BaseGenerator",
    "BaseLatentGenerator",
    "DiffusionGenerator",
    "LatentDiffusionGenerator",
    "StablePosteriorGenerator",
]
