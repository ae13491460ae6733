"""Latent diffusion generators of time series.

The method is that of "A Study of Posterior Stability in Time-Series Latent Diffusion"
(arXiv 2405.14021).
"""

from tsgen.generators.base import BaseGenerator
from tsgen.generators.latent import BaseLatentGenerator
from tsgen.generators.latent_diffusion import LatentDiffusionGenerator
from tsgen.generators.stable_posterior import StablePosteriorGenerator

__all__ = [
    "BaseGenerator",
    "BaseLatentGenerator",
    "LatentDiffusionGenerator",
    "StablePosteriorGenerator",
]
